//! SVD++: what every model must hold, a case by hand, and one batch against PyTorch.
//!
//! The numbers come from `benches/rivals/svdpp_step.py`, which computes them in double precision.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_graph::{Csr, Duplicates, InteractionGraph, ItemId, UserId, World};
use gnnrec_interaction::{SvdPp, SvdPpConfig};
use gnnrec_model::{GradientConfig, GradientModel, Phase, Step, Table, conformance, dense_gradients};
use gnnrec_sampling::{Batch, RatedBatch};

const STEP: Step = Step { seed: 0, index: 0 };

fn world(num_users: usize, num_items: usize, ratings: &[(u32, u32, f32)]) -> World {
    let by_user = Csr::from_weighted_edges(num_users, num_items, ratings, Duplicates::Error).unwrap();
    World::new(InteractionGraph::new(by_user))
}

fn batch(ratings: impl Iterator<Item = (u32, u32, f32)>) -> Batch {
    let mut batch = RatedBatch::default();
    for (user, item, rating) in ratings {
        batch.users.push(UserId(user));
        batch.items.push(ItemId(item));
        batch.ratings.push(rating);
    }
    Batch::Rated(batch)
}

fn table(values: &[f32], dim: usize) -> Table {
    let shape = [values.len() / dim, dim];
    Table::new(Param::from_data(TensorData::new(values.to_vec(), shape), &Device::flex().autodiff()))
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance, "{n}: {found}, expected {expected}");
    }
}

#[test]
fn conforms() {
    let config = SvdPpConfig { embedding_dim: 8, init_std: 0.1, bias_l2: 0.02, l2: 0.01 };
    assert_eq!(config.phases(), [Phase::Ratings]);
    conformance::check(&config, &conformance::rated_world());
}

/// User 0 rates items 0 and 3, user 1 item 1; user 2 and item 2 have nothing. Dim 1, mean 3.
fn by_hand() -> SvdPp {
    let world = world(3, 4, &[(0, 0, 4.0), (0, 3, 1.0), (1, 1, 4.0)]);
    let config = SvdPpConfig { embedding_dim: 1, bias_l2: 0.5, l2: 0.25, ..Default::default() };
    let mut model = config.init(&world, 0, &Device::flex().autodiff()).unwrap();
    model.users = table(&[1.0, 2.0, -1.0], 1);
    model.items = table(&[1.0, -2.0, 0.5, 4.0], 1);
    model.rated = table(&[2.0, 3.0, 50.0, -1.0], 1);
    model.user_bias = table(&[0.5, -0.5, 0.25], 1);
    model.item_bias = table(&[0.1, 0.2, 0.3, 0.4], 1);
    model
}

#[test]
fn scores_by_hand() {
    let users = [1.0 + 1.0 / 2f32.sqrt(), 5.0, -1.0];
    let biases = [3.5, 2.5, 3.25];
    let items = [(1.0, 0.1), (-2.0, 0.2), (0.5, 0.3), (4.0, 0.4)];
    let expected = [0, 1, 2].map(|user| items.map(|(item, bias)| biases[user] + bias + users[user] * item)).concat();
    assert_close(&conformance::all_scores(&*by_hand().scorer()), &expected, 1e-5);
}

/// The two ratings of user 0, one of them twice: what is penalised stands beside each.
#[test]
fn loss_by_hand() {
    let model = by_hand();
    let loss = model.loss(&batch([(0, 0, 4.0), (0, 3, 1.0), (0, 0, 4.0)].into_iter()), STEP);
    let user = 1.0 + 1.0 / 2f32.sqrt();
    let errors = 2.0 * (4.0 - 3.6 - user).powi(2) + (1.0 - 3.9 - 4.0 * user).powi(2);
    let biases = 3.0 * 0.25 + 2.0 * 0.01 + 0.16;
    let norms = 3.0 * 1.0 + (2.0 + 16.0) + 3.0 * (4.0 + 1.0);
    assert_close(&[loss.clone().into_scalar()], &[(errors + 0.5 * biases + 0.25 * norms) / 3.0], 1e-4);
    // Nothing but what the batch reaches is looked up.
    let _grads = loss.backward();
    let rows = model.tables().into_iter().map(|table| table.take_gradients()[0].rows.to_vec());
    assert_eq!(rows.collect::<Vec<_>>(), [vec![0], vec![0, 3], vec![0, 3], vec![0], vec![0, 3]]);
}

#[derive(serde::Deserialize)]
struct Case {
    num_users: usize,
    num_items: usize,
    dim: usize,
    bias_l2: f64,
    l2: f64,
    ratings: Vec<(u32, u32, f32)>,
    batch: Vec<usize>,
    initial: BTreeMap<String, Vec<f32>>,
    loss: f32,
    gradient: BTreeMap<String, Vec<f32>>,
}

#[test]
fn a_batch_is_that_of_pytorch() {
    let case: Case = serde_json::from_str(include_str!("data/svdpp_step.json")).unwrap();
    let config = SvdPpConfig { embedding_dim: case.dim, bias_l2: case.bias_l2, l2: case.l2, ..Default::default() };
    let world = world(case.num_users, case.num_items, &case.ratings);
    let mut model = config.init(&world, 0, &Device::flex().autodiff()).unwrap();
    model.users = table(&case.initial["users"], case.dim);
    model.items = table(&case.initial["items"], case.dim);
    model.rated = table(&case.initial["rated"], case.dim);
    model.user_bias = table(&case.initial["user_bias"], 1);
    model.item_bias = table(&case.initial["item_bias"], 1);

    let loss = model.loss(&batch(case.batch.iter().map(|&position| case.ratings[position])), STEP);
    assert_close(&[loss.clone().into_scalar()], &[case.loss], 1e-5);
    let grads = dense_gradients(&model, &loss);
    for (name, table) in ["users", "items", "rated", "user_bias", "item_bias"].into_iter().zip(model.tables()) {
        let gradient: Tensor<2> = grads.get(table.weight().id).unwrap();
        assert_close(&gradient.into_data().try_to_vec().unwrap(), &case.gradient[name], 1e-5);
    }
}

#[test]
fn says_what_is_missing() {
    let error = SvdPpConfig::default().init(&conformance::world(), 0, &Device::flex()).unwrap_err().to_string();
    assert!(error.starts_with("svdpp needs a rating for each interaction"), "{error}");
    for (config, field) in [
        (SvdPpConfig { embedding_dim: 0, ..Default::default() }, "embedding_dim"),
        (SvdPpConfig { init_std: 0.0, ..Default::default() }, "init_std"),
        (SvdPpConfig { bias_l2: -1.0, ..Default::default() }, "bias_l2"),
        (SvdPpConfig { l2: f64::INFINITY, ..Default::default() }, "l2"),
    ] {
        assert!(config.validate().unwrap_err().to_string().contains(field));
    }
    assert!(serde_json::from_str::<SvdPpConfig>(r#"{"dim": 3}"#).is_err());
    assert_eq!(serde_json::from_str::<SvdPpConfig>("{}").unwrap(), SvdPpConfig::default());
}
