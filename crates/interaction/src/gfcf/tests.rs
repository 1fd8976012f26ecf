//! GF-CF against its equation in dense plain loops, and on the conformance world.

use faer::Mat;
use gnnrec_graph::{Duplicates, InteractionGraph, ItemId};
use gnnrec_model::conformance;

use super::*;

#[test]
fn conforms() {
    conformance::check_closed_form(&GfCfConfig::default(), &conformance::world());
    let linear = GfCfConfig { low_pass_weight: 0.0, ..Default::default() };
    conformance::check_closed_form(&linear, &conformance::world());
}

/// Six users, seven items, degrees all different; user 5 and item 6 have nothing.
fn world() -> World {
    let rows: [&[u32]; 6] = [&[0, 1, 2, 3, 4], &[0, 1, 2], &[0, 3], &[0, 2, 3, 5], &[4], &[]];
    let pairs: Vec<_> =
        (0..).zip(rows).flat_map(|(user, items)| items.iter().map(move |&item| (UserId(user), ItemId(item)))).collect();
    World::new(InteractionGraph::from_pairs(6, 7, &pairs, Duplicates::Error).unwrap())
}

#[test]
fn scores_are_those_of_the_equation() {
    let (world, width, weight) = (world(), 2, 0.3);
    let by_user = world.interactions().by_user();
    let mut r = Mat::<f64>::zeros(6, 7);
    for (user, item) in by_user.edges() {
        r[(user as usize, item as usize)] = 1.0;
    }
    let degree = |n: usize| match (0..6).map(|user| r[(user, n)]).sum::<f64>() {
        0.0 => 1.0,
        degree => degree,
    };
    let normalised =
        Mat::from_fn(6, 7, |user, item| r[(user, item)] / (by_user.degree(user).max(1) as f64 * degree(item)).sqrt());
    let svd = normalised.thin_svd().unwrap();
    let v = svd.V().subcols(0, width);
    let low_pass = v * v.transpose();
    let filter = normalised.transpose() * &normalised
        + Mat::from_fn(7, 7, |j, i| weight * (degree(i) / degree(j)).sqrt() * low_pass[(j, i)]);
    let expected = &r * filter;

    let config = GfCfConfig { num_singular_vectors: width, low_pass_weight: 0.3, ..Default::default() };
    let found = conformance::all_scores(&*config.fit(&world, 0).unwrap());
    for (n, found) in found.iter().enumerate() {
        let expected = expected[(n / 7, n % 7)];
        assert!((f64::from(*found) - expected).abs() < 1e-5, "user {}, item {}: {found} {expected}", n / 7, n % 7);
    }
}

/// More users than a block and more items than a panel, so that both have a rest.
#[test]
fn the_block_does_not_change_a_bit() {
    let pairs = (0..27).flat_map(|u| (0..53).map(move |i| (u, i))).filter(|(u, i)| (u * i + i) % 5 == 1);
    let pairs: Vec<_> = pairs.map(|(u, i)| (UserId(u), ItemId(i))).collect();
    let world = World::new(InteractionGraph::from_pairs(27, 53, &pairs, Duplicates::Error).unwrap());
    let scores = conformance::all_scores(&*GfCfConfig::default().fit(&world, 0).unwrap());
    assert!(scores.iter().any(|&score| score > 0.1));
}

#[test]
fn refuses_what_is_out_of_range() {
    for (config, field) in [
        (GfCfConfig { num_singular_vectors: 0, ..Default::default() }, "num_singular_vectors"),
        (GfCfConfig { low_pass_weight: -0.1, ..Default::default() }, "low_pass_weight"),
        (GfCfConfig { tolerance: 0.0, ..Default::default() }, "tolerance"),
    ] {
        assert!(config.validate().unwrap_err().to_string().contains(field));
    }
    assert!(serde_json::from_str::<GfCfConfig>(r#"{"alpha": 0.3}"#).is_err());
    assert_eq!(serde_json::from_str::<GfCfConfig>("{}").unwrap(), GfCfConfig::default());
}
