//! What a model may see and what it is measured on.

mod assign;
mod labelled;
#[cfg(test)]
mod tests;

use std::convert::Infallible;

use gnnrec_graph::{Csr, Duplicates, GraphError, Holdout, InteractionGraph, KnowledgeGraph, SocialGraph, World};
use serde::{Deserialize, Serialize};

use crate::groups::{Groups, for_each_duplicate};
use crate::report::{Reason, Step};
use crate::{DataError, Dataset, FeatureTable, Log, Part, Report};
use assign::Assignment;
pub use labelled::LabelledParts;

/// Over what the rows are shared out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Over the rows of each user.
    #[default]
    User,
    /// Over all rows.
    Global,
}

/// Which row of a user comes last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The latest.
    Time,
    /// The last of the log.
    #[default]
    Order,
    /// Any.
    Random,
}

/// How a dataset is split. Fractions are of the rows in scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Split {
    /// As the files say; where they name no validation part, this fraction of each user's training rows.
    Given {
        /// In `[0, 1)`.
        #[serde(default)]
        validation: f64,
    },
    /// At random.
    Ratio {
        /// Over each user's rows or over all.
        #[serde(default)]
        scope: Scope,
        /// In `[0, 1)`.
        #[serde(default)]
        validation: f64,
        /// In `(0, 1)`.
        test: f64,
    },
    /// One row of each user is tested, and with `validation` another one validated.
    LeaveOneOut {
        /// Whether the row before the test row is held out as well.
        #[serde(default)]
        validation: bool,
        /// Which row is the last.
        #[serde(default)]
        by: By,
    },
    /// The latest rows are tested, those before them validated.
    Temporal {
        /// Over each user's rows or over all.
        #[serde(default)]
        scope: Scope,
        /// In `[0, 1)`.
        #[serde(default)]
        validation: f64,
        /// In `(0, 1)`.
        test: f64,
    },
    /// All rows of some users are tested: nobody knows these users.
    ColdUsers {
        /// Fraction of the users, in `[0, 1)`.
        #[serde(default)]
        validation: f64,
        /// Fraction of the users, in `(0, 1)`.
        test: f64,
    },
    /// All rows of some items are tested: nobody knows these items.
    ColdItems {
        /// Fraction of the items, in `[0, 1)`.
        #[serde(default)]
        validation: f64,
        /// Fraction of the items, in `(0, 1)`.
        test: f64,
    },
}

impl Default for Split {
    fn default() -> Self {
        Self::Ratio { scope: Scope::User, validation: 0.1, test: 0.1 }
    }
}

/// A dataset, split.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// What models see.
    pub world: World,
    /// What settings are chosen on.
    pub validation: Option<Holdout>,
    /// What results are measured on.
    pub test: Holdout,
    /// Every step from the files to here.
    pub report: Report,
    /// How the dataset was split.
    pub split: Split,
    /// With which seed.
    pub seed: u64,
}

impl Dataset {
    /// Splits the interactions; ties, facts and features go to the training world
    /// whole.
    ///
    /// Repeated pairs are left out first and counted (the last row stays; [`Dataset::filtered`] can
    /// choose another), so that a split never puts one pair into two parts. In a published split a pair
    /// may stand in training and in test: it stays in both, as published, and is counted. Ratings become
    /// the weights of the training graph and of what is held out.
    ///
    /// A fraction of a user's rows is rounded to the nearest row, and one row at least stays in training:
    /// users with a single row are never tested, except as cold users or by the files. The split depends
    /// on the seed and the external ids; under [`Scope::User`] not on the order of users in the files.
    ///
    /// # Errors
    /// A split that does not fit the dataset, a fraction out of range, or a part without rows.
    pub fn split(&self, split: &Split, seed: u64) -> Result<Parts, DataError> {
        let mut step = Step::new("split");
        let rows = self.unique_rows(&mut step);
        let mut assignment = Assignment { dataset: self, seed, rows, parts: vec![Part::Train; self.log.len()] };
        assignment.assign(split)?;
        let wants_validation = match *split {
            Split::Given { validation }
            | Split::Ratio { validation, .. }
            | Split::Temporal { validation, .. }
            | Split::ColdUsers { validation, .. }
            | Split::ColdItems { validation, .. } => validation > 0.0,
            Split::LeaveOneOut { validation, .. } => validation,
        };
        let Assignment { rows, parts, .. } = assignment;
        let matrix = |part| self.matrix(&rows, &parts, part);
        let (train, (validation, test)) =
            rayon::join(|| matrix(Part::Train), || rayon::join(|| matrix(Part::Validation), || matrix(Part::Test)));
        let (train, validation, test) = (train?, validation?, test?);
        for (what, part, wanted) in [
            ("training row", &train, true),
            ("validation row", &validation, wants_validation),
            ("test row", &test, true),
        ] {
            if wanted && part.num_edges() == 0 {
                let remedy = "there are too few rows for these fractions; change them or the split";
                return Err(DataError::NothingLeft { step: "the split", what, remedy });
            }
        }
        note(&mut step, &train, &validation, &test);
        let mut report = self.report.clone();
        report.steps.push(step);
        let validation = (validation.num_edges() > 0).then(|| Holdout::new(validation));
        let (world, test) = (self.world(train)?, Holdout::new(test));
        Ok(Parts { world, validation, test, report, split: split.clone(), seed })
    }

    fn unique_rows(&self, step: &mut Step) -> Vec<usize> {
        let by_user = Groups::new(self.num_users(), 0..self.log.len(), |row| self.log.users[row].index());
        let mut unique = vec![true; self.log.len()];
        let Ok(()) = for_each_duplicate(&self.log, self.num_items(), &by_user, |rows| {
            for &row in &rows[..rows.len() - 1] {
                unique[row] = false;
            }
            Ok::<(), Infallible>(())
        });
        let mut rows = Vec::with_capacity(unique.len());
        for (row, unique) in unique.into_iter().enumerate() {
            if unique {
                step.keep();
                rows.push(row);
            } else {
                step.drop(Reason::Duplicate, row as u64 + 1);
            }
        }
        rows
    }

    fn matrix(&self, rows: &[usize], parts: &[Part], part: Part) -> Result<Csr, GraphError> {
        let Log { users, items, ratings, .. } = &self.log;
        let rows = rows.iter().copied().filter(|&row| parts[row] == part);
        match ratings {
            Some(ratings) => {
                let edges: Vec<_> = rows.map(|row| (users[row].0, items[row].0, ratings[row])).collect();
                Csr::from_weighted_edges(self.num_users(), self.num_items(), &edges, Duplicates::Error)
            }
            None => {
                let edges: Vec<_> = rows.map(|row| (users[row].0, items[row].0)).collect();
                Csr::from_edges(self.num_users(), self.num_items(), &edges, Duplicates::Error)
            }
        }
    }

    fn world(&self, train: Csr) -> Result<World, GraphError> {
        let mut world = World::new(InteractionGraph::new(train));
        if let Some(ties) = &self.ties {
            world = world.with_social(SocialGraph::from_ties(self.num_users(), &ties.pairs, ties.direction)?)?;
        }
        if let Some(facts) = &self.facts {
            let (num_entities, num_relations) = (facts.entities.len(), facts.relations.len());
            let alignment = facts.entity_of_item.clone();
            world =
                world.with_knowledge(KnowledgeGraph::new(num_entities, num_relations, &facts.triples, alignment)?)?;
        }
        if let Some(FeatureTable { features, .. }) = &self.item_features {
            world = world.with_item_features(features.clone())?;
        }
        if let Some(FeatureTable { features, .. }) = &self.user_features {
            world = world.with_user_features(features.clone())?;
        }
        Ok(world)
    }
}

/// What a reader of results should know of the split.
fn note(step: &mut Step, train: &Csr, validation: &Csr, test: &Csr) {
    let mut in_training = vec![false; train.num_cols()];
    for &item in train.indices() {
        in_training[item as usize] = true;
    }
    let mut unseen_items: Vec<u32> =
        test.indices().iter().copied().filter(|&item| !in_training[item as usize]).collect();
    let unseen_rows = unseen_items.len();
    unseen_items.sort_unstable();
    unseen_items.dedup();
    let users = || 0..train.num_rows();
    step.note("training rows", train.num_edges());
    step.note("validation rows", validation.num_edges());
    step.note("test rows", test.num_edges());
    step.note("users without training rows", users().filter(|&user| train.degree(user) == 0).count());
    step.note("users without test rows", users().filter(|&user| test.degree(user) == 0).count());
    step.note("items without training rows", in_training.iter().filter(|&&seen| !seen).count());
    step.note("test items without training rows", unseen_items.len());
    step.note("test rows of items without training rows", unseen_rows);
    let seen = |user: &usize| test.row(*user).iter().filter(|&&item| train.contains(*user, item)).count();
    step.note("test rows that are also training rows", users().map(|user| seen(&user)).sum());
}
