//! A dense layer as one operation of Burn's backends: Flex computes, Autodiff records.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend as BurnBackend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Slice, Tensor};

use super::edges::{filled, floats, width};
use crate::kernels::{self, Activation};

/// A dense layer and its two gradients. A backend that is not listed here panics when it is asked.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Fusion: cfg(feature = "gpu"), Autodiff)]
pub(crate) trait LinearBackend: BurnBackend {
    /// `y = act(x weight + bias)`.
    #[fusion(dtype = x, shape = Shape::new([x[0], weight[1]]))]
    fn dense(
        activation: Activation,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    /// The gradient towards `x`, from `y` and its gradient.
    #[fusion(dtype = y, shape = Shape::new([y[0], weight[0]]))]
    fn linear_dx(
        activation: Activation,
        y: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    /// Those towards `weight` and, in the row below it, `bias`.
    #[fusion(dtype = x, shape = Shape::new([x[1] + 1, y[1]]))]
    fn linear_dw(
        activation: Activation,
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        dy: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl LinearBackend for Flex {
    fn dense(activation: Activation, x: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let shape = [x.layout().shape()[0], width(&weight)];
        let [x, weight, bias] = [x, weight, bias].map(|tensor| tensor.to_contiguous());
        filled(shape, |y| kernels::linear(floats(&x), floats(&weight), floats(&bias), activation, y))
    }

    fn linear_dx(activation: Activation, y: FlexTensor, dy: FlexTensor, weight: FlexTensor) -> FlexTensor {
        let [inputs, outputs] = [weight.layout().shape()[0], width(&weight)];
        let shape = [y.layout().shape()[0], inputs];
        let [y, dy, weight] = [y, dy, weight].map(|tensor| tensor.to_contiguous());
        filled(shape, |dx| {
            kernels::linear_dx(floats(&y), floats(&dy), floats(&weight), outputs, activation, dx);
        })
    }

    fn linear_dw(activation: Activation, x: FlexTensor, y: FlexTensor, dy: FlexTensor) -> FlexTensor {
        let [inputs, outputs] = [width(&x), width(&y)];
        let [x, y, dy] = [x, y, dy].map(|tensor| tensor.to_contiguous());
        filled([inputs + 1, outputs], |dw| {
            kernels::linear_dw(floats(&x), floats(&y), floats(&dy), activation, inputs, dw);
        })
    }
}

#[derive(Debug)]
struct Linear;

impl<B: LinearBackend> Backward<B, 3> for Linear {
    type State = (Activation, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

    /// `dZ = dY ∘ act'(Y)`, `dX = dZ W^T`, `dW = X^T dZ`, `db = Σ dZ`.
    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (activation, x, weight, y) = ops.state;
        let [of_x, of_weight, of_bias] = ops.parents;
        let [inputs, outputs] = [weight.shape()[0], weight.shape()[1]];
        if let Some(parent) = of_x {
            grads.register::<B>(parent.id, B::linear_dx(activation, y.clone(), grad.clone(), weight));
        }
        if of_weight.is_none() && of_bias.is_none() {
            return;
        }
        let sums = B::linear_dw(activation, x, y, grad);
        let rows = |rows| B::float_slice(sums.clone(), &[Slice::from(rows), Slice::from(0..outputs)]);
        if let Some(parent) = of_weight {
            grads.register::<B>(parent.id, rows(0..inputs));
        }
        if let Some(parent) = of_bias {
            grads.register::<B>(parent.id, B::float_reshape(rows(inputs..inputs + 1), Shape::new([1, outputs])));
        }
    }
}

impl<B: LinearBackend, C: CheckpointStrategy> LinearBackend for Autodiff<B, C> {
    fn dense(
        activation: Activation,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let [x, weight, bias] = [x, weight, bias].map(|tensor| tensor.into_primitive());
        match Linear.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::dense(activation, x.clone(), weight.clone(), bias);
                prep.finish((activation, x, weight, y.clone()), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::dense(activation, x, weight, bias)),
        }
    }

    fn linear_dx(_: Activation, _: FloatTensor<Self>, _: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        panic!("the gradient of linear has no gradient of its own")
    }

    fn linear_dw(_: Activation, _: FloatTensor<Self>, _: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        panic!("the gradient of linear has no gradient of its own")
    }
}

/// `act(x W + b)`, `rows x outputs`: a dense layer over many rows.
///
/// `x` is `rows x inputs`, `weight` is `inputs x outputs`, `bias` is `1 x outputs`, or none for zeros. Product, bias and
/// activation take one pass over the rows, and each gradient one; the sum over rows for `dW` uses all threads and is
/// the same for any number of them. There is no second derivative.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use gnnrec_sparse::{Activation, linear};
/// let device = Device::flex();
/// let x = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 4.0]], &device);
/// let weight = Tensor::<2>::from_floats([[1.0], [-1.0]], &device);
/// let bias = Tensor::<2>::from_floats([[0.5]], &device);
/// let y = linear(x, weight, Some(bias), Activation::LeakyRelu(0.1));
/// y.into_data().assert_eq(&[[-0.05f32], [-0.05]].into(), true);
/// ```
///
/// # Panics
/// If sizes do not fit, or a slope is not a finite number of at least 0.
#[must_use]
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<2>>, activation: Activation) -> Tensor<2> {
    activation.check();
    let [inputs, outputs] = weight.dims();
    assert_eq!(x.dims()[1], inputs, "a weight has one row for each column of x");
    let bias = bias.unwrap_or_else(|| Tensor::zeros([1, outputs], &x.device()));
    assert_eq!(bias.dims(), [1, outputs], "one bias for each output");
    let [x, weight, bias] = [x, weight, bias].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as LinearBackend>::dense(activation, x, weight, bias))
}
