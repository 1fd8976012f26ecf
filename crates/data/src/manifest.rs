//! Dataset manifests: where a dataset comes from, what one may do with it, its files and what they hold.
//!
//! They are compiled in, so that the program finds them wherever it runs. A manifest holds no data,
//! and reading one touches neither disk nor network.

use std::fmt;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::{DataError, Source};

/// What is known about one dataset; written as `datasets/<name>.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name it is asked for by; also the name of its file.
    pub name: String,
    /// What it is, in one line.
    pub title: String,
    /// Which families of models find input in it.
    pub families: Vec<Family>,
    /// The official page.
    pub page: String,
    /// What its owners allow; a note, not legal advice.
    pub licence: String,
    /// How to get the files that no address serves as they are read here; empty where every file has one.
    #[serde(default)]
    pub how: String,
    /// Its files.
    pub files: Vec<ManifestFile>,
    /// How they are read.
    pub source: Source,
    /// What reading them gives.
    pub expected: Counts,
}

/// Which models a dataset feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Interactions of users with items.
    Interaction,
    /// Also ties between users.
    Social,
    /// Also facts about items.
    Knowledge,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Interaction => "interaction",
            Self::Social => "social",
            Self::Knowledge => "knowledge",
        })
    }
}

/// One file of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Where it lies in the data folder: forward slashes, inside the folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// The address that serves it as it is, or the zip archive that holds it.
    #[serde(default)]
    pub url: Option<String>,
    /// Its name inside the archive; `url` then is the archive's.
    #[serde(default)]
    pub member: Option<String>,
}

/// How much a dataset holds as [`load`](crate::load) reads it, before any filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Users.
    pub users: usize,
    /// Items.
    pub items: usize,
    /// Rows of the interaction log, over all parts.
    pub interactions: usize,
    /// Ties between users with interactions, each listed once; absent without a social graph.
    #[serde(default)]
    pub ties: Option<usize>,
    /// Facts about items; absent without a knowledge graph.
    #[serde(default)]
    pub triples: Option<usize>,
}

macro_rules! manifests {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../datasets/", $name, ".toml")))),+]
    };
}

/// Name and text of every manifest.
const TEXTS: &[(&str, &str)] = manifests![
    "gowalla",
    "yelp2018",
    "ml-100k",
    "ml-100k-u1",
    "ml-100k-kg",
    "ml-1m",
    "lastfm",
    "lastfm-lightgcn",
    "lastfm-kgcn",
    "lastfm-lightkg",
    "ciao",
    "epinions",
    "filmtrust",
    "douban-book",
    "yelp-diffnet",
    "alibaba-ifashion",
];

impl Manifest {
    /// Every dataset there is a manifest for, in the order in which they are listed.
    ///
    /// # Panics
    /// Never for a released crate: its manifests are read by its tests.
    #[must_use]
    pub fn all() -> Vec<Self> {
        TEXTS.iter().map(|(name, text)| Self::parse(name, text).expect("the shipped manifests are valid")).collect()
    }

    /// Reads a manifest; `place` names it in errors.
    ///
    /// # Errors
    /// Text that is no manifest, and files that would lie outside the data folder or have no SHA-256.
    pub fn parse(place: &str, text: &str) -> Result<Self, DataError> {
        let invalid = |reason: String| DataError::Manifest { name: place.to_owned(), reason };
        let manifest: Self = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        for file in &manifest.files {
            file.check().map_err(invalid)?;
        }
        Ok(manifest)
    }

    /// The manifest with this name.
    ///
    /// ```
    /// use gnnrec_data::Manifest;
    /// assert_eq!(Manifest::find("gowalla")?.expected.users, 29_858);
    /// assert!(Manifest::find("gowala").unwrap_err().to_string().contains("did you mean `gowalla`?"));
    /// # Ok::<(), gnnrec_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// If there is none; the error names the nearest.
    pub fn find(name: &str) -> Result<Self, DataError> {
        if let Some((name, text)) = TEXTS.iter().find(|(known, _)| *known == name) {
            return Self::parse(name, text);
        }
        let nearness = |known: &str| strsim::jaro_winkler(known, &name.to_ascii_lowercase());
        let nearest = TEXTS.iter().map(|(known, _)| *known).max_by(|a, b| nearness(a).total_cmp(&nearness(b)));
        Err(DataError::UnknownDataset {
            name: name.to_owned(),
            nearest: nearest.filter(|known| nearness(known) > 0.7).map(str::to_owned),
            known: TEXTS.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", "),
        })
    }

    /// Whether every file lies in the data folder with its right length; its content is [`check`](crate::check)'s.
    #[must_use]
    pub fn is_present(&self, folder: &Path) -> bool {
        self.files.iter().all(|file| folder.join(&file.path).metadata().is_ok_and(|data| data.len() == file.bytes))
    }
}

impl ManifestFile {
    fn check(&self) -> Result<(), String> {
        let path = Path::new(&self.path);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if self.path.is_empty() || !inside || self.path.contains(['\\', ':']) {
            return Err(format!("file `{}` would lie outside the data folder; give a path inside it", self.path));
        }
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if self.sha256.len() != 64 || !self.sha256.bytes().all(hex) {
            return Err(format!(
                "file `{}` has sha256 `{}`, expected 64 lower-case hexadecimal digits",
                self.path, self.sha256
            ));
        }
        if self.member.is_some() && self.url.is_none() {
            return Err(format!("file `{}` is a member of an archive without `url`", self.path));
        }
        Ok(())
    }
}
