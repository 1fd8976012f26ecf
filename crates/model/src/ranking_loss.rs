//! Which ranking loss a model is trained with, as a part of its configuration.

use burn::tensor::Device;
use gnnrec_graph::ItemId;
use gnnrec_sampling::PairwiseBatch;
use gnnrec_sparse::Rows;
use gnnrec_sparse::kernels::losses::Objective;
use serde::{Deserialize, Serialize};

use crate::ModelError;

/// What the scores of a batch cost; equations and sources stand with [`Objective`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RankingLoss {
    /// Bayesian personalised ranking: each positive above its own negatives.
    #[default]
    Bpr,
    /// Softmax of each positive against its own negatives, by cosine.
    SampledSoftmax {
        /// Divides the cosines, above 0; .1 to .2 is usual.
        temperature: f32,
    },
    /// Softmax of each positive against the positives of the whole batch, by cosine; drawn negatives are
    /// not looked at.
    InBatchSoftmax {
        /// Divides the cosines, above 0; .1 to .2 is usual.
        temperature: f32,
    },
    /// Alignment of users with their positives, and uniformity of either; drawn negatives are not looked at.
    DirectAu {
        /// Weight of uniformity, at least 0.
        gamma: f32,
    },
}

impl RankingLoss {
    /// Checks the fields, for the `model` that is trained with it.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(self, model: &'static str) -> Result<(), ModelError> {
        match self {
            Self::Bpr => Ok(()),
            Self::SampledSoftmax { temperature } | Self::InBatchSoftmax { temperature } => {
                let holds = temperature > 0.0 && temperature.is_finite();
                ModelError::expect(holds, model, "loss.temperature", temperature, "a finite number above 0")
            }
            Self::DirectAu { gamma } => {
                let holds = gamma >= 0.0 && gamma.is_finite();
                ModelError::expect(holds, model, "loss.gamma", gamma, "a finite number, at least 0")
            }
        }
    }

    /// Whether it looks at drawn negatives.
    #[must_use]
    pub fn takes_negatives(self) -> bool {
        matches!(self, Self::Bpr | Self::SampledSoftmax { .. })
    }

    /// The loss of one batch, with what it needs of the batch on a device.
    #[must_use]
    pub fn objective(self, batch: &PairwiseBatch, device: &Device) -> Objective {
        let num_negatives = batch.num_negatives;
        match self {
            Self::Bpr => Objective::Bpr { num_negatives },
            Self::SampledSoftmax { temperature } => {
                Objective::SampledSoftmax { num_negatives, temperature, cosine: true }
            }
            Self::InBatchSoftmax { temperature } => {
                let ids = Rows::from(ItemId::peel_slice(&batch.positives)).ready_on(device);
                Objective::InBatchSoftmax { temperature, cosine: true, ids: Some(ids), log_probabilities: None }
            }
            Self::DirectAu { gamma } => Objective::DirectAu { gamma },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_the_kind() {
        let parsed = |text| serde_json::from_str::<RankingLoss>(text);
        assert_eq!(parsed(r#"{"kind": "bpr"}"#).unwrap(), RankingLoss::default());
        let softmax = RankingLoss::InBatchSoftmax { temperature: 0.2 };
        assert_eq!(parsed(r#"{"kind": "in-batch-softmax", "temperature": 0.2}"#).unwrap(), softmax);
        assert!(parsed(r#"{"kind": "in-batch-softmax"}"#).is_err());
        assert!(parsed(r#"{"kind": "direct-au", "gamma": 1.0, "temperature": 0.2}"#).is_err());
    }

    #[test]
    fn refuses_what_is_out_of_range() {
        for loss in [
            RankingLoss::SampledSoftmax { temperature: 0.0 },
            RankingLoss::InBatchSoftmax { temperature: f32::INFINITY },
            RankingLoss::DirectAu { gamma: -1.0 },
        ] {
            assert!(loss.validate("lightgcn").unwrap_err().to_string().starts_with("lightgcn: loss."));
        }
        assert!(RankingLoss::DirectAu { gamma: 0.0 }.validate("lightgcn").is_ok());
    }
}
