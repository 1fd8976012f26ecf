//! Rows out of a table and, as its gradient, rows added into one.

use rayon::prelude::*;

use super::tables::RowGroups;

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
    RowGroups::new(indices).add_to(x, width, y);
}
