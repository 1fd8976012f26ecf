//! One suite over every operation along edges: the plain loops are the specification, the kernels and the
//! Burn operations must agree with them, forward and backward, on any graph and number of threads.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::cast_possible_truncation, reason = "matrices of tests are small")]
#![expect(clippy::cast_precision_loss, reason = "counts of tests are small")]
#![expect(clippy::float_cmp, reason = "the bits are what is compared")]

mod support;

use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_graph::{Csr, Duplicates, Normalisation};
use gnnrec_sparse::kernels::{self, reference_edges as reference};
use gnnrec_sparse::{EdgeGraph, EdgeMask, End, MaskedGraph};
use gnnrec_sparse::{edge_dot, edge_softmax, gather_edges, segment_max, segment_mean, segment_sum};
use gnnrec_sparse::{spmm_edges, spmm_masked};
use proptest::prelude::*;

use support::{numbers, wide};

const WIDTHS: [usize; 5] = [1, 3, 8, 17, 64];

#[track_caller]
fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(*found) - expected).abs() <= 2e-5 * (1.0 + expected.abs()), "{n}: {found} {expected}");
    }
}

fn csr(num_rows: usize, num_cols: usize, edges: &[(u32, u32)]) -> Csr {
    Csr::from_edges(num_rows, num_cols, edges, Duplicates::First).unwrap()
}

/// Random edges, some rows empty and, at times, a hub in row and column 0.
fn graphs() -> impl Strategy<Value = EdgeGraph> {
    (1usize..40, 1usize..40).prop_flat_map(|(rows, cols)| {
        let edges = prop::collection::vec((0..rows as u32, 0..cols as u32), 0..80);
        (edges, any::<bool>()).prop_map(move |(mut edges, hub)| {
            if hub {
                edges.extend((0..cols as u32).map(|col| (0, col)));
                edges.extend((0..rows as u32).map(|row| (row, 0)));
            }
            EdgeGraph::new(csr(rows, cols, &edges))
        })
    })
}

/// Rows of 10 000 edges (more than two pieces), of none, and of some hundreds; a column in every other row.
fn hubs() -> EdgeGraph {
    let mut edges: Vec<(u32, u32)> = (0..10_000).flat_map(|n| [(3, n), (7, 2 * n % 10_007)]).collect();
    edges.extend((0..9000).map(|n| (n, n * n % 500)).filter(|(row, _)| row % 3 != 2));
    edges.extend((0..9000).filter(|n| n % 2 == 0).map(|n| (n, 11)));
    EdgeGraph::new(csr(9000, 10_007, &edges))
}

fn edges_of(graph: &EdgeGraph) -> Vec<(u32, u32)> {
    graph.pattern().edges().collect()
}

fn ends_of(graph: &EdgeGraph, end: End) -> Vec<u32> {
    let pick = |(row, col)| if end == End::Row { row } else { col };
    graph.pattern().edges().map(pick).collect()
}

fn leaf<const D: usize>(x: &[f32], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(x.to_vec(), shape), &Device::flex().autodiff()).require_grad()
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_to_vec().unwrap()
}

/// Seed of the backward pass: `Σ y * seed` is differentiated.
fn seed(len: usize) -> Vec<f32> {
    numbers(len, 9)
}

fn weighted<const D: usize>(y: Tensor<D>) -> Tensor<1> {
    let shape = y.dims();
    let seed = Tensor::from_data(TensorData::new(seed(shape.iter().product()), shape), &y.device());
    (y * seed).sum()
}

/// Value and gradient of an operation with one table as its input.
fn run(x: &[f32], width: usize, f: impl FnOnce(Tensor<2>) -> Tensor<2>) -> (Vec<f32>, Vec<f32>) {
    let x = leaf(x, [x.len() / width, width]);
    let y = f(x.clone());
    let grads = weighted(y.clone()).backward();
    (values(y), values(x.grad(&grads).unwrap()))
}

fn check_spmm_and_dot(graph: &EdgeGraph, width: usize) {
    let edges = edges_of(graph);
    let flipped: Vec<(u32, u32)> = edges.iter().map(|&(row, col)| (col, row)).collect();
    let (num_rows, num_cols, num_edges) = (graph.num_rows(), graph.num_cols(), graph.num_edges());
    let (weights, rows, cols) = (numbers(num_edges, 1), numbers(num_rows * width, 2), numbers(num_cols * width, 3));
    let (wide_weights, wide_rows, wide_cols) = (wide(&weights), wide(&rows), wide(&cols));

    let mut y = vec![f32::NAN; rows.len()];
    kernels::spmm_edges(graph, End::Row, &weights, &cols, width, &mut y);
    assert_close(&y, &reference::spmm_edges(&edges, &wide_weights, &wide_cols, width, num_rows));
    let mut transposed = vec![f32::NAN; cols.len()];
    kernels::spmm_edges(graph, End::Col, &weights, &rows, width, &mut transposed);
    assert_close(&transposed, &reference::spmm_edges(&flipped, &wide_weights, &wide_rows, width, num_cols));
    let mut dots = vec![f32::NAN; num_edges];
    kernels::edge_dot(graph, &rows, &cols, width, &mut dots);
    assert_close(&dots, &reference::edge_dot(&edges, &wide_rows, &wide_cols, width));
    if num_edges == 0 {
        return;
    }

    let (w, x) = (leaf(&weights, [num_edges]), leaf(&cols, [num_cols, width]));
    let out = spmm_edges(graph, w.clone(), x.clone());
    assert_eq!(values(out.clone()), y);
    let grads = weighted(out).backward();
    let dy = wide(&seed(rows.len()));
    assert_close(&values(w.grad(&grads).unwrap()), &reference::edge_dot(&edges, &dy, &wide_cols, width));
    let expected = reference::spmm_edges(&flipped, &wide_weights, &dy, width, num_cols);
    assert_close(&values(x.grad(&grads).unwrap()), &expected);

    let (a, b) = (leaf(&rows, [num_rows, width]), leaf(&cols, [num_cols, width]));
    let out = edge_dot(graph, a.clone(), b.clone());
    assert_eq!(values(out.clone()), dots);
    let grads = weighted(out).backward();
    let ds = wide(&seed(num_edges));
    let expected = reference::spmm_edges(&edges, &ds, &wide_cols, width, num_rows);
    assert_close(&values(a.grad(&grads).unwrap()), &expected);
    let expected = reference::spmm_edges(&flipped, &ds, &wide_rows, width, num_cols);
    assert_close(&values(b.grad(&grads).unwrap()), &expected);
}

fn check_gather_and_sum(graph: &EdgeGraph, width: usize) {
    let num_edges = graph.num_edges();
    for end in [End::Row, End::Col] {
        let (ends, num_nodes) = (ends_of(graph, end), graph.num_nodes(end));
        let x = numbers(num_nodes * width, 4);
        let mut y = vec![f32::NAN; num_edges * width];
        kernels::gather_edges(graph, end, &x, width, &mut y);
        assert_close(&y, &reference::gather_edges(&ends, &wide(&x), width));
        let z = numbers(num_edges * width, 5);
        let mut sums = vec![f32::NAN; x.len()];
        kernels::sum_edges(graph, end, &z, width, &mut sums);
        assert_close(&sums, &reference::sum_edges(&ends, &wide(&z), width, num_nodes));
        if num_edges > 0 {
            let (value, gradient) = run(&x, width, |x| gather_edges(graph, end, x));
            assert_eq!(value, y);
            assert_close(&gradient, &reference::sum_edges(&ends, &wide(&seed(y.len())), width, num_nodes));
        }
    }
}

fn check_segments(graph: &EdgeGraph, width: usize) {
    let (rows, num_rows, num_edges) = (ends_of(graph, End::Row), graph.num_rows(), graph.num_edges());
    let indptr = graph.pattern().indptr();
    let degree = |row: u32| (indptr[row as usize + 1] - indptr[row as usize]).max(1) as f64;
    // Few distinct values, so that maxima are shared.
    let x: Vec<f32> = numbers(num_edges * width, 6).iter().map(|x| (x * 4.0).round() / 4.0).collect();
    let sums = reference::sum_edges(&rows, &wide(&x), width, num_rows);
    let means: Vec<f64> = sums.iter().enumerate().map(|(n, sum)| sum / degree((n / width) as u32)).collect();
    let maxima = reference::segment_max(&rows, &wide(&x), width, num_rows);
    let largest: Vec<f64> = maxima.iter().map(|best| best.0).collect();
    type Kernel = fn(&[usize], &[f32], usize, &mut [f32]);
    let kernels: [(Kernel, &[f64]); 3] =
        [(kernels::segment_sum, &sums), (kernels::segment_mean, &means), (kernels::segment_max, &largest)];
    for (kernel, expected) in kernels {
        let mut y = vec![f32::NAN; num_rows * width];
        kernel(indptr, &x, width, &mut y);
        assert_close(&y, expected);
    }
    if num_edges == 0 {
        return;
    }
    let dy = wide(&seed(num_rows * width));
    let (value, gradient) = run(&x, width, |x| segment_sum(graph, x));
    assert_close(&value, &sums);
    assert_close(&gradient, &reference::gather_edges(&rows, &dy, width));
    let (value, gradient) = run(&x, width, |x| segment_mean(graph, x));
    assert_close(&value, &means);
    let shares: Vec<f64> = dy.iter().enumerate().map(|(n, dy)| dy / degree((n / width) as u32)).collect();
    assert_close(&gradient, &reference::gather_edges(&rows, &shares, width));
    let (value, gradient) = run(&x, width, |x| segment_max(graph, x));
    assert_close(&value, &largest);
    let mut expected = vec![0.0; x.len()];
    for (n, (_, edge)) in maxima.iter().enumerate() {
        if let Some(edge) = edge {
            expected[edge * width + n % width] += dy[n];
        }
    }
    assert_close(&gradient, &expected);
}

fn check_softmax(graph: &EdgeGraph, num_heads: usize, spread: f32) {
    let rows = ends_of(graph, End::Row);
    let x: Vec<f32> = numbers(graph.num_edges() * num_heads, 7).iter().map(|x| x * spread).collect();
    let dy = wide(&seed(x.len()));
    let (expected, expected_gradient) = reference::edge_softmax(&rows, &wide(&x), &dy, num_heads);
    let mut y = vec![f32::NAN; x.len()];
    kernels::edge_softmax(graph.pattern().indptr(), &x, num_heads, &mut y);
    assert_close(&y, &expected);
    if !x.is_empty() {
        let (value, gradient) = run(&x, num_heads, |x| edge_softmax(graph, x));
        assert_eq!(value, y);
        assert_close(&gradient, &expected_gradient);
    }
}

fn check_masked(graph: &EdgeGraph, width: usize, fate: u32) {
    let keep = |edge: usize| (edge as u32).wrapping_add(fate).wrapping_mul(2_654_435_761) >> 16 & 3 != 0;
    let mask = EdgeMask::from_fn(graph, keep);
    let edges = edges_of(graph);
    let kept: Vec<bool> = (0..edges.len()).map(keep).collect();
    assert_eq!(kept, (0..edges.len()).map(|edge| mask.keeps(edge)).collect::<Vec<_>>());
    assert_eq!(mask.num_kept(), kept.iter().filter(|&&kept| kept).count());

    let left: Vec<(u32, u32)> = edges.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(&edge, _)| edge).collect();
    let left = csr(graph.num_rows(), graph.num_cols(), &left);
    let whole = |normalisation: Normalisation| normalisation.factors(graph.pattern());
    let plain = MaskedGraph::new(mask);
    let operators = [
        (plain.clone(), (None, None)),
        (plain.clone().scaled(1.25), (None, None)),
        (plain.clone().with_factors(whole(Normalisation::Symmetric)).scaled(0.5), whole(Normalisation::Symmetric)),
        (plain.clone().with_factors(whole(Normalisation::Row)), whole(Normalisation::Row)),
        (plain.clone().normalised(Normalisation::Symmetric), Normalisation::Symmetric.factors(&left)),
        (plain.normalised(Normalisation::Column).scaled(2.0), Normalisation::Column.factors(&left)),
    ];
    for (masked, (rows, cols)) in operators {
        let factor = |factors: &Option<Vec<f32>>, node: u32| {
            factors.as_ref().map_or(1.0, |factors| f64::from(factors[node as usize]))
        };
        let weights: Vec<f64> = edges
            .iter()
            .zip(&kept)
            .map(|(&(row, col), &kept)| match kept {
                true => f64::from(masked.scale()) * factor(&rows, row) * factor(&cols, col),
                false => 0.0,
            })
            .collect();
        let x = numbers(graph.num_cols() * width, 8);
        let mut y = vec![f32::NAN; graph.num_rows() * width];
        kernels::spmm_masked(&masked, End::Row, &x, width, &mut y);
        assert_close(&y, &reference::spmm_edges(&edges, &weights, &wide(&x), width, graph.num_rows()));
        let (value, gradient) = run(&x, width, |x| spmm_masked(&masked, x));
        assert_eq!(value, y);
        let flipped: Vec<(u32, u32)> = edges.iter().map(|&(row, col)| (col, row)).collect();
        let expected = reference::spmm_edges(&flipped, &weights, &wide(&seed(y.len())), width, graph.num_cols());
        assert_close(&gradient, &expected);
    }
}

fn check_all(graph: &EdgeGraph, width: usize, fate: u32) {
    check_spmm_and_dot(graph, width);
    check_gather_and_sum(graph, width);
    check_segments(graph, width);
    check_masked(graph, width, fate);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn operations_are_their_references(
        graph in graphs(),
        width in prop::sample::select(&WIDTHS[..]),
        fate in any::<u32>(),
    ) {
        check_all(&graph, width, fate);
    }

    #[test]
    fn softmax_is_its_reference(
        graph in graphs(),
        num_heads in prop::sample::select(&[1usize, 2, 3, 8][..]),
        spread in 0.0f32..20.0,
    ) {
        check_softmax(&graph, num_heads, spread);
    }

    #[test]
    fn directions_of_an_undirected_edge_share_their_fate(
        edges in prop::collection::vec((0u32..20, 0u32..20), 0..80),
        fate in any::<u64>(),
    ) {
        let both: Vec<(u32, u32)> = edges.iter().flat_map(|&(row, col)| [(row, col), (col, row)]).collect();
        let graph = EdgeGraph::new(csr(20, 20, &both));
        let list = edges_of(&graph);
        let mut asked = Vec::new();
        let mask = EdgeMask::symmetric(&graph, |edge| {
            asked.push(edge);
            fate >> (edge % 64) & 1 == 1
        });
        prop_assert_eq!(asked, (0..list.len()).filter(|&edge| list[edge].0 <= list[edge].1).collect::<Vec<_>>());
        for (edge, &(row, col)) in list.iter().enumerate() {
            let upper = list.iter().position(|&other| other == (row.min(col), row.max(col))).unwrap();
            prop_assert_eq!(mask.keeps(edge), fate >> (upper % 64) & 1 == 1);
        }
    }
}

#[test]
fn one_node_and_no_edges() {
    for edges in [&[][..], &[(0, 0)]] {
        let graph = EdgeGraph::new(csr(1, 1, edges));
        for width in WIDTHS {
            check_all(&graph, width, 1);
        }
        check_softmax(&graph, 2, 1.0);
    }
}

#[test]
fn hubs_are_cut_and_correct() {
    let graph = hubs();
    for width in [1, 17] {
        check_all(&graph, width, 5);
    }
    // The naive softmax is quadratic in a row's edges: sums of a hub's outputs, and their ratios, instead.
    let (indptr, heads) = (graph.pattern().indptr(), 2);
    let x: Vec<f32> = numbers(graph.num_edges() * heads, 7).iter().map(|x| x * 10.0).collect();
    let mut y = vec![f32::NAN; x.len()];
    kernels::edge_softmax(indptr, &x, heads, &mut y);
    for row in 0..graph.num_rows() {
        for h in 0..heads {
            let at = |edge: usize| edge * heads + h;
            let exponentials = (indptr[row]..indptr[row + 1]).map(|edge| f64::from(x[at(edge)]).exp());
            let sum: f64 = exponentials.clone().sum();
            for (edge, exponential) in (indptr[row]..indptr[row + 1]).zip(exponentials) {
                let expected = exponential / sum;
                assert!((f64::from(y[at(edge)]) - expected).abs() <= 1e-5 * expected + 1e-12);
            }
        }
    }
}

#[test]
fn the_maximum_of_a_hub_may_lie_in_any_piece() {
    let (indptr, mut x, mut y, mut dx) = ([0, 10_000], vec![-1.0; 20_000], [0.0; 2], vec![0.0; 20_000]);
    // Column 0 has its maximum twice, in the third piece; column 1 in the second and the third.
    [9001, 9500].into_iter().for_each(|edge| x[edge * 2] = 3.0);
    [5000, 8500].into_iter().for_each(|edge| x[edge * 2 + 1] = 2.0);
    kernels::segment_max(&indptr, &x, 2, &mut y);
    assert_eq!(y, [3.0, 2.0]);
    kernels::segment_max_gradient(&indptr, &x, &y, &[5.0, 7.0], 2, &mut dx);
    let found: Vec<(usize, f32)> = dx.into_iter().enumerate().filter(|&(_, dx)| dx != 0.0).collect();
    assert_eq!(found, [(5000 * 2 + 1, 7.0), (9001 * 2, 5.0)]);
}

#[test]
fn attention_by_hand() {
    // Two targets over three sources: row 0 sees 0 and 2, row 1 sees 2 alone.
    let graph = EdgeGraph::new(csr(2, 3, &[(0, 0), (0, 2), (1, 2)]));
    let rows = leaf(&[1.0, 2.0, 3.0, -1.0], [2, 2]);
    let cols = leaf(&[1.0, 0.0, 9.0, 9.0, 1.0, 0.5], [3, 2]);
    let logits = edge_dot(&graph, rows, cols.clone());
    assert_eq!(values(logits.clone()), [1.0, 2.0, 2.5]);
    let p = edge_softmax(&graph, logits.reshape([3, 1])).reshape([3]);
    let share = 1.0 / (1.0 + 1f64.exp());
    assert_close(&values(p.clone()), &[share, 1.0 - share, 1.0]);
    assert_close(&values(spmm_edges(&graph, p, cols)), &[1.0, 0.5 * (1.0 - share), 1.0, 0.5]);
}

#[test]
fn logits_that_would_overflow_and_those_that_are_no_numbers() {
    let softmax = |x: &[f32]| {
        let mut y = vec![0.5; x.len()];
        kernels::edge_softmax(&[0, x.len()], x, 1, &mut y);
        y
    };
    assert_eq!(softmax(&[3e38, 3e38, -3e38]), [0.5, 0.5, 0.0]);
    assert_eq!(softmax(&[f32::NEG_INFINITY, 7.0]), [0.0, 1.0]);
    assert!(softmax(&[f32::NEG_INFINITY; 2]).iter().all(|y| y.is_nan()));
    assert!(softmax(&[1.0, f32::NAN]).iter().all(|y| y.is_nan()));
    assert!(softmax(&[f32::NAN, 1.0, 2.0]).iter().all(|y| y.is_nan()));
    assert!(softmax(&[1.0, f32::INFINITY]).iter().any(|y| y.is_nan()));
    let mut y = [0.0; 2];
    kernels::segment_max(&[0, 3, 4], &[1.0, f32::NAN, 2.0, -5.0], 1, &mut y);
    assert!(y[0].is_nan() && y[1] == -5.0);
}

/// The same bits on 1, 2 and 5 threads, for a graph with hubs that are cut.
#[test]
fn threads_do_not_change_a_bit() {
    let graph = hubs();
    let masked = MaskedGraph::new(EdgeMask::from_fn(&graph, |edge| edge % 7 != 3)).scaled(7.0 / 6.0);
    let width = 17;
    let one = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (weights, rows) = (numbers(graph.num_edges(), 1), numbers(graph.num_rows() * width, 2));
            let cols = numbers(graph.num_cols() * width, 3);
            let (w, x) = (leaf(&weights, [weights.len()]), leaf(&cols, [graph.num_cols(), width]));
            let logits = edge_dot(&graph, leaf(&rows, [graph.num_rows(), width]), x.clone()) * w.clone();
            let p = edge_softmax(&graph, logits.reshape([graph.num_edges(), 1]));
            let y = spmm_edges(&graph, p.clone().reshape([graph.num_edges()]), x.clone());
            let messages = gather_edges(&graph, End::Col, x.clone()) * p;
            let y = y + segment_max(&graph, messages.clone()) + segment_mean(&graph, messages);
            let y = y + spmm_masked(&masked, x.clone());
            let grads = weighted(y.clone()).backward();
            let gradients = [values(w.grad(&grads).unwrap()), values(x.grad(&grads).unwrap())];
            let all = values(y).into_iter().chain(gradients.into_iter().flatten());
            all.map(f32::to_bits).collect::<Vec<u32>>()
        })
    };
    let alone = one(1);
    assert!(alone == one(2) && alone == one(5));
}

/// Gradients against central differences of a nonlinear function of the output.
#[test]
fn gradients_are_finite_differences() {
    let graph = EdgeGraph::new(csr(4, 5, &[(0, 1), (0, 3), (0, 4), (2, 0), (2, 3), (3, 3)]));
    let masked = MaskedGraph::new(EdgeMask::from_fn(&graph, |edge| edge != 3)).normalised(Normalisation::Symmetric);
    let fixed = |len: usize, width: usize, salt: u32| leaf(&numbers(len * width, salt), [len, width]).detach();
    // Every operation as a function of a table of 3 columns, with its number of rows.
    type Op<'a> = (usize, Box<dyn Fn(Tensor<2>) -> Tensor<2> + 'a>);
    let column = |x: Tensor<2>| -> Tensor<1> { x.sum_dim(1).reshape([6]) };
    let ops: Vec<Op<'_>> = vec![
        (6, Box::new(|w| spmm_edges(&graph, column(w), fixed(5, 3, 1)))),
        (5, Box::new(|x| spmm_edges(&graph, column(fixed(6, 3, 2)), x))),
        (4, Box::new(|a| edge_dot(&graph, a, fixed(5, 3, 3)).reshape([6, 1]))),
        (5, Box::new(|b| edge_dot(&graph, fixed(4, 3, 4), b).reshape([6, 1]))),
        (6, Box::new(|x| edge_softmax(&graph, x))),
        (4, Box::new(|x| gather_edges(&graph, End::Row, x))),
        (5, Box::new(|x| gather_edges(&graph, End::Col, x))),
        (6, Box::new(|x| segment_sum(&graph, x))),
        (6, Box::new(|x| segment_mean(&graph, x))),
        (6, Box::new(|x| segment_max(&graph, x))),
        (5, Box::new(|x| spmm_masked(&masked, x))),
    ];
    for (op, (rows, f)) in ops.iter().enumerate() {
        let x = numbers(rows * 3, 8);
        let loss = |x: &[f32]| f(leaf(x, [*rows, 3])).powi_scalar(2).sum();
        let at = leaf(&x, [*rows, 3]);
        let grads = f(at.clone()).powi_scalar(2).sum().backward();
        let gradient = values(at.grad(&grads).unwrap());
        for n in 0..x.len() {
            let shifted = |by: f32| {
                let mut x = x.clone();
                x[n] += by;
                loss(&x).into_scalar::<f32>()
            };
            let difference = (shifted(0.01) - shifted(-0.01)) / 0.02;
            let close = (gradient[n] - difference).abs() < 2e-3 * (1.0 + difference.abs());
            assert!(close, "operation {op}, {n}: {} {difference}", gradient[n]);
        }
    }
}

#[test]
#[should_panic(expected = "an EdgeGraph takes a pattern")]
fn a_weighted_matrix_is_refused() {
    let _ = EdgeGraph::new(csr(1, 1, &[(0, 0)]).with_weights(vec![2.0]).unwrap());
}

#[test]
#[should_panic(expected = "only in a symmetric pattern")]
fn a_symmetric_mask_of_a_directed_graph_is_refused() {
    let _ = EdgeMask::symmetric(&EdgeGraph::new(csr(2, 2, &[(0, 1)])), |_| true);
}

#[test]
#[should_panic(expected = "both sides have the same width")]
fn widths_that_differ_are_refused() {
    let graph = EdgeGraph::new(csr(1, 1, &[(0, 0)]));
    let _ = edge_dot(&graph, leaf(&[1.0], [1, 1]), leaf(&[1.0, 2.0], [1, 2]));
}
