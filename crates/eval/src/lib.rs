//! Ranking, metrics and comparisons; it links no tensor library.
//!
//! A [`Scorer`] says how much each user may like each item. [`evaluate`] ranks the whole catalogue
//! with it, leaves out what the user has seen, and measures the lists against a
//! [`Holdout`](gnnrec_graph::Holdout); [`recommend`] hands the lists out. No `users x items` matrix
//! is ever held. An [`Evaluation`] keeps the value of every user: it is cut into groups and compared
//! with another one ([`compare`]) without a second run. [`RatingErrors`] is for predicted ratings.
//!
//! The results do not depend on the number of threads, nor on how the work is cut into blocks.

#![cfg_attr(test, expect(clippy::float_cmp, reason = "tests compare numbers that are exact"))]

mod auc;
mod bootstrap;
mod catalogue;
mod embedding;
mod error;
mod evaluation;
mod groups;
mod measures;
mod metric;
mod order;
mod product;
mod rank;
mod rating;
mod recommend;
mod scorer;
mod screen;
mod significance;
mod slices;
#[cfg(test)]
mod tests;
mod topk;
mod wilcoxon;

pub use bootstrap::{Interval, bootstrap};
pub use embedding::EmbeddingScorer;
pub use error::EvalError;
pub use evaluation::{Evaluation, Summary, evaluate};
pub use groups::{ActivityGroup, PopularityGroup, TieGroup, activity_groups, popularity_groups, tie_groups};
pub use metric::Metric;
pub use rating::RatingErrors;
pub use recommend::{Recommendation, recommend};
pub use scorer::{InnerProduct, Scorer};
pub use significance::{Comparison, compare, holm};
pub use slices::Slice;
pub use wilcoxon::{Wilcoxon, wilcoxon};
