//! Which items of a tile can still enter a list, from codes of 8 bits, in half the time of the product.
//!
//! A vector is its code times a scale plus a remainder, `u = a p + e` and `i = b q + f` with whole
//! numbers `p` and `q`. By Cauchy and Schwarz, whatever the vectors,
//!
//! ```text
//! score(u, i) <= a b (p . q) + a |p| |f| + |e| |i| + rounding |u| |i|
//! ```
//!
//! so that a pair whose `p . q` stays below a whole number known beforehand cannot reach the worst score
//! of a full list. What is left, a few items in a hundred, is scored as if there were no screen:
//! screening never changes a result. It is not an approximation, and it decides nothing about order.
//!
//! The sums run in 16 bits. They may wrap on the way, which is harmless because the norms of the codes
//! keep every *final* sum inside.

use std::ops::Range;

use pulp::{cast, i8x32, i16x16};

/// Users that one pass of the kernel holds.
const ROWS: usize = 6;
/// Vectors of items that one pass of the kernel holds.
const VECTORS: usize = 2;
/// Items that one pass of the kernel holds.
pub(crate) const PANEL: usize = 32;
/// The longest code: `181^2 < 2^15`, so that no product of two of them leaves 16 bits.
const CODE_NORM: f64 = 181.0;
/// User codes are kept as `p + 64` in `1..=127` and item codes in `-127..=127`: the sum of two products
/// is within 16 bits.
const USER_CODE: f64 = 63.0;
const ITEM_CODE: f64 = 127.0;
const OFFSET: i16 = 64;
/// Wider tables lose so much in a code of this norm that hardly anything would be screened out.
const MAX_DIM: usize = 512;
/// Products of norms up to here overflow nowhere, so that no score is infinite or NaN.
const MAX_PRODUCT: f64 = 1e37;

#[cfg(target_arch = "x86_64")]
mod machine {
    use pulp::x86::V3;
    use pulp::{cast, i8x32, i16x16};

    /// The instructions that the kernel needs, known to be there.
    pub(super) type Machine = V3;

    pub(super) fn detect() -> Option<Machine> {
        V3::try_new()
    }

    pub(super) fn run(machine: Machine, work: impl FnOnce()) {
        machine.vectorize(work);
    }

    /// `sums[n] + users[2n] items[2n] + users[2n+1] items[2n+1]`, the users without a sign.
    #[inline(always)]
    pub(super) fn accumulate(machine: Machine, users: u32, items: i8x32, sums: i16x16) -> i16x16 {
        let users = cast(machine.splat_u32x8(users));
        machine.wrapping_add_i16x16(sums, machine.multiply_saturating_add_adjacent_i8x32(users, items))
    }

    /// One bit for each sum above the threshold, in the order of the items of a panel.
    #[inline(always)]
    pub(super) fn above(machine: Machine, sums: [i16x16; 2], threshold: i16) -> u32 {
        let threshold = machine.splat_i16x16(threshold);
        let [first, second] = sums.map(|sums| cast(machine.cmp_gt_i16x16(sums, threshold)));
        machine.avx2._mm256_movemask_epi8(machine.avx2._mm256_packs_epi16(first, second)).cast_unsigned()
    }
}

/// Elsewhere nothing is screened: the type has no value.
#[cfg(not(target_arch = "x86_64"))]
mod machine {
    use pulp::{i8x32, i16x16};

    #[derive(Clone, Copy, Debug)]
    pub(super) enum Machine {}

    pub(super) fn detect() -> Option<Machine> {
        None
    }
    pub(super) fn run(machine: Machine, _: impl FnOnce()) {
        match machine {}
    }
    pub(super) fn accumulate(machine: Machine, _: u32, _: i8x32, _: i16x16) -> i16x16 {
        match machine {}
    }
    pub(super) fn above(machine: Machine, _: [i16x16; 2], _: i16) -> u32 {
        match machine {}
    }
}

use machine::Machine;

/// Where item `position` of a panel sits: its vector and lane, such that [`machine::above`] packs the bits
/// in order.
const fn seat(position: usize) -> (usize, usize) {
    (position / 8 % VECTORS, position / 16 * 8 + position % 8)
}

/// How fine a grid the code of a vector may use. A rounded code is at most `sqrt(dim) / 2` longer.
#[inline(always)]
fn scale(norm: f64, largest: f64, largest_code: f64, dim: f64) -> f64 {
    let scale = (norm / (CODE_NORM - dim.sqrt() / 2.0)).max(largest / largest_code);
    if scale > 0.0 { scale } else { 1.0 }
}

#[inline(always)]
fn largest(row: &[f32]) -> f64 {
    row.iter().fold(0.0f32, |largest, value| largest.max(value.abs())).into()
}

#[inline(always)]
fn row_norm(row: &[f32]) -> f64 {
    row.iter().fold(0.0, |sum, &value| sum + f64::from(value) * f64::from(value)).sqrt()
}

/// Norms of the code of a row and of what it leaves, in units of the scale.
#[inline(always)]
fn code_norms(row: &[f32], scale: f64) -> (f64, f64) {
    let (mut of_code, mut of_remainder) = (0.0, 0.0);
    for &value in row {
        let value = f64::from(value) / scale;
        let code = value.round_ties_even();
        of_code += code * code;
        of_remainder += (value - code) * (value - code);
    }
    (of_code.sqrt(), of_remainder.sqrt())
}

/// The item table as codes.
#[derive(Clone, Debug)]
pub(crate) struct ItemCodes {
    machine: Machine,
    num_items: usize,
    dim: usize,
    /// `panels x pairs of columns`; a lane holds both columns of one item.
    codes: Vec<[i8x32; VECTORS]>,
    panels: Vec<Panel>,
    max_norm: f64,
}

/// What the items of a panel have in common.
#[derive(Clone, Copy, Debug)]
struct Panel {
    /// Undoes the offset of the user codes: `-64 sum of q`, modulo 2^16.
    start: [i16x16; VECTORS],
    scale: f64,
    /// `max |f| / b`.
    remainder: f64,
    /// `max |i| / b`.
    norm: f64,
}

impl ItemCodes {
    /// Codes of a table, `items x dim`; none where the machine cannot use them, where they would be too
    /// coarse, or where a value is not finite.
    pub(crate) fn new(table: &[f32], dim: usize) -> Option<Self> {
        let machine = machine::detect()?;
        let num_items = table.len() / dim;
        let max_norm = table.chunks_exact(dim).map(row_norm).fold(0.0, nan_or_max);
        if dim > MAX_DIM || !max_norm.is_finite() {
            return None;
        }
        let pairs = dim.div_ceil(2);
        let mut codes = Vec::new();
        let mut panels = Vec::with_capacity(num_items.div_ceil(PANEL));
        codes.resize(num_items.div_ceil(PANEL) * pairs, [cast([0i8; 32]); VECTORS]);
        machine::run(
            machine,
            #[inline(always)]
            || {
                let parts = table.chunks(PANEL * dim).zip(codes.chunks_exact_mut(pairs));
                panels.extend(parts.map(|(rows, codes)| Panel::fill(rows, dim, codes)));
            },
        );
        Some(Self { machine, num_items, dim, codes, panels, max_norm })
    }
}

/// The larger number, or NaN where there was one.
fn nan_or_max(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

impl Panel {
    #[inline(always)]
    fn fill(rows: &[f32], dim: usize, codes: &mut [[i8x32; VECTORS]]) -> Self {
        let rows = rows.chunks_exact(dim);
        let norm_of_all = rows.clone().map(row_norm).fold(0.0, f64::max);
        let largest = rows.clone().map(largest).fold(0.0, f64::max);
        let scale = scale(norm_of_all, largest, ITEM_CODE, to_f64(dim));
        let mut start = [[0i16; 16]; VECTORS];
        let mut remainder = 0.0f64;
        for (position, row) in rows.enumerate() {
            let (vector, lane) = seat(position);
            let mut sum = 0i16;
            for (column, &value) in row.iter().enumerate() {
                let code = to_code(f64::from(value) / scale);
                let bytes: &mut [i8; 32] = pulp::bytemuck::cast_mut(&mut codes[column / 2][vector]);
                bytes[2 * lane + column % 2] = code;
                sum += i16::from(code);
            }
            start[vector][lane] = sum.wrapping_mul(-OFFSET);
            remainder = remainder.max(code_norms(row, scale).1);
        }
        Self { start: start.map(cast), scale, remainder, norm: norm_of_all / scale }
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the scale keeps codes within their range")]
fn to_code(value: f64) -> i8 {
    value.round_ties_even() as i8
}

#[expect(clippy::cast_precision_loss, reason = "widths are small")]
fn to_f64(dim: usize) -> f64 {
    dim as f64
}

/// A block of users as codes.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserCodes {
    /// `groups of users x pairs of columns`; a word holds both columns of a user twice.
    codes: Vec<[u32; ROWS]>,
    /// For each user `1 / a`.
    per_scale: Vec<f64>,
    /// `|p|`.
    code_norms: Vec<f64>,
    /// `|e| / a`, and the rounding of the score, `rounding |u| / a`.
    remainders: Vec<f64>,
    /// For the tile at work: the score to reach, over `a`.
    reach: Vec<f64>,
    /// For the panel at work: what `p . q` has to exceed.
    thresholds: Vec<i16>,
}

impl UserCodes {
    /// Codes of the given rows; says whether they can be used with these items.
    pub(crate) fn fill<'a>(&mut self, rows: impl ExactSizeIterator<Item = &'a [f32]>, items: &ItemCodes) -> bool {
        let num_groups = rows.len().div_ceil(ROWS);
        self.codes.clear();
        self.codes.resize(num_groups * items.dim.div_ceil(2), [0; ROWS]);
        self.per_scale.clear();
        self.code_norms.clear();
        self.remainders.clear();
        let mut usable = true;
        machine::run(
            items.machine,
            #[inline(always)]
            || {
                for (position, row) in rows.enumerate() {
                    usable &= self.push(position, row, items);
                }
            },
        );
        usable
    }

    #[inline(always)]
    fn push(&mut self, position: usize, row: &[f32], items: &ItemCodes) -> bool {
        let dim = to_f64(items.dim);
        let norm_of_row = row_norm(row);
        // Also false for NaN.
        let finite = norm_of_row * items.max_norm < MAX_PRODUCT && norm_of_row < MAX_PRODUCT;
        if !finite {
            return false;
        }
        let scale = scale(norm_of_row, largest(row), USER_CODE, dim);
        let (code_norm, remainder) = code_norms(row, scale);
        // One rounding for each column, 2^-24 each; doubled, which also covers the arithmetic here.
        let rounding = 2.0 * dim * f64::from(f32::EPSILON / 2.0);
        self.per_scale.push(scale.recip());
        self.code_norms.push(code_norm);
        self.remainders.push(remainder + rounding * norm_of_row / scale);
        let pairs = items.dim.div_ceil(2);
        for (columns, words) in row.chunks(2).zip(&mut self.codes[position / ROWS * pairs..][..pairs]) {
            let mut bytes = [OFFSET.to_le_bytes()[0]; 2];
            for (byte, &value) in bytes.iter_mut().zip(columns) {
                *byte = (i16::from(to_code(f64::from(value) / scale)) + OFFSET).to_le_bytes()[0];
            }
            words[position % ROWS] = u32::from(u16::from_le_bytes(bytes)) * 0x0001_0001;
        }
        true
    }

    /// Finds all pairs of a user and an item of the tile whose score may reach the user's threshold, as
    /// positions in the block and items. Where they are more than `limit`, gives up and returns false.
    /// The tile begins with a panel.
    pub(crate) fn candidates(
        &mut self,
        items: &ItemCodes,
        tile: Range<usize>,
        reach: impl Iterator<Item = f32>,
        limit: usize,
        found: &mut Vec<(u32, u32)>,
    ) -> bool {
        assert_eq!(tile.start % PANEL, 0, "a tile of whole panels");
        found.clear();
        // Below the normal numbers a rounding is no longer relative.
        let tiny = to_f64(items.dim) * f64::from(f32::MIN_POSITIVE);
        self.reach.clear();
        self.reach.extend(reach.zip(&self.per_scale).map(|(reach, per_scale)| (f64::from(reach) - tiny) * per_scale));
        machine::run(
            items.machine,
            #[inline(always)]
            || {
                for panel in tile.start / PANEL..tile.end.div_ceil(PANEL) {
                    self.set_thresholds(&items.panels[panel]);
                    self.sweep(items, panel, found);
                    if found.len() > limit {
                        return;
                    }
                }
            },
        );
        found.len() <= limit
    }

    /// `p . q > threshold` follows from `score >= reach`.
    #[inline(always)]
    fn set_thresholds(&mut self, panel: &Panel) {
        /// Added to a small number, its ulp is 1: the low bits are the number, rounded.
        const ROUND: f64 = (3u64 << 51) as f64;
        let users = self.reach.iter().zip(&self.code_norms).zip(&self.remainders);
        self.thresholds.clear();
        self.thresholds.extend(users.map(|((reach, code_norm), remainder)| {
            let least = reach / panel.scale - code_norm * panel.remainder - remainder * panel.norm;
            // Beyond 16 bits all or nothing passes.
            let threshold = (least - 1.5).clamp(-32_768.0, 32_767.0) + ROUND;
            #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
            let threshold = threshold.to_bits() as i16;
            threshold
        }));
    }

    #[inline(always)]
    fn sweep(&self, items: &ItemCodes, panel: usize, found: &mut Vec<(u32, u32)>) {
        let (machine, pairs) = (items.machine, items.dim.div_ceil(2));
        let (start, codes) = (items.panels[panel].start, &items.codes[panel * pairs..][..pairs]);
        let first_item = panel * PANEL;
        let padding = PANEL - (items.num_items - first_item).min(PANEL);
        let groups = self.codes.chunks_exact(pairs).zip(self.thresholds.chunks(ROWS));
        for (group, (users, thresholds)) in groups.enumerate() {
            let mut sums = [start; ROWS];
            for (users, items) in users.iter().zip(codes) {
                for (sums, &users) in sums.iter_mut().zip(users) {
                    for (sum, &items) in sums.iter_mut().zip(items) {
                        *sum = machine::accumulate(machine, users, items, *sum);
                    }
                }
            }
            for (row, (&sums, &threshold)) in sums.iter().zip(thresholds).enumerate() {
                let mut above = machine::above(machine, sums, threshold) & u32::MAX >> padding;
                while above != 0 {
                    found.push((to_u32(group * ROWS + row), to_u32(first_item) + above.trailing_zeros()));
                    above &= above - 1;
                }
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "users of a block and items are counted by a u32")]
fn to_u32(position: usize) -> u32 {
    position as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::product::dot;

    /// The pairs that are found where `reach` is the score to reach, if the tables can be screened.
    fn found(users: &[f32], items: &[f32], dim: usize, reach: &[f32]) -> Option<Vec<(u32, u32)>> {
        let items = ItemCodes::new(items, dim)?;
        let (mut codes, mut found) = (UserCodes::default(), vec![]);
        let usable = codes.fill(users.chunks_exact(dim), &items);
        usable.then(|| {
            assert!(codes.candidates(&items, 0..items.num_items, reach.iter().copied(), usize::MAX, &mut found));
            found
        })
    }

    /// Rows of very different lengths: even, with a spike, of equal values, or zero.
    fn rows(dim: usize, most: usize) -> impl Strategy<Value = Vec<f32>> {
        let even = prop::collection::vec(-1.0f32..1.0, dim);
        let spike = (0..dim, -1.0f32..1.0).prop_map(move |(at, value)| {
            (0..dim).map(|column| if column == at { value } else { value / 300.0 }).collect()
        });
        let equal = (-1.0f32..1.0).prop_map(move |value| vec![value; dim]);
        let row = prop_oneof![4 => even, 1 => spike, 1 => equal, 1 => Just(vec![0.0; dim])];
        let row = (row, -22i32..6).prop_map(|(row, power)| row.iter().map(|value| value * 10f32.powi(power)).collect());
        prop::collection::vec(row, 1..most).prop_map(|rows: Vec<Vec<f32>>| rows.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn whoever_reaches_the_score_is_found_once(
            (dim, users, items) in (1usize..140).prop_flat_map(|dim| (Just(dim), rows(dim, 20), rows(dim, 80))),
            rank in 0usize..5,
        ) {
            // Each user meets itself and its opposite: the longest sums that codes can have.
            let opposite = users.iter().map(|value| -value);
            let items: Vec<f32> = items.iter().copied().chain(users.iter().copied()).chain(opposite).collect();
            let scores: Vec<Vec<f32>> = users
                .chunks_exact(dim)
                .map(|user| items.chunks_exact(dim).map(|item| dot(user, item)).collect())
                .collect();
            let reach: Vec<f32> = scores.iter().map(|scores| {
                let mut sorted = scores.clone();
                sorted.sort_by(|a, b| b.total_cmp(a));
                sorted[rank.min(sorted.len() - 1)]
            }).collect();
            let Some(mut found) = found(&users, &items, dim, &reach) else {
                return Ok(());
            };
            found.sort_unstable();
            prop_assert!(found.is_sorted_by(|a, b| a < b), "nobody twice");
            for (user, (scores, reach)) in (0..).zip(scores.iter().zip(&reach)) {
                for (item, score) in (0..).zip(scores) {
                    prop_assert!(score < reach || found.binary_search(&(user, item)).is_ok(), "user {user}, item {item}");
                }
            }
            prop_assert!(found.iter().all(|&(_, item)| (item as usize) < items.len() / dim));
        }
    }

    /// Numbers in `[-1/2, 1/2)` without a pattern.
    fn table(seed: u32, len: usize) -> Vec<f32> {
        let next = |x: &mut u32| {
            *x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some((*x >> 8) as f32 / (1 << 24) as f32 - 0.5)
        };
        (0..len).scan(seed, |x, _| next(x)).collect()
    }

    #[test]
    fn few_who_do_not_reach_it_are_found() {
        let (num_users, num_items) = (50, 4_000);
        for (dim, most) in [(16, 1.3), (64, 2.0), (128, 3.5)] {
            let (users, items) = (table(1, num_users * dim), table(2, num_items * dim));
            let reach: Vec<f32> = users
                .chunks_exact(dim)
                .map(|user| {
                    let mut scores: Vec<f32> = items.chunks_exact(dim).map(|item| dot(user, item)).collect();
                    scores.sort_by(|a, b| b.total_cmp(a));
                    scores[num_items / 100 - 1]
                })
                .collect();
            if let Some(found) = found(&users, &items, dim, &reach) {
                let share = found.len() as f64 / (num_users * num_items / 100) as f64;
                assert!((1.0..most).contains(&share), "{share} times as many as reach it, width {dim}");
            }
        }
    }

    #[test]
    fn tables_whose_scores_may_not_be_numbers_are_left_alone() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            assert_eq!(found(&[1.0, 1.0, 1.0, bad], &[1.0, 1.0], 2, &[0.0; 2]), None);
            assert_eq!(found(&[1.0, 4.0], &[1.0, 1.0, bad, 1.0], 2, &[0.0]), None);
        }
    }

    #[test]
    fn it_gives_up_at_the_limit() {
        let Some(items) = ItemCodes::new(&[1.0; 400], 1) else { return };
        let (mut codes, mut found) = (UserCodes::default(), vec![]);
        assert!(codes.fill([[1.0f32].as_slice()].into_iter(), &items));
        let mut find = |limit| codes.candidates(&items, 32..400, [1.0].into_iter(), limit, &mut found);
        assert_eq!((find(367), find(368)), (false, true));
        assert_eq!(found, (32..400).map(|item| (0, item)).collect::<Vec<_>>());
    }
}
