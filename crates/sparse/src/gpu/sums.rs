//! Sums over the edges of each node: products of every kind, and what is gathered back.
//!
//! ```text
//! Y[v] = scale r[v] Σ_{p of v} w[edge(p)] c[other(p)] X[other(p)]       or X[edge(p)], or the largest instead of the sum
//! ```

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::device::empty;
use super::geometry::{Columns, lines};
use super::graph::{DeviceSide, Plan};
use super::rows::zeros;

/// What a kernel reads.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
struct Terms {
    /// `w`.
    weights: WeightKind,
    /// `r` and `c`.
    factors: bool,
    rows: RowsOf,
    /// Whether a position's edge is looked up.
    indirect: bool,
    /// The largest instead of the sum; 0 of none.
    largest: bool,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum WeightKind {
    One,
    Floats,
    Bits,
}

/// Whose rows `X` holds.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum RowsOf {
    Nodes,
    Edges,
    /// Of the nodes that have a number, by that number; a node without one has a row of zeros.
    Numbered,
}

/// The number of a node that has none.
pub(super) const NONE: u32 = u32::MAX;

#[cube(launch_unchecked)]
fn sum_pieces<N: Size>(
    pieces: &[u32],
    others: &[u32],
    links: &[u32],
    weights: &[u32],
    factors: &[f32],
    x: &[Vector<f32, N>],
    y: &mut [Vector<f32, N>],
    parts: &mut [Vector<f32, N>],
    num_pieces: usize,
    num_rows: usize,
    columns: usize,
    scale: f32,
    #[comptime] terms: Terms,
) {
    let piece = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if piece >= num_pieces {
        terminate!();
    }
    let first = pieces[piece * 4] as usize;
    let end = pieces[piece * 4 + 1] as usize;
    let target = pieces[piece * 4 + 2] as usize;
    let mut factor = scale;
    if comptime!(terms.factors) {
        factor *= factors[pieces[piece * 4 + 3] as usize];
    }
    let mut column = UNIT_POS_X as usize;
    while column < columns {
        let mut sum = Vector::<f32, N>::new(0.0);
        for position in first..end {
            let mut edge = position;
            if comptime!(terms.indirect) {
                edge = links[position] as usize;
            }
            let mut row = edge;
            let mut weight = f32::new(1.0);
            if comptime!(terms.rows != RowsOf::Edges) {
                row = others[position] as usize;
                if comptime!(terms.factors) {
                    weight = factors[num_rows + row];
                }
            }
            if comptime!(terms.weights == WeightKind::Floats) {
                weight *= f32::reinterpret(weights[edge]);
            }
            if comptime!(terms.weights == WeightKind::Bits) {
                weight *= f32::cast_from((weights[position / 32] >> (position % 32) as u32) & 1);
            }
            let mut there = true;
            if comptime!(terms.rows == RowsOf::Numbered) {
                let number = links[row];
                there = number != NONE;
                row = number as usize;
            }
            if there {
                let value = x[row * columns + column];
                if comptime!(terms.largest) {
                    if position == first {
                        sum = value;
                    } else {
                        sum = max(sum, value);
                    }
                } else {
                    sum += value * Vector::new(weight);
                }
            }
        }
        let value = sum * Vector::new(factor);
        if target < num_rows {
            y[target * columns + column] = value;
        } else {
            parts[(target - num_rows) * columns + column] = value;
        }
        column += CUBE_DIM_X as usize;
    }
}

#[cube(launch_unchecked)]
fn sum_parts<N: Size>(
    hubs: &[u32],
    parts: &[Vector<f32, N>],
    y: &mut [Vector<f32, N>],
    num_hubs: usize,
    columns: usize,
    #[comptime] largest: bool,
) {
    let hub = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if hub >= num_hubs {
        terminate!();
    }
    let row = hubs[hub * 3] as usize;
    let first = hubs[hub * 3 + 1] as usize;
    let end = hubs[hub * 3 + 2] as usize;
    let mut column = UNIT_POS_X as usize;
    while column < columns {
        let mut sum = parts[first * columns + column];
        for part in first + 1..end {
            let value = parts[part * columns + column];
            if comptime!(largest) {
                sum = max(sum, value);
            } else {
                sum += value;
            }
        }
        y[row * columns + column] = sum;
        column += CUBE_DIM_X as usize;
    }
}

/// `w` of a sum.
#[derive(Clone, Copy)]
pub(super) enum Weights<'a> {
    One,
    /// One float for each edge.
    Floats(&'a CubeTensor),
    /// One bit for each position, in words of 32.
    Bits(&'a CubeTensor),
}

/// Whose rows a sum reads.
#[derive(Clone, Copy)]
pub(super) enum Summed<'a> {
    /// Of the nodes at the other ends.
    Nodes,
    /// Of the edges.
    Edges,
    /// Of the nodes at the other ends that have a number in this list of all nodes, by number.
    Numbered(&'a CubeTensor),
}

/// A sum over the edges of each node of a side.
#[derive(Clone, Copy)]
pub(super) struct Sum<'a> {
    pub(super) side: &'a DeviceSide,
    pub(super) weights: Weights<'a>,
    /// `r` of the side's nodes, then `c` of the others.
    pub(super) factors: Option<&'a CubeTensor>,
    pub(super) scale: f32,
    pub(super) rows: Summed<'a>,
    pub(super) largest: bool,
}

impl<'a> Sum<'a> {
    /// `Y[v] = Σ X[other(p)]` for every node of a side.
    pub(super) fn new(side: &'a DeviceSide) -> Self {
        let (weights, rows) = (Weights::One, Summed::Nodes);
        Self { side, weights, factors: None, scale: 1.0, rows, largest: false }
    }

    /// The sums of a contiguous table's rows, one for each node.
    pub(super) fn of(&self, x: &CubeTensor) -> CubeTensor {
        let Self { side, weights, factors, scale, rows, largest } = *self;
        let plan = &side.plan;
        let (device, width) = (&x.device, x.meta.shape()[1]);
        if x.meta.num_elements() == 0 {
            return zeros([plan.num_rows, width], device);
        }
        let [y, parts] = [plan.num_rows, plan.num_parts].map(|rows| empty([rows, width], device));
        let columns = Columns::of(width);
        // A binding that its kernel does not read takes any buffer.
        let (links, linked) = match rows {
            Summed::Numbered(numbers) => (numbers, RowsOf::Numbered),
            Summed::Nodes => (side.edge_of.as_ref().unwrap_or(&side.others), RowsOf::Nodes),
            Summed::Edges => (side.edge_of.as_ref().unwrap_or(&side.others), RowsOf::Edges),
        };
        let (weights, weighted) = match weights {
            Weights::One => (&side.others, WeightKind::One),
            Weights::Floats(weights) => (weights, WeightKind::Floats),
            Weights::Bits(bits) => (bits, WeightKind::Bits),
        };
        let terms = Terms {
            weights: weighted,
            factors: factors.is_some(),
            rows: linked,
            indirect: side.edge_of.is_some() && linked != RowsOf::Numbered,
            largest,
        };
        if plan.num_pieces > 0 && width > 0 {
            let (count, dim) = lines(plan.num_pieces, columns.count, device);
            #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
            // SAFETY: a plan's positions and rows are those of its graph, whose nodes the table has a row for.
            unsafe {
                sum_pieces::launch_unchecked(
                    &x.client,
                    count,
                    dim,
                    columns.vector,
                    plan.pieces.clone().into_buffer_arg(),
                    side.others.clone().into_buffer_arg(),
                    links.clone().into_buffer_arg(),
                    weights.clone().into_buffer_arg(),
                    factors.unwrap_or(&side.others).clone().into_buffer_arg(),
                    x.clone().into_buffer_arg(),
                    y.clone().into_buffer_arg(),
                    parts.clone().into_buffer_arg(),
                    plan.num_pieces,
                    plan.num_rows,
                    columns.count,
                    scale,
                    terms,
                );
            }
        }
        add_parts(&y, &parts, plan, largest);
        y
    }
}

/// Adds the parts of hubs' rows into the rows that they belong to.
pub(super) fn add_parts(y: &CubeTensor, parts: &CubeTensor, plan: &Plan, largest: bool) {
    let width = y.meta.shape()[1];
    if plan.num_hubs > 0 && width > 0 {
        let columns = Columns::of(width);
        let (count, dim) = lines(plan.num_hubs, columns.count, &y.device);
        #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
        // SAFETY: hubs and their parts are those of the plan, for which both tables were made.
        unsafe {
            sum_parts::launch_unchecked(
                &y.client,
                count,
                dim,
                columns.vector,
                plan.hubs.clone().into_buffer_arg(),
                parts.clone().into_buffer_arg(),
                y.clone().into_buffer_arg(),
                plan.num_hubs,
                columns.count,
                largest,
            );
        }
    }
}
