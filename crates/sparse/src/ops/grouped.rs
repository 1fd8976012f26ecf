//! Rows times the matrix of their group: what each relation makes of the nodes it meets.
//!
//! Rows stand in the order of their groups, so that a group is one matrix product over its rows: the cost is linear
//! in rows, and no matrix is ever copied for a row.

use std::ops::Range;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend as BurnBackend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{FloatDType, Shape, Slice, Tensor};

/// Group `g` has the rows `bounds[g] .. bounds[g + 1]`.
pub(crate) type Bounds = Arc<[usize]>;

/// The grouped products of a backend. A backend that is not listed here panics when it is asked.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Fusion: cfg(feature = "gpu"), Autodiff)]
pub(crate) trait GroupedBackend: BurnBackend {
    /// `y[n] = x[n] W[group of n]`.
    #[fusion(dtype = x, shape = Shape::new([x[0], weights[2]]))]
    fn grouped_linear(bounds: Bounds, x: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `W[g] = Σ_{n in g} x[n]^T dy[n]`.
    #[fusion(dtype = x, shape = Shape::new([bounds.len() - 1, x[1], dy[1]]))]
    fn grouped_outer(bounds: Bounds, x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The groups that have rows, in order.
fn groups(bounds: &[usize]) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
    bounds.windows(2).map(|ends| ends[0]..ends[1]).enumerate().filter(|(_, rows)| !rows.is_empty())
}

pub(crate) fn rows_of<B: BurnBackend>(x: &FloatTensor<B>, rows: Range<usize>) -> FloatTensor<B> {
    let width = x.shape()[1];
    B::float_slice(x.clone(), &[Slice::from(rows), Slice::from(0..width)])
}

/// `y[n] = x[n] W[group of n]`, a matrix product for each group.
pub(crate) fn groups_times<B: BurnBackend>(
    bounds: &[usize],
    x: &FloatTensor<B>,
    weights: &FloatTensor<B>,
) -> FloatTensor<B> {
    let (inputs, outputs) = (weights.shape()[1], weights.shape()[2]);
    let products = groups(bounds).map(|(group, rows)| {
        let slices = [Slice::from(group..group + 1), Slice::from(0..inputs), Slice::from(0..outputs)];
        let weight = B::float_slice(weights.clone(), &slices);
        B::float_matmul(rows_of::<B>(x, rows), B::float_reshape(weight, Shape::new([inputs, outputs])))
    });
    let products: Vec<FloatTensor<B>> = products.collect();
    match products.is_empty() {
        true => B::float_zeros(Shape::new([0, outputs]), &x.device(), FloatDType::F32),
        false => B::float_cat(products, 0),
    }
}

/// `W[g] = Σ_{n in g} x[n]^T dy[n]`, likewise; `product` is that of a transposed table and another.
pub(crate) fn groups_outer<B: BurnBackend>(
    bounds: &[usize],
    x: &FloatTensor<B>,
    dy: &FloatTensor<B>,
    product: impl Fn(FloatTensor<B>, FloatTensor<B>) -> FloatTensor<B>,
) -> FloatTensor<B> {
    let (num_groups, inputs, outputs) = (bounds.len() - 1, x.shape()[1], dy.shape()[1]);
    let zeros = |count| B::float_zeros(Shape::new([count, inputs, outputs]), &x.device(), FloatDType::F32);
    let (mut parts, mut done) = (Vec::new(), 0);
    for (group, rows) in groups(bounds) {
        if group > done {
            parts.push(zeros(group - done));
        }
        let product = product(rows_of::<B>(x, rows.clone()), rows_of::<B>(dy, rows));
        parts.push(B::float_reshape(product, Shape::new([1, inputs, outputs])));
        done = group + 1;
    }
    if num_groups > done || parts.is_empty() {
        parts.push(zeros(num_groups - done));
    }
    B::float_cat(parts, 0)
}

impl GroupedBackend for Flex {
    fn grouped_linear(bounds: Bounds, x: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self> {
        groups_times::<Self>(&bounds, &x, &weights)
    }

    fn grouped_outer(bounds: Bounds, x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self> {
        groups_outer::<Self>(&bounds, &x, &dy, |x, dy| Self::float_matmul(Self::float_transpose(x), dy))
    }
}

#[derive(Debug)]
struct GroupedLinear;

impl<B: GroupedBackend> Backward<B, 2> for GroupedLinear {
    type State = (Bounds, FloatTensor<B>, FloatTensor<B>);

    /// `dx[n] = dy[n] W[g]^T`, `dW[g] = Σ x[n]^T dy[n]`.
    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (bounds, x, weights) = ops.state;
        let [of_x, of_weights] = ops.parents;
        if let Some(parent) = of_x {
            let transposed = B::float_swap_dims(weights, 1, 2);
            grads.register::<B>(parent.id, B::grouped_linear(bounds.clone(), grad.clone(), transposed));
        }
        if let Some(parent) = of_weights {
            grads.register::<B>(parent.id, B::grouped_outer(bounds, x, grad));
        }
    }
}

impl<B: GroupedBackend, C: CheckpointStrategy> GroupedBackend for Autodiff<B, C> {
    fn grouped_linear(bounds: Bounds, x: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node(), weights.node()];
        let (x, weights) = (x.into_primitive(), weights.into_primitive());
        match GroupedLinear.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (bounds.clone(), x.clone(), weights.clone());
                prep.finish(state, B::grouped_linear(bounds, x, weights))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::grouped_linear(bounds, x, weights)),
        }
    }

    fn grouped_outer(_: Bounds, _: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        panic!("the gradient of grouped_linear has no gradient of its own")
    }
}

/// `y[n] = x[n] W[g]` for the rows `bounds[g] .. bounds[g + 1]` of each group `g`, `rows x outputs`.
///
/// `x` is `rows x inputs`, in the order of the groups, some of which may have no row; `weights` is
/// `num_groups x inputs x outputs`. One matrix product a group; either way the cost is `rows x inputs x outputs`
/// and one pass over the weights.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use gnnrec_sparse::grouped_linear;
/// let device = Device::flex();
/// let x = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], &device);
/// let weights = Tensor::<3>::from_floats([[[1.0], [0.0]], [[0.0], [10.0]]], &device);
/// let y = grouped_linear(&[0, 1, 3], x, weights);
/// y.into_data().assert_eq(&[[1.0f32], [40.0], [60.0]].into(), true);
/// ```
///
/// # Panics
/// If the bounds do not rise from 0 to the number of rows, or there is not one matrix of as many rows as `x` is wide
/// for each group.
#[must_use]
pub fn grouped_linear(bounds: &[usize], x: Tensor<2>, weights: Tensor<3>) -> Tensor<2> {
    let ([rows, width], [num_groups, inputs, _]) = (x.dims(), weights.dims());
    assert_eq!(bounds.len(), num_groups + 1, "one matrix for each group");
    assert!(bounds[0] == 0 && bounds.is_sorted() && bounds[num_groups] == rows, "bounds rise from 0 to {rows}");
    assert_eq!(width, inputs, "a matrix has one row for each column of x");
    let (x, weights) = (x.into_dispatch(), weights.into_dispatch());
    Tensor::from_dispatch(<Dispatch as GroupedBackend>::grouped_linear(bounds.into(), x, weights))
}
