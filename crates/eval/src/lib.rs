//! Ranking, metrics and comparisons; it links no tensor library.
//!
//! A [`Scorer`] says how much each user may like each item. What is measured of it depends on the
//! [`Task`]: [`evaluate`] ranks the whole catalogue, leaves out what the user has seen, and measures the
//! lists against a [`Holdout`](gnnrec_graph::Holdout); [`evaluate_ratings`] compares predicted ratings
//! with held-out ones; [`evaluate_pairs`] holds predicted clicks against
//! [`LabelledPairs`](gnnrec_graph::LabelledPairs). Each gives an [`Evaluation`], which keeps the value of
//! every user: it is cut into groups and compared with another one ([`compare`]) without a second run.
//! [`evaluate_links`] ranks facts of a knowledge graph by a [`LinkScorer`]; [`recommend`] hands lists out.
//! No `users x items` matrix is ever held.
//!
//! The results do not depend on the number of threads, nor on how the work is cut into blocks.

#![cfg_attr(test, expect(clippy::float_cmp, reason = "tests compare numbers that are exact"))]

mod auc;
mod bootstrap;
mod catalogue;
mod click_through;
mod embedding;
mod error;
mod evaluate;
mod evaluation;
mod groups;
mod held_out;
mod links;
mod measures;
mod metric;
mod names;
mod order;
mod pairs;
mod product;
mod rank;
mod rating;
mod recommend;
mod scorer;
mod screen;
mod significance;
mod slices;
mod task;
#[cfg(test)]
mod tests;
mod topk;
mod wilcoxon;

pub use bootstrap::{Interval, bootstrap};
pub use click_through::{PairCounts, evaluate_pairs};
pub use embedding::EmbeddingScorer;
pub use error::EvalError;
pub use evaluate::evaluate;
pub use evaluation::{Evaluation, Summary};
pub use groups::{ActivityGroup, PopularityGroup, TieGroup, activity_groups, popularity_groups, tie_groups};
pub use held_out::HeldOut;
pub use links::{LinkEvaluation, LinkScorer, evaluate_links};
pub use metric::Metric;
pub use order::tie_rank;
pub use rating::{RatingCounts, evaluate_ratings};
pub use recommend::{Recommendation, recommend};
pub use scorer::{InnerProduct, Scorer};
pub use significance::{Comparison, compare, holm};
pub use slices::Slice;
pub use task::Task;
pub use wilcoxon::{Wilcoxon, wilcoxon};
