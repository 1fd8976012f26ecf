//! NGCF: the suite for every model, one layer by hand, dropout, and a batch against PyTorch.
//!
//! The numbers of the last come from `benches/rivals/ngcf_step.py`, which computes them in double precision.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_graph::{Duplicates, InteractionGraph, ItemId, UserId, World};
use gnnrec_interaction::{Ngcf, NgcfConfig, NgcfLayer};
use gnnrec_model::{GradientConfig, GradientModel, Step, conformance};
use gnnrec_sampling::{Batch, PairwiseBatch};

#[test]
fn conforms() {
    let config = NgcfConfig { embedding_dim: 8, layer_dims: vec![6, 5], l2: 0.01, ..Default::default() };
    conformance::check(&config, &conformance::world());
}

#[test]
fn conforms_with_dropped_edges() {
    let config = NgcfConfig { embedding_dim: 6, layer_dims: vec![7, 8, 5], node_dropout: 0.2, ..Default::default() };
    conformance::check(&config, &conformance::world());
}

fn matrix<const R: usize, const C: usize>(rows: [[f32; C]; R], device: &Device) -> Param<Tensor<2>> {
    Param::from_data(rows, device)
}

/// Two users and two items, u0 - i0 - u1 - i1, width 2, one layer of 3: degrees 1, 2, 2, 1.
#[test]
fn scores_by_hand() {
    let pairs = [(UserId(0), ItemId(0)), (UserId(1), ItemId(0)), (UserId(1), ItemId(1))];
    let world = World::new(InteractionGraph::from_pairs(2, 2, &pairs, Duplicates::Error).unwrap());
    let config = NgcfConfig { embedding_dim: 2, layer_dims: vec![3], ..Default::default() };
    let device = conformance::device();
    let mut model = config.init(&world, 0, &device).unwrap();
    let nodes = [[1f32, -1.0], [2.0, 0.5], [-3.0, 1.0], [0.5, 4.0]];
    let sum = [[1f32, -2.0, 0.5], [0.25, 1.0, -1.0]];
    let product = [[-0.5f32, 1.0, 2.0], [1.5, 0.5, -0.25]];
    let (sum_bias, product_bias) = ([0.1f32, -0.2, 0.3], [0.4f32, 0.05, -0.6]);
    model.nodes = matrix(nodes, &device);
    model.layers = vec![NgcfLayer {
        sum: matrix(sum, &device),
        sum_bias: matrix([sum_bias], &device),
        product: matrix(product, &device),
        product_bias: matrix([product_bias], &device),
    }];
    let root = 0.5f32.sqrt();
    let neighbours: [&[(usize, f32)]; 4] = [&[(2, root)], &[(2, 0.5), (3, root)], &[(0, root), (1, 0.5)], &[(1, root)]];
    let embeddings = [0, 1, 2, 3].map(|node: usize| {
        let mut near = [0f32; 2];
        for &(neighbour, weight) in neighbours[node] {
            (0..2).for_each(|n| near[n] += weight * nodes[neighbour][n]);
        }
        let layer = [0, 1, 2].map(|out: usize| {
            let terms = (0..2).map(|n| {
                let own = nodes[node][n];
                (near[n] + own) * sum[n][out] + near[n] * own * product[n][out]
            });
            let x = terms.sum::<f32>() + sum_bias[out] + product_bias[out];
            if x < 0.0 { 0.2 * x } else { x }
        });
        let length = layer.iter().map(|x| x * x).sum::<f32>().sqrt();
        [nodes[node][0], nodes[node][1], layer[0] / length, layer[1] / length, layer[2] / length]
    });
    let dot = |a: usize, b: usize| embeddings[a].iter().zip(embeddings[b]).map(|(a, b)| a * b).sum::<f32>();
    let expected = [dot(0, 2), dot(0, 3), dot(1, 2), dot(1, 3)];
    let found = conformance::all_scores(&*model.scorer());
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
}

/// The loss of a batch at a step.
fn loss(model: &Ngcf, batch: &Batch, index: u64) -> f32 {
    model.loss(batch, Step { seed: 9, index }).into_scalar()
}

/// Dropout is a function of seed and step, whichever of its two kinds.
#[test]
fn a_step_repeats_and_steps_differ() {
    let world = conformance::world();
    let phase = &NgcfConfig::default().phases()[0];
    let batch = conformance::batch(&world, phase, 1, 0);
    for (message_dropout, node_dropout) in [(0.3, 0.0), (0.0, 0.3), (0.2, 0.2)] {
        let config = NgcfConfig { embedding_dim: 8, layer_dims: vec![6, 5], message_dropout, node_dropout, l2: 0.0 };
        let model = config.init(&world, 2, &conformance::device()).unwrap();
        assert_eq!(loss(&model, &batch, 4).to_bits(), loss(&model, &batch, 4).to_bits());
        assert!((loss(&model, &batch, 4) - loss(&model, &batch, 5)).abs() > 1e-5);
        // A second model of the same seed draws the same.
        let again = config.init(&world, 2, &conformance::device()).unwrap();
        assert_eq!(loss(&model, &batch, 6).to_bits(), loss(&again, &batch, 6).to_bits());
    }
}

/// A row depends on which node it is of, not on what else the batch names: a batch twice over costs the same.
#[test]
fn a_node_is_dropped_alike_wherever_a_batch_names_it() {
    let world = conformance::world();
    let batch = conformance::batch(&world, &NgcfConfig::default().phases()[0], 1, 0);
    let once = batch.pairwise();
    let twice = Batch::Pairwise(PairwiseBatch {
        users: once.users.repeat(2),
        positives: once.positives.repeat(2),
        negatives: once.negatives.repeat(2),
        num_negatives: 1,
    });
    for node_dropout in [0.0, 0.4] {
        let config = NgcfConfig {
            embedding_dim: 8,
            layer_dims: vec![6, 5],
            message_dropout: 0.4,
            node_dropout,
            ..Default::default()
        };
        let model = config.init(&world, 2, &conformance::device()).unwrap();
        let (once, twice) = (loss(&model, &batch, 4), loss(&model, &twice, 4));
        assert!((once - twice).abs() < 1e-6, "{once} {twice}");
    }
}

/// 400 users with an item each of their own, so that `L` exchanges the two, in a table of .2; the negative of each is
/// one of 400 items of zeros that nobody has. `layers` are the sums of each layer and their biases; products are zero.
fn twins(message_dropout: f64, node_dropout: f64, layers: &[(&[f32], &[f32])]) -> (Ngcf, Batch) {
    let pairs: Vec<_> = (0..400).map(|n| (UserId(n), ItemId(n))).collect();
    let world = World::new(InteractionGraph::from_pairs(400, 800, &pairs, Duplicates::Error).unwrap());
    let layer_dims = layers.iter().map(|(sum, _)| sum.len()).collect();
    let config = NgcfConfig { embedding_dim: 1, layer_dims, message_dropout, node_dropout, l2: 0.0 };
    let device = conformance::device();
    let mut model = config.init(&world, 0, &device).unwrap();
    let param = |values: &[f32]| Param::from_data(TensorData::new(values.to_vec(), [1, values.len()]), &device);
    let nodes: Vec<f32> = (0..1200).map(|node| if node < 800 { 0.2 } else { 0.0 }).collect();
    model.nodes = Param::from_data(TensorData::new(nodes, [1200, 1]), &device);
    let layer = |&(sum, bias): &(&[f32], &[f32])| {
        let zeros = vec![0.0; sum.len()];
        NgcfLayer { sum: param(sum), sum_bias: param(bias), product: param(&zeros), product_bias: param(&zeros) }
    };
    model.layers = layers.iter().map(layer).collect();
    let batch = PairwiseBatch {
        users: (0..400).map(UserId).collect(),
        positives: (0..400).map(ItemId).collect(),
        negatives: (400..800).map(ItemId).collect(),
        num_negatives: 1,
    };
    (model, Batch::Pairwise(batch))
}

/// The mean loss over 40 steps, of 400 rows each, is the expectation of `cost`, of a number of independent draws that keep
/// with `keep`, but for four standard errors.
fn assert_mean_cost(twins: &(Ngcf, Batch), keep: f32, num_draws: u32, cost: impl Fn(&[f32]) -> f32) {
    let (mut expected, mut square) = (0f32, 0f32);
    for bits in 0..1u32 << num_draws {
        let kept: Vec<f32> = (0..num_draws).map(|n| if bits >> n & 1 == 1 { 1.0 } else { 0.0 }).collect();
        let probability: f32 = kept.iter().map(|&kept| if kept > 0.0 { keep } else { 1.0 - keep }).product();
        let cost = cost(&kept);
        expected += probability * cost;
        square += probability * cost * cost;
    }
    let mean = (0..40).map(|index| loss(&twins.0, &twins.1, index)).sum::<f32>() / 40.0;
    let error = ((square - expected * expected) / 16_000.0).sqrt();
    assert!((mean - expected).abs() < 4.0 * error && error > 1e-5, "{mean} {expected} {error}");
}

fn unit([a, b]: [f32; 2]) -> [f32; 2] {
    [a, b].map(|x| x / (a * a + b * b).max(1e-12).sqrt())
}

fn softplus(x: f32) -> f32 {
    (1.0 + x.exp()).ln()
}

/// Layer 1 is the sum of a node and its neighbour, .4, and layer 2 that of layer 1 less .45: one of two kept components
/// is above that only because it is scaled up.
#[test]
fn components_are_dropped_at_the_rate_and_the_others_scaled_up() {
    let twins = twins(0.25, 0.0, &[(&[1.0], &[0.0]), (&[1.0], &[-0.45])]);
    assert_mean_cost(&twins, 0.75, 5, |kept| {
        let first = (kept[0] + kept[1]) * 0.4 / 0.75;
        let last = if first > 0.45 { 1.0 } else { -1.0 };
        let positive = 0.04 + kept[0] * kept[1] + kept[2] * kept[3];
        softplus(-last * kept[2] * kept[4] - positive)
    });
}

/// Either direction of an edge by itself, and the same edges in both layers.
#[test]
fn edges_are_dropped_at_the_rate_and_the_others_scaled_up() {
    let twins = twins(0.0, 0.25, &[(&[1.0], &[0.1]), (&[1.0, 0.0], &[0.0, 0.2])]);
    assert_mean_cost(&twins, 0.75, 2, |kept| {
        let [to_user, to_item] = [kept[0], kept[1]].map(|kept| kept / 0.75);
        let (user, item) = (0.3 + 0.2 * to_user, 0.3 + 0.2 * to_item);
        let last = [unit([user + item * to_user, 0.2]), unit([item + user * to_item, 0.2])];
        let positive = 0.04 + 1.0 + last[0][0] * last[1][0] + last[0][1] * last[1][1];
        // The negative has a bias and nothing else in layer 1, .1, and .1 and .2 in layer 2.
        let negative = unit([0.1, 0.2]);
        softplus(1.0 + last[0][0] * negative[0] + last[0][1] * negative[1] - positive)
    });
}

#[test]
fn refuses_what_is_out_of_range() {
    for (config, field) in [
        (NgcfConfig { embedding_dim: 0, ..Default::default() }, "embedding_dim"),
        (NgcfConfig { layer_dims: vec![], ..Default::default() }, "layer_dims"),
        (NgcfConfig { layer_dims: vec![4, 0], ..Default::default() }, "layer_dims"),
        (NgcfConfig { message_dropout: 1.0, ..Default::default() }, "message_dropout"),
        (NgcfConfig { node_dropout: -0.1, ..Default::default() }, "node_dropout"),
        (NgcfConfig { l2: f64::NAN, ..Default::default() }, "l2"),
    ] {
        assert!(config.validate().unwrap_err().to_string().contains(field));
    }
    assert!(serde_json::from_str::<NgcfConfig>(r#"{"num_layers": 3}"#).is_err());
    assert_eq!(serde_json::from_str::<NgcfConfig>("{}").unwrap(), NgcfConfig::gowalla());
}

#[derive(serde::Deserialize)]
struct Case {
    num_users: usize,
    num_items: usize,
    dim: usize,
    layer_dims: Vec<usize>,
    l2: f64,
    edges: Vec<(UserId, ItemId)>,
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

#[test]
fn a_batch_costs_what_pytorch_says() {
    let case: Case = serde_json::from_str(include_str!("data/ngcf_step.json")).unwrap();
    let graph = InteractionGraph::from_pairs(case.num_users, case.num_items, &case.edges, Duplicates::Error).unwrap();
    let config = NgcfConfig {
        embedding_dim: case.dim,
        layer_dims: case.layer_dims.clone(),
        message_dropout: 0.0,
        node_dropout: 0.0,
        l2: case.l2,
    };
    let device = conformance::device().autodiff();
    let batch = Batch::Pairwise(PairwiseBatch {
        users: case.users,
        positives: case.positives,
        negatives: case.negatives,
        num_negatives: 2,
    });
    // A rate so small that nothing is dropped goes the other way through the graph.
    for node_dropout in [0.0, 1e-12] {
        let config = NgcfConfig { node_dropout, ..config.clone() };
        let mut model = config.init(&World::new(graph.clone()), 0, &device).unwrap();
        let param = |parameter: &Parameter| -> Param<Tensor<2>> {
            Param::from_data(TensorData::new(parameter.initial.clone(), parameter.shape), &device)
        };
        let mut params = case.parameters.iter().map(param);
        let mut next = || params.next().unwrap();
        model.nodes = next();
        for layer in &mut model.layers {
            *layer = NgcfLayer { sum: next(), sum_bias: next(), product: next(), product_bias: next() };
        }
        let loss = model.loss(&batch, Step { seed: 0, index: 0 });
        let value = loss.clone().into_scalar::<f32>();
        assert!((value - case.loss).abs() < 2e-6, "{value}, PyTorch has {}", case.loss);
        let grads = loss.backward();
        let layers = model.layers.iter();
        let of_layers = layers.flat_map(|layer| [&layer.sum, &layer.sum_bias, &layer.product, &layer.product_bias]);
        for (param, expected) in std::iter::once(&model.nodes).chain(of_layers).zip(&case.parameters) {
            let found: Vec<f32> = param.val().grad(&grads).unwrap().into_data().try_to_vec().unwrap();
            assert_eq!(param.val().dims(), expected.shape);
            for (n, (found, expected)) in found.iter().zip(&expected.gradient).enumerate() {
                assert!((found - expected).abs() <= 2e-6, "{n}: {found}, PyTorch has {expected}");
            }
        }
    }
}
