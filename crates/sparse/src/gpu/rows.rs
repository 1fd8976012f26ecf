//! Rows copied and added: lookups, and blocks of columns of wide tables.

use burn_cubecl::CubeDevice;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::device::empty;
use super::geometry::{Columns, lines, units};

/// `out[to(n), b ..] (+)= weight x[from(n), a ..]` over a block of columns.
#[cube(launch_unchecked)]
fn add_block<N: Size>(
    x: &[Vector<f32, N>],
    from: &[u32],
    out: &mut [Vector<f32, N>],
    to: &[u32],
    num_rows: usize,
    columns: usize,
    x_wide: usize,
    x_first: usize,
    out_wide: usize,
    out_first: usize,
    weight: f32,
    #[comptime] how: How,
) {
    let n = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if n >= num_rows {
        terminate!();
    }
    let mut source = n;
    if comptime!(how.from) {
        source = from[n] as usize;
    }
    let mut target = n;
    if comptime!(how.to) {
        target = to[n] as usize;
    }
    let mut column = UNIT_POS_X as usize;
    while column < columns {
        let value = x[source * x_wide + x_first + column] * Vector::new(weight);
        let at = target * out_wide + out_first + column;
        if comptime!(how.replace) {
            out[at] = value;
        } else {
            out[at] += value;
        }
        column += CUBE_DIM_X as usize;
    }
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
struct How {
    from: bool,
    to: bool,
    replace: bool,
}

/// A block of columns of some rows of a table: block `index` of blocks of `width`.
pub(super) struct Block<'a> {
    pub(super) table: &'a CubeTensor,
    /// The row of the table for each row of the block; `None` is the same row.
    pub(super) rows: Option<&'a CubeTensor>,
    pub(super) index: usize,
}

/// `out (+)= weight x` over blocks of `num_rows` rows of `width`; rows of `out` are distinct.
pub(super) fn add(out: &Block<'_>, x: &Block<'_>, [num_rows, width]: [usize; 2], weight: f32, replace: bool) {
    if num_rows == 0 || width == 0 {
        return;
    }
    let columns = Columns::of(width);
    let blocks = |block: &Block<'_>| block.table.meta.shape()[1] / width;
    let (count, dim) = lines(num_rows, columns.count, &x.table.device);
    let how = How { from: x.rows.is_some(), to: out.rows.is_some(), replace };
    // A binding that is not read takes any buffer.
    let spare = x.rows.or(out.rows).unwrap_or(x.table);
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: rows and blocks lie within their tables.
    unsafe {
        add_block::launch_unchecked(
            &x.table.client,
            count,
            dim,
            columns.vector,
            x.table.clone().into_buffer_arg(),
            x.rows.unwrap_or(spare).clone().into_buffer_arg(),
            out.table.clone().into_buffer_arg(),
            out.rows.unwrap_or(spare).clone().into_buffer_arg(),
            num_rows,
            columns.count,
            columns.count * blocks(x),
            columns.count * x.index,
            columns.count * blocks(out),
            columns.count * out.index,
            weight,
            how,
        );
    }
}

/// `y[n] = x[rows[n]]`.
pub(super) fn gather(x: &CubeTensor, rows: &CubeTensor, num_rows: usize) -> CubeTensor {
    let width = x.meta.shape()[1];
    let y = empty([num_rows, width], &x.device);
    let (out, x) = (Block { table: &y, rows: None, index: 0 }, Block { table: x, rows: Some(rows), index: 0 });
    add(&out, &x, [num_rows, width], 1.0, true);
    y
}

#[cube(launch_unchecked)]
fn fill_words(values: &mut [u32], value: u32, len: usize) {
    if ABSOLUTE_POS < len {
        values[ABSOLUTE_POS] = value;
    }
}

/// Every 32-bit word of a tensor.
pub(super) fn fill(tensor: &CubeTensor, word: u32) {
    let len = tensor.meta.num_elements();
    if len == 0 {
        return;
    }
    let (count, dim) = units(len, &tensor.device);
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: the tensor has `len` words.
    unsafe {
        fill_words::launch_unchecked(&tensor.client, count, dim, tensor.clone().into_buffer_arg(), word, len);
    }
}

/// A table of zeros.
pub(super) fn zeros<const D: usize>(shape: [usize; D], device: &CubeDevice) -> CubeTensor {
    let table = empty(shape, device);
    fill(&table, 0);
    table
}

/// `numbers[nodes[n]] = n`.
#[cube(launch_unchecked)]
fn number_nodes(nodes: &[u32], numbers: &mut [u32], num_nodes: usize) {
    if ABSOLUTE_POS < num_nodes {
        numbers[nodes[ABSOLUTE_POS] as usize] = ABSOLUTE_POS as u32;
    }
}

/// For each of all nodes its place among some distinct ones, `NONE` for the others.
pub(super) fn numbers(nodes: &CubeTensor, num_all: usize, none: u32) -> CubeTensor {
    let numbers = empty([num_all], &nodes.device);
    fill(&numbers, none);
    let len = nodes.meta.num_elements();
    if len > 0 {
        let (count, dim) = units(len, &nodes.device);
        #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
        // SAFETY: nodes are distinct and below `num_all`.
        unsafe {
            number_nodes::launch_unchecked(
                &nodes.client,
                count,
                dim,
                nodes.clone().into_buffer_arg(),
                numbers.clone().into_buffer_arg(),
                len,
            );
        }
    }
    numbers
}
