//! What criterion measured, as one table: `cargo xtask bench` runs it after the benches.
//!
//! ```text
//! tabulate [SECONDS]        only what was measured since then, in seconds of the Unix clock
//! ```
//!
//! Bytes are those that a bench counts, or, where an id names a width `dN`, its elements times 4 N: the rows
//! that it reads. They stand beside a copy of a large table, measured in the same run.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use gnnrec_benches::Failure;
use serde::Deserialize;

/// The bench that is the bound of memory.
const BOUND: &str = "stream-copy/";

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
    throughput: Option<Throughput>,
}

#[derive(Deserialize)]
enum Throughput {
    Elements(u64),
    Bytes(u64),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

struct Row {
    id: String,
    /// Nanoseconds: median and the bounds of its confidence interval.
    ns: [f64; 3],
    elements_per_s: Option<f64>,
    bytes_per_s: Option<f64>,
}

fn main() -> Result<(), Failure> {
    let since = std::env::args().nth(1).map_or(Ok(0), |seconds| seconds.parse())?;
    let own = std::env::current_exe()?;
    let target = own.parent().and_then(Path::parent).ok_or("this program stands in a folder of cargo's")?;
    let mut rows = Vec::new();
    for folder in measured(&target.join("criterion"), since) {
        rows.push(read(&folder).map_err(|error| format!("{}: {error}", folder.display()))?);
    }
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    print(&rows);
    Ok(())
}

/// Folders `new` that hold estimates, written since then.
fn measured(folder: &Path, since: u64) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found = Vec::new();
    for path in entries.filter(|path| path.is_dir()) {
        let written = std::fs::metadata(path.join("estimates.json")).and_then(|metadata| metadata.modified());
        let is_new = path.file_name().is_some_and(|name| name == "new");
        if is_new && written.is_ok_and(|time| time >= UNIX_EPOCH + Duration::from_secs(since)) {
            found.push(path);
        } else if !is_new {
            found.append(&mut measured(&path, since));
        }
    }
    found
}

#[expect(clippy::cast_precision_loss, reason = "counts are shown with a few digits")]
fn read(folder: &Path) -> Result<Row, Failure> {
    let benchmark: Benchmark = serde_json::from_slice(&std::fs::read(folder.join("benchmark.json"))?)?;
    let estimates: Estimates = serde_json::from_slice(&std::fs::read(folder.join("estimates.json"))?)?;
    let Estimate { point_estimate, confidence_interval } = estimates.median;
    let per_second = |count: u64| count as f64 * 1e9 / point_estimate;
    let width = benchmark.full_id.split('/').find_map(|part| part.strip_prefix('d')?.parse::<u64>().ok());
    let (elements, bytes) = match benchmark.throughput {
        Some(Throughput::Elements(count)) => (Some(count), width.map(|width| 4 * width * count)),
        Some(Throughput::Bytes(count)) => (None, Some(count)),
        Some(Throughput::Other) | None => (None, None),
    };
    Ok(Row {
        id: benchmark.full_id,
        ns: [point_estimate, confidence_interval.lower_bound, confidence_interval.upper_bound],
        elements_per_s: elements.map(per_second),
        bytes_per_s: bytes.map(per_second),
    })
}

#[expect(clippy::print_stdout, reason = "a command line speaks on standard output")]
fn print(rows: &[Row]) {
    let bound = rows.iter().filter(|row| row.id.starts_with(BOUND)).filter_map(|row| row.bytes_per_s);
    let bound = bound.reduce(f64::min);
    println!("| bench | median ms (95 %) | M elements/s | GB/s | of a stream copy |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for row in rows {
        let [median, low, high] = row.ns.map(|ns| ns / 1e6);
        let shown =
            |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
        let share = row.bytes_per_s.zip(bound).map(|(bytes, bound)| bytes / bound);
        println!(
            "| {} | {median:.3} ({low:.3} to {high:.3}) | {} | {} | {} |",
            row.id,
            shown(row.elements_per_s.map(|rate| rate / 1e6), 2),
            shown(row.bytes_per_s.map(|rate| rate / 1e9), 2),
            shown(share, 2),
        );
    }
}
