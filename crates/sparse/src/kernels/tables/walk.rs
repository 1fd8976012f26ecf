//! Who owns which rows of a step: tables are halved between tasks until a piece is small.
//!
//! It knows no equation: an [`Update`] says what happens to some rows.

use std::ops::Range;

use rayon::join;

use super::Gradient;
use crate::kernels::prefetch::prefetch_at;
use crate::kernels::vectors::vectorised;

/// Values of a table that one task moves; with Adam's gradient and moments 128 KiB, less than a core's cache.
const VALUES_A_TASK: usize = 1 << 13;

/// Rows by which what is named is asked for ahead of its turn.
const ROWS_AHEAD: usize = 4;

/// Rows of a table, or of what belongs to it, `width` values each.
pub(super) struct Table<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) width: usize,
}

/// What one step does to some rows of `K` tables.
pub(super) trait Update<const K: usize>: Sync {
    /// Moves the rows; `gradient` holds one row of `width` for each. To be `#[inline(always)]`.
    fn apply(&self, tables: [&mut [f32]; K], gradient: &[f32], width: usize);
}

/// Whether rows that a gradient does not name move as well.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Unnamed {
    /// As by the gradient zero.
    Move,
    Stay,
}

/// Applies an update to the rows of tables that have one row for each row of the first.
pub(super) fn walk<const K: usize>(
    update: &impl Update<K>,
    tables: [Table<'_>; K],
    gradient: Gradient<'_>,
    unnamed: Unnamed,
) {
    gradient.check(tables[0].values.len());
    let (num_rows, width) = (num_rows(&tables), gradient.width);
    assert!(tables.iter().all(|table| table.values.len() == num_rows * table.width), "tables have as many rows");
    let rows_a_task = (VALUES_A_TASK / width).max(1);
    let zeros = vec![0f32; if unnamed == Unnamed::Move { rows_a_task * width } else { 0 }];
    let walk = Walk { update, width, rows_a_task, zeros: &zeros };
    match gradient.rows {
        None => walk.every(tables, gradient.values),
        Some(rows) => walk.named(Piece { tables, owned: 0..num_rows, rows, gradient: gradient.values }),
    }
}

struct Walk<'a, U> {
    update: &'a U,
    width: usize,
    rows_a_task: usize,
    /// A task's rows of gradient zero where unnamed rows move, otherwise empty.
    zeros: &'a [f32],
}

/// The rows `owned` of a table, of which `rows` have a row of gradient.
struct Piece<'a, const K: usize> {
    tables: [Table<'a>; K],
    owned: Range<usize>,
    rows: &'a [u32],
    gradient: &'a [f32],
}

impl<U> Clone for Walk<'_, U> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<U> Copy for Walk<'_, U> {}

impl<U> Walk<'_, U> {
    /// Every row has its row of gradient.
    fn every<const K: usize>(self, mut tables: [Table<'_>; K], gradient: &[f32])
    where
        U: Update<K>,
    {
        let num_rows = num_rows(&tables);
        if num_rows <= self.rows_a_task {
            return vectorised(
                #[inline(always)]
                || self.update.apply(tables.each_mut().map(|table| &mut *table.values), gradient, self.width),
            );
        }
        let front = take_front(&mut tables, num_rows / 2);
        let (gradient, rest) = gradient.split_at(num_rows / 2 * self.width);
        join(|| self.every(front, gradient), || self.every(tables, rest));
    }

    /// Some rows have one.
    fn named<const K: usize>(self, piece: Piece<'_, K>)
    where
        U: Update<K>,
    {
        let Piece { mut tables, owned, rows, gradient } = piece;
        // Halved by what moves: the rows owned, or those of them that are named.
        let (moving, cut) = if self.zeros.is_empty() {
            (rows.len(), rows.get(rows.len() / 2).map_or(owned.end, |&row| row as usize))
        } else {
            (owned.len(), owned.start + owned.len() / 2)
        };
        if moving <= self.rows_a_task {
            return vectorised(
                #[inline(always)]
                || self.named_rows(&mut tables, owned.clone(), rows, gradient),
            );
        }
        let front = take_front(&mut tables, cut - owned.start);
        let (front_rows, rows) = rows.split_at(rows.partition_point(|&row| (row as usize) < cut));
        let (front_gradient, gradient) = gradient.split_at(front_rows.len() * self.width);
        let front = Piece { tables: front, owned: owned.start..cut, rows: front_rows, gradient: front_gradient };
        join(|| self.named(front), || self.named(Piece { tables, owned: cut..owned.end, rows, gradient }));
    }

    /// A task's rows of tables, in order: what is named by its gradient, and what lies between by none.
    #[inline(always)]
    fn named_rows<const K: usize>(
        self,
        tables: &mut [Table<'_>; K],
        owned: Range<usize>,
        rows: &[u32],
        gradient: &[f32],
    ) where
        U: Update<K>,
    {
        let mut next = owned.start;
        for (n, (&row, gradient)) in rows.iter().zip(gradient.chunks_exact(self.width)).enumerate() {
            if let Some(&ahead) = rows.get(n + ROWS_AHEAD) {
                let num_rows = ahead as usize - next;
                tables.iter().for_each(|table| {
                    prefetch_at(table.values.as_ptr().wrapping_add(num_rows * table.width), table.width);
                });
            }
            self.unnamed(take_front(tables, row as usize - next));
            self.update.apply(take_front(tables, 1).map(|table| table.values), gradient, self.width);
            next = row as usize + 1;
        }
        self.unnamed(take_front(tables, owned.end - next));
    }

    /// Moves rows without gradient where they move, no more than a task's.
    #[inline(always)]
    fn unnamed<const K: usize>(self, tables: [Table<'_>; K])
    where
        U: Update<K>,
    {
        let num_rows = num_rows(&tables);
        if num_rows > 0 && !self.zeros.is_empty() {
            self.update.apply(tables.map(|table| table.values), &self.zeros[..num_rows * self.width], self.width);
        }
    }
}

#[inline(always)]
fn num_rows<const K: usize>(tables: &[Table<'_>; K]) -> usize {
    tables[0].values.len() / tables[0].width
}

/// Takes the first rows off tables and leaves the rest.
#[inline(always)]
fn take_front<'a, const K: usize>(tables: &mut [Table<'a>; K], num_rows: usize) -> [Table<'a>; K] {
    tables.each_mut().map(|table| {
        let (front, rest) = std::mem::take(&mut table.values).split_at_mut(num_rows * table.width);
        table.values = rest;
        Table { values: front, width: table.width }
    })
}
