//! What models call: the sparse operations on `Tensor<2>`, each with its gradient.
//!
//! Sizes are the caller's own invariants and are asserted here; indices of a graph were checked when
//! it was built.

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::{Device, Tensor, TensorData};

use crate::ops::{Propagation, SparseBackend};
use crate::{Adjacency, LayerCombination, Rows};

/// `y = M x`; `x` is `num_cols x width`, the result `num_rows x width`.
///
/// # Panics
/// If `x` has another number of rows.
#[must_use]
pub fn spmm(adjacency: &Adjacency, x: Tensor<2>) -> Tensor<2> {
    assert_eq!(x.dims()[0], adjacency.num_cols(), "x has one row for each column of the matrix");
    Tensor::from_dispatch(<Dispatch as SparseBackend>::spmm(adjacency.clone(), x.into_dispatch()))
}

/// `y[n] = Σ_l w_kl (M^l x)[rows[n]]`, `rows.len() x (num_outputs * width)`: several hops as one
/// operation, for the rows that are asked for, in any order and with repetitions.
///
/// The last hop is computed at those rows alone and the gradient starts from them. Either way two tables
/// of the size of `x` are held besides the result; they stay with the adjacency for the next call.
///
/// # Panics
/// If `M` is not square, `x` has another number of rows, or a row lies outside it.
#[must_use]
pub fn propagate_rows(
    adjacency: &Adjacency,
    x: Tensor<2>,
    combination: &LayerCombination,
    rows: impl Into<Rows>,
) -> Tensor<2> {
    let rows = rows.into();
    assert_eq!(adjacency.num_rows(), adjacency.num_cols(), "propagation needs a square matrix");
    assert_eq!(x.dims()[0], adjacency.num_cols(), "x has one row for each node");
    rows.check(adjacency.num_rows());
    let plan = Propagation { adjacency: adjacency.clone(), combination: Arc::new(combination.clone()), rows };
    Tensor::from_dispatch(<Dispatch as SparseBackend>::propagate_rows(plan, x.into_dispatch()))
}

/// [`propagate_rows`] for every row in order, `num_nodes x (num_outputs * width)`.
///
/// # Panics
/// If `M` is not square or `x` has another number of rows.
#[must_use]
pub fn propagate(adjacency: &Adjacency, x: Tensor<2>, combination: &LayerCombination) -> Tensor<2> {
    let all: Vec<u32> = (0..).take(adjacency.num_rows()).collect();
    propagate_rows(adjacency, x, combination, all)
}

/// `y[n] = x[indices[n]]`, `indices.len() x width`. Its gradient is [`scatter_rows`].
///
/// # Panics
/// If an index lies outside the table.
#[must_use]
pub fn gather_rows(x: Tensor<2>, indices: impl Into<Rows>) -> Tensor<2> {
    let indices = indices.into();
    indices.check(x.dims()[0]);
    Tensor::from_dispatch(<Dispatch as SparseBackend>::gather_rows(indices, x.into_dispatch()))
}

/// `y[v] = Σ_{n: indices[n] = v} x[n]`, a table of `num_rows`; rows that no index names are zero.
///
/// # Panics
/// If an index lies outside the table, or there is not one index for each row of `x`.
#[must_use]
pub fn scatter_rows(x: Tensor<2>, indices: impl Into<Rows>, num_rows: usize) -> Tensor<2> {
    let indices = indices.into();
    assert_eq!(x.dims()[0], indices.len(), "one index for each row");
    indices.check(num_rows);
    Tensor::from_dispatch(<Dispatch as SparseBackend>::scatter_rows(indices, num_rows, x.into_dispatch()))
}

/// A tensor of numbers that a later step needs, for a thread that prepares it: on a GPU its upload does not stand between
/// the kernels of the step under way.
#[must_use]
pub fn ready_tensor<const D: usize>(values: TensorData, device: &Device) -> Tensor<D> {
    #[cfg(feature = "gpu")]
    return crate::gpu::aside(|| Tensor::from_data(values, device));
    #[cfg(not(feature = "gpu"))]
    Tensor::from_data(values, device)
}
