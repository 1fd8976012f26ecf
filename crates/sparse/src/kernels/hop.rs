//! One hop: sums over the neighbours of every row, `S = A X`, handed on row by row.
//!
//! A row is summed in registers, a block of columns at a time, while the rows that are needed a little
//! later are on their way into the cache. Degree factors are no part of it: they are applied to the
//! table beforehand and to the sums afterwards, so that a pattern costs one addition for each edge and
//! column and reads no weight.

use std::ops::Range;

use rayon::prelude::*;

use super::prefetch::prefetch_at;
use super::split::pieces;
use super::stored::Stored;
use super::vectors::vectorised;
use crate::layout::{AHEAD, HUB_EDGES, Layout, Part};

/// What becomes of the sum of a row. Shared by threads; each row position comes once.
pub(crate) trait Finish: Sync {
    /// Takes the sum, which it may change. To be `#[inline(always)]`.
    fn row(&self, position: usize, sum: &mut [f32]);

    /// Says that [`Finish::row`] comes next for this position, so that the row it writes can be fetched.
    fn soon(&self, position: usize);
}

/// A table to be gathered from, one row for each column position of the layout, for the rows of a part.
#[derive(Clone, Copy)]
pub(crate) struct Hop<'a, T> {
    layout: &'a Layout,
    part: &'a Part,
    x: &'a [T],
    width: usize,
    /// Sums of the rows in `part.hubs`.
    hubs: &'a [f32],
}

impl<'a, T: Stored> Hop<'a, T> {
    /// Runs `with` on a hop whose hubs are summed, each by many tasks: pieces of a fixed size, added up
    /// in their order.
    pub(crate) fn prepare<R>(
        layout: &'a Layout,
        part: &'a Part,
        x: &'a [T],
        width: usize,
        with: impl FnOnce(Hop<'_, T>) -> R,
    ) -> R {
        let hop = Hop { layout, part, x, width, hubs: &[] };
        let of_hub = |(hub, &row): (usize, &usize)| pieces(layout.edges(row), HUB_EDGES).map(move |edges| (hub, edges));
        let pieces: Vec<(usize, Range<usize>)> = part.hubs.par_iter().enumerate().flat_map(of_hub).collect();
        let mut partial = vec![0f32; pieces.len() * width];
        partial.par_chunks_mut(width.max(1)).zip(&pieces).for_each(|(sum, (_, edges))| {
            vectorised(
                #[inline(always)]
                || hop.sum_edges(edges.clone(), sum),
            );
        });
        let mut hubs = vec![0f32; part.hubs.len() * width];
        for ((hub, _), partial) in pieces.iter().zip(partial.chunks_exact(width.max(1))) {
            add(&mut hubs[hub * width..][..width], 1.0, partial);
        }
        with(Hop { hubs: &hubs, ..hop })
    }

    /// Hands every row position of the part with its sum to `finish`, from many threads, each row once.
    pub(crate) fn for_each_row(self, finish: &impl Finish) {
        self.part.tasks.par_iter().for_each(|task| {
            let mut sum = vec![0f32; self.width];
            vectorised(
                #[inline(always)]
                || {
                    for row in task.rows() {
                        finish.soon(row);
                        self.sum_row(row, &mut sum);
                        finish.row(row, &mut sum);
                    }
                },
            );
        });
    }

    /// `sum = A[row] X`, for a row of the part.
    #[inline(always)]
    pub(crate) fn sum_row(self, row: usize, sum: &mut [f32]) {
        let edges = self.layout.edges(row);
        if edges.len() > HUB_EDGES
            && let Ok(hub) = self.part.hubs.binary_search(&row)
        {
            sum.copy_from_slice(&self.hubs[hub * self.width..][..self.width]);
        } else {
            self.sum_edges(edges, sum);
        }
    }

    #[inline(always)]
    fn sum_edges(self, edges: Range<usize>, sum: &mut [f32]) {
        let mut offset = 0;
        while offset < self.width {
            offset += match self.width - offset {
                64.. => self.sum_block::<64>(edges.clone(), offset, sum),
                32.. => self.sum_block::<32>(edges.clone(), offset, sum),
                8.. => self.sum_block::<8>(edges.clone(), offset, sum),
                _ => self.sum_block::<1>(edges.clone(), offset, sum),
            };
        }
    }

    /// `W` columns of a sum, from column `offset` on. Returns `W`.
    #[inline(always)]
    fn sum_block<const W: usize>(self, edges: Range<usize>, offset: usize, out: &mut [f32]) -> usize {
        let mut sums = [0f32; W];
        let Layout { indices, weights, .. } = self.layout;
        let start = |col: u32| col as usize * self.width + offset;
        let row = |col: u32| -> &[T; W] { self.x[start(col)..].first_chunk().expect("a table has whole rows") };
        let fetch = |col: u32| prefetch_at(self.x.as_ptr().wrapping_add(start(col)), W);
        let cols = indices[edges.clone()].iter().zip(&indices[edges.start + AHEAD..]);
        match weights {
            None => {
                for (&col, &soon) in cols {
                    fetch(soon);
                    for (sum, value) in sums.iter_mut().zip(row(col)) {
                        *sum += value.load();
                    }
                }
            }
            Some(weights) => {
                for ((&col, &soon), &weight) in cols.zip(&weights[edges]) {
                    fetch(soon);
                    for (sum, value) in sums.iter_mut().zip(row(col)) {
                        *sum += weight * value.load();
                    }
                }
            }
        }
        out[offset..offset + W].copy_from_slice(&sums);
        W
    }
}

/// `to += factor * from`.
#[inline(always)]
pub(crate) fn add(to: &mut [f32], factor: f32, from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}
