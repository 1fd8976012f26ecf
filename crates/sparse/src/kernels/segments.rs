//! Rows of neighbouring edges made one: sum, mean and maximum.
//!
//! A segment is a row of the graph, `indptr[r] .. indptr[r + 1]`; boundaries alone are enough, whatever is
//! at the other ends. An empty segment gives zeros.

use std::ops::Range;

use rayon::prelude::*;

use super::reduce::{EDGES_A_TASK, largest, reduce, sum};
use super::split::for_each_task;
use super::vectors::vectorised;

/// `y[r] = Σ_{e in r} x[e]`; `x` is `num_edges x width`, `y` is `num_rows x width`.
///
/// # Panics
/// If a slice has another size.
pub fn segment_sum(indptr: &[usize], x: &[f32], width: usize, y: &mut [f32]) {
    check(indptr, x.len(), y.len(), width);
    reduce(sum(), indptr, x, width, y, |edges| edges.map(|edge| (1.0, edge)), |_, _| ());
}

/// `y[r] = Σ_{e in r} x[e] / |r|`; sizes as in [`segment_sum`].
///
/// # Panics
/// If a slice has another size.
pub fn segment_mean(indptr: &[usize], x: &[f32], width: usize, y: &mut [f32]) {
    check(indptr, x.len(), y.len(), width);
    let finish = |row: usize, y: &mut [f32]| {
        let factor = inverse_length(indptr[row]..indptr[row + 1]);
        y.iter_mut().for_each(|y| *y *= factor);
    };
    reduce(sum(), indptr, x, width, y, |edges| edges.map(|edge| (1.0, edge)), finish);
}

/// `1 / |segment|`, 0 for an empty one.
#[expect(clippy::cast_precision_loss, reason = "a degree beyond 2^24 may be rounded")]
pub(crate) fn inverse_length(segment: Range<usize>) -> f32 {
    if segment.is_empty() { 0.0 } else { (segment.len() as f32).recip() }
}

/// `y[r][j] = max_{e in r} x[e][j]`; sizes as in [`segment_sum`]. A NaN is the maximum of its segment.
///
/// # Panics
/// If a slice has another size.
pub fn segment_max(indptr: &[usize], x: &[f32], width: usize, y: &mut [f32]) {
    check(indptr, x.len(), y.len(), width);
    let finish = |row: usize, y: &mut [f32]| {
        if indptr[row] == indptr[row + 1] {
            y.fill(0.0);
        }
    };
    reduce(largest(), indptr, x, width, y, |edges| edges.map(|edge| (1.0, edge)), finish);
}

/// The gradient of `y =` [`segment_max`] of `x`: `dx[e][j] = dy[r][j]` where `e` is the *first* edge of `r` with
/// `x[e][j] = y[r][j]`, and 0 elsewhere. `dx` must hold zeros.
///
/// # Panics
/// If a slice has another size.
pub fn segment_max_gradient(indptr: &[usize], x: &[f32], y: &[f32], dy: &[f32], width: usize, dx: &mut [f32]) {
    check(indptr, x.len(), y.len(), width);
    check(indptr, dx.len(), dy.len(), width);
    if width == 0 {
        return;
    }
    for_each_task(
        indptr,
        EDGES_A_TASK,
        dx,
        |row| indptr[row] * width,
        |task, dx| {
            let mut rest = dx;
            for row in task.rows() {
                let edges = indptr[row]..indptr[row + 1];
                let dx = rest.split_off_mut(..edges.len() * width).expect("a task owns the edges of its rows");
                let owned = row * width..(row + 1) * width;
                let firsts = first_equal(&x[edges.start * width..edges.end * width], &y[owned.clone()]);
                for (j, (first, dy)) in firsts.into_iter().zip(&dy[owned]).enumerate() {
                    if first != NOWHERE {
                        dx[first as usize * width + j] = *dy;
                    }
                }
            }
        },
    );
}

fn check(indptr: &[usize], num_x: usize, num_y: usize, width: usize) {
    assert_eq!(num_x, indptr[indptr.len() - 1] * width, "x is num_edges x width");
    assert_eq!(num_y, (indptr.len() - 1) * width, "y is num_rows x width");
}

const NOWHERE: u32 = u32::MAX;

/// For each column the first row of `x` that holds the number in `y`, or both a NaN.
fn first_equal(x: &[f32], y: &[f32]) -> Vec<u32> {
    let width = y.len();
    let num_rows = x.len() / width;
    if num_rows > EDGES_A_TASK {
        let found = x.par_chunks(EDGES_A_TASK * width).map(|x| first_equal(x, y)).collect::<Vec<_>>();
        let mut firsts = vec![NOWHERE; width];
        for (start, found) in (0u32..).step_by(EDGES_A_TASK).zip(found) {
            for (first, found) in firsts.iter_mut().zip(found) {
                *first = if *first == NOWHERE && found != NOWHERE { start + found } else { *first };
            }
        }
        return firsts;
    }
    let mut firsts = vec![NOWHERE; width];
    vectorised(
        #[inline(always)]
        || {
            let mut offset = 0;
            while offset < width {
                let (x, y, firsts) = (&x[offset.min(x.len())..], &y[offset..], &mut firsts[offset..]);
                offset += match width - offset {
                    16.. => first_equal_block::<16>(x, y, firsts, num_rows, width),
                    _ => first_equal_block::<1>(x, y, firsts, num_rows, width),
                };
            }
        },
    );
    firsts
}

/// The first `W` columns of tables that start at a block of columns. Returns `W`.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a piece has few rows")]
#[expect(clippy::float_cmp, reason = "a maximum is one of the numbers it was taken from")]
fn first_equal_block<const W: usize>(x: &[f32], y: &[f32], firsts: &mut [u32], num_rows: usize, width: usize) -> usize {
    let y: &[f32; W] = y.first_chunk().expect("W columns are left");
    let mut found = [NOWHERE; W];
    // From the last row to the first, whose number is what remains.
    for row in (0..num_rows).rev() {
        let x: &[f32; W] = x[row * width..].first_chunk().expect("a table holds whole rows");
        for j in 0..W {
            let equal = (x[j] == y[j]) | (x[j].is_nan() & y[j].is_nan());
            found[j] = if equal { row as u32 } else { found[j] };
        }
    }
    firsts[..W].copy_from_slice(&found);
    W
}
