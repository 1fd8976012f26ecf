//! From the command line to results and back: small experiments on the demo world, in a temporary folder.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

fn gnnrec(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin!("gnnrec"));
    command.args(arguments).current_dir(folder).env("GNNREC_COMMIT", "abc1234").env_remove("GNNREC_DATA");
    command
}

#[track_caller]
fn succeeds(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Every key by its path; elements of a list share one.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| keys(value, &format!("{path}.{key}"), found)),
        Value::Array(items) => items.iter().for_each(|item| keys(item, &format!("{path}[]"), found)),
        _ => drop(found.insert(path.trim_start_matches('.').to_owned())),
    }
}

#[test]
fn a_small_comparison_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let arguments = ["experiment", "--models", "popularity,mf-bpr", "--epochs", "1", "--seeds", "2", "--out", "out"];
    let output = succeeds(gnnrec(folder, &arguments));
    let (table, log) = (text(&output.stdout), text(&output.stderr));
    for expected in ["| popularity", "| mf-bpr", " ± ", "best by recall@20: ", "out/report.html", "out/results.json"] {
        assert!(table.contains(expected), "no {expected} in\n{table}");
    }
    assert!(log.contains("[1/4] solving popularity, seed 1") && log.contains("[4/4] training mf-bpr, seed 2"), "{log}");
    assert!(log.lines().count() < 40, "{log}");

    let results = read(&folder.join("out/results.json"));
    let mut found = BTreeSet::new();
    for (part, value) in results.as_object().unwrap() {
        // The report's reasons depend on the data.
        if part != "dataset" {
            keys(value, part, &mut found);
        }
    }
    insta::assert_snapshot!("results_keys", found.into_iter().collect::<Vec<_>>().join("\n"));
    let environment = &results["environment"];
    assert_eq!(environment["commit"], "abc1234");
    assert_eq!(environment["command"], format!("gnnrec {}", arguments.join(" ")));

    // A user of the dataset, taken from nowhere but its own answer.
    let list = |user: &str, more: &[&str]| {
        let arguments = [&["recommend", "--run", "out", "--user", user, "-k", "3"], more].concat();
        text(&succeeds(gnnrec(folder, &arguments)).stdout)
    };
    let known: Value = serde_json::from_str(&list(USER, &["--model", "mf-bpr", "--seed", "2", "--json"])).unwrap();
    assert_eq!((&known["is_known"], &known["label"], &known["seed"]), (&true.into(), &"mf-bpr".into(), &2.into()));
    assert_eq!(known["items"].as_array().unwrap().len(), 3);
    assert!(known["items"][0]["title"].is_string(), "{known}");
    assert!(list(USER, &[]).starts_with(&format!("for user {USER}, by ")), "{}", list(USER, &[]));
    assert!(list("nobody", &[]).starts_with("user nobody is not in the dataset"), "{}", list("nobody", &[]));

    for (more, expected) in [(["--model", "mf-bqr"], "did you mean `mf-bpr`?"), (["--seed", "9"], "no seed 9")] {
        let arguments = [&["recommend", "--run", "out", "--user", USER][..], &more].concat();
        let output = gnnrec(folder, &arguments).output().unwrap();
        assert!(output.status.code() == Some(2) && text(&output.stderr).contains(expected), "{output:?}");
    }
}

/// The external id of a user of the demo world.
const USER: &str = "u0001";

#[test]
#[cfg(unix)]
fn a_stopped_experiment_goes_on_to_the_same_numbers() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let arguments = ["experiment", "--models", "mf-bpr", "--epochs", "40", "--seeds", "1", "--out"];
    let with = |more: &[&str]| gnnrec(folder, &[&arguments[..], more].concat());
    succeeds(with(&["whole"]));

    let mut child = with(&["stopped"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("training mf-bpr")));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("stopping after this step") && rest.ends_with("stopped --resume"), "{rest}");
    assert!(!folder.join("stopped/results.json").exists(), "results of an experiment that is not finished");

    succeeds(with(&["stopped", "--resume"]));
    let models = |out: &str| {
        let results = read(&folder.join(out).join("results.json"));
        let run = &results["models"][0]["runs"][0];
        (run["metrics"].clone(), run["training"]["num_steps"].clone(), run["training"]["best_epoch"].clone())
    };
    assert_eq!(models("stopped"), models("whole"));
}

/// On the device that the tests are for; where they are for the CPU, nothing is left to try.
#[test]
fn a_device_is_told_in_the_results() {
    let Some(device) = std::env::var("GNNREC_TEST_DEVICE").ok().filter(|device| device != "cpu") else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = |out: &str, more: &[&str]| {
        let arguments = ["experiment", "--models", "mf-bpr", "--epochs", "1", "--seeds", "1", "--out", out];
        let output = succeeds(gnnrec(folder, &[&arguments[..], more].concat()));
        let results = read(&folder.join(out).join("results.json"));
        let recall = results["models"][0]["metrics"]["recall@20"]["mean"].as_f64().unwrap();
        (results["environment"]["device"].as_str().unwrap().to_owned(), recall, text(&output.stderr))
    };
    let (place, found, log) = run("gpu", &["--device", &device]);
    assert!(place.starts_with(&format!("{device}: ")) && place.contains("; cpu: "), "{place}");
    assert!(log.contains(&format!("{device} is ")), "{log}");
    let (_, expected, _) = run("cpu", &[]);
    assert!((found - expected).abs() < 2e-3, "{found} on {device}, {expected} on the CPU");
    // A list needs no device.
    succeeds(gnnrec(folder, &["recommend", "--run", "gpu", "--user", USER]));
}

/// An own dataset, cached: served again, told where it is damaged, and the same numbers each time.
#[test]
fn a_cache_changes_no_number_and_tells_its_damage() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let likes = |user: usize| (0..6).map(move |n| format!("u{user}\ti{}\n", (user + n * n) % 17));
    std::fs::write(folder.join("likes.tsv"), (0..30).flat_map(likes).collect::<String>()).unwrap();
    let spec = "[dataset]\nname = 'own'\nfolder = '.'\n[dataset.source.interactions]\nfile = 'likes.tsv'\n\
                delimiter = 'tab'\ncolumns = { user = 0, item = 1 }\n[[models]]\nmodel = 'item-knn'\n";
    std::fs::write(folder.join("own.toml"), spec).unwrap();
    let run = |more: &[&str]| {
        let arguments = [&["experiment", "--spec", "own.toml", "--out", "out"][..], more].concat();
        let output = succeeds(gnnrec(folder, &arguments));
        (read(&folder.join("out/results.json"))["models"][0]["metrics"].clone(), text(&output.stderr))
    };
    let (expected, _) = run(&[]);
    for _ in 0..2 {
        let (metrics, log) = run(&["--cache", "cache"]);
        assert!(metrics == expected && !log.contains("cache"), "{log}");
    }
    let files: Vec<_> = std::fs::read_dir(folder.join("cache")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let mut bytes = std::fs::read(&files[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&files[0], bytes).unwrap();
    let (metrics, log) = run(&["--cache", "cache"]);
    assert!(metrics == expected && log.contains("the cache could not be used"), "{log}");
    let (_, log) = run(&["--cache", "cache"]);
    assert!(!log.contains("cache"), "{log}");
}
