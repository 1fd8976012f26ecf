//! Some rows of a graph with what they reach numbered anew: a batch's users and their neighbours.
//!
//! It is for tables that are looked up (`Table`): only the rows that the batch reaches are read and get gradients.

use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_graph::{Csr, Duplicates};
use gnnrec_sparse::{EdgeGraph, Rows, ready_tensor, spmm_edges};

/// Chosen rows of a matrix, in the order given, and the distinct columns that they name, ascending.
#[derive(Clone, Debug)]
pub struct SubGraph {
    graph: EdgeGraph,
    cols: Rows,
    /// `|N(r)|^-1/2` for each edge, where it was prepared.
    inverse_roots: Option<Tensor<1>>,
}

impl SubGraph {
    /// Takes `rows` out of `matrix`, in time linear in their edges but for the sorting of their distinct columns.
    ///
    /// # Panics
    /// If a row lies outside the matrix.
    #[must_use]
    pub fn of_rows(matrix: &Csr, rows: &[u32]) -> Self {
        let row = |row: u32| matrix.row(row as usize).iter().map(|&col| col as usize);
        // Zeros that nobody looks at are pages that the system never hands out.
        let mut position = vec![0u32; matrix.num_cols()];
        let mut cols = Vec::new();
        for col in rows.iter().flat_map(|&of| row(of)) {
            if std::mem::replace(&mut position[col], 1) == 0 {
                cols.push(u32::try_from(col).expect("columns are counted by a u32"));
            }
        }
        cols.sort_unstable();
        for (new, &col) in (0..).zip(&cols) {
            position[col as usize] = new;
        }
        let renamed = |(new, &of): (u32, &u32)| row(of).map(|col| (new, position[col])).collect::<Vec<_>>();
        let edges: Vec<(u32, u32)> = (0..).zip(rows).flat_map(renamed).collect();
        let pattern = Csr::from_edges(rows.len(), cols.len(), &edges, Duplicates::Error);
        let graph = EdgeGraph::new(pattern.expect("rows and columns are numbered anew"));
        Self { graph, cols: cols.into(), inverse_roots: None }
    }

    /// The same with all that [`SubGraph::root_normalised_sum`] and a lookup of [`SubGraph::cols`] need on a device.
    #[must_use]
    pub fn ready_on(self, device: &Device) -> Self {
        let ready = self.ready_sum_on(device);
        Self { cols: ready.cols.ready_on(device), ..ready }
    }

    /// The same with all that [`SubGraph::root_normalised_sum`] needs on a device.
    #[must_use]
    pub fn ready_sum_on(self, device: &Device) -> Self {
        let inverse_roots = (self.graph.num_edges() > 0).then(|| ready_tensor(self.inverse_roots(), device));
        Self { graph: self.graph.ready_on(device), cols: self.cols, inverse_roots }
    }

    /// The edges between the positions of rows and of columns.
    #[must_use]
    pub fn graph(&self) -> &EdgeGraph {
        &self.graph
    }

    /// The columns reached, by their numbers in the whole matrix: what to look up.
    #[must_use]
    pub fn cols(&self) -> &Rows {
        &self.cols
    }

    /// `y[r] = |N(r)|^-1/2 Σ_{c in N(r)} x[c]`, `rows x width`, for `x` of one row for each of [`SubGraph::cols`]; zeros
    /// for a row without edges.
    ///
    /// # Panics
    /// If `x` has another number of rows.
    #[must_use]
    pub fn root_normalised_sum(&self, x: Tensor<2>) -> Tensor<2> {
        if self.graph.num_edges() == 0 {
            return Tensor::zeros([self.graph.num_rows(), x.dims()[1]], &x.device());
        }
        let inverse_roots = || Tensor::from_data(self.inverse_roots(), &x.device());
        spmm_edges(&self.graph, self.inverse_roots.clone().unwrap_or_else(inverse_roots), x)
    }

    fn inverse_roots(&self) -> TensorData {
        let pattern = self.graph.pattern();
        let weights = (0..pattern.num_rows()).flat_map(|row| {
            let degree = pattern.degree(row);
            std::iter::repeat_n(inverse_root(degree), degree)
        });
        TensorData::new(weights.collect::<Vec<f32>>(), [self.graph.num_edges()])
    }

    /// For each of [`SubGraph::cols`] the sum of `values` over the rows that name it.
    ///
    /// # Panics
    /// If there is not one value for each row.
    #[must_use]
    pub fn sum_by_col(&self, values: &[f32]) -> Vec<f32> {
        assert_eq!(values.len(), self.graph.num_rows(), "one value for each row");
        let mut sums = vec![0.0; self.cols.len()];
        for (row, col) in self.graph.pattern().edges() {
            sums[col as usize] += values[row as usize];
        }
        sums
    }
}

/// `degree^-1/2`, and 1 for a degree of 0.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a degree beyond 2^24 may be rounded")]
pub fn inverse_root(degree: usize) -> f32 {
    1.0 / (degree.max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use proptest::prelude::*;

    use super::*;

    /// Rows {1, 4, 5}, {}, {0}, {4, 6}; asked for 3, 1 and 0.
    #[test]
    fn by_hand() {
        let edges = [(0, 1), (0, 4), (0, 5), (2, 0), (3, 4), (3, 6)];
        let matrix = Csr::from_edges(4, 8, &edges, Duplicates::Error).unwrap();
        let sub = SubGraph::of_rows(&matrix, &[3, 1, 0]);
        assert_eq!(**sub.cols(), [1, 4, 5, 6]);
        let expected = [(0, 1), (0, 3), (2, 0), (2, 1), (2, 2)];
        assert_eq!(sub.graph().pattern().edges().collect::<Vec<_>>(), expected);
        assert_eq!(sub.sum_by_col(&[10.0, 1.0, 5.0]), [5.0, 15.0, 5.0, 10.0]);
        let x = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], &Device::flex());
        let found: Vec<f32> = sub.root_normalised_sum(x).into_data().try_to_vec().unwrap();
        let expected = [10.0 / 2f32.sqrt(), 12.0 / 2f32.sqrt(), 0.0, 0.0, 9.0 / 3f32.sqrt(), 12.0 / 3f32.sqrt()];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {expected:?}");
        let nothing = SubGraph::of_rows(&matrix, &[1]);
        let sum = nothing.root_normalised_sum(Tensor::zeros([0, 2], &Device::flex()));
        assert_eq!((nothing.cols().len(), sum.dims()), (0, [1, 2]));
    }

    proptest! {
        #[test]
        fn every_edge_of_the_rows_and_no_other(
            edges in prop::collection::btree_set((0u32..7, 0u32..11), 0..40),
            rows in prop::sample::subsequence((0u32..7).collect::<Vec<_>>(), 0..7).prop_shuffle(),
        ) {
            let edges: Vec<_> = edges.into_iter().collect();
            let matrix = Csr::from_edges(7, 11, &edges, Duplicates::Error).unwrap();
            let sub = SubGraph::of_rows(&matrix, &rows);
            let named = |(row, col): (u32, u32)| (rows[row as usize], sub.cols()[col as usize]);
            let mut found: Vec<_> = sub.graph().pattern().edges().map(named).collect();
            found.sort_unstable();
            let expected: Vec<_> = edges.iter().copied().filter(|edge| rows.contains(&edge.0)).collect();
            prop_assert_eq!(found, expected);
            prop_assert!(sub.cols().is_sorted_by(|a, b| a < b));
        }
    }
}
