//! A dataset that is read from its text once, and from then on from a file that holds it as it was read.
//!
//! The file is found by what the source says and where its folder is, and used only if the files still have, byte
//! for byte, the content it was made from. It is never the only place of anything: it may be deleted at any time.

mod dataset;
mod features;
#[cfg(test)]
mod tests;

use std::path::Path;

use gnnrec_graph::store::{Store, StoreError, StoreWriter};

use crate::{DataError, Dataset, Source, load};

/// Changes whenever the same text would be read as another dataset.
const READER: &str = "gnnrec dataset 2";

/// A dataset, and how it came.
#[derive(Debug)]
pub struct Cached {
    /// The dataset, the same in every case.
    pub dataset: Dataset,
    /// Where from.
    pub served: Served,
}

/// Where a dataset came from.
#[derive(Debug)]
pub enum Served {
    /// From the cache.
    FromCache,
    /// From its text, since the cache had nothing, or other content. The cache has it now.
    FromText,
    /// From its text, since the cache's file cannot be trusted. It was written anew.
    Mended(StoreError),
    /// From its text, and the cache could not be written.
    NotKept(StoreError),
}

/// Reads a dataset as [`load`] does, from a cache folder if it holds the same content already.
///
/// The same content means the same source and the same BLAKE3 of every file: hashing them is the price of never
/// serving what they no longer hold. A cached file that is damaged is reported in [`Served::Mended`], not trusted.
/// Vocabularies stay in the mapped file; see [`Store::open`] for what must not happen to it meanwhile. Give a folder
/// of the user's own, such as `~/.cache/gnnrec`, rather than one among the data.
///
/// ```
/// use gnnrec_data::{Served, Source, load_cached};
/// let (data, cache) = (tempfile::tempdir()?, tempfile::tempdir()?);
/// std::fs::write(data.path().join("likes.txt"), "ann tea milk\nbob tea\n")?;
/// let source: Source = toml::from_str("[interactions]\nformat = 'adjacency'\nfile = 'likes.txt'\n")?;
/// let first = load_cached("likes", &source, data.path(), cache.path())?;
/// let second = load_cached("likes", &source, data.path(), cache.path())?;
/// assert!(matches!((first.served, second.served), (Served::FromText, Served::FromCache)));
/// assert_eq!(first.dataset, second.dataset);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`load`]. That the cache cannot be read or written is not an error.
pub fn load_cached(name: &str, source: &Source, folder: &Path, cache: &Path) -> Result<Cached, DataError> {
    source.validate()?;
    let content = content(source, folder)?;
    let path = cache.join(format!("{}.dataset", place(source, folder)));
    let opened = if path.exists() { open(name, &path, &content) } else { Ok(None) };
    let damage = match opened {
        Ok(Some(dataset)) => return Ok(Cached { dataset, served: Served::FromCache }),
        Ok(None) => None,
        Err(error) => Some(error),
    };
    let dataset = load(name, source, folder)?;
    // Whoever changed the files while they were read gets what was read, and the cache gets nothing.
    if content != self::content(source, folder)? {
        return Ok(Cached { dataset, served: Served::FromText });
    }
    let mut writer = StoreWriter::new();
    writer.add("content", &content);
    dataset.add_to(&mut writer);
    let served = match (writer.write(&path), damage) {
        (Err(error), _) => Served::NotKept(error),
        (Ok(()), Some(damage)) => Served::Mended(damage),
        (Ok(()), None) => Served::FromText,
    };
    Ok(Cached { dataset, served })
}

/// The dataset in a file, if it was made from this content.
fn open(name: &str, path: &Path, content: &[u8; 32]) -> Result<Option<Dataset>, StoreError> {
    let store = Store::open(path)?;
    if store.array::<u8>("content")?[..] != content[..] {
        return Ok(None);
    }
    Dataset::from_store(name, &store).map(Some)
}

/// BLAKE3 of everything that a dataset is made from.
fn content(source: &Source, folder: &Path) -> Result<[u8; 32], DataError> {
    let mut all = blake3::Hasher::new();
    all.update(READER.as_bytes()).update(description(source).as_bytes());
    for file in source.files() {
        let path = folder.join(file);
        let mut hasher = blake3::Hasher::new();
        hasher.update_mmap_rayon(&path).map_err(|source| DataError::Io { path, source })?;
        all.update(hasher.finalize().as_bytes());
    }
    Ok(all.finalize().into())
}

/// What the file of a source and a folder is called: one for each, so that a cache does not grow when files change.
fn place(source: &Source, folder: &Path) -> blake3::Hash {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut hasher = blake3::Hasher::new();
    hasher.update(description(source).as_bytes()).update(folder.as_os_str().as_encoded_bytes());
    hasher.finalize()
}

fn description(source: &Source) -> String {
    toml::to_string(source).expect("a source is written as it is read")
}
