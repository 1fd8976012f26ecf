//! What is done to each row by itself on a device: the equations are those of [`crate::kernels`]' rows.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::device::empty;
use super::edges::across;
use super::geometry::{Columns, lines};
use crate::kernels::Dropout;

/// A row shorter than this is divided by this.
const LEAST_LENGTH: f32 = 1e-6;

/// The sum of `a ∘ b` over a row, by each of its units.
#[cube]
pub(super) fn row_dot<N: Size>(a: &[Vector<f32, N>], b: &[Vector<f32, N>], row: usize, columns: usize) -> f32 {
    let mut sum = Vector::<f32, N>::new(0.0);
    for column in 0..columns {
        sum += a[row * columns + column] * b[row * columns + column];
    }
    across(sum)
}

#[cube(launch_unchecked)]
fn unit<N: Size>(x: &[Vector<f32, N>], y: &mut [Vector<f32, N>], num_rows: usize, columns: usize) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if row >= num_rows {
        terminate!();
    }
    let length = max(row_dot(x, x, row, columns).sqrt(), LEAST_LENGTH);
    let mut column = UNIT_POS_X as usize;
    while column < columns {
        y[row * columns + column] = x[row * columns + column] / Vector::new(length);
        column += CUBE_DIM_X as usize;
    }
}

#[cube(launch_unchecked)]
fn unit_gradient<N: Size>(
    x: &[Vector<f32, N>],
    dy: &[Vector<f32, N>],
    dx: &mut [Vector<f32, N>],
    num_rows: usize,
    columns: usize,
) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if row >= num_rows {
        terminate!();
    }
    let length = row_dot(x, x, row, columns).sqrt();
    let inverse = 1.0 / max(length, LEAST_LENGTH);
    let along = select(length < LEAST_LENGTH, 0.0, row_dot(x, dy, row, columns) * inverse * inverse);
    let mut column = UNIT_POS_X as usize;
    while column < columns {
        let at = row * columns + column;
        dx[at] = (dy[at] - x[at] * Vector::new(along)) * Vector::new(inverse);
        column += CUBE_DIM_X as usize;
    }
}

/// The high word of a 64-bit product; the low one is the product of the low words.
#[cube]
fn high_of_product(a_low: u32, a_high: u32, b_low: u32, b_high: u32) -> u32 {
    a_low.mul_hi(b_low) + a_low * b_high + a_high * b_low
}

/// [`Dropout`]: SplitMix64 of row and key by halves, as there is no 64-bit integer on every device, then a draw for each
/// component.
#[cube(launch_unchecked)]
fn drop_components(
    x: &[f32],
    ids: &[u32],
    y: &mut [f32],
    num_rows: usize,
    width: usize,
    key_low: u32,
    key_high: u32,
    threshold: u32,
    scale: f32,
    #[comptime] named: bool,
) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if row >= num_rows {
        terminate!();
    }
    let mut id = row as u32;
    if comptime!(named) {
        id = ids[row];
    }
    // key + (id + 1) * 0x9E3779B97F4A7C15, where id + 1 may be 2^32.
    let carry = select(id == 0xFFFF_FFFF, 1u32, 0u32);
    let step_low = (id + 1) * 0x7F4A_7C15;
    let step_high = high_of_product(id + 1, carry, 0x7F4A_7C15, 0x9E37_79B9);
    let mut low = key_low + step_low;
    let mut high = key_high + step_high + select(low < step_low, 1u32, 0u32);
    // z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9
    let mixed = low ^ ((low >> 30) | (high << 2));
    high ^= high >> 30;
    high = high_of_product(mixed, high, 0x1CE4_E5B9, 0xBF58_476D);
    low = mixed * 0x1CE4_E5B9;
    // z = (z ^ z >> 27) * 0x94D049BB133111EB
    let mixed = low ^ ((low >> 27) | (high << 5));
    high ^= high >> 27;
    high = high_of_product(mixed, high, 0x1331_11EB, 0x94D0_49BB);
    low = mixed * 0x1331_11EB;
    // z ^ z >> 31
    low ^= (low >> 31) | (high << 1);
    high ^= high >> 31;

    let mut component = UNIT_POS_X as usize;
    while component < width {
        let mut word = low + component as u32 * 0x9E37_79B9;
        word = ((word ^ (word >> 16)) * 0x21F0_AAAD) ^ high;
        word = (word ^ (word >> 15)) * 0xD35A_2D97;
        word ^= word >> 15;
        let at = row * width + component;
        y[at] = select(word < threshold, 0.0, x[at] * scale);
        component += CUBE_DIM_X as usize;
    }
}

fn shape(x: &CubeTensor) -> [usize; 2] {
    [x.meta.shape()[0], x.meta.shape()[1]]
}

pub(super) fn unit_rows(x: &CubeTensor) -> CubeTensor {
    let [num_rows, width] = shape(x);
    let y = empty([num_rows, width], &x.device);
    if num_rows * width > 0 {
        let columns = Columns::of(width);
        let (count, dim) = lines(num_rows, columns.count, &x.device);
        let (x, out) = (x.clone(), y.clone().into_buffer_arg());
        #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
        // SAFETY: both tables have so many rows.
        unsafe {
            unit::launch_unchecked(
                &y.client,
                count,
                dim,
                columns.vector,
                x.into_buffer_arg(),
                out,
                num_rows,
                columns.count,
            );
        }
    }
    y
}

pub(super) fn unit_rows_gradient(x: &CubeTensor, dy: &CubeTensor) -> CubeTensor {
    let [num_rows, width] = shape(x);
    let dx = empty([num_rows, width], &x.device);
    if num_rows * width > 0 {
        let columns = Columns::of(width);
        let (count, dim) = lines(num_rows, columns.count, &x.device);
        #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
        // SAFETY: all tables have so many rows.
        unsafe {
            unit_gradient::launch_unchecked(
                &x.client,
                count,
                dim,
                columns.vector,
                x.clone().into_buffer_arg(),
                dy.clone().into_buffer_arg(),
                dx.clone().into_buffer_arg(),
                num_rows,
                columns.count,
            );
        }
    }
    dx
}

pub(super) fn dropout(x: &CubeTensor, ids: Option<&CubeTensor>, dropout: Dropout) -> CubeTensor {
    let [num_rows, width] = shape(x);
    let y = empty([num_rows, width], &x.device);
    if num_rows * width > 0 {
        let (count, dim) = lines(num_rows, width, &x.device);
        let (key, threshold, scale) = dropout.parts();
        #[expect(clippy::cast_possible_truncation, reason = "halves of a word")]
        let (low, high) = (key as u32, (key >> 32) as u32);
        #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
        // SAFETY: both tables have so many rows, and there is an id for each.
        unsafe {
            drop_components::launch_unchecked(
                &x.client,
                count,
                dim,
                x.clone().into_buffer_arg(),
                ids.unwrap_or(x).clone().into_buffer_arg(),
                y.clone().into_buffer_arg(),
                num_rows,
                width,
                low,
                high,
                threshold,
                scale,
                ids.is_some(),
            );
        }
    }
    y
}
