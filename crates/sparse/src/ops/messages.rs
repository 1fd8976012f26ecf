//! Messages along edges as an operation of Burn's backends: Flex computes, Autodiff records.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend as BurnBackend, Dispatch, Flex, backend_extension};
#[cfg(feature = "gpu")]
use burn::tensor::Shape;
use burn::tensor::Tensor;

use super::edges::{filled, floats, width};
use crate::{EdgeGraph, End, kernels};

/// Products along edges of a backend. A backend that is not listed here panics when it is asked.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Fusion: cfg(feature = "gpu"), Autodiff)]
pub(crate) trait MessageBackend: BurnBackend {
    /// `z[e] = rows[row(e)] ∘ cols[col(e)]`.
    #[fusion(dtype = rows, shape = Shape::new([graph.num_edges(), rows[1]]))]
    fn edge_mul(graph: EdgeGraph, rows: FloatTensor<Self>, cols: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Its gradient towards the nodes at one end, `other` the table of the other.
    #[fusion(dtype = other, shape = Shape::new([graph.num_nodes(*end), other[1]]))]
    fn edge_mul_gradient(
        graph: EdgeGraph,
        end: End,
        other: FloatTensor<Self>,
        dz: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl MessageBackend for Flex {
    fn edge_mul(graph: EdgeGraph, rows: FlexTensor, cols: FlexTensor) -> FlexTensor {
        let (rows, cols, width) = (rows.to_contiguous(), cols.to_contiguous(), width(&rows));
        filled([graph.num_edges(), width], |z| {
            kernels::edge_mul(&graph, floats(&rows), floats(&cols), width, z);
        })
    }

    fn edge_mul_gradient(graph: EdgeGraph, end: End, other: FlexTensor, dz: FlexTensor) -> FlexTensor {
        let (other, dz, width) = (other.to_contiguous(), dz.to_contiguous(), width(&dz));
        filled([graph.num_nodes(end), width], |out| {
            kernels::edge_mul_gradient(&graph, end, floats(&other), floats(&dz), width, out);
        })
    }
}

#[derive(Debug)]
struct EdgeMul;

impl<B: MessageBackend> Backward<B, 2> for EdgeMul {
    type State = (EdgeGraph, FloatTensor<B>, FloatTensor<B>);

    /// `drows[r] = Σ dz[e] ∘ cols[col(e)]`, `dcols` likewise.
    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (graph, rows, cols) = ops.state;
        let [of_rows, of_cols] = ops.parents;
        if let Some(parent) = of_rows {
            grads.register::<B>(parent.id, B::edge_mul_gradient(graph.clone(), End::Row, cols, grad.clone()));
        }
        if let Some(parent) = of_cols {
            grads.register::<B>(parent.id, B::edge_mul_gradient(graph, End::Col, rows, grad));
        }
    }
}

impl<B: MessageBackend, C: CheckpointStrategy> MessageBackend for Autodiff<B, C> {
    fn edge_mul(graph: EdgeGraph, rows: FloatTensor<Self>, cols: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [rows.node(), cols.node()];
        let (rows, cols) = (rows.into_primitive(), cols.into_primitive());
        match EdgeMul.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (graph.clone(), rows.clone(), cols.clone());
                prep.finish(state, B::edge_mul(graph, rows, cols))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::edge_mul(graph, rows, cols)),
        }
    }

    fn edge_mul_gradient(_: EdgeGraph, _: End, _: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        panic!("the gradient of edge_mul has no gradient of its own")
    }
}

/// `z[e] = rows[row(e)] ∘ cols[col(e)]`, `num_edges x width`: what each column sends over each of its rows. With relations
/// as rows and tails as columns, the messages of a knowledge graph.
///
/// `rows` is `num_rows x width`, `cols` is `num_cols x width`. Either gradient is one pass over the messages' and holds no
/// table of its own.
///
/// # Panics
/// If a tensor has another number of rows, or the widths differ.
#[must_use]
pub fn edge_mul(graph: &EdgeGraph, rows: Tensor<2>, cols: Tensor<2>) -> Tensor<2> {
    assert_eq!(rows.dims()[0], graph.num_rows(), "one row of features for each row of the graph");
    assert_eq!(cols.dims()[0], graph.num_cols(), "one row of features for each column of the graph");
    assert_eq!(rows.dims()[1], cols.dims()[1], "both sides have the same width");
    let (rows, cols) = (rows.into_dispatch(), cols.into_dispatch());
    Tensor::from_dispatch(<Dispatch as MessageBackend>::edge_mul(graph.clone(), rows, cols))
}
