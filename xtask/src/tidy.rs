//! What no compiler checks: arrows between crates, file sizes, first-line docs, READMEs and examples.

use std::path::{Path, PathBuf};

use crate::{Failure, say};

/// The most lines a source file may have.
const MAX_LINES: usize = 500;

/// What each crate may depend on among the workspace's crates. Arrows point down only: the three
/// families do not know one another, and only what stands above `model` links Burn through it.
const ARROWS: [(&str, &[&str]); 12] = [
    ("graph", &[]),
    ("sampling", &["graph"]),
    ("sparse", &["graph"]),
    ("eval", &["graph"]),
    ("data", &["graph", "sampling"]),
    ("model", &["graph", "sampling", "sparse", "eval"]),
    ("interaction", &["graph", "sampling", "sparse", "eval", "model"]),
    ("social", &["graph", "sampling", "sparse", "eval", "model"]),
    ("knowledge", &["graph", "sampling", "sparse", "eval", "model"]),
    ("train", &["graph", "sampling", "sparse", "eval", "model"]),
    ("experiment", &["graph", "sampling", "eval", "data", "model", "interaction", "social", "knowledge", "train"]),
    (
        "gnnrec",
        &[
            "graph",
            "sampling",
            "sparse",
            "eval",
            "data",
            "model",
            "interaction",
            "social",
            "knowledge",
            "train",
            "experiment",
        ],
    ),
];

/// Crates that must not link a tensor library.
const WITHOUT_BURN: [&str; 4] = ["graph", "sampling", "eval", "data"];

/// Checks the whole tree and reports every fault, not only the first.
pub(crate) fn tidy() -> Result<(), Failure> {
    let root = workspace();
    let mut faults = Vec::new();
    crates(root, &mut faults);
    for folder in ["crates", "xtask", "benches"] {
        sources(&root.join(folder), root, &mut faults);
    }
    if faults.is_empty() {
        say("tidy: arrows, sizes, first lines, READMEs and examples are in order");
        return Ok(());
    }
    Err(Failure::Message(format!("tidy found {} faults:\n  {}", faults.len(), faults.join("\n  "))))
}

/// The folder of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the workspace")
}

/// Every crate is known, keeps its arrows and has a README and an example.
fn crates(root: &Path, faults: &mut Vec<String>) {
    for folder in entries(&root.join("crates")).into_iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            faults.push(format!("crates/{name}: not in the map; add it to ARROWS in xtask/src/tidy.rs"));
            continue;
        };
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        for dependency in dependencies(&manifest) {
            let inside = dependency.strip_prefix("gnnrec-");
            if inside.is_some_and(|inside| !allowed.contains(&inside)) {
                faults.push(format!("crates/{name}: depends on {dependency}, expected only {allowed:?}"));
            }
            if dependency == "burn" && WITHOUT_BURN.contains(&name.as_str()) {
                faults.push(format!("crates/{name}: links Burn and must not"));
            }
        }
        if !folder.join("README.md").is_file() {
            faults.push(format!("crates/{name}: has no README.md"));
        }
        if entries(&folder.join("examples")).is_empty() {
            faults.push(format!("crates/{name}: has no runnable example"));
        }
    }
}

/// Names of a manifest's ordinary dependencies; those of tests may point anywhere but up.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    manifest.lines().filter_map(move |line| {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
            return None;
        }
        inside.then(|| line.split(['=', '.', ' ']).next()).flatten().filter(|name| !name.is_empty())
    })
}

/// Every source file opens with what it is, and is no longer than one idea needs.
fn sources(folder: &Path, root: &Path, faults: &mut Vec<String>) {
    for path in entries(folder) {
        if path.is_dir() {
            sources(&path, root, faults);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let shown = path.strip_prefix(root).unwrap_or(&path).display();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let first = text.lines().next().unwrap_or_default();
            if first.strip_prefix("//! ").is_none_or(|words| words.len() < 10) {
                faults.push(format!("{shown}:1: opens with `{first}`, expected `//!` and what the file is"));
            }
            let lines = text.lines().count();
            if lines > MAX_LINES {
                faults
                    .push(format!("{shown}: {lines} lines, expected at most {MAX_LINES}; it holds more than one idea"));
            }
        }
    }
}

/// What a folder holds, sorted; nothing where there is no folder.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = read.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ordinary_dependencies_are_arrows() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nburn = { workspace = true }\nserde.workspace = true\n\
                        [dev-dependencies]\nproptest = \"1\"\n";
        assert_eq!(dependencies(manifest).collect::<Vec<_>>(), ["burn", "serde"]);
    }

    #[test]
    fn the_map_has_no_cycle() {
        for (position, (name, allowed)) in ARROWS.iter().enumerate() {
            for below in *allowed {
                let place = ARROWS.iter().position(|(other, _)| other == below);
                assert!(place.is_some_and(|place| place < position), "{name} -> {below}");
            }
        }
    }

    #[test]
    fn a_file_without_a_first_line_is_found() {
        let folder = std::env::temp_dir().join(format!("tidy-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.rs"), "fn main() {}\n").unwrap();
        std::fs::write(folder.join("b.rs"), format!("//! A file that is too long.\n{}", "\n".repeat(MAX_LINES)))
            .unwrap();
        std::fs::write(folder.join("c.rs"), "//! A file in order.\n").unwrap();
        let mut faults = Vec::new();
        sources(&folder, &folder, &mut faults);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("a.rs:1") && faults[1].starts_with("b.rs: 501 lines"));
    }
}
