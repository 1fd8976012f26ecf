//! Sparse operations for recommendation: kernels on plain slices and, behind the feature `burn`
//! (on by default), the same operations on Burn tensors with gradients.
//!
//! Every output row has one owner and a fixed order of summation, so that a result is the same to
//! the last bit for any number of threads. It is not a sparse tensor type: a graph is fixed at
//! construction, shared by reference count and never copied by an operation.

mod adjacency;
pub mod kernels;
#[cfg(feature = "burn")]
mod ops;
#[cfg(feature = "burn")]
mod tensor;

pub use adjacency::Adjacency;
#[cfg(feature = "burn")]
pub use tensor::{gather_rows, propagate, scatter_rows, spmm};
