//! EASE: a linear autoencoder with a zero diagonal, in closed form. Steck, WWW 2019, arXiv:1905.03375,
//! equations 6 to 8.
//!
//! ```text
//! P      = (XᵀX + l2 I)^-1                X is users x items, 0 or 1
//! B(j,i) = -P(j,i) / P(i,i),  B(i,i) = 0
//! ŷ(u,i) = Σ B(j,i) over the items j of u
//! ```
//!
//! `P` is symmetric, so it is kept and `B` is not: a score is a sum of rows of `P`, divided by the
//! diagonal at the end.
//!
//! Departures: single precision. Ratings count as interactions.

mod tiles;

use gnnrec_eval::Scorer;
use gnnrec_graph::{Csr, UserId, World};
use gnnrec_model::{ClosedForm, ModelError};
use serde::{Deserialize, Serialize};

use tiles::{SymmetricTiles, TILE, num_bytes};

const NAME: &str = "ease";

/// How an EASE model is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EaseConfig {
    /// Weight of the squared entries of `B`, above 0; some hundreds on catalogues of thousands.
    pub l2: f32,
    /// Largest memory for `P` in GiB, above 0; 40,000 items need 6.1.
    pub max_gib: f32,
}

impl Default for EaseConfig {
    fn default() -> Self {
        Self { l2: 250.0, max_gib: 8.0 }
    }
}

impl EaseConfig {
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
    /// Costs `items³` operations and `4 items²` bytes, of which the second half is only used at the end.
    fn fit(&self, world: &World, _: u64) -> Result<Box<dyn Scorer>, ModelError> {
        self.validate()?;
        let interactions = world.interactions();
        let (bytes, limit) = (num_bytes(interactions.num_items()), self.max_bytes());
        if bytes > limit {
            let remedy = "raise max_gib, or choose item-knn or gf-cf, which hold no items x items matrix";
            return Err(ModelError::TooLarge { model: NAME, what: "the items x items matrix", bytes, limit, remedy });
        }
        let mut p = SymmetricTiles::gram(interactions, self.l2);
        p.invert().map_err(|item| {
            let what = format!("the matrix is singular in single precision at item {item}; raise l2");
            ModelError::Numeric { model: NAME, what }
        })?;
        let inverse_diagonal = p.take_diagonal().into_iter().map(f32::recip).collect();
        Ok(Box::new(Ease { by_user: interactions.by_user().to_pattern(), rows: p.mirror(), inverse_diagonal }))
    }
}

/// `-P` without its diagonal, and `1 / P(i,i)`.
struct Ease {
    by_user: Csr,
    rows: tiles::MirroredTiles,
    inverse_diagonal: Vec<f32>,
}

impl Scorer for Ease {
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
            let tiles = scores.chunks_mut(TILE).zip(self.inverse_diagonal.chunks(TILE)).enumerate();
            for (tile, (scores, inverse_diagonal)) in tiles {
                for &item in self.by_user.row(user.index()) {
                    let row = self.rows.row(item as usize, tile);
                    scores.iter_mut().zip(row).for_each(|(score, value)| *score += value);
                }
                scores.iter_mut().zip(inverse_diagonal).for_each(|(score, inverse)| *score *= inverse);
            }
        }
    }
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
        conformance::check_closed_form(&EaseConfig { l2: 2.0, ..Default::default() }, &conformance::world());
    }

    /// More items than two tiles, against the equations in double precision.
    #[test]
    fn scores_are_those_of_the_equations() {
        let (num_users, num_items, l2) = (60, 2 * TILE + 37, 3.0);
        let pairs = (0..num_users).flat_map(|user| (0..num_items).map(move |item| (user, item)));
        let pairs = pairs.filter(|(user, item)| (user * user + 31 * item) % 101 < 1 + item % 5);
        let pairs: Vec<_> = pairs.map(|(user, item)| (UserId(user as u32), ItemId(item as u32))).collect();
        let graph = InteractionGraph::from_pairs(num_users, num_items, &pairs, Duplicates::Error).unwrap();
        let config = EaseConfig { l2: l2 as f32, ..Default::default() };
        let x = Mat::<f64>::from_fn(num_users, num_items, |user, item| {
            f64::from(u8::from(graph.by_user().contains(user, item as u32)))
        });
        let regularised = x.transpose() * &x + Mat::from_fn(num_items, num_items, |a, b| if a == b { l2 } else { 0.0 });
        let p = regularised.partial_piv_lu().inverse();
        let b = Mat::from_fn(num_items, num_items, |j, i| if i == j { 0.0 } else { -p[(j, i)] / p[(i, i)] });
        let expected = &x * b;
        let found = conformance::all_scores(&*config.fit(&World::new(graph), 0).unwrap());
        let mut largest = 0f64;
        for (n, &found) in found.iter().enumerate() {
            let expected = expected[(n / num_items, n % num_items)];
            largest = largest.max(expected.abs());
            assert!((f64::from(found) - expected).abs() < 1e-5, "{n}: {found} {expected}");
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
    }
}
