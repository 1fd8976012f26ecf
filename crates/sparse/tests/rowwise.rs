//! Rows at unit length, dropout and products along edges: by hand, against plain loops, and for any number of threads.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use burn::tensor::{Device, Tensor, TensorData, Tolerance};
use gnnrec_graph::{Csr, Duplicates};
use gnnrec_sparse::{Dropout, EdgeGraph, Rows, dropout_rows, edge_mul, unit_rows};
use proptest::prelude::*;

use support::{numbers, wide};

fn leaf(x: &[f32], shape: [usize; 2]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(x.to_vec(), shape), &Device::flex().autodiff()).require_grad()
}

fn values(x: Tensor<2>) -> Vec<f32> {
    x.into_data().try_to_vec().unwrap()
}

/// `dy = (g - (g · y) y) / |x|`; a row of zeros passes `g / 1e-6` on and makes no NaN.
#[test]
fn unit_rows_by_hand() {
    let x = leaf(&[3.0, 0.0, -4.0, 0.0, 0.0, 0.0], [2, 3]);
    let y = unit_rows(x.clone());
    let expected = leaf(&[0.6, 0.0, -0.8, 0.0, 0.0, 0.0], [2, 3]);
    y.clone().into_data().assert_approx_eq::<f32>(&expected.into_data(), Tolerance::absolute(1e-6));
    let grads = (y * leaf(&[1.0, 2.0, 0.5, 1.0, 0.0, -1.0], [2, 3]).detach()).sum().backward();
    let found = values(x.grad(&grads).unwrap());
    // g · y = 0.6 - 0.4 = 0.2.
    let expected = [(1.0 - 0.12) / 5.0, 0.4, (0.5 + 0.16) / 5.0, 1e6, 0.0, -1e6];
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-6 * (1.0 + b.abs())), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// As Burn's own operations have it.
    #[test]
    fn unit_rows_are_those_of_burn(rows in 1usize..600, width in prop::sample::select(&[1usize, 3, 16, 19, 64][..])) {
        let (x, seed) = (numbers(rows * width, 1), numbers(rows * width, 2));
        let run = |unit: &dyn Fn(Tensor<2>) -> Tensor<2>| {
            let x = leaf(&x, [rows, width]);
            let y = unit(x.clone());
            let grads = (y.clone() * leaf(&seed, [rows, width]).detach()).sum().backward();
            (values(y), values(x.grad(&grads).unwrap()))
        };
        let (y, dx) = run(&unit_rows);
        let (expected, gradient) = run(&|x| x.clone() / x.square().sum_dim(1).clamp_min(1e-12).sqrt());
        for (found, expected) in y.iter().zip(&expected).chain(dx.iter().zip(&gradient)) {
            prop_assert!((found - expected).abs() <= 1e-4 * (1.0 + expected.abs()), "{found} {expected}");
        }
    }

    /// As gathered ends multiplied, whose gradients are gathered from loops here.
    #[test]
    fn messages_are_products_of_ends(
        edges in prop::collection::vec((0u32..7, 0u32..31), 1..150),
        width in prop::sample::select(&[1usize, 3, 16, 19][..]),
    ) {
        check_messages(7, 31, &edges, width);
    }
}

fn check_messages(num_rows: usize, num_cols: usize, edges: &[(u32, u32)], width: usize) {
    let graph = EdgeGraph::new(Csr::from_edges(num_rows, num_cols, edges, Duplicates::First).unwrap());
    let num_edges = graph.num_edges();
    let (rows, cols) = (numbers(num_rows * width, 1), numbers(num_cols * width, 2));
    let dz = numbers(num_edges * width, 3);
    let (r, c) = (leaf(&rows, [num_rows, width]), leaf(&cols, [num_cols, width]));
    let z = edge_mul(&graph, r.clone(), c.clone());
    let grads = (z.clone() * leaf(&dz, [num_edges, width]).detach()).sum().backward();
    let z = values(z);
    let [exact_rows, exact_cols, exact_dz] = [&rows, &cols, &dz].map(|x| wide(x));
    let mut sums = [vec![0f64; rows.len()], vec![0f64; cols.len()]];
    for (edge, (row, col)) in graph.pattern().edges().enumerate() {
        for j in 0..width {
            let (row, col) = (row as usize * width + j, col as usize * width + j);
            let at = edge * width + j;
            assert!((z[at] - rows[row] * cols[col]).abs() < 1e-6);
            sums[0][row] += exact_dz[at] * exact_cols[col];
            sums[1][col] += exact_dz[at] * exact_rows[row];
        }
    }
    for (leaf, expected) in [r, c].iter().zip(sums) {
        let found = values(leaf.grad(&grads).unwrap());
        let size = 1.0 + num_edges as f64 / 100.0;
        for (n, (found, sum)) in found.iter().zip(expected).enumerate() {
            assert!((f64::from(*found) - sum).abs() <= 2e-5 * (size + sum.abs()), "{n}: {found} {sum}");
        }
    }
}

/// A relation of more messages than two tasks, and a tail of as many relations.
#[test]
fn hubs_are_cut_and_correct() {
    let edges: Vec<(u32, u32)> = (0..9_000).flat_map(|n| [(3, n), (n, 11)]).collect();
    check_messages(9_000, 9_000, &edges, 5);
}

/// What is kept and what is dropped, either way; independent from row to row, column to column and key to key.
#[test]
fn dropout_is_its_own_gradient_and_fair() {
    const ROWS: usize = 4000;
    const WIDTH: usize = 20;
    let kept = |key: u64, ids: Option<&[u32]>| -> Vec<bool> {
        let x = leaf(&vec![2.0; ROWS * WIDTH], [ROWS, WIDTH]);
        let y = dropout_rows(x.clone(), ids.map(Rows::from).as_ref(), Dropout::new(0.3, key));
        let gradient = values(x.grad(&y.clone().sum().backward()).unwrap());
        let scale = 1.0 / 0.7;
        let kept = |(y, dx): (&f32, &f32)| match y.to_bits() {
            0 => dx.to_bits() != 0,
            _ => (y - 2.0 * scale).abs() > 1e-6 || (dx - scale).abs() > 1e-6,
        };
        let y = values(y);
        assert!(!y.iter().zip(&gradient).any(kept), "values and gradients are dropped and scaled alike");
        y.iter().map(|y| y.to_bits() != 0).collect()
    };
    let first = kept(5, None);
    let share =
        |both: &dyn Fn(usize) -> bool, count: usize| (0..count).filter(|&n| both(n)).count() as f64 / count as f64;
    // Four standard errors of shares of .7 and .49 among 76,000 to 80,000 draws: .0065 and .0073.
    assert!((share(&|n| first[n], first.len()) - 0.7).abs() < 0.0065);
    let right = |n: usize| first[n / 19 * WIDTH + n % 19] && first[n / 19 * WIDTH + n % 19 + 1];
    assert!((share(&right, ROWS * 19) - 0.49).abs() < 0.0073, "neighbours in a row");
    assert!((share(&|n| first[n] && first[n + WIDTH], first.len() - WIDTH) - 0.49).abs() < 0.0073, "rows");
    let second = kept(6, None);
    assert!((share(&|n| first[n] && second[n], first.len()) - 0.49).abs() < 0.0073, "keys");
    for column in 0..WIDTH {
        // Four standard errors of 4,000 draws.
        assert!((share(&|n| first[n * WIDTH + column], ROWS) - 0.7).abs() < 0.029, "column {column}");
    }
    let reversed: Vec<u32> = (0..4000).rev().collect();
    let of_ids = kept(5, Some(&reversed));
    assert!(of_ids.chunks(WIDTH).rev().eq(first.chunks(WIDTH)), "a row is what its id makes of it");
}

/// The same bits on one thread and on five.
#[test]
fn threads_do_not_change_a_bit() {
    let edges: Vec<(u32, u32)> = (0..9_000).flat_map(|n| [(n % 5, n), (n % 50, 11)]).collect();
    let graph = EdgeGraph::new(Csr::from_edges(50, 9_000, &edges, Duplicates::First).unwrap());
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (r, c) = (leaf(&numbers(50 * 19, 1), [50, 19]), leaf(&numbers(9_000 * 19, 2), [9_000, 19]));
            let z = dropout_rows(unit_rows(edge_mul(&graph, r.clone(), c.clone())), None, Dropout::new(0.5, 1));
            let grads = z.clone().square().sum().backward();
            let all = [values(z), values(r.grad(&grads).unwrap()), values(c.grad(&grads).unwrap())].concat();
            all.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
        })
    };
    assert!(run(1) == run(5));
}

#[test]
#[should_panic(expected = "a rate of 1, expected one in [0, 1)")]
fn a_rate_of_one_is_refused() {
    let _ = Dropout::new(1.0, 0);
}
