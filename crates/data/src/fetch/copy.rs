//! A file from a folder on this machine, verified like a download.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use super::{FetchError, FetchProgress, open_part, part_of, settle};
use crate::ManifestFile;

/// Copies one file into its place, from `from/<path>` or `from/<path below the dataset's folder>`.
pub(super) fn copy(
    file: &ManifestFile,
    from: &Path,
    folder: &Path,
    progress: &mut dyn FetchProgress,
) -> Result<(), FetchError> {
    let below = file.path.split_once('/').map_or(file.path.as_str(), |(_, below)| below);
    let tried = [from.join(&file.path), from.join(below)];
    let Some(origin) = tried.iter().find(|path| path.is_file()) else {
        return Err(FetchError::NotInFolder { path: file.path.clone(), tried });
    };
    let mut reader = File::open(origin).map_err(FetchError::io(origin, "read"))?;
    let part = part_of(&folder.join(&file.path))?;
    let mut writer = open_part(&part)?;
    writer.set_len(0).map_err(FetchError::io(&part, "empty"))?;
    progress.begin(&file.path, Some(file.bytes), 0);
    // One byte beyond the expected length is enough to know that it is another file.
    pour(&mut reader, &mut writer, file.bytes + 1, progress).map_err(|error| {
        // Nothing is worth keeping of a copy that can be made again.
        let _ = fs::remove_file(&part);
        match error {
            Pour::Read(source) => FetchError::io(origin, "read")(source),
            Pour::Write(source) => FetchError::io(&part, "write")(source),
        }
    })?;
    settle(file, &part, folder, &origin.display().to_string())
}

/// Which side of a transfer failed.
#[derive(Debug)]
pub(super) enum Pour {
    /// The bytes stopped coming.
    Read(std::io::Error),
    /// They could not be written.
    Write(std::io::Error),
}

/// Moves at most `limit` bytes through 64 KiB of memory onto the disk and returns how many there were.
pub(super) fn pour(
    reader: &mut dyn Read,
    writer: &mut File,
    limit: u64,
    progress: &mut dyn FetchProgress,
) -> Result<u64, Pour> {
    let mut buffer = vec![0; 1 << 16];
    let mut reader = reader.take(limit);
    let mut moved = 0;
    let ended = loop {
        match reader.read(&mut buffer) {
            Ok(0) => break Ok(moved),
            Ok(read) => {
                writer.write_all(&buffer[..read]).map_err(Pour::Write)?;
                moved += read as u64;
                progress.advance(read as u64);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => break Err(Pour::Read(error)),
        }
    };
    writer.sync_all().map_err(Pour::Write)?;
    ended
}
