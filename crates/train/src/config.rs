//! How a model is trained: what is drawn, how far a step goes, when to validate and when to stop.
//!
//! It says nothing about the model; the weight of its L2 penalty, for instance, is the model's.

use gnnrec_eval::Metric;
use gnnrec_sampling::SamplerConfig;
use serde::{Deserialize, Serialize};

use crate::{OptimiserConfig, TrainError};

/// How a model is trained.
///
/// ```
/// use gnnrec_train::TrainConfig;
/// // Every field has a default; in a file, `patience = "never"` turns early stopping off.
/// let config = TrainConfig { max_epochs: 40, patience: None, ..Default::default() };
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Epochs at most; 0 gives the untrained model.
    pub max_epochs: usize,
    /// How a step follows from the gradients of a batch.
    pub optimiser: OptimiserConfig,
    /// `η` of the optimiser, above 0.
    pub learning_rate: f64,
    /// How batches are drawn.
    pub sampling: SamplerConfig,
    /// What is different for batches of facts, which some models train on in a phase of its own.
    pub facts: FactsConfig,
    /// Epochs from one validation, and checkpoint, to the next, at least 1. The last epoch is validated
    /// in any case.
    pub validate_every: usize,
    /// The metric that chooses the best epoch: one that says how well what was held out is predicted.
    pub stop_metric: Metric,
    /// What else is measured at each validation.
    pub validation_metrics: Vec<Metric>,
    /// Successive validations without improvement after which training stops, at least 1; `None`, in a
    /// file `"never"`, goes on to `max_epochs`. Without a validation part it has no effect.
    #[serde(with = "patience")]
    pub patience: Option<usize>,
}

/// How a phase of facts is trained; what is not said is as in the other phases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FactsConfig {
    /// Rows of a batch, at least 1.
    pub batch_size: usize,
    /// How a step follows from the gradients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimiser: Option<OptimiserConfig>,
    /// `η`, above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
}

impl Default for FactsConfig {
    fn default() -> Self {
        Self { batch_size: 2048, optimiser: None, learning_rate: None }
    }
}

impl Default for TrainConfig {
    /// Stops, as NGCF and LightGCN do, after 50 epochs without a better validation Recall@20.
    fn default() -> Self {
        Self {
            max_epochs: 1000,
            optimiser: OptimiserConfig::default(),
            learning_rate: 1e-3,
            sampling: SamplerConfig::default(),
            facts: FactsConfig::default(),
            validate_every: 5,
            stop_metric: Metric::Recall(20),
            validation_metrics: vec![Metric::Recall(20), Metric::Ndcg(20)],
            patience: Some(10),
        }
    }
}

impl TrainConfig {
    /// Checks every field but `sampling`, which the sampler checks.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let facts = self.facts.learning_rate.unwrap_or(self.learning_rate);
        for (field, rate) in [("learning_rate", self.learning_rate), ("facts.learning_rate", facts)] {
            expect(rate > 0.0 && rate.is_finite(), field, rate, "a finite number above 0")?;
        }
        expect(self.facts.batch_size > 0, "facts.batch_size", self.facts.batch_size, "at least 1")?;
        for optimiser in [Some(self.optimiser), self.facts.optimiser].into_iter().flatten() {
            match optimiser {
                OptimiserConfig::AdamW { weight_decay: decay } => {
                    let expected = "a finite number, at least 0";
                    expect(decay >= 0.0 && decay.is_finite(), "optimiser.weight_decay", decay, expected)?;
                }
                OptimiserConfig::RmsProp { decay } => {
                    expect((0.0..1.0).contains(&decay), "optimiser.decay", decay, "a number in [0, 1)")?;
                }
                _ => {}
            }
        }
        expect(self.validate_every > 0, "validate_every", self.validate_every, "at least 1")?;
        expect(self.patience != Some(0), "patience", 0, "at least 1, or \"never\"")?;
        let measures = self.stop_metric.is_accuracy() && self.stop_metric.task().is_some();
        let expected = "a metric that says how well what was held out is predicted, as recall@20, rmse or pair-auc";
        expect(measures, "stop_metric", self.stop_metric, expected)?;
        for (field, metrics) in
            [("stop_metric", &[self.stop_metric][..]), ("validation_metrics", &self.validation_metrics)]
        {
            for metric in metrics {
                expect(
                    metric.task() == self.stop_metric.task(),
                    field,
                    metric,
                    "a metric of the task of `stop_metric`",
                )?;
                expect(metric.k() != Some(0), field, metric, "a list length of at least 1")?;
            }
        }
        Ok(())
    }

    /// Everything that a validation measures, each metric once.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let mut metrics = vec![self.stop_metric];
        metrics.extend(&self.validation_metrics);
        metrics.sort_unstable();
        metrics.dedup();
        metrics
    }
}

fn expect(
    holds: bool,
    field: &'static str,
    found: impl std::fmt::Display,
    expected: &'static str,
) -> Result<(), TrainError> {
    if holds { Ok(()) } else { Err(TrainError::Config { field, found: found.to_string(), expected }) }
}

/// `patience = 10` or `patience = "never"`: TOML has no null, and a missing field is the default.
mod patience {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged, expecting = "expected a number of validations or \"never\"")]
    enum Written {
        Validations(usize),
        Word(Word),
    }

    #[derive(Serialize, Deserialize)]
    enum Word {
        #[serde(rename = "never")]
        Never,
    }

    pub(super) fn serialize<S: Serializer>(patience: &Option<usize>, serializer: S) -> Result<S::Ok, S::Error> {
        patience.map_or(Written::Word(Word::Never), Written::Validations).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Validations(count) => Some(count),
            Written::Word(Word::Never) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_out_of_range() {
        let of = |change: fn(&mut TrainConfig)| {
            let mut config = TrainConfig::default();
            change(&mut config);
            config.validate().map_err(|error| error.to_string())
        };
        for (change, field) in [
            ((|config| config.learning_rate = 0.0) as fn(&mut TrainConfig), "learning_rate"),
            (|config| config.learning_rate = f64::NAN, "learning_rate"),
            (|config| config.learning_rate = f64::INFINITY, "learning_rate"),
            (|config| config.optimiser = OptimiserConfig::AdamW { weight_decay: -0.1 }, "optimiser.weight_decay"),
            (|config| config.optimiser = OptimiserConfig::AdamW { weight_decay: f64::NAN }, "optimiser.weight_decay"),
            (|config| config.optimiser = OptimiserConfig::RmsProp { decay: 1.0 }, "optimiser.decay"),
            (|config| config.facts.learning_rate = Some(0.0), "facts.learning_rate"),
            (|config| config.facts.batch_size = 0, "facts.batch_size"),
            (|config| config.validate_every = 0, "validate_every"),
            (|config| config.patience = Some(0), "patience"),
            (|config| config.stop_metric = Metric::Recall(0), "stop_metric"),
            (|config| config.stop_metric = Metric::Gini(20), "stop_metric"),
            (|config| config.stop_metric = Metric::Rmse, "validation_metrics"),
            (|config| config.stop_metric = Metric::LinkMrr, "stop_metric"),
            (|config| config.validation_metrics = vec![Metric::Auc, Metric::PairAuc], "validation_metrics"),
            (|config| config.validation_metrics = vec![Metric::Ndcg(0)], "validation_metrics"),
        ] {
            assert!(of(change).unwrap_err().starts_with(field), "{field}");
        }
        assert_eq!(of(|config| (config.max_epochs, config.patience) = (0, None)), Ok(()));
    }

    #[test]
    fn a_file_gives_what_was_written() {
        assert_eq!(toml::from_str::<TrainConfig>("").unwrap(), TrainConfig::default());
        for patience in [None, Some(7)] {
            let config = TrainConfig { patience, learning_rate: 0.1 + 0.2, ..Default::default() };
            assert_eq!(toml::from_str::<TrainConfig>(&toml::to_string(&config).unwrap()).unwrap(), config);
        }
        assert_eq!(toml::from_str::<TrainConfig>("patience = \"never\"").unwrap().patience, None);
        assert!(toml::from_str::<TrainConfig>("patience = \"ever\"").unwrap_err().to_string().contains("\"never\""));
        assert!(toml::from_str::<TrainConfig>("epochs = 3").is_err());
    }

    #[test]
    fn every_optimiser_can_be_written() {
        let of = |text: &str| toml::from_str::<TrainConfig>(&format!("optimiser = {text}"));
        for (text, optimiser) in [
            ("{ kind = 'adam' }", OptimiserConfig::Adam {}),
            ("{ kind = 'adamw' }", OptimiserConfig::AdamW { weight_decay: 0.01 }),
            ("{ kind = 'adamw', weight_decay = 0.5 }", OptimiserConfig::AdamW { weight_decay: 0.5 }),
            ("{ kind = 'sgd' }", OptimiserConfig::Sgd {}),
            ("{ kind = 'lazy-adam' }", OptimiserConfig::LazyAdam {}),
            ("{ kind = 'row-adagrad' }", OptimiserConfig::RowAdagrad {}),
            ("{ kind = 'rmsprop' }", OptimiserConfig::RmsProp { decay: 0.99 }),
        ] {
            let config = of(text).unwrap();
            assert_eq!(config.optimiser, optimiser);
            assert_eq!(toml::from_str::<TrainConfig>(&toml::to_string(&config).unwrap()).unwrap(), config);
        }
        for (text, what) in [
            ("{ kind = 'adam', weight_decay = 0.5 }", "weight_decay"),
            ("{ kind = 'sgd', momentum = 0.9 }", "momentum"),
            ("{ kind = 'adagrad' }", "row-adagrad"),
            ("{}", "kind"),
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn the_stop_metric_is_always_measured() {
        let config = TrainConfig { stop_metric: Metric::Ndcg(5), ..Default::default() };
        assert_eq!(config.metrics(), [Metric::Recall(20), Metric::Ndcg(5), Metric::Ndcg(20)]);
        assert_eq!(TrainConfig::default().metrics(), [Metric::Recall(20), Metric::Ndcg(20)]);
    }
}
