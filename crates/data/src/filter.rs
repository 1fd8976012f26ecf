//! Which interactions stay: a least rating, no duplicates, enough of them for each user and item.

use serde::{Deserialize, Serialize};

use crate::{DataError, Dataset};

/// What to do with several rows of one user and item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepDuplicate {
    /// Keep the first row of the log.
    #[default]
    First,
    /// Keep the last row of the log.
    Last,
    /// Keep the row with the greatest rating, of equals the first.
    MaxRating,
    /// Refuse the dataset, naming the row.
    Error,
}

/// What to keep of a dataset. The default keeps all but duplicates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Rows rated lower are dropped.
    pub min_rating: Option<f32>,
    /// Least number of interactions of a user.
    pub user_core: usize,
    /// Least number of interactions of an item.
    pub item_core: usize,
    /// Which row of several of one user and item.
    pub duplicates: KeepDuplicate,
}

impl Dataset {
    /// The dataset without the rows that the filter refuses.
    ///
    /// # Errors
    /// A filter out of range, a repeated pair under [`KeepDuplicate::Error`], or nothing left.
    pub fn filtered(self, filter: &Filter) -> Result<Self, DataError> {
        let _ = filter;
        todo!()
    }
}
