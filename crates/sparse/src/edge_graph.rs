//! A graph whose edges carry values: a pattern seen from both of its sides.
//!
//! The values are not in it: they are tensors of one row an edge, in the order of the pattern's rows.
//! Prepared here is what lets a gradient walk the columns with one owner each: the transpose, and the
//! position of each of its edges in the first order.

use std::sync::Arc;

use gnnrec_graph::Csr;

/// One of an edge's two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The row: the target, which receives.
    Row,
    /// The column: the source, which is read.
    Col,
}

impl End {
    /// The other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Row => Self::Col,
            Self::Col => Self::Row,
        }
    }
}

/// A checked pattern (rows are targets, columns sources) prepared for values on its edges; cheap to clone.
#[derive(Clone, Debug)]
pub struct EdgeGraph {
    sides: Arc<Sides>,
}

#[derive(Debug)]
struct Sides {
    by_row: Csr,
    by_col: Csr,
    /// For each edge of `by_col` its position in `by_row`.
    edge_of: Vec<u32>,
    #[cfg(feature = "gpu")]
    devices: crate::gpu::OnDevices<crate::gpu::DeviceEdges>,
}

/// The edges grouped by one end: node `v` owns positions `indptr[v] .. indptr[v + 1]`.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) indptr: &'a [usize],
    /// The node at the other end, by position.
    pub(crate) others: &'a [u32],
    /// The edge at a position, or `None` where the position is the edge.
    pub(crate) edge_of: Option<&'a [u32]>,
}

impl EdgeGraph {
    /// Prepares a pattern, in linear time; it holds 8 bytes an edge more than the pattern.
    ///
    /// # Panics
    /// If the matrix has weights: values of edges are arguments of the operations, and weights in the graph
    /// would be passed over.
    #[must_use]
    pub fn new(pattern: Csr) -> Self {
        assert!(pattern.weights().is_none(), "an EdgeGraph takes a pattern: give weights to the operations");
        let (by_col, edge_of) = pattern.transpose_with_edges();
        let edge_of = edge_of.into_iter().map(|edge| u32::try_from(edge).expect("edges are counted by a u32"));
        let sides = Sides {
            by_row: pattern,
            by_col,
            edge_of: edge_of.collect(),
            #[cfg(feature = "gpu")]
            devices: crate::gpu::OnDevices::default(),
        };
        Self { sides: Arc::new(sides) }
    }

    /// Number of rows, that is of targets.
    #[must_use]
    pub fn num_rows(&self) -> usize {
        self.num_nodes(End::Row)
    }

    /// Number of columns, that is of sources.
    #[must_use]
    pub fn num_cols(&self) -> usize {
        self.num_nodes(End::Col)
    }

    /// Number of nodes on one side.
    #[must_use]
    pub fn num_nodes(&self, end: End) -> usize {
        match end {
            End::Row => self.sides.by_row.num_rows(),
            End::Col => self.sides.by_row.num_cols(),
        }
    }

    /// Number of edges, that is of rows of a tensor of edge values.
    #[must_use]
    pub fn num_edges(&self) -> usize {
        self.sides.by_row.num_edges()
    }

    /// The pattern; its order of edges is the order of their values.
    #[must_use]
    pub fn pattern(&self) -> &Csr {
        &self.sides.by_row
    }

    /// Whether edge `(r, c)` implies edge `(c, r)`. Linear in the edges.
    #[must_use]
    pub fn is_symmetric(&self) -> bool {
        self.sides.by_row == self.sides.by_col
    }

    pub(crate) fn side(&self, end: End) -> Side<'_> {
        let (matrix, edge_of) = match end {
            End::Row => (&self.sides.by_row, None),
            End::Col => (&self.sides.by_col, Some(self.sides.edge_of.as_slice())),
        };
        Side { indptr: matrix.indptr(), others: matrix.indices(), edge_of }
    }

    /// The graph on a device, uploaded at the first call.
    #[cfg(feature = "gpu")]
    pub(crate) fn on(&self, device: &burn_cubecl::CubeDevice) -> Arc<crate::gpu::DeviceEdges> {
        self.sides.devices.get(device, || crate::gpu::DeviceEdges::new(self, device))
    }

    /// The same graph with all that operations need on this device, for a thread that prepares a later step.
    #[cfg(feature = "burn")]
    #[must_use]
    pub fn ready_on(self, device: &burn::tensor::Device) -> Self {
        #[cfg(feature = "gpu")]
        crate::gpu::ahead(device, |device| drop(self.on(device)));
        #[cfg(not(feature = "gpu"))]
        let _ = device;
        self
    }

    /// The edge at each position of the columns' side; where the pattern is symmetric, the reverse of each edge.
    pub(crate) fn edge_of(&self) -> &[u32] {
        &self.sides.edge_of
    }
}
