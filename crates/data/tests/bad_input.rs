//! What bad input gets: a defined outcome each, and an error that names place, value and expectation.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::Write;
use std::path::Path;

use gnnrec_data::{DataError, Dataset, Filter, KeepDuplicate, Part, Reason, Source, load};
use tempfile::TempDir;

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn read(source: &str, files: &[(&str, &[u8])]) -> Result<Dataset, DataError> {
    let source: Source = toml::from_str(source).unwrap();
    load("test", &source, folder(files).path())
}

const CSV: &str = "[interactions]
file = 'log.csv'
delimiter = 'comma'
header = true
quotes = true
columns = { user = 'user', item = 'item', rating = 'rating', time = 'time' }
";

const TABLE: &str = "[interactions]
file = 'log.csv'
delimiter = 'comma'
columns = { user = 0, item = 1, rating = 2, time = 3 }
";

const ADJACENCY: &str = "[interactions]
format = 'adjacency'
train = 'train.txt'
test = 'test.txt'
";

/// The error for a body under the header `user,item,rating,time`, without the folder.
fn csv_error(body: &str) -> String {
    let text = format!("user,item,rating,time\n{body}");
    let error = read(CSV, &[("log.csv", text.as_bytes())]).unwrap_err().to_string();
    error[error.find("log.csv").unwrap_or(0)..].to_owned()
}

fn names(dataset: &Dataset) -> Vec<(&str, &str)> {
    let log = &dataset.log;
    log.users.iter().zip(&log.items).map(|(&u, &i)| (dataset.user_name(u), dataset.item_name(i))).collect()
}

#[test]
fn values_out_of_range_are_placed() {
    let rating = "log.csv, line 3, column 3 (rating): found";
    let body = |value: &str| format!("a,x,1,1\nb,y,{value},2\n");
    for value in ["NaN", "inf", "-inf", "1e999", "four", "", "\"\""] {
        let found = value.trim_matches('"');
        assert_eq!(csv_error(&body(value)), format!("{rating} `{found}`, expected a finite number"));
    }
    let time = "log.csv, line 2, column 4 (time): found";
    for value in ["9223372036854775808", "1.5", "1e300", "noon"] {
        let expected = format!("{time} `{value}`, expected a whole number of at most 64 bits");
        assert_eq!(csv_error(&format!("a,x,1,{value}\n")), expected);
    }
    assert_eq!(csv_error("a,x,1,1\n,y,2,2\n"), "log.csv, line 3, column 1 (user): found ``, expected an id");
    let source = CSV.to_owned() + "rating_range = [1, 5]\n";
    let error = read(&source, &[("log.csv", b"user,item,rating,time\na,x,5.5,1\n")]).unwrap_err().to_string();
    assert!(error.ends_with("line 2, column 3 (rating): found `5.5`, expected a number from 1 to 5"), "{error}");
}

#[test]
fn ids_are_names_so_that_large_ones_cannot_overflow() {
    let dataset =
        read(ADJACENCY, &[("train.txt", b"4294967296 18446744073709551616 007 7\n"), ("test.txt", b"1 7\n")]).unwrap();
    let expected = [("4294967296", "18446744073709551616"), ("4294967296", "007"), ("4294967296", "7"), ("1", "7")];
    assert_eq!(names(&dataset), expected);
}

#[test]
fn whole_numbers_may_be_written_as_floats() {
    let dataset = read(TABLE, &[("log.csv", b"a,x,3,881250949.0\nb,x,2.5,-7\n")]).unwrap();
    assert_eq!(dataset.log.times, Some(vec![881_250_949, -7]));
    assert_eq!(dataset.log.ratings, Some(vec![3.0, 2.5]));
}

#[test]
fn ragged_rows_are_placed() {
    assert!(csv_error("a,x,1,1\nb,y,2\n").starts_with("log.csv, line 3: 3 fields, expected 4;"));
    assert!(csv_error("a,x,1,1,9\n").starts_with("log.csv, line 2: 5 fields, expected 4;"));
    let error = read(TABLE, &[("log.csv", b"a,x,1,1\n\nb,y\n")]).unwrap_err().to_string();
    assert!(error.contains("log.csv, line 3: 2 fields, expected 4;"), "{error}");
}

#[test]
fn missing_columns_name_those_there_are() {
    let error = read(CSV, &[("log.csv", b"user,item,Ratings,time\na,x,1,1\n")]).unwrap_err().to_string();
    let expected = "no column `rating`; did you mean `Ratings`? the file has: user, item, Ratings, time";
    assert!(error.ends_with(expected), "{error}");
    let error = read(TABLE, &[("log.csv", b"a,x,1\n")]).unwrap_err().to_string();
    assert!(error.ends_with("no column `3`; the file has: 3 columns without names, 0 to 2"), "{error}");
}

#[test]
fn empty_files_are_errors() {
    for text in ["", "user,item,rating,time\n", "user,item,rating,time\n\n\r\n"] {
        assert!(matches!(read(CSV, &[("log.csv", text.as_bytes())]), Err(DataError::Empty { .. })), "{text:?}");
    }
    for (train, test) in [("", "0 1\n"), ("0 1\n", ""), ("0 1\n", "0\n1\n")] {
        let files = [("train.txt", train.as_bytes()), ("test.txt", test.as_bytes())];
        assert!(matches!(read(ADJACENCY, &files), Err(DataError::Empty { .. })));
    }
    let error = read(CSV, &[]).unwrap_err().to_string();
    assert!(error.contains("log.csv: No such file"), "{error}");
}

#[test]
fn line_ends_and_byte_order_mark_do_not_matter() {
    let plain = "user,item,rating,time\na,x,1,1\nb,y,2,2\n";
    let expected = read(CSV, &[("log.csv", plain.as_bytes())]).unwrap();
    let windows = plain.replace('\n', "\r\n");
    let marked = format!("\u{feff}{windows}");
    let unfinished = plain.trim_end();
    let unquoted = CSV.replace("quotes = true\n", "");
    for text in [windows.as_str(), marked.as_str(), unfinished] {
        for source in [CSV, unquoted.as_str()] {
            let found = read(source, &[("log.csv", text.as_bytes())]).unwrap();
            assert_eq!((names(&found), &found.log), (names(&expected), &expected.log), "{text:?}");
            assert_eq!(found.report, expected.report);
            assert_ne!(found.digest, expected.digest);
        }
    }
    let files = [("train.txt", "\u{feff}0 1 2\r\n1 1\r\n".as_bytes()), ("test.txt", b"0 3")];
    assert_eq!(names(&read(ADJACENCY, &files).unwrap()), [("0", "1"), ("0", "2"), ("1", "1"), ("0", "3")]);
}

#[test]
fn blank_lines_are_counted_and_keep_line_numbers_right() {
    for ends in ["\n", "\r\n"] {
        let body = format!("{ends}a,x,1,1{ends}{ends}{ends}b,y,bad,1{ends}");
        assert!(csv_error(&body).starts_with("log.csv, line 6, column 3"), "{}", csv_error(&body));
        let text = format!("user,item,rating,time{ends}{}", body.replace("bad", "2"));
        let dataset = read(CSV, &[("log.csv", text.as_bytes())]).unwrap();
        let step = dataset.report.step("log.csv").unwrap();
        assert_eq!((step.read, step.kept, step.num_dropped(Reason::BlankLine)), (5, 2, 3));
        assert_eq!(step.dropped[&Reason::BlankLine].first.line, 2);
    }
}

#[test]
fn quoted_fields_may_hold_anything() {
    let text = "user,item,rating,time\n\"a, b\",\"x \"\"y\"\"\",1,1\n\"two\nlines\",z,2,2\nc,z,bad,2\n";
    let error = read(CSV, &[("log.csv", text.as_bytes())]).unwrap_err().to_string();
    assert!(error.contains("line 5, column 3"), "{error}");
    let dataset = read(CSV, &[("log.csv", text.replace("bad", "3").as_bytes())]).unwrap();
    assert_eq!(names(&dataset), [("a, b", "x \"y\""), ("two\nlines", "z"), ("c", "z")]);
    let open = "user,item,rating,time\na,x,1,1\nb,y,2,\"3\nc,z,1,1\n";
    let error = read(CSV, &[("log.csv", open.as_bytes())]).unwrap_err().to_string();
    assert!(error.contains("line 3: found `\"`, expected the closing quote"), "{error}");
}

#[test]
fn text_that_is_not_utf8_is_placed() {
    let bytes = b"a,x,1,1\nb,y\xff,1,1\n";
    let error = read(TABLE, &[("log.csv", bytes)]).unwrap_err().to_string();
    assert!(error.contains("log.csv, line 2, column 2 (item): byte 2 of the field is not UTF-8"), "{error}");
    let latin = TABLE.to_owned() + "encoding = 'latin-1'\n";
    assert_eq!(names(&read(&latin, &[("log.csv", bytes)]).unwrap())[1], ("b", "yÿ"));
    let error = read(ADJACENCY, &[("train.txt", b"0 1\n1 2 a\xff"), ("test.txt", b"0 1")]).unwrap_err().to_string();
    assert!(error.contains("train.txt, line 2, column 3: byte 2 of the field"), "{error}");
}

#[test]
fn rows_that_say_nothing_are_counted() {
    let files: [(&str, &[u8]); 2] = [("train.txt", b"0 1 2\n5\n\n6\n"), ("test.txt", b"5 1 9\n0 1\n")];
    let dataset = read(ADJACENCY, &files).unwrap();
    let step = dataset.report.step("train.txt").unwrap();
    assert_eq!((step.read, step.kept), (5, 2));
    assert_eq!((step.num_dropped(Reason::NoItems), step.num_dropped(Reason::BlankLine)), (2, 1));
    assert_eq!(step.dropped[&Reason::NoItems].first.line, 2);
    // The user without items is known, and so is the item that only the test file names.
    assert_eq!((dataset.num_users(), dataset.num_items()), (3, 3));
    assert_eq!(dataset.log.parts, Some(vec![Part::Train, Part::Train, Part::Test, Part::Test, Part::Test]));
    let parts = dataset.split(&gnnrec_data::Split::Given { validation: 0.0 }, 0).unwrap();
    let noted = |what: &str| {
        let step = parts.report.step("split").unwrap();
        step.noted.iter().find(|noted| noted.what == what).map_or(0, |noted| noted.count)
    };
    assert_eq!(noted("users without training rows"), 2);
    assert_eq!(noted("test items without training rows"), 1);
    assert_eq!(noted("test rows that are also training rows"), 1);
    assert_eq!(parts.test.num_interactions(), 3);
}

#[test]
fn labels_and_missing_ratings_drop_rows() {
    let source = "[interactions]
        file = 'log'
        delimiter = 'whitespace'
        columns = { user = 0, item = 1, rating = 2, label = 3 }
        rating_range = [1, 5]
        not_rated = 0
    ";
    let dataset = read(source, &[("log", b"a x 5 1\na  y\t0 1\n b z 3 0 \n")]).unwrap();
    let step = dataset.report.step("log").unwrap();
    assert_eq!(step.num_dropped(Reason::NotRated), 1);
    assert_eq!(step.num_dropped(Reason::Negative), 1);
    assert_eq!((dataset.num_users(), dataset.num_items()), (1, 1));
    let error = read(source, &[("log", b"a x 5 2\n")]).unwrap_err().to_string();
    assert!(error.ends_with("line 1, column 4 (label): found `2`, expected 0 or 1"), "{error}");
}

#[test]
fn duplicates_by_every_rule() {
    let bytes = b"a,x,1,1\na,x,3,2\nb,x,2,2\na,x,3,3\n";
    let kept = |duplicates| {
        let dataset = read(TABLE, &[("log.csv", bytes)]).unwrap();
        let filtered = dataset.filtered(&Filter { duplicates, ..Filter::default() }).unwrap();
        let step = filtered.report.step("filter").unwrap();
        assert_eq!((step.num_dropped(Reason::Duplicate), step.kept), (2, 2));
        filtered.log.times.unwrap()
    };
    assert_eq!(kept(KeepDuplicate::First), [1, 2]);
    assert_eq!(kept(KeepDuplicate::Last), [2, 3]);
    assert_eq!(kept(KeepDuplicate::MaxRating), [2, 2]);
    let dataset = read(TABLE, &[("log.csv", bytes)]).unwrap();
    let error = dataset.filtered(&Filter { duplicates: KeepDuplicate::Error, ..Filter::default() }).unwrap_err();
    assert!(error.to_string().starts_with("row 2 of the log: user `a` has item `x` already"), "{error}");
}

#[test]
fn compressed_files_are_read_as_they_are() {
    let text = b"a,x,1,1\nb,y,2,2\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(&text[..], 3).unwrap();
    let plain = read(TABLE, &[("log.csv", text)]).unwrap();
    for bytes in [gzip.as_slice(), zstd.as_slice()] {
        let found = read(TABLE, &[("log.csv", bytes)]).unwrap();
        assert_eq!((&found.log, names(&found)), (&plain.log, names(&plain)));
        let error = read(TABLE, &[("log.csv", &bytes[..bytes.len() - 9])]).unwrap_err();
        assert!(matches!(error, DataError::Io { .. }), "{error}");
    }
}

#[test]
fn surroundings_follow_and_are_counted() {
    let source = "[interactions]
        format = 'atomic'
        file = 'x.inter'
        [social]
        format = 'atomic'
        file = 'x.net'
        direction = 'symmetric'
        [knowledge]
        format = 'atomic'
        file = 'x.kg'
        items = 'linked'
        link = { format = 'atomic', file = 'x.link' }
        [titles]
        format = 'atomic'
        file = 'x.item'
        columns = { item = 'item_id', title = 'name' }
    ";
    let files: [(&str, &[u8]); 5] = [
        ("x.inter", b"user_id:token\titem_id:token\trating:float\na\tx\t4\nb\tx\t2\nb\ty\t5\nc\tz\t3\n"),
        ("x.net", b"source_id:token\ttarget_id:token\na\tb\nb\ta\na\tb\nc\tc\nb\tq\nc\tb\n"),
        ("x.kg", b"head_id:token\trelation_id:token\ttail_id:token\ne1\tby\te2\ne1\tby\te2\ne3\tin\te2\n"),
        ("x.link", b"item_id:token\tentity_id:token\nx\te1\ny\te3\nx\te2\nq\te2\n"),
        ("x.item", b"item_id:token\tname:token_seq\nx\tThe X\nq\tThe Q\nz\t\nx\tAgain\n"),
    ];
    let dataset = read(source, &files).unwrap();
    let dropped = |file: &str, reason| dataset.report.step(file).unwrap().num_dropped(reason);
    let reasons = [Reason::OtherWay, Reason::Repeated, Reason::SelfTie, Reason::UnknownUser];
    assert_eq!(reasons.map(|reason| dropped("x.net", reason)), [1, 1, 1, 1]);
    assert_eq!(dropped("x.kg", Reason::Repeated), 1);
    assert_eq!([Reason::SecondForItem, Reason::UnknownItem].map(|reason| dropped("x.link", reason)), [1, 1]);
    let reasons = [Reason::UnknownItem, Reason::NoTitle, Reason::SecondForItem];
    assert_eq!(reasons.map(|reason| dropped("x.item", reason)), [1, 1, 1]);
    assert_eq!(dataset.item_title(dataset.item("x").unwrap()), "The X");
    assert_eq!(dataset.item_title(dataset.item("z").unwrap()), "z");

    // Without x, `a` goes, and with her the tie to `b`.
    let filtered = dataset.filtered(&Filter { min_rating: Some(3.0), user_core: 1, ..Filter::default() }).unwrap();
    assert_eq!(names(&filtered), [("a", "x"), ("b", "y"), ("c", "z")]);
    let filtered = filtered.filtered(&Filter { min_rating: Some(5.0), ..Filter::default() }).unwrap();
    assert_eq!(names(&filtered), [("b", "y")]);
    assert_eq!(filtered.ties.as_ref().unwrap().pairs, []);
    let facts = filtered.facts.as_ref().unwrap();
    assert_eq!(facts.entity_of_item.len(), 1);
    assert_eq!(facts.entities.name(facts.entity_of_item[0].unwrap().0), "e3");
    let error = filtered.filtered(&Filter { min_rating: Some(6.0), ..Filter::default() }).unwrap_err();
    assert!(matches!(error, DataError::NothingLeft { .. }));
}

#[test]
fn sources_that_contradict_themselves_are_refused() {
    let nowhere = Path::new("nowhere");
    for (text, expected) in [
        ("[interactions]\n", "no file; name `file`"),
        ("[interactions]\nfile = 'a'\ntrain = 'b'\n", "`file` excludes"),
        ("[interactions]\ntrain = 'a'\n", "needs both `train` and `test`"),
        ("[interactions]\nfile = 'a'\n", "name the `columns`"),
        ("[interactions]\nfile = 'a'\ncolumns = { user = 'u', item = 1 }\n", "set `header = true`"),
        ("[interactions]\nfile = 'a'\ncolumns = { user = 1, item = 1 }\n", "column `1` is named twice"),
        ("[interactions]\nfile = 'a'\nnot_rated = 0\ncolumns = { user = 0, item = 1 }\n", "need a `rating` column"),
        ("[interactions]\nfile = 'a'\nformat = 'adjacency'\nheader = true\n", "are for `format = \"table\"`"),
        ("[interactions]\nfile = 'a'\nquotes = true\ndelimiter = '::'\ncolumns = { user = 0, item = 1 }\n", "one byte"),
        ("[interactions]\nfile = 'a'\nformat = 'atomic'\n[social]\n", "[social]: no file"),
        ("[interactions]\nfile = 'a'\nformat = 'atomic'\n[knowledge]\nfile = 'k'\nitems = 'linked'\n", "needs `link`"),
    ] {
        let error = load("x", &toml::from_str(text).unwrap(), nowhere).unwrap_err();
        assert!(matches!(error, DataError::Source { .. }) && error.to_string().contains(expected), "{error}");
    }
    let unknown = toml::from_str::<Source>("[interactions]\nfile = 'a'\nfiel = 'b'\n").unwrap_err().to_string();
    assert!(unknown.contains("unknown field `fiel`"), "{unknown}");
    assert!(toml::from_str::<Source>("[interactions]\ndelimiter = ''\n").is_err());
}
