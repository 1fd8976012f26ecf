//! Adjacency lists: `user item item ...`, a line for each user.

use std::path::Path;

use super::Pieces;
use super::input::Input;
use super::lines::{Blocks, Lines};
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

/// Has every line that names a user added to a piece by `each` and gives the file's SHA-256 back.
///
/// Blank lines are counted in `step`; what becomes of the pairs is for `each` to count.
pub(crate) fn read_adjacency<S: Sync, P: Default + Send>(
    path: &Path,
    encoding: Encoding,
    step: &mut Step,
    pieces: Pieces<'_, S, impl Fn(&mut S, P) -> Result<(), DataError>>,
    each: impl Fn(&S, &mut P, &mut Step, Line<'_>) -> Result<(), DataError> + Sync,
) -> Result<String, DataError> {
    let mut input = Input::open(path)?;
    let parse = |whole: &S, lines: Lines<'_>| {
        let (mut piece, mut step) = (P::default(), Step::default());
        for (number, bytes) in lines {
            let text = decode(bytes, encoding).map_err(|byte| not_text(path, number, bytes, byte))?;
            let mut items = text.split_ascii_whitespace();
            match items.next() {
                Some(user) => each(whole, &mut piece, &mut step, Line { number, user, items })?,
                None => step.drop(Reason::BlankLine, number),
            }
        }
        Ok((piece, step))
    };
    Blocks::new(&mut input, pieces.bytes).in_pieces(pieces.whole, parse, |whole, (piece, counted)| {
        step.add(counted);
        (pieces.put)(whole, piece)
    })?;
    input.finish()
}

/// The error for a line whose byte at a position is not UTF-8.
fn not_text(path: &Path, line: u64, bytes: &[u8], byte: usize) -> DataError {
    let before = &bytes[..byte];
    let column = before.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).count();
    let starts_field = before.last().is_none_or(u8::is_ascii_whitespace);
    let field_start = before.iter().rposition(u8::is_ascii_whitespace).map_or(0, |space| space + 1);
    let place = Place { path: path.to_owned(), line, column: Some(column + usize::from(starts_field)), name: None };
    DataError::Utf8 { place, byte: byte - field_start + 1 }
}
