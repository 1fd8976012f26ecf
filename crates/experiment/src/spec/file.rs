//! A spec as it is written: what may be left out, presets, and where in the file a fault is.

use std::path::Path;

use gnnrec_data::{Filter, Split};
use gnnrec_eval::{Metric, Task};
use gnnrec_model::DeviceChoice;
use gnnrec_train::TrainConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Spanned, Table, Value};

use super::{DatasetSpec, ModelSpec, Spec, default_metrics};
use crate::error::{nearest, with_suggestion};
use crate::{ExperimentError, ModelConfig};

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    dataset: DatasetSpec,
    #[serde(default)]
    task: Task,
    #[serde(default)]
    filter: Filter,
    split: Option<Split>,
    #[serde(default = "one")]
    split_seed: u64,
    #[serde(default)]
    validate_on_test: bool,
    #[serde(default)]
    seeds: Seeds,
    #[serde(default)]
    device: DeviceChoice,
    metrics: Option<Vec<Metric>>,
    /// What every trained model is trained with, unless its own table says otherwise.
    train: Option<Spanned<Table>>,
    models: Vec<Spanned<ModelTable>>,
}

/// A `[[models]]` table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelTable {
    model: Spanned<String>,
    label: Option<String>,
    preset: Option<Spanned<String>>,
    config: Option<Spanned<Table>>,
    train: Option<Spanned<Table>>,
}

/// `seeds = 3` or `seeds = [1, 2, 3]`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "`seeds` is a number of seeds or a list of them")]
enum Seeds {
    Count(u64),
    List(Vec<u64>),
}

impl Default for Seeds {
    fn default() -> Self {
        Self::Count(1)
    }
}

fn one() -> u64 {
    1
}

/// Reads the text, whose faults are placed in `path`.
pub(super) fn parse(text: &str, path: &Path) -> Result<Spec, ExperimentError> {
    let reader = Reader { text: text.trim_start_matches('\u{feff}'), path };
    let file: File = toml::from_str(reader.text)
        .map_err(|error| reader.fault(error.span().map_or(0, |span| span.start), error.message()))?;
    let models = file.models.iter().map(|model| reader.model(model, file.train.as_ref())).collect::<Result<_, _>>()?;
    let mut dataset = file.dataset;
    if let DatasetSpec::Own(own) = &mut dataset {
        own.folder = path.parent().unwrap_or(Path::new("")).join(&own.folder);
    }
    Ok(Spec {
        name: file.name.unwrap_or_else(|| dataset.name().to_owned()),
        dataset,
        filter: file.filter,
        split: file.split,
        split_seed: file.split_seed,
        validate_on_test: file.validate_on_test,
        seeds: match file.seeds {
            Seeds::Count(count) => (1..=count).collect(),
            Seeds::List(seeds) => seeds,
        },
        device: file.device,
        metrics: file.metrics.unwrap_or_else(|| default_metrics(file.task)),
        task: file.task,
        models,
    })
}

/// The model of a name, with its defaults.
pub(super) fn model_named(name: &str, place: &str) -> Result<ModelConfig, ExperimentError> {
    let all = ModelConfig::all();
    let names: Vec<&str> = all.iter().map(ModelConfig::name).collect();
    let unknown = || ExperimentError::UnknownModel {
        place: place.to_owned(),
        name: name.to_owned(),
        suggestion: nearest(name, names.iter().copied()).map(str::to_owned),
        known: names.join(", "),
    };
    all.iter().find(|config| config.name() == name).cloned().ok_or_else(unknown)
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Reader<'_> {
    fn place(&self, offset: usize) -> String {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        format!("{}:{line}", self.path.display())
    }

    fn fault(&self, offset: usize, message: &str) -> ExperimentError {
        ExperimentError::Spec { place: self.place(offset), message: with_suggestion(message.trim_end()) }
    }

    fn model(
        &self,
        spanned: &Spanned<ModelTable>,
        train: Option<&Spanned<Table>>,
    ) -> Result<ModelSpec, ExperimentError> {
        let table = spanned.get_ref();
        let config = self.config(table)?;
        let label = table.label.clone().unwrap_or_else(|| table.model.get_ref().clone());
        let train = match (config.is_trained(), &table.train) {
            (true, own) => Some(self.train(train, own.as_ref())?),
            (false, None) => None,
            (false, Some(own)) => {
                let message = format!("`{}` is solved for, not trained; remove its `train` table", config.name());
                return Err(self.fault(own.span().start, &message));
            }
        };
        Ok(ModelSpec { label, config, train })
    }

    /// Defaults, then the preset, then the table's own values.
    fn config(&self, table: &ModelTable) -> Result<ModelConfig, ExperimentError> {
        let name = table.model.get_ref();
        let place = self.place(table.model.span().start);
        let mut config = model_named(name, &place)?;
        if let Some(preset) = &table.preset {
            let presets: Vec<_> =
                ModelConfig::presets().into_iter().filter(|(_, config)| config.name() == name).collect();
            let known: Vec<&str> = presets.iter().map(|(preset, _)| *preset).collect();
            let found = presets.iter().find(|(known, _)| known == preset.get_ref());
            config = found.map(|(_, config)| config.clone()).ok_or_else(|| {
                let message = match known.is_empty() {
                    true => format!("`{name}` has no presets; give a `config` table"),
                    false => format!("`{name}` has no preset `{}`, only {}", preset.get_ref(), known.join(", ")),
                };
                self.fault(preset.span().start, &message)
            })?;
        }
        let Some(own) = &table.config else { return Ok(config) };
        let mut whole = Value::try_from(&config).expect("a configuration is a table");
        match whole.get_mut("config") {
            Some(Value::Table(values)) => values.extend(own.get_ref().clone()),
            _ => unreachable!("a configuration is written as `model` and `config`"),
        }
        self.typed(whole, own.span().start, name)
    }

    fn train(
        &self,
        shared: Option<&Spanned<Table>>,
        own: Option<&Spanned<Table>>,
    ) -> Result<TrainConfig, ExperimentError> {
        let mut values = Table::new();
        let mut offset = 0;
        for table in [shared, own].into_iter().flatten() {
            offset = table.span().start;
            // Alone first, so that a fault is placed in the table that has it.
            self.typed::<TrainConfig>(Value::Table(table.get_ref().clone()), offset, "train")?;
            merge(&mut values, table.get_ref());
        }
        self.typed(Value::Table(values), offset, "train")
    }

    fn typed<T: DeserializeOwned>(&self, value: Value, offset: usize, what: &str) -> Result<T, ExperimentError> {
        value.try_into().map_err(|error: toml::de::Error| {
            let message = with_suggestion(error.message().trim_end());
            ExperimentError::Spec { place: self.place(offset), message: format!("{what}: {message}") }
        })
    }
}

/// The values of `over` in place of those of `under`, tables within tables likewise; but a table of another
/// `kind` replaces the whole.
fn merge(under: &mut Table, over: &Table) {
    let same_kind = |under: &Table, over: &Table| over.get("kind").is_none_or(|kind| under.get("kind") == Some(kind));
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Table(under)), Value::Table(over)) if same_kind(under, over) => merge(under, over),
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gnnrec_train::OptimiserConfig;

    use super::*;
    use crate::spec::Overrides;

    fn read(text: &str) -> Result<Spec, ExperimentError> {
        Spec::parse(text, Path::new("a.toml"))
    }

    #[track_caller]
    fn fails(text: &str, expected: &str) {
        let found = read(text).unwrap_err().to_string();
        assert!(found.contains(expected), "found: {found}\nexpected: {expected}");
    }

    const MODELS: &str = "[[models]]\nmodel = 'lightgcn'\n";

    #[test]
    fn what_is_left_out_has_a_default() {
        let spec = read(&format!("dataset = 'gowalla'\n{MODELS}")).unwrap();
        assert_eq!((spec.name.as_str(), spec.seeds.as_slice()), ("gowalla", &[1][..]));
        assert_eq!(spec.models[0].config, model_named("lightgcn", "").unwrap());
        assert_eq!(spec.models[0].train, Some(TrainConfig::default()));
        assert_eq!(spec.main_metric(), Metric::Recall(20));
    }

    #[test]
    fn tables_add_up() {
        let text = "dataset = 'gowalla'\nseeds = [3, 1]\n[train]\nmax_epochs = 7\n[train.sampling]\nbatch_size = 5\n\
                    [[models]]\nmodel = 'lightgcn'\npreset = 'yelp2018'\nconfig = { embedding_dim = 8 }\n\
                    train = { learning_rate = 0.5, sampling = { num_negatives = 2 } }\n[[models]]\nmodel = 'ease'\n";
        let spec = read(text).unwrap();
        let ModelConfig::LightGcn(config) = &spec.models[0].config else { panic!("{:?}", spec.models[0]) };
        assert_eq!((config.num_layers, config.embedding_dim), (4, 8));
        let train = spec.models[0].train.as_ref().unwrap();
        assert_eq!((train.max_epochs, train.sampling.batch_size, train.sampling.num_negatives), (7, 5, 2));
        assert_eq!((train.learning_rate, spec.models[1].train.is_none()), (0.5, true));
        assert_eq!(spec.seeds, [3, 1]);
    }

    #[test]
    fn another_kind_of_table_brings_none_of_its_fields() {
        let text = "dataset = 'gowalla'\n[train.optimiser]\nkind = 'adamw'\nweight_decay = 0.5\n\
                    [[models]]\nmodel = 'mf-bpr'\ntrain = { optimiser = { kind = 'sgd' } }\n\
                    [[models]]\nmodel = 'mf-bpr'\nlabel = 'b'\ntrain = { optimiser = { kind = 'adamw', weight_decay = 0.1 } }\n";
        let spec = read(text).unwrap();
        let optimiser = |model: usize| spec.models[model].train.as_ref().map(|train| train.optimiser);
        assert_eq!(optimiser(0), Some(OptimiserConfig::Sgd {}));
        assert_eq!(optimiser(1), Some(OptimiserConfig::AdamW { weight_decay: 0.1 }));
    }

    /// A label stands for its model alone, a name for all models of that name, and nothing is chosen twice.
    #[test]
    fn models_are_chosen_by_label_or_name() {
        let text = "dataset = 'x'\n[[models]]\nmodel = 'ease'\nlabel = 'heavy'\n[[models]]\nmodel = 'ease'\n\
                    [[models]]\nmodel = 'mf-bpr'\nlabel = 'a'\n[[models]]\nmodel = 'mf-bpr'\nlabel = 'b'\n";
        let chosen = |names: &[&str]| -> Vec<String> {
            let models = Some(names.iter().map(ToString::to_string).collect());
            let spec = read(text).unwrap().with(&Overrides { models, ..Overrides::default() }).unwrap();
            spec.models.into_iter().map(|model| model.label).collect()
        };
        assert_eq!(chosen(&["ease"]), ["ease"]);
        assert_eq!(chosen(&["mf-bpr"]), ["a", "b"]);
        assert_eq!(chosen(&["b", "popularity", "mf-bpr", "heavy"]), ["b", "popularity", "a", "heavy"]);
    }

    /// Every build reads every device; whether it has it is asked when it is opened.
    #[test]
    fn a_device_is_read_written_and_overridden() {
        let device = |text: &str| text.parse::<DeviceChoice>().unwrap();
        let spec = read(&format!("dataset = 'x'\ndevice = 'wgpu:1'\n{MODELS}")).unwrap();
        assert_eq!(spec.device, device("wgpu:1"));
        assert!(toml::to_string(&spec).unwrap().contains("device = \"wgpu:1\"\n"));
        assert_eq!(read(&toml::to_string(&spec).unwrap()).unwrap(), spec);
        assert_eq!(serde_json::to_value(&spec).unwrap()["device"], "wgpu:1");
        let cuda = Overrides { device: Some(device("cuda")), ..Overrides::default() };
        assert_eq!(spec.clone().with(&cuda).unwrap().device, device("cuda"));
        assert_eq!(spec.clone().with(&Overrides::default()).unwrap().device, device("wgpu:1"));
        assert_eq!(read(&format!("dataset = 'x'\n{MODELS}")).unwrap().device, DeviceChoice::Cpu);
    }

    /// An experiment may go on on another device, and with nothing else changed.
    #[test]
    fn the_fingerprint_is_of_everything_but_the_device() {
        let of = |device: &str, epochs: usize, digest: &str| {
            let text = format!("dataset = 'x'\ndevice = '{device}'\n[train]\nmax_epochs = {epochs}\n{MODELS}");
            read(&text).unwrap().fingerprint(digest)
        };
        assert_eq!(of("cpu", 3, "a"), of("wgpu:1", 3, "a"));
        assert_ne!(of("cpu", 3, "a"), of("cpu", 4, "a"));
        assert_ne!(of("cpu", 3, "a"), of("cpu", 3, "b"));
    }

    #[test]
    fn the_resolved_spec_is_a_spec_and_the_same() {
        let demo = Spec::demo();
        assert_eq!(read(&toml::to_string(&demo).unwrap()).unwrap(), demo);
        let json = serde_json::to_string(&demo).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&json).unwrap(), demo);
    }

    #[test]
    fn faults_have_a_line_and_the_nearest_name() {
        fails("dataset = 'x'\nseed = 3\nmodels = []", "a.toml:2: unknown field `seed`");
        fails("dataset = 'x'\nseed = 3\nmodels = []", "did you mean `seeds`?");
        fails(
            "dataset = 'x'\n[[models]]\nmodel = 'lightgnc'",
            "a.toml:3: no model is called `lightgnc`; did you mean `lightgcn`?",
        );
        let text = format!("dataset = 'x'\n{MODELS}[models.config]\nembeding_dim = 3");
        fails(&text, "a.toml:4: lightgcn: unknown field `embeding_dim`");
        fails(&text, "did you mean `embedding_dim`?");
        fails(&format!("dataset = 'x'\n[train]\nmax_epoch = 3\n{MODELS}"), "did you mean `max_epochs`?");
        fails(&format!("dataset = 'x'\nmetrics = ['recal@20']\n{MODELS}"), "did you mean `recall@20`?");
        fails(&format!("dataset = 'x'\nmetrics = ['recall@0']\n{MODELS}"), "lists of length 0");
        fails(&format!("dataset = 'x'\nmetrics = ['auc', 'rmse']\n{MODELS}"), "`rmse` measures rating prediction");
        fails(&format!("dataset = 'x'\nmetrics = ['coverage@5']\n{MODELS}"), "accuracy");
        fails(&format!("dataset = 'x'\nseeds = 0\n{MODELS}"), "no seed");
        fails(&format!("dataset = 'x'\nseeds = [1, 1]\n{MODELS}"), "seed 1 stands there twice");
        fails(&format!("dataset = 'x'\n{MODELS}{MODELS}"), "two models are labelled `lightgcn`");
        fails(&format!("dataset = 'x'\ndevice = 'gpu'\n{MODELS}"), "a.toml:2: no device is called `gpu`; expected cpu");
        fails(&format!("dataset = 'x'\ndevice = 1\n{MODELS}"), "a.toml:2: invalid type");
        fails(&format!("dataset = 'x'\n{MODELS}preset = 'mars'"), "no preset `mars`, only gowalla, gowalla-quick");
        fails("dataset = 'x'\n[[models]]\nmodel = 'ease'\ntrain = {}", "solved for, not trained");
        fails(&format!("dataset = 'x'\n{MODELS}config = {{ num_layers = 0 }}"), "num_layers is 0");
        fails("dataset = 'x'\nmodels = [", "a.toml:2");
        fails(&format!("dataset = 3\n{MODELS}"), "the name of a dataset");
    }
}
