//! What is done to each row by itself as operations of Burn's backends: Flex computes, Autodiff records.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend as BurnBackend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::edges::{filled, floats, width};
use crate::Rows;
use crate::kernels::{self, Dropout};

/// What rows are called; `None` calls them by their numbers.
pub(crate) type Ids = Option<Rows>;

/// The operations on rows of a backend. A backend that is not listed here panics when it is asked.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Fusion: cfg(feature = "gpu"), Autodiff)]
pub(crate) trait RowwiseBackend: BurnBackend {
    /// `y[n] = x[n] / |x[n]|`.
    #[fusion(dtype = x, shape = x)]
    fn unit_rows(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Its gradient towards `x`.
    #[fusion(dtype = x, shape = x)]
    fn unit_rows_gradient(x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `x` with components dropped and the others scaled.
    #[fusion(dtype = x, shape = x)]
    fn dropout(dropout: Dropout, ids: Ids, x: FloatTensor<Self>) -> FloatTensor<Self>;
}

fn shape(x: &FlexTensor) -> [usize; 2] {
    [x.layout().shape()[0], width(x)]
}

impl RowwiseBackend for Flex {
    fn unit_rows(x: FlexTensor) -> FlexTensor {
        let x = x.to_contiguous();
        filled(shape(&x), |y| kernels::unit_rows(floats(&x), width(&x), y))
    }

    fn unit_rows_gradient(x: FlexTensor, dy: FlexTensor) -> FlexTensor {
        let [x, dy] = [x, dy].map(|tensor| tensor.to_contiguous());
        filled(shape(&x), |dx| kernels::unit_rows_gradient(floats(&x), floats(&dy), width(&x), dx))
    }

    fn dropout(dropout: Dropout, ids: Ids, x: FlexTensor) -> FlexTensor {
        let x = x.to_contiguous();
        filled(shape(&x), |y| kernels::dropout(floats(&x), width(&x), ids.as_deref(), dropout, y))
    }
}

#[derive(Debug)]
struct UnitRows;

impl<B: RowwiseBackend> Backward<B, 1> for UnitRows {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(parent)] = ops.parents {
            grads.register::<B>(parent.id, B::unit_rows_gradient(ops.state, grad));
        }
    }
}

#[derive(Debug)]
struct DropoutRows;

impl<B: RowwiseBackend> Backward<B, 1> for DropoutRows {
    type State = (Dropout, Ids);

    /// What is kept is kept either way.
    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(parent)] = ops.parents {
            let (dropout, ids) = ops.state;
            grads.register::<B>(parent.id, B::dropout(dropout, ids, grad));
        }
    }
}

impl<B: RowwiseBackend, C: CheckpointStrategy> RowwiseBackend for Autodiff<B, C> {
    fn unit_rows(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, x) = (x.node(), x.into_primitive());
        match UnitRows.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(x.clone(), B::unit_rows(x)),
            OpsKind::UnTracked(prep) => prep.finish(B::unit_rows(x)),
        }
    }

    fn unit_rows_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        panic!("the gradient of unit_rows has no gradient of its own")
    }

    fn dropout(dropout: Dropout, ids: Ids, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, x) = (x.node(), x.into_primitive());
        match DropoutRows.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((dropout, ids.clone()), B::dropout(dropout, ids, x)),
            OpsKind::UnTracked(prep) => prep.finish(B::dropout(dropout, ids, x)),
        }
    }
}

/// `y[n] = x[n] / |x[n]|`, `rows x width`; a row of zeros, or one shorter than 1e-6, is divided by 1e-6.
///
/// The gradient of a row that short passes over its length. One pass over the rows either way.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// let x = Tensor::<2>::from_floats([[3.0, 4.0], [0.0, 0.0]], &Device::flex());
/// gnnrec_sparse::unit_rows(x).into_data().assert_eq(&[[0.6f32, 0.8], [0.0, 0.0]].into(), true);
/// ```
#[must_use]
pub fn unit_rows(x: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as RowwiseBackend>::unit_rows(x.into_dispatch()))
}

/// `x`, `rows x width`, with components set to zero and the others scaled as `dropout` says.
///
/// What becomes of row `n` depends on the dropout's key and `ids[n]` alone, and without ids on its key and `n`. No mask is
/// held: the way back draws the same again.
///
/// # Panics
/// If there is not one id for each row.
#[must_use]
pub fn dropout_rows(x: Tensor<2>, ids: Option<&Rows>, dropout: Dropout) -> Tensor<2> {
    if let Some(ids) = ids {
        assert_eq!(ids.len(), x.dims()[0], "one id for each row");
    }
    let ids = ids.cloned();
    Tensor::from_dispatch(<Dispatch as RowwiseBackend>::dropout(dropout, ids, x.into_dispatch()))
}
