//! The matrix product behind full ranking: a block of users times a tile of items.
//!
//! ```text
//! score(u, i) = fma(u[d-1], i[d-1], ... fma(u[1], i[1], fma(u[0], i[0], 0)))
//! ```
//!
//! Every score is one chain of fused multiply-adds in the order of the columns, whatever the block,
//! the tile, the thread and the vector width: the scores are the same bits everywhere, and [`dot`] is
//! their specification. What is vectorised is the number of chains that run at once.

use pulp::{Arch, Simd, WithSimd};

/// Vectors of items that one pass of the kernel holds.
const VECTORS: usize = 2;

/// The specification of a score; for single pairs only.
#[inline(always)]
pub(crate) fn dot(user: &[f32], item: &[f32]) -> f32 {
    user.iter().zip(item).fold(0.0, |sum, (&u, &i)| u.mul_add(i, sum))
}

/// [`dot`] of six pairs of rows at once, so that no chain waits for itself.
#[inline(always)]
pub(crate) fn six_dots<'a>(pairs: [(&'a [f32], &'a [f32]); 6]) -> [f32; 6] {
    let [a, b, c, d, e, f] = pairs;
    let columns = |(user, item): (&'a [f32], &'a [f32])| user.iter().zip(item);
    let mut sums = [0.0f32; 6];
    let pairs = columns(a).zip(columns(b)).zip(columns(c).zip(columns(d))).zip(columns(e).zip(columns(f)));
    for (((a, b), (c, d)), (e, f)) in pairs {
        for (sum, (&user, &item)) in sums.iter_mut().zip([a, b, c, d, e, f]) {
            *sum = user.mul_add(item, *sum);
        }
    }
    sums
}

/// What the kernel's register file looks like on this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Users that one pass of the kernel holds.
    pub(crate) rows: usize,
    /// Items that one pass of the kernel holds.
    pub(crate) panel: usize,
}

/// The shape for the running machine's vectors.
pub(crate) fn shape(arch: Arch) -> Shape {
    struct Detect;
    impl WithSimd for Detect {
        type Output = Shape;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> Shape {
            let rows = if S::F32_LANES == 16 { 12 } else { 6 };
            Shape { rows, panel: VECTORS * S::F32_LANES }
        }
    }
    arch.dispatch(Detect)
}

/// Rows regrouped for the kernel: `group` of them at a time, column by column, padded with zeros.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    values: Vec<f32>,
    dim: usize,
    group: usize,
}

impl Packed {
    /// Packs the given rows in this order, reusing the memory.
    pub(crate) fn fill<'a>(&mut self, rows: impl ExactSizeIterator<Item = &'a [f32]>, dim: usize, group: usize) {
        self.dim = dim;
        self.group = group;
        self.values.clear();
        self.values.resize(rows.len().next_multiple_of(group) * dim, 0.0);
        for (position, row) in rows.enumerate() {
            let start = position / group * group * dim + position % group;
            for (slot, &value) in self.values[start..].iter_mut().step_by(group).zip(row) {
                *slot = value;
            }
        }
    }

    /// The groups that begin with row `first`, a multiple of the group size.
    fn groups(&self, first: usize, num_groups: usize) -> &[f32] {
        &self.values[first * self.dim..][..num_groups * self.group * self.dim]
    }

    /// Number of rows with the padding.
    pub(crate) fn padded_rows(&self) -> usize {
        self.values.len() / self.dim
    }
}

/// Scores of packed users and a tile of packed items: row `u` of `scores` is `stride` long and holds
/// the scores of user `u` for the items `first_item ..`, as many panels as fit the stride.
pub(crate) struct Product<'a> {
    pub(crate) users: &'a Packed,
    pub(crate) items: &'a Packed,
    /// A multiple of the panel.
    pub(crate) first_item: usize,
    /// Items of the tile, a multiple of the panel.
    pub(crate) stride: usize,
    /// `padded users x stride`.
    pub(crate) scores: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::F32_LANES == 16 { self.multiply::<S, 12>(simd) } else { self.multiply::<S, 6>(simd) }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn multiply<S: Simd, const ROWS: usize>(self, simd: S) {
        let Self { users, items, first_item, stride, scores } = self;
        let (dim, panel) = (users.dim, VECTORS * S::F32_LANES);
        assert_eq!((users.group, items.group, items.dim), (ROWS, panel, dim), "packed for another kernel");
        let tile = items.groups(first_item, stride / panel);
        for (column, panel_values) in tile.chunks_exact(panel * dim).enumerate() {
            let (vectors, _) = S::as_simd_f32s(panel_values);
            let (vectors, _) = vectors.as_chunks::<VECTORS>();
            for (group, block) in users.values.chunks_exact(ROWS * dim).zip(scores.chunks_exact_mut(ROWS * stride)) {
                let sums = chains::<S, ROWS>(simd, group.as_chunks::<ROWS>().0, vectors);
                for (row, sums) in block.chunks_exact_mut(stride).zip(&sums) {
                    let (out, _) = S::as_mut_simd_f32s(&mut row[column * panel..][..panel]);
                    out.copy_from_slice(sums);
                }
            }
        }
    }
}

/// `ROWS x VECTORS` vectors of chains, each in a register from the first column to the last.
#[inline(always)]
fn chains<S: Simd, const ROWS: usize>(
    simd: S,
    users: &[[f32; ROWS]],
    items: &[[S::f32s; VECTORS]],
) -> [[S::f32s; VECTORS]; ROWS] {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    for (user, item) in users.iter().zip(items) {
        for (sums, &value) in sums.iter_mut().zip(user) {
            let value = simd.splat_f32s(value);
            for (sum, &item) in sums.iter_mut().zip(item) {
                *sum = simd.mul_add_f32s(value, item, *sum);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn six_at_once_are_six_chains() {
        let value = |n: usize| ((n * 7_919) % 1_001) as f32 / 311.0 - 1.6;
        let rows: Vec<Vec<f32>> = (0..12).map(|row| (0..37).map(|column| value(row * 37 + column)).collect()).collect();
        let pairs = std::array::from_fn(|n| (&rows[n][..], &rows[6 + n][..]));
        assert_eq!(six_dots(pairs), pairs.map(|(user, item)| dot(user, item)));
    }

    proptest! {
        #[test]
        fn every_score_is_the_plain_chain_bit_for_bit(
            (dim, users, items) in (1usize..40, 1usize..30, 1usize..80).prop_flat_map(|(dim, users, items)| (
                Just(dim),
                prop::collection::vec(-2.0f32..2.0, users * dim),
                prop::collection::vec(-2.0f32..2.0, items * dim),
            )),
            first_panel in 0usize..3,
        ) {
            let arch = Arch::new();
            let Shape { rows, panel } = shape(arch);
            let (mut packed_users, mut packed_items) = (Packed::default(), Packed::default());
            packed_users.fill(users.chunks_exact(dim), dim, rows);
            packed_items.fill(items.chunks_exact(dim), dim, panel);
            let first_item = first_panel * panel;
            prop_assume!(first_item < items.len() / dim);
            let stride = packed_items.padded_rows() - first_item;
            let mut scores = vec![f32::NAN; packed_users.padded_rows() * stride];
            arch.dispatch(Product { users: &packed_users, items: &packed_items, first_item, stride, scores: &mut scores });
            for (user, row) in users.chunks_exact(dim).zip(scores.chunks_exact(stride)) {
                for (item, score) in items.chunks_exact(dim).skip(first_item).zip(row) {
                    prop_assert_eq!(dot(user, item).to_bits(), score.to_bits());
                }
            }
        }
    }
}
