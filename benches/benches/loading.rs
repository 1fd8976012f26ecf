//! From text to a checked graph, and from there to what a kernel multiplies.
//!
//! Throughput is in interactions; of the normalised matrix, in its edges.

use std::fmt::Write;

use criterion::{Criterion, criterion_group, criterion_main};
use gnnrec_benches::settings::{brief, elements, millions};
use gnnrec_benches::worlds::gowalla_or_generated;
use gnnrec_data::{Source, Split, load};
use gnnrec_graph::{Csr, Duplicates, UserId};
use gnnrec_model::joint_graph;
use gnnrec_sparse::Adjacency;

const SOURCE: &str = "[interactions]\nformat = 'adjacency'\ntrain = 'train.txt'\ntest = 'test.txt'\n";

fn text(criterion: &mut Criterion) {
    let named = gowalla_or_generated();
    let interactions = named.world.interactions();
    // Written anew, so that a generated world is loaded the same way as a real one.
    let folder = tempfile::tempdir().expect("a folder for files");
    let (mut train, mut test) = (String::new(), String::new());
    for user in (0..).take(interactions.num_users()).map(UserId) {
        for (file, items) in [(&mut train, interactions.items_of(user)), (&mut test, named.test.relevant(user))] {
            let items: String = items.iter().map(|item| format!(" {}", item.0)).collect();
            if !items.is_empty() {
                writeln!(file, "{}{items}", user.0).expect("a string takes any text");
            }
        }
    }
    for (name, text) in [("train.txt", &train), ("test.txt", &test)] {
        std::fs::write(folder.path().join(name), text).expect("room for a file");
    }
    let source: Source = toml::from_str(SOURCE).expect("a source in order");
    let rows = interactions.num_interactions() + named.test.num_interactions();
    let mut group = criterion.benchmark_group(&named.name);
    group.throughput(elements(rows));
    group.bench_function(format!("load-text/{}-interactions", millions(rows)), |bencher| {
        bencher.iter(|| load("bench", &source, folder.path()).expect("files in order"));
    });
    let dataset = load("bench", &source, folder.path()).expect("files in order");
    group.bench_function(format!("split-as-given/{}-interactions", millions(rows)), |bencher| {
        bencher.iter(|| dataset.split(&Split::Given { validation: 0.0 }, 0).expect("a split in order"));
    });
}

fn graphs(criterion: &mut Criterion) {
    let named = gowalla_or_generated();
    let interactions = named.world.interactions();
    let (num_users, num_items) = (interactions.num_users(), interactions.num_items());
    let edges: Vec<(u32, u32)> = interactions.by_user().edges().collect();
    let mut group = criterion.benchmark_group(&named.name);
    group.throughput(elements(edges.len()));
    group.bench_function(format!("sparse-rows-from-pairs/{}-edges", millions(edges.len())), |bencher| {
        bencher.iter(|| Csr::from_edges(num_users, num_items, &edges, Duplicates::Error).expect("distinct edges"));
    });
    let joint = joint_graph(interactions, None).expect("a checked world");
    group.throughput(elements(joint.num_edges()));
    group.bench_function(format!("joint-graph/{}-edges", millions(joint.num_edges())), |bencher| {
        bencher.iter(|| joint_graph(interactions, None).expect("a checked world"));
    });
    group.bench_function(format!("normalised-adjacency/{}-edges", millions(joint.num_edges())), |bencher| {
        bencher.iter(|| Adjacency::symmetric_normalised(&joint));
    });
}

criterion_group! { name = benches; config = brief(); targets = text, graphs }
criterion_main!(benches);
