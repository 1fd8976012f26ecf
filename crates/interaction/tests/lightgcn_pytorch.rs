//! One training step of LightGCN against PyTorch: loss, gradient and the table after one step of Adam.
//!
//! The numbers come from `benches/rivals/lightgcn_step.py`, which computes them in double precision.

use burn::module::Param;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Tensor, TensorData};
use gnnrec_graph::{Duplicates, InteractionGraph, ItemId, UserId, World};
use gnnrec_interaction::LightGcnConfig;
use gnnrec_model::{GradientConfig, GradientModel, Step, Table, conformance};
use gnnrec_sampling::{Batch, PairwiseBatch};

#[derive(serde::Deserialize)]
struct Case {
    num_users: usize,
    num_items: usize,
    dim: usize,
    num_layers: usize,
    learning_rate: f64,
    l2: f64,
    edges: Vec<(UserId, ItemId)>,
    users: Vec<UserId>,
    positives: Vec<ItemId>,
    negatives: Vec<ItemId>,
    initial: Vec<f32>,
    loss: f32,
    gradient: Vec<f32>,
    updated: Vec<f32>,
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance, "{n}: {found}, PyTorch has {expected}");
    }
}

#[test]
fn a_step_is_the_step_of_pytorch() {
    let case: Case = serde_json::from_str(include_str!("data/lightgcn_step.json")).unwrap();
    let graph = InteractionGraph::from_pairs(case.num_users, case.num_items, &case.edges, Duplicates::Error).unwrap();
    let config =
        LightGcnConfig { embedding_dim: case.dim, num_layers: case.num_layers, l2: case.l2, ..Default::default() };
    let device = conformance::device().autodiff();
    let mut model = config.init(&World::new(graph), 0, &device).unwrap();
    let shape = [case.num_users + case.num_items, case.dim];
    model.nodes = Table::new(Param::from_data(TensorData::new(case.initial, shape), &device));
    let batch =
        PairwiseBatch { users: case.users, positives: case.positives, negatives: case.negatives, num_negatives: 1 };

    let loss = model.loss(&Batch::Pairwise(batch), Step { seed: 0, index: 0 });
    assert_close(&[loss.clone().into_scalar()], &[case.loss], 1e-6);
    let grads = loss.backward();
    let values = |table: Tensor<2>| table.into_data().try_to_vec::<f32>().unwrap();
    assert_close(&values(model.nodes.weight().grad(&grads).unwrap()), &case.gradient, 1e-7);

    let grads = GradientsParams::from_grads(grads, &model);
    let model = AdamConfig::new().with_epsilon(1e-8).init().step(case.learning_rate, model, grads);
    assert_close(&values(model.nodes.weight().val()), &case.updated, 1e-6);
}
