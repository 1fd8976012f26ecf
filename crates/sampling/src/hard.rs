//! Hard negatives: items near a row's positive, but not too near, that its user does not have.
//!
//! Ying et al., KDD 2018 (PinSage), arXiv:1806.01973, section 3.3: beside random negatives, a query item gets some
//! that walks from it rank 2000 to 5000, related to it and yet no positive.
//!
//! Departures: the query is the row's positive. The number of hard negatives is constant; the paper's grows by
//! one an epoch. Nothing is silent: a row that has no hard negative gets a plain one, and such pairs are counted.

use std::sync::Arc;

use gnnrec_graph::{InteractionGraph, ItemId};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::draw::{fill_unseen, is_absent};
use crate::walks::Walks;
use crate::{PairwiseBatch, Purpose, Sampler, SamplerConfig, SamplingError, WalkConfig, stream};

/// Which negatives are hard, and how many. In a run file:
///
/// ```toml
/// num_hard = 1
/// from_rank = 100
/// to_rank = 500
/// walks = { num_hops = 10000, restart = 0.5 }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HardNegativesConfig {
    /// Hard ones among the negatives of a row, at least 1.
    pub num_hard: usize,
    /// Rank of the first candidate among the visited items; the most visited has rank 0. Below
    /// [`WalkConfig::num_hops`], since no more items than that can be visited.
    pub from_rank: usize,
    /// Rank after the last candidate, above `from_rank`.
    pub to_rank: usize,
    /// The walks that rank.
    pub walks: WalkConfig,
}

impl Default for HardNegativesConfig {
    /// Ranks for catalogues of some ten thousand items; the paper's are for two billion.
    fn default() -> Self {
        let walks = WalkConfig { num_hops: 10_000, ..WalkConfig::default() };
        Self { num_hard: 1, from_rank: 100, to_rank: 500, walks }
    }
}

impl HardNegativesConfig {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// No hard negative, no rank between the two, ranks that no walk can reach, or as [`WalkConfig::validate`].
    pub fn validate(&self) -> Result<(), SamplingError> {
        let refuse =
            |field, found: usize, expected| Err(SamplingError::Config { field, found: found.to_string(), expected });
        if self.num_hard == 0 {
            return refuse("num_hard", self.num_hard, "at least 1");
        }
        if self.to_rank <= self.from_rank {
            return refuse("to_rank", self.to_rank, "above from_rank");
        }
        if self.from_rank >= self.walks.num_hops {
            return refuse("from_rank", self.from_rank, "below walks.num_hops");
        }
        self.walks.validate()
    }
}

/// Draws the batches of a [`Sampler`] with some negatives of each row replaced by hard ones; cheap to clone.
///
/// A hard negative is uniform over the candidates of the row's positive that the user does not have in training.
/// Where there are none ([`HardNegatives::num_pairs_without`]) it is uniform over all items that the user lacks.
#[derive(Clone)]
pub struct HardNegatives {
    sampler: Sampler,
    /// By item, in the order of their ranks.
    candidates: Arc<Vec<Box<[ItemId]>>>,
    num_hard: usize,
    num_pairs_without: usize,
    seed: u64,
}

impl HardNegatives {
    /// Walks from every item and keeps its candidates: at most `num_items * num_hops` hops on all threads of the
    /// current rayon pool, and 4 bytes for each of at most `num_items * (to_rank - from_rank)` candidates.
    ///
    /// # Errors
    /// As [`Sampler::new`] and [`HardNegativesConfig::validate`]; more hard negatives than
    /// [`SamplerConfig::num_negatives`]; or no training pair with a hard negative.
    pub fn new(
        interactions: &InteractionGraph,
        sampling: SamplerConfig,
        hard: &HardNegativesConfig,
        seed: u64,
    ) -> Result<Self, SamplingError> {
        hard.validate()?;
        let &HardNegativesConfig { num_hard, from_rank, to_rank, .. } = hard;
        if num_hard > sampling.num_negatives {
            let (found, expected) = (num_hard.to_string(), "at most num_negatives");
            return Err(SamplingError::Config { field: "num_hard", found, expected });
        }
        let sampler = Sampler::new(interactions, sampling, seed)?;
        let candidates = Walks::over_items(interactions, &hard.walks, seed)?.rank_each(|_, ranked| {
            let between = &ranked[from_rank.min(ranked.len())..to_rank.min(ranked.len())];
            between.iter().map(|visited| ItemId(visited.node)).collect::<Box<[ItemId]>>()
        });
        let num_without = |user| {
            let seen = ItemId::wrap_slice(interactions.by_user().row(user));
            let has_all =
                |item: &&ItemId| candidates[item.index()].iter().all(|&candidate| !is_absent(seen, candidate));
            seen.iter().filter(has_all).count()
        };
        let num_pairs_without = (0..interactions.num_users()).into_par_iter().map(num_without).sum();
        let num_pairs = interactions.num_interactions();
        if num_pairs_without == num_pairs {
            return Err(SamplingError::NoHardNegatives { num_pairs, from_rank, to_rank });
        }
        Ok(Self { sampler, candidates: Arc::new(candidates), num_hard, num_pairs_without, seed })
    }

    /// Batches of an epoch, the last of which may be shorter.
    #[must_use]
    pub fn num_batches(&self) -> usize {
        self.sampler.num_batches()
    }

    /// One batch, drawn by the calling thread: that of the sampler, but for the first `num_hard` negatives of a row.
    ///
    /// # Errors
    /// If the epoch has no such batch.
    pub fn batch(&self, epoch: u64, index: usize) -> Result<PairwiseBatch, SamplingError> {
        let mut batch = self.sampler.batch_on(epoch, index, false)?;
        let mut random = stream(self.seed, Purpose::HardNegatives, [epoch, index as u64]);
        let rows = batch.users.iter().zip(&batch.positives).zip(batch.negatives.chunks_mut(batch.num_negatives));
        for ((&user, &positive), negatives) in rows {
            let (hard, candidates) = (&mut negatives[..self.num_hard], self.candidates(positive));
            let (seen, plain) = (self.sampler.0.items_of(user), |random: &mut _| self.sampler.0.uniform(user, random));
            fill_unseen(hard, candidates, seen, &mut random, plain);
        }
        Ok(batch)
    }

    /// The items that walks from this one rank `from_rank .. to_rank`, as far as so many were visited, in that order.
    ///
    /// # Panics
    /// If the item is not in the catalogue.
    #[must_use]
    pub fn candidates(&self, item: ItemId) -> &[ItemId] {
        &self.candidates[item.index()]
    }

    /// Training pairs of user and positive without a hard negative: too few items were visited, or the user has
    /// every candidate.
    #[must_use]
    pub fn num_pairs_without(&self) -> usize {
        self.num_pairs_without
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gnnrec_graph::{Csr, Duplicates};
    use proptest::prelude::*;

    use super::*;
    use crate::item_neighbours;
    use crate::tests::assert_law;

    fn graph(num_users: usize, num_items: usize, edges: &[(u32, u32)]) -> InteractionGraph {
        InteractionGraph::new(Csr::from_edges(num_users, num_items, edges, Duplicates::First).unwrap())
    }

    fn config(num_hard: usize, ranks: std::ops::Range<usize>, num_hops: usize) -> HardNegativesConfig {
        let walks = WalkConfig { num_hops, restart: 0.5 };
        HardNegativesConfig { num_hard, from_rank: ranks.start, to_rank: ranks.end, walks }
    }

    proptest! {
        #[test]
        fn any_world_against_its_ranking(
            edges in prop::collection::vec((0u32..9, 1u32..17), 1..70),
            (from, len) in (0usize..4, 1usize..5),
            (num_hard, num_plain) in (1usize..3, 0usize..3),
            batch_size in 1usize..50,
            seed in 0u64..9,
        ) {
            // Item 0 is everybody's unseen item.
            let graph = graph(9, 17, &edges);
            let num_negatives = num_hard + num_plain;
            let sampling = SamplerConfig { batch_size, num_negatives, ..SamplerConfig::default() };
            let hard = config(num_hard, from..from + len, 40);
            let unseen_of = |candidates: &[u32], user| -> Vec<u32> {
                candidates.iter().copied().filter(|&item| !graph.by_user().contains(user, item)).collect()
            };
            // What the longer row of neighbours has and the shorter lacks.
            let upper = item_neighbours(&graph, from + len, &hard.walks, seed).unwrap();
            let lower = item_neighbours(&graph, from.max(1), &hard.walks, seed).unwrap();
            let between: Vec<Vec<u32>> = (0..17)
                .map(|item| {
                    let near = |other: &u32| from > 0 && lower.contains(item, *other);
                    upper.row(item).iter().copied().filter(|other| !near(other)).collect()
                })
                .collect();
            let without = |&(user, item): &(u32, u32)| unseen_of(&between[item as usize], user as usize).is_empty();
            let expected_without = graph.by_user().edges().filter(without).count();

            let plain = Sampler::new(&graph, sampling.clone(), seed).unwrap();
            let found = HardNegatives::new(&graph, sampling, &hard, seed);
            if expected_without == graph.num_interactions() {
                let refused = matches!(found, Err(SamplingError::NoHardNegatives { .. }));
                prop_assert!(refused);
                return Ok(());
            }
            let found = found.unwrap();
            prop_assert_eq!(found.num_pairs_without(), expected_without);
            for item in 0..17 {
                let mut candidates = ItemId::peel_slice(found.candidates(ItemId(item))).to_vec();
                candidates.sort_unstable();
                prop_assert_eq!(&candidates, &between[item as usize]);
            }
            for index in 0..found.num_batches() {
                let (batch, plain) = (found.batch(1, index).unwrap(), plain.batch(1, index).unwrap());
                prop_assert_eq!(&batch, &found.batch(1, index).unwrap());
                prop_assert_eq!((&batch.users, &batch.positives), (&plain.users, &plain.positives));
                for row in 0..batch.len() {
                    let (user, positive) = (batch.users[row].index(), batch.positives[row].index());
                    let negatives = ItemId::peel_slice(&batch.negatives[row * num_negatives..][..num_negatives]);
                    let before = ItemId::peel_slice(&plain.negatives[row * num_negatives..][..num_negatives]);
                    prop_assert_eq!(&negatives[num_hard..], &before[num_hard..]);
                    let unseen = unseen_of(&between[positive], user);
                    for &item in &negatives[..num_hard] {
                        prop_assert!(item < 17 && !graph.by_user().contains(user, item));
                        prop_assert!(unseen.is_empty() || unseen.contains(&item));
                    }
                }
            }
        }
    }

    #[test]
    fn hard_negatives_are_uniform_over_the_candidates_unseen() {
        // Items 0 to 5 in one circle, of which user 0 has 0 and 1; item 6 is another world's, of user 7.
        let mut edges = vec![(0, 0), (0, 1), (7, 6)];
        edges.extend((1..7).flat_map(|user| [(user, user - 1), (user, user % 6)]));
        let graph = graph(8, 8, &edges);
        let sampling = SamplerConfig { num_negatives: 8, ..SamplerConfig::default() };
        let hard = HardNegatives::new(&graph, sampling, &config(7, 0..5, 500), 4).unwrap();
        // Whoever has item 6 has no candidate: one pair.
        assert_eq!(hard.num_pairs_without(), 1);
        let mut counts: BTreeMap<(u32, u32), BTreeMap<u32, u32>> = BTreeMap::new();
        for epoch in 0..2_000 {
            let batch = hard.batch(epoch, 0).unwrap();
            for (row, negatives) in batch.negatives.chunks(8).enumerate() {
                let counts = counts.entry((batch.users[row].0, batch.positives[row].0)).or_default();
                negatives[..7].iter().for_each(|item| *counts.entry(item.0).or_default() += 1);
            }
        }
        for positive in [0, 1] {
            assert_law(&counts[&(0, positive)], &[(2, 1.0), (3, 1.0), (4, 1.0), (5, 1.0)]);
        }
        let others: Vec<(u32, f64)> = [0, 1, 2, 3, 4, 5, 7].map(|item| (item, 1.0)).into();
        assert_law(&counts[&(7, 6)], &others);
    }

    #[test]
    fn ranks_by_hand() {
        // From item 0 at one hop, by user 0: items 1 to 4 with weights 1, 2, 3 and 6 of users 0 to 5.
        let mut edges: Vec<(u32, u32)> = (0..6).map(|user| (user, 0)).collect();
        edges.extend((0..6).map(|user| (user, 4)));
        edges.extend([(0, 3), (1, 3), (2, 3), (3, 2), (4, 2), (5, 1)]);
        let graph = graph(6, 6, &edges);
        let mut hard = config(1, 1..3, 5_000);
        hard.walks.restart = 1.0;
        let found = HardNegatives::new(&graph, SamplerConfig::default(), &hard, 1).unwrap();
        assert_eq!(found.candidates(ItemId(0)), [ItemId(3), ItemId(2)]);
        assert_eq!(found.candidates(ItemId(5)), []);
    }

    #[test]
    fn epochs_seeds_and_batches_differ() {
        // All users but the last have item 0 alone: almost every row has the same choice, so that the same stream would
        // give the same negatives.
        let edges: Vec<(u32, u32)> =
            (0..2_000).map(|user| (user, 0)).chain((0..11).map(|item| (2_000, item))).collect();
        let sampling = SamplerConfig { batch_size: 500, ..SamplerConfig::default() };
        let hard = |seed| {
            let hard = config(1, 0..10, 300_000);
            HardNegatives::new(&graph(2_001, 12, &edges), sampling.clone(), &hard, seed).unwrap()
        };
        let (one, two) = (hard(1), hard(2));
        assert_eq!(one.candidates(ItemId(0)).len(), 10);
        let first = |hard: &HardNegatives, epoch, index| hard.batch(epoch, index).unwrap().negatives[..20].to_vec();
        assert_eq!(first(&one, 0, 0), first(&one, 0, 0));
        assert_ne!(first(&one, 0, 0), first(&one, 0, 1));
        assert_ne!(first(&one, 0, 0), first(&one, 1, 0));
        assert_ne!(first(&one, 0, 0), first(&two, 0, 0));
    }

    #[test]
    fn what_cannot_be_hard_is_named() {
        let graph = graph(3, 9, &[(0, 0), (0, 1), (1, 1), (2, 5)]);
        let refuse = |hard: &HardNegativesConfig| {
            HardNegatives::new(&graph, SamplerConfig::default(), hard, 0).err().expect("an error").to_string()
        };
        assert_eq!(refuse(&config(0, 1..2, 9)), "sampler: num_hard is 0, expected at least 1");
        assert_eq!(refuse(&config(2, 1..2, 9)), "sampler: num_hard is 2, expected at most num_negatives");
        assert_eq!(refuse(&config(1, 2..2, 9)), "sampler: to_rank is 2, expected above from_rank");
        assert_eq!(refuse(&config(1, 9..12, 9)), "sampler: from_rank is 9, expected below walks.num_hops");
        assert_eq!(refuse(&config(1, 0..1, 1 << 25)), "sampler: num_hops is 33554432, expected 1 to 16777216");
        assert_eq!(
            refuse(&config(1, 5..6, 9)),
            "none of 4 training pairs has a hard negative at ranks 5 to 6; lower the ranks or walk more hops"
        );
        let parsed: HardNegativesConfig = toml::from_str("to_rank = 700\nwalks = { num_hops = 9 }").unwrap();
        assert_eq!((parsed.to_rank, parsed.from_rank, parsed.walks.num_hops), (700, 100, 9));
        assert_eq!(toml::from_str::<HardNegativesConfig>("").unwrap(), HardNegativesConfig::default());
        assert_eq!(HardNegativesConfig::default().validate(), Ok(()));
        assert!(toml::from_str::<HardNegativesConfig>("ranks = 7").is_err());
    }
}
