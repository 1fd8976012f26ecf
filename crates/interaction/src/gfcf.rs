//! GF-CF: collaborative filtering as two graph filters, without training. Shen et al., CIKM 2021,
//! arXiv:2108.07567, section 4.2.
//!
//! ```text
//! R~     = D_U^-1/2 R D_I^-1/2                              R is users x items, 0 or 1
//! ŷ(u,.) = R[u] ( R~ᵀ R~ + w D_I^-1/2 V Vᵀ D_I^1/2 )        V: the k first right singular vectors of R~
//! ```
//!
//! The first term is the linear filter, the second the ideal low-pass filter. Neither `items x items`
//! matrix is ever formed: the linear term walks from the user's items to their users and on to the items
//! of those, the low-pass term is an inner product of width `k`.
//!
//! Departures: none. Ratings count as interactions. A matrix with fewer than `k` rows or columns has
//! fewer singular vectors; then all of them are used.

mod lanczos;

use gnnrec_eval::Scorer;
use gnnrec_graph::{Csr, UserId, World};
use gnnrec_model::{ClosedForm, ModelError};
use gnnrec_sparse::Adjacency;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

const NAME: &str = "gf-cf";

/// Items whose scores are summed side by side.
const LANES: usize = 16;
/// Users whose scores are summed side by side.
const USERS: usize = 6;

/// How a GF-CF model is made. The default is the authors' setting for Gowalla, Yelp2018 and Amazon-Book.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GfCfConfig {
    /// `k`, width of the low-pass filter, 1 to 2048.
    pub num_singular_vectors: usize,
    /// `w`, at least 0; at 0 the linear filter stands alone and no singular vector is computed.
    pub low_pass_weight: f32,
    /// Largest residual `|R~ᵀR~ v - σ² v|` of a singular vector, where `σ` is at most 1; above 0.
    pub tolerance: f64,
}

impl Default for GfCfConfig {
    fn default() -> Self {
        Self { num_singular_vectors: 256, low_pass_weight: 0.3, tolerance: 1e-4 }
    }
}

impl GfCfConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        let vectors = self.num_singular_vectors;
        ModelError::expect((1..=2048).contains(&vectors), NAME, "num_singular_vectors", vectors, "1 to 2048")?;
        let (weight, tolerance) = (self.low_pass_weight, self.tolerance);
        let holds = weight >= 0.0 && weight.is_finite();
        ModelError::expect(holds, NAME, "low_pass_weight", weight, "a finite number, at least 0")?;
        let holds = (1e-6..1.0).contains(&tolerance);
        ModelError::expect(holds, NAME, "tolerance", tolerance, "1e-6 (what 32-bit floats resolve) to below 1")
    }
}

impl ClosedForm for GfCfConfig {
    /// Costs some hundred products with `R~` and, for orthogonality, `items x (4 k)²` operations; holds
    /// some `items x 4 k` values meanwhile and `(users + items) x k` afterwards.
    fn fit(&self, world: &World, seed: u64) -> Result<Box<dyn Scorer>, ModelError> {
        self.validate()?;
        let by_user = world.interactions().by_user().to_pattern();
        let normalised = Adjacency::symmetric_normalised(&by_user);
        let width = self.num_singular_vectors.min(by_user.num_rows()).min(by_user.num_cols());
        let low_pass = if width == 0 || self.low_pass_weight == 0.0 {
            LowPass { users: Vec::new(), items: Vec::new(), width: 0 }
        } else {
            let vectors = lanczos::right_singular_vectors(&normalised, width, self.tolerance, seed)?;
            LowPass::new(&normalised, &vectors, width, self.low_pass_weight)
        };
        Ok(Box::new(GfCf { transposed: normalised.transposed(), normalised, low_pass }))
    }
}

/// Both filters, ready to score.
struct GfCf {
    /// `R~`.
    normalised: Adjacency,
    /// `R~ᵀ`.
    transposed: Adjacency,
    low_pass: LowPass,
}

impl Scorer for GfCf {
    fn num_users(&self) -> usize {
        self.normalised.num_rows()
    }

    fn num_items(&self) -> usize {
        self.normalised.num_cols()
    }

    /// A user costs the interactions of everybody who shares an item, at most all interactions, and
    /// `items x k`.
    ///
    /// # Panics
    /// If a user lies outside the world or `scores` is not `users.len() x num_items`.
    fn score(&self, users: &[UserId], scores: &mut [f32]) {
        let num_items = self.num_items();
        assert_eq!(scores.len(), users.len() * num_items, "scores are users x items");
        let mut reached = vec![0f32; self.num_users()];
        for (user, scores) in users.iter().zip(scores.chunks_exact_mut(num_items.max(1))) {
            self.linear(user.index(), &mut reached, scores);
        }
        Arch::new().dispatch(AddLowPass { filter: &self.low_pass, users, scores, num_items });
    }
}

impl GfCf {
    /// `scores = R[user] R~ᵀ R~`; `reached` is scratch, one value a user.
    fn linear(&self, user: usize, reached: &mut [f32], scores: &mut [f32]) {
        let (by_user, by_item) = (self.normalised.matrix(), self.transposed.matrix());
        let (user_factors, item_factors) = (factors(&self.normalised), factors(&self.transposed));
        reached.fill(0.0);
        for &item in by_user.row(user) {
            for &other in by_item.row(item as usize) {
                reached[other as usize] += item_factors[item as usize];
            }
        }
        scores.fill(0.0);
        for (other, &weight) in reached.iter().enumerate().filter(|&(_, &weight)| weight != 0.0) {
            let weight = user_factors[other] * user_factors[other] * weight;
            for &item in by_user.row(other) {
                scores[item as usize] += weight;
            }
        }
        for (score, factor) in scores.iter_mut().zip(item_factors) {
            *score *= factor;
        }
    }
}

/// `degree^-1/2` of every row, 0 for an empty row.
fn factors(normalised: &Adjacency) -> &[f32] {
    normalised.row_factors().expect("a symmetrically normalised matrix has factors")
}

/// The low-pass filter: `w R[u] D_I^-1/2 V` for each user and `D_I^1/2 V` for each item.
struct LowPass {
    /// `num_users x width`.
    users: Vec<f32>,
    /// [`LANES`] items at a time, column by column; the last items are padded with zeros.
    items: Vec<f32>,
    width: usize,
}

impl LowPass {
    /// `vectors` is `V`, `num_items x width`.
    fn new(normalised: &Adjacency, vectors: &[f32], width: usize, weight: f32) -> Self {
        let by_user: &Csr = normalised.matrix();
        let transposed = normalised.transposed();
        let item_factors = factors(&transposed);
        let mut users = vec![0f32; by_user.num_rows() * width];
        users.par_chunks_mut(width).enumerate().for_each(|(user, sums)| {
            for &item in by_user.row(user) {
                let factor = weight * item_factors[item as usize];
                for (sum, value) in sums.iter_mut().zip(&vectors[item as usize * width..][..width]) {
                    *sum += factor * value;
                }
            }
        });
        let mut items = vec![0f32; by_user.num_cols().next_multiple_of(LANES) * width];
        for (item, vector) in vectors.chunks_exact(width).enumerate() {
            // An item that nobody has keeps the score 0.
            let root = if item_factors[item] > 0.0 { item_factors[item].recip() } else { 0.0 };
            let panel = &mut items[item / LANES * LANES * width..];
            for (slot, value) in panel[item % LANES..].iter_mut().step_by(LANES).zip(vector) {
                *slot = root * value;
            }
        }
        Self { users, items, width }
    }
}

/// Adds the filter to `scores`. Every score is one chain of fused multiply-adds in the order of the
/// columns, whatever the block of users: what is vectorised is the number of chains that run at once.
struct AddLowPass<'a> {
    filter: &'a LowPass,
    users: &'a [UserId],
    /// `users.len() x num_items`.
    scores: &'a mut [f32],
    num_items: usize,
}

impl WithSimd for AddLowPass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.add::<S, 1>(simd),
            8 => self.add::<S, 2>(simd),
            4 => self.add::<S, 4>(simd),
            _ => self.add::<S, LANES>(simd),
        }
    }
}

impl AddLowPass<'_> {
    /// `VECTORS` of the machine's vectors make [`LANES`] items.
    #[inline(always)]
    fn add<S: Simd, const VECTORS: usize>(self, simd: S) {
        assert_eq!(VECTORS * S::F32_LANES, LANES, "a panel is a whole number of vectors");
        let Self { filter, users, scores, num_items } = self;
        if filter.width == 0 {
            return;
        }
        let row = |user: UserId| &filter.users[user.index() * filter.width..][..filter.width];
        for (panel, items) in filter.items.chunks_exact(filter.width * LANES).enumerate() {
            let (items, _) = S::as_simd_f32s(items).0.as_chunks::<VECTORS>();
            let (blocks, rest) = users.as_chunks::<USERS>();
            let part = panel * LANES..num_items.min((panel + 1) * LANES);
            for (block, scores) in blocks.iter().zip(scores.chunks_exact_mut(USERS * num_items)) {
                let sums = chains::<S, USERS, VECTORS>(simd, block.map(row), items);
                for (scores, sums) in scores.chunks_exact_mut(num_items).zip(&sums) {
                    add_lanes::<S, VECTORS>(&mut scores[part.clone()], sums);
                }
            }
            let rest_scores = scores.chunks_exact_mut(num_items).skip(blocks.len() * USERS);
            for (&user, scores) in rest.iter().zip(rest_scores) {
                let [sums] = chains::<S, 1, VECTORS>(simd, [row(user)], items);
                add_lanes::<S, VECTORS>(&mut scores[part.clone()], &sums);
            }
        }
    }
}

/// Inner products of some users with one panel of items, each in a register from first column to last.
#[inline(always)]
fn chains<S: Simd, const N: usize, const VECTORS: usize>(
    simd: S,
    users: [&[f32]; N],
    items: &[[S::f32s; VECTORS]],
) -> [[S::f32s; VECTORS]; N] {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; N];
    for (column, items) in items.iter().enumerate() {
        for (sums, user) in sums.iter_mut().zip(&users) {
            let value = simd.splat_f32s(user[column]);
            for (sum, &items) in sums.iter_mut().zip(items) {
                *sum = simd.mul_add_f32s(value, items, *sum);
            }
        }
    }
    sums
}

/// `scores += sums`, as far as `scores` reaches.
#[inline(always)]
fn add_lanes<S: Simd, const VECTORS: usize>(scores: &mut [f32], sums: &[S::f32s; VECTORS]) {
    let mut lanes = [0f32; LANES];
    S::as_mut_simd_f32s(&mut lanes).0.copy_from_slice(sums);
    scores.iter_mut().zip(lanes).for_each(|(score, sum)| *score += sum);
}

#[cfg(test)]
mod tests;
