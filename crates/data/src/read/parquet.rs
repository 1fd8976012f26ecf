//! Parquet files as rows of text, so that one set of checks serves every format.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use super::input::Input;
use super::io;
use crate::{DataError, Place};

/// An open file and the names of its columns.
pub(super) struct Parquet {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    names: Vec<String>,
}

impl Parquet {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(io(path))?;
        let reader = SerializedFileReader::new(file).map_err(|error| io(path)(std::io::Error::other(error)))?;
        let schema = reader.metadata().file_metadata().schema();
        let names = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
        Ok(Self { path: path.to_owned(), reader, names })
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Calls `each` with every row; a missing value is an empty field.
    pub(super) fn for_each(
        self,
        mut each: impl FnMut(u64, &[u8], &[Range<usize>]) -> Result<(), DataError>,
    ) -> Result<String, DataError> {
        let Self { path, reader, .. } = self;
        let (mut bytes, mut fields) = (Vec::new(), Vec::new());
        let rows = reader.get_row_iter(None).map_err(|error| io(&path)(std::io::Error::other(error)))?;
        for (line, row) in (1..).zip(rows) {
            let row = row.map_err(|error| io(&path)(std::io::Error::other(error)))?;
            bytes.clear();
            fields.clear();
            for (column, (name, field)) in row.get_column_iter().enumerate() {
                let from = bytes.len();
                write_field(&mut bytes, field).ok_or_else(|| {
                    let (column, name) = (Some(column + 1), Some(name.clone()));
                    let place = Place { path: path.clone(), line, column, name };
                    let expected = "a text, a number or a time".to_owned();
                    DataError::Value { place, found: field.to_string(), expected }
                })?;
                fields.push(from..bytes.len());
            }
            each(line, &bytes, &fields)?;
        }
        Input::open(&path)?.finish()
    }
}

fn write_field(bytes: &mut Vec<u8>, field: &Field) -> Option<()> {
    let written = match field {
        Field::Null => Ok(()),
        Field::Bool(value) => write!(bytes, "{}", u8::from(*value)),
        Field::Byte(value) => write!(bytes, "{value}"),
        Field::Short(value) => write!(bytes, "{value}"),
        Field::Int(value) => write!(bytes, "{value}"),
        Field::Long(value) | Field::TimestampMillis(value) | Field::TimestampMicros(value) => write!(bytes, "{value}"),
        Field::UByte(value) => write!(bytes, "{value}"),
        Field::UShort(value) => write!(bytes, "{value}"),
        Field::UInt(value) => write!(bytes, "{value}"),
        Field::ULong(value) => write!(bytes, "{value}"),
        Field::Float(value) => write!(bytes, "{value}"),
        Field::Double(value) => write!(bytes, "{value}"),
        Field::Date(value) => write!(bytes, "{value}"),
        Field::Str(value) => bytes.write_all(value.as_bytes()),
        Field::Bytes(value) => bytes.write_all(value.data()),
        _ => return None,
    };
    written.ok()
}
