//! Biases: some users are generous, some items are liked. Koren, Bell and Volinsky, Computer 2009, equations 3 and 5,
//! solved by the regularised means of Koren, TKDD 2010, section 2.1. The row that every table of ratings needs.
//!
//! ```text
//! ŷ(u,i) = μ + b(u) + b(i)                             μ = mean of the training ratings
//! b(i)   = Σ_{u rated i} (r(u,i) - μ - b(u)) / (item_l2 + |users of i|)
//! b(u)   = Σ_{i rated by u} (r(u,i) - μ - b(i)) / (user_l2 + |items of u|)
//! ```
//!
//! In turn until nothing moves, from zeros, this is the minimum of
//! `Σ (r - ŷ)² + user_l2 Σ b(u)² + item_l2 Σ b(i)²`; one round is the estimate of Koren, TKDD 2010; no round is `μ`
//! for every pair. A user or item without ratings has a bias of 0.
//!
//! Departures: none.

use gnnrec_eval::{EmbeddingScorer, Scorer};
use gnnrec_graph::{Csr, World};
use gnnrec_model::{ClosedForm, ModelError, mean_rating};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

const NAME: &str = "rating-bias";

/// What no bias moves by in a round when the rounds end, in the unit of the ratings: less than 32 bits hold.
const CONVERGED: f64 = 1e-9;

/// How biases are solved for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RatingBiasConfig {
    /// Ratings equal to the mean that every user is thought to have given besides, at least 0.
    pub user_l2: f64,
    /// The same for every item, at least 0.
    pub item_l2: f64,
    /// Rounds at most; where no bias moves by more than `1e-9`, there are fewer. 0 leaves the global mean.
    pub num_rounds: usize,
}

impl Default for RatingBiasConfig {
    /// What suits product ratings such as those of Ciao and Epinions, where items have few: the least mean RMSE on the
    /// validation parts of three random splits of Epinions, and within .0002 of it on Ciao.
    fn default() -> Self {
        Self { user_l2: 8.0, item_l2: 2.0, num_rounds: 100 }
    }
}

impl RatingBiasConfig {
    /// Nothing but `μ`.
    #[must_use]
    pub fn global_mean() -> Self {
        Self { num_rounds: 0, ..Self::default() }
    }

    /// Netflix, as in Koren 2010: one round.
    #[must_use]
    pub fn netflix() -> Self {
        Self { user_l2: 10.0, item_l2: 25.0, num_rounds: 1 }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        for (field, l2) in [("user_l2", self.user_l2), ("item_l2", self.item_l2)] {
            ModelError::expect(l2 >= 0.0 && l2.is_finite(), NAME, field, l2, "a finite number, at least 0")?;
        }
        Ok(())
    }
}

impl ClosedForm for RatingBiasConfig {
    /// A round reads every rating twice; `b` is held in 64 bits. The scorer is an inner product, two wide.
    fn fit(&self, world: &World, _: u64) -> Result<Box<dyn Scorer>, ModelError> {
        self.validate()?;
        let mean = mean_rating(world, NAME)?;
        let (by_user, by_item) = (world.interactions().by_user(), world.interactions().by_item());
        let (mut of_users, mut of_items) = (vec![0.0; by_user.num_rows()], vec![0.0; by_item.num_rows()]);
        for _ in 0..self.num_rounds {
            let items = regularised_means(by_item, mean, &of_users, self.item_l2);
            let users = regularised_means(by_user, mean, &items, self.user_l2);
            let moved = largest_change(&of_items, &items).max(largest_change(&of_users, &users));
            (of_users, of_items) = (users, items);
            if moved <= CONVERGED {
                break;
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "scores hold 32 bits")]
        let table = |biases: Vec<f64>, row: fn(f32) -> [f32; 2], mean: f64| -> Vec<f32> {
            biases.into_iter().flat_map(|bias| row((bias + mean) as f32)).collect()
        };
        let users = table(of_users, |bias| [bias, 1.0], mean);
        let items = table(of_items, |bias| [1.0, bias], 0.0);
        Ok(Box::new(EmbeddingScorer::new(users, items, 2).expect("both tables are two wide")))
    }
}

/// For each row the sum of what neither mean nor the columns' biases explain, over `l2` more than its ratings.
#[expect(clippy::cast_precision_loss, reason = "a degree is far below 2^52")]
fn regularised_means(rows: &Csr, mean: f64, biases: &[f64], l2: f64) -> Vec<f64> {
    let of_row = |row: usize| {
        let ratings = rows.row_weights(row).expect("the world has ratings");
        let unexplained = rows.row(row).iter().zip(ratings);
        let sum: f64 = unexplained.map(|(&col, &rating)| f64::from(rating) - mean - biases[col as usize]).sum();
        if ratings.is_empty() { 0.0 } else { sum / (l2 + ratings.len() as f64) }
    };
    (0..rows.num_rows()).into_par_iter().map(of_row).collect()
}

fn largest_change(before: &[f64], after: &[f64]) -> f64 {
    before.iter().zip(after).fold(0.0, |largest, (before, after)| (before - after).abs().max(largest))
}
