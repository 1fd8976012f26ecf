//! Dense layers over many rows against plain loops in double precision, forward and backward.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_sparse::kernels::reference;
use gnnrec_sparse::{Activation, linear};
use proptest::prelude::*;

use support::{numbers, wide};

#[track_caller]
fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(*found) - expected).abs() <= 2e-5 * (1.0 + expected.abs()), "{n}: {found} {expected}");
    }
}

fn values(x: Tensor<2>) -> Vec<f32> {
    x.into_data().try_to_vec().unwrap()
}

fn leaf(x: &[f32], shape: [usize; 2]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(x.to_vec(), shape), &Device::flex().autodiff()).require_grad()
}

fn check(rows: usize, inputs: usize, outputs: usize, activation: Activation) {
    let [x, weight, bias, seed] =
        [(rows * inputs, 1), (inputs * outputs, 2), (outputs, 3), (rows * outputs, 4)].map(|(n, key)| numbers(n, key));
    let leaves = [leaf(&x, [rows, inputs]), leaf(&weight, [inputs, outputs]), leaf(&bias, [1, outputs])];
    let [tensor, matrix, row] = leaves.clone();
    let y = linear(tensor, matrix, Some(row), activation);
    assert_eq!(y.dims(), [rows, outputs]);
    let act = |z: f64| match activation {
        Activation::Identity => (z, 1.0),
        Activation::LeakyRelu(slope) if z <= 0.0 => (f64::from(slope) * z, f64::from(slope)),
        Activation::LeakyRelu(_) => (z, 1.0),
        Activation::Tanh => (z.tanh(), 1.0 - z.tanh().powi(2)),
    };
    let (expected, gradients) = reference::linear(&wide(&x), &wide(&weight), &wide(&bias), act, &wide(&seed));
    assert_close(&values(y.clone()), &expected);
    if rows == 0 {
        return;
    }
    let grads = (y * leaf(&seed, [rows, outputs]).detach()).sum().backward();
    for (leaf, expected) in leaves.iter().zip(gradients) {
        assert_close(&values(leaf.grad(&grads).unwrap()), &expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn layers_of_any_size(
        rows in prop_oneof![0usize..40, 1000usize..1100],
        inputs in prop::sample::select(&[1usize, 3, 8, 17, 64][..]),
        outputs in prop::sample::select(&[1usize, 2, 16, 19][..]),
        activation in prop::sample::select(&[Activation::Identity, Activation::RELU, Activation::LeakyRelu(0.2), Activation::Tanh][..]),
    ) {
        check(rows, inputs, outputs, activation);
    }
}

#[test]
fn many_blocks_of_rows() {
    check(5000, 16, 12, Activation::RELU);
}

/// Without a bias, and with a weight alone that has a gradient.
#[test]
fn what_is_constant_gets_no_gradient() {
    let x = leaf(&[1.0, 2.0], [1, 2]).detach();
    let weight = leaf(&[3.0, 4.0], [2, 1]);
    let y = linear(x, weight.clone(), None, Activation::Identity);
    assert_eq!(values(y.clone()), [11.0]);
    assert_eq!(values(weight.grad(&y.sum().backward()).unwrap()), [1.0, 2.0]);
}

/// The same bits on one thread and on five.
#[test]
fn threads_do_not_change_a_bit() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (x, weight) = (leaf(&numbers(7000 * 32, 1), [7000, 32]), leaf(&numbers(32 * 24, 2), [32, 24]));
            let y = linear(x.clone(), weight.clone(), None, Activation::LeakyRelu(0.01));
            let grads = y.clone().square().sum().backward();
            let all = [values(y), values(x.grad(&grads).unwrap()), values(weight.grad(&grads).unwrap())].concat();
            all.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
        })
    };
    assert!(run(1) == run(5));
}

#[test]
#[should_panic(expected = "a slope is a finite number of at least 0")]
fn a_negative_slope_is_refused() {
    let _ = linear(leaf(&[1.0], [1, 1]), leaf(&[1.0], [1, 1]), None, Activation::LeakyRelu(-1.0));
}
