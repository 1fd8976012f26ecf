//! The project's door: `cargo xtask <task>`. It has no dependencies and does no work of its own; what
//! is heavy runs in the release binary `gnnrec`, which it builds first.

mod cargo;
mod device;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <task> [arguments]

  experiment [arguments]   compare recommenders; without arguments on the generated demo world
                           (`cargo xtask experiment --help` explains all of it); with `--device wgpu`
                           on a GPU
  doctor                   which devices there are here, with limits; it looks with wgpu, or with what
                           `--device` names
  dataset [arguments]      list, describe, check or fetch datasets
  recommend [arguments]    a trained model's list for a user
  test [arguments]         every test of the workspace, on the real data that GNNREC_DATA names; with `--long`
                           in front also those that take minutes; with `--device wgpu` those of devices
                           on that one
  bench [arguments]        the criterion benches, in benches/, and a table of them (`--bench kernels`; `-- FILTER`)
  bench --rivals           other people's programs and ours in turn (benches/rivals/README.md; `--help`)
  bench --scale            time of a training step from 1 M to 50 M edges (`--help`)
  bench --device wgpu      time of each operation on a device, beside the rate at which it copies
  tidy                     arrows between crates, file sizes, first-line docs, READMEs and examples
  ci                       format, clippy with warnings denied, docs and tidy; with `--device wgpu` of that build

`--device` is wgpu (any GPU), vulkan or cuda, or one of several adapters as `wgpu:1`; the build follows it.
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let outcome = match task.as_deref() {
        Some(command @ ("experiment" | "dataset" | "recommend")) => cargo::gnnrec(command, &rest),
        Some("doctor") => cargo::doctor(&rest),
        Some("test") => cargo::test(&rest),
        Some("bench") => cargo::bench(&rest),
        Some("tidy") => tidy::tidy(),
        Some("ci") => cargo::ci(&rest).and_then(|()| tidy::tidy()),
        None | Some("help" | "--help" | "-h") => {
            say(HELP);
            Ok(())
        }
        Some(other) => {
            complain(&format!("no task is called `{other}`\n\n{HELP}"));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Status(code)) => ExitCode::from(code),
        Err(Failure::Message(message)) => {
            complain(&message);
            ExitCode::FAILURE
        }
    }
}

/// Why a task failed.
enum Failure {
    /// A program ended with this status, having said why.
    Status(u8),
    /// Something to say.
    Message(String),
}

#[expect(clippy::print_stdout, reason = "a command line speaks on standard output")]
fn say(text: &str) {
    println!("{}", text.trim_end());
}

fn complain(text: &str) {
    eprintln!("{}", text.trim_end());
}
