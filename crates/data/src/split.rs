//! What a model may see and what it is measured on.

use gnnrec_graph::{Holdout, World};
use serde::{Deserialize, Serialize};

use crate::{DataError, Dataset, Report};

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
}

impl Dataset {
    /// Splits the interactions; ties and facts go to the training world whole.
    ///
    /// # Errors
    /// A split that does not fit the dataset, a fraction out of range, or a part without rows.
    pub fn split(&self, split: &Split, seed: u64) -> Result<Parts, DataError> {
        let _ = (split, seed);
        todo!()
    }
}
