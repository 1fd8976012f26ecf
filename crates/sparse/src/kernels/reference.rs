//! The specification: every operation in plain loops, in `f64`, nothing shared with the kernels.

use crate::{Adjacency, LayerCombination};

/// The stored entries of `M`: row, column, value.
fn entries(adjacency: &Adjacency) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
    let matrix = adjacency.matrix();
    let factor = |factors: Option<&[f32]>, node: usize| factors.map_or(1.0, |factors| f64::from(factors[node]));
    matrix.edges().enumerate().map(move |(edge, (row, col))| {
        let (row, col) = (row as usize, col as usize);
        let weight = matrix.weights().map_or(1.0, |weights| f64::from(weights[edge]));
        (row, col, factor(adjacency.row_factors(), row) * weight * factor(adjacency.col_factors(), col))
    })
}

/// The dense form of `M`, `num_rows x num_cols`.
#[must_use]
pub fn dense(adjacency: &Adjacency) -> Vec<f64> {
    let mut dense = vec![0.0; adjacency.num_rows() * adjacency.num_cols()];
    for (row, col, value) in entries(adjacency) {
        dense[row * adjacency.num_cols() + col] = value;
    }
    dense
}

/// `Y = M X`, `num_rows x width`, edge by edge.
#[must_use]
pub fn spmm(adjacency: &Adjacency, x: &[f64], width: usize) -> Vec<f64> {
    let mut y = vec![0.0; adjacency.num_rows() * width];
    for (row, col, weight) in entries(adjacency) {
        for j in 0..width {
            y[row * width + j] += weight * x[col * width + j];
        }
    }
    y
}

/// `Y_k[n] = Σ_l w_kl (M^l X)[rows[n]]` for a square `M`, outputs `k` side by side.
#[must_use]
pub fn propagate_rows(
    adjacency: &Adjacency,
    x: &[f64],
    width: usize,
    combination: &LayerCombination,
    rows: &[u32],
) -> Vec<f64> {
    let mut layers = vec![x.to_vec()];
    for layer in 0..combination.num_hops() {
        layers.push(spmm(adjacency, &layers[layer], width));
    }
    let mut y = Vec::new();
    for &row in rows {
        for weights in combination.weights() {
            for j in 0..width {
                let terms = weights.iter().zip(&layers).map(|(&w, x)| f64::from(w) * x[row as usize * width + j]);
                y.push(terms.sum());
            }
        }
    }
    y
}

/// `dX = Σ_l (M^T)^l G_l` with `G_l = Σ_k w_kl S^T dY_k`, power by power; `transposed` is `M^T`.
#[must_use]
pub fn propagate_rows_backward(
    transposed: &Adjacency,
    gradient: &[f64],
    width: usize,
    combination: &LayerCombination,
    rows: &[u32],
) -> Vec<f64> {
    let (num_nodes, wide) = (transposed.num_rows(), combination.num_outputs() * width);
    let mut dx = vec![0.0; num_nodes * width];
    for layer in 0..=combination.num_hops() {
        let mut given = vec![0.0; num_nodes * width];
        for (n, &row) in rows.iter().enumerate() {
            for (k, weights) in combination.weights().iter().enumerate() {
                for j in 0..width {
                    given[row as usize * width + j] += f64::from(weights[layer]) * gradient[n * wide + k * width + j];
                }
            }
        }
        for _ in 0..layer {
            given = spmm(transposed, &given, width);
        }
        dx.iter_mut().zip(&given).for_each(|(dx, given)| *dx += given);
    }
    dx
}

/// `Y[n] = X[index[n]]`.
#[must_use]
pub fn gather_rows(x: &[f64], width: usize, indices: &[u32]) -> Vec<f64> {
    indices.iter().flat_map(|&index| x[index as usize * width..][..width].to_vec()).collect()
}

/// `Y[v] = Σ_{n: index[n] = v} X[n]`, `num_rows x width`.
#[must_use]
pub fn scatter_rows(x: &[f64], width: usize, indices: &[u32], num_rows: usize) -> Vec<f64> {
    let mut y = vec![0.0; num_rows * width];
    for (n, &index) in indices.iter().enumerate() {
        for j in 0..width {
            y[index as usize * width + j] += x[n * width + j];
        }
    }
    y
}

/// `y[n] = x[n] W[g]` for the rows `bounds[g] .. bounds[g + 1]`; `x` is `rows x inputs`, `weights` is
/// `groups x inputs x outputs`, the result `rows x outputs`.
#[must_use]
pub fn grouped_linear(x: &[f64], weights: &[f64], bounds: &[usize], inputs: usize, outputs: usize) -> Vec<f64> {
    let mut y = vec![0.0; bounds[bounds.len() - 1] * outputs];
    for (group, rows) in bounds.windows(2).enumerate() {
        for n in rows[0]..rows[1] {
            for i in 0..inputs {
                for j in 0..outputs {
                    y[n * outputs + j] += x[n * inputs + i] * weights[(group * inputs + i) * outputs + j];
                }
            }
        }
    }
    y
}

/// The gradients of [`grouped_linear`] towards `x` and `weights`, where `dy` is that of its result.
#[must_use]
pub fn grouped_linear_gradients(
    x: &[f64],
    weights: &[f64],
    dy: &[f64],
    bounds: &[usize],
    inputs: usize,
    outputs: usize,
) -> (Vec<f64>, Vec<f64>) {
    let (mut dx, mut dweights) = (vec![0.0; x.len()], vec![0.0; weights.len()]);
    for (group, rows) in bounds.windows(2).enumerate() {
        for n in rows[0]..rows[1] {
            for i in 0..inputs {
                for j in 0..outputs {
                    let weight = (group * inputs + i) * outputs + j;
                    dx[n * inputs + i] += dy[n * outputs + j] * weights[weight];
                    dweights[weight] += dy[n * outputs + j] * x[n * inputs + i];
                }
            }
        }
    }
    (dx, dweights)
}

/// `act(x weight + bias)`, where `act` gives value and derivative, and the gradients towards `x`, `weight` and `bias`
/// where `dy` is that of the result.
#[must_use]
pub fn linear(
    x: &[f64],
    weight: &[f64],
    bias: &[f64],
    act: impl Fn(f64) -> (f64, f64),
    dy: &[f64],
) -> (Vec<f64>, [Vec<f64>; 3]) {
    let outputs = bias.len();
    let inputs = weight.len() / outputs;
    let mut y = vec![0.0; dy.len()];
    let [mut dx, mut dweight, mut dbias] = [vec![0.0; x.len()], vec![0.0; weight.len()], vec![0.0; outputs]];
    for n in 0..dy.len() / outputs {
        for j in 0..outputs {
            let z = bias[j] + (0..inputs).map(|i| x[n * inputs + i] * weight[i * outputs + j]).sum::<f64>();
            let (value, derivative) = act(z);
            y[n * outputs + j] = value;
            let dz = derivative * dy[n * outputs + j];
            dbias[j] += dz;
            for i in 0..inputs {
                dx[n * inputs + i] += dz * weight[i * outputs + j];
                dweight[i * outputs + j] += dz * x[n * inputs + i];
            }
        }
    }
    (y, [dx, dweight, dbias])
}
