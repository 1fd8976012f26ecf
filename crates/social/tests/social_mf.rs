//! SocialMF: what every model must hold, cases by hand, whom a tie reaches, and batches against NumPy.
//!
//! The numbers come from `benches/rivals/social_mf_step.py`, which computes them in double precision.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_graph::{Csr, Duplicates, InteractionGraph, ItemId, SocialGraph, TieDirection, UserId, World};
use gnnrec_model::{GradientConfig, GradientModel, Phase, Step, Table, conformance, dense_gradients};
use gnnrec_sampling::{Batch, RatedBatch};
use gnnrec_social::{RatingPrediction, SocialMf, SocialMfConfig};

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

fn value(loss: &Tensor<1>) -> f32 {
    loss.clone().into_scalar()
}

#[test]
fn conforms() {
    for prediction in [RatingPrediction::Logistic, RatingPrediction::Linear] {
        let config = SocialMfConfig { embedding_dim: 8, init_std: 0.3, l2: 0.2, trust_weight: 0.5, prediction };
        assert_eq!(config.phases(), [Phase::Ratings]);
        conformance::check(&config, &conformance::rated_world());
    }
}

/// User 0 rates items 0 and 4, user 1 item 1, user 3 item 0; user 2 and items 2 and 3 have nothing. Ratings from 1 to
/// 4, mean 3.
const RATINGS: [(u32, u32, f32); 4] = [(0, 0, 4.0), (0, 4, 1.0), (1, 1, 4.0), (3, 0, 3.0)];

const L2: f64 = 0.5;
const TRUST_WEIGHT: f64 = 0.25;

fn by_hand(prediction: RatingPrediction, ties: &[(u32, u32)]) -> SocialMf {
    let config = SocialMfConfig { embedding_dim: 2, l2: L2, trust_weight: TRUST_WEIGHT, prediction, init_std: 0.1 };
    let mut model = config.init(&world(4, 5, &RATINGS, ties), 0, &Device::flex().autodiff()).unwrap();
    model.users = table(&[1.0, 0.5, 2.0, -1.0, -1.0, 0.25, 0.5, -0.5], 2);
    model.items = table(&[1.0, -1.0, -2.0, 0.5, 0.5, 3.0, 4.0, 0.0, 0.25, 2.0], 2);
    if model.biases.is_some() {
        model.biases = Some([table(&[0.5, -0.5, 0.25, 0.0], 1), table(&[0.1, 0.2, 0.3, 0.4, -0.1], 1)]);
    }
    model
}

fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// User 2 has not rated and trusts 0 and 3, whose mean is (.75, 0): a third of that is left. Were ties read the other
/// way, or users 0 and 3 drawn when they score, all would be others.
#[test]
fn scores_by_hand() {
    let ties = [(2, 0), (2, 3), (0, 1), (3, 2)];
    let users = [[1.0, 0.5], [2.0, -1.0], [0.25, 0.0], [0.5, -0.5]];
    let items = [[1.0, -1.0], [-2.0, 0.5], [0.5, 3.0], [4.0, 0.0], [0.25, 2.0]];
    let biases = ([0.5, -0.5, 0.25, 0.0], [0.1, 0.2, 0.3, 0.4, -0.1]);
    let expected = |rating: &dyn Fn(f32, usize, usize) -> f32| -> Vec<f32> {
        let pairs = (0..4).flat_map(|user| (0..5).map(move |item| (user, item)));
        pairs.map(|(u, i)| rating(users[u][0] * items[i][0] + users[u][1] * items[i][1], u, i)).collect()
    };
    let scores = |prediction| conformance::all_scores(&*by_hand(prediction, &ties).scorer());
    let squashed = expected(&|product, _, _| 1.0 + 3.0 * logistic(product));
    assert_close(&scores(RatingPrediction::Logistic), &squashed, 1e-5);
    let linear = expected(&|product, user, item| 3.0 + biases.0[user] + biases.1[item] + product);
    assert_close(&scores(RatingPrediction::Linear), &linear, 1e-5);
    // Pair by pair, the same bits.
    let pairs = [(UserId(3), ItemId(4)), (UserId(0), ItemId(1)), (UserId(0), ItemId(0))];
    let mut found = [0.0; 3];
    by_hand(RatingPrediction::Logistic, &ties).scorer().score_pairs(&pairs, &mut found);
    let all = scores(RatingPrediction::Logistic);
    assert_eq!(found.map(f32::to_bits), [19, 1, 0].map(|place| all[place].to_bits()));
}

/// Both ratings of user 0, who trusts 1 and 3, and that of user 3, who trusts nobody.
#[test]
fn loss_by_hand() {
    let ties = [(0, 1), (0, 3), (2, 1)];
    let rows = || batch([RATINGS[3], RATINGS[0], RATINGS[1]].into_iter());
    // Products: 1, .5 and 1.25.
    let squashed = [logistic(1.0) - 2.0 / 3.0, logistic(0.5) - 1.0, logistic(1.25)];
    let linear = [4.1 - 3.0, 4.1 - 4.0, 4.65 - 1.0];
    // Both of user 0's ratings carry half of its row, both of item 0's users rate here, item 4 has one.
    let norms = (0.5 + 1.25) + (2.0 + 4.0625);
    let biases = (0.0 + 0.25) + (0.01 + 0.01);
    // (1, .5) - (1.25, -.75).
    let trust = 0.0625 + 1.5625;
    for (prediction, errors, norms) in
        [(RatingPrediction::Logistic, squashed, norms), (RatingPrediction::Linear, linear, norms + biases)]
    {
        let model = by_hand(prediction, &ties);
        let loss = model.loss(&rows(), STEP);
        let errors = errors.map(|error| error * error).iter().sum::<f32>();
        assert_close(&[value(&loss)], &[(errors + 0.5 * norms + 0.25 * trust) / 3.0], 1e-5);
        // Nothing but what the batch reaches is looked up: user 1 is trusted.
        let _grads = loss.backward();
        let rows = model.tables().into_iter().map(|table| table.take_gradients()[0].rows.to_vec());
        let expected = [vec![0, 1, 3], vec![0, 4], vec![0, 3], vec![0, 4]];
        assert_eq!(rows.collect::<Vec<_>>(), expected[..model.tables().len()]);
    }
}

/// A user's ratings cost more or less by a tie of that user, whoever else has one; a user without ratings scores by it.
#[test]
fn a_tie_reaches_who_trusts_and_nobody_else() {
    let before = [(1, 0), (2, 0), (0, 1)];
    for (truster, trustee) in [(0, 3), (1, 3), (2, 1), (3, 2)] {
        for prediction in [RatingPrediction::Logistic, RatingPrediction::Linear] {
            let after: Vec<_> = before.into_iter().chain([(truster, trustee)]).collect();
            let (before, after) = (by_hand(prediction, &before), by_hand(prediction, &after));
            for user in [0, 1, 3] {
                let own = || batch(RATINGS.into_iter().filter(|rating| rating.0 == user));
                let (before, after) = (value(&before.loss(&own(), STEP)), value(&after.loss(&own(), STEP)));
                assert_eq!(before.to_bits() != after.to_bits(), user == truster, "loss of {user}, {truster} trusts");
            }
            let scores = |model: &SocialMf| conformance::all_scores(&*model.scorer());
            for (user, (before, after)) in (0..).zip(scores(&before).chunks(5).zip(scores(&after).chunks(5))) {
                let changed = before.iter().zip(after).any(|(a, b)| a.to_bits() != b.to_bits());
                assert_eq!(changed, user == 2 && truster == 2, "scores of {user}, {truster} trusts");
            }
        }
    }
}

/// A batch of users who trust nobody has a loss and a gradient, and so has a world without a tie; with no weights
/// a user without ratings keeps its row.
#[test]
fn nobody_is_trusted() {
    for ties in [&[][..], &[(2, 1)]] {
        let model = by_hand(RatingPrediction::Linear, ties);
        let loss = model.loss(&batch([RATINGS[2]].into_iter()), STEP);
        // 4 - 2.7 + 4.5, and norms of user 1 and of item 1.
        assert_close(&[value(&loss)], &[5.8 * 5.8 + 0.5 * (5.0 + 0.25 + 4.25 + 0.04)], 1e-4);
        let grads = dense_gradients(&model, &loss);
        let gradient: Vec<f32> = grads.get::<2>(model.users.weight().id).unwrap().into_data().try_to_vec().unwrap();
        let expected = [2.0 * 5.8 * 2.0 + 2.0, -2.0 * 5.8 * 0.5 - 1.0];
        assert_close(&gradient, &[0.0, 0.0, expected[0], expected[1], 0.0, 0.0, 0.0, 0.0], 1e-4);
        assert!(conformance::all_scores(&*model.scorer()).iter().all(|score| score.is_finite()));
    }
    let config = SocialMfConfig { embedding_dim: 3, l2: 0.0, trust_weight: 0.0, ..SocialMfConfig::logistic() };
    let scores = |ties: &[_]| {
        let model = config.init(&world(4, 5, &RATINGS, ties), 0, &Device::flex()).unwrap();
        conformance::all_scores(&*model.scorer())
    };
    assert_eq!(scores(&[(2, 1)]), scores(&[]));
}

#[derive(serde::Deserialize)]
struct Numbers {
    num_users: usize,
    num_items: usize,
    dim: usize,
    l2: f64,
    trust_weight: f64,
    ratings: Vec<(u32, u32, f32)>,
    ties: Vec<(u32, u32)>,
    initial: BTreeMap<String, Vec<f32>>,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    prediction: RatingPrediction,
    batch: Vec<usize>,
    loss: f32,
    gradient: BTreeMap<String, Vec<f32>>,
}

/// The whole objective too: an epoch in one batch.
#[test]
fn batches_are_those_of_numpy() {
    let numbers: Numbers = serde_json::from_str(include_str!("data/social_mf_step.json")).unwrap();
    let Numbers { dim, l2, trust_weight, initial, .. } = numbers;
    let world = world(numbers.num_users, numbers.num_items, &numbers.ratings, &numbers.ties);
    assert_eq!(numbers.cases.len(), 4);
    for Case { prediction, batch: positions, loss: expected, gradient } in numbers.cases {
        let config = SocialMfConfig { embedding_dim: dim, l2, trust_weight, prediction, init_std: 0.1 };
        let mut model = config.init(&world, 0, &Device::flex().autodiff()).unwrap();
        model.users = table(&initial["users"], dim);
        model.items = table(&initial["items"], dim);
        if model.biases.is_some() {
            model.biases = Some([table(&initial["user_bias"], 1), table(&initial["item_bias"], 1)]);
        }
        let loss = model.loss(&batch(positions.iter().map(|&position| numbers.ratings[position])), STEP);
        assert_close(&[value(&loss)], &[expected], 1e-5);
        let grads = dense_gradients(&model, &loss);
        assert_eq!(gradient.len(), model.tables().len());
        for (name, table) in ["users", "items", "user_bias", "item_bias"].into_iter().zip(model.tables()) {
            let found: Tensor<2> = grads.get(table.weight().id).unwrap();
            assert_close(&found.into_data().try_to_vec().unwrap(), &gradient[name], 1e-5);
        }
    }
}

#[test]
fn says_what_is_missing() {
    let init = |world: &World| SocialMfConfig::logistic().init(world, 0, &Device::flex()).unwrap_err().to_string();
    assert!(init(&conformance::world()).starts_with("socialmf needs a rating for each interaction"));
    let alone = World::new(conformance::rated_world().interactions().clone());
    assert!(init(&alone).starts_with("socialmf needs a social graph"));
    let same = world(2, 3, &[(0, 0, 2.0), (1, 2, 2.0)], &[(0, 1)]);
    assert!(init(&same).starts_with("socialmf needs two different ratings"));
    for (config, field) in [
        (SocialMfConfig { embedding_dim: 0, ..Default::default() }, "embedding_dim"),
        (SocialMfConfig { init_std: f32::NAN, ..Default::default() }, "init_std"),
        (SocialMfConfig { l2: -1.0, ..Default::default() }, "l2"),
        (SocialMfConfig { trust_weight: f64::INFINITY, ..Default::default() }, "trust_weight"),
    ] {
        assert!(config.validate().unwrap_err().to_string().contains(field));
    }
    assert!(serde_json::from_str::<SocialMfConfig>(r#"{"dim": 3}"#).is_err());
    assert_eq!(serde_json::from_str::<SocialMfConfig>("{}").unwrap(), SocialMfConfig::default());
    let linear: SocialMfConfig = serde_json::from_str(r#"{"prediction": "linear"}"#).unwrap();
    assert_eq!(linear.prediction, RatingPrediction::Linear);
}
