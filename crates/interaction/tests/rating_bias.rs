//! Biases of users and items: what every closed form must hold, a case by hand, and the normal equations.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gnnrec_graph::{Csr, Duplicates, InteractionGraph, World};
use gnnrec_interaction::RatingBiasConfig;
use gnnrec_model::{ClosedForm, conformance};

fn world(num_users: usize, num_items: usize, ratings: &[(u32, u32, f32)]) -> World {
    let by_user = Csr::from_weighted_edges(num_users, num_items, ratings, Duplicates::Error).unwrap();
    World::new(InteractionGraph::new(by_user))
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    let close = found.iter().zip(expected).all(|(&a, b)| (f64::from(a) - b).abs() < 2e-6);
    assert!(close, "{found:?} {expected:?}");
}

#[test]
fn conforms() {
    for num_rounds in [1, 100] {
        let config = RatingBiasConfig { user_l2: 1.0, item_l2: 0.5, num_rounds };
        conformance::check_closed_form_ratings(&config, &conformance::rated_world());
    }
}

/// User 0 rates item 0 with 5 and item 1 with 3, user 1 item 0 with 4; item 2 and user 2 have nothing.
#[test]
fn scores_by_hand() {
    let world = world(3, 4, &[(0, 0, 5.0), (0, 1, 3.0), (1, 0, 4.0)]);
    let scores = |config: RatingBiasConfig| conformance::all_scores(&*config.fit(&world, 0).unwrap());
    let rows = |users: [f64; 3], items: [f64; 4]| users.map(|user| items.map(|item| 4.0 + user + item)).concat();
    assert_close(&scores(RatingBiasConfig::global_mean()), &[4.0; 12]);
    // Sums 1 + 0 and -1 over 2 + 2 and 2 + 1; then 1 - 1/4 - 1 + 1/3 over 1 + 2 and -1/4 over 1 + 1.
    let (items, users) = ([0.25, -1.0 / 3.0, 0.0, 0.0], [1.0 / 36.0, -0.125, 0.0]);
    let config = |num_rounds| RatingBiasConfig { user_l2: 1.0, item_l2: 2.0, num_rounds };
    assert_close(&scores(config(1)), &rows(users, items));
    let items = [(1.0 - users[0] - users[1]) / 4.0, (-1.0 - users[0]) / 3.0, 0.0, 0.0];
    let users = [(-items[0] - items[1]) / 3.0, -items[0] / 2.0, 0.0];
    assert_close(&scores(config(2)), &rows(users, items));
}

/// The minimum of the penalised squares solves `(A^T A + L) b = A^T (r - μ)`, here by elimination.
#[test]
fn rounds_end_at_the_normal_equations() {
    let world = conformance::rated_world();
    let by_user = world.interactions().by_user();
    let (num_users, num_items) = (by_user.num_rows(), by_user.num_cols());
    let (user_l2, item_l2, size) = (0.7, 1.9, num_users + num_items);
    let ratings: Vec<f64> = by_user.weights().unwrap().iter().map(|&rating| f64::from(rating)).collect();
    let mean = ratings.iter().sum::<f64>() / ratings.len() as f64;
    let mut rows = vec![vec![0.0; size + 1]; size];
    for (node, row) in rows.iter_mut().enumerate() {
        row[node] = if node < num_users { user_l2 } else { item_l2 };
    }
    for ((user, item), rating) in by_user.edges().zip(&ratings) {
        let nodes = [user as usize, num_users + item as usize];
        for node in nodes {
            nodes.iter().for_each(|&other| rows[node][other] += 1.0);
            rows[node][size] += rating - mean;
        }
    }
    // Positive definite: no pivoting.
    for pivot in 0..size {
        let of_pivot: Vec<f64> = rows[pivot].iter().map(|value| value / rows[pivot][pivot]).collect();
        for (_, row) in rows.iter_mut().enumerate().filter(|(row, _)| *row != pivot) {
            let factor = row[pivot];
            row.iter_mut().zip(&of_pivot).for_each(|(value, of_pivot)| *value -= factor * of_pivot);
        }
        rows[pivot] = of_pivot;
    }
    let bias = |node: usize| rows[node][size];
    let expected: Vec<f64> = (0..num_users)
        .flat_map(|user| (0..num_items).map(move |item| (user, num_users + item)))
        .map(|(user, item)| mean + bias(user) + bias(item))
        .collect();
    let config = RatingBiasConfig { user_l2, item_l2, num_rounds: 1000 };
    assert_close(&conformance::all_scores(&*config.fit(&world, 0).unwrap()), &expected);
}

#[test]
fn says_what_is_missing() {
    let error = RatingBiasConfig::default().fit(&conformance::world(), 0).err().unwrap().to_string();
    assert!(error.starts_with("rating-bias needs a rating for each interaction"), "{error}");
    for (config, field) in [
        (RatingBiasConfig { user_l2: -1.0, ..Default::default() }, "user_l2"),
        (RatingBiasConfig { item_l2: f64::NAN, ..Default::default() }, "item_l2"),
    ] {
        assert!(config.validate().unwrap_err().to_string().contains(field));
        assert!(config.fit(&conformance::rated_world(), 0).is_err());
    }
    assert!(serde_json::from_str::<RatingBiasConfig>(r#"{"rounds": 3}"#).is_err());
    assert_eq!(serde_json::from_str::<RatingBiasConfig>("{}").unwrap(), RatingBiasConfig::default());
    assert_eq!((RatingBiasConfig::netflix().num_rounds, RatingBiasConfig::global_mean().num_rounds), (1, 0));
}
