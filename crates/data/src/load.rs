//! A source and a folder become a dataset.

use std::path::Path;

use crate::{DataError, Dataset, Source};

/// Reads the files of a source from a folder.
///
/// # Errors
/// A file that cannot be read, a row that is not what the source says, or a source that contradicts
/// itself.
pub fn load(name: &str, source: &Source, folder: &Path) -> Result<Dataset, DataError> {
    let _ = (name, source, folder);
    todo!()
}
