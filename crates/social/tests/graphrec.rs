//! GraphRec: what every model holds, whom a tie reaches and which way, what is a user and what an item, and
//! one case by hand.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::float_cmp, reason = "the bits are what is compared")]

use burn::tensor::Device;
use gnnrec_graph::{Csr, Duplicates, InteractionGraph, ItemId, SocialGraph, TieDirection, UserId, World};
use gnnrec_model::{GradientConfig, GradientModel, ModelError, Step, conformance};
use gnnrec_sampling::{Batch, RatedBatch};
use gnnrec_social::{FriendVectors, GraphRec, GraphRecConfig};

/// Width 8, weights that are large enough for signals to survive so many narrow layers.
fn small() -> GraphRecConfig {
    GraphRecConfig { embedding_dim: 8, init_std: 0.3, ..Default::default() }
}

fn world(num_users: usize, num_items: usize, rated: &[(u32, u32, f32)], ties: &[(u32, u32)]) -> World {
    let rated = Csr::from_weighted_edges(num_users, num_items, rated, Duplicates::Error).unwrap();
    let ties: Vec<_> = ties.iter().map(|&(a, b)| (UserId(a), UserId(b))).collect();
    let ties = SocialGraph::from_ties(num_users, &ties, TieDirection::Directed).unwrap();
    World::new(InteractionGraph::new(rated)).with_social(ties).unwrap()
}

/// Five users in a row of trust, 0 -> 1 -> 2 -> 3 -> 4, who rated one item each, and user 5 apart.
fn chain(ties: &[(u32, u32)]) -> World {
    let rated: Vec<_> = (0u8..6).map(|n| (u32::from(n), u32::from(n % 4), f32::from(n % 3) + 1.0)).collect();
    world(6, 4, &rated, ties)
}

const CHAIN: [(u32, u32); 4] = [(0, 1), (1, 2), (2, 3), (3, 4)];

fn scores(config: &GraphRecConfig, world: &World) -> Vec<Vec<u32>> {
    let model = config.init(world, 3, &conformance::device().autodiff()).unwrap();
    let scores = conformance::all_scores(&*model.scorer());
    scores.chunks(world.interactions().num_items()).map(|row| row.iter().map(|s| s.to_bits()).collect()).collect()
}

/// Users whose row is another one.
fn changed(before: &[Vec<u32>], after: &[Vec<u32>]) -> Vec<usize> {
    (0..before.len()).filter(|&user| before[user] != after[user]).collect()
}

fn check(config: &GraphRecConfig, world: &World) {
    conformance::check_by_slopes(config, world);
}

#[test]
fn conforms() {
    check(&small(), &conformance::rated_world());
}

#[test]
fn conforms_with_embeddings_of_friends_and_few_neighbours() {
    let config = GraphRecConfig { friends: FriendVectors::Embedding, max_neighbours: Some(2), ..small() };
    check(&config, &conformance::rated_world());
}

#[test]
fn conforms_without_attention() {
    let config = GraphRecConfig { item_attention: false, friend_attention: false, user_attention: false, ..small() };
    check(&config, &conformance::rated_world());
}

#[test]
fn conforms_without_friends_and_opinions() {
    let config = GraphRecConfig { social: false, opinions: false, ..small() };
    check(&config, &conformance::rated_world());
}

/// Without the tie 1 -> 2 user 1 has another `h_S`; user 0, whose friend 1 is, looks at what 1 rated and not at whom
/// 1 trusts, and user 2 does not know of the tie.
#[test]
fn a_tie_reaches_who_trusts_and_nobody_else() {
    let fewer = [(0, 1), (2, 3), (3, 4)];
    for friends in [FriendVectors::ItemSpace, FriendVectors::Embedding] {
        let config = GraphRecConfig { friends, ..small() };
        assert_eq!(changed(&scores(&config, &chain(&CHAIN)), &scores(&config, &chain(&fewer))), [1], "{friends:?}");
    }
    let alone = GraphRecConfig { social: false, ..small() };
    assert!(changed(&scores(&alone, &chain(&CHAIN)), &scores(&alone, &chain(&fewer))).is_empty());
}

/// A rating of a friend reaches the truster by two hops alone, and nobody two ties away.
#[test]
fn what_a_friend_rated_reaches_who_trusts_by_two_hops() {
    // Item 3 is user 3's alone; a second item, which nobody else has, for user 2.
    let with = |extra: bool| {
        let mut rated = vec![(0, 0, 1.0), (1, 0, 2.0), (2, 1, 3.0), (3, 3, 1.0)];
        rated.extend(extra.then_some((2, 2, 1.0)));
        world(6, 5, &rated, &CHAIN)
    };
    let pairs = |config: &GraphRecConfig| -> Vec<usize> {
        let (before, after) = (scores(config, &with(false)), scores(config, &with(true)));
        // The new rater is another `z` for item 2, which everybody's score of it shows: that column apart.
        let without = |rows: Vec<Vec<u32>>| -> Vec<Vec<u32>> {
            rows.into_iter().map(|row| [&row[..2], &row[3..]].concat()).collect()
        };
        changed(&without(before), &without(after))
    };
    assert_eq!(pairs(&small()), [1, 2]);
    assert_eq!(pairs(&GraphRecConfig { friends: FriendVectors::Embedding, ..small() }), [2]);
}

/// `h_S` of the truster, not of the trustee.
#[test]
fn ties_go_from_truster_to_trustee() {
    let config = small();
    let none = scores(&config, &chain(&[]));
    assert_eq!(changed(&none, &scores(&config, &chain(&[(4, 5)]))), [4]);
    assert_eq!(changed(&none, &scores(&config, &chain(&[(5, 4)]))), [5]);
}

/// A rating of item 4 by user 2 changes the row of user 2 and the column of item 4, and nothing else.
#[test]
fn a_rating_is_of_a_user_and_an_item() {
    let rated = [(0, 0, 1.0), (0, 4, 3.0), (1, 0, 2.0), (2, 1, 3.0), (3, 3, 1.0), (3, 1, 2.0)];
    let with = |more: &[(u32, u32, f32)]| {
        let config = GraphRecConfig { social: false, ..small() };
        scores(&config, &world(4, 5, &[&rated, more].concat(), &[]))
    };
    let (before, after) = (with(&[]), with(&[(2, 4, 2.0)]));
    let changed = |user: usize, item: usize| before[user][item] != after[user][item];
    for (user, item) in (0..4).flat_map(|user| (0..5).map(move |item| (user, item))) {
        assert_eq!(changed(user, item), user == 2 || item == 4, "user {user}, item {item}");
    }
}

fn batch(rows: &[(u32, u32, f32)]) -> Batch {
    Batch::Rated(RatedBatch {
        users: rows.iter().map(|row| UserId(row.0)).collect(),
        items: rows.iter().map(|row| ItemId(row.1)).collect(),
        ratings: rows.iter().map(|row| row.2).collect(),
    })
}

fn loss(model: &GraphRec, rows: &[(u32, u32, f32)], index: u64) -> f32 {
    model.loss(&batch(rows), Step { seed: 1, index }).into_scalar()
}

/// Nobody has a rating but user 0 of item 0, nobody a friend: zeros everywhere, never NaN; one row and repeated
/// rows too.
#[test]
fn whoever_has_nobody_has_zeros() {
    let model = small().init(&world(3, 2, &[(0, 0, 4.0)], &[]), 1, &conformance::device().autodiff()).unwrap();
    for rows in [&[(2, 1, 3.0)][..], &[(0, 0, 4.0), (2, 1, 3.0), (2, 1, 3.0)]] {
        assert!(loss(&model, rows, 0).is_finite());
    }
    // Users 1 and 2 have embeddings of their own, and yet neither ratings nor friends.
    let scores = conformance::all_scores(&*model.scorer());
    assert!(scores.iter().all(|score| score.is_finite()));
    assert_eq!(scores[2..4], scores[4..6]);
    assert_ne!(scores[0..2], scores[2..4]);
}

#[test]
fn dropout_and_caps_are_keyed_by_the_step() {
    let world = conformance::rated_world();
    let rows = [(0, 2, 3.0), (1, 3, 2.0), (4, 6, 1.0), (7, 9, 5.0)];
    let losses = |config: GraphRecConfig| {
        let model = config.init(&world, 1, &conformance::device().autodiff()).unwrap();
        [0, 0, 1].map(|index| loss(&model, &rows, index))
    };
    let [first, again, other] = losses(GraphRecConfig { dropout: 0.0, ..small() });
    assert!(first == again && first == other, "nothing is random");
    for config in [
        GraphRecConfig { dropout: 0.3, ..small() },
        GraphRecConfig { dropout: 0.0, max_neighbours: Some(1), ..small() },
    ] {
        let [first, again, other] = losses(config);
        assert!(first == again && first != other);
    }
    // A cap that nobody reaches caps nothing.
    let whole = losses(GraphRecConfig { dropout: 0.0, ..small() });
    assert_eq!(whole, losses(GraphRecConfig { dropout: 0.0, max_neighbours: Some(40), ..small() }));
}

/// Hidden, ratings are predicted as by a model of the same parameters whose world never had them, by friends as well.
#[test]
fn a_hidden_rating_is_not_there() {
    let rated: Vec<(u32, u32, f32)> = (0u8..6)
        .flat_map(|user| [0, 2, 3].map(|step| (user, (user + step) % 6)))
        .map(|(user, item)| (user.into(), item.into(), f32::from(1 + (user * 3 + item) % 4)))
        .collect();
    let ties = [(0, 1), (3, 2), (2, 0)];
    let (asked, others): (Vec<_>, Vec<_>) = rated.iter().partition(|row| matches!(row, (2, 4, _) | (0, 2, _)));
    assert_eq!(asked.len(), 2);
    let cost = |hide_batch, rated: &[(u32, u32, f32)]| {
        let config = GraphRecConfig { hide_batch, dropout: 0.0, ..small() };
        loss(&config.init(&world(6, 6, rated, &ties), 1, &conformance::device().autodiff()).unwrap(), &asked, 0)
    };
    let (shown, hidden, absent) = (cost(false, &rated), cost(true, &rated), cost(false, &others));
    assert!((hidden - absent).abs() < 1e-6 * absent, "{hidden} {absent}");
    assert!((hidden - shown).abs() > 1e-3 * shown, "{hidden} {shown}");
}

/// A row of a batch costs its own neighbourhood: what it computes does not depend on the others but through the
/// normalisation, which a batch of the same row twice and once shows by hand.
#[test]
fn the_loss_is_half_the_mean_square() {
    let world = conformance::rated_world();
    let config = GraphRecConfig { dropout: 0.0, ..small() };
    let model = config.init(&world, 1, &conformance::device().autodiff()).unwrap();
    // Equal rows are normalised to β = 0, so that all ratings are the bias, 0.
    assert!((loss(&model, &[(0, 2, 3.0)], 0) - 4.5).abs() < 1e-5);
    assert!((loss(&model, &[(0, 2, 3.0), (0, 2, 1.0)], 0) - (9.0 + 1.0) / 4.0).abs() < 1e-3);
}

#[test]
fn says_what_is_missing() {
    let device = Device::flex();
    let error = |world: &World| GraphRecConfig::default().init(world, 0, &device).unwrap_err();
    let missing = |needs| ModelError::Missing { model: "graphrec", needs };
    assert_eq!(error(&conformance::world()), missing("ratings"));
    let rated = World::new(conformance::rated_world().interactions().clone());
    assert_eq!(error(&rated), missing("a social graph"));
    let config = GraphRecConfig { social: false, ..small() };
    assert!(config.init(&rated, 0, &device).is_ok());
}

#[test]
fn refuses_what_is_out_of_range() {
    for (config, field) in [
        (GraphRecConfig { embedding_dim: 0, ..small() }, "embedding_dim"),
        (GraphRecConfig { dropout: 1.0, ..small() }, "dropout"),
        (GraphRecConfig { dropout: f64::NAN, ..small() }, "dropout"),
        (GraphRecConfig { init_std: 0.0, ..small() }, "init_std"),
        (GraphRecConfig { max_neighbours: Some(0), ..small() }, "max_neighbours"),
    ] {
        assert!(config.validate().unwrap_err().to_string().starts_with(&format!("graphrec: {field} is")));
    }
    assert!(serde_json::from_str::<GraphRecConfig>(r#"{"layers": 3}"#).is_err());
    let parsed: GraphRecConfig = serde_json::from_str(r#"{"friends": "embedding"}"#).unwrap();
    assert_eq!(parsed, GraphRecConfig::embedding_shortcut());
    assert_eq!(serde_json::from_str::<GraphRecConfig>("{}").unwrap(), GraphRecConfig::default());
}
