//! What can be wrong with a graph, each case with its place, its value and what was expected.

/// A graph that cannot be built from what was given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// An edge names a row or column that does not exist.
    #[error("edge {edge}: ({row}, {col}) lies outside a {num_rows} x {num_cols} matrix")]
    OutOfBounds {
        /// Position in the input.
        edge: usize,
        /// Its row.
        row: u32,
        /// Its column.
        col: u32,
        /// Rows of the matrix.
        num_rows: usize,
        /// Columns of the matrix.
        num_cols: usize,
    },
    /// The same edge was given twice where repetition is an error.
    #[error("edge {edge}: ({row}, {col}) was given before; choose how duplicates are merged or remove it")]
    DuplicateEdge {
        /// Position in the input of the later one.
        edge: usize,
        /// Its row.
        row: u32,
        /// Its column.
        col: u32,
    },
    /// A weight is NaN or infinite.
    #[error("edge {edge}: ({row}, {col}) has weight {weight}, expected a finite number")]
    WeightNotFinite {
        /// Position in the input.
        edge: usize,
        /// Its row.
        row: u32,
        /// Its column.
        col: u32,
        /// The weight found.
        weight: f32,
    },
    /// Another number of weights than of edges.
    #[error("{found} weights for {expected} edges; give one for each")]
    WeightCount {
        /// Weights given.
        found: usize,
        /// Edges of the pattern.
        expected: usize,
    },
    /// More than 32-bit ids can count.
    #[error("{count} {what}, expected at most 4294967295")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// How many there were.
        count: usize,
    },
    /// Two parts of one world disagree on a size.
    #[error("the {part} counts {found} {what}, the interactions count {expected}")]
    Mismatch {
        /// The part that disagrees.
        part: &'static str,
        /// What it counts.
        what: &'static str,
        /// Its count.
        found: usize,
        /// The interaction graph's count.
        expected: usize,
    },
    /// A column of features that does not fit its nodes or its own counts.
    #[error("feature `{column}`: {found}, expected {expected}")]
    Feature {
        /// The column.
        column: String,
        /// What was found.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A triple names a relation that does not exist.
    #[error("triple {triple}: relation {relation}, expected one below {num_relations}")]
    UnknownRelation {
        /// Position in the input.
        triple: usize,
        /// Its relation.
        relation: u32,
        /// Number of relations.
        num_relations: usize,
    },
    /// An item is aligned to an entity that does not exist.
    #[error("item {item} is aligned to entity {entity}, expected one below {num_entities}")]
    UnknownEntity {
        /// The item.
        item: crate::ItemId,
        /// Its entity.
        entity: u32,
        /// Number of entities.
        num_entities: usize,
    },
    /// Two items are aligned to one entity where every entity has one node.
    #[error(
        "items {first} and {second} are both entity {entity}; a joint graph has one node for both, so align only one of them"
    )]
    SharedEntity {
        /// The item aligned first.
        first: crate::ItemId,
        /// The other.
        second: crate::ItemId,
        /// The entity of both.
        entity: crate::EntityId,
    },
    /// A graph over one kind of node was expected.
    #[error("the matrix is {num_rows} x {num_cols}, expected as many rows as columns")]
    NotSquare {
        /// Rows of the matrix.
        num_rows: usize,
        /// Columns of the matrix.
        num_cols: usize,
    },
    /// An undirected graph was expected.
    #[error(
        "row {row} differs from column {row}, expected a symmetric matrix; use the directed form or add the missing edges"
    )]
    NotSymmetric {
        /// The first row that differs.
        row: usize,
    },
    /// An edge of a bipartite graph joins the wrong kinds of node.
    #[error("edge {edge} joins {from:?} and {to:?}, expected a user and an item")]
    NotAnInteraction {
        /// Its position among the edges.
        edge: usize,
        /// One end.
        from: crate::Node,
        /// The other end.
        to: crate::Node,
    },
}
