//! The specification: every operation in plain loops, in `f64`, nothing shared with the kernels.

use crate::Adjacency;

/// The dense form of `M`, `num_rows x num_cols`.
#[must_use]
pub fn dense(adjacency: &Adjacency) -> Vec<f64> {
    let matrix = adjacency.matrix();
    let mut dense = vec![0.0; matrix.num_rows() * matrix.num_cols()];
    for (edge, (row, col)) in matrix.edges().enumerate() {
        let (row, col) = (row as usize, col as usize);
        let weight = matrix.weights().map_or(1.0, |weights| f64::from(weights[edge]));
        let row_factor = adjacency.row_factors().map_or(1.0, |factors| f64::from(factors[row]));
        let col_factor = adjacency.col_factors().map_or(1.0, |factors| f64::from(factors[col]));
        dense[row * matrix.num_cols() + col] = row_factor * weight * col_factor;
    }
    dense
}

/// `Y = M X`, `num_rows x width`.
#[must_use]
pub fn spmm(adjacency: &Adjacency, x: &[f64], width: usize) -> Vec<f64> {
    let (num_rows, num_cols) = (adjacency.num_rows(), adjacency.num_cols());
    let dense = dense(adjacency);
    let mut y = vec![0.0; num_rows * width];
    for row in 0..num_rows {
        for col in 0..num_cols {
            for j in 0..width {
                y[row * width + j] += dense[row * num_cols + col] * x[col * width + j];
            }
        }
    }
    y
}

/// `Y = Σ_l w_l M^l X` for a square `M`.
#[must_use]
pub fn propagate(adjacency: &Adjacency, x: &[f64], width: usize, layer_weights: &[f32]) -> Vec<f64> {
    let mut y = vec![0.0; x.len()];
    let mut layer = x.to_vec();
    for (index, &weight) in layer_weights.iter().enumerate() {
        if index > 0 {
            layer = spmm(adjacency, &layer, width);
        }
        for (sum, value) in y.iter_mut().zip(&layer) {
            *sum += f64::from(weight) * value;
        }
    }
    y
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
