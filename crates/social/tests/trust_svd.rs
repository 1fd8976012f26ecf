//! TrustSVD: what every model must hold, cases by hand, and one batch against PyTorch.
//!
//! The numbers come from `benches/rivals/trust_svd_step.py`, which computes them in double precision.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_graph::{Csr, Duplicates, InteractionGraph, ItemId, SocialGraph, TieDirection, UserId, World};
use gnnrec_model::{GradientConfig, GradientModel, Phase, Step, Table, conformance, dense_gradients};
use gnnrec_sampling::{Batch, RatedBatch};
use gnnrec_social::{TrustSvd, TrustSvdConfig};

const STEP: Step = Step { seed: 0, index: 0 };

fn world(num_users: usize, num_items: usize, ratings: &[(u32, u32, f32)], ties: &[(u32, u32)]) -> World {
    let by_user = Csr::from_weighted_edges(num_users, num_items, ratings, Duplicates::Error).unwrap();
    let ties: Vec<_> = ties.iter().map(|&(truster, trustee)| (UserId(truster), UserId(trustee))).collect();
    let social = SocialGraph::from_ties(num_users, &ties, TieDirection::Directed).unwrap();
    World::new(InteractionGraph::new(by_user)).with_social(social).unwrap()
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
    let config = TrustSvdConfig { embedding_dim: 8, init_std: 0.1, l2: 0.02, trust_weight: 0.3 };
    assert_eq!(config.phases(), [Phase::Ratings]);
    conformance::check(&config, &conformance::rated_world());
}

/// User 0 rates items 0 and 4, user 1 item 1, user 3 item 0; user 2 and items 2 and 3 have nothing. Dim 1, mean 3.
const RATINGS: [(u32, u32, f32); 4] = [(0, 0, 4.0), (0, 4, 1.0), (1, 1, 4.0), (3, 0, 3.0)];

fn by_hand(ties: &[(u32, u32)]) -> TrustSvd {
    let config = TrustSvdConfig { embedding_dim: 1, l2: 0.5, trust_weight: 0.25, ..Default::default() };
    let mut model = config.init(&world(4, 5, &RATINGS, ties), 0, &Device::flex().autodiff()).unwrap();
    model.users = table(&[1.0, 2.0, -1.0, 0.5], 1);
    model.items = table(&[1.0, -2.0, 0.5, 4.0, 0.25], 1);
    model.rated = table(&[2.0, 3.0, 50.0, 60.0, -1.0], 1);
    model.trusted = table(&[10.0, 20.0, 30.0, 40.0], 1);
    model.user_bias = table(&[0.5, -0.5, 0.25, 0.0], 1);
    model.item_bias = table(&[0.1, 0.2, 0.3, 0.4, -0.1], 1);
    model
}

/// User 0 trusts 1, 2 and 3, user 2 trusts 0: swapped, all would be others.
#[test]
fn scores_by_hand() {
    let model = by_hand(&[(0, 1), (0, 2), (0, 3), (2, 0)]);
    let users = [1.0 + 1.0 / 2f32.sqrt() + 90.0 / 3f32.sqrt(), 5.0, -1.0 + 10.0, 2.5];
    let biases = [3.5, 2.5, 3.25, 3.0];
    let items = [(1.0, 0.1), (-2.0, 0.2), (0.5, 0.3), (4.0, 0.4), (0.25, -0.1)];
    let expected = [0, 1, 2, 3].map(|user| items.map(|(item, bias)| biases[user] + bias + users[user] * item));
    assert_close(&conformance::all_scores(&*model.scorer()), &expected.concat(), 1e-4);
}

#[test]
fn a_tie_less_changes_the_truster_alone() {
    let scores = |ties: &[_]| conformance::all_scores(&*by_hand(ties).scorer());
    let (with, without) = (scores(&[(0, 1), (0, 3), (1, 0), (2, 0)]), scores(&[(0, 1), (1, 0), (2, 0)]));
    for user in 0..4 {
        let row = user * 5..(user + 1) * 5;
        let changed = with[row.clone()].iter().zip(&without[row]).all(|(a, b)| (a - b).abs() > 1e-3);
        let same = (0..5).all(|item| with[user * 5 + item].to_bits() == without[user * 5 + item].to_bits());
        assert!(if user == 0 { changed } else { same }, "user {user}");
    }
}

/// The rating of user 3 and both of user 0, who trusts 1, whom 2 trusts as well.
#[test]
fn loss_by_hand() {
    let model = by_hand(&[(0, 1), (2, 1)]);
    let loss = model.loss(&batch([RATINGS[3], RATINGS[0], RATINGS[1]].into_iter()), STEP);
    let half = 1.0 / 2f32.sqrt();
    let user = 1.0 + half + 20.0;
    let errors = (3.0 - 3.1 - 2.5f32).powi(2) + (4.0 - 3.6 - user).powi(2) + (1.0 - 3.4 - 0.25 * user).powi(2);
    // Both of user 0's ratings weigh its row by 2^-1/2; item 0 has two users, item 4 has one.
    let of_users = 0.25 + 2.0 * half * (0.25 + 1.0);
    let of_items = 2.0 * half * (0.01 + 1.0) + (0.01 + 0.0625);
    // y(0) three times, y(4) twice, w(1) twice with two trusters.
    let reached = 3.0 * half * 4.0 + 2.0 * 1.0 + 2.0 * half * 400.0;
    // Once a tie, half of it beside each of the ratings.
    let ties = (1.0f32 - 20.0).powi(2) + 1.0;
    let expected = (errors + 0.5 * (of_users + of_items + reached) + 0.25 * ties) / 3.0;
    assert_close(&[loss.clone().into_scalar()], &[expected], 1e-3);
    // Nothing but what the batch reaches is looked up.
    let _grads = loss.backward();
    let rows = model.tables().into_iter().map(|table| table.take_gradients()[0].rows.to_vec());
    let items = vec![0, 4];
    assert_eq!(rows.collect::<Vec<_>>(), [vec![0, 3], items.clone(), items.clone(), vec![1], vec![0, 3], items]);
}

/// A batch of users who trust nobody has a loss and a gradient, and so has a world without a tie.
#[test]
fn nobody_is_trusted() {
    for ties in [&[][..], &[(2, 1)]] {
        let model = by_hand(ties);
        let loss = model.loss(&batch([RATINGS[2]].into_iter()), STEP);
        // (4 - 2.7 + 10)² and norms of user 1, of item 1 and of what it has rated.
        let expected = 127.69 + 0.5 * (0.25 + 4.0 + 0.04 + 4.0 + 9.0);
        assert_close(&[loss.clone().into_scalar()], &[expected], 1e-3);
        let grads = dense_gradients(&model, &loss);
        let gradient = grads.get::<2>(model.users.weight().id).unwrap().into_data().try_to_vec::<f32>().unwrap();
        assert_close(&gradient, &[0.0, 2.0 * -2.0 * -11.3 + 2.0 * 0.5 * 2.0, 0.0, 0.0], 1e-3);
        assert!(conformance::all_scores(&*model.scorer()).iter().all(|score| score.is_finite()));
    }
}

#[derive(serde::Deserialize)]
struct Case {
    num_users: usize,
    num_items: usize,
    dim: usize,
    l2: f64,
    trust_weight: f64,
    ratings: Vec<(u32, u32, f32)>,
    ties: Vec<(u32, u32)>,
    batch: Vec<usize>,
    initial: BTreeMap<String, Vec<f32>>,
    loss: f32,
    gradient: BTreeMap<String, Vec<f32>>,
}

#[test]
fn a_batch_is_that_of_pytorch() {
    let case: Case = serde_json::from_str(include_str!("data/trust_svd_step.json")).unwrap();
    let Case { dim, l2, trust_weight, .. } = case;
    let config = TrustSvdConfig { embedding_dim: dim, l2, trust_weight, ..Default::default() };
    let world = world(case.num_users, case.num_items, &case.ratings, &case.ties);
    let mut model = config.init(&world, 0, &Device::flex().autodiff()).unwrap();
    model.users = table(&case.initial["users"], dim);
    model.items = table(&case.initial["items"], dim);
    model.rated = table(&case.initial["rated"], dim);
    model.trusted = table(&case.initial["trusted"], dim);
    model.user_bias = table(&case.initial["user_bias"], 1);
    model.item_bias = table(&case.initial["item_bias"], 1);

    let loss = model.loss(&batch(case.batch.iter().map(|&position| case.ratings[position])), STEP);
    assert_close(&[loss.clone().into_scalar()], &[case.loss], 1e-5);
    let grads = dense_gradients(&model, &loss);
    let names = ["users", "items", "rated", "trusted", "user_bias", "item_bias"];
    for (name, table) in names.into_iter().zip(model.tables()) {
        let gradient: Tensor<2> = grads.get(table.weight().id).unwrap();
        assert_close(&gradient.into_data().try_to_vec().unwrap(), &case.gradient[name], 1e-5);
    }
}

#[test]
fn says_what_is_missing() {
    let init = |world: &World| TrustSvdConfig::default().init(world, 0, &Device::flex()).unwrap_err().to_string();
    assert!(init(&conformance::world()).starts_with("trustsvd needs a rating for each interaction"));
    let alone = World::new(conformance::rated_world().interactions().clone());
    assert!(init(&alone).starts_with("trustsvd needs a social graph"));
    for (config, field) in [
        (TrustSvdConfig { embedding_dim: 0, ..Default::default() }, "embedding_dim"),
        (TrustSvdConfig { init_std: f32::NAN, ..Default::default() }, "init_std"),
        (TrustSvdConfig { l2: -1.0, ..Default::default() }, "l2"),
        (TrustSvdConfig { trust_weight: f64::INFINITY, ..Default::default() }, "trust_weight"),
    ] {
        assert!(config.validate().unwrap_err().to_string().contains(field));
    }
    assert!(serde_json::from_str::<TrustSvdConfig>(r#"{"dim": 3}"#).is_err());
    assert_eq!(serde_json::from_str::<TrustSvdConfig>("{}").unwrap(), TrustSvdConfig::default());
}
