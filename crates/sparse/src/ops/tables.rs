//! Steps of optimisers as operations of Burn's backends: what a step moves it takes and gives back.
//!
//! Flex moves tensors in place where nobody else holds them and copies them first otherwise. There is no
//! gradient of a step, so Autodiff is not among the backends.

use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend as BurnBackend, Flex, backend_extension};
use burn::tensor::{Bytes, DType, Shape};

use crate::Rows;
use crate::kernels::tables::{self, AdamFactors, Gradient, RmsProp};

/// The rows that a gradient names; `None` names all.
pub(crate) type Named = Option<Rows>;

/// Steps on tables. A backend that is not listed here panics when it is asked.
///
/// Rows are the first dimension of `x`; moments have as many values as `x`, in any shape.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Fusion: cfg(feature = "gpu"))]
pub(crate) trait TableBackend: BurnBackend {
    /// `x`, `m` and `v` after a step in which every row moves.
    #[fusion(meta = |x, _, _, m, v, _| (x.clone(), m.clone(), v.clone()))]
    fn adam(
        x: FloatTensor<Self>,
        rows: Named,
        gradient: FloatTensor<Self>,
        m: FloatTensor<Self>,
        v: FloatTensor<Self>,
        factors: AdamFactors,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// `x`, `m` and `v` after a step of the rows that are named.
    #[fusion(meta = |x, _, _, m, v, _| (x.clone(), m.clone(), v.clone()))]
    fn lazy_adam(
        x: FloatTensor<Self>,
        rows: Named,
        gradient: FloatTensor<Self>,
        m: FloatTensor<Self>,
        v: FloatTensor<Self>,
        factors: AdamFactors,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// `x` after a step.
    #[fusion(dtype = x, shape = x)]
    fn sgd(x: FloatTensor<Self>, rows: Named, gradient: FloatTensor<Self>, learning_rate: f32) -> FloatTensor<Self>;
    /// `x` and `squares` after a step.
    #[fusion(meta = |x, _, _, squares, _, _| (x.clone(), squares.clone()))]
    fn row_adagrad(
        x: FloatTensor<Self>,
        rows: Named,
        gradient: FloatTensor<Self>,
        squares: FloatTensor<Self>,
        learning_rate: f32,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// `x`, `squares` and `last` after a step.
    #[fusion(meta = |x, _, _, squares, last, _, _| (x.clone(), squares.clone(), last.clone()))]
    fn rms_prop(
        x: FloatTensor<Self>,
        rows: Named,
        gradient: FloatTensor<Self>,
        squares: FloatTensor<Self>,
        last: FloatTensor<Self>,
        constants: RmsProp,
        step: u32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// `y[r] = Σ_{n: indices[n] = r-th distinct of them} x[n]`.
    #[fusion(dtype = x, shape = Shape::new([indices.groups().rows().len(), x[1]]))]
    fn sum_groups(indices: Rows, x: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl TableBackend for Flex {
    fn adam(
        x: FlexTensor,
        rows: Named,
        gradient: FlexTensor,
        m: FlexTensor,
        v: FlexTensor,
        factors: AdamFactors,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [x, m, v] = step([x, m, v], rows, gradient, |[x, m, v], gradient| tables::adam(x, gradient, m, v, factors));
        (x, m, v)
    }

    fn lazy_adam(
        x: FlexTensor,
        rows: Named,
        gradient: FlexTensor,
        m: FlexTensor,
        v: FlexTensor,
        factors: AdamFactors,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [x, m, v] =
            step([x, m, v], rows, gradient, |[x, m, v], gradient| tables::lazy_adam(x, gradient, m, v, factors));
        (x, m, v)
    }

    fn sgd(x: FlexTensor, rows: Named, gradient: FlexTensor, learning_rate: f32) -> FlexTensor {
        let [x] = step([x], rows, gradient, |[x], gradient| tables::sgd(x, gradient, learning_rate));
        x
    }

    fn row_adagrad(
        x: FlexTensor,
        rows: Named,
        gradient: FlexTensor,
        squares: FlexTensor,
        learning_rate: f32,
        epsilon: f32,
    ) -> (FlexTensor, FlexTensor) {
        let [x, squares] = step([x, squares], rows, gradient, |[x, squares], gradient| {
            tables::row_adagrad(x, gradient, squares, learning_rate, epsilon);
        });
        (x, squares)
    }

    fn rms_prop(
        x: FlexTensor,
        rows: Named,
        gradient: FlexTensor,
        squares: FlexTensor,
        last: FlexTensor,
        constants: RmsProp,
        nth: u32,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [x, squares, last] = step([x, squares, last], rows, gradient, |[x, squares, last], gradient| {
            tables::rms_prop(x, gradient, squares, last, constants, nth);
        });
        (x, squares, last)
    }

    fn sum_groups(indices: Rows, x: FlexTensor) -> FlexTensor {
        let (groups, x) = (indices.groups(), x.to_contiguous());
        let width = x.layout().shape()[1];
        let mut y = vec![0f32; groups.rows().len() * width];
        groups.sum(values(&x), width, &mut y);
        let shape = Shape::new([groups.rows().len(), width]);
        FlexTensor::new(Bytes::from_elems(y), Layout::contiguous(shape), DType::F32)
    }
}

/// Runs a kernel on the storage of tensors, the table first.
fn step<const K: usize>(
    tensors: [FlexTensor; K],
    rows: Named,
    gradient: FlexTensor,
    kernel: impl FnOnce([&mut [f32]; K], Gradient<'_>),
) -> [FlexTensor; K] {
    let mut tensors = tensors.map(whole);
    let shape = tensors[0].layout().shape();
    let width = shape.num_elements() / shape[0].max(1);
    if width > 0 {
        let gradient = gradient.to_contiguous();
        let gradient = Gradient { rows: rows.as_deref(), values: values(&gradient), width };
        // Copies what somebody else holds too.
        kernel(tensors.each_mut().map(FlexTensor::storage_mut::<f32>), gradient);
    }
    tensors
}

fn values(x: &FlexTensor) -> &[f32] {
    x.as_slice().expect("tables are 32-bit floats")
}

/// The tensor itself if it is all of its storage, in order, and otherwise a copy.
fn whole(x: FlexTensor) -> FlexTensor {
    let is_whole =
        |x: &FlexTensor| x.is_contiguous() && x.bytes().len() == x.layout().num_elements() * size_of::<f32>();
    if is_whole(&x) {
        return x;
    }
    let copy = x.to_contiguous();
    assert!(is_whole(&copy), "a copy is whole");
    copy
}
