//! What models call: the operations along edges on Burn tensors, each with its gradient to every input.
//!
//! Values of edges are `Tensor<1>` (`num_edges`) or `Tensor<2>` (`num_edges` rows), in the order of the
//! graph's pattern. Sizes are the caller's own invariants and are asserted here.

use burn::backend::Dispatch;
use burn::tensor::{Tensor, TensorData};

use crate::kernels::inverse_length;
use crate::ops::edges::EdgeBackend;
use crate::{EdgeGraph, End, MaskedGraph};

/// `y[r] = Σ_{e: row(e) = r} weights[e] x[col(e)]`, a product with a matrix whose entries may learn.
///
/// `weights` is `num_edges`, `x` is `num_cols x width`, the result `num_rows x width`. The gradient of the
/// weights is [`edge_dot`] of `dy` and `x`; that of `x` is the product with the transpose.
///
/// # Panics
/// If a tensor has another number of rows.
#[must_use]
pub fn spmm_edges(graph: &EdgeGraph, weights: Tensor<1>, x: Tensor<2>) -> Tensor<2> {
    assert_eq!(weights.dims()[0], graph.num_edges(), "one weight for each edge");
    assert_eq!(x.dims()[0], graph.num_cols(), "x has one row for each column of the graph");
    let (weights, x) = (weights.into_dispatch(), x.into_dispatch());
    Tensor::from_dispatch(<Dispatch as EdgeBackend>::spmm_edges(graph.clone(), End::Row, weights, x))
}

/// `s[e] = rows[row(e)] · cols[col(e)]`, the product `rows cols^T` at the edges alone (a sampled dense-dense
/// product).
///
/// `rows` is `num_rows x width`, `cols` is `num_cols x width`, the result `num_edges`.
///
/// # Panics
/// If a tensor has another number of rows, or the widths differ.
#[must_use]
pub fn edge_dot(graph: &EdgeGraph, rows: Tensor<2>, cols: Tensor<2>) -> Tensor<1> {
    assert_eq!(rows.dims()[0], graph.num_rows(), "one row of features for each row of the graph");
    assert_eq!(cols.dims()[0], graph.num_cols(), "one row of features for each column of the graph");
    assert_eq!(rows.dims()[1], cols.dims()[1], "both sides have the same width");
    let (rows, cols) = (rows.into_dispatch(), cols.into_dispatch());
    Tensor::from_dispatch(<Dispatch as EdgeBackend>::edge_dot(graph.clone(), rows, cols))
}

/// `z[e] = relu(rows[row(e)] + cols[col(e)])`, a first layer of the two ends of an edge that was applied to nodes:
/// `relu(W [a ; b]) = relu(W_a a + W_b b)`.
///
/// `rows` is `num_rows x width`, `cols` is `num_cols x width`, the result `num_edges x width`. At a sum of 0 the gradient
/// is that of the left side, 0.
///
/// # Panics
/// If a tensor has another number of rows, or the widths differ.
#[must_use]
pub fn edge_relu_add(graph: &EdgeGraph, rows: Tensor<2>, cols: Tensor<2>) -> Tensor<2> {
    assert_eq!(rows.dims()[0], graph.num_rows(), "one row of features for each row of the graph");
    assert_eq!(cols.dims()[0], graph.num_cols(), "one row of features for each column of the graph");
    assert_eq!(rows.dims()[1], cols.dims()[1], "both sides have the same width");
    let (rows, cols) = (rows.into_dispatch(), cols.into_dispatch());
    Tensor::from_dispatch(<Dispatch as EdgeBackend>::edge_relu_add(graph.clone(), rows, cols))
}

/// `s[e] = weights · relu(rows[row(e)] + cols[col(e)])`, the scores of additive attention, whose first layer
/// was applied to nodes, as in [`edge_relu_add`].
///
/// `rows` is `num_rows x width`, `cols` is `num_cols x width`, `weights` is `width`, the result `num_edges`. Neither
/// way is there a table of one row an edge. At a sum of 0 the gradient is that of the left side, 0.
///
/// # Panics
/// If a tensor has another number of rows, or the widths differ.
#[must_use]
pub fn edge_relu_dot(graph: &EdgeGraph, rows: Tensor<2>, cols: Tensor<2>, weights: Tensor<1>) -> Tensor<1> {
    assert_eq!(rows.dims()[0], graph.num_rows(), "one row of features for each row of the graph");
    assert_eq!(cols.dims()[0], graph.num_cols(), "one row of features for each column of the graph");
    let [width] = weights.dims();
    assert_eq!([rows.dims()[1], cols.dims()[1]], [width; 2], "both sides and the weights have the same width");
    let (rows, cols, weights) = (rows.into_dispatch(), cols.into_dispatch(), weights.into_dispatch());
    Tensor::from_dispatch(<Dispatch as EdgeBackend>::edge_relu_dot(graph.clone(), rows, cols, weights))
}

/// `p[e][h] = exp(x[e][h]) / Σ_{f: row(f) = row(e)} exp(x[f][h])`, computed from the row's largest logit so
/// that nothing overflows; `num_edges x num_heads`.
///
/// A NaN or `+inf` among a row's logits makes its outputs of that head NaN, and so does a row of nothing but
/// `-inf`.
///
/// # Panics
/// If there is not one row of logits for each edge.
#[must_use]
pub fn edge_softmax(graph: &EdgeGraph, logits: Tensor<2>) -> Tensor<2> {
    assert_eq!(logits.dims()[0], graph.num_edges(), "one row of logits for each edge");
    Tensor::from_dispatch(<Dispatch as EdgeBackend>::edge_softmax(graph.clone(), logits.into_dispatch()))
}

/// `out[e] = x[end(e)]`, `num_edges x width`: what an edge's target ([`End::Row`]) or source ([`End::Col`])
/// holds. The gradient is summed node by node, each with one owner.
///
/// # Panics
/// If `x` does not have one row for each node on that side.
#[must_use]
pub fn gather_edges(graph: &EdgeGraph, end: End, x: Tensor<2>) -> Tensor<2> {
    assert_eq!(x.dims()[0], graph.num_nodes(end), "one row for each node on that side");
    Tensor::from_dispatch(<Dispatch as EdgeBackend>::gather_edges(graph.clone(), end, x.into_dispatch()))
}

/// `y[r] = Σ_{e: row(e) = r} x[e]`; `x` is `num_edges x width`, the result `num_rows x width`. A row without
/// edges gives zeros.
///
/// # Panics
/// If `x` does not have one row for each edge.
#[must_use]
pub fn segment_sum(graph: &EdgeGraph, x: Tensor<2>) -> Tensor<2> {
    assert_eq!(x.dims()[0], graph.num_edges(), "one row for each edge");
    Tensor::from_dispatch(<Dispatch as EdgeBackend>::sum_edges(graph.clone(), End::Row, x.into_dispatch()))
}

/// The mean over the edges of each row, [`segment_sum`] divided by the row's number of edges. A row without
/// edges gives zeros.
///
/// # Panics
/// If `x` does not have one row for each edge.
#[must_use]
pub fn segment_mean(graph: &EdgeGraph, x: Tensor<2>) -> Tensor<2> {
    let device = x.device();
    let inverses = graph.pattern().indptr().windows(2).map(|bounds| inverse_length(bounds[0]..bounds[1]));
    let inverses = TensorData::new(inverses.collect::<Vec<f32>>(), [graph.num_rows(), 1]);
    segment_sum(graph, x) * Tensor::from_data(inverses, &device)
}

/// `y[r][j] = max_{e: row(e) = r} x[e][j]`; sizes as in [`segment_sum`]. A row without edges gives zeros, a NaN
/// is the maximum of its row.
///
/// The gradient goes to the first edge, in storage order, that holds the maximum.
///
/// # Panics
/// If `x` does not have one row for each edge.
#[must_use]
pub fn segment_max(graph: &EdgeGraph, x: Tensor<2>) -> Tensor<2> {
    assert_eq!(x.dims()[0], graph.num_edges(), "one row for each edge");
    Tensor::from_dispatch(<Dispatch as EdgeBackend>::segment_max(graph.clone(), x.into_dispatch()))
}

/// `y = M x` over the edges that a mask keeps, `M = scale diag(r) (A ∘ mask) diag(c)`; `x` is
/// `num_cols x width`, the result `num_rows x width`.
///
/// # Panics
/// If `x` has another number of rows.
#[must_use]
pub fn spmm_masked(masked: &MaskedGraph, x: Tensor<2>) -> Tensor<2> {
    assert_eq!(x.dims()[0], masked.graph().num_cols(), "x has one row for each column of the graph");
    Tensor::from_dispatch(<Dispatch as EdgeBackend>::spmm_masked(masked.clone(), End::Row, x.into_dispatch()))
}
