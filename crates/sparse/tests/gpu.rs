//! Every operation on the device under test beside the CPU: values and all gradients, at widths that vectors divide and
//! widths that they do not, over a graph with hubs of several pieces, nodes without edges, and no edges at all.
//!
//! `cargo nextest run --release --workspace --features wgpu --test gpu --no-capture` prints the largest differences.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::cast_possible_truncation, reason = "graphs of tests are small")]

#[expect(dead_code, reason = "other suites use the rest")]
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_graph::{Csr, Duplicates, Normalisation};
use gnnrec_sparse::kernels::losses::{Objective, RowLoss};
use gnnrec_sparse::kernels::tables::{Adam, RmsProp};
use gnnrec_sparse::tables::{self as steps, TableGradient};
use gnnrec_sparse::*;
use support::numbers;

/// What an operation left: a label and numbers for each result and gradient.
type Left = Vec<(String, Vec<f32>)>;

/// Of the largest number of a result.
const TOLERANCE: f32 = 1e-5;

/// The device under test: what `GNNREC_TEST_DEVICE` names where the build can use it, and else the CPU.
fn device() -> Device {
    match std::env::var("GNNREC_TEST_DEVICE").as_deref() {
        Err(_) | Ok("cpu") => Device::flex(),
        #[cfg(feature = "wgpu")]
        Ok("wgpu") => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
        #[cfg(feature = "cuda")]
        Ok("cuda") => Device::cuda(0),
        Ok(other) => panic!("GNNREC_TEST_DEVICE is `{other}`, which this build cannot use"),
    }
}

fn input<const D: usize>(shape: [usize; D], salt: u32, device: &Device) -> Tensor<D> {
    let values = numbers(shape.iter().product(), salt);
    Tensor::from_data(TensorData::new(values, shape), &device.clone().autodiff()).require_grad()
}

fn plain<const D: usize>(shape: [usize; D], salt: u32, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers(shape.iter().product(), salt), shape), device)
}

fn flat<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_to_vec().unwrap()
}

/// A name, and how its gradient is read.
type Asked<'a> = (&'a str, &'a dyn Fn(&burn::tensor::Gradients) -> Vec<f32>);

/// The result, and the gradients of a weighted sum of it.
fn differentiated<const D: usize>(y: Tensor<D>, inputs: &[Asked<'_>]) -> Left {
    let weights = numbers(y.shape().num_elements(), 77);
    let weights = Tensor::<D>::from_data(TensorData::new(weights, y.shape()), &y.device());
    let gradients = (y.clone() * weights).sum().backward();
    let mut left = vec![("value".to_owned(), flat(y))];
    left.extend(inputs.iter().map(|(name, gradient)| (format!("d {name}"), gradient(&gradients))));
    left
}

macro_rules! differentiate {
    ($y:expr, $($name:ident),+) => {{
        let y = $y;
        differentiated(y, &[$((stringify!($name), &|gradients| flat($name.grad(gradients).unwrap()))),+])
    }};
}

/// A graph of `rows x cols` with two rows of very many edges, and none in every seventh row.
fn pattern(rows: u32, cols: u32) -> Csr {
    let mut edges = Vec::new();
    for row in 0..rows {
        let degree = match row {
            3 => cols,
            4 => cols - cols / 4,
            _ if row % 7 == 0 => 0,
            _ => row % 5 + 1,
        };
        edges.extend((0..degree).map(|n| (row, (n * 13 + row * 7) % cols)));
    }
    edges.sort_unstable();
    edges.dedup();
    Csr::from_edges(rows as usize, cols as usize, &edges, Duplicates::Error).unwrap()
}

fn symmetric(nodes: u32) -> Csr {
    let one_way: Vec<(u32, u32)> = pattern(nodes, nodes).edges().collect();
    let mut edges: Vec<_> = one_way.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).collect();
    edges.sort_unstable();
    edges.dedup();
    Csr::from_edges(nodes as usize, nodes as usize, &edges, Duplicates::Error).unwrap()
}

fn products(device: &Device, width: usize) -> Vec<(&'static str, Left)> {
    let (rows, cols) = (211, 301);
    let matrix = pattern(rows, cols);
    let weights = numbers(matrix.num_edges(), 5);
    let weighted = Adjacency::new(matrix.with_weights(weights).unwrap());
    let normalised = Adjacency::symmetric_normalised(&matrix);
    let x = input([cols as usize, width], 1, device);
    let mut left = vec![
        ("spmm", differentiate!(spmm(&weighted, x.clone()), x)),
        ("spmm", differentiate!(spmm(&normalised, x.clone()), x)),
    ];
    let graph = Adjacency::symmetric_normalised(&symmetric(rows));
    let row_mean = Adjacency::row_mean(&symmetric(rows));
    let asked: Vec<u32> = (0..90).map(|n| n * n % rows).chain([3; 100]).collect();
    let x = input([rows as usize, width], 2, device);
    for combination in [
        LayerCombination::mean(0),
        LayerCombination::mean(1),
        LayerCombination::mean(3).with_input(),
        LayerCombination::concatenation(2),
        LayerCombination::last(2),
        LayerCombination::weighted(&[0.0, 0.0]),
    ] {
        for matrix in [&graph, &row_mean] {
            left.push(("propagate_rows", differentiate!(propagate_rows(matrix, x.clone(), &combination, &asked), x)));
        }
        left.push(("propagate_rows", differentiate!(propagate_rows(&graph, x.clone(), &combination, &[]), x)));
    }
    left.push(("gather_rows", differentiate!(gather_rows(x.clone(), &asked), x)));
    let y = input([asked.len(), width], 3, device);
    left.push(("scatter_rows", differentiate!(scatter_rows(y.clone(), &asked, rows as usize), y)));
    let sink = RowGradients::default();
    let y = gather_rows_into(x.clone(), &asked, &sink);
    let weights = plain([asked.len(), width], 77, device).autodiff();
    let _ = (y.clone() * weights).sum().backward();
    let (named, gradient) = sink.take().unwrap();
    let mut of_sink = vec![("value".to_owned(), flat(y)), ("d x".to_owned(), flat(gradient))];
    of_sink.push(("rows".to_owned(), named.iter().map(|&row| row as f32).collect()));
    left.push(("gather_rows_into", of_sink));
    left
}

fn along_edges(device: &Device, width: usize) -> Vec<(&'static str, Left)> {
    let (rows, cols) = (211usize, 301usize);
    let graph = EdgeGraph::new(pattern(rows as u32, cols as u32));
    let num_edges = graph.num_edges();
    let (a, b) = (input([rows, width], 1, device), input([cols, width], 2, device));
    let (w, e) = (input([num_edges], 3, device), input([num_edges, width], 4, device));
    let of_width = input([width], 5, device);
    let mut left = vec![
        ("spmm_edges", differentiate!(spmm_edges(&graph, w.clone(), b.clone()), w, b)),
        ("edge_dot", differentiate!(edge_dot(&graph, a.clone(), b.clone()), a, b)),
        ("edge_mul", differentiate!(edge_mul(&graph, a.clone(), b.clone()), a, b)),
        ("edge_relu_add", differentiate!(edge_relu_add(&graph, a.clone(), b.clone()), a, b)),
        (
            "edge_relu_dot",
            differentiate!(edge_relu_dot(&graph, a.clone(), b.clone(), of_width.clone()), a, b, of_width),
        ),
        ("edge_softmax", differentiate!(edge_softmax(&graph, e.clone() * 3.0), e)),
        ("gather_edges", differentiate!(gather_edges(&graph, End::Row, a.clone()), a)),
        ("gather_edges", differentiate!(gather_edges(&graph, End::Col, b.clone()), b)),
        ("segment_sum", differentiate!(segment_sum(&graph, e.clone()), e)),
        ("segment_mean", differentiate!(segment_mean(&graph, e.clone()), e)),
        ("segment_max", differentiate!(segment_max(&graph, e.clone()), e)),
    ];
    let mask = || EdgeMask::from_fn(&graph, |edge| edge * 7 % 10 < 6);
    for masked in [
        MaskedGraph::new(mask()).scaled(1.5),
        MaskedGraph::new(mask()).normalised(Normalisation::Symmetric),
        MaskedGraph::new(mask()).normalised(Normalisation::Row),
    ] {
        left.push(("spmm_masked", differentiate!(spmm_masked(&masked, b.clone()), b)));
    }
    let nothing = EdgeGraph::new(pattern(0, 5));
    let b = input([5, width], 2, device);
    left.push(("gather_edges", differentiate!(gather_edges(&nothing, End::Col, b.clone()), b)));
    left
}

fn dense(device: &Device, width: usize) -> Vec<(&'static str, Left)> {
    let (rows, outputs) = (130, 5);
    let x = input([rows, width], 1, device);
    let (weight, bias) = (input([width, outputs], 2, device), input([1, outputs], 3, device));
    let mut left = Vec::new();
    for activation in [Activation::Identity, Activation::RELU, Activation::LeakyRelu(0.2), Activation::Tanh] {
        let y = linear(x.clone(), weight.clone(), Some(bias.clone()), activation);
        left.push(("linear", differentiate!(y, x, weight, bias)));
    }
    // So many rows that they are cut, and some left over.
    let tall = input([4321, width], 6, device);
    let y = linear(tall.clone(), weight.clone(), Some(bias.clone()), Activation::RELU);
    left.push(("linear", differentiate!(y, tall, weight, bias)));
    let weights = input([3, width, outputs], 4, device);
    left.push((
        "grouped_linear",
        differentiate!(grouped_linear(&[0, 40, 40, rows], x.clone(), weights.clone()), x, weights),
    ));
    // A row of one column has no direction to learn: its gradient is rounding.
    if width > 1 {
        left.push(("unit_rows", differentiate!(unit_rows(x.clone()), x)));
    }
    let ids: Vec<u32> = (0..rows as u32).map(|n| n.wrapping_mul(0x1234_5679)).chain([u32::MAX]).skip(1).collect();
    for ids in [None, Some(&ids.into())] {
        let dropout = Dropout::new(0.3, 0xFEDC_BA98_7654_3210);
        left.push(("dropout_rows", differentiate!(dropout_rows(x.clone(), ids, dropout), x)));
    }
    left
}

fn objectives(device: &Device, width: usize) -> Vec<(&'static str, Left)> {
    let rows = 150;
    let ids = Rows::from((0..rows as u32).map(|n| n * n % 70).collect::<Vec<u32>>());
    let log_probabilities: Arc<[f32]> = numbers(rows, 11).iter().map(|x| x - 2.0).collect();
    let objectives = [
        ("bpr", Objective::Bpr { num_negatives: 1 }),
        ("bpr", Objective::Bpr { num_negatives: 3 }),
        ("sampled softmax", Objective::SampledSoftmax { num_negatives: 4, temperature: 0.5, cosine: false }),
        ("sampled softmax", Objective::SampledSoftmax { num_negatives: 70, temperature: 0.2, cosine: true }),
        (
            "in-batch softmax",
            Objective::InBatchSoftmax { temperature: 1.0, cosine: false, ids: None, log_probabilities: None },
        ),
        (
            "in-batch softmax",
            Objective::InBatchSoftmax {
                temperature: 0.2,
                cosine: true,
                ids: Some(ids),
                log_probabilities: Some(log_probabilities),
            },
        ),
        ("info-nce", Objective::InfoNce { temperature: 0.2 }),
        ("direct-au", Objective::DirectAu { gamma: 1.5 }),
    ];
    let mut left = Vec::new();
    for (name, objective) in objectives {
        for rows in [rows, 1] {
            let needs_all = matches!(objective, Objective::InBatchSoftmax { .. });
            // One scored column has two directions, so that a gradient through them is rounding.
            let is_direction = !matches!(objective, Objective::Bpr { .. });
            if needs_all && rows == 1 || is_direction && width == 1 {
                continue;
            }
            let objective = objective.clone();
            let loss = RowLoss::new(objective, rows, 1..width + 1).penalised(0.1, width / 2..width + 2);
            let x = input([loss.num_stacked(), width + 3], 1, device);
            left.push((name, differentiate!(row_loss(&loss, x.clone()), x)));
        }
    }
    left
}

fn optimisers(device: &Device, width: usize) -> Vec<(&'static str, Left)> {
    let rows = 90;
    let named = Rows::from(&[0, 3, 4, 50, 88, 89]);
    let len = rows * width;
    let constants = Adam { weight_decay: 0.01, ..Adam::default() };
    let rms_prop = RmsProp { learning_rate: 0.01, decay: 0.9, epsilon: 1e-6 };
    let mut left = Vec::new();
    for by_rows in [false, true] {
        let gradient = |salt| match by_rows {
            true => TableGradient::Rows { rows: named.clone(), values: plain([named.len(), width], salt, device) },
            false => TableGradient::Dense(plain([rows, width], salt, device)),
        };
        let zeros = |len| Tensor::<1>::zeros([len], device);
        let table = || plain([rows, width], 1, device);
        let (mut x, mut m, mut v) = (table(), zeros(len), zeros(len));
        let (mut lazy, mut lazy_m, mut lazy_v) = (table(), zeros(len), zeros(len));
        let (mut plain_x, mut adagrad, mut squares) = (table(), table(), zeros(rows));
        let (mut rms, mut rms_squares, mut last) = (table(), zeros(len), zeros(rows));
        for step in 1..=4u32 {
            let factors = constants.factors(u64::from(step));
            (x, m, v) = steps::adam(x, gradient(step), m, v, factors);
            (lazy, lazy_m, lazy_v) = steps::lazy_adam(lazy, gradient(step), lazy_m, lazy_v, factors);
            plain_x = steps::sgd(plain_x, gradient(step), 0.1);
            (adagrad, squares) = steps::row_adagrad(adagrad, gradient(step), squares, 0.1, 1e-6);
            // Every other step, so that rows miss some.
            (rms, rms_squares, last) = steps::rms_prop(rms, gradient(step), rms_squares, last, rms_prop, 2 * step);
        }
        let of = |name: &str, values| (name.to_owned(), values);
        left.push(("adam", vec![of("x", flat(x)), of("m", flat(m)), of("v", flat(v))]));
        left.push(("lazy adam", vec![of("x", flat(lazy)), of("m", flat(lazy_m)), of("v", flat(lazy_v))]));
        left.push(("sgd", vec![of("x", flat(plain_x))]));
        left.push(("row-wise adagrad", vec![of("x", flat(adagrad)), of("squares", flat(squares))]));
        let last = flat(last).iter().map(|step| step.to_bits() as f32).collect();
        left.push(("rms-prop", vec![of("x", flat(rms)), of("squares", flat(rms_squares)), of("last", last)]));
    }
    left
}

/// The largest difference of a result, as a part of the largest number in it; infinite where one is no number.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(f32::MIN_POSITIVE, |largest, x| largest.max(x.abs()));
    let differences = found.iter().zip(expected).map(|(found, expected)| match (found - expected).abs() / scale {
        difference if difference.is_nan() => f32::INFINITY,
        difference => difference,
    });
    differences.fold(0.0, f32::max)
}

#[test]
fn every_operation_equals_the_cpu() {
    let (cpu, device) = (Device::flex(), device());
    let mut largest: BTreeMap<&str, BTreeMap<String, f32>> = BTreeMap::new();
    for width in [1, 6, 7, 64] {
        for operations in [products, along_edges, dense, objectives, optimisers] {
            for ((name, found), (_, expected)) in operations(&device, width).into_iter().zip(operations(&cpu, width)) {
                assert_eq!(found.len(), expected.len());
                for ((label, found), (_, expected)) in found.into_iter().zip(expected) {
                    let worst = largest.entry(name).or_default().entry(label).or_default();
                    *worst = worst.max(difference(&found, &expected));
                }
            }
        }
    }
    println!("| operation | largest differences, of the largest number |\n| --- | --- |");
    for (name, labels) in &largest {
        let labels: Vec<String> = labels.iter().map(|(label, worst)| format!("{label} {worst:.0e}")).collect();
        println!("| {name} | {} |", labels.join(", "));
    }
    let wrong: Vec<_> = largest.iter().filter(|(_, labels)| labels.values().any(|worst| *worst > TOLERANCE)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The same bits from the same inputs, again and again.
#[test]
fn a_device_repeats_itself() {
    let device = device();
    for operations in [products, along_edges, dense, objectives, optimisers] {
        let bits = |left: Vec<(&'static str, Left)>| -> Vec<u32> {
            left.into_iter().flat_map(|(_, left)| left).flat_map(|(_, values)| values).map(f32::to_bits).collect()
        };
        assert_eq!(bits(operations(&device, 64)), bits(operations(&device, 64)));
    }
}

/// Lists by sorting all scores, on tables of small whole numbers, so that many scores are one and the same.
#[test]
fn the_best_unseen_are_those_of_a_sort() {
    let device = device();
    if device == Device::flex() {
        println!("skipped: GNNREC_TEST_DEVICE names no GPU");
        return;
    }
    let (num_users, num_items, dim) = (37usize, 700usize, 6);
    let whole = |len: usize, salt: u32| -> Vec<f32> { numbers(len, salt).iter().map(|x| (x * 3.0).round()).collect() };
    let (users, mut items) = (whole(num_users * dim, 1), whole(num_items * dim, 2));
    let mut edges: Vec<(u32, u32)> = pattern(num_users as u32, num_items as u32).edges().collect();
    // One user has seen all but three items.
    edges.retain(|(user, item)| *user != 3 || ![5, 300, 699].contains(item));
    let seen = Csr::from_edges(num_users, num_items, &edges, Duplicates::Error).unwrap();
    let ranks: Vec<u32> = (0..num_items as u32).map(|item| item.wrapping_mul(0x9E37_79B1)).collect();
    let asked: Vec<u32> = (0..num_users as u32).rev().chain([3, 3]).collect();
    let tensor = |values: &[f32], rows| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [rows, dim]), &device);
    // Columns 0 .. 4, and the last two.
    let panels = |users: &[f32], items: &[f32]| {
        [(0, 4), (4, 2)].map(|(from, width)| {
            [tensor(users, num_users), tensor(items, num_items)].map(|table| table.narrow(1, from, width))
        })
    };
    for (k, num_panels) in [(1, 2), (20, 1), (20, 2), (300, 2)] {
        let panels = |users: &[f32], items: &[f32]| match num_panels {
            1 => vec![[tensor(users, num_users), tensor(items, num_items)]],
            _ => panels(users, items).to_vec(),
        };
        let seen_items = SeenItems::new(seen.clone(), &ranks);
        let lists = best_unseen(&panels(&users, &items), &asked, &seen_items, k);
        assert_eq!(lists.len(), asked.len());
        for (&user, list) in asked.iter().zip(&lists) {
            let score =
                |item: usize| -> f32 { (0..dim).map(|j| users[user as usize * dim + j] * items[item * dim + j]).sum() };
            let mut expected: Vec<usize> =
                (0..num_items).filter(|&item| !seen.contains(user as usize, item as u32)).collect();
            expected.sort_by(|&a, &b| score(b).total_cmp(&score(a)).then(ranks[b].cmp(&ranks[a])));
            expected.truncate(k);
            let expected: Vec<(u32, f32)> = expected.into_iter().map(|item| (item as u32, score(item))).collect();
            assert_eq!(list, &expected, "user {user}, {k} items");
        }
    }
    // A score that is no number stands first and alone, unless its item is seen.
    items[5 * dim] = f32::NAN;
    let lists = best_unseen(&panels(&users, &items), &[3, 4], &SeenItems::new(seen.clone(), &ranks), 2);
    assert!(lists[0].len() == 1 && lists[0][0].0 == 5 && lists[0][0].1.is_nan());
    assert_eq!(seen.contains(4, 5), !lists[1][0].1.is_nan());
}
