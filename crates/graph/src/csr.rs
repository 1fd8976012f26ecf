//! A checked, immutable sparse matrix in compressed rows, with or without edge weights.
//!
//! Rows are sorted and free of duplicates, every index lies inside the matrix and every weight is
//! finite: established once, at construction, and relied upon by every kernel. It is not a builder
//! and cannot be edited.

use rayon::prelude::*;

use crate::error::GraphError;

/// What to do with two edges between the same row and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// Add the weights, in the order of the input.
    Sum,
    /// Keep the largest weight.
    Max,
    /// Keep the first edge of the input.
    First,
    /// Refuse the input, naming the edge.
    Error,
}

/// Compressed sparse rows: row `r` holds `indices[indptr[r] .. indptr[r + 1]]`, strictly ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct Csr {
    num_cols: usize,
    indptr: Vec<usize>,
    indices: Vec<u32>,
    weights: Option<Vec<f32>>,
}

impl Csr {
    /// Builds a pattern (no weights) from `(row, column)` pairs, in time linear in their number.
    ///
    /// [`Duplicates::Sum`] and [`Duplicates::Max`] mean nothing without weights and act as `First`.
    ///
    /// # Errors
    /// An edge outside the matrix, a repeated edge under [`Duplicates::Error`], or more rows or
    /// columns than a `u32` can count.
    pub fn from_edges(
        num_rows: usize,
        num_cols: usize,
        edges: &[(u32, u32)],
        duplicates: Duplicates,
    ) -> Result<Self, GraphError> {
        let sorted = counting_sort(num_rows, num_cols, edges.len(), |edge| edges[edge])?;
        let mut indptr = Vec::with_capacity(num_rows + 1);
        let mut indices: Vec<u32> = Vec::with_capacity(edges.len());
        indptr.push(0);
        for row in 0..num_rows {
            let start = indices.len();
            for &edge in &sorted.order[sorted.indptr[row]..sorted.indptr[row + 1]] {
                let (r, col) = edges[edge as usize];
                if indices.len() > start && indices.last() == Some(&col) {
                    if duplicates == Duplicates::Error {
                        return Err(GraphError::DuplicateEdge { edge: edge as usize, row: r, col });
                    }
                } else {
                    indices.push(col);
                }
            }
            indptr.push(indices.len());
        }
        Ok(Self { num_cols, indptr, indices, weights: None })
    }

    /// Builds a weighted matrix from `(row, column, weight)` triples, in time linear in their number.
    ///
    /// # Errors
    /// As [`Csr::from_edges`], and a weight that is not finite.
    pub fn from_weighted_edges(
        num_rows: usize,
        num_cols: usize,
        edges: &[(u32, u32, f32)],
        duplicates: Duplicates,
    ) -> Result<Self, GraphError> {
        if let Some(edge) = edges.par_iter().position_first(|&(_, _, weight)| !weight.is_finite()) {
            let (row, col, weight) = edges[edge];
            return Err(GraphError::WeightNotFinite { edge, row, col, weight });
        }
        let sorted = counting_sort(num_rows, num_cols, edges.len(), |edge| (edges[edge].0, edges[edge].1))?;
        let mut indptr = Vec::with_capacity(num_rows + 1);
        let mut indices: Vec<u32> = Vec::with_capacity(edges.len());
        let mut weights: Vec<f32> = Vec::with_capacity(edges.len());
        indptr.push(0);
        for row in 0..num_rows {
            let start = indices.len();
            for &edge in &sorted.order[sorted.indptr[row]..sorted.indptr[row + 1]] {
                let (r, col, weight) = edges[edge as usize];
                match weights.last_mut() {
                    Some(kept) if indices.len() > start && indices.last() == Some(&col) => match duplicates {
                        Duplicates::Sum => *kept += weight,
                        Duplicates::Max => *kept = kept.max(weight),
                        Duplicates::First => {}
                        Duplicates::Error => {
                            return Err(GraphError::DuplicateEdge { edge: edge as usize, row: r, col });
                        }
                    },
                    _ => {
                        indices.push(col);
                        weights.push(weight);
                    }
                }
            }
            indptr.push(indices.len());
        }
        Ok(Self { num_cols, indptr, indices, weights: Some(weights) })
    }

    /// Number of rows.
    #[must_use]
    pub fn num_rows(&self) -> usize {
        self.indptr.len() - 1
    }

    /// Number of columns.
    #[must_use]
    pub fn num_cols(&self) -> usize {
        self.num_cols
    }

    /// Number of stored edges.
    #[must_use]
    pub fn num_edges(&self) -> usize {
        self.indices.len()
    }

    /// Row boundaries, `num_rows + 1` of them, starting at 0 and never falling.
    #[must_use]
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// Column of every edge, row after row.
    #[must_use]
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Weight of every edge, or `None` for a pattern.
    #[must_use]
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// Columns of one row, strictly ascending.
    ///
    /// # Panics
    /// If `row` lies outside the matrix.
    #[must_use]
    pub fn row(&self, row: usize) -> &[u32] {
        &self.indices[self.indptr[row]..self.indptr[row + 1]]
    }

    /// Weights of one row in the order of [`Csr::row`], or `None` for a pattern.
    ///
    /// # Panics
    /// If `row` lies outside the matrix.
    #[must_use]
    pub fn row_weights(&self, row: usize) -> Option<&[f32]> {
        Some(&self.weights.as_ref()?[self.indptr[row]..self.indptr[row + 1]])
    }

    /// Number of edges in one row.
    #[must_use]
    pub fn degree(&self, row: usize) -> usize {
        self.indptr[row + 1] - self.indptr[row]
    }

    /// Whether the edge is stored; logarithmic in the row's degree.
    #[must_use]
    pub fn contains(&self, row: usize, col: u32) -> bool {
        self.row(row).binary_search(&col).is_ok()
    }

    /// All edges as `(row, column)`, sorted.
    pub fn edges(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        (0..)
            .zip(self.indptr.windows(2))
            .flat_map(|(row, bounds)| self.indices[bounds[0]..bounds[1]].iter().map(move |&col| (row, col)))
    }

    /// The same pattern with other weights, one for each edge in storage order.
    ///
    /// # Errors
    /// A weight that is not finite, or a number of weights other than the number of edges.
    pub fn with_weights(&self, weights: Vec<f32>) -> Result<Self, GraphError> {
        if weights.len() != self.num_edges() {
            return Err(GraphError::WeightCount { found: weights.len(), expected: self.num_edges() });
        }
        if let Some(edge) = weights.iter().position(|weight| !weight.is_finite()) {
            let row = self.indptr.partition_point(|&start| start <= edge) - 1;
            let row = u32::try_from(row).unwrap_or(u32::MAX);
            return Err(GraphError::WeightNotFinite { edge, row, col: self.indices[edge], weight: weights[edge] });
        }
        Ok(Self { weights: Some(weights), ..self.clone() })
    }

    /// The same matrix without its weights.
    #[must_use]
    pub fn to_pattern(&self) -> Self {
        Self { weights: None, ..self.clone() }
    }

    /// The transpose, in linear time.
    #[must_use]
    pub fn transpose(&self) -> Self {
        self.transpose_with_edges().0
    }

    /// The transpose, and for each of its edges the position of the same edge in `self`: what a
    /// kernel needs to read learned edge weights from the other side.
    #[must_use]
    pub fn transpose_with_edges(&self) -> (Self, Vec<usize>) {
        let mut indptr = vec![0usize; self.num_cols + 1];
        for &col in &self.indices {
            indptr[col as usize + 1] += 1;
        }
        for col in 0..self.num_cols {
            indptr[col + 1] += indptr[col];
        }
        let mut next = indptr.clone();
        let mut indices = vec![0u32; self.num_edges()];
        let mut edge_of = vec![0usize; self.num_edges()];
        for (edge, (row, col)) in self.edges().enumerate() {
            let slot = &mut next[col as usize];
            indices[*slot] = row;
            edge_of[*slot] = edge;
            *slot += 1;
        }
        let weights = self.weights.as_ref().map(|weights| edge_of.iter().map(|&edge| weights[edge]).collect());
        (Self { num_cols: self.num_rows(), indptr, indices, weights }, edge_of)
    }
}

/// Edge numbers grouped by row and, inside a row, sorted by column and then by input order.
struct SortedEdges {
    indptr: Vec<usize>,
    order: Vec<u32>,
}

/// Two stable counting passes, by row and inside each row by column, after every index was checked.
fn counting_sort(
    num_rows: usize,
    num_cols: usize,
    num_edges: usize,
    edge_at: impl Fn(usize) -> (u32, u32) + Sync,
) -> Result<SortedEdges, GraphError> {
    for (what, count) in [("rows", num_rows), ("columns", num_cols), ("edges", num_edges)] {
        if u32::try_from(count).is_err() {
            return Err(GraphError::TooMany { what, count });
        }
    }
    let outside = |edge: &usize| {
        let (row, col) = edge_at(*edge);
        row as usize >= num_rows || col as usize >= num_cols
    };
    if let Some(edge) = (0..num_edges).into_par_iter().find_first(outside) {
        let (row, col) = edge_at(edge);
        return Err(GraphError::OutOfBounds { edge, row, col, num_rows, num_cols });
    }
    let mut indptr = vec![0usize; num_rows + 1];
    for edge in 0..num_edges {
        indptr[edge_at(edge).0 as usize + 1] += 1;
    }
    for row in 0..num_rows {
        indptr[row + 1] += indptr[row];
    }
    let mut next = indptr.clone();
    let mut order = vec![0u32; num_edges];
    for edge in 0..num_edges {
        let slot = &mut next[edge_at(edge).0 as usize];
        #[expect(clippy::cast_possible_truncation, reason = "the number of edges was checked to fit a u32")]
        {
            order[*slot] = edge as u32;
        }
        *slot += 1;
    }
    let mut rows: Vec<&mut [u32]> = Vec::with_capacity(num_rows);
    let mut rest = order.as_mut_slice();
    for bounds in indptr.windows(2) {
        let (row, tail) = rest.split_at_mut(bounds[1] - bounds[0]);
        rows.push(row);
        rest = tail;
    }
    rows.into_par_iter().with_min_len(256).for_each(|row| row.sort_by_key(|&edge| edge_at(edge as usize).1));
    Ok(SortedEdges { indptr, order })
}
