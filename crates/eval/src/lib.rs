//! Ranking, metrics and comparisons; it links no tensor library.

mod scorer;

pub use scorer::{InnerProduct, Scorer};
