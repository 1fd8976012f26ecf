//! Where the features of users and items are read from: files, their columns, and what those mean.

use serde::{Deserialize, Serialize};

use super::{Column, Delimiter, Encoding, Format, Layout};

/// Features of items and of users, each from any number of files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureFiles {
    /// Files with a row for each item.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<FeatureFile>,
    /// Files with a row for each user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<FeatureFile>,
}

impl FeatureFiles {
    /// Whether there is no file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.users.is_empty()
    }
}

section! {
    /// Features of items or of users, a row each.
    ///
    /// ```
    /// let source: gnnrec_data::Source = toml::from_str(r#"
    ///     [interactions]
    ///     file = "u.data"
    ///     columns = { user = 0, item = 1, rating = 2 }
    ///
    ///     [[features.users]]
    ///     file = "u.user"
    ///     delimiter = "|"
    ///     id = 0
    ///     columns = [
    ///         { name = "age", at = 1, kind = "numeric" },
    ///         { name = "occupation", at = 3, kind = "categorical" },
    ///     ]
    /// "#)?;
    /// source.validate()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    FeatureFile {
        /// The file.
        file: String,
        /// The column of the item's or user's id; without it the first.
        id: Column,
        /// What is read of it.
        columns: Vec<FeatureColumn>,
    }
}

/// One feature of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureColumn {
    /// What models and reports call it; no two features of the items, or of the users, may share a name.
    pub name: String,
    /// What its values are.
    pub kind: FeatureKind,
    /// Where it stands in the file; without it in the column of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
    /// What parts several values in one field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<Delimiter>,
    /// Texts that stand for a missing value, as an empty field always does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

impl FeatureColumn {
    /// The columns of the file that it is read from.
    #[must_use]
    pub fn places(&self) -> Vec<Column> {
        match &self.at {
            None => vec![Column::Name(self.name.clone())],
            Some(At::One(column)) => vec![column.clone()],
            Some(At::Several(columns)) => columns.clone(),
        }
    }
}

/// What the values of a feature are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureKind {
    /// One of a few texts.
    Categorical,
    /// Any number of texts, parted by `separator`; or several columns, each of 0 or 1, that are the values themselves.
    MultiValued,
    /// A number.
    Numeric,
    /// The last four digits in a row, as a number: of `01-Jan-1995` and of `Toy Story (1995)` it is 1995.
    Year,
    /// A vector of as many numbers in every row: one field parted by `separator`, or several columns.
    Dense,
}

/// One column of a file or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum At {
    /// One.
    One(Column),
    /// Several, in this order.
    Several(Vec<Column>),
}
