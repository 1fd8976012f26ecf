//! KGAT, a knowledge graph attention network. Wang et al., KDD 2019, arXiv:1905.07854, section 3.
//!
//! ```text
//! g(h,r,t)  = |W_r e_h + e_r - W_r e_t|²                                                         equation 1
//! L_KG      = mean softplus(g(h,r,t) - g(h,r,t'))        (h,r,t) a fact, (h,r,t') none           equation 2
//! e_N(h)    = Σ over facts (h,r,t) of π(h,r,t) e_t                                               equation 3
//! π(h,r,t)  = softmax over the facts of h of (W_r e_t)^T tanh(W_r e_h + e_r)                     equations 4, 5
//! e(l+1)    = LeakyReLU(W(l) (e(l) + e_N(l)) + b(l))                          gcn                equation 6
//!           = LeakyReLU(W(l) [e(l) ; e_N(l)] + b(l))                          graph-sage         equation 7
//!           = LeakyReLU(W1(l) (e(l) + e_N(l)) + b1(l))
//!             + LeakyReLU(W2(l) (e(l) ⊙ e_N(l)) + b2(l))                      bi-interaction     equation 8
//! E         = [e(0) ; e(1) / |e(1)| ; ... ; e(L) / |e(L)|]                                       equation 11
//! ŷ(u,i)    = E[u] · E[i]
//! L_CF      = mean softplus(ŷ(u,j) - ŷ(u,i)) + l2 · 1/2 Σ (|e(0)[u]|² + |e(0)[i]|² + |e(0)[j]|²) / rows
//! ```
//!
//! The graph holds users, entities and the items that are none; an interaction is a fact, and every fact has its
//! inverse, whose relation has a matrix and a vector of its own. An epoch is a phase of pairs (`L_CF`) and one of
//! facts (`L_KG`). Attention is computed when the phase of pairs begins, held fixed in it, and computed anew for a
//! scorer.
//!
//! As in the authors' code (`xiangwang1223/knowledge_graph_attention_network`), and not in the paper: biases; layers
//! are divided by their length where they are concatenated, not where the next one reads them; the slope of LeakyReLU
//! is .2; dropout of components follows the activation; a penalty on the rows of the batch, for facts
//! `l2_facts · 1/2 Σ (|W_r e_h|² + |e_r|² + |W_r e_t|² + |W_r e_t'|²) / rows`, not on all parameters. Of the rows of `E`
//! that the code penalises only those of `e(0)` have a gradient, the others being of length 1.
//!
//! Departures from that code:
//! - the facts of interactions are learnt beside the pairs that they are, `(u, has, i)` against `(u, has, j)` for the
//!   pair's own negatives `j`, so that `L_CF` is reported with this part of `L_KG`; the batches of facts have the
//!   knowledge graph's alone;
//! - a fact is learnt once an epoch with its inverse, whose corrupt twin exchanges its head, `(t, r⁻, h)` against
//!   `(t', r⁻, h)`, by the same corrupt `t'`; the code draws facts in both directions, always with corrupt tails;
//! - the first epoch has attention, of the initial values; the code begins with `D^-1 A`;
//! - `gcn` adds the node itself, as equation 6 says, and `graph-sage` concatenates layers of its output, with
//!   LeakyReLU; the code does neither;
//! - `W_r` start from Glorot's distribution each by itself, not as one tensor;
//! - the start from trained matrix factorisation is one run with the rest: [`KgatConfig::mf_steps`].

mod graph;
mod plan;

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_eval::Scorer;
use gnnrec_graph::World;
use gnnrec_model::{
    GradientConfig, GradientModel, ModelError, Phase, Planner, Step, drop_components, fits_whole, table_scorer,
    xavier_init,
};
use gnnrec_sampling::Batch;
use gnnrec_sparse::kernels::losses::{Objective, RowLoss};
use gnnrec_sparse::{Activation, Rows, gather_rows, grouped_linear, linear, row_loss, spmm_edges, unit_rows};
use serde::{Deserialize, Serialize};

use crate::nodes::Nodes;
use graph::TypedGraph;
use plan::{FactsPlan, KgatPlan, Names, PairsPlan};

const NAME: &str = "kgat";

/// Slope of the activation below 0.
const LEAKY: Activation = Activation::LeakyRelu(0.2);

/// How a node and what it hears from its neighbours become one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KgatAggregator {
    /// Of their sum and of their product.
    #[default]
    BiInteraction,
    /// Of their sum.
    Gcn,
    /// Of one beside the other.
    GraphSage,
}

/// How a KGAT model is made. The default is the authors' setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KgatConfig {
    /// Width of the tables of users and nodes, at least 1.
    pub embedding_dim: usize,
    /// Width of `e_r`, at least 1.
    pub relation_dim: usize,
    /// Width of each layer, 1 to 16 of them, each at least 1.
    pub layer_dims: Vec<usize>,
    /// How a node meets its neighbours.
    pub aggregator: KgatAggregator,
    /// Probability that a component of a layer is dropped, in `[0, 1)`.
    pub message_dropout: f64,
    /// Weight of the squared norms of a batch's rows of layer 0, at least 0.
    pub l2: f64,
    /// Weight of the squared norms of what a batch of facts projects, at least 0.
    pub l2_facts: f64,
    /// Steps at the start that train the tables of users and nodes as matrix factorisation does, `p_u · q_i` under the
    /// same BPR: the authors begin with embeddings trained so. 0 begins with random ones. Steps count over all phases.
    pub mf_steps: u64,
}

impl Default for KgatConfig {
    fn default() -> Self {
        Self {
            embedding_dim: 64,
            relation_dim: 64,
            layer_dims: vec![64, 32, 16],
            aggregator: KgatAggregator::BiInteraction,
            message_dropout: 0.1,
            l2: 1e-5,
            l2_facts: 1e-5,
            mf_steps: 0,
        }
    }
}

impl KgatConfig {
    /// Last.FM: the authors' setting for their Last-FM. They train with a rate of 1e-4 and batches of 1024 pairs and of
    /// 2048 facts.
    #[must_use]
    pub fn lastfm() -> Self {
        Self::default()
    }

    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        for (field, dim) in [("embedding_dim", self.embedding_dim), ("relation_dim", self.relation_dim)] {
            ModelError::expect(dim > 0, NAME, field, dim, "at least 1")?;
        }
        let dims = &self.layer_dims;
        let holds = (1..=16).contains(&dims.len()) && !dims.contains(&0);
        ModelError::expect(holds, NAME, "layer_dims", format!("{dims:?}"), "1 to 16 widths, each at least 1")?;
        let rate = self.message_dropout;
        ModelError::expect((0.0..1.0).contains(&rate), NAME, "message_dropout", rate, "a probability below 1")?;
        for (field, weight) in [("l2", self.l2), ("l2_facts", self.l2_facts)] {
            let holds = weight >= 0.0 && weight.is_finite();
            ModelError::expect(holds, NAME, field, weight, "a finite number, at least 0")?;
        }
        Ok(())
    }
}

impl GradientConfig for KgatConfig {
    type Model = Kgat;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<Kgat, ModelError> {
        self.validate()?;
        let knowledge = world.knowledge().ok_or(ModelError::Missing { model: NAME, needs: "a knowledge graph" })?;
        let nodes = Nodes::new(knowledge);
        let graph = TypedGraph::new(world.interactions(), knowledge, &nodes)?;
        let (dim, relation_dim) = (self.embedding_dim, self.relation_dim);
        let widest = self.layer_dims.iter().chain([&dim]).max().unwrap_or(&0);
        let width = (dim + self.layer_dims.iter().sum::<usize>()).max(2 * widest);
        fits_whole(NAME, world.interactions().num_users() + nodes.count, width, device)?;
        let num_relations = 2 * knowledge.num_relations() + 2;
        let mut transforms = Vec::with_capacity(num_relations * dim * relation_dim);
        for relation in 0..num_relations {
            let transform = xavier_init(seed, &format!("transform.{relation}"), dim, relation_dim, device).val();
            transforms.extend(transform.into_data().try_to_vec::<f32>().expect("parameters are 32-bit floats"));
        }
        let inputs = std::iter::once(&dim).chain(&self.layer_dims);
        let layers = inputs.zip(&self.layer_dims).enumerate();
        let edges = graph.pattern.num_edges();
        let model = Kgat {
            users: xavier_init(seed, "users", world.interactions().num_users(), dim, device),
            nodes: xavier_init(seed, "nodes", nodes.count, dim, device),
            relations: xavier_init(seed, "relations", num_relations, relation_dim, device),
            transforms: Param::from_data(TensorData::new(transforms, [num_relations, dim, relation_dim]), device),
            layers: layers.map(|(n, (&input, &output))| Layer::init(self, seed, n, input, output, device)).collect(),
            attention: Param::from_tensor(Tensor::zeros([edges], device)).set_require_grad(false),
            graph: Arc::new(graph),
            node_of_item: nodes.of_item.into(),
            config: self.clone(),
        };
        Ok(model.refreshed(0))
    }

    fn phases(&self) -> Vec<Phase> {
        vec![Phase::Pairs, Phase::Facts]
    }
}

/// The parameters of one layer; matrices are transposed.
#[derive(Module, Debug)]
pub struct Layer {
    /// `W1` or `W`, `input x output`, or `2 input x output` for graph-sage.
    pub weight: Param<Tensor<2>>,
    /// `b1` or `b`, `1 x output`.
    pub bias: Param<Tensor<2>>,
    /// `W2` and `b2` of bi-interaction, in the same shapes.
    pub product: Option<(Param<Tensor<2>>, Param<Tensor<2>>)>,
}

impl Layer {
    fn init(config: &KgatConfig, seed: u64, number: usize, input: usize, output: usize, device: &Device) -> Self {
        let matrix = |name, rows| xavier_init(seed, &format!("layer.{number}.{name}"), rows, output, device);
        let aggregator = config.aggregator;
        Self {
            weight: matrix("weight", if aggregator == KgatAggregator::GraphSage { 2 * input } else { input }),
            bias: matrix("bias", 1),
            product: (aggregator == KgatAggregator::BiInteraction)
                .then(|| (matrix("product", input), matrix("product_bias", 1))),
        }
    }

    /// `e(l+1)` of the rows `own` whose neighbours sum up to `near`, both `rows x input`.
    fn forward(&self, aggregator: KgatAggregator, own: Tensor<2>, near: Tensor<2>) -> Tensor<2> {
        let input = match aggregator {
            KgatAggregator::BiInteraction | KgatAggregator::Gcn => own.clone() + near.clone(),
            KgatAggregator::GraphSage => Tensor::cat(vec![own.clone(), near.clone()], 1),
        };
        let output = linear(input, self.weight.val(), Some(self.bias.val()), LEAKY);
        match &self.product {
            Some((weight, bias)) => output + linear(own * near, weight.val(), Some(bias.val()), LEAKY),
            None => output,
        }
    }
}

/// Tables of users, nodes and relations, the layers, and the graph with its attention.
#[derive(Module, Debug)]
pub struct Kgat {
    /// `e` of users, `num_users x dim`.
    pub users: Param<Tensor<2>>,
    /// `e` of entities and then of the items that are none, `num_nodes x dim`.
    pub nodes: Param<Tensor<2>>,
    /// `e_r`, `2 R + 2 x relation_dim`: relations, their inverses, interactions and their inverse.
    pub relations: Param<Tensor<2>>,
    /// `W_r` transposed, `2 R + 2 x dim x relation_dim`.
    pub transforms: Param<Tensor<3>>,
    /// One for each layer.
    pub layers: Vec<Layer>,
    /// `π` summed over the facts of each edge, `num_edges`, without gradient.
    pub attention: Param<Tensor<1>>,
    #[module(skip)]
    graph: Arc<TypedGraph>,
    #[module(skip)]
    node_of_item: Arc<[u32]>,
    #[module(skip)]
    config: KgatConfig,
}

impl Kgat {
    fn num_users(&self) -> usize {
        self.users.dims()[0]
    }

    /// Users and then nodes, `e(0)`.
    fn table(&self) -> Tensor<2> {
        Tensor::cat(vec![self.users.val(), self.nodes.val()], 0)
    }

    /// `R`.
    fn num_fact_relations(&self) -> u32 {
        u32::try_from(self.relations.dims()[0] / 2 - 1).expect("relations were checked to fit 32 bits")
    }

    /// The row of an entity or item among users and nodes.
    fn row_of_node(&self, node: u32) -> u32 {
        u32::try_from(self.num_users()).expect("the graph was checked to fit 32-bit ids") + node
    }

    /// `E` of some rows of users and nodes, `rows.len() x (dim + Σ layer_dims)`. A `step` is one of training, with
    /// dropout.
    fn forward(&self, rows: &Rows, table: Tensor<2>, attention: &Tensor<1>, step: Option<Step>) -> Tensor<2> {
        let mut x = table.clone();
        let mut parts = vec![gather_rows(table, rows)];
        for (number, layer) in (0u32..).zip(&self.layers) {
            let near = spmm_edges(&self.graph.pattern, attention.clone(), x.clone());
            x = layer.forward(self.config.aggregator, x, near);
            if let Some(step) = step {
                x = drop_components(x, None, self.config.message_dropout, step, number);
            }
            parts.push(unit_rows(gather_rows(x.clone(), rows)));
        }
        Tensor::cat(parts, 1)
    }

    fn pairs_loss(&self, plan: PairsPlan) -> Tensor<1> {
        let PairsPlan { rows, len, num_negatives, facts, step } = plan;
        let (table, dim) = (self.table(), self.config.embedding_dim);
        let objective = Objective::Bpr { num_negatives };
        #[expect(clippy::cast_possible_truncation, reason = "a weight needs no more digits")]
        let bpr = |width| RowLoss::new(objective, len, 0..width).penalised(self.config.l2 as f32, 0..dim);
        let Some(facts) = facts else { return row_loss(&bpr(dim), gather_rows(table, &rows)) };
        let looked_up = self.forward(&rows, table.clone(), &self.attention.val(), Some(step));
        let width = looked_up.dims()[1];
        row_loss(&bpr(width), looked_up) + self.translation_loss(table, facts)
    }

    /// `L_KG` with its penalty, a scalar, over the rows of `table`.
    fn translation_loss(&self, table: Tensor<2>, facts: FactsPlan) -> Tensor<1> {
        let FactsPlan { bounds, ends, relations, signs } = facts;
        let rows = relations.len();
        let [shared, truth, corrupt] =
            ends.map(|nodes| grouped_linear(&bounds, gather_rows(table.clone(), &nodes), self.transforms.val()));
        let relations = gather_rows(self.relations.val(), &relations);
        let from = shared.clone() + relations.clone() * signs;
        let distance = |to: &Tensor<2>| (from.clone() - to.clone()).square().sum_dim(1);
        let loss = log_sigmoid(distance(&corrupt) - distance(&truth)).mean().neg();
        let square = |x: Tensor<2>| x.square().sum();
        let squares = square(shared) + square(relations) + square(truth) + square(corrupt);
        #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
        let weight = 0.5 * self.config.l2_facts / rows as f64;
        loss + squares * weight
    }

    /// `π` of the parameters as they are.
    fn current_attention(&self) -> Vec<f32> {
        let [table, relations] = [self.table(), self.relations.val()].map(Tensor::without_autodiff);
        self.graph.attention(&table, &relations, &self.transforms.val().without_autodiff())
    }
}

impl GradientModel for Kgat {
    type Plan = KgatPlan;

    fn planner(&self) -> Planner<KgatPlan> {
        let names = Names {
            num_users: u32::try_from(self.num_users()).expect("the graph was checked to fit 32-bit ids"),
            num_fact_relations: self.num_fact_relations(),
            node_of_item: Arc::clone(&self.node_of_item),
        };
        let (device, mf_steps) = (self.relations.val().device(), self.config.mf_steps);
        Planner::new(move |batch: &Batch, step| match batch {
            Batch::Facts(batch) => KgatPlan::Facts(names.facts(batch, &device)),
            _ => KgatPlan::Pairs(names.pairs(batch.pairwise(), step, step.index < mf_steps, &device)),
        })
    }

    fn planned_loss(&self, plan: KgatPlan) -> Tensor<1> {
        match plan {
            KgatPlan::Facts(facts) => self.translation_loss(self.table(), facts),
            KgatPlan::Pairs(pairs) => self.pairs_loss(pairs),
        }
    }

    /// Computes attention as the phase of pairs begins.
    fn refreshed(mut self, phase: usize) -> Self {
        if phase == 0 {
            let values = self.current_attention();
            self.attention = self.attention.map(|held| {
                let device = if held.is_autodiff() { held.device().autodiff() } else { held.device() };
                Tensor::from_data(TensorData::new(values, held.shape()), &device)
            });
        }
        self
    }

    /// Attention is that of the parameters as they are, as in the authors' code, which computes it before it tests.
    fn scorer(&self) -> Box<dyn Scorer> {
        let table = self.table();
        let attention = TensorData::new(self.current_attention(), self.attention.shape());
        let attention = Tensor::from_data(attention, &table.device());
        let rows: Vec<u32> = (0..).take(table.dims()[0]).collect();
        let all = self.forward(&rows.into(), table, &attention, None).without_autodiff();
        let num_users = self.num_users();
        let items: Vec<u32> = self.node_of_item.iter().map(|&node| self.row_of_node(node)).collect();
        table_scorer(all.clone().narrow(0, 0, num_users), gather_rows(all, &items))
    }
}
