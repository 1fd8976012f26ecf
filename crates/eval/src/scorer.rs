//! What a trained model gives to the outside: scores of items for users.
//!
//! The one trait through which evaluation, recommendation and export see every model. It knows
//! neither how the scores came about nor which items a user has already seen.

use gnnrec_graph::{Csr, ItemId, UserId};

/// Scores every item of the catalogue for a block of users, or single pairs; higher is better.
///
/// What a score is beyond that depends on the [`Task`](crate::Task): a predicted rating, not clipped to
/// the scale, or a number whose sigmoid is the probability of a click.
pub trait Scorer: Send + Sync {
    /// Number of users it can score for.
    fn num_users(&self) -> usize;

    /// Number of items of the catalogue.
    fn num_items(&self) -> usize;

    /// Fills `scores`, `users.len() x num_items` row by row, in the order of `users`.
    ///
    /// The scores of a user depend on neither the block nor the thread: the same user gets the same
    /// bits in any company. Callers keep blocks small (at most some hundred users) and may call from
    /// many threads at once.
    fn score(&self, users: &[UserId], scores: &mut [f32]);

    /// Fills `scores`, one for each of `pairs` in their order, with the bits that [`Scorer::score`] gives
    /// the pair: also here, company and thread change nothing.
    ///
    /// As provided, it costs `dim` products a pair where there is an inner product. Otherwise a whole row
    /// is scored, and its `num_items` scores held, for each run of pairs of one user: the pairs of a user
    /// should stand together. A model that scores a pair without its row overrides it.
    ///
    /// # Panics
    /// If there are more or fewer scores than pairs, or a user or item does not exist.
    fn score_pairs(&self, pairs: &[(UserId, ItemId)], scores: &mut [f32]) {
        crate::pairs::score_pairs(self, pairs, scores);
    }

    /// For each of `users` the best `k` items that it has not `seen`, best first, with their scores, where the scorer
    /// finds them by itself, as on a device: as provided it leaves that to whoever asks.
    ///
    /// Of items of one score the one of greater [`tie_rank`](crate::tie_rank) stands first. A user one of whose scores is
    /// no number has that item first.
    fn best_unseen(&self, users: &[UserId], seen: &Csr, k: usize) -> Option<Vec<Vec<(ItemId, f32)>>> {
        let _ = (users, seen, k);
        None
    }

    /// The final tables of a model whose score is an inner product: lets ranking stream over tiles
    /// of items instead of asking for whole rows.
    fn inner_product(&self) -> Option<InnerProduct<'_>> {
        None
    }
}

/// Borrowed user and item tables, row-major: `score(u, i) = users[u] . items[i]`.
#[derive(Clone, Copy, Debug)]
pub struct InnerProduct<'a> {
    /// `num_users x dim`.
    pub users: &'a [f32],
    /// `num_items x dim`.
    pub items: &'a [f32],
    /// Width of both tables.
    pub dim: usize,
}
