//! Predicted ratings measured: MAE and RMSE, with everything counted that could flatter or hurt them.
//!
//! ```text
//! e = clip(predicted) - actual        MAE = mean |e|        RMSE = sqrt(mean e^2)
//! ```
//!
//! Means are over ratings, not over users, in the unit of the ratings, summed in double precision.

use std::ops::RangeInclusive;

use gnnrec_graph::{Csr, Holdout, ItemId, UserId};
use serde::{Deserialize, Serialize};

use crate::evaluate::{check_holdout, users_with_relevant};
use crate::measures::to_f64;
use crate::pairs::scores_of;
use crate::recommend::check_seen;
use crate::{EvalError, Evaluation, Metric, Scorer, Task};

/// What stands beside the errors of predicted ratings. Every rating is in the means: a user or an item that
/// training does not know is counted, never skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatingCounts {
    /// Ratings in the means.
    pub num_ratings: usize,
    /// Predictions outside the range, which were moved to its nearer end.
    pub num_clipped: usize,
    /// Ratings by users without a training interaction.
    pub num_by_unseen_users: usize,
    /// Ratings of items without a training interaction.
    pub num_of_unseen_items: usize,
}

/// Compares predicted ratings with the held-out ones.
///
/// `seen` are the training interactions, `num_users x num_items`; `range` is the scale on which users rate,
/// such as `1.0..=5.0`, to whose ends predictions beyond it are moved. The means of [`Metric::Mae`] and
/// [`Metric::Rmse`] are over ratings; the value of a user is the mean absolute error and the mean *square* of
/// the user's own ratings, so that weighted by the number of ratings they give the means. Counts are in
/// [`Evaluation::ratings`].
///
/// The result is the same for any number of threads. It costs a score for each rating
/// ([`Scorer::score_pairs`]) and 12 bytes a rating beside those that the scorer holds.
///
/// ```
/// use gnnrec_eval::{EmbeddingScorer, Metric, evaluate_ratings};
/// use gnnrec_graph::{Csr, Duplicates, Holdout};
/// // User 0 is predicted to rate the items 1, 5.75 and 4; user 1 twice as high.
/// let scorer = EmbeddingScorer::new(vec![1.0, 2.0], vec![1.0, 5.75, 4.0], 1)?;
/// let seen = Csr::from_weighted_edges(2, 3, &[(0, 0, 4.0), (1, 2, 2.0)], Duplicates::Error)?;
/// let held_out = [(0, 1, 5.0), (0, 2, 3.0), (1, 0, 4.0)];
/// let holdout = Holdout::new(Csr::from_weighted_edges(2, 3, &held_out, Duplicates::Error)?);
/// let evaluation = evaluate_ratings(&scorer, &seen, &holdout, 1.0..=5.0, &[Metric::Mae, Metric::Rmse])?;
/// assert_eq!(evaluation.mean(Metric::Mae), Some(1.0));                        // of 0, 1, 2
/// assert_eq!(evaluation.mean(Metric::Rmse), Some((5.0f64 / 3.0).sqrt()));     // of 0, 1, 4
/// assert_eq!(evaluation.per_user(Metric::Rmse), Some(&[0.5, 4.0][..]));
/// assert_eq!(evaluation.ratings.map(|counts| (counts.num_clipped, counts.num_of_unseen_items)), Some((1, 1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Parts of different sizes, a holdout without ratings or without interactions, a metric of another task, a
/// range that is not finite or not ascending, a rating outside it, or a prediction that is not finite.
pub fn evaluate_ratings(
    scorer: &dyn Scorer,
    seen: &Csr,
    holdout: &Holdout,
    range: RangeInclusive<f32>,
    metrics: &[Metric],
) -> Result<Evaluation, EvalError> {
    let (low, high) = range.into_inner();
    check_range(low, high)?;
    check_seen(seen, scorer.num_users(), scorer.num_items())?;
    check_holdout(scorer, holdout)?;
    Metric::check(metrics, Some(Task::Rate))?;
    let users = users_with_relevant(holdout)?;
    let (pairs, ratings) = held_out(holdout, &users, low, high)?;
    let predicted = scores_of(scorer, &pairs);
    if let Some(position) = predicted.iter().position(|predicted| !predicted.is_finite()) {
        let (user, item) = pairs[position];
        return Err(EvalError::RatingNotFinite { user, item, predicted: predicted[position] });
    }
    let mut evaluation = Evaluation::of_holdout(users, seen, holdout);
    evaluation.ratings = Some(count(&pairs, &predicted, seen, low, high));
    let error = |(predicted, rating): (&f32, &f32)| f64::from(predicted.clamp(low, high)) - f64::from(*rating);
    let errors: Vec<f64> = predicted.iter().zip(&ratings).map(error).collect();
    for &metric in metrics {
        let loss = |error: &f64| if metric == Metric::Mae { error.abs() } else { error * error };
        let mut errors = errors.iter();
        let own_mean = |&num: &usize| errors.by_ref().take(num).map(loss).sum::<f64>() / to_f64(num);
        let values = evaluation.num_relevant.iter().map(own_mean).collect();
        evaluation.insert(metric, values);
    }
    Ok(evaluation)
}

/// Every held-out pair, user after user, and its rating.
#[expect(clippy::type_complexity, reason = "two lists of one length")]
fn held_out(
    holdout: &Holdout,
    users: &[UserId],
    low: f32,
    high: f32,
) -> Result<(Vec<(UserId, ItemId)>, Vec<f32>), EvalError> {
    let num_ratings = holdout.num_interactions();
    let (mut pairs, mut all) = (Vec::with_capacity(num_ratings), Vec::with_capacity(num_ratings));
    for &user in users {
        let ratings = holdout.ratings(user).ok_or(EvalError::NoRatings)?;
        for (&item, &rating) in holdout.relevant(user).iter().zip(ratings) {
            if rating < low || rating > high {
                return Err(EvalError::RatingOutside { user, item, rating, low, high });
            }
            pairs.push((user, item));
            all.push(rating);
        }
    }
    Ok((pairs, all))
}

fn count(pairs: &[(UserId, ItemId)], predicted: &[f32], seen: &Csr, low: f32, high: f32) -> RatingCounts {
    let mut is_seen = vec![false; seen.num_cols()];
    seen.indices().iter().for_each(|&item| is_seen[item as usize] = true);
    RatingCounts {
        num_ratings: pairs.len(),
        num_clipped: predicted.iter().filter(|predicted| **predicted < low || **predicted > high).count(),
        num_by_unseen_users: pairs.iter().filter(|(user, _)| seen.degree(user.index()) == 0).count(),
        num_of_unseen_items: pairs.iter().filter(|(_, item)| !is_seen[item.index()]).count(),
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
    use gnnrec_graph::Duplicates;
    use proptest::prelude::*;

    use super::*;
    use crate::tests::Matrix;
    use crate::{EmbeddingScorer, compare};

    const METRICS: [Metric; 2] = [Metric::Rmse, Metric::Mae];

    fn csr(rows: usize, cols: usize, edges: &[(u32, u32, f32)]) -> Csr {
        Csr::from_weighted_edges(rows, cols, edges, Duplicates::First).unwrap()
    }

    #[test]
    fn errors_and_counts_by_hand() {
        // User 2 and item 3 are unseen; user 1 holds nothing out; user 0 has seen item 1.
        let seen = csr(3, 4, &[(0, 0, 1.0), (0, 1, 5.0), (1, 1, 2.0), (1, 2, 3.0)]);
        let holdout = Holdout::new(csr(3, 4, &[(2, 3, 2.0), (2, 0, 5.0), (0, 3, 5.0), (0, 1, 1.0), (0, 2, 1.5)]));
        let rows = [[9.0, 0.5, 2.0, 3.0], [f32::NAN; 4], [5.0, 9.0, 9.0, 5.5]];
        let scorer = Matrix::new(4, rows.concat());
        // In order: user 0 items 1, 2, 3 with errors 0, .5, -2; user 2 items 0, 3 with 0, 3; .5 and 5.5 are clipped.
        let evaluation = evaluate_ratings(&scorer, &seen, &holdout, 1.0..=5.0, &METRICS).unwrap();
        assert_eq!(evaluation.users(), [UserId(0), UserId(2)]);
        assert_eq!(evaluation.num_relevant(), [3, 2]);
        assert_eq!((evaluation.num_users_without_relevant, evaluation.num_relevant_seen), (1, 1));
        assert_eq!(evaluation.per_user(Metric::Mae), Some(&[2.5 / 3.0, 1.5][..]));
        assert_eq!(evaluation.per_user(Metric::Rmse), Some(&[4.25 / 3.0, 4.5][..]));
        assert!((evaluation.mean(Metric::Mae).unwrap() - 5.5 / 5.0).abs() < 1e-12);
        assert!((evaluation.mean(Metric::Rmse).unwrap() - (13.25f64 / 5.0).sqrt()).abs() < 1e-12);
        let counts = RatingCounts { num_ratings: 5, num_clipped: 2, num_by_unseen_users: 2, num_of_unseen_items: 2 };
        assert_eq!((evaluation.ratings, evaluation.pairs), (Some(counts), None));
        let json = serde_json::to_value(&evaluation).unwrap();
        assert_eq!(json["ratings"]["num_clipped"], 2);
        assert_eq!(serde_json::from_value::<crate::Summary>(json).unwrap(), evaluation.summary());
    }

    #[test]
    fn a_group_of_users_is_measured_over_its_ratings() {
        let edges = [(0, 0, 1.0), (0, 1, 1.0), (0, 2, 1.0), (1, 0, 1.0), (2, 2, 2.0)];
        let holdout = Holdout::new(csr(3, 3, &edges));
        let scorer = EmbeddingScorer::new(vec![2.0, 5.0, 3.0], vec![1.0; 3], 1).unwrap();
        let better = EmbeddingScorer::new(vec![1.0, 4.0, 2.0], vec![1.0; 3], 1).unwrap();
        let measured = |scorer| evaluate_ratings(scorer, &csr(3, 3, &[]), &holdout, 1.0..=5.0, &METRICS).unwrap();
        let (evaluation, better) = (measured(&scorer), measured(&better));
        // Errors 1 thrice and 4 once, and 1 once.
        let slice = |metric| evaluation.by_user_group(metric, &[false, false, true]).unwrap();
        assert_eq!(slice(Metric::Mae).iter().map(|slice| slice.mean).collect::<Vec<_>>(), [7.0 / 4.0, 1.0]);
        let roots: Vec<f64> = slice(Metric::Rmse).iter().map(|slice| slice.mean).collect();
        assert_eq!(roots, [(19.0f64 / 4.0).sqrt(), 1.0]);
        // Mean squares 1, 16, 1 against 0, 9, 0, every user once: less is better.
        let comparison = compare(&better, &evaluation, Metric::Rmse, 1).unwrap();
        assert_eq!((comparison.difference.mean, comparison.wilcoxon.rank_sum_plus), (-3.0, 0.0));
    }

    #[test]
    fn bad_input_is_named() {
        let (seen, edges) = (csr(1, 2, &[]), [(0, 0, 2.0), (0, 1, 6.0)]);
        let holdout = Holdout::new(csr(1, 2, &edges));
        let of = |predicted: [f32; 2], holdout: &Holdout, range, metrics: &[Metric]| {
            evaluate_ratings(&Matrix::new(2, predicted.to_vec()), &seen, holdout, range, metrics).map(|_| ())
        };
        let measure = |predicted, holdout: &Holdout, range| of(predicted, holdout, range, &METRICS);
        let (user, item) = (UserId(0), ItemId(1));
        let outside = EvalError::RatingOutside { user, item, rating: 6.0, low: 1.0, high: 5.0 };
        assert_eq!(measure([1.0, 2.0], &holdout, 1.0..=5.0), Err(outside));
        assert!(matches!(measure([1.0, 2.0], &holdout, 3.0..=9.0), Err(EvalError::RatingOutside { .. })));
        let predicted = f32::INFINITY;
        let infinite = EvalError::RatingNotFinite { user, item, predicted };
        assert_eq!(measure([1.0, predicted], &holdout, 1.0..=9.0), Err(infinite));
        assert!(measure([1.0, f32::NAN], &holdout, 1.0..=9.0).is_err());
        for range in [5.0..=5.0, 5.0..=1.0, f32::NAN..=1.0, 0.0..=f32::INFINITY] {
            assert!(matches!(measure([1.0; 2], &holdout, range), Err(EvalError::OutOfRange { .. })));
        }
        let pattern = Holdout::new(csr(1, 2, &edges).to_pattern());
        assert_eq!(measure([1.0; 2], &pattern, 1.0..=9.0), Err(EvalError::NoRatings));
        let nobody = Err(EvalError::NothingHeldOut { num_users: 1 });
        assert_eq!(measure([1.0; 2], &Holdout::new(csr(1, 2, &[])), 1.0..=9.0), nobody);
        let other = Holdout::new(csr(1, 3, &edges));
        assert!(matches!(measure([1.0; 2], &other, 1.0..=9.0), Err(EvalError::Mismatch { .. })));
        let other = EvalError::OtherTask { metric: Metric::Ndcg(5), task: Some(Task::Rate) };
        assert_eq!(of([1.0; 2], &holdout, 1.0..=9.0, &[Metric::Mae, Metric::Ndcg(5)]), Err(other));
    }

    proptest! {
        #[test]
        fn they_are_the_plain_loop(
            rows in prop::collection::btree_map((0u32..6, 0u32..6), 1.0f32..5.0, 1..30),
            predicted in prop::collection::vec(-1.0f32..7.0, 36),
            trained in prop::collection::vec((0u32..6, 0u32..6), 0..20),
            threads in 1usize..4,
        ) {
            let edges: Vec<_> = rows.iter().map(|(&(user, item), &rating)| (user, item, rating)).collect();
            let seen = csr(6, 6, &trained.iter().map(|&(user, item)| (user, item, 1.0)).collect::<Vec<_>>());
            let (scorer, holdout) = (Matrix::new(6, predicted.clone()), Holdout::new(csr(6, 6, &edges)));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let evaluation = pool.install(|| evaluate_ratings(&scorer, &seen, &holdout, 1.0..=5.0, &METRICS)).unwrap();
            let (mut absolute, mut squared, mut leaks, mut counts) = ([0.0; 6], [0.0; 6], 0, RatingCounts::default());
            let mut num = [0usize; 6];
            for (&(user, item), &rating) in &rows {
                let predicted = predicted[(user * 6 + item) as usize];
                let kept = predicted.clamp(1.0, 5.0);
                absolute[user as usize] += f64::from((kept - rating).abs());
                squared[user as usize] += f64::from(kept - rating).powi(2);
                num[user as usize] += 1;
                counts.num_ratings += 1;
                counts.num_clipped += usize::from(kept != predicted);
                counts.num_by_unseen_users += usize::from(trained.iter().all(|edge| edge.0 != user));
                counts.num_of_unseen_items += usize::from(trained.iter().all(|edge| edge.1 != item));
                leaks += usize::from(trained.contains(&(user, item)));
            }
            let all = rows.len() as f64;
            prop_assert!((evaluation.mean(Metric::Mae).unwrap() - absolute.iter().sum::<f64>() / all).abs() < 1e-5);
            prop_assert!((evaluation.mean(Metric::Rmse).unwrap() - (squared.iter().sum::<f64>() / all).sqrt()).abs() < 1e-5);
            prop_assert_eq!((evaluation.ratings, evaluation.num_relevant_seen), (Some(counts), leaks));
            for (position, user) in evaluation.users().iter().enumerate() {
                let own = |sums: [f64; 6]| sums[user.index()] / num[user.index()] as f64;
                prop_assert!((evaluation.per_user(Metric::Mae).unwrap()[position] - own(absolute)).abs() < 1e-5);
                prop_assert!((evaluation.per_user(Metric::Rmse).unwrap()[position] - own(squared)).abs() < 1e-5);
            }
            prop_assert_eq!(evaluation.users().len(), num.iter().filter(|num| **num > 0).count());
        }
    }
}
