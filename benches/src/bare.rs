//! LightGCN's step as a bare loop over the kernels: no tensor library, no autodiff, no training loop.
//!
//! What Burn, autodiff and the loop of `gnnrec-train` cost is the time of a step there over the time of a
//! step here. It computes the same numbers, which a test and every comparison check.

use burn::tensor::Device;
use gnnrec_graph::World;
use gnnrec_interaction::LightGcnConfig;
use gnnrec_model::{GradientConfig, joint_graph};
use gnnrec_sampling::PairwiseBatch;
use gnnrec_sparse::kernels::losses::{Objective, RowLoss, row_loss};
use gnnrec_sparse::kernels::tables::{Adam, Gradient, adam};
use gnnrec_sparse::kernels::{propagate_rows, propagate_rows_backward};
use gnnrec_sparse::{Adjacency, LayerCombination, Rows};

use crate::Failure;
use crate::training::{LEARNING_RATE, SEED};

/// PyTorch's constants.
const ADAM: Adam = Adam { learning_rate: LEARNING_RATE, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };

/// A LightGCN under training, with every buffer that a step needs.
pub struct BareLightGcn {
    adjacency: Adjacency,
    combination: LayerCombination,
    num_users: usize,
    dim: usize,
    l2: f32,
    num_steps: u64,
    table: Vec<f32>,
    moments: [Vec<f32>; 2],
    gradient: Vec<f32>,
}

impl BareLightGcn {
    /// The untrained model, with the values that the library's own starts from.
    ///
    /// # Errors
    /// A configuration out of range.
    #[expect(clippy::cast_possible_truncation, reason = "a small weight")]
    pub fn new(config: &LightGcnConfig, world: &World) -> Result<Self, Failure> {
        let model = config.init(world, SEED, &Device::flex())?;
        let table: Vec<f32> =
            model.nodes.weight().val().into_data().try_to_vec().map_err(|error| format!("{error:?}"))?;
        let zeros = || vec![0f32; table.len()];
        Ok(Self {
            adjacency: Adjacency::symmetric_normalised(&joint_graph(world.interactions(), None)?),
            combination: LayerCombination::mean(config.num_layers).with_input(),
            num_users: world.interactions().num_users(),
            dim: config.embedding_dim,
            l2: config.l2 as f32,
            num_steps: 0,
            moments: [zeros(), zeros()],
            gradient: zeros(),
            table,
        })
    }

    /// One step; its loss.
    ///
    /// # Panics
    /// If the joint graph has more nodes than a `u32` counts.
    #[expect(clippy::cast_possible_truncation, reason = "a loss is reported in single precision")]
    pub fn step(&mut self, batch: &PairwiseBatch) -> f32 {
        let Self { adjacency, combination, num_users, dim, l2, num_steps, table, moments, gradient } = self;
        let offset = u32::try_from(*num_users).expect("nodes are counted by a u32");
        let items = batch.positives.iter().chain(&batch.negatives).map(|item| item.0 + offset);
        let nodes: Vec<u32> = batch.users.iter().map(|user| user.0).chain(items).collect();

        let rows = Rows::from(nodes);
        let mut stacked = vec![0f32; rows.len() * 2 * *dim];
        propagate_rows(adjacency, table, *dim, combination, &rows, &mut stacked);

        let objective = Objective::Bpr { num_negatives: batch.num_negatives };
        let loss = RowLoss::new(objective, batch.len(), 0..*dim).penalised(*l2, *dim..2 * *dim);
        let mut slopes = vec![0f32; stacked.len()];
        let value = row_loss(&loss, &stacked, 2 * *dim, &mut slopes);

        propagate_rows_backward(adjacency, &slopes, *dim, combination, &rows, gradient);
        *num_steps += 1;
        let [first, second] = moments;
        adam(table, Gradient::dense(gradient, *dim), first, second, ADAM.factors(*num_steps));
        value as f32
    }
}
