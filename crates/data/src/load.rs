//! A source and a folder become a dataset.

mod features;
mod interactions;
mod negatives;
mod surroundings;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::read::{PIECE_BYTES, hex};
use crate::report::{Report, Step};
use crate::{DataError, Dataset, Source};
use features::Nodes;

/// Reads the files of a source from a folder.
///
/// Users and items are numbered in the order in which the interactions name them, training files first;
/// so the catalogue holds items that only a test file names. Files may be compressed by gzip or zstd,
/// are streamed, and no line of them may be longer than 64 MiB. Interactions are parsed on every thread, in pieces
/// of whole lines, with the same result for any number of threads (those in quotes and in Parquet on one). Beside
/// the columns of the log, the features and the vocabularies nothing grows with the files.
///
/// ```
/// use gnnrec_data::{Source, load};
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("likes.csv"), "who,what\nann,tea\nbob,tea\nann,milk\n")?;
/// let source: Source = toml::from_str(r#"
///     [interactions]
///     format = "table"
///     file = "likes.csv"
///     delimiter = "comma"
///     header = true
///     columns = { user = "who", item = "what" }
/// "#)?;
/// let dataset = load("likes", &source, folder.path())?;
/// assert_eq!((dataset.num_users(), dataset.num_items(), dataset.log.len()), (2, 2, 3));
/// assert_eq!(dataset.user_name(dataset.log.users[1]), "bob");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A file that cannot be read, a row that is not what the source says, a file without a row to use, or
/// a source that contradicts itself.
pub fn load(name: &str, source: &Source, folder: &Path) -> Result<Dataset, DataError> {
    load_in_pieces(name, source, folder, PIECE_BYTES)
}

/// As [`load`], with pieces of another size.
fn load_in_pieces(name: &str, source: &Source, folder: &Path, piece_bytes: usize) -> Result<Dataset, DataError> {
    source.validate()?;
    let mut files = Files { folder, piece_bytes, report: Report::default(), digest: Sha256::new() };
    let (users, items, log, negatives) = interactions::read(&source.interactions, &mut files)?;
    let ties = source.social.as_ref().map(|social| surroundings::ties(social, &users, &mut files)).transpose()?;
    let facts = source.knowledge.as_ref().map(|facts| surroundings::facts(facts, &items, &mut files)).transpose()?;
    let titles = source.titles.as_ref().map(|titles| surroundings::titles(titles, &items, &mut files)).transpose()?;
    let item_features = features::read(&source.features.items, Nodes::Items, &items, &mut files)?;
    let user_features = features::read(&source.features.users, Nodes::Users, &users, &mut files)?;
    let Files { report, digest, .. } = files;
    Ok(Dataset {
        name: name.to_owned(),
        users,
        items,
        titles,
        rating_range: source.interactions.rating_range.filter(|_| log.ratings.is_some()),
        log,
        negatives,
        ties,
        facts,
        item_features,
        user_features,
        report,
        digest: hex(&digest.finalize()),
    })
}

/// The folder, and what was read from it so far.
struct Files<'a> {
    folder: &'a Path,
    /// About how much text one thread parses at a time.
    piece_bytes: usize,
    report: Report,
    digest: Sha256,
}

impl Files<'_> {
    /// Reads one file: `read` gives its SHA-256 back and counts its rows.
    fn read(
        &mut self,
        name: &str,
        read: impl FnOnce(&PathBuf, &mut Step) -> Result<String, DataError>,
    ) -> Result<(), DataError> {
        let path = self.folder.join(name);
        let mut step = Step::new(name);
        let hash = read(&path, &mut step)?;
        if step.kept == 0 {
            return Err(DataError::Empty { path, dropped: step.read });
        }
        self.digest.update(format!("{hash}  {name}\n"));
        self.report.steps.push(step);
        Ok(())
    }
}
