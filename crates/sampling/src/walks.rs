//! Random walks with restart over the bipartite graph: which nodes of the same kind are near, and how near.
//!
//! Ying et al., KDD 2018 (PinSage), arXiv:1806.01973, sections 3.1 and 3.2:
//!
//! ```text
//! hop      item -> one of its users -> one of that user's items, each uniform
//! restart  before a hop, with probability `restart`, back at the item it began with
//! count    visits of every other item over `num_hops` hops, which begin at the item itself
//! N(i)     the T most visited, ties by id         α(i, j) = visits of j / visits of all of N(i)
//! ```
//!
//! Departures: the paper leaves open how walks end; here a node has a budget of hops. Weights of interactions
//! are not used. It keeps no table of counts: the visits of one node are sorted and counted.

use std::cmp::Reverse;

use gnnrec_graph::{Csr, Duplicates, InteractionGraph};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::draw::{below, unit};
use crate::{Purpose, SamplingError, stream};

/// The most hops a node may have: its visits take 64 MiB a thread, and an `f32` counts them exactly.
const MAX_HOPS: usize = 1 << 24;

/// How far and how often a node is walked from. In a run file:
///
/// ```toml
/// num_hops = 1000
/// restart = 0.5
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WalkConfig {
    /// Hops from each node in all, `1 ..= 16777216`: from item to item over a user, or from user to user over an
    /// item. With few of them most nodes are visited once, and their order is that of their ids.
    pub num_hops: usize,
    /// Probability, before each hop, of going back to the start, in `[0, 1]`. At 1 no walk goes beyond one hop; at 0
    /// there is one long walk, which forgets where it began.
    pub restart: f64,
}

impl Default for WalkConfig {
    fn default() -> Self {
        Self { num_hops: 1000, restart: 0.5 }
    }
}

impl WalkConfig {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// A number of hops that is 0 or above `2^24`, or a probability outside `[0, 1]`.
    pub fn validate(&self) -> Result<(), SamplingError> {
        if !(1..=MAX_HOPS).contains(&self.num_hops) {
            let (found, expected) = (self.num_hops.to_string(), "1 to 16777216");
            return Err(SamplingError::Config { field: "num_hops", found, expected });
        }
        if !(0.0..=1.0).contains(&self.restart) {
            let (found, expected) = (self.restart.to_string(), "a probability, 0 to 1");
            return Err(SamplingError::Config { field: "restart", found, expected });
        }
        Ok(())
    }
}

/// The items that walks from each item visit most: `num_items x num_items`, at most `num_neighbours` in a row,
/// never the item itself. Weights are shares of the row's visits and add up to 1; a row is empty where no other item
/// shares a user.
///
/// Costs `num_items * num_hops` hops on all threads of the current rayon pool, the same for any number of them, and
/// at most some 40 bytes for each of `num_items * num_neighbours` while it builds.
///
/// # Errors
/// A configuration out of range, `num_neighbours` of 0, or more neighbours in all than a `u32` can count.
pub fn item_neighbours(
    interactions: &InteractionGraph,
    num_neighbours: usize,
    config: &WalkConfig,
    seed: u64,
) -> Result<Csr, SamplingError> {
    neighbours(&Walks::over_items(interactions, config, seed)?, num_neighbours)
}

/// The users that walks from each user visit most: `num_users x num_users`, in all else as [`item_neighbours`].
///
/// # Errors
/// As [`item_neighbours`].
pub fn user_neighbours(
    interactions: &InteractionGraph,
    num_neighbours: usize,
    config: &WalkConfig,
    seed: u64,
) -> Result<Csr, SamplingError> {
    neighbours(&Walks::over_users(interactions, config, seed)?, num_neighbours)
}

fn neighbours(walks: &Walks<'_>, num_neighbours: usize) -> Result<Csr, SamplingError> {
    if num_neighbours == 0 {
        let found = num_neighbours.to_string();
        return Err(SamplingError::Config { field: "num_neighbours", found, expected: "at least 1" });
    }
    let rows = walks.rank_each(|node, ranked| {
        let kept = &ranked[..num_neighbours.min(ranked.len())];
        let total: u32 = kept.iter().map(|visited| visited.count).sum();
        kept.iter().map(|visited| (node, visited.node, share(visited.count, total))).collect::<Vec<_>>()
    });
    let num_nodes = rows.len();
    Ok(Csr::from_weighted_edges(num_nodes, num_nodes, &rows.concat(), Duplicates::Error)?)
}

#[expect(clippy::cast_possible_truncation, reason = "a share is rounded")]
fn share(count: u32, total: u32) -> f32 {
    (f64::from(count) / f64::from(total)) as f32
}

/// A node and how often walks came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Visited {
    pub(crate) node: u32,
    pub(crate) count: u32,
}

/// Walks over the nodes of one kind.
pub(crate) struct Walks<'a> {
    /// From the nodes to those of the other kind.
    there: &'a Csr,
    /// And back.
    back: &'a Csr,
    /// Keeps the streams of items and users apart.
    side: u64,
    config: &'a WalkConfig,
    seed: u64,
}

impl<'a> Walks<'a> {
    pub(crate) fn over_items(
        interactions: &'a InteractionGraph,
        config: &'a WalkConfig,
        seed: u64,
    ) -> Result<Self, SamplingError> {
        config.validate()?;
        Ok(Self { there: interactions.by_item(), back: interactions.by_user(), side: 0, config, seed })
    }

    fn over_users(
        interactions: &'a InteractionGraph,
        config: &'a WalkConfig,
        seed: u64,
    ) -> Result<Self, SamplingError> {
        config.validate()?;
        Ok(Self { there: interactions.by_user(), back: interactions.by_item(), side: 1, config, seed })
    }

    /// What `of` makes of each node and of the nodes that its walks visit, most visited first, ties by id.
    ///
    /// # Panics
    /// If the nodes are more than a `u32` can count, which no graph has.
    pub(crate) fn rank_each<T: Send>(&self, of: impl Fn(u32, &[Visited]) -> T + Sync) -> Vec<T> {
        let num_nodes = u32::try_from(self.there.num_rows()).expect("nodes are counted by a u32");
        let walk = |visits: &mut Vec<u32>, node| of(node, &self.ranked(node, visits));
        (0..num_nodes).into_par_iter().map_init(Vec::new, walk).collect()
    }

    /// Walks from one node and ranks what is visited; `visits` is room to work in.
    fn ranked(&self, start: u32, visits: &mut Vec<u32>) -> Vec<Visited> {
        visits.clear();
        if self.there.degree(start as usize) > 0 {
            let mut random = stream(self.seed, Purpose::Walks, [self.side, u64::from(start)]);
            let mut at = start;
            for _ in 0..self.config.num_hops {
                if unit(&mut random) < self.config.restart {
                    at = start;
                }
                let partners = self.there.row(at as usize);
                let partner = partners[below(&mut random, partners.len()) as usize];
                let nodes = self.back.row(partner as usize);
                at = nodes[below(&mut random, nodes.len()) as usize];
                if at != start {
                    visits.push(at);
                }
            }
        }
        visits.sort_unstable();
        let count = |run: &[u32]| u32::try_from(run.len()).expect("no more visits than hops");
        let mut ranked: Vec<Visited> =
            visits.chunk_by(|a, b| a == b).map(|run| Visited { node: run[0], count: count(run) }).collect();
        ranked.sort_unstable_by_key(|visited| (Reverse(visited.count), visited.node));
        ranked
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of tests are small")]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn graph(num_users: usize, num_items: usize, edges: &[(u32, u32)]) -> InteractionGraph {
        InteractionGraph::new(Csr::from_edges(num_users, num_items, edges, Duplicates::First).unwrap())
    }

    fn walk(num_hops: usize, restart: f64) -> WalkConfig {
        WalkConfig { num_hops, restart }
    }

    /// Shares of visits of every item but `start`, expected of `num_hops` hops: distributions, hop after hop.
    fn expected_shares(edges: &[(u32, u32)], num_items: usize, start: usize, config: &WalkConfig) -> Vec<f64> {
        let degree = |side: fn(&(u32, u32)) -> u32, node| edges.iter().filter(|edge| side(edge) == node).count() as f64;
        let hop = |from: &[f64]| -> Vec<f64> {
            let mut to = vec![0.0; num_items];
            for &(user, item) in edges {
                for &(_, next) in edges.iter().filter(|edge| edge.0 == user) {
                    let step = 1.0 / degree(|edge| edge.1, item) / degree(|edge| edge.0, user);
                    to[next as usize] += from[item as usize] * step;
                }
            }
            to
        };
        let mut at: Vec<f64> = (0..num_items).map(|item| f64::from(u8::from(item == start))).collect();
        let mut visits = vec![0.0; num_items];
        for _ in 0..config.num_hops {
            at.iter_mut().for_each(|p| *p *= 1.0 - config.restart);
            at[start] += config.restart;
            at = hop(&at);
            visits.iter_mut().zip(&at).for_each(|(visits, p)| *visits += p);
        }
        visits[start] = 0.0;
        let total: f64 = visits.iter().sum();
        visits.into_iter().map(|visits| visits / total).collect()
    }

    /// The neighbours of one node by a map of counts and a sort, from the same stream.
    fn plain(there: &Csr, back: &Csr, side: u64, start: u32, keep: usize, config: &WalkConfig) -> Vec<(u32, f32)> {
        let mut random = stream(5, Purpose::Walks, [side, u64::from(start)]);
        let mut counts = BTreeMap::new();
        let mut at = start;
        for _ in 0..config.num_hops {
            if there.row(start as usize).is_empty() {
                break;
            }
            at = if unit(&mut random) < config.restart { start } else { at };
            let partner = there.row(at as usize)[below(&mut random, there.degree(at as usize)) as usize];
            at = back.row(partner as usize)[below(&mut random, back.degree(partner as usize)) as usize];
            *counts.entry(at).or_insert(0u32) += 1;
        }
        counts.remove(&start);
        // A stable sort of what comes by id leaves ties by id.
        let mut ranked: Vec<(u32, u32)> = counts.into_iter().collect();
        ranked.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        ranked.truncate(keep);
        let total: u32 = ranked.iter().map(|&(_, count)| count).sum();
        ranked.sort_unstable();
        ranked.into_iter().map(|(node, count)| (node, (f64::from(count) / f64::from(total)) as f32)).collect()
    }

    proptest! {
        #[test]
        fn any_graph_against_a_map_of_counts(
            edges in prop::collection::vec((0u32..7, 0u32..11), 0..50),
            num_hops in 1usize..60,
            restart in 0.0f64..=1.0,
            keep in 1usize..9,
        ) {
            let graph = graph(7, 11, &edges);
            let config = walk(num_hops, restart);
            let items = item_neighbours(&graph, keep, &config, 5).unwrap();
            let users = user_neighbours(&graph, keep, &config, 5).unwrap();
            let sides = [
                (&items, graph.by_item(), graph.by_user(), 0, 11usize),
                (&users, graph.by_user(), graph.by_item(), 1, 7),
            ];
            for (found, there, back, side, num_nodes) in sides {
                prop_assert_eq!((found.num_rows(), found.num_cols()), (num_nodes, num_nodes));
                for node in 0..num_nodes {
                    let expected = plain(there, back, side, node as u32, keep, &config);
                    let row = found.row(node).iter().copied().zip(found.row_weights(node).unwrap().iter().copied());
                    prop_assert_eq!(row.collect::<Vec<_>>(), expected);
                }
            }
            for threads in [1, 2, 5] {
                let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                prop_assert_eq!(&threads.install(|| item_neighbours(&graph, keep, &config, 5)).unwrap(), &items);
            }
        }
    }

    #[test]
    fn one_hop_by_hand() {
        // From item 0: user 0 or 1, then item 0 or 1, or else 0, 1 or 2. Items 0 and 1 at 5/12 each, item 2 at 1/6.
        // Of the visits of others: 5/7 and 2/7. Item 3 is nobody's, item 4 one user's alone.
        let edges = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 4)];
        let graph = graph(3, 5, &edges);
        let found = item_neighbours(&graph, 4, &walk(120_000, 1.0), 3).unwrap();
        assert_eq!(found.row(0), [1, 2]);
        // 70,000 visits of others, each item 1 or 2: standard deviation of a share 0.0017.
        let share = f64::from(found.row_weights(0).unwrap()[0]);
        assert!((share - 5.0 / 7.0).abs() < 5.0 * 0.0017, "{share}");
        assert_eq!((found.row(3), found.row(4)), (&[][..], &[][..]));
        // The other side: users 0 and 1 reach each other alone, user 2 nobody.
        let found = user_neighbours(&graph, 4, &walk(100, 1.0), 3).unwrap();
        assert_eq!((found.row(0), found.row_weights(0)), (&[1][..], Some(&[1.0][..])));
        assert_eq!((found.row(1), found.row(2)), (&[0][..], &[][..]));
    }

    #[test]
    fn visits_follow_the_distributions_hop_after_hop() {
        // A chain of 6 items over 5 users, with a hub user at its far end.
        let mut edges: Vec<(u32, u32)> = (0..5).flat_map(|user| [(user, user), (user, user + 1)]).collect();
        edges.extend([(5, 3), (5, 4), (5, 5), (5, 6)]);
        let graph = graph(6, 7, &edges);
        for restart in [0.0, 0.15, 0.5, 1.0] {
            let config = walk(1_000_000, restart);
            let found = item_neighbours(&graph, 6, &config, 9).unwrap();
            for start in [0, 3] {
                // Visits of one walk depend on one another over the some 50 hops that it takes to cross the chain:
                // as good as 20,000 draws, a standard deviation of at most 0.0036.
                let expected = expected_shares(&edges, 7, start, &walk(20_000, restart));
                for (item, expected) in expected.into_iter().enumerate() {
                    let place = found.row(start).iter().position(|&col| col as usize == item);
                    let share = place.map_or(0.0, |place| f64::from(found.row_weights(start).unwrap()[place]));
                    assert!((share - expected).abs() < 0.015, "{restart}: {start} to {item}: {share}, {expected}");
                }
            }
        }
    }

    #[test]
    fn ties_go_to_the_lower_id_and_weights_to_what_is_kept() {
        // One user with every item: few hops, many ties. The row is what the whole ranking keeps.
        let edges: Vec<(u32, u32)> = (0..40).map(|item| (0, item)).collect();
        let graph = graph(1, 40, &edges);
        let config = walk(60, 1.0);
        let whole = item_neighbours(&graph, 39, &config, 2).unwrap();
        let visits = f64::from(whole.row_weights(7).unwrap().iter().copied().fold(f32::MAX, f32::min));
        let counted = whole.row(7).iter().zip(whole.row_weights(7).unwrap());
        let mut counted: Vec<(u32, u32)> =
            counted.map(|(&item, &weight)| ((f64::from(weight) / visits).round() as u32, item)).collect();
        counted.sort_by_key(|&(count, item)| (Reverse(count), item));
        for keep in 1..20 {
            // The cut falls inside a tie for most of these.
            let kept = item_neighbours(&graph, keep, &config, 2).unwrap();
            let mut expected: Vec<u32> = counted[..keep].iter().map(|&(_, item)| item).collect();
            expected.sort_unstable();
            assert_eq!(kept.row(7), expected);
            let sum: f32 = kept.row_weights(7).unwrap().iter().sum();
            assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        }
    }

    #[test]
    fn seeds_items_and_users_walk_apart() {
        // Symmetric: users and items see the same graph from both sides.
        let edges: Vec<(u32, u32)> = (0..12).flat_map(|a| (0..12).map(move |b| (a, b))).collect();
        let graph = graph(12, 12, &edges);
        let config = walk(50, 0.5);
        let items = |seed| item_neighbours(&graph, 5, &config, seed).unwrap();
        assert_eq!(items(1), items(1));
        assert_ne!(items(1), items(2));
        assert_ne!(items(1), user_neighbours(&graph, 5, &config, 1).unwrap());
        // Two items with the same users do not repeat each other's walks.
        assert_ne!(items(1).row_weights(3), items(1).row_weights(8));
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let graph = graph(2, 3, &[(0, 1)]);
        let refuse =
            |keep, config: WalkConfig| item_neighbours(&graph, keep, &config, 0).expect_err("an error").to_string();
        assert_eq!(refuse(0, walk(1, 0.5)), "sampler: num_neighbours is 0, expected at least 1");
        assert_eq!(refuse(1, walk(0, 0.5)), "sampler: num_hops is 0, expected 1 to 16777216");
        assert_eq!(refuse(1, walk(1 << 25, 0.5)), "sampler: num_hops is 33554432, expected 1 to 16777216");
        assert_eq!(refuse(1, walk(1, 1.5)), "sampler: restart is 1.5, expected a probability, 0 to 1");
        assert_eq!(refuse(1, walk(1, f64::NAN)), "sampler: restart is NaN, expected a probability, 0 to 1");
        assert!(user_neighbours(&graph, 1, &walk(0, 0.5), 0).is_err());
        assert_eq!(toml::from_str::<WalkConfig>("num_hops = 7").unwrap(), walk(7, 0.5));
        assert!(toml::from_str::<WalkConfig>("hops = 7").is_err());
    }
}
