//! Keyed random streams: chance is always an argument, and a stream depends on its key alone.
//!
//! A key is a seed, a purpose and a position (epoch, batch, row ...). Threads may draw their streams
//! in any order; what each stream yields does not change.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What randomness is for: two purposes never share a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Purpose {
    /// Initial values of parameters.
    Init = 1,
    /// Order and choice of positives.
    Positives = 2,
    /// Choice of negatives.
    Negatives = 3,
    /// Dropped edges, nodes and activations.
    Dropout = 4,
    /// Sampled neighbours.
    Neighbours = 5,
    /// Splits into training, validation and test.
    Split = 6,
    /// Generated worlds.
    World = 7,
    /// Randomised linear algebra.
    Projection = 8,
    /// Resampling in significance tests.
    Bootstrap = 9,
    /// Order of training ratings.
    Ratings = 10,
    /// Order of facts and choice of corrupt tails.
    Facts = 11,
    /// Random walks.
    Walks = 12,
    /// Choice of hard negatives.
    HardNegatives = 13,
}

/// The stream of one key. The same key gives the same numbers on every machine and release.
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, position: [u64; 2]) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, position[0], position[1]]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}
