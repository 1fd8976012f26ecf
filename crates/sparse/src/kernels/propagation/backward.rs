//! From the gradient of the rows asked for to that of the table.

use rayon::prelude::*;

use super::lookup::Lookup;
use super::{check, scale};
use crate::buffers::Buffer;
use crate::kernels::hop::{Finish, Hop, add};
use crate::kernels::scattered::ScatteredRows;
use crate::kernels::spmm::copy_scaled;
use crate::kernels::stored::{Bf16, Stored};
use crate::kernels::vectors::vectorised;
use crate::layout::{HUB_EDGES, Layout, Part};
use crate::{Adjacency, LayerCombination, Rows, TablePrecision};

/// Where more than one node in so many is asked for, a full table of gradients is gathered from faster
/// than the rows asked for.
const SPARSE_SHARE: usize = 3;

/// `dx`, `num_nodes x width`: the gradient of [`propagate_rows`](super::propagate_rows) with respect to `x`,
/// given that with respect to `y`. Every row of `dx` is written.
///
/// It holds two tables as well, the same ones.
///
/// # Panics
/// If `gradient` or `dx` has another size, `M` is not square, or a row lies outside it.
pub fn propagate_rows_backward(
    adjacency: &Adjacency,
    gradient: &[f32],
    width: usize,
    combination: &LayerCombination,
    rows: &Rows,
    dx: &mut [f32],
) {
    let (transposed, lookup) = (adjacency.transposed(), &*rows.lookup(adjacency.layout()));
    let wide = combination.num_outputs() * width;
    let layout = transposed.layout();
    check(layout, dx, width);
    assert_eq!(gradient.len(), rows.len() * wide, "the gradient is rows x (num_outputs * width)");
    if dx.is_empty() {
        return;
    }
    let mut sums = vec![0f32; lookup.positions.len() * wide];
    sums.par_chunks_mut(wide).enumerate().with_min_len(128).for_each(|(number, sum)| {
        for &asker in lookup.askers(number) {
            add(sum, 1.0, &gradient[asker as usize * wide..][..wide]);
        }
    });
    let given = Given { lookup, combination, sums: &sums, width };
    match adjacency.table_precision() {
        TablePrecision::F32 => hops::<f32>(&transposed, given, dx),
        TablePrecision::Bf16 => hops::<Bf16>(&transposed, given, dx),
    }
}

/// Sums the gradient by Horner's rule, from the last layer to the input.
fn hops<T: Stored>(transposed: &Adjacency, given: Given<'_>, dx: &mut [f32]) {
    let (layout, Given { lookup, combination, width, .. }) = (transposed.layout(), given);
    let dx = ScatteredRows::new(dx, width);
    let last = combination.num_hops();
    if last == 0 {
        let input = Layer { layout, given, layer: 0, to: Target::<T>::Nodes(&dx) };
        let clean = |position: usize| input.row(position, &mut vec![0.0; width]);
        return (0..layout.num_rows()).into_par_iter().with_min_len(256).for_each(clean);
    }

    let mut start = vec![0f32; lookup.positions.len() * width];
    start.par_chunks_mut(width).zip(&lookup.positions).with_min_len(128).for_each(|(to, &position)| {
        given.add_to(last, position as usize, to);
        scale(to, layout.col_factor(position as usize));
    });
    let is_sparse = lookup.positions.len() < layout.num_rows() / SPARSE_SHARE;
    // By parity of the layer, as in the forward pass. Layer 0 goes to `dx`; a sparse start is no table.
    let len = |parity: usize| {
        let is_written = (1..last).any(|layer| layer % 2 == parity) || (!is_sparse && last % 2 == parity);
        if is_written { layout.num_rows() * width } else { width }
    };
    let mut tables: [Buffer<T>; 2] = [0, 1].map(|parity| transposed.buffers().take(len(parity)));
    if !is_sparse {
        let table = &mut tables[last % 2];
        table.fill(T::store(0.0));
        for (start, &position) in start.chunks_exact(width).zip(&lookup.positions) {
            copy_scaled(&mut table[position as usize * width..][..width], 1.0, start);
        }
    }
    for chain in 0..layout.parts.len() {
        for layer in (0..last).rev() {
            let [even, odd] = &mut tables;
            let (read, written) = if layer % 2 == 1 { (even, odd) } else { (odd, even) };
            let next = ScatteredRows::new(written, width);
            let finish = Layer { layout, given, layer, to: Target::of(layer, &next, &dx) };
            let part = layout.part(chain, last - layer);
            if is_sparse && layer + 1 == last {
                sparse_hop(layout, part, &start, width, lookup, &finish);
            } else {
                Hop::prepare(layout, part, read, width, |hop| hop.for_each_row(&finish));
            }
        }
    }
}

/// `G_l`: the gradients of the rows asked for, rows that were asked for several times added up.
#[derive(Clone, Copy)]
struct Given<'a> {
    lookup: &'a Lookup,
    combination: &'a LayerCombination,
    /// `distinct rows x (num_outputs * width)`.
    sums: &'a [f32],
    width: usize,
}

impl Given<'_> {
    /// Adds `G_l` at a position.
    #[inline(always)]
    fn add_to(&self, layer: usize, position: usize, to: &mut [f32]) {
        if let Some(number) = self.lookup.number(position) {
            let sums = &self.sums[number * self.combination.num_outputs() * self.width..];
            for (output, weight) in self.combination.of_layer(layer) {
                add(to, weight, &sums[output * self.width..][..self.width]);
            }
        }
    }
}

/// Where a layer of the gradient goes.
enum Target<'a, T> {
    /// To the rows of the nodes: layer 0.
    Nodes(&'a ScatteredRows<'a, f32>),
    /// To their positions, with the factors of the next hop: the others.
    Positions(&'a ScatteredRows<'a, T>),
}

impl<'a, T> Target<'a, T> {
    fn of(layer: usize, next: &'a ScatteredRows<'a, T>, dx: &'a ScatteredRows<'a, f32>) -> Self {
        if layer == 0 { Self::Nodes(dx) } else { Self::Positions(next) }
    }
}

/// A layer of the gradient: what came over the edges, and `G_l`.
struct Layer<'a, T> {
    layout: &'a Layout,
    given: Given<'a>,
    layer: usize,
    to: Target<'a, T>,
}

impl<T: Stored> Finish for Layer<'_, T> {
    #[expect(unsafe_code, reason = "tables are written row by row from many tasks")]
    #[inline(always)]
    fn row(&self, position: usize, sum: &mut [f32]) {
        scale(sum, self.layout.row_factor(position));
        self.given.add_to(self.layer, position, sum);
        match self.to {
            Target::Nodes(to) => {
                // SAFETY: a position comes once and `node_at` is a permutation.
                unsafe { to.row_mut(self.layout.rows.node_at[position] as usize) }.copy_from_slice(sum);
            }
            Target::Positions(to) => {
                // SAFETY: a position comes once.
                copy_scaled(unsafe { to.row_mut(position) }, self.layout.col_factor(position), sum);
            }
        }
    }

    #[inline(always)]
    fn soon(&self, position: usize) {
        match self.to {
            Target::Nodes(to) => to.soon(self.layout.rows.node_at[position] as usize),
            Target::Positions(to) => to.soon(position),
        }
    }
}

/// `A T` at the rows of a part, where `T` is zero but for the rows looked up, which `table` holds in the order of their numbers.
fn sparse_hop(layout: &Layout, part: &Part, table: &[f32], width: usize, lookup: &Lookup, finish: &impl Finish) {
    part.tasks.par_iter().for_each(|task| {
        let (mut sum, mut kept) = (vec![0f32; width], Vec::new());
        vectorised(
            #[inline(always)]
            || {
                for row in task.rows() {
                    let edges = layout.edges(row);
                    finish.soon(row);
                    match &layout.weights {
                        None => {
                            kept.resize(kept.len().max(edges.len()), 0);
                            let count = lookup.keep(&layout.indices[edges], &mut kept);
                            sum_rows(table, width, &kept[..count], &mut sum);
                        }
                        Some(weights) => {
                            sum.fill(0.0);
                            for edge in edges {
                                if let Some(number) = lookup.number(layout.indices[edge] as usize) {
                                    add(&mut sum, weights[edge], &table[number * width..][..width]);
                                }
                            }
                        }
                    }
                    finish.row(row, &mut sum);
                }
            },
        );
    });
}

/// The sum of some rows of a table.
#[inline(always)]
fn sum_rows(table: &[f32], width: usize, rows: &[u32], sum: &mut [f32]) {
    let mut offset = 0;
    while offset < width {
        offset += match width - offset {
            64.. => sum_columns::<64>(table, width, rows, offset, sum),
            8.. => sum_columns::<8>(table, width, rows, offset, sum),
            _ => sum_columns::<1>(table, width, rows, offset, sum),
        };
    }
}

/// `W` columns of it, from column `offset` on. Returns `W`.
#[inline(always)]
fn sum_columns<const W: usize>(table: &[f32], width: usize, rows: &[u32], offset: usize, sum: &mut [f32]) -> usize {
    let mut sums = [0f32; W];
    for piece in rows.chunks(HUB_EDGES) {
        let mut partial = [0f32; W];
        for &row in piece {
            add(&mut partial, 1.0, &table[row as usize * width + offset..][..W]);
        }
        add(&mut sums, 1.0, &partial);
    }
    sum[offset..offset + W].copy_from_slice(&sums);
    W
}
