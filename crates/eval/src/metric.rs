//! Which metrics there are, what task each measures and which way is better.
//!
//! Definitions live beside the formulas in `measures.rs`, `auc.rs`, `catalogue.rs`, `rating.rs`,
//! `click_through.rs` and `links.rs`, names in `names.rs`.

use std::cmp::Ordering;

use crate::{EvalError, Task};

/// A metric; the number is the list length `K`, at least 1.
///
/// `K` above the number of items of the catalogue counts as that number, also in denominators. Each metric
/// measures one [`Task`] or link prediction.
///
/// ```
/// use gnnrec_eval::Metric;
/// let metric: Metric = "recall@20".parse()?;
/// assert_eq!(metric, Metric::Recall(20));
/// assert_eq!(metric.to_string(), "recall@20");
/// assert!("recal@20".parse::<Metric>().unwrap_err().to_string().contains("did you mean `recall@20`?"));
/// # Ok::<(), gnnrec_eval::EvalError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Hits over relevant items, in `[0, 1]`.
    Recall(usize),
    /// Hits over `K`, in `[0, 1]`.
    Precision(usize),
    /// 1 with any hit, else 0.
    Hit(usize),
    /// `DCG / IDCG` with binary gains, in `[0, 1]`.
    Ndcg(usize),
    /// 1 over the rank of the first hit, 0 without one.
    Mrr(usize),
    /// Precision at each hit, summed, over `min(K, relevant items)`, in `[0, 1]`.
    Map(usize),
    /// Share of pairs of a relevant and another unseen item that stand in the right order, ties one half.
    Auc,
    /// [`Metric::Auc`] with users weighted by their number of relevant items.
    Gauc,
    /// Share of the catalogue that stands in any list.
    Coverage(usize),
    /// Gini coefficient of how often each item of the catalogue is listed, in `[0, 1)`; 0 is even.
    Gini(usize),
    /// Mean number of training interactions of the listed items.
    Popularity(usize),
    /// Mean `-log2 p` of the listed items in bits, `p` the share of users with the item in training.
    Novelty(usize),
    /// Share of the list that belongs to the long tail of the catalogue.
    Tail(usize),
    /// Mean cosine distance between the embeddings of two listed items, in `[0, 2]`.
    Diversity(usize),
    /// Root of the mean squared error of predicted ratings, in their unit; 0 is perfect.
    Rmse,
    /// Mean absolute error of predicted ratings, in their unit; 0 is perfect.
    Mae,
    /// Share of pairs of a positive and a negative, of any users, that stand in the right order, ties one half.
    PairAuc,
    /// `2 TP / (2 TP + FP + FN)` over labelled pairs, those with a score of at least 0 taken for positive.
    PairF1,
    /// Share of labelled pairs on the right side of the score 0, which counts as positive.
    PairAccuracy,
    /// Mean of 1 over the filtered rank of the true entity, in `(0, 1]`.
    LinkMrr,
    /// Share of queries whose true entity has a filtered rank of at most `K`.
    LinkHits(usize),
}

impl Metric {
    /// The list length, or `None` for a metric that looks at no list.
    #[must_use]
    pub const fn k(self) -> Option<usize> {
        match self {
            Self::Recall(k)
            | Self::Precision(k)
            | Self::Hit(k)
            | Self::Ndcg(k)
            | Self::Mrr(k)
            | Self::Map(k)
            | Self::Coverage(k)
            | Self::Gini(k)
            | Self::Popularity(k)
            | Self::Novelty(k)
            | Self::Tail(k)
            | Self::Diversity(k)
            | Self::LinkHits(k) => Some(k),
            Self::Auc
            | Self::Gauc
            | Self::Rmse
            | Self::Mae
            | Self::PairAuc
            | Self::PairF1
            | Self::PairAccuracy
            | Self::LinkMrr => None,
        }
    }

    /// The task it measures; `None` for link prediction, which asks about facts and not about users.
    #[must_use]
    pub const fn task(self) -> Option<Task> {
        match self {
            Self::Rmse | Self::Mae => Some(Task::Rate),
            Self::PairAuc | Self::PairF1 | Self::PairAccuracy => Some(Task::ClickThrough),
            Self::LinkMrr | Self::LinkHits(_) => None,
            Self::Recall(_)
            | Self::Precision(_)
            | Self::Hit(_)
            | Self::Ndcg(_)
            | Self::Mrr(_)
            | Self::Map(_)
            | Self::Auc
            | Self::Gauc
            | Self::Coverage(_)
            | Self::Gini(_)
            | Self::Popularity(_)
            | Self::Novelty(_)
            | Self::Tail(_)
            | Self::Diversity(_) => Some(Task::Rank),
        }
    }

    /// Whether less is better: of errors, and of Gini, where 0 is even.
    ///
    /// Of popularity, novelty and tail share neither less nor more is better, and this is `false`.
    #[must_use]
    pub const fn lower_is_better(self) -> bool {
        matches!(self, Self::Rmse | Self::Mae | Self::Gini(_))
    }

    /// How two values compare: `Greater` where the left one is better. A value that is missing, or no
    /// number, is worse than any other.
    ///
    /// ```
    /// use std::cmp::Ordering;
    /// use gnnrec_eval::Metric;
    /// assert_eq!(Metric::Recall(20).order(Some(0.2), Some(0.1)), Ordering::Greater);
    /// assert_eq!(Metric::Rmse.order(Some(0.2), Some(0.1)), Ordering::Less);
    /// assert_eq!(Metric::Rmse.order(Some(0.2), None), Ordering::Greater);
    /// ```
    #[must_use]
    pub fn order(self, left: Option<f64>, right: Option<f64>) -> Ordering {
        let number = |value: Option<f64>| value.filter(|value| !value.is_nan());
        match (number(left), number(right)) {
            (Some(left), Some(right)) if self.lower_is_better() => right.total_cmp(&left),
            (Some(left), Some(right)) => left.total_cmp(&right),
            (left, right) => left.is_some().cmp(&right.is_some()),
        }
    }

    /// By how much the left value is better; negative where it is worse.
    #[must_use]
    pub fn advantage(self, left: f64, right: f64) -> f64 {
        if self.lower_is_better() { right - left } else { left - right }
    }

    /// Whether it measures how well held-out interactions or facts are predicted: what early stopping may
    /// watch. The others describe the lists whatever the user wanted.
    #[must_use]
    pub const fn is_accuracy(self) -> bool {
        !matches!(
            self,
            Self::Coverage(_)
                | Self::Gini(_)
                | Self::Popularity(_)
                | Self::Novelty(_)
                | Self::Tail(_)
                | Self::Diversity(_)
        )
    }

    /// Whether it has a value for each user; coverage and Gini are of the whole catalogue, link prediction
    /// knows no users.
    #[must_use]
    pub const fn is_per_user(self) -> bool {
        !matches!(self, Self::Coverage(_) | Self::Gini(_) | Self::LinkMrr | Self::LinkHits(_))
    }

    /// Checks what is asked of an evaluation of `task`; `None` is link prediction.
    ///
    /// # Errors
    /// A metric of another task, with those that can be asked for, or a list length of 0.
    pub fn check(metrics: &[Self], task: Option<Task>) -> Result<(), EvalError> {
        for &metric in metrics {
            if metric.task() != task {
                return Err(EvalError::OtherTask { metric, task });
            }
            if metric.k() == Some(0) {
                return Err(EvalError::ZeroK { metric });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_task_is_refused_with_what_can_be_asked_for() {
        let refused = |metric, task| Metric::check(&[metric], task).unwrap_err().to_string();
        assert_eq!(
            refused(Metric::Recall(20), Some(Task::Rate)),
            "`recall@20` measures ranking, and this is an evaluation of rating prediction; ask for rmse, mae"
        );
        assert_eq!(
            refused(Metric::PairAuc, None),
            "`pair-auc` measures click-through prediction, and this is an evaluation of link prediction; ask for \
             link-mrr, link-hits@K"
        );
        assert_eq!(Metric::check(&[Metric::LinkMrr, Metric::LinkHits(0)], None), {
            Err(EvalError::ZeroK { metric: Metric::LinkHits(0) })
        });
        assert_eq!(Metric::check(&[Metric::Rmse, Metric::Mae], Some(Task::Rate)), Ok(()));
    }

    #[test]
    fn what_is_better() {
        use Ordering::{Equal, Greater, Less};
        for (metric, higher) in
            [(Metric::Ndcg(5), Greater), (Metric::PairAuc, Greater), (Metric::LinkMrr, Greater), (Metric::Mae, Less)]
        {
            assert_eq!(metric.order(Some(0.2), Some(0.1)), higher);
            assert_eq!(metric.order(Some(0.1), Some(0.2)), higher.reverse());
            assert_eq!(metric.order(Some(0.1), Some(0.1)), Equal);
            assert_eq!(metric.advantage(0.5, 0.25), if higher == Greater { 0.25 } else { -0.25 });
            for missing in [None, Some(f64::NAN), Some(-f64::NAN)] {
                assert_eq!(metric.order(Some(0.0), missing), Greater);
                assert_eq!(metric.order(missing, Some(9.0)), Less);
                assert_eq!(metric.order(missing, None), Equal);
            }
        }
        let lower = Metric::NAMES
            .split(", ")
            .filter(|name| name.replace("@K", "@3").parse::<Metric>().unwrap().lower_is_better());
        assert_eq!(lower.collect::<Vec<_>>(), ["gini@K", "rmse", "mae"]);
    }
}
