//! What every model that is solved for must hold, as one call from its test.

use gnnrec_graph::World;

use super::{all_scores, assert_renamed, bits, permutation, renamed};
use crate::ClosedForm;

/// Runs every check of a closed-form model on a small world such as [`world`](super::world), which has a
/// user and an item without interactions.
///
/// The seed may not change what is ranked, so scores from two seeds and under other names agree to
/// `1e-4`; from one seed they are the same bits. A configuration that cuts between equals (the last of
/// several neighbours with one similarity) cannot pass.
///
/// # Panics
/// If the model violates one of the checks.
pub fn check_closed_form(config: &(impl ClosedForm + Sync), world: &World) {
    let (inside, outside) = means(&solved_scores(config, world), world);
    assert!(inside > outside, "interactions score {inside}, the rest {outside}");
}

/// The same for a model that predicts ratings, on a world with ratings such as [`rated_world`](super::rated_world):
/// instead of ranking interactions first, it must be nearer to the training ratings than their mean is.
///
/// # Panics
/// If the model violates one of the checks.
pub fn check_closed_form_ratings(config: &(impl ClosedForm + Sync), world: &World) {
    let scores = solved_scores(config, world);
    let by_user = world.interactions().by_user();
    let ratings = by_user.weights().expect("the world has ratings");
    let squares = |predicted: &dyn Fn((u32, u32)) -> f32| {
        let errors = by_user.edges().zip(ratings).map(|(edge, rating)| f64::from(predicted(edge) - rating));
        errors.map(|error| error * error).sum::<f64>()
    };
    #[expect(clippy::cast_precision_loss, reason = "the world is small")]
    let mean = ratings.iter().sum::<f32>() / ratings.len() as f32;
    let num_items = world.interactions().num_items();
    let found = squares(&|(user, item)| scores[user as usize * num_items + item as usize]);
    let constant = squares(&|_| mean);
    assert!(found < 0.95 * constant, "squared errors of {found}, of their mean {constant}");
}

/// All scores, after the checks that every model must pass.
fn solved_scores(config: &(impl ClosedForm + Sync), world: &World) -> Vec<f32> {
    let interactions = world.interactions();
    let (num_users, num_items) = (interactions.num_users(), interactions.num_items());
    let scores_of = |world: &World, seed: u64| {
        let scorer = config.fit(world, seed).expect("the world has what the model needs");
        assert_eq!(scorer.num_users(), num_users, "the scorer covers every user");
        assert_eq!(scorer.num_items(), num_items, "the scorer covers every item");
        all_scores(&*scorer)
    };
    let scores_on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool");
        pool.install(|| scores_of(world, 1))
    };
    let expected = scores_on(1);
    assert!(expected.iter().all(|score| score.is_finite()), "a score is not finite");
    assert!(bits(&expected) == bits(&scores_on(3)), "the scores depend on the number of threads or on the run");

    let unchanged = |count: usize| (0..u32::try_from(count).unwrap_or(u32::MAX)).collect::<Vec<_>>();
    assert_renamed(&expected, &scores_of(world, 2), &unchanged(num_users), &unchanged(num_items), 1e-4);
    let (users, items) = (permutation(num_users), permutation(num_items));
    assert_renamed(&expected, &scores_of(&renamed(world, &users, &items), 1), &users, &items, 1e-4);
    expected
}

/// The mean scores of interactions and of all other pairs.
fn means(scores: &[f32], world: &World) -> (f64, f64) {
    let interactions = world.interactions();
    let (num_users, num_items) = (interactions.num_users(), interactions.num_items());
    let mean = |of: &dyn Fn(usize, usize) -> bool| {
        let pairs = (0..num_users).flat_map(|user| (0..num_items).map(move |item| (user, item)));
        let (mut sum, mut count) = (0.0, 0.0);
        for (user, item) in pairs.filter(|&(user, item)| of(user, item)) {
            sum += f64::from(scores[user * num_items + item]);
            count += 1.0;
        }
        sum / count
    };
    let chosen = |user: usize, item: usize| interactions.by_item().row(item).iter().any(|&of| of as usize == user);
    (mean(&chosen), mean(&|user, item| !chosen(user, item)))
}
