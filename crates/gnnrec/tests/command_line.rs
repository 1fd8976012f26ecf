//! What the command line says and refuses, without running a single experiment: help, exit codes, errors.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin;

fn gnnrec(arguments: &[&str]) -> Output {
    let mut command = Command::new(cargo_bin!("gnnrec"));
    command.args(arguments).env_remove("GNNREC_DATA").env("COLUMNS", "100").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The error, and that nothing else was printed.
#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let output = gnnrec(arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    let error = text(&output.stderr);
    assert!(!error.contains("panicked") && !error.contains("backtrace"), "{error}");
    error
}

#[test]
fn help() {
    for (name, arguments) in [
        ("gnnrec", &["--help"][..]),
        ("experiment", &["experiment", "--help"]),
        ("experiment_short", &["experiment", "-h"]),
        ("dataset", &["dataset", "--help"]),
        ("dataset_fetch", &["dataset", "fetch", "--help"]),
        ("recommend", &["recommend", "--help"]),
        ("doctor", &["doctor", "--help"]),
    ] {
        let output = gnnrec(arguments);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        insta::assert_snapshot!(name, text(&output.stdout));
    }
}

#[test]
fn the_models() {
    insta::assert_snapshot!("models", text(&gnnrec(&["models"]).stdout));
}

#[test]
fn a_wrong_command_line_says_what_was_expected() {
    for (arguments, expected) in [
        (&["experment"][..], "'experiment'"),
        (&["experiment", "--modles", "ease"], "'--models'"),
        (&["experiment", "--seeds", "0"], "0 is not in 1..=10000"),
        (&["experiment", "--seeds", "two"], "invalid digit"),
        (&["experiment", "--threads", "0"], "zero"),
        (&["experiment", "--epochs", "-1"], "unexpected argument '-1'"),
        (&["recommend", "--run", "x"], "--user <ID>"),
        (&["recommend", "--run", "x", "--user", "u", "-k", "0"], "zero"),
        (&["dataset", "fetch"], "<NAME>"),
        (&[], "Usage"),
    ] {
        let error = refused(arguments);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn unknown_names_suggest_the_nearest() {
    for (arguments, expected) in [
        (&["experiment", "--dataset", "gowala"][..], "did you mean `gowalla`?"),
        (&["dataset", "describe", "gowala"], "did you mean `gowalla`?"),
        (&["dataset", "check", "ml-100"], "did you mean `ml-100k`?"),
        (&["dataset", "fetch", "last-fm"], "did you mean `lastfm`?"),
        (&["experiment", "--models", "popularity,lightgnc"], "did you mean `lightgcn`?"),
        (&["experiment", "--device", "gpu"], "no device is called `gpu`; expected cpu, wgpu"),
    ] {
        let error = refused(arguments);
        assert!(error.starts_with("error: ") && error.contains(expected), "{arguments:?}: {error}");
    }
}

/// What it finds differs between machines; that each thing has a line does not.
#[test]
fn the_doctor_tells_of_the_processor_and_every_api() {
    let output = gnnrec(&["doctor"]);
    assert!(output.status.success(), "{output:?}");
    let report = text(&output.stdout);
    let lines: Vec<&str> = report.lines().collect();
    assert!(lines[0].starts_with(concat!("gnnrec      ", env!("CARGO_PKG_VERSION"), ", commit ")), "{report}");
    assert!(lines[1].starts_with("cpu         ") && lines[1].contains(" core"), "{report}");
    for (api, built) in
        [("wgpu", cfg!(feature = "wgpu")), ("vulkan", cfg!(feature = "vulkan")), ("cuda", cfg!(feature = "cuda"))]
    {
        let mut own = lines.iter().filter(|line| line.starts_with(api));
        let first = own.next().unwrap_or_else(|| panic!("{api} in {report}"));
        assert_eq!(first.contains("not in this build"), !built, "{report}");
        let is_missing = first.contains("no adapter can be used here");
        assert_eq!(first.starts_with(&format!("{api}:0")), built && !is_missing, "{report}");
    }
}

#[test]
fn a_device_that_is_not_there_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for device in ["wgpu:4000", "vulkan:4000", "cuda:4000"] {
        let error = refused(&["experiment", "--device", device, "--out", out.to_str().unwrap()]);
        assert!(error.contains(&format!("error: device `{device}`: ")), "{error}");
        assert!(!out.exists(), "{error}");
    }
    if cfg!(not(feature = "cuda")) {
        let error = refused(&["experiment", "--device", "cuda", "--out", out.to_str().unwrap()]);
        for remedy in ["`cargo xtask experiment --device cuda`", "`--features cuda`"] {
            assert!(error.contains(remedy), "{error}");
        }
    }
}

/// A machine whose drivers cannot be found.
#[test]
#[cfg(all(feature = "wgpu", target_os = "linux"))]
fn without_a_driver_the_remedy_is_told() {
    let without = |arguments: &[&str]| {
        let mut command = Command::new(cargo_bin!("gnnrec"));
        for loader in ["VK_ICD_FILENAMES", "VK_DRIVER_FILES", "__EGL_VENDOR_LIBRARY_FILENAMES"] {
            command.env(loader, "/nonexistent");
        }
        command.args(arguments).output().unwrap()
    };
    let remedy = "no adapter can be used here; install the Vulkan driver of your GPU";
    let doctor = without(&["doctor"]);
    assert!(doctor.status.success() && text(&doctor.stdout).contains(remedy), "{doctor:?}");
    let output = without(&["experiment", "--device", "wgpu", "--out", "no/where"]);
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains(remedy), "{output:?}");
    assert!(!std::path::Path::new("no/where").exists());
}

#[test]
fn a_fault_in_a_spec_has_its_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (text, line, expected) in [
        ("dataset = 'demo'\nseed = 2\n[[models]]\nmodel = 'ease'\n", 2, "did you mean `seeds`?"),
        ("dataset = 'demo'\n[[models]]\nmodel = 'lightgnc'\n", 3, "did you mean `lightgcn`?"),
        ("dataset = 'demo'\nmetrics = ['recal@20']\n[[models]]\nmodel = 'ease'\n", 2, "did you mean `recall@20`?"),
        ("dataset = 'demo'\nmetrics = ['recall@0']\n[[models]]\nmodel = 'ease'\n", 2, "at least 1"),
        ("dataset = 'demo'\nsplit = { kind = 'ratoi', test = 0.1 }\n[[models]]\nmodel = 'ease'\n", 2, "`ratio`"),
        ("\u{feff}dataset = 'demo'\r\nname = \r\n", 2, ""),
        ("", 1, "`dataset`"),
    ] {
        let path = folder.path().join("spec.toml");
        std::fs::write(&path, text).unwrap();
        let error = refused(&["experiment", "--spec", path.to_str().unwrap(), "--out", out.to_str().unwrap()]);
        let place = format!("error: {}:{line}: ", path.display());
        assert!(error.starts_with(&place) && error.contains(expected), "{text}: {error}");
    }
    assert!(!out.exists(), "nothing is written for a spec that is refused");
}

#[test]
fn missing_files_and_folders_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    for (arguments, expected) in [
        (&["experiment", "--spec", "no/such.toml"][..], "no/such.toml: cannot read"),
        (&["experiment", "--dataset", "gowalla", "--data", empty], "dataset fetch gowalla"),
        (&["recommend", "--run", empty, "--user", "u"], "holds no results.json"),
        (&["dataset", "fetch", "gowalla", "--from", empty, "--data", empty], "gowalla/train.txt is neither at"),
    ] {
        let error = refused(arguments);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
    let check = gnnrec(&["dataset", "check", "gowalla", "--data", empty]);
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check.stdout).contains("gowalla/train.txt: missing"), "{check:?}");
}

#[test]
fn datasets_are_listed_described_and_generated() {
    let list = text(&gnnrec(&["dataset", "list"]).stdout);
    assert!(list.contains("demo") && list.contains("alibaba-ifashion"), "{list}");
    assert!(list.ends_with("data folder: datasets/cache\n"), "{list}");
    let describe = text(&gnnrec(&["dataset", "describe", "gowalla"]).stdout);
    assert!(describe.contains("29858 users, 40981 items, 1027370 interactions"), "{describe}");
    for command in ["describe", "check", "fetch"] {
        let output = gnnrec(&["dataset", command, "demo"]);
        assert!(output.status.success() && text(&output.stdout).contains("generated"), "{output:?}");
    }
}

#[test]
fn the_environment_names_the_data_folder() {
    let output = Command::new(cargo_bin!("gnnrec")).args(["dataset", "list"]).env("GNNREC_DATA", "/there").output();
    assert!(text(&output.unwrap().stdout).ends_with("data folder: /there\n"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut command = Command::new(cargo_bin!("gnnrec"));
    command.args(["dataset", "list"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Closed before anything can have been written.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
