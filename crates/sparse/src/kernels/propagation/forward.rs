//! From a table to the combined layers of the rows asked for.

use rayon::prelude::*;

use super::lookup::Lookup;
use super::{check, combine, scale};
use crate::buffers::Buffer;
use crate::kernels::hop::{Finish, Hop};
use crate::kernels::scattered::ScatteredRows;
use crate::kernels::spmm::{copy_scaled, place};
use crate::kernels::stored::{Bf16, Stored};
use crate::kernels::vectors::vectorised;
use crate::layout::Layout;
use crate::{Adjacency, LayerCombination, Rows, TablePrecision};

/// Rows of the last hop that make a task: a popular item has thousands of edges.
const LAST_ROWS: usize = 16;

/// `y`, `rows.len() x (num_outputs * width)`: the combined layers of the rows, outputs side by side.
/// `x` is `num_nodes x width`.
///
/// Besides `y` it holds two tables of the size of `x`, which stay with the adjacency for the next call.
///
/// # Panics
/// If `x` or `y` has another size, `M` is not square, or a row lies outside it.
pub fn propagate_rows(
    adjacency: &Adjacency,
    x: &[f32],
    width: usize,
    combination: &LayerCombination,
    rows: &Rows,
    y: &mut [f32],
) {
    let layout = adjacency.layout();
    let lookup = &*rows.lookup(layout);
    check(layout, x, width);
    let wide = combination.num_outputs() * width;
    assert_eq!(y.len(), rows.len() * wide, "y is rows x (num_outputs * width)");
    if y.is_empty() {
        return;
    }
    let mut sums = vec![0f32; lookup.positions.len() * wide];
    let node = |position: u32| layout.cols.node_at[position as usize] as usize;
    sums.par_chunks_mut(wide).zip(&lookup.positions).with_min_len(128).for_each(|(sums, &position)| {
        combine(combination, 0, &x[node(position) * width..][..width], sums);
    });
    if combination.num_hops() > 0 {
        match adjacency.table_precision() {
            TablePrecision::F32 => hops::<f32>(adjacency, x, width, combination, lookup, &mut sums),
            TablePrecision::Bf16 => hops::<Bf16>(adjacency, x, width, combination, lookup, &mut sums),
        }
    }
    y.par_chunks_mut(wide).zip(&lookup.numbers).with_min_len(128).for_each(|(y, &number)| {
        y.copy_from_slice(&sums[number as usize * wide..][..wide]);
    });
}

/// Adds the layers from 1 on to the sums of the rows asked for.
fn hops<T: Stored>(
    adjacency: &Adjacency,
    x: &[f32],
    width: usize,
    combination: &LayerCombination,
    lookup: &Lookup,
    sums: &mut [f32],
) {
    let (layout, wide, last) = (adjacency.layout(), combination.num_outputs() * width, combination.num_hops());
    let placed: Buffer<T> = place(layout, x, width, adjacency.buffers());
    let spare = adjacency.buffers().take(if last == 1 { width } else { placed.len() });
    // By parity of the layer: a part of one is read while the part that it leads to is written in the other.
    let mut tables = [placed, spare];
    for chain in 0..layout.parts.len() {
        for layer in 1..last {
            let [even, odd] = &mut tables;
            let (read, written) = if layer % 2 == 1 { (even, odd) } else { (odd, even) };
            let (next, sums) = (ScatteredRows::new(written, width), ScatteredRows::new(sums, wide));
            let finish = Layer { layout, combination, layer, lookup, next, sums };
            Hop::prepare(layout, layout.part(chain, layer), read, width, |hop| hop.for_each_row(&finish));
        }
        let part = layout.part(chain, last);
        let numbers = lookup.numbers_within(&part.rows);
        let (sums, positions) = (&mut sums[numbers.start * wide..numbers.end * wide], &lookup.positions[numbers]);
        Hop::prepare(layout, part, &tables[(last - 1) % 2], width, |hop| {
            let tasks = sums.par_chunks_mut(LAST_ROWS * wide).zip(positions.par_chunks(LAST_ROWS));
            tasks.for_each(|(sums, positions)| {
                let mut sum = vec![0f32; width];
                vectorised(
                    #[inline(always)]
                    || {
                        for (sums, &position) in sums.chunks_exact_mut(wide).zip(positions) {
                            hop.sum_row(position as usize, &mut sum);
                            scale(&mut sum, layout.row_factor(position as usize));
                            combine(combination, last, &sum, sums);
                        }
                    },
                );
            });
        });
    }
}

/// A layer that is not the last: its rows asked for are combined, and all go to the next hop.
struct Layer<'a, T> {
    layout: &'a Layout,
    combination: &'a LayerCombination,
    layer: usize,
    lookup: &'a Lookup,
    next: ScatteredRows<'a, T>,
    sums: ScatteredRows<'a, f32>,
}

impl<T: Stored> Finish for Layer<'_, T> {
    #[expect(unsafe_code, reason = "tables are written row by row from many tasks")]
    #[inline(always)]
    fn row(&self, position: usize, sum: &mut [f32]) {
        scale(sum, self.layout.row_factor(position));
        if let Some(number) = self.lookup.number(position) {
            // SAFETY: a position comes once, and positions have different numbers.
            combine(self.combination, self.layer, sum, unsafe { self.sums.row_mut(number) });
        }
        // SAFETY: a position comes once.
        copy_scaled(unsafe { self.next.row_mut(position) }, self.layout.col_factor(position), sum);
    }

    #[inline(always)]
    fn soon(&self, position: usize) {
        self.next.soon(position);
    }
}
