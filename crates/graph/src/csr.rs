//! A checked, immutable sparse matrix in compressed rows, with or without edge weights.
//!
//! Rows are sorted and free of duplicates, every index lies inside the matrix and every weight is
//! finite: established once, at construction, and relied upon by every kernel. It is not a builder
//! and cannot be edited.

pub(crate) mod build;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

use crate::error::GraphError;
use crate::store::Buffer;

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
    pub(crate) num_cols: usize,
    pub(crate) indptr: Buffer<usize>,
    pub(crate) indices: Buffer<u32>,
    pub(crate) weights: Option<Buffer<f32>>,
}

impl Csr {
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
    pub fn edges(&self) -> impl Iterator<Item = (u32, u32)> + Clone + '_ {
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
        Ok(Self { weights: Some(weights.into()), ..self.clone() })
    }

    /// The same matrix without its weights.
    #[must_use]
    pub fn to_pattern(&self) -> Self {
        Self { weights: None, ..self.clone() }
    }

    /// Some rows, in the order given, with all columns; in time linear in their edges.
    ///
    /// # Panics
    /// If a row lies outside the matrix, or the rows together hold more edges than a `u32` can count.
    #[must_use]
    pub fn select_rows(&self, rows: &[u32]) -> Self {
        let mut indptr = vec![0];
        let (mut indices, mut weights) = (Vec::new(), self.weights().map(|_| Vec::new()));
        for &row in rows {
            indices.extend_from_slice(self.row(row as usize));
            if let (Some(weights), Some(of_row)) = (&mut weights, self.row_weights(row as usize)) {
                weights.extend_from_slice(of_row);
            }
            indptr.push(indices.len());
        }
        assert!(u32::try_from(indices.len()).is_ok(), "{} edges, expected at most 4294967295", indices.len());
        Self {
            num_cols: self.num_cols,
            indptr: indptr.into(),
            indices: indices.into(),
            weights: weights.map(Into::into),
        }
    }

    /// The same edges without the columns that have none, and which columns these leave, ascending; in time linear in
    /// edges and columns.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "columns are counted by a u32")]
    pub fn used_columns(&self) -> (Self, Vec<u32>) {
        let mut place = vec![0u32; self.num_cols];
        self.indices.iter().for_each(|&col| place[col as usize] = 1);
        let mut columns = Vec::new();
        for (col, place) in (0u32..).zip(&mut place).filter(|(_, used)| **used > 0) {
            *place = u32::try_from(columns.len()).expect("no more columns than there were");
            columns.push(col);
        }
        let indices: Vec<u32> = self.indices.par_iter().map(|&col| place[col as usize]).collect();
        (Self { num_cols: columns.len(), indices: indices.into(), ..self.clone() }, columns)
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
        // Rows come in order, so every column's edges are sorted as they fall.
        let grouped = build::group(self.num_cols, self.edges().map(|(row, col)| (col, row)));
        let edge_of: Vec<usize> = grouped.ends.par_iter().map(|&end| end.edge()).collect();
        let indices: Vec<u32> = grouped.ends.par_iter().map(|&end| end.other()).collect();
        let weights =
            self.weights().map(|weights| -> Vec<f32> { edge_of.par_iter().map(|&edge| weights[edge]).collect() });
        let transpose = Self {
            num_cols: self.num_rows(),
            indptr: grouped.indptr.into(),
            indices: indices.into(),
            weights: weights.map(Into::into),
        };
        (transpose, edge_of)
    }
}
