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
    /// Positions before this one are one side of a graph whose edges all lead from side to side, those from it on
    /// the other; the number of nodes where no sides are known.
    pub(crate) first_side: usize,
}

impl Order {
    pub(crate) fn identity(num_nodes: usize) -> Self {
        let same: Vec<u32> = (0..).take(num_nodes).collect();
        Self { node_at: same.clone(), position_of: same, first_side: num_nodes }
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

    /// Of the nodes of one graph, edges followed both ways; the sides of a bipartite graph apart.
    fn of_graph(matrix: &Csr, transpose: &Csr) -> Self {
        let identity = Self::identity(matrix.num_rows());
        let order = (0..ROUNDS).fold(identity, |order, _| order.ranked([matrix, transpose], &order));
        let Some(is_second) = second_side([matrix, transpose]) else { return order };
        let (first, second): (Vec<u32>, Vec<u32>) = order.node_at.iter().partition(|&&node| !is_second[node as usize]);
        Self { first_side: first.len(), ..Self::of_nodes([first, second].concat()) }
    }

    fn of_nodes(node_at: Vec<u32>) -> Self {
        let mut position_of = vec![0; node_at.len()];
        for (&node, position) in node_at.iter().zip(0..) {
            position_of[node as usize] = position;
        }
        Self { first_side: node_at.len(), node_at, position_of }
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
        Self::of_nodes(node_at)
    }
}

/// Which nodes lie on the second side of a bipartite graph, given its matrix and transpose: those an odd number of
/// edges away from the first node of their component. `None` if some edge stays on one side. Linear.
fn second_side(matrices: [&Csr; 2]) -> Option<Vec<bool>> {
    let mut side = vec![None; matrices[0].num_rows()];
    let mut reached = Vec::new();
    for start in (0u32..).take(side.len()) {
        if side[start as usize].is_none() {
            side[start as usize] = Some(false);
            reached.push(start);
        }
        while let Some(node) = reached.pop() {
            let opposite = side[node as usize].map(|second: bool| !second);
            for &neighbour in matrices.iter().flat_map(|matrix| matrix.row(node as usize)) {
                let found = &mut side[neighbour as usize];
                if found.is_none() {
                    *found = opposite;
                    reached.push(neighbour);
                } else if *found != opposite {
                    return None;
                }
            }
        }
    }
    Some(side.into_iter().map(|side| side == Some(true)).collect())
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
    fn sides_by_hand() {
        let sides = |edges: &[(u32, u32)]| {
            let matrix = Csr::from_edges(6, 6, edges, Duplicates::Error).unwrap();
            second_side([&matrix, &matrix.transpose()])
        };
        // 0 - 3 - 1 and 4 -> 2; 5 has no edge.
        let expected = [false, false, false, true, true, false];
        assert_eq!(sides(&[(0, 3), (1, 3), (4, 2)]), Some(expected.to_vec()));
        assert_eq!(sides(&[(0, 3), (3, 1), (1, 0)]), None);
        assert_eq!(sides(&[(2, 2)]), None);
    }

    #[test]
    fn sides_lie_apart() {
        let edges = (0..300u32).flat_map(|user| (0..120).map(move |n| (user, 300 + (user + n) % 150)));
        let edges: Vec<_> = edges.flat_map(|(user, item)| [(user, item), (item, user)]).collect();
        let graph = Csr::from_edges(450, 450, &edges, Duplicates::Error).unwrap();
        let (order, _) = Order::of_matrix(&graph, &graph);
        assert_permutation(&order, 450);
        assert_eq!(order.first_side, 300);
        assert!(order.node_at[..300].iter().all(|&node| node < 300));
    }

    #[test]
    fn a_small_matrix_keeps_its_order() {
        let matrix = Csr::from_edges(3, 2, &[(2, 0), (0, 1)], Duplicates::Error).unwrap();
        let (rows, cols) = Order::of_matrix(&matrix, &matrix.transpose());
        assert!(rows.is_identity() && cols.unwrap().is_identity());
    }
}
