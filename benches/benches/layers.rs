//! Dense layers over many rows, and steps of the models that are made of them, through Burn.
//!
//! GraphRec's steps are on Ciao where `GNNREC_DATA` has it, otherwise on the generated demo world; NGCF's on Gowalla or
//! a generated graph of its size. A step is a loss and its gradients, without the optimiser.

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use criterion::{Criterion, criterion_group, criterion_main};
use gnnrec_benches::settings::{brief, elements, millions};
use gnnrec_benches::training::SEED;
use gnnrec_benches::worlds::{gowalla_or_generated, rated};
use gnnrec_interaction::NgcfConfig;
use gnnrec_model::{GradientConfig, GradientModel, Step};
use gnnrec_sampling::{Batch, RatedSampler, Sampler, SamplerConfig};
use gnnrec_social::GraphRecConfig;
use gnnrec_sparse::{Activation, linear};

const ROWS: usize = 100_000;
const WIDTH: usize = 64;

fn dense(criterion: &mut Criterion) {
    let device = Device::flex().autodiff();
    let leaf = |rows: usize, width: usize| {
        let values: Vec<f32> = (0u16..).take(rows * width).map(|n| f32::from(n % 17) / 17.0 - 0.4).collect();
        Tensor::<2>::from_data(TensorData::new(values, [rows, width]), &device).require_grad()
    };
    let (x, weight, bias) = (leaf(ROWS, WIDTH), leaf(WIDTH, WIDTH), leaf(1, WIDTH));
    let mut group = criterion.benchmark_group("layers");
    group.throughput(elements(ROWS));
    let place = format!("{ROWS}-rows/{WIDTH}x{WIDTH}");
    group.bench_function(format!("dense-relu-and-gradient/{place}/one-operation"), |bencher| {
        bencher.iter(|| linear(x.clone(), weight.clone(), Some(bias.clone()), Activation::RELU).sum().backward());
    });
    group.bench_function(format!("dense-relu-and-gradient/{place}/matmul-add-relu"), |bencher| {
        bencher.iter(|| relu(x.clone().matmul(weight.clone()) + bias.clone()).sum().backward());
    });
}

fn graphrec(criterion: &mut Criterion) {
    const BATCH: usize = 128;
    let named = rated();
    let sampler = RatedSampler::new(named.world.interactions(), BATCH, SEED).expect("a world with ratings");
    let mut group = criterion.benchmark_group(&named.name);
    group.throughput(elements(BATCH));
    let mut steps = |name: &str, config: GraphRecConfig| {
        let model = config.init(&named.world, SEED, &Device::flex().autodiff()).expect("a world with ties");
        let mut index = 0;
        group.bench_function(format!("step-graphrec/{name}/64/batch-{BATCH}/flex"), |bencher| {
            bencher.iter(|| {
                let batch = sampler.batch(0, index % sampler.num_batches()).expect("a batch");
                index += 1;
                step(&model, Batch::Rated(batch), index);
            });
        });
    };
    steps("whole", GraphRecConfig::default());
    steps("at-most-30", GraphRecConfig { max_neighbours: Some(30), ..GraphRecConfig::default() });
    steps("shortcut", GraphRecConfig::embedding_shortcut());
}

fn ngcf(criterion: &mut Criterion) {
    let named = gowalla_or_generated();
    let config = SamplerConfig { batch_size: 1024, ..SamplerConfig::default() };
    let sampler = Sampler::new(named.world.interactions(), config, SEED).expect("a world with negatives");
    let mut group = criterion.benchmark_group(&named.name);
    group.throughput(elements(1024));
    let model = NgcfConfig::default().init(&named.world, SEED, &Device::flex().autodiff()).expect("a checked world");
    let num_edges = millions(2 * named.world.interactions().num_interactions());
    let mut index = 0;
    group.bench_function(format!("step-ngcf/3x64/{num_edges}-edges/batch-1024/flex"), |bencher| {
        bencher.iter(|| {
            let batch = sampler.batch(0, index % sampler.num_batches()).expect("a batch");
            index += 1;
            step(&model, Batch::Pairwise(batch), index);
        });
    });
}

/// A loss and all its gradients, those of rows looked up included.
fn step<M: GradientModel>(model: &M, batch: Batch, index: usize) {
    let gradients = model.loss(&batch, Step { seed: SEED, index: index as u64 }).backward();
    model.tables().iter().for_each(|table| drop(table.take_gradients()));
    drop(gradients);
}

criterion_group! { name = benches; config = brief(); targets = dense, graphrec, ngcf }
criterion_main!(benches);
