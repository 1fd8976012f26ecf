//! What a measurement leaves behind: the mean of each metric and the value of every user behind it, so that
//! slices and paired tests need no second run.
//!
//! One type for all tasks. How a task's values come about is in `evaluate.rs`, `rating.rs` and
//! `click_through.rs`; how users make up a mean is here.

use std::collections::BTreeMap;

use gnnrec_graph::{Csr, Holdout, ItemId, UserId};
use serde::{Deserialize, Serialize, Serializer};

use crate::measures::{mean, to_f64};
use crate::{Metric, PairCounts, RatingCounts};

/// What [`evaluate`](crate::evaluate), [`evaluate_ratings`](crate::evaluate_ratings) or
/// [`evaluate_pairs`](crate::evaluate_pairs) found. As a file it is its [`Summary`];
/// [`Evaluation::detailed`] writes every user.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Users without held-out items, who are in no mean.
    pub num_users_without_relevant: usize,
    /// Held-out interactions that the user has already seen: misses for every ranking, and a leak into
    /// predicted ratings. Labelled pairs come without seen items and leave it 0.
    pub num_relevant_seen: usize,
    /// What was counted of predicted ratings, where those were measured.
    pub ratings: Option<RatingCounts>,
    /// What was counted of labelled pairs, where those were measured.
    pub pairs: Option<PairCounts>,
    pub(crate) users: Vec<UserId>,
    pub(crate) num_relevant: Vec<usize>,
    pub(crate) lists: Vec<Vec<ItemId>>,
    /// `2 TP + FP + FN` of each user, where the F1 was asked for.
    pub(crate) f1_weights: Vec<f64>,
    pub(crate) means: BTreeMap<Metric, f64>,
    per_user: BTreeMap<Metric, Vec<f64>>,
}

impl Evaluation {
    /// Of `users`, ascending, with `num_relevant` held-out items each; nothing measured as yet.
    pub(crate) fn new(num_users: usize, users: Vec<UserId>, num_relevant: Vec<usize>) -> Self {
        Self {
            num_users_without_relevant: num_users - users.len(),
            num_relevant_seen: 0,
            ratings: None,
            pairs: None,
            users,
            num_relevant,
            lists: Vec::new(),
            f1_weights: Vec::new(),
            means: BTreeMap::new(),
            per_user: BTreeMap::new(),
        }
    }

    /// Of `users`, all who hold something out.
    pub(crate) fn of_holdout(users: Vec<UserId>, seen: &Csr, holdout: &Holdout) -> Self {
        let num_seen =
            |user: &UserId| holdout.relevant(*user).iter().filter(|item| seen.contains(user.index(), item.0)).count();
        let num_relevant_seen = users.iter().map(num_seen).sum();
        let num_relevant = users.iter().map(|&user| holdout.relevant(user).len()).collect();
        Self { num_relevant_seen, ..Self::new(holdout.num_users(), users, num_relevant) }
    }

    /// Keeps a metric by the value of each user, and takes its mean.
    pub(crate) fn insert(&mut self, metric: Metric, values: Vec<f64>) {
        let everybody: Vec<usize> = (0..self.users.len()).collect();
        self.means.insert(metric, self.mean_of(metric, &values, &everybody));
        self.per_user.insert(metric, values);
    }

    /// The mean of a metric over the users at some positions, and 0 of nobody.
    ///
    /// ```text
    /// sum of w(u) v(u) / sum of w(u)
    /// w(u) = |R(u)|                      gauc, rmse, mae, pair-auc, pair-accuracy: means over R, not over users
    ///        2 TP(u) + FP(u) + FN(u)     pair-f1: the F1 of all their pairs together
    ///        1                           the others
    /// ```
    ///
    /// and of RMSE the root of that, since `v(u)` is a mean square. Where all weights are 0, each user counts
    /// the same.
    pub(crate) fn mean_of(&self, metric: Metric, values: &[f64], positions: &[usize]) -> f64 {
        let weight = |position: usize| match metric {
            Metric::Gauc | Metric::Rmse | Metric::Mae | Metric::PairAuc | Metric::PairAccuracy => {
                to_f64(self.num_relevant[position])
            }
            Metric::PairF1 => self.f1_weights[position],
            _ => 1.0,
        };
        let total: f64 = positions.iter().map(|&position| weight(position)).sum();
        let mean = if total > 0.0 {
            positions.iter().map(|&position| values[position] * weight(position)).sum::<f64>() / total
        } else {
            mean(&positions.iter().map(|&position| values[position]).collect::<Vec<_>>())
        };
        if metric == Metric::Rmse { mean.sqrt() } else { mean }
    }

    /// The mean over the evaluated users, or the value for the catalogue; `None` for a metric that was not
    /// asked for.
    ///
    /// GAUC weighs users by their number of relevant items. MAE and RMSE are over ratings and the metrics of
    /// labelled pairs over pairs, so that a user counts as often as there are ratings or pairs.
    #[must_use]
    pub fn mean(&self, metric: Metric) -> Option<f64> {
        self.means.get(&metric).copied()
    }

    /// Every mean, in the order of the metrics.
    #[must_use]
    pub fn means(&self) -> &BTreeMap<Metric, f64> {
        &self.means
    }

    /// The value of each user in the order of [`Evaluation::users`]; `None` for a metric that was not
    /// asked for and for the metrics of the whole catalogue.
    ///
    /// Of RMSE it is the user's mean *square*, the root being taken of the whole mean alone.
    #[must_use]
    pub fn per_user(&self, metric: Metric) -> Option<&[f64]> {
        self.per_user.get(&metric).map(Vec::as_slice)
    }

    /// The users with held-out items, ratings or pairs, ascending.
    #[must_use]
    pub fn users(&self) -> &[UserId] {
        &self.users
    }

    /// The number of held-out items, ratings or labelled pairs of each user, in the order of
    /// [`Evaluation::users`].
    #[must_use]
    pub fn num_relevant(&self) -> &[usize] {
        &self.num_relevant
    }

    /// The list of each user, best first, as long as the longest `K` that was asked for; no lists where
    /// ratings or pairs were measured.
    #[must_use]
    pub fn lists(&self) -> &[Vec<ItemId>] {
        &self.lists
    }

    /// The means and counts, to write and read back.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            means: self.means.clone(),
            num_users: self.users.len(),
            num_users_without_relevant: self.num_users_without_relevant,
            num_relevant_seen: self.num_relevant_seen,
            ratings: self.ratings,
            pairs: self.pairs,
        }
    }

    /// The summary with the values of every user, to write for an analysis elsewhere.
    #[must_use]
    pub fn detailed(&self) -> impl Serialize + '_ {
        Detailed { summary: self.summary(), users: &self.users, per_user: &self.per_user }
    }
}

impl Serialize for Evaluation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.summary().serialize(serializer)
    }
}

/// Means and counts of an [`Evaluation`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The mean of each metric.
    pub means: BTreeMap<Metric, f64>,
    /// Users in the means.
    pub num_users: usize,
    /// Users without held-out items, who are in no mean.
    pub num_users_without_relevant: usize,
    /// Held-out interactions that the user has already seen.
    pub num_relevant_seen: usize,
    /// Counts of predicted ratings, where those were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratings: Option<RatingCounts>,
    /// Counts of labelled pairs, where those were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<PairCounts>,
}

#[derive(Serialize)]
struct Detailed<'a> {
    summary: Summary,
    users: &'a [UserId],
    per_user: &'a BTreeMap<Metric, Vec<f64>>,
}
