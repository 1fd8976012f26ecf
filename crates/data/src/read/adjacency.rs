//! Adjacency lists: `user item item ...`, a line for each user.

use std::borrow::Cow;

use super::input::Input;
use super::lines::for_each_line;
use super::table::decode;
use crate::report::{Reason, Step};
use crate::source::Encoding;
use crate::{DataError, Place};

/// One line: the user, and the items in the order of the line.
pub(crate) struct Line<'a> {
    pub(crate) number: u64,
    pub(crate) user: &'a str,
    pub(crate) items: std::str::SplitAsciiWhitespace<'a>,
}

/// Calls `each` with every line that names a user, and gives the file's SHA-256 back.
///
/// Blank lines are counted in `step`; what becomes of the pairs is for `each` to count.
pub(crate) fn read_adjacency(
    path: &std::path::Path,
    encoding: Encoding,
    step: &mut Step,
    mut each: impl FnMut(&mut Step, Line<'_>) -> Result<(), DataError>,
) -> Result<String, DataError> {
    let mut input = Input::open(path)?;
    for_each_line(&mut input, |number, bytes| {
        let text: Cow<'_, str> = decode(bytes, encoding).map_err(|byte| {
            let before = &bytes[..byte];
            let column = before.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).count();
            let starts_field = before.last().is_none_or(u8::is_ascii_whitespace);
            let field_start = before.iter().rposition(u8::is_ascii_whitespace).map_or(0, |space| space + 1);
            let place = Place {
                path: path.to_owned(),
                line: number,
                column: Some(column + usize::from(starts_field)),
                name: None,
            };
            DataError::Utf8 { place, byte: byte - field_start + 1 }
        })?;
        let mut items = text.split_ascii_whitespace();
        match items.next() {
            Some(user) => each(step, Line { number, user, items }),
            None => {
                step.drop(Reason::BlankLine, number);
                Ok(())
            }
        }
    })?;
    input.finish()
}
