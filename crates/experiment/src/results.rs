//! What an experiment leaves behind: the types of `results.json`.
//!
//! The keys are a promise to whoever reads the file; a snapshot test pins them. [`SCHEMA`] rises when
//! one is renamed or removed.

use std::collections::BTreeMap;

use gnnrec_data::Report;
use gnnrec_eval::Metric;
use gnnrec_model::Family;
use gnnrec_train::TrainRecord;
use serde::{Deserialize, Serialize};

/// Version of the file's form.
pub const SCHEMA: u32 = 1;

/// A finished experiment: everything in `results.json`, and all that the report shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Version of this form, [`SCHEMA`].
    pub schema: u32,
    /// The spec with every default spelled out; running it again gives the same numbers.
    pub spec: serde_json::Value,
    /// What was learned from and measured on.
    pub dataset: DatasetFacts,
    /// How lists were made and measured.
    pub protocol: Protocol,
    /// Where and with what it ran.
    pub environment: Environment,
    /// One object for each model, in the order of the spec.
    pub models: Vec<ModelResults>,
    /// Each model against the best one, over users.
    pub comparisons: Vec<Comparison>,
}

/// Sizes of the dataset after filters and split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetFacts {
    /// Its name.
    pub name: String,
    /// SHA-256 over the files, or over the configuration and seed of a generated world.
    pub sha256: String,
    /// Users, with and without interactions.
    pub users: usize,
    /// Items of the catalogue.
    pub items: usize,
    /// Training interactions.
    pub train: usize,
    /// Validation interactions, 0 without a validation part.
    pub validation: usize,
    /// Test interactions.
    pub test: usize,
    /// Social ties; a symmetric tie counts twice.
    pub ties: usize,
    /// Facts of the knowledge graph.
    pub triples: usize,
    /// Rows read and rows dropped, by file, step and reason.
    pub report: Report,
}

/// How lists were made and measured; two models are compared only under one protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protocol {
    /// The split in words.
    pub split: String,
    /// Which items may be listed.
    pub candidates: String,
    /// How equal scores are ordered.
    pub ties: String,
    /// The metric by which the best epoch, and the best model, are chosen.
    pub main_metric: Metric,
    /// Test users in the means.
    pub users: usize,
    /// Users without test items, who are in no mean.
    pub users_without_test_items: usize,
}

/// Where and with what an experiment ran; filled in at the door.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of gnnrec.
    pub version: String,
    /// Commit of the source, where it is known; `+` behind it for uncommitted changes.
    pub commit: String,
    /// The device in words: the processor, and in front of it the adapter of a GPU. Of an experiment that went on
    /// elsewhere each one, with `, then ` between.
    pub device: String,
    /// Threads of the pool.
    pub threads: usize,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// The command line.
    pub command: String,
}

/// One model over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelResults {
    /// What tables call it: unique within an experiment.
    pub label: String,
    /// The model's name, as in a spec.
    pub model: String,
    /// What it looks at.
    pub family: Family,
    /// Its configuration with every default.
    pub config: serde_json::Value,
    /// Every metric on the test part.
    pub metrics: BTreeMap<Metric, Spread>,
    /// Seconds of fitting, the mean over seeds.
    pub train_seconds: f64,
    /// Seconds of the final evaluation, the mean over seeds.
    pub eval_seconds: f64,
    /// Epochs trained, the mean over seeds; 0 for a model that is solved for.
    pub epochs: f64,
    /// The most memory the process held while this model was fitted and evaluated, in bytes, the
    /// largest over seeds; 0 where the system does not tell.
    pub peak_bytes: u64,
    /// Means over groups of users and of items, from the first seed.
    pub slices: Vec<SliceResults>,
    /// One object for each seed.
    pub runs: Vec<RunResults>,
}

/// A number over seeds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation over seeds (divided by their number less one), 0 for a single seed.
    pub std: f64,
    /// The value of each seed, in their order.
    pub per_seed: Vec<f64>,
}

/// One group of users or items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceResults {
    /// What was grouped: `user activity`, `item popularity`, `social ties`.
    pub by: String,
    /// The group in words.
    pub group: String,
    /// Users, or relevant items, in the group.
    pub count: usize,
    /// What was measured.
    pub metric: Metric,
    /// The mean over the group.
    pub mean: f64,
}

/// One model with one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResults {
    /// The seed.
    pub seed: u64,
    /// Every metric on the test part.
    pub metrics: BTreeMap<Metric, f64>,
    /// Seconds of fitting.
    pub train_seconds: f64,
    /// Seconds of the final evaluation.
    pub eval_seconds: f64,
    /// The most memory held meanwhile, in bytes; 0 where the system does not tell.
    pub peak_bytes: u64,
    /// How training went; absent for a model that is solved for.
    pub training: Option<TrainRecord>,
}

/// A paired test of a model against the best one, over the users of the first seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The model.
    pub label: String,
    /// The best model by the main metric.
    pub best: String,
    /// What was compared.
    pub metric: Metric,
    /// Mean over users of the model less the best model: positive, where less of the metric is better, for
    /// a model that is worse.
    pub difference: f64,
    /// 95 % interval of that mean, paired bootstrap.
    pub interval: [f64; 2],
    /// Wilcoxon signed-rank, two-sided, Holm-corrected over the models of the experiment.
    pub p_value: f64,
}

impl ModelResults {
    /// The mean of a metric over seeds, where it was measured.
    #[must_use]
    pub fn mean(&self, metric: Metric) -> Option<f64> {
        self.metrics.get(&metric).map(|spread| spread.mean)
    }
}

impl Spread {
    /// The spread of one value for each seed.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "seeds are few")]
    pub fn of(per_seed: Vec<f64>) -> Self {
        let count = per_seed.len() as f64;
        let mean = per_seed.iter().sum::<f64>() / count.max(1.0);
        let squares: f64 = per_seed.iter().map(|value| (value - mean).powi(2)).sum();
        let std = if per_seed.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
        Self { mean, std, per_seed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_by_hand() {
        assert_eq!(Spread::of(vec![1.0, 3.0, 5.0]), Spread { mean: 3.0, std: 2.0, per_seed: vec![1.0, 3.0, 5.0] });
        assert_eq!(Spread::of(vec![7.0]), Spread { mean: 7.0, std: 0.0, per_seed: vec![7.0] });
        assert_eq!(Spread::of(vec![]), Spread::default());
    }
}
