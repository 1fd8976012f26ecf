//! One graph over several kinds of node: users and items, with ties between users, with facts about items.
//!
//! Nodes are users first, then items, then the entities that are no items:
//!
//! ```text
//! 0 .. num_users | num_users .. num_users + num_items | .. num_nodes
//!      users     |              items                 | remaining entities, ascending
//! ```
//!
//! [`joint_graph`] is the bare symmetric pattern over which graph convolution runs; [`JointGraph`] also
//! says what each edge means. Weights are left out of both.

#[cfg(test)]
mod tests;

use crate::csr::build;
use crate::{Csr, Duplicates, EntityId, GraphError, InteractionGraph, ItemId, KnowledgeGraph, RelationId};
use crate::{SocialGraph, TieDirection, UserId};

/// The symmetric pattern over `num_users + num_items` nodes, users first: `u -- i` for every training
/// interaction and, with `ties`, `u -- v` whenever one of the two is tied to the other.
///
/// # Errors
/// Ties between another number of users, or more nodes or edges than 32 bits count.
pub fn joint_graph(interactions: &InteractionGraph, ties: Option<&Csr>) -> Result<Csr, GraphError> {
    let num_users = interactions.num_users();
    for found in ties.iter().flat_map(|ties| [ties.num_rows(), ties.num_cols()]) {
        if found != num_users {
            return Err(GraphError::Mismatch { part: "social graph", what: "users", found, expected: num_users });
        }
    }
    let num_nodes = num_users + interactions.num_items();
    let offset = item_offset(num_users, num_nodes)?;
    let num_ties = ties.map_or(0, Csr::num_edges);
    let mut edges = Vec::with_capacity(2 * (interactions.num_interactions() + num_ties));
    for (user, item) in interactions.by_user().edges() {
        edges.extend([(user, offset + item), (offset + item, user)]);
    }
    for (user, friend) in ties.into_iter().flat_map(Csr::edges) {
        edges.extend([(user, friend), (friend, user)]);
    }
    Csr::from_edges(num_nodes, num_nodes, &edges, Duplicates::First)
}

/// The first item's node, where all nodes fit 32 bits.
fn item_offset(num_users: usize, num_nodes: usize) -> Result<u32, GraphError> {
    let too_many = GraphError::TooMany { what: "nodes", count: num_nodes };
    u32::try_from(num_nodes).and_then(|_| u32::try_from(num_users)).map_err(|_| too_many)
}

/// What a node of a [`JointGraph`] is. An entity that is an item is that item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A user.
    User(UserId),
    /// An item, known to the knowledge graph or not.
    Item(ItemId),
    /// An entity that is no item.
    Entity(EntityId),
}

/// Users, items and entities in one symmetric pattern, each edge with the relations it stands for.
///
/// Every relation has its inverse; with `R` relations in the knowledge graph they are numbered
///
/// ```text
/// 0 user has item      1 item is had by user      2 user is tied to user      3 the other way round
/// 4 .. 4 + R           the knowledge graph's      4 + R .. 4 + 2 R            their inverses
/// ```
///
/// A symmetric tie is its own inverse: relation 2 both ways.
#[derive(Clone, Debug, PartialEq)]
pub struct JointGraph {
    num_users: usize,
    num_items: usize,
    num_relations: usize,
    pattern: Csr,
    relation_indptr: Vec<usize>,
    relations: Vec<RelationId>,
    node_of_entity: Vec<u32>,
    /// Entities that are no items, ascending.
    entities: Vec<EntityId>,
}

impl JointGraph {
    /// User has item.
    pub const HAS: RelationId = RelationId(0);
    /// Item is had by user.
    pub const HAD_BY: RelationId = RelationId(1);
    /// User knows, trusts or follows user.
    pub const TIED_TO: RelationId = RelationId(2);
    /// The inverse of a directed tie.
    pub const TIED_FROM: RelationId = RelationId(3);
    /// Relations that come before the knowledge graph's own.
    pub const NUM_OWN_RELATIONS: u32 = 4;

    /// Joins what there is; linear in the edges but for the sorting inside rows.
    ///
    /// The knowledge graph is taken without inverse relations: they are added here.
    ///
    /// # Errors
    /// Parts that count other users or items than the interactions, two items that are one entity, or
    /// more nodes, edges or relations than 32 bits count.
    pub fn new(
        interactions: &InteractionGraph,
        social: Option<&SocialGraph>,
        knowledge: Option<&KnowledgeGraph>,
    ) -> Result<Self, GraphError> {
        let (num_users, num_items) = (interactions.num_users(), interactions.num_items());
        let expect = |part, what, found, expected| match found == expected {
            true => Ok(()),
            false => Err(GraphError::Mismatch { part, what, found, expected }),
        };
        expect("social graph", "users", social.map_or(num_users, SocialGraph::num_users), num_users)?;
        expect("knowledge graph", "items", knowledge.map_or(num_items, KnowledgeGraph::num_items), num_items)?;
        let (node_of_entity, entities) = place_entities(num_users, num_items, knowledge)?;
        let num_nodes = num_users + num_items + entities.len();
        let offset = item_offset(num_users, num_nodes)?;

        let mut edges: Vec<(u32, u32, RelationId)> = Vec::new();
        for (user, item) in interactions.by_user().edges() {
            edges.extend([(user, offset + item, Self::HAS), (offset + item, user, Self::HAD_BY)]);
        }
        if let Some(social) = social {
            edges.extend(social.ties().edges().map(|(user, friend)| (user, friend, Self::TIED_TO)));
            if social.direction() == TieDirection::Directed {
                edges.extend(social.ties().edges().map(|(user, friend)| (friend, user, Self::TIED_FROM)));
            }
        }
        let num_facts = knowledge.map_or(0, KnowledgeGraph::num_relations);
        let num_relations = Self::NUM_OWN_RELATIONS as usize + 2 * num_facts;
        let too_many = |_| GraphError::TooMany { what: "relations", count: num_relations };
        let num_fact_relations = (u32::try_from(num_relations).map_err(too_many)? - Self::NUM_OWN_RELATIONS) / 2;
        let shift = |relation: RelationId, by: u32| RelationId(Self::NUM_OWN_RELATIONS + by + relation.0);
        let triples = || knowledge.iter().flat_map(|knowledge| knowledge.triples());
        let node = |entity: EntityId| node_of_entity[entity.index()];
        edges.extend(triples().map(|fact| (node(fact.head), node(fact.tail), shift(fact.relation, 0))));
        edges
            .extend(triples().map(|fact| (node(fact.tail), node(fact.head), shift(fact.relation, num_fact_relations))));

        let (pattern, relation_indptr, relations) = merge(num_nodes, &edges)?;
        Ok(Self { num_users, num_items, num_relations, pattern, relation_indptr, relations, node_of_entity, entities })
    }

    /// The symmetric pattern, `num_nodes x num_nodes`.
    #[must_use]
    pub fn pattern(&self) -> &Csr {
        &self.pattern
    }

    /// The relations of one edge, numbered in the storage order of [`JointGraph::pattern`]: ascending, at
    /// least one, more where several facts join the same two nodes.
    ///
    /// # Panics
    /// If there is no such edge.
    #[must_use]
    pub fn relations_of(&self, edge: usize) -> &[RelationId] {
        &self.relations[self.relation_indptr[edge]..self.relation_indptr[edge + 1]]
    }

    /// Number of relations, inverses and unused ones included: `4 + 2 R`.
    #[must_use]
    pub fn num_relations(&self) -> usize {
        self.num_relations
    }

    /// The row of a user, item or entity.
    ///
    /// # Panics
    /// If there is no such user, item or entity.
    #[must_use]
    pub fn row_of(&self, node: Node) -> usize {
        let (what, id, num) = match node {
            Node::User(user) => ("user", user.index(), self.num_users),
            Node::Item(item) => ("item", item.index(), self.num_items),
            Node::Entity(entity) => ("entity", entity.index(), self.node_of_entity.len()),
        };
        assert!(id < num, "{what} {id} of {num}");
        match node {
            Node::User(_) => id,
            Node::Item(_) => self.num_users + id,
            Node::Entity(_) => self.node_of_entity[id] as usize,
        }
    }

    /// What stands in a row.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn node_at(&self, row: usize) -> Node {
        let id = |row: usize| u32::try_from(row).expect("all nodes fit 32 bits");
        let first_entity = self.num_users + self.num_items;
        if row < self.num_users {
            Node::User(UserId(id(row)))
        } else if row < first_entity {
            Node::Item(ItemId(id(row - self.num_users)))
        } else {
            Node::Entity(self.entities[row - first_entity])
        }
    }
}

/// The node of every entity, and the entities that get a node of their own.
fn place_entities(
    num_users: usize,
    num_items: usize,
    knowledge: Option<&KnowledgeGraph>,
) -> Result<(Vec<u32>, Vec<EntityId>), GraphError> {
    let Some(knowledge) = knowledge else { return Ok((Vec::new(), Vec::new())) };
    let most = num_users.saturating_add(num_items).saturating_add(knowledge.num_entities());
    let offset = item_offset(num_users, most)?;
    let mut nodes: Vec<Option<u32>> = vec![None; knowledge.num_entities()];
    for item in (0..).take(num_items).map(ItemId) {
        let Some(entity) = knowledge.entity_of(item) else { continue };
        if let Some(node) = nodes[entity.index()].replace(offset + item.0) {
            return Err(GraphError::SharedEntity { first: ItemId(node - offset), second: item, entity });
        }
    }
    let mut entities = Vec::new();
    for (entity, node) in (0..).map(EntityId).zip(&mut nodes).filter(|(_, node)| node.is_none()) {
        *node = u32::try_from(num_users + num_items + entities.len()).ok();
        entities.push(entity);
    }
    Ok((nodes.into_iter().map(|node| node.expect("an item's or its own")).collect(), entities))
}

/// One edge for all relations between the same two nodes.
fn merge(num_nodes: usize, edges: &[(u32, u32, RelationId)]) -> Result<(Csr, Vec<usize>, Vec<RelationId>), GraphError> {
    let sorted = build::sort(num_nodes, num_nodes, edges.len(), |edge| (edges[edge].0, edges[edge].1))?;
    let ordered: Vec<(u32, u32, RelationId)> = sorted.ends.iter().map(|end| edges[end.edge()]).collect();
    let pairs: Vec<(u32, u32)> = ordered.iter().map(|&(from, to, _)| (from, to)).collect();
    let mut indptr = Vec::new();
    for (edge, &pair) in pairs.iter().enumerate() {
        if edge == 0 || pairs[edge - 1] != pair {
            indptr.push(edge);
        }
    }
    indptr.push(edges.len());
    let pattern = Csr::from_edges(num_nodes, num_nodes, &pairs, Duplicates::First)?;
    Ok((pattern, indptr, ordered.into_iter().map(|(_, _, relation)| relation).collect()))
}
