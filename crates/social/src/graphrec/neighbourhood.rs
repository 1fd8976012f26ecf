//! The neighbourhoods of the nodes that a step touches, as a graph among these alone.
//!
//! Nothing here is padded: a graph has the edges of its targets and no others. It holds no values.

use std::collections::BTreeMap;

use gnnrec_graph::{Csr, Duplicates, GraphError};
use gnnrec_model::{ModelError, Step};
use gnnrec_sampling::{Purpose, stream};
use gnnrec_sparse::EdgeGraph;
use rand::seq::index;
use rayon::prelude::*;

use super::NAME;

/// A scale is made of few values; more than this many are no opinions.
const MAX_LEVELS: usize = 256;

/// The distinct training ratings, ascending.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Levels(Vec<f32>);

impl Levels {
    /// # Errors
    /// No ratings, or more distinct ones than a scale has.
    pub(super) fn of(interactions: &Csr) -> Result<Self, ModelError> {
        let missing = |needs| ModelError::Missing { model: NAME, needs };
        let ratings = interactions.weights().ok_or(missing("ratings"))?;
        // Adding 0 makes one zero of both.
        let mut levels: Vec<f32> = ratings.iter().map(|rating| rating + 0.0).collect();
        levels.par_sort_unstable_by(f32::total_cmp);
        levels.dedup_by_key(|level| level.to_bits());
        match levels.len() {
            0 => Err(missing("ratings")),
            1..=MAX_LEVELS => Ok(Self(levels)),
            _ => Err(missing("ratings on a scale of at most 256 values")),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The place of a training rating on the scale.
    pub(super) fn position(&self, rating: f32) -> u32 {
        let position = self.0.binary_search_by(|level| level.total_cmp(&(rating + 0.0)));
        u32::try_from(position.expect("every training rating is a level")).expect("levels are few")
    }
}

/// Whom each node rated, or was rated by, and how: the opinions `(other, level)` of nodes.
///
/// What a model makes of an opinion depends on these two alone, so that each distinct pair is computed once
/// a step, however many targets share it.
#[derive(Clone, Debug)]
pub(super) struct Opinions {
    /// `num_nodes x num_pairs`, at most one pair of each `other` in a row.
    pub(super) pairs_of: Csr,
    /// By pair, ascending.
    pairs: Vec<(u32, u32)>,
    num_levels: usize,
    pub(super) kind: Kind,
}

impl Opinions {
    /// Of the rows of a rated matrix.
    ///
    /// # Errors
    /// More pairs than a `u32` can count.
    pub(super) fn new(rated: &Csr, levels: &Levels, kind: Kind) -> Result<Self, GraphError> {
        let ratings = rated.weights().expect("ratings were found");
        let of_edge: Vec<(u32, u32)> =
            rated.indices().par_iter().zip(ratings).map(|(&other, &rating)| (other, levels.position(rating))).collect();
        let mut pairs = of_edge.clone();
        pairs.par_sort_unstable();
        pairs.dedup();
        let edges: Vec<(u32, u32)> =
            rated.edges().zip(&of_edge).map(|((node, _), pair)| (node, place(&pairs, pair))).collect();
        let pairs_of = Csr::from_edges(rated.num_rows(), pairs.len(), &edges, Duplicates::Error)?;
        Ok(Self { pairs_of, pairs, num_levels: levels.len(), kind })
    }

    /// The pair of a training rating.
    pub(super) fn pair(&self, other: u32, level: u32) -> u32 {
        place(&self.pairs, &(other, level))
    }

    /// Some pairs, ascending, as the edges in their order of a graph from the other nodes of them, which come with it
    /// and are ascending too, to levels.
    pub(super) fn levels_of(&self, pairs: &[u32]) -> (EdgeGraph, Vec<u32>) {
        let (mut others, mut edges) = (Vec::new(), Vec::with_capacity(pairs.len()));
        for &pair in pairs {
            let (other, level) = self.pairs[pair as usize];
            if others.last() != Some(&other) {
                others.push(other);
            }
            edges.push((u32::try_from(others.len() - 1).expect("nodes are counted by a u32"), level));
        }
        let pattern = Csr::from_edges(others.len(), self.num_levels, &edges, Duplicates::Error);
        (EdgeGraph::new(pattern.expect("pairs are distinct")), others)
    }
}

/// Kinds of neighbourhoods, which draw from streams of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Friends,
    ItemsOfUsers,
    UsersOfItems,
}

/// Which neighbours a step looks at: all but those hidden, or at most so many of these, drawn anew each step.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    most: Option<(usize, Step)>,
    /// Node and neighbour, ascending.
    hidden: Vec<(Kind, u32, u32)>,
}

impl Choice {
    pub(super) fn new(most: Option<usize>, step: Step, mut hidden: Vec<(Kind, u32, u32)>) -> Self {
        hidden.sort_unstable();
        Self { most: most.map(|most| (most, step)), hidden }
    }

    fn is_all(&self) -> bool {
        self.most.is_none() && self.hidden.is_empty()
    }

    /// What is chosen of a row, keyed by step, kind and node.
    fn of(&self, all: &[u32], node: u32, kind: Kind) -> Vec<u32> {
        let start = self.hidden.partition_point(|hidden| *hidden < (kind, node, 0));
        let hidden = &self.hidden[start..];
        let hidden = &hidden[..hidden.partition_point(|hidden| (hidden.0, hidden.1) == (kind, node))];
        let is_shown = |neighbour: &u32| hidden.binary_search_by_key(neighbour, |hidden| hidden.2).is_err();
        let shown: Vec<u32> = all.iter().copied().filter(is_shown).collect();
        match self.most {
            Some((most, step)) if most < shown.len() => {
                let position = (kind as u64) << 32 | u64::from(node);
                let mut random = stream(step.seed, Purpose::Neighbours, [step.index, position]);
                index::sample(&mut random, shown.len(), most).into_iter().map(|position| shown[position]).collect()
            }
            _ => shown,
        }
    }
}

/// Some targets, their neighbours, and the edges between them.
#[derive(Clone, Debug)]
pub(super) struct Around {
    /// A row for each target, a column for each source.
    pub(super) graph: EdgeGraph,
    /// Distinct, ascending.
    pub(super) sources: Vec<u32>,
}

impl Around {
    /// Linear in the neighbours of the targets, and a look at each node that may be one.
    pub(super) fn of(targets: &[u32], neighbours: &Csr, kind: Kind, choice: &Choice) -> Self {
        let chosen = if choice.is_all() {
            neighbours.select_rows(targets)
        } else {
            let chosen = |(row, &node): (u32, &u32)| {
                choice.of(neighbours.row(node as usize), node, kind).into_iter().map(move |neighbour| (row, neighbour))
            };
            let edges: Vec<(u32, u32)> = (0..).zip(targets).flat_map(chosen).collect();
            let pattern = Csr::from_edges(targets.len(), neighbours.num_cols(), &edges, Duplicates::Error);
            pattern.expect("a part of a graph is a graph")
        };
        let (pattern, sources) = chosen.used_columns();
        Self { graph: EdgeGraph::new(pattern), sources }
    }
}

/// The distinct numbers, ascending.
pub(super) fn sorted(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.par_sort_unstable();
    numbers.dedup();
    numbers
}

/// Where each of `wanted` stands in `sorted`.
pub(super) fn places(sorted: &[u32], wanted: &[u32]) -> Vec<u32> {
    wanted.par_iter().map(|number| place(sorted, number)).collect()
}

fn place<T: Ord>(sorted: &[T], wanted: &T) -> u32 {
    let place = sorted.binary_search(wanted).expect("it was put there");
    u32::try_from(place).expect("no more places than a u32 counts")
}

/// All nodes of a graph in blocks of at least `num_edges` edges, or what is left: what a scorer computes at a time.
pub(super) fn blocks(neighbours: &Csr, num_edges: usize) -> Vec<Vec<u32>> {
    let mut blocks: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for (node, &start) in (0u32..).zip(&neighbours.indptr()[..neighbours.num_rows()]) {
        // A node costs something too, neighbours or not.
        blocks.entry((start + node as usize) / num_edges).or_default().push(node);
    }
    blocks.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rated() -> Csr {
        let edges = [(0, 1, 5.0), (0, 4, 0.5), (1, 1, 5.0), (1, 2, 0.5), (2, 1, 3.0), (2, 4, 0.5)];
        Csr::from_weighted_edges(4, 5, &edges, Duplicates::Error).unwrap()
    }

    #[test]
    fn opinions_by_hand() {
        let levels = Levels::of(&rated()).unwrap();
        assert_eq!(levels, Levels(vec![0.5, 3.0, 5.0]));
        let opinions = Opinions::new(&rated(), &levels, Kind::ItemsOfUsers).unwrap();
        assert_eq!(opinions.pairs, [(1, 1), (1, 2), (2, 0), (4, 0)]);
        let rows: Vec<_> = (0..4).map(|row| opinions.pairs_of.row(row)).collect();
        assert_eq!(rows, [&[1, 3][..], &[1, 2], &[0, 3], &[]]);
        let (levels_of, items) = opinions.levels_of(&[0, 1, 3]);
        assert_eq!(items, [1, 4]);
        assert_eq!(levels_of.pattern().edges().collect::<Vec<_>>(), [(0, 1), (0, 2), (1, 0)]);
    }

    #[test]
    fn what_is_no_scale_is_refused() {
        let refuse = |csr: &Csr| Levels::of(csr).unwrap_err().to_string();
        assert!(refuse(&rated().to_pattern()).starts_with("graphrec needs ratings,"));
        assert!(refuse(&Csr::from_weighted_edges(1, 1, &[], Duplicates::Error).unwrap()).contains("needs ratings,"));
        let edges: Vec<_> = (0u16..257).map(|n| (0, u32::from(n), f32::from(n))).collect();
        let many = Csr::from_weighted_edges(1, 257, &edges, Duplicates::Error).unwrap();
        assert!(refuse(&many).contains("at most 256 values"));
    }

    #[test]
    fn around_some_targets() {
        let around = Around::of(&[3, 0, 2], &rated().to_pattern(), Kind::ItemsOfUsers, &Choice::default());
        assert_eq!(around.sources, [1, 4]);
        assert!(around.graph.pattern().edges().eq([(1, 0), (1, 1), (2, 0), (2, 1)]));
    }

    #[test]
    fn what_is_hidden_is_hidden_from_its_node_and_kind() {
        let hidden = vec![(Kind::Friends, 1, 1), (Kind::ItemsOfUsers, 2, 4), (Kind::ItemsOfUsers, 0, 1)];
        let choice = Choice::new(None, Step { seed: 0, index: 0 }, hidden);
        let around = Around::of(&[0, 1, 2], &rated().to_pattern(), Kind::ItemsOfUsers, &choice);
        assert_eq!(around.sources, [1, 2, 4]);
        assert!(around.graph.pattern().edges().eq([(0, 2), (1, 0), (1, 1), (2, 0)]));
    }

    #[test]
    fn a_cap_keeps_a_part_that_the_key_decides() {
        let edges: Vec<_> = (0..40).map(|col| (0, col)).chain([(1, 3), (1, 9)]).collect();
        let pattern = Csr::from_edges(2, 40, &edges, Duplicates::Error).unwrap();
        let sources = |targets: &[u32], kind, index| {
            let around =
                Around::of(targets, &pattern, kind, &Choice::new(Some(5), Step { seed: 1, index }, Vec::new()));
            around.graph.pattern().row(0).iter().map(|&col| around.sources[col as usize]).collect::<Vec<_>>()
        };
        let first = sources(&[0], Kind::Friends, 0);
        assert_eq!(first.len(), 5);
        assert_eq!(first, sources(&[0, 1], Kind::Friends, 0), "whatever the company");
        assert_ne!(first, sources(&[0], Kind::Friends, 1));
        assert_ne!(first, sources(&[0], Kind::ItemsOfUsers, 0));
        assert_eq!(sources(&[1], Kind::Friends, 0), [3, 9], "fewer than the cap are all there");
    }

    #[test]
    fn blocks_hold_every_node_once() {
        let blocks = blocks(&rated().to_pattern(), 3);
        assert_eq!(blocks, [vec![0], vec![1], vec![2], vec![3]]);
        assert_eq!(super::blocks(&rated().to_pattern(), 100), [[0, 1, 2, 3]]);
    }
}
