//! What an experiment is: dataset, split, seeds, metrics and models, as a file and with every default.
//!
//! A spec is TOML. Whatever it leaves out has a default; whatever it misspells is an error with its
//! line and the nearest name. [`Spec`] is the spec with everything spelled out: it is written beside the
//! results, is a valid spec itself, and gives the same numbers again.

mod file;

use std::fmt;
use std::path::{Path, PathBuf};

use gnnrec_data::{Filter, Source, Split};
use gnnrec_eval::{Metric, Task};
use gnnrec_model::DeviceChoice;
use gnnrec_train::TrainConfig;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{ExperimentError, ModelConfig};

/// The name of the generated world.
pub const DEMO: &str = "demo";

/// An experiment with every default spelled out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What the report is called.
    pub name: String,
    /// What is learned from.
    pub dataset: DatasetSpec,
    /// What models are asked for.
    #[serde(default)]
    pub task: Task,
    /// What is left out of it.
    pub filter: Filter,
    /// How it is cut; absent until the dataset is known: as its files say, else at random for each user.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub split: Option<Split>,
    /// The seed of the split, the same for every model and training seed.
    pub split_seed: u64,
    /// Whether epochs are validated on the test part itself, as the published code of many papers does:
    /// for comparing curves with theirs, never for choosing a model.
    pub validate_on_test: bool,
    /// One run of every model for each.
    pub seeds: Vec<u64>,
    /// Where models are trained.
    pub device: DeviceChoice,
    /// What is measured on the test part.
    pub metrics: Vec<Metric>,
    /// The models, in the order of the table.
    pub models: Vec<ModelSpec>,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// What tables call it; unique.
    pub label: String,
    /// The model.
    #[serde(flatten)]
    pub config: ModelConfig,
    /// How it is trained; of no use to a model that is solved for, and absent there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub train: Option<TrainConfig>,
}

/// A dataset by name, or the user's own files.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DatasetSpec {
    /// A dataset with a manifest, or [`DEMO`].
    Named(String),
    /// The user's own files.
    Own(Box<OwnDataset>),
}

/// The user's own files and how to read them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnDataset {
    /// What the report calls it.
    pub name: String,
    /// Where the files are: absolute, or beside the spec.
    #[serde(default)]
    pub folder: PathBuf,
    /// How they are read.
    pub source: Source,
}

impl<'de> Deserialize<'de> for DatasetSpec {
    /// A string or a table; a fault inside the table is reported as itself.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> de::Visitor<'de> for Either {
            type Value = DatasetSpec;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a dataset, or a table with `name` and `source`")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<DatasetSpec, E> {
                Ok(DatasetSpec::Named(name.to_owned()))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<DatasetSpec, A::Error> {
                let own = OwnDataset::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(DatasetSpec::Own(Box::new(own)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl DatasetSpec {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Own(own) => &own.name,
        }
    }
}

/// What the command line changes of a spec; every field is one option.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--dataset`.
    pub dataset: Option<String>,
    /// `--models`: labels or names of models; those that the spec has not get their defaults.
    pub models: Option<Vec<String>>,
    /// `--seeds`: the number of seeds, 1, 2, ...
    pub num_seeds: Option<u64>,
    /// `--device`.
    pub device: Option<DeviceChoice>,
    /// `--epochs`: the most epochs of every trained model.
    pub max_epochs: Option<usize>,
}

impl Spec {
    /// The comparison that runs without any argument: the generated demo world.
    ///
    /// # Panics
    /// Never: a test reads it.
    #[must_use]
    pub fn demo() -> Self {
        Self::parse(include_str!("demo.toml"), Path::new("demo.toml")).expect("a test reads the built-in spec")
    }

    /// Reads a spec.
    ///
    /// # Errors
    /// A file that cannot be read, and whatever in it is not a spec, with its line.
    pub fn read(path: &Path) -> Result<Self, ExperimentError> {
        let text = std::fs::read_to_string(path).map_err(ExperimentError::io(path, "read"))?;
        Self::parse(&text, path)
    }

    /// Reads a spec from text; `path` is where it came from.
    ///
    /// # Errors
    /// Whatever in it is not a spec, with its line.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ExperimentError> {
        let spec = file::parse(text, path)?;
        spec.validate(&path.display().to_string())?;
        Ok(spec)
    }

    /// The spec with what the command line changes.
    ///
    /// # Errors
    /// An unknown model, or no seed.
    pub fn with(mut self, overrides: &Overrides) -> Result<Self, ExperimentError> {
        if let Some(dataset) = &overrides.dataset {
            self.name.clone_from(dataset);
            self.dataset = DatasetSpec::Named(dataset.clone());
            self.split = None;
        }
        if let Some(device) = overrides.device {
            self.device = device;
        }
        if let Some(num_seeds) = overrides.num_seeds {
            self.seeds = (1..=num_seeds).collect();
        }
        if let Some(names) = &overrides.models {
            self.models = self.chosen(names)?;
        }
        if let Some(max_epochs) = overrides.max_epochs {
            for train in self.models.iter_mut().filter_map(|model| model.train.as_mut()) {
                train.max_epochs = max_epochs;
            }
        }
        self.validate("the command line")?;
        Ok(self)
    }

    /// The models of these names, each once: the spec's own of this label, else all of its own of this name, else one
    /// with its defaults.
    fn chosen(&self, names: &[String]) -> Result<Vec<ModelSpec>, ExperimentError> {
        let train = self.models.iter().find_map(|model| model.train.clone()).unwrap_or_default();
        let mut chosen: Vec<ModelSpec> = Vec::new();
        for name in names {
            let labelled: Vec<&ModelSpec> = self.models.iter().filter(|model| model.label == *name).collect();
            let named = || self.models.iter().filter(|model| model.config.name() == name).collect();
            let own = if labelled.is_empty() { named() } else { labelled };
            let is_new = |model: &ModelSpec| chosen.iter().all(|other| other.label != model.label);
            let new: Vec<ModelSpec> = own.iter().copied().filter(|model| is_new(model)).cloned().collect();
            chosen.extend(new);
            if own.is_empty() {
                let config = file::model_named(name, "--models")?;
                let train = config.is_trained().then(|| train.clone());
                chosen.push(ModelSpec { label: name.clone(), config, train });
            }
        }
        Ok(chosen)
    }

    /// What an unfinished experiment must share with the one that goes on with it: everything but the device, which
    /// changes the rounding of numbers and nothing else.
    pub(crate) fn fingerprint(&self, dataset_sha256: &str) -> String {
        let on_cpu = Self { device: DeviceChoice::Cpu, ..self.clone() };
        let written = serde_json::to_value(on_cpu).expect("a spec is plain data");
        format!("{written}\n{dataset_sha256}")
    }

    /// The metric by which epochs and models are chosen: the first that measures accuracy.
    #[must_use]
    pub fn main_metric(&self) -> Metric {
        let first = |metrics: &[Metric]| metrics.iter().copied().find(|metric| metric.is_accuracy());
        first(&self.metrics).or_else(|| first(&default_metrics(self.task))).unwrap_or(Metric::Recall(20))
    }

    /// Checks every field.
    fn validate(&self, place: &str) -> Result<(), ExperimentError> {
        let fault = |message: String| Err(ExperimentError::Spec { place: place.to_owned(), message });
        if self.seeds.is_empty() {
            return fault("no seed; give at least one".to_owned());
        }
        if let Some(seed) = repeated(&self.seeds) {
            return fault(format!("seed {seed} stands there twice; each is one run"));
        }
        if !self.metrics.iter().any(|metric| metric.is_accuracy()) {
            let example = default_metrics(self.task)[0];
            return fault(format!("`metrics` has none that measures accuracy; add one, as `{example}`"));
        }
        Metric::check(&self.metrics, Some(self.task))
            .map_err(|source| ExperimentError::Metric { place: place.to_owned(), source })?;
        if self.models.is_empty() {
            return fault("no model; add a [[models]] table or give --models".to_owned());
        }
        let labels: Vec<&String> = self.models.iter().map(|model| &model.label).collect();
        if let Some(label) = repeated(&labels) {
            return fault(format!("two models are labelled `{label}`; give each its own `label`"));
        }
        for model in &self.models {
            model.config.check_task(self.task, place)?;
            model.config.validate()?;
            if let Some(train) = &model.train {
                train.validate()?;
            }
        }
        Ok(())
    }
}

/// What a task is measured by where nothing else is asked for.
fn default_metrics(task: Task) -> Vec<Metric> {
    match task {
        Task::Rank => vec![Metric::Recall(20), Metric::Ndcg(20), Metric::Coverage(20)],
        Task::Rate => vec![Metric::Rmse, Metric::Mae],
        Task::ClickThrough => vec![Metric::PairAuc, Metric::PairF1, Metric::PairAccuracy],
    }
}

fn repeated<T: Ord + Clone>(values: &[T]) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone())
}
