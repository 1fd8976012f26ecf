//! Click-through parts: what is a negative, how many there are, and that they belong to the split.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;

use gnnrec_data::{DataError, Dataset, Filter, LabelledParts, Log, Part, Reason, Scope, Source, Split, load};
use gnnrec_graph::{ItemId, LabelledPairs, UserId};
use proptest::prelude::*;

const SPLIT: Split = Split::Ratio { scope: Scope::Global, validation: 0.2, test: 0.2 };

type Pairs = BTreeSet<(u32, u32)>;

/// A dataset of pairs, in a catalogue that may be larger than they are.
fn dataset(rows: &[(u32, u32)], num_users: u32, num_items: u32) -> Dataset {
    let names = |letter: char, count| (0..count).map(|id| format!("{letter}{id}")).collect::<Vec<_>>();
    let log = Log {
        users: rows.iter().map(|row| UserId(row.0)).collect(),
        items: rows.iter().map(|row| ItemId(row.1)).collect(),
        ..Log::default()
    };
    let (users, items) = (names('u', num_users), names('i', num_items));
    Dataset {
        users: users.iter().map(String::as_str).collect(),
        items: items.iter().map(String::as_str).collect(),
        log,
        ..Dataset::default()
    }
}

fn of(pairs: &LabelledPairs, label: bool) -> Pairs {
    pairs.iter().filter(|pair| pair.2 == label).map(|(user, item, _)| (user.0, item.0)).collect()
}

/// Positives and negatives of training, validation and test.
fn three(labelled: &LabelledParts) -> [(Pairs, Pairs); 3] {
    [&labelled.train, labelled.validation.as_ref().unwrap(), &labelled.test]
        .map(|pairs| (of(pairs, true), of(pairs, false)))
}

fn noted(labelled: &LabelledParts, what: &str) -> u64 {
    let step = labelled.report.step("labels").unwrap();
    step.noted.iter().find(|noted| noted.what == what).map_or(0, |noted| noted.count)
}

proptest! {
    #[test]
    fn one_unseen_item_for_each_interaction(
        rows in prop::collection::btree_set((0u32..6, 0u32..9), 8..50),
        num_items in 9u32..30,
        seed: u64,
    ) {
        let rows: Vec<_> = rows.into_iter().collect();
        let dataset = dataset(&rows, 6, num_items);
        let parts = dataset.split(&SPLIT, seed).unwrap();
        let labelled = match dataset.labelled(&parts) {
            Err(DataError::NothingLeft { .. }) => return Ok(()),
            found => found.unwrap(),
        };
        let found = three(&labelled);
        let positives: Pairs = found.iter().flat_map(|part| &part.0).copied().collect();
        prop_assert_eq!(&positives, &rows.iter().copied().collect::<Pairs>());
        prop_assert_eq!(&found[0].0, &parts.world.interactions().by_user().edges().collect::<Pairs>());
        let tested: Pairs = (0..6).flat_map(|user| parts.test.relevant(UserId(user)).iter().map(move |item| (user, item.0))).collect();
        prop_assert_eq!(&found[2].0, &tested);
        let negatives: Vec<(u32, u32)> = found.iter().flat_map(|part| &part.1).copied().collect();
        prop_assert_eq!(negatives.iter().collect::<BTreeSet<_>>().len(), negatives.len(), "a negative in two parts");
        prop_assert!(negatives.iter().all(|pair| !positives.contains(pair) && pair.1 < num_items));
        let mut missing = 0;
        for user in 0..6 {
            let count = |pairs: &Pairs| pairs.iter().filter(|pair| pair.0 == user).count();
            let mut unseen = num_items as usize - count(&positives);
            // Test first, then validation, then training.
            for (positives, negatives) in found.iter().rev() {
                let expected = count(positives).min(unseen);
                prop_assert_eq!(count(negatives), expected);
                unseen -= expected;
                missing += count(positives) - expected;
            }
        }
        prop_assert_eq!(noted(&labelled, "interactions without a negative of their own"), missing as u64);
        prop_assert_eq!(&dataset.labelled(&dataset.split(&SPLIT, seed).unwrap()).unwrap(), &labelled);
    }
}

#[test]
fn what_is_unseen_in_every_part_by_hand() {
    // Each of two users has four of eight items, so that every other item is a negative.
    let rows = [(0, 0), (0, 2), (0, 4), (0, 6), (1, 1), (1, 2), (1, 5), (1, 7)];
    let dataset = dataset(&rows, 2, 8);
    let labelled = dataset.labelled(&dataset.split(&SPLIT, 3).unwrap()).unwrap();
    let negatives: Pairs = three(&labelled).iter().flat_map(|part| &part.1).copied().collect();
    let expected = [(0, 1), (0, 3), (0, 5), (0, 7), (1, 0), (1, 3), (1, 4), (1, 6)];
    assert_eq!(negatives, expected.into());
    let step = labelled.report.step("labels").unwrap();
    assert_eq!((step.read, step.kept), (16, 16));
    let counts = ["training", "validation", "test"].map(|part| noted(&labelled, &format!("sampled {part} negatives")));
    assert_eq!(counts, [4, 2, 2]);
    assert_eq!(labelled.report.steps.len(), 2, "the split's step comes before");
}

#[test]
fn negatives_are_uniform_and_belong_to_seed_and_user() {
    let rows: Vec<(u32, u32)> = (0..40).flat_map(|user| (0..5).map(move |item| (user, item))).collect();
    let dataset = dataset(&rows, 40, 25);
    let labelled = |seed| dataset.labelled(&dataset.split(&SPLIT, seed).unwrap()).unwrap();
    assert_ne!(three(&labelled(1))[0].1, three(&labelled(2))[0].1);
    let mut counts = [0u32; 25];
    for seed in 0..100 {
        let parts = three(&labelled(seed));
        parts.iter().flat_map(|part| &part.1).for_each(|pair| counts[pair.1 as usize] += 1);
    }
    // 40 users draw 5 of 20 items 100 times: 1,000 of each, with a deviation of 27.
    assert_eq!(counts[..5], [0; 5]);
    assert!(counts[5..].iter().all(|count| (860..1_140).contains(count)), "{counts:?}");
    // Users do not share a stream.
    let all: Pairs = three(&labelled(1)).into_iter().flat_map(|part| part.1).collect();
    let of_user = |user| all.iter().filter(|pair| pair.0 == user).map(|pair| pair.1).collect::<Vec<_>>();
    assert_ne!(of_user(0), of_user(1));
}

#[test]
fn nothing_to_tell_apart_is_an_error() {
    let rows: Vec<(u32, u32)> = (0..5).map(|item| (0, item)).collect();
    let full = dataset(&rows, 1, 5);
    let error = full.labelled(&full.split(&SPLIT, 0).unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("labelling leaves no negative in the validation part; the users there"), "{error}");
    // With one unseen item the test part gets it.
    let short = dataset(&rows, 1, 6);
    let split = Split::Ratio { scope: Scope::Global, validation: 0.0, test: 0.4 };
    let labelled = short.labelled(&short.split(&split, 0).unwrap()).unwrap();
    assert_eq!((labelled.validation.as_ref(), of(&labelled.test, false)), (None, [(0, 5)].into()));
    assert_eq!(noted(&labelled, "interactions without a negative of their own"), 4);
}

#[test]
#[should_panic(expected = "the parts are of another dataset")]
fn parts_of_another_dataset_are_refused() {
    let rows: Vec<(u32, u32)> = (0..5).map(|item| (0, item)).collect();
    let parts = dataset(&rows, 1, 9).split(&SPLIT, 0).unwrap();
    let _ = dataset(&rows, 1, 8).labelled(&parts);
}

fn read(files: &[(&str, &str)]) -> Result<Dataset, DataError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let which: String = match files {
        [_] => "file = 'train'".to_owned(),
        _ => files.iter().map(|(name, _)| format!("{name} = '{name}'\n")).collect(),
    };
    let columns = "delimiter = 'whitespace'\ncolumns = { user = 0, item = 1, label = 2 }";
    let source: Source = toml::from_str(&format!("[interactions]\n{which}\n{columns}\n")).unwrap();
    load("test", &source, folder.path())
}

#[test]
fn given_negatives_are_read_and_shared_out() {
    let text = "a x 1\na n 0\na y 1\na n 0\na z 1\nb x 0\na x 0\nc x 0\na q 0\na z 1\nb n 1\nb y 1\na w 0\nb w 1\nb q 1\nb z 0\n";
    let dataset = read(&[("train", text)]).unwrap();
    // Users and items are numbered by interactions alone: a, b and x, y, z, n, w, q.
    assert_eq!(dataset.users.names().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(dataset.items.names().collect::<Vec<_>>(), ["x", "y", "z", "n", "w", "q"]);
    let step = dataset.report.step("negatives").unwrap();
    assert_eq!((step.read, step.kept), (8, 5));
    let reasons = [Reason::Repeated, Reason::AlsoPositive, Reason::UnknownUser];
    assert_eq!(reasons.map(|reason| step.num_dropped(reason)), [1, 1, 1]);
    assert_eq!(step.dropped[&Reason::Repeated].first.line, 2);
    assert_eq!(dataset.report.step("train").unwrap().num_dropped(Reason::Negative), 8);
    let negatives = dataset.negatives.as_ref().unwrap();
    assert_eq!((negatives.users.len(), &negatives.parts, &negatives.ratings), (5, &None, &None));
    let given: Pairs = negatives.users.iter().zip(&negatives.items).map(|(user, item)| (user.0, item.0)).collect();
    assert_eq!(given, [(0, 3), (0, 4), (0, 5), (1, 0), (1, 2)].into());
    // b has two negatives for four interactions. None is sampled.
    for seed in 0..10 {
        let labelled = dataset
            .labelled(&dataset.split(&Split::Ratio { scope: Scope::User, validation: 0.3, test: 0.3 }, seed).unwrap())
            .unwrap();
        let found = three(&labelled);
        assert_eq!(found.iter().flat_map(|part| &part.1).copied().collect::<Pairs>(), given);
        assert_eq!(found.each_ref().map(|part| (part.0.len(), part.1.len())), [(3, 1), (2, 2), (2, 2)]);
        assert_eq!(noted(&labelled, "given test negatives"), 2);
        assert_eq!(noted(&labelled, "interactions without a negative of their own"), 2);
    }
}

#[test]
fn whoever_leaves_takes_the_negatives_along() {
    // a has one interaction; without her nobody has x.
    let dataset = read(&[("train", "a x 1\nb y 1\nb z 1\nc w 1\nc y 1\nb w 0\na y 0\nc x 0\nc z 0\n")]).unwrap();
    let filtered = dataset.filtered(&Filter { user_core: 2, ..Filter::default() }).unwrap();
    let negatives = filtered.negatives.as_ref().unwrap();
    let rows = negatives.users.iter().zip(&negatives.items);
    let names: Vec<_> = rows.map(|(&user, &item)| (filtered.user_name(user), filtered.item_name(item))).collect();
    assert_eq!(names, [("b", "w"), ("c", "z")]);
    let step = filtered.report.step("filter").unwrap();
    let noted = step.noted.iter().find(|noted| noted.what == "negatives of users or items who left");
    assert_eq!(noted.map(|noted| noted.count), Some(2));
}

#[test]
fn negatives_of_published_parts_stay_there() {
    let train = "a x 1\na y 1\na z 1\na n 0\na m 0\na q 0\nb n 1\nb m 1\nb q 1\nb x 0\nb z 0\n";
    let test = "a w 1\na v 0\na n 0\nb v 1\nb w 0\nb y 0\n";
    let dataset = read(&[("train", train), ("test", test)]).unwrap();
    let parts = dataset.negatives.as_ref().unwrap().parts.as_ref().unwrap();
    assert_eq!(parts.iter().filter(|&&part| part == Part::Test).count(), 4);
    let labelled = dataset.labelled(&dataset.split(&Split::Given { validation: 0.0 }, 0).unwrap()).unwrap();
    let names = |pairs: &Pairs| {
        let name = |&(user, item): &(u32, u32)| format!("{} {}", dataset.users.name(user), dataset.items.name(item));
        pairs.iter().map(name).collect::<BTreeSet<_>>()
    };
    let expected = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(names(&of(&labelled.train, false)), expected(&["a n", "a m", "a q", "b x", "b z"]));
    // All of them, though there are two for each positive.
    assert_eq!(names(&of(&labelled.test, false)), expected(&["a v", "a n", "b w", "b y"]));
    // A validation part carved out of training takes its negatives from there.
    let labelled = dataset.labelled(&dataset.split(&Split::Given { validation: 0.34 }, 0).unwrap()).unwrap();
    assert_eq!(three(&labelled).each_ref().map(|part| (part.0.len(), part.1.len())), [(4, 3), (2, 2), (2, 4)]);
    // One that has a file of its own takes them from there.
    let files = [("train", train), ("validation", "a v 1\nb w 1\na w 0\n"), ("test", "a p 1\nb x 1\na q 0\nb p 0\n")];
    let three_files = read(&files).unwrap();
    let found = three_files.labelled(&three_files.split(&Split::Given { validation: 0.0 }, 0).unwrap()).unwrap();
    // That b has no x is said of training, while the test lists it: it is no negative.
    assert_eq!(three(&found).each_ref().map(|part| (part.0.len(), part.1.len())), [(6, 4), (2, 1), (2, 2)]);
    // Another split does not look at the files' parts; a pair that both list is one.
    let labelled = dataset.labelled(&dataset.split(&SPLIT, 0).unwrap()).unwrap();
    assert_eq!(three(&labelled).iter().map(|part| part.1.len()).sum::<usize>(), 8);
}

#[test]
fn labels_other_than_0_and_1_are_placed() {
    let error = read(&[("train", "a x 1\na y 0\na z -1\n")]).unwrap_err().to_string();
    assert!(error.ends_with("train, line 3, column 3 (label): found `-1`, expected 0 or 1"), "{error}");
    let error = read(&[("train", "a x 1\n  0\n")]).unwrap_err().to_string();
    assert!(error.contains("line 2: 1 fields, expected 3"), "{error}");
    // Rows labelled 0 alone are no dataset.
    assert!(matches!(read(&[("train", "a x 0\n")]), Err(DataError::Empty { dropped: 1, .. })));
}
