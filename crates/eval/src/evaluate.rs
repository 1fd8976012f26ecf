//! A model measured on held-out items: every metric, for every user, from one pass over the catalogue.

use std::collections::BTreeMap;

use gnnrec_graph::{Csr, Holdout, ItemId, UserId};
use rayon::prelude::*;
use serde::{Deserialize, Serialize, Serializer};

use crate::catalogue::{Catalogue, coverage, diversity, exposure, gini};
use crate::measures::{mean, measure, to_f64};
use crate::rank::{Task, Tiling, UserRanking};
use crate::recommend::check_seen;
use crate::{EvalError, Metric, Scorer};

/// Ranks the whole catalogue for every user with held-out items and measures the lists.
///
/// Items of `seen` (`num_users x num_items`: training, and validation where the test part is measured)
/// are never listed. Users without held-out items are left out of every mean and counted. A held-out
/// item that is also in `seen` can never be listed; it stays in the denominators as a miss, as in the
/// published protocols, and is counted in [`Evaluation::num_relevant_seen`]. `K` above the catalogue
/// counts as the size of the catalogue. A user who has seen everything gets an empty list and scores 0.
/// Popularity, and the tail, are those of `seen`.
///
/// The result is the same, bit for bit, for any number of threads. It costs `users x items` scores. Its
/// memory is bounded: with `U` evaluated users, lists of `K` (the largest asked for), `M` metrics, `I`
/// items of width `d` and `T` threads, in bytes, beside at most some 200 a user for bookkeeping,
///
/// ```text
/// the result           U (4 K + 8 M)
/// while it is made     U x 9 K                                      sorted keys and hits
///   inner products     4 I d + T x 120 (4 x 512 + 4 d + 16 K)       regrouped items; scores and lists of a block
///   other scorers      T max(16 MiB, 4 I)                           scores of a block, at most 64 users
///   auc, gauc          T x 4 x held-out items of a block
/// ```
///
/// ```
/// use gnnrec_eval::{EmbeddingScorer, Metric, evaluate};
/// use gnnrec_graph::{Csr, Duplicates, Holdout};
/// let scorer = EmbeddingScorer::new(vec![1.0, 0.0], vec![3.0, 0.0, 1.0, 9.0, 2.0, 0.0], 2)?;
/// let seen = Csr::from_edges(1, 3, &[(0, 0)], Duplicates::Error)?;
/// let holdout = Holdout::new(Csr::from_edges(1, 3, &[(0, 1)], Duplicates::Error)?);
/// let evaluation = evaluate(&scorer, &seen, &holdout, &[Metric::Recall(1), Metric::Recall(2)])?;
/// assert_eq!(evaluation.mean(Metric::Recall(1)), Some(0.0));
/// assert_eq!(evaluation.mean(Metric::Recall(2)), Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Parts of different sizes, a held-out item outside the catalogue, nobody with held-out items, a list
/// length of 0, [`Metric::Diversity`] for a scorer without an item table, or a score that is not a
/// number; of several such scores the one of the first user and item.
pub fn evaluate(
    scorer: &dyn Scorer,
    seen: &Csr,
    holdout: &Holdout,
    metrics: &[Metric],
) -> Result<Evaluation, EvalError> {
    evaluate_tiled(scorer, seen, holdout, metrics, None)
}

/// [`evaluate`] with the work cut in a given way, for the tests that it makes no difference.
pub(crate) fn evaluate_tiled(
    scorer: &dyn Scorer,
    seen: &Csr,
    holdout: &Holdout,
    metrics: &[Metric],
    tiling: Option<Tiling>,
) -> Result<Evaluation, EvalError> {
    check_seen(seen, scorer.num_users(), scorer.num_items())?;
    check_holdout(scorer, holdout)?;
    check_metrics(scorer, metrics)?;
    let num_users = scorer.num_users();
    let users: Vec<UserId> =
        (0..).take(num_users).map(UserId).filter(|&user| !holdout.relevant(user).is_empty()).collect();
    if users.is_empty() {
        return Err(EvalError::NothingHeldOut { num_users });
    }
    let k = metrics.iter().filter_map(|metric| metric.k()).max().unwrap_or(0).min(scorer.num_items());
    let with_auc = metrics.iter().any(|metric| matches!(metric, Metric::Auc | Metric::Gauc));
    let rankings = Task { scorer, seen, k, auc: with_auc.then_some(holdout), tiling }.run(&users)?;
    let num_relevant_seen =
        |user: &UserId| holdout.relevant(*user).iter().filter(|item| seen.contains(user.index(), item.0)).count();
    let mut evaluation = Evaluation {
        num_users_without_relevant: num_users - users.len(),
        num_relevant_seen: users.iter().map(num_relevant_seen).sum(),
        num_relevant: users.iter().map(|&user| holdout.relevant(user).len()).collect(),
        lists: rankings.iter().map(|ranking| ranking.keys.iter().map(|key| key.item()).collect()).collect(),
        users,
        means: BTreeMap::new(),
        per_user: BTreeMap::new(),
    };
    evaluation.fill(scorer, &Catalogue::new(seen), holdout, &rankings, metrics);
    Ok(evaluation)
}

fn check_holdout(scorer: &dyn Scorer, holdout: &Holdout) -> Result<(), EvalError> {
    let (part, num_users, num_items) = ("holdout", scorer.num_users(), scorer.num_items());
    if holdout.num_users() != num_users {
        return Err(EvalError::Mismatch { part, what: "users", found: holdout.num_users(), expected: num_users });
    }
    for user in (0..).take(num_users).map(UserId) {
        if let Some(&item) = holdout.relevant(user).iter().find(|item| item.index() >= num_items) {
            return Err(EvalError::RelevantOutside { user, item, num_items });
        }
    }
    if holdout.num_items() != num_items {
        return Err(EvalError::Mismatch { part, what: "items", found: holdout.num_items(), expected: num_items });
    }
    Ok(())
}

fn check_metrics(scorer: &dyn Scorer, metrics: &[Metric]) -> Result<(), EvalError> {
    for &metric in metrics {
        if metric.k() == Some(0) {
            return Err(EvalError::ZeroK { metric });
        }
        if matches!(metric, Metric::Diversity(_)) && scorer.inner_product().is_none() {
            return Err(EvalError::NeedsItemTable { metric });
        }
    }
    Ok(())
}

/// What [`evaluate`] found. As a file it is its [`Summary`]; [`Evaluation::detailed`] writes every user.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Users without held-out items, who are in no mean.
    pub num_users_without_relevant: usize,
    /// Held-out interactions that the user has already seen: misses for every model.
    pub num_relevant_seen: usize,
    users: Vec<UserId>,
    num_relevant: Vec<usize>,
    lists: Vec<Vec<ItemId>>,
    means: BTreeMap<Metric, f64>,
    per_user: BTreeMap<Metric, Vec<f64>>,
}

impl Evaluation {
    fn fill(
        &mut self,
        scorer: &dyn Scorer,
        catalogue: &Catalogue,
        holdout: &Holdout,
        rankings: &[UserRanking],
        metrics: &[Metric],
    ) {
        let num_items = scorer.num_items();
        let relevant = |user: UserId, item: &ItemId| holdout.relevant(user).binary_search(item).is_ok();
        let users = self.users.par_iter().zip(&self.lists);
        let hits: Vec<Vec<bool>> =
            users.map(|(&user, list)| list.iter().map(|item| relevant(user, item)).collect()).collect();
        for &metric in metrics {
            if let Metric::Coverage(k) | Metric::Gini(k) = metric {
                let exposure = exposure(&self.lists, k, num_items);
                let of_exposure = if matches!(metric, Metric::Gini(_)) { gini } else { coverage };
                self.means.insert(metric, of_exposure(&exposure));
                continue;
            }
            let value = |position: usize| {
                let list = &self.lists[position];
                let list = &list[..metric.k().unwrap_or(0).min(list.len())];
                match metric {
                    Metric::Auc | Metric::Gauc => rankings[position].auc.unwrap_or(0.0),
                    Metric::Popularity(_) => catalogue.mean_popularity(list),
                    Metric::Novelty(_) => catalogue.novelty(list),
                    Metric::Tail(_) => catalogue.tail_share(list),
                    Metric::Diversity(_) => scorer.inner_product().map_or(0.0, |tables| diversity(list, tables)),
                    _ => measure(metric, &hits[position], self.num_relevant[position], num_items).unwrap_or(0.0),
                }
            };
            let values: Vec<f64> = (0..self.users.len()).into_par_iter().map(value).collect();
            let everybody: Vec<usize> = (0..self.users.len()).collect();
            self.means.insert(metric, self.mean_of(metric, &values, &everybody));
            self.per_user.insert(metric, values);
        }
    }

    /// The mean of a metric over the users at some positions; GAUC is the metric with weights.
    pub(crate) fn mean_of(&self, metric: Metric, values: &[f64], positions: &[usize]) -> f64 {
        let values = positions.iter().map(|&position| values[position]);
        if metric != Metric::Gauc {
            return mean(&values.collect::<Vec<_>>());
        }
        let weights = positions.iter().map(|&position| to_f64(self.num_relevant[position]));
        let weighted: f64 = values.zip(weights.clone()).map(|(value, weight)| value * weight).sum();
        if positions.is_empty() { 0.0 } else { weighted / weights.sum::<f64>() }
    }

    /// The mean over the evaluated users (of GAUC weighted by their number of relevant items), or the
    /// value for the catalogue; `None` for a metric that was not asked for.
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
    #[must_use]
    pub fn per_user(&self, metric: Metric) -> Option<&[f64]> {
        self.per_user.get(&metric).map(Vec::as_slice)
    }

    /// The users with held-out items, ascending.
    #[must_use]
    pub fn users(&self) -> &[UserId] {
        &self.users
    }

    /// The number of held-out items of each user, in the order of [`Evaluation::users`].
    #[must_use]
    pub fn num_relevant(&self) -> &[usize] {
        &self.num_relevant
    }

    /// The list of each user, best first, as long as the longest `K` that was asked for.
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
    /// Held-out interactions that the user has already seen: misses for every model.
    pub num_relevant_seen: usize,
}

#[derive(Serialize)]
struct Detailed<'a> {
    summary: Summary,
    users: &'a [UserId],
    per_user: &'a BTreeMap<Metric, Vec<f64>>,
}
