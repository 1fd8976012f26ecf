//! PinSage: the suite for every model with and without features, one convolution by hand, new items, and a batch
//! against PyTorch.
//!
//! The numbers of the last come from `benches/rivals/pinsage_step.py`, which computes them in double precision.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::cast_possible_truncation, reason = "worlds of tests are small")]
use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_graph::{Csr, Duplicates, Feature, Features, InteractionGraph, ItemId, UserId, World};
use gnnrec_interaction::{Convolution, ItemNegatives, PinSage, PinSageConfig};
use gnnrec_model::{GradientConfig, GradientModel, ModelError, Phase, Step, conformance};
use gnnrec_sampling::{
    Batch, HardNegatives, HardNegativesConfig, PairwiseBatch, SamplerConfig, WalkConfig, item_neighbours,
};

/// Widths that are no number of users, items or inputs of the worlds below.
fn small() -> PinSageConfig {
    PinSageConfig {
        embedding_dim: 8,
        hidden_dim: 10,
        num_neighbours: 5,
        walks: WalkConfig { num_hops: 200, restart: 0.5 },
        negatives: ItemNegatives::Plain,
        init_std: 0.3,
        ..Default::default()
    }
}

/// What is known of the items of [`conformance::world`], of every kind and with gaps: their circle and noise. The last
/// item, which nobody has, has features.
fn with_features(world: World) -> World {
    let nodes = || 0..world.interactions().num_items() as u32;
    let kinds = nodes().map(|n| (n % 7 != 3).then_some(n % 2 + 2 * (n % 3))).collect();
    let tags: Vec<(u32, u32)> = nodes().flat_map(|n| [(n, n % 2), (n, 2 + n % 5)]).filter(|&(n, _)| n != 4).collect();
    let tags = Csr::from_edges(nodes().len(), 7, &tags, Duplicates::Error).unwrap();
    let sizes = nodes().map(|n| (n % 5 != 0).then_some((n % 2 * 10 + n) as f32)).collect();
    let vectors = nodes().flat_map(|n| [(n % 2) as f32 - 0.5, (n as f32 * 1.3).sin(), 0.1 * n as f32]).collect();
    let features = Features::new(nodes().len())
        .with_column("kind", Feature::Categorical { values: kinds, num_values: 6 })
        .and_then(|features| features.with_column("tags", Feature::MultiValued(tags)))
        .and_then(|features| features.with_column("size", Feature::Numeric { values: sizes }))
        .and_then(|features| features.with_column("vector", Feature::Dense { width: 3, values: vectors }));
    world.clone().with_item_features(features.unwrap()).unwrap()
}

#[test]
fn conforms_without_features() {
    let config = PinSageConfig { embedding_dim: 9, ..small() };
    conformance::check_but_for_names(&config, &conformance::world());
}

/// One layer: with two of them and features, a difference of 5e-3 crosses too many kinks to be a gradient. Two layers are
/// held to PyTorch below.
#[test]
fn conforms_with_features() {
    let config = PinSageConfig { num_layers: 1, ..small() };
    conformance::check_but_for_names(&config, &with_features(conformance::world()));
}

#[test]
fn conforms_with_features_and_ids() {
    let config = PinSageConfig { item_ids: true, num_layers: 1, ..small() };
    conformance::check_but_for_names(&config, &with_features(conformance::world()));
}

/// Under other names the same neighbourhoods give the same scores.
#[test]
fn names_change_nothing() {
    for world in [conformance::world(), with_features(conformance::world())] {
        let config = PinSageConfig { item_ids: true, ..small() };
        let near = item_neighbours(world.interactions(), 5, &config.walks, 1).unwrap();
        conformance::check_names(&world, |world, _, items| {
            let weights = near.weights().unwrap();
            let renamed = |((a, b), &weight): ((u32, u32), &f32)| (items[a as usize], items[b as usize], weight);
            let edges: Vec<_> = near.edges().zip(weights).map(renamed).collect();
            let near = Csr::from_weighted_edges(items.len(), items.len(), &edges, Duplicates::Error).unwrap();
            config.init_with(world, near, 3, &Device::flex()).unwrap()
        });
    }
}

fn matrix<const R: usize, const C: usize>(rows: [[f32; C]; R]) -> Param<Tensor<2>> {
    Param::from_data(rows, &Device::flex())
}

fn product<const R: usize, const C: usize>(row: [f32; R], by: [[f32; C]; R]) -> [f32; C] {
    let mut out = [0f32; C];
    for (value, by) in row.iter().zip(by) {
        (0..C).for_each(|n| out[n] += value * by[n]);
    }
    out
}

/// Four items, the last of which nobody has; two users; width 2, one convolution over 3 hidden numbers.
#[test]
fn scores_and_loss_by_hand() {
    let pairs = [(0, 0), (0, 1), (0, 2), (1, 1)].map(|(user, item)| (UserId(user), ItemId(item)));
    let world = World::new(InteractionGraph::from_pairs(2, 4, &pairs, Duplicates::Error).unwrap());
    let near = [(0, 1, 0.75), (0, 2, 0.25), (1, 0, 1.0), (2, 0, 0.5), (2, 1, 0.5)];
    let near = Csr::from_weighted_edges(4, 4, &near, Duplicates::Error).unwrap();
    let config = PinSageConfig { embedding_dim: 2, hidden_dim: 3, num_layers: 1, margin: 0.5, ..small() };
    let mut model: PinSage = config.init_with(&world, near.clone(), 0, &Device::flex()).unwrap();
    let ids = [[1f32, -0.5], [0.25, 2.0], [-1.5, 0.5], [99.0, 99.0]];
    let (q, q_bias) = ([[1f32, -1.0, 0.5], [0.5, 0.75, -2.0]], [0.1f32, 0.2, -0.1]);
    let w = [[0.5f32, 1.0], [1.0, -0.5], [0.25, 1.5], [-0.75, 2.0], [0.3, -0.2]];
    let (w_bias, g_bias) = ([0.2f32, 0.1], [0.05f32, 0.15]);
    let (inner, outer) = ([[1f32, -0.5], [0.5, 1.5]], [[2f32, -1.0], [0.5, 0.25]]);
    model.ids = Some(matrix(ids));
    model.convolutions = vec![Convolution {
        neighbour: matrix(q),
        neighbour_bias: matrix([q_bias]),
        join: matrix(w),
        join_bias: matrix([w_bias]),
    }];
    (model.inner, model.inner_bias, model.outer) = (matrix(inner), matrix([g_bias]), matrix(outer));

    let item = |item: usize| -> [f32; 2] {
        let x = |item: usize| if item == 3 { [0.0; 2] } else { ids[item] };
        let mut pooled = [0f32; 3];
        for (&other, &weight) in near.row(item).iter().zip(near.row_weights(item).unwrap()) {
            let passed = product(x(other as usize), q);
            (0..3).for_each(|n| pooled[n] += weight * (passed[n] + q_bias[n]).max(0.0));
        }
        let [a, b] = x(item);
        let joined = product([a, b, pooled[0], pooled[1], pooled[2]], w);
        let h = [0, 1].map(|n| (joined[n] + w_bias[n]).max(0.0));
        let length = (h[0] * h[0] + h[1] * h[1]).sqrt();
        let hidden = product(h.map(|x| x / length), inner);
        product([0, 1].map(|n| (hidden[n] + g_bias[n]).max(0.0)), outer)
    };
    let z = [0, 1, 2, 3].map(item);
    let dot = |a: [f32; 2], b: [f32; 2]| a[0] * b[0] + a[1] * b[1];
    let mean = [0, 1].map(|n| (z[0][n] + z[1][n] + z[2][n]) / 3.0);
    let expected: Vec<f32> = [mean, z[1]].iter().flat_map(|&user| z.map(|z| dot(user, z))).collect();
    let found = conformance::all_scores(&*model.scorer());
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");

    // Rows of user 0 with item 1, of user 1 with its only item, and of user 0 with item 0; two negatives each.
    let batch = Batch::Pairwise(PairwiseBatch {
        users: [0, 1, 0].map(UserId).into(),
        positives: [1, 1, 0].map(ItemId).into(),
        negatives: [3, 3, 0, 2, 3, 3].map(ItemId).into(),
        num_negatives: 2,
    });
    let without = |a: usize, b: usize| [0, 1].map(|n| (z[a][n] + z[b][n]) / 2.0);
    let hinge =
        |query, positive: usize, negative: usize| (dot(query, z[negative]) - dot(query, z[positive]) + 0.5f32).max(0.0);
    let expected = (2.0 * hinge(without(0, 2), 1, 3) + 2.0 * 0.5 + 2.0 * hinge(without(1, 2), 0, 3)) / 6.0;
    let found = model.loss(&batch, Step { seed: 0, index: 0 }).into_scalar::<f32>();
    assert!((found - expected).abs() < 1e-5, "{found} {expected}");
}

/// Two circles of users with twelve items each, and two new items. What an item is of stands in a category, tags, a
/// number and a vector alike; only the column named is given.
fn circles(column: &str) -> World {
    let circle = |item: u32| item % 2;
    let mut pairs = Vec::new();
    for user in 0..30u32 {
        for item in (0..24u32).filter(|&item| circle(item) == user % 2 && (user * 5 + item * 7) % 11 < 5) {
            pairs.push((UserId(user), ItemId(item)));
        }
    }
    let interactions = InteractionGraph::from_pairs(30, 26, &pairs, Duplicates::Error).unwrap();
    let items = || 0..26u32;
    let feature = match column {
        "category" => Feature::Categorical { values: items().map(|item| Some(circle(item))).collect(), num_values: 2 },
        "tags" => {
            let tags: Vec<_> = items().flat_map(|item| [(item, circle(item)), (item, 2 + item % 3)]).collect();
            Feature::MultiValued(Csr::from_edges(26, 5, &tags, Duplicates::Error).unwrap())
        }
        "number" => Feature::Numeric {
            values: items().map(|item| Some(1990.0 + 20.0 * circle(item) as f32 + (item % 3) as f32)).collect(),
        },
        "vector" => {
            let vector = |item: u32| [circle(item) as f32, 1.0 - circle(item) as f32, (item % 3) as f32 * 0.2];
            Feature::Dense { width: 3, values: items().flat_map(vector).collect() }
        }
        _ => return World::new(interactions),
    };
    World::new(interactions).with_item_features(Features::new(26).with_column(column, feature).unwrap()).unwrap()
}

/// An item that nobody has, with the features of what a user likes, is ranked above one with those of the others, for
/// every user and by each kind of feature.
#[test]
fn new_items_are_ranked_by_their_features() {
    for item_ids in [false, true] {
        for column in ["category", "tags", "number", "vector"] {
            let config = PinSageConfig { item_ids, ..small() };
            let (model, _) = conformance::train(&config, &circles(column), 1, 60);
            let scores = conformance::all_scores(&*model.scorer());
            for (user, scores) in scores.chunks(26).enumerate() {
                let (liked, other) = (scores[24 + user % 2], scores[25 - user % 2]);
                assert!(liked > other + 0.1, "{column}, user {user}: {liked} {other}");
            }
        }
    }
}

/// Without features nothing tells two new items apart.
#[test]
#[expect(clippy::float_cmp, reason = "the same computation gives the same bits")]
fn without_features_new_items_score_alike() {
    let (model, _) = conformance::train(&small(), &circles("none"), 1, 20);
    for scores in conformance::all_scores(&*model.scorer()).chunks(26) {
        assert_eq!(scores[24], scores[25]);
        assert!(scores[..24].iter().any(|score| *score != scores[24]));
    }
}

/// A user without training items scores 0 everywhere.
#[test]
fn nobody_scores_nothing() {
    let model = small().init(&conformance::world(), 1, &Device::flex()).unwrap();
    let scores = conformance::all_scores(&*model.scorer());
    let last = &scores[22 * 19..];
    assert!(last.len() == 19 && last.iter().all(|score| score.abs() < f32::MIN_POSITIVE));
}

/// The phase that the configuration names draws batches that the model takes.
#[test]
fn learns_from_hard_negatives() {
    let world = circles("category");
    let hard = HardNegativesConfig {
        from_rank: 3,
        to_rank: 9,
        walks: WalkConfig { num_hops: 500, restart: 0.5 },
        ..Default::default()
    };
    let config = PinSageConfig { negatives: ItemNegatives::Hard(hard.clone()), ..small() };
    assert_eq!(config.phases(), [Phase::HardPairs(hard.clone())]);
    assert_eq!(small().phases(), [Phase::Pairs]);
    let sampling = SamplerConfig { num_negatives: 3, batch_size: 64, ..Default::default() };
    let sampler = HardNegatives::new(world.interactions(), sampling, &hard, 1).unwrap();
    let model = config.init(&world, 1, &Device::flex()).unwrap();
    let loss = model.loss(&Batch::Pairwise(sampler.batch(0, 0).unwrap()), Step { seed: 1, index: 0 });
    assert!(loss.into_scalar::<f32>() > 0.0);
}

#[test]
fn refuses_what_is_out_of_range() {
    let default = PinSageConfig::default;
    let hard = HardNegativesConfig { num_hard: 0, ..Default::default() };
    for (config, field) in [
        (PinSageConfig { embedding_dim: 0, ..default() }, "pinsage: embedding_dim"),
        (PinSageConfig { hidden_dim: 0, ..default() }, "pinsage: hidden_dim"),
        (PinSageConfig { num_layers: 0, ..default() }, "pinsage: num_layers"),
        (PinSageConfig { num_neighbours: 0, ..default() }, "pinsage: num_neighbours"),
        (PinSageConfig { margin: 0.0, ..default() }, "pinsage: margin"),
        (PinSageConfig { init_std: f32::NAN, ..default() }, "pinsage: init_std"),
        (PinSageConfig { walks: WalkConfig { num_hops: 0, restart: 0.5 }, ..default() }, "num_hops"),
        (PinSageConfig { negatives: ItemNegatives::Hard(hard), ..default() }, "num_hard"),
    ] {
        assert!(config.validate().unwrap_err().to_string().contains(field));
        assert!(config.init(&conformance::world(), 0, &Device::flex()).is_err());
    }
    assert!(matches!(
        PinSageConfig { walks: WalkConfig { num_hops: 5, restart: 2.0 }, ..default() }.validate(),
        Err(ModelError::Sampling(_))
    ));
    let parsed = |text| serde_json::from_str::<PinSageConfig>(text);
    assert_eq!(parsed("{}").unwrap(), default());
    assert_eq!(parsed(r#"{"negatives": "plain"}"#).unwrap().negatives, ItemNegatives::Plain);
    let ItemNegatives::Hard(hard) = parsed(r#"{"negatives": {"hard": {"from_rank": 7}}}"#).unwrap().negatives else {
        panic!("hard negatives")
    };
    assert_eq!(hard, HardNegativesConfig { from_rank: 7, ..Default::default() });
    assert!(parsed(r#"{"layers": 2}"#).is_err());
}

#[derive(serde::Deserialize)]
struct Case {
    num_users: usize,
    num_items: usize,
    dim: usize,
    hidden_dim: usize,
    num_layers: usize,
    margin: f64,
    edges: Vec<(UserId, ItemId)>,
    near: Vec<(u32, u32, f32)>,
    category: Vec<Option<u32>>,
    num_categories: usize,
    tags: Vec<(u32, u32)>,
    num_tags: usize,
    number: Vec<Option<f32>>,
    vectors: Vec<f32>,
    width: usize,
    users: Vec<UserId>,
    positives: Vec<ItemId>,
    negatives: Vec<ItemId>,
    loss: f32,
    parameters: Vec<Parameter>,
}

#[derive(serde::Deserialize)]
struct Parameter {
    shape: [usize; 2],
    initial: Vec<f32>,
    gradient: Vec<f32>,
}

/// Parameters in the order of the file.
fn params(model: &mut PinSage) -> Vec<&mut Param<Tensor<2>>> {
    let features = model.features.as_mut().unwrap();
    let mut params = vec![features.inputs.as_mut().unwrap()];
    params.extend(features.dense.iter_mut());
    params.push(model.ids.as_mut().unwrap());
    for layer in &mut model.convolutions {
        params.extend([&mut layer.neighbour, &mut layer.neighbour_bias, &mut layer.join, &mut layer.join_bias]);
    }
    params.extend([&mut model.inner, &mut model.inner_bias, &mut model.outer]);
    params
}

#[test]
fn a_batch_costs_what_pytorch_says() {
    let case: Case = serde_json::from_str(include_str!("data/pinsage_step.json")).unwrap();
    let graph = InteractionGraph::from_pairs(case.num_users, case.num_items, &case.edges, Duplicates::Error).unwrap();
    let tags = Csr::from_edges(case.num_items, case.num_tags, &case.tags, Duplicates::Error).unwrap();
    let features = Features::new(case.num_items)
        .with_column("category", Feature::Categorical { values: case.category, num_values: case.num_categories })
        .and_then(|features| features.with_column("tags", Feature::MultiValued(tags)))
        .and_then(|features| features.with_column("number", Feature::Numeric { values: case.number }))
        .and_then(|features| {
            features.with_column("vector", Feature::Dense { width: case.width, values: case.vectors })
        });
    let world = World::new(graph).with_item_features(features.unwrap()).unwrap();
    let near = Csr::from_weighted_edges(case.num_items, case.num_items, &case.near, Duplicates::Error).unwrap();
    let config = PinSageConfig {
        embedding_dim: case.dim,
        hidden_dim: case.hidden_dim,
        num_layers: case.num_layers,
        margin: case.margin,
        item_ids: true,
        ..Default::default()
    };
    let device = Device::flex().autodiff();
    let mut model = config.init_with(&world, near, 0, &device).unwrap();
    for (param, given) in params(&mut model).into_iter().zip(&case.parameters) {
        assert_eq!(param.val().dims(), given.shape);
        *param = Param::from_data(TensorData::new(given.initial.clone(), given.shape), &device);
    }
    let batch =
        PairwiseBatch { users: case.users, positives: case.positives, negatives: case.negatives, num_negatives: 2 };
    let loss = model.loss(&Batch::Pairwise(batch), Step { seed: 0, index: 0 });
    let value = loss.clone().into_scalar::<f32>();
    assert!((value - case.loss).abs() < 1e-6, "{value}, PyTorch has {}", case.loss);
    let grads = loss.backward();
    let params = params(&mut model);
    assert_eq!(params.len(), case.parameters.len());
    for (position, (param, expected)) in params.into_iter().zip(&case.parameters).enumerate() {
        let found: Vec<f32> = param.val().grad(&grads).unwrap().into_data().try_to_vec().unwrap();
        for (n, (found, expected)) in found.iter().zip(&expected.gradient).enumerate() {
            assert!((found - expected).abs() <= 1e-6, "{position}, {n}: {found}, PyTorch has {expected}");
        }
    }
}
