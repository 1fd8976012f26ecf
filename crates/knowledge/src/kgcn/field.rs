//! The receptive field: for every node of the knowledge graph a fixed number of sampled facts.

use gnnrec_graph::{EntityId, KnowledgeGraph};
use gnnrec_sampling::{Purpose, stream};
use rand::seq::index;
use rand::{Rng, RngExt};
use rayon::prelude::*;

use crate::nodes::Nodes;

/// `size` sampled neighbours of each node, drawn once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Neighbours a node.
    pub(super) size: usize,
    /// The node each item is.
    pub(super) node_of_item: Vec<u32>,
    /// `num_nodes x size`; a node without facts repeats itself.
    pub(super) neighbours: Vec<u32>,
    /// `num_nodes x size`, in step with `neighbours`.
    pub(super) relations: Vec<u32>,
    /// Whether a node has any fact.
    pub(super) has_facts: Vec<bool>,
    /// Relations and their inverses.
    pub(super) num_relations: usize,
}

impl Field {
    /// Samples facts in both directions: a relation and its inverse are two relations. A node with at
    /// least `size` facts gets that many different ones, a node with fewer draws with repetition.
    pub(super) fn sample(knowledge: &KnowledgeGraph, size: usize, seed: u64) -> Self {
        let knowledge = knowledge.with_inverse_relations();
        let nodes = Nodes::new(&knowledge);
        let sampled: Vec<(Vec<(u32, u32)>, bool)> = (0..u32::try_from(nodes.count).expect("nodes fit 32-bit ids"))
            .into_par_iter()
            .map(|node| {
                let known = (node as usize) < knowledge.num_entities();
                let facts = if known { knowledge.facts_of(EntityId(node)) } else { &[] };
                let mut random = stream(seed, Purpose::Neighbours, [u64::from(node), size as u64]);
                let chosen = positions(facts.len(), size, &mut random).into_iter();
                match facts.is_empty() {
                    true => (vec![(node, 0); size], false),
                    false => (chosen.map(|fact| (facts[fact].tail.0, facts[fact].relation.0)).collect(), true),
                }
            })
            .collect();
        let facts = || sampled.iter().flat_map(|(facts, _)| facts);
        Self {
            size,
            node_of_item: nodes.of_item,
            neighbours: facts().map(|fact| fact.0).collect(),
            relations: facts().map(|fact| fact.1).collect(),
            has_facts: sampled.iter().map(|&(_, has_facts)| has_facts).collect(),
            num_relations: knowledge.num_relations(),
        }
    }

    pub(super) fn num_nodes(&self) -> usize {
        self.has_facts.len()
    }

    /// Positions of a node's facts in `neighbours` and `relations`.
    pub(super) fn facts(&self, node: u32) -> std::ops::Range<usize> {
        node as usize * self.size..(node as usize + 1) * self.size
    }
}

/// `size` of `count` positions, different ones where there are enough.
fn positions(count: usize, size: usize, random: &mut impl Rng) -> Vec<usize> {
    match count {
        0 => Vec::new(),
        _ if count >= size => index::sample(random, count, size).into_vec(),
        _ => (0..size).map(|_| random.random_range(0..count)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::{RelationId, Triple};

    use super::*;

    #[test]
    fn fields_hold_facts_and_nothing_else() {
        // A star: entity 0 is the head of ten facts; item 1 is unknown to the graph; entity 11 is alone.
        let fact = |tail| Triple { head: EntityId(0), relation: RelationId(tail % 2), tail: EntityId(tail) };
        let facts: Vec<_> = (1..11).map(fact).collect();
        let knowledge = KnowledgeGraph::new(12, 2, &facts, vec![Some(EntityId(0)), None, Some(EntityId(11))]).unwrap();
        let field = Field::sample(&knowledge, 4, 9);
        assert_eq!((field.num_nodes(), field.num_relations), (13, 4));
        assert_eq!(field.node_of_item, [0, 12, 11]);
        let hub: std::collections::BTreeSet<u32> = field.neighbours[field.facts(0)].iter().copied().collect();
        assert_eq!(hub.len(), 4, "enough facts are drawn without repetition");
        for node in 0..13u32 {
            for position in field.facts(node) {
                let (tail, relation) = (field.neighbours[position], field.relations[position]);
                match node {
                    0 => assert!((1..11).contains(&tail) && relation == tail % 2),
                    1..11 => assert!(tail == 0 && relation == node % 2 + 2, "the inverse fact"),
                    _ => assert!(tail == node && !field.has_facts[node as usize]),
                }
            }
        }
        assert_eq!(field, Field::sample(&knowledge, 4, 9));
        assert_ne!(field, Field::sample(&knowledge, 4, 10));
    }
}
