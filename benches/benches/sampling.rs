//! Batches of positives and negatives, drawn by one call and drawn ahead over an epoch.
//!
//! Throughput is in negatives; each stands for a draw that no item of its user can answer.

use criterion::{Criterion, criterion_group, criterion_main};
use gnnrec_benches::settings::{brief, elements};
use gnnrec_benches::worlds::gowalla_or_generated;
use gnnrec_sampling::{Negatives, Positives, Sampler, SamplerConfig};

fn batches(criterion: &mut Criterion) {
    let named = gowalla_or_generated();
    let interactions = named.world.interactions();
    let mut group = criterion.benchmark_group(&named.name);
    let popularity = Negatives::Popularity { alpha: 0.75 };
    for (name, positives, negatives, num_negatives) in [
        ("uniform", Positives::Permutation, Negatives::Uniform, 1),
        ("uniform-users", Positives::UniformUsers, Negatives::Uniform, 1),
        ("popularity", Positives::Permutation, popularity, 1),
        ("in-batch", Positives::Permutation, Negatives::InBatch, 1),
        ("uniform", Positives::Permutation, Negatives::Uniform, 64),
    ] {
        let config = SamplerConfig { positives, negatives, num_negatives, ..SamplerConfig::default() };
        let rows = config.batch_size;
        let sampler = Sampler::new(interactions, config, 1).expect("a world with negatives");
        group.throughput(elements(rows * num_negatives));
        let mut index = 0;
        group.bench_function(format!("batch-{rows}/{name}/{num_negatives}-negatives"), |bencher| {
            bencher.iter(|| {
                // The last batch of an epoch is shorter.
                index = (index + 1) % (sampler.num_batches() - 1);
                sampler.batch(0, index).expect("a batch of the epoch")
            });
        });
    }
    let sampler = Sampler::new(interactions, SamplerConfig::default(), 1).expect("a world with negatives");
    group.throughput(elements(interactions.num_interactions()));
    group.bench_function("epoch-drawn-ahead/uniform/1-negatives", |bencher| {
        bencher.iter(|| sampler.epoch(0, 0).map(|batch| batch.expect("a batch").len()).sum::<usize>());
    });
}

criterion_group! { name = benches; config = brief(); targets = batches }
criterion_main!(benches);
