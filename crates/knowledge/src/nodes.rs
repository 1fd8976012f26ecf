//! The nodes that models of this family give an embedding: every entity and, after them, the items that the knowledge
//! graph does not know. An item that is an entity has that entity's node.

use gnnrec_graph::{ItemId, KnowledgeGraph};

/// Where items stand among the nodes. An entity's node has the entity's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nodes {
    /// Entities and unknown items.
    pub(crate) count: usize,
    /// The node of each item.
    pub(crate) of_item: Vec<u32>,
}

impl Nodes {
    /// Numbers the unknown items in their order.
    pub(crate) fn new(knowledge: &KnowledgeGraph) -> Self {
        let mut count = u32::try_from(knowledge.num_entities()).expect("entity ids are u32");
        let of_item = (0..u32::try_from(knowledge.num_items()).expect("item ids are u32"))
            .map(|item| match knowledge.entity_of(ItemId(item)) {
                Some(entity) => entity.0,
                None => {
                    count = count.checked_add(1).expect("entities and unknown items fit 32-bit ids");
                    count - 1
                }
            })
            .collect();
        Self { count: count as usize, of_item }
    }
}
