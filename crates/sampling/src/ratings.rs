//! Batches of training ratings: every rating once an epoch, in an order that is computed and not stored.

use std::sync::Arc;

use gnnrec_graph::{Csr, InteractionGraph, ItemId, UserId};

use crate::batch::{check_batch_size, rows_of};
use crate::draw::edge;
use crate::permutation::Permutation;
use crate::{Purpose, RatedBatch, SamplingError, stream};

/// Draws batches of ratings, each a function of seed, epoch and index; cheap to clone, shared between threads.
#[derive(Clone)]
pub struct RatedSampler {
    by_user: Arc<Csr>,
    batch_size: usize,
    seed: u64,
}

impl RatedSampler {
    /// Prepares a sampler of the ratings, which are the weights of the interactions; it keeps its own copy.
    ///
    /// # Errors
    /// A `batch_size` of 0, no interaction at all, or interactions without weights.
    pub fn new(interactions: &InteractionGraph, batch_size: usize, seed: u64) -> Result<Self, SamplingError> {
        check_batch_size(batch_size)?;
        let (num_users, num_items) = (interactions.num_users(), interactions.num_items());
        match interactions.num_interactions() {
            0 => Err(SamplingError::NoInteractions { num_users, num_items }),
            num_interactions if interactions.by_user().weights().is_none() => {
                Err(SamplingError::NoRatings { num_interactions })
            }
            _ => Ok(Self { by_user: Arc::new(interactions.by_user().clone()), batch_size, seed }),
        }
    }

    /// Batches of an epoch, the last of which may be shorter.
    #[must_use]
    pub fn num_batches(&self) -> usize {
        self.by_user.num_edges().div_ceil(self.batch_size)
    }

    /// One batch, drawn by the calling thread.
    ///
    /// # Errors
    /// If the epoch has no such batch.
    #[expect(clippy::missing_panics_doc, reason = "ratings were found, and users counted, at construction")]
    pub fn batch(&self, epoch: u64, index: usize) -> Result<RatedBatch, SamplingError> {
        let rows = rows_of(index, self.batch_size, self.by_user.num_edges())?;
        let order = Permutation::new(self.by_user.num_edges(), &mut stream(self.seed, Purpose::Ratings, [epoch, 0]));
        let ratings = self.by_user.weights().expect("interactions with weights");
        let mut batch = RatedBatch::default();
        for number in rows.map(|row| order.apply(row)) {
            let (user, item) = edge(&self.by_user, number);
            batch.users.push(UserId(u32::try_from(user).expect("users are counted by a u32")));
            batch.items.push(ItemId(item));
            batch.ratings.push(ratings[number]);
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::Duplicates;
    use proptest::prelude::*;

    use super::*;

    fn rated(num_users: usize, num_items: usize, edges: &[(u32, u32, f32)]) -> InteractionGraph {
        InteractionGraph::new(Csr::from_weighted_edges(num_users, num_items, edges, Duplicates::Error).unwrap())
    }

    fn epoch_of(sampler: &RatedSampler, epoch: u64) -> Vec<(u32, u32, f32)> {
        let batches = (0..sampler.num_batches()).map(|index| sampler.batch(epoch, index).unwrap());
        let rows = |batch: RatedBatch| -> Vec<(u32, u32, f32)> {
            assert!(batch.len() == batch.items.len() && batch.len() == batch.ratings.len());
            let pairs = batch.users.iter().zip(&batch.items);
            pairs.zip(&batch.ratings).map(|((user, item), &rating)| (user.0, item.0, rating)).collect()
        };
        batches.flat_map(rows).collect()
    }

    proptest! {
        #[test]
        fn an_epoch_holds_every_rating_once(
            pairs in prop::collection::btree_map((0u32..9, 0u32..13), 1u8..6, 1..60),
            batch_size in 1usize..70,
            (seed, epoch) in (0u64..9, 0u64..3),
        ) {
            let edges: Vec<_> = pairs.iter().map(|(&(user, item), &rating)| (user, item, f32::from(rating))).collect();
            let sampler = RatedSampler::new(&rated(9, 13, &edges), batch_size, seed).unwrap();
            for index in 0..sampler.num_batches() {
                let expected = batch_size.min(edges.len() - index * batch_size);
                prop_assert_eq!(sampler.batch(epoch, index).unwrap().len(), expected);
            }
            let mut found = epoch_of(&sampler, epoch);
            prop_assert_eq!(&found, &epoch_of(&sampler, epoch));
            found.sort_unstable_by_key(|&(user, item, _)| (user, item));
            prop_assert_eq!(found, edges);
        }
    }

    #[test]
    fn the_order_is_another_each_epoch_and_seed() {
        let edges: Vec<_> = (0u8..100).map(|n| (u32::from(n / 10), u32::from(n % 10), f32::from(n))).collect();
        let interactions = rated(10, 10, &edges);
        let order = |seed, epoch| epoch_of(&RatedSampler::new(&interactions, 30, seed).unwrap(), epoch);
        assert_eq!(order(1, 0), order(1, 0));
        assert_ne!(order(1, 0), order(1, 1));
        assert_ne!(order(1, 0), order(2, 0));
        assert_ne!(order(1, 0), edges);
    }

    #[test]
    fn what_cannot_be_rated_is_named() {
        let refuse = |interactions: &InteractionGraph, size| {
            RatedSampler::new(interactions, size, 0).err().expect("an error").to_string()
        };
        let one = rated(3, 5, &[(1, 4, 2.5)]);
        assert_eq!(refuse(&one, 0), "sampler: batch_size is 0, expected at least 1");
        assert_eq!(
            refuse(&rated(3, 5, &[]), 2),
            "there are no training interactions among 3 users and 5 items; expected at least one"
        );
        assert_eq!(
            refuse(&InteractionGraph::new(one.by_user().to_pattern()), 2),
            "the 1 training interactions have no weights, expected a rating on each"
        );
        let sampler = RatedSampler::new(&one, usize::MAX, 0).unwrap();
        assert_eq!(sampler.batch(0, 1), Err(SamplingError::NoSuchBatch { index: 1, num_batches: 1 }));
    }
}
