//! An order of the nodes in which neighbours lie near one another, so that the rows a kernel gathers
//! are often still in a cache. It stays inside this crate: ids outside never change.
//!
//! A node moves to the mean position of its neighbours, all nodes are ranked anew, and so on some
//! times: the barycentre heuristic of layered graph drawing (Sugiyama, Tagawa and Toda, IEEE SMC 1981).
//! On a bipartite graph it sorts each side by the other. It is a heuristic: no order is promised to be
//! good, and none changes what is computed but for rounding.

use gnnrec_graph::Csr;
use rayon::prelude::*;

/// Rounds of ranking. Gowalla's product needs .78 of its time in the given order after 3, .74 after
/// 10 and .73 after 30.
const ROUNDS: usize = 10;

/// Below so many edges the tables fit a cache in any order.
const FEWEST_EDGES: usize = 1 << 15;

/// A permutation of the nodes, both ways round.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// The node at each position.
    pub(crate) node_at: Vec<u32>,
    /// The position of each node.
    pub(crate) position_of: Vec<u32>,
}

impl Order {
    pub(crate) fn identity(num_nodes: usize) -> Self {
        let same: Vec<u32> = (0..).take(num_nodes).collect();
        Self { node_at: same.clone(), position_of: same }
    }

    pub(crate) fn is_identity(&self) -> bool {
        self.node_at.iter().zip(0..).all(|(&node, position)| node == position)
    }

    /// Orders of the rows and of the columns of a matrix, given its transpose; for a square matrix
    /// the two are one. Linear in the edges but for the ranking.
    pub(crate) fn of_matrix(matrix: &Csr, transpose: &Csr) -> (Self, Option<Self>) {
        let (num_rows, num_cols) = (matrix.num_rows(), matrix.num_cols());
        let square = num_rows == num_cols;
        if matrix.num_edges() < FEWEST_EDGES {
            return (Self::identity(num_rows), (!square).then(|| Self::identity(num_cols)));
        }
        if square {
            return (Self::of_graph(matrix, transpose), None);
        }
        let (mut rows, mut cols) = (Self::identity(num_rows), Self::identity(num_cols));
        for _ in 0..ROUNDS {
            rows = rows.ranked([matrix, matrix], &cols);
            cols = cols.ranked([transpose, transpose], &rows);
        }
        (rows, Some(cols))
    }

    /// Of the nodes of one graph, edges followed both ways.
    fn of_graph(matrix: &Csr, transpose: &Csr) -> Self {
        (0..ROUNDS).fold(Self::identity(matrix.num_rows()), |order, _| order.ranked([matrix, transpose], &order))
    }

    /// The nodes of `self` ranked by the mean position in `other` of their neighbours in both
    /// matrices; a node without neighbours stays where it is.
    #[expect(clippy::cast_precision_loss, reason = "positions below 2^32, a mean needs no more digits")]
    fn ranked(&self, matrices: [&Csr; 2], other: &Self) -> Self {
        let mean = |(node, &position): (usize, &u32)| {
            let neighbours = matrices.map(|matrix| matrix.row(node));
            let count = neighbours[0].len() + neighbours[1].len();
            if count == 0 {
                return f64::from(position);
            }
            let sum: u64 =
                neighbours.iter().copied().flatten().map(|&n| u64::from(other.position_of[n as usize])).sum();
            sum as f64 / count as f64
        };
        let means: Vec<f64> = self.position_of.par_iter().enumerate().map(mean).collect();
        let mut node_at: Vec<u32> = (0..).take(means.len()).collect();
        node_at.par_sort_unstable_by(|&a, &b| means[a as usize].total_cmp(&means[b as usize]).then(a.cmp(&b)));
        let mut position_of = vec![0; node_at.len()];
        for (&node, position) in node_at.iter().zip(0..) {
            position_of[node as usize] = position;
        }
        Self { node_at, position_of }
    }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::Duplicates;

    use super::*;

    fn assert_permutation(order: &Order, num_nodes: usize) {
        assert_eq!(order.node_at.len(), num_nodes);
        for (position, &node) in (0..).zip(&order.node_at) {
            assert_eq!(order.position_of[node as usize], position);
        }
    }

    /// Two cliques whose members alternate in the given order lie apart afterwards.
    #[test]
    fn neighbours_come_together() {
        let edges: Vec<(u32, u32)> = (0..300)
            .flat_map(|row| (0..300).map(move |col| (row, col)))
            .filter(|(row, col)| row != col && row % 2 == col % 2)
            .chain([(0, 1), (1, 0)])
            .collect();
        let graph = Csr::from_edges(300, 300, &edges, Duplicates::Error).unwrap();
        let (order, cols) = Order::of_matrix(&graph, &graph.transpose());
        assert!(cols.is_none());
        assert_permutation(&order, 300);
        let changes = order.node_at.windows(2).filter(|pair| pair[0] % 2 != pair[1] % 2).count();
        assert!(changes <= 2, "{changes} changes of clique along the order");
    }

    #[test]
    fn both_sides_of_a_rectangle_and_nodes_without_edges() {
        let edges: Vec<(u32, u32)> =
            (0..400).flat_map(|row| (0..99).map(move |n| (row, (row % 2) * 150 + n))).collect();
        let matrix = Csr::from_edges(500, 300, &edges, Duplicates::Error).unwrap();
        let (rows, cols) = Order::of_matrix(&matrix, &matrix.transpose());
        assert_permutation(&rows, 500);
        assert_permutation(&cols.unwrap(), 300);
        let first: Vec<u32> = rows.node_at.iter().copied().filter(|&row| row < 400).collect();
        assert!(first[..200].iter().all(|row| row % 2 == first[0] % 2), "{first:?}");
    }

    #[test]
    fn a_small_matrix_keeps_its_order() {
        let matrix = Csr::from_edges(3, 2, &[(2, 0), (0, 1)], Duplicates::Error).unwrap();
        let (rows, cols) = Order::of_matrix(&matrix, &matrix.transpose());
        assert!(rows.is_identity() && cols.unwrap().is_identity());
    }
}
