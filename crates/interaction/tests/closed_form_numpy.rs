//! EASE, GF-CF and ItemKNN against NumPy: every score of a small random world.
//!
//! The numbers come from `benches/rivals/closed_form.py`, which computes them in double precision.

use gnnrec_eval::Scorer;
use gnnrec_graph::{Duplicates, InteractionGraph, ItemId, UserId, World};
use gnnrec_interaction::{EaseConfig, GfCfConfig, ItemKnnConfig};
use gnnrec_model::{ClosedForm, conformance};

#[derive(serde::Deserialize)]
struct Case {
    num_users: usize,
    num_items: usize,
    l2: f32,
    num_singular_vectors: usize,
    low_pass_weight: f32,
    num_neighbours: usize,
    shrinkage: f32,
    edges: Vec<(UserId, ItemId)>,
    ease: Vec<f32>,
    gf_cf: Vec<f32>,
    item_knn: Vec<f32>,
    item_knn_centred: Vec<f32>,
}

#[track_caller]
fn assert_scores(scorer: &dyn Scorer, expected: &[f32]) {
    let found = conformance::all_scores(scorer);
    assert_eq!(found.len(), expected.len());
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= 1e-5 * (1.0 + expected.abs()), "{n}: {found}, NumPy has {expected}");
    }
}

#[test]
fn scores_are_those_of_numpy() {
    let case: Case = serde_json::from_str(include_str!("data/closed_form.json")).unwrap();
    let graph = InteractionGraph::from_pairs(case.num_users, case.num_items, &case.edges, Duplicates::Error).unwrap();
    let world = World::new(graph);
    let ease = EaseConfig { l2: case.l2, ..Default::default() };
    assert_scores(&*ease.fit(&world, 0).unwrap(), &case.ease);
    let (num_singular_vectors, low_pass_weight) = (case.num_singular_vectors, case.low_pass_weight);
    let gf_cf = GfCfConfig { num_singular_vectors, low_pass_weight, ..Default::default() };
    assert_scores(&*gf_cf.fit(&world, 0).unwrap(), &case.gf_cf);
    let (num_neighbours, shrinkage) = (case.num_neighbours, case.shrinkage);
    let item_knn = ItemKnnConfig { num_neighbours, shrinkage, normalise: false, centred: false };
    assert_scores(&*item_knn.fit(&world, 0).unwrap(), &case.item_knn);
    let centred = ItemKnnConfig { normalise: true, centred: true, ..item_knn };
    assert_scores(&*centred.fit(&world, 0).unwrap(), &case.item_knn_centred);
}
