//! Rows that a lookup names more than once, summed into one each: the gradient of a lookup, row by row.

use rayon::prelude::*;

use crate::Rows;

/// Distinct rows that one task sums.
const ROWS_A_TASK: usize = 128;

/// Which positions of a lookup name which row. Making one sorts: `O(n log n)` in the number of indices.
#[derive(Clone, Debug)]
pub struct RowGroups {
    rows: Rows,
    /// Ends of the groups in `positions`, one for each row.
    ends: Vec<u32>,
    /// Positions by row, ascending within a row.
    positions: Vec<u32>,
}

impl RowGroups {
    /// The groups of a lookup.
    ///
    /// # Panics
    /// If there are 2^32 indices.
    #[must_use]
    pub fn new(indices: &[u32]) -> Self {
        let len = u32::try_from(indices.len()).expect("a lookup has fewer than 2^32 indices");
        let mut by_index: Vec<(u32, u32)> = indices.iter().copied().zip(0..len).collect();
        // The position is part of the key, so equal indices keep their order.
        by_index.par_sort_unstable();
        let (mut rows, mut ends) = (Vec::with_capacity(indices.len()), Vec::with_capacity(indices.len()));
        for (end, &(index, _)) in (1..).zip(&by_index) {
            if rows.last() == Some(&index) {
                ends.pop();
            } else {
                rows.push(index);
            }
            ends.push(end);
        }
        Self { rows: rows.into(), ends, positions: by_index.into_iter().map(|(_, n)| n).collect() }
    }

    /// The distinct indices, ascending.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Number of indices in the lookup.
    #[must_use]
    pub fn num_indices(&self) -> usize {
        self.positions.len()
    }

    /// The bounds of the groups, the positions by row, and for each position the number of its row: what a device is told.
    #[cfg(feature = "gpu")]
    pub(crate) fn segments(&self) -> (Vec<u32>, &[u32], Vec<u32>) {
        let bounds = std::iter::once(0).chain(self.ends.iter().copied()).collect();
        let mut numbers = vec![0; self.positions.len()];
        for (number, r) in (0..).zip(0..self.rows.len()) {
            self.positions(r).iter().for_each(|&position| numbers[position as usize] = number);
        }
        (bounds, &self.positions, numbers)
    }

    /// The positions that name row number `r` of [`RowGroups::rows`], at least one, ascending.
    fn positions(&self, r: usize) -> &[u32] {
        let start = if r == 0 { 0 } else { self.ends[r - 1] };
        &self.positions[start as usize..self.ends[r] as usize]
    }

    /// `y[v] += Σ_{n: indices[n] = v} x[n]`, terms in the order of `n`; `x` is `num_indices x width`, and `y` has a row for
    /// every index there may be.
    ///
    /// # Panics
    /// If `x` has another size, or an index lies outside `y`.
    pub fn add_to(&self, x: &[f32], width: usize, y: &mut [f32]) {
        assert_eq!(x.len(), self.num_indices() * width, "the input holds one row for each index");
        if width == 0 {
            return;
        }
        let mut owned: Vec<&mut [f32]> = Vec::with_capacity(self.rows.len());
        let (mut rest, mut next) = (y, 0);
        for &row in self.rows.iter() {
            let (own, after) = rest[(row as usize - next) * width..].split_at_mut(width);
            owned.push(own);
            (rest, next) = (after, row as usize + 1);
        }
        owned.into_par_iter().enumerate().with_min_len(ROWS_A_TASK).for_each(|(r, own)| {
            for &n in self.positions(r) {
                for (sum, value) in own.iter_mut().zip(&x[n as usize * width..][..width]) {
                    *sum += value;
                }
            }
        });
    }

    /// `y[r] = Σ_{n: indices[n] = rows[r]} x[n]`, terms in the order of `n`; `x` is `num_indices x width`, `y`
    /// is `rows.len() x width`.
    ///
    /// # Panics
    /// If `x` or `y` has another size.
    pub fn sum(&self, x: &[f32], width: usize, y: &mut [f32]) {
        assert_eq!(x.len(), self.num_indices() * width, "the input holds one row for each index");
        assert_eq!(y.len(), self.rows.len() * width, "the output holds one row for each distinct index");
        if width == 0 {
            return;
        }
        let row = |n: u32| &x[n as usize * width..][..width];
        y.par_chunks_exact_mut(width).enumerate().with_min_len(ROWS_A_TASK).for_each(|(r, sum)| {
            let positions = self.positions(r);
            sum.copy_from_slice(row(positions[0]));
            for &n in &positions[1..] {
                for (sum, value) in sum.iter_mut().zip(row(n)) {
                    *sum += value;
                }
            }
        });
    }
}

/// The distinct `indices` in ascending order and, for each, the sum of its rows of `x`: see
/// [`RowGroups::sum`]. `x` is `indices.len() x width`.
///
/// # Panics
/// If `x` has another size, or there are 2^32 indices.
#[must_use]
pub fn coalesce_rows(indices: &[u32], x: &[f32], width: usize) -> (Vec<u32>, Vec<f32>) {
    let groups = RowGroups::new(indices);
    let mut y = vec![0f32; groups.rows.len() * width];
    groups.sum(x, width, &mut y);
    (groups.rows.to_vec(), y)
}
