//! What one training step sees.

use gnnrec_graph::{ItemId, UserId};

/// Positives with their negatives: row `n` pairs `users[n]` with `positives[n]` and with
/// `negatives[n * num_negatives .. (n + 1) * num_negatives]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairwiseBatch {
    /// One user a row.
    pub users: Vec<UserId>,
    /// One training item of that user a row.
    pub positives: Vec<ItemId>,
    /// `num_negatives` items a row, none of which the user has in training.
    pub negatives: Vec<ItemId>,
    /// How many negatives stand beside each positive, at least 1.
    pub num_negatives: usize,
}

impl PairwiseBatch {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}
