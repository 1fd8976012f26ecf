//! What a finished experiment recommends to one user, by external ids.

use std::path::Path;

use gnnrec_eval::{Scorer, recommend as rank};
use gnnrec_graph::{Csr, Duplicates, Holdout, ItemId, UserId};
use gnnrec_interaction::PopularityConfig;
use gnnrec_model::ClosedForm;
use serde::Serialize;

use crate::ExperimentError;
use crate::prepare::Prepared;
use crate::results::Results;
use crate::spec::Spec;
use crate::work::{published_weights, run_name};

/// Whom to recommend what to.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The folder of a finished experiment.
    pub run: &'a Path,
    /// The folder of the datasets.
    pub data: &'a Path,
    /// A folder that keeps datasets as they were read; a fault of it changes nothing and is not told.
    pub cache: Option<&'a Path>,
    /// External id of the user.
    pub user: &'a str,
    /// Length of the list, at least 1.
    pub k: usize,
    /// Label of the model; the best by the main metric without one.
    pub model: Option<&'a str>,
    /// Training seed; the first without one.
    pub seed: Option<u64>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommended {
    /// External id of the user.
    pub user: String,
    /// Whether the user is in the dataset; an unknown one gets the most popular items.
    pub is_known: bool,
    /// Label of the model that answers, `popularity` for an unknown user.
    pub label: String,
    /// Its training seed.
    pub seed: u64,
    /// The list, best first.
    pub items: Vec<RecommendedItem>,
}

/// One place of the list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecommendedItem {
    /// From 1.
    pub rank: usize,
    /// External id.
    pub item: String,
    /// Its title, where the dataset has one.
    pub title: Option<String>,
    /// The model's score; comparable within this list only.
    pub score: f32,
}

/// The best items for a user among those the user has not had in any part of the dataset.
///
/// # Errors
/// A folder that holds no finished experiment, data that have changed since, an unknown model or seed,
/// or a list of length 0.
///
/// # Panics
/// Never: the parts of a split lie inside their world.
pub fn recommend(request: &Request<'_>) -> Result<Recommended, ExperimentError> {
    let results = read_results(request.run)?;
    let spec_fault = |error| folder_fault(request.run, format!("its spec cannot be read: {error}"));
    let mut spec: Spec = serde_json::from_value(results.spec.clone()).map_err(spec_fault)?;
    let seed = chosen_seed(&spec, request.seed)?;
    let position = chosen_model(&results, request.model)?;
    let prepared = Prepared::load(&mut spec, request.data, request.cache)?;
    if prepared.dataset.digest != results.dataset.sha256 {
        let message = "the dataset is not the one of this experiment: its SHA-256 differs; restore it or run again";
        return Err(folder_fault(request.run, message.to_owned()));
    }
    let world = &prepared.parts.world;
    let (user, label, scorer): (_, _, Box<dyn Scorer>) = match prepared.dataset.user(request.user) {
        Some(user) => {
            let model = &spec.models[position];
            let weights = published_weights(request.run, &run_name(position, seed));
            (user, model.label.clone(), model.config.reload(world, seed, &weights)?)
        }
        None => (UserId(0), "popularity".to_owned(), PopularityConfig::default().fit(world, seed)?),
    };
    let is_known = prepared.dataset.user(request.user).is_some();
    let had = if is_known { had(&prepared, user) } else { Vec::new() };
    let had = Csr::from_edges(scorer.num_users(), scorer.num_items(), &had, Duplicates::First);
    let lists = rank(&*scorer, &had.expect("the parts lie inside the world"), &[user], request.k)?;
    let items = (1..).zip(&lists[0]).map(|(rank, place)| RecommendedItem {
        rank,
        item: prepared.dataset.item_name(place.item).to_owned(),
        title: prepared.dataset.titles.as_ref().and_then(|titles| titles[place.item.index()].clone()),
        score: place.score,
    });
    Ok(Recommended { user: request.user.to_owned(), is_known, label, seed, items: items.collect() })
}

/// Everything that a user has had, in any part.
fn had(prepared: &Prepared, user: UserId) -> Vec<(u32, u32)> {
    let test: &Holdout = &prepared.parts.test;
    let seen = prepared.seen.row(user.index()).iter().copied().map(ItemId);
    seen.chain(test.relevant(user).iter().copied()).map(|item| (user.0, item.0)).collect()
}

/// Reads `results.json` of a folder.
///
/// # Errors
/// A folder without it, or a file that is not one.
pub fn read_results(run: &Path) -> Result<Results, ExperimentError> {
    let path = run.join("results.json");
    if !path.exists() {
        let message = "holds no results.json; give the folder of a finished experiment (its `--out`)";
        return Err(folder_fault(run, message.to_owned()));
    }
    let text = std::fs::read_to_string(&path).map_err(ExperimentError::io(&path, "read"))?;
    serde_json::from_str(&text)
        .map_err(|error| folder_fault(&path, format!("is not the result of an experiment: {error}")))
}

fn chosen_seed(spec: &Spec, asked: Option<u64>) -> Result<u64, ExperimentError> {
    let seed = asked.unwrap_or(spec.seeds[0]);
    if spec.seeds.contains(&seed) {
        return Ok(seed);
    }
    let message = format!("the experiment has no seed {seed}, only {:?}", spec.seeds);
    Err(ExperimentError::Spec { place: "--seed".to_owned(), message })
}

/// The position of a model by label, or of the best by the main metric.
fn chosen_model(results: &Results, asked: Option<&str>) -> Result<usize, ExperimentError> {
    let Some(label) = asked else {
        let best = crate::compare::best(&results.models, results.protocol.main_metric);
        return best.ok_or_else(|| folder_fault(Path::new("results.json"), "holds no model".to_owned()));
    };
    let found = results.models.iter().position(|model| model.label == label);
    found.ok_or_else(|| {
        let labels: Vec<&str> = results.models.iter().map(|model| model.label.as_str()).collect();
        let suggestion = crate::error::nearest(label, labels.iter().copied()).map(str::to_owned);
        ExperimentError::UnknownModel {
            place: "--model".to_owned(),
            name: label.to_owned(),
            suggestion,
            known: labels.join(", "),
        }
    })
}

fn folder_fault(path: &Path, message: String) -> ExperimentError {
    ExperimentError::Folder { path: path.to_owned(), message }
}
