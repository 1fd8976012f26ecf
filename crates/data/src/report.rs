//! What happened to every row on its way from a file to a world: none is lost without a count.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a row was left out. Rows that are *wrong* are errors instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// A line without anything on it.
    BlankLine,
    /// A line of an adjacency list that names a user and no item; the user is kept.
    NoItems,
    /// A row with label 0: somebody's sampled negative, which is no interaction.
    Negative,
    /// A row with the rating that stands for "not rated".
    NotRated,
    /// A row whose rating is no number or lies outside the range.
    InvalidRating,
    /// A rating below the filter's least one.
    LowRating,
    /// A (user, item) pair that was listed before, or that lost to another row of the pair.
    Duplicate,
    /// The user has too few interactions.
    UserCore,
    /// The item has too few interactions.
    ItemCore,
    /// A tie to oneself.
    SelfTie,
    /// A tie, a fact or a negative that was listed before.
    Repeated,
    /// A symmetric tie that was listed before the other way round.
    OtherWay,
    /// A tie, a negative or features of a user without any interaction.
    UnknownUser,
    /// A title, a link, a negative or features of an item without any interaction.
    UnknownItem,
    /// A second title, link or row of features of the same item.
    SecondForItem,
    /// A second row of features of the same user.
    SecondForUser,
    /// A negative that is also an interaction.
    AlsoPositive,
    /// An item with an empty title.
    NoTitle,
}

/// Where an example stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Line of the file (row of a Parquet file), from 1; for a later step the row of the log, or among those labelled
    /// 0, from 1.
    pub line: u64,
}

/// Rows left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub first: Example,
}

/// Something kept that a reader of results should know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noted {
    /// What, as in "users without training items".
    pub what: String,
    /// How many.
    pub count: u64,
}

/// One file that was read, or one later step: `read = kept + all dropped`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The file as the source names it, or `negatives` (rows labelled 0), `filter`, `split` or `labels`.
    pub name: String,
    /// Rows that came in; in an adjacency list every (user, item) pair is a row.
    pub read: u64,
    /// Rows that went on.
    pub kept: u64,
    /// Rows that did not, by reason.
    pub dropped: BTreeMap<Reason, Dropped>,
    /// What else is worth knowing.
    pub noted: Vec<Noted>,
}

impl Step {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Counts a row that goes on.
    pub(crate) fn keep(&mut self) {
        self.read += 1;
        self.kept += 1;
    }

    /// Counts a row that does not.
    pub(crate) fn drop(&mut self, reason: Reason, line: u64) {
        self.read += 1;
        self.dropped.entry(reason).or_insert(Dropped { count: 0, first: Example { line } }).count += 1;
    }

    /// Counts the rows of a later piece of the same file.
    pub(crate) fn add(&mut self, piece: Self) {
        self.read += piece.read;
        self.kept += piece.kept;
        for (reason, Dropped { count, first }) in piece.dropped {
            self.dropped.entry(reason).or_insert(Dropped { count: 0, first }).count += count;
        }
    }

    /// Notes a count, unless it is 0.
    pub(crate) fn note(&mut self, what: &str, count: usize) {
        if count > 0 {
            self.noted.push(Noted { what: what.to_owned(), count: count as u64 });
        }
    }

    /// Rows dropped for one reason.
    #[must_use]
    pub fn num_dropped(&self, reason: Reason) -> u64 {
        self.dropped.get(&reason).map_or(0, |dropped| dropped.count)
    }
}

/// Every step from the files to here, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Report {
    /// The step of one name, as in `train.txt` or `filter`.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(0).max(4);
        writeln!(f, "{:width$}  {:>10}  {:>10}  dropped", "step", "rows", "kept")?;
        for step in &self.steps {
            write!(f, "{:width$}  {:>10}  {:>10}  ", step.name, step.read, step.kept)?;
            if step.dropped.is_empty() {
                f.write_str("-")?;
            }
            for (position, (reason, Dropped { count, first })) in step.dropped.iter().enumerate() {
                let comma = if position > 0 { ", " } else { "" };
                write!(f, "{comma}{count} {reason} (first: {})", first.line)?;
            }
            f.write_str("\n")?;
            for Noted { what, count } in &step.noted {
                writeln!(f, "{:width$}  {count} {what}", "")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BlankLine => "blank lines",
            Self::NoItems => "users without items",
            Self::Negative => "labelled 0",
            Self::NotRated => "not rated",
            Self::InvalidRating => "with an invalid rating",
            Self::LowRating => "rated too low",
            Self::Duplicate => "duplicates",
            Self::UserCore => "of users with too few",
            Self::ItemCore => "of items with too few",
            Self::SelfTie => "ties to oneself",
            Self::Repeated => "repeated",
            Self::OtherWay => "the other way round",
            Self::UnknownUser => "of unknown users",
            Self::UnknownItem => "of unknown items",
            Self::SecondForItem => "second ones of their item",
            Self::SecondForUser => "second ones of their user",
            Self::AlsoPositive => "also labelled 1",
            Self::NoTitle => "without a title",
        })
    }
}
