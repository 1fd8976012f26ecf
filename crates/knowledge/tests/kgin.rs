//! KGIN: the suite of every model, one step against PyTorch, and the direction of relations.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use burn::module::Param;
use burn::tensor::Tensor;
use gnnrec_graph::{Duplicates, EntityId, InteractionGraph, ItemId, KnowledgeGraph, RelationId, Triple, UserId, World};
use gnnrec_knowledge::{Independence, Kgin, KginConfig};
use gnnrec_model::{GradientConfig, GradientModel, ModelError, Phase, Step, conformance};
use support::{Numbers, equals_pytorch, model_of, reversed};

fn small(independence: Independence) -> KginConfig {
    KginConfig {
        embedding_dim: 6,
        num_layers: 2,
        num_intents: 3,
        independence,
        independence_weight: 0.01,
        l2: 1e-3,
        ..Default::default()
    }
}

#[test]
fn distance_conforms() {
    conformance::check(&small(Independence::Distance), &conformance::world());
}

#[test]
fn cosine_conforms() {
    let config = KginConfig { node_dropout: 0.0, num_layers: 1, ..small(Independence::Cosine) };
    conformance::check(&config, &conformance::world());
}

#[test]
fn mutual_information_conforms() {
    let config = KginConfig { message_dropout: 0.0, ..small(Independence::MutualInformation) };
    conformance::check(&config, &conformance::world());
}

fn names() -> Vec<String> {
    ["users", "nodes", "relations", "intent_logits", "intents"].map(str::to_owned).to_vec()
}

/// Numbers of `benches/rivals/kgin_step.py`.
fn numbers() -> Numbers {
    serde_json::from_str(include_str!("data/kgin_step.json")).unwrap()
}

#[test]
fn a_step_is_the_step_of_pytorch() {
    equals_pytorch::<KginConfig>(&numbers(), |_| names());
}

/// With every fact the other way round the scores change; with relations and inverses exchanged as well they do not.
#[test]
fn directions_of_relations_matter() {
    let numbers = numbers();
    let (world, case) = (numbers.world.world(), &numbers.cases[0]);
    let (config, model) = model_of::<KginConfig>(case, &world, &names());
    let expected = conformance::all_scores(&*model.scorer());
    let (_, mut other) = model_of::<KginConfig>(case, &reversed(&world), &names());
    let differs = |model: &Kgin| {
        let found = conformance::all_scores(&*model.scorer());
        found.iter().zip(&expected).fold(0f32, |most, (a, b)| most.max((a - b).abs()))
    };
    assert!(differs(&other) > 0.05, "{}", differs(&other));
    // 6 relations, of which 3 are inverses.
    let exchanged =
        |table: Tensor<2>, dim| Tensor::cat(vec![table.clone().narrow(dim, 3, 3), table.narrow(dim, 0, 3)], dim);
    other.relations = Param::from_tensor(exchanged(model.relations.val(), 0).detach());
    other.intent_logits = Param::from_tensor(exchanged(model.intent_logits.val(), 1).detach());
    assert!(differs(&other) < 1e-5, "{}", differs(&other));
    assert_eq!(config.num_layers, 2);
}

/// Item 0 is entity 1, of which the fact (1, 0, 0) speaks; item 1 is unknown. One user, one intent, one hop, width 1:
/// a node of positive sum has length 1 afterwards.
#[test]
fn one_hop_by_hand() {
    let fact = Triple { head: EntityId(1), relation: RelationId(0), tail: EntityId(0) };
    let knowledge = KnowledgeGraph::new(2, 1, &[fact], vec![Some(EntityId(1)), None]).unwrap();
    let pairs = InteractionGraph::from_pairs(1, 2, &[(UserId(0), ItemId(0))], Duplicates::Error).unwrap();
    let world = World::new(pairs).with_knowledge(knowledge).unwrap();
    let config = KginConfig { embedding_dim: 2, num_layers: 1, num_intents: 1, ..Default::default() };
    let device = conformance::device();
    let mut model = config.init(&world, 0, &device).unwrap();
    let param = |rows: Vec<[f32; 2]>| {
        let rows: Vec<Tensor<2>> = rows.into_iter().map(|row| Tensor::from_floats([row], &device)).collect();
        Param::from_tensor(Tensor::cat(rows, 0))
    };
    model.users = param(vec![[1.0, 2.0]]);
    // Entity 0, entity 1 which is item 0, item 1.
    model.nodes = param(vec![[3.0, 1.0], [0.5, -1.0], [0.25, 4.0]]);
    model.relations = param(vec![[1.0, 4.0], [9.0, 9.0]]);
    model.intent_logits = param(vec![[0.0, 3f32.ln()]]);
    // One intent: 1/4 of relation 0, 3/4 of its inverse.
    let intent = [0.25 + 6.75, 1.0 + 6.75];
    let unit = |[x, y]: [f32; 2]| [x / x.hypot(y), y / x.hypot(y)];
    let user = unit([0.5 * (1.0 + intent[0]), -(1.0 + intent[1])]);
    let item = unit([1.0 * 3.0, 4.0 * 1.0]);
    let user = [1.0 + user[0], 2.0 + user[1]];
    let items = [[0.5 + item[0], -1.0 + item[1]], [0.25, 4.0]];
    let found = conformance::all_scores(&*model.scorer());
    for (found, item) in found.iter().zip(items) {
        let expected = user[0] * item[0] + user[1] * item[1];
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
}

/// A step repeats, another differs, and without dropout both are one.
#[test]
fn dropout_is_keyed_by_the_step() {
    let world = conformance::world();
    let batch = conformance::batch(&world, &Phase::Pairs, 1, 0);
    let losses = |node_dropout, message_dropout| {
        let config = KginConfig { node_dropout, message_dropout, ..small(Independence::Distance) };
        let model = config.init(&world, 1, &conformance::device().autodiff()).unwrap();
        [0, 0, 1].map(|index| model.loss(&batch, Step { seed: 3, index }).into_scalar::<f32>().to_bits())
    };
    for (node_dropout, message_dropout) in [(0.5, 0.0), (0.0, 0.1)] {
        let [first, again, other] = losses(node_dropout, message_dropout);
        assert!(first == again && first != other);
    }
    let [first, _, other] = losses(0.0, 0.0);
    assert_eq!(first, other);
}

#[test]
fn says_what_is_wrong() {
    let pairs = InteractionGraph::from_pairs(1, 1, &[], Duplicates::Error).unwrap();
    let world = World::new(pairs).with_knowledge(KnowledgeGraph::new(1, 0, &[], vec![None]).unwrap()).unwrap();
    let error = KginConfig::default().init(&world, 0, &conformance::device()).unwrap_err();
    assert!(matches!(error, ModelError::Missing { model: "kgin", .. }), "{error}");
    for (config, field) in [
        (KginConfig { embedding_dim: 0, ..Default::default() }, "embedding_dim"),
        (KginConfig { num_layers: 0, ..Default::default() }, "num_layers"),
        (KginConfig { num_intents: 0, ..Default::default() }, "num_intents"),
        (KginConfig { node_dropout: 1.0, ..Default::default() }, "node_dropout"),
        (KginConfig { message_dropout: -0.1, ..Default::default() }, "message_dropout"),
        (KginConfig { independence_weight: f64::NAN, ..Default::default() }, "independence_weight"),
        (KginConfig { l2: -1.0, ..Default::default() }, "l2"),
    ] {
        assert!(config.validate().unwrap_err().to_string().contains(field));
    }
    let parsed: KginConfig = serde_json::from_str(r#"{"independence": "mutual-information"}"#).unwrap();
    assert_eq!(parsed.independence, Independence::MutualInformation);
    assert!(serde_json::from_str::<KginConfig>(r#"{"hops": 3}"#).is_err());
    assert_eq!(KginConfig::alibaba_ifashion(), KginConfig::lastfm());
}
