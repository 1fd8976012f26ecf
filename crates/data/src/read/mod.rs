//! From bytes to rows of fields. What a field means is decided elsewhere.

mod adjacency;
mod input;
mod lines;
#[cfg(feature = "parquet")]
mod parquet;
mod quoted;
mod table;

pub(crate) use adjacency::{Line, read_adjacency};
pub(crate) use input::hex;
pub(crate) use table::{Row, Wanted, read_rows, read_rows_in_pieces};

use std::path::Path;

use crate::{DataError, Place};

/// The longest line that is read, in bytes: one row is the most of a text file that is ever held.
pub(crate) const LONGEST_LINE: usize = 64 << 20;

/// About how much text one thread parses at a time, in bytes: little enough for its cache, and enough to be worth it.
pub(crate) const PIECE_BYTES: usize = 256 << 10;

/// What is read in pieces, side by side: each piece begins as a default and is put behind those before it in the file.
pub(crate) struct Pieces<'a, S, Put> {
    /// About how long a piece is.
    pub(crate) bytes: usize,
    /// What the pieces become, and what their readers may look at meanwhile.
    pub(crate) whole: &'a mut S,
    /// Puts the next piece to it.
    pub(crate) put: Put,
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> DataError {
    move |source| DataError::Io { path: path.to_owned(), source }
}

fn long_line(path: &Path, line: u64) -> DataError {
    DataError::LongLine { place: Place { path: path.to_owned(), line, column: None, name: None }, limit: LONGEST_LINE }
}

/// A value as an error shows it: the first 60 characters, unprintable ones escaped.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]);
    let mut shown: String =
        text.chars().take(60).flat_map(|c| if c.is_control() { c.escape_debug().collect() } else { vec![c] }).collect();
    if text.chars().count() > 60 || bytes.len() > 400 {
        shown.push_str("...");
    }
    shown
}
