//! The operations along edges as operations of Burn's backends: Flex computes, Autodiff records.
//!
//! Most are one another's gradients: what is gathered from one end is summed into it on the way back, and
//! the weights of a product along edges have the products at the edges as their gradient.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend as BurnBackend, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Bytes, DType, Shape};

use super::tall::tall_sum;
use crate::{Activation, EdgeGraph, End, MaskedGraph, kernels};

/// The operations along edges of a backend. A backend that is not listed here panics when it is asked.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Fusion: cfg(feature = "gpu"), Autodiff)]
pub(crate) trait EdgeBackend: BurnBackend {
    /// `y[v] = Σ_{e: end(e) = v} weights[e] x[other(e)]`.
    #[fusion(dtype = x, shape = Shape::new([graph.num_nodes(*end), x[1]]))]
    fn spmm_edges(graph: EdgeGraph, end: End, weights: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `out[e] = rows[row(e)] · cols[col(e)]`.
    #[fusion(dtype = rows, shape = Shape::new([graph.num_edges()]))]
    fn edge_dot(graph: EdgeGraph, rows: FloatTensor<Self>, cols: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `z[e] = relu(rows[row(e)] + cols[col(e)])`.
    #[fusion(dtype = rows, shape = Shape::new([graph.num_edges(), rows[1]]))]
    fn edge_relu_add(graph: EdgeGraph, rows: FloatTensor<Self>, cols: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `grad` where `z` is above 0.
    #[fusion(dtype = z, shape = z)]
    fn relu_gradient(z: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `s[e] = weights · relu(rows[row(e)] + cols[col(e)])`.
    #[fusion(dtype = rows, shape = Shape::new([graph.num_edges()]))]
    fn edge_relu_dot(
        graph: EdgeGraph,
        rows: FloatTensor<Self>,
        cols: FloatTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    /// What its gradients are made of: the sums of `ds` over the edges of a node at which a column is above 0.
    #[fusion(dtype = own, shape = Shape::new([graph.num_nodes(*end), own[1]]))]
    fn edge_relu_sums(
        graph: EdgeGraph,
        end: End,
        own: FloatTensor<Self>,
        other: FloatTensor<Self>,
        ds: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    /// Softmax over the edges of each row.
    #[fusion(dtype = logits, shape = logits)]
    fn edge_softmax(graph: EdgeGraph, logits: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `out[e] = x[end(e)]`.
    #[fusion(dtype = x, shape = Shape::new([graph.num_edges(), x[1]]))]
    fn gather_edges(graph: EdgeGraph, end: End, x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `y[v] = Σ_{e: end(e) = v} x[e]`.
    #[fusion(dtype = x, shape = Shape::new([graph.num_nodes(*end), x[1]]))]
    fn sum_edges(graph: EdgeGraph, end: End, x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// The largest value of each column over the edges of each row.
    #[fusion(dtype = x, shape = Shape::new([graph.num_rows(), x[1]]))]
    fn segment_max(graph: EdgeGraph, x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `grad` at the first edge that holds the maximum `y`, 0 at others.
    #[fusion(dtype = x, shape = x)]
    fn segment_max_gradient(
        graph: EdgeGraph,
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    /// `M x` with [`End::Row`], `M^T x` with [`End::Col`].
    #[fusion(dtype = x, shape = Shape::new([masked.graph().num_nodes(*end), x[1]]))]
    fn spmm_masked(masked: MaskedGraph, end: End, x: FloatTensor<Self>) -> FloatTensor<Self>;
}

pub(super) fn floats(x: &FlexTensor) -> &[f32] {
    x.as_slice().expect("sparse operations take 32-bit floats, contiguous")
}

/// A table of zeros that a kernel has filled, of this shape.
pub(super) fn filled<const D: usize>(shape: [usize; D], kernel: impl FnOnce(&mut [f32])) -> FlexTensor {
    let mut y = vec![0f32; shape.iter().product()];
    kernel(&mut y);
    FlexTensor::new(Bytes::from_elems(y), Layout::contiguous(Shape::new(shape)), DType::F32)
}

pub(super) fn width(x: &FlexTensor) -> usize {
    x.layout().shape()[1]
}

impl EdgeBackend for Flex {
    fn spmm_edges(graph: EdgeGraph, end: End, weights: FlexTensor, x: FlexTensor) -> FlexTensor {
        let (weights, x, width) = (weights.to_contiguous(), x.to_contiguous(), width(&x));
        filled([graph.num_nodes(end), width], |y| {
            kernels::spmm_edges(&graph, end, floats(&weights), floats(&x), width, y);
        })
    }

    fn edge_dot(graph: EdgeGraph, rows: FlexTensor, cols: FlexTensor) -> FlexTensor {
        let (rows, cols, width) = (rows.to_contiguous(), cols.to_contiguous(), width(&rows));
        filled([graph.num_edges()], |out| kernels::edge_dot(&graph, floats(&rows), floats(&cols), width, out))
    }

    fn edge_relu_add(graph: EdgeGraph, rows: FlexTensor, cols: FlexTensor) -> FlexTensor {
        let (rows, cols, width) = (rows.to_contiguous(), cols.to_contiguous(), width(&rows));
        filled([graph.num_edges(), width], |out| {
            kernels::edge_relu_add(&graph, floats(&rows), floats(&cols), width, out);
        })
    }

    fn relu_gradient(z: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let shape = [z.layout().shape()[0], width(&z)];
        let [z, grad] = [z, grad].map(|tensor| tensor.to_contiguous());
        filled(shape, |dz| kernels::activation_gradient(Activation::RELU, floats(&z), floats(&grad), dz))
    }

    fn edge_relu_dot(graph: EdgeGraph, rows: FlexTensor, cols: FlexTensor, weights: FlexTensor) -> FlexTensor {
        let [rows, cols, weights] = [rows, cols, weights].map(|tensor| tensor.to_contiguous());
        filled([graph.num_edges()], |out| {
            kernels::edge_relu_dot(&graph, floats(&rows), floats(&cols), floats(&weights), out);
        })
    }

    fn edge_relu_sums(graph: EdgeGraph, end: End, own: FlexTensor, other: FlexTensor, ds: FlexTensor) -> FlexTensor {
        let width = width(&own);
        let [own, other, ds] = [own, other, ds].map(|tensor| tensor.to_contiguous());
        filled([graph.num_nodes(end), width], |out| {
            kernels::edge_relu_sums(&graph, end, floats(&own), floats(&other), floats(&ds), width, out);
        })
    }

    fn edge_softmax(graph: EdgeGraph, logits: FlexTensor) -> FlexTensor {
        let (logits, num_heads) = (logits.to_contiguous(), width(&logits));
        let indptr = graph.pattern().indptr();
        filled([graph.num_edges(), num_heads], |y| kernels::edge_softmax(indptr, floats(&logits), num_heads, y))
    }

    fn gather_edges(graph: EdgeGraph, end: End, x: FlexTensor) -> FlexTensor {
        let (x, width) = (x.to_contiguous(), width(&x));
        filled([graph.num_edges(), width], |out| kernels::gather_edges(&graph, end, floats(&x), width, out))
    }

    fn sum_edges(graph: EdgeGraph, end: End, x: FlexTensor) -> FlexTensor {
        let (x, width) = (x.to_contiguous(), width(&x));
        filled([graph.num_nodes(end), width], |y| kernels::sum_edges(&graph, end, floats(&x), width, y))
    }

    fn segment_max(graph: EdgeGraph, x: FlexTensor) -> FlexTensor {
        let (x, width) = (x.to_contiguous(), width(&x));
        let indptr = graph.pattern().indptr();
        filled([graph.num_rows(), width], |y| kernels::segment_max(indptr, floats(&x), width, y))
    }

    fn segment_max_gradient(graph: EdgeGraph, x: FlexTensor, y: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let width = width(&x);
        let [x, y, grad] = [x, y, grad].map(|tensor| tensor.to_contiguous());
        let indptr = graph.pattern().indptr();
        filled([graph.num_edges(), width], |dx| {
            kernels::segment_max_gradient(indptr, floats(&x), floats(&y), floats(&grad), width, dx);
        })
    }

    fn spmm_masked(masked: MaskedGraph, end: End, x: FlexTensor) -> FlexTensor {
        let (x, width) = (x.to_contiguous(), width(&x));
        filled([masked.graph().num_nodes(end), width], |y| {
            kernels::spmm_masked(&masked, end, floats(&x), width, y);
        })
    }
}

#[derive(Debug)]
struct SpmmEdges;

impl<B: EdgeBackend> Backward<B, 2> for SpmmEdges {
    type State = (EdgeGraph, End, FloatTensor<B>, FloatTensor<B>);

    /// `dw[e] = dy[end(e)] · x[other(e)]`; `dx` is the product over the other end.
    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (graph, end, weights, x) = ops.state;
        let [of_weights, of_x] = ops.parents;
        if let Some(parent) = of_weights {
            let (rows, cols) = match end {
                End::Row => (grad.clone(), x),
                End::Col => (x, grad.clone()),
            };
            grads.register::<B>(parent.id, B::edge_dot(graph.clone(), rows, cols));
        }
        if let Some(parent) = of_x {
            grads.register::<B>(parent.id, B::spmm_edges(graph, end.other(), weights, grad));
        }
    }
}

#[derive(Debug)]
struct EdgeDot;

impl<B: EdgeBackend> Backward<B, 2> for EdgeDot {
    type State = (EdgeGraph, FloatTensor<B>, FloatTensor<B>);

    /// The gradient weighs the edges: `drows = W cols`, `dcols = W^T rows`.
    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (graph, rows, cols) = ops.state;
        let [of_rows, of_cols] = ops.parents;
        if let Some(parent) = of_rows {
            grads.register::<B>(parent.id, B::spmm_edges(graph.clone(), End::Row, grad.clone(), cols));
        }
        if let Some(parent) = of_cols {
            grads.register::<B>(parent.id, B::spmm_edges(graph, End::Col, grad, rows));
        }
    }
}

#[derive(Debug)]
struct EdgeReluAdd;

impl<B: EdgeBackend> Backward<B, 2> for EdgeReluAdd {
    type State = (EdgeGraph, FloatTensor<B>);

    /// The gradient where an edge is above 0, summed into either end.
    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (graph, z) = ops.state;
        let [of_rows, of_cols] = ops.parents;
        let above = B::relu_gradient(z, grad);
        if let Some(parent) = of_rows {
            grads.register::<B>(parent.id, B::sum_edges(graph.clone(), End::Row, above.clone()));
        }
        if let Some(parent) = of_cols {
            grads.register::<B>(parent.id, B::sum_edges(graph, End::Col, above));
        }
    }
}

#[derive(Debug)]
struct EdgeReluDot;

impl<B: EdgeBackend> Backward<B, 3> for EdgeReluDot {
    type State = (EdgeGraph, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

    /// `drows = M_row ∘ w`, `dcols = M_col ∘ w`, `dw = Σ rows ∘ M_row + Σ cols ∘ M_col`.
    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (graph, rows, cols, weights) = ops.state;
        let [of_rows, of_cols, of_weights] = ops.parents;
        let row_sums = B::edge_relu_sums(graph.clone(), End::Row, rows.clone(), cols.clone(), grad.clone());
        let col_sums = B::edge_relu_sums(graph, End::Col, cols.clone(), rows.clone(), grad);
        let shape = weights.shape();
        let row = B::float_reshape(weights, Shape::new([1, shape[0]]));
        if let Some(parent) = of_rows {
            grads.register::<B>(parent.id, B::float_mul(row_sums.clone(), row.clone()));
        }
        if let Some(parent) = of_cols {
            grads.register::<B>(parent.id, B::float_mul(col_sums.clone(), row));
        }
        if let Some(parent) = of_weights {
            let sum = |x, sums| B::float_reshape(tall_sum::<B>(B::float_mul(x, sums)), shape.clone());
            grads.register::<B>(parent.id, B::float_add(sum(rows, row_sums), sum(cols, col_sums)));
        }
    }
}

#[derive(Debug)]
struct EdgeSoftmax;

impl<B: EdgeBackend> Backward<B, 1> for EdgeSoftmax {
    type State = (EdgeGraph, FloatTensor<B>);

    /// `dx[e] = y[e] (dy[e] - Σ_{f in row(e)} y[f] dy[f])`.
    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (graph, y) = ops.state;
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            let mean = B::sum_edges(graph.clone(), End::Row, B::float_mul(y.clone(), grad.clone()));
            let centred = B::float_sub(grad, B::gather_edges(graph, End::Row, mean));
            grads.register::<B>(parent.id, B::float_mul(y, centred));
        }
    }
}

#[derive(Debug)]
struct GatherEdges;

impl<B: EdgeBackend> Backward<B, 1> for GatherEdges {
    type State = (EdgeGraph, End);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(parent)] = ops.parents {
            let (graph, end) = ops.state;
            grads.register::<B>(parent.id, B::sum_edges(graph, end, grad));
        }
    }
}

#[derive(Debug)]
struct SumEdges;

impl<B: EdgeBackend> Backward<B, 1> for SumEdges {
    type State = (EdgeGraph, End);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(parent)] = ops.parents {
            let (graph, end) = ops.state;
            grads.register::<B>(parent.id, B::gather_edges(graph, end, grad));
        }
    }
}

#[derive(Debug)]
struct SegmentMax;

impl<B: EdgeBackend> Backward<B, 1> for SegmentMax {
    type State = (EdgeGraph, FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(parent)] = ops.parents {
            let (graph, x, y) = ops.state;
            grads.register::<B>(parent.id, B::segment_max_gradient(graph, x, y, grad));
        }
    }
}

#[derive(Debug)]
struct SpmmMasked;

impl<B: EdgeBackend> Backward<B, 1> for SpmmMasked {
    type State = (MaskedGraph, End);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(parent)] = ops.parents {
            let (masked, end) = ops.state;
            grads.register::<B>(parent.id, B::spmm_masked(masked, end.other(), grad));
        }
    }
}

impl<B: EdgeBackend, C: CheckpointStrategy> EdgeBackend for Autodiff<B, C> {
    fn spmm_edges(graph: EdgeGraph, end: End, weights: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [weights.node(), x.node()];
        let (weights, x) = (weights.into_primitive(), x.into_primitive());
        match SpmmEdges.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (graph.clone(), end, weights.clone(), x.clone());
                prep.finish(state, B::spmm_edges(graph, end, weights, x))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::spmm_edges(graph, end, weights, x)),
        }
    }

    fn edge_dot(graph: EdgeGraph, rows: FloatTensor<Self>, cols: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [rows.node(), cols.node()];
        let (rows, cols) = (rows.into_primitive(), cols.into_primitive());
        match EdgeDot.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (graph.clone(), rows.clone(), cols.clone());
                prep.finish(state, B::edge_dot(graph, rows, cols))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::edge_dot(graph, rows, cols)),
        }
    }

    fn edge_relu_add(graph: EdgeGraph, rows: FloatTensor<Self>, cols: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [rows.node(), cols.node()];
        let (rows, cols) = (rows.into_primitive(), cols.into_primitive());
        match EdgeReluAdd.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let z = B::edge_relu_add(graph.clone(), rows, cols);
                prep.finish((graph, z.clone()), z)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::edge_relu_add(graph, rows, cols)),
        }
    }

    fn relu_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        panic!("the gradient of edge_relu_add has no gradient of its own")
    }

    fn edge_relu_dot(
        graph: EdgeGraph,
        rows: FloatTensor<Self>,
        cols: FloatTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [rows.node(), cols.node(), weights.node()];
        let [rows, cols, weights] = [rows, cols, weights].map(|tensor| tensor.into_primitive());
        match EdgeReluDot.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (graph.clone(), rows.clone(), cols.clone(), weights.clone());
                prep.finish(state, B::edge_relu_dot(graph, rows, cols, weights))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::edge_relu_dot(graph, rows, cols, weights)),
        }
    }

    fn edge_relu_sums(
        _: EdgeGraph,
        _: End,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        panic!("the gradient of edge_relu_dot has no gradient of its own")
    }

    fn edge_softmax(graph: EdgeGraph, logits: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, logits) = (logits.node(), logits.into_primitive());
        match EdgeSoftmax.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::edge_softmax(graph.clone(), logits);
                prep.finish((graph, y.clone()), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::edge_softmax(graph, logits)),
        }
    }

    fn gather_edges(graph: EdgeGraph, end: End, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, x) = (x.node(), x.into_primitive());
        match GatherEdges.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((graph.clone(), end), B::gather_edges(graph, end, x)),
            OpsKind::UnTracked(prep) => prep.finish(B::gather_edges(graph, end, x)),
        }
    }

    fn sum_edges(graph: EdgeGraph, end: End, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, x) = (x.node(), x.into_primitive());
        match SumEdges.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((graph.clone(), end), B::sum_edges(graph, end, x)),
            OpsKind::UnTracked(prep) => prep.finish(B::sum_edges(graph, end, x)),
        }
    }

    fn segment_max(graph: EdgeGraph, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, x) = (x.node(), x.into_primitive());
        match SegmentMax.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::segment_max(graph.clone(), x.clone());
                prep.finish((graph, x, y.clone()), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::segment_max(graph, x)),
        }
    }

    fn segment_max_gradient(
        _: EdgeGraph,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        panic!("the gradient of segment_max has no gradient of its own")
    }

    fn spmm_masked(masked: MaskedGraph, end: End, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, x) = (x.node(), x.into_primitive());
        match SpmmMasked.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((masked.clone(), end), B::spmm_masked(masked, end, x)),
            OpsKind::UnTracked(prep) => prep.finish(B::spmm_masked(masked, end, x)),
        }
    }
}
