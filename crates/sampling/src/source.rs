//! Where the batches of an epoch come from, whatever their kind: one type for a loop that trains.

use crate::{Batch, FactSampler, HardNegatives, Prefetch, RatedSampler, Sampler, SamplingError};

/// A sampler of any kind; cheap to clone, shared between threads.
#[derive(Clone)]
pub enum BatchSampler {
    /// Positives with their negatives.
    Pairwise(Sampler),
    /// The same with hard negatives.
    HardNegatives(HardNegatives),
    /// Ratings.
    Rated(RatedSampler),
    /// Facts with corrupt tails.
    Facts(FactSampler),
}

impl BatchSampler {
    /// Batches of an epoch, the last of which may be shorter.
    #[must_use]
    pub fn num_batches(&self) -> usize {
        match self {
            Self::Pairwise(sampler) => sampler.num_batches(),
            Self::HardNegatives(sampler) => sampler.num_batches(),
            Self::Rated(sampler) => sampler.num_batches(),
            Self::Facts(sampler) => sampler.num_batches(),
        }
    }

    /// One batch, drawn by the calling thread.
    ///
    /// # Errors
    /// If the epoch has no such batch.
    pub fn batch(&self, epoch: u64, index: usize) -> Result<Batch, SamplingError> {
        match self {
            Self::Pairwise(sampler) => sampler.batch_on(epoch, index, false).map(Batch::Pairwise),
            Self::HardNegatives(sampler) => sampler.batch(epoch, index).map(Batch::Pairwise),
            Self::Rated(sampler) => sampler.batch(epoch, index).map(Batch::Rated),
            Self::Facts(sampler) => sampler.batch(epoch, index).map(Batch::Facts),
        }
    }

    /// The batches `from ..` of an epoch in order, drawn ahead on threads of their own.
    #[must_use]
    pub fn epoch(&self, epoch: u64, from: usize) -> Prefetch<Batch> {
        self.epoch_with(epoch, from, |_, batch| batch)
    }

    /// What `prepare` makes of the batches `from ..` of an epoch, given their numbers, in order: drawn and made ahead on
    /// threads of their own.
    #[must_use]
    pub fn epoch_with<P, F>(&self, epoch: u64, from: usize, prepare: F) -> Prefetch<P>
    where
        P: Send + 'static,
        F: Fn(usize, Batch) -> P + Clone + Send + 'static,
    {
        let sampler = self.clone();
        let draw = move |index| sampler.batch(epoch, index).map(|batch| prepare(index, batch));
        Prefetch::start(from, self.num_batches(), draw)
    }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::{Csr, Duplicates, EntityId, InteractionGraph, KnowledgeGraph, RelationId, Triple};

    use super::*;
    use crate::{HardNegativesConfig, SamplerConfig};

    /// 40 ratings and 30 facts in batches of 7.
    fn samplers() -> [BatchSampler; 4] {
        let edges: Vec<(u32, u32, f32)> =
            (0u8..40).map(|n| (u32::from(n % 8), u32::from(n % 8 + n / 8) % 11, f32::from(n))).collect();
        let interactions = InteractionGraph::new(Csr::from_weighted_edges(8, 11, &edges, Duplicates::Error).unwrap());
        let fact = |n: u32| Triple {
            head: EntityId(n % 6),
            relation: RelationId(n % 3),
            tail: EntityId((n * n + n / 6) % 12),
        };
        let facts: Vec<Triple> = (0..30).map(fact).collect();
        let knowledge = KnowledgeGraph::new(12, 3, &facts, Vec::new()).unwrap();
        let config = SamplerConfig { batch_size: 7, ..SamplerConfig::default() };
        let hard = HardNegativesConfig { from_rank: 0, to_rank: 4, ..HardNegativesConfig::default() };
        [
            BatchSampler::Pairwise(Sampler::new(&interactions, config.clone(), 3).unwrap()),
            BatchSampler::HardNegatives(HardNegatives::new(&interactions, config, &hard, 3).unwrap()),
            BatchSampler::Rated(RatedSampler::new(&interactions, 7, 3).unwrap()),
            BatchSampler::Facts(FactSampler::new(&knowledge, 7, 3).unwrap()),
        ]
    }

    #[test]
    fn what_is_drawn_ahead_is_what_is_drawn_alone() {
        for sampler in samplers() {
            let num_batches = sampler.num_batches();
            // Backwards: no batch leaves anything behind for another.
            let mut alone: Vec<Batch> = (0..num_batches).rev().map(|index| sampler.batch(2, index).unwrap()).collect();
            alone.reverse();
            for from in [0, 1, num_batches - 1, num_batches, num_batches + 2] {
                let ahead: Vec<Batch> = sampler.epoch(2, from).map(Result::unwrap).collect();
                assert_eq!(ahead, alone[from.min(num_batches)..]);
            }
            assert!(alone.iter().all(|batch| !batch.is_empty()));
            let beyond = SamplingError::NoSuchBatch { index: num_batches, num_batches };
            assert_eq!(sampler.batch(2, num_batches), Err(beyond));
        }
    }

    #[test]
    fn a_source_gives_its_own_kind_and_all_its_rows() {
        let [pairs, hard, ratings, facts] = samplers();
        if let (BatchSampler::Pairwise(plain), BatchSampler::HardNegatives(harder)) = (&pairs, &hard) {
            assert_eq!(pairs.batch(0, 1).unwrap(), Batch::Pairwise(plain.batch(0, 1).unwrap()));
            assert_eq!(hard.batch(0, 1).unwrap(), Batch::Pairwise(harder.batch(0, 1).unwrap()));
            assert_ne!(hard.batch(0, 1).unwrap(), pairs.batch(0, 1).unwrap());
        }
        let rows = |sampler: &BatchSampler, kind: fn(&Batch) -> bool| -> Vec<usize> {
            let batches = sampler.epoch(0, 0).map(Result::unwrap);
            batches.inspect(|batch| assert!(kind(batch))).map(|batch| batch.len()).collect()
        };
        assert_eq!(rows(&pairs, |batch| matches!(batch, Batch::Pairwise(_))), [7, 7, 7, 7, 7, 5]);
        assert_eq!(rows(&hard, |batch| matches!(batch, Batch::Pairwise(_))), [7, 7, 7, 7, 7, 5]);
        assert_eq!(rows(&ratings, |batch| matches!(batch, Batch::Rated(_))), [7, 7, 7, 7, 7, 5]);
        assert_eq!(rows(&facts, |batch| matches!(batch, Batch::Facts(_))), [7, 7, 7, 7, 2]);
    }
}
