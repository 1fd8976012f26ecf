//! Neural graph collaborative filtering (NGCF). Wang et al., SIGIR 2019, arXiv:1905.08108, section 2.
//!
//! ```text
//! E(l) = LeakyReLU((L + I) E(l-1) W1(l) + b1(l) + (L E(l-1) ⊙ E(l-1)) W2(l) + b2(l))      equation 7
//! L    = D^-1/2 A D^-1/2, no self-loops, users and items in one graph
//! E    = [E(0) ; E(1) / |E(1)| ; ... ; E(L) / |E(L)|], row by row
//! ŷ(u,i) = E[u] · E[i]
//! loss = mean softplus(ŷ(u,j) - ŷ(u,i)) + l2 · 1/2 Σ (|E(0)[u]|² + |E(0)[i]|² + |E(0)[j]|²) / rows
//! ```
//!
//! In training, message dropout sets components of `E(l)`, `l > 0`, to zero, and node dropout leaves edges of `L` out,
//! the same in all layers; what stays is scaled up so that means stay. The authors train with Adam at a rate of 1e-4
//! and batches of 1024.
//!
//! Departures from the paper, all of them as in the authors' code (`xiangwang1223/neural_graph_collaborative_filtering`):
//! - biases, which equation 7 has not, from Glorot's distribution like the matrices;
//! - layers are divided by their length where they are concatenated, not where the next one reads them;
//! - LeakyReLU has the slope .2 (TensorFlow's default; the paper names none);
//! - dropout follows the activation instead of the messages before it, and node dropout drops each direction of an
//!   edge by itself, not all messages of a node;
//! - the penalty is over the batch's rows. The code sums over the rows of `E`; those of normalised layers have length 1
//!   whatever the parameters are, so that only the term of `E(0)` has a gradient and it alone is kept.
//!
//! Departures from that code: LeakyReLU is taken of the sum, as in equation 7, not of each of the two terms; `L` is
//! normalised from both sides, as in equation 8, where the code's default is `D^-1 (A + I)`.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_eval::Scorer;
use gnnrec_graph::{Normalisation, World};
use gnnrec_model::{
    GradientConfig, GradientModel, ModelError, Planner, Step, drop_components, dropped_edges, fits_whole, joint_graph,
    joint_scorer, xavier_init,
};
use gnnrec_sampling::Batch;
use gnnrec_sparse::kernels::losses::{Objective, RowLoss};
use gnnrec_sparse::{
    Activation, Adjacency, EdgeGraph, LayerCombination, MaskedGraph, Rows, gather_rows, linear, propagate_rows,
    row_loss, spmm, spmm_masked, unit_rows,
};
use serde::{Deserialize, Serialize};

const NAME: &str = "ngcf";

/// Slope of the activation below 0.
const LEAKY: Activation = Activation::LeakyRelu(0.2);

/// How an NGCF model is made. The default is the authors' setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NgcfConfig {
    /// Width of the table, at least 1.
    pub embedding_dim: usize,
    /// Width of each layer, 1 to 16 of them, each at least 1.
    pub layer_dims: Vec<usize>,
    /// Probability that a component of a layer is dropped, in `[0, 1)`.
    pub message_dropout: f64,
    /// Probability that a direction of an edge is dropped, in `[0, 1)`. Above 0 a step costs more: it computes the last
    /// layer of every node, and not of the batch's alone.
    pub node_dropout: f64,
    /// Weight of the squared norms of a batch's rows of layer 0, at least 0.
    pub l2: f64,
}

impl Default for NgcfConfig {
    fn default() -> Self {
        Self { embedding_dim: 64, layer_dims: vec![64; 3], message_dropout: 0.1, node_dropout: 0.0, l2: 1e-5 }
    }
}

impl NgcfConfig {
    /// Gowalla: 3 layers of 64, and no node dropout, which the published command leaves switched off.
    #[must_use]
    pub fn gowalla() -> Self {
        Self::default()
    }

    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        ModelError::expect(self.embedding_dim > 0, NAME, "embedding_dim", self.embedding_dim, "at least 1")?;
        let dims = &self.layer_dims;
        let holds = (1..=16).contains(&dims.len()) && !dims.contains(&0);
        ModelError::expect(holds, NAME, "layer_dims", format!("{dims:?}"), "1 to 16 widths, each at least 1")?;
        for (field, rate) in [("message_dropout", self.message_dropout), ("node_dropout", self.node_dropout)] {
            ModelError::expect((0.0..1.0).contains(&rate), NAME, field, rate, "a probability below 1")?;
        }
        ModelError::expect(self.l2 >= 0.0 && self.l2.is_finite(), NAME, "l2", self.l2, "a finite number, at least 0")
    }
}

impl GradientConfig for NgcfConfig {
    type Model = Ngcf;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<Ngcf, ModelError> {
        self.validate()?;
        let graph = joint_graph(world.interactions(), None)?;
        let widest = self.layer_dims.iter().chain([&self.embedding_dim]).max().unwrap_or(&0);
        let width = self.embedding_dim + self.layer_dims.iter().sum::<usize>();
        fits_whole(NAME, graph.num_rows(), width.max(2 * widest), device)?;
        let (num_users, num_items) = (world.interactions().num_users(), world.interactions().num_items());
        // Two tables as far as their initial values are concerned, one afterwards.
        let mut nodes = Vec::with_capacity((num_users + num_items) * self.embedding_dim);
        for (name, rows) in [("users", num_users), ("items", num_items)] {
            let table = xavier_init(seed, name, rows, self.embedding_dim, device).val();
            nodes.extend(table.into_data().try_to_vec::<f32>().expect("parameters are 32-bit floats"));
        }
        let inputs = std::iter::once(&self.embedding_dim).chain(&self.layer_dims);
        let layers = inputs.zip(&self.layer_dims).enumerate();
        let droppable = (self.node_dropout > 0.0).then(|| {
            let factors = Arc::new(Normalisation::Symmetric.factors(&graph));
            Arc::new((EdgeGraph::new(graph.clone()), factors))
        });
        Ok(Ngcf {
            nodes: Param::from_data(TensorData::new(nodes, [graph.num_rows(), self.embedding_dim]), device),
            layers: layers.map(|(n, (&input, &output))| Layer::init(seed, n, input, output, device)).collect(),
            adjacency: Adjacency::symmetric_normalised(&graph),
            droppable,
            num_users,
            config: self.clone(),
        })
    }
}

/// The parameters of one layer; matrices are transposed, `input x output`, biases `1 x output`.
#[derive(Module, Debug)]
pub struct Layer {
    /// `W1`, which meets a node and its neighbours.
    pub sum: Param<Tensor<2>>,
    /// `b1`.
    pub sum_bias: Param<Tensor<2>>,
    /// `W2`, which meets a node times its neighbours.
    pub product: Param<Tensor<2>>,
    /// `b2`.
    pub product_bias: Param<Tensor<2>>,
}

impl Layer {
    fn init(seed: u64, number: usize, input: usize, output: usize, device: &Device) -> Self {
        let matrix = |name, rows| xavier_init(seed, &format!("layer.{number}.{name}"), rows, output, device);
        Self {
            sum: matrix("sum", input),
            sum_bias: matrix("sum_bias", 1),
            product: matrix("product", input),
            product_bias: matrix("product_bias", 1),
        }
    }

    /// `E(l)` of the rows whose own embeddings are `own` and whose neighbours' are summed up in `near`, both
    /// `rows x input`.
    fn forward(&self, own: Tensor<2>, near: Tensor<2>) -> Tensor<2> {
        // Both products as one of twice the width.
        let input = Tensor::cat(vec![near.clone() + own.clone(), near * own], 1);
        let weight = Tensor::cat(vec![self.sum.val(), self.product.val()], 0);
        linear(input, weight, Some(self.sum_bias.val() + self.product_bias.val()), LEAKY)
    }
}

/// One table of nodes, the layers and the graph they go over.
#[derive(Module, Debug)]
pub struct Ngcf {
    /// `E(0)`, `num_users + num_items x dim`, users first.
    pub nodes: Param<Tensor<2>>,
    /// One for each layer.
    pub layers: Vec<Layer>,
    #[module(skip)]
    adjacency: Adjacency,
    /// The graph whose edges node dropout drops, with the factors of `L`.
    #[module(skip)]
    droppable: Option<Arc<Droppable>>,
    #[module(skip)]
    num_users: usize,
    #[module(skip)]
    config: NgcfConfig,
}

type Droppable = (EdgeGraph, Arc<Factors>);
type Factors = (Option<Vec<f32>>, Option<Vec<f32>>);

impl Ngcf {
    /// `E` of some nodes, `rows.len() x (dim + Σ layer_dims)`. A `step` is one of training, with dropout.
    ///
    /// Layers below the last are computed for every node; without a mask the last is for `rows` alone.
    fn embed(&self, rows: &Rows, masked: Option<&MaskedGraph>, step: Option<Step>) -> Tensor<2> {
        let mut x = self.nodes.val();
        let mut parts = vec![gather_rows(x.clone(), rows)];
        for (number, layer) in (0u32..).zip(&self.layers) {
            let is_last = number as usize + 1 == self.layers.len();
            let drop = |x: Tensor<2>, rows: Option<&Rows>| match step {
                Some(step) => drop_components(x, rows, self.config.message_dropout, step, number),
                None => x,
            };
            if is_last {
                let near = match masked {
                    Some(masked) => gather_rows(spmm_masked(masked, x.clone()), rows),
                    None => propagate_rows(&self.adjacency, x.clone(), &LayerCombination::last(1), rows),
                };
                parts.push(unit_rows(drop(layer.forward(gather_rows(x.clone(), rows), near), Some(rows))));
            } else {
                let near = match masked {
                    Some(masked) => spmm_masked(masked, x.clone()),
                    None => spmm(&self.adjacency, x.clone()),
                };
                x = drop(layer.forward(x, near), None);
                parts.push(unit_rows(gather_rows(x.clone(), rows)));
            }
        }
        Tensor::cat(parts, 1)
    }
}

/// The graph of one step of node dropout.
fn masked((graph, factors): &Droppable, node_dropout: f64, step: Step) -> MaskedGraph {
    let mask = dropped_edges(graph, node_dropout, step, 0);
    #[expect(clippy::cast_possible_truncation, reason = "a factor needs no more digits")]
    let scale = (1.0 / (1.0 - node_dropout)) as f32;
    MaskedGraph::new(mask).with_factors(factors.clone()).scaled(scale)
}

/// A step before it is computed.
#[derive(Debug)]
pub struct NgcfPlan {
    /// The nodes of a batch: users, then positives, then negatives, in its order.
    rows: Rows,
    /// Rows of the batch.
    len: usize,
    num_negatives: usize,
    /// The graph of node dropout, if there is any.
    masked: Option<MaskedGraph>,
    step: Step,
}

impl GradientModel for Ngcf {
    type Plan = NgcfPlan;

    fn planner(&self) -> Planner<NgcfPlan> {
        let (adjacency, droppable, device) =
            (self.adjacency.clone(), self.droppable.clone(), self.nodes.val().device());
        let node_dropout = self.config.node_dropout;
        let offset = u32::try_from(self.num_users).expect("the joint graph was checked to fit 32-bit ids");
        Planner::new(move |batch: &Batch, step| {
            let batch = batch.pairwise();
            let items = batch.positives.iter().chain(&batch.negatives).map(|item| item.0 + offset);
            let rows: Vec<u32> = batch.users.iter().map(|user| user.0).chain(items).collect();
            let masked = droppable.as_deref().map(|graph| masked(graph, node_dropout, step).ready_on(&device));
            let rows = Rows::from(rows).ready_on(&device);
            let rows = if masked.is_some() { rows } else { rows.ready_for(&adjacency, &device) };
            NgcfPlan { rows, len: batch.len(), num_negatives: batch.num_negatives, masked, step }
        })
    }

    fn planned_loss(&self, plan: NgcfPlan) -> Tensor<1> {
        let rows = self.embed(&plan.rows, plan.masked.as_ref(), Some(plan.step));
        let (dim, width) = (self.config.embedding_dim, rows.dims()[1]);
        let objective = Objective::Bpr { num_negatives: plan.num_negatives };
        #[expect(clippy::cast_possible_truncation, reason = "a weight needs no more digits")]
        let loss = RowLoss::new(objective, plan.len, 0..width).penalised(self.config.l2 as f32, 0..dim);
        row_loss(&loss, rows)
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        let all: Vec<u32> = (0..).take(self.adjacency.num_rows()).collect();
        joint_scorer([self.valid().embed(&all.into(), None, None)], self.num_users)
    }
}
