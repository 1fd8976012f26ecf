//! The neighbourhood of some nodes, layer by layer, with at most so many neighbours a node: what a step needs
//! of a graph that is too large to step over whole.
//!
//! Hamilton, Ying and Leskovec, NeurIPS 2017 (GraphSAGE), arXiv:1706.02216, appendix A, algorithm 2:
//!
//! ```text
//! B(0) = the seeds          B(l+1) = B(l) followed by N(v) for each v in B(l)
//! N(v) = `fanout` neighbours of v, drawn uniformly without replacement; all of them where there are no more
//! ```
//!
//! Departures: layers are counted from the seeds outwards. The authors draw with replacement where a node has
//! fewer neighbours than the fan-out; here it has them all once. It adds no self-loops and carries no weights.

use std::collections::HashMap;

use gnnrec_graph::{Csr, Duplicates, GraphError};
use rayon::prelude::*;

use crate::draw::distinct;
use crate::{Purpose, SamplingError, stream};

/// Nodes around the seeds and which of them were sampled as neighbours of which.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbourhood {
    nodes: Vec<u32>,
    blocks: Vec<Csr>,
}

impl Neighbourhood {
    /// Every node once: the seeds in their order, then what each layer adds, in order of first appearance.
    #[must_use]
    pub fn nodes(&self) -> &[u32] {
        &self.nodes
    }

    /// One pattern a layer, the seeds' first. Row `r` of block `l` lists the sampled neighbours of `nodes()[r]` as
    /// places in [`Neighbourhood::nodes`]; its rows are the nodes of [`layer`](Neighbourhood::layer) `l` and its columns
    /// those of layer `l + 1`. A model computes the last block first.
    #[must_use]
    pub fn blocks(&self) -> &[Csr] {
        &self.blocks
    }

    /// The nodes within `layer` hops of the seeds, as far as they were sampled: a prefix of [`Neighbourhood::nodes`],
    /// which is the layer of the number of blocks.
    ///
    /// # Panics
    /// If `layer` is above the number of blocks.
    #[must_use]
    pub fn layer(&self, layer: usize) -> &[u32] {
        let blocks = &self.blocks;
        assert!(layer <= blocks.len(), "layer {layer} of a neighbourhood of {} blocks", blocks.len());
        &self.nodes[..blocks.get(layer).map_or(self.nodes.len(), Csr::num_rows)]
    }
}

/// Samples one layer for each fan-out, the seeds' first; a fan-out of `None` takes whole neighbourhoods.
///
/// What a node samples is a function of seed, step, layer and the node alone: neither the other seeds nor the number of
/// threads change it. Linear in what is sampled; memory does not depend on the size of the graph.
///
/// # Errors
/// An adjacency that is not square, a seed outside it or given twice, a fan-out of 0, or a layer of more edges than a
/// `u32` can count.
#[expect(clippy::missing_panics_doc, reason = "places are no more than the nodes of a graph, which a u32 counts")]
pub fn sample_neighbourhood(
    adjacency: &Csr,
    seeds: &[u32],
    fanouts: &[Option<usize>],
    seed: u64,
    step: u64,
) -> Result<Neighbourhood, SamplingError> {
    let (num_rows, num_cols) = (adjacency.num_rows(), adjacency.num_cols());
    if num_rows != num_cols {
        return Err(GraphError::NotSquare { num_rows, num_cols }.into());
    }
    if fanouts.contains(&Some(0)) {
        let (found, expected) = ("0".to_owned(), "at least 1, or none for whole neighbourhoods");
        return Err(SamplingError::Config { field: "fanout", found, expected });
    }
    let mut places = HashMap::with_capacity(seeds.len());
    for (place, &node) in (0u32..).zip(seeds) {
        if node as usize >= num_rows {
            return Err(SamplingError::NoSuchSeed { place, node, num_nodes: num_rows });
        }
        if let Some(first) = places.insert(node, place) {
            return Err(SamplingError::RepeatedSeed { first, place, node });
        }
    }
    let mut nodes = seeds.to_vec();
    let mut blocks = Vec::with_capacity(fanouts.len());
    for (layer, &fanout) in (0u64..).zip(fanouts) {
        let sampled: Vec<Vec<u32>> = nodes
            .par_iter()
            .map(|&node| neighbours(adjacency.row(node as usize), fanout, seed, [step, layer << 32 | u64::from(node)]))
            .collect();
        let num_rows = nodes.len();
        let mut edges = Vec::with_capacity(sampled.iter().map(Vec::len).sum());
        for (row, neighbours) in (0u32..).zip(sampled) {
            for neighbour in neighbours {
                let place = *places.entry(neighbour).or_insert_with(|| {
                    nodes.push(neighbour);
                    u32::try_from(nodes.len() - 1).expect("no more places than nodes of the graph")
                });
                edges.push((row, place));
            }
        }
        blocks.push(Csr::from_edges(num_rows, nodes.len(), &edges, Duplicates::Error)?);
    }
    Ok(Neighbourhood { nodes, blocks })
}

/// Part of a row, ascending, or all of it.
fn neighbours(row: &[u32], fanout: Option<usize>, seed: u64, position: [u64; 2]) -> Vec<u32> {
    match fanout {
        Some(fanout) if fanout < row.len() => {
            let mut random = stream(seed, Purpose::Neighbours, position);
            distinct(&mut random, row.len(), fanout).into_iter().map(|place| row[place as usize]).collect()
        }
        _ => row.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::tests::assert_law;

    fn graph(num_nodes: usize, edges: &[(u32, u32)]) -> Csr {
        Csr::from_edges(num_nodes, num_nodes, edges, Duplicates::First).unwrap()
    }

    /// The sampled neighbours of one node of a layer, as nodes of the graph, ascending.
    fn sampled(found: &Neighbourhood, layer: usize, node: u32) -> Vec<u32> {
        let row = found.layer(layer).iter().position(|&other| other == node).unwrap();
        let mut neighbours: Vec<u32> =
            found.blocks()[layer].row(row).iter().map(|&place| found.nodes()[place as usize]).collect();
        neighbours.sort_unstable();
        neighbours
    }

    fn any_fanouts() -> impl Strategy<Value = Vec<Option<usize>>> {
        prop::collection::vec(prop::option::of(1usize..6), 0..4)
    }

    proptest! {
        #[test]
        fn any_neighbourhood_against_its_graph(
            edges in prop::collection::vec((0u32..15, 0u32..15), 0..120),
            seeds in prop::collection::btree_set(0u32..15, 0..6),
            fanouts in any_fanouts(),
            (seed, step) in (0u64..5, 0u64..5),
        ) {
            let adjacency = graph(15, &edges);
            // In an order that is not that of the ids.
            let seeds: Vec<u32> = seeds.into_iter().rev().collect();
            let found = sample_neighbourhood(&adjacency, &seeds, &fanouts, seed, step).unwrap();
            prop_assert_eq!(found.blocks().len(), fanouts.len());
            prop_assert_eq!(found.layer(0), &seeds[..]);
            prop_assert_eq!(found.layer(fanouts.len()), found.nodes());
            let distinct: BTreeSet<u32> = found.nodes().iter().copied().collect();
            prop_assert_eq!(distinct.len(), found.nodes().len());

            let mut expected = seeds.clone();
            for (layer, (block, fanout)) in found.blocks().iter().zip(&fanouts).enumerate() {
                prop_assert_eq!((block.num_rows(), block.num_cols()), (found.layer(layer).len(), found.layer(layer + 1).len()));
                for &node in found.layer(layer) {
                    let (row, neighbours) = (adjacency.row(node as usize), sampled(&found, layer, node));
                    prop_assert_eq!(neighbours.len(), fanout.unwrap_or(usize::MAX).min(row.len()));
                    prop_assert!(neighbours.windows(2).all(|pair| pair[0] < pair[1]));
                    prop_assert!(neighbours.iter().all(|neighbour| row.contains(neighbour)));
                    for neighbour in neighbours {
                        if !expected.contains(&neighbour) {
                            expected.push(neighbour);
                        }
                    }
                }
                // First appearance: row after row, ascending in each.
                prop_assert_eq!(found.layer(layer + 1), &expected[..]);
            }

            // The same again, for any number of threads, and for each node among other seeds.
            for threads in [1, 3] {
                let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let again = threads.install(|| sample_neighbourhood(&adjacency, &seeds, &fanouts, seed, step)).unwrap();
                prop_assert_eq!(&again, &found);
            }
            let everybody: Vec<u32> = (0..15).collect();
            let among_all = sample_neighbourhood(&adjacency, &everybody, &fanouts, seed, step).unwrap();
            for layer in 0..fanouts.len() {
                for &node in found.layer(layer) {
                    prop_assert_eq!(sampled(&found, layer, node), sampled(&among_all, layer, node));
                }
            }
        }
    }

    #[test]
    fn whole_neighbourhoods_by_hand() {
        // 0 -> 2, 3   2 -> 0, 4   3 -> 2   4 -> 5; node 1 has nobody.
        let adjacency = graph(6, &[(0, 2), (0, 3), (2, 0), (2, 4), (3, 2), (4, 5)]);
        let found = sample_neighbourhood(&adjacency, &[3, 1, 0], &[None, Some(9)], 7, 0).unwrap();
        assert_eq!(found.nodes(), [3, 1, 0, 2, 4]);
        assert_eq!((found.layer(0), found.layer(1)), (&[3, 1, 0][..], &[3, 1, 0, 2][..]));
        // By place: 3 sees 2; 0 sees 2 and 3; 2 sees 0 and 4.
        let [first, second] = found.blocks() else { panic!("two layers") };
        assert_eq!((first.num_rows(), first.num_cols()), (3, 4));
        assert_eq!(first.edges().collect::<Vec<_>>(), [(0, 3), (2, 0), (2, 3)]);
        assert_eq!((second.num_rows(), second.num_cols()), (4, 5));
        assert_eq!(second.edges().collect::<Vec<_>>(), [(0, 3), (2, 0), (2, 3), (3, 2), (3, 4)]);
    }

    #[test]
    fn every_set_of_neighbours_is_as_likely() {
        // Node 0 knows 1 to 5: ten pairs.
        let adjacency = graph(6, &[(0, 1), (0, 2), (0, 3), (0, 4), (0, 5)]);
        let mut counts = BTreeMap::new();
        for step in 0..20_000 {
            let found = sample_neighbourhood(&adjacency, &[0], &[Some(2)], 1, step).unwrap();
            let pair = sampled(&found, 0, 0);
            *counts.entry(pair[0] * 10 + pair[1]).or_default() += 1;
        }
        let pairs: Vec<(u32, f64)> =
            (1..6).flat_map(|a| (a + 1..6).map(move |b| a * 10 + b)).map(|pair| (pair, 1.0)).collect();
        assert_law(&counts, &pairs);
    }

    #[test]
    fn layers_and_nodes_draw_apart() {
        // Nodes 0 and 1 both know 2, 3 and 4: what one draws in a layer says nothing about the other, nor about itself
        // in the next.
        let adjacency = graph(5, &[(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)]);
        let (mut nodes, mut layers) = (BTreeMap::new(), BTreeMap::new());
        for step in 0..10_000 {
            let found = sample_neighbourhood(&adjacency, &[0, 1], &[Some(1), Some(1)], 1, step).unwrap();
            let drawn = |layer, node| sampled(&found, layer, node)[0];
            *nodes.entry(drawn(0, 0) * 10 + drawn(0, 1)).or_default() += 1;
            *layers.entry(drawn(0, 0) * 10 + drawn(1, 0)).or_default() += 1;
        }
        let alike: Vec<(u32, f64)> = [22, 23, 24, 32, 33, 34, 42, 43, 44].map(|cell| (cell, 1.0)).into();
        assert_law(&nodes, &alike);
        assert_law(&layers, &alike);
    }

    #[test]
    fn steps_and_seeds_differ() {
        let edges: Vec<(u32, u32)> = (0..30).flat_map(|a| (0..30).map(move |b| (a, b))).collect();
        let adjacency = graph(30, &edges);
        let sample = |seed, step| sample_neighbourhood(&adjacency, &[4, 9], &[Some(5)], seed, step).unwrap();
        assert_eq!(sample(1, 0), sample(1, 0));
        assert_ne!(sample(1, 0), sample(1, 1));
        assert_ne!(sample(1, 0), sample(2, 0));
    }

    #[test]
    fn what_is_no_neighbourhood_is_named() {
        let adjacency = graph(4, &[(0, 1)]);
        let refuse = |adjacency: &Csr, seeds: &[u32], fanouts: &[Option<usize>]| {
            sample_neighbourhood(adjacency, seeds, fanouts, 0, 0).expect_err("an error").to_string()
        };
        assert_eq!(refuse(&adjacency, &[0, 4], &[None]), "seed 1: node 4, expected one below 4");
        assert_eq!(
            refuse(&adjacency, &[3, 0, 3], &[None]),
            "seeds 0 and 2 are both node 3; give each node once and look its rows up"
        );
        assert_eq!(
            refuse(&adjacency, &[0], &[None, Some(0)]),
            "sampler: fanout is 0, expected at least 1, or none for whole neighbourhoods"
        );
        let oblong = Csr::from_edges(2, 3, &[], Duplicates::Error).unwrap();
        assert_eq!(refuse(&oblong, &[0], &[None]), "the matrix is 2 x 3, expected as many rows as columns");
        let none = sample_neighbourhood(&adjacency, &[2, 0], &[], 0, 0).unwrap();
        assert_eq!((none.nodes(), none.layer(0), none.blocks().len()), (&[2, 0][..], &[2, 0][..], 0));
    }
}
