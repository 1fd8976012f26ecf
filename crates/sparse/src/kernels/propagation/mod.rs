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

pub(crate) use lookup::Lookup;

use super::hop::add;
use crate::LayerCombination;
use crate::layout::Layout;

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
    assert_eq!(layout.num_rows(), layout.cols.node_at.len(), "propagation needs a square matrix");
    assert_eq!(table.len(), layout.num_rows() * width, "the table is num_nodes x width");
}
