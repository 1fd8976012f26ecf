//! Files out of a zip archive: the archive is downloaded beside them, read, and removed.
//!
//! A member is found by its whole name in the manifest; no name inside the archive ever becomes a path.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::copy::{Pour, pour};
use super::download::Download;
use super::{FetchError, FetchProgress, open_part, part_of, settle};
use crate::{Manifest, ManifestFile};

/// Downloads an archive and moves some of its files into their places.
pub(super) fn unpack(
    url: &str,
    files: &[&ManifestFile],
    manifest: &Manifest,
    folder: &Path,
    progress: &mut dyn FetchProgress,
) -> Result<(), FetchError> {
    let part = part_of(&folder.join(format!("{}.zip", manifest.name)))?;
    let mut whole = Download { url, page: &manifest.page, name: url, part: &part, total: None }.run(progress)?;
    let unpacked = files.iter().try_for_each(|file| take(url, file, &mut whole, folder, progress));
    // Kept, it would be resumed as if it were incomplete.
    fs::remove_file(&part).map_err(FetchError::io(&part, "remove"))?;
    unpacked
}

fn take(
    url: &str,
    file: &ManifestFile,
    whole: &mut File,
    folder: &Path,
    progress: &mut dyn FetchProgress,
) -> Result<(), FetchError> {
    let member = file.member.clone().expect("only members are taken out of archives");
    let broken = |reason: String| FetchError::Archive { url: url.to_owned(), member: member.clone(), reason };
    let mut archive = zip::ZipArchive::new(whole).map_err(|error| broken(error.to_string()))?;
    let mut inside = archive.by_name(&member).map_err(|error| broken(error.to_string()))?;
    let part = part_of(&folder.join(&file.path))?;
    let mut writer = open_part(&part)?;
    writer.set_len(0).map_err(FetchError::io(&part, "empty"))?;
    progress.begin(&file.path, Some(file.bytes), 0);
    let reader: &mut dyn Read = &mut inside;
    // A small archive may unfold without end: one byte beyond the expected length is enough.
    pour(reader, &mut writer, file.bytes + 1, progress).map_err(|error| {
        // Nothing is worth keeping of a file whose archive goes away.
        let _ = fs::remove_file(&part);
        match error {
            Pour::Read(error) => broken(error.to_string()),
            Pour::Write(source) => FetchError::io(&part, "write")(source),
        }
    })?;
    settle(file, &part, folder, &format!("{url}#{member}"))
}
