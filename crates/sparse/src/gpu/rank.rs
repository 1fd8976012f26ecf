//! Full ranking on a device: scores of a block of users by one matrix product, seen items struck out, and the best of
//! each row.
//!
//! A cube takes a row. Each of its units goes through its own items and holds the best of them; the best of all units is
//! listed, and its unit looks for its next one, which comes after in the order of scores, so that nothing is struck out.

#![expect(clippy::float_cmp, reason = "scores that are one and the same are ordered by rank")]

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeDevice};
use cubecl::prelude::*;
use gnnrec_graph::Csr;

use super::device::{empty, upload_u32};
use super::geometry::{cubes, lines};
use super::graph::number;
use crate::Rows;
use crate::ops::rank::{RankBackend, SeenItems};

/// Units of a row.
const UNITS: usize = 256;

/// Sets the scores of seen items to minus infinity.
#[cube(launch_unchecked)]
fn strike_out(
    scores: &mut [f32],
    asked: &[u32],
    bounds: &[u32],
    seen: &[u32],
    num_rows: usize,
    num_items: usize,
    lowest: f32,
) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if row >= num_rows {
        terminate!();
    }
    let user = asked[row] as usize;
    let end = bounds[user + 1] as usize;
    let mut position = bounds[user] as usize + UNIT_POS_X as usize;
    while position < end {
        scores[row * num_items + seen[position] as usize] = lowest;
        position += CUBE_DIM_X as usize;
    }
}

/// A unit's best item after `(last, last_item)` in the order of scores; of items of one score the one of higher rank.
#[cube]
fn next_of_unit(
    scores: &[f32],
    ranks: &[u32],
    start: usize,
    num_items: usize,
    unit: usize,
    last: f32,
    last_item: u32,
    lowest: f32,
    #[comptime] from_all: bool,
    best: &mut [f32],
    items: &mut [u32],
) {
    // A variable that begins as a parameter would be the parameter.
    let mut highest = f32::new(f32::MIN);
    highest = min(highest, lowest);
    let mut found = 0u32;
    let mut item = 0usize;
    item += unit;
    while item < num_items {
        let score = scores[start + item];
        let mut after = score < last || (score == last && ranks[item] < ranks[last_item as usize]);
        if comptime!(from_all) {
            after = true;
        }
        let is_better = score > highest || (score == highest && score > lowest && ranks[item] > ranks[found as usize]);
        if after && is_better {
            highest = score;
            found = item as u32;
        }
        item += UNITS;
    }
    best[unit] = highest;
    items[unit] = found;
}

/// The `k` best of each row, best first: minus infinity where there are no more, and a NaN with its item where there is
/// any.
#[cube(launch_unchecked)]
fn best_of_rows(
    scores: &[f32],
    ranks: &[u32],
    listed: &mut [f32],
    listed_items: &mut [u32],
    num_rows: usize,
    num_items: usize,
    k: usize,
    lowest: f32,
) {
    // What each unit holds, and beside it the place for a tournament of units.
    let mut best = Shared::<[f32]>::new_slice(UNITS);
    let mut items = Shared::<[u32]>::new_slice(UNITS);
    let mut winners = Shared::<[u32]>::new_slice(UNITS);
    let unit = UNIT_POS as usize;
    // Cubes past the last row repeat it without writing, so that all units of a cube meet at its barriers.
    let row = min(CUBE_POS, num_rows - 1);
    let writes = unit == 0 && CUBE_POS < num_rows;
    let start = row * num_items;

    let mut bad = 0xFFFF_FFFFu32;
    let mut item = unit;
    while item < num_items {
        // By its bits: shaders may take it that no number is NaN.
        let bits = u32::reinterpret(scores[start + item]);
        if (bits & 0x7FFF_FFFF) > 0x7F80_0000 && bad == 0xFFFF_FFFF {
            bad = item as u32;
        }
        item += UNITS;
    }
    winners[unit] = bad;
    next_of_unit(scores, ranks, start, num_items, unit, lowest, 0u32, lowest, true, &mut best, &mut items);
    sync_cube();
    bad = 0xFFFF_FFFFu32;
    for other in 0..UNITS {
        bad = min(bad, winners[other]);
    }

    for place in 0..k {
        sync_cube();
        winners[unit] = unit as u32;
        sync_cube();
        let mut half = 128usize;
        while half > 0 {
            if unit < half {
                let a = winners[unit] as usize;
                let b = winners[unit + half] as usize;
                let is_better =
                    best[b] > best[a] || (best[b] == best[a] && ranks[items[b] as usize] > ranks[items[a] as usize]);
                if is_better {
                    winners[unit] = b as u32;
                }
            }
            sync_cube();
            half /= 2;
        }
        let winner = winners[0] as usize;
        let score = best[winner];
        let item = items[winner];
        sync_cube();
        if writes {
            listed[row * k + place] = score;
            listed_items[row * k + place] = item;
        }
        if unit == winner {
            next_of_unit(scores, ranks, start, num_items, unit, score, item, lowest, false, &mut best, &mut items);
        }
    }
    if writes && bad != 0xFFFF_FFFF {
        listed[row * k] = scores[start + bad as usize];
        listed_items[row * k] = bad;
    }
}

/// Of each row of `scores` the `k` best, `rows x k`, and their items.
pub(super) fn best(
    scores: &CubeTensor,
    asked: &CubeTensor,
    DeviceSeen { bounds, items: seen, ranks }: &DeviceSeen,
    k: usize,
) -> (CubeTensor, CubeTensor) {
    let (num_rows, num_items) = (scores.meta.shape()[0], scores.meta.shape()[1]);
    let device = &scores.device;
    let (listed, mut items) = (empty([num_rows, k], device), empty([num_rows, k], device));
    items.dtype = burn::tensor::DType::U32;
    if num_rows == 0 || k == 0 || num_items == 0 {
        return (listed, items);
    }
    let (count, dim) = lines(num_rows, 32, device);
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: users and their seen items lie within the graph that the scores are of.
    unsafe {
        strike_out::launch_unchecked(
            &scores.client,
            count,
            dim,
            scores.clone().into_buffer_arg(),
            asked.clone().into_buffer_arg(),
            bounds.clone().into_buffer_arg(),
            seen.clone().into_buffer_arg(),
            num_rows,
            num_items,
            f32::NEG_INFINITY,
        );
        best_of_rows::launch_unchecked(
            &scores.client,
            cubes(num_rows, device),
            CubeDim::new_1d(256),
            scores.clone().into_buffer_arg(),
            ranks.clone().into_buffer_arg(),
            listed.clone().into_buffer_arg(),
            items.clone().into_buffer_arg(),
            num_rows,
            num_items,
            k,
            f32::NEG_INFINITY,
        );
    }
    (listed, items)
}

/// What each user has seen.
#[derive(Debug)]
pub(crate) struct DeviceSeen {
    bounds: CubeTensor,
    items: CubeTensor,
    /// Of items of one score the one of higher rank stands first.
    ranks: CubeTensor,
}

impl DeviceSeen {
    pub(crate) fn new(seen: &Csr, ranks: &[u32], device: &CubeDevice) -> Self {
        let bounds: Vec<u32> = seen.indptr().iter().map(|&position| number(position)).collect();
        Self {
            bounds: upload_u32(&bounds, device),
            items: upload_u32(seen.indices(), device),
            ranks: upload_u32(ranks, device),
        }
    }
}

impl RankBackend for CubeBackend {
    fn best_unseen(asked: Rows, seen: SeenItems, k: usize, scores: CubeTensor) -> (CubeTensor, CubeTensor) {
        let scores = into_contiguous(scores);
        best(&scores, &asked.on(&scores.device), &seen.on(&scores.device), k)
    }
}
