//! How the files of a dataset are read: the body of a manifest, and of what users write for their own.
//!
//! Plain serde, unknown fields refused. It names files and columns; it reads nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use gnnrec_graph::TieDirection;

/// How a dataset is read. File names are relative to the dataset's folder.
///
/// ```
/// let source: gnnrec_data::Source = toml::from_str(r#"
///     [interactions]
///     format = "table"
///     file = "u.data"
///     delimiter = "tab"
///     columns = { user = 0, item = 1, rating = 2, time = 3 }
///
///     [titles]
///     file = "u.item"
///     delimiter = "|"
///     encoding = "latin-1"
///     columns = { item = 0, title = 1 }
/// "#)?;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Who chose what.
    pub interactions: Interactions,
    /// Who knows or trusts whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub social: Option<Social>,
    /// Facts about the items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<Knowledge>,
    /// Titles of the items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub titles: Option<Titles>,
    /// What else is known of items and users.
    #[serde(default, skip_serializing_if = "FeatureFiles::is_empty")]
    pub features: FeatureFiles,
}

impl Source {
    /// Its files in the order in which they are read.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let Interactions { file, train, validation, test, .. } = &self.interactions;
        let knowledge = self.knowledge.as_ref();
        let link = knowledge.and_then(|knowledge| knowledge.link.as_ref());
        let around = [
            self.social.as_ref().map(|social| &social.file),
            knowledge.map(|knowledge| &knowledge.file),
            link.map(|link| &link.file),
            self.titles.as_ref().map(|titles| &titles.file),
        ];
        let interactions = [file, train, validation, test].map(Option::as_ref);
        let features = self.features.items.iter().chain(&self.features.users).map(|features| &features.file);
        interactions.into_iter().chain(around).flatten().chain(features).map(String::as_str)
    }
}

/// The shape of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A line for each user: `user item item ...`, parted by spaces or tabs.
    Adjacency,
    /// Rows of fields: CSV, TSV and their relatives.
    #[default]
    Table,
    /// A RecBole atomic file: tab-separated, with a header of `name:type`.
    Atomic,
    /// Apache Parquet; needs the cargo feature `parquet`.
    Parquet,
}

/// What parts the fields of a row: `"tab"`, `"comma"`, `"whitespace"` (any run of spaces and tabs), or
/// the text itself, as in `"|"` and `"::"`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Delimiter {
    /// A tab.
    #[default]
    Tab,
    /// Runs of spaces and tabs; those at the ends of a line do not count.
    Whitespace,
    /// Any other text.
    Text(String),
}

impl TryFrom<String> for Delimiter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "tab" | "\t" => Ok(Self::Tab),
            "whitespace" => Ok(Self::Whitespace),
            "comma" => Ok(Self::Text(",".to_owned())),
            "" => Err("a delimiter of no characters; expected `tab`, `comma`, `whitespace` or a text".to_owned()),
            _ if text.contains(['\n', '\r', '"']) => Err(format!("{text:?} cannot part the fields of a row")),
            _ => Ok(Self::Text(text)),
        }
    }
}

impl From<Delimiter> for String {
    fn from(delimiter: Delimiter) -> Self {
        match delimiter {
            Delimiter::Tab => "tab".to_owned(),
            Delimiter::Whitespace => "whitespace".to_owned(),
            Delimiter::Text(text) if text == "," => "comma".to_owned(),
            Delimiter::Text(text) => text,
        }
    }
}

/// How the bytes of a file become text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8; anything else is an error.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO 8859-1, as in the first MovieLens files: every byte is the character of its number.
    #[serde(rename = "latin-1")]
    Latin1,
}

/// A column by its number, from 0, or by its name in the header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Column {
    /// From 0.
    Number(usize),
    /// As in the header; of an atomic file's `name:type` the name.
    Name(String),
}

impl Default for Column {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl From<&str> for Column {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// How the rows of one file are cut into fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The shape of the file.
    pub format: Format,
    /// What parts the fields of a table.
    pub delimiter: Delimiter,
    /// Whether the first row of a table names the columns.
    pub header: bool,
    /// Whether fields of a table may stand in double quotes.
    pub quotes: bool,
    /// How bytes become text.
    pub encoding: Encoding,
}

impl Layout {
    /// Whether the first row names the columns.
    pub(crate) fn has_header(&self) -> bool {
        self.header || self.format == Format::Atomic
    }
}

macro_rules! section {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $kind,)*
            /// The shape of the file.
            pub format: Format,
            /// What parts the fields of a table.
            pub delimiter: Delimiter,
            /// Whether the first row of a table names the columns. Atomic and Parquet files always do.
            pub header: bool,
            /// Whether fields of a table may stand in double quotes, doubled inside (RFC 4180).
            pub quotes: bool,
            /// How bytes become text.
            pub encoding: Encoding,
        }

        impl $name {
            /// How the rows of its file are cut.
            #[must_use]
            pub fn layout(&self) -> Layout {
                Layout {
                    format: self.format,
                    delimiter: self.delimiter.clone(),
                    header: self.header,
                    quotes: self.quotes,
                    encoding: self.encoding,
                }
            }
        }
    };
}

// Behind the macro, so that it can be used there.
mod features;
mod validate;

pub use features::{At, FeatureColumn, FeatureFile, FeatureFiles, FeatureKind};

section! {
    /// The interactions: one `file`, or `train`, `test` and perhaps `validation` of a published split.
    Interactions {
        /// The one file of a dataset without a published split.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// Training rows of a published split.
        #[serde(skip_serializing_if = "Option::is_none")]
        train: Option<String>,
        /// Validation rows of a published split.
        #[serde(skip_serializing_if = "Option::is_none")]
        validation: Option<String>,
        /// Test rows of a published split.
        #[serde(skip_serializing_if = "Option::is_none")]
        test: Option<String>,
        /// Which column is what; not for adjacency lists. Without it an atomic file's `user_id`,
        /// `item_id` and, where there are any, `rating` and `timestamp`.
        #[serde(skip_serializing_if = "Option::is_none")]
        columns: Option<Columns>,
        /// Least and greatest rating there can be: what predictions are clipped to, too.
        #[serde(skip_serializing_if = "Option::is_none")]
        rating_range: Option<[f32; 2]>,
        /// What becomes of a row whose rating is no number or lies outside the range.
        #[serde(skip_serializing_if = "InvalidRatings::is_error")]
        invalid_ratings: InvalidRatings,
        /// The rating that stands for "not rated": such rows are dropped and counted.
        #[serde(skip_serializing_if = "Option::is_none")]
        not_rated: Option<f32>,
    }
}

/// What becomes of a row whose rating is no number, or outside the range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvalidRatings {
    /// It is an error that names the row: as a rule another column was taken for the rating.
    #[default]
    Error,
    /// The row is dropped and counted.
    Drop,
}

impl InvalidRatings {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_error(&self) -> bool {
        *self == Self::Error
    }
}

/// Which column of the interactions is what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// Who.
    pub user: Column,
    /// What.
    pub item: Column,
    /// A rating, or a count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<Column>,
    /// A time, in whole numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Column>,
    /// 1 for an interaction, 0 for a sampled negative, which is no interaction: it is counted, and kept apart in
    /// [`Dataset::negatives`](crate::Dataset::negatives).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Column>,
}

section! {
    /// The social ties, a row each.
    Social {
        /// The file.
        file: String,
        /// Which column is what; without it the first two.
        columns: SocialColumns,
        /// Whether a tie counts both ways.
        direction: Direction,
    }
}

/// Which column of the ties is what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocialColumns {
    /// Who trusts, follows or knows.
    pub truster: Column,
    /// Whom.
    pub trustee: Column,
}

impl Default for SocialColumns {
    fn default() -> Self {
        Self { truster: Column::Number(0), trustee: Column::Number(1) }
    }
}

/// Whether ties count one way or both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Trust, following.
    #[default]
    Directed,
    /// Friendship.
    Symmetric,
}

impl From<Direction> for TieDirection {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Directed => Self::Directed,
            Direction::Symmetric => Self::Symmetric,
        }
    }
}

section! {
    /// The facts about items, a row each.
    Knowledge {
        /// The file of triples.
        file: String,
        /// Which column is what; without it the first three.
        columns: TripleColumns,
        /// How items find their entities.
        items: ItemsAre,
        /// The file that links items to entities, for `items = "linked"`.
        #[serde(skip_serializing_if = "Option::is_none")]
        link: Option<Link>,
    }
}

/// Which column of the triples is what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TripleColumns {
    /// What the fact is about.
    pub head: Column,
    /// The kind of fact.
    pub relation: Column,
    /// What it says.
    pub tail: Column,
}

impl Default for TripleColumns {
    fn default() -> Self {
        Self { head: Column::Number(0), relation: Column::Number(1), tail: Column::Number(2) }
    }
}

/// How items find their entities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemsAre {
    /// The entity of an item has the item's own id. Every item is an entity, with facts or without.
    #[default]
    SameIds,
    /// A link file says.
    Linked,
}

section! {
    /// Which entity an item is, a row each.
    Link {
        /// The file.
        file: String,
        /// Which column is what; without it the first two.
        columns: LinkColumns,
    }
}

/// Which column of the links is what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkColumns {
    /// The item.
    pub item: Column,
    /// The entity.
    pub entity: Column,
}

impl Default for LinkColumns {
    fn default() -> Self {
        Self { item: Column::Number(0), entity: Column::Number(1) }
    }
}

section! {
    /// Titles of the items, a row each.
    Titles {
        /// The file.
        file: String,
        /// Which column is what; without it the first two.
        columns: TitleColumns,
    }
}

/// Which column of the titles is what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TitleColumns {
    /// The item.
    pub item: Column,
    /// Its title.
    pub title: Column,
}

impl Default for TitleColumns {
    fn default() -> Self {
        Self { item: Column::Number(0), title: Column::Number(1) }
    }
}
