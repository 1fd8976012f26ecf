//! However a file is cut into pieces, it reads as if one reader had gone through it line by line.

use proptest::prelude::*;

use super::*;
use crate::Reason;

const WHOLE: usize = 1 << 20;

fn source(interactions: &str) -> Source {
    toml::from_str(&format!("[interactions]\n{interactions}\n")).unwrap()
}

fn adjacency() -> Source {
    source("format = 'adjacency'\ntrain = 'a'\ntest = 'b'")
}

fn table() -> Source {
    source("file = 'a'\ndelimiter = 'comma'\ncolumns = { user = 0, item = 1, rating = 2 }\nnot_rated = 0")
}

/// Writes the files `a` and `b` and reads them in pieces of every one of some sizes; the outcome must be one.
fn read(source: &Source, [a, b]: [&[u8]; 2], sizes: impl IntoIterator<Item = usize>) -> Result<Dataset, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), a).unwrap();
    std::fs::write(folder.path().join("b"), b).unwrap();
    let load = |size| {
        let read = load_in_pieces("test", source, folder.path(), size);
        read.map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    };
    let whole = load(WHOLE);
    for size in sizes {
        assert_eq!(load(size), whole, "pieces of {size} bytes");
    }
    whole
}

/// What a plain loop makes of two adjacency lists: `(user, item)` by name, users, items, blank and empty lines.
type Plain = (Vec<(String, String)>, Vec<String>, Vec<String>, [u64; 2]);

fn plain(texts: [&str; 2]) -> Plain {
    let (mut pairs, mut users, mut items, mut dropped) = (vec![], vec![], vec![], [0, 0]);
    let note = |names: &mut Vec<String>, name: &str| {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    };
    for line in texts.iter().flat_map(|text| text.lines()) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let Some((user, of_user)) = fields.split_first() else {
            dropped[0] += 1;
            continue;
        };
        note(&mut users, user);
        dropped[1] += u64::from(of_user.is_empty());
        for item in of_user {
            note(&mut items, item);
            pairs.push(((*user).to_owned(), (*item).to_owned()));
        }
    }
    (pairs, users, items, dropped)
}

fn names(dataset: &Dataset) -> Vec<(String, String)> {
    let rows = dataset.log.users.iter().zip(&dataset.log.items);
    rows.map(|(&user, &item)| (dataset.user_name(user).to_owned(), dataset.item_name(item).to_owned())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn adjacency_lists_read_as_by_a_plain_loop(
        lines in prop::collection::vec(prop::collection::vec("[a-c]{1,2}|[0-9]{1,12}", 0..6), 1..40),
        (end, finished, cut) in (prop::sample::select(vec!["\n", "\r\n", " \r\n"]), any::<bool>(), 0usize..40),
        size in 1usize..60,
    ) {
        let text = |lines: &[Vec<String>]| {
            let text: String = lines.iter().map(|line| line.join(" ") + end).collect();
            format!("{}x y{}", text, if finished { end } else { "" })
        };
        let (first, second) = lines.split_at(cut.min(lines.len()));
        let (a, b) = (text(first), text(second));
        let dataset = read(&adjacency(), [a.as_bytes(), b.as_bytes()], [1, size]).unwrap();
        let (pairs, users, items, dropped) = plain([&a, &b]);
        prop_assert_eq!(names(&dataset), pairs);
        prop_assert_eq!(dataset.users.names().collect::<Vec<_>>(), users);
        prop_assert_eq!(dataset.items.names().collect::<Vec<_>>(), items);
        let count = |reason| dataset.report.steps.iter().map(|step| step.num_dropped(reason)).sum::<u64>();
        prop_assert_eq!([Reason::BlankLine, Reason::NoItems].map(count), dropped);
    }

    #[test]
    fn tables_with_anything_in_them(
        rows in prop::collection::vec(prop::sample::select(vec![
            "a,x,1", "b,x,5", "a,y,0", "a long name,another long name,2.5", "b,another long name,3", "", "c,z,0",
            "a,x,bad", ",x,1", "a,x",
        ]), 1..50),
        (end, finished) in (prop::sample::select(vec!["\n", "\r\n"]), any::<bool>()),
        size in 1usize..80,
    ) {
        let mut text = ["first,row,1"].iter().chain(&rows).copied().collect::<Vec<_>>().join(end);
        if finished {
            text.push_str(end);
        }
        let found = read(&table(), [text.as_bytes(), b""], [1, size]);
        // The first wrong row is the one that is named.
        let first = rows.iter().position(|row| matches!(*row, "a,x,bad" | ",x,1" | "a,x"));
        match (first, found) {
            (Some(row), Err(error)) => prop_assert!(error.starts_with(&format!("a, line {}", row + 2)), "{error}"),
            (None, Ok(dataset)) => prop_assert_eq!(dataset.log.len() as u64, dataset.report.steps[0].kept),
            (first, found) => prop_assert!(false, "row {first:?} and {:?}", found.err()),
        }
    }
}

#[test]
fn a_wrong_row_late_in_a_long_file_has_its_number() {
    for end in ["\n", "\r\n"] {
        let mut text: String =
            (0..60_000).map(|row| format!("{},{},{}{end}", row % 977, row % 1_013, row % 6)).collect();
        let good = read(&table(), [text.as_bytes(), b""], [100, 4_096, PIECE_BYTES]).unwrap();
        assert_eq!((good.num_users(), good.num_items(), good.log.len()), (977, 1_013, 50_000));
        assert_eq!(good.report.steps[0].dropped[&Reason::NotRated].first.line, 1);
        text.push_str(&format!("9,9,nine{end}8,8{end}"));
        let error = read(&table(), [text.as_bytes(), b""], [100, 4_096, PIECE_BYTES]).unwrap_err();
        assert_eq!(error, "a, line 60001, column 3 (rating): found `nine`, expected a finite number");
    }
    let text: String = (0..60_000).map(|row| format!("{row} {} {}\n", row % 7, row % 5_003)).collect();
    let bytes = [text.as_bytes(), b"1 2\n5 \xff\n6 \xfe"].concat();
    let error = read(&adjacency(), [&bytes, b"1 2"], [100, 4_096, PIECE_BYTES]).unwrap_err();
    assert!(error.starts_with("a, line 60002, column 2: byte 1 of the field is not UTF-8"), "{error}");
}

#[test]
fn a_line_longer_than_a_block_stays_whole() {
    let items: String = (0..50_000).map(|item| format!(" {item}")).collect();
    let text = format!("u{items}\n\nv{items}");
    let dataset = read(&adjacency(), [text.as_bytes(), b"w 7\r\n"], [1, 1_000, PIECE_BYTES]).unwrap();
    assert_eq!((dataset.num_users(), dataset.num_items(), dataset.log.len()), (3, 50_000, 100_001));
}

#[test]
fn threads_change_nothing() {
    let text: String =
        (0..30_000u32).map(|row| format!("{},{},1\n", row.wrapping_mul(7_919) % 5_003, row % 601)).collect();
    let read = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| read(&table(), [text.as_bytes(), b""], [1_000])).unwrap()
    };
    let alone = read(1);
    assert!([2, 5].into_iter().all(|threads| read(threads) == alone));
    assert_eq!(alone.digest, hex(&Sha256::digest(format!("{}  a\n", hex(&Sha256::digest(&text))))));
}

#[test]
fn nowhere_is_an_error() {
    let error = load_in_pieces("test", &table(), Path::new("nowhere"), 1).unwrap_err();
    assert!(matches!(error, DataError::Io { .. }), "{error}");
}
