//! From the name of a dataset to a world that models learn from and a test part that they never see.

use std::ops::RangeInclusive;
use std::path::Path;

use gnnrec_data::{
    Cached, DataError, Dataset, LabelledParts, Manifest, Parts, Scope, Served, Source, Split, demo, load, load_cached,
};
use gnnrec_eval::{HeldOut, Task};
use gnnrec_graph::{Csr, Duplicates, Holdout, LabelledPairs, UserId};

use crate::results::{DatasetFacts, Protocol};
use crate::spec::DEMO;
use crate::{DatasetSpec, ExperimentError, Spec};

/// A dataset, filtered and split.
pub(crate) struct Prepared {
    pub(crate) dataset: Dataset,
    pub(crate) parts: Parts,
    /// For click-through: the parts with negatives beside their interactions.
    labelled: Option<LabelledParts>,
    /// For rating prediction: the least and the greatest rating.
    rating_range: RangeInclusive<f32>,
    task: Task,
    /// Training and validation: what is never listed when the test part is measured.
    pub(crate) seen: Csr,
    /// Where the dataset came from.
    pub(crate) served: Served,
    validate_on_test: bool,
}

impl Prepared {
    /// Loads, filters and splits; what was read is kept in `cache`, where that is a folder. A spec without a split
    /// gets the one that fits the dataset.
    pub(crate) fn load(spec: &mut Spec, data: &Path, cache: Option<&Path>) -> Result<Self, ExperimentError> {
        let read = |name: &str, source: &Source, folder: &Path| -> Result<Cached, DataError> {
            match cache {
                Some(cache) => load_cached(name, source, folder, cache),
                None => Ok(Cached { dataset: load(name, source, folder)?, served: Served::FromText }),
            }
        };
        let Cached { dataset, served } = match &spec.dataset {
            DatasetSpec::Named(name) if name == DEMO => {
                let dataset = demo::generate(&demo::DemoConfig::default(), 1)?;
                Cached { dataset, served: Served::FromText }
            }
            DatasetSpec::Named(name) => {
                let manifest = Manifest::find(name)?;
                if !manifest.is_present(data) {
                    let message = format!(
                        "the dataset `{name}` is not here, or not whole; see `dataset check {name}`, get it with \
                         `dataset fetch {name}`, or name another folder with --data"
                    );
                    return Err(ExperimentError::Folder { path: data.to_owned(), message });
                }
                read(name, &manifest.source, data)?
            }
            DatasetSpec::Own(own) => read(&own.name, &own.source, &own.folder)?,
        };
        let dataset = dataset.filtered(&spec.filter)?;
        let split = spec.split.get_or_insert_with(|| match dataset.log.parts {
            Some(_) => Split::Given { validation: 0.1 },
            None => Split::default(),
        });
        let parts = dataset.split(split, spec.split_seed)?;
        let seen = seen(&parts);
        let task = spec.task;
        if task == Task::Rate && parts.world.interactions().by_user().weights().is_none() {
            let message = "has no ratings to predict; give the source a `rating` column, or choose another `task`";
            return Err(ExperimentError::Task { dataset: dataset.name, message: message.to_owned() });
        }
        let labelled = (task == Task::ClickThrough).then(|| dataset.labelled(&parts)).transpose()?;
        let rating_range = rating_range(&dataset);
        let validate_on_test = spec.validate_on_test;
        Ok(Self { dataset, parts, labelled, rating_range, task, seen, served, validate_on_test })
    }

    /// What epochs are chosen on.
    pub(crate) fn validation(&self) -> Option<HeldOut<'_>> {
        if self.validate_on_test {
            return Some(self.test());
        }
        let labelled = self.labelled.as_ref().map(|labelled| labelled.validation.as_ref());
        self.held_out(self.parts.validation.as_ref(), labelled.flatten())
    }

    /// What results are measured on.
    pub(crate) fn test(&self) -> HeldOut<'_> {
        let labelled = self.labelled.as_ref().map(|labelled| &labelled.test);
        self.held_out(Some(&self.parts.test), labelled).expect("every split has a test part")
    }

    fn held_out<'a>(&self, holdout: Option<&'a Holdout>, labelled: Option<&'a LabelledPairs>) -> Option<HeldOut<'a>> {
        match self.task {
            Task::Rank => holdout.map(HeldOut::Relevant),
            Task::Rate => holdout.map(|holdout| HeldOut::Ratings(holdout, self.rating_range.clone())),
            Task::ClickThrough => labelled.map(HeldOut::Clicks),
        }
    }

    pub(crate) fn facts(&self) -> DatasetFacts {
        let world = &self.parts.world;
        DatasetFacts {
            name: self.dataset.name.clone(),
            sha256: self.dataset.digest.clone(),
            users: world.interactions().num_users(),
            items: world.interactions().num_items(),
            train: world.interactions().num_interactions(),
            validation: self.parts.validation.as_ref().map_or(0, Holdout::num_interactions),
            test: self.parts.test.num_interactions(),
            ties: world.social().map_or(0, gnnrec_graph::SocialGraph::num_ties),
            triples: world.knowledge().map_or(0, |knowledge| knowledge.triples().len()),
            report: self.parts.report.clone(),
        }
    }

    pub(crate) fn protocol(&self, spec: &Spec) -> Protocol {
        let test = &self.parts.test;
        let users = (0..).take(test.num_users()).filter(|&user| !test.relevant(UserId(user)).is_empty()).count();
        let mut split = spec.split.as_ref().map_or_else(String::new, |split| words(split, spec.split_seed));
        if self.validate_on_test {
            split.push_str("; epochs were validated on the test part itself");
        }
        Protocol {
            split,
            candidates: match self.task {
                Task::Rank => {
                    "every item of the catalogue that the user has in neither the training nor the validation part"
                        .to_owned()
                }
                Task::Rate => format!(
                    "every held-out rating, those of unseen users and items too; predictions are clipped to {} to {}",
                    self.rating_range.start(),
                    self.rating_range.end()
                ),
                Task::ClickThrough => {
                    "held-out interactions and as many sampled items that the user has in no part".to_owned()
                }
            },
            ties: match self.task {
                Task::Rank => "equal scores are ordered by a fixed hash of the item's id".to_owned(),
                Task::Rate => "none".to_owned(),
                Task::ClickThrough => "a pair of equal scores counts one half".to_owned(),
            },
            main_metric: spec.main_metric(),
            users,
            users_without_test_items: test.num_users() - users,
        }
    }
}

/// The scale on which users rate: as the source says, else from the least to the greatest rating of the log.
fn rating_range(dataset: &Dataset) -> RangeInclusive<f32> {
    if let Some([least, greatest]) = dataset.rating_range {
        return least..=greatest;
    }
    let ratings = dataset.log.ratings.iter().flatten().copied();
    ratings.clone().fold(f32::INFINITY, f32::min)..=ratings.fold(f32::NEG_INFINITY, f32::max)
}

/// The pattern of the training and the validation part together.
fn seen(parts: &Parts) -> Csr {
    let train = parts.world.interactions().by_user();
    let Some(validation) = &parts.validation else { return train.to_pattern() };
    let held = |user: u32| validation.relevant(UserId(user)).iter().map(move |item| (user, item.0));
    let edges: Vec<(u32, u32)> = train.edges().chain((0..).take(validation.num_users()).flat_map(held)).collect();
    let seen = Csr::from_edges(train.num_rows(), train.num_cols(), &edges, Duplicates::First);
    seen.expect("the parts lie inside one world")
}

/// A split as a sentence.
fn words(split: &Split, seed: u64) -> String {
    let of = |scope: &Scope| match scope {
        Scope::User => "of each user's interactions",
        Scope::Global => "of all interactions",
    };
    let percent = |fraction: &f64| format!("{}%", (fraction * 1000.0).round() / 10.0);
    match split {
        Split::Given { validation } if *validation > 0.0 => format!(
            "as the files say; without a validation file, {} of each user's training interactions, drawn with seed {seed}, \
             are the validation part",
            percent(validation)
        ),
        Split::Given { .. } => "as the files say".to_owned(),
        Split::Ratio { scope, validation, test } => format!(
            "at random with seed {seed}: {} {} are tested, {} validated",
            percent(test),
            of(scope),
            percent(validation)
        ),
        Split::LeaveOneOut { validation, by } => format!(
            "leave one out ({by:?}, seed {seed}): one interaction of each user is tested{}",
            if *validation { ", one validated" } else { "" }
        ),
        Split::Temporal { scope, validation, test } => format!(
            "by time: the latest {} {} are tested, {} before them validated",
            percent(test),
            of(scope),
            percent(validation)
        ),
        Split::ColdUsers { validation, test } => format!(
            "cold users, drawn with seed {seed}: all interactions of {} of the users are tested, of {} validated",
            percent(test),
            percent(validation)
        ),
        Split::ColdItems { validation, test } => format!(
            "cold items, drawn with seed {seed}: all interactions of {} of the items are tested, of {} validated",
            percent(test),
            percent(validation)
        ),
    }
}
