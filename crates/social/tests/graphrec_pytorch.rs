//! A training step of GraphRec against PyTorch: loss, every gradient, and the scores by the running statistics
//! afterwards, with and without its parts.
//!
//! The numbers come from `benches/rivals/graphrec_step.py`, which computes them in double precision from padded
//! neighbourhoods. Without dropout, whose masks are another generator's.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use gnnrec_graph::{Csr, Duplicates, InteractionGraph, ItemId, SocialGraph, TieDirection, UserId, World};
use gnnrec_model::{GradientConfig, GradientModel, Step, conformance, dense_gradients};
use gnnrec_sampling::{Batch, RatedBatch};
use gnnrec_social::{FriendVectors, GraphRecConfig};

#[derive(serde::Deserialize)]
struct Numbers {
    num_users: usize,
    num_items: usize,
    dim: usize,
    rated: Vec<(u32, u32, f32)>,
    ties: Vec<(UserId, UserId)>,
    users: Vec<UserId>,
    items: Vec<ItemId>,
    ratings: Vec<f32>,
    parameters: BTreeMap<String, Vec<f32>>,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    two_hops: bool,
    social: bool,
    opinions: bool,
    attention: bool,
    loss: f32,
    gradients: BTreeMap<String, Vec<f32>>,
    scores: Vec<f32>,
}

/// Gives every parameter the numbers of its name; running statistics stay as they start.
struct Load<'a> {
    path: Vec<String>,
    parameters: &'a BTreeMap<String, Vec<f32>>,
}

impl ModuleMapper for Load<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        if path.ends_with(".running") {
            return param;
        }
        let values = self.parameters.get(&path).unwrap_or_else(|| panic!("no numbers for {path}")).clone();
        param.map(|tensor| {
            let data = TensorData::new(values, tensor.shape());
            Tensor::from_data(data, &conformance::device().autodiff()).require_grad()
        })
    }
}

/// Compares the gradient of every parameter with the numbers of its name.
struct Compare<'a> {
    path: Vec<String>,
    found: GradientsParams,
    expected: BTreeMap<String, &'a [f32]>,
}

impl ModuleVisitor for Compare<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        if path.ends_with(".running") {
            return;
        }
        let found = self.found.get::<D>(param.id).unwrap_or_else(|| panic!("no gradient of {path}"));
        let expected = self.expected.remove(&path).unwrap_or_else(|| panic!("PyTorch has no gradient of {path}"));
        assert_close(&path, &found.into_data().try_to_vec::<f32>().unwrap(), expected, 1e-5);
    }
}

#[track_caller]
fn assert_close(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        let close = (found - expected).abs() <= tolerance * (1.0 + expected.abs());
        assert!(close, "{what}, {n}: {found}, PyTorch has {expected}");
    }
}

#[test]
fn a_step_is_the_step_of_pytorch() {
    let numbers: Numbers = serde_json::from_str(include_str!("data/graphrec_step.json")).unwrap();
    let rated = Csr::from_weighted_edges(numbers.num_users, numbers.num_items, &numbers.rated, Duplicates::Error);
    let ties = SocialGraph::from_ties(numbers.num_users, &numbers.ties, TieDirection::Directed);
    let world = World::new(InteractionGraph::new(rated.unwrap())).with_social(ties.unwrap()).unwrap();
    let batch = Batch::Rated(RatedBatch { users: numbers.users, items: numbers.items, ratings: numbers.ratings });
    assert_eq!(numbers.cases.len(), 4);
    for case in &numbers.cases {
        let config = GraphRecConfig {
            embedding_dim: numbers.dim,
            dropout: 0.0,
            friends: if case.two_hops { FriendVectors::ItemSpace } else { FriendVectors::Embedding },
            social: case.social,
            opinions: case.opinions,
            item_attention: case.attention,
            friend_attention: case.attention,
            user_attention: case.attention,
            ..Default::default()
        };
        let model = config.init(&world, 0, &conformance::device().autodiff()).unwrap();
        let model = model.map(&mut Load { path: Vec::new(), parameters: &numbers.parameters });
        let loss = model.loss(&batch, Step { seed: 0, index: 0 });
        assert_close("loss", &[loss.clone().into_scalar()], &[case.loss], 1e-5);
        let expected = case.gradients.iter().map(|(name, values)| (name.clone(), &values[..])).collect();
        let mut compare = Compare { path: Vec::new(), found: dense_gradients(&model, &loss), expected };
        model.visit(&mut compare);
        assert!(compare.expected.is_empty(), "no gradients of {:?}", compare.expected.keys());
        assert_close("scores", &conformance::all_scores(&*model.scorer()), &case.scores, 1e-4);
    }
}
