//! How long it takes to get a dataset from its text and from the cache, and a checked graph from either; the
//! fastest of several rounds in which they take turns.
//!
//! ```sh
//! cargo run --release -p gnnrec-data --example loading_time -- gowalla datasets
//! cargo run --release -p gnnrec-data --example loading_time -- generated 10000000
//! ```
//!
//! The second form makes its own file: that many lines of user, item, rating and time in no order.
#![expect(clippy::print_stdout, reason = "the program prints what it measured")]

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use gnnrec_data::{Dataset, Manifest, Parts, Served, Source, Split, load, load_cached};
use gnnrec_graph::Csr;

const ROUNDS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let made = tempfile::tempdir()?;
    let (source, folder) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["generated", rows] => (generate(made.path(), rows.parse()?)?, made.path().to_owned()),
        [name, folder] => (Manifest::find(name)?.source, PathBuf::from(folder)),
        _ => return Err("give a dataset and the data folder, or `generated` and a number of lines".into()),
    };
    let cache = tempfile::tempdir()?;
    load_cached("timed", &source, &folder, cache.path())?;
    let text_bytes = sizes(&source.files().map(|file| folder.join(file)).collect::<Vec<_>>())?;
    let cached: Vec<PathBuf> =
        fs::read_dir(cache.path())?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    let cache_bytes = sizes(&cached)?;
    let matrix = cache.path().join("train.csr");

    let mut times = [f64::INFINITY; 4];
    let (mut rows, mut edges, mut matrix_bytes) = (0, 0, 0);
    for _ in 0..ROUNDS {
        let dataset = timed(&mut times[0], || load("timed", &source, &folder))?;
        let cached = timed(&mut times[1], || load_cached("timed", &source, &folder, cache.path()))?;
        assert!(matches!(cached.served, Served::FromCache) && cached.dataset == dataset);
        let parts = timed(&mut times[2], || split(&cached.dataset))?;
        let train = parts.world.interactions().by_user();
        if matrix_bytes == 0 {
            train.save(&matrix)?;
            matrix_bytes = sizes(std::slice::from_ref(&matrix))?;
        }
        let opened = timed(&mut times[3], || Csr::open(&matrix))?;
        assert!(opened == *train);
        (rows, edges) = (dataset.log.len(), train.num_edges());
    }
    print("text to dataset", times[0], rows, "rows", Some(text_bytes));
    print("cache to dataset", times[1], rows, "rows", Some(text_bytes + cache_bytes));
    print("dataset to graph", times[2], rows, "rows", None);
    print("text to graph", times[0] + times[2], rows, "rows", None);
    print("cache to graph", times[1] + times[2], rows, "rows", None);
    print("matrix, mapped", times[3], edges, "edges", Some(matrix_bytes));
    Ok(())
}

fn split(dataset: &Dataset) -> Result<Parts, gnnrec_data::DataError> {
    let given = dataset.log.parts.is_some();
    dataset.split(&if given { Split::Given { validation: 0.0 } } else { Split::default() }, 1)
}

/// Keeps the least time, in seconds.
fn timed<T>(least: &mut f64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let made = work();
    *least = least.min(start.elapsed().as_secs_f64());
    made
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn print(what: &str, seconds: f64, count: usize, of: &str, bytes: Option<u64>) {
    let throughput = bytes.map_or_else(String::new, |bytes| format!("{:8.2} GB/s", bytes as f64 / seconds / 1e9));
    println!("{what:18} {:9.1} ms  {:8.1} M {of}/s{throughput}", seconds * 1e3, count as f64 / seconds / 1e6);
}

fn sizes(paths: &[PathBuf]) -> std::io::Result<u64> {
    paths.iter().map(|path| Ok(path.metadata()?.len())).sum()
}

/// A file of ratings of which few users and items have most.
fn generate(folder: &Path, rows: u64) -> Result<Source, Box<dyn Error>> {
    let mut file = BufWriter::new(File::create(folder.join("log.tsv"))?);
    let mut state = 1u64;
    let mut draw = |count: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = state >> 40;
        (((count * uniform) >> 24) * uniform) >> 24
    };
    for row in 0..rows {
        let (user, item) = (draw(rows / 30), draw(rows / 100));
        writeln!(file, "{user}\t{item}\t{}\t{}", 1 + row % 5, 1_600_000_000 + row)?;
    }
    file.flush()?;
    Ok(toml::from_str("[interactions]\nfile = 'log.tsv'\ncolumns = { user = 0, item = 1, rating = 2, time = 3 }\n")?)
}
