//! LightGCN's step as a bare loop over the kernels: no tensor library, no autodiff, no training loop.
//!
//! What Burn, autodiff and the loop of `gnnrec-train` cost is the time of a step there over the time of a
//! step here. It computes the same numbers, which a test and every comparison check.

use burn::tensor::Device;
use gnnrec_graph::World;
use gnnrec_interaction::LightGcnConfig;
use gnnrec_model::{GradientConfig, joint_graph};
use gnnrec_sampling::PairwiseBatch;
use gnnrec_sparse::{Adjacency, kernels};
use rayon::prelude::*;

use crate::Failure;
use crate::training::{LEARNING_RATE, SEED};

/// Adam's constants, PyTorch's.
const BETAS: [f32; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;

/// Values of the table that one task updates.
const VALUES_A_TASK: usize = 1 << 14;

/// A LightGCN under training, with every buffer that a step needs.
pub struct BareLightGcn {
    adjacency: Adjacency,
    num_users: usize,
    dim: usize,
    layer_weights: Vec<f32>,
    l2: f32,
    num_steps: i32,
    table: Vec<f32>,
    moments: [Vec<f32>; 2],
    /// The final table, then the gradient of it.
    last: Vec<f32>,
    gradient: Vec<f32>,
}

impl BareLightGcn {
    /// The untrained model, with the values that the library's own starts from.
    ///
    /// # Errors
    /// A configuration out of range.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "few layers, a small weight")]
    pub fn new(config: &LightGcnConfig, world: &World) -> Result<Self, Failure> {
        let model = config.init(world, SEED, &Device::flex())?;
        let table: Vec<f32> = model.nodes.val().into_data().try_to_vec().map_err(|error| format!("{error:?}"))?;
        let zeros = || vec![0f32; table.len()];
        Ok(Self {
            adjacency: Adjacency::symmetric_normalised(&joint_graph(world.interactions(), None)?),
            num_users: world.interactions().num_users(),
            dim: config.embedding_dim,
            layer_weights: vec![1.0 / (config.num_layers + 1) as f32; config.num_layers + 1],
            l2: config.l2 as f32,
            num_steps: 0,
            moments: [zeros(), zeros()],
            last: zeros(),
            gradient: zeros(),
            table,
        })
    }

    /// One step; its loss.
    ///
    /// # Panics
    /// If the batch has more than one negative a row.
    pub fn step(&mut self, batch: &PairwiseBatch) -> f32 {
        // PLACE FOR THE FUSED KERNELS: each of the three parts becomes one call once `kernels` has propagation
        // for the rows asked for (forward and backward), the loss of rows, and Adam on slices.
        assert_eq!(batch.num_negatives, 1, "the bare loop takes one negative a row");
        // 1. Forward.
        kernels::propagate(&self.adjacency, &self.table, self.dim, &self.layer_weights, &mut self.last);
        // 2. Loss, and its gradient in the place of the final table.
        let loss = self.loss(batch);
        // 3. Backward and Adam.
        let backward = self.adjacency.transposed();
        kernels::propagate(&backward, &self.last, self.dim, &self.layer_weights, &mut self.gradient);
        self.add_penalty_gradient(batch);
        self.adam();
        loss
    }

    /// BPR and the penalty; leaves the gradient of the former in `last`.
    #[expect(clippy::cast_precision_loss, reason = "rows of a batch")]
    fn loss(&mut self, batch: &PairwiseBatch) -> f32 {
        let (dim, share) = (self.dim, 1.0 / batch.len() as f32);
        let rows: Vec<[usize; 3]> = (0..batch.len()).map(|row| self.nodes_of(batch, row)).collect();
        let row_of = |table: &[f32], node: usize| table[node * dim..][..dim].to_vec();
        let (mut bpr, mut squares) = (0f64, 0f64);
        let mut gradients = Vec::with_capacity(3 * rows.len());
        for nodes in &rows {
            let [user, positive, negative] = nodes.map(|node| row_of(&self.last, node));
            let difference: Vec<f32> = negative.iter().zip(&positive).map(|(n, p)| n - p).collect();
            let x: f32 = user.iter().zip(&difference).map(|(u, d)| u * d).sum();
            bpr += f64::from(x.max(0.0) + (-x.abs()).exp().ln_1p());
            let slope = share / (1.0 + (-x).exp());
            let scaled = |row: &[f32], by: f32| row.iter().map(|value| by * value).collect::<Vec<f32>>();
            gradients.extend([scaled(&difference, slope), scaled(&user, -slope), scaled(&user, slope)]);
            squares +=
                nodes.iter().flat_map(|&node| &self.table[node * dim..][..dim]).map(|&x| f64::from(x * x)).sum::<f64>();
        }
        self.last.fill(0.0);
        for (&node, gradient) in rows.iter().flatten().zip(&gradients) {
            for (sum, value) in self.last[node * dim..][..dim].iter_mut().zip(gradient) {
                *sum += value;
            }
        }
        let share = f64::from(share);
        #[expect(clippy::cast_possible_truncation, reason = "a loss is reported in single precision")]
        let loss = (bpr * share + f64::from(self.l2) * 0.5 * squares * share) as f32;
        loss
    }

    /// Adds `l2 E(0)[v] / rows` for every row looked up, with repetition.
    #[expect(clippy::cast_precision_loss, reason = "rows of a batch")]
    fn add_penalty_gradient(&mut self, batch: &PairwiseBatch) {
        let factor = self.l2 / batch.len() as f32;
        for row in 0..batch.len() {
            for node in self.nodes_of(batch, row) {
                let place = node * self.dim..(node + 1) * self.dim;
                for (sum, value) in self.gradient[place.clone()].iter_mut().zip(&self.table[place]) {
                    *sum += factor * value;
                }
            }
        }
    }

    fn nodes_of(&self, batch: &PairwiseBatch, row: usize) -> [usize; 3] {
        let item = |item: gnnrec_graph::ItemId| self.num_users + item.index();
        [batch.users[row].index(), item(batch.positives[row]), item(batch.negatives[row])]
    }

    /// One pass over the table, its gradient and the moments. Kingma and Ba, ICLR 2015, algorithm 1.
    #[expect(clippy::cast_possible_truncation, reason = "a rate")]
    fn adam(&mut self) {
        self.num_steps += 1;
        let [fade_1, fade_2] = BETAS.map(|beta| 1.0 - beta.powi(self.num_steps));
        let rate = LEARNING_RATE as f32 / fade_1;
        let root = fade_2.sqrt().recip();
        let [first, second] = &mut self.moments;
        let chunks = self.table.par_chunks_mut(VALUES_A_TASK).zip(self.gradient.par_chunks(VALUES_A_TASK));
        let moments = first.par_chunks_mut(VALUES_A_TASK).zip(second.par_chunks_mut(VALUES_A_TASK));
        chunks.zip(moments).for_each(|((table, gradient), (first, second))| {
            for (((x, &g), m), v) in table.iter_mut().zip(gradient).zip(first).zip(second) {
                *m += (1.0 - BETAS[0]) * (g - *m);
                *v += (1.0 - BETAS[1]) * (g * g - *v);
                *x -= rate * *m / (v.sqrt() * root + EPSILON);
            }
        });
    }
}
