//! Top lists for named users: the answer a recommender owes, without any metric.

use gnnrec_graph::{Csr, ItemId, UserId};
use serde::{Deserialize, Serialize};

use crate::rank::FullRanking;
use crate::{EvalError, Scorer};

/// One place of a list.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// What is recommended.
    pub item: ItemId,
    /// The model's score; comparable within one user's list only.
    pub score: f32,
}

/// The best `k` unseen items for each of `users`, best first, in the order of `users` (who may repeat).
///
/// Ties are broken by a fixed hash of the item id. A list is shorter than `k` where fewer items are
/// unseen. `seen` is `num_users x num_items`; its items are never listed. Costs `users x items` scores,
/// in memory bounded by blocks (see [`evaluate`](crate::evaluate)).
///
/// ```
/// use gnnrec_eval::{EmbeddingScorer, recommend};
/// use gnnrec_graph::{Csr, Duplicates, ItemId, UserId};
/// let scorer = EmbeddingScorer::new(vec![1.0, 0.0], vec![3.0, 0.0, 1.0, 9.0, 2.0, 0.0], 2)?;
/// let seen = Csr::from_edges(1, 3, &[(0, 0)], Duplicates::Error)?;
/// let lists = recommend(&scorer, &seen, &[UserId(0)], 2)?;
/// assert_eq!(lists[0].iter().map(|place| place.item).collect::<Vec<_>>(), [ItemId(2), ItemId(1)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A `k` of 0, a user who does not exist, `seen` of another size than the scorer's, or a score that is
/// not a number.
pub fn recommend(
    scorer: &dyn Scorer,
    seen: &Csr,
    users: &[UserId],
    k: usize,
) -> Result<Vec<Vec<Recommendation>>, EvalError> {
    if k == 0 {
        return Err(EvalError::EmptyLists);
    }
    check_seen(seen, scorer.num_users(), scorer.num_items())?;
    if let Some(&user) = users.iter().find(|user| user.index() >= scorer.num_users()) {
        return Err(EvalError::UserOutside { user, num_users: scorer.num_users() });
    }
    let ranking = FullRanking { scorer, seen, k: k.min(scorer.num_items()), auc: None, tiling: None };
    let place = |key: &crate::order::Key| Recommendation { item: key.item(), score: key.score() };
    Ok(ranking.run(users)?.into_iter().map(|one| one.keys.iter().map(place).collect()).collect())
}

/// Whether the rows and columns of `seen` are the users and items of the other part.
pub(crate) fn check_seen(seen: &Csr, num_users: usize, num_items: usize) -> Result<(), EvalError> {
    for (what, found, expected) in [("users", seen.num_rows(), num_users), ("items", seen.num_cols(), num_items)] {
        if found != expected {
            return Err(EvalError::Mismatch { part: "matrix of seen items", what, found, expected });
        }
    }
    Ok(())
}
