//! Rows out of a table and, as its gradient, rows added into one.

use rayon::prelude::*;

/// Rows that one task copies or adds, enough to pay for the task.
const ROWS_A_TASK: usize = 128;

/// `y[n] = x[indices[n]]`; `x` is a table of rows of `width`, `y` is `indices.len() x width`.
///
/// # Panics
/// If an index lies outside the table or `y` has another size.
pub fn gather_rows(x: &[f32], width: usize, indices: &[u32], y: &mut [f32]) {
    assert_eq!(y.len(), indices.len() * width, "the output holds one row for each index");
    if width == 0 {
        return;
    }
    y.par_chunks_mut(width).with_min_len(ROWS_A_TASK).zip(indices).for_each(|(row, &index)| {
        row.copy_from_slice(&x[index as usize * width..][..width]);
    });
}

/// `y[v] = Σ_{n: indices[n] = v} x[n]`, terms in the order of `n`; rows that no index names become
/// zero. `x` is `indices.len() x width`, `y` a table of rows of `width`.
///
/// The positions are sorted by index, so that one task owns each row of `y`.
///
/// # Panics
/// If an index lies outside `y` or `x` has another size.
pub fn scatter_rows(x: &[f32], width: usize, indices: &[u32], y: &mut [f32]) {
    assert_eq!(x.len(), indices.len() * width, "the input holds one row for each index");
    y.fill(0.0);
    scatter_into_zeros(x, width, indices, y);
}

/// A row of the output, and the indices that name it with their positions.
type Owner<'a> = (&'a mut [f32], &'a [(u32, u32)]);

/// [`scatter_rows`] into a table that is already zero.
pub(crate) fn scatter_into_zeros(x: &[f32], width: usize, indices: &[u32], y: &mut [f32]) {
    if width == 0 {
        return;
    }
    let mut by_index: Vec<(u32, u32)> = indices.iter().copied().zip(0..).collect();
    // The position is part of the key, so equal indices keep their order.
    by_index.par_sort_unstable();
    let mut owners: Vec<Owner<'_>> = Vec::with_capacity(by_index.len());
    let (mut rest, mut next_row) = (y, 0usize);
    for positions in by_index.chunk_by(|a, b| a.0 == b.0) {
        let row = positions[0].0 as usize;
        let (_, from_row) = rest.split_at_mut((row - next_row) * width);
        let (owned, after) = from_row.split_at_mut(width);
        owners.push((owned, positions));
        (rest, next_row) = (after, row + 1);
    }
    owners.into_par_iter().with_min_len(ROWS_A_TASK).for_each(|(row, positions)| {
        for &(_, n) in positions {
            for (sum, value) in row.iter_mut().zip(&x[n as usize * width..][..width]) {
                *sum += value;
            }
        }
    });
}
