//! Errors of predicted ratings: MAE and RMSE, with everything counted that could flatter or hurt them.

use std::ops::RangeInclusive;

use gnnrec_graph::{Csr, Holdout, UserId};
use serde::{Deserialize, Serialize};

use crate::EvalError;
use crate::measures::to_f64;
use crate::recommend::check_seen;
use crate::slices::check_length;

/// What predicted ratings are worth.
///
/// ```text
/// e = clip(predicted) - actual        MAE = mean |e|        RMSE = sqrt(mean e^2)
/// ```
///
/// Means are over ratings, not over users, in the unit of the ratings, summed in double precision.
/// Every rating is scored: a user or an item that training does not know is counted, never skipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatingErrors {
    /// Mean absolute error.
    pub mae: f64,
    /// Root of the mean squared error; at least the MAE.
    pub rmse: f64,
    /// Ratings in the means.
    pub num_ratings: usize,
    /// Predictions outside the range, which were moved to its nearer end.
    pub num_clipped: usize,
    /// Ratings by users without a training interaction.
    pub num_by_unseen_users: usize,
    /// Ratings of items without a training interaction.
    pub num_of_unseen_items: usize,
}

impl RatingErrors {
    /// Compares predictions with the held-out ratings.
    ///
    /// `predicted` holds one number for each held-out rating, user after user and inside a user in the
    /// order of [`Holdout::relevant`]; `seen` are the training interactions; `range` is the scale on
    /// which users rate, such as `1.0..=5.0`.
    ///
    /// ```
    /// use gnnrec_eval::RatingErrors;
    /// use gnnrec_graph::{Csr, Duplicates, Holdout};
    /// let seen = Csr::from_weighted_edges(2, 3, &[(0, 0, 4.0), (1, 0, 2.0)], Duplicates::Error)?;
    /// let held_out = [(0, 1, 5.0), (0, 2, 3.0), (1, 1, 1.0)];
    /// let holdout = Holdout::new(Csr::from_weighted_edges(2, 3, &held_out, Duplicates::Error)?);
    /// let errors = RatingErrors::measure(&[5.7, 4.0, 3.0], &holdout, &seen, 1.0..=5.0)?;
    /// assert_eq!((errors.mae, errors.num_clipped, errors.num_of_unseen_items), (1.0, 1, 3));
    /// assert_eq!(errors.rmse, (5.0f64 / 3.0).sqrt());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Parts of different sizes, a holdout without ratings or without interactions, a range that is not
    /// finite or not ascending, a rating outside it, or a prediction that is not finite.
    pub fn measure(
        predicted: &[f32],
        holdout: &Holdout,
        seen: &Csr,
        range: RangeInclusive<f32>,
    ) -> Result<Self, EvalError> {
        let (low, high) = range.into_inner();
        check_range(low, high)?;
        check_seen(seen, holdout.num_users(), holdout.num_items())?;
        check_length("predicted ratings", predicted.len(), holdout.num_interactions())?;
        if predicted.is_empty() {
            return Err(EvalError::Empty { what: "the list of held-out ratings" });
        }
        let mut is_seen = vec![false; seen.num_cols()];
        seen.indices().iter().for_each(|&item| is_seen[item as usize] = true);
        let mut errors = Self {
            mae: 0.0,
            rmse: 0.0,
            num_ratings: predicted.len(),
            num_clipped: 0,
            num_by_unseen_users: 0,
            num_of_unseen_items: 0,
        };
        let mut predictions = predicted.iter();
        for user in (0..).take(holdout.num_users()).map(UserId) {
            let ratings = holdout.ratings(user).ok_or(EvalError::NoRatings)?;
            for ((&item, &rating), &predicted) in holdout.relevant(user).iter().zip(ratings).zip(&mut predictions) {
                if !predicted.is_finite() {
                    return Err(EvalError::RatingNotFinite { user, item, predicted });
                }
                if rating < low || rating > high {
                    return Err(EvalError::RatingOutside { user, item, rating, low, high });
                }
                let error = f64::from(predicted.clamp(low, high)) - f64::from(rating);
                errors.mae += error.abs();
                errors.rmse += error * error;
                errors.num_clipped += usize::from(predicted < low || predicted > high);
                errors.num_by_unseen_users += usize::from(seen.degree(user.index()) == 0);
                errors.num_of_unseen_items += usize::from(!is_seen[item.index()]);
            }
        }
        errors.mae /= to_f64(errors.num_ratings);
        errors.rmse = (errors.rmse / to_f64(errors.num_ratings)).sqrt();
        Ok(errors)
    }
}

fn check_range(low: f32, high: f32) -> Result<(), EvalError> {
    for (what, value) in [("the low end of the rating range", low), ("the high end of the rating range", high)] {
        if !value.is_finite() {
            return Err(EvalError::OutOfRange { what, value: value.into(), expected: "a finite number" });
        }
    }
    if low < high {
        return Ok(());
    }
    let (what, expected) = ("the high end of the rating range", "a number above its low end");
    Err(EvalError::OutOfRange { what, value: high.into(), expected })
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::{Duplicates, ItemId};
    use proptest::prelude::*;

    use super::*;

    fn csr(rows: usize, cols: usize, edges: &[(u32, u32, f32)]) -> Csr {
        Csr::from_weighted_edges(rows, cols, edges, Duplicates::First).unwrap()
    }

    #[test]
    fn errors_and_counts_by_hand() {
        // User 2 and item 3 are unseen; user 1 holds nothing out.
        let seen = csr(3, 4, &[(0, 0, 1.0), (1, 1, 2.0), (1, 2, 3.0)]);
        let holdout = Holdout::new(csr(3, 4, &[(2, 3, 2.0), (2, 0, 4.0), (0, 3, 5.0), (0, 1, 1.0)]));
        // In order: user 0 items 1 and 3, user 2 items 0 and 3; errors -0, -2, 0, 1.5 after clipping.
        let errors = RatingErrors::measure(&[0.5, 3.0, 4.0, 3.5], &holdout, &seen, 1.0..=5.0).unwrap();
        let expected = RatingErrors {
            mae: 3.5 / 4.0,
            rmse: (6.25f64 / 4.0).sqrt(),
            num_ratings: 4,
            num_clipped: 1,
            num_by_unseen_users: 2,
            num_of_unseen_items: 2,
        };
        assert_eq!(errors, expected);
        let json = serde_json::to_string(&errors).unwrap();
        assert_eq!(serde_json::from_str::<RatingErrors>(&json).unwrap(), expected);
    }

    #[test]
    fn bad_input_is_named() {
        let (seen, edges) = (csr(1, 2, &[]), [(0, 0, 2.0), (0, 1, 6.0)]);
        let holdout = Holdout::new(csr(1, 2, &edges));
        let measure =
            |predicted: &[f32], holdout: &Holdout, range| RatingErrors::measure(predicted, holdout, &seen, range);
        let (user, item) = (UserId(0), ItemId(1));
        let outside = EvalError::RatingOutside { user, item, rating: 6.0, low: 1.0, high: 5.0 };
        assert_eq!(measure(&[1.0, 2.0], &holdout, 1.0..=5.0), Err(outside));
        let length = EvalError::Length { what: "predicted ratings", found: 3, expected: 2 };
        assert_eq!(measure(&[1.0; 3], &holdout, 1.0..=9.0), Err(length));
        let predicted = f32::INFINITY;
        let infinite = EvalError::RatingNotFinite { user, item, predicted };
        assert_eq!(measure(&[1.0, predicted], &holdout, 1.0..=9.0), Err(infinite));
        assert!(measure(&[1.0, f32::NAN], &holdout, 1.0..=9.0).is_err());
        for range in [5.0..=5.0, 5.0..=1.0, f32::NAN..=1.0, 0.0..=f32::INFINITY] {
            assert!(matches!(measure(&[1.0; 2], &holdout, range), Err(EvalError::OutOfRange { .. })));
        }
        let pattern = Holdout::new(csr(1, 2, &edges).to_pattern());
        assert_eq!(measure(&[1.0; 2], &pattern, 1.0..=9.0), Err(EvalError::NoRatings));
        let empty = Holdout::new(csr(1, 2, &[]));
        assert!(matches!(measure(&[], &empty, 1.0..=9.0), Err(EvalError::Empty { .. })));
        let other = Holdout::new(csr(1, 3, &edges));
        assert!(matches!(measure(&[1.0; 2], &other, 1.0..=9.0), Err(EvalError::Mismatch { .. })));
    }

    proptest! {
        #[test]
        fn they_are_the_plain_loop(
            rows in prop::collection::btree_map((0u32..6, 0u32..6), (1.0f32..5.0, -1.0f32..7.0), 1..30),
            trained in prop::collection::vec((0u32..6, 0u32..6), 0..20),
        ) {
            let edges: Vec<_> = rows.iter().map(|(&(user, item), &(rating, _))| (user, item, rating)).collect();
            let predicted: Vec<f32> = rows.values().map(|&(_, predicted)| predicted).collect();
            let seen = csr(6, 6, &trained.iter().map(|&(user, item)| (user, item, 1.0)).collect::<Vec<_>>());
            let errors = RatingErrors::measure(&predicted, &Holdout::new(csr(6, 6, &edges)), &seen, 1.0..=5.0).unwrap();
            let (mut absolute, mut squared, mut clipped, mut users, mut items) = (0.0, 0.0, 0, 0, 0);
            for (&(user, item), &(rating, predicted)) in &rows {
                let kept = predicted.clamp(1.0, 5.0);
                absolute += f64::from((kept - rating).abs());
                squared += f64::from(kept - rating).powi(2);
                clipped += usize::from(kept != predicted);
                users += usize::from(trained.iter().all(|edge| edge.0 != user));
                items += usize::from(trained.iter().all(|edge| edge.1 != item));
            }
            let num = rows.len() as f64;
            prop_assert!((errors.mae - absolute / num).abs() < 1e-6);
            prop_assert!((errors.rmse - (squared / num).sqrt()).abs() < 1e-6);
            prop_assert!(errors.rmse >= errors.mae - 1e-12);
            prop_assert_eq!((errors.num_ratings, errors.num_clipped), (rows.len(), clipped));
            prop_assert_eq!((errors.num_by_unseen_users, errors.num_of_unseen_items), (users, items));
        }
    }
}
