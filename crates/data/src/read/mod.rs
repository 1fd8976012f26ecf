//! From bytes to rows of fields. What a field means is decided elsewhere.

mod adjacency;
mod input;
mod lines;
#[cfg(feature = "parquet")]
mod parquet;
mod quoted;
mod table;

pub(crate) use adjacency::read_adjacency;
pub(crate) use input::hex;
pub(crate) use table::{Row, Wanted, read_rows};

use std::path::Path;

use crate::{DataError, Place};

/// The longest line that is read, in bytes: one row is the most of a text file that is ever held.
pub(crate) const LONGEST_LINE: usize = 64 << 20;

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
