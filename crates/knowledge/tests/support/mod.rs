//! Numbers that PyTorch computed, and a model held to them: its loss, its gradient and its scores.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_graph::{Duplicates, EntityId, InteractionGraph, ItemId, KnowledgeGraph, RelationId, Triple, UserId, World};
use gnnrec_model::{GradientConfig, GradientModel, Phase, Step, conformance, dense_gradients};
use gnnrec_sampling::{Batch, FactBatch, PairwiseBatch};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What a script of `benches/rivals` wrote.
#[derive(Deserialize)]
pub(crate) struct Numbers {
    pub(crate) world: Fixture,
    pub(crate) cases: Vec<Case>,
}

#[derive(Deserialize)]
pub(crate) struct Fixture {
    num_users: usize,
    num_items: usize,
    num_entities: usize,
    num_relations: usize,
    entity_of_item: Vec<Option<EntityId>>,
    edges: Vec<(UserId, ItemId)>,
    facts: Vec<(EntityId, RelationId, EntityId)>,
    users: Vec<UserId>,
    positives: Vec<ItemId>,
    negatives: Vec<ItemId>,
    fact_rows: Vec<usize>,
    corrupt: Vec<EntityId>,
}

#[derive(Deserialize)]
pub(crate) struct Case {
    config: serde_json::Value,
    parameters: BTreeMap<String, Vec<f32>>,
    /// One for each phase.
    losses: Vec<f32>,
    gradients: Vec<BTreeMap<String, Vec<f32>>>,
    /// `num_users x num_items`, or nothing.
    scores: Vec<f32>,
}

impl Fixture {
    pub(crate) fn world(&self) -> World {
        let triples = self.facts.iter().map(|&(head, relation, tail)| Triple { head, relation, tail });
        let triples: Vec<Triple> = triples.collect();
        let (entities, relations) = (self.num_entities, self.num_relations);
        let knowledge = KnowledgeGraph::new(entities, relations, &triples, self.entity_of_item.clone()).unwrap();
        let pairs = InteractionGraph::from_pairs(self.num_users, self.num_items, &self.edges, Duplicates::Error);
        World::new(pairs.unwrap()).with_knowledge(knowledge).unwrap()
    }

    pub(crate) fn batch(&self, phase: &Phase) -> Batch {
        if *phase == Phase::Facts {
            let facts = || self.fact_rows.iter().map(|&row| self.facts[row]);
            return Batch::Facts(FactBatch {
                heads: facts().map(|fact| fact.0).collect(),
                relations: facts().map(|fact| fact.1).collect(),
                tails: facts().map(|fact| fact.2).collect(),
                negative_tails: self.corrupt.clone(),
            });
        }
        let (users, positives, negatives) = (self.users.clone(), self.positives.clone(), self.negatives.clone());
        Batch::Pairwise(PairwiseBatch { users, positives, negatives, num_negatives: 1 })
    }
}

/// Gives parameters their values, in the order of their names; those without a value stay as they are.
struct Assign<'a> {
    names: std::slice::Iter<'a, String>,
    values: &'a BTreeMap<String, Vec<f32>>,
}

impl ModuleMapper for Assign<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.names.next().expect("a name for each parameter");
        let Some(values) = self.values.get(name) else { return param };
        param.map(|tensor| {
            let data = TensorData::new(values.clone(), tensor.shape());
            Tensor::from_data(data, &Device::flex().autodiff()).require_grad()
        })
    }
}

struct Compare<'a> {
    names: std::vec::IntoIter<String>,
    found: GradientsParams,
    expected: &'a BTreeMap<String, Vec<f32>>,
    what: String,
}

impl ModuleVisitor for Compare<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.names.next().expect("a name for each parameter");
        let found = self.found.get::<D>(param.id);
        let Some(expected) = self.expected.get(&name) else {
            assert!(found.is_none(), "{}: {name} has a gradient", self.what);
            return;
        };
        let found = found.map_or(vec![0.0; expected.len()], |found| found.into_data().try_to_vec::<f32>().unwrap());
        assert_close(&format!("{}, gradient of {name}", self.what), &found, expected);
    }
}

#[track_caller]
fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        let close = (found - expected).abs() <= 1e-5 * (1.0 + expected.abs());
        assert!(close, "{what}, {n}: {found}, PyTorch has {expected}");
    }
}

/// A model of the case's configuration with the case's parameters; `names` names them in the order of the module.
pub(crate) fn model_of<C: GradientConfig + DeserializeOwned>(
    case: &Case,
    world: &World,
    names: &[String],
) -> (C, C::Model) {
    let config: C = serde_json::from_value(case.config.clone()).unwrap();
    let model = config.init(world, 0, &Device::flex().autodiff()).unwrap();
    let mut assign = Assign { names: names.iter(), values: &case.parameters };
    let model = model.map(&mut assign);
    assert!(assign.names.next().is_none(), "a parameter for each name");
    (config, model)
}

/// Loss and gradient of every phase, and the scores, of every case.
pub(crate) fn equals_pytorch<C: GradientConfig + DeserializeOwned>(
    numbers: &Numbers,
    names: impl Fn(&C) -> Vec<String>,
) {
    let world = numbers.world.world();
    for case in &numbers.cases {
        let config: C = serde_json::from_value(case.config.clone()).unwrap();
        let names = names(&config);
        assert!(case.parameters.keys().all(|name| names.contains(name)), "{names:?}");
        let (_, mut model) = model_of::<C>(case, &world, &names);
        for (position, phase) in config.phases().iter().enumerate() {
            let what = format!("{}, {phase:?}", case.config);
            model = model.refreshed(position);
            let loss = model.loss(&numbers.world.batch(phase), Step { seed: 0, index: 0 });
            assert_close(&what, &[loss.clone().into_scalar()], &[case.losses[position]]);
            let (found, expected) = (dense_gradients(&model, &loss), &case.gradients[position]);
            model.visit(&mut Compare { names: names.clone().into_iter(), found, expected, what });
        }
        if !case.scores.is_empty() {
            assert_close(&case.config.to_string(), &conformance::all_scores(&*model.scorer()), &case.scores);
        }
    }
}

/// Every fact the other way round.
pub(crate) fn reversed(world: &World) -> World {
    let knowledge = world.knowledge().unwrap();
    let reverse = |fact: &Triple| Triple { head: fact.tail, relation: fact.relation, tail: fact.head };
    let facts: Vec<Triple> = knowledge.triples().iter().map(reverse).collect();
    let items = u32::try_from(knowledge.num_items()).unwrap();
    let entities = (0..items).map(|item| knowledge.entity_of(ItemId(item))).collect();
    let (num_entities, num_relations) = (knowledge.num_entities(), knowledge.num_relations());
    let knowledge = KnowledgeGraph::new(num_entities, num_relations, &facts, entities).unwrap();
    World::new(world.interactions().clone()).with_knowledge(knowledge).unwrap()
}
