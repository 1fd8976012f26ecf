//! Why a store file was not written or is not trusted.

use std::path::PathBuf;

/// A store file that cannot be written, read or trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not what was written: cut short, damaged, of another version or of another kind.
    #[error("{}: {what} is {found}, expected {expected}; delete the file and have it written again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The part of it, as in `version`.
        what: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// Stores are used straight from disk, which takes a machine that keeps numbers the way they do.
    #[error("{}: stores need a 64-bit little-endian machine; read the data from its text here", path.display())]
    Machine {
        /// The file.
        path: PathBuf,
    },
}
