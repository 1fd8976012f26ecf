//! EASE: a linear autoencoder with a zero diagonal, in closed form. Steck, WWW 2019, arXiv:1905.03375,
//! equations 6 to 8.
//!
//! ```text
//! P      = (XᵀX + l2 I)^-1                X is users x items, 0 or 1
//! B(j,i) = -P(j,i) / P(i,i),  B(i,i) = 0
//! ŷ      = X B
//! ```
//!
//! `P` is kept and `B` is not: a score is a sum of rows of `P`, divided by the diagonal at the end. With
//! fewer users than items the same scores come from a matrix of users, by the Woodbury identity:
//!
//! ```text
//! K      = (XXᵀ + l2 I)^-1
//! X P    = K X
//! P(i,i) = (1 - Σ K(v,w) over the users v and w of i) / l2
//! ```
//!
//! Departures: single precision. Ratings count as interactions.

mod tiles;

use gnnrec_eval::Scorer;
use gnnrec_graph::{Csr, UserId, World};
use gnnrec_model::{ClosedForm, ModelError};
use gnnrec_sparse::{Adjacency, kernels};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use tiles::{MirroredTiles, SymmetricTiles, TILE, num_bytes};

const NAME: &str = "ease";

/// How an EASE model is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EaseConfig {
    /// Weight of the squared entries of `B`, above 0; some hundreds on catalogues of thousands.
    pub l2: f32,
    /// Largest memory for the inverse in GiB, above 0; 40,000 users or items, whichever are fewer, need 6.
    pub max_gib: f32,
}

impl Default for EaseConfig {
    fn default() -> Self {
        Self { l2: 250.0, max_gib: 8.0 }
    }
}

impl EaseConfig {
    /// Gowalla, as published (BARS).
    #[must_use]
    pub fn gowalla() -> Self {
        Self { l2: 80.0, ..Self::default() }
    }

    /// Yelp2018, as published (BARS).
    #[must_use]
    pub fn yelp2018() -> Self {
        Self { l2: 300.0, ..Self::default() }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        for (field, found) in [("l2", self.l2), ("max_gib", self.max_gib)] {
            ModelError::expect(found > 0.0 && found.is_finite(), NAME, field, found, "a finite number above 0")?;
        }
        Ok(())
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "validated to be positive")]
    fn max_bytes(&self) -> u64 {
        (f64::from(self.max_gib) * f64::from(1 << 30)) as u64
    }
}

impl ClosedForm for EaseConfig {
    /// With `n` the smaller of the numbers of users and of items, costs `n³` operations and `4 n²` bytes, of
    /// which the second half is only used at the end.
    fn fit(&self, world: &World, _: u64) -> Result<Box<dyn Scorer>, ModelError> {
        self.validate()?;
        let (by_user, by_item) = (world.interactions().by_user(), world.interactions().by_item());
        let by_users = by_user.num_rows() < by_item.num_rows();
        let (rows, cols) = if by_users { (by_user, by_item) } else { (by_item, by_user) };
        let (bytes, limit) = (num_bytes(rows.num_rows()), self.max_bytes());
        if bytes > limit {
            let what = "a matrix of the smaller of users and items";
            let remedy = "raise max_gib, or choose item-knn or gf-cf, which hold no such matrix";
            return Err(ModelError::TooLarge { model: NAME, what, bytes, limit, remedy });
        }
        let mut inverse = SymmetricTiles::gram(rows, cols, self.l2);
        inverse.invert().map_err(|row| {
            let what = format!("the matrix is singular in single precision at row {row}; raise l2");
            ModelError::Numeric { model: NAME, what }
        })?;
        if by_users {
            let negative_k = inverse.mirror();
            let diagonal = diagonal_through_users(&negative_k, by_item, self.l2);
            let by_item = Adjacency::new(by_item.to_pattern());
            return Ok(Box::new(ThroughUsers { by_item, negative_k, diagonal }));
        }
        let diagonal = inverse.take_diagonal();
        Ok(Box::new(ThroughItems { by_user: by_user.to_pattern(), negative_p: inverse.mirror(), diagonal }))
    }
}

/// Scores as sums of rows of `P`.
struct ThroughItems {
    by_user: Csr,
    /// `-P` with zeros on its diagonal.
    negative_p: MirroredTiles,
    /// `P(i,i)`.
    diagonal: Vec<f32>,
}

impl Scorer for ThroughItems {
    fn num_users(&self) -> usize {
        self.by_user.num_rows()
    }

    fn num_items(&self) -> usize {
        self.by_user.num_cols()
    }

    /// # Panics
    /// If a user lies outside the world or `scores` is not `users.len() x num_items`.
    fn score(&self, users: &[UserId], scores: &mut [f32]) {
        assert_eq!(scores.len(), users.len() * self.num_items(), "scores are users x items");
        scores.fill(0.0);
        for (user, scores) in users.iter().zip(scores.chunks_exact_mut(self.num_items().max(1))) {
            let tiles = scores.chunks_mut(TILE).zip(self.diagonal.chunks(TILE)).enumerate();
            for (tile, (scores, diagonal)) in tiles {
                for &item in self.by_user.row(user.index()) {
                    let row = self.negative_p.row(item as usize, tile);
                    scores.iter_mut().zip(row).for_each(|(score, value)| *score += value);
                }
                scores.iter_mut().zip(diagonal).for_each(|(score, diagonal)| *score /= diagonal);
            }
        }
    }
}

/// Scores as products of rows of `K` with the interactions.
struct ThroughUsers {
    /// `Xᵀ`.
    by_item: Adjacency,
    negative_k: MirroredTiles,
    /// `P(i,i)`.
    diagonal: Vec<f32>,
}

impl Scorer for ThroughUsers {
    fn num_users(&self) -> usize {
        self.by_item.num_cols()
    }

    fn num_items(&self) -> usize {
        self.by_item.num_rows()
    }

    /// Every column of the product is summed alone in the order of the edges, so that company changes
    /// no bit.
    ///
    /// # Panics
    /// If a user lies outside the world or `scores` is not `users.len() x num_items`.
    fn score(&self, users: &[UserId], scores: &mut [f32]) {
        let (width, num_items) = (users.len(), self.num_items());
        assert_eq!(scores.len(), width * num_items, "scores are users x items");
        let mut rows = vec![0f32; self.num_users() * width];
        for (n, user) in users.iter().enumerate() {
            for (tile, rows) in rows.chunks_mut((TILE * width).max(1)).enumerate() {
                let row = self.negative_k.row(user.index(), tile);
                rows[n..].iter_mut().step_by(width).zip(row).for_each(|(slot, value)| *slot = *value);
            }
        }
        let mut product = vec![0f32; num_items * width];
        kernels::spmm(&self.by_item, &rows, width, &mut product);
        let transposed = self.by_item.transposed();
        for (n, (user, scores)) in users.iter().zip(scores.chunks_exact_mut(num_items.max(1))).enumerate() {
            for ((score, row), diagonal) in scores.iter_mut().zip(product.chunks_exact(width)).zip(&self.diagonal) {
                *score = row[n] / diagonal;
            }
            // B(i,i) = 0, and not -1: an item says nothing about itself.
            for &item in transposed.matrix().row(user.index()) {
                scores[item as usize] += 1.0;
            }
        }
    }
}

/// `P(i,i)` from `-K`; costs the sum over items of their squared degrees.
fn diagonal_through_users(negative_k: &MirroredTiles, by_item: &Csr, l2: f32) -> Vec<f32> {
    let diagonal = |item: usize| {
        let users = by_item.row(item).iter().map(|&user| user as usize);
        let pairs = users.clone().flat_map(|v| users.clone().map(move |w| (v, w)));
        let sum: f64 = pairs.map(|(v, w)| f64::from(negative_k.row(v, w / TILE)[w % TILE])).sum();
        #[expect(clippy::cast_possible_truncation, reason = "rounded to the precision of the scores")]
        {
            ((1.0 + sum) / f64::from(l2)) as f32
        }
    };
    (0..by_item.num_rows()).into_par_iter().map(diagonal).collect()
}

#[cfg(test)]
mod tests {
    use faer::Mat;
    use faer::linalg::solvers::DenseSolveCore;
    use gnnrec_graph::{Duplicates, InteractionGraph, ItemId};
    use gnnrec_model::conformance;

    use super::*;

    #[test]
    fn conforms() {
        let (config, world) = (EaseConfig { l2: 2.0, ..Default::default() }, conformance::world());
        let swapped = World::new(InteractionGraph::new(world.interactions().by_item().clone()));
        assert!(swapped.interactions().num_users() < swapped.interactions().num_items(), "scored through users");
        conformance::check_closed_form(&config, &world);
        conformance::check_closed_form(&config, &swapped);
    }

    /// Through items, through users, and each in more than two tiles, against the equations in double
    /// precision.
    #[test]
    fn scores_are_those_of_the_equations() {
        let tile = u32::try_from(TILE).unwrap();
        for (num_users, num_items) in
            [(90, 40), (60, 300), (2 * tile + 60, 2 * tile + 37), (2 * tile + 5, 2 * tile + 9)]
        {
            check_equations(num_users, num_items);
        }
    }

    fn check_equations(num_users: u32, num_items: u32) {
        let l2 = 3.0f32;
        let pairs = (0..num_users).flat_map(|user| (0..num_items).map(move |item| (user, item)));
        let pairs = pairs.filter(|(user, item)| (user * user + 31 * item) % 1009 < 20 + 10 * (item % 5));
        let pairs: Vec<_> = pairs.map(|(user, item)| (UserId(user), ItemId(item))).collect();
        let (num_users, num_items) = (num_users as usize, num_items as usize);
        let mut x = Mat::<f64>::zeros(num_users, num_items);
        for (user, item) in &pairs {
            x[(user.index(), item.index())] = 1.0;
        }
        let graph = InteractionGraph::from_pairs(num_users, num_items, &pairs, Duplicates::Error).unwrap();
        let config = EaseConfig { l2, ..Default::default() };
        let ridge = Mat::from_fn(num_items, num_items, |a, b| if a == b { f64::from(l2) } else { 0.0 });
        let p = (x.transpose() * &x + ridge).partial_piv_lu().inverse();
        let b = Mat::from_fn(num_items, num_items, |j, i| if i == j { 0.0 } else { -p[(j, i)] / p[(i, i)] });
        let expected = &x * b;
        let found = conformance::all_scores(&*config.fit(&World::new(graph), 0).unwrap());
        let mut largest = 0f64;
        for (n, &found) in found.iter().enumerate() {
            let expected = expected[(n / num_items, n % num_items)];
            largest = largest.max(expected.abs());
            assert!((f64::from(found) - expected).abs() < 1e-4, "{num_users} x {num_items}, {n}: {found} {expected}");
        }
        assert!(largest > 0.2, "the scores are not all small: {largest}");
    }

    #[test]
    fn refuses_what_is_out_of_range_or_too_large() {
        for (config, field) in [
            (EaseConfig { l2: 0.0, ..Default::default() }, "l2"),
            (EaseConfig { max_gib: f32::INFINITY, ..Default::default() }, "max_gib"),
        ] {
            assert!(config.validate().unwrap_err().to_string().contains(field));
        }
        let error = EaseConfig { max_gib: 0.0005, ..Default::default() }.fit(&conformance::world(), 0).err().unwrap();
        assert!(matches!(error, ModelError::TooLarge { bytes: 1_048_576, limit: 536_870, .. }), "{error}");
        assert!(serde_json::from_str::<EaseConfig>(r#"{"lambda": 3}"#).is_err());
        assert_eq!(serde_json::from_str::<EaseConfig>("{}").unwrap(), EaseConfig::default());
        assert!(EaseConfig::gowalla().l2 < EaseConfig::yelp2018().l2);
    }
}
