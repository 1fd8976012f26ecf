//! A batch of a model that scores by propagated embeddings of users and items in one graph.

use burn::tensor::{Device, Tensor};
use gnnrec_sampling::{Batch, PairwiseBatch};
use gnnrec_sparse::kernels::losses::{Objective, RowLoss};
use gnnrec_sparse::{Adjacency, LayerCombination, Rows, propagate_rows, row_loss};

use crate::{Planner, RankingLoss, Table};

/// How a batch is scored and what that costs.
#[derive(Clone, Copy, Debug)]
pub struct PropagatedLoss {
    /// Users of the joint graph, which come before the items.
    pub num_users: usize,
    /// `L`.
    pub num_layers: usize,
    /// The cost of the scores.
    pub loss: RankingLoss,
    /// Weight of the penalty.
    pub l2: f64,
}

/// A batch before its step.
#[derive(Clone, Debug)]
pub struct PropagatedPlan {
    /// The nodes of the batch: users, then positives, then negatives, in its order.
    rows: Rows,
    /// Rows of the batch.
    len: usize,
    objective: Objective,
}

impl PropagatedLoss {
    /// Takes down what batches name, ready for propagation over a graph on a device. A plan panics if a user or item lies
    /// outside the graph.
    #[must_use]
    pub fn planner(self, adjacency: &Adjacency, device: Device) -> Planner<PropagatedPlan> {
        let adjacency = adjacency.clone();
        Planner::new(move |batch: &Batch, _| self.plan(batch.pairwise(), &adjacency, &device))
    }

    fn plan(&self, batch: &PairwiseBatch, adjacency: &Adjacency, device: &Device) -> PropagatedPlan {
        let rows = Rows::from(self.rows(batch)).ready_for(adjacency, device);
        PropagatedPlan { rows, len: batch.len(), objective: self.loss.objective(batch, device) }
    }

    /// A ranking loss over the mean of `num_layers` hops and a penalty on layer 0, a scalar:
    ///
    /// ```text
    /// E = mean of E(0) ... E(L)        E(l+1) = Â E(l)
    /// L = loss(E[u], E[i], E[j]) + l2 · 1/2 Σ (|E(0)[u]|² + |E(0)[i]|² + |E(0)[j]|²) / rows
    /// ```
    ///
    /// `nodes` is `E(0)`, `num_users + num_items x dim`. The penalty runs over the rows that the loss looks at,
    /// with repetition. Two operations: the propagation, for these rows alone, and the loss; of a split table one
    /// propagation for each panel.
    ///
    /// # Panics
    /// If the batch is empty, or the graph is not one of as many nodes as the table has rows.
    #[must_use]
    pub fn of_plan(&self, adjacency: &Adjacency, nodes: &Table, plan: PropagatedPlan) -> Tensor<1> {
        let combination = LayerCombination::mean(self.num_layers).with_input();
        let PropagatedPlan { rows, len, objective } = plan;
        let propagated = nodes.columns().map(|nodes| propagate_rows(adjacency, nodes, &combination, &rows));
        let rows = blocks_side_by_side(propagated.collect());
        let dim = rows.dims()[1] / 2;
        #[expect(clippy::cast_possible_truncation, reason = "a weight needs no more digits")]
        let l2 = self.l2 as f32;
        let loss = RowLoss::new(objective, len, 0..dim).penalised(l2, dim..2 * dim);
        row_loss(&loss, rows)
    }

    /// The nodes of a batch in the joint graph: users, then positives, then negatives, in its order.
    fn rows(&self, batch: &PairwiseBatch) -> Vec<u32> {
        let offset = u32::try_from(self.num_users).expect("the joint graph was checked to fit 32-bit ids");
        let negatives = if self.loss.takes_negatives() { &batch.negatives[..] } else { &[] };
        let items = batch.positives.iter().chain(negatives).map(|item| item.0 + offset);
        batch.users.iter().map(|user| user.0).chain(items).collect()
    }
}

/// Rows of two blocks, `E` and `E(0)`, from those of each panel.
fn blocks_side_by_side(mut panels: Vec<Tensor<2>>) -> Tensor<2> {
    if panels.len() == 1 {
        return panels.swap_remove(0);
    }
    let block = |index: usize| {
        panels.iter().map(move |panel| {
            let width = panel.dims()[1] / 2;
            panel.clone().narrow(1, index * width, width)
        })
    };
    Tensor::cat(block(0).chain(block(1)).collect(), 1)
}

#[cfg(test)]
mod tests {
    use burn::module::Param;
    use burn::tensor::{Device, TensorData};
    use gnnrec_graph::{Csr, Duplicates, ItemId, UserId};
    use gnnrec_sparse::{gather_rows, propagate};

    use super::*;
    use crate::bpr_loss;

    /// Value and gradient against plain tensor operations over the whole propagated table.
    #[test]
    fn equals_the_tensor_operations() {
        let edges = [(0, 3), (1, 3), (1, 4), (2, 6), (3, 0), (3, 1), (4, 1), (6, 2)];
        let adjacency = Adjacency::symmetric_normalised(&Csr::from_edges(7, 7, &edges, Duplicates::Error).unwrap());
        let batch = PairwiseBatch {
            users: vec![UserId(1), UserId(2), UserId(1)],
            positives: vec![ItemId(0), ItemId(3), ItemId(1)],
            negatives: [2, 3, 0, 1, 3, 2].map(ItemId).into(),
            num_negatives: 2,
        };
        let values: Vec<f32> = (0..28u8).map(|n| (f32::from(n) * 1.7).sin()).collect();
        let device = Device::flex().autodiff();
        let table = || Tensor::<2>::from_data(TensorData::new(values.clone(), [7, 4]), &device).require_grad();

        let fused = table();
        let config = PropagatedLoss { num_users: 3, num_layers: 3, loss: RankingLoss::Bpr, l2: 0.3 };
        let loss = config.of_plan(
            &adjacency,
            &Table::new(Param::from_tensor(fused.clone())),
            config.plan(&batch, &adjacency, &device),
        );
        let plain = table();
        let all = propagate(&adjacency, plain.clone(), &LayerCombination::mean(3));
        let rows = config.rows(&batch);
        assert_eq!(rows, [1, 2, 1, 3, 6, 4, 5, 6, 3, 4, 6, 5]);
        let stacked = gather_rows(all, &rows);
        let (users, positives) = (stacked.clone().narrow(0, 0, 3), stacked.clone().narrow(0, 3, 3));
        let pos = (users.clone() * positives).sum_dim(1).squeeze_dim(1);
        let negatives = stacked.narrow(0, 6, 6).reshape([3, 2, 4]);
        let neg = (users.unsqueeze_dim::<3>(1) * negatives).sum_dim(2).squeeze_dim(2);
        let penalty = gather_rows(plain.clone(), &rows).square().sum() * (0.3 / 2.0 / 3.0);
        let expected = bpr_loss(pos, neg) + penalty;

        let value = |loss: &Tensor<1>| loss.clone().into_scalar::<f32>();
        assert!((value(&loss) - value(&expected)).abs() < 1e-6);
        let gradient = |table: &Tensor<2>, loss: Tensor<1>| {
            table.grad(&loss.backward()).unwrap().into_data().try_to_vec::<f32>().unwrap()
        };
        for (found, expected) in gradient(&fused, loss).iter().zip(gradient(&plain, expected)) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}
