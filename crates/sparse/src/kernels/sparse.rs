//! Sparse matrix times dense table, once and over several hops.
//!
//! A row of the product is summed in registers, a block of columns at a time. The column factors are
//! applied to the table beforehand and the row factors to the finished row, so that a pattern costs
//! one addition for each edge and column and reads no weight.

use std::ops::Range;

use gnnrec_graph::Csr;
use pulp::Arch;
use rayon::prelude::*;

use crate::Adjacency;

/// Rows of the output that one task owns.
const ROWS_A_TASK: usize = 32;

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
    let scaled = adjacency.col_factors().map(|factors| scale_rows(x, width, factors));
    let x = scaled.as_deref().unwrap_or(x);
    let arch = Arch::new();
    y.par_chunks_mut(ROWS_A_TASK * width).enumerate().for_each(|(task, y)| {
        arch.dispatch(|| {
            for (row, y) in (task * ROWS_A_TASK..).zip(y.chunks_exact_mut(width)) {
                multiply_row(adjacency.matrix(), row, x, width, y);
                if let Some(factors) = adjacency.row_factors() {
                    scale(y, factors[row]);
                }
            }
        });
    });
}

/// `y = Σ_l layer_weights[l] M^l x` for a square `M` of `n` rows; `x` and `y` are `n x width`.
///
/// It holds two more tables of that size while it runs, whatever the number of layers.
///
/// # Panics
/// If `M` is not square, there is no layer weight, or `x` or `y` has another size.
pub fn propagate(adjacency: &Adjacency, x: &[f32], width: usize, layer_weights: &[f32], y: &mut [f32]) {
    let num_nodes = adjacency.num_rows();
    assert_eq!(num_nodes, adjacency.num_cols(), "propagation needs a square matrix");
    assert_eq!(x.len(), num_nodes * width, "x is num_nodes x width");
    assert_eq!(y.len(), num_nodes * width, "y is num_nodes x width");
    let (first, hops) = layer_weights.split_first().expect("one weight for each layer, the input included");
    y.par_iter_mut().zip(x).with_min_len(1 << 14).for_each(|(y, x)| *y = first * x);
    if width == 0 || hops.is_empty() {
        return;
    }
    // The table a hop reads is the last layer, already times the column factors.
    let mut read = match adjacency.col_factors() {
        Some(factors) => scale_rows(x, width, factors),
        None => x.to_vec(),
    };
    let mut written = vec![0f32; if hops.len() > 1 { x.len() } else { 0 }];
    let arch = Arch::new();
    let chunk = ROWS_A_TASK * width;
    for (hop, &weight) in hops.iter().enumerate() {
        let task_of = |task: usize, y: &mut [f32], next: Option<&mut [f32]>| {
            let rows = task * ROWS_A_TASK..task * ROWS_A_TASK + y.len() / width;
            arch.dispatch(|| hop_rows(adjacency, rows, &read, width, weight, y, next));
        };
        if hop + 1 == hops.len() {
            y.par_chunks_mut(chunk).enumerate().for_each(|(task, y)| task_of(task, y, None));
        } else {
            let tasks = y.par_chunks_mut(chunk).zip(written.par_chunks_mut(chunk)).enumerate();
            tasks.for_each(|(task, (y, next))| task_of(task, y, Some(next)));
            std::mem::swap(&mut read, &mut written);
        }
    }
}

/// One hop for some rows: adds `weight * (M x)` to `y` and leaves `c * (M x)` in `next`.
#[inline(always)]
fn hop_rows(
    adjacency: &Adjacency,
    rows: Range<usize>,
    x: &[f32],
    width: usize,
    weight: f32,
    y: &mut [f32],
    mut next: Option<&mut [f32]>,
) {
    let mut layer = vec![0f32; width];
    for (n, row) in rows.enumerate() {
        multiply_row(adjacency.matrix(), row, x, width, &mut layer);
        if let Some(factors) = adjacency.row_factors() {
            scale(&mut layer, factors[row]);
        }
        for (sum, value) in y[n * width..][..width].iter_mut().zip(&layer) {
            *sum += weight * value;
        }
        if let Some(next) = next.as_deref_mut() {
            let factor = adjacency.col_factors().map_or(1.0, |factors| factors[row]);
            for (out, value) in next[n * width..][..width].iter_mut().zip(&layer) {
                *out = factor * value;
            }
        }
    }
}

/// `out = A[row] x`, block of columns by block, so that the sums of a block stay in registers.
#[inline(always)]
fn multiply_row(matrix: &Csr, row: usize, x: &[f32], width: usize, out: &mut [f32]) {
    let edges = (matrix.row(row), matrix.row_weights(row));
    let mut offset = 0;
    while offset < width {
        offset += match width - offset {
            64.. => multiply_block::<64>(edges, x, width, offset, out),
            16.. => multiply_block::<16>(edges, x, width, offset, out),
            4.. => multiply_block::<4>(edges, x, width, offset, out),
            _ => multiply_block::<1>(edges, x, width, offset, out),
        };
    }
}

/// `W` columns of a row of the product, from column `offset` on. Returns `W`.
#[inline(always)]
fn multiply_block<const W: usize>(
    (cols, weights): (&[u32], Option<&[f32]>),
    x: &[f32],
    width: usize,
    offset: usize,
    out: &mut [f32],
) -> usize {
    let mut sums = [0f32; W];
    let block = |col: u32| &x[col as usize * width + offset..][..W];
    match weights {
        None => {
            for &col in cols {
                for (sum, value) in sums.iter_mut().zip(block(col)) {
                    *sum += value;
                }
            }
        }
        Some(weights) => {
            for (&col, weight) in cols.iter().zip(weights) {
                for (sum, value) in sums.iter_mut().zip(block(col)) {
                    *sum += weight * value;
                }
            }
        }
    }
    out[offset..offset + W].copy_from_slice(&sums);
    W
}

/// `x` with row `v` times `factors[v]`.
fn scale_rows(x: &[f32], width: usize, factors: &[f32]) -> Vec<f32> {
    let mut scaled = x.to_vec();
    scaled.par_chunks_mut(width).zip(factors).with_min_len(256).for_each(|(row, &factor)| scale(row, factor));
    scaled
}

#[inline(always)]
fn scale(row: &mut [f32], factor: f32) {
    for value in row {
        *value *= factor;
    }
}
