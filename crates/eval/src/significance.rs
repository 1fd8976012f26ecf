//! Is one model better than another, or was it luck? Paired over the users of one holdout.
//!
//! It says how sure the difference between *these two results* is, given other users of the same
//! kind. It says nothing about other seeds: those are other runs.

use serde::{Deserialize, Serialize};

use crate::slices::check_length;
use crate::{EvalError, Evaluation, Interval, Metric, Wilcoxon, bootstrap, wilcoxon};

/// Confidence of the interval of [`compare`].
const CONFIDENCE: f64 = 0.95;

/// A candidate against a baseline, user by user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// What is compared.
    pub metric: Metric,
    /// Candidate minus baseline: mean and 95 % bootstrap interval over users.
    pub difference: Interval,
    /// The signed-rank test of the same differences.
    pub wilcoxon: Wilcoxon,
}

/// Compares two evaluations of one holdout: positive differences speak for the candidate, and where
/// [`Metric::lower_is_better`] negative ones do.
///
/// Every user counts once, also where the metric's mean is over ratings or pairs: there the mean difference
/// need not be the difference of the means. Of RMSE users' mean squares are compared, of the pair AUC their
/// mean placements.
///
/// Of several comparisons in one table, correct the p-values with [`holm`].
///
/// # Errors
/// A metric without values per user, or GAUC, which weighs users; evaluations of other users.
pub fn compare(
    candidate: &Evaluation,
    baseline: &Evaluation,
    metric: Metric,
    seed: u64,
) -> Result<Comparison, EvalError> {
    let differences = differences(candidate, baseline, metric)?;
    let difference = bootstrap(&differences, CONFIDENCE, seed)?;
    Ok(Comparison { metric, difference, wilcoxon: wilcoxon(&differences)? })
}

fn differences(candidate: &Evaluation, baseline: &Evaluation, metric: Metric) -> Result<Vec<f64>, EvalError> {
    if metric == Metric::Gauc {
        return Err(EvalError::Weighted { metric });
    }
    let values = |evaluation: &'_ Evaluation| evaluation.per_user(metric).map(<[f64]>::to_vec);
    let left = values(candidate).ok_or(EvalError::NoPerUser { metric })?;
    let right = values(baseline).ok_or(EvalError::NoPerUser { metric })?;
    check_length("evaluated users", right.len(), left.len())?;
    for (position, (&left, &right)) in candidate.users().iter().zip(baseline.users()).enumerate() {
        if left != right {
            return Err(EvalError::OtherUsers { position, left, right });
        }
        if candidate.num_relevant()[position] != baseline.num_relevant()[position] {
            return Err(EvalError::OtherHoldout { user: left });
        }
    }
    Ok(left.iter().zip(&right).map(|(left, right)| left - right).collect())
}

/// Holm's correction: p-values to be held against the level as if there were a single comparison.
///
/// ```text
/// p'(i) = max over j <= i of min(1, (m - j + 1) p(j))        p(1) <= ... <= p(m)
/// ```
///
/// Holm 1979: the chance of any false discovery among the `m` comparisons is kept below the level,
/// whatever depends on what. In the order given; of no p-values there are none.
///
/// ```
/// assert_eq!(gnnrec_eval::holm(&[0.25, 0.125, 0.5])?, [0.5, 0.375, 0.5]);
/// # Ok::<(), gnnrec_eval::EvalError>(())
/// ```
///
/// # Errors
/// A value outside `[0, 1]`.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, EvalError> {
    if let Some(&value) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(EvalError::OutOfRange { what: "a p-value", value, expected: "a number from 0 to 1" });
    }
    let mut ascending: Vec<usize> = (0..p_values.len()).collect();
    ascending.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![0.0; p_values.len()];
    let mut largest = 0.0f64;
    for (comparison, factor) in ascending.into_iter().zip((1..=p_values.len()).rev()) {
        largest = largest.max(p_values[comparison] * crate::measures::to_f64(factor)).min(1.0);
        corrected[comparison] = largest;
    }
    Ok(corrected)
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::{Csr, Duplicates, Holdout, UserId};

    use super::*;
    use crate::{EmbeddingScorer, evaluate};

    const METRICS: [Metric; 4] = [Metric::Recall(2), Metric::Mrr(2), Metric::Coverage(2), Metric::Gauc];

    /// Every user scores item `i` with `scores[i]`.
    fn evaluated(scores: &[f32; 4], relevant: &[(u32, u32)]) -> Evaluation {
        let csr = |edges| Csr::from_edges(4, 4, edges, Duplicates::Error).unwrap();
        let scorer = EmbeddingScorer::new(vec![1.0; 4], scores.to_vec(), 1).unwrap();
        evaluate(&scorer, &csr(&[]), &Holdout::new(csr(relevant)), &METRICS).unwrap()
    }

    const RELEVANT: [(u32, u32); 4] = [(0, 0), (1, 0), (1, 3), (3, 1)];

    #[test]
    fn a_comparison_by_hand() {
        // Lists 0 1 and 3 2. Recall 1, 1/2, 1 against 0, 1/2, 0.
        let (candidate, baseline) =
            (evaluated(&[4.0, 3.0, 2.0, 1.0], &RELEVANT), evaluated(&[1.0, 2.0, 3.0, 4.0], &RELEVANT));
        let comparison = compare(&candidate, &baseline, Metric::Recall(2), 3).unwrap();
        assert!((comparison.difference.mean - 2.0 / 3.0).abs() < 1e-12);
        let test = &comparison.wilcoxon;
        assert_eq!((test.rank_sum_plus, test.num_zeros, test.p_value), (3.0, 1, 0.5));
        let turned = compare(&baseline, &candidate, Metric::Recall(2), 3).unwrap();
        assert!((turned.difference.mean + 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(turned.wilcoxon.p_value, 0.5);
        let json = serde_json::to_string(&comparison).unwrap();
        assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), comparison);
    }

    #[test]
    fn what_cannot_be_paired_is_named() {
        let scores = [4.0, 3.0, 2.0, 1.0];
        let left = evaluated(&scores, &RELEVANT);
        let compare = |relevant: &[(u32, u32)], metric| compare(&left, &evaluated(&scores, relevant), metric, 0);
        let others = EvalError::OtherUsers { position: 2, left: UserId(3), right: UserId(2) };
        assert_eq!(compare(&[(0, 0), (1, 0), (1, 3), (2, 2)], Metric::Recall(2)), Err(others));
        let length = EvalError::Length { what: "evaluated users", found: 2, expected: 3 };
        assert_eq!(compare(&[(0, 0), (1, 0)], Metric::Recall(2)), Err(length));
        let holdout = EvalError::OtherHoldout { user: UserId(1) };
        assert_eq!(compare(&[(0, 0), (1, 0), (3, 1)], Metric::Recall(2)), Err(holdout));
        let metric = Metric::Coverage(2);
        assert_eq!(compare(&RELEVANT, metric), Err(EvalError::NoPerUser { metric }));
        let metric = Metric::Gauc;
        assert_eq!(compare(&RELEVANT, metric), Err(EvalError::Weighted { metric }));
    }

    #[test]
    fn holm_keeps_the_order_and_stays_a_probability() {
        assert_eq!(holm(&[]), Ok(vec![]));
        // 3 x .5 is cut to 1, and no later value may be smaller.
        assert_eq!(holm(&[0.5, 0.75, 0.5]), Ok(vec![1.0, 1.0, 1.0]));
        // 4 x .01, then 3 x .01 which may not fall below, then 2 x .02, then .9.
        let corrected = holm(&[0.9, 0.01, 0.02, 0.01]).unwrap();
        for (found, expected) in corrected.iter().zip([0.9, 0.04, 0.04, 0.04]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert!(matches!(holm(&[0.5, 1.5]), Err(EvalError::OutOfRange { .. })));
        assert!(matches!(holm(&[f64::NAN]), Err(EvalError::OutOfRange { .. })));
    }
}
