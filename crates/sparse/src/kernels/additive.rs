//! What a layer makes of the sum of an edge's ends, and scores of it: additive attention.
//!
//! ```text
//! z[e]    = relu(R[row(e)] + C[col(e)])
//! s[e]    = w · relu(R[row(e)] + C[col(e)])
//! M[v][j] = Σ_{e: end(e) = v} ds[e] 1[R[row(e)][j] + C[col(e)][j] > 0]       by either end
//!
//! dR = M_row ∘ w        dC = M_col ∘ w        dw = Σ_r R[r] ∘ M_row[r] + Σ_c C[c] ∘ M_col[c]
//! ```
//!
//! An edge costs its width, and a score holds no table of one row an edge either way.

use std::ops::Range;

use rayon::prelude::*;

use super::messages::join_ends;
use super::reduce::{EDGES_A_TASK, sum_rows};
use super::split::rows_of;
use super::vectors::vectorised;
use crate::{EdgeGraph, End};

/// Sums that a score keeps side by side; their number is part of the result, not of the machine.
const LANES: usize = 16;

/// `out[e] = relu(rows[row(e)] + cols[col(e)])`.
///
/// `rows` is `num_rows x width`, `cols` is `num_cols x width`, `out` is `num_edges x width`.
///
/// # Panics
/// If a slice has another size.
pub fn edge_relu_add(graph: &EdgeGraph, rows: &[f32], cols: &[f32], width: usize, out: &mut [f32]) {
    join_ends(
        graph,
        [rows, cols],
        width,
        out,
        #[inline(always)]
        |a, b| (a + b).max(0.0),
    );
}

/// `out[e] = weights · relu(rows[row(e)] + cols[col(e)])`.
///
/// `rows` is `num_rows x width`, `cols` is `num_cols x width`, `weights` is `width`, `out` is `num_edges`.
///
/// # Panics
/// If a slice has another size.
pub fn edge_relu_dot(graph: &EdgeGraph, rows: &[f32], cols: &[f32], weights: &[f32], out: &mut [f32]) {
    let width = weights.len();
    assert_eq!(rows.len(), graph.num_rows() * width, "one row of features for each row of the graph");
    assert_eq!(cols.len(), graph.num_cols() * width, "one row of features for each column of the graph");
    assert_eq!(out.len(), graph.num_edges(), "one number for each edge");
    let side = graph.side(End::Row);
    out.par_chunks_mut(EDGES_A_TASK).enumerate().for_each(|(task, out)| {
        let first = task * EDGES_A_TASK;
        vectorised(
            #[inline(always)]
            || {
                for (row, edges) in rows_of(side.indptr, first..first + out.len()) {
                    let row = &rows[row * width..][..width];
                    let out = &mut out[edges.start - first..edges.end - first];
                    for (out, &source) in out.iter_mut().zip(&side.others[edges]) {
                        *out = relu_dot(row, &cols[source as usize * width..][..width], weights);
                    }
                }
            },
        );
    });
}

#[inline(always)]
fn relu_dot(a: &[f32], b: &[f32], weights: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let (weights, weights_rest) = weights.as_chunks::<LANES>();
    let mut lanes = [0f32; LANES];
    for ((a, b), weights) in a.iter().zip(b).zip(weights) {
        for lane in 0..LANES {
            lanes[lane] += weights[lane] * (a[lane] + b[lane]).max(0.0);
        }
    }
    let rest = a_rest.iter().zip(b_rest).zip(weights_rest).map(|((a, b), weight)| weight * (a + b).max(0.0));
    lanes.iter().sum::<f32>() + rest.sum::<f32>()
}

/// `M` above, of the nodes at `end`; `own` is `num_nodes x width` there, `other` at the other end, `ds` is
/// `num_edges`, `out` as `own`.
///
/// # Panics
/// If a slice has another size.
pub fn edge_relu_sums(
    graph: &EdgeGraph,
    end: End,
    own: &[f32],
    other: &[f32],
    ds: &[f32],
    width: usize,
    out: &mut [f32],
) {
    assert_eq!(own.len(), graph.num_nodes(end) * width, "one row for each node on that side");
    assert_eq!(other.len(), graph.num_nodes(end.other()) * width, "one row for each node on the other side");
    assert_eq!(ds.len(), graph.num_edges(), "one number for each edge");
    assert_eq!(out.len(), own.len(), "one row of sums for each node on that side");
    if width == 0 {
        return;
    }
    let side = graph.side(end);
    let add = |node: usize, edges: Range<usize>, sums: &mut [f32]| {
        let own = &own[node * width..][..width];
        vectorised(
            #[inline(always)]
            || {
                for position in edges.clone() {
                    let ds = ds[side.edge_of.map_or(position, |edge_of| edge_of[position] as usize)];
                    let other = &other[side.others[position] as usize * width..][..width];
                    for ((sum, own), other) in sums.iter_mut().zip(own).zip(other) {
                        *sum += if own + other > 0.0 { ds } else { 0.0 };
                    }
                }
            },
        );
    };
    sum_rows(side.indptr, width, out, add);
}
