//! Whether a data folder holds a dataset: its files byte for byte, and as much in them as expected.
//!
//! It changes nothing and downloads nothing.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use crate::{DataError, Manifest, ManifestFile, fingerprint, load};

/// What a data folder holds of one dataset.
#[derive(Debug)]
pub struct CheckReport {
    /// The dataset.
    pub name: String,
    /// Each file of the manifest and how it stands.
    pub files: Vec<(String, FileState)>,
    /// What was counted after loading; absent where a file is not right.
    pub counts: Option<Result<Vec<Count>, DataError>>,
}

/// How one file stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Its length and SHA-256 are the manifest's.
    Right,
    /// It is not there.
    Missing,
    /// It has another length.
    WrongSize {
        /// Bytes found.
        found: u64,
        /// Bytes expected.
        expected: u64,
    },
    /// It has the right length and other content.
    WrongDigest {
        /// SHA-256 found.
        found: String,
        /// SHA-256 expected.
        expected: String,
    },
    /// It cannot be read.
    Unreadable(String),
}

/// One number of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// What is counted.
    pub what: &'static str,
    /// As counted after loading.
    pub found: usize,
    /// As the manifest says.
    pub expected: usize,
}

/// Compares a data folder with a manifest: every file, then, if all are right, what loading them gives.
///
/// Costs one pass over the files to hash and one to load.
#[must_use]
pub fn check(manifest: &Manifest, folder: &Path) -> CheckReport {
    let files: Vec<_> = manifest.files.iter().map(|file| (file.path.clone(), state(file, folder))).collect();
    let all_right = files.iter().all(|(_, state)| *state == FileState::Right);
    let counts = all_right.then(|| count(manifest, folder));
    CheckReport { name: manifest.name.clone(), files, counts }
}

fn state(file: &ManifestFile, folder: &Path) -> FileState {
    let path = folder.join(&file.path);
    let found = match path.metadata() {
        Ok(data) => data.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return FileState::Missing,
        Err(error) => return FileState::Unreadable(error.to_string()),
    };
    if found != file.bytes {
        return FileState::WrongSize { found, expected: file.bytes };
    }
    match fingerprint(&path) {
        Ok(found) if found.sha256 == file.sha256 => FileState::Right,
        Ok(found) => FileState::WrongDigest { found: found.sha256, expected: file.sha256.clone() },
        Err(error) => FileState::Unreadable(error.to_string()),
    }
}

fn count(manifest: &Manifest, folder: &Path) -> Result<Vec<Count>, DataError> {
    let dataset = load(&manifest.name, &manifest.source, folder)?;
    let expected = &manifest.expected;
    let mut counts = vec![
        Count { what: "users", found: dataset.num_users(), expected: expected.users },
        Count { what: "items", found: dataset.num_items(), expected: expected.items },
        Count { what: "interactions", found: dataset.log.len(), expected: expected.interactions },
    ];
    let ties = dataset.ties.map(|ties| ties.pairs.len());
    let triples = dataset.facts.map(|facts| facts.triples.len());
    for (what, found, expected) in [("ties", ties, expected.ties), ("triples", triples, expected.triples)] {
        if found.is_some() || expected.is_some() {
            counts.push(Count { what, found: found.unwrap_or(0), expected: expected.unwrap_or(0) });
        }
    }
    Ok(counts)
}

impl CheckReport {
    /// Whether every file and every count is as the manifest says.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        let counts = self.counts.as_ref().and_then(|counts| counts.as_ref().ok());
        counts.is_some_and(|counts| counts.iter().all(|count| count.found == count.expected))
            && self.files.iter().all(|(_, state)| *state == FileState::Right)
    }
}

impl fmt::Display for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("ok"),
            Self::Missing => f.write_str("missing"),
            Self::WrongSize { found, expected } => write!(f, "{found} bytes, expected {expected}"),
            Self::WrongDigest { found, expected } => write!(f, "SHA-256 {found}, expected {expected}"),
            Self::Unreadable(reason) => write!(f, "cannot be read: {reason}"),
        }
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, if self.is_ok() { "ok" } else { "not as its manifest says" })?;
        for (path, state) in &self.files {
            writeln!(f, "  {path}: {state}")?;
        }
        match &self.counts {
            None => writeln!(f, "  not loaded; `fetch {}` brings what is missing or wrong", self.name),
            Some(Err(error)) => writeln!(f, "  cannot be loaded: {error}"),
            Some(Ok(counts)) => counts.iter().try_for_each(|Count { what, found, expected }| {
                let verdict = if found == expected { "ok".to_owned() } else { format!("expected {expected}") };
                writeln!(f, "  {found} {what}: {verdict}")
            }),
        }
    }
}
