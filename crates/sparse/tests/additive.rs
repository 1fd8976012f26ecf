//! The sum of an edge's ends under a relu, and scores of it, additive attention: kernels and the Burn operation against plain loops, forward and
//! backward, on graphs with empty rows and with hubs, for any number of threads.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_graph::{Csr, Duplicates};
use gnnrec_sparse::kernels::{self, reference_edges as reference};
use gnnrec_sparse::{EdgeGraph, edge_relu_add, edge_relu_dot};
use proptest::prelude::*;

use support::{numbers, wide};

fn graph(num_rows: usize, num_cols: usize, edges: &[(u32, u32)]) -> EdgeGraph {
    EdgeGraph::new(Csr::from_edges(num_rows, num_cols, edges, Duplicates::First).unwrap())
}

fn leaf<const D: usize>(x: &[f32], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(x.to_vec(), shape), &Device::flex().autodiff()).require_grad()
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_to_vec().unwrap()
}

/// Scores, and the gradients of rows, columns and weights where `Σ s ds` is differentiated.
fn run(graph: &EdgeGraph, [rows, cols, weights, ds]: [&[f32]; 4]) -> (Vec<f32>, [Vec<f32>; 3]) {
    let width = weights.len();
    let (r, c) = (leaf(rows, [graph.num_rows(), width]), leaf(cols, [graph.num_cols(), width]));
    let w = leaf(weights, [width]);
    let s = edge_relu_dot(graph, r.clone(), c.clone(), w.clone());
    let grads = (s.clone() * leaf(ds, [ds.len()]).detach()).sum().backward();
    (values(s), [values(r.grad(&grads).unwrap()), values(c.grad(&grads).unwrap()), values(w.grad(&grads).unwrap())])
}

#[track_caller]
fn check(graph: &EdgeGraph, width: usize) {
    let (rows, cols) = (numbers(graph.num_rows() * width, 1), numbers(graph.num_cols() * width, 2));
    let (weights, ds) = (numbers(width, 3), numbers(graph.num_edges(), 4));
    let edges: Vec<(u32, u32)> = graph.pattern().edges().collect();
    let (expected, gradients) =
        reference::edge_relu_dot(&edges, &wide(&rows), &wide(&cols), &wide(&weights), &wide(&ds));
    let mut out = vec![f32::NAN; edges.len()];
    kernels::edge_relu_dot(graph, &rows, &cols, &weights, &mut out);
    let close = |found: &[f32], expected: &[f64]| {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let size = 1.0 + expected.abs() + graph.num_edges() as f64 / 100.0;
            assert!((f64::from(*found) - expected).abs() <= 2e-5 * size, "{found} {expected}");
        }
    };
    close(&out, &expected);
    if !edges.is_empty() {
        check_sums(graph, width, &edges, [&rows, &cols]);
        let (s, found) = run(graph, [&rows, &cols, &weights, &ds]);
        assert_eq!(s, out);
        found.iter().zip(&gradients).for_each(|(found, expected)| close(found, expected));
    }
}

/// Column `j` of `z` is the score whose weights are 1 at `j` and 0 elsewhere.
#[track_caller]
fn check_sums(graph: &EdgeGraph, width: usize, edges: &[(u32, u32)], [rows, cols]: [&[f32]; 2]) {
    let dz = numbers(graph.num_edges() * width, 5);
    let (r, c) = (leaf(rows, [graph.num_rows(), width]), leaf(cols, [graph.num_cols(), width]));
    let z = edge_relu_add(graph, r.clone(), c.clone());
    let grads = (z.clone() * leaf(&dz, [edges.len(), width]).detach()).sum().backward();
    let found = [values(z), values(r.grad(&grads).unwrap()), values(c.grad(&grads).unwrap())];
    for j in 0..width {
        let mut weights = vec![0.0; width];
        weights[j] = 1.0;
        let column = |x: &[f32]| -> Vec<f64> { x.iter().skip(j).step_by(width).map(|&x| f64::from(x)).collect() };
        let (s, [dr, dc, _]) = reference::edge_relu_dot(edges, &wide(rows), &wide(cols), &weights, &column(&dz));
        let at = |x: Vec<f64>| -> Vec<f64> { x.into_iter().skip(j).step_by(width).collect() };
        for (found, expected) in found.iter().zip([s, at(dr), at(dc)]) {
            for (found, expected) in column(found).iter().zip(expected) {
                let size = 1.0 + expected.abs() + edges.len() as f64 / 100.0;
                assert!((found - expected).abs() <= 2e-5 * size, "{found} {expected}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_is_its_reference(
        edges in prop::collection::vec((0u32..23, 0u32..31), 0..150),
        width in prop::sample::select(&[1usize, 3, 8, 17, 64][..]),
    ) {
        check(&graph(23, 31, &edges), width);
    }
}

/// A row and a column of more edges than two tasks.
fn hubs() -> EdgeGraph {
    let edges: Vec<(u32, u32)> = (0..9_000).flat_map(|n| [(3, n), (n, 11), (n, n * 7 % 9_001)]).collect();
    graph(9_000, 9_001, &edges)
}

#[test]
fn hubs_are_cut_and_correct() {
    check(&hubs(), 17);
}

#[test]
fn by_hand() {
    let graph = graph(2, 3, &[(0, 0), (0, 2), (1, 2)]);
    let (rows, cols) = ([1.0, 2.0, 3.0, -1.0], [1.0, 0.0, 9.0, 9.0, -2.0, 0.5]);
    // Sums (2, 2), (-1, 2.5), (1, -.5), weighted by (10, 1).
    let (s, [dr, dc, dw]) = run(&graph, [&rows, &cols, &[10.0, 1.0], &[1.0, 2.0, 3.0]]);
    assert_eq!(s, [22.0, 2.5, 10.0]);
    assert_eq!(dr, [10.0, 3.0, 30.0, 0.0]);
    assert_eq!(dc, [10.0, 1.0, 0.0, 0.0, 30.0, 2.0]);
    assert_eq!(dw, [2.0 + 3.0, 2.0 + 5.0]);
}

#[test]
fn threads_do_not_change_a_bit() {
    let graph = hubs();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (rows, cols) = (numbers(graph.num_rows() * 17, 1), numbers(graph.num_cols() * 17, 2));
        pool.install(|| run(&graph, [&rows, &cols, &numbers(17, 3), &numbers(graph.num_edges(), 4)]))
    };
    let alone = on(1);
    assert!(alone == on(2) && alone == on(5));
}

#[test]
#[should_panic(expected = "the same width")]
fn widths_that_differ_are_refused() {
    let _ = edge_relu_dot(&graph(1, 1, &[(0, 0)]), leaf(&[1.0], [1, 1]), leaf(&[1.0], [1, 1]), leaf(&[1.0, 2.0], [2]));
}
