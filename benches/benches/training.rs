//! Steps and epochs of the library's own training loop, and steps of the bare loop over the same kernels.
//!
//! Throughput is in rows, a row being one positive with its negative.

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use gnnrec_benches::bare::BareLightGcn;
use gnnrec_benches::settings::{brief, elements, millions};
use gnnrec_benches::training::{SEED, Training};
use gnnrec_benches::worlds::{gowalla_or_generated, power_law};
use gnnrec_graph::World;
use gnnrec_interaction::{LightGcnConfig, MfBprConfig};
use gnnrec_sampling::{Sampler, SamplerConfig};

fn steps(criterion: &mut Criterion) {
    let named = gowalla_or_generated();
    let (name, world) = (named.name, Arc::new(named.world));
    let num_edges = 2 * world.interactions().num_interactions();
    let rows = SamplerConfig::default().batch_size;
    let place = format!("3x64/{}-edges/batch-{rows}", millions(num_edges));
    let mut group = criterion.benchmark_group(name);
    group.throughput(elements(rows));
    let mut training = Training::start(LightGcnConfig::gowalla(), world.clone());
    group.bench_function(format!("step-lightgcn/{place}/flex"), |bencher| {
        bencher.iter_custom(|count| took(&mut training, usize::try_from(count).expect("a few steps")));
    });
    drop(training);
    let mut training = Training::start(MfBprConfig::default(), world.clone());
    group.bench_function(format!("step-mf-bpr/64/batch-{rows}/flex"), |bencher| {
        bencher.iter_custom(|count| took(&mut training, usize::try_from(count).expect("a few steps")));
    });
    drop(training);
    let mut bare = BareLightGcn::new(&LightGcnConfig::gowalla(), &world).expect("a checked world");
    let sampler = Sampler::new(world.interactions(), SamplerConfig::default(), SEED).expect("a world with negatives");
    let mut batches = (0..).flat_map(|epoch| sampler.epoch(epoch, 0));
    group.bench_function(format!("step-lightgcn/{place}/bare-loop"), |bencher| {
        bencher.iter(|| bare.step(&batches.next().expect("epochs have no end").expect("a batch")));
    });
}

/// A whole epoch, ends included, of a graph small enough to run it often.
fn epoch(criterion: &mut Criterion) {
    let world = Arc::new(World::new(power_law(160_000, 1)));
    let num_rows = world.interactions().num_interactions();
    let steps = num_rows.div_ceil(SamplerConfig::default().batch_size);
    let mut group = criterion.benchmark_group("generated");
    group.throughput(elements(num_rows));
    let mut training = Training::start(LightGcnConfig::gowalla(), world);
    group.bench_function(format!("epoch-lightgcn/3x64/{}-edges/flex", millions(2 * num_rows)), |bencher| {
        bencher.iter_custom(|count| took(&mut training, steps * usize::try_from(count).expect("a few epochs")));
    });
}

fn took(training: &mut Training, steps: usize) -> Duration {
    let round = training.round(steps).expect("training goes on");
    Duration::from_secs_f64(round.took.ms / 1e3)
}

criterion_group! { name = benches; config = brief(); targets = steps, epoch }
criterion_main!(benches);
