//! A Parquet file gives the same log as the same rows in a table.
#![cfg(feature = "parquet")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use gnnrec_data::{DataError, Dataset, Reason, Source, load};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

const SCHEMA: &str = "message log {
    optional binary who (UTF8);
    required int64 what;
    required double stars;
    required int64 at;
}";

/// Writes the rows in two row groups; a user of `None` is a missing value.
fn write(path: &Path, rows: &[(Option<&str>, i64, f64, i64)], compression: Compression) {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
    for rows in rows.chunks(rows.len().div_ceil(2)) {
        let mut group = writer.next_row_group().unwrap();
        let users: Vec<ByteArray> = rows.iter().filter_map(|row| row.0.map(ByteArray::from)).collect();
        let there: Vec<i16> = rows.iter().map(|row| i16::from(row.0.is_some())).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&users, Some(&there), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let items: Vec<i64> = rows.iter().map(|row| row.1).collect();
        column.typed::<Int64Type>().write_batch(&items, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let ratings: Vec<f64> = rows.iter().map(|row| row.2).collect();
        column.typed::<DoubleType>().write_batch(&ratings, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let times: Vec<i64> = rows.iter().map(|row| row.3).collect();
        column.typed::<Int64Type>().write_batch(&times, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
}

fn read(folder: &Path, columns: &str) -> Result<Dataset, DataError> {
    let source =
        format!("[interactions]\nformat = 'parquet'\nfile = 'log.parquet'\nnot_rated = 0\ncolumns = {columns}\n");
    load("test", &toml::from_str::<Source>(&source).unwrap(), folder)
}

const COLUMNS: &str = "{ user = 'who', item = 'what', rating = 'stars', time = 'at' }";

#[test]
fn round_trip() {
    let rows = [(Some("ann"), 7, 4.5, 100), (Some("bob"), 8, 0.0, -5), (Some("ann"), 8, 1.0, i64::MAX)];
    let folder = tempfile::tempdir().unwrap();
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default())] {
        write(&folder.path().join("log.parquet"), &rows, compression);
        let dataset = read(folder.path(), COLUMNS).unwrap();
        assert_eq!((dataset.num_users(), dataset.num_items()), (1, 2));
        assert_eq!(dataset.item_name(dataset.log.items[1]), "8");
        assert_eq!(dataset.log.ratings, Some(vec![4.5, 1.0]));
        assert_eq!(dataset.log.times, Some(vec![100, i64::MAX]));
        assert_eq!(dataset.report.steps[0].dropped[&Reason::NotRated].first.line, 2);
    }
}

#[test]
fn what_is_wrong_is_placed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.parquet");
    write(&path, &[(Some("ann"), 7, 1.0, 0), (None, 7, 1.0, 0), (Some("bob"), 7, f64::NAN, 0)], Compression::SNAPPY);
    let error = read(folder.path(), COLUMNS).unwrap_err().to_string();
    assert!(error.ends_with("line 2, column 1 (who): found ``, expected an id"), "{error}");
    write(&path, &[(Some("ann"), 7, 1.0, 0), (Some("bob"), 7, f64::NAN, 0)], Compression::SNAPPY);
    let error = read(folder.path(), COLUMNS).unwrap_err().to_string();
    assert!(error.ends_with("line 2, column 3 (stars): found `NaN`, expected a finite number"), "{error}");
    let error = read(folder.path(), "{ user = 'who', item = 'whut', rating = 'stars' }").unwrap_err().to_string();
    assert!(error.ends_with("no column `whut`; did you mean `what`? the file has: who, what, stars, at"), "{error}");
    std::fs::write(&path, b"PAR1 but not really PAR1").unwrap();
    assert!(matches!(read(folder.path(), COLUMNS), Err(DataError::Io { .. })));
}
