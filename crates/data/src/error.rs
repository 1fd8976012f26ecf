//! What can be wrong with a dataset, each case with its place, its value and what was expected.

use std::fmt;
use std::path::PathBuf;

use gnnrec_graph::GraphError;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1; for Parquet the row, from 1.
    pub line: u64,
    /// Field on the line, from 1, where one is to blame.
    pub column: Option<usize>,
    /// What the column is called or means, where that is known.
    pub name: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.path.display(), self.line)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}

/// A dataset that cannot be read, filtered or split.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file that cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file without a single row to use.
    #[error("{}: no row to use, expected at least one ({dropped} were left out)", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// Rows that were left out, blank lines among them.
        dropped: u64,
    },
    /// A value that is not what its column holds.
    #[error("{place}: found `{found}`, expected {expected}")]
    Value {
        /// Where.
        place: Place,
        /// The value, cut to a readable length.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A row with another number of fields than the rows before it.
    #[error("{place}: {found} fields, expected {expected}; check the delimiter, or quote fields that contain it")]
    Ragged {
        /// Where.
        place: Place,
        /// Fields found.
        found: usize,
        /// Fields expected.
        expected: usize,
    },
    /// Bytes that are no UTF-8.
    #[error("{place}: byte {byte} of the field is not UTF-8; convert the file, or set `encoding = \"latin-1\"`")]
    Utf8 {
        /// Where.
        place: Place,
        /// First wrong byte of the field, from 1.
        byte: usize,
    },
    /// A line longer than anything sensible, as in a file that is not text.
    #[error("{place}: longer than {limit} bytes; is this a text file?")]
    LongLine {
        /// Where.
        place: Place,
        /// The longest line read, in bytes.
        limit: usize,
    },
    /// A file without a column that the source names.
    #[error("{}: no column `{wanted}`; {}the file has: {}", path.display(), near(suggestion.as_deref()), columns.join(", "))]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The name asked for.
        wanted: String,
        /// The nearest name there is.
        suggestion: Option<String>,
        /// Every name there is, or the number of columns where they have no names.
        columns: Vec<String>,
    },
    /// A source that contradicts itself or leaves out what its format needs.
    #[error("{section}: {problem}")]
    Source {
        /// The section of the source, as in `[interactions]`.
        section: &'static str,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// A pair that occurs twice where that is an error.
    #[error(
        "row {row} of the log: user `{user}` has item `{item}` already; choose another rule for `duplicates` or remove it"
    )]
    Duplicate {
        /// Row of the log, from 1.
        row: usize,
        /// External id of the user.
        user: String,
        /// External id of the item.
        item: String,
    },
    /// More than 32-bit ids can number.
    #[error("more than 4294967294 {what}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
    },
    /// A step that leaves nothing behind.
    #[error("{step} leaves no {what}; {remedy}")]
    NothingLeft {
        /// The step.
        step: &'static str,
        /// What is gone.
        what: &'static str,
        /// What to change.
        remedy: &'static str,
    },
    /// A split or filter that does not fit the dataset, or has a field out of range.
    #[error("{field} is {found}, expected {expected}")]
    Setting {
        /// The field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A split or filter that needs a column the dataset lacks.
    #[error("{what} needs {needs}, and {dataset} has none; {remedy}")]
    Needs {
        /// The split or filter.
        what: &'static str,
        /// The column.
        needs: &'static str,
        /// Name of the dataset.
        dataset: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// Text that is no manifest, or one that names a file it must not.
    #[error("manifest `{name}`: {reason}")]
    Manifest {
        /// The manifest.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No manifest has this name.
    #[error("unknown dataset `{name}`; {}known: {known}", near(nearest.as_deref()))]
    UnknownDataset {
        /// The name asked for.
        name: String,
        /// The nearest name there is.
        nearest: Option<String>,
        /// Every name there is.
        known: String,
    },
    /// The parts do not make a world.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

fn near(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!("did you mean `{name}`? "))
}
