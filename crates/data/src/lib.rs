//! From files to a checked world: readers, vocabularies, filters and splits; manifests of datasets, and
//! a generated world for those who have none yet.
//!
//! A [`Source`] says how the files of a dataset are read, [`load`] reads them into a [`Dataset`],
//! [`Dataset::filtered`] thins it out and [`Dataset::split`] makes the training
//! [`World`](gnnrec_graph::World) and what is held out from it. Every row that is left out on the way
//! is counted, by reason, in a [`Report`].
//!
//! A [`Manifest`] describes a published dataset, [`fetch`] brings its files and [`check`] compares them
//! with it; [`demo::generate`] makes a world from a seed. It trains nothing.

mod cache;
mod check;
mod dataset;
pub mod demo;
mod error;
mod fetch;
mod filter;
mod groups;
mod listing;
mod load;
mod manifest;
mod read;
mod report;
mod source;
mod split;
mod vocabulary;

pub use cache::{Cached, Served, load_cached};
pub use check::{CheckReport, Count, FileState, check};
pub use dataset::{Dataset, Facts, FeatureTable, Log, Part, Ties};
pub use error::{DataError, Place};
pub use fetch::{FetchError, FetchProgress, Fetched, Fingerprint, How, fetch, fingerprint};
pub use filter::{Filter, KeepDuplicate};
pub use listing::{Listing, data_folder, describe, list};
pub use load::load;
pub use manifest::{Counts, Family, Manifest, ManifestFile};
pub use report::{Dropped, Example, Noted, Reason, Report, Step};
pub use source::{
    At, Column, Columns, Delimiter, Direction, Encoding, FeatureColumn, FeatureFile, FeatureFiles, FeatureKind, Format,
    Interactions, InvalidRatings, ItemsAre, Knowledge, Layout, Link, LinkColumns, Social, SocialColumns, Source,
    TitleColumns, Titles, TripleColumns,
};
pub use split::{By, LabelledParts, Parts, Scope, Split};
pub use vocabulary::Vocabulary;
