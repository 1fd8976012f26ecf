//! From and to petgraph, with weights: for its algorithms, its file formats and graphs that come from there.
//!
//! Both ways copy, in linear time. Every petgraph edge has an `f32` weight; those of a pattern weigh 1, and
//! [`Csr::to_pattern`] takes them off again.

use petgraph::EdgeType;
use petgraph::graph::{DiGraph, Graph, NodeIndex, UnGraph};
use petgraph::visit::EdgeRef;

use crate::{Csr, Duplicates, GraphError, InteractionGraph, ItemId, Node, UserId};

/// A square matrix as a directed graph: edge `r -> c` for every entry, node `n` for row and column `n`.
///
/// # Errors
/// A matrix that is not square.
pub fn to_directed(matrix: &Csr) -> Result<DiGraph<(), f32>, GraphError> {
    square(matrix)?;
    Ok(fill(matrix, |_, _| true))
}

/// A symmetric matrix as an undirected graph, each pair of nodes once.
///
/// # Errors
/// A matrix that is not square, or an entry that differs from its mirror image.
pub fn to_undirected(matrix: &Csr) -> Result<UnGraph<(), f32>, GraphError> {
    square(matrix)?;
    let mirror = matrix.transpose();
    if mirror != *matrix {
        // The first row that differs has an entry the mirror lacks, or weighs otherwise, or the reverse.
        let differs =
            |row: &usize| matrix.row(*row) != mirror.row(*row) || matrix.row_weights(*row) != mirror.row_weights(*row);
        let row = (0..matrix.num_rows()).find(differs).unwrap_or_default();
        return Err(GraphError::NotSymmetric { row });
    }
    Ok(fill(matrix, |row, col| row <= col))
}

/// A graph as a square matrix; an undirected edge stands in both directions, a loop once.
///
/// # Errors
/// As [`Csr::from_weighted_edges`].
pub fn from_petgraph<N, Ty: EdgeType>(graph: &Graph<N, f32, Ty>, duplicates: Duplicates) -> Result<Csr, GraphError> {
    let mut edges = Vec::with_capacity(graph.edge_count() * 2);
    for edge in graph.edge_references() {
        let (from, to) = (raw(edge.source()), raw(edge.target()));
        edges.push((from, to, *edge.weight()));
        if !graph.is_directed() && from != to {
            edges.push((to, from, *edge.weight()));
        }
    }
    Csr::from_weighted_edges(graph.node_count(), graph.node_count(), &edges, duplicates)
}

/// Interactions as an undirected graph, users first and then items, each node saying which.
#[must_use]
pub fn interactions_to_petgraph(interactions: &InteractionGraph) -> UnGraph<Node, f32> {
    let (num_users, num_items) = (interactions.num_users(), interactions.num_items());
    let by_user = interactions.by_user();
    let mut graph = UnGraph::with_capacity(num_users + num_items, by_user.num_edges());
    let users: Vec<NodeIndex> = (0..).take(num_users).map(|id| graph.add_node(Node::User(UserId(id)))).collect();
    let items: Vec<NodeIndex> = (0..).take(num_items).map(|id| graph.add_node(Node::Item(ItemId(id)))).collect();
    for (edge, (user, item)) in by_user.edges().enumerate() {
        let weight = by_user.weights().map_or(1.0, |weights| weights[edge]);
        graph.add_edge(users[user as usize], items[item as usize], weight);
    }
    graph
}

/// Interactions from a graph whose edges join users and items, in whatever order its nodes stand.
///
/// # Errors
/// An edge that does not join a user and an item, and as [`Csr::from_weighted_edges`].
pub fn interactions_from_petgraph<Ty: EdgeType>(
    num_users: usize,
    num_items: usize,
    graph: &Graph<Node, f32, Ty>,
    duplicates: Duplicates,
) -> Result<InteractionGraph, GraphError> {
    let mut edges = Vec::with_capacity(graph.edge_count());
    for (edge, reference) in graph.edge_references().enumerate() {
        let (from, to) = (graph[reference.source()], graph[reference.target()]);
        let ((Node::User(user), Node::Item(item)) | (Node::Item(item), Node::User(user))) = (from, to) else {
            return Err(GraphError::NotAnInteraction { edge, from, to });
        };
        edges.push((user.0, item.0, *reference.weight()));
    }
    Ok(InteractionGraph::new(Csr::from_weighted_edges(num_users, num_items, &edges, duplicates)?))
}

fn square(matrix: &Csr) -> Result<(), GraphError> {
    let (num_rows, num_cols) = (matrix.num_rows(), matrix.num_cols());
    if num_rows == num_cols { Ok(()) } else { Err(GraphError::NotSquare { num_rows, num_cols }) }
}

fn fill<Ty: EdgeType>(matrix: &Csr, keep: impl Fn(u32, u32) -> bool) -> Graph<(), f32, Ty> {
    let mut graph = Graph::with_capacity(matrix.num_rows(), matrix.num_edges());
    (0..matrix.num_rows()).for_each(|_| {
        graph.add_node(());
    });
    for (edge, (row, col)) in matrix.edges().enumerate().filter(|&(_, (row, col))| keep(row, col)) {
        let weight = matrix.weights().map_or(1.0, |weights| weights[edge]);
        graph.add_edge(NodeIndex::new(row as usize), NodeIndex::new(col as usize), weight);
    }
    graph
}

fn raw(node: NodeIndex) -> u32 {
    u32::try_from(node.index()).expect("petgraph numbers these nodes by a u32")
}

#[cfg(test)]
mod tests {
    use petgraph::algo::connected_components;
    use proptest::prelude::*;

    use super::*;

    fn csr(rows: usize, cols: usize, edges: &[(u32, u32, f32)]) -> Csr {
        Csr::from_weighted_edges(rows, cols, edges, Duplicates::Max).unwrap()
    }

    proptest! {
        #[test]
        fn there_and_back(edges in prop::collection::vec((0u32..7, 0u32..7, -5.0f32..5.0), 0..30)) {
            let weighted = csr(7, 7, &edges);
            let mirrored: Vec<_> = edges.iter().flat_map(|&(a, b, w)| [(a, b, w), (b, a, w)]).collect();
            let symmetric = csr(7, 7, &mirrored);
            let back = |matrix: &Csr| from_petgraph(&to_directed(matrix).unwrap(), Duplicates::Error).unwrap();
            prop_assert_eq!(&back(&weighted), &weighted);
            prop_assert_eq!(&back(&weighted.to_pattern()).to_pattern(), &weighted.to_pattern());
            let undirected = to_undirected(&symmetric).unwrap();
            prop_assert_eq!(&from_petgraph(&undirected, Duplicates::Error).unwrap(), &symmetric);
            prop_assert_eq!(to_undirected(&weighted).is_ok(), weighted == weighted.transpose());

            let interactions = InteractionGraph::new(csr(7, 9, &edges));
            let mut graph = interactions_to_petgraph(&interactions);
            prop_assert_eq!((graph.node_count(), graph.edge_count()), (16, interactions.num_interactions()));
            graph.reverse();
            let back = interactions_from_petgraph(7, 9, &graph, Duplicates::Error).unwrap();
            prop_assert_eq!(&back, &interactions);
            let components = crate::connected_components(&interactions);
            prop_assert_eq!(components.num_components, connected_components(&graph));
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let narrow = csr(3, 2, &[(0, 1, 1.0)]);
        assert_eq!(
            to_directed(&narrow).unwrap_err().to_string(),
            "the matrix is 3 x 2, expected as many rows as columns"
        );
        let lopsided = csr(3, 3, &[(0, 0, 1.0), (1, 2, 1.0), (2, 1, 2.0)]);
        assert_eq!(
            to_undirected(&lopsided).unwrap_err().to_string(),
            "row 1 differs from column 1, expected a symmetric matrix; use the directed form or add the missing edges"
        );
        let mut graph: UnGraph<Node, f32> = UnGraph::default();
        let nodes =
            [Node::User(UserId(0)), Node::User(UserId(1)), Node::Item(ItemId(0))].map(|node| graph.add_node(node));
        graph.add_edge(nodes[0], nodes[2], 1.0);
        graph.add_edge(nodes[0], nodes[1], 1.0);
        let refused = interactions_from_petgraph(2, 1, &graph, Duplicates::Error).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "edge 1 joins User(UserId(0)) and User(UserId(1)), expected a user and an item"
        );
    }
}
