//! The rating protocol by hand: which ratings count, which row of a pair stays, and where ratings end up.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;

use gnnrec_data::{DataError, Dataset, Filter, KeepDuplicate, Reason, Scope, Source, Split, load};
use gnnrec_graph::UserId;

fn read(more: &str, text: &str) -> Result<Dataset, DataError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log"), text).unwrap();
    let columns = "columns = { user = 0, item = 1, rating = 3 }";
    let source: Source =
        toml::from_str(&format!("[interactions]\nfile = 'log'\ndelimiter = 'whitespace'\n{columns}\n{more}")).unwrap();
    load("test", &source, folder.path())
}

const RANGE: &str = "rating_range = [1, 5]\n";
const DROP: &str = "rating_range = [1, 5]\nnot_rated = 0\ninvalid_ratings = 'drop'\n";

/// User, item, category, rating: two fine, then a category for a rating, no number, too much, too little, not rated.
const LOG: &str = "a x 9 5\nb x 9 1\na y 7 17\nb y 7 four\nb z 7 5.01\na z 7 0.99\nc x 9 0\nc y 7 NaN\nc z 7 2.5\n";

#[test]
fn invalid_ratings_are_dropped_and_counted_by_reason() {
    let dataset = read(DROP, LOG).unwrap();
    assert_eq!(dataset.log.ratings, Some(vec![5.0, 1.0, 2.5]));
    let step = dataset.report.step("log").unwrap();
    assert_eq!((step.read, step.kept), (9, 3));
    assert_eq!([Reason::InvalidRating, Reason::NotRated].map(|reason| step.num_dropped(reason)), [5, 1]);
    assert_eq!(step.dropped[&Reason::InvalidRating].first.line, 3);
    // Whoever has no valid rating is in no vocabulary.
    assert_eq!((dataset.num_users(), dataset.num_items(), dataset.item("y")), (3, 2, None));
    assert!(dataset.report.to_string().contains("5 with an invalid rating (first: 3)"), "{}", dataset.report);
}

#[test]
fn an_invalid_rating_is_an_error_unless_told_otherwise() {
    for (line, found) in [("a y 7 17", "17"), ("a y 7 0.99", "0.99"), ("a y 7 0", "0")] {
        let error = read(RANGE, &format!("a x 9 5\n{line}\n")).unwrap_err().to_string();
        let expected = format!("log, line 2, column 4 (rating): found `{found}`, expected a number from 1 to 5");
        assert!(error.ends_with(&expected), "{error}");
    }
    let error = read(RANGE, "a y 7 four\n").unwrap_err().to_string();
    assert!(error.ends_with("line 1, column 4 (rating): found `four`, expected a finite number"), "{error}");
    // Where nothing is left, dropping does not hide it.
    let error = read(DROP, "a y 7 17\n").unwrap_err().to_string();
    assert!(error.ends_with("no row to use, expected at least one (1 were left out)"), "{error}");
}

#[test]
fn the_range_goes_with_the_ratings() {
    assert_eq!(read(DROP, LOG).unwrap().rating_range, Some([1.0, 5.0]));
    assert_eq!(read("", "a x 9 5\n").unwrap().rating_range, None);
    let filter = Filter { min_rating: Some(2.0), ..Filter::default() };
    assert_eq!(read(DROP, LOG).unwrap().filtered(&filter).unwrap().rating_range, Some([1.0, 5.0]));
    for range in ["[5, 1]", "[1, 1]", "[1, nan]", "[1, inf]"] {
        let error = read(&format!("rating_range = {range}\n"), "a x 9 5\n").unwrap_err().to_string();
        assert_eq!(error, "[interactions]: `rating_range` must be two different finite numbers, the least first");
    }
}

#[test]
fn the_last_rating_of_a_pair_is_the_one_that_counts() {
    let log = "a x 9 1\nb x 9 4\na x 9 2\na y 9 5\na x 9 3\n";
    let ratings = |dataset: Dataset| dataset.log.ratings.unwrap();
    let filtered =
        |duplicates| ratings(read(RANGE, log).unwrap().filtered(&Filter { duplicates, ..Filter::default() }).unwrap());
    assert_eq!(ratings(read(RANGE, log).unwrap().filtered(&Filter::default()).unwrap()), [4.0, 5.0, 3.0]);
    assert_eq!(filtered(KeepDuplicate::First), [1.0, 4.0, 5.0]);
    // A split without a filter does the same.
    let parts = read(RANGE, log).unwrap().split(&Split::LeaveOneOut { validation: false, by: Default::default() }, 0);
    let parts = parts.unwrap();
    assert_eq!(parts.report.step("split").unwrap().num_dropped(Reason::Duplicate), 2);
    // Of user a's pairs, y at row 4 and x at row 5, the last is tested.
    assert_eq!(parts.test.ratings(UserId(0)), Some(&[3.0][..]));
    assert_eq!(parts.world.interactions().by_user().row_weights(0), Some(&[5.0][..]));
}

#[test]
fn no_pair_is_in_two_parts_however_often_it_was_rated() {
    // 6 users rate 8 items, each pair one to four times, with another rating each time.
    let mut log = String::new();
    for round in 0..4 {
        for user in 0..6 {
            for item in (0..8).filter(|item| (user + item) % 4 >= round) {
                log += &format!("u{user} i{item} 9 {}\n", 1 + (user * item + round) % 5);
            }
        }
    }
    let split = Split::Ratio { scope: Scope::Global, validation: 0.2, test: 0.2 };
    for seed in 0..40 {
        let parts = read(RANGE, &log).unwrap().split(&split, seed).unwrap();
        let held = |user: u32| {
            let validation = parts.validation.as_ref().unwrap().relevant(UserId(user)).iter();
            validation.chain(parts.test.relevant(UserId(user))).map(move |item| (user, item.0))
        };
        let all: Vec<(u32, u32)> = parts.world.interactions().by_user().edges().chain((0..6).flat_map(held)).collect();
        assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (48, 48));
        assert_eq!(parts.test.num_interactions(), 10);
    }
}
