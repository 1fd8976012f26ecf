//! What models call: the sparse operations on `Tensor<2>`, each with its gradient.
//!
//! Sizes are the caller's own invariants and are asserted here; indices of a graph were checked when
//! it was built.

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::Adjacency;
use crate::ops::{Indices, SparseBackend};

/// `y = M x`; `x` is `num_cols x width`, the result `num_rows x width`.
///
/// # Panics
/// If `x` has another number of rows.
#[must_use]
pub fn spmm(adjacency: &Adjacency, x: Tensor<2>) -> Tensor<2> {
    assert_eq!(x.dims()[0], adjacency.num_cols(), "x has one row for each column of the matrix");
    Tensor::from_dispatch(<Dispatch as SparseBackend>::spmm(adjacency.clone(), x.into_dispatch()))
}

/// `y = Σ_l layer_weights[l] M^l x`, `l = 0 ..= num_layers`, as one operation: a pass forward holds two
/// tables besides the result, and so does its gradient.
///
/// LightGCN is `layer_weights = [1 / (num_layers + 1); num_layers + 1]`.
///
/// # Panics
/// If `M` is not square, `x` has another number of rows, or there are not `num_layers + 1` weights.
#[must_use]
pub fn propagate(adjacency: &Adjacency, x: Tensor<2>, num_layers: usize, layer_weights: &[f32]) -> Tensor<2> {
    assert_eq!(adjacency.num_rows(), adjacency.num_cols(), "propagation needs a square matrix");
    assert_eq!(x.dims()[0], adjacency.num_cols(), "x has one row for each node");
    assert_eq!(layer_weights.len(), num_layers + 1, "one weight for each layer, the input included");
    Tensor::from_dispatch(<Dispatch as SparseBackend>::propagate(
        adjacency.clone(),
        layer_weights.into(),
        x.into_dispatch(),
    ))
}

/// `y[n] = x[indices[n]]`, `indices.len() x width`. Its gradient is [`scatter_rows`].
///
/// # Panics
/// If an index lies outside the table.
#[must_use]
pub fn gather_rows(x: Tensor<2>, indices: &[u32]) -> Tensor<2> {
    let indices = checked(indices, x.dims()[0]);
    Tensor::from_dispatch(<Dispatch as SparseBackend>::gather_rows(indices, x.into_dispatch()))
}

/// `y[v] = Σ_{n: indices[n] = v} x[n]`, a table of `num_rows`; rows that no index names are zero.
///
/// # Panics
/// If an index lies outside the table, or there is not one index for each row of `x`.
#[must_use]
pub fn scatter_rows(x: Tensor<2>, indices: &[u32], num_rows: usize) -> Tensor<2> {
    assert_eq!(x.dims()[0], indices.len(), "one index for each row");
    let indices = checked(indices, num_rows);
    Tensor::from_dispatch(<Dispatch as SparseBackend>::scatter_rows(indices, num_rows, x.into_dispatch()))
}

fn checked(indices: &[u32], num_rows: usize) -> Indices {
    if let Some(position) = indices.iter().position(|&index| index as usize >= num_rows) {
        panic!("index {position} is {}, expected one below {num_rows}", indices[position]);
    }
    indices.into()
}
