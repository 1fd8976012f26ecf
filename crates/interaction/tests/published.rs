//! Closed-form models on real data, against the numbers published for the papers' own split.
//!
//! Needs the folder of datasets in `GNNREC_DATA`; without it the tests say so and pass. Every band has
//! both ends: better than published is as suspicious as worse.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a failed unwrap is a failed test; skips are printed")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use gnnrec_eval::{Metric, evaluate};
use gnnrec_graph::{Csr, Duplicates, Holdout, InteractionGraph, World};
use gnnrec_interaction::{EaseConfig, GfCfConfig, ItemKnnConfig, PopularityConfig};
use gnnrec_model::ClosedForm;

struct Split {
    world: World,
    test: Holdout,
}

/// The lines `user item item ...` of one file.
fn edges(path: &Path) -> Vec<(u32, u32)> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let ids = |line: &str| line.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<u32>>();
    text.lines().map(ids).flat_map(|ids| ids[1..].iter().map(|&item| (ids[0], item)).collect::<Vec<_>>()).collect()
}

/// The papers' split of a dataset, or `None` with a message where there are no datasets.
fn split(name: &str, num_users: usize, num_items: usize) -> Option<Split> {
    let Some(folder) = std::env::var_os("GNNREC_DATA").map(|data| PathBuf::from(data).join(name)) else {
        println!("skipped: set GNNREC_DATA to the folder that holds {name}/train.txt and {name}/test.txt");
        return None;
    };
    let csr = |file| Csr::from_edges(num_users, num_items, &edges(&folder.join(file)), Duplicates::Error).unwrap();
    let world = World::new(InteractionGraph::new(csr("train.txt")));
    Some(Split { world, test: Holdout::new(csr("test.txt")) })
}

/// Recall@20 and NDCG@20, with the seconds of both halves on standard output.
fn measure(name: &str, config: &impl ClosedForm, split: &Split) -> (f64, f64) {
    let start = Instant::now();
    let scorer = config.fit(&split.world, 0).unwrap();
    let fit_seconds = start.elapsed().as_secs_f64();
    let (recall, ndcg) = (Metric::Recall(20), Metric::Ndcg(20));
    let seen = split.world.interactions().by_user();
    let evaluation = evaluate(&*scorer, seen, &split.test, &[recall, ndcg]).unwrap();
    let evaluate_seconds = start.elapsed().as_secs_f64() - fit_seconds;
    let [recall, ndcg] = [recall, ndcg].map(|metric| evaluation.mean(metric).unwrap());
    println!("{name}: {recall:.5} / {ndcg:.5}, fit {fit_seconds:.1} s, evaluation {evaluate_seconds:.1} s");
    (recall, ndcg)
}

/// Published .1849 / .1518.
#[test]
fn gf_cf_on_gowalla() {
    let Some(split) = split("gowalla", 29_858, 40_981) else { return };
    let (recall, ndcg) = measure("gf-cf on gowalla", &GfCfConfig::default(), &split);
    assert!((0.1845..=0.1855).contains(&recall), "recall@20 {recall}, published .1849");
    assert!((0.1510..=0.1525).contains(&ndcg), "ndcg@20 {ndcg}, published .1518");
}

/// Published .1570 / .1214 (BARS: .156994 / .121364).
#[test]
fn item_knn_on_gowalla() {
    let Some(split) = split("gowalla", 29_858, 40_981) else { return };
    let (recall, ndcg) = measure("item-knn on gowalla", &ItemKnnConfig::gowalla(), &split);
    assert!((0.1560..=0.1580).contains(&recall), "recall@20 {recall}, published .1570");
    assert!((0.1204..=0.1224).contains(&ndcg), "ndcg@20 {ndcg}, published .1214");
}

/// Published .1765 / .1467 (BARS: .176493 / .146657).
#[test]
#[ignore = "14 minutes of processor time and 3.7 GB, too much for every run; `cargo xtask test --long` runs it"]
fn ease_on_gowalla() {
    let Some(split) = split("gowalla", 29_858, 40_981) else { return };
    let (recall, ndcg) = measure("ease on gowalla", &EaseConfig::gowalla(), &split);
    assert!((0.1760..=0.1770).contains(&recall), "recall@20 {recall}, published .1765");
    assert!((0.1462..=0.1472).contains(&ndcg), "ndcg@20 {ndcg}, published .1467");
}

/// A direct count over the files in NumPy gives .04163 / .03169.
#[test]
fn popularity_on_gowalla() {
    let Some(split) = split("gowalla", 29_858, 40_981) else { return };
    let (recall, ndcg) = measure("popularity on gowalla", &PopularityConfig::default(), &split);
    assert!((0.0411..=0.0421).contains(&recall), "recall@20 {recall}, NumPy .0416");
    assert!((0.0312..=0.0322).contains(&ndcg), "ndcg@20 {ndcg}, NumPy .0317");
}
