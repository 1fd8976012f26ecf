//! The ranking losses against their values in plain `f64` loops: values, gradients by differences of those
//! loops, cases by hand, the ends of the number range, and the same bits on any number of threads.

mod support;

use std::ops::Range;
use std::sync::Arc;

use gnnrec_sparse::Rows;
use gnnrec_sparse::kernels::losses::{Objective, RowLoss, reference, row_loss};
use proptest::prelude::*;

use support::{numbers, wide};

/// Value and gradient of the kernel, over whatever was in the gradient before.
fn value_and_gradient(loss: &RowLoss, x: &[f32], width: usize) -> (f64, Vec<f32>) {
    let mut gradient = vec![f32::NAN; x.len()];
    let value = row_loss(loss, x, width, &mut gradient);
    (value, gradient)
}

/// Every objective, with every option, for a batch of `rows`.
fn objectives(rows: usize, num_negatives: usize) -> Vec<Objective> {
    let ids = Rows::from((0u32..).take(rows).map(|n| n * n % 7).collect::<Vec<u32>>());
    let log_probabilities: Arc<[f32]> = numbers(rows, 11).iter().map(|x| x - 2.0).collect();
    let in_batch = |temperature, cosine, ids: Option<&Rows>, log: Option<&Arc<[f32]>>| Objective::InBatchSoftmax {
        temperature,
        cosine,
        ids: ids.cloned(),
        log_probabilities: log.cloned(),
    };
    vec![
        Objective::Bpr { num_negatives },
        Objective::SampledSoftmax { num_negatives, temperature: 0.5, cosine: false },
        Objective::SampledSoftmax { num_negatives, temperature: 0.2, cosine: true },
        in_batch(1.0, false, None, None),
        in_batch(0.2, true, Some(&ids), None),
        in_batch(0.5, false, Some(&ids), Some(&log_probabilities)),
        in_batch(0.1, true, None, Some(&log_probabilities)),
        Objective::InfoNce { temperature: 0.2 },
        Objective::DirectAu { gamma: 1.5 },
    ]
}

#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance * (1.0 + expected.abs()), "{what}: {found}, expected {expected}");
}

/// The derivative of the plain loops along `direction`.
fn derivative(loss: &RowLoss, x: &[f64], width: usize, direction: &[f64]) -> f64 {
    let step = 1e-5;
    let at = |step: f64| {
        let shifted: Vec<f64> = x.iter().zip(direction).map(|(x, d)| x + step * d).collect();
        reference::row_loss(loss, &shifted, width)
    };
    (at(step) - at(-step)) / (2.0 * step)
}

/// Value and every entry of the gradient.
fn check_entries(loss: &RowLoss, x: &[f32], width: usize) {
    let (value, gradient) = value_and_gradient(loss, x, width);
    let x = wide(x);
    assert_near(value, reference::row_loss(loss, &x, width), 3e-6, &format!("value of {loss:?}"));
    for entry in 0..x.len() {
        let mut direction = vec![0.0; x.len()];
        direction[entry] = 1.0;
        let expected = derivative(loss, &x, width, &direction);
        assert_near(f64::from(gradient[entry]), expected, 1e-5, &format!("entry {entry} of {loss:?}"));
    }
}

/// Value and the gradient along some directions that tell rows, columns and signs apart.
fn check_directions(loss: &RowLoss, x: &[f32], width: usize) {
    let (value, gradient) = value_and_gradient(loss, x, width);
    let x = wide(x);
    assert_near(value, reference::row_loss(loss, &x, width), 3e-6, &format!("value of {loss:?}"));
    for salt in 20..26 {
        let direction = wide(&numbers(x.len(), salt));
        let found: f64 = gradient.iter().zip(&direction).map(|(&g, d)| f64::from(g) * d).sum();
        assert_near(found, derivative(loss, &x, width, &direction), 1e-5, &format!("direction {salt} of {loss:?}"));
    }
}

fn ranges(width: usize) -> impl Strategy<Value = (Range<usize>, Range<usize>)> {
    let scored = (0..width).prop_flat_map(move |start| (Just(start), start + 1..=width));
    let penalised = (0..=width).prop_flat_map(move |start| (Just(start), start..=width));
    (scored, penalised).prop_map(|(scored, penalised)| (scored.0..scored.1, penalised.0..penalised.1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Ranges of columns that lie apart, overlap, are equal or leave columns out.
    #[test]
    fn value_and_gradient_are_those_of_the_plain_loops(
        (width, (scored, penalised)) in (1usize..20).prop_flat_map(|width| (Just(width), ranges(width))),
        rows in 1usize..9,
        num_negatives in 1usize..4,
        l2 in 0f32..0.5,
        salt in 0u32..1000,
    ) {
        for objective in objectives(rows, num_negatives) {
            let loss = RowLoss::new(objective, rows, scored.clone()).penalised(l2, penalised.clone());
            // Lengths away from zero, where directions turn too fast for a difference.
            let mut x = numbers(loss.num_stacked() * width, salt);
            x.chunks_exact_mut(width).for_each(|row| row[scored.start] += 1.5);
            check_entries(&loss, &x, width);
        }
    }
}

/// Sizes that are no multiple of a task, a block of queries, a tile of keys or a vector, and whole ones.
#[test]
fn batches_of_several_tiles() {
    for (rows, scored) in [(301, 0..33), (256, 3..35), (129, 0..1), (128, 1..18), (48, 0..16), (49, 0..64)] {
        let width = scored.end + 5;
        for objective in objectives(rows, 3) {
            let loss = RowLoss::new(objective, rows, scored.clone()).penalised(0.1, scored.end - 1..width);
            check_directions(&loss, &numbers(loss.num_stacked() * width, 1), width);
        }
    }
}

/// `rows` is 2 and every score differs. Users (1,0), (0,2); positives (1,1), (3,1); negatives of the first
/// (2,0), (0,5), of the second (1,-1), (0,0): scores 1; 2, 0 and 2; -2, 0.
#[test]
fn bpr_by_hand() {
    let x = [1., 0., 0., 2., 1., 1., 3., 1., 2., 0., 0., 5., 1., -1., 0., 0.];
    let loss = RowLoss::new(Objective::Bpr { num_negatives: 2 }, 2, 0..2).penalised(0.5, 0..2);
    let (value, gradient) = value_and_gradient(&loss, &x, 2);
    let softplus = |x: f64| x.exp().ln_1p();
    let penalty = 0.5 / 2.0 * f64::from(x.iter().map(|x| x * x).sum::<f32>()) / 2.0;
    let expected = (softplus(1.0) + softplus(-1.0) + softplus(-4.0) + softplus(-2.0)) / 4.0;
    assert_near(value, expected + penalty, 1e-7, "value");
    let logistic = |x: f32| 1.0 / (1.0 + (-x).exp()) / 4.0;
    // The first user: σ(1) (n_1 - p) + σ(-1) (n_2 - p), then l2 / 2 of itself.
    let expected = [logistic(1.0) * (2. - 1.) + logistic(-1.0) * (0. - 1.) + 0.25, logistic(-1.0) * 4. - logistic(1.0)];
    assert!((gradient[0] - expected[0]).abs() < 1e-6 && (gradient[1] - expected[1]).abs() < 1e-6, "{gradient:?}");
    // The last negative: σ(-2) u.
    assert!(gradient[14].abs() < 1e-6 && (gradient[15] - 2.0 * logistic(-2.0)).abs() < 1e-6, "{gradient:?}");
}

/// One row; scores 2 against 0 and 4, temperature 2, so logits 1, 0 and 2.
#[test]
fn sampled_softmax_by_hand() {
    let x = [2., 1., 0., 2.];
    let objective = Objective::SampledSoftmax { num_negatives: 2, temperature: 2.0, cosine: false };
    let (value, gradient) = value_and_gradient(&RowLoss::new(objective, 1, 0..1), &x, 1);
    let total = 1f64.exp() + 1.0 + 2f64.exp();
    assert_near(value, total.ln() - 1.0, 1e-7, "value");
    // dL/dn_2 = P(n_2) u / T; dL/du = (P(p) - 1 + 2 P(n_2)) / T.
    assert_near(f64::from(gradient[3]), 2f64.exp() / total, 1e-6, "second negative");
    assert_near(f64::from(gradient[0]), (1f64.exp() / total - 1.0 + 2.0 * 2f64.exp() / total) / 2.0, 1e-6, "user");
}

/// Three rows of one column: users 1, 2, 0; positives 1, 0, 3. The first and the last positive are one
/// item, so each of the two rows sees its own and the middle one.
#[test]
fn in_batch_softmax_by_hand() {
    let x = [1., 2., 0., 1., 0., 3.];
    let objective = |log_probabilities| Objective::InBatchSoftmax {
        temperature: 1.0,
        cosine: false,
        ids: Some((&[5, 4, 5]).into()),
        log_probabilities,
    };
    let (value, gradient) = value_and_gradient(&RowLoss::new(objective(None), 3, 0..1), &x, 1);
    let e = |x: f64| x.exp();
    // Rows: (1, 0, -), (2, 0, 6), (-, 0, 0), targets on the diagonal.
    let totals = [e(1.0) + 1.0, e(2.0) + 1.0 + e(6.0), 2.0];
    assert_near(value, (totals[0].ln() - 1.0 + totals[1].ln() + totals[2].ln()) / 3.0, 1e-7, "value");
    // The last positive: P_13 u_1 only, its own row having a user of 0.
    assert_near(f64::from(gradient[5]), 2.0 * e(6.0) / totals[1] / 3.0, 1e-6, "last positive");
    // The middle positive with q = 1/2: its score gains ln 2, in its own row too.
    let corrected = objective(Some([0.0, 0.5f32.ln(), 0.0].into()));
    let (value, _) = value_and_gradient(&RowLoss::new(corrected, 3, 0..1), &x, 1);
    let totals = [e(1.0) + 2.0, e(2.0) + 2.0 + e(6.0), 3.0];
    assert_near(value, (totals[0].ln() - 1.0 + totals[1].ln() - 2f64.ln() + totals[2].ln()) / 3.0, 1e-6, "corrected");
}

/// A whole batch of one item, over several tiles: every row sees its own positive alone.
#[test]
fn rows_that_see_no_other_key_cost_nothing() {
    let ids = vec![4; 300].into();
    let objective =
        Objective::InBatchSoftmax { temperature: 1.0, cosine: false, ids: Some(ids), log_probabilities: None };
    let (value, gradient) = value_and_gradient(&RowLoss::new(objective, 300, 0..3), &numbers(600 * 3, 5), 3);
    assert_near(value, 0.0, 1e-9, "value");
    assert!(gradient.iter().all(|g| g.abs() < 1e-8));
}

/// Views (2,0), (0,3) and (1,0), (5,0), temperature 1/2: cosines (1, 1), (0, 0).
#[test]
fn info_nce_by_hand() {
    let x = [2., 0., 0., 3., 1., 0., 5., 0.];
    let (value, gradient) = value_and_gradient(&RowLoss::new(Objective::InfoNce { temperature: 0.5 }, 2, 0..2), &x, 2);
    assert_near(value, 2f64.ln(), 1e-7, "value");
    // The second of the second view, (1,0) for a direction: only what lies across it counts, which is the
    // second user's (0,1), (P_11 - 1) / 2T = -1/2, over its length 5.
    let expected = [0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, -0.1];
    for (found, expected) in gradient.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{gradient:?}");
    }
}

/// Users (1,0), (0,2), positives (0,1), (0,4): distances 2 and 0, the users 2 apart, the positives 0.
#[test]
fn direct_au_by_hand() {
    let x = [1., 0., 0., 2., 0., 1., 0., 4.];
    let (value, gradient) = value_and_gradient(&RowLoss::new(Objective::DirectAu { gamma: 0.5 }, 2, 0..2), &x, 2);
    assert_near(value, 1.0 + 0.25 * -4.0, 1e-7, "value");
    // The first user, direction (1,0): alignment pulls it across by -2 û·p̂ / B = -1, and the other user pushes
    // by gamma / 2 times 4 e / e = 1: nothing is left. The first positive is pulled towards (1,0) by 1.
    let expected = [0.0, 0.0, 0.5, 0.0, -1.0, 0.0, 0.0, 0.0];
    for (found, expected) in gradient.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{gradient:?}");
    }
    let (value, _) = value_and_gradient(&RowLoss::new(Objective::DirectAu { gamma: 9.0 }, 1, 0..2), &x[2..6], 2);
    assert_near(value, 0.0, 1e-7, "one row has no pairs");
}

/// Inner products up to 4e8, temperature 1/2: every exponential of a bare score would overflow.
#[test]
fn large_scores_give_finite_values_and_gradients() {
    for rows in [3, 140] {
        for objective in objectives(rows, 2) {
            let loss = RowLoss::new(objective, rows, 0..4);
            let x: Vec<f32> = numbers(loss.num_stacked() * 4, 4).iter().map(|x| 1e4 * x).collect();
            let (value, gradient) = value_and_gradient(&loss, &x, 4);
            assert_near(value, reference::row_loss(&loss, &wide(&x), 4), 1e-5, &format!("{loss:?}"));
            assert!(value.is_finite(), "{loss:?}");
            assert!(gradient.iter().all(|g| g.is_finite()), "{loss:?}");
        }
    }
}

#[test]
fn a_nan_that_counts_gives_a_nan_and_one_that_does_not_count_does_not() {
    let (rows, width) = (70, 6);
    for objective in objectives(rows, 2) {
        let loss = RowLoss::new(objective, rows, 0..4).penalised(0.1, 3..5);
        for position in [0, 3, 4, 69, 70, 139, 140, 279] {
            for column in 0..width {
                let mut x = numbers(loss.num_stacked() * width, 2);
                let Some(entry) = x.get_mut(position * width + column) else { continue };
                *entry = f32::NAN;
                let (value, _) = value_and_gradient(&loss, &x, width);
                assert_eq!(value.is_nan(), column < 5, "row {position}, column {column} of {loss:?}");
            }
        }
    }
}

/// The square of a length beyond `f32` must not pass for a direction of zero.
#[test]
fn a_length_out_of_range_gives_a_nan() {
    let cosine = |objective: &Objective| match objective {
        Objective::SampledSoftmax { cosine, .. } | Objective::InBatchSoftmax { cosine, .. } => *cosine,
        Objective::InfoNce { .. } | Objective::DirectAu { .. } => true,
        Objective::Bpr { .. } => false,
    };
    for objective in objectives(4, 2).into_iter().filter(cosine) {
        let loss = RowLoss::new(objective, 4, 0..2);
        for long in 0..loss.num_stacked() {
            let mut x = numbers(loss.num_stacked() * 2, 8);
            x[2 * long] = 1e20;
            assert!(value_and_gradient(&loss, &x, 2).0.is_nan(), "row {long} of {loss:?}");
        }
    }
}

/// A row of zeros has no direction, whichever row it is.
#[test]
fn rows_of_zeros() {
    let (rows, width) = (5, 3);
    for objective in objectives(rows, 2) {
        let loss = RowLoss::new(objective, rows, 0..width);
        for zero in 0..loss.num_stacked() {
            let mut x = numbers(loss.num_stacked() * width, 3);
            x[zero * width..][..width].fill(0.0);
            let (value, gradient) = value_and_gradient(&loss, &x, width);
            assert_near(value, reference::row_loss(&loss, &wide(&x), width), 3e-6, &format!("{loss:?}"));
            assert!(gradient.iter().all(|g| g.is_finite()), "{loss:?}");
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (rows, width) = (333, 20);
    for objective in objectives(rows, 3) {
        let loss = RowLoss::new(objective, rows, 0..17).penalised(0.1, 10..20);
        let x = numbers(loss.num_stacked() * width, 6);
        let on = |num_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(num_threads).build().unwrap();
            let (value, gradient) = pool.install(|| value_and_gradient(&loss, &x, width));
            (value.to_bits(), gradient.into_iter().map(f32::to_bits).collect::<Vec<_>>())
        };
        let expected = on(1);
        assert!([2, 3, 7].into_iter().all(|num_threads| on(num_threads) == expected), "{loss:?}");
    }
}

#[test]
#[should_panic(expected = "the stacked rows of a batch of 2")]
fn a_table_of_another_size_panics() {
    value_and_gradient(&RowLoss::new(Objective::Bpr { num_negatives: 1 }, 2, 0..1), &[0.0; 5], 1);
}
