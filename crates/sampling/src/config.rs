//! What a sampler draws, as a run file writes it.

use serde::{Deserialize, Serialize};

use crate::SamplingError;

/// How training batches are made. In a run file:
///
/// ```toml
/// batch_size = 2048
/// positives = "uniform-users"
/// negatives = { popularity = { alpha = 0.75 } }     # or "uniform", or "in-batch"
/// num_negatives = 1
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplerConfig {
    /// Rows of a batch; the last batch of an epoch has what is left.
    pub batch_size: usize,
    /// Where positives come from.
    pub positives: Positives,
    /// Where negatives come from.
    pub negatives: Negatives,
    /// Negatives beside each positive.
    pub num_negatives: usize,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self { batch_size: 2048, positives: Positives::default(), negatives: Negatives::default(), num_negatives: 1 }
    }
}

impl SamplerConfig {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// A count of 0, or an `alpha` that is negative or not finite.
    pub fn validate(&self) -> Result<(), SamplingError> {
        let refuse = |field, found: String, expected| Err(SamplingError::Config { field, found, expected });
        if self.batch_size == 0 {
            return refuse("batch_size", self.batch_size.to_string(), "at least 1");
        }
        if self.num_negatives == 0 {
            return refuse("num_negatives", self.num_negatives.to_string(), "at least 1");
        }
        match self.negatives {
            Negatives::Popularity { alpha } if !(alpha.is_finite() && alpha >= 0.0) => {
                refuse("negatives.popularity.alpha", alpha.to_string(), "a finite number, 0 or more")
            }
            _ => Ok(()),
        }
    }
}

/// Where the positive of a row comes from. An epoch has as many rows as there are training pairs either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Positives {
    /// Every training pair once an epoch, in random order.
    #[default]
    Permutation,
    /// A user with items, uniformly and with replacement, then one of its items: the sampler of the
    /// LightGCN authors. It sees users with few items more often than [`Positives::Permutation`] does.
    UniformUsers,
}

/// The law of negatives. None ever yields an item that the row's user has in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Negatives {
    /// Every unseen item is as likely.
    #[default]
    Uniform,
    /// An unseen item of training degree `d` has weight `d^alpha`. With `alpha` above 0 an item of
    /// degree 0 has weight 0; with `alpha = 0` every item has weight 1. A user whose unseen items all
    /// have weight 0 gets them uniformly.
    Popularity {
        /// The exponent, 0 or more; word2vec made 0.75 customary.
        alpha: f64,
    },
    /// The positive of another row of the batch, each row as likely, among the rows whose positive the
    /// user has not seen. Where there is no such row the negative is [`Negatives::Uniform`].
    InBatch,
}
