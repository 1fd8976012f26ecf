//! Many rows through one small matrix, and what a layer does to the result while it is in the cache.
//!
//! ```text
//! Y  = act(X W + b)
//! dZ = dY ∘ act'(Y)     dX = dZ W^T     dW = Σ_n X[n]^T dZ[n]     db = Σ_n dZ[n]
//! ```
//!
//! Rows go in blocks of a fixed size, each the work of one task, and the sums over rows are added in the order of the
//! blocks. `dZ` exists for a block at a time.

use rayon::prelude::*;

use super::exp::tanh_of;
use super::vectors::vectorised;

/// Rows a task: a block and its result stay in the second cache at usual widths.
const ROWS_A_BLOCK: usize = 1024;

/// Values a task, where there are no rows.
const VALUES_A_TASK: usize = 1 << 16;

/// What a layer does to each value; its slope is known from the result alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `z` above 0, and else `slope · z`. Slope 0 is the relu. At 0 the slope counts.
    LeakyRelu(f32),
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// `max(z, 0)`.
    pub const RELU: Self = Self::LeakyRelu(0.0);

    #[inline(always)]
    fn apply(self, values: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::LeakyRelu(slope) => {
                for value in values {
                    *value = if *value > 0.0 { *value } else { slope * *value };
                }
            }
            Self::Tanh => values.iter_mut().for_each(|value| *value = tanh_of(*value)),
        }
    }

    /// `dz` from `y` and `dy`; with a slope of at least 0, `y` is above 0 where `z` is.
    #[inline(always)]
    fn backward(self, y: &[f32], dy: &[f32], dz: &mut [f32]) {
        match self {
            Self::Identity => dz.copy_from_slice(dy),
            Self::LeakyRelu(slope) => {
                for ((dz, y), dy) in dz.iter_mut().zip(y).zip(dy) {
                    *dz = if *y > 0.0 { *dy } else { slope * *dy };
                }
            }
            Self::Tanh => {
                for ((dz, y), dy) in dz.iter_mut().zip(y).zip(dy) {
                    *dz = (1.0 - y * y) * dy;
                }
            }
        }
    }

    /// The slope is a finite number of at least 0.
    #[cfg(feature = "burn")]
    pub(crate) fn check(self) {
        let fits = match self {
            Self::Identity | Self::Tanh => true,
            Self::LeakyRelu(slope) => slope >= 0.0 && slope.is_finite(),
        };
        assert!(fits, "a slope is a finite number of at least 0, got {self:?}");
    }
}

/// `y = act(x weight + bias)`: `x` is `rows x inputs`, `weight` is `inputs x outputs`, `bias` is `outputs`, `y` is
/// `rows x outputs`.
///
/// # Panics
/// If a slice has another size.
pub fn linear(x: &[f32], weight: &[f32], bias: &[f32], activation: Activation, y: &mut [f32]) {
    let outputs = bias.len();
    let inputs = inputs(weight, outputs);
    if outputs == 0 || y.is_empty() {
        return;
    }
    assert_eq!(x.len() * outputs, y.len() * inputs, "one row of the result for each row of x");
    y.par_chunks_mut(ROWS_A_BLOCK * outputs).enumerate().for_each(|(block, y)| {
        let rows = y.len() / outputs;
        let x = &x[block * ROWS_A_BLOCK * inputs..][..rows * inputs];
        multiply(y, Matrix::new(x, rows, inputs), Matrix::new(weight, inputs, outputs));
        vectorised(
            #[inline(always)]
            || {
                for y in y.chunks_exact_mut(outputs) {
                    y.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
                    activation.apply(y);
                }
            },
        );
    });
}

/// `dx` of [`linear`], `rows x inputs`; `y` is its result and `dy` the gradient of that.
///
/// # Panics
/// If a slice has another size.
pub fn linear_dx(y: &[f32], dy: &[f32], weight: &[f32], outputs: usize, activation: Activation, dx: &mut [f32]) {
    let inputs = inputs(weight, outputs);
    assert_eq!(y.len(), dy.len(), "one gradient for each value");
    assert_eq!(y.len() * inputs, dx.len() * outputs, "one gradient for each row");
    if dx.is_empty() || outputs == 0 {
        return;
    }
    dx.par_chunks_mut(ROWS_A_BLOCK * inputs).enumerate().for_each_init(Vec::new, |scratch, (block, dx)| {
        let rows = dx.len() / inputs;
        let of_block = block * ROWS_A_BLOCK * outputs..(block * ROWS_A_BLOCK + rows) * outputs;
        let dz = dz(&y[of_block.clone()], &dy[of_block], activation, scratch);
        multiply(dx, Matrix::new(dz, rows, outputs), Matrix::new(weight, inputs, outputs).transposed());
    });
}

/// `dW` and below it `db` of [`linear`], `(inputs + 1) x outputs`.
///
/// # Panics
/// If a slice has another size.
pub fn linear_dw(x: &[f32], y: &[f32], dy: &[f32], activation: Activation, inputs: usize, dw: &mut [f32]) {
    let outputs = dw.len() / (inputs + 1);
    assert_eq!(dw.len(), (inputs + 1) * outputs, "a row for each input and one for the bias");
    assert_eq!(y.len(), dy.len(), "one gradient for each value");
    assert_eq!(x.len() * outputs, y.len() * inputs, "one row of the result for each row of x");
    dw.fill(0.0);
    if outputs == 0 {
        return;
    }
    let of_block = |scratch: &mut Vec<f32>, (block, (y, dy)): (usize, (&[f32], &[f32]))| {
        let rows = y.len() / outputs;
        let x = &x[block * ROWS_A_BLOCK * inputs..][..rows * inputs];
        let dz = dz(y, dy, activation, scratch);
        let mut sums = vec![0f32; (inputs + 1) * outputs];
        let (dw, db) = sums.split_at_mut(inputs * outputs);
        multiply(dw, Matrix::new(x, rows, inputs).transposed(), Matrix::new(dz, rows, outputs));
        vectorised(
            #[inline(always)]
            || dz.chunks_exact(outputs).for_each(|dz| db.iter_mut().zip(dz).for_each(|(db, dz)| *db += dz)),
        );
        sums
    };
    let blocks = y.par_chunks(ROWS_A_BLOCK * outputs).zip(dy.par_chunks(ROWS_A_BLOCK * outputs)).enumerate();
    let sums: Vec<Vec<f32>> = blocks.map_init(Vec::new, of_block).collect();
    for sums in sums {
        dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += sum);
    }
}

/// `dz` of `y = act(z)`, from `y` and its gradient.
///
/// # Panics
/// If sizes differ.
pub fn activation_gradient(activation: Activation, y: &[f32], dy: &[f32], dz: &mut [f32]) {
    assert!(y.len() == dy.len() && y.len() == dz.len(), "one gradient for each value");
    dz.par_chunks_mut(VALUES_A_TASK).zip(y.par_chunks(VALUES_A_TASK)).zip(dy.par_chunks(VALUES_A_TASK)).for_each(
        |((dz, y), dy)| {
            vectorised(
                #[inline(always)]
                || activation.backward(y, dy, dz),
            );
        },
    );
}

fn inputs(weight: &[f32], outputs: usize) -> usize {
    let inputs = weight.len().checked_div(outputs).unwrap_or(0);
    assert_eq!(weight.len(), inputs * outputs, "whole rows of weights");
    inputs
}

/// `dz` of a block, in `scratch` where it is not `dy` itself.
fn dz<'a>(y: &[f32], dy: &'a [f32], activation: Activation, scratch: &'a mut Vec<f32>) -> &'a [f32] {
    if activation == Activation::Identity {
        return dy;
    }
    scratch.resize(y.len(), 0.0);
    vectorised(
        #[inline(always)]
        || activation.backward(y, dy, scratch),
    );
    scratch
}

/// A matrix in memory, row after row, or its transpose.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Matrix<'a> {
    fn new(values: &'a [f32], rows: usize, cols: usize) -> Self {
        assert_eq!(values.len(), rows * cols, "a matrix of {rows} x {cols}");
        Self { values, rows, cols, row_stride: cols, col_stride: 1 }
    }

    fn transposed(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }
}

/// `out = a b`, on this thread alone.
fn multiply(out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>) {
    assert_eq!(a.cols, b.rows, "matrices that can be multiplied");
    assert_eq!(out.len(), a.rows * b.cols, "a result of {} x {}", a.rows, b.cols);
    let stride = |stride: usize| isize::try_from(stride).expect("a slice is shorter than isize::MAX");
    #[expect(unsafe_code, reason = "the product takes pointers and strides")]
    // SAFETY: strides and sizes of `a` and `b` are those of slices that `Matrix::new` has measured, whichever way round,
    // `out` was measured above, is written through these pointers only, and is borrowed mutably, so that it is neither.
    unsafe {
        gemm::gemm(
            a.rows,
            b.cols,
            a.cols,
            out.as_mut_ptr(),
            1,
            stride(b.cols),
            false,
            a.values.as_ptr(),
            stride(a.col_stride),
            stride(a.row_stride),
            b.values.as_ptr(),
            stride(b.col_stride),
            stride(b.row_stride),
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
