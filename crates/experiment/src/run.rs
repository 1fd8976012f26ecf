//! A spec becomes results: every model with every seed, fitted, ranked and measured under one protocol.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use burn::tensor::Device;
use gnnrec_data::Served;
use gnnrec_eval::{Metric, Scorer};
use gnnrec_model::OpenDevice;
use gnnrec_train::{Run, Stop, TrainConfig, peak_bytes, reset_peak};

use crate::compare::{Measured, comparisons};
use crate::prepare::Prepared;
use crate::progress::{Event, Progress};
use crate::report;
use crate::results::{Environment, ModelResults, Results, RunResults, SCHEMA, Spread};
use crate::spec::{ModelSpec, Spec};
use crate::work::{Finished, Work, run_name};
use crate::{ExperimentError, ModelConfig};

/// Where an experiment reads and writes, and how it may be stopped.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The folder of the datasets.
    pub data: &'a Path,
    /// A folder that keeps datasets as they were read, for the next time; it may be emptied at any time.
    pub cache: Option<&'a Path>,
    /// The folder of this experiment; made if it is not there.
    pub out: &'a Path,
    /// Whether to go on with the unfinished experiment in that folder, if there is one.
    pub resume: bool,
    /// Set from outside to stop after the current step, with a checkpoint.
    pub interrupt: Option<&'a AtomicBool>,
}

impl<'a> Place<'a> {
    /// Reads `data`, writes `out`, begins anew and runs to the end.
    #[must_use]
    pub fn new(data: &'a Path, out: &'a Path) -> Self {
        Self { data, cache: None, out, resume: false, interrupt: None }
    }
}

/// Runs every model with every seed and writes `results.json`, `report.html`, `spec.toml` and `models/`.
///
/// Whatever fails is found as early as it can be: the device before the dataset is read; names, files and fitting
/// worlds before the first model is trained. Earlier results in the folder stay as they are until all is done.
///
/// An unfinished experiment may go on on another device. The device in the results is then a list of them.
///
/// # Errors
/// A device that cannot be used, a dataset that cannot be read or split, a model that cannot be made on it or that
/// fails, a folder that cannot be written, or [`ExperimentError::Interrupted`].
///
/// # Panics
/// Never: a spec and results are plain data.
pub fn run(
    mut spec: Spec,
    place: &Place<'_>,
    mut environment: Environment,
    progress: &mut dyn Progress,
) -> Result<Results, ExperimentError> {
    let OpenDevice { device, adapter } = spec.device.open()?;
    if let Some(adapter) = adapter {
        environment.device = format!("{}: {adapter}; {}", spec.device, environment.device);
        progress.on(&Event::Opened { device: spec.device, adapter: &adapter });
    }
    progress.on(&Event::Loading { dataset: spec.dataset.name() });
    let prepared = Prepared::load(&mut spec, place.data, place.cache)?;
    if let Served::Mended(error) | Served::NotKept(error) = &prepared.served {
        progress.on(&Event::CacheFault(error));
    }
    let facts = prepared.facts();
    progress.on(&Event::Loaded(&facts));
    for model in &spec.models {
        model.config.check_world(&prepared.parts.world)?;
    }
    let written_spec = serde_json::to_value(&spec).expect("a spec is plain data");
    let work = Work::open(place.out, place.resume, &spec.fingerprint(&facts.sha256))?;
    environment.device = work.devices(&environment.device)?;
    let mut models = Vec::new();
    let mut measured = Vec::new();
    for (position, model) in spec.models.iter().enumerate() {
        let experiment = Experiment { spec: &spec, device: &device, prepared: &prepared, place, work: &work };
        let mut finished = Vec::new();
        for nth_seed in 0..spec.seeds.len() {
            finished.push(experiment.one(position, nth_seed, progress)?);
        }
        let runs = finished.iter().map(|finished| finished.run.clone()).collect();
        let first = finished.swap_remove(0).measured;
        models.push(model_results(model, runs, &first));
        measured.push(first);
    }
    let results = Results {
        schema: SCHEMA,
        dataset: facts,
        protocol: prepared.protocol(&spec),
        environment,
        comparisons: comparisons(&models, &measured, spec.main_metric())?,
        models,
        spec: written_spec,
    };
    let json = serde_json::to_string_pretty(&results).expect("results are plain data");
    let toml = toml::to_string(&spec).expect("a spec is plain data");
    let html = report::render(&results)?;
    for path in work.publish(&[("spec.toml", toml), ("report.html", html), ("results.json", json)])? {
        progress.on(&Event::Written { path: &path });
    }
    Ok(results)
}

struct Experiment<'a> {
    spec: &'a Spec,
    device: &'a Device,
    prepared: &'a Prepared,
    place: &'a Place<'a>,
    work: &'a Work,
}

impl Experiment<'_> {
    /// One model with one seed, unless it was finished before.
    fn one(&self, position: usize, nth_seed: usize, progress: &mut dyn Progress) -> Result<Finished, ExperimentError> {
        let (model, seed) = (&self.spec.models[position], self.spec.seeds[nth_seed]);
        let (label, name) = (model.label.as_str(), run_name(position, seed));
        if let Some(finished) = self.work.finished(&name)? {
            progress.on(&Event::Reused { label, seed });
            return Ok(finished);
        }
        progress.on(&Event::Started {
            label,
            seed,
            position: position * self.spec.seeds.len() + nth_seed,
            of: self.spec.models.len() * self.spec.seeds.len(),
            is_trained: model.config.is_trained(),
        });
        let failed = |source| match source {
            ExperimentError::Interrupted => ExperimentError::Interrupted,
            source => ExperimentError::Model { label: label.to_owned(), seed, source: Box::new(source) },
        };
        let finished = self.fit_and_measure(model, &name, seed, progress).map_err(failed)?;
        self.work.finish(&name, &finished)?;
        progress.on(&Event::Ended { label, run: &finished.run });
        Ok(finished)
    }

    fn fit_and_measure(
        &self,
        model: &ModelSpec,
        name: &str,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<Finished, ExperimentError> {
        let parts = &self.prepared.parts;
        let train = model.train.clone().unwrap_or_default();
        let mut config = TrainConfig { stop_metric: self.spec.main_metric(), ..train };
        config.validation_metrics.retain(|metric| metric.task() == Some(self.spec.task));
        reset_peak();
        let before = Instant::now();
        let fitted = {
            let mut observer = |event: &gnnrec_train::Event<'_>| progress.on(&Event::Training(event));
            let run = Run {
                seed,
                device: self.device.clone(),
                config: &config,
                validation: self.prepared.validation(),
                checkpoints: Some(&self.work.checkpoints(name)),
                fingerprint: serde_json::to_string(&model.config).expect("a configuration is plain data"),
                resume: self.place.resume,
                interrupt: self.place.interrupt,
                observer: &mut observer,
            };
            model.config.fit(&parts.world, run, &self.work.weights(name))?
        };
        let wall_seconds = before.elapsed().as_secs_f64();
        if fitted.training.as_ref().is_some_and(|training| training.stopped == Stop::Interrupted) {
            return Err(ExperimentError::Interrupted);
        }
        progress.on(&Event::Evaluating);
        let before = Instant::now();
        let metrics = metrics_for(&self.spec.metrics, &*fitted.scorer);
        let evaluation = self.prepared.test().evaluate(&*fitted.scorer, &self.prepared.seen, &metrics)?;
        let eval_seconds = before.elapsed().as_secs_f64();
        let run = RunResults {
            seed,
            metrics: evaluation.means().clone(),
            // Of a resumed run the record knows all sittings.
            train_seconds: fitted.training.as_ref().map_or(wall_seconds, |training| training.seconds.total()),
            eval_seconds,
            peak_bytes: peak_bytes().unwrap_or(0),
            training: fitted.training,
        };
        let measured = Measured::of(&evaluation, self.spec.main_metric(), &parts.world, &parts.test)?;
        Ok(Finished { run, measured })
    }
}

/// The metrics that a scorer can be asked for: diversity needs a table of items.
fn metrics_for(metrics: &[Metric], scorer: &dyn Scorer) -> Vec<Metric> {
    let has_table = scorer.inner_product().is_some();
    metrics.iter().copied().filter(|metric| has_table || !matches!(metric, Metric::Diversity(_))).collect()
}

/// What a table says of one model.
fn model_results(model: &ModelSpec, runs: Vec<RunResults>, first: &Measured) -> ModelResults {
    let mean = |value: fn(&RunResults) -> f64| Spread::of(runs.iter().map(value).collect()).mean;
    let written = serde_json::to_value(&model.config).expect("a configuration is plain data");
    let mut metrics: BTreeMap<Metric, Vec<f64>> = BTreeMap::new();
    for (&metric, &value) in runs.iter().flat_map(|run| &run.metrics) {
        metrics.entry(metric).or_default().push(value);
    }
    ModelResults {
        label: model.label.clone(),
        model: model.config.name().to_owned(),
        family: model.config.family(),
        config: written.get("config").cloned().unwrap_or_default(),
        metrics: metrics.into_iter().map(|(metric, values)| (metric, Spread::of(values))).collect(),
        train_seconds: mean(|run| run.train_seconds),
        eval_seconds: mean(|run| run.eval_seconds),
        epochs: mean(|run| run.training.as_ref().map_or(0.0, |training| count(training.epochs.len()))),
        peak_bytes: runs.iter().map(|run| run.peak_bytes).max().unwrap_or(0),
        slices: first.slices.clone(),
        runs,
    }
}

#[expect(clippy::cast_precision_loss, reason = "epochs are few")]
fn count(epochs: usize) -> f64 {
    epochs as f64
}

impl ModelConfig {
    /// Refuses a world that lacks what the model looks at, before anything is trained.
    fn check_world(&self, world: &gnnrec_graph::World) -> Result<(), ExperimentError> {
        let needs = match self.family() {
            gnnrec_model::Family::Social => "a social graph",
            _ => "a knowledge graph",
        };
        let missing = gnnrec_model::ModelError::Missing { model: self.name(), needs };
        if self.suits(world) { Ok(()) } else { Err(missing.into()) }
    }
}
