//! The ranking losses as one operation of Burn's backends.
//!
//! A forward pass leaves value and gradient; the backward pass has only to multiply the gradient by what
//! comes in, and not even that where it is one.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend as BurnBackend, Dispatch, Flex, backend_extension};
use burn::tensor::{Bytes, DType, Shape, Tensor};

use crate::kernels::losses::{self, RowLoss};

/// The losses of a backend. A backend that is not listed here panics when it is asked.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Fusion: cfg(feature = "gpu"), Autodiff)]
pub(crate) trait LossBackend: BurnBackend {
    /// The value, of shape `[1]`, and the gradient, of the shape of `x`, which no gradient passes through.
    #[fusion(meta = |_, x| (burn::backend::fusion::custom::TensorSpec::new(Shape::new([1]), x.dtype), x.clone()))]
    fn row_loss(loss: RowLoss, x: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// `table * factor`, `factor` of shape `[1]`.
    #[fusion(dtype = table, shape = table)]
    fn scale_table(table: FloatTensor<Self>, factor: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl LossBackend for Flex {
    fn row_loss(loss: RowLoss, x: FlexTensor) -> (FlexTensor, FlexTensor) {
        let x = x.to_contiguous();
        let shape = x.layout().shape().clone();
        let x: &[f32] = x.as_slice().expect("losses take 32-bit floats");
        let mut gradient = vec![0f32; x.len()];
        let value = losses::row_loss(&loss, x, shape[1], &mut gradient);
        let tensor = |values, shape| FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape), DType::F32);
        #[expect(clippy::cast_possible_truncation, reason = "the value of a loss is one 32-bit float to Burn")]
        (tensor(vec![value as f32], Shape::new([1])), tensor(gradient, shape))
    }

    #[expect(clippy::float_cmp, reason = "only a factor of exactly one changes nothing")]
    fn scale_table(table: FlexTensor, factor: FlexTensor) -> FlexTensor {
        let factor = factor.to_contiguous().as_slice::<f32>().expect("losses take 32-bit floats")[0];
        if factor == 1.0 { table } else { Self::float_mul_scalar(table, factor.into()) }
    }
}

#[derive(Debug)]
struct Loss;

impl<B: LossBackend> Backward<B, 1> for Loss {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let factor = grads.consume::<B>(&ops.node);
        if let Some(parent) = &ops.parents[0] {
            grads.register::<B>(parent.id, B::scale_table(ops.state, factor));
        }
    }
}

impl<B: LossBackend, C: CheckpointStrategy> LossBackend for Autodiff<B, C> {
    fn row_loss(loss: RowLoss, x: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (node, x) = (x.node(), x.into_primitive());
        let (value, gradient) = B::row_loss(loss, x);
        let value = match Loss.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(gradient.clone(), value),
            OpsKind::UnTracked(prep) => prep.finish(value),
        };
        (value, Self::from_inner(gradient))
    }

    fn scale_table(table: FloatTensor<Self>, factor: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_mul(table, Self::float_reshape(factor, Shape::new([1, 1])))
    }
}

/// A ranking loss over the stacked rows of a batch, of shape `[1]`, as one operation: `x` is
/// `loss.num_stacked() x width`. Its gradient is computed with its value, and has none of its own.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use gnnrec_sparse::{kernels::losses::{Objective, RowLoss}, row_loss};
/// let device = Device::flex().autodiff();
/// // One user, its positive, one negative.
/// let x = Tensor::<2>::from_floats([[1.0, 0.0], [2.0, 5.0], [2.0, 7.0]], &device).require_grad();
/// let loss = RowLoss::new(Objective::Bpr { num_negatives: 1 }, 1, 0..2);
/// let value = row_loss(&loss, x.clone());
/// let gradient = x.grad(&value.clone().backward()).unwrap();
/// assert!((value.into_scalar::<f32>() - 2f32.ln()).abs() < 1e-6);
/// gradient.into_data().assert_eq(&[[0.0f32, 1.0], [-0.5, 0.0], [0.5, 0.0]].into(), true);
/// ```
///
/// # Panics
/// If `x` has another number of rows, or a column of the loss lies outside it.
#[must_use]
pub fn row_loss(loss: &RowLoss, x: Tensor<2>) -> Tensor<1> {
    let [num_rows, width] = x.dims();
    loss.check(num_rows, width);
    let (value, _) = <Dispatch as LossBackend>::row_loss(loss.clone(), x.into_dispatch());
    Tensor::from_dispatch(value)
}
