//! KGIN, intents behind interactions. Wang et al., WWW 2021, arXiv:2102.07057, sections 3 and 4.
//!
//! ```text
//! e_p     = Σ_r α(r,p) e_r                α(·,p) = softmax over relations of w_p                 equations 1, 2
//! β(u,p)  = softmax over intents of s_p · x_u(l)                                                 equation 8
//! y_u     = (1 + Σ_p β(u,p) e_p) ⊙ mean of x_i(l) over the items i of u                          equation 7
//! y_v     = mean of e_r ⊙ x_t(l) over the facts (v,r,t) of v                                     equations 9, 10
//! x(l+1)  = y / |y|                       E = x(0) + x(1) + ... + x(L)                           equation 13
//! ŷ(u,i)  = E[u] · E[i]                                                                          equation 14
//! L       = mean softplus(ŷ(u,j) - ŷ(u,i)) + l2 · 1/2 Σ (|E[u]|² + |E[i]|² + |E[j]|²) / rows
//!           + independence_weight · Σ over intents p < q of dCor(w_p, w_q)                       equations 4, 15
//! ```
//!
//! Nodes `v` are entities and the items that are none; every fact has its inverse, whose relation has a row `e_r` of its
//! own. In training a step leaves out facts and interactions (node dropout, the same in all layers), so that means are those
//! of what stays, and components of `y` (message dropout).
//!
//! The model is that of the authors' code (`huangtinglin/Knowledge_Graph_based_Intent_Network`), with which the numbers
//! were published. There, and so here, it departs from the paper in that
//! - `β` compares a user with a free vector `s_p` of the intent, not with `e_p`;
//! - the mean over items is added to its product with the intents (`1 +`);
//! - layers are divided by their length;
//! - independence is that of the logits `w_p`, one value a relation, not of the embeddings `e_p`;
//! - the penalty is over the batch's rows of `E`, not all parameters.
//!
//! Departures from that code:
//! - the code keeps a share of `node_dropout` of the facts, exactly, and each interaction with that probability; here an
//!   edge is dropped with that probability. At .5, the published setting, the one is the other but for the exact count.
//!   What the code multiplies the interactions by that stay is lost where `y` is divided by its length;
//! - mutual information is equation 3 over the logits, by cosine; the code takes the sum over the columns of the
//!   unnormalised product in its denominator, which compares relations and not intents.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_eval::Scorer;
use gnnrec_graph::{Csr, Duplicates, Normalisation, UserId, World};
use gnnrec_model::{
    GradientConfig, GradientModel, ModelError, Planner, Step, drop_components, dropped_edges, fits_whole, table_scorer,
    xavier_init,
};
use gnnrec_sampling::Batch;
use gnnrec_sparse::kernels::losses::{Objective, RowLoss};
use gnnrec_sparse::{
    Activation, EdgeGraph, EdgeMask, MaskedGraph, Rows, edge_mul, gather_rows, linear, row_loss, spmm_masked, unit_rows,
};
use serde::{Deserialize, Serialize};

use crate::nodes::Nodes;

const NAME: &str = "kgin";

/// Divides the cosines of mutual information.
const TEMPERATURE: f64 = 0.2;

/// Keeps roots away from 0, as in the authors' code.
const EPSILON: f64 = 1e-8;

/// What makes intents differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Independence {
    /// Distance correlation of each two.
    #[default]
    Distance,
    /// Squared cosine of each two.
    Cosine,
    /// Each recognised among all: `-Σ_p ln softmax over q of cos(w_p, w_q) / .2, at p`.
    MutualInformation,
}

/// How a KGIN model is made. The default is the authors' setting for Last-FM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KginConfig {
    /// Width of the tables, at least 1.
    pub embedding_dim: usize,
    /// Hops, 1 to 16.
    pub num_layers: usize,
    /// Intents, at least 1.
    pub num_intents: usize,
    /// What makes intents differ.
    pub independence: Independence,
    /// Its weight, at least 0.
    pub independence_weight: f64,
    /// Probability that a fact or an interaction is left out of a step, in `[0, 1)`.
    pub node_dropout: f64,
    /// Probability that a component of a layer is dropped, in `[0, 1)`.
    pub message_dropout: f64,
    /// Weight of the squared norms of a batch's final rows, at least 0.
    pub l2: f64,
}

impl Default for KginConfig {
    fn default() -> Self {
        Self {
            embedding_dim: 64,
            num_layers: 3,
            num_intents: 4,
            independence: Independence::Distance,
            independence_weight: 1e-4,
            node_dropout: 0.5,
            message_dropout: 0.1,
            l2: 1e-5,
        }
    }
}

impl KginConfig {
    /// Last.FM: the authors' setting for their Last-FM. They train with a rate of 1e-4 and batches of 1024.
    #[must_use]
    pub fn lastfm() -> Self {
        Self::default()
    }

    /// Alibaba-iFashion: the same setting, a rate of 1e-4 and batches of 1024.
    #[must_use]
    pub fn alibaba_ifashion() -> Self {
        Self::default()
    }

    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        ModelError::expect(self.embedding_dim > 0, NAME, "embedding_dim", self.embedding_dim, "at least 1")?;
        let layers = self.num_layers;
        ModelError::expect((1..=16).contains(&layers), NAME, "num_layers", layers, "1 to 16")?;
        ModelError::expect(self.num_intents > 0, NAME, "num_intents", self.num_intents, "at least 1")?;
        for (field, rate) in [("node_dropout", self.node_dropout), ("message_dropout", self.message_dropout)] {
            ModelError::expect((0.0..1.0).contains(&rate), NAME, field, rate, "a probability below 1")?;
        }
        for (field, weight) in [("independence_weight", self.independence_weight), ("l2", self.l2)] {
            let holds = weight >= 0.0 && weight.is_finite();
            ModelError::expect(holds, NAME, field, weight, "a finite number, at least 0")?;
        }
        Ok(())
    }
}

impl GradientConfig for KginConfig {
    type Model = Kgin;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<Kgin, ModelError> {
        self.validate()?;
        let missing = ModelError::Missing { model: NAME, needs: "a knowledge graph with relations" };
        let knowledge = world.knowledge().filter(|knowledge| knowledge.num_relations() > 0).ok_or(missing)?;
        let nodes = Nodes::new(knowledge);
        let (dim, num_relations) = (self.embedding_dim, 2 * knowledge.num_relations());
        let table = |name, rows, dim| xavier_init(seed, name, rows, dim, device);
        let intents = 0..self.num_intents;
        let above = intents.clone().flat_map(|p| intents.clone().map(move |q| f32::from(u8::from(p < q)))).collect();
        let above = Tensor::<2>::from_data(TensorData::new(above, [self.num_intents; 2]), device);
        let graph = Graph::new(world, &nodes)?;
        let widest = graph.messages.pattern().num_edges().max(nodes.count).max(world.interactions().num_users());
        fits_whole(NAME, widest, dim.max(self.num_intents), device)?;
        Ok(Kgin {
            users: table("users", world.interactions().num_users(), dim),
            nodes: table("nodes", nodes.count, dim),
            relations: table("relations", num_relations, dim),
            intent_logits: table("intent_logits", self.num_intents, num_relations),
            intents: table("intents", self.num_intents, dim),
            above: above.without_autodiff(),
            graph: Arc::new(graph),
            config: self.clone(),
        })
    }
}

/// The knowledge graph and the interactions, from where messages are sent to where they are received.
///
/// What a node sends over a relation is the same for all who hear it: there is one message for each relation and tail
/// that stand in a fact, and not one for each fact.
#[derive(Debug)]
struct Graph {
    /// `num_relations x num_nodes`, an edge a message: relation and tail.
    messages: EdgeGraph,
    /// `num_nodes x messages`: what each head hears, its mean.
    facts: MaskedGraph,
    /// `num_users x num_nodes`: the items of each user, their mean.
    interactions: MaskedGraph,
    /// The node of each item.
    node_of_item: Vec<u32>,
}

impl Graph {
    fn new(world: &World, nodes: &Nodes) -> Result<Self, ModelError> {
        let (interactions, knowledge) = (world.interactions(), world.knowledge().expect("it was checked"));
        let both = knowledge.with_inverse_relations();
        let sent: Vec<(u32, u32)> = both.triples().iter().map(|fact| (fact.relation.0, fact.tail.0)).collect();
        let messages = Csr::from_edges(both.num_relations(), nodes.count, &sent, Duplicates::First)?;
        let heard = both.triples().iter().map(|fact| {
            let relation = fact.relation.index();
            let position = messages.row(relation).binary_search(&fact.tail.0).expect("a fact is a message");
            let message = messages.indptr()[relation] + position;
            (fact.head.0, u32::try_from(message).expect("edges are counted by a u32"))
        });
        let heard: Vec<(u32, u32)> = heard.collect();
        let facts = Csr::from_edges(nodes.count, messages.num_edges(), &heard, Duplicates::Error)?;
        let seen = interactions.by_user().edges().map(|(user, item)| (user, nodes.of_item[item as usize]));
        let seen: Vec<(u32, u32)> = seen.collect();
        // Two items that are one entity are one item here.
        let seen = Csr::from_edges(interactions.num_users(), nodes.count, &seen, Duplicates::First)?;
        let means = |pattern: Csr| {
            let graph = EdgeGraph::new(pattern);
            MaskedGraph::new(EdgeMask::from_fn(&graph, |_| true)).normalised(Normalisation::Row)
        };
        Ok(Self {
            messages: EdgeGraph::new(messages),
            facts: means(facts),
            interactions: means(seen),
            node_of_item: nodes.of_item.clone(),
        })
    }
}

/// Tables of users, nodes, relations and intents, and the graph.
#[derive(Module, Debug)]
pub struct Kgin {
    /// `x(0)` of users, `num_users x dim`.
    pub users: Param<Tensor<2>>,
    /// `x(0)` of entities and then of the items that are none, `num_nodes x dim`.
    pub nodes: Param<Tensor<2>>,
    /// `e_r`, relations and then their inverses, `2 R x dim`.
    pub relations: Param<Tensor<2>>,
    /// `w_p`, `num_intents x 2 R`.
    pub intent_logits: Param<Tensor<2>>,
    /// `s_p`, `num_intents x dim`.
    pub intents: Param<Tensor<2>>,
    /// 1 for each pair of intents `p < q`, and else 0, `num_intents x num_intents`.
    #[module(skip)]
    above: Tensor<2>,
    #[module(skip)]
    graph: Arc<Graph>,
    #[module(skip)]
    config: KginConfig,
}

impl Kgin {
    /// `E` of users and of nodes, over what is left of facts and interactions. A `step` is one of training, with dropout.
    fn forward(&self, [facts, interactions]: [&MaskedGraph; 2], step: Option<Step>) -> (Tensor<2>, Tensor<2>) {
        let messages = &self.graph.messages;
        let KginConfig { message_dropout, num_layers, .. } = self.config;
        let dropped = |y: Tensor<2>, layer: u32| match step {
            Some(step) => drop_components(y, None, message_dropout, step, layer),
            None => y,
        };
        let relations = self.relations.val();
        let embedded = softmax(self.intent_logits.val(), 1).matmul(relations.clone());
        let (mut users, mut nodes) = (self.users.val(), self.nodes.val());
        let (mut all_users, mut all_nodes) = (users.clone(), nodes.clone());
        for layer in (0u32..).take(num_layers) {
            let shares = softmax(times(users, self.intents.val().transpose()), 1);
            let items = spmm_masked(interactions, nodes.clone());
            let sent = edge_mul(messages, relations.clone(), nodes);
            users = unit_rows(dropped(items.clone() * times(shares, embedded.clone()) + items, 2 * layer));
            nodes = unit_rows(dropped(spmm_masked(facts, sent), 2 * layer + 1));
            all_users = all_users + users.clone();
            all_nodes = all_nodes + nodes.clone();
        }
        (all_users, all_nodes)
    }

    /// How far intents are from independent, at least 0 but for rounding.
    fn dependence(&self) -> Tensor<1> {
        let (logits, above) = (self.intent_logits.val(), self.above.clone());
        let num_intents = logits.dims()[0];
        let cosines = |logits: Tensor<2>| {
            let unit = unit_rows(logits);
            unit.clone().matmul(unit.transpose())
        };
        match self.config.independence {
            Independence::Distance => (distance_correlations(logits) * above).sum(),
            Independence::Cosine => (cosines(logits).square() * above).sum(),
            Independence::MutualInformation => {
                let identity = Tensor::<2>::eye(num_intents, &logits.device());
                (log_softmax(cosines(logits) / TEMPERATURE, 1) * identity).sum().neg()
            }
        }
    }
}

/// Distance correlation of each two rows of `x`, `rows x rows`. Székely, Rizzo and Bakirov, Annals of Statistics 2007:
///
/// ```text
/// A_p[a,b]   = |x_p[a] - x_p[b]|, less the means of its row and of its column, plus the mean of all
/// dCov(p,q)² = Σ_ab A_p[a,b] A_q[a,b] / width²        dCor(p,q) = dCov(p,q) / sqrt(dCov(p,p) dCov(q,q))
/// ```
///
/// Every root has `1e-8` added below it, as in the authors' code.
fn distance_correlations(x: Tensor<2>) -> Tensor<2> {
    let [rows, width] = x.dims();
    let across = x.clone().reshape([rows, width, 1]) - x.reshape([rows, 1, width]);
    let distances: Tensor<3> = (across.square() + EPSILON).sqrt();
    let of_rows = distances.clone().mean_dim(2);
    let of_cols = distances.clone().mean_dim(1);
    let of_all = of_rows.clone().mean_dim(1);
    let centred = (distances - of_rows - of_cols + of_all).reshape([rows, width * width]);
    #[expect(clippy::cast_precision_loss, reason = "relations are few")]
    let square = (width * width) as f64;
    let products = centred.clone().matmul(centred.transpose()) / square;
    let covariances = (products.clamp_min(0.0) + EPSILON).sqrt();
    let variances = (covariances.clone() * Tensor::eye(rows, &covariances.device())).sum_dim(1);
    let scales = (variances.clone().matmul(variances.transpose()) + EPSILON).sqrt();
    covariances / scales
}

/// `x w` of a table of many rows, whose gradient goes through them once.
fn times(x: Tensor<2>, w: Tensor<2>) -> Tensor<2> {
    linear(x, w, None, Activation::Identity)
}

/// A step before it is computed.
#[derive(Debug)]
pub struct KginPlan {
    /// By row of the batch.
    users: Rows,
    /// The nodes of the positives, then of the negatives.
    nodes: Rows,
    num_negatives: usize,
    /// What edge dropout leaves of facts and interactions.
    facts: MaskedGraph,
    interactions: MaskedGraph,
    step: Step,
}

impl GradientModel for Kgin {
    type Plan = KginPlan;

    fn planner(&self) -> Planner<KginPlan> {
        let (graph, device) = (Arc::clone(&self.graph), self.users.val().device());
        let node_dropout = self.config.node_dropout;
        Planner::new(move |batch: &Batch, step| {
            let batch = batch.pairwise();
            let thinned = |means: &MaskedGraph, number| {
                let kept = dropped_edges(means.graph(), node_dropout, step, number);
                MaskedGraph::new(kept).normalised(Normalisation::Row).ready_on(&device)
            };
            let (facts, interactions) = match node_dropout > 0.0 {
                true => (thinned(&graph.facts, 0), thinned(&graph.interactions, 1)),
                false => (graph.facts.clone(), graph.interactions.clone()),
            };
            let items = batch.positives.iter().chain(&batch.negatives);
            let nodes: Vec<u32> = items.map(|item| graph.node_of_item[item.index()]).collect();
            KginPlan {
                users: Rows::from(UserId::peel_slice(&batch.users)).ready_on(&device),
                nodes: Rows::from(nodes).ready_on(&device),
                num_negatives: batch.num_negatives,
                facts,
                interactions,
                step,
            }
        })
    }

    fn planned_loss(&self, plan: KginPlan) -> Tensor<1> {
        let (users, nodes) = self.forward([&plan.facts, &plan.interactions], Some(plan.step));
        let rows = Tensor::cat(vec![gather_rows(users, &plan.users), gather_rows(nodes, &plan.nodes)], 0);
        let dim = self.config.embedding_dim;
        let objective = Objective::Bpr { num_negatives: plan.num_negatives };
        #[expect(clippy::cast_possible_truncation, reason = "a weight needs no more digits")]
        let loss = RowLoss::new(objective, plan.users.len(), 0..dim).penalised(self.config.l2 as f32, 0..dim);
        row_loss(&loss, rows) + self.dependence() * self.config.independence_weight
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        let (users, nodes) = self.forward([&self.graph.facts, &self.graph.interactions], None);
        let items = gather_rows(nodes.without_autodiff(), &self.graph.node_of_item);
        table_scorer(users.without_autodiff(), items)
    }
}
