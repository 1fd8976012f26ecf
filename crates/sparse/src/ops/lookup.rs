//! A lookup whose gradient leaves the backward pass by a sink: no table of zeros is made for it.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend as BurnBackend, Flex, backend_extension};
#[cfg(feature = "gpu")]
use burn::tensor::Shape;
use burn::tensor::Tensor;

use super::SparseBackend;
use crate::Rows;
use crate::lookup::Slot;

/// Lookups with a sink. A backend that is not listed here panics when it is asked.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Fusion: cfg(feature = "gpu"), Autodiff)]
pub(crate) trait LookupBackend: SparseBackend {
    /// `y[n] = x[indices[n]]`; the gradient of `y` goes to the slot, and `x` has none from here.
    #[fusion(dtype = x, shape = Shape::new([indices.len(), x[1]]))]
    fn gather_rows_into(indices: Rows, slot: Slot, x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// From a backend's tensor to one that the caller of a sink can use.
pub(crate) trait Lift: BurnBackend {
    fn lift(x: FloatTensor<Self>) -> Tensor<2>;
}

impl Lift for Flex {
    fn lift(x: FlexTensor) -> Tensor<2> {
        Tensor::from_primitive::<Self>(x)
    }
}

impl LookupBackend for Flex {
    fn gather_rows_into(indices: Rows, _: Slot, x: FlexTensor) -> FlexTensor {
        Self::gather_rows(indices, x)
    }
}

#[derive(Debug)]
struct GatherRowsInto;

impl<B: Lift> Backward<B, 1> for GatherRowsInto {
    type State = (Rows, Slot);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (indices, slot) = ops.state;
        slot.fill(indices, B::lift(grad));
    }
}

impl<B: LookupBackend + Lift, C: CheckpointStrategy> LookupBackend for Autodiff<B, C> {
    fn gather_rows_into(indices: Rows, slot: Slot, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, x) = (x.node(), x.into_primitive());
        match GatherRowsInto.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((indices.clone(), slot), B::gather_rows(indices, x)),
            OpsKind::UnTracked(prep) => prep.finish(B::gather_rows(indices, x)),
        }
    }
}
