//! The tasks that are calls of cargo: all of them in the release profile and over the whole workspace,
//! so that Burn is compiled once.

use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::tidy::{entries, workspace};
use crate::{Failure, device};

/// Builds the release binary, for the device that the arguments name, and hands it the command line as it is, and the
/// commit it was built from.
pub(crate) fn gnnrec(command: &str, arguments: &[String]) -> Result<(), Failure> {
    let (device, _) = device::taken(arguments);
    // What is no device the binary refuses, with better words.
    start(command, arguments, device.as_deref().and_then(device::feature))
}

/// The same for `doctor`, which looks for all that its build can use: wgpu, or what is named.
pub(crate) fn doctor(arguments: &[String]) -> Result<(), Failure> {
    let (device, arguments) = device::taken(arguments);
    start("doctor", &arguments, device::needed(device.as_deref().or(Some("wgpu")))?)
}

fn start(command: &str, arguments: &[String], feature: Option<&str>) -> Result<(), Failure> {
    run(release("build", feature).args(["--bin", "gnnrec"]))?;
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
///
/// With `--device wgpu` those that compute on a device, on that device; with `--long` in front again every test.
pub(crate) fn test(arguments: &[String]) -> Result<(), Failure> {
    let (device, arguments) = device::taken(arguments);
    let feature = device::needed(device.as_deref())?;
    let on_device = device.iter().map(|device| ("GNNREC_TEST_DEVICE", device));
    let (long, arguments) = match arguments.split_first() {
        Some((first, rest)) if first == "--long" => (true, rest),
        _ => (false, arguments.as_slice()),
    };
    let on_device_alone = device.is_some() && !long && arguments.is_empty();
    let has_nextest = cargo().args(["nextest", "--version"]).output().is_ok_and(|output| output.status.success());
    if has_nextest {
        let chosen: &[&str] = match (on_device_alone, long && device.is_none()) {
            // Software drivers now and then crash while a process ends, whatever it computed.
            (true, _) => &["--retries", "2", "-E", ON_DEVICE],
            (_, true) => &["--run-ignored", "all"],
            _ => &[],
        };
        let mut nextest = cargo();
        nextest.args(["nextest", "run"]).args(in_release(feature)).args(chosen).args(arguments);
        if on_device_alone {
            nextest.args(targets_on_device()?);
        }
        run(nextest.envs(on_device.clone()))?;
        return if on_device_alone { Ok(()) } else { run(release("test", feature).arg("--doc").envs(on_device)) };
    }
    if on_device_alone {
        run(release("test", feature)
            .args(FILES_ON_DEVICE.map(|name| ["--test", name]).concat())
            .envs(on_device.clone()))?;
        return run(release("test", feature).args(targets_on_device()?).arg("conforms").envs(on_device));
    }
    let ignored: &[&str] = if long && device.is_none() { &["--", "--include-ignored"] } else { &[] };
    run(release("test", feature).args(arguments).args(ignored).envs(on_device))
}

/// The kernels beside the CPU's, devices by name, and every model beside itself on the CPU.
const ON_DEVICE: &str = "binary(gpu) | binary(devices) | binary(panels) | test(conforms)";

/// The test files of the first three.
const FILES_ON_DEVICE: [&str; 3] = ["gpu", "devices", "panels"];

/// The targets that hold such tests: nothing else is compiled and linked with a GPU for them.
fn targets_on_device() -> Result<Vec<String>, Failure> {
    let mut targets = vec!["--lib".to_owned()];
    for member in entries(&workspace().join("crates")) {
        for path in
            entries(&member.join("tests")).into_iter().filter(|path| path.extension().is_some_and(|rs| rs == "rs"))
        {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Failure::Message(format!("cannot read {}: {error}", path.display())))?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if text.contains("conforms") || FILES_ON_DEVICE.contains(&&*name) {
                targets.extend(["--test".to_owned(), name.into_owned()]);
            }
        }
    }
    Ok(targets)
}

/// The criterion benches, tabulated; or one of the programs beside them, such as the one that measures a device.
pub(crate) fn bench(arguments: &[String]) -> Result<(), Failure> {
    if let (Some(device), rest) = device::taken(arguments) {
        let feature = device::needed(Some(&device))?;
        return program("device", &[vec!["--device".to_owned(), device], rest].concat(), feature);
    }
    match arguments.split_first() {
        Some((first, rest)) if first == "--rivals" => program("rivals", rest, None),
        Some((first, rest)) if first == "--scale" => program("scale", rest, None),
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
    program("tabulate", &[start.to_string()], None)
}

/// Builds a program of `benches` over the whole workspace, which is what Burn was compiled for, and becomes it.
fn program(name: &str, arguments: &[String], feature: Option<&str>) -> Result<(), Failure> {
    run(release("build", feature).args(["--bin", name]))?;
    replace(release_program(name).args(arguments))
}

/// Format, lints and docs, each with warnings denied; with `--device wgpu` of the build for that device.
pub(crate) fn ci(arguments: &[String]) -> Result<(), Failure> {
    let (device, _) = device::taken(arguments);
    let feature = device::needed(device.as_deref())?;
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(release("clippy", feature).args(["--all-targets", "--", "-D", "warnings"]))?;
    run(release("doc", feature).arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings"))
}

/// A command of cargo in the release profile over the whole workspace, with the feature of a device.
fn release(command: &str, feature: Option<&str>) -> Command {
    let mut cargo = cargo();
    cargo.arg(command).args(in_release(feature));
    cargo
}

fn in_release(feature: Option<&str>) -> impl Iterator<Item = &str> {
    let features = feature.into_iter().flat_map(|feature| ["--features", feature]);
    ["--release", "--workspace"].into_iter().chain(features)
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
