//! One suite over every implementation of every operation: the plain loops are the specification, the
//! kernels and the Burn operations must agree with them, forward and backward.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::cast_possible_truncation, reason = "matrices of tests are small")]
#![expect(clippy::float_cmp, reason = "the bits are what is compared")]

mod support;

use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_graph::{Csr, Duplicates};
use gnnrec_sparse::kernels::{self, reference};
use gnnrec_sparse::{
    Adjacency, LayerCombination, Rows, TablePrecision, gather_rows, propagate, propagate_rows, scatter_rows, spmm,
};
use proptest::prelude::*;

use support::{numbers, wide};

const WIDTHS: [usize; 5] = [1, 3, 8, 17, 64];

#[track_caller]
fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    // Where large terms cancel, the rounding of the largest is what remains.
    let largest = expected.iter().fold(0f64, |largest, value| largest.max(value.abs()));
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        let tolerance = 2e-5 * (1.0 + expected.abs()) + 1e-6 * largest;
        assert!((f64::from(*found) - expected).abs() <= tolerance, "{n}: {found} {expected}, largest {largest}");
    }
}

fn csr(num_rows: usize, num_cols: usize, edges: &[(u32, u32)], weighted: bool) -> Csr {
    let pattern = Csr::from_edges(num_rows, num_cols, edges, Duplicates::First).unwrap();
    match weighted {
        false => pattern,
        true => pattern.with_weights(numbers(pattern.num_edges(), 5)).unwrap(),
    }
}

/// Every form of a matrix.
fn forms(csr: &Csr) -> [Adjacency; 3] {
    [Adjacency::new(csr.clone()), Adjacency::symmetric_normalised(csr), Adjacency::row_mean(csr)]
}

/// The edges of some random rows, with some rows empty and, at times, a hub in row and column 0.
fn edges(num_rows: usize, num_cols: usize) -> impl Strategy<Value = Vec<(u32, u32)>> {
    let (rows, cols) = (num_rows as u32, num_cols as u32);
    (prop::collection::vec((0..rows, 0..cols), 0..60), any::<bool>()).prop_map(move |(mut edges, hub)| {
        if hub {
            edges.extend((0..cols).map(|col| (0, col)));
            edges.extend((0..rows).map(|row| (row, 0)));
        }
        edges
    })
}

fn matrices() -> impl Strategy<Value = Csr> {
    (1usize..40, 1usize..40).prop_flat_map(|(rows, cols)| {
        (edges(rows, cols), any::<bool>()).prop_map(move |(edges, weighted)| csr(rows, cols, &edges, weighted))
    })
}

/// Square matrices, symmetric or not.
fn graphs() -> impl Strategy<Value = Csr> {
    (1usize..40).prop_flat_map(|n| {
        (edges(n, n), any::<bool>(), any::<bool>()).prop_map(move |(mut edges, symmetric, weighted)| {
            if symmetric {
                edges.extend(edges.clone().iter().map(|&(row, col)| (col, row)));
            }
            csr(n, n, &edges, weighted && !symmetric)
        })
    })
}

fn leaf(x: &[f32], width: usize) -> Tensor<2> {
    let device = Device::flex().autodiff();
    Tensor::from_data(TensorData::new(x.to_vec(), [x.len() / width, width]), &device).require_grad()
}

fn values(x: Tensor<2>) -> Vec<f32> {
    x.into_data().try_to_vec().unwrap()
}

/// Value of `f(x)` and gradient of `Σ f(x) * seed` with respect to `x`.
fn value_and_gradient(
    x: &[f32],
    width: usize,
    f: impl FnOnce(Tensor<2>) -> Tensor<2>,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let x = leaf(x, width);
    let y = f(x.clone());
    let [rows, width] = y.dims();
    let seed = numbers(rows * width, 9);
    let seed_tensor = Tensor::from_data(TensorData::new(seed.clone(), [rows, width]), &y.device());
    let grads = (y.clone() * seed_tensor).sum().backward();
    (values(y), values(x.grad(&grads).unwrap()), seed)
}

fn check_spmm(adjacency: &Adjacency, width: usize) {
    let x = numbers(adjacency.num_cols() * width, 1);
    let expected = reference::spmm(adjacency, &wide(&x), width);
    let mut y = vec![f32::NAN; adjacency.num_rows() * width];
    kernels::spmm(adjacency, &x, width, &mut y);
    assert_close(&y, &expected);
    let (value, gradient, seed) = value_and_gradient(&x, width, |x| spmm(adjacency, x));
    assert_eq!(value, y);
    // The transpose by plain loops, from the dense form and not from the stored transpose.
    let dense = reference::dense(adjacency);
    let mut expected = vec![0.0; x.len()];
    for row in 0..adjacency.num_rows() {
        for col in 0..adjacency.num_cols() {
            for j in 0..width {
                let factor = dense[row * adjacency.num_cols() + col];
                expected[col * width + j] += factor * f64::from(seed[row * width + j]);
            }
        }
    }
    assert_close(&gradient, &expected);
}

fn check_propagate(adjacency: &Adjacency, width: usize, combination: &LayerCombination, rows: &[u32]) {
    let x = numbers(adjacency.num_cols() * width, 2);
    let expected = reference::propagate_rows(adjacency, &wide(&x), width, combination, rows);
    let prepared = Rows::from(rows);
    let mut y = vec![f32::NAN; expected.len()];
    kernels::propagate_rows(adjacency, &x, width, combination, &prepared, &mut y);
    assert_close(&y, &expected);
    let (value, gradient, seed) = value_and_gradient(&x, width, |x| propagate_rows(adjacency, x, combination, rows));
    assert_eq!(value, y);
    let transposed = adjacency.transposed();
    assert_close(&gradient, &reference::propagate_rows_backward(&transposed, &wide(&seed), width, combination, rows));
}

fn check_rows(num_rows: usize, indices: &[u32], width: usize) {
    let x = numbers(num_rows * width, 3);
    let mut y = vec![f32::NAN; indices.len() * width];
    kernels::gather_rows(&x, width, indices, &mut y);
    assert_close(&y, &reference::gather_rows(&wide(&x), width, indices));
    let (value, gradient, seed) = value_and_gradient(&x, width, |x| gather_rows(x, indices));
    assert_eq!(value, y);
    assert_close(&gradient, &reference::scatter_rows(&wide(&seed), width, indices, num_rows));

    let mut sums = vec![f32::NAN; x.len()];
    kernels::scatter_rows(&y, width, indices, &mut sums);
    assert_close(&sums, &reference::scatter_rows(&wide(&y), width, indices, num_rows));
    let (value, gradient, seed) = value_and_gradient(&y, width, |y| scatter_rows(y, indices, num_rows));
    assert_eq!(value, sums);
    assert_close(&gradient, &reference::gather_rows(&wide(&seed), width, indices));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn spmm_is_its_reference(matrix in matrices(), width in prop::sample::select(&WIDTHS[..])) {
        forms(&matrix).iter().for_each(|adjacency| check_spmm(adjacency, width));
    }

    #[test]
    fn propagation_is_its_reference(
        graph in graphs(),
        width in prop::sample::select(&WIDTHS[..]),
        layers in 1usize..6,
        rows in prop::collection::vec(0usize..1000, 0..60),
    ) {
        let rows: Vec<u32> = rows.iter().map(|row| (row % graph.num_rows()) as u32).collect();
        // Row sums of a random weighted matrix can exceed 1, so the raw form takes few hops.
        for (adjacency, layers) in forms(&graph).iter().zip([layers.min(2), layers, layers]) {
            for combination in [
                LayerCombination::weighted(&numbers(layers, 4)).with_input(),
                LayerCombination::concatenation(layers - 1),
            ] {
                check_propagate(adjacency, width, &combination, &rows);
            }
        }
    }

    #[test]
    fn rows_are_their_reference(
        indices in prop::collection::vec(0u32..30, 1..300),
        width in prop::sample::select(&WIDTHS[..]),
    ) {
        check_rows(30, &indices, width);
    }
}

#[test]
fn one_node_and_no_edges() {
    let lonely = csr(1, 1, &[], false);
    let looped = csr(1, 1, &[(0, 0)], true);
    for adjacency in forms(&lonely).iter().chain(&forms(&looped)) {
        for width in WIDTHS {
            check_spmm(adjacency, width);
            for combination in [LayerCombination::mean(0), LayerCombination::mean(3).with_input()] {
                check_propagate(adjacency, width, &combination, &[0, 0]);
                check_propagate(adjacency, width, &combination, &[]);
            }
        }
    }
    check_rows(1, &[0, 0, 0], 3);
}

#[test]
fn two_hops_by_hand() {
    // A path 0 - 1 - 2 with degrees 1, 2, 1 and X = (1, 10, 100), weights 1/3 each:
    // Â X = (10, 101, 10)/√2, Â² X = (101, 20, 101)/2.
    let path = csr(3, 3, &[(0, 1), (1, 0), (1, 2), (2, 1)], false);
    let x = leaf(&[1.0, 10.0, 100.0], 1);
    let y = values(propagate(&Adjacency::symmetric_normalised(&path), x, &LayerCombination::mean(2)));
    let root = 2f64.sqrt();
    let expected = [1.0 + 10.0 / root + 50.5, 10.0 + 101.0 / root + 10.0, 100.0 + 10.0 / root + 50.5];
    assert_close(&y, &expected.map(|value| value / 3.0));
}

/// A graph large enough to be reordered and cut into tasks, with a hub that is summed in pieces.
fn large(weighted: bool) -> Csr {
    let n = 9000u32;
    let mut list: Vec<(u32, u32)> = (0..n).flat_map(|v| [(v, v * 7 % n), (v * 7 % n, v), (0, v), (v, 0)]).collect();
    list.retain(|(row, col)| row % 11 != 3 || col % 17 != 5);
    let symmetric: Vec<(u32, u32)> = list.iter().flat_map(|&(row, col)| [(row, col), (col, row)]).collect();
    csr(n as usize, n as usize, if weighted { &list } else { &symmetric }, weighted)
}

#[test]
fn a_reordered_graph_with_a_hub_is_its_reference() {
    let some: Vec<u32> = (0..900u32).map(|n| n * n % 9000).collect();
    let most: Vec<u32> = (0..7000u32).map(|n| n * 13 % 9000).collect();
    for weighted in [false, true] {
        let graph = large(weighted);
        assert!(graph.degree(0) > 3 * 2048 && graph.num_edges() > 1 << 15);
        for adjacency in forms(&graph) {
            // The sums of the raw form grow with the degrees.
            let scale =
                Adjacency::new(graph.clone()).matrix() == adjacency.matrix() && adjacency.row_factors().is_none();
            check_spmm(&adjacency, 3);
            if !scale {
                for rows in [&some, &most] {
                    check_propagate(&adjacency, 5, &LayerCombination::mean(3).with_input(), rows);
                }
            }
        }
    }
    // A rectangle, whose rows and columns have orders of their own.
    let edges: Vec<(u32, u32)> =
        (0..9000u32).flat_map(|row| (0..5).map(move |n| (row, (row * 31 + n * n) % 700))).collect();
    let rectangle = csr(9000, 700, &edges, false);
    forms(&rectangle).iter().for_each(|adjacency| check_spmm(adjacency, 9));
}

/// 5,000 users and 4,000 items in one graph, with a hub on either side: the two sides of each layer are computed
/// apart, and every number of hops ends on another side.
#[test]
fn a_bipartite_graph_is_its_reference() {
    let hubs = (0..4000u32).map(|item| (7, 5000 + item)).chain((0..5000).map(|user| (user, 5003)));
    let ties = (0..5000u32).flat_map(|user| (0..4).map(move |n| (user, 5000 + (user * 13 + n * n * 7) % 3990)));
    let pairs: Vec<(u32, u32)> = hubs.chain(ties).collect();
    let both: Vec<(u32, u32)> = pairs.iter().flat_map(|&(user, item)| [(user, item), (item, user)]).collect();
    // Here items have no edge back but every third.
    let directed: Vec<(u32, u32)> = both.iter().copied().filter(|(row, _)| *row < 5000 || row % 3 == 0).collect();
    let some: Vec<u32> = (0..900u32).map(|n| n * n % 9000).collect();
    let most: Vec<u32> = (0..7000u32).map(|n| n * 13 % 9000).collect();
    for edges in [&both, &directed] {
        let graph = csr(9000, 9000, edges, false);
        for adjacency in [Adjacency::symmetric_normalised(&graph), Adjacency::row_mean(&graph)] {
            check_spmm(&adjacency, 3);
            for num_hops in 1..=4 {
                let rows = if num_hops % 2 == 0 { &some } else { &most };
                check_propagate(&adjacency, 5, &LayerCombination::mean(num_hops).with_input(), rows);
            }
            check_propagate(&adjacency, 3, &LayerCombination::mean(3), &some);
        }
    }
}

/// Halved tables round each value that is gathered to a relative `2^-8`, once a hop: the errors stay within
/// that share of the sum of the absolute terms.
#[test]
fn halved_tables_lose_what_their_rounding_loses() {
    let graph = large(false);
    let full = Adjacency::symmetric_normalised(&graph);
    let halved = full.clone().with_table_precision(TablePrecision::Bf16);
    let (width, hops) = (5, 3);
    let x = numbers(graph.num_rows() * width, 2);
    let absolute = |x: &[f32]| -> Vec<f64> { x.iter().map(|x| f64::from(x.abs())).collect() };
    let assert_within = |found: &[f32], expected: &[f64], terms: &[f64], roundings: i32| {
        let mut off = 0;
        for ((found, expected), terms) in found.iter().zip(expected).zip(terms) {
            let error = (f64::from(*found) - expected).abs();
            assert!(error <= f64::from(roundings) * terms / 250.0 + 1e-6, "{found} {expected} {terms}");
            off += usize::from(error > 1e-6);
        }
        assert!(off > found.len() / 4, "{off} of {} values differ: are the tables halved?", found.len());
    };
    let mut y = vec![f32::NAN; x.len()];
    kernels::spmm(&halved, &x, width, &mut y);
    let expected = reference::spmm(&full, &wide(&x), width);
    assert_within(&y, &expected, &reference::spmm(&full, &absolute(&x), width), 1);

    let (last, some): (_, Vec<u32>) = (LayerCombination::last(hops), (0..900u32).map(|n| n * n % 9000).collect());
    for rows in [some, (0..9000).collect()] {
        let (value, gradient, seed) = value_and_gradient(&x, width, |x| propagate_rows(&halved, x, &last, &rows));
        let forward = |x: &[f64]| reference::propagate_rows(&full, x, width, &last, &rows);
        assert_within(&value, &forward(&wide(&x)), &forward(&absolute(&x)), 3);
        let backward = |seed: &[f64]| reference::propagate_rows_backward(&full, seed, width, &last, &rows);
        assert_within(&gradient, &backward(&wide(&seed)), &backward(&absolute(&seed)), 3);
    }
}

/// The same bits on 1, 2 and 5 threads, for a graph with a hub and a table that fills many tasks.
#[test]
fn threads_do_not_change_a_bit() {
    let n = 9000u32;
    let indices: Vec<u32> = (0..5000u32).map(|k| k * k % n).collect();
    let graphs = [large(false), large(true)];
    let combination = LayerCombination::mean(3).with_input();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut bits = Vec::new();
            for width in [17, 64] {
                let x = numbers(n as usize * width, 6);
                for adjacency in graphs.iter().flat_map(forms) {
                    let mut y = vec![0f32; x.len()];
                    kernels::spmm(&adjacency, &x, width, &mut y);
                    bits.extend(y.iter().map(|y| y.to_bits()));
                }
                let normalised = Adjacency::symmetric_normalised(&graphs[0]);
                let ops: [&dyn Fn(Tensor<2>) -> Tensor<2>; 2] =
                    [&|x| gather_rows(x, &indices), &|x| propagate_rows(&normalised, x, &combination, &indices[..800])];
                for op in ops {
                    let (value, gradient, _) = value_and_gradient(&x, width, op);
                    bits.extend(value.iter().chain(&gradient).map(|y| y.to_bits()));
                }
            }
            bits
        })
    };
    let alone = run(1);
    assert!(alone == run(2) && alone == run(5));
}

/// Gradients against central differences of a nonlinear function of the output.
#[test]
fn gradients_are_finite_differences() {
    let graph = csr(5, 5, &[(0, 1), (1, 0), (1, 2), (3, 2), (4, 4), (2, 0)], true);
    let indices = [3u32, 0, 3, 4];
    type Op<'a> = Box<dyn Fn(Tensor<2>) -> Tensor<2> + 'a>;
    let adjacencies = forms(&graph);
    let mut ops: Vec<Op<'_>> =
        vec![Box::new(|x| gather_rows(x, &indices)), Box::new(|x| scatter_rows(x, &[1, 1, 0, 6, 2], 7))];
    for adjacency in &adjacencies {
        ops.push(Box::new(|x| spmm(adjacency, x)));
        let combination = LayerCombination::weighted(&[0.5, 0.25, 0.125, 0.3]).with_input();
        ops.push(Box::new(move |x| propagate_rows(adjacency, x, &combination, &[3, 1, 3])));
    }
    for op in &ops {
        let x = numbers(15, 8);
        let loss = |x: &[f32]| op(leaf(x, 3)).powi_scalar(2).sum();
        let at = leaf(&x, 3);
        let grads = op(at.clone()).powi_scalar(2).sum().backward();
        let gradient = values(at.grad(&grads).unwrap());
        for n in 0..x.len() {
            let shifted = |by: f32| {
                let mut x = x.clone();
                x[n] += by;
                loss(&x).into_scalar::<f32>()
            };
            let difference = (shifted(0.01) - shifted(-0.01)) / 0.02;
            assert!((gradient[n] - difference).abs() < 2e-3 * (1.0 + difference.abs()), "{} {difference}", gradient[n]);
        }
    }
}

#[test]
#[should_panic(expected = "index 1 is 3, expected one below 3")]
fn a_lookup_outside_the_table_panics() {
    let _ = gather_rows(leaf(&[0.0; 3], 1), &[2, 3]);
}

/// Many rows with the same index: the sum is the one that a plain loop in `f32` gives, to the last bit.
#[test]
fn rows_are_added_in_the_order_of_their_positions() {
    let indices: Vec<u32> = (0..20_000u32).map(|k| k * 7919 % 13).collect();
    let x = numbers(indices.len(), 7);
    let mut expected = [0f32; 13];
    indices.iter().zip(&x).for_each(|(&index, x)| expected[index as usize] += x);
    let mut y = [f32::NAN; 13];
    kernels::scatter_rows(&x, 1, &indices, &mut y);
    assert_eq!(y, expected);
}
