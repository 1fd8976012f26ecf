//! Sums of table rows into output rows, the one loop under every operation that gathers along edges.
//!
//! ```text
//! Y[r] = finish(r, Σ_{k in row r} coefficient(k) X[source(k)])
//! ```
//!
//! It knows no operation: what an edge reads and by what it multiplies is its caller's.

use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use super::split::{Task, for_each_task, pieces};

/// Edges that one task takes, and the size of the pieces of a hub.
pub(super) const EDGES_A_TASK: usize = 4096;

/// The sum above; `terms` gives coefficient and source of every edge of a range, in order.
#[inline(always)]
pub(super) fn reduce<I: Iterator<Item = (f32, usize)>>(
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
    let arch = Arch::new();
    for_each_task(
        indptr,
        EDGES_A_TASK,
        y,
        |row| row * width,
        |task, y| match task {
            Task::Rows(rows) => arch.dispatch(
                #[inline(always)]
                || {
                    for (row, y) in rows.zip(y.chunks_exact_mut(width)) {
                        sum(|| terms(indptr[row]..indptr[row + 1]), x, width, y);
                        finish(row, y);
                    }
                },
            ),
            Task::Hub(row) => {
                let partial = |edges: Range<usize>| {
                    let mut partial = vec![0f32; width];
                    arch.dispatch(
                        #[inline(always)]
                        || sum(|| terms(edges.clone()), x, width, &mut partial),
                    );
                    partial
                };
                let partials: Vec<Vec<f32>> = pieces(indptr[row]..indptr[row + 1], EDGES_A_TASK).map(partial).collect();
                y.fill(0.0);
                partials.iter().for_each(|partial| add(y, partial));
                finish(row, y);
            }
        },
    );
}

/// `out = Σ coefficient x[source]`, block of columns by block, so that the sums of a block stay in registers.
#[inline(always)]
fn sum<I: Iterator<Item = (f32, usize)>>(terms: impl Fn() -> I, x: &[f32], width: usize, out: &mut [f32]) {
    let mut offset = 0;
    while offset < width {
        offset += match width - offset {
            64.. => sum_block::<64, I>(terms(), x, width, offset, out),
            16.. => sum_block::<16, I>(terms(), x, width, offset, out),
            4.. => sum_block::<4, I>(terms(), x, width, offset, out),
            _ => sum_block::<1, I>(terms(), x, width, offset, out),
        };
    }
}

/// `W` columns of the sum, from column `offset` on. Returns `W`.
#[inline(always)]
fn sum_block<const W: usize, I: Iterator<Item = (f32, usize)>>(
    terms: I,
    x: &[f32],
    width: usize,
    offset: usize,
    out: &mut [f32],
) -> usize {
    let mut sums = [0f32; W];
    for (coefficient, source) in terms {
        for (sum, value) in sums.iter_mut().zip(&x[source * width + offset..][..W]) {
            *sum += coefficient * value;
        }
    }
    out[offset..offset + W].copy_from_slice(&sums);
    W
}

pub(super) fn add(sums: &mut [f32], terms: &[f32]) {
    for (sum, term) in sums.iter_mut().zip(terms) {
        *sum += term;
    }
}
