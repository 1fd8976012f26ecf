//! Standard output: results and nothing else.

use std::io::{self, Write};

/// Prints a text, which ends in a line break of its own or gets one.
///
/// # Errors
/// An output that is closed or full; `println!` would panic.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    out.flush()
}
