//! KGCN, knowledge graph convolution that sees an item with a user's eyes. Wang et al., WWW 2019,
//! arXiv:1904.12575, section 3.
//!
//! ```text
//! S(v)         K sampled facts (r, n) of v, fixed by the seed
//! π(u,r)       = u · r
//! π̃(u,v,r)     = softmax of π(u,r) over S(v)
//! s(h)[u,v]    = Σ over S(v) of π̃(u,v,r) e(h)[u,n]           e(0)[u,v] = e[v]
//! e(h+1)[u,v]  = act(W(h) (e(h)[u,v] + s(h)[u,v]) + b(h))     sum
//!              = act(W(h) [e(h)[u,v] ; s(h)[u,v]] + b(h))     concat
//!              = act(W(h) s(h)[u,v] + b(h))                   neighbour
//! ŷ(u,i)       = u · e(H)[u,i]                                act: relu, and tanh in the last hop
//! ```
//!
//! Departures:
//! - the loss is pairwise (BPR) by default, as for the other families; `loss = "cross-entropy"` is the
//!   paper's, over the same sampled negatives. The score is `ŷ`; the paper's probability is `σ(ŷ)`;
//! - a fact and its inverse have relation embeddings of their own (the authors' code shares one);
//! - a node without facts has `s = 0` (the authors' code draws entity 0 for it); an item without an
//!   entity is such a node, with an embedding of its own;
//! - tables start from `N(0, init_std²)`, layers from Glorot's uniform distribution and zero bias;
//! - the penalty is `l2 · 1/2 Σ |x|² / rows` over users, the receptive field, relations and layers, so
//!   that it scales with the mean loss (the authors' code adds it to a mean undivided).

mod field;
mod scorer;

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_eval::Scorer;
use gnnrec_graph::World;
use gnnrec_model::{
    GradientConfig, GradientModel, ModelError, Planner, Table, bpr_loss, cross_entropy_loss, normal_init, xavier_init,
};
use gnnrec_sampling::Batch;
use gnnrec_sparse::{Activation, Rows, gather_rows, linear, ready_tensor};
use serde::{Deserialize, Serialize};

use field::Field;
use scorer::KgcnScorer;

const NAME: &str = "kgcn";

/// How a node and the mean of its neighbours become one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregator {
    /// Of their sum.
    #[default]
    Sum,
    /// Of one beside the other.
    Concat,
    /// Of the neighbours alone.
    Neighbour,
}

/// What training makes small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KgcnLoss {
    /// Positives above negatives.
    #[default]
    Bpr,
    /// Positives to 1, negatives to 0: the paper's.
    CrossEntropy,
}

/// How a KGCN model is made. A batch holds `num_neighbours ^ num_hops` rows for each item it names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KgcnConfig {
    /// Width of the tables, at least 1.
    pub embedding_dim: usize,
    /// `K`, sampled facts a node, 1 to 256.
    pub num_neighbours: usize,
    /// `H`, hops, 1 to 4.
    pub num_hops: usize,
    /// How a node meets its neighbours.
    pub aggregator: Aggregator,
    /// What training makes small.
    pub loss: KgcnLoss,
    /// Standard deviation of the tables' initial values, above 0.
    pub init_std: f32,
    /// Weight of the squared norms of what a batch looks up, at least 0.
    pub l2: f64,
}

impl Default for KgcnConfig {
    fn default() -> Self {
        Self {
            embedding_dim: 32,
            num_neighbours: 4,
            num_hops: 2,
            aggregator: Aggregator::Sum,
            loss: KgcnLoss::Bpr,
            init_std: 0.1,
            l2: 1e-4,
        }
    }
}

impl KgcnConfig {
    /// Last.FM: width 16, eight neighbours, one hop.
    #[must_use]
    pub fn lastfm() -> Self {
        Self { embedding_dim: 16, num_neighbours: 8, num_hops: 1, ..Self::default() }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        ModelError::expect(self.embedding_dim > 0, NAME, "embedding_dim", self.embedding_dim, "at least 1")?;
        let neighbours = self.num_neighbours;
        ModelError::expect((1..=256).contains(&neighbours), NAME, "num_neighbours", neighbours, "1 to 256")?;
        ModelError::expect((1..=4).contains(&self.num_hops), NAME, "num_hops", self.num_hops, "1 to 4")?;
        let field = neighbours.pow(u32::try_from(self.num_hops).unwrap_or(u32::MAX));
        let remedy = "num_neighbours ^ num_hops at most 65536";
        ModelError::expect(field <= 65_536, NAME, "num_neighbours", neighbours, remedy)?;
        let std = self.init_std;
        ModelError::expect(std > 0.0 && std.is_finite(), NAME, "init_std", std, "a finite number above 0")?;
        ModelError::expect(self.l2 >= 0.0 && self.l2.is_finite(), NAME, "l2", self.l2, "a finite number, at least 0")
    }
}

impl GradientConfig for KgcnConfig {
    type Model = Kgcn;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<Kgcn, ModelError> {
        self.validate()?;
        let knowledge = world.knowledge().ok_or(ModelError::Missing { model: NAME, needs: "a knowledge graph" })?;
        let field = Field::sample(knowledge, self.num_neighbours, seed);
        let dim = self.embedding_dim;
        let inputs = if self.aggregator == Aggregator::Concat { 2 * dim } else { dim };
        let table = |name, rows| Table::normal(seed, name, rows, dim, self.init_std, device);
        let layers = 0..self.num_hops;
        Ok(Kgcn {
            users: table("users", world.interactions().num_users()),
            nodes: table("nodes", field.num_nodes()),
            relations: normal_init(seed, "relations", field.num_relations, dim, self.init_std, device),
            weights: layers.clone().map(|h| xavier_init(seed, &format!("layer.{h}"), inputs, dim, device)).collect(),
            biases: layers.map(|_| Param::from_data(TensorData::zeros::<f32, _>([1, dim]), device)).collect(),
            field: Arc::new(field),
            config: self.clone(),
        })
    }
}

/// Tables of users, nodes and relations, and one layer a hop.
#[derive(Module, Debug)]
pub struct Kgcn {
    /// `num_users x dim`.
    pub users: Table,
    /// `e`, entities and then the items without one, `num_nodes x dim`.
    pub nodes: Table,
    /// `r`, relations and then their inverses, `2 num_relations x dim`.
    pub relations: Param<Tensor<2>>,
    /// `W(h)` transposed, each `dim x dim`, or `2 dim x dim` for concat.
    pub weights: Vec<Param<Tensor<2>>>,
    /// `b(h)`, each `1 x dim`.
    pub biases: Vec<Param<Tensor<2>>>,
    #[module(skip)]
    field: Arc<Field>,
    #[module(skip)]
    config: KgcnConfig,
}

/// What a batch looks up.
struct Looked {
    /// Scores, one a row.
    scores: Tensor<1>,
    /// `Σ |x|²` over users, receptive field, relations and layers.
    squares: Tensor<1>,
}

impl Kgcn {
    /// Scores `(user, node)` pairs through tensors; holds `rows * K^H` rows.
    fn forward(&self, field: FieldPlan) -> Looked {
        let (rows, size, hops) = (field.users.len(), self.field.size, self.config.num_hops);
        let dim = self.config.embedding_dim;
        let users = self.users.lookup(&field.users);
        let looked_up = self.nodes.lookup(&field.nodes);
        let lens: Vec<usize> = (0u32..).take(hops + 1).map(|h| rows * size.pow(h)).collect();
        let mut start = 0;
        let mut vectors: Vec<Tensor<2>> = Vec::with_capacity(hops + 1);
        for &len in &lens {
            vectors.push(looked_up.clone().narrow(0, start, len));
            start += len;
        }
        let relations = self.relations.val();
        let preferences = users.clone().matmul(relations.clone().transpose());
        let preferences = preferences.reshape([rows * self.field.num_relations, 1]);
        let attention: Vec<Tensor<3>> = field.hops.into_iter().map(|hop| hop.attention(&preferences, size)).collect();
        for iteration in 0..hops {
            for h in 0..hops - iteration {
                let neighbours = vectors[h + 1].clone().reshape([lens[h], size, dim]);
                let mean = (attention[h].clone() * neighbours).sum_dim(1).squeeze_dim::<2>(1);
                vectors[h] = self.aggregate(iteration, vectors[h].clone(), mean);
            }
        }
        let square = |x: Tensor<2>| x.square().sum();
        let layers = self.weights.iter().map(|weight| square(weight.val()));
        let squares = layers.fold(square(users.clone()) + square(looked_up) + square(relations), Tensor::add);
        Looked { scores: (users * vectors.swap_remove(0)).sum_dim(1).squeeze_dim(1), squares }
    }

    fn aggregate(&self, iteration: usize, own: Tensor<2>, neighbours: Tensor<2>) -> Tensor<2> {
        let input = match self.config.aggregator {
            Aggregator::Sum => own + neighbours,
            Aggregator::Concat => Tensor::cat(vec![own, neighbours], 1),
            Aggregator::Neighbour => neighbours,
        };
        let is_last = iteration + 1 == self.config.num_hops;
        let activation = if is_last { Activation::Tanh } else { Activation::RELU };
        linear(input, self.weights[iteration].val(), Some(self.biases[iteration].val()), activation)
    }
}

/// A step before it is computed.
#[derive(Debug)]
pub struct KgcnPlan {
    /// Of each positive and then of each negative with its user.
    field: FieldPlan,
    /// Rows of the batch.
    len: usize,
    num_negatives: usize,
}

/// The receptive fields of some pairs of user and node.
#[derive(Debug)]
struct FieldPlan {
    users: Rows,
    /// Layer after layer: layer `h` holds `rows * K^h` nodes, the facts of those of layer `h - 1` in order.
    nodes: Rows,
    /// For each layer but the last.
    hops: Vec<Hop>,
}

/// The facts of the nodes of a layer.
#[derive(Debug)]
struct Hop {
    /// `u · r` of each fact, as a row of all such products of the pairs' users.
    preferences: Rows,
    /// 1 for a node with facts and 0 for one without, `nodes x 1 x 1`, where there are any without.
    has_facts: Option<Tensor<3>>,
}

impl FieldPlan {
    fn new(field: &Field, num_hops: usize, users: &[u32], nodes: Vec<u32>, device: &Device) -> Self {
        let mut layers = vec![nodes];
        for h in 0..num_hops {
            let facts = layers[h].iter().flat_map(|&node| &field.neighbours[field.facts(node)]);
            layers.push(facts.copied().collect());
        }
        let hops = layers[..num_hops].iter().map(|layer| Hop::new(field, layer, users.len(), device)).collect();
        Self { users: Rows::from(users).ready_on(device), nodes: Rows::from(layers.concat()).ready_on(device), hops }
    }
}

impl Hop {
    fn new(field: &Field, layer: &[u32], rows: usize, device: &Device) -> Self {
        let per_row = layer.len() / rows.max(1);
        let mut preferences = Vec::with_capacity(layer.len() * field.size);
        for (n, &node) in layer.iter().enumerate() {
            let offset = n / per_row * field.num_relations;
            let offset = u32::try_from(offset).expect("rows times relations fit 32 bits");
            preferences.extend(field.relations[field.facts(node)].iter().map(|relation| offset + relation));
        }
        let has_facts = |&node: &u32| field.has_facts[node as usize];
        let has_facts = (!layer.iter().all(has_facts)).then(|| {
            let mask: Vec<f32> = layer.iter().map(|node| f32::from(u8::from(has_facts(node)))).collect();
            ready_tensor(TensorData::new(mask, [layer.len(), 1, 1]), device)
        });
        Self { preferences: Rows::from(preferences).ready_on(device), has_facts }
    }

    /// `π̃` of the facts, `nodes x K x 1`, zero for nodes without; `preferences` has a row for each user and relation.
    fn attention(self, preferences: &Tensor<2>, size: usize) -> Tensor<3> {
        let num_nodes = self.preferences.len() / size;
        let scores = gather_rows(preferences.clone(), &self.preferences).reshape([num_nodes, size]);
        let attention = softmax(scores, 1).unsqueeze_dim::<3>(2);
        match self.has_facts {
            Some(has_facts) => attention * has_facts,
            None => attention,
        }
    }
}

impl GradientModel for Kgcn {
    type Plan = KgcnPlan;

    fn planner(&self) -> Planner<KgcnPlan> {
        let (field, num_hops, device) = (Arc::clone(&self.field), self.config.num_hops, self.users.device());
        Planner::new(move |batch: &Batch, _| {
            let batch = batch.pairwise();
            let repeated = batch.users.iter().flat_map(|&user| std::iter::repeat_n(user, batch.num_negatives));
            let users: Vec<u32> = batch.users.iter().copied().chain(repeated).map(|user| user.0).collect();
            let items = batch.positives.iter().chain(&batch.negatives);
            let nodes = items.map(|item| field.node_of_item[item.index()]).collect();
            let field = FieldPlan::new(&field, num_hops, &users, nodes, &device);
            KgcnPlan { field, len: batch.len(), num_negatives: batch.num_negatives }
        })
    }

    fn planned_loss(&self, plan: KgcnPlan) -> Tensor<1> {
        let KgcnPlan { field, len: rows, num_negatives } = plan;
        let looked = self.forward(field);
        let pos = looked.scores.clone().narrow(0, 0, rows);
        let neg = looked.scores.narrow(0, rows, rows * num_negatives).reshape([rows, num_negatives]);
        let loss = match self.config.loss {
            KgcnLoss::Bpr => bpr_loss(pos, neg),
            KgcnLoss::CrossEntropy => cross_entropy_loss(pos, neg),
        };
        #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
        let weight = 0.5 * self.config.l2 / rows as f64;
        loss + looked.squares * weight
    }

    fn tables(&self) -> Vec<&Table> {
        vec![&self.users, &self.nodes]
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        Box::new(KgcnScorer::new(self))
    }
}

#[cfg(test)]
mod tests;
