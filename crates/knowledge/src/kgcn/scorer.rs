//! Scores of one user for every item, in plain Rust.
//!
//! What a user sees of a node does not depend on which item asks, so that each node within reach of an
//! item is computed once a user. The first hop is linear before its activation: its products with `W(0)`
//! are shared by all users. Memory is a few tables of nodes for each thread that scores.

use std::sync::Arc;

use burn::module::Param;
use burn::tensor::Tensor;
use gnnrec_eval::Scorer;
use gnnrec_graph::UserId;
use gnnrec_model::whole_tables;
use gnnrec_sparse::kernels;
use rayon::prelude::*;

use super::field::Field;
use super::{Aggregator, Kgcn};

/// A snapshot of a KGCN model that scores.
pub(super) struct KgcnScorer {
    dim: usize,
    field: Arc<Field>,
    users: Vec<f32>,
    relations: Vec<f32>,
    layers: Vec<Layer>,
    /// For each hop the nodes whose row it must compute, ascending: the last hop needs the items.
    needed: Vec<Vec<u32>>,
    /// `e W(0)` by the two halves of the first layer, `num_nodes x dim`.
    first_own: Option<Vec<f32>>,
    first_neighbours: Vec<f32>,
}

/// `W(h)` and `b(h)`.
struct Layer {
    /// What meets the node itself, where the aggregator reads it.
    own: Option<Vec<f32>>,
    /// What meets the mean of its neighbours.
    neighbours: Vec<f32>,
    bias: Vec<f32>,
}

/// The tables that scoring one user fills.
struct Buffers {
    /// `e(h)` of the nodes needed so far, `num_nodes x dim`; the rest is stale.
    rows: Vec<f32>,
    /// `e(h+1)`, likewise.
    next: Vec<f32>,
}

impl KgcnScorer {
    pub(super) fn new(model: &Kgcn) -> Self {
        let floats = |x: Tensor<2>| -> Vec<f32> { x.into_data().try_to_vec().expect("parameters are 32-bit floats") };
        let values = |param: &Param<Tensor<2>>| floats(param.val());
        let (dim, field) = (model.config.embedding_dim, model.field.clone());
        let layers: Vec<Layer> = model
            .weights
            .iter()
            .zip(&model.biases)
            .map(|(weight, bias)| {
                let (weight, bias) = (values(weight), values(bias));
                match model.config.aggregator {
                    Aggregator::Sum => Layer { own: Some(weight.clone()), neighbours: weight, bias },
                    Aggregator::Concat => {
                        let (own, neighbours) = weight.split_at(dim * dim);
                        Layer { own: Some(own.to_vec()), neighbours: neighbours.to_vec(), bias }
                    }
                    Aggregator::Neighbour => Layer { own: None, neighbours: weight, bias },
                }
            })
            .collect();
        let [users, nodes] = whole_tables([&model.users, &model.nodes]).map(floats);
        let through = |weight: &Vec<f32>| {
            let mut out = vec![0f32; nodes.len()];
            out.par_chunks_mut(dim).zip(nodes.par_chunks(dim)).for_each(|(out, row)| add_product(row, weight, out));
            out
        };
        Self {
            dim,
            users,
            relations: values(&model.relations),
            needed: needed(&field, layers.len()),
            first_own: layers[0].own.as_ref().map(through),
            first_neighbours: through(&layers[0].neighbours),
            layers,
            field,
        }
    }

    fn score_user(&self, user: UserId, buffers: &mut Buffers, scores: &mut [f32]) {
        let dim = self.dim;
        let user = &self.users[user.index() * dim..][..dim];
        let preferences: Vec<f32> = self.relations.chunks_exact(dim).map(|relation| dot(user, relation)).collect();
        let mut attention = vec![0f32; self.field.size];
        let mut input = vec![0f32; dim];
        let row = |node: u32| node as usize * dim..(node as usize + 1) * dim;
        for (hop, (layer, needed)) in self.layers.iter().zip(&self.needed).enumerate() {
            let last = hop + 1 == self.layers.len();
            for &node in needed {
                let out = &mut buffers.next[node as usize * dim..][..dim];
                out.copy_from_slice(&layer.bias);
                self.attend(node, &preferences, &mut attention);
                let facts = attention.iter().zip(&self.field.neighbours[self.field.facts(node)]);
                let has_facts = self.field.has_facts[node as usize];
                if hop == 0 {
                    if let Some(own) = &self.first_own {
                        add(out, 1.0, &own[row(node)]);
                    }
                    let table = &self.first_neighbours;
                    facts.filter(|_| has_facts).for_each(|(&w, &node)| add(out, w, &table[row(node)]));
                } else {
                    let table = &buffers.rows;
                    input.fill(0.0);
                    facts.filter(|_| has_facts).for_each(|(&w, &node)| add(&mut input, w, &table[row(node)]));
                    add_product(&input, &layer.neighbours, out);
                    if let Some(own) = &layer.own {
                        add_product(&table[row(node)], own, out);
                    }
                }
                if last {
                    kernels::tanh(out);
                } else {
                    out.iter_mut().for_each(|x| *x = x.max(0.0));
                }
            }
            std::mem::swap(&mut buffers.rows, &mut buffers.next);
        }
        for (score, &node) in scores.iter_mut().zip(&self.field.node_of_item) {
            *score = dot(user, &buffers.rows[node as usize * dim..][..dim]);
        }
    }

    /// The softmax of a user's preferences over the facts of a node.
    fn attend(&self, node: u32, preferences: &[f32], attention: &mut [f32]) {
        let relations = &self.field.relations[self.field.facts(node)];
        let preference = |&relation: &u32| preferences[relation as usize];
        let max = relations.iter().map(preference).fold(f32::NEG_INFINITY, f32::max);
        for (weight, relation) in attention.iter_mut().zip(relations) {
            *weight = (preference(relation) - max).exp();
        }
        let sum: f32 = attention.iter().sum();
        attention.iter_mut().for_each(|weight| *weight /= sum);
    }
}

impl Scorer for KgcnScorer {
    fn num_users(&self) -> usize {
        self.users.len() / self.dim
    }

    fn num_items(&self) -> usize {
        self.field.node_of_item.len()
    }

    fn score(&self, users: &[UserId], scores: &mut [f32]) {
        let len = self.field.num_nodes() * self.dim;
        let buffers = || Buffers { rows: vec![0f32; len], next: vec![0f32; len] };
        users
            .par_iter()
            .zip(scores.par_chunks_mut(self.num_items().max(1)))
            .for_each_init(buffers, |buffers, (&user, scores)| self.score_user(user, buffers, scores));
    }
}

/// The nodes whose rows each hop computes: the items, and what they reach in the hops that follow.
fn needed(field: &Field, num_hops: usize) -> Vec<Vec<u32>> {
    let mut marked = vec![false; field.num_nodes()];
    let mut frontier: Vec<u32> = field.node_of_item.clone();
    let mut needed = Vec::with_capacity(num_hops);
    for _ in 0..num_hops {
        frontier.iter().for_each(|&node| marked[node as usize] = true);
        let all: Vec<u32> = (0..).zip(&marked).filter(|(_, marked)| **marked).map(|(node, _)| node).collect();
        frontier = all.iter().flat_map(|&node| &field.neighbours[field.facts(node)]).copied().collect();
        needed.push(all);
    }
    needed.reverse();
    needed
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(out: &mut [f32], weight: f32, row: &[f32]) {
    for (out, value) in out.iter_mut().zip(row) {
        *out += weight * value;
    }
}

/// `out += row W`, with `W` of `row.len()` rows.
fn add_product(row: &[f32], weights: &[f32], out: &mut [f32]) {
    for (&value, weights) in row.iter().zip(weights.chunks_exact(out.len())) {
        add(out, value, weights);
    }
}
