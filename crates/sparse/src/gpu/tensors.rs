//! The operations of [`crate::ops`] for Burn's `CubeBackend`: tensors made contiguous, and the kernels called.

use burn::backend::Cube;
use burn::backend::ops::{ActivationOps, FloatTensorOps};
use burn::tensor::{Shape, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::edges::{self, Ends, Pairs};
use super::propagation::{propagate_rows, propagate_rows_backward};
use super::rows::{Block, add, gather, zeros};
use super::sums::{Sum, Summed, Weights};
use super::{losses, rowwise, tables};
use crate::kernels::losses::RowLoss;
use crate::kernels::tables::{AdamFactors, RmsProp};
use crate::lookup::Slot;
use crate::ops::edges::EdgeBackend;
use crate::ops::lookup::{Lift, LookupBackend};
use crate::ops::losses::LossBackend;
use crate::ops::messages::MessageBackend;
use crate::ops::rowwise::{Ids, RowwiseBackend};
use crate::ops::tables::{Named, TableBackend};
use crate::ops::{Propagation, SparseBackend};
use crate::{Adjacency, Dropout, EdgeGraph, End, MaskedGraph, Rows};

impl SparseBackend for CubeBackend {
    fn propagate_rows(plan: Propagation, x: CubeTensor) -> CubeTensor {
        propagate_rows(&plan.adjacency, &plan.combination, &plan.rows, x)
    }

    fn propagate_rows_backward(plan: Propagation, gradient: CubeTensor) -> CubeTensor {
        propagate_rows_backward(&plan.adjacency, &plan.combination, &plan.rows, gradient)
    }

    fn spmm(adjacency: Adjacency, x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        adjacency.on(&x.device).product(&x)
    }

    fn gather_rows(indices: Rows, x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        gather(&x, &indices.on(&x.device), indices.len())
    }

    fn scatter_rows(indices: Rows, num_rows: usize, x: CubeTensor) -> CubeTensor {
        let (rows, width) = (indices.groups().rows(), x.meta.shape()[1]);
        let sums = Self::sum_groups(indices.clone(), x);
        let y = zeros([num_rows, width], &sums.device);
        let to = rows.on(&sums.device);
        let (out, sums) =
            (Block { table: &y, rows: Some(&to), index: 0 }, Block { table: &sums, rows: None, index: 0 });
        add(&out, &sums, [rows.len(), width], 1.0, true);
        y
    }
}

impl LookupBackend for CubeBackend {
    fn gather_rows_into(indices: Rows, _: Slot, x: CubeTensor) -> CubeTensor {
        Self::gather_rows(indices, x)
    }
}

impl Lift for Cube {
    fn lift(x: burn::backend::tensor::FloatTensor<Self>) -> Tensor<2> {
        Tensor::from_primitive::<Self>(x)
    }
}

impl EdgeBackend for CubeBackend {
    fn spmm_edges(graph: EdgeGraph, end: End, weights: CubeTensor, x: CubeTensor) -> CubeTensor {
        let [weights, x] = [weights, x].map(into_contiguous);
        let graph = graph.on(&x.device);
        Sum { weights: Weights::Floats(&weights), ..Sum::new(graph.side(end)) }.of(&x)
    }

    fn edge_dot(graph: EdgeGraph, rows: CubeTensor, cols: CubeTensor) -> CubeTensor {
        let [rows, cols] = [rows, cols].map(into_contiguous);
        edges::scores(&graph.on(&rows.device), &rows, &cols, None)
    }

    fn edge_relu_add(graph: EdgeGraph, rows: CubeTensor, cols: CubeTensor) -> CubeTensor {
        let [rows, cols] = [rows, cols].map(into_contiguous);
        edges::joined(&graph.on(&rows.device), Ends::ReluAdd, End::Row, &rows, &cols)
    }

    fn relu_gradient(z: CubeTensor, grad: CubeTensor) -> CubeTensor {
        Self::relu_backward(z, grad)
    }

    fn edge_relu_dot(graph: EdgeGraph, rows: CubeTensor, cols: CubeTensor, weights: CubeTensor) -> CubeTensor {
        let [rows, cols, weights] = [rows, cols, weights].map(into_contiguous);
        edges::scores(&graph.on(&rows.device), &rows, &cols, Some(&weights))
    }

    fn edge_relu_sums(graph: EdgeGraph, end: End, own: CubeTensor, other: CubeTensor, ds: CubeTensor) -> CubeTensor {
        let [own, other, ds] = [own, other, ds].map(into_contiguous);
        let graph = graph.on(&own.device);
        edges::pair_sums(graph.side(end), &Pairs::Above { own: &own, other: &other, ds: &ds })
    }

    fn edge_softmax(graph: EdgeGraph, logits: CubeTensor) -> CubeTensor {
        let logits = into_contiguous(logits);
        edges::edge_softmax(&graph.on(&logits.device), &logits)
    }

    fn gather_edges(graph: EdgeGraph, end: End, x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        edges::joined(&graph.on(&x.device), Ends::First, end, &x, &x)
    }

    fn sum_edges(graph: EdgeGraph, end: End, x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        let graph = graph.on(&x.device);
        Sum { rows: Summed::Edges, ..Sum::new(graph.side(end)) }.of(&x)
    }

    fn segment_max(graph: EdgeGraph, x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        let graph = graph.on(&x.device);
        Sum { rows: Summed::Edges, largest: true, ..Sum::new(graph.side(End::Row)) }.of(&x)
    }

    fn segment_max_gradient(graph: EdgeGraph, x: CubeTensor, y: CubeTensor, grad: CubeTensor) -> CubeTensor {
        let [x, y, grad] = [x, y, grad].map(into_contiguous);
        edges::segment_max_gradient(&graph.on(&x.device), &x, &y, &grad)
    }

    fn spmm_masked(masked: MaskedGraph, end: End, x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        let (graph, mask) = (masked.graph().on(&x.device), masked.on(&x.device));
        let side = match end {
            End::Row => 0,
            End::Col => 1,
        };
        let (weights, factors) = (Weights::Bits(&mask.bits[side]), mask.factors[side].as_ref());
        Sum { weights, factors, scale: masked.scale(), ..Sum::new(graph.side(end)) }.of(&x)
    }
}

impl MessageBackend for CubeBackend {
    fn edge_mul(graph: EdgeGraph, rows: CubeTensor, cols: CubeTensor) -> CubeTensor {
        let [rows, cols] = [rows, cols].map(into_contiguous);
        edges::joined(&graph.on(&rows.device), Ends::Product, End::Row, &rows, &cols)
    }

    fn edge_mul_gradient(graph: EdgeGraph, end: End, other: CubeTensor, dz: CubeTensor) -> CubeTensor {
        let [other, dz] = [other, dz].map(into_contiguous);
        let graph = graph.on(&other.device);
        edges::pair_sums(graph.side(end), &Pairs::Product { other: &other, dz: &dz })
    }
}

impl RowwiseBackend for CubeBackend {
    fn unit_rows(x: CubeTensor) -> CubeTensor {
        rowwise::unit_rows(&into_contiguous(x))
    }

    fn unit_rows_gradient(x: CubeTensor, dy: CubeTensor) -> CubeTensor {
        rowwise::unit_rows_gradient(&into_contiguous(x), &into_contiguous(dy))
    }

    fn dropout(dropout: Dropout, ids: Ids, x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        let ids = ids.map(|ids| ids.on(&x.device));
        rowwise::dropout(&x, ids.as_deref(), dropout)
    }
}

impl LossBackend for CubeBackend {
    fn row_loss(loss: RowLoss, x: CubeTensor) -> (CubeTensor, CubeTensor) {
        losses::row_loss(&loss, &into_contiguous(x))
    }

    fn scale_table(table: CubeTensor, factor: CubeTensor) -> CubeTensor {
        Self::float_mul(table, Self::float_reshape(factor, Shape::new([1, 1])))
    }
}

impl TableBackend for CubeBackend {
    fn adam(
        x: CubeTensor,
        rows: Named,
        gradient: CubeTensor,
        m: CubeTensor,
        v: CubeTensor,
        factors: AdamFactors,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let [x, m, v] = tables::adam([x, m, v], rows, gradient, factors, false);
        (x, m, v)
    }

    fn lazy_adam(
        x: CubeTensor,
        rows: Named,
        gradient: CubeTensor,
        m: CubeTensor,
        v: CubeTensor,
        factors: AdamFactors,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let [x, m, v] = tables::adam([x, m, v], rows, gradient, factors, true);
        (x, m, v)
    }

    fn sgd(x: CubeTensor, rows: Named, gradient: CubeTensor, learning_rate: f32) -> CubeTensor {
        tables::sgd(x, rows, gradient, learning_rate)
    }

    fn row_adagrad(
        x: CubeTensor,
        rows: Named,
        gradient: CubeTensor,
        squares: CubeTensor,
        learning_rate: f32,
        epsilon: f32,
    ) -> (CubeTensor, CubeTensor) {
        let [x, squares] = tables::row_adagrad([x, squares], rows, gradient, learning_rate, epsilon);
        (x, squares)
    }

    fn rms_prop(
        x: CubeTensor,
        rows: Named,
        gradient: CubeTensor,
        squares: CubeTensor,
        last: CubeTensor,
        constants: RmsProp,
        nth: u32,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let [x, squares, last] = tables::rms_prop([x, squares, last], rows, gradient, constants, nth);
        (x, squares, last)
    }

    fn sum_groups(indices: Rows, x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        indices.groups_on(&x.device).sums(&x)
    }
}
