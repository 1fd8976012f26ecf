//! `cargo xtask bench --rivals`: the library and other people's programs in turn, in one run.
//!
//! Both sides start from the same fixture and have the same number of threads; before anything is timed,
//! the numbers they compute are compared. It measures nothing of the library alone: that is criterion's.

use std::path::PathBuf;
use std::process::ExitCode;

use gnnrec_benches::Failure;
use gnnrec_benches::against::{Against, Plan};
use gnnrec_benches::comparison::table;
use gnnrec_benches::worlds;

const HELP: &str = "\
cargo xtask bench --rivals [--python PATH] [--json FILE] [--quick] [--threads N] [--rounds N]
                           [--dataset NAME]... [--only WORD]

  --python PATH    Python of an environment with benches/rivals/requirements.txt (default: python3)
  --json FILE      also write one object for each comparison
  --quick          short rounds and fewer of them, without the slowest rival: to see that all works
  --threads N      threads of each side (default: 2)
  --rounds N       rounds of each side (default: 7, with --quick 3)
  --dataset NAME   gowalla, yelp2018 or another with a published split, from GNNREC_DATA (default: both)
  --only WORD      only comparisons whose work or rival contains the word
";

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

struct Arguments {
    plan: Plan,
    json: Option<PathBuf>,
    datasets: Vec<String>,
}

fn arguments() -> Result<Arguments, Failure> {
    let plan = Plan { python: "python3".into(), quick: false, threads: 2, rounds: 0, only: String::new() };
    let mut parsed = Arguments { plan, json: None, datasets: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value\n\n{HELP}"));
        match argument.as_str() {
            "--python" => parsed.plan.python = value()?.into(),
            "--json" => parsed.json = Some(value()?.into()),
            "--quick" => parsed.plan.quick = true,
            "--threads" => parsed.plan.threads = value()?.parse()?,
            "--rounds" => parsed.plan.rounds = value()?.parse()?,
            "--dataset" => parsed.datasets.push(value()?),
            "--only" => parsed.plan.only = value()?,
            _ => return Err(format!("unexpected `{argument}`\n\n{HELP}").into()),
        }
    }
    if parsed.plan.rounds == 0 {
        parsed.plan.rounds = if parsed.plan.quick { 3 } else { 7 };
    }
    if parsed.datasets.is_empty() {
        parsed.datasets = ["gowalla", "yelp2018"].map(str::to_owned).to_vec();
    }
    Ok(parsed)
}

/// Everything; whether nothing failed. What could not start is left out and named, which is no failure.
fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let plan = &arguments.plan;
    rayon::ThreadPoolBuilder::new().num_threads(plan.threads).build_global()?;
    let mut all = Vec::new();
    let mut failures = 0;
    for name in &arguments.datasets {
        let mut against = Against::new(plan, name, worlds::dataset(name)?.world)?;
        against.everything();
        failures += against.failures;
        all.append(&mut against.comparisons);
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    say(&format!("\n{}\n{} threads of each side; load average at the end: {load}", table(&all), plan.threads));
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_vec_pretty(&all)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(failures == 0)
}

#[expect(clippy::print_stdout, reason = "a command line speaks on standard output")]
fn say(text: &str) {
    println!("{}", text.trim_end());
}
