//! Table rows folded into output rows, the one loop under every operation that gathers along edges.
//!
//! ```text
//! Y[r] = finish(r, fold over k in row r of (coefficient(k), X[source(k)]))
//! ```
//!
//! It knows no operation: what an edge reads, by what it multiplies and how two terms are joined is its
//! caller's.

use std::ops::Range;

use rayon::prelude::*;

use super::split::{Task, for_each_task, pieces};
use super::vectors::vectorised;

/// Edges that one task takes, and the size of the pieces of a hub.
pub(super) const EDGES_A_TASK: usize = 4096;

/// How terms are joined: the fold of none, and of a fold so far, a coefficient and a value.
pub(super) type Fold<F> = (f32, F);

/// The sum of products.
#[inline(always)]
pub(super) fn sum() -> Fold<impl Fn(f32, f32, f32) -> f32 + Copy + Sync> {
    (
        0.0,
        #[inline(always)]
        |sum, coefficient, value| sum + coefficient * value,
    )
}

/// The largest value, whatever the coefficients; a NaN where there is one.
#[inline(always)]
pub(super) fn largest() -> Fold<impl Fn(f32, f32, f32) -> f32 + Copy + Sync> {
    (
        f32::NEG_INFINITY,
        #[inline(always)]
        |best, _, value: f32| if (value > best) | value.is_nan() { value } else { best },
    )
}

/// The fold above; `terms` gives coefficient and source of every edge of a range, in order.
///
/// The edges of a hub are folded in pieces of a fixed size, and those in their order.
#[inline(always)]
pub(super) fn reduce<I: Iterator<Item = (f32, usize)>>(
    fold: Fold<impl Fn(f32, f32, f32) -> f32 + Copy + Sync>,
    indptr: &[usize],
    x: &[f32],
    width: usize,
    y: &mut [f32],
    terms: impl Fn(Range<usize>) -> I + Sync,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    if width == 0 {
        return;
    }
    for_each_task(
        indptr,
        EDGES_A_TASK,
        y,
        |row| row * width,
        |task, y| match task {
            Task::Rows(rows) => vectorised(
                #[inline(always)]
                || {
                    for (row, y) in rows.clone().zip(y.chunks_exact_mut(width)) {
                        fold_row(fold, || terms(indptr[row]..indptr[row + 1]), x, width, y);
                        finish(row, y);
                    }
                },
            ),
            Task::Hub(row) => {
                let partial = |edges: Range<usize>| {
                    let mut partial = vec![0f32; width];
                    vectorised(
                        #[inline(always)]
                        || fold_row(fold, || terms(edges.clone()), x, width, &mut partial),
                    );
                    partial
                };
                let partials: Vec<Vec<f32>> = pieces(indptr[row]..indptr[row + 1], EDGES_A_TASK).map(partial).collect();
                fold_row(fold, || (0..partials.len()).map(|piece| (1.0, piece)), &partials.concat(), width, y);
                finish(row, y);
            }
        },
    );
}

/// `y[v] = Σ terms`, where `add` adds those of some of the edges of a node, in order, to a row of `width`.
pub(super) fn sum_rows(
    indptr: &[usize],
    width: usize,
    y: &mut [f32],
    add: impl Fn(usize, Range<usize>, &mut [f32]) + Sync,
) {
    y.fill(0.0);
    for_each_task(
        indptr,
        EDGES_A_TASK,
        y,
        |node| node * width,
        |task, y| match task {
            Task::Rows(nodes) => {
                for (node, sums) in nodes.zip(y.chunks_exact_mut(width)) {
                    add(node, indptr[node]..indptr[node + 1], sums);
                }
            }
            Task::Hub(node) => {
                let partial = |edges: Range<usize>| {
                    let mut sums = vec![0f32; width];
                    add(node, edges, &mut sums);
                    sums
                };
                let partials: Vec<Vec<f32>> =
                    pieces(indptr[node]..indptr[node + 1], EDGES_A_TASK).map(partial).collect();
                for partial in partials {
                    y.iter_mut().zip(partial).for_each(|(sum, partial)| *sum += partial);
                }
            }
        },
    );
}

/// A row of the fold, block of columns by block, so that the folds of a block stay in registers.
#[inline(always)]
fn fold_row<I: Iterator<Item = (f32, usize)>>(
    fold: Fold<impl Fn(f32, f32, f32) -> f32 + Copy>,
    terms: impl Fn() -> I,
    x: &[f32],
    width: usize,
    out: &mut [f32],
) {
    let mut offset = 0;
    while offset < width {
        let (x, out) = (&x[offset.min(x.len())..], &mut out[offset..]);
        offset += match width - offset {
            64.. => fold_block::<64, I>(fold, terms(), x, width, out),
            16.. => fold_block::<16, I>(fold, terms(), x, width, out),
            4.. => fold_block::<4, I>(fold, terms(), x, width, out),
            _ => fold_block::<1, I>(fold, terms(), x, width, out),
        };
    }
}

/// The first `W` columns of tables that start at a block of columns. Returns `W`.
#[inline(always)]
fn fold_block<const W: usize, I: Iterator<Item = (f32, usize)>>(
    (none, fold): Fold<impl Fn(f32, f32, f32) -> f32>,
    terms: I,
    x: &[f32],
    width: usize,
    out: &mut [f32],
) -> usize {
    let mut folds = [none; W];
    for (coefficient, source) in terms {
        let values: &[f32; W] = x[source * width..].first_chunk().expect("a table holds whole rows");
        for j in 0..W {
            folds[j] = fold(folds[j], coefficient, values[j]);
        }
    }
    out[..W].copy_from_slice(&folds);
    W
}
