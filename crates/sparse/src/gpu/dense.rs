//! Dense layers on a device: the matrix products of Burn, and one kernel for what the layer does to each value.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::device::empty;
use super::geometry::lines;
use crate::Activation;
use crate::ops::grouped::{Bounds, GroupedBackend, groups_outer, groups_times, rows_of};
use crate::ops::linear::LinearBackend;
use crate::ops::tall::{blocks, tall_sum, whole_blocks};

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Kind {
    Identity,
    LeakyRelu,
    Tanh,
}

fn kind(activation: Activation) -> (Kind, f32) {
    match activation {
        Activation::Identity => (Kind::Identity, 1.0),
        Activation::LeakyRelu(slope) => (Kind::LeakyRelu, slope),
        Activation::Tanh => (Kind::Tanh, 1.0),
    }
}

/// `y = act(z + bias)`.
#[cube(launch_unchecked)]
fn activate(z: &[f32], bias: &[f32], y: &mut [f32], num_rows: usize, width: usize, slope: f32, #[comptime] kind: Kind) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if row >= num_rows {
        terminate!();
    }
    let mut column = UNIT_POS_X as usize;
    while column < width {
        let at = row * width + column;
        let mut value = z[at] + bias[column];
        if comptime!(kind == Kind::LeakyRelu) {
            value = select(value > 0.0, value, value * slope);
        }
        if comptime!(kind == Kind::Tanh) {
            // Where tanh is one to the last bit, since the powers of some drivers overflow.
            value = clamp(value, -10.0, 10.0).tanh();
        }
        y[at] = value;
        column += CUBE_DIM_X as usize;
    }
}

/// `dz` from `y` and `dy`; with a slope of at least 0, `y` is above 0 where `z` is.
#[cube(launch_unchecked)]
fn deactivate(
    y: &[f32],
    dy: &[f32],
    dz: &mut [f32],
    num_rows: usize,
    width: usize,
    slope: f32,
    #[comptime] kind: Kind,
) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if row >= num_rows {
        terminate!();
    }
    let mut column = UNIT_POS_X as usize;
    while column < width {
        let at = row * width + column;
        let mut value = dy[at];
        if comptime!(kind == Kind::LeakyRelu) {
            value = select(y[at] > 0.0, value, value * slope);
        }
        if comptime!(kind == Kind::Tanh) {
            value *= 1.0 - y[at] * y[at];
        }
        dz[at] = value;
        column += CUBE_DIM_X as usize;
    }
}

/// `act(z + bias)`, or with `y` for `z` and `dy` for `bias` the way back.
fn apply(activation: Activation, first: CubeTensor, second: CubeTensor, back: bool) -> CubeTensor {
    let [first, second] = [first, second].map(into_contiguous);
    let [num_rows, width] = [first.meta.shape()[0], first.meta.shape()[1]];
    let out = empty([num_rows, width], &first.device);
    if num_rows == 0 || width == 0 {
        return out;
    }
    let (count, dim) = lines(num_rows, width, &first.device);
    let (kind, slope) = kind(activation);
    let client = first.client.clone();
    let [first, second] = [first, second].map(CubeTensor::into_buffer_arg);
    let into = out.clone().into_buffer_arg();
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: tables of one size, or a bias for each column.
    unsafe {
        if back {
            deactivate::launch_unchecked(&client, count, dim, first, second, into, num_rows, width, slope, kind);
        } else {
            activate::launch_unchecked(&client, count, dim, first, second, into, num_rows, width, slope, kind);
        }
    }
    out
}

/// `x^T z` of tables of many rows: Burn's product would give so small a result to so few cubes that each went through
/// all rows. Blocks of rows are multiplied side by side, and their products added.
fn tall_product(x: CubeTensor, z: CubeTensor) -> CubeTensor {
    type B = CubeBackend;
    let [rows, inputs, outputs] = [x.meta.shape()[0], x.meta.shape()[1], z.meta.shape()[1]];
    let whole = whole_blocks(rows);
    let product = |x: CubeTensor, z: CubeTensor| B::float_matmul(B::float_transpose(x), z);
    if whole == 0 {
        return product(x, z);
    }
    let products = B::float_matmul(B::float_swap_dims(blocks::<B>(&x, whole), 1, 2), blocks::<B>(&z, whole));
    let sum = B::float_reshape(B::float_sum_dim(products, 0), Shape::new([inputs, outputs]));
    if whole == rows {
        return sum;
    }
    B::float_add(sum, product(rows_of::<B>(&x, whole..rows), rows_of::<B>(&z, whole..rows)))
}

impl LinearBackend for CubeBackend {
    fn dense(activation: Activation, x: CubeTensor, weight: CubeTensor, bias: CubeTensor) -> CubeTensor {
        apply(activation, Self::float_matmul(x, weight), bias, false)
    }

    fn linear_dx(activation: Activation, y: CubeTensor, dy: CubeTensor, weight: CubeTensor) -> CubeTensor {
        Self::float_matmul(apply(activation, y, dy, true), Self::float_transpose(weight))
    }

    fn linear_dw(activation: Activation, x: CubeTensor, y: CubeTensor, dy: CubeTensor) -> CubeTensor {
        let dz = apply(activation, y, dy, true);
        let of_weight = tall_product(x, dz.clone());
        Self::float_cat(vec![of_weight, tall_sum::<Self>(dz)], 0)
    }
}

impl GroupedBackend for CubeBackend {
    fn grouped_linear(bounds: Bounds, x: CubeTensor, weights: CubeTensor) -> CubeTensor {
        groups_times::<Self>(&bounds, &x, &weights)
    }

    fn grouped_outer(bounds: Bounds, x: CubeTensor, dy: CubeTensor) -> CubeTensor {
        groups_outer::<Self>(&bounds, &x, &dy, tall_product)
    }
}
