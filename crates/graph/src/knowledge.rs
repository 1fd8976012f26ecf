//! Facts about items: typed triples over entities, some of which are the items.
//!
//! Items and entities are numbered apart; the alignment says which entity an item is. Items the
//! knowledge graph does not know have no entity.

use crate::{EntityId, GraphError, ItemId, RelationId};

/// One fact, `head --relation--> tail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Triple {
    /// What the fact is about.
    pub head: EntityId,
    /// The kind of fact.
    pub relation: RelationId,
    /// What it says.
    pub tail: EntityId,
}

/// Typed triples, sorted and free of duplicates, and which entity each item is.
#[derive(Clone, Debug, PartialEq)]
pub struct KnowledgeGraph {
    num_entities: usize,
    num_relations: usize,
    indptr: Vec<usize>,
    triples: Vec<Triple>,
    entity_of_item: Vec<Option<EntityId>>,
}

impl KnowledgeGraph {
    /// Builds the graph; repeated triples count once. `entity_of_item[i]` is the entity of item `i`.
    ///
    /// # Errors
    /// A triple or an alignment that names an entity or relation outside the given counts, or more
    /// entities, items or relations with their inverses than a `u32` can count.
    pub fn new(
        num_entities: usize,
        num_relations: usize,
        triples: &[Triple],
        entity_of_item: Vec<Option<EntityId>>,
    ) -> Result<Self, GraphError> {
        let with_inverses = num_relations.saturating_mul(2);
        let counts =
            [("entities", num_entities), ("items", entity_of_item.len()), ("relations and inverses", with_inverses)];
        for (what, count) in counts {
            if u32::try_from(count).is_err() {
                return Err(GraphError::TooMany { what, count });
            }
        }
        let mut triples = triples.to_vec();
        for (edge, triple) in triples.iter().enumerate() {
            let inside = triple.head.index() < num_entities && triple.tail.index() < num_entities;
            if !inside {
                let (row, col) = (triple.head.0, triple.tail.0);
                return Err(GraphError::OutOfBounds { edge, row, col, num_rows: num_entities, num_cols: num_entities });
            }
            if triple.relation.index() >= num_relations {
                return Err(GraphError::UnknownRelation { triple: edge, relation: triple.relation.0, num_relations });
            }
        }
        for (item, entity) in (0..).zip(&entity_of_item) {
            if let Some(entity) = entity.filter(|entity| entity.index() >= num_entities) {
                return Err(GraphError::UnknownEntity { item: ItemId(item), entity: entity.0, num_entities });
            }
        }
        triples.sort_unstable();
        triples.dedup();
        let mut indptr = vec![0usize; num_entities + 1];
        for triple in &triples {
            indptr[triple.head.index() + 1] += 1;
        }
        for entity in 0..num_entities {
            indptr[entity + 1] += indptr[entity];
        }
        Ok(Self { num_entities, num_relations, indptr, triples, entity_of_item })
    }

    /// The same facts, with for each relation `r` its inverse `r + num_relations` from tail to head.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "twice the relations were counted at construction")]
    pub fn with_inverse_relations(&self) -> Self {
        let offset = u32::try_from(self.num_relations).expect("twice the relations fit a u32");
        let inverse = self.triples.iter().map(|triple| Triple {
            head: triple.tail,
            relation: RelationId(triple.relation.0 + offset),
            tail: triple.head,
        });
        let triples: Vec<Triple> = self.triples.iter().copied().chain(inverse).collect();
        Self::new(self.num_entities, self.num_relations * 2, &triples, self.entity_of_item.clone())
            .expect("a valid graph stays valid with its inverse relations")
    }

    /// Number of entities.
    #[must_use]
    pub fn num_entities(&self) -> usize {
        self.num_entities
    }

    /// Number of relation types.
    #[must_use]
    pub fn num_relations(&self) -> usize {
        self.num_relations
    }

    /// Number of items the alignment covers, known to the graph or not.
    #[must_use]
    pub fn num_items(&self) -> usize {
        self.entity_of_item.len()
    }

    /// Every triple, sorted by head, relation and tail.
    #[must_use]
    pub fn triples(&self) -> &[Triple] {
        &self.triples
    }

    /// The facts with this head.
    #[must_use]
    pub fn facts_of(&self, head: EntityId) -> &[Triple] {
        &self.triples[self.indptr[head.index()]..self.indptr[head.index() + 1]]
    }

    /// The entity an item is, if the graph knows it.
    #[must_use]
    pub fn entity_of(&self, item: ItemId) -> Option<EntityId> {
        self.entity_of_item[item.index()]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn fact((head, relation, tail): (u32, u32, u32)) -> Triple {
        Triple { head: EntityId(head), relation: RelationId(relation), tail: EntityId(tail) }
    }

    proptest! {
        #[test]
        fn any_facts_against_a_set(facts in prop::collection::vec((0u32..5, 0u32..3, 0u32..5), 0..40)) {
            let triples: Vec<Triple> = facts.iter().copied().map(fact).collect();
            let graph = KnowledgeGraph::new(5, 3, &triples, vec![Some(EntityId(4)), None]).unwrap();
            let expected: BTreeSet<Triple> = triples.iter().copied().collect();
            prop_assert!(graph.triples().iter().eq(&expected));
            for head in (0..5).map(EntityId) {
                prop_assert!(graph.facts_of(head).iter().eq(expected.iter().filter(|triple| triple.head == head)));
            }
            let both = graph.with_inverse_relations();
            let inverse = facts.iter().map(|&(head, relation, tail)| fact((tail, relation + 3, head)));
            let expected: BTreeSet<Triple> = triples.into_iter().chain(inverse).collect();
            prop_assert!(both.triples().iter().eq(&expected));
            prop_assert_eq!((both.num_entities(), both.num_relations(), both.num_items()), (5, 6, 2));
            prop_assert_eq!(both.entity_of(ItemId(0)), Some(EntityId(4)));
            prop_assert_eq!(both.entity_of(ItemId(1)), None);
        }
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let refused = |relations, triples: &[(u32, u32, u32)], entities: &[Option<EntityId>]| {
            let triples: Vec<Triple> = triples.iter().copied().map(fact).collect();
            KnowledgeGraph::new(4, relations, &triples, entities.to_vec()).unwrap_err().to_string()
        };
        assert_eq!(refused(2, &[(0, 0, 1), (4, 0, 0)], &[]), "edge 1: (4, 0) lies outside a 4 x 4 matrix");
        assert_eq!(refused(2, &[(0, 1, 4)], &[]), "edge 0: (0, 4) lies outside a 4 x 4 matrix");
        assert_eq!(refused(2, &[(0, 2, 1)], &[]), "triple 0: relation 2, expected one below 2");
        assert_eq!(
            refused(2, &[], &[None, Some(EntityId(3)), Some(EntityId(4))]),
            "item 2 is aligned to entity 4, expected one below 4"
        );
        // Inverse relations would no longer be numbered.
        assert_eq!(refused(1 << 31, &[], &[]), "4294967296 relations and inverses, expected at most 4294967295");
    }
}
