//! The softmax-weighted mean of all keys for each query, in tiles: what every objective over a whole
//! batch is made of.
//!
//! ```text
//! z_rc = scale q_r·k_c + offset_c          without the excluded pairs
//! log_sum_r = ln Σ_c e^z_rc                mean_r = Σ_c e^(z_rc - log_sum_r) k_c
//! ```
//!
//! `BLOCK` queries meet `TILE` keys at a time. The highest `z` of a row so far is taken off before the
//! exponential, and what was summed is scaled down when a higher one comes (Milakov and Gimelshein,
//! arXiv:1805.02867; with the mean, Rabe and Staats, arXiv:2112.05682). One task owns a block of queries and
//! takes the tiles in order.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::kernels::exp::exp;

/// Vectors that one pass of the product holds for each of its rows.
const VECTORS: usize = 2;
/// Rows that one pass of the product holds.
const ROWS: usize = 6;
/// Queries of a task.
const BLOCK: usize = 8 * ROWS;
/// Keys of a tile, a multiple of every panel: two vectors of 1 to 16 lanes.
const TILE: usize = 128;

/// A matrix regrouped for the product: panels of `VECTORS` vectors of columns, each panel row by row, padded
/// with columns of zeros.
struct Panels {
    values: Vec<f32>,
    /// Rows of the matrix.
    depth: usize,
}

impl Panels {
    /// `at(row, column)` is the matrix of `depth x num_columns`.
    fn new(depth: usize, num_columns: usize, panel: usize, at: impl Fn(usize, usize) -> f32 + Sync) -> Self {
        let mut values = vec![0f32; num_columns.next_multiple_of(panel) * depth];
        values.par_chunks_mut(panel * depth).enumerate().for_each(|(index, values)| {
            for (row, values) in values.chunks_exact_mut(panel).enumerate() {
                for (column, value) in (index * panel..num_columns).zip(values) {
                    *value = at(row, column);
                }
            }
        });
        Self { values, depth }
    }
}

/// The keys, once as they are and once transposed, in the panels of the running machine.
pub(super) struct Keys {
    num_keys: usize,
    width: usize,
    arch: Arch,
    transposed: Panels,
    rows: Panels,
}

impl Keys {
    /// `values` is `num_keys x width`.
    pub(super) fn new(values: &[f32], num_keys: usize, width: usize) -> Self {
        struct Lanes;
        impl WithSimd for Lanes {
            type Output = usize;
            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> usize {
                S::F32_LANES
            }
        }
        assert_eq!(values.len(), num_keys * width, "keys are num_keys x width");
        let arch = Arch::new();
        let panel = VECTORS * arch.dispatch(Lanes);
        let padded = num_keys.next_multiple_of(TILE);
        let at = |key: usize, column: usize| if key < num_keys { values[key * width + column] } else { 0.0 };
        let transposed = Panels::new(width, padded, panel, |column, key| at(key, column));
        let rows = Panels::new(padded, width, panel, at);
        Self { num_keys, width, arch, transposed, rows }
    }
}

/// Which keys a query does not see.
#[derive(Clone, Copy, Debug)]
pub(super) enum Excluded<'a> {
    None,
    /// The key of the query's own number.
    Itself,
    /// Keys of the query's id, except the key of its own number.
    SameId(&'a [u32]),
}

/// What comes of one query for each row.
#[derive(Debug)]
pub(super) struct Attended {
    /// `ln Σ e^z`.
    pub(super) log_sums: Vec<f64>,
    /// `z` of the key with the query's own number, exactly as it entered the sum.
    pub(super) diagonal: Vec<f32>,
    /// `num_queries x width`.
    pub(super) means: Vec<f32>,
}

/// Attends from every query (`num_keys x width` too, each with the key of its number) to all keys.
pub(super) fn attend(queries: &[f32], keys: &Keys, scale: f32, offsets: &[f32], excluded: Excluded<'_>) -> Attended {
    let Keys { num_keys, width, .. } = *keys;
    assert_eq!(queries.len(), num_keys * width, "one query for each key");
    assert_eq!(offsets.len(), num_keys, "one offset for each key");
    // A key of the padding is never seen: its logit is minus infinity.
    let mut padded = vec![f32::NEG_INFINITY; num_keys.next_multiple_of(TILE)];
    padded[..num_keys].copy_from_slice(offsets);
    let mut attended =
        Attended { log_sums: vec![0.0; num_keys], diagonal: vec![0.0; num_keys], means: vec![0.0; num_keys * width] };
    let blocks = attended.log_sums.par_chunks_mut(BLOCK).zip(attended.diagonal.par_chunks_mut(BLOCK));
    let means = attended.means.par_chunks_mut(BLOCK * width);
    blocks.zip(means).enumerate().for_each(|(block, ((log_sums, diagonal), means))| {
        let first = block * BLOCK;
        let queries = &queries[first * width..][..log_sums.len() * width];
        let offsets = &padded;
        keys.arch.dispatch(Block { keys, scale, offsets, excluded, first, queries, log_sums, diagonal, means });
    });
    attended
}

/// The work of one task.
struct Block<'a> {
    keys: &'a Keys,
    scale: f32,
    /// One for each key with the padding.
    offsets: &'a [f32],
    excluded: Excluded<'a>,
    /// Number of the first query.
    first: usize,
    queries: &'a [f32],
    log_sums: &'a mut [f64],
    diagonal: &'a mut [f32],
    means: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { keys, scale, offsets, excluded, first, queries, log_sums, diagonal, means } = self;
        let (width, panel) = (keys.width, VECTORS * S::F32_LANES);
        let padded_width = width.next_multiple_of(panel);
        let num_queries = log_sums.len();
        // Rows beyond the last query compute and are thrown away.
        let mut padded_queries = vec![0f32; BLOCK * width];
        padded_queries[..queries.len()].copy_from_slice(queries);
        let mut logits = vec![0f32; BLOCK * TILE];
        let mut sums = vec![0f32; BLOCK * padded_width];
        // The highest logit begins finite, so that a tile without a visible key adds nothing.
        let mut highest = [f32::MIN; BLOCK];
        let mut totals = [0f64; BLOCK];
        for (tile, offsets) in offsets.as_chunks::<TILE>().0.iter().enumerate() {
            let first_key = tile * TILE;
            let transposed = &keys.transposed.values[first_key * width..][..TILE * width];
            logits.fill(0.0);
            multiply_add::<S>(simd, &padded_queries, width, transposed.chunks_exact(panel * width), &mut logits, TILE);
            for (n, logits) in logits.as_chunks_mut::<TILE>().0.iter_mut().take(num_queries).enumerate() {
                for (logit, offset) in logits.iter_mut().zip(offsets) {
                    *logit = scale * *logit + offset;
                }
                let own = (first + n).checked_sub(first_key).filter(|&own| own < TILE);
                if let Some(own) = own {
                    diagonal[n] = logits[own];
                }
                match excluded {
                    Excluded::None => {}
                    Excluded::Itself => own.into_iter().for_each(|own| logits[own] = f32::NEG_INFINITY),
                    Excluded::SameId(ids) => {
                        let id = ids[first + n];
                        for (logit, &other) in logits.iter_mut().zip(&ids[first_key..]) {
                            *logit = if other == id { f32::NEG_INFINITY } else { *logit };
                        }
                        own.into_iter().for_each(|own| logits[own] = diagonal[n]);
                    }
                }
                let tile_highest = maximum(logits);
                if tile_highest > highest[n] {
                    let factor = exp(highest[n] - tile_highest);
                    sums[n * padded_width..][..padded_width].iter_mut().for_each(|sum| *sum *= factor);
                    totals[n] *= f64::from(factor);
                    highest[n] = tile_highest;
                }
                totals[n] += f64::from(exponentials(logits, highest[n]));
            }
            // One panel of a tile's keys is `TILE` rows out of the panel's `depth`.
            let columns = keys.rows.values.chunks_exact(panel * keys.rows.depth);
            let columns = columns.map(|columns| &columns[first_key * panel..][..TILE * panel]);
            multiply_add::<S>(simd, &logits, TILE, columns, &mut sums, padded_width);
        }
        for n in 0..num_queries {
            log_sums[n] = f64::from(highest[n]) + totals[n].ln();
            #[expect(clippy::cast_possible_truncation, reason = "means are 32-bit")]
            let factor = (1.0 / totals[n]) as f32;
            for (mean, sum) in means[n * width..][..width].iter_mut().zip(&sums[n * padded_width..]) {
                *mean = factor * sum;
            }
        }
    }
}

/// `out += a b` for `BLOCK` rows: `a` is `BLOCK x depth`, `out` is `BLOCK x stride`, and `b` comes in panels of
/// `depth` rows each.
#[inline(always)]
fn multiply_add<'b, S: Simd>(
    simd: S,
    a: &[f32],
    depth: usize,
    panels: impl Iterator<Item = &'b [f32]>,
    out: &mut [f32],
    stride: usize,
) {
    let panel = VECTORS * S::F32_LANES;
    for (index, b) in panels.enumerate() {
        let b = S::as_simd_f32s(b).0.as_chunks::<VECTORS>().0;
        for (a, out) in a.chunks_exact(ROWS * depth).zip(out.chunks_exact_mut(ROWS * stride)) {
            let a: [&[f32]; ROWS] = std::array::from_fn(|row| &a[row * depth..][..b.len()]);
            let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
            for (n, b) in b.iter().enumerate() {
                for (sums, a) in sums.iter_mut().zip(&a) {
                    let a = simd.splat_f32s(a[n]);
                    for (sum, &b) in sums.iter_mut().zip(b) {
                        *sum = simd.mul_add_e_f32s(a, b, *sum);
                    }
                }
            }
            for (row, sums) in out.chunks_exact_mut(stride).zip(&sums) {
                let out = S::as_mut_simd_f32s(&mut row[index * panel..][..panel]).0;
                for (out, &sum) in out.iter_mut().zip(sums) {
                    *out = simd.add_f32s(*out, sum);
                }
            }
        }
    }
}

/// The highest of the numbers; NaN is passed over, and met by the sum that follows.
#[inline(always)]
fn maximum(values: &[f32; TILE]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    for values in values.as_chunks::<16>().0 {
        for (lane, &value) in lanes.iter_mut().zip(values) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    lanes.iter().fold(f32::NEG_INFINITY, |highest, &lane| highest.max(lane))
}

/// Replaces each `z` by `e^(z - highest)`; returns their sum.
#[inline(always)]
fn exponentials(values: &mut [f32; TILE], highest: f32) -> f32 {
    let mut lanes = [0f32; 16];
    for values in values.as_chunks_mut::<16>().0 {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *value = exp(*value - highest);
            *lane += *value;
        }
    }
    lanes.iter().sum()
}
