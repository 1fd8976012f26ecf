//! Sparse matrix times dense table, once.

use std::sync::Arc;

use rayon::prelude::*;

use super::hop::{Finish, Hop};
use super::prefetch::prefetch;
use super::scattered::ScatteredRows;
use super::stored::{Bf16, Stored};
use super::vectors::vectorised;
use crate::buffers::{Buffer, Buffers};
use crate::layout::Layout;
use crate::{Adjacency, TablePrecision};

/// Rows that one task places.
const PLACED_ROWS: usize = 512;

/// Rows between the one that is placed and the one that is fetched.
const PLACED_AHEAD: usize = 12;

/// `y = M x`; `x` is `num_cols x width`, `y` is `num_rows x width`, both row-major.
///
/// # Panics
/// If `x` or `y` has another size.
pub fn spmm(adjacency: &Adjacency, x: &[f32], width: usize, y: &mut [f32]) {
    assert_eq!(x.len(), adjacency.num_cols() * width, "x is num_cols x width");
    assert_eq!(y.len(), adjacency.num_rows() * width, "y is num_rows x width");
    if width == 0 {
        return;
    }
    let (layout, buffers) = (adjacency.layout(), adjacency.buffers());
    let product = Product { layout, y: ScatteredRows::new(y, width) };
    if adjacency.table_precision() == TablePrecision::Bf16 {
        let placed = place::<Bf16>(layout, x, width, buffers);
        return product.of(&placed, width);
    }
    let as_it_is = layout.cols_in_place && layout.col_factors.is_none();
    let placed = (!as_it_is).then(|| place(layout, x, width, buffers));
    product.of(placed.as_deref().unwrap_or(x), width);
}

/// Writes a row of the product where it belongs.
struct Product<'a> {
    layout: &'a Layout,
    y: ScatteredRows<'a, f32>,
}

impl Product<'_> {
    fn of<T: Stored>(&self, x: &[T], width: usize) {
        for part in &self.layout.parts {
            Hop::prepare(self.layout, part, x, width, |hop| hop.for_each_row(self));
        }
    }
}

impl Finish for Product<'_> {
    #[expect(unsafe_code, reason = "rows of the output are written in the order of the layout")]
    #[inline(always)]
    fn row(&self, position: usize, sum: &mut [f32]) {
        // SAFETY: `node_at` is a permutation and a position comes once.
        let y = unsafe { self.y.row_mut(self.layout.rows.node_at[position] as usize) };
        copy_scaled(y, self.layout.row_factor(position), sum);
    }

    #[inline(always)]
    fn soon(&self, position: usize) {
        self.y.soon(self.layout.rows.node_at[position] as usize);
    }
}

/// The rows of `x` at their positions, times the column factors: what a [`Hop`] reads.
pub(super) fn place<T: Stored>(layout: &Layout, x: &[f32], width: usize, buffers: &Arc<Buffers>) -> Buffer<T> {
    let mut placed = buffers.take(x.len());
    let nodes = &layout.cols.node_at;
    let row = |position: usize| &x[nodes[position] as usize * width..][..width];
    placed.par_chunks_mut(PLACED_ROWS * width).enumerate().for_each(|(task, to)| {
        vectorised(
            #[inline(always)]
            || {
                for (position, to) in (task * PLACED_ROWS..).zip(to.chunks_exact_mut(width)) {
                    prefetch(row((position + PLACED_AHEAD).min(nodes.len() - 1)));
                    copy_scaled(to, layout.col_factor(position), row(position));
                }
            },
        );
    });
    placed
}

/// `to = factor * from`.
#[inline(always)]
pub(super) fn copy_scaled<T: Stored>(to: &mut [T], factor: f32, from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = T::store(factor * from);
    }
}
