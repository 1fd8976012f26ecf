//! Why batches cannot be drawn.

use gnnrec_graph::{EntityId, GraphError, RelationId, UserId};

/// A sampler that cannot be made, or a batch that does not exist.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SamplingError {
    /// A configuration value out of range.
    #[error("sampler: {field} is {found}, expected {expected}")]
    Config {
        /// The field, as written in a run file.
        field: &'static str,
        /// Its value.
        found: String,
        /// The range.
        expected: &'static str,
    },
    /// Nothing to learn from.
    #[error("there are no training interactions among {num_users} users and {num_items} items; expected at least one")]
    NoInteractions {
        /// Users of the graph.
        num_users: usize,
        /// Items of the graph.
        num_items: usize,
    },
    /// A user has no item that could be a negative.
    #[error(
        "user {user} has all {num_items} items in training, so none is left as a negative; remove the user or add items"
    )]
    NoNegatives {
        /// The first such user.
        user: UserId,
        /// Items of the catalogue.
        num_items: usize,
    },
    /// Interactions without ratings where ratings are learnt.
    #[error("the {num_interactions} training interactions have no weights, expected a rating on each")]
    NoRatings {
        /// Interactions of the graph.
        num_interactions: usize,
    },
    /// A knowledge graph that says nothing.
    #[error("there are no facts among {num_entities} entities and {num_relations} relations; expected at least one")]
    NoFacts {
        /// Entities of the graph.
        num_entities: usize,
        /// Relations of the graph.
        num_relations: usize,
    },
    /// Every entity is a tail of the same head and relation.
    #[error(
        "head {head} has all {num_entities} entities as tails of relation {relation}, so none is left as a corrupt tail; \
         remove the facts or add entities"
    )]
    NoCorruptTails {
        /// The first such head.
        head: EntityId,
        /// Its relation.
        relation: RelationId,
        /// Entities of the graph.
        num_entities: usize,
    },
    /// A graph that cannot be built, or is of another shape than was expected.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Ranks at which no item is both visited and unseen, for any training pair.
    #[error(
        "none of {num_pairs} training pairs has a hard negative at ranks {from_rank} to {to_rank}; lower the ranks or \
         walk more hops"
    )]
    NoHardNegatives {
        /// Training pairs.
        num_pairs: usize,
        /// The first rank.
        from_rank: usize,
        /// The rank after the last.
        to_rank: usize,
    },
    /// A neighbourhood around a node that the graph has not.
    #[error("seed {place}: node {node}, expected one below {num_nodes}")]
    NoSuchSeed {
        /// Position among the seeds.
        place: u32,
        /// The node.
        node: u32,
        /// Nodes of the graph.
        num_nodes: usize,
    },
    /// A neighbourhood around the same node twice.
    #[error("seeds {first} and {place} are both node {node}; give each node once and look its rows up")]
    RepeatedSeed {
        /// Its first position among the seeds.
        first: u32,
        /// Its second.
        place: u32,
        /// The node.
        node: u32,
    },
    /// A batch beyond the end of the epoch.
    #[error("batch {index}, expected one below {num_batches}")]
    NoSuchBatch {
        /// The batch asked for.
        index: usize,
        /// Batches of an epoch.
        num_batches: usize,
    },
}
