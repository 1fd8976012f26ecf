//! A matrix in the order in which the kernels go through it: nodes reordered, work cut into tasks.
//!
//! Positions are rows and columns in that order; rows and columns, here and outside, are those of the
//! matrix as it was given.

use std::ops::Range;
use std::sync::Arc;

use gnnrec_graph::Csr;

use crate::kernels::split::{Task, balanced};
use crate::order::Order;

/// Edges of a task, some tens of microseconds. A row of more is a hub, whose sum is cut into pieces of so
/// many: they are spread over threads, and the error of a long sum in `f32` grows with its length.
pub(crate) const HUB_EDGES: usize = 2048;

/// Edges between the one that is added and the one whose row is fetched. Gowalla's propagation, 3 hops of width 64 on a Zen 5, needs 12.2 ms at 16, 9.9 ms at 48 and
/// 10.9 ms at 128.
pub(crate) const AHEAD: usize = 48;

/// `M = diag(r) A diag(c)` with rows and columns at their positions.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Edges by row position, `num_rows + 1`.
    pub(crate) indptr: Vec<usize>,
    /// Column position of every edge, ascending in a row; then [`AHEAD`] zeros, so that what comes so far behind
    /// an edge can be fetched without asking whether there is any.
    pub(crate) indices: Vec<u32>,
    pub(crate) weights: Option<Vec<f32>>,
    /// `r` by row position.
    pub(crate) row_factors: Option<Vec<f32>>,
    /// `c` by column position.
    pub(crate) col_factors: Option<Vec<f32>>,
    pub(crate) rows: Arc<Order>,
    pub(crate) cols: Arc<Order>,
    /// Whether columns are where they were.
    pub(crate) cols_in_place: bool,
    /// The rows: both sides of a bipartite graph, or all in one.
    pub(crate) parts: Vec<Part>,
}

/// Row positions that a hop goes through before it comes to others.
///
/// Edges of a bipartite graph lead from one part to the other, so that a part of one layer asks for the other part of
/// the layer before and for nothing else: half of two tables is in use at a time, and what was just written is read.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) rows: Range<usize>,
    /// The rows, cut into tasks of about as many edges.
    pub(crate) tasks: Vec<Task>,
    /// Those with more than [`HUB_EDGES`] edges, ascending.
    pub(crate) hubs: Vec<usize>,
}

impl Part {
    fn new(indptr: &[usize], rows: Range<usize>) -> Self {
        let mut tasks = balanced(&indptr[rows.start..=rows.end], HUB_EDGES);
        for task in &mut tasks {
            match task {
                Task::Rows(inside) => *inside = rows.start + inside.start..rows.start + inside.end,
                Task::Hub(row) => *row += rows.start,
            }
        }
        let hub = |task: &Task| if let Task::Hub(row) = task { Some(*row) } else { None };
        Self { hubs: tasks.iter().filter_map(hub).collect(), tasks, rows }
    }
}

impl Layout {
    /// Lays out a matrix, given its transpose too: going through the columns in their order, every row
    /// receives its edges sorted. Linear.
    pub(crate) fn new(
        [matrix, transpose]: [&Csr; 2],
        [row_factors, col_factors]: [Option<&[f32]>; 2],
        rows: Arc<Order>,
        cols: Arc<Order>,
    ) -> Self {
        let mut indptr = Vec::with_capacity(rows.node_at.len() + 1);
        indptr.push(0);
        for &row in &rows.node_at {
            indptr.push(indptr[indptr.len() - 1] + matrix.degree(row as usize));
        }
        let mut next = indptr.clone();
        let mut indices = vec![0; matrix.num_edges() + AHEAD];
        let mut weights = transpose.weights().map(|_| vec![0.0; matrix.num_edges()]);
        for (position, &col) in (0..).zip(&cols.node_at) {
            for (n, &row) in transpose.row(col as usize).iter().enumerate() {
                let edge = &mut next[rows.position_of[row as usize] as usize];
                indices[*edge] = position;
                if let (Some(to), Some(from)) = (&mut weights, transpose.row_weights(col as usize)) {
                    to[*edge] = from[n];
                }
                *edge += 1;
            }
        }
        let placed = |factors: Option<&[f32]>, order: &Order| -> Option<Vec<f32>> {
            factors.map(|factors| order.node_at.iter().map(|&node| factors[node as usize]).collect())
        };
        let (first_side, num_rows) = (rows.first_side, rows.node_at.len());
        let parts = match first_side == num_rows {
            true => vec![Part::new(&indptr, 0..num_rows)],
            false => vec![Part::new(&indptr, 0..first_side), Part::new(&indptr, first_side..num_rows)],
        };
        let (row_factors, col_factors) = (placed(row_factors, &rows), placed(col_factors, &cols));
        let cols_in_place = cols.is_identity();
        Self { indptr, indices, weights, row_factors, col_factors, rows, cols, cols_in_place, parts }
    }

    pub(crate) fn num_rows(&self) -> usize {
        self.indptr.len() - 1
    }

    /// `r` at a row position.
    #[inline(always)]
    pub(crate) fn row_factor(&self, position: usize) -> f32 {
        self.row_factors.as_ref().map_or(1.0, |factors| factors[position])
    }

    /// `c` at a column position.
    #[inline(always)]
    pub(crate) fn col_factor(&self, position: usize) -> f32 {
        self.col_factors.as_ref().map_or(1.0, |factors| factors[position])
    }

    /// The part of a layer that is reached in `step` steps from a chain of parts: a chain goes from part to part.
    pub(crate) fn part(&self, chain: usize, step: usize) -> &Part {
        &self.parts[(chain + step) % self.parts.len()]
    }

    /// Edges of a row position.
    pub(crate) fn edges(&self, position: usize) -> Range<usize> {
        self.indptr[position]..self.indptr[position + 1]
    }

    /// Bytes held, the orders included.
    pub(crate) fn held_bytes(&self) -> usize {
        let floats = [&self.weights, &self.row_factors, &self.col_factors].into_iter().flatten();
        size_of_val(self.indptr.as_slice())
            + size_of_val(self.indices.as_slice())
            + floats.map(|values| size_of_val(values.as_slice())).sum::<usize>()
            + self.parts.iter().map(|part| size_of_val(part.tasks.as_slice())).sum::<usize>()
            + 2 * size_of_val(self.rows.node_at.as_slice())
            + 2 * size_of_val(self.cols.node_at.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::Duplicates;

    use super::*;

    #[test]
    fn by_hand() {
        // 3 x 4: row 0 -> {1, 3}, row 1 empty, row 2 -> {0, 1, 3}; rows reversed, columns 3 0 1 2.
        let edges = [(0, 1), (0, 3), (2, 0), (2, 1), (2, 3)];
        let matrix = Csr::from_edges(3, 4, &edges, Duplicates::Error).unwrap();
        let matrix = matrix.with_weights(vec![1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let rows = Order { node_at: vec![2, 1, 0], position_of: vec![2, 1, 0], first_side: 3 };
        let cols = Order { node_at: vec![3, 0, 1, 2], position_of: vec![1, 2, 3, 0], first_side: 4 };
        let factors = [Some(&[0.1, 0.2, 0.3][..]), None];
        let layout = Layout::new([&matrix, &matrix.transpose()], factors, Arc::new(rows), Arc::new(cols));
        assert_eq!(layout.indptr, [0, 3, 3, 5]);
        assert_eq!(layout.indices[..5], [0, 1, 2, 0, 2]);
        assert_eq!(layout.weights.as_deref(), Some(&[5.0, 3.0, 4.0, 2.0, 1.0][..]));
        assert_eq!(layout.row_factors.as_deref(), Some(&[0.3, 0.2, 0.1][..]));
        assert_eq!((layout.col_factors.as_deref(), layout.edges(2)), (None, 3..5));
        assert_eq!((layout.parts.len(), &layout.parts[0].tasks[..]), (1, &[Task::Rows(0..3)][..]));
    }
}
