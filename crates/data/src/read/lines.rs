//! The lines of a stream, one after another or in pieces side by side. Nothing here knows fields.

use memchr::{memchr, memchr_iter, memrchr};
use rayon::prelude::*;

use super::input::Input;
use super::{LONGEST_LINE, long_line};
use crate::DataError;

/// Lines without their ends, `\n` or `\r\n`, with their numbers. A last line without an end is a line; nothing
/// after the last end is none.
pub(crate) struct Lines<'a> {
    rest: &'a [u8],
    number: u64,
}

impl Lines<'_> {
    fn count_lines(&self) -> u64 {
        let unfinished = self.rest.last().is_some_and(|&last| last != b'\n');
        memchr_iter(b'\n', self.rest).count() as u64 + u64::from(unfinished)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = match memchr(b'\n', self.rest) {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, &[][..]),
        };
        let number = self.number;
        (self.rest, self.number) = (rest, number + 1);
        Some((number, line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

/// Whole lines of a stream, some at a time, so that memory does not grow with the file.
pub(crate) struct Blocks<'i> {
    input: &'i mut Input,
    /// What was read; lines are whole up to `whole`, and those before `from` are done.
    bytes: Vec<u8>,
    from: usize,
    whole: usize,
    /// Number of the line at `from`.
    number: u64,
    /// About how long a piece is that one thread parses.
    piece_bytes: usize,
}

impl<'i> Blocks<'i> {
    pub(crate) fn new(input: &'i mut Input, piece_bytes: usize) -> Self {
        Self { input, bytes: Vec::new(), from: 0, whole: 0, number: 1, piece_bytes: piece_bytes.max(1) }
    }

    /// Least length of a block that is not the last: some pieces for every thread.
    fn least(&self) -> usize {
        self.piece_bytes.saturating_mul(4 * rayon::current_num_threads())
    }

    /// The lines at hand; none at the end of the stream.
    pub(crate) fn lines(&mut self) -> Result<Lines<'_>, DataError> {
        if self.from == self.whole {
            let least = self.least();
            let (bytes, whole) = read(self.input, &self.bytes[self.whole..], least, self.number)?;
            (self.bytes, self.whole, self.from) = (bytes, whole, 0);
        }
        Ok(Lines { rest: &self.bytes[self.from..self.whole], number: self.number })
    }

    /// Leaves out the first line at hand.
    pub(crate) fn skip_line(&mut self) -> Result<(), DataError> {
        let mut lines = self.lines()?;
        lines.next();
        let (left, number) = (lines.rest.len(), lines.number);
        (self.from, self.number) = (self.whole - left, number);
        Ok(())
    }

    /// Calls `each` with every line that is left.
    pub(crate) fn for_each(
        mut self,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        loop {
            let lines = self.lines()?;
            if lines.rest.is_empty() {
                return Ok(());
            }
            let number = lines.number + lines.count_lines();
            for (number, line) in lines {
                each(number, line)?;
            }
            (self.from, self.number) = (self.whole, number);
        }
    }

    /// Has the lines that are left parsed in pieces, side by side and beside the reading of the next ones, and puts
    /// what was made of them together in the order of the file.
    ///
    /// The error that is returned is the first in the file, as if the lines had been read one by one: a piece stops
    /// at its first, and pieces are looked at in order.
    pub(crate) fn in_pieces<S: Sync, P: Send>(
        mut self,
        state: &mut S,
        parse: impl Fn(&S, Lines<'_>) -> Result<P, DataError> + Sync,
        mut put: impl FnMut(&mut S, P) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        loop {
            let (piece_bytes, least) = (self.piece_bytes, self.least());
            self.lines()?;
            let lines = Lines { rest: &self.bytes[self.from..self.whole], number: self.number };
            let (pieces, number) = cut(lines, piece_bytes);
            if pieces.is_empty() {
                return Ok(());
            }
            let (input, left) = (&mut *self.input, &self.bytes[self.whole..]);
            let seen = &*state;
            let (next, parsed) = rayon::join(
                || read(input, left, least, number),
                || pieces.into_par_iter().map(|lines| parse(seen, lines)).collect::<Vec<_>>(),
            );
            for piece in parsed {
                put(state, piece?)?;
            }
            let (bytes, whole) = next?;
            (self.bytes, self.whole, self.from, self.number) = (bytes, whole, 0, number);
        }
    }
}

/// Cuts lines into pieces of at least `least` bytes, but for the last, and says which number follows.
fn cut(lines: Lines<'_>, least: usize) -> (Vec<Lines<'_>>, u64) {
    let Lines { mut rest, mut number } = lines;
    let mut pieces = Vec::with_capacity(rest.len() / least + 1);
    while !rest.is_empty() {
        let end = rest.get(least - 1..).and_then(|from| memchr(b'\n', from));
        let (piece, after) = rest.split_at(end.map_or(rest.len(), |end| least + end));
        let piece = Lines { rest: piece, number };
        number += piece.count_lines();
        pieces.push(piece);
        rest = after;
    }
    (pieces, number)
}

/// What is left of the last block and more, until there are `least` bytes of whole lines or the stream ends; and
/// how long the whole lines are. `number` is that of the first line.
fn read(input: &mut Input, left: &[u8], least: usize, number: u64) -> Result<(Vec<u8>, usize), DataError> {
    let mut bytes = Vec::with_capacity(left.len() + least);
    bytes.extend_from_slice(left);
    let mut whole = 0;
    while whole == 0 || bytes.len() < least {
        let buffer = input.fill()?;
        let filled = buffer.len();
        if filled == 0 {
            whole = bytes.len();
            break;
        }
        if let Some(end) = memrchr(b'\n', buffer) {
            whole = bytes.len() + end + 1;
        }
        bytes.extend_from_slice(buffer);
        input.consume(filled);
        if whole == 0 && bytes.len() > LONGEST_LINE {
            return Err(long_line(input.path(), number));
        }
    }
    Ok((bytes, whole))
}
