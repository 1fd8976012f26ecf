//! The specification of the operations along edges: plain loops in `f64` over a list of edges
//! `(row, column)`, nothing shared with the kernels. The order of the list is the order of edge values.

/// `y[row(e)] += weights[e] x[col(e)]`, a table of `num_rows`.
#[must_use]
pub fn spmm_edges(edges: &[(u32, u32)], weights: &[f64], x: &[f64], width: usize, num_rows: usize) -> Vec<f64> {
    let mut y = vec![0.0; num_rows * width];
    for (&(row, col), weight) in edges.iter().zip(weights) {
        for j in 0..width {
            y[row as usize * width + j] += weight * x[col as usize * width + j];
        }
    }
    y
}

/// `out[e] = rows[row(e)] · cols[col(e)]`.
#[must_use]
pub fn edge_dot(edges: &[(u32, u32)], rows: &[f64], cols: &[f64], width: usize) -> Vec<f64> {
    let dot = |&(row, col): &(u32, u32)| {
        (0..width).map(|j| rows[row as usize * width + j] * cols[col as usize * width + j]).sum()
    };
    edges.iter().map(dot).collect()
}

/// `out[e] = weights · relu(rows[row(e)] + cols[col(e)])`, and the gradients of rows, columns and weights where
/// `ds` is that of the output.
#[must_use]
pub fn edge_relu_dot(
    edges: &[(u32, u32)],
    rows: &[f64],
    cols: &[f64],
    weights: &[f64],
    ds: &[f64],
) -> (Vec<f64>, [Vec<f64>; 3]) {
    let width = weights.len();
    let mut out = vec![0.0; edges.len()];
    let [mut drows, mut dcols, mut dweights] = [rows, cols, weights].map(|x| vec![0.0; x.len()]);
    for (edge, &(row, col)) in edges.iter().enumerate() {
        for (j, weight) in weights.iter().enumerate() {
            let (row, col) = (row as usize * width + j, col as usize * width + j);
            let sum = rows[row] + cols[col];
            if sum > 0.0 {
                out[edge] += weight * sum;
                drows[row] += ds[edge] * weight;
                dcols[col] += ds[edge] * weight;
                dweights[j] += ds[edge] * sum;
            }
        }
    }
    (out, [drows, dcols, dweights])
}

/// `out[e] = x[node(e)]`; `nodes` holds one end of every edge.
#[must_use]
pub fn gather_edges(nodes: &[u32], x: &[f64], width: usize) -> Vec<f64> {
    nodes.iter().flat_map(|&node| x[node as usize * width..][..width].to_vec()).collect()
}

/// `y[node(e)] += x[e]`, a table of `num_nodes`.
#[must_use]
pub fn sum_edges(nodes: &[u32], x: &[f64], width: usize, num_nodes: usize) -> Vec<f64> {
    let mut y = vec![0.0; num_nodes * width];
    for (edge, &node) in nodes.iter().enumerate() {
        for j in 0..width {
            y[node as usize * width + j] += x[edge * width + j];
        }
    }
    y
}

/// The softmax of every head over the edges of each row, and its gradient where `dy` is that of the output.
#[must_use]
pub fn edge_softmax(rows: &[u32], x: &[f64], dy: &[f64], num_heads: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut y, mut dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let same = |edge: usize| (0..rows.len()).filter(move |&other| rows[other] == rows[edge]);
    for edge in 0..rows.len() {
        for h in 0..num_heads {
            let at = |edge: usize| edge * num_heads + h;
            let sum: f64 = same(edge).map(|other| x[at(other)].exp()).sum();
            y[at(edge)] = x[at(edge)].exp() / sum;
        }
    }
    for edge in 0..rows.len() {
        for h in 0..num_heads {
            let at = |edge: usize| edge * num_heads + h;
            // The Jacobian of a row, entry by entry: dy_f / dx_e = y_f (δ_ef - y_e).
            for other in same(edge) {
                let delta = if other == edge { 1.0 } else { 0.0 };
                dx[at(edge)] += dy[at(other)] * y[at(other)] * (delta - y[at(edge)]);
            }
        }
    }
    (y, dx)
}

/// The largest value of each column over the edges of each row, with the first edge that holds it; 0 and
/// `None` for a row without edges.
#[must_use]
pub fn segment_max(rows: &[u32], x: &[f64], width: usize, num_rows: usize) -> Vec<(f64, Option<usize>)> {
    let mut y = vec![(0.0, None); num_rows * width];
    for (edge, &row) in rows.iter().enumerate() {
        for j in 0..width {
            let best = &mut y[row as usize * width + j];
            let value = x[edge * width + j];
            if best.1.is_none() || value > best.0 {
                *best = (value, Some(edge));
            }
        }
    }
    y
}
