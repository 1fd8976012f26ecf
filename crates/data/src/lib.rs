//! From files to a checked world: readers, vocabularies, filters and splits.
//!
//! A [`Source`] says how the files of a dataset are read, [`load`] reads them into a [`Dataset`],
//! [`Dataset::filtered`] thins it out and [`Dataset::split`] makes the training
//! [`World`](gnnrec_graph::World) and what is held out from it. Every row that is left out on the way
//! is counted, by reason, in a [`Report`]. It trains nothing and downloads nothing.

mod dataset;
mod error;
mod filter;
mod groups;
mod load;
mod read;
mod report;
mod source;
mod split;
mod vocabulary;

pub use dataset::{Dataset, Facts, Log, Part, Ties};
pub use error::{DataError, Place};
pub use filter::{Filter, KeepDuplicate};
pub use load::load;
pub use report::{Dropped, Example, Noted, Reason, Report, Step};
pub use source::{
    Column, Columns, Delimiter, Direction, Encoding, Format, Interactions, ItemsAre, Knowledge, Layout, Link,
    LinkColumns, Social, SocialColumns, Source, TitleColumns, Titles, TripleColumns,
};
pub use split::{By, Parts, Scope, Split};
pub use vocabulary::Vocabulary;
