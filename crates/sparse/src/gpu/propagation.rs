//! The propagation of [`crate::kernels::propagate_rows`] on a device, hop by hop.
//!
//! Tables of all nodes are made for the hops between: the last hop is computed for the distinct rows asked for alone,
//! and the first hop back reads the few rows of the gradient by their number, without a table of zeros.

use burn_cubecl::CubeDevice;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::device::{empty, upload_f32};
use super::graph::DeviceSide;
use super::listed::rows_of_product;
use super::rows::{Block, add, gather, numbers, zeros};
use super::sums::{NONE, Sum, Summed, Weights};
use crate::{Adjacency, LayerCombination, Rows};

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

/// `y_k[n] = Σ_l w_kl (M^l x)[rows[n]]`.
pub(super) fn propagate_rows(
    adjacency: &Adjacency,
    combination: &LayerCombination,
    rows: &Rows,
    x: CubeTensor,
) -> CubeTensor {
    let x = into_contiguous(x);
    let (device, width, last) = (x.device.clone(), x.meta.shape()[1], combination.num_hops());
    let matrix = adjacency.on(&device);
    let (nodes, num_nodes) = (rows.groups().rows().on(&device), rows.groups().rows().len());
    let num_outputs = combination.num_outputs();
    let sums = empty([num_nodes, num_outputs * width], &device);
    let mut begun = vec![false; num_outputs];
    let mut combine = |hop: usize, table: &CubeTensor, rows: Option<&CubeTensor>| {
        for (output, weight) in combination.of_layer(hop) {
            let (out, x) = (Block { table: &sums, rows: None, index: output }, Block { table, rows, index: 0 });
            let replace = !std::mem::replace(&mut begun[output], true);
            add(&out, &x, [num_nodes, width], weight, replace);
        }
    };
    combine(0, &x, Some(&nodes));
    let mut layer = x;
    for hop in 1..last {
        layer = matrix.product(&layer);
        combine(hop, &layer, Some(&nodes));
    }
    if last > 0 {
        let parts = [matrix.weights.as_ref(), matrix.factors.as_ref()];
        let at_nodes = rows_of_product(&matrix.side, parts, &layer, &nodes);
        combine(last, &at_nodes, None);
    }
    for output in (0..num_outputs).filter(|&output| !begun[output]) {
        let nothing = zeros([num_nodes, width], &device);
        let out = Block { table: &sums, rows: None, index: output };
        add(&out, &Block { table: &nothing, rows: None, index: 0 }, [num_nodes, width], 1.0, true);
    }
    gather(&sums, &rows.groups_on(&device).numbers, rows.len())
}

/// The gradient of [`propagate_rows`] towards `x`, by Horner's rule.
pub(super) fn propagate_rows_backward(
    adjacency: &Adjacency,
    combination: &LayerCombination,
    rows: &Rows,
    gradient: CubeTensor,
) -> CubeTensor {
    let gradient = into_contiguous(gradient);
    let device = gradient.device.clone();
    let (width, last) = (gradient.meta.shape()[1] / combination.num_outputs(), combination.num_hops());
    let transposed = adjacency.transposed().on(&device);
    let (nodes, num_nodes) = (rows.groups().rows().on(&device), rows.groups().rows().len());
    let of_nodes = rows.groups_on(&device).sums(&gradient);
    // Adds what the outputs say of a layer at the nodes asked for to a table of all nodes, or of them alone.
    let add_layer = |layer: usize, table: &CubeTensor, rows: Option<&CubeTensor>| {
        for (output, weight) in combination.of_layer(layer) {
            let x = Block { table: &of_nodes, rows: None, index: output };
            add(&Block { table, rows, index: 0 }, &x, [num_nodes, width], weight, false);
        }
    };
    let mut sum = if last == 0 {
        zeros([adjacency.num_rows(), width], &device)
    } else {
        let top = zeros([num_nodes, width], &device);
        add_layer(last, &top, None);
        let numbers = numbers(&nodes, adjacency.num_rows(), NONE);
        Sum { rows: Summed::Numbered(&numbers), ..transposed.sum() }.of(&top)
    };
    for layer in (0..last.max(1)).rev() {
        add_layer(layer, &sum, Some(&nodes));
        if layer > 0 {
            sum = transposed.product(&sum);
        }
    }
    sum
}
