//! What people see of the datasets before they use one: the list, one described, and where they lie.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::{Counts, Family, Manifest};

/// The folder of the datasets: as given on the command line, else by the environment's `GNNREC_DATA`,
/// else `datasets/cache`.
///
/// The environment comes as an argument, because it is read at the door.
///
/// ```
/// use gnnrec_data::data_folder;
/// assert_eq!(data_folder(Some("here".into()), Some("there".into())).to_str(), Some("here"));
/// assert_eq!(data_folder(None, Some("there".into())).to_str(), Some("there"));
/// assert_eq!(data_folder(None, Some("".into())).to_str(), Some("datasets/cache"));
/// ```
#[must_use]
pub fn data_folder(given: Option<PathBuf>, environment: Option<PathBuf>) -> PathBuf {
    let environment = environment.filter(|folder| !folder.as_os_str().is_empty());
    given.or(environment).unwrap_or_else(|| PathBuf::from("datasets/cache"))
}

/// One line of the list of datasets.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// The dataset.
    pub name: String,
    /// Whom it feeds.
    pub families: Vec<Family>,
    /// What it holds.
    pub counts: Counts,
    /// Whether all its files lie in the data folder, by their lengths.
    pub present: bool,
}

/// Every dataset there is a manifest for, and whether it lies in a data folder.
#[must_use]
pub fn list(folder: &Path) -> Vec<Listing> {
    let listing = |manifest: Manifest| Listing {
        present: manifest.is_present(folder),
        name: manifest.name,
        families: manifest.families,
        counts: manifest.expected,
    };
    Manifest::all().into_iter().map(listing).collect()
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { users, items, interactions, .. } = self.counts;
        let state = if self.present { "present" } else { "-" };
        let families = names(&self.families);
        write!(f, "{:<17} {users:>8} {items:>8} {interactions:>10}  {state:<8} {families}", self.name)
    }
}

fn names(families: &[Family]) -> String {
    families.iter().map(Family::to_string).collect::<Vec<_>>().join(", ")
}

/// A manifest in words: what it is, whose, what one may do with it, its files and what they hold.
#[must_use]
pub fn describe(manifest: &Manifest) -> impl fmt::Display + '_ {
    Description(manifest)
}

struct Description<'a>(&'a Manifest);

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manifest { name, title, families, page, licence, how, files, expected, .. } = self.0;
        writeln!(f, "{name}: {title}")?;
        writeln!(f, "  families  {}", names(families))?;
        writeln!(f, "  page      {page}")?;
        writeln!(f, "  licence   {licence}")?;
        if !how.is_empty() {
            writeln!(f, "  to get    {how}")?;
        }
        let Counts { users, items, interactions, ties, triples } = expected;
        write!(f, "  holds     {users} users, {items} items, {interactions} interactions")?;
        ties.map_or(Ok(()), |ties| write!(f, ", {ties} ties"))?;
        triples.map_or(Ok(()), |triples| write!(f, ", {triples} triples"))?;
        writeln!(f, "\n  files")?;
        for file in files {
            writeln!(f, "    {} ({} bytes, SHA-256 {})", file.path, file.bytes, file.sha256)?;
            match (&file.url, &file.member) {
                (Some(url), Some(member)) => writeln!(f, "      {member} of {url}")?,
                (Some(url), None) => writeln!(f, "      {url}")?,
                (None, _) => writeln!(f, "      no address: fetch with `--from DIR`")?,
            }
        }
        let source = toml::to_string(&self.0.source).map_err(|_| fmt::Error)?;
        writeln!(f, "  read as")?;
        source.lines().try_for_each(|line| writeln!(f, "    {line}"))
    }
}
