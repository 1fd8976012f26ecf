//! Rows of fields and the columns that are wanted of them, whatever the file is written in.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memchr::{memchr_iter, memmem};

use super::input::Input;
use super::lines::{Blocks, Lines};
use super::quoted::for_each_record;
use super::{PIECE_BYTES, Pieces, shown};
use crate::report::{Reason, Step};
use crate::source::{Column, Delimiter, Encoding, Format, Layout};
use crate::{DataError, Place};

/// A column that a reader asks for.
pub(crate) struct Wanted {
    /// What it means, as in `rating`.
    pub(crate) role: Cow<'static, str>,
    /// Which one it is; `None` for one that nobody asked for.
    pub(crate) column: Option<Column>,
    /// Whether its absence is an error.
    pub(crate) required: bool,
}

impl Wanted {
    pub(crate) fn required(role: impl Into<Cow<'static, str>>, column: &Column) -> Self {
        Self { role: role.into(), column: Some(column.clone()), required: true }
    }

    pub(crate) fn if_named(role: &'static str, column: Option<&Column>) -> Self {
        Self { role: role.into(), column: column.cloned(), required: true }
    }

    pub(crate) fn if_there(role: &'static str, name: &str) -> Self {
        Self { role: role.into(), column: Some(Column::Name(name.to_owned())), required: false }
    }
}

/// One row; columns are asked for by their position in the list of wanted ones.
pub(crate) struct Row<'a> {
    pub(crate) line: u64,
    columns: &'a Columns,
    bytes: &'a [u8],
    fields: &'a [Range<usize>],
}

impl Row<'_> {
    fn place(&self, wanted: usize) -> Place {
        let (column, name) = self.columns.found[wanted].clone().unzip();
        Place { path: self.columns.path.clone(), line: self.line, column: column.map(|at: usize| at + 1), name }
    }

    fn bytes(&self, wanted: usize) -> Option<&[u8]> {
        let (position, _) = self.columns.found[wanted].as_ref()?;
        Some(self.bytes[self.fields[*position].clone()].trim_ascii())
    }

    /// The error for a value that is not what its column holds.
    pub(crate) fn value_error(&self, wanted: usize, expected: &str) -> DataError {
        let found = shown(self.bytes(wanted).unwrap_or_default());
        DataError::Value { place: self.place(wanted), found, expected: expected.to_owned() }
    }

    /// The text of a column that is there; spaces around it do not count.
    pub(crate) fn text(&self, wanted: usize) -> Result<Cow<'_, str>, DataError> {
        let bytes = self.bytes(wanted).unwrap_or_default();
        decode(bytes, self.columns.encoding)
            .map_err(|byte| DataError::Utf8 { place: self.place(wanted), byte: byte + 1 })
    }

    /// An external id: any text but none.
    pub(crate) fn id(&self, wanted: usize) -> Result<Cow<'_, str>, DataError> {
        let text = self.text(wanted)?;
        if text.is_empty() { Err(self.value_error(wanted, "an id")) } else { Ok(text) }
    }

    /// A finite number, or `None` for a column that is not there.
    pub(crate) fn number(&self, wanted: usize) -> Result<Option<f32>, DataError> {
        let Some(bytes) = self.bytes(wanted) else { return Ok(None) };
        let number = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<f32>().ok());
        match number.filter(|number| number.is_finite()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.value_error(wanted, "a finite number")),
        }
    }

    /// A number inside a range.
    pub(crate) fn check_range(&self, wanted: usize, number: f32, [least, most]: [f32; 2]) -> Result<(), DataError> {
        if (least..=most).contains(&number) {
            return Ok(());
        }
        Err(self.value_error(wanted, &format!("a number from {least} to {most}")))
    }

    /// A whole number, or `None` for a column that is not there; `881250949.0` counts as whole.
    pub(crate) fn whole(&self, wanted: usize) -> Result<Option<i64>, DataError> {
        let Some(bytes) = self.bytes(wanted) else { return Ok(None) };
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        match text.parse::<i64>().ok().or_else(|| whole_float(text)) {
            Some(whole) => Ok(Some(whole)),
            None => Err(self.value_error(wanted, "a whole number of at most 64 bits")),
        }
    }

    /// Whether the label is 1; 0 is false, a column that is not there true.
    pub(crate) fn label(&self, wanted: usize) -> Result<bool, DataError> {
        match self.number(wanted)? {
            None => Ok(true),
            Some(number) if number.to_bits() == 1f32.to_bits() => Ok(true),
            Some(number) if number.abs().to_bits() == 0 => Ok(false),
            Some(_) => Err(self.value_error(wanted, "0 or 1")),
        }
    }
}

fn whole_float(text: &str) -> Option<i64> {
    let number: f64 = text.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53 in size")]
    (number.fract().abs().to_bits() == 0 && number.abs() < 9e15).then_some(number as i64)
}

/// Bytes as text, or the position of the first byte that is none.
pub(crate) fn decode(bytes: &[u8], encoding: Encoding) -> Result<Cow<'_, str>, usize> {
    match (std::str::from_utf8(bytes), encoding) {
        (Ok(text), Encoding::Utf8) => Ok(Cow::Borrowed(text)),
        (Err(error), Encoding::Utf8) => Err(error.valid_up_to()),
        (Ok(text), Encoding::Latin1) if bytes.is_ascii() => Ok(Cow::Borrowed(text)),
        (_, Encoding::Latin1) => Ok(bytes.iter().copied().map(char::from).collect()),
    }
}

/// Where the wanted columns of one file are.
struct Columns {
    path: PathBuf,
    encoding: Encoding,
    width: usize,
    /// For each wanted column its position and what an error calls it.
    found: Vec<Option<(usize, String)>>,
}

/// Calls `each` with every row of a file, in order, and gives the file's SHA-256 back.
///
/// Blank lines are counted in `step`; what becomes of the rows is for `each` to count.
pub(crate) fn read_rows(
    path: &Path,
    layout: &Layout,
    wanted: &[Wanted],
    step: &mut Step,
    mut each: impl FnMut(&mut Step, Row<'_>) -> Result<(), DataError>,
) -> Result<String, DataError> {
    #[cfg(feature = "parquet")]
    if layout.format == Format::Parquet {
        let file = super::parquet::Parquet::open(path)?;
        let columns = Columns::find(path, Encoding::Utf8, wanted, file.names().len(), Some(file.names()))?;
        return file.for_each(|line, bytes, fields| each(step, Row { line, columns: &columns, bytes, fields }));
    }
    let mut input = Input::open(path)?;
    let mut columns: Option<Columns> = None;
    let mut record = |line: u64, bytes: &[u8], fields: &[Range<usize>]| {
        if fields.is_empty() {
            step.drop(Reason::BlankLine, line);
            return Ok(());
        }
        if columns.is_none() {
            let first = Columns::of_first(path, layout, wanted, (line, bytes, fields))?;
            columns = Some(first);
            if layout.has_header() {
                return Ok(());
            }
        }
        let columns = columns.as_ref().expect("they were found just now");
        each(step, columns.row(line, bytes, fields)?)
    };
    match (&layout.delimiter, layout.quotes) {
        (Delimiter::Text(text), true) => for_each_record(&mut input, text.as_bytes()[0], record)?,
        (_, true) => for_each_record(&mut input, b'\t', record)?,
        (_, false) => {
            let (cutter, mut fields) = (Cutter::new(layout), Vec::new());
            Blocks::new(&mut input, PIECE_BYTES).for_each(|line, bytes| {
                cutter.cut(bytes, &mut fields);
                record(line, bytes, &fields)
            })?;
        }
    }
    input.finish()
}

/// As [`read_rows`], in pieces that `each` adds rows to. Lines that may hold quotes are one piece, and so is Parquet.
pub(crate) fn read_rows_in_pieces<S: Sync, P: Default + Send>(
    path: &Path,
    layout: &Layout,
    wanted: &[Wanted],
    step: &mut Step,
    pieces: Pieces<'_, S, impl Fn(&mut S, P) -> Result<(), DataError>>,
    each: impl Fn(&S, &mut P, &mut Step, Row<'_>) -> Result<(), DataError> + Sync,
) -> Result<String, DataError> {
    if layout.quotes || layout.format == Format::Parquet {
        let mut piece = P::default();
        let digest = read_rows(path, layout, wanted, step, |step, row| each(pieces.whole, &mut piece, step, row))?;
        (pieces.put)(pieces.whole, piece)?;
        return Ok(digest);
    }
    let mut input = Input::open(path)?;
    let cutter = Cutter::new(layout);
    let mut blocks = Blocks::new(&mut input, pieces.bytes);
    let (mut columns, mut fields) = (None, Vec::new());
    while columns.is_none()
        && let Some((line, bytes)) = blocks.lines()?.next()
    {
        cutter.cut(bytes, &mut fields);
        if fields.is_empty() {
            step.drop(Reason::BlankLine, line);
        } else {
            columns = Some(Columns::of_first(path, layout, wanted, (line, bytes, &fields))?);
        }
        if columns.is_none() || layout.has_header() {
            blocks.skip_line()?;
        }
    }
    let Some(columns) = columns else { return input.finish() };
    let parse = |whole: &S, lines: Lines<'_>| {
        let (mut piece, mut step, mut fields) = (P::default(), Step::default(), Vec::new());
        for (line, bytes) in lines {
            cutter.cut(bytes, &mut fields);
            if fields.is_empty() {
                step.drop(Reason::BlankLine, line);
            } else {
                each(whole, &mut piece, &mut step, columns.row(line, bytes, &fields)?)?;
            }
        }
        Ok((piece, step))
    };
    blocks.in_pieces(pieces.whole, parse, |whole, (piece, counted)| {
        step.add(counted);
        (pieces.put)(whole, piece)
    })?;
    input.finish()
}

/// The names in a header; of an atomic file's `name:type` the name.
fn header(
    path: &Path,
    line: u64,
    bytes: &[u8],
    fields: &[Range<usize>],
    layout: &Layout,
) -> Result<Vec<String>, DataError> {
    let name = |(position, field): (usize, &Range<usize>)| {
        let bytes = bytes[field.clone()].trim_ascii();
        let place = Place { path: path.to_owned(), line, column: Some(position + 1), name: Some("header".to_owned()) };
        let text =
            decode(bytes, layout.encoding).map_err(|byte| DataError::Utf8 { place: place.clone(), byte: byte + 1 })?;
        if layout.format != Format::Atomic {
            return Ok(text.into_owned());
        }
        match text.rsplit_once(':') {
            Some((name, "token" | "token_seq" | "float" | "float_seq")) => Ok(name.to_owned()),
            _ => {
                let expected = "`name:type` with a type of token, token_seq, float or float_seq".to_owned();
                Err(DataError::Value { place, found: shown(bytes), expected })
            }
        }
    };
    fields.iter().enumerate().map(name).collect()
}

impl Columns {
    /// Finds them by the first row that is not blank.
    fn of_first(
        path: &Path,
        layout: &Layout,
        wanted: &[Wanted],
        (line, bytes, fields): (u64, &[u8], &[Range<usize>]),
    ) -> Result<Self, DataError> {
        let names = if layout.has_header() { Some(header(path, line, bytes, fields, layout)?) } else { None };
        Self::find(path, layout.encoding, wanted, fields.len(), names.as_deref())
    }

    /// A row that is not blank.
    fn row<'a>(&'a self, line: u64, bytes: &'a [u8], fields: &'a [Range<usize>]) -> Result<Row<'a>, DataError> {
        if fields.len() != self.width {
            let place = Place { path: self.path.clone(), line, column: None, name: None };
            return Err(DataError::Ragged { place, found: fields.len(), expected: self.width });
        }
        Ok(Row { line, columns: self, bytes, fields })
    }

    fn find(
        path: &Path,
        encoding: Encoding,
        wanted: &[Wanted],
        width: usize,
        names: Option<&[String]>,
    ) -> Result<Self, DataError> {
        let find = |wanted: &Wanted| {
            let Some(column) = &wanted.column else { return Ok(None) };
            let position = match column {
                Column::Number(number) => Some(*number).filter(|&number| number < width),
                Column::Name(name) => names.unwrap_or_default().iter().position(|there| there == name),
            };
            let role = |position: usize| match names {
                Some(names) => names[position].clone(),
                None => wanted.role.clone().into_owned(),
            };
            match position {
                Some(position) => Ok(Some((position, role(position)))),
                None if wanted.required => Err(missing(path, &column.to_string(), width, names)),
                None => Ok(None),
            }
        };
        let found = wanted.iter().map(find).collect::<Result<_, DataError>>()?;
        Ok(Self { path: path.to_owned(), encoding, width, found })
    }
}

fn missing(path: &Path, wanted: &str, width: usize, names: Option<&[String]>) -> DataError {
    let columns = match names {
        Some(names) => names.to_vec(),
        None => vec![format!("{width} columns without names, 0 to {}", width.saturating_sub(1))],
    };
    let nearest = names.unwrap_or_default().iter().max_by(|a, b| {
        let near = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &wanted.to_lowercase());
        near(a).total_cmp(&near(b))
    });
    let suggestion = nearest.filter(|name| strsim::jaro_winkler(&name.to_lowercase(), &wanted.to_lowercase()) > 0.7);
    DataError::MissingColumn {
        path: path.to_owned(),
        wanted: wanted.to_owned(),
        suggestion: suggestion.cloned(),
        columns,
    }
}

/// Cuts a line at its delimiters.
enum Cutter {
    Byte(u8),
    Text(Box<memmem::Finder<'static>>),
    Whitespace,
}

impl Cutter {
    fn new(layout: &Layout) -> Self {
        match &layout.delimiter {
            _ if layout.format == Format::Atomic => Self::Byte(b'\t'),
            Delimiter::Tab => Self::Byte(b'\t'),
            Delimiter::Whitespace => Self::Whitespace,
            Delimiter::Text(text) => match text.as_bytes() {
                &[byte] => Self::Byte(byte),
                bytes => Self::Text(Box::new(memmem::Finder::new(bytes).into_owned())),
            },
        }
    }

    /// The fields of a line, none of a blank one.
    fn cut(&self, line: &[u8], fields: &mut Vec<Range<usize>>) {
        fields.clear();
        let mut from = 0;
        match self {
            _ if line.is_empty() => return,
            Self::Byte(byte) => {
                for at in memchr_iter(*byte, line) {
                    fields.push(from..at);
                    from = at + 1;
                }
            }
            Self::Text(finder) => {
                for at in finder.find_iter(line) {
                    fields.push(from..at);
                    from = at + finder.needle().len();
                }
            }
            Self::Whitespace => {
                let space = |at: &usize| line[*at].is_ascii_whitespace();
                while let Some(start) = (from..line.len()).find(|at| !space(at)) {
                    let end = (start..line.len()).find(space).unwrap_or(line.len());
                    fields.push(start..end);
                    from = end;
                }
                return;
            }
        }
        fields.push(from..line.len());
    }
}
