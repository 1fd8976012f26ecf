//! Sums for a few rows that a step names: a cube for each row of a graph, a line of units for each list of rows.

use burn_cubecl::CubeDevice;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::device::{empty, upload_lists};
use super::geometry::{Columns, cubes, lines};
use super::graph::DeviceSide;
use crate::kernels::tables::RowGroups;

/// Who names each distinct row of a list, on a device.
#[derive(Debug)]
pub(crate) struct DeviceGroups {
    /// The positions that name each distinct row, and where each row's begin: one more than there are rows.
    pub(super) positions: CubeTensor,
    pub(super) bounds: CubeTensor,
    /// For each position, the number of its row among the distinct ones.
    pub(super) numbers: CubeTensor,
}

impl DeviceGroups {
    pub(crate) fn new(groups: &RowGroups, device: &CubeDevice) -> Self {
        let (bounds, positions, numbers) = groups.segments();
        let [bounds, positions, numbers] = upload_lists([&bounds, positions, &numbers], device);
        Self { positions, bounds, numbers }
    }

    /// The sum of the rows of `x` at the positions of each distinct row.
    pub(super) fn sums(&self, x: &CubeTensor) -> CubeTensor {
        sums_of_lists(x, &self.bounds, &self.positions)
    }
}

/// `y[n] = r[rows[n]] Σ_{p of rows[n]} w[p] c[other(p)] x[other(p)]`: each line of a cube adds every so many edges, and
/// the first adds the lines in order.
#[cube(launch_unchecked)]
fn sum_rows<N: Size>(
    rows: &[u32],
    bounds: &[u32],
    others: &[u32],
    weights: &[f32],
    factors: &[f32],
    x: &[Vector<f32, N>],
    y: &mut [Vector<f32, N>],
    num_listed: usize,
    num_rows: usize,
    columns: usize,
    #[comptime] weighted: bool,
    #[comptime] factored: bool,
    #[comptime] lanes: usize,
    #[comptime] num_lines: usize,
) {
    let mut shared = Shared::<[Vector<f32, N>]>::new_slice(lanes * num_lines);
    let lane = UNIT_POS_X as usize;
    let line = UNIT_POS_Y as usize;
    // Cubes past the last row repeat it without writing, so that all units of a cube meet at its barriers.
    let n = min(CUBE_POS, num_listed - 1);
    let row = rows[n] as usize;
    let first = bounds[row] as usize;
    let end = bounds[row + 1] as usize;
    let mut base = 0usize;
    while base < columns {
        let column = base + lane;
        let mut sum = Vector::<f32, N>::new(0.0);
        if column < columns {
            let mut position = first + line;
            while position < end {
                let other = others[position] as usize;
                let mut weight = f32::new(1.0);
                if comptime!(weighted) {
                    weight *= weights[position];
                }
                if comptime!(factored) {
                    weight *= factors[num_rows + other];
                }
                sum += x[other * columns + column] * Vector::new(weight);
                position += num_lines;
            }
        }
        shared[line * lanes + lane] = sum;
        sync_cube();
        if line == 0 && column < columns && CUBE_POS < num_listed {
            let mut all = shared[lane];
            for other in 1..num_lines {
                all += shared[other * lanes + lane];
            }
            if comptime!(factored) {
                all *= Vector::new(factors[row]);
            }
            y[n * columns + column] = all;
        }
        sync_cube();
        base += lanes;
    }
}

/// The listed rows of `diag(r) A diag(c) x`; `factors` are `r`, then `c`.
pub(super) fn rows_of_product(
    side: &DeviceSide,
    [weights, factors]: [Option<&CubeTensor>; 2],
    x: &CubeTensor,
    rows: &CubeTensor,
) -> CubeTensor {
    let (num_listed, width) = (rows.meta.num_elements(), x.meta.shape()[1]);
    let y = empty([num_listed, width], &x.device);
    if num_listed == 0 || width == 0 {
        return y;
    }
    let columns = Columns::of(width);
    let lanes = columns.count.next_power_of_two().min(64);
    let num_lines = 256 / lanes;
    #[expect(clippy::cast_possible_truncation, reason = "at most 256")]
    let dim = CubeDim::new_2d(lanes as u32, num_lines as u32);
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: listed rows lie within the graph, and nodes within the table.
    unsafe {
        sum_rows::launch_unchecked(
            &x.client,
            cubes(num_listed, &x.device),
            dim,
            columns.vector,
            rows.clone().into_buffer_arg(),
            side.indptr.clone().into_buffer_arg(),
            side.others.clone().into_buffer_arg(),
            weights.unwrap_or(&side.others).clone().into_buffer_arg(),
            factors.unwrap_or(&side.others).clone().into_buffer_arg(),
            x.clone().into_buffer_arg(),
            y.clone().into_buffer_arg(),
            num_listed,
            side.plan.num_rows,
            columns.count,
            weights.is_some(),
            factors.is_some(),
            lanes,
            num_lines,
        );
    }
    y
}

/// `y[n] = Σ_{i in list n} x[i]`.
#[cube(launch_unchecked)]
fn sum_lists<N: Size>(
    bounds: &[u32],
    lists: &[u32],
    x: &[Vector<f32, N>],
    y: &mut [Vector<f32, N>],
    num_lists: usize,
    columns: usize,
) {
    let n = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if n >= num_lists {
        terminate!();
    }
    let first = bounds[n] as usize;
    let end = bounds[n + 1] as usize;
    let mut column = UNIT_POS_X as usize;
    while column < columns {
        let mut sum = Vector::<f32, N>::new(0.0);
        for position in first..end {
            sum += x[lists[position] as usize * columns + column];
        }
        y[n * columns + column] = sum;
        column += CUBE_DIM_X as usize;
    }
}

/// The sum of the rows in each list; list `n` stands at `bounds[n] .. bounds[n + 1]`.
fn sums_of_lists(x: &CubeTensor, bounds: &CubeTensor, lists: &CubeTensor) -> CubeTensor {
    let (num_lists, width) = (bounds.meta.num_elements() - 1, x.meta.shape()[1]);
    let y = empty([num_lists, width], &x.device);
    if num_lists == 0 || width == 0 {
        return y;
    }
    let columns = Columns::of(width);
    let (count, dim) = lines(num_lists, columns.count, &x.device);
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: bounds lie within the lists, and these within the table.
    unsafe {
        sum_lists::launch_unchecked(
            &x.client,
            count,
            dim,
            columns.vector,
            bounds.clone().into_buffer_arg(),
            lists.clone().into_buffer_arg(),
            x.clone().into_buffer_arg(),
            y.clone().into_buffer_arg(),
            num_lists,
            columns.count,
        );
    }
    y
}
