//! What one training step sees: pairs to rank, ratings to predict, or facts to tell from corrupt ones.

use std::ops::Range;

use gnnrec_graph::{EntityId, ItemId, RelationId, UserId};

use crate::SamplingError;

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

/// Training ratings: row `n` says that `users[n]` gave `items[n]` the rating `ratings[n]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RatedBatch {
    /// One user a row.
    pub users: Vec<UserId>,
    /// One training item of that user a row.
    pub items: Vec<ItemId>,
    /// The rating of each row, finite, on the scale of the dataset.
    pub ratings: Vec<f32>,
}

impl RatedBatch {
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

/// Facts with corrupt ones: `(heads[n], relations[n], tails[n])` is known and
/// `(heads[n], relations[n], negative_tails[n])` is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FactBatch {
    /// One head a row.
    pub heads: Vec<EntityId>,
    /// One relation a row.
    pub relations: Vec<RelationId>,
    /// A known tail of that head and relation.
    pub tails: Vec<EntityId>,
    /// An entity that is no known tail of that head and relation.
    pub negative_tails: Vec<EntityId>,
}

impl FactBatch {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }
}

/// A batch of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Batch {
    /// Positives with their negatives.
    Pairwise(PairwiseBatch),
    /// Ratings.
    Rated(RatedBatch),
    /// Facts with corrupt tails.
    Facts(FactBatch),
}

impl Batch {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Pairwise(batch) => batch.len(),
            Self::Rated(batch) => batch.len(),
            Self::Facts(batch) => batch.len(),
        }
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batch as pairs.
    ///
    /// # Panics
    /// If it is of another kind: whoever trains a model draws the kind that its phase names.
    #[must_use]
    pub fn pairwise(&self) -> &PairwiseBatch {
        let Self::Pairwise(batch) = self else { panic!("a phase of pairs was given another batch") };
        batch
    }

    /// The batch as ratings.
    ///
    /// # Panics
    /// If it is of another kind.
    #[must_use]
    pub fn rated(&self) -> &RatedBatch {
        let Self::Rated(batch) = self else { panic!("a phase of ratings was given another batch") };
        batch
    }

    /// The batch as facts.
    ///
    /// # Panics
    /// If it is of another kind.
    #[must_use]
    pub fn facts(&self) -> &FactBatch {
        let Self::Facts(batch) = self else { panic!("a phase of facts was given another batch") };
        batch
    }
}

/// Rows of a batch among the rows of an epoch; the last batch has what is left.
pub(crate) fn rows_of(index: usize, batch_size: usize, num_rows: usize) -> Result<Range<usize>, SamplingError> {
    let num_batches = num_rows.div_ceil(batch_size);
    if index >= num_batches {
        return Err(SamplingError::NoSuchBatch { index, num_batches });
    }
    let start = index * batch_size;
    Ok(start..start + batch_size.min(num_rows - start))
}

/// Refuses batches of no rows, for samplers that have no more configuration than that.
pub(crate) fn check_batch_size(batch_size: usize) -> Result<(), SamplingError> {
    if batch_size == 0 {
        let found = batch_size.to_string();
        return Err(SamplingError::Config { field: "batch_size", found, expected: "at least 1" });
    }
    Ok(())
}
