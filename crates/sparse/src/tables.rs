//! What an optimiser calls: one step on a parameter of any rank, in place where the parameter is not shared.
//!
//! Each function takes what it moves and gives it back, without autodiff; a tensor that somebody else still
//! holds is copied first. The equations are those of [`crate::kernels::tables`].

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::Rows;
use crate::kernels::tables::{AdamFactors, RmsProp};
use crate::ops::tables::{Named, TableBackend};

/// The gradient of a parameter; its rows are the first dimension.
#[derive(Clone, Debug)]
pub enum TableGradient<const D: usize> {
    /// In the shape of the parameter.
    Dense(Tensor<D>),
    /// Of some rows; that of all others is zero.
    Rows {
        /// Distinct and ascending.
        rows: Rows,
        /// `rows.len() x width`, where `width` is the number of values in a row of the parameter.
        values: Tensor<2>,
    },
}

impl<const D: usize> TableGradient<D> {
    fn into_parts(self) -> (Named, burn::tensor::DispatchTensor) {
        match self {
            Self::Dense(values) => (None, values.without_autodiff().into_dispatch()),
            Self::Rows { rows, values } => (Some(rows), values.without_autodiff().into_dispatch()),
        }
    }
}

/// One step of Adam or AdamW on every row: the new `(x, m, v)`.
///
/// `m` and `v` have one value for each of `x` and begin as zeros.
///
/// # Panics
/// If sizes differ, or the rows of the gradient are not distinct, ascending and within the table.
#[must_use]
pub fn adam<const D: usize>(
    x: Tensor<D>,
    gradient: TableGradient<D>,
    m: Tensor<1>,
    v: Tensor<1>,
    factors: AdamFactors,
) -> (Tensor<D>, Tensor<1>, Tensor<1>) {
    let (rows, gradient) = gradient.into_parts();
    let (x, m, v) = (x.without_autodiff().into_dispatch(), m.into_dispatch(), v.into_dispatch());
    let (x, m, v) = <Dispatch as TableBackend>::adam(x, rows, gradient, m, v, factors);
    (Tensor::from_dispatch(x), Tensor::from_dispatch(m), Tensor::from_dispatch(v))
}

/// One step of Adam on the rows that the gradient names: the new `(x, m, v)`. Unnamed rows, and their
/// moments, stay as they are; a dense gradient gives [`adam`].
///
/// # Panics
/// As [`adam`].
#[must_use]
pub fn lazy_adam<const D: usize>(
    x: Tensor<D>,
    gradient: TableGradient<D>,
    m: Tensor<1>,
    v: Tensor<1>,
    factors: AdamFactors,
) -> (Tensor<D>, Tensor<1>, Tensor<1>) {
    let (rows, gradient) = gradient.into_parts();
    let (x, m, v) = (x.without_autodiff().into_dispatch(), m.into_dispatch(), v.into_dispatch());
    let (x, m, v) = <Dispatch as TableBackend>::lazy_adam(x, rows, gradient, m, v, factors);
    (Tensor::from_dispatch(x), Tensor::from_dispatch(m), Tensor::from_dispatch(v))
}

/// One step of gradient descent: the new `x`.
///
/// # Panics
/// If sizes differ, or the rows of the gradient are not distinct, ascending and within the table.
#[must_use]
pub fn sgd<const D: usize>(x: Tensor<D>, gradient: TableGradient<D>, learning_rate: f32) -> Tensor<D> {
    let (rows, gradient) = gradient.into_parts();
    let x = x.without_autodiff().into_dispatch();
    Tensor::from_dispatch(<Dispatch as TableBackend>::sgd(x, rows, gradient, learning_rate))
}

/// One step of row-wise AdaGrad: the new `(x, squares)`.
///
/// `squares` has one value for each row of `x` and begins as zeros.
///
/// # Panics
/// If sizes differ, or the rows of the gradient are not distinct, ascending and within the table.
#[must_use]
pub fn row_adagrad<const D: usize>(
    x: Tensor<D>,
    gradient: TableGradient<D>,
    squares: Tensor<1>,
    learning_rate: f32,
    epsilon: f32,
) -> (Tensor<D>, Tensor<1>) {
    let (rows, gradient) = gradient.into_parts();
    let (x, squares) = (x.without_autodiff().into_dispatch(), squares.into_dispatch());
    let (x, squares) = <Dispatch as TableBackend>::row_adagrad(x, rows, gradient, squares, learning_rate, epsilon);
    (Tensor::from_dispatch(x), Tensor::from_dispatch(squares))
}

/// One step of RMSprop, the `step`-th from 1: the new `(x, squares, last)`; the cost is that of the rows named.
///
/// `squares` has the size of `x`, `last` one value for each row of `x`; both begin as zeros.
///
/// # Panics
/// If sizes differ, or the rows of the gradient are not distinct, ascending and within the table.
#[must_use]
pub fn rms_prop<const D: usize>(
    x: Tensor<D>,
    gradient: TableGradient<D>,
    squares: Tensor<1>,
    last: Tensor<1>,
    constants: RmsProp,
    step: u32,
) -> (Tensor<D>, Tensor<1>, Tensor<1>) {
    let (rows, gradient) = gradient.into_parts();
    let (x, squares, last) = (x.without_autodiff().into_dispatch(), squares.into_dispatch(), last.into_dispatch());
    let (x, squares, last) = <Dispatch as TableBackend>::rms_prop(x, rows, gradient, squares, last, constants, step);
    (Tensor::from_dispatch(x), Tensor::from_dispatch(squares), Tensor::from_dispatch(last))
}

/// The distinct `indices` in ascending order and, for each, the sum of its rows of `gradient` in the order of
/// the lookup; `gradient` is `indices.len() x width`.
///
/// # Panics
/// If there is not one row for each index.
#[must_use]
pub fn coalesce_rows(indices: impl Into<Rows>, gradient: Tensor<2>) -> (Rows, Tensor<2>) {
    let indices = indices.into();
    assert_eq!(gradient.dims()[0], indices.len(), "one row for each index");
    let rows = indices.groups().rows().clone();
    let gradient = gradient.without_autodiff().into_dispatch();
    (rows, Tensor::from_dispatch(<Dispatch as TableBackend>::sum_groups(indices, gradient)))
}
