//! A table whose rows many tasks write, each row by one of them, in no order that slices could follow.

use std::marker::PhantomData;

use super::prefetch::prefetch_at;

/// Rows of a table for writers that share it.
pub(crate) struct ScatteredRows<'a, T> {
    start: *mut T,
    num_rows: usize,
    width: usize,
    table: PhantomData<&'a mut [T]>,
}

#[expect(unsafe_code, reason = "rows are handed to many threads")]
// SAFETY: the only access is `row_mut`, whose callers promise that no two of them hold one row.
unsafe impl<T: Send> Sync for ScatteredRows<'_, T> {}

impl<'a, T> ScatteredRows<'a, T> {
    /// Takes a table of whole rows for as long as its rows are written.
    pub(crate) fn new(table: &'a mut [T], width: usize) -> Self {
        assert!(width > 0 && table.len().is_multiple_of(width), "a table of whole rows");
        Self { start: table.as_mut_ptr(), num_rows: table.len() / width, width, table: PhantomData }
    }

    /// Fetches a row that will be written soon.
    #[inline(always)]
    pub(crate) fn soon(&self, row: usize) {
        prefetch_at(self.start.wrapping_add(row * self.width), self.width);
    }

    /// One row.
    ///
    /// # Safety
    /// While the slice lives, no other call may name the same row.
    ///
    /// # Panics
    /// If there is no such row.
    #[expect(unsafe_code, reason = "that rows differ is the caller's to know")]
    #[expect(clippy::mut_from_ref, reason = "the purpose of this type; see the safety condition")]
    #[inline(always)]
    pub(crate) unsafe fn row_mut(&self, row: usize) -> &mut [T] {
        assert!(row < self.num_rows, "row {row} of {}", self.num_rows);
        // SAFETY: the row lies inside the table that `new` borrowed mutably for `'a`, as was just checked,
        // and the caller promises that nobody else holds it.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.width), self.width) }
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "what is tested")]
    fn each_writes_its_row() {
        let mut table = [0u16; 14];
        let rows = ScatteredRows::new(&mut table, 2);
        [6u16, 0, 3].par_iter().for_each(|&row| {
            // SAFETY: the three rows differ.
            unsafe { rows.row_mut(row.into()) }.fill(row + 1);
        });
        assert_eq!(table, [1, 1, 0, 0, 0, 0, 4, 4, 0, 0, 0, 0, 7, 7]);
    }

    #[test]
    #[should_panic(expected = "row 3 of 3")]
    #[expect(unsafe_code, reason = "what is tested")]
    fn a_row_beyond_the_table_is_refused() {
        let mut table = [0.0; 6];
        let rows = ScatteredRows::new(&mut table, 2);
        // SAFETY: there is one call.
        let _ = unsafe { rows.row_mut(3) };
    }
}
