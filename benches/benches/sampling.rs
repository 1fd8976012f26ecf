//! Batches of positives and negatives, drawn by one call and drawn ahead over an epoch; batches of facts; walks;
//! sampled neighbourhoods.
//!
//! Throughput is in negatives, each a draw that no item of its user (or no known fact) can answer; in hops; and in
//! sampled edges.

use criterion::{Criterion, criterion_group, criterion_main};
use gnnrec_benches::settings::{brief, elements};
use gnnrec_benches::worlds::gowalla_or_generated;
use gnnrec_graph::{EntityId, KnowledgeGraph, RelationId, Triple, joint_graph};
use gnnrec_sampling::{
    BatchSampler, FactSampler, HardNegatives, HardNegativesConfig, Negatives, Positives, Sampler, SamplerConfig,
    WalkConfig, item_neighbours, sample_neighbourhood,
};

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

/// Facts, walks and neighbourhoods over the same interactions.
fn graphs(criterion: &mut Criterion) {
    let named = gowalla_or_generated();
    let interactions = named.world.interactions();
    let mut group = criterion.benchmark_group(&named.name);

    // Every interaction as a fact from its item to its user, of seven relations.
    let fact = |(user, item): (u32, u32)| Triple {
        head: EntityId(item),
        relation: RelationId(user % 7),
        tail: EntityId(user),
    };
    let facts: Vec<Triple> = interactions.by_user().edges().map(fact).collect();
    let num_entities = interactions.num_users().max(interactions.num_items());
    let knowledge = KnowledgeGraph::new(num_entities, 7, &facts, Vec::new()).expect("facts of the world");
    let facts = FactSampler::new(&knowledge, 2048, 1).expect("facts to corrupt");
    group.throughput(elements(2048));
    let mut index = 0;
    group.bench_function("batch-2048/facts", |bencher| {
        bencher.iter(|| {
            index = (index + 1) % (facts.num_batches() - 1);
            facts.batch(0, index).expect("a batch of the epoch")
        });
    });
    group.throughput(elements(knowledge.triples().len()));
    let ahead = BatchSampler::Facts(facts);
    group.bench_function("epoch-drawn-ahead/facts", |bencher| {
        bencher.iter(|| ahead.epoch(0, 0).map(|batch| batch.expect("a batch").len()).sum::<usize>());
    });

    let sampling = SamplerConfig { num_negatives: 2, ..SamplerConfig::default() };
    let walks = WalkConfig::default();
    let hard =
        HardNegativesConfig { from_rank: 50, to_rank: 200, walks: walks.clone(), ..HardNegativesConfig::default() };
    let hard = HardNegatives::new(interactions, sampling, &hard, 1).expect("hard negatives");
    group.throughput(elements(2 * 2048));
    group.bench_function("batch-2048/hard/2-negatives", |bencher| {
        bencher.iter(|| {
            index = (index + 1) % (hard.num_batches() - 1);
            hard.batch(0, index).expect("a batch of the epoch")
        });
    });
    group.throughput(elements(walks.num_hops * interactions.num_items()));
    group.bench_function("walks/1000-hops/50-neighbours", |bencher| {
        bencher.iter(|| item_neighbours(interactions, 50, &walks, 1).expect("walks"));
    });

    let adjacency = joint_graph(interactions, None).expect("a joint graph");
    let seeds: Vec<u32> = (0u32..1024).map(|seed| seed * 29).collect();
    for (name, fanouts) in [("10-10", [Some(10), Some(10)]), ("25-10", [Some(25), Some(10)]), ("whole", [None, None])] {
        let sample = |step| sample_neighbourhood(&adjacency, &seeds, &fanouts, 1, step).expect("a neighbourhood");
        let num_edges: usize = sample(0).blocks().iter().map(|block| block.num_edges()).sum();
        group.throughput(elements(num_edges));
        let mut step = 0;
        group.bench_function(format!("fan-out/{}-seeds/{name}", seeds.len()), |bencher| {
            bencher.iter(|| {
                step += 1;
                sample(step)
            });
        });
    }
}

criterion_group! { name = benches; config = brief(); targets = batches, graphs }
criterion_main!(benches);
