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
