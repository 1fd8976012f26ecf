//! Why batches cannot be drawn.

use gnnrec_graph::UserId;

/// A sampler that cannot be made, or a batch that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SamplingError {
    /// A configuration value out of range.
    #[error("sampler: {field} is {found}, expected {expected}")]
    Config {
        /// The field, as written in a run file.
        field: &'static str,
        /// Its value.
        found: String,
        /// The range.
        expected: &'static str,
    },
    /// Nothing to learn from.
    #[error("there are no training interactions among {num_users} users and {num_items} items; expected at least one")]
    NoInteractions {
        /// Users of the graph.
        num_users: usize,
        /// Items of the graph.
        num_items: usize,
    },
    /// A user has no item that could be a negative.
    #[error(
        "user {user} has all {num_items} items in training, so none is left as a negative; remove the user or add items"
    )]
    NoNegatives {
        /// The first such user.
        user: UserId,
        /// Items of the catalogue.
        num_items: usize,
    },
    /// A batch beyond the end of the epoch.
    #[error("batch {index}, expected one below {num_batches}")]
    NoSuchBatch {
        /// The batch asked for.
        index: usize,
        /// Batches of an epoch.
        num_batches: usize,
    },
}
