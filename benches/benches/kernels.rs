//! The kernels of `gnnrec-sparse`, on slices and through Burn, beside a copy of memory.
//!
//! Real Gowalla where `GNNREC_DATA` has it, otherwise a generated graph of its size, in which neighbours lie
//! anywhere. Throughput is in edges or rows.

use std::hint::black_box;

use burn::tensor::{Device, Tensor, TensorData};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gnnrec_benches::settings::{brief, elements, millions};
use gnnrec_benches::worlds::gowalla_or_generated;
use gnnrec_model::joint_graph;
use gnnrec_sampling::{Sampler, SamplerConfig};
use gnnrec_sparse::{
    Adjacency, EdgeGraph, End, LayerCombination, TablePrecision, kernels, propagate, propagate_rows, spmm,
};
use rayon::prelude::*;

const DIM: usize = 64;
const NUM_HOPS: usize = 3;

fn stream_copy(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stream-copy");
    // A table of Gowalla, and one that no cache holds.
    for bytes in [70_839 * DIM * 4, 512 << 20] {
        let (from, mut to) = (vec![1f32; bytes / 4], vec![0f32; bytes / 4]);
        // Read once and written once.
        group.throughput(Throughput::Bytes(2 * bytes as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{}MB", bytes / 1_000_000)), |bencher| {
            bencher.iter(|| {
                let parts = to.par_chunks_mut(1 << 16).zip(from.par_chunks(1 << 16));
                parts.for_each(|(to, from)| to.copy_from_slice(from));
                black_box(&mut to);
            });
        });
    }
}

fn products(criterion: &mut Criterion) {
    let named = gowalla_or_generated();
    let graph = joint_graph(named.world.interactions(), None).expect("a checked world");
    let adjacency = Adjacency::symmetric_normalised(&graph);
    let place = format!("{}-edges/d{DIM}", millions(graph.num_edges()));
    let x: Vec<f32> = (0u16..).take(graph.num_rows() * DIM).map(|n| f32::from(n % 17) - 8.0).collect();
    let data = TensorData::new(x.clone(), [graph.num_rows(), DIM]);
    let mut group = criterion.benchmark_group(&named.name);

    group.throughput(elements(graph.num_edges()));
    let mut y = vec![0f32; x.len()];
    group.bench_function(format!("spmm/{place}/slices"), |bencher| {
        bencher.iter(|| kernels::spmm(&adjacency, &x, DIM, black_box(&mut y)));
    });
    let tensor = Tensor::<2>::from_data(data.clone(), &Device::flex());
    group.bench_function(format!("spmm/{place}/flex"), |bencher| {
        bencher.iter(|| spmm(&adjacency, tensor.clone()));
    });

    group.throughput(elements(NUM_HOPS * graph.num_edges()));
    let mean = LayerCombination::mean(NUM_HOPS);
    group.bench_function(format!("propagate-{NUM_HOPS}-hops/{place}/flex"), |bencher| {
        bencher.iter(|| propagate(&adjacency, tensor.clone(), &mean));
    });
    let batch = Sampler::new(named.world.interactions(), SamplerConfig::default(), 1).and_then(|s| s.batch(0, 0));
    let batch = batch.expect("a world with negatives");
    let offset = u32::try_from(named.world.interactions().num_users()).expect("users are counted by a u32");
    let items = batch.positives.iter().chain(&batch.negatives).map(|item| item.0 + offset);
    let rows: Vec<u32> = batch.users.iter().map(|user| user.0).chain(items).collect();
    group.bench_function(format!("propagate-{NUM_HOPS}-hops-to-{}-rows/{place}/flex", rows.len()), |bencher| {
        bencher.iter(|| propagate_rows(&adjacency, tensor.clone(), &mean, &rows));
    });
    group.throughput(elements(2 * NUM_HOPS * graph.num_edges()));
    let work = format!("propagate-{NUM_HOPS}-hops-to-{}-rows-and-gradient/{place}/flex", rows.len());
    group.bench_function(work, |bencher| {
        let table = Tensor::<2>::from_data(data.clone(), &Device::flex().autodiff()).require_grad();
        bencher.iter(|| table.grad(&propagate_rows(&adjacency, table.clone(), &mean, &rows).sum().backward()));
    });
    let halved = adjacency.clone().with_table_precision(TablePrecision::Bf16);
    group.throughput(elements(graph.num_edges()));
    group.bench_function(format!("spmm-bf16/{place}/slices"), |bencher| {
        bencher.iter(|| kernels::spmm(&halved, &x, DIM, black_box(&mut y)));
    });
}

fn rows(criterion: &mut Criterion) {
    let named = gowalla_or_generated();
    let interactions = named.world.interactions();
    let table_rows = interactions.num_items();
    let table = vec![1f32; table_rows * DIM];
    let config = SamplerConfig { num_negatives: 2, ..SamplerConfig::default() };
    let batch = Sampler::new(interactions, config, 1).and_then(|sampler| sampler.batch(0, 0));
    let batch = batch.expect("a world with negatives");
    let indices: Vec<u32> = batch.positives.iter().chain(&batch.negatives).map(|item| item.0).collect();
    let place = format!("{}-of-{table_rows}-rows/d{DIM}/slices", indices.len());
    let mut looked_up = vec![0f32; indices.len() * DIM];
    let mut group = criterion.benchmark_group(&named.name);
    group.throughput(elements(indices.len()));
    group.bench_function(format!("gather/{place}"), |bencher| {
        bencher.iter(|| kernels::gather_rows(&table, DIM, &indices, black_box(&mut looked_up)));
    });
    let mut gradient = vec![0f32; table.len()];
    group.bench_function(format!("scatter/{place}"), |bencher| {
        bencher.iter(|| kernels::scatter_rows(&looked_up, DIM, &indices, black_box(&mut gradient)));
    });
}

/// Values along edges, as attention uses them: users are rows, items columns.
fn edges(criterion: &mut Criterion) {
    const HEADS: usize = 4;
    let named = gowalla_or_generated();
    let graph = EdgeGraph::new(named.world.interactions().by_user().to_pattern());
    let place = format!("{}-edges/d{DIM}/slices", millions(graph.num_edges()));
    let table = |rows: usize| -> Vec<f32> { (0u16..).take(rows * DIM).map(|n| f32::from(n % 17) - 8.0).collect() };
    let (users, items) = (table(graph.num_rows()), table(graph.num_cols()));
    let mut values = vec![1f32; graph.num_edges()];
    let mut summed = vec![0f32; users.len()];
    let mut group = criterion.benchmark_group(&named.name);
    group.throughput(elements(graph.num_edges()));
    group.bench_function(format!("edge-dot/{place}"), |bencher| {
        bencher.iter(|| kernels::edge_dot(&graph, &users, &items, DIM, black_box(&mut values)));
    });
    group.bench_function(format!("spmm-edges/{place}"), |bencher| {
        bencher.iter(|| kernels::spmm_edges(&graph, End::Row, &values, &items, DIM, black_box(&mut summed)));
    });
    let mut gathered = vec![0f32; graph.num_edges() * DIM];
    group.bench_function(format!("gather-edges/{place}"), |bencher| {
        bencher.iter(|| kernels::gather_edges(&graph, End::Col, &items, DIM, black_box(&mut gathered)));
    });
    let indptr = graph.pattern().indptr();
    group.bench_function(format!("segment-mean/{place}"), |bencher| {
        bencher.iter(|| kernels::segment_mean(indptr, &gathered, DIM, black_box(&mut summed)));
    });
    group.bench_function(format!("segment-max/{place}"), |bencher| {
        bencher.iter(|| kernels::segment_max(indptr, &gathered, DIM, black_box(&mut summed)));
    });
    let (logits, mut weights) = (vec![0.5f32; graph.num_edges() * HEADS], vec![0f32; graph.num_edges() * HEADS]);
    let place = format!("{}-edges/{HEADS}-heads/slices", millions(graph.num_edges()));
    group.bench_function(format!("edge-softmax/{place}"), |bencher| {
        bencher.iter(|| kernels::edge_softmax(indptr, &logits, HEADS, black_box(&mut weights)));
    });
}

criterion_group! { name = benches; config = brief(); targets = stream_copy, products, rows, edges }
criterion_main!(benches);
