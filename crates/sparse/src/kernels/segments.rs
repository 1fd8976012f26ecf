//! Rows of neighbouring edges made one: sum, mean and maximum.
//!
//! A segment is a row of the graph, `indptr[r] .. indptr[r + 1]`; boundaries alone are enough, whatever is
//! at the other ends. An empty segment gives zeros.

use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use super::reduce::{EDGES_A_TASK, reduce};
use super::split::{for_each_task, pieces};

/// `y[r] = Σ_{e in r} x[e]`; `x` is `num_edges x width`, `y` is `num_rows x width`.
///
/// # Panics
/// If a slice has another size.
pub fn segment_sum(indptr: &[usize], x: &[f32], width: usize, y: &mut [f32]) {
    check(indptr, x.len(), y.len(), width);
    reduce(indptr, x, width, y, |edges| edges.map(|edge| (1.0, edge)), |_, _| ());
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
    reduce(indptr, x, width, y, |edges| edges.map(|edge| (1.0, edge)), finish);
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
    if width == 0 {
        return;
    }
    for_each_task(
        indptr,
        EDGES_A_TASK,
        y,
        |row| row * width,
        |task, y| {
            for (row, y) in task.rows().zip(y.chunks_exact_mut(width)) {
                y.copy_from_slice(&maxima(indptr[row]..indptr[row + 1], x, width).values);
            }
        },
    );
}

/// The gradient of [`segment_max`]: `dx[e][j] = dy[r][j]` where `e` is the *first* edge of `r` that holds the
/// maximum of column `j`, and 0 elsewhere. `dx` must hold zeros.
///
/// # Panics
/// If a slice has another size.
pub fn segment_max_gradient(indptr: &[usize], x: &[f32], dy: &[f32], width: usize, dx: &mut [f32]) {
    check(indptr, x.len(), dy.len(), width);
    assert_eq!(dx.len(), x.len(), "dx is num_edges x width");
    if width == 0 {
        return;
    }
    for_each_task(
        indptr,
        EDGES_A_TASK,
        dx,
        |row| indptr[row] * width,
        |task, dx| {
            let first = indptr[task.rows().start];
            for row in task.rows().filter(|&row| indptr[row] < indptr[row + 1]) {
                let edges = maxima(indptr[row]..indptr[row + 1], x, width).edges;
                for (j, (edge, dy)) in edges.iter().zip(&dy[row * width..][..width]).enumerate() {
                    dx[(edge - first) * width + j] = *dy;
                }
            }
        },
    );
}

fn check(indptr: &[usize], num_x: usize, num_y: usize, width: usize) {
    assert_eq!(num_x, indptr[indptr.len() - 1] * width, "x is num_edges x width");
    assert_eq!(num_y, (indptr.len() - 1) * width, "y is num_rows x width");
}

/// The maximum of each column over some edges, and the first edge that holds it; zeros for no edges.
struct Maxima {
    values: Vec<f32>,
    edges: Vec<usize>,
}

impl Maxima {
    #[inline(always)]
    fn improve(&mut self, values: &[f32], edge: impl Fn(usize) -> usize) {
        let best = self.values.iter_mut().zip(&mut self.edges);
        for (j, ((best, best_edge), &value)) in best.zip(values).enumerate() {
            let better = (value > *best) | (value.is_nan() & !best.is_nan());
            *best = if better { value } else { *best };
            *best_edge = if better { edge(j) } else { *best_edge };
        }
    }
}

fn maxima(edges: Range<usize>, x: &[f32], width: usize) -> Maxima {
    if edges.len() > EDGES_A_TASK {
        let mut parts: Vec<Maxima> = pieces(edges, EDGES_A_TASK).map(|edges| maxima(edges, x, width)).collect();
        let mut all = parts.remove(0);
        parts.iter().for_each(|part| all.improve(&part.values, |j| part.edges[j]));
        return all;
    }
    let Some(first) = edges.clone().next() else {
        return Maxima { values: vec![0.0; width], edges: Vec::new() };
    };
    let row = |edge: usize| &x[edge * width..][..width];
    let mut all = Maxima { values: row(first).to_vec(), edges: vec![first; width] };
    Arch::new().dispatch(
        #[inline(always)]
        || edges.skip(1).for_each(|edge| all.improve(row(edge), |_| edge)),
    );
    all
}
