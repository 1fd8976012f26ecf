//! Products along edges: what a node receives over edges of some weight, what the two ends of an edge have
//! in common, and rows carried from nodes to edges.

use std::array::from_fn;

use rayon::prelude::*;

use super::reduce::{EDGES_A_TASK, reduce, sum};
use super::split::rows_of;
use super::vectors::vectorised;
use crate::edge_mask::Ones;
use crate::{EdgeGraph, End, MaskedGraph};

/// `y[v] = Σ_{e: end(e) = v} weights[e] x[other(e)]`: with [`End::Row`] the product `W x` of the matrix with
/// these weights, with [`End::Col`] the product `W^T x`.
///
/// `weights` is `num_edges`, `x` one row of `width` for each node on the other side, `y` one for each on this.
///
/// # Panics
/// If a slice has another size.
pub fn spmm_edges(graph: &EdgeGraph, end: End, weights: &[f32], x: &[f32], width: usize, y: &mut [f32]) {
    assert_eq!(weights.len(), graph.num_edges(), "one weight for each edge");
    assert_eq!(x.len(), graph.num_nodes(end.other()) * width, "x has one row for each node that is read");
    assert_eq!(y.len(), graph.num_nodes(end) * width, "y has one row for each node that receives");
    let side = graph.side(end);
    // A pass of its own: reads that miss the cache wait together here, and one by one in the product.
    let moved = |edge_of: &[u32]| edge_of.par_iter().map(|&edge| weights[edge as usize]).collect();
    let moved: Option<Vec<f32>> = side.edge_of.map(moved);
    let weights = moved.as_deref().unwrap_or(weights);
    let term = |k: usize| (weights[k], side.others[k] as usize);
    reduce(sum(), side.indptr, x, width, y, |edges| edges.map(term), |_, _| ());
}

/// `y = M x` with [`End::Row`], `y = M^T x` with [`End::Col`]; sizes as in [`spmm_edges`].
///
/// # Panics
/// If a slice has another size.
pub fn spmm_masked(masked: &MaskedGraph, end: End, x: &[f32], width: usize, y: &mut [f32]) {
    let graph = masked.graph();
    assert_eq!(x.len(), graph.num_nodes(end.other()) * width, "x has one row for each node that is read");
    assert_eq!(y.len(), graph.num_nodes(end) * width, "y has one row for each node that receives");
    let side = graph.side(end);
    let (others, bits) = (side.others, masked.bits(end));
    let finish = |node: usize, y: &mut [f32]| {
        let factor = masked.scale() * masked.factors(end).map_or(1.0, |factors| factors[node]);
        y.iter_mut().for_each(|y| *y *= factor);
    };
    match masked.factors(end.other()) {
        None => {
            let term = |k: usize| (1.0, others[k] as usize);
            reduce(sum(), side.indptr, x, width, y, |edges| Ones::new(bits, edges).map(term), finish);
        }
        Some(factors) => {
            let term = |k: usize| (factors[others[k] as usize], others[k] as usize);
            reduce(sum(), side.indptr, x, width, y, |edges| Ones::new(bits, edges).map(term), finish);
        }
    }
}

/// `out[e] = rows[row(e)] · cols[col(e)]`: the product `rows cols^T` at the edges alone.
///
/// `rows` is `num_rows x width`, `cols` is `num_cols x width`, `out` is `num_edges`.
///
/// # Panics
/// If a slice has another size.
pub fn edge_dot(graph: &EdgeGraph, rows: &[f32], cols: &[f32], width: usize, out: &mut [f32]) {
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
                    for (out, sources) in out.chunks_mut(BATCH).zip(side.others[edges].chunks(BATCH)) {
                        dots(row, cols, sources, out);
                    }
                }
            },
        );
    });
}

/// Sums that a dot product keeps side by side: a vector of AVX-512, two of AVX2. Their number is part of the
/// result, not of the machine.
const LANES: usize = 16;

/// Edges whose sums are finished together, apart from the loop that fills them: left in it, their last
/// additions keep the compiler from whole vectors.
const BATCH: usize = 32;

/// `out[n] = row · cols[sources[n]]` for at most a batch.
#[inline(always)]
fn dots(row: &[f32], cols: &[f32], sources: &[u32], out: &mut [f32]) {
    let mut batch = [[0f32; LANES]; BATCH];
    let (blocks, rest) = row.as_chunks::<LANES>();
    for ((sums, out), &source) in batch.iter_mut().zip(&mut *out).zip(sources) {
        let (source, source_rest) = cols[source as usize * row.len()..][..row.len()].as_chunks::<LANES>();
        let mut lanes = [0f32; LANES];
        for (a, b) in blocks.iter().zip(source) {
            for lane in 0..LANES {
                lanes[lane] += a[lane] * b[lane];
            }
        }
        *sums = lanes;
        *out = rest.iter().zip(source_rest).fold(0.0, |sum, (a, b)| sum + a * b);
    }
    for (out, sums) in out.iter_mut().zip(&batch) {
        let eight: [f32; 8] = from_fn(|lane| sums[lane] + sums[lane + 8]);
        let four: [f32; 4] = from_fn(|lane| eight[lane] + eight[lane + 4]);
        *out += (four[0] + four[2]) + (four[1] + four[3]);
    }
}

/// `out[e] = x[end(e)]`; `x` is one row of `width` for each node on that side, `out` is `num_edges x width`.
///
/// # Panics
/// If a slice has another size.
pub fn gather_edges(graph: &EdgeGraph, end: End, x: &[f32], width: usize, out: &mut [f32]) {
    assert_eq!(x.len(), graph.num_nodes(end) * width, "one row for each node");
    assert_eq!(out.len(), graph.num_edges() * width, "one row for each edge");
    if width == 0 {
        return;
    }
    let side = graph.side(End::Row);
    out.par_chunks_mut(EDGES_A_TASK * width).enumerate().for_each(|(task, out)| {
        let first = task * EDGES_A_TASK;
        let edges = first..first + out.len() / width;
        let mut out = out.chunks_exact_mut(width);
        match end {
            End::Col => {
                for (out, &col) in out.zip(&side.others[edges]) {
                    out.copy_from_slice(&x[col as usize * width..][..width]);
                }
            }
            End::Row => {
                for (row, edges) in rows_of(side.indptr, edges) {
                    let row = &x[row * width..][..width];
                    out.by_ref().take(edges.len()).for_each(|out| out.copy_from_slice(row));
                }
            }
        }
    });
}

/// `y[v] = Σ_{e: end(e) = v} x[e]`, the transpose of [`gather_edges`]; `x` is `num_edges x width`, `y` one row
/// for each node on that side.
///
/// # Panics
/// If a slice has another size.
pub fn sum_edges(graph: &EdgeGraph, end: End, x: &[f32], width: usize, y: &mut [f32]) {
    assert_eq!(x.len(), graph.num_edges() * width, "one row for each edge");
    assert_eq!(y.len(), graph.num_nodes(end) * width, "one row for each node");
    let side = graph.side(end);
    match side.edge_of {
        None => super::segment_sum(side.indptr, x, width, y),
        Some(edge_of) => {
            reduce(sum(), side.indptr, x, width, y, |edges| edges.map(|k| (1.0, edge_of[k] as usize)), |_, _| ());
        }
    }
}
