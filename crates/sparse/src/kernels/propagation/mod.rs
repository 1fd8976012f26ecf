//! Several hops and the combination of their layers as one operation, for the rows that are asked for.
//!
//! ```text
//! Y_k[n] = Σ_l w_kl (M^l X)[rows[n]]                                l = 0 ..= L
//! dX     = Σ_l (M^T)^l G_l        G_l = Σ_k w_kl S^T dY_k           S picks the rows
//! ```
//!
//! The last layer is computed at the rows asked for alone. The gradient is summed by Horner's rule, and
//! its first hop reads the few rows of `G_L`, as a table of their own, instead of a table of zeros. Between
//! hops tables lie in the order of the layout and carry the factors that the next hop wants.

mod backward;
mod forward;
mod lookup;

pub use backward::propagate_rows_backward;
pub use forward::propagate_rows;

use std::sync::OnceLock;

use lookup::Lookup;

use super::hop::add;
use crate::layout::Layout;
use crate::{Adjacency, LayerCombination};

/// The rows asked for of a propagation over some graph, worked out once for both directions.
#[derive(Debug)]
pub struct PropagatedRows {
    rows: Box<[u32]>,
    num_nodes: usize,
    lookup: OnceLock<Lookup>,
    #[cfg(feature = "gpu")]
    devices: crate::gpu::OnDevices<crate::gpu::DeviceRows>,
}

impl PropagatedRows {
    /// A propagation over a square `M` for `rows`, in any order and with repetitions. What a first propagation works out
    /// is linear in nodes and rows.
    ///
    /// # Panics
    /// If `M` is not square or a row lies outside it.
    #[must_use]
    pub fn new(adjacency: &Adjacency, rows: &[u32]) -> Self {
        let num_nodes = adjacency.num_rows();
        assert_eq!(num_nodes, adjacency.num_cols(), "propagation needs a square matrix");
        assert!(rows.iter().all(|&row| (row as usize) < num_nodes), "every row lies within the matrix");
        Self {
            rows: rows.into(),
            num_nodes,
            lookup: OnceLock::new(),
            #[cfg(feature = "gpu")]
            devices: crate::gpu::OnDevices::default(),
        }
    }

    /// Number of rows asked for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As positions of the graph's layout.
    fn lookup(&self, layout: &Layout) -> &Lookup {
        assert_eq!(layout.num_rows(), self.num_nodes, "the rows were prepared for another graph");
        self.lookup.get_or_init(|| Lookup::new(layout, &self.rows))
    }

    /// The rows on a device, uploaded at the first call.
    #[cfg(feature = "gpu")]
    pub(crate) fn on(&self, device: &burn_cubecl::CubeDevice) -> std::sync::Arc<crate::gpu::DeviceRows> {
        self.devices.get(device, || crate::gpu::DeviceRows::new(&self.rows, self.num_nodes, device))
    }
}

/// Adds one layer of a row to the outputs that take it up.
#[inline(always)]
fn combine(combination: &LayerCombination, layer: usize, values: &[f32], outputs: &mut [f32]) {
    for (output, weight) in combination.of_layer(layer) {
        add(&mut outputs[output * values.len()..][..values.len()], weight, values);
    }
}

#[inline(always)]
fn scale(row: &mut [f32], factor: f32) {
    for value in row {
        *value *= factor;
    }
}

fn check(layout: &Layout, table: &[f32], width: usize) {
    assert_eq!(table.len(), layout.num_rows() * width, "the table is num_nodes x width");
}
