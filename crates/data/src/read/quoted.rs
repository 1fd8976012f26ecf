//! Rows whose fields may stand in double quotes and hold delimiters and line ends (RFC 4180).
//!
//! The state machine is `csv-core`'s. Reading it from here, rather than through `csv`, bounds the
//! length of a row and lets blank lines be counted.

use std::ops::Range;

use csv_core::{ReadRecordResult, ReaderBuilder};
use memchr::memchr_iter;

use super::input::Input;
use super::{LONGEST_LINE, long_line};
use crate::{DataError, Place};

/// Calls `each` with the line on which a row starts, from 1, its unquoted bytes and the fields in them;
/// a blank line is a row without fields.
pub(crate) fn for_each_record(
    input: &mut Input,
    delimiter: u8,
    mut each: impl FnMut(u64, &[u8], &[Range<usize>]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    let mut bytes = vec![0u8; 4096];
    let mut ends = vec![0usize; 64];
    let mut fields: Vec<Range<usize>> = Vec::new();
    let mut line = 1u64;
    let mut after_return = false;
    loop {
        // Between two rows: the rest of the last line end, or a blank line.
        match input.fill()?.first() {
            Some(b'\n') if after_return => {
                input.consume(1);
                after_return = false;
                continue;
            }
            Some(&first @ (b'\n' | b'\r')) => {
                input.consume(1);
                after_return = first == b'\r';
                each(line, &[], &[])?;
                line += 1;
                continue;
            }
            _ => {}
        }
        let (mut num_bytes, mut num_ends, mut num_quotes) = (0, 0, 0usize);
        let start = line;
        loop {
            let buffer = input.fill()?;
            let at_end = buffer.is_empty();
            let (result, read, written, ended) =
                reader.read_record(buffer, &mut bytes[num_bytes..], &mut ends[num_ends..]);
            let used = &buffer[..read];
            line += memchr_iter(b'\n', used).count() as u64;
            num_quotes += memchr_iter(b'"', used).count();
            after_return = used.last() == Some(&b'\r') || (after_return && used.is_empty());
            input.consume(read);
            (num_bytes, num_ends) = (num_bytes + written, num_ends + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if bytes.len() > LONGEST_LINE => {
                    return Err(long_line(input.path(), start));
                }
                ReadRecordResult::OutputFull => bytes.resize(bytes.len() * 2, 0),
                ReadRecordResult::OutputEndsFull if ends.len() > LONGEST_LINE / size_of::<usize>() => {
                    return Err(long_line(input.path(), start));
                }
                ReadRecordResult::OutputEndsFull => ends.resize(ends.len() * 2, 0),
                ReadRecordResult::Record => {
                    if at_end && line > start && num_quotes % 2 == 1 {
                        return Err(never_closed(input, start));
                    }
                    break;
                }
                ReadRecordResult::End => return Ok(()),
            }
        }
        // A row that ends in a lone or leading `\r` ends a line as well; its `\n` is skipped above.
        line += u64::from(after_return);
        fields.clear();
        let mut from = 0;
        for &end in &ends[..num_ends] {
            fields.push(from..end);
            from = end;
        }
        each(start, &bytes[..num_bytes], &fields)?;
    }
}

fn never_closed(input: &Input, line: u64) -> DataError {
    DataError::Value {
        place: Place { path: input.path().to_owned(), line, column: None, name: None },
        found: "\"".to_owned(),
        expected: "the closing quote before the end of the file; or set `quotes = false`".to_owned(),
    }
}
