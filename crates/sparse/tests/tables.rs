//! Steps of optimisers: kernels and Burn operations against the plain loops, and what they promise beyond
//! the numbers: the same bits on any number of threads, in place, and rows that are not named.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::cast_possible_truncation, reason = "tables of tests are small")]
#![expect(clippy::float_cmp, reason = "the bits are what is compared")]

use burn::backend::Flex;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_sparse::kernels::tables::{self, Adam, Gradient, RmsProp, reference};
use gnnrec_sparse::{Rows, tables as ops};
use ops::TableGradient;
use proptest::prelude::*;

const WIDTHS: [usize; 5] = [1, 3, 8, 17, 64];
const ADAMW: Adam = Adam { learning_rate: 0.05, beta_1: 0.8, beta_2: 0.95, epsilon: 1e-3, weight_decay: 0.1 };
const RATE: f32 = 0.05;
const EPSILON: f32 = 1e-3;
const RMS_PROP: RmsProp = RmsProp { learning_rate: 0.1, decay: 0.9, epsilon: 1e-3 };

/// Numbers in -1 .. 1 that repeat only after a long while.
fn numbers(len: usize, salt: u32) -> Vec<f32> {
    (0..len).map(|n| ((n as f32 + 1.0) * 12.9898 + salt as f32 * 78.233).sin()).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(*found) - expected).abs() <= 1e-6 * (1.0 + expected.abs()), "{n}: {found} {expected}");
    }
}

/// Some rows of a table of `num_rows`, distinct and ascending.
fn some_rows(num_rows: usize, salt: u32) -> Vec<u32> {
    let chosen = numbers(num_rows, salt);
    (0..num_rows as u32).filter(|&row| chosen[row as usize] > 0.3).collect()
}

/// A table with its moments or squares after some steps of each optimiser, by name.
fn after_steps(num_rows: usize, width: usize, rows_of: &dyn Fn(u32) -> Option<Vec<u32>>) -> Vec<(String, Vec<f32>)> {
    let mut out = Vec::new();
    let zeros = vec![0f32; num_rows * width];
    let start = numbers(num_rows * width, 1);
    for name in ["adam", "lazy", "sgd", "adagrad", "rmsprop"] {
        let (mut x, mut m, mut v, mut squares) = (start.clone(), zeros.clone(), zeros.clone(), vec![0f32; num_rows]);
        let mut last = vec![0f32; num_rows];
        let (mut rx, mut rm, mut rv, mut rs) = (wide(&x), wide(&m), wide(&v), wide(&squares));
        for step in 1..=4u32 {
            let rows = rows_of(step);
            let len = rows.as_ref().map_or(num_rows, Vec::len) * width;
            let values = numbers(len, 10 + step);
            let gradient = Gradient { rows: rows.as_deref(), values: &values, width };
            let (factors, constants) = (ADAMW.factors(step.into()), (ADAMW, step.cast_signed()));
            match name {
                "adam" => {
                    tables::adam(&mut x, gradient, &mut m, &mut v, factors);
                    reference::adam(&mut rx, gradient, (&mut rm, &mut rv), constants, false);
                }
                "lazy" => {
                    tables::lazy_adam(&mut x, gradient, &mut m, &mut v, factors);
                    reference::adam(&mut rx, gradient, (&mut rm, &mut rv), constants, true);
                }
                "sgd" => {
                    tables::sgd(&mut x, gradient, RATE);
                    reference::sgd(&mut rx, gradient, RATE.into());
                }
                "rmsprop" => {
                    tables::rms_prop(&mut x, gradient, &mut v, &mut last, RMS_PROP, step);
                    reference::rms_prop(&mut rx, gradient, &mut rv, RMS_PROP);
                }
                _ => {
                    tables::row_adagrad(&mut x, gradient, &mut squares, RATE, EPSILON);
                    reference::row_adagrad(&mut rx, gradient, &mut rs, RATE.into(), EPSILON.into());
                }
            }
        }
        if name == "rmsprop" {
            // What rows missed while they were not named.
            tables::rms_prop(&mut x, Gradient { rows: None, values: &zeros, width }, &mut v, &mut last, RMS_PROP, 5);
            reference::rms_prop(&mut rx, Gradient { rows: None, values: &zeros, width }, &mut rv, RMS_PROP);
            assert!(last.iter().all(|step| step.to_bits() == 5));
        }
        for (part, found, expected) in [("x", x, rx), ("m", m, rm), ("v", v, rv), ("s", squares, rs)] {
            assert_close(&found, &expected);
            out.push((format!("{name} {part}"), found));
        }
    }
    out
}

proptest! {
    #[test]
    fn kernels_equal_the_plain_loops(num_rows in 1usize..300, width in prop::sample::select(&WIDTHS), salt in 0u32..99) {
        after_steps(num_rows, width, &|_| None);
        after_steps(num_rows, width, &|step| Some(some_rows(num_rows, salt + step)));
    }

    #[test]
    fn rows_are_summed_in_the_order_of_the_lookup(
        indices in prop::collection::vec(0u32..40, 0..300),
        width in prop::sample::select(&WIDTHS),
    ) {
        let x = numbers(indices.len() * width, 3);
        let (rows, sums) = tables::coalesce_rows(&indices, &x, width);
        let (expected_rows, expected) = reference::coalesce_rows(&indices, &wide(&x), width);
        prop_assert_eq!(&rows, &expected_rows);
        for (found, expected) in sums.iter().zip(&expected) {
            prop_assert!((f64::from(*found) - expected).abs() <= 1e-5);
        }
        let x = Tensor::from_data(TensorData::new(x, [indices.len(), width]), &Device::flex());
        let (op_rows, op_sums) = ops::coalesce_rows(&indices, x);
        prop_assert_eq!(&*op_rows, &rows[..]);
        prop_assert_eq!(op_sums.dims(), [rows.len(), width]);
        prop_assert_eq!(op_sums.into_data().try_to_vec::<f32>().unwrap(), sums);
    }
}

#[test]
fn corner_sizes() {
    for (num_rows, width) in [(1, 1), (1, 20_000), (20_000, 1), (129, 64), (5, 8192)] {
        let last = u32::try_from(num_rows - 1).unwrap();
        after_steps(num_rows, width, &|_| None);
        after_steps(num_rows, width, &|_| Some(vec![]));
        after_steps(num_rows, width, &|_| Some(vec![last]));
        after_steps(num_rows, width, &|_| Some((0..=last).collect()));
    }
    tables::sgd(&mut [], Gradient::dense(&[], 3), 1.0);
}

/// Two steps of Adam with a rate of 0.1 on one number, gradients 2 and then -1.
#[test]
fn adam_by_hand() {
    let constants = Adam { learning_rate: 0.1, ..Adam::default() };
    let (mut x, mut m, mut v) = ([1f32], [0f32], [0f32]);
    // m = 0.2, v = 0.004; both corrected are 2 and 4, the step is 0.1 whatever the gradient.
    tables::adam(&mut x, Gradient::dense(&[2.0], 1), &mut m, &mut v, constants.factors(1));
    assert_close(&[x[0], m[0], v[0]], &[0.9, 0.2, 0.004]);
    // m = 0.18 - 0.1 = 0.08 over 0.19; v = 0.003996 + 0.001 = 0.004996 over 0.001999.
    tables::adam(&mut x, Gradient::dense(&[-1.0], 1), &mut m, &mut v, constants.factors(2));
    let expected = 0.9 - 0.1 * (0.08 / 0.19) / (0.004996f64 / 0.001999).sqrt();
    assert_close(&[x[0], m[0], v[0]], &[expected, 0.08, 0.004996]);
    // AdamW: a decay of a tenth of 0.5 comes first, and the moments know nothing of it.
    let (mut x, mut m, mut v) = ([0.5f32], [0f32], [0f32]);
    let decaying = Adam { weight_decay: 1.0, ..constants };
    tables::adam(&mut x, Gradient::dense(&[2.0], 1), &mut m, &mut v, decaying.factors(1));
    assert_close(&[x[0], m[0], v[0]], &[0.45 - 0.1, 0.2, 0.004]);
}

/// Two rows of two; the second row alone has a gradient, (3, 1) of mean square 5 and then (0, 2) of 2.
#[test]
fn row_adagrad_by_hand() {
    let (mut x, mut squares) = ([1f32, 2.0, 3.0, 4.0], [0f32, 4.0]);
    tables::row_adagrad(&mut x, Gradient::of_rows(&[1], &[3.0, 1.0], 2), &mut squares, 0.3, 0.0);
    assert_close(&x, &[1.0, 2.0, 3.0 - 0.3, 4.0 - 0.1]);
    assert_eq!(squares, [0.0, 9.0]);
    tables::row_adagrad(&mut x, Gradient::of_rows(&[1], &[0.0, 2.0], 2), &mut squares, 0.3, 0.5);
    assert_close(&x, &[1.0, 2.0, 2.7, 3.9 - 0.6 / (11f64.sqrt() + 0.5)]);
}

/// One row of two, named in the first and third step.
#[test]
fn rms_prop_by_hand() {
    let constants = RmsProp { learning_rate: 0.3, decay: 0.5, epsilon: 0.25 };
    let (mut x, mut squares, mut last) = ([1f32, 2.0, 3.0, 4.0], [0f32; 4], [0f32; 2]);
    let mut step = |gradient: [f32; 2], step| {
        let gradient = Gradient::of_rows(&[1], &gradient, 2);
        tables::rms_prop(&mut x, gradient, &mut squares, &mut last, constants, step);
        (x, squares)
    };
    // v = .5 g² = 2 and 8; x = 3 - .3 · 2 / (√2 + .25).
    let (x, squares) = step([2.0, 4.0], 1);
    assert_close(&x, &[1.0, 2.0, 3.0 - 0.6 / (2f64.sqrt() + 0.25), 4.0 - 1.2 / (8f64.sqrt() + 0.25)]);
    assert_eq!(squares, [0.0, 0.0, 2.0, 8.0]);
    // Two decays later v = 2 / 4 + .5 · 1 = 1, and 8 / 4 = 2 without a gradient.
    let (later, squares) = step([1.0, 0.0], 3);
    assert_close(&later[2..], &[f64::from(x[2]) - 0.3 / 1.25, f64::from(x[3])]);
    assert_eq!(squares, [0.0, 0.0, 1.0, 2.0]);
}

#[test]
fn a_gradient_of_rows_is_the_dense_one_to_the_last_bit() {
    let (num_rows, width) = (1000, 17);
    let rows = some_rows(num_rows, 4);
    let values = numbers(rows.len() * width, 5);
    let mut spread = vec![0f32; num_rows * width];
    for (&row, values) in rows.iter().zip(values.chunks(width)) {
        spread[row as usize * width..][..width].copy_from_slice(values);
    }
    let of = |gradient: Gradient<'_>| {
        let (mut x, mut m, mut v) =
            (numbers(num_rows * width, 1), numbers(num_rows * width, 2), numbers(num_rows * width, 3));
        v.iter_mut().for_each(|v| *v = v.abs());
        tables::adam(&mut x, gradient, &mut m, &mut v, ADAMW.factors(3));
        tables::sgd(&mut x, gradient, RATE);
        [x, m, v]
    };
    assert_eq!(of(Gradient::of_rows(&rows, &values, width)), of(Gradient::dense(&spread, width)));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (num_rows, width) = (3000, 17);
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let indices: Vec<u32> = (0..2000u32).map(|n| n * n % 977).collect();
            (
                after_steps(num_rows, width, &|_| None),
                after_steps(num_rows, width, &|step| Some(some_rows(num_rows, step))),
                tables::coalesce_rows(&indices, &numbers(2000 * width, 8), width),
            )
        })
    };
    let alone = of(1);
    assert!(alone == of(2) && alone == of(3));
}

#[test]
fn rows_that_are_not_named_stay() {
    let (mut x, mut m, mut v) = (numbers(12, 1), numbers(12, 2), vec![0.5f32; 12]);
    let before = (x.clone(), m.clone(), v.clone());
    let gradient = Gradient::of_rows(&[1, 3], &[1.0; 6], 3);
    tables::lazy_adam(&mut x, gradient, &mut m, &mut v, ADAMW.factors(7));
    for row in 0..4 {
        let range = row * 3..row * 3 + 3;
        assert_eq!(x[range.clone()] == before.0[range.clone()], row % 2 == 0, "row {row}");
        assert_eq!(m[range.clone()] == before.1[range.clone()], row % 2 == 0, "row {row}");
        assert_eq!(v[range.clone()] == before.2[range], row % 2 == 0, "row {row}");
    }
}

#[test]
fn refuses_rows_that_are_not_distinct_ascending_and_in_range() {
    for (rows, what) in [(&[1, 1][..], "ascending"), (&[2, 1], "ascending"), (&[1, 4], "within"), (&[1], "one row")] {
        let result = std::panic::catch_unwind(|| {
            tables::sgd(&mut [0.0; 12], Gradient::of_rows(rows, &[1.0; 6], 3), 0.1);
        });
        let message = *result
            .unwrap_err()
            .downcast::<String>()
            .unwrap_or_else(|other| Box::new((*other.downcast::<&str>().unwrap()).to_owned()));
        assert!(message.contains(what), "{rows:?}: {message}");
    }
    assert!(std::panic::catch_unwind(|| tables::sgd(&mut [0.0; 12], Gradient::dense(&[1.0; 6], 3), 0.1)).is_err());
}

fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
}

fn flat<const D: usize>(x: &Tensor<D>) -> Vec<f32> {
    x.clone().into_data().try_to_vec().unwrap()
}

fn address<const D: usize>(x: &Tensor<D>) -> *const u8 {
    x.clone().try_into_primitive::<Flex>().unwrap().bytes().as_ptr()
}

/// The operations give the kernels' bits for parameters of every rank.
#[test]
fn operations_equal_the_kernels() {
    let (len, rows) = (5 * 6, vec![0u32, 3, 4]);
    let (x, m, v) = (numbers(len, 1), numbers(len, 2), vec![0.5f32; len]);
    let (dense, sparse) = (numbers(len, 3), numbers(3 * 6, 4));
    let factors = ADAMW.factors(2);
    for lazy in [false, true] {
        for by_rows in [false, true] {
            let gradient = if by_rows { Gradient::of_rows(&rows, &sparse, 6) } else { Gradient::dense(&dense, 6) };
            let table_gradient = || match by_rows {
                true => TableGradient::Rows { rows: Rows::from(&rows[..]), values: tensor(&sparse, [3, 6]) },
                false => TableGradient::Dense(tensor(&dense, [5, 2, 3])),
            };
            let mut expected = [x.clone(), m.clone(), v.clone()];
            let [ex, em, ev] = &mut expected;
            (if lazy { tables::lazy_adam } else { tables::adam })(ex, gradient, em, ev, factors);
            let step = if lazy { ops::lazy_adam } else { ops::adam };
            let (found, fm, fv) =
                step(tensor(&x, [5, 2, 3]), table_gradient(), tensor(&m, [len]), tensor(&v, [len]), factors);
            assert_eq!(found.dims(), [5, 2, 3]);
            assert_eq!([flat(&found), flat(&fm), flat(&fv)], expected);

            let mut expected = x.clone();
            tables::sgd(&mut expected, gradient, RATE);
            assert_eq!(flat(&ops::sgd(tensor(&x, [5, 2, 3]), table_gradient(), RATE)), expected);

            let (mut expected, mut squares) = (x.clone(), numbers(5, 7).iter().map(|s| s.abs()).collect::<Vec<_>>());
            let before = tensor(&squares, [5]);
            tables::row_adagrad(&mut expected, gradient, &mut squares, RATE, EPSILON);
            let (found, fs) = ops::row_adagrad(tensor(&x, [5, 2, 3]), table_gradient(), before, RATE, EPSILON);
            assert_eq!((flat(&found), flat(&fs)), (expected, squares));
        }
    }
    // Rank one: every value is a row of its own.
    let (mut x, mut squares) = ([1f32, 2.0], [0f32; 2]);
    tables::row_adagrad(&mut x, Gradient::dense(&[1.0, 2.0], 1), &mut squares, RATE, EPSILON);
    let gradient = TableGradient::Dense(tensor(&[1.0, 2.0], [2]));
    let (found, _) = ops::row_adagrad(tensor(&[1.0, 2.0], [2]), gradient, tensor(&[0.0; 2], [2]), RATE, EPSILON);
    assert_eq!(flat(&found), x);
    // No rows at all.
    let none = || tensor(&[], [0, 3]);
    assert_eq!(ops::sgd(none(), TableGradient::Dense(none()), RATE).dims(), [0, 3]);
}

#[test]
fn a_step_is_in_place_unless_somebody_else_looks() {
    let factors = Adam::default().factors(1);
    let step = |x: Tensor<2>, m: Tensor<1>, v: Tensor<1>| {
        ops::adam(x, TableGradient::Dense(tensor(&[1.0; 6], [2, 3])), m, v, factors)
    };
    let (x, m, v) = (tensor(&[1.0; 6], [2, 3]), tensor(&[0.0; 6], [6]), tensor(&[0.0; 6], [6]));
    let before = (address(&x), address(&m), address(&v));
    let (x, m, v) = step(x, m, v);
    assert_eq!((address(&x), address(&m), address(&v)), before);

    // A second owner keeps what it saw.
    let seen = x.clone();
    let values = flat(&seen);
    let (moved, ..) = step(x, m, v);
    assert_ne!(address(&moved), address(&seen));
    assert_eq!(flat(&seen), values);
    assert_ne!(flat(&moved), values);

    // A view is not its storage: neither the rest of the table nor another order may be touched.
    let table = tensor(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], [3, 3]);
    let gradient = || TableGradient::Dense(tensor(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]));
    let found = ops::sgd(table.clone().narrow(0, 1, 2), gradient(), 1.0);
    assert_eq!(flat(&found), [3.0; 6]);
    let found = ops::sgd(table.clone().narrow(0, 0, 2), gradient(), 1.0);
    assert_eq!(flat(&found), [0.0; 6]);
    let found = ops::sgd(table.transpose().narrow(0, 0, 2), gradient(), 1.0);
    assert_eq!(flat(&found), [0.0, 2.0, 4.0, -2.0, 0.0, 2.0]);
}
