//! The lines of a stream, without their ends. Nothing here knows fields.

use memchr::memchr;

use super::input::Input;
use super::{LONGEST_LINE, long_line};
use crate::DataError;

/// Calls `each` with the number of every line, from 1, and its bytes without `\n` or `\r\n`.
///
/// A last line without an end is a line; nothing after the last end is none.
pub(crate) fn for_each_line(
    input: &mut Input,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut line = 1;
    let mut begun: Vec<u8> = Vec::new();
    loop {
        let buffer = input.fill()?;
        let filled = buffer.len();
        if filled == 0 {
            break;
        }
        let mut rest = buffer;
        while let Some(end) = memchr(b'\n', rest) {
            if begun.is_empty() {
                each(line, without_return(&rest[..end]))?;
            } else {
                begun.extend_from_slice(&rest[..end]);
                each(line, without_return(&begun))?;
                begun.clear();
            }
            rest = &rest[end + 1..];
            line += 1;
        }
        begun.extend_from_slice(rest);
        input.consume(filled);
        if begun.len() > LONGEST_LINE {
            return Err(long_line(input.path(), line));
        }
    }
    if begun.is_empty() { Ok(()) } else { each(line, without_return(&begun)) }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
