//! Ranking the whole catalogue: top lists for some users, and an evaluation with its metrics.
//!
//! Throughput is in users. The tables are random: scores mean nothing, and lists are filled as for any other.

use criterion::{Criterion, criterion_group, criterion_main};
use gnnrec_benches::settings::{brief, elements};
use gnnrec_benches::worlds::{gowalla_or_generated, power_law};
use gnnrec_eval::{EmbeddingScorer, Metric, evaluate, recommend};
use gnnrec_graph::{Holdout, InteractionGraph, UserId};
use gnnrec_sampling::{Purpose, stream};
use rand::RngExt;

const DIM: usize = 64;
const K: usize = 20;
const NUM_USERS: usize = 4096;

fn top_lists(criterion: &mut Criterion) {
    let named = gowalla_or_generated();
    let interactions = named.world.interactions();
    let scorer = scorer(interactions);
    let users: Vec<UserId> = (0..).take(NUM_USERS.min(interactions.num_users())).map(UserId).collect();
    let mut group = criterion.benchmark_group(&named.name);
    group.throughput(elements(users.len()));
    let place = format!("{}-items/width-{DIM}", interactions.num_items());
    group.bench_function(format!("top-{K}/{}-users/{place}", users.len()), |bencher| {
        bencher.iter(|| recommend(&scorer, interactions.by_user(), &users, K).expect("scores are numbers"));
    });
}

fn evaluation(criterion: &mut Criterion) {
    let (seen, test) = (power_law(200_000, 1), power_law(200_000, 2));
    let (scorer, holdout) = (scorer(&seen), Holdout::new(test.by_user().clone()));
    let mut group = criterion.benchmark_group("generated");
    group.throughput(elements(seen.num_users()));
    for metrics in [&[Metric::Recall(20), Metric::Ndcg(20)][..], &[Metric::Auc]] {
        let names = metrics.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
        let place = format!("{}-users/{}-items/width-{DIM}", seen.num_users(), seen.num_items());
        group.bench_function(format!("evaluate/{names}/{place}"), |bencher| {
            bencher.iter(|| evaluate(&scorer, seen.by_user(), &holdout, metrics).expect("scores are numbers"));
        });
    }
}

fn scorer(interactions: &InteractionGraph) -> EmbeddingScorer {
    let table = |number: u64, rows: usize| {
        let mut random = stream(1, Purpose::Init, [number, 0]);
        (0..rows * DIM).map(|_| random.random::<f32>() - 0.5).collect()
    };
    EmbeddingScorer::new(table(0, interactions.num_users()), table(1, interactions.num_items()), DIM)
        .expect("whole rows")
}

criterion_group! { name = benches; config = brief(); targets = top_lists, evaluation }
criterion_main!(benches);
