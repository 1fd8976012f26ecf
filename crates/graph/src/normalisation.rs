//! Degree normalisation: edges weighed by the degrees of their ends.
//!
//! A degree is the sum of the absolute weights of a row or column, for a pattern the number of its edges.
//! A degree of 0, and one too small or large for its inverse to be a number, has the factor 0. It adds no
//! self-loops.

use crate::Csr;

/// Which ends an edge's weight is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalisation {
    /// `D_r^-1/2 A D_c^-1/2`: for the symmetric adjacency of a graph the propagation matrix of LightGCN and,
    /// without self-loops, of GCN; for a user-item matrix that of GF-CF.
    Symmetric,
    /// `D_r^-1 A`: the rows sum to one, so that a product with it takes means over neighbours.
    Row,
    /// `A D_c^-1`: the columns sum to one, so that a product with it shares out what a node has.
    Column,
}

impl Normalisation {
    /// The factors of rows and of columns, where there are any: entry `(r, c)` becomes
    /// `row[r] * weight * column[c]`. Linear in the edges.
    #[must_use]
    pub fn factors(self, matrix: &Csr) -> (Option<Vec<f32>>, Option<Vec<f32>>) {
        self.factors_of(|| row_degrees(matrix), || col_degrees(matrix))
    }

    /// The same from the degrees of rows and of columns, of which only what is needed is asked for.
    #[must_use]
    pub fn factors_of(
        self,
        rows: impl FnOnce() -> Vec<f32>,
        cols: impl FnOnce() -> Vec<f32>,
    ) -> (Option<Vec<f32>>, Option<Vec<f32>>) {
        let map = |degrees: Vec<f32>, inverse: fn(f32) -> f32| Some(degrees.into_iter().map(inverse).collect());
        match self {
            Self::Symmetric => (map(rows(), inverse_root), map(cols(), inverse_root)),
            Self::Row => (map(rows(), inverse), None),
            Self::Column => (None, map(cols(), inverse)),
        }
    }

    /// The matrix with its edges weighed so.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a weight is at most its degree, so their ratio is a number")]
    pub fn apply(self, matrix: &Csr) -> Csr {
        let (rows, cols) = self.factors(matrix);
        let given = matrix.weights().unwrap_or_default();
        let weigh = |(edge, (row, col)): (usize, (u32, u32))| {
            let weight = given.get(edge).copied().unwrap_or(1.0);
            let (row, col) = (rows.as_ref().map(|r| r[row as usize]), cols.as_ref().map(|c| c[col as usize]));
            weight * row.unwrap_or(1.0) * col.unwrap_or(1.0)
        };
        matrix.with_weights(matrix.edges().enumerate().map(weigh).collect()).expect("finite, one for each edge")
    }
}

/// Sum of the absolute weights of every row, or for a pattern the number of its edges.
#[must_use]
pub fn row_degrees(matrix: &Csr) -> Vec<f32> {
    degrees(matrix, matrix.num_rows(), |(row, _)| row)
}

/// Sum of the absolute weights of every column, or for a pattern the number of its edges.
#[must_use]
pub fn col_degrees(matrix: &Csr) -> Vec<f32> {
    degrees(matrix, matrix.num_cols(), |(_, col)| col)
}

#[expect(clippy::cast_precision_loss, reason = "a degree beyond 2^24 may be rounded")]
fn degrees(matrix: &Csr, num_nodes: usize, end: impl Fn((u32, u32)) -> u32) -> Vec<f32> {
    let ends = matrix.edges().map(end);
    let Some(weights) = matrix.weights() else {
        let mut counts = vec![0usize; num_nodes];
        ends.for_each(|node| counts[node as usize] += 1);
        return counts.into_iter().map(|count| count as f32).collect();
    };
    let mut sums = vec![0f32; num_nodes];
    ends.zip(weights).for_each(|(node, weight)| sums[node as usize] += weight.abs());
    sums
}

fn inverse(degree: f32) -> f32 {
    let inverse = degree.recip();
    if inverse.is_finite() { inverse } else { 0.0 }
}

fn inverse_root(degree: f32) -> f32 {
    inverse(degree.sqrt())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Duplicates;

    fn weights(normalisation: Normalisation, matrix: &Csr) -> Vec<f32> {
        normalisation.apply(matrix).weights().unwrap().to_vec()
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}, expected {expected:?}");
    }

    #[test]
    fn a_pattern_by_hand() {
        // 3 x 4: row degrees 2, 0, 3; column degrees 1, 2, 0, 2.
        let edges = [(0, 0), (0, 3), (2, 1), (2, 3), (2, 1), (2, 0)];
        let matrix = Csr::from_edges(3, 4, &edges, Duplicates::First).unwrap();
        assert_eq!(row_degrees(&matrix), [2.0, 0.0, 3.0]);
        assert_eq!(col_degrees(&matrix), [2.0, 1.0, 0.0, 2.0]);
        let (half, third) = (0.5f32, 1.0 / 3.0);
        assert_close(
            &weights(Normalisation::Symmetric, &matrix),
            &[half, half, (third * half).sqrt(), third.sqrt(), (third * half).sqrt()],
        );
        assert_close(&weights(Normalisation::Row, &matrix), &[half, half, third, third, third]);
        assert_close(&weights(Normalisation::Column, &matrix), &[half, half, half, 1.0, half]);
    }

    #[test]
    fn weights_by_hand() {
        // Row degrees 4, 0, 9; column degrees 1, 12. A weight of 0 has an end of degree 0.
        let edges = [(0, 0, 1.0), (0, 1, -3.0), (1, 0, 0.0), (2, 1, 9.0)];
        let matrix = Csr::from_weighted_edges(3, 2, &edges, Duplicates::Error).unwrap();
        let root = 12f32.sqrt();
        assert_close(&weights(Normalisation::Symmetric, &matrix), &[0.5, -3.0 / (2.0 * root), 0.0, 3.0 / root]);
        assert_close(&weights(Normalisation::Row, &matrix), &[0.25, -0.75, 0.0, 1.0]);
        assert_close(&weights(Normalisation::Column, &matrix), &[1.0, -0.25, 0.0, 0.75]);
    }

    #[test]
    fn a_degree_whose_inverse_is_no_number_gives_zero() {
        for extreme in [1e-42, f32::MAX] {
            let edges = [(0, 0, extreme), (0, 1, extreme)];
            let matrix = Csr::from_weighted_edges(1, 2, &edges, Duplicates::Error).unwrap();
            assert_close(&weights(Normalisation::Row, &matrix), &[0.0, 0.0]);
        }
    }

    proptest! {
        #[test]
        fn rows_and_columns_sum_to_one(edges in prop::collection::vec((0u32..7, 0u32..5, 0.1f32..9.0), 0..40)) {
            let matrix = Csr::from_weighted_edges(7, 5, &edges, Duplicates::Max).unwrap();
            let of_rows = row_degrees(&Normalisation::Row.apply(&matrix));
            let of_cols = col_degrees(&Normalisation::Column.apply(&matrix));
            prop_assert!(of_rows.into_iter().chain(of_cols).all(|sum| sum == 0.0 || (sum - 1.0).abs() < 1e-5));
            prop_assert_eq!(col_degrees(&matrix), row_degrees(&matrix.transpose()));
            let there = Normalisation::Symmetric.apply(&matrix).transpose();
            prop_assert_eq!(Normalisation::Symmetric.apply(&matrix.transpose()).to_pattern(), there.to_pattern());
        }
    }
}
