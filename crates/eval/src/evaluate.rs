//! A ranking measured on held-out items: every metric, for every user, from one pass over the catalogue.

use gnnrec_graph::{Csr, Holdout, ItemId, UserId};
use rayon::prelude::*;

use crate::catalogue::{Catalogue, coverage, diversity, exposure, gini};
use crate::measures::measure;
use crate::rank::{FullRanking, Tiling, UserRanking};
use crate::recommend::check_seen;
use crate::{EvalError, Evaluation, Metric, Scorer, Task};

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
/// Parts of different sizes, a held-out item outside the catalogue, nobody with held-out items, a metric of
/// another task, a list length of 0, [`Metric::Diversity`] for a scorer without an item table, or a score
/// that is not a number; of several such scores the one of the first user and item.
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
    let users = users_with_relevant(holdout)?;
    let k = metrics.iter().filter_map(|metric| metric.k()).max().unwrap_or(0).min(scorer.num_items());
    let with_auc = metrics.iter().any(|metric| matches!(metric, Metric::Auc | Metric::Gauc));
    let rankings = FullRanking { scorer, seen, k, auc: with_auc.then_some(holdout), tiling }.run(&users)?;
    let mut evaluation = Evaluation::of_holdout(users, seen, holdout);
    evaluation.lists = rankings.iter().map(|ranking| ranking.keys.iter().map(|key| key.item()).collect()).collect();
    fill(&mut evaluation, scorer, &Catalogue::new(seen), holdout, &rankings, metrics);
    Ok(evaluation)
}

/// The users with held-out items, ascending, of whom there must be one.
pub(crate) fn users_with_relevant(holdout: &Holdout) -> Result<Vec<UserId>, EvalError> {
    let num_users = holdout.num_users();
    let users: Vec<UserId> =
        (0..).take(num_users).map(UserId).filter(|&user| !holdout.relevant(user).is_empty()).collect();
    if users.is_empty() { Err(EvalError::NothingHeldOut { num_users }) } else { Ok(users) }
}

/// Whether the holdout is of the scorer's users and items.
pub(crate) fn check_holdout(scorer: &dyn Scorer, holdout: &Holdout) -> Result<(), EvalError> {
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
    Metric::check(metrics, Some(Task::Rank))?;
    match metrics.iter().find(|metric| matches!(metric, Metric::Diversity(_))) {
        Some(&metric) if scorer.inner_product().is_none() => Err(EvalError::NeedsItemTable { metric }),
        _ => Ok(()),
    }
}

/// Measures the lists, which the evaluation already has.
fn fill(
    evaluation: &mut Evaluation,
    scorer: &dyn Scorer,
    catalogue: &Catalogue,
    holdout: &Holdout,
    rankings: &[UserRanking],
    metrics: &[Metric],
) {
    let num_items = scorer.num_items();
    let relevant = |user: UserId, item: &ItemId| holdout.relevant(user).binary_search(item).is_ok();
    let users = evaluation.users.par_iter().zip(&evaluation.lists);
    let hits: Vec<Vec<bool>> =
        users.map(|(&user, list)| list.iter().map(|item| relevant(user, item)).collect()).collect();
    for &metric in metrics {
        if let Metric::Coverage(k) | Metric::Gini(k) = metric {
            let exposure = exposure(&evaluation.lists, k, num_items);
            let of_exposure = if matches!(metric, Metric::Gini(_)) { gini } else { coverage };
            evaluation.means.insert(metric, of_exposure(&exposure));
            continue;
        }
        let value = |position: usize| {
            let list = &evaluation.lists[position];
            let list = &list[..metric.k().unwrap_or(0).min(list.len())];
            match metric {
                Metric::Auc | Metric::Gauc => rankings[position].auc.unwrap_or(0.0),
                Metric::Popularity(_) => catalogue.mean_popularity(list),
                Metric::Novelty(_) => catalogue.novelty(list),
                Metric::Tail(_) => catalogue.tail_share(list),
                Metric::Diversity(_) => scorer.inner_product().map_or(0.0, |tables| diversity(list, tables)),
                _ => measure(metric, &hits[position], evaluation.num_relevant[position], num_items).unwrap_or(0.0),
            }
        };
        let values = (0..evaluation.users.len()).into_par_iter().map(value).collect();
        evaluation.insert(metric, values);
    }
}
