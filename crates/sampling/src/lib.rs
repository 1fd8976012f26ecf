//! Training batches: positives, negatives and the keyed randomness they are drawn with.

mod batch;
mod stream;

pub use batch::PairwiseBatch;
pub use stream::{Purpose, stream};
