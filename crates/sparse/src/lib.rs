//! Sparse operations for recommendation: kernels on plain slices and, behind the feature `burn`
//! (on by default), the same operations on Burn tensors with gradients.
//!
//! Every output row has one owner and a fixed order of summation, so that a result is the same to
//! the last bit for any number of threads. It is not a sparse tensor type: a graph is fixed at
//! construction, shared by reference count and never copied by an operation.

mod adjacency;
mod buffers;
mod combination;
mod edge_graph;
mod edge_mask;
#[cfg(feature = "burn")]
mod edges;
#[cfg(feature = "gpu")]
mod gpu;
pub mod kernels;
mod layout;
#[cfg(feature = "burn")]
mod lookup;
#[cfg(feature = "burn")]
mod ops;
mod order;
mod rows;
#[cfg(feature = "burn")]
pub mod tables;
#[cfg(feature = "burn")]
mod tensor;

pub use adjacency::Adjacency;
pub use combination::LayerCombination;
pub use edge_graph::{EdgeGraph, End};
pub use edge_mask::{EdgeMask, MaskedGraph};
#[cfg(feature = "burn")]
pub use edges::{
    edge_dot, edge_relu_add, edge_relu_dot, edge_softmax, gather_edges, segment_max, segment_mean, segment_sum,
    spmm_edges, spmm_masked,
};
#[cfg(feature = "gpu")]
pub use gpu::late_uploads;
pub use kernels::{Activation, Dropout, TablePrecision};
#[cfg(feature = "burn")]
pub use lookup::{RowGradients, gather_rows_into};
#[cfg(feature = "burn")]
pub use ops::grouped::grouped_linear;
#[cfg(feature = "burn")]
pub use ops::linear::linear;
#[cfg(feature = "burn")]
pub use ops::losses::row_loss;
#[cfg(feature = "burn")]
pub use ops::messages::edge_mul;
#[cfg(feature = "gpu")]
pub use ops::rank::{SeenItems, best_unseen};
#[cfg(feature = "burn")]
pub use ops::rowwise::{dropout_rows, unit_rows};
pub use rows::Rows;
#[cfg(feature = "burn")]
pub use tensor::{gather_rows, propagate, propagate_rows, ready_tensor, scatter_rows, spmm};
