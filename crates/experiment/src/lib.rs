//! From a spec to results: datasets, models and seeds under one protocol, a table, a report, and what
//! the trained models recommend.
//!
//! It writes files and nothing else: the terminal, the clock's reading and the environment are the
//! caller's ([`Progress`], [`Environment`]).

mod compare;
mod error;
mod prepare;
mod progress;
mod recommend;
mod registry;
mod report;
mod results;
mod run;
mod spec;
mod work;

pub use error::ExperimentError;
pub use progress::{Event, Progress};
pub use recommend::{Recommended, RecommendedItem, Request, read_results, recommend};
pub use registry::ModelConfig;
pub use report::render;
pub use results::{
    Comparison, DatasetFacts, Environment, ModelResults, Protocol, Results, RunResults, SCHEMA, SliceResults, Spread,
};
pub use run::{Place, run};
pub use spec::{DEMO, DatasetSpec, ModelSpec, Overrides, OwnDataset, Spec};
