//! The kernels as operations of Burn's backends: Flex computes, Autodiff records the transpose.
//!
//! Graphs and indices are ordinary arguments behind a reference count; no call copies them.

pub(crate) mod edges;
pub(crate) mod grouped;
pub(crate) mod linear;
pub(crate) mod lookup;
pub(crate) mod losses;
pub(crate) mod messages;
mod pooled;
#[cfg(feature = "gpu")]
pub(crate) mod rank;
pub(crate) mod rowwise;
pub(crate) mod tables;
pub(crate) mod tall;

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend as BurnBackend, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Bytes, DType, Shape};

use crate::kernels;
use crate::{Adjacency, LayerCombination, Rows};

/// What a propagation computes, whatever the table.
#[derive(Clone, Debug)]
pub(crate) struct Propagation {
    pub(crate) adjacency: Adjacency,
    pub(crate) combination: Arc<LayerCombination>,
    pub(crate) rows: Rows,
}

/// The sparse operations of a backend. A backend that is not listed here panics when it is asked.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Fusion: cfg(feature = "gpu"), Autodiff)]
pub(crate) trait SparseBackend: BurnBackend {
    /// The combined layers of the rows asked for.
    #[fusion(dtype = x, shape = Shape::new([plan.rows.len(), plan.combination.num_outputs() * x[1]]))]
    fn propagate_rows(plan: Propagation, x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// The gradient of `propagate_rows`: from rows asked for to all nodes.
    #[fusion(dtype = gradient, shape = Shape::new([plan.adjacency.num_rows(), gradient[1] / plan.combination.num_outputs()]))]
    fn propagate_rows_backward(plan: Propagation, gradient: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `M x`.
    #[fusion(dtype = x, shape = Shape::new([adjacency.num_rows(), x[1]]))]
    fn spmm(adjacency: Adjacency, x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `y[n] = x[indices[n]]`.
    #[fusion(dtype = x, shape = Shape::new([indices.len(), x[1]]))]
    fn gather_rows(indices: Rows, x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `y[v] = Σ_{n: indices[n] = v} x[n]` in a table of `num_rows`.
    #[fusion(dtype = x, shape = Shape::new([*num_rows, x[1]]))]
    fn scatter_rows(indices: Rows, num_rows: usize, x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Runs a kernel from a contiguous `f32` table into a zeroed one of `num_rows` rows as wide.
fn run(x: FlexTensor, num_rows: usize, kernel: impl FnOnce(&[f32], usize, &mut [f32])) -> FlexTensor {
    let x = x.to_contiguous();
    let width = x.layout().shape()[1];
    let mut y = vec![0f32; num_rows * width];
    kernel(values(&x), width, &mut y);
    table(Bytes::from_elems(y), [num_rows, width])
}

/// Runs a kernel that writes every value of a table of another shape, in memory that the graph keeps.
fn fill(
    adjacency: &Adjacency,
    x: FlexTensor,
    shape: [usize; 2],
    kernel: impl FnOnce(&[f32], &mut [f32]),
) -> FlexTensor {
    let x = x.to_contiguous();
    let mut y = adjacency.buffers().take(shape[0] * shape[1]);
    kernel(values(&x), &mut y);
    table(y.into(), shape)
}

fn values(x: &FlexTensor) -> &[f32] {
    x.as_slice().expect("sparse operations take 32-bit floats")
}

fn table(values: Bytes, shape: [usize; 2]) -> FlexTensor {
    FlexTensor::new(values, Layout::contiguous(Shape::new(shape)), DType::F32)
}

impl SparseBackend for Flex {
    fn propagate_rows(plan: Propagation, x: FlexTensor) -> FlexTensor {
        let Propagation { adjacency, combination, rows } = plan;
        let width = x.layout().shape()[1];
        fill(&adjacency, x, [rows.len(), combination.num_outputs() * width], |x, y| {
            kernels::propagate_rows(&adjacency, x, width, &combination, &rows, y);
        })
    }

    fn propagate_rows_backward(plan: Propagation, gradient: FlexTensor) -> FlexTensor {
        let Propagation { adjacency, combination, rows } = plan;
        let width = gradient.layout().shape()[1] / combination.num_outputs();
        fill(&adjacency, gradient, [adjacency.num_rows(), width], |gradient, dx| {
            kernels::propagate_rows_backward(&adjacency, gradient, width, &combination, &rows, dx);
        })
    }

    fn spmm(adjacency: Adjacency, x: FlexTensor) -> FlexTensor {
        let width = x.layout().shape()[1];
        fill(&adjacency, x, [adjacency.num_rows(), width], |x, y| kernels::spmm(&adjacency, x, width, y))
    }

    fn gather_rows(indices: Rows, x: FlexTensor) -> FlexTensor {
        run(x, indices.len(), |x, width, y| kernels::gather_rows(x, width, &indices, y))
    }

    fn scatter_rows(indices: Rows, num_rows: usize, x: FlexTensor) -> FlexTensor {
        run(x, num_rows, |x, width, y| indices.groups().add_to(x, width, y))
    }
}

#[derive(Debug)]
struct PropagateRows;

impl<B: SparseBackend> Backward<B, 1> for PropagateRows {
    type State = Propagation;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let Some(parent) = &ops.parents[0] {
            grads.register::<B>(parent.id, B::propagate_rows_backward(ops.state, grad));
        }
    }
}

/// A gradient is linear in the one it is given, and its transpose is the propagation itself.
#[derive(Debug)]
struct PropagateRowsBackward;

impl<B: SparseBackend> Backward<B, 1> for PropagateRowsBackward {
    type State = Propagation;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let Some(parent) = &ops.parents[0] {
            grads.register::<B>(parent.id, B::propagate_rows(ops.state, grad));
        }
    }
}

#[derive(Debug)]
struct Spmm;

impl<B: SparseBackend> Backward<B, 1> for Spmm {
    type State = Adjacency;

    /// `dX = M^T dY`.
    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let Some(parent) = &ops.parents[0] {
            grads.register::<B>(parent.id, B::spmm(ops.state.transposed(), grad));
        }
    }
}

#[derive(Debug)]
struct GatherRows;

impl<B: SparseBackend> Backward<B, 1> for GatherRows {
    type State = (Rows, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let Some(parent) = &ops.parents[0] {
            let (indices, num_rows) = ops.state;
            grads.register::<B>(parent.id, B::scatter_rows(indices, num_rows, grad));
        }
    }
}

#[derive(Debug)]
struct ScatterRows;

impl<B: SparseBackend> Backward<B, 1> for ScatterRows {
    type State = Rows;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let Some(parent) = &ops.parents[0] {
            grads.register::<B>(parent.id, B::gather_rows(ops.state, grad));
        }
    }
}

impl<B: SparseBackend, C: CheckpointStrategy> SparseBackend for Autodiff<B, C> {
    fn propagate_rows(plan: Propagation, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, x) = (x.node(), x.into_primitive());
        match PropagateRows.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(plan.clone(), B::propagate_rows(plan, x)),
            OpsKind::UnTracked(prep) => prep.finish(B::propagate_rows(plan, x)),
        }
    }

    fn propagate_rows_backward(plan: Propagation, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, x) = (x.node(), x.into_primitive());
        match PropagateRowsBackward.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(plan.clone(), B::propagate_rows_backward(plan, x)),
            OpsKind::UnTracked(prep) => prep.finish(B::propagate_rows_backward(plan, x)),
        }
    }

    fn spmm(adjacency: Adjacency, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, x) = (x.node(), x.into_primitive());
        match Spmm.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(adjacency.clone(), B::spmm(adjacency, x)),
            OpsKind::UnTracked(prep) => prep.finish(B::spmm(adjacency, x)),
        }
    }

    fn gather_rows(indices: Rows, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, x) = (x.node(), x.into_primitive());
        match GatherRows.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (indices.clone(), x.shape()[0]);
                prep.finish(state, B::gather_rows(indices, x))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::gather_rows(indices, x)),
        }
    }

    fn scatter_rows(indices: Rows, num_rows: usize, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, x) = (x.node(), x.into_primitive());
        match ScatterRows.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(indices.clone(), B::scatter_rows(indices, num_rows, x)),
            OpsKind::UnTracked(prep) => prep.finish(B::scatter_rows(indices, num_rows, x)),
        }
    }
}
