//! A matrix prepared once for multiplication from both sides.
//!
//! It is a linear operator, `M = diag(r) A diag(c)`: a checked sparse matrix `A`, with or without
//! edge weights, between optional factors for its rows and columns. It holds what a gradient needs,
//! the transpose, and cannot be edited. At the first product it is copied into the order in which the
//! kernels go through it; nobody outside sees that order.

use std::sync::{Arc, OnceLock};

use gnnrec_graph::{Csr, Normalisation};

use crate::buffers::Buffers;
use crate::kernels::TablePrecision;
use crate::layout::Layout;
use crate::order::Order;

/// `M = diag(r) A diag(c)` with its transpose, cheap to clone.
///
/// A matrix that equals its transpose is stored once.
#[derive(Clone, Debug)]
pub struct Adjacency {
    forward: Arc<Side>,
    backward: Arc<Side>,
    kernel_orders: Arc<OnceLock<Orders>>,
    /// Whether rows and columns of `kernel_orders` change places.
    flipped: bool,
    table_precision: TablePrecision,
    buffers: Arc<Buffers>,
}

/// Orders of the rows and of the columns, one and the same where the matrix is square.
#[derive(Debug)]
struct Orders {
    rows: Arc<Order>,
    cols: Arc<Order>,
}

/// One direction of an [`Adjacency`].
#[derive(Debug)]
struct Side {
    matrix: Csr,
    row_factors: Option<Vec<f32>>,
    col_factors: Option<Vec<f32>>,
    layout: OnceLock<Layout>,
    #[cfg(feature = "gpu")]
    devices: crate::gpu::OnDevices<crate::gpu::DeviceMatrix>,
}

impl Side {
    fn new(matrix: Csr, row_factors: Option<Vec<f32>>, col_factors: Option<Vec<f32>>) -> Self {
        let layout = OnceLock::new();
        #[cfg(feature = "gpu")]
        let devices = crate::gpu::OnDevices::default();
        Self {
            matrix,
            row_factors,
            col_factors,
            layout,
            #[cfg(feature = "gpu")]
            devices,
        }
    }
}

impl Adjacency {
    /// The matrix as it is: `M = A`.
    #[must_use]
    pub fn new(matrix: Csr) -> Self {
        Self::with_factors(matrix, None, None)
    }

    /// `M = D_r^-1/2 A D_c^-1/2`, where a degree is the sum of the absolute weights of a row or
    /// column (for a pattern, their number). Rows and columns without edges have the factor 0.
    ///
    /// For the square symmetric adjacency of a graph this is the propagation matrix of LightGCN and,
    /// without self-loops, of GCN; for a user-item matrix it is the one of GF-CF.
    #[must_use]
    pub fn symmetric_normalised(matrix: &Csr) -> Self {
        let (rows, cols) = Normalisation::Symmetric.factors(matrix);
        Self::with_factors(matrix.clone(), rows, cols)
    }

    /// `M = D_r^-1 A`: each output row is the weighted mean of its neighbours' rows; a row without
    /// edges gives zeros.
    #[must_use]
    pub fn row_mean(matrix: &Csr) -> Self {
        let (rows, cols) = Normalisation::Row.factors(matrix);
        Self::with_factors(matrix.clone(), rows, cols)
    }

    fn with_factors(matrix: Csr, rows: Option<Vec<f32>>, cols: Option<Vec<f32>>) -> Self {
        let transposed = matrix.transpose();
        let symmetric = transposed == matrix && rows == cols;
        let backward = (!symmetric).then(|| Arc::new(Side::new(transposed, cols.clone(), rows.clone())));
        let forward = Arc::new(Side::new(matrix, rows, cols));
        Self {
            backward: backward.unwrap_or_else(|| forward.clone()),
            forward,
            kernel_orders: Arc::default(),
            flipped: false,
            table_precision: TablePrecision::F32,
            buffers: Arc::default(),
        }
    }

    /// The same matrix, whose products store the tables that they gather from in another precision. The first
    /// operand, the sums and the result stay in 32 bits. On the CPU: a GPU stores all in 32 bits.
    #[must_use]
    pub fn with_table_precision(mut self, precision: TablePrecision) -> Self {
        self.table_precision = precision;
        self
    }

    /// How products store the tables that they gather from.
    #[must_use]
    pub fn table_precision(&self) -> TablePrecision {
        self.table_precision
    }

    /// The transpose, without any copy.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self {
            forward: self.backward.clone(),
            backward: self.forward.clone(),
            kernel_orders: self.kernel_orders.clone(),
            flipped: !self.flipped,
            table_precision: self.table_precision,
            buffers: self.buffers.clone(),
        }
    }

    /// The matrix as the kernels go through it, made at the first call: some ten passes over the edges.
    pub(crate) fn layout(&self) -> &Layout {
        self.forward.layout.get_or_init(|| {
            let orders = self.kernel_orders.get_or_init(|| {
                let (rows, cols) = Order::of_matrix(&self.forward.matrix, &self.backward.matrix);
                let rows = Arc::new(rows);
                let cols = cols.map_or_else(|| rows.clone(), Arc::new);
                if self.flipped { Orders { rows: cols, cols: rows } } else { Orders { rows, cols } }
            });
            let Orders { rows, cols } = orders;
            let (rows, cols) = if self.flipped { (cols, rows) } else { (rows, cols) };
            let Side { matrix, row_factors, col_factors, .. } = &*self.forward;
            let factors = [row_factors.as_deref(), col_factors.as_deref()];
            Layout::new([matrix, &self.backward.matrix], factors, rows.clone(), cols.clone())
        })
    }

    /// The matrix on a device, uploaded at the first call.
    #[cfg(feature = "gpu")]
    pub(crate) fn on(&self, device: &burn_cubecl::CubeDevice) -> Arc<crate::gpu::DeviceMatrix> {
        self.forward.devices.get(device, || crate::gpu::DeviceMatrix::new(self, device))
    }

    /// The scratch tables of products with this matrix.
    pub(crate) fn buffers(&self) -> &Arc<Buffers> {
        &self.buffers
    }

    /// Whether `M` equals its transpose to the last bit.
    #[must_use]
    pub fn is_symmetric(&self) -> bool {
        Arc::ptr_eq(&self.forward, &self.backward)
    }

    /// Number of rows of `M`.
    #[must_use]
    pub fn num_rows(&self) -> usize {
        self.matrix().num_rows()
    }

    /// Number of columns of `M`.
    #[must_use]
    pub fn num_cols(&self) -> usize {
        self.matrix().num_cols()
    }

    /// The matrix `A` between the factors.
    #[must_use]
    pub fn matrix(&self) -> &Csr {
        &self.forward.matrix
    }

    /// `r`, one factor a row, where there are any.
    #[must_use]
    pub fn row_factors(&self) -> Option<&[f32]> {
        self.forward.row_factors.as_deref()
    }

    /// `c`, one factor a column, where there are any.
    #[must_use]
    pub fn col_factors(&self) -> Option<&[f32]> {
        self.forward.col_factors.as_deref()
    }

    /// Bytes held, both directions together, scratch tables not counted.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let side = |side: &Side| {
            let weights = side.matrix.weights().map_or(0, size_of_val);
            let factors = [&side.row_factors, &side.col_factors].into_iter().flatten();
            size_of_val(side.matrix.indptr())
                + size_of_val(side.matrix.indices())
                + weights
                + factors.map(|factors| size_of_val(factors.as_slice())).sum::<usize>()
                + side.layout.get().map_or(0, Layout::held_bytes)
        };
        side(&self.forward) + if self.is_symmetric() { 0 } else { side(&self.backward) }
    }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::Duplicates;

    use super::*;

    fn graph() -> Csr {
        // 3 x 4: row 0 -> {1, 3}, row 1 empty, row 2 -> {0, 1, 3}.
        Csr::from_edges(3, 4, &[(0, 1), (0, 3), (2, 0), (2, 1), (2, 3)], Duplicates::Error).unwrap()
    }

    #[test]
    fn factors_by_hand() {
        let normalised = Adjacency::symmetric_normalised(&graph());
        let (half, third) = (0.5f32.sqrt(), 3f32.sqrt().recip());
        for (found, expected) in [
            (normalised.row_factors().unwrap(), &[half, 0.0, third][..]),
            (normalised.col_factors().unwrap(), &[1.0, half, 0.0, half]),
            (Adjacency::row_mean(&graph()).row_factors().unwrap(), &[0.5, 0.0, 1.0 / 3.0]),
        ] {
            assert_eq!(found.len(), expected.len());
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {expected:?}");
        }
        assert_eq!(normalised.transposed().row_factors(), normalised.col_factors());
        assert_eq!(normalised.transposed().matrix(), &graph().transpose());
    }

    #[test]
    fn a_symmetric_matrix_is_stored_once() {
        let csr = Csr::from_edges(3, 3, &[(0, 1), (1, 0), (1, 2), (2, 1)], Duplicates::Error).unwrap();
        assert!(Adjacency::symmetric_normalised(&csr).is_symmetric());
        assert!(!Adjacency::row_mean(&csr).is_symmetric());
        assert!(!Adjacency::new(graph()).is_symmetric());
        assert_eq!(Adjacency::new(csr).held_bytes(), 4 * 8 + 4 * 4);
    }
}
