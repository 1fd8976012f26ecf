//! `cargo xtask bench --scale`: seconds an edge of a full training step, over graphs of growing size.
//!
//! A step is one of the library's own training loop: LightGCN, 3 layers of width 64, batch 2048. Graphs are
//! generated, with power-law degrees and a fixed mean degree; edges are those of the joint graph, both
//! directions counted, as the kernels see them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use gnnrec_benches::Failure;
use gnnrec_benches::clock::Took;
use gnnrec_benches::comparison::median;
use gnnrec_benches::plot::{Point, growth};
use gnnrec_benches::training::Training;
use gnnrec_benches::worlds::power_law;
use gnnrec_graph::World;
use gnnrec_interaction::LightGcnConfig;
use gnnrec_train::{peak_bytes, reset_peak};

const HELP: &str = "\
cargo xtask bench --scale [--svg FILE] [--threads N] [--rounds N] [--millions M]...

  --svg FILE       also draw the table
  --threads N      threads (default: 2)
  --rounds N       rounds of each size, of which the median counts (default: 5)
  --millions M     millions of edges, one size for each time it is given (default: 1 2 5 10 20 50)
";

struct Arguments {
    svg: Option<PathBuf>,
    threads: usize,
    rounds: usize,
    millions: Vec<usize>,
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments, Failure> {
    let mut parsed = Arguments { svg: None, threads: 2, rounds: 5, millions: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value\n\n{HELP}"));
        match argument.as_str() {
            "--svg" => parsed.svg = Some(value()?.into()),
            "--threads" => parsed.threads = value()?.parse()?,
            "--rounds" => parsed.rounds = value()?.parse::<usize>()?.max(1),
            "--millions" => parsed.millions.push(value()?.parse()?),
            _ => return Err(format!("unexpected `{argument}`\n\n{HELP}").into()),
        }
    }
    if parsed.millions.is_empty() {
        parsed.millions = vec![1, 2, 5, 10, 20, 50];
    }
    Ok(parsed)
}

#[expect(clippy::cast_precision_loss, reason = "counts are shown with a few digits")]
fn run(arguments: &Arguments) -> Result<(), Failure> {
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build_global()?;
    say("| edges | nodes | ms a step (min to max) | ns an edge | to the first | CPU ns an edge | peak memory |");
    say("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut points: Vec<Point> = Vec::new();
    for &millions in &arguments.millions {
        let world = Arc::new(World::new(power_law(millions * 1_000_000, 1)));
        let interactions = world.interactions();
        let num_edges = 2 * interactions.num_interactions();
        let num_nodes = interactions.num_users() + interactions.num_items();
        reset_peak();
        let mut training = Training::start(LightGcnConfig::gowalla(), world.clone());
        training.round(2)?;
        // About as much work in each round, whatever the size.
        let steps = (10_000_000 / num_edges).clamp(1, 10);
        let took = (0..arguments.rounds)
            .map(|_| Ok(training.round(steps)?.took.times(1.0 / steps as f64)))
            .collect::<Result<Vec<Took>, Failure>>()?;
        let step_ms = median(took.iter().map(|took| took.ms));
        let (least, most) = took.iter().fold((f64::INFINITY, 0f64), |(a, b), x| (a.min(x.ms), b.max(x.ms)));
        let per_edge = |ms: f64| ms * 1e6 / num_edges as f64;
        let (edge_ns, cpu_ns) = (per_edge(step_ms), per_edge(median(took.iter().map(|took| took.cpu_ms))));
        points.push(Point { num_edges: num_edges as f64, edge_ns });
        let (relative, peak) = (edge_ns / points[0].edge_ns, peak_bytes().unwrap_or(0) >> 20);
        say(&format!(
            "| {num_edges} | {num_nodes} | {step_ms:.1} ({least:.1} to {most:.1}) | {edge_ns:.1} | {relative:.2} | {cpu_ns:.1} | {peak} MiB |"
        ));
    }
    let slowest = points.iter().fold(0f64, |most, point| most.max(point.edge_ns));
    let quickest = points.iter().fold(f64::INFINITY, |least, point| least.min(point.edge_ns));
    say(&format!("\nslowest over quickest: {:.2}; {} threads", slowest / quickest, arguments.threads));
    if let Some(path) = &arguments.svg {
        std::fs::write(path, growth(&points)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command line speaks on standard output")]
fn say(text: &str) {
    println!("{text}");
}
