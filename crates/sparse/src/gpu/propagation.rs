//! The propagation of [`crate::kernels::propagate_rows`] on a device, hop by hop.
//!
//! Tables of all nodes are made for the hops between: the last hop is computed for the distinct rows asked for alone,
//! and the first hop back reads the few rows of the gradient by their number, without a table of zeros.

use burn_cubecl::CubeDevice;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::device::{empty, upload_f32, upload_lists};
use super::graph::{self, DeviceSide};
use super::listed::{rows_of_product, sums_of_lists};
use super::rows::{Block, add, gather, numbers, zeros};
use super::sums::{NONE, Rows, Sum, Weights};
use crate::kernels::PropagatedRows;
use crate::{Adjacency, LayerCombination};

/// One direction of an adjacency.
#[derive(Debug)]
pub(crate) struct DeviceMatrix {
    side: DeviceSide,
    weights: Option<CubeTensor>,
    /// `r`, then `c`.
    factors: Option<CubeTensor>,
}

impl DeviceMatrix {
    pub(crate) fn new(adjacency: &Adjacency, device: &CubeDevice) -> Self {
        let matrix = adjacency.matrix();
        Self {
            side: DeviceSide::new(matrix.indptr(), matrix.indices(), device),
            weights: matrix.weights().map(|weights| upload_f32(weights, device)),
            factors: upload_factors(
                [adjacency.row_factors(), adjacency.col_factors()],
                [matrix.num_rows(), matrix.num_cols()],
                device,
            ),
        }
    }

    fn sum(&self) -> Sum<'_> {
        let weights = self.weights.as_ref().map_or(Weights::One, Weights::Floats);
        Sum { weights, factors: self.factors.as_ref(), ..Sum::new(&self.side) }
    }

    /// `M x`.
    pub(super) fn product(&self, x: &CubeTensor) -> CubeTensor {
        self.sum().of(x)
    }
}

/// Factors of both sides in one list; ones where one side alone has any.
pub(super) fn upload_factors(
    factors: [Option<&[f32]>; 2],
    lens: [usize; 2],
    device: &CubeDevice,
) -> Option<CubeTensor> {
    let some = factors.iter().any(Option::is_some);
    let lists = factors.into_iter().zip(lens).map(|(list, len)| list.map_or_else(|| vec![1.0; len], <[f32]>::to_vec));
    some.then(|| upload_f32(&lists.collect::<Vec<_>>().concat(), device))
}

/// The rows asked for of a propagation, on a device.
#[derive(Debug)]
pub(crate) struct DeviceRows {
    /// The distinct nodes, in the order in which they were asked for.
    nodes: CubeTensor,
    num_nodes: usize,
    /// For each row asked for, its number among the distinct nodes.
    numbers: CubeTensor,
    /// The rows that ask for each distinct node, and where each node's begin.
    askers: CubeTensor,
    bounds: CubeTensor,
}

impl DeviceRows {
    pub(crate) fn new(rows: &[u32], num_all: usize, device: &CubeDevice) -> Self {
        let mut number_of = vec![NONE; num_all];
        let (mut nodes, mut bounds) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len() + 1));
        bounds.push(0u32);
        let numbers: Vec<u32> = rows
            .iter()
            .map(|&row| {
                let number = &mut number_of[row as usize];
                if *number == NONE {
                    *number = graph::number(nodes.len());
                    nodes.push(row);
                    bounds.push(0);
                }
                bounds[*number as usize + 1] += 1;
                *number
            })
            .collect();
        for n in 1..bounds.len() {
            bounds[n] += bounds[n - 1];
        }
        let (mut askers, mut next) = (vec![0u32; rows.len()], bounds.clone());
        for (asker, &number) in (0..).zip(&numbers) {
            askers[next[number as usize] as usize] = asker;
            next[number as usize] += 1;
        }
        let num_nodes = nodes.len();
        let [nodes, numbers, askers, bounds] = upload_lists([&nodes, &numbers, &askers, &bounds], device);
        Self { nodes, num_nodes, numbers, askers, bounds }
    }
}

/// `y_k[n] = Σ_l w_kl (M^l x)[rows[n]]`.
pub(super) fn propagate_rows(
    adjacency: &Adjacency,
    combination: &LayerCombination,
    rows: &PropagatedRows,
    x: CubeTensor,
) -> CubeTensor {
    let x = into_contiguous(x);
    let (device, width, last) = (x.device.clone(), x.meta.shape()[1], combination.num_hops());
    let matrix = adjacency.on(&device);
    let asked = rows.on(&device);
    let num_outputs = combination.num_outputs();
    let sums = empty([asked.num_nodes, num_outputs * width], &device);
    let mut begun = vec![false; num_outputs];
    let mut combine = |hop: usize, table: &CubeTensor, rows: Option<&CubeTensor>| {
        for (output, weight) in combination.of_layer(hop) {
            let (out, x) = (Block { table: &sums, rows: None, index: output }, Block { table, rows, index: 0 });
            let replace = !std::mem::replace(&mut begun[output], true);
            add(&out, &x, [asked.num_nodes, width], weight, replace);
        }
    };
    combine(0, &x, Some(&asked.nodes));
    let mut layer = x;
    for hop in 1..last {
        layer = matrix.product(&layer);
        combine(hop, &layer, Some(&asked.nodes));
    }
    if last > 0 {
        let parts = [matrix.weights.as_ref(), matrix.factors.as_ref()];
        let at_nodes = rows_of_product(&matrix.side, parts, &layer, &asked.nodes);
        combine(last, &at_nodes, None);
    }
    for output in (0..num_outputs).filter(|&output| !begun[output]) {
        let nothing = zeros([asked.num_nodes, width], &device);
        let out = Block { table: &sums, rows: None, index: output };
        add(&out, &Block { table: &nothing, rows: None, index: 0 }, [asked.num_nodes, width], 1.0, true);
    }
    gather(&sums, &asked.numbers, rows.len())
}

/// The gradient of [`propagate_rows`] towards `x`, by Horner's rule.
pub(super) fn propagate_rows_backward(
    adjacency: &Adjacency,
    combination: &LayerCombination,
    rows: &PropagatedRows,
    gradient: CubeTensor,
) -> CubeTensor {
    let gradient = into_contiguous(gradient);
    let device = gradient.device.clone();
    let (width, last) = (gradient.meta.shape()[1] / combination.num_outputs(), combination.num_hops());
    let transposed = adjacency.transposed().on(&device);
    let asked = rows.on(&device);
    let of_nodes = sums_of_lists(&gradient, &asked.bounds, &asked.askers);
    // Adds what the outputs say of a layer at the nodes asked for to a table of all nodes, or of them alone.
    let add_layer = |layer: usize, table: &CubeTensor, rows: Option<&CubeTensor>| {
        for (output, weight) in combination.of_layer(layer) {
            let x = Block { table: &of_nodes, rows: None, index: output };
            add(&Block { table, rows, index: 0 }, &x, [asked.num_nodes, width], weight, false);
        }
    };
    let mut sum = if last == 0 {
        zeros([adjacency.num_rows(), width], &device)
    } else {
        let top = zeros([asked.num_nodes, width], &device);
        add_layer(last, &top, None);
        let numbers = numbers(&asked.nodes, adjacency.num_rows(), NONE);
        Sum { rows: Rows::Numbered(&numbers), ..transposed.sum() }.of(&top)
    };
    for layer in (0..last.max(1)).rev() {
        add_layer(layer, &sum, Some(&asked.nodes));
        if layer > 0 {
            sum = transposed.product(&sum);
        }
    }
    sum
}
