//! Brings a dataset's files into the data folder: downloaded, unpacked or copied, and verified before
//! anything is replaced.
//!
//! A file appears in the folder whole and with the manifest's SHA-256, or not at all: it grows beside
//! its place as `NAME.part` and is renamed into it. It does not read what it fetched; that is `load`'s.

mod archive;
mod copy;
mod download;
mod error;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub use error::{FetchError, Fingerprint};

use crate::{Manifest, ManifestFile};

/// Told how a fetch goes on; `()` listens to nothing.
pub trait FetchProgress {
    /// A file or an archive begins to arrive: its name, its whole length where known, and the bytes
    /// that are already here.
    fn begin(&mut self, _name: &str, _total: Option<u64>, _have: u64) {}

    /// More bytes of it arrived.
    fn advance(&mut self, _bytes: u64) {}

    /// A file stands verified in its place.
    fn end(&mut self, _file: &Fetched) {}
}

impl FetchProgress for () {}

/// One file that stands verified in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its path, relative to the data folder.
    pub path: String,
    /// How it came there.
    pub how: How,
}

/// How a file came to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It was there already.
    Present,
    /// Copied from the folder that was given.
    Copied,
    /// Downloaded, whole or from where an earlier download had stopped.
    Downloaded,
    /// Taken out of a downloaded archive.
    Unpacked,
}

/// Brings every file of a dataset into `folder`, from the folder `from` or else from its address.
///
/// Files that are there and right stay untouched. A download that was cut off goes on where it
/// stopped, if the server allows and still has the same file. Memory is bounded; the costs are one
/// pass over each file to write and one to verify it. Files without an address are named in the error
/// when the others are there, so that only they remain to be copied. The folder `from` may be laid out like a data
/// folder (`gowalla/train.txt`) or hold the dataset's files themselves (`train.txt`).
///
/// # Errors
/// Files without an address, a file that `from` lacks, a server that refuses or breaks off, content that is not
/// the manifest's, or a disk that refuses. Files fetched before the error stay; nothing that stood in
/// the folder is lost.
pub fn fetch(
    manifest: &Manifest,
    folder: &Path,
    from: Option<&Path>,
    progress: &mut dyn FetchProgress,
) -> Result<Vec<Fetched>, FetchError> {
    let mut found = BTreeMap::new();
    let mut missing = Vec::new();
    for file in &manifest.files {
        if matches(file, &folder.join(&file.path))? {
            found.insert(&file.path, How::Present);
        } else {
            missing.push(file);
        }
    }
    let mut without_address = Vec::new();
    let mut archives: BTreeMap<&str, Vec<&ManifestFile>> = BTreeMap::new();
    for file in missing {
        match (from, &file.url, &file.member) {
            (Some(from), ..) => {
                copy::copy(file, from, folder, progress)?;
                found.insert(&file.path, How::Copied);
            }
            (None, Some(url), Some(_)) => archives.entry(url).or_default().push(file),
            (None, Some(url), None) => {
                download::file(file, url, &manifest.page, folder, progress)?;
                found.insert(&file.path, How::Downloaded);
            }
            (None, None, _) => without_address.push(file.path.clone()),
        }
    }
    for (url, files) in archives {
        archive::unpack(url, &files, manifest, folder, progress)?;
        found.extend(files.iter().map(|file| (&file.path, How::Unpacked)));
    }
    if !without_address.is_empty() {
        let (how, page) = (manifest.how.clone(), manifest.page.clone());
        return Err(FetchError::NoAddress { paths: without_address.join(", "), how, page });
    }
    let fetched = |file: &ManifestFile| Fetched { path: file.path.clone(), how: found[&file.path] };
    let fetched: Vec<Fetched> = manifest.files.iter().map(fetched).collect();
    fetched.iter().for_each(|file| progress.end(file));
    Ok(fetched)
}

/// Length and SHA-256 of what a file holds, in one pass and 64 KiB of memory.
///
/// # Errors
/// If it cannot be read.
pub fn fingerprint(path: &Path) -> Result<Fingerprint, std::io::Error> {
    let mut file = File::open(path)?;
    let (mut hasher, mut bytes) = (Sha256::new(), 0u64);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
    let sha256 = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Fingerprint { bytes, sha256 })
}

fn matches(file: &ManifestFile, path: &Path) -> Result<bool, FetchError> {
    match path.metadata() {
        Ok(data) if data.is_file() && data.len() == file.bytes => {
            Ok(fingerprint(path).map_err(FetchError::io(path, "read"))?.sha256 == file.sha256)
        }
        _ => Ok(false),
    }
}

/// Where a file grows before it is verified; its folder is made.
fn part_of(place: &Path) -> Result<PathBuf, FetchError> {
    let parent = place.parent().expect("a manifest's path has a file name below the data folder");
    fs::create_dir_all(parent).map_err(FetchError::io(parent, "make the folder"))?;
    let mut name = place.file_name().expect("a manifest's path has a file name").to_owned();
    name.push(".part");
    Ok(place.with_file_name(name))
}

/// Opens a partial file to append to it, alone.
fn open_part(part: &Path) -> Result<File, FetchError> {
    let file = File::options().create(true).append(true).read(true).open(part);
    let file = file.map_err(FetchError::io(part, "write"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(FetchError::Busy { path: part.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(FetchError::io(part, "lock")(source)),
    }
}

/// Verifies a whole partial file and renames it into its place; a wrong one is removed.
fn settle(file: &ManifestFile, part: &Path, folder: &Path, source_name: &str) -> Result<(), FetchError> {
    let found = fingerprint(part).map_err(FetchError::io(part, "read"))?;
    let expected = Fingerprint { bytes: file.bytes, sha256: file.sha256.clone() };
    if found != expected {
        fs::remove_file(part).map_err(FetchError::io(part, "remove"))?;
        let (path, source_name) = (file.path.clone(), source_name.to_owned());
        return Err(FetchError::WrongContent { path, source_name, found, expected });
    }
    let place = folder.join(&file.path);
    fs::rename(part, &place).map_err(FetchError::io(&place, "rename into place"))
}
