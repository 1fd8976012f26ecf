//! Batches of facts, each beside a corrupt one: how KGAT trains TransR.
//!
//! Wang et al., KDD 2019, arXiv:1905.07854, equation 2:
//!
//! ```text
//! L_KG = sum of -ln σ(g(h, r, t') - g(h, r, t)) over (h, r, t) in G, (h, r, t') not in G
//! ```
//!
//! Departure: an epoch is a permutation of the facts, where the authors' code draws heads with replacement.
//! It computes neither `g` nor the loss.

use std::sync::Arc;

use gnnrec_graph::{Csr, Duplicates, EntityId, KnowledgeGraph, RelationId, Triple};

use crate::batch::{check_batch_size, rows_of};
use crate::draw::{edge, outside};
use crate::permutation::Permutation;
use crate::{FactBatch, Purpose, SamplingError, stream};

/// Position of an epoch's permutation key, where no batch can stand.
const PERMUTATION: u64 = u64::MAX;

/// Draws batches of facts, each a function of seed, epoch and index; cheap to clone, shared between threads.
#[derive(Clone)]
pub struct FactSampler {
    facts: Arc<Facts>,
    batch_size: usize,
    seed: u64,
}

/// The facts by what they have before their tail.
struct Facts {
    /// Head and relation, sorted, of which there is a fact.
    subjects: Vec<(EntityId, RelationId)>,
    /// `subjects x entities`: the tails of each.
    tails: Csr,
}

impl FactSampler {
    /// Prepares a sampler of the facts as they stand: for inverse relations pass a graph that has them. It keeps
    /// 4 bytes a fact and 16 for each head and relation.
    ///
    /// # Errors
    /// A `batch_size` of 0, no fact at all, more facts than a `u32` can count, or a head and relation that have
    /// every entity as their tail.
    pub fn new(knowledge: &KnowledgeGraph, batch_size: usize, seed: u64) -> Result<Self, SamplingError> {
        check_batch_size(batch_size)?;
        let (num_entities, num_relations) = (knowledge.num_entities(), knowledge.num_relations());
        if knowledge.triples().is_empty() {
            return Err(SamplingError::NoFacts { num_entities, num_relations });
        }
        let subject = |triple: &Triple| (triple.head, triple.relation);
        let mut subjects = Vec::new();
        let mut edges = Vec::with_capacity(knowledge.triples().len());
        for (row, facts) in (0..).zip(knowledge.triples().chunk_by(|a, b| subject(a) == subject(b))) {
            let (head, relation) = subject(&facts[0]);
            if facts.len() == num_entities {
                return Err(SamplingError::NoCorruptTails { head, relation, num_entities });
            }
            subjects.push((head, relation));
            edges.extend(facts.iter().map(|fact| (row, fact.tail.0)));
        }
        let tails = Csr::from_edges(subjects.len(), num_entities, &edges, Duplicates::Error)?;
        Ok(Self { facts: Arc::new(Facts { subjects, tails }), batch_size, seed })
    }

    /// Batches of an epoch, the last of which may be shorter.
    #[must_use]
    pub fn num_batches(&self) -> usize {
        self.facts.tails.num_edges().div_ceil(self.batch_size)
    }

    /// One batch, drawn by the calling thread.
    ///
    /// A corrupt tail is uniform over the entities, the head among them, that are no known tail of its head and
    /// relation.
    ///
    /// # Errors
    /// If the epoch has no such batch.
    pub fn batch(&self, epoch: u64, index: usize) -> Result<FactBatch, SamplingError> {
        let Facts { subjects, tails } = &*self.facts;
        let rows = rows_of(index, self.batch_size, tails.num_edges())?;
        let key = |position| stream(self.seed, Purpose::Facts, [epoch, position]);
        let order = Permutation::new(tails.num_edges(), &mut key(PERMUTATION));
        let mut random = key(index as u64);
        let mut batch = FactBatch::default();
        for number in rows.map(|row| order.apply(row)) {
            let (row, tail) = edge(tails, number);
            let (head, relation) = subjects[row];
            batch.heads.push(head);
            batch.relations.push(relation);
            batch.tails.push(EntityId(tail));
            batch.negative_tails.push(EntityId(outside(tails, row, &mut random)));
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::tests::assert_law;

    fn graph(num_entities: usize, num_relations: usize, facts: &[(u32, u32, u32)]) -> KnowledgeGraph {
        let triple = |&(head, relation, tail): &_| Triple {
            head: EntityId(head),
            relation: RelationId(relation),
            tail: EntityId(tail),
        };
        let triples: Vec<Triple> = facts.iter().map(triple).collect();
        KnowledgeGraph::new(num_entities, num_relations, &triples, Vec::new()).unwrap()
    }

    /// Rows of an epoch: fact and corrupt tail.
    fn epoch_of(sampler: &FactSampler, epoch: u64) -> Vec<(Triple, EntityId)> {
        let mut rows = Vec::new();
        for index in 0..sampler.num_batches() {
            let FactBatch { heads, relations, tails, negative_tails } = sampler.batch(epoch, index).unwrap();
            assert!([relations.len(), tails.len(), negative_tails.len()] == [heads.len(); 3]);
            let facts = heads.into_iter().zip(relations).zip(tails);
            let facts = facts.map(|((head, relation), tail)| Triple { head, relation, tail });
            rows.extend(facts.zip(negative_tails));
        }
        rows
    }

    proptest! {
        #[test]
        fn an_epoch_holds_every_fact_once_beside_none_that_is_known(
            facts in prop::collection::btree_set((0u32..6, 0u32..3, 0u32..6), 1..90),
            batch_size in 1usize..100,
            (seed, epoch) in (0u64..9, 0u64..3),
        ) {
            // Entity 6 is nobody's tail.
            let facts: Vec<_> = facts.into_iter().collect();
            let graph = graph(7, 3, &facts);
            let sampler = FactSampler::new(&graph, batch_size, seed).unwrap();
            for index in 0..sampler.num_batches() {
                let expected = batch_size.min(facts.len() - index * batch_size);
                prop_assert_eq!(sampler.batch(epoch, index).unwrap().len(), expected);
            }
            let rows = epoch_of(&sampler, epoch);
            let known: BTreeSet<Triple> = graph.triples().iter().copied().collect();
            for &(fact, tail) in &rows {
                let corrupt = Triple { tail, ..fact };
                prop_assert!(tail.0 < 7 && !known.contains(&corrupt), "{corrupt:?}");
            }
            let mut found: Vec<Triple> = rows.into_iter().map(|(fact, _)| fact).collect();
            found.sort_unstable();
            prop_assert_eq!(&found[..], graph.triples());
        }
    }

    #[test]
    fn corrupt_tails_are_uniform_over_what_is_no_fact() {
        // A tail known under another relation, or of another head, may be drawn; so may the head itself.
        let facts = [(0, 0, 1), (0, 0, 3), (0, 1, 0), (0, 1, 1), (0, 1, 2), (0, 1, 4), (2, 0, 2)];
        let sampler = FactSampler::new(&graph(5, 2, &facts), 3, 5).unwrap();
        let mut counts: BTreeMap<(u32, u32), BTreeMap<u32, u32>> = BTreeMap::new();
        for (fact, tail) in (0..6_000).flat_map(|epoch| epoch_of(&sampler, epoch)) {
            *counts.entry((fact.head.0, fact.relation.0)).or_default().entry(tail.0).or_default() += 1;
        }
        assert_law(&counts[&(0, 0)], &[(0, 1.0), (2, 1.0), (4, 1.0)]);
        assert_law(&counts[&(0, 1)], &[(3, 1.0)]);
        assert_law(&counts[&(2, 0)], &[(0, 1.0), (1, 1.0), (3, 1.0), (4, 1.0)]);
    }

    #[test]
    fn epochs_seeds_and_batches_differ() {
        let facts: Vec<_> = (0..200).map(|n| (n / 10, n % 2, n % 10)).collect();
        let graph = graph(50, 2, &facts);
        let rows = |seed, epoch| epoch_of(&FactSampler::new(&graph, 50, seed).unwrap(), epoch);
        let sorted = |mut rows: Vec<(Triple, EntityId)>| {
            rows.sort_unstable();
            rows
        };
        assert_eq!(rows(1, 0), rows(1, 0));
        for other in [rows(1, 1), rows(2, 0)] {
            // Another order, and other tails whatever the order.
            assert!(rows(1, 0).iter().zip(&other).any(|(a, b)| a.0 != b.0));
            assert_ne!(sorted(rows(1, 0)), sorted(other));
        }
        // Here every row has the same choice, so that the same stream would give the same tails.
        let facts: Vec<_> = (0..200).map(|head| (head, 0, 0)).collect();
        let alike = FactSampler::new(&self::graph(200, 1, &facts), 50, 1).unwrap();
        let tails = |epoch, index| alike.batch(epoch, index).unwrap().negative_tails;
        assert_eq!(tails(0, 0), tails(0, 0));
        assert_ne!(tails(0, 0), tails(0, 1));
        assert_ne!(tails(0, 0), tails(1, 0));
    }

    #[test]
    fn what_cannot_be_corrupted_is_named() {
        let refuse =
            |graph: &KnowledgeGraph, size| FactSampler::new(graph, size, 0).err().expect("an error").to_string();
        assert_eq!(refuse(&graph(3, 2, &[(0, 1, 2)]), 0), "sampler: batch_size is 0, expected at least 1");
        assert_eq!(
            refuse(&graph(3, 2, &[]), 4),
            "there are no facts among 3 entities and 2 relations; expected at least one"
        );
        assert_eq!(
            refuse(&graph(3, 2, &[(0, 0, 0), (0, 0, 1), (0, 1, 2), (2, 1, 0), (2, 1, 1), (2, 1, 2)]), 4),
            "head 2 has all 3 entities as tails of relation 1, so none is left as a corrupt tail; remove the facts or add \
             entities"
        );
        let sampler = FactSampler::new(&graph(3, 2, &[(0, 1, 2)]), usize::MAX, 0).unwrap();
        assert_eq!(sampler.batch(0, 7), Err(SamplingError::NoSuchBatch { index: 7, num_batches: 1 }));
    }
}
