//! Values on edges on a device.

#![expect(clippy::float_cmp, reason = "the largest of some values is one of them")]

use burn_cubecl::CubeDevice;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::device::{empty, upload_lists, upload_u32};
use super::geometry::{Columns, cubes, lines, units};
use super::graph::{Cut, DeviceSide};
use super::propagation::upload_factors;
use super::rows::zeros;
use super::sums::add_parts;
use crate::{EdgeGraph, End, MaskedGraph};

/// A graph with values on its edges.
#[derive(Debug)]
pub(crate) struct DeviceEdges {
    by_row: DeviceSide,
    by_col: DeviceSide,
    /// The row of each edge.
    rows: CubeTensor,
}

impl DeviceEdges {
    pub(crate) fn new(graph: &EdgeGraph, device: &CubeDevice) -> Self {
        let [row, col] = [End::Row, End::Col].map(|end| graph.side(end));
        let [by_row, by_col] = [&row, &col].map(|side| Cut::new(side.indptr));
        let rows: Vec<u32> = graph.pattern().edges().map(|(row, _)| row).collect();
        let [pieces, hubs, indptr, others, of_col, col_hubs, col_bounds, col_others, edge_of, rows] = upload_lists(
            [
                &by_row.pieces,
                &by_row.hubs,
                &by_row.bounds,
                row.others,
                &by_col.pieces,
                &by_col.hubs,
                &by_col.bounds,
                col.others,
                graph.edge_of(),
                &rows,
            ],
            device,
        );
        Self {
            by_row: DeviceSide { plan: by_row.plan(pieces, hubs), indptr, others, edge_of: None },
            by_col: DeviceSide {
                plan: by_col.plan(of_col, col_hubs),
                indptr: col_bounds,
                others: col_others,
                edge_of: Some(edge_of),
            },
            rows,
        }
    }

    pub(super) fn side(&self, end: End) -> &DeviceSide {
        match end {
            End::Row => &self.by_row,
            End::Col => &self.by_col,
        }
    }

    /// The node at one end of each edge.
    fn nodes(&self, end: End) -> &CubeTensor {
        match end {
            End::Row => &self.rows,
            End::Col => &self.by_row.others,
        }
    }

    fn num_edges(&self) -> usize {
        self.rows.meta.num_elements()
    }
}

/// The bits and factors of a masked graph.
#[derive(Debug)]
pub(crate) struct DeviceMask {
    /// In the order of either side's positions.
    pub(super) bits: [CubeTensor; 2],
    /// The side's own factors, then the other's.
    pub(super) factors: [Option<CubeTensor>; 2],
}

impl DeviceMask {
    pub(crate) fn new(masked: &MaskedGraph, device: &CubeDevice) -> Self {
        let graph = masked.graph();
        let words = |end| {
            let words = masked.bits(end).iter().flat_map(|word| [*word as u32, (*word >> 32) as u32]);
            upload_u32(&words.collect::<Vec<_>>(), device)
        };
        let factors = |end: End| {
            let ends = [end, end.other()];
            upload_factors(ends.map(|end| masked.factors(end)), ends.map(|end| graph.num_nodes(end)), device)
        };
        Self { bits: [End::Row, End::Col].map(words), factors: [End::Row, End::Col].map(factors) }
    }
}

/// What is made of the two ends of an edge.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(super) enum Ends {
    /// `a`.
    First,
    /// `a ∘ b`.
    Product,
    /// `relu(a + b)`.
    ReluAdd,
}

/// `z[e] = of(a[first(e)], b[second(e)])`.
#[cube(launch_unchecked)]
fn join<N: Size>(
    firsts: &[u32],
    seconds: &[u32],
    a: &[Vector<f32, N>],
    b: &[Vector<f32, N>],
    z: &mut [Vector<f32, N>],
    num_edges: usize,
    columns: usize,
    #[comptime] of: Ends,
) {
    let edge = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if edge >= num_edges {
        terminate!();
    }
    let first = firsts[edge] as usize;
    let second = seconds[edge] as usize;
    let mut column = UNIT_POS_X as usize;
    while column < columns {
        let mut value = a[first * columns + column];
        if comptime!(of == Ends::Product) {
            value *= b[second * columns + column];
        }
        if comptime!(of == Ends::ReluAdd) {
            value = max(value + b[second * columns + column], Vector::new(0.0));
        }
        z[edge * columns + column] = value;
        column += CUBE_DIM_X as usize;
    }
}

/// A row for each edge from those at its ends, `of` saying what; `b` is not read where only the first counts.
pub(super) fn joined(graph: &DeviceEdges, of: Ends, end: End, a: &CubeTensor, b: &CubeTensor) -> CubeTensor {
    let (num_edges, width) = (graph.num_edges(), a.meta.shape()[1]);
    let z = empty([num_edges, width], &a.device);
    let columns = Columns::of(width);
    if num_edges == 0 || width == 0 {
        return z;
    }
    let (count, dim) = lines(num_edges, columns.count, &a.device);
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: each end of an edge is a row of its table.
    unsafe {
        join::launch_unchecked(
            &a.client,
            count,
            dim,
            columns.vector,
            graph.nodes(end).clone().into_buffer_arg(),
            graph.nodes(end.other()).clone().into_buffer_arg(),
            a.clone().into_buffer_arg(),
            b.clone().into_buffer_arg(),
            z.clone().into_buffer_arg(),
            num_edges,
            columns.count,
            of,
        );
    }
    z
}

/// `s[e] = a[row(e)] · b[col(e)]`, or `w · relu(a[row(e)] + b[col(e)])`.
#[cube(launch_unchecked)]
fn score<N: Size>(
    rows: &[u32],
    cols: &[u32],
    a: &[Vector<f32, N>],
    b: &[Vector<f32, N>],
    w: &[Vector<f32, N>],
    s: &mut [f32],
    num_edges: usize,
    columns: usize,
    #[comptime] additive: bool,
) {
    let edge = ABSOLUTE_POS;
    if edge >= num_edges {
        terminate!();
    }
    let row = rows[edge] as usize * columns;
    let col = cols[edge] as usize * columns;
    let mut sum = Vector::<f32, N>::new(0.0);
    for column in 0..columns {
        if comptime!(additive) {
            sum += max(a[row + column] + b[col + column], Vector::new(0.0)) * w[column];
        } else {
            sum += a[row + column] * b[col + column];
        }
    }
    s[edge] = across(sum);
}

/// The sum of a vector's floats.
#[cube]
pub(super) fn across<N: Size>(vector: Vector<f32, N>) -> f32 {
    let mut sum = vector.extract(0usize);
    #[unroll]
    for lane in 1..N::value() {
        sum += vector.extract(lane);
    }
    sum
}

/// A score for each edge; `weights` for additive scores.
pub(super) fn scores(graph: &DeviceEdges, a: &CubeTensor, b: &CubeTensor, weights: Option<&CubeTensor>) -> CubeTensor {
    let num_edges = graph.num_edges();
    let s = empty([num_edges], &a.device);
    if num_edges == 0 {
        return s;
    }
    let columns = Columns::of(a.meta.shape()[1]);
    let (count, dim) = units(num_edges, &a.device);
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: each end of an edge is a row of its table, and there is a weight for each column.
    unsafe {
        score::launch_unchecked(
            &a.client,
            count,
            dim,
            columns.vector,
            graph.rows.clone().into_buffer_arg(),
            graph.by_row.others.clone().into_buffer_arg(),
            a.clone().into_buffer_arg(),
            b.clone().into_buffer_arg(),
            weights.unwrap_or(a).clone().into_buffer_arg(),
            s.clone().into_buffer_arg(),
            num_edges,
            columns.count,
            weights.is_some(),
        );
    }
    s
}

/// What a gradient adds up over the edges of a node.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(super) enum Pair {
    /// `dz[e] ∘ other[other(e)]`.
    Product,
    /// `ds[e]` where `own[v] + other[other(e)]` is above 0.
    Above,
}

/// `y[v] = Σ_{p of v} of(..)` by pieces, as [`super::sums`].
#[cube(launch_unchecked)]
fn sum_pairs<N: Size>(
    pieces: &[u32],
    others: &[u32],
    links: &[u32],
    own: &[Vector<f32, N>],
    other: &[Vector<f32, N>],
    of_edges: &[Vector<f32, N>],
    scores: &[f32],
    y: &mut [Vector<f32, N>],
    parts: &mut [Vector<f32, N>],
    num_pieces: usize,
    num_rows: usize,
    columns: usize,
    #[comptime] indirect: bool,
    #[comptime] of: Pair,
) {
    let piece = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if piece >= num_pieces {
        terminate!();
    }
    let first = pieces[piece * 4] as usize;
    let end = pieces[piece * 4 + 1] as usize;
    let target = pieces[piece * 4 + 2] as usize;
    let node = pieces[piece * 4 + 3] as usize;
    let mut column = UNIT_POS_X as usize;
    while column < columns {
        let mut sum = Vector::<f32, N>::new(0.0);
        for position in first..end {
            let mut edge = position;
            if comptime!(indirect) {
                edge = links[position] as usize;
            }
            let far = other[others[position] as usize * columns + column];
            if comptime!(of == Pair::Product) {
                sum += of_edges[edge * columns + column] * far;
            } else {
                let z = own[node * columns + column] + far;
                let score = scores[edge];
                let mut counted = Vector::<f32, N>::new(0.0);
                #[unroll]
                for lane in 0..N::value() {
                    counted.insert(lane, select(z.extract(lane) > 0.0, score, 0.0));
                }
                sum += counted;
            }
        }
        if target < num_rows {
            y[target * columns + column] = sum;
        } else {
            parts[(target - num_rows) * columns + column] = sum;
        }
        column += CUBE_DIM_X as usize;
    }
}

/// What [`sum_pairs`] reads.
pub(super) enum Pairs<'a> {
    Product { other: &'a CubeTensor, dz: &'a CubeTensor },
    Above { own: &'a CubeTensor, other: &'a CubeTensor, ds: &'a CubeTensor },
}

/// A row for each node at one end.
pub(super) fn pair_sums(side: &DeviceSide, pairs: &Pairs<'_>) -> CubeTensor {
    let (other, own, of_edges, scores, of) = match pairs {
        Pairs::Product { other, dz } => (*other, *other, *dz, *dz, Pair::Product),
        Pairs::Above { own, other, ds } => (*other, *own, *other, *ds, Pair::Above),
    };
    let (plan, width) = (&side.plan, other.meta.shape()[1]);
    if of_edges.meta.num_elements() == 0 || scores.meta.num_elements() == 0 {
        return zeros([plan.num_rows, width], &other.device);
    }
    let [y, parts] = [plan.num_rows, plan.num_parts].map(|rows| empty([rows, width], &other.device));
    let columns = Columns::of(width);
    if plan.num_pieces > 0 && width > 0 {
        let (count, dim) = lines(plan.num_pieces, columns.count, &other.device);
        #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
        // SAFETY: a plan's positions and rows are those of its graph, whose nodes and edges the tables have rows for.
        unsafe {
            sum_pairs::launch_unchecked(
                &other.client,
                count,
                dim,
                columns.vector,
                plan.pieces.clone().into_buffer_arg(),
                side.others.clone().into_buffer_arg(),
                side.edge_of.as_ref().unwrap_or(&side.others).clone().into_buffer_arg(),
                own.clone().into_buffer_arg(),
                other.clone().into_buffer_arg(),
                of_edges.clone().into_buffer_arg(),
                scores.clone().into_buffer_arg(),
                y.clone().into_buffer_arg(),
                parts.clone().into_buffer_arg(),
                plan.num_pieces,
                plan.num_rows,
                columns.count,
                side.edge_of.is_some(),
                of,
            );
        }
    }
    add_parts(&y, &parts, plan, false);
    y
}

/// Units that share a row's edges.
const SOFTMAX_UNITS: u32 = 32;

/// `p[e] = exp(x[e]) / Σ exp(x)` over the edges of a row, one cube for each row and head.
#[cube(launch_unchecked)]
fn softmax(indptr: &[u32], x: &[f32], p: &mut [f32], num_rows: usize, num_heads: usize, #[comptime] num_units: usize) {
    let mut shared = Shared::<[f32]>::new_slice(num_units);
    let at = CUBE_POS;
    let row = at / num_heads;
    let head = at % num_heads;
    // Cubes past the last row go through an empty row: all units of a cube meet at its barriers.
    let mut first = 0usize;
    let mut end = 0usize;
    if row < num_rows {
        first = indptr[row] as usize;
        end = indptr[row + 1] as usize;
    }
    let unit = UNIT_POS as usize;
    let used = min(end - first, num_units);

    let mut highest = f32::new(f32::MIN);
    let mut edge = first + unit;
    while edge < end {
        highest = max(highest, x[edge * num_heads + head]);
        edge += num_units;
    }
    shared[unit] = highest;
    sync_cube();
    highest = f32::new(f32::MIN);
    for other in 0..used {
        highest = max(highest, shared[other]);
    }
    sync_cube();

    let mut sum = f32::new(0.0);
    edge = first + unit;
    while edge < end {
        sum += (x[edge * num_heads + head] - highest).exp();
        edge += num_units;
    }
    shared[unit] = sum;
    sync_cube();
    sum = f32::new(0.0);
    for other in 0..used {
        sum += shared[other];
    }

    edge = first + unit;
    while edge < end {
        p[edge * num_heads + head] = (x[edge * num_heads + head] - highest).exp() / sum;
        edge += num_units;
    }
}

/// The softmax of every head over the edges of each row.
pub(super) fn edge_softmax(graph: &DeviceEdges, logits: &CubeTensor) -> CubeTensor {
    let [num_edges, num_heads] = [logits.meta.shape()[0], logits.meta.shape()[1]];
    let p = empty([num_edges, num_heads], &logits.device);
    if num_edges == 0 || num_heads == 0 {
        return p;
    }
    let num_rows = graph.by_row.plan.num_rows;
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: the bounds of rows lie within the edges.
    unsafe {
        softmax::launch_unchecked(
            &logits.client,
            cubes(num_rows * num_heads, &logits.device),
            CubeDim::new_1d(SOFTMAX_UNITS),
            graph.by_row.indptr.clone().into_buffer_arg(),
            logits.clone().into_buffer_arg(),
            p.clone().into_buffer_arg(),
            num_rows,
            num_heads,
            SOFTMAX_UNITS as usize,
        );
    }
    p
}

/// `dx[e] = dy[row(e)]` at the first edge of a row that holds the largest value, 0 at others.
#[cube(launch_unchecked)]
fn largest_gradient(indptr: &[u32], x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32], num_rows: usize, columns: usize) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if row >= num_rows {
        terminate!();
    }
    let first = indptr[row] as usize;
    let end = indptr[row + 1] as usize;
    let mut column = UNIT_POS_X as usize;
    while column < columns {
        let largest = y[row * columns + column];
        let mut gradient = dy[row * columns + column];
        for edge in first..end {
            let at = edge * columns + column;
            if x[at] == largest {
                dx[at] = gradient;
                gradient = f32::new(0.0);
            } else {
                dx[at] = f32::new(0.0);
            }
        }
        column += CUBE_DIM_X as usize;
    }
}

/// The gradient of the largest value over the edges of each row.
pub(super) fn segment_max_gradient(graph: &DeviceEdges, x: &CubeTensor, y: &CubeTensor, dy: &CubeTensor) -> CubeTensor {
    let [num_edges, width] = [x.meta.shape()[0], x.meta.shape()[1]];
    let dx = empty([num_edges, width], &x.device);
    let num_rows = graph.by_row.plan.num_rows;
    if num_edges == 0 || width == 0 {
        return dx;
    }
    let (count, dim) = lines(num_rows, width, &x.device);
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: the bounds of rows lie within the edges.
    unsafe {
        largest_gradient::launch_unchecked(
            &x.client,
            count,
            dim,
            graph.by_row.indptr.clone().into_buffer_arg(),
            x.clone().into_buffer_arg(),
            y.clone().into_buffer_arg(),
            dy.clone().into_buffer_arg(),
            dx.clone().into_buffer_arg(),
            num_rows,
            width,
        );
    }
    dx
}
