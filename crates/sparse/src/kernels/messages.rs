//! Messages along edges that are what is sent times what it is sent over: DistMult's composition.
//!
//! ```text
//! z[e]  = R[row(e)] ∘ C[col(e)]
//! dR[r] = Σ_{e: row(e) = r} dz[e] ∘ C[col(e)]        dC likewise
//! ```

use std::ops::Range;

use rayon::prelude::*;

use super::reduce::{EDGES_A_TASK, sum_rows};
use super::split::rows_of;
use super::vectors::vectorised;
use crate::{EdgeGraph, End};

/// `out[e] = rows[row(e)] ∘ cols[col(e)]`.
///
/// `rows` is `num_rows x width`, `cols` is `num_cols x width`, `out` is `num_edges x width`.
///
/// # Panics
/// If a slice has another size.
pub fn edge_mul(graph: &EdgeGraph, rows: &[f32], cols: &[f32], width: usize, out: &mut [f32]) {
    join_ends(
        graph,
        [rows, cols],
        width,
        out,
        #[inline(always)]
        |a, b| a * b,
    );
}

/// `out[e] = join(rows[row(e)], cols[col(e)])`, column by column; `join` is inlined into the loop.
pub(super) fn join_ends(
    graph: &EdgeGraph,
    [rows, cols]: [&[f32]; 2],
    width: usize,
    out: &mut [f32],
    join: impl Fn(f32, f32) -> f32 + Sync,
) {
    assert_eq!(rows.len(), graph.num_rows() * width, "one row of features for each row of the graph");
    assert_eq!(cols.len(), graph.num_cols() * width, "one row of features for each column of the graph");
    assert_eq!(out.len(), graph.num_edges() * width, "one row for each edge");
    if width == 0 {
        return;
    }
    let side = graph.side(End::Row);
    out.par_chunks_mut(EDGES_A_TASK * width).enumerate().for_each(|(task, out)| {
        let first = task * EDGES_A_TASK;
        vectorised(
            #[inline(always)]
            || {
                for (row, edges) in rows_of(side.indptr, first..first + out.len() / width) {
                    let row = &rows[row * width..][..width];
                    let out = out[(edges.start - first) * width..].chunks_exact_mut(width);
                    for (out, &source) in out.zip(&side.others[edges]) {
                        let col = &cols[source as usize * width..][..width];
                        for ((out, a), b) in out.iter_mut().zip(row).zip(col) {
                            *out = join(*a, *b);
                        }
                    }
                }
            },
        );
    });
}

/// The gradient of [`edge_mul`] towards the nodes at `end`, where `other` is the table of the other end and `dz` is
/// `num_edges x width`.
///
/// # Panics
/// If a slice has another size.
pub fn edge_mul_gradient(graph: &EdgeGraph, end: End, other: &[f32], dz: &[f32], width: usize, out: &mut [f32]) {
    assert_eq!(other.len(), graph.num_nodes(end.other()) * width, "one row for each node on the other side");
    assert_eq!(dz.len(), graph.num_edges() * width, "one row for each edge");
    assert_eq!(out.len(), graph.num_nodes(end) * width, "one row for each node on that side");
    if width == 0 {
        return;
    }
    let side = graph.side(end);
    sum_rows(side.indptr, width, out, |_, edges: Range<usize>, sums: &mut [f32]| {
        vectorised(
            #[inline(always)]
            || {
                for position in edges.clone() {
                    let edge = side.edge_of.map_or(position, |edge_of| edge_of[position] as usize);
                    let other = &other[side.others[position] as usize * width..][..width];
                    for ((sum, dz), other) in sums.iter_mut().zip(&dz[edge * width..][..width]).zip(other) {
                        *sum += dz * other;
                    }
                }
            },
        );
    });
}
