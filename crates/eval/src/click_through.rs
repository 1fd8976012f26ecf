//! Clicks predicted for labelled pairs: AUC, F1 and accuracy over all pairs of all users, as in RippleNet,
//! KGCN and KGNN-LS.
//!
//! ```text
//! AUC      = mean over (positive p, negative n) of 1 if score(p) > score(n), 1/2 if equal, else 0
//! F1       = 2 TP / (2 TP + FP + FN)                predicted positive: score >= 0, a probability of 1/2
//! accuracy = (TP + TN) / (TP + FP + TN + FN)
//! ```
//!
//! A positive and a negative of two users are compared as well: scores must be on one scale for everybody.
//! [`Metric::Auc`], by contrast, compares inside one user, with every unseen item. Nothing is drawn here;
//! the negatives come with the pairs.

use gnnrec_graph::LabelledPairs;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::measures::{ratio, to_f64};
use crate::pairs::scores_of;
use crate::{EvalError, Evaluation, Metric, Scorer, Task};

/// What stands beside the measures of labelled pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairCounts {
    /// Pairs in the means.
    pub num_pairs: usize,
    /// Those labelled positive; one half by the usual protocol.
    pub num_positive: usize,
}

/// Holds scores against the labels of pairs.
///
/// The means are over all pairs together. The value of a user is, of accuracy and F1, that of the user's own
/// pairs (F1 is 1 where nothing is positive and nothing was predicted so). Of the AUC it is the mean
/// placement of the user's pairs: the share of *all* pairs of the other label on whose right side a pair
/// stands, ties one half (DeLong et al. 1988). So every user has a value, also one with positives alone,
/// and weighted by the number of pairs the values give the AUC. Users without pairs are counted.
///
/// The result is the same for any number of threads. It costs a score for each pair
/// ([`Scorer::score_pairs`]) and one sort, `n log n`; and 16 bytes a pair.
///
/// ```
/// use gnnrec_eval::{EmbeddingScorer, Metric, evaluate_pairs};
/// use gnnrec_graph::{ItemId, LabelledPairs, UserId};
/// let scorer = EmbeddingScorer::new(vec![1.0, 1.0], vec![2.0, 1.0, -1.0], 1)?;
/// let pair = |user, item, label| (UserId(user), ItemId(item), label);
/// let pairs = LabelledPairs::new(2, 3, &[pair(0, 0, true), pair(0, 1, false), pair(1, 2, true)])?;
/// let evaluation = evaluate_pairs(&scorer, &pairs, &[Metric::PairAuc, Metric::PairAccuracy])?;
/// assert_eq!(evaluation.mean(Metric::PairAuc), Some(0.5));               // 2 > 1 is right, -1 > 1 is not
/// assert_eq!(evaluation.per_user(Metric::PairAccuracy), Some(&[0.5, 0.0][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Pairs of other users or items than the scorer's, no pairs, pairs of one label where the AUC is asked for,
/// a metric of another task, or a score that is not a number; of several such scores the one of the first
/// pair.
pub fn evaluate_pairs(
    scorer: &dyn Scorer,
    labelled: &LabelledPairs,
    metrics: &[Metric],
) -> Result<Evaluation, EvalError> {
    Metric::check(metrics, Some(Task::ClickThrough))?;
    let sizes =
        [("users", labelled.num_users(), scorer.num_users()), ("items", labelled.num_items(), scorer.num_items())];
    for (what, found, expected) in sizes {
        if found != expected {
            return Err(EvalError::Mismatch { part: "list of labelled pairs", what, found, expected });
        }
    }
    let (pairs, labels) = (labelled.pairs(), labelled.labels());
    if pairs.is_empty() {
        return Err(EvalError::Empty { what: "the list of labelled pairs" });
    }
    let counts = PairCounts { num_pairs: pairs.len(), num_positive: labelled.num_positive() };
    if metrics.contains(&Metric::PairAuc) && (counts.num_positive == 0 || counts.num_positive == counts.num_pairs) {
        return Err(EvalError::OneLabel { num_pairs: counts.num_pairs, num_positive: counts.num_positive });
    }
    let scores = scores_of(scorer, pairs);
    if let Some(position) = scores.iter().position(|score| score.is_nan()) {
        let (user, item) = pairs[position];
        return Err(EvalError::NanScore { user, item });
    }
    let runs = || pairs.chunk_by(|left, right| left.0 == right.0);
    let mut evaluation =
        Evaluation::new(labelled.num_users(), runs().map(|run| run[0].0).collect(), runs().map(<[_]>::len).collect());
    evaluation.pairs = Some(counts);
    for &metric in metrics {
        let values = match metric {
            Metric::PairAuc => own_means(&placements(&scores, labels, counts), &evaluation.num_relevant),
            Metric::PairF1 => {
                let confusions = confusions(&scores, labels, &evaluation.num_relevant);
                evaluation.f1_weights = confusions.iter().map(|own| to_f64(own.weight())).collect();
                confusions.iter().map(Confusion::f1).collect()
            }
            _ => confusions(&scores, labels, &evaluation.num_relevant).iter().map(Confusion::accuracy).collect(),
        };
        evaluation.insert(metric, values);
    }
    Ok(evaluation)
}

/// For each pair the share of the pairs of the other label on whose right side it stands, ties one half.
///
/// Its mean over the positives is the AUC, and so is its mean over the negatives.
fn placements(scores: &[f32], labels: &[bool], counts: PairCounts) -> Vec<f64> {
    let (num_positive, num_negative) = (counts.num_positive, counts.num_pairs - counts.num_positive);
    // No score is NaN; 0 and -0 are equal, as everywhere.
    let score = |position: u32| scores[position as usize] + 0.0;
    let mut ascending: Vec<u32> = (0..).take(scores.len()).collect();
    ascending.par_sort_unstable_by(|&a, &b| score(a).total_cmp(&score(b)));
    let mut placements = vec![0.0; scores.len()];
    let (mut positives_below, mut negatives_below) = (0, 0);
    #[expect(clippy::float_cmp, reason = "equal scores are a tie, zeros of either sign too")]
    let is_tied = |a: &u32, b: &u32| score(*a) == score(*b);
    for tied in ascending.chunk_by(is_tied) {
        let positives = tied.iter().filter(|&&position| labels[position as usize]).count();
        let negatives = tied.len() - positives;
        // Counted in halves: 2 for a pair on the right side, 1 for a tie.
        let of_positive = ratio(2 * negatives_below + negatives, 2 * num_negative);
        let of_negative = ratio(2 * (num_positive - positives_below) - positives, 2 * num_positive);
        for &position in tied {
            placements[position as usize] = if labels[position as usize] { of_positive } else { of_negative };
        }
        positives_below += positives;
        negatives_below += negatives;
    }
    placements
}

/// The mean over each user's own pairs, of which there are `nums`.
fn own_means(values: &[f64], nums: &[usize]) -> Vec<f64> {
    let mut values = values.iter();
    nums.iter().map(|&num| values.by_ref().take(num).sum::<f64>() / to_f64(num)).collect()
}

/// Right and wrong predictions of some pairs.
#[derive(Clone, Copy, Debug, Default)]
struct Confusion {
    true_positives: usize,
    false_positives: usize,
    true_negatives: usize,
    false_negatives: usize,
}

impl Confusion {
    fn count(&mut self, score: f32, label: bool) {
        let counter = match (score >= 0.0, label) {
            (true, true) => &mut self.true_positives,
            (true, false) => &mut self.false_positives,
            (false, false) => &mut self.true_negatives,
            (false, true) => &mut self.false_negatives,
        };
        *counter += 1;
    }

    /// The denominator of the F1, and the weight by which users' F1 make up that of their pairs together.
    fn weight(&self) -> usize {
        2 * self.true_positives + self.false_positives + self.false_negatives
    }

    fn f1(&self) -> f64 {
        if self.weight() == 0 { 1.0 } else { ratio(2 * self.true_positives, self.weight()) }
    }

    fn accuracy(&self) -> f64 {
        let right = self.true_positives + self.true_negatives;
        ratio(right, right + self.false_positives + self.false_negatives)
    }
}

/// The confusion of each user's own pairs, of which there are `nums`.
fn confusions(scores: &[f32], labels: &[bool], nums: &[usize]) -> Vec<Confusion> {
    let mut pairs = scores.iter().zip(labels);
    let own = |&num: &usize| {
        let mut own = Confusion::default();
        pairs.by_ref().take(num).for_each(|(&score, &label)| own.count(score, label));
        own
    };
    nums.iter().map(own).collect()
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::{ItemId, UserId};
    use proptest::prelude::*;

    use super::*;
    use crate::tests::Matrix;
    use crate::{EmbeddingScorer, compare};

    const METRICS: [Metric; 3] = [Metric::PairAuc, Metric::PairF1, Metric::PairAccuracy];

    fn labelled(num_users: usize, num_items: usize, rows: &[(u32, u32, bool)]) -> LabelledPairs {
        let rows: Vec<_> = rows.iter().map(|&(user, item, label)| (UserId(user), ItemId(item), label)).collect();
        LabelledPairs::new(num_users, num_items, &rows).unwrap()
    }

    /// Five pairs of users 0, 2 and 3; user 1 has none.
    fn world() -> (Matrix, LabelledPairs) {
        let (far, none) = (f32::INFINITY, f32::NAN);
        let rows = [[2.0, -1.0, 0.0], [none, none, none], [-1.0, none, 1.0], [none, -far, none]];
        let pairs = [(0, 0, true), (0, 1, true), (0, 2, false), (2, 0, false), (2, 2, true), (3, 1, false)];
        (Matrix::new(3, rows.concat()), labelled(4, 3, &pairs))
    }

    #[test]
    fn all_three_by_hand() {
        let (scorer, pairs) = world();
        let evaluation = evaluate_pairs(&scorer, &pairs, &METRICS).unwrap();
        assert_eq!(evaluation.users(), [UserId(0), UserId(2), UserId(3)]);
        assert_eq!((evaluation.num_relevant(), evaluation.num_users_without_relevant), (&[3, 2, 1][..], 1));
        // Positives 2, -1, 1 against negatives 0, -1, -inf: right 3 + 1 + 3 with a tie, 7.5 of 9.
        assert!((evaluation.mean(Metric::PairAuc).unwrap() - 7.5 / 9.0).abs() < 1e-12);
        // User 0: placements 1, 1.5/3 and, of the negative 0, 2/3; user 2: 2.5/3 and 1; user 3: 1.
        let expected = [(1.0 + 0.5 + 2.0 / 3.0) / 3.0, (2.5 / 3.0 + 1.0) / 2.0, 1.0];
        for (found, expected) in evaluation.per_user(Metric::PairAuc).unwrap().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
        // Predicted positive: 2 and 1 rightly, 0 wrongly; -1 is missed.
        assert_eq!(evaluation.mean(Metric::PairAccuracy), Some(4.0 / 6.0));
        assert_eq!(evaluation.per_user(Metric::PairAccuracy), Some(&[1.0 / 3.0, 1.0, 1.0][..]));
        assert_eq!(evaluation.mean(Metric::PairF1), Some(4.0 / 6.0));
        assert_eq!(evaluation.per_user(Metric::PairF1), Some(&[2.0 / 4.0, 1.0, 1.0][..]));
        let counts = PairCounts { num_pairs: 6, num_positive: 3 };
        assert_eq!((evaluation.pairs, evaluation.ratings), (Some(counts), None));
        let json = serde_json::to_value(&evaluation).unwrap();
        assert_eq!(json["pairs"]["num_positive"], 3);
        assert_eq!(serde_json::from_value::<crate::Summary>(json).unwrap(), evaluation.summary());
    }

    #[test]
    fn groups_and_tests_need_no_second_run() {
        let (scorer, pairs) = world();
        let evaluation = evaluate_pairs(&scorer, &pairs, &METRICS).unwrap();
        let of_group = |metric| {
            let slices = evaluation.by_user_group(metric, &[0, 0, 1, 1]).unwrap();
            slices.iter().map(|slice| (slice.num_users, slice.num_relevant, slice.mean)).collect::<Vec<_>>()
        };
        assert_eq!(of_group(Metric::PairAccuracy), [(1, 3, 1.0 / 3.0), (2, 3, 1.0)]);
        assert_eq!(of_group(Metric::PairF1), [(1, 3, 0.5), (2, 3, 1.0)]);
        let weighted: f64 = of_group(Metric::PairAuc).iter().map(|(_, _, mean)| mean * 3.0).sum();
        assert!((weighted / 6.0 - evaluation.mean(Metric::PairAuc).unwrap()).abs() < 1e-12);
        // A group in which nothing is positive and nothing was said to be.
        assert_eq!(evaluation.by_user_group(Metric::PairF1, &[0, 0, 0, 1]).unwrap()[1].mean, 1.0);
        let constant = EmbeddingScorer::new(vec![0.0; 4], vec![0.0; 3], 1).unwrap();
        let constant = evaluate_pairs(&constant, &pairs, &METRICS).unwrap();
        assert_eq!(constant.per_user(Metric::PairAuc), Some(&[0.5; 3][..]));
        assert_eq!(METRICS.map(|metric| constant.mean(metric).unwrap()), [0.5, 2.0 / 3.0, 0.5]);
        let comparison = compare(&evaluation, &constant, Metric::PairAccuracy, 1).unwrap();
        // Accuracies 1/3, 1, 1 against 2/3, 1/2, 0.
        assert!((comparison.difference.mean - 3.5 / 9.0).abs() < 1e-12, "{comparison:?}");
    }

    #[test]
    fn bad_input_is_named() {
        let (scorer, pairs) = world();
        let measure = |pairs: &LabelledPairs, metrics: &[Metric]| evaluate_pairs(&scorer, pairs, metrics).map(|_| ());
        let mismatch =
            |what, found, expected| Err(EvalError::Mismatch { part: "list of labelled pairs", what, found, expected });
        assert_eq!(measure(&labelled(5, 3, &[(0, 0, true)]), &METRICS), mismatch("users", 5, 4));
        assert_eq!(measure(&labelled(4, 2, &[(0, 0, true)]), &METRICS), mismatch("items", 2, 3));
        let empty = EvalError::Empty { what: "the list of labelled pairs" };
        assert_eq!(measure(&labelled(4, 3, &[]), &METRICS), Err(empty));
        for label in [true, false] {
            let one = labelled(4, 3, &[(0, 0, label), (0, 1, label)]);
            let num_positive = if label { 2 } else { 0 };
            assert_eq!(measure(&one, &METRICS), Err(EvalError::OneLabel { num_pairs: 2, num_positive }));
            assert_eq!(measure(&one, &METRICS[1..]), Ok(()));
        }
        let nan = EvalError::NanScore { user: UserId(1), item: ItemId(2) };
        assert_eq!(measure(&labelled(4, 3, &[(0, 0, true), (3, 0, true), (1, 2, false)]), &METRICS), Err(nan));
        let other = EvalError::OtherTask { metric: Metric::Auc, task: Some(Task::ClickThrough) };
        assert_eq!(measure(&pairs, &[Metric::PairAuc, Metric::Auc]), Err(other));
    }

    proptest! {
        #[test]
        fn they_are_the_plain_loops(
            rows in prop::collection::btree_map((0u32..6, 0u32..9), any::<bool>(), 2..54),
            scores in prop::collection::vec(prop_oneof![(-2i8..3).prop_map(f32::from), Just(-0.0)], 54),
            groups in prop::collection::vec(0u8..3, 6),
        ) {
            let positive: Vec<_> = rows.iter().filter(|row| *row.1).map(|row| *row.0).collect();
            let negative: Vec<_> = rows.iter().filter(|row| !row.1).map(|row| *row.0).collect();
            prop_assume!(!positive.is_empty() && !negative.is_empty());
            let pairs: Vec<_> = rows.iter().rev().map(|(&(user, item), &label)| (user, item, label)).collect();
            let score = |(user, item): (u32, u32)| scores[(user * 9 + item) as usize];
            let evaluation = evaluate_pairs(&Matrix::new(9, scores.clone()), &labelled(6, 9, &pairs), &METRICS).unwrap();

            let right = |p, n| if score(p) > score(n) { 1.0 } else if score(p) == score(n) { 0.5 } else { 0.0 };
            let auc = positive.iter().flat_map(|&p| negative.iter().map(move |&n| right(p, n))).sum::<f64>();
            let auc = auc / (positive.len() * negative.len()) as f64;
            prop_assert!((evaluation.mean(Metric::PairAuc).unwrap() - auc).abs() < 1e-12);

            let placement = |pair: (u32, u32)| if rows[&pair] {
                negative.iter().map(|&n| right(pair, n)).sum::<f64>() / negative.len() as f64
            } else {
                positive.iter().map(|&p| right(p, pair)).sum::<f64>() / positive.len() as f64
            };
            // F1 and accuracy of the pairs of some users.
            let confusion = |keep: &dyn Fn(u32) -> bool| {
                let (mut both, mut predicted, mut actual, mut same, mut all) = (0.0, 0.0, 0.0, 0.0, 0.0);
                for (&pair, &label) in rows.iter().filter(|row| keep(row.0.0)) {
                    let said = score(pair) >= 0.0;
                    both += f64::from(said && label);
                    predicted += f64::from(said);
                    actual += f64::from(label);
                    same += f64::from(said == label);
                    all += 1.0;
                }
                [if predicted + actual > 0.0 { 2.0 * both / (predicted + actual) } else { 1.0 }, same / all]
            };
            let pooled = [Metric::PairF1, Metric::PairAccuracy];
            for (metric, expected) in pooled.into_iter().zip(confusion(&|_| true)) {
                prop_assert!((evaluation.mean(metric).unwrap() - expected).abs() < 1e-12);
            }
            for (position, user) in evaluation.users().iter().enumerate() {
                for (metric, expected) in pooled.into_iter().zip(confusion(&|other| other == user.0)) {
                    prop_assert!((evaluation.per_user(metric).unwrap()[position] - expected).abs() < 1e-12);
                }
                let own: Vec<f64> = rows.keys().filter(|pair| pair.0 == user.0).map(|&pair| placement(pair)).collect();
                let own = own.iter().sum::<f64>() / own.len() as f64;
                prop_assert!((evaluation.per_user(Metric::PairAuc).unwrap()[position] - own).abs() < 1e-12);
            }
            for (which, metric) in pooled.into_iter().enumerate() {
                for slice in evaluation.by_user_group(metric, &groups).unwrap() {
                    let expected = confusion(&|user| groups[user as usize] == slice.group)[which];
                    prop_assert!((slice.mean - expected).abs() < 1e-12);
                }
            }
        }
    }
}
