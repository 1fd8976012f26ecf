//! Who owns which rows of a step: tables are halved between tasks until a piece is small.
//!
//! It knows no equation: an [`Update`] says what happens to some rows.

use std::ops::Range;

use pulp::Arch;
use rayon::join;

use super::Gradient;

/// Values of a table that one task moves; with Adam's gradient and moments 128 KiB, less than a core's cache.
const VALUES_A_TASK: usize = 1 << 13;

/// Rows of a table, or of what belongs to it, `width` values each.
pub(super) struct Table<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) width: usize,
}

/// What one step does to some rows of `K` tables.
pub(super) trait Update<const K: usize>: Sync {
    /// Moves the rows; `gradient` holds one row of `width` for each.
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
    let num_rows = tables[0].values.len() / tables[0].width;
    gradient.check(tables[0].values.len());
    assert!(tables.iter().all(|table| table.values.len() == num_rows * table.width), "tables have as many rows");
    let width = gradient.width;
    let rows_a_task = (VALUES_A_TASK / width).max(1);
    let zeros = vec![0f32; if unnamed == Unnamed::Move { rows_a_task * width } else { 0 }];
    let walk = Walk { update, arch: Arch::new(), width, rows_a_task, zeros: &zeros };
    match gradient.rows {
        None => walk.every(tables, gradient.values, num_rows),
        Some(rows) => walk.named(tables, 0..num_rows, rows, gradient.values),
    }
}

struct Walk<'a, U> {
    update: &'a U,
    arch: Arch,
    width: usize,
    rows_a_task: usize,
    /// A task's rows of gradient zero where unnamed rows move, otherwise empty.
    zeros: &'a [f32],
}

impl<U> Walk<'_, U> {
    /// Every row has its row of gradient.
    fn every<const K: usize>(&self, mut tables: [Table<'_>; K], gradient: &[f32], num_rows: usize)
    where
        U: Update<K>,
    {
        if num_rows <= self.rows_a_task {
            self.arch.dispatch(|| self.update.apply(tables.map(|table| table.values), gradient, self.width));
            return;
        }
        let half = num_rows / 2;
        let front = take_front(&mut tables, half);
        let (gradient, rest) = gradient.split_at(half * self.width);
        join(|| self.every(front, gradient, half), || self.every(tables, rest, num_rows - half));
    }

    /// The rows `owned` of a table, of which `rows` have a row of gradient.
    fn named<const K: usize>(&self, mut tables: [Table<'_>; K], owned: Range<usize>, rows: &[u32], gradient: &[f32])
    where
        U: Update<K>,
    {
        // Halved by what moves: the rows owned, or those of them that are named.
        let (moving, cut) = if self.zeros.is_empty() {
            (rows.len(), rows.get(rows.len() / 2).map_or(owned.end, |&row| row as usize))
        } else {
            (owned.len(), owned.start + owned.len() / 2)
        };
        if moving <= self.rows_a_task {
            self.arch.dispatch(|| self.some(tables, owned, rows, gradient));
            return;
        }
        let front = take_front(&mut tables, cut - owned.start);
        let (rows, rest_rows) = rows.split_at(rows.partition_point(|&row| (row as usize) < cut));
        let (gradient, rest) = gradient.split_at(rows.len() * self.width);
        join(
            || self.named(front, owned.start..cut, rows, gradient),
            || self.named(tables, cut..owned.end, rest_rows, rest),
        );
    }

    /// [`Walk::named`] on one task.
    #[inline(always)]
    fn some<const K: usize>(&self, mut tables: [Table<'_>; K], owned: Range<usize>, rows: &[u32], gradient: &[f32])
    where
        U: Update<K>,
    {
        let mut next = owned.start;
        for (&row, gradient) in rows.iter().zip(gradient.chunks_exact(self.width)) {
            self.unnamed(take_front(&mut tables, row as usize - next));
            self.update.apply(take_front(&mut tables, 1).map(|table| table.values), gradient, self.width);
            next = row as usize + 1;
        }
        self.unnamed(tables);
    }

    /// Rows without gradient, no more than a task's where they move.
    #[inline(always)]
    fn unnamed<const K: usize>(&self, tables: [Table<'_>; K])
    where
        U: Update<K>,
    {
        let num_rows = tables[0].values.len() / tables[0].width;
        if num_rows > 0 && !self.zeros.is_empty() {
            self.update.apply(tables.map(|table| table.values), &self.zeros[..num_rows * self.width], self.width);
        }
    }
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
