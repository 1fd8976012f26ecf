//! KGCN by hand, its two ways of scoring against each other, and the suite for every model.

use gnnrec_graph::{Duplicates, EntityId, InteractionGraph, ItemId, KnowledgeGraph, RelationId, Triple, UserId, World};
use gnnrec_model::conformance;

use super::*;

const AGGREGATORS: [Aggregator; 3] = [Aggregator::Sum, Aggregator::Concat, Aggregator::Neighbour];

fn small(aggregator: Aggregator, num_hops: usize, loss: KgcnLoss) -> KgcnConfig {
    KgcnConfig { embedding_dim: 6, num_neighbours: 3, num_hops, aggregator, loss, l2: 1e-3, init_std: 0.3 }
}

#[test]
fn sum_over_two_hops_conforms() {
    conformance::check(&small(Aggregator::Sum, 2, KgcnLoss::Bpr), &conformance::world());
}

#[test]
fn concat_with_cross_entropy_conforms() {
    conformance::check(&small(Aggregator::Concat, 1, KgcnLoss::CrossEntropy), &conformance::world());
}

#[test]
fn neighbours_alone_conform() {
    conformance::check(&small(Aggregator::Neighbour, 1, KgcnLoss::Bpr), &conformance::world());
}

/// The tensors that training differentiates and the loops that rank give the same scores.
#[test]
fn tensors_and_loops_agree() {
    let world = conformance::world();
    for aggregator in AGGREGATORS {
        for num_hops in 1..4 {
            let model = small(aggregator, num_hops, KgcnLoss::Bpr).init(&world, 11, &Device::flex()).unwrap();
            let scores = conformance::all_scores(&*model.scorer());
            let (num_users, num_items) = (world.interactions().num_users(), world.interactions().num_items());
            let users: Vec<u32> = (0..).take(num_users).flat_map(|user| vec![user; num_items]).collect();
            let nodes = model.field.node_of_item.repeat(num_users);
            let expected: Vec<f32> = model
                .forward(FieldPlan::new(&model.field, num_hops, &users, nodes, &Device::flex()))
                .scores
                .into_data()
                .try_to_vec()
                .unwrap();
            for (found, expected) in scores.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{found} {expected}");
            }
        }
    }
}

/// Item 0 has two facts, of relation 0 to entity 1 and of relation 1 to entity 2; item 1 is unknown.
#[test]
fn one_hop_by_hand() {
    let fact = |relation, tail| Triple { head: EntityId(0), relation: RelationId(relation), tail: EntityId(tail) };
    let knowledge = KnowledgeGraph::new(3, 2, &[fact(0, 1), fact(1, 2)], vec![Some(EntityId(0)), None]).unwrap();
    let pairs = [(UserId(0), ItemId(0))];
    let world = World::new(InteractionGraph::from_pairs(1, 2, &pairs, Duplicates::Error).unwrap())
        .with_knowledge(knowledge)
        .unwrap();
    for aggregator in AGGREGATORS {
        let config = KgcnConfig { embedding_dim: 1, num_neighbours: 2, num_hops: 1, aggregator, ..Default::default() };
        let device = Device::flex();
        let mut model = config.init(&world, 0, &device).unwrap();
        let param = |rows: &[f32]| Param::from_tensor(Tensor::<1>::from_floats(rows, &device).unsqueeze_dim::<2>(1));
        model.users = Table::new(param(&[2.0]));
        model.nodes = Table::new(param(&[0.5, 1.0, -3.0, 0.25]));
        model.relations = param(&[0.5, -0.5, 9.0, 9.0]);
        model.biases = vec![param(&[0.1])];
        // Preferences 1 and -1.
        let first = 1f32.exp() / (1f32.exp() + (-1f32).exp());
        let mean = first * 1.0 + (1.0 - first) * -3.0;
        let (weights, inputs): (&[f32], _) = match aggregator {
            Aggregator::Sum => (&[0.7], [0.7 * (0.5 + mean), 0.7 * 0.25]),
            Aggregator::Concat => (&[0.7, -0.4], [0.7 * 0.5 - 0.4 * mean, 0.7 * 0.25]),
            Aggregator::Neighbour => (&[0.7], [0.7 * mean, 0.0]),
        };
        model.weights = vec![param(weights)];
        let found = conformance::all_scores(&*model.scorer());
        for (found, input) in found.iter().zip(inputs) {
            let expected = 2.0 * (input + 0.1f32).tanh();
            assert!((found - expected).abs() < 1e-6, "{aggregator:?}: {found} {expected}");
        }
    }
}

#[test]
fn says_what_is_wrong() {
    let world = World::new(InteractionGraph::from_pairs(1, 1, &[], Duplicates::Error).unwrap());
    let error = KgcnConfig::default().init(&world, 0, &Device::flex()).unwrap_err();
    assert_eq!(error, ModelError::Missing { model: NAME, needs: "a knowledge graph" });
    for (config, field) in [
        (KgcnConfig { num_hops: 0, ..Default::default() }, "num_hops"),
        (KgcnConfig { num_neighbours: 0, ..Default::default() }, "num_neighbours"),
        (KgcnConfig { num_neighbours: 100, num_hops: 3, ..Default::default() }, "num_neighbours ^ num_hops"),
        (KgcnConfig { init_std: -1.0, ..Default::default() }, "init_std"),
    ] {
        assert!(config.validate().unwrap_err().to_string().contains(field));
    }
    let parsed: KgcnConfig = serde_json::from_str(r#"{"loss": "cross-entropy", "aggregator": "concat"}"#).unwrap();
    assert_eq!((parsed.loss, parsed.aggregator), (KgcnLoss::CrossEntropy, Aggregator::Concat));
    assert!(serde_json::from_str::<KgcnConfig>(r#"{"neighbours": 3}"#).is_err());
}
