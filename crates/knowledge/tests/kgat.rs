//! KGAT: the suite of every model, one step of each phase against PyTorch, and the direction of relations.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use burn::module::Param;
use burn::tensor::Tensor;
use gnnrec_graph::{Duplicates, EntityId, InteractionGraph, ItemId, KnowledgeGraph, RelationId, Triple, UserId, World};
use gnnrec_knowledge::{Kgat, KgatAggregator, KgatConfig};
use gnnrec_model::{GradientConfig, GradientModel, ModelError, Phase, Step, conformance};
use gnnrec_sampling::{Batch, PairwiseBatch};
use support::{Numbers, equals_pytorch, model_of, reversed};

fn small(aggregator: KgatAggregator) -> KgatConfig {
    KgatConfig {
        embedding_dim: 6,
        relation_dim: 5,
        layer_dims: vec![4, 3],
        aggregator,
        l2: 1e-3,
        l2_facts: 1e-3,
        ..Default::default()
    }
}

#[test]
fn bi_interaction_conforms() {
    conformance::check(&small(KgatAggregator::BiInteraction), &conformance::world());
}

#[test]
fn gcn_conforms() {
    let config = KgatConfig { message_dropout: 0.0, ..small(KgatAggregator::Gcn) };
    conformance::check(&config, &conformance::world());
}

#[test]
fn graph_sage_conforms() {
    let config = KgatConfig { layer_dims: vec![7], ..small(KgatAggregator::GraphSage) };
    conformance::check(&config, &conformance::world());
}

fn names(config: &KgatConfig) -> Vec<String> {
    let mut names = ["users", "nodes", "relations", "transforms"].map(str::to_owned).to_vec();
    for layer in 0..config.layer_dims.len() {
        let product: &[&str] =
            if config.aggregator == KgatAggregator::BiInteraction { &["product.0", "product.1"] } else { &[] };
        names.extend(["weight", "bias"].iter().chain(product).map(|name| format!("layers.{layer}.{name}")));
    }
    names.push("attention".to_owned());
    names
}

/// Numbers of `benches/rivals/kgat_step.py`.
fn numbers() -> Numbers {
    serde_json::from_str(include_str!("data/kgat_step.json")).unwrap()
}

#[test]
fn steps_of_both_phases_are_those_of_pytorch() {
    equals_pytorch::<KgatConfig>(&numbers(), names);
}

/// With every fact the other way round the scores change; with relations and inverses exchanged as well they do not.
#[test]
fn directions_of_relations_matter() {
    let numbers = numbers();
    let (world, case) = (numbers.world.world(), &numbers.cases[0]);
    let names = names(&small(KgatAggregator::BiInteraction));
    let (_, model) = model_of::<KgatConfig>(case, &world, &names);
    let expected = conformance::all_scores(&*model.scorer());
    let (_, mut other) = model_of::<KgatConfig>(case, &reversed(&world), &names);
    let differs = |model: &Kgat| {
        let found = conformance::all_scores(&*model.scorer());
        found.iter().zip(&expected).fold(0f32, |most, (a, b)| most.max((a - b).abs()))
    };
    assert!(differs(&other) > 0.005, "{}", differs(&other));
    // 3 relations, their inverses, and the two of interactions.
    let order = [3..6, 0..3, 6..8];
    let (table, transforms) = (model.relations.val(), model.transforms.val());
    let parts = order.clone().map(|rows| table.clone().narrow(0, rows.start, rows.len()));
    other.relations = Param::from_tensor(Tensor::cat(parts.to_vec(), 0).detach());
    let parts = order.map(|rows| transforms.clone().narrow(0, rows.start, rows.len()));
    other.transforms = Param::from_tensor(Tensor::cat(parts.to_vec(), 0).detach());
    assert!(differs(&other) < 1e-5, "{}", differs(&other));
}

/// Entity 0 is item 0; two relations lead from it to entity 1, and the user has it. Width 1.
#[test]
fn attention_by_hand() {
    let fact = |relation| Triple { head: EntityId(0), relation: RelationId(relation), tail: EntityId(1) };
    let knowledge = KnowledgeGraph::new(2, 2, &[fact(0), fact(1)], vec![Some(EntityId(0))]).unwrap();
    let pairs = InteractionGraph::from_pairs(1, 1, &[(UserId(0), ItemId(0))], Duplicates::Error).unwrap();
    let world = World::new(pairs).with_knowledge(knowledge).unwrap();
    let config = KgatConfig { embedding_dim: 1, relation_dim: 1, layer_dims: vec![1], ..Default::default() };
    let device = conformance::device();
    let mut model = config.init(&world, 0, &device).unwrap();
    model.users = Param::from_tensor(Tensor::from_floats([[2.0]], &device));
    model.nodes = Param::from_tensor(Tensor::from_floats([[0.5], [-1.0]], &device));
    let (r, w) = ([0.1f32, -0.2, 0.3, 0.7, 0.4, -0.6], [0.5f32, 1.5, -0.8, 0.9, 1.1, 0.6]);
    model.relations = Param::from_tensor(Tensor::<1>::from_floats(r, &device).reshape([6, 1]));
    model.transforms = Param::from_tensor(Tensor::<1>::from_floats(w, &device).reshape([6, 1, 1]));
    let model = model.refreshed(0);
    let logit = |head: f32, relation: usize, tail: f32| w[relation] * tail * (w[relation] * head + r[relation]).tanh();
    // Relations of interactions: 4 from user to item, 5 back. Nodes: user, item, entity 1.
    let (user, item, entity) = (2.0, 0.5, -1.0);
    let of_item = [logit(item, 5, user), logit(item, 0, entity), logit(item, 1, entity)].map(f32::exp);
    let sum: f32 = of_item.iter().sum();
    let expected = [1.0, of_item[0] / sum, (of_item[1] + of_item[2]) / sum, 1.0];
    let found = model.attention.val().into_data().try_to_vec::<f32>().unwrap();
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {expected:?}");
    assert_eq!(found.len(), 4, "two facts between the same nodes are one edge");
    let again = model.clone().refreshed(1).attention.val().into_data().try_to_vec::<f32>().unwrap();
    assert_eq!(found, again);
}

/// A phase of facts moves what attention is made of; it changes only as the next phase of pairs begins.
#[test]
fn attention_is_held_fixed() {
    let world = conformance::world();
    let config = KgatConfig { message_dropout: 0.0, ..small(KgatAggregator::BiInteraction) };
    let mut model = config.init(&world, 1, &conformance::device().autodiff()).unwrap();
    let values = |model: &Kgat| model.attention.val().into_data().try_to_vec::<f32>().unwrap();
    let before = values(&model);
    assert!(!model.attention.val().is_require_grad());
    let batch = conformance::batch(&world, &Phase::Pairs, 1, 0);
    let loss = |model: &Kgat| model.loss(&batch, Step { seed: 1, index: 0 }).into_scalar::<f32>();
    model.relations = Param::from_tensor((model.relations.val() + 0.5).detach());
    assert_eq!(values(&model), before);
    let held = loss(&model);
    let model = model.refreshed(1);
    assert_eq!((values(&model), loss(&model).to_bits()), (before.clone(), held.to_bits()));
    let model = model.refreshed(0);
    assert!(values(&model) != before && loss(&model).to_bits() != held.to_bits());
}

/// A step repeats and another differs.
#[test]
fn dropout_is_keyed_by_the_step() {
    let world = conformance::world();
    let batch = conformance::batch(&world, &Phase::Pairs, 1, 0);
    let model = small(KgatAggregator::BiInteraction).init(&world, 1, &conformance::device().autodiff()).unwrap();
    let loss = |index| model.loss(&batch, Step { seed: 3, index }).into_scalar::<f32>().to_bits();
    assert!(loss(0) == loss(0) && loss(0) != loss(1));
}

/// The first steps are those of matrix factorisation over the rows of the batch, by hand, and those after them are not.
#[test]
fn may_start_as_matrix_factorisation() {
    let pairs = [(UserId(0), ItemId(0)), (UserId(1), ItemId(1))];
    let facts = [Triple { head: EntityId(0), relation: RelationId(0), tail: EntityId(2) }];
    let knowledge = KnowledgeGraph::new(3, 1, &facts, vec![Some(EntityId(1)), Some(EntityId(0)), None]).unwrap();
    let world = World::new(InteractionGraph::from_pairs(2, 3, &pairs, Duplicates::Error).unwrap());
    let world = world.with_knowledge(knowledge).unwrap();
    let config = KgatConfig { mf_steps: 2, ..small(KgatAggregator::BiInteraction) };
    let model = config.init(&world, 1, &conformance::device().autodiff()).unwrap();
    let values = |table: &Param<Tensor<2>>| table.val().into_data().try_to_vec::<f32>().unwrap();
    let (users, nodes) = (values(&model.users), values(&model.nodes));
    // Items 0, 1 and 2 are nodes 1, 0 and 3.
    let [user, positive, negative] = [&users[6..12], &nodes[0..6], &nodes[18..24]];
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let squares = [user, positive, negative].iter().map(|x| dot(x, x)).sum::<f64>();
    let bpr = (dot(user, negative) - dot(user, positive)).exp().ln_1p();
    let batch = PairwiseBatch {
        users: vec![UserId(1)],
        positives: vec![ItemId(1)],
        negatives: vec![ItemId(2)],
        num_negatives: 1,
    };
    let batch = Batch::Pairwise(batch);
    let loss = |index| f64::from(model.loss(&batch, Step { seed: 3, index }).into_scalar::<f32>());
    assert!((loss(1) - bpr - 0.5 * 1e-3 * squares).abs() < 1e-6);
    assert!((loss(2) - loss(1)).abs() > 1e-3);
    conformance::check_gradient(&config, &conformance::world());
}

#[test]
fn says_what_is_wrong() {
    let world = World::new(InteractionGraph::from_pairs(1, 1, &[], Duplicates::Error).unwrap());
    let error = KgatConfig::default().init(&world, 0, &conformance::device()).unwrap_err();
    assert_eq!(error, ModelError::Missing { model: "kgat", needs: "a knowledge graph" });
    for (config, field) in [
        (KgatConfig { embedding_dim: 0, ..Default::default() }, "embedding_dim"),
        (KgatConfig { relation_dim: 0, ..Default::default() }, "relation_dim"),
        (KgatConfig { layer_dims: vec![], ..Default::default() }, "layer_dims"),
        (KgatConfig { layer_dims: vec![3, 0], ..Default::default() }, "layer_dims"),
        (KgatConfig { message_dropout: 1.0, ..Default::default() }, "message_dropout"),
        (KgatConfig { l2: f64::INFINITY, ..Default::default() }, "l2"),
        (KgatConfig { l2_facts: -1.0, ..Default::default() }, "l2_facts"),
    ] {
        assert!(config.validate().unwrap_err().to_string().contains(field));
    }
    let parsed: KgatConfig = serde_json::from_str(r#"{"aggregator": "graph-sage"}"#).unwrap();
    assert_eq!(parsed.aggregator, KgatAggregator::GraphSage);
    assert!(serde_json::from_str::<KgatConfig>(r#"{"layers": 3}"#).is_err());
    assert_eq!(KgatConfig::lastfm().phases(), [Phase::Pairs, Phase::Facts]);
}
