//! Training batches, random walks, sampled neighbourhoods, and the keyed randomness they are drawn with.
//!
//! Nothing here holds state that a draw changes: a batch is a function of seed, epoch and index, the same for
//! any number of threads. It knows no tensors.

mod batch;
mod config;
mod draw;
mod error;
mod facts;
mod hard;
mod neighbourhood;
mod permutation;
mod popularity;
mod prefetch;
mod ratings;
mod sampler;
mod source;
mod stream;
#[cfg(test)]
mod tests;
mod walks;

pub use batch::{Batch, FactBatch, PairwiseBatch, RatedBatch};
pub use config::{Negatives, Positives, SamplerConfig};
pub use draw::absent;
pub use error::SamplingError;
pub use facts::FactSampler;
pub use hard::{HardNegatives, HardNegativesConfig};
pub use neighbourhood::{Neighbourhood, sample_neighbourhood};
pub use prefetch::Prefetch;
pub use ratings::RatedSampler;
pub use sampler::Sampler;
pub use source::BatchSampler;
pub use stream::{Purpose, stream};
pub use walks::{WalkConfig, item_neighbours, user_neighbours};
