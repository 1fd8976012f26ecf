//! Grouped products against plain loops, forward and backward, for any split of the rows into groups.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_sparse::grouped_linear;
use gnnrec_sparse::kernels::reference;
use proptest::prelude::*;

use support::{numbers, wide};

#[track_caller]
fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(*found) - expected).abs() <= 2e-5 * (1.0 + expected.abs()), "{n}: {found} {expected}");
    }
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_to_vec().unwrap()
}

fn leaf<const D: usize>(x: &[f32], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(x.to_vec(), shape), &Device::flex().autodiff()).require_grad()
}

fn check(sizes: &[usize], inputs: usize, outputs: usize) {
    let mut bounds = vec![0];
    sizes.iter().for_each(|size| bounds.push(bounds[bounds.len() - 1] + size));
    let (groups, rows) = (sizes.len(), bounds[sizes.len()]);
    let (x, weights) = (numbers(rows * inputs, 1), numbers(groups * inputs * outputs, 2));
    let seed = numbers(rows * outputs, 3);
    let (tensor, matrices) = (leaf(&x, [rows, inputs]), leaf(&weights, [groups, inputs, outputs]));
    let y = grouped_linear(&bounds, tensor.clone(), matrices.clone());
    assert_eq!(y.dims(), [rows, outputs]);
    assert_close(&values(y.clone()), &reference::grouped_linear(&wide(&x), &wide(&weights), &bounds, inputs, outputs));
    if rows == 0 {
        return;
    }
    let grads = (y * leaf(&seed, [rows, outputs]).detach()).sum().backward();
    let (dx, dweights) =
        reference::grouped_linear_gradients(&wide(&x), &wide(&weights), &wide(&seed), &bounds, inputs, outputs);
    assert_close(&values(tensor.grad(&grads).unwrap()), &dx);
    assert_close(&values(matrices.grad(&grads).unwrap()), &dweights);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn groups_of_any_size(
        sizes in prop::collection::vec(prop_oneof![Just(0usize), 1usize..4, 30usize..90], 1..8),
        inputs in prop::sample::select(&[1usize, 3, 8, 17][..]),
        outputs in prop::sample::select(&[1usize, 2, 16, 19][..]),
    ) {
        check(&sizes, inputs, outputs);
    }
}

#[test]
fn a_hub_and_no_rows_at_all() {
    check(&[0, 9000, 1, 0], 16, 12);
    check(&[0, 0], 3, 2);
}

/// The same bits on one thread and on five.
#[test]
fn threads_do_not_change_a_bit() {
    let bounds = [0, 5000, 5001, 12_000];
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (x, weights) =
                (leaf(&numbers(12_000 * 32, 1), [12_000, 32]), leaf(&numbers(3 * 32 * 24, 2), [3, 32, 24]));
            let y = grouped_linear(&bounds, x.clone(), weights.clone());
            let grads = y.clone().square().sum().backward();
            let all = [values(y), values(x.grad(&grads).unwrap()), values(weights.grad(&grads).unwrap())].concat();
            all.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
        })
    };
    assert!(run(1) == run(5));
}

#[test]
#[should_panic(expected = "bounds rise from 0 to 3")]
fn rows_without_a_group_are_refused() {
    let _ = grouped_linear(&[0, 1, 2], leaf(&[0.0; 3], [3, 1]), leaf(&[1.0; 2], [2, 1, 1]));
}
