//! Why a file of a dataset could not be had; nothing in the data folder was replaced in any of these cases.

use std::path::PathBuf;

/// A file that could not be fetched. What stood in the data folder before still stands there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No address serves these files; all others are in their places.
    #[error("no address serves {paths} as read here. {how} See {page}, then fetch with `--from DIR`")]
    NoAddress {
        /// The files, relative to the data folder.
        paths: String,
        /// What the manifest says about getting it.
        how: String,
        /// The dataset's page.
        page: String,
    },
    /// The folder to copy from lacks a file.
    #[error("{path} is neither at {} nor at {}; give the folder that holds it with `--from`", tried[0].display(), tried[1].display())]
    NotInFolder {
        /// The file, relative to the data folder.
        path: String,
        /// Where it was looked for.
        tried: [PathBuf; 2],
    },
    /// The server answered with an error.
    #[error(
        "{url} answered with status {status}, expected 200 or 206; if it has moved, see {page} and use `--from DIR`"
    )]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The dataset's page.
        page: String,
    },
    /// The server sent another part than was asked for.
    #[error("{url} sent `Content-Range: {found}`, expected one from byte {expected}; fetch again to start over")]
    WrongRange {
        /// What was asked for.
        url: String,
        /// The header sent.
        found: String,
        /// The first byte asked for.
        expected: u64,
    },
    /// No connection, or it broke; what arrived is kept.
    #[error("{url}: {reason}; {have} bytes are kept, fetch again to go on from there")]
    Interrupted {
        /// What was asked for.
        url: String,
        /// The network's reason.
        reason: String,
        /// Bytes that are kept.
        have: u64,
    },
    /// The content is not what the manifest describes.
    #[error("{source_name} holds {found}, expected {expected} as in the manifest for {path}; nothing was replaced")]
    WrongContent {
        /// The file, relative to the data folder.
        path: String,
        /// Where the content came from.
        source_name: String,
        /// What it holds.
        found: Fingerprint,
        /// What it should hold.
        expected: Fingerprint,
    },
    /// An archive that cannot be read or lacks a file.
    #[error("{url}: {reason}, expected a zip archive with `{member}`; it was removed, fetch again or use `--from DIR`")]
    Archive {
        /// The archive.
        url: String,
        /// The file looked for.
        member: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Somebody else is fetching the same file.
    #[error("{} is being written by another fetch; wait for it to end", path.display())]
    Busy {
        /// The partial file.
        path: PathBuf,
    },
    /// The disk refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Size and SHA-256 of some content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes with SHA-256 {}", self.bytes, self.sha256)
    }
}

impl FetchError {
    /// Names the file and the action of a refused disk operation.
    pub(super) fn io(path: &std::path::Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }
}
