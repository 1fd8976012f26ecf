//! The tasks that are calls of cargo: all of them in the release profile and over the whole workspace,
//! so that Burn is compiled once.

use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Failure;

/// Builds the release binary and hands it the command line as it is, and the commit it was built from.
pub(crate) fn gnnrec(command: &str, arguments: &[String]) -> Result<(), Failure> {
    run(cargo().args(["build", "--release", "--workspace", "--bin", "gnnrec"]))?;
    let mut gnnrec = release_program("gnnrec");
    gnnrec.arg(command).args(arguments).env("GNNREC_COMMIT", commit().unwrap_or_default());
    replace(&mut gnnrec)
}

/// The commit of the source, `+` behind it for uncommitted changes; `None` outside a repository.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let changes = git(&["status", "--porcelain"])?;
    Some(git(&["rev-parse", "--short", "HEAD"])? + if changes.is_empty() { "" } else { "+" })
}

/// Becomes the other program, so that Ctrl-C and the exit code are its own.
#[cfg(unix)]
fn replace(command: &mut Command) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(Failure::Message(format!("cannot run {}: {error}", command.get_program().display())))
}

/// Runs the other program.
#[cfg(not(unix))]
fn replace(command: &mut Command) -> Result<(), Failure> {
    run(command)
}

/// Every test: through nextest where it is installed, with the doc tests after it. `--long` in front adds those
/// that are ignored because they take minutes.
pub(crate) fn test(arguments: &[String]) -> Result<(), Failure> {
    let (long, arguments) = match arguments.split_first() {
        Some((first, rest)) if first == "--long" => (true, rest),
        _ => (false, arguments),
    };
    let has_nextest = cargo().args(["nextest", "--version"]).output().is_ok_and(|output| output.status.success());
    if has_nextest {
        let ignored: &[&str] = if long { &["--run-ignored", "all"] } else { &[] };
        run(cargo().args(["nextest", "run", "--release", "--workspace"]).args(ignored).args(arguments))?;
        return run(cargo().args(["test", "--release", "--workspace", "--doc"]));
    }
    let ignored: &[&str] = if long { &["--", "--include-ignored"] } else { &[] };
    run(cargo().args(["test", "--release", "--workspace"]).args(arguments).args(ignored))
}

/// The criterion benches, tabulated; or one of the programs beside them.
pub(crate) fn bench(arguments: &[String]) -> Result<(), Failure> {
    match arguments.split_first() {
        Some((first, rest)) if first == "--rivals" => program("rivals", rest),
        Some((first, rest)) if first == "--scale" => program("scale", rest),
        _ => criterion(arguments),
    }
}

/// Every bench by its name: without one, cargo would also build each crate's tests as benches.
const BENCHES: [&str; 6] = ["kernels", "losses", "training", "evaluation", "loading", "sampling"];

/// The benches, or those that the arguments choose, and a table of what they measured.
fn criterion(arguments: &[String]) -> Result<(), Failure> {
    let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let mut bench = cargo();
    bench.args(["bench", "--workspace"]);
    if !arguments.iter().any(|argument| argument == "--bench") {
        bench.args(BENCHES.iter().flat_map(|name| ["--bench", name]));
    }
    run(bench.args(arguments))?;
    program("tabulate", &[start.to_string()])
}

/// Builds a program of `benches` over the whole workspace, which is what Burn was compiled for, and becomes it.
fn program(name: &str, arguments: &[String]) -> Result<(), Failure> {
    run(cargo().args(["build", "--release", "--workspace", "--bin", name]))?;
    replace(release_program(name).args(arguments))
}

/// Format, lints and docs, each with warnings denied.
pub(crate) fn ci() -> Result<(), Failure> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args(["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let mut doc = cargo();
    doc.args(["doc", "--release", "--workspace", "--no-deps"]);
    run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

/// The cargo that runs this task.
fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What `cargo run` says of this package; build scripts that look at it would run again.
    for (name, _) in std::env::vars_os() {
        let about_this =
            name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if about_this {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// A program that was built for release.
fn release_program(name: &str) -> Command {
    Command::new(target_dir().join("release").join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// Where cargo puts what it builds: beside this very program.
fn target_dir() -> PathBuf {
    let own = std::env::current_exe().ok();
    let target = own.as_deref().and_then(|path| path.parent()?.parent());
    target.map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command
        .status()
        .map_err(|error| Failure::Message(format!("cannot run {}: {error}", command.get_program().display())))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(Failure::Status(u8::try_from(code).unwrap_or(1))),
        None => Err(Failure::Message(format!("{} was stopped by a signal", command.get_program().display()))),
    }
}
