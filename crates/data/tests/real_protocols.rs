//! The protocols of rating, click-through and cold items on real data, against counts made with awk.
//!
//! The data may not be committed: the folder comes from `GNNREC_DATA`, and without it nothing is tested.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a failed unwrap is a failed test; skips are printed")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use gnnrec_data::{Column, DataError, Dataset, FeatureTable, Filter, Manifest, Parts, Reason, Scope, Split, load};
use gnnrec_graph::{Feature, LabelledPairs, UserId};

/// The folder of the real datasets, or `None` with a line that says so.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("GNNREC_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: set GNNREC_DATA to the folder of the real datasets");
    }
    folder
}

/// A dataset as its manifest reads it.
fn read(name: &str) -> Option<Dataset> {
    let source = Manifest::find(name).unwrap().source;
    Some(load(name, &source, &folder()?).unwrap())
}

/// How often each rating of a scale was given.
fn distribution<const N: usize>(dataset: &Dataset, scale: [f32; N]) -> [usize; N] {
    let ratings = dataset.log.ratings.as_ref().unwrap();
    let counts = scale.map(|value| ratings.iter().filter(|rating| rating.to_bits() == value.to_bits()).count());
    assert_eq!(counts.iter().sum::<usize>(), ratings.len(), "a rating outside the scale");
    counts
}

const STARS: [f32; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];

/// Training, validation and test rows; no pair may be in two parts, and every held-out row has its rating.
fn rows(parts: &Parts, range: [f32; 2]) -> [usize; 3] {
    let train = parts.world.interactions().by_user();
    let mut held = BTreeSet::new();
    for holdout in parts.validation.iter().chain([&parts.test]) {
        for user in (0..).take(holdout.num_users()).map(UserId) {
            let ratings = holdout.ratings(user).unwrap();
            assert!(ratings.iter().all(|rating| (range[0]..=range[1]).contains(rating)));
            for item in holdout.relevant(user) {
                assert!(held.insert((user, *item)), "a pair is in two parts");
                assert!(!train.contains(user.index(), item.0), "a held-out pair is in training");
            }
        }
    }
    assert!(train.weights().is_some());
    let count = |holdout: Option<&gnnrec_graph::Holdout>| holdout.map_or(0, gnnrec_graph::Holdout::num_interactions);
    [train.num_edges(), count(parts.validation.as_ref()), count(Some(&parts.test))]
}

fn noted(parts: &Parts, what: &str) -> u64 {
    let step = parts.report.step("split").unwrap();
    step.noted.iter().find(|noted| noted.what == what).map_or(0, |noted| noted.count)
}

const EIGHT_ONE_ONE: Split = Split::Ratio { scope: Scope::Global, validation: 0.1, test: 0.1 };

/// The rating is the fourth column; the third is the category of the item.
#[test]
fn ciao_and_epinions_read_the_rating_and_not_the_category() {
    for (name, rows_read, unique, parts_of) in [
        // awk '$4!=0{c[$4]++}' and, of the last row of each pair, awk '$4!=0{r[$1" "$2]=$4}'.
        (
            "ciao",
            [11_049, 14_317, 31_294, 88_499, 138_893],
            [10_986, 14_254, 31_141, 88_073, 138_165],
            [226_095, 28_262],
        ),
        (
            "epinions",
            [52_967, 68_807, 119_763, 290_952, 389_778],
            [52_334, 68_101, 118_698, 288_281, 385_027],
            [729_953, 91_244],
        ),
    ] {
        let Some(dataset) = read(name) else { return };
        assert_eq!(distribution(&dataset, STARS), rows_read, "{name}");
        assert_eq!(dataset.rating_range, Some([1.0, 5.0]));
        let filtered = dataset.filtered(&Filter::default()).unwrap();
        assert_eq!(distribution(&filtered, STARS), unique, "{name}");
        let parts = filtered.split(&EIGHT_ONE_ONE, 1).unwrap();
        println!("{name}\n{}", parts.report);
        assert_eq!(rows(&parts, [1.0, 5.0]), [parts_of[0], parts_of[1], parts_of[1]], "{name}");
        let mut source = Manifest::find(name).unwrap().source;
        source.interactions.columns.as_mut().unwrap().rating = Some(Column::Number(2));
        // Read as the rating, a category is soon refused.
        let error = load(name, &source, &folder().unwrap()).unwrap_err();
        assert!(matches!(&error, DataError::Value { expected, .. } if expected == "a number from 1 to 5"), "{error}");
    }
}

/// Two numbers are found for the pairs of Ciao. All 7,375 users have 282,650, or 282,619 without the 34 rows rated 0;
/// the 281,898 of others are those of the users who trust or are trusted by somebody, with the zeros.
#[test]
fn ciao_has_so_many_pairs() {
    let Some(dataset) = read("ciao") else { return };
    assert_eq!(dataset.report.steps[0].num_dropped(Reason::NotRated), 34);
    let mut source = Manifest::find("ciao").unwrap().source;
    source.interactions.not_rated = None;
    source.interactions.rating_range = Some([0.0, 5.0]);
    let with_zeros = load("ciao", &source, &folder().unwrap()).unwrap();
    let in_trust = |dataset: &Dataset| {
        let pairs = &dataset.ties.as_ref().unwrap().pairs;
        pairs.iter().flat_map(|&(truster, trustee)| [truster, trustee]).collect::<BTreeSet<_>>()
    };
    let unique = |dataset: Dataset| {
        let filtered = dataset.filtered(&Filter::default()).unwrap();
        let trusted = in_trust(&filtered);
        (filtered.log.len(), filtered.log.users.iter().filter(|user| trusted.contains(user)).count())
    };
    assert_eq!(unique(dataset), (282_619, 281_867));
    assert_eq!(unique(with_zeros), (282_650, 281_898));
}

#[test]
fn filmtrust_and_ml_100k_have_their_scales() {
    let Some(dataset) = read("filmtrust") else { return };
    let halves = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0];
    assert_eq!(distribution(&dataset, halves), [1_060, 1_141, 1_601, 3_113, 4_392, 7_877, 7_142, 9_171]);
    assert_eq!(dataset.rating_range, Some([0.5, 4.0]));
    let parts = dataset.split(&EIGHT_ONE_ONE, 1).unwrap();
    assert_eq!(rows(&parts, [0.5, 4.0]), [28_396, 3_549, 3_549]);
    let dataset = read("ml-100k").unwrap();
    assert_eq!(distribution(&dataset, STARS), [6_110, 11_370, 27_145, 34_174, 21_201]);
    let u1 = read("ml-100k-u1").unwrap();
    assert_eq!(distribution(&u1, STARS), [6_110, 11_370, 27_145, 34_174, 21_201]);
    assert_eq!(rows(&u1.split(&Split::Given { validation: 0.0 }, 0).unwrap(), [1.0, 5.0]), [80_000, 0, 20_000]);
}

/// Items that come up in the latest tenth alone, as
/// `sort -t$'\t' -s -k4,4n u.data | awk 'NR<=80000{t[$2]} NR>90000&&!($2 in t){n++; s[$2]}'` counts them.
#[test]
fn a_split_of_all_of_ml_100k_by_time_has_cold_items() {
    let Some(dataset) = read("ml-100k") else { return };
    let parts = dataset.split(&Split::Temporal { scope: Scope::Global, validation: 0.1, test: 0.1 }, 0).unwrap();
    println!("{}", parts.report);
    assert_eq!(rows(&parts, [1.0, 5.0]), [80_000, 10_000, 10_000]);
    assert_eq!(noted(&parts, "test items without training rows"), 48);
    assert_eq!(noted(&parts, "test rows of items without training rows"), 149);
    assert_eq!(noted(&parts, "users without training rows"), 943 - 751);
    // What is known of a cold item is in the world all the same.
    let interactions = parts.world.interactions();
    let cold = (0..1_682u32).filter(|&item| interactions.by_item().degree(item as usize) == 0);
    let features = parts.world.item_features().unwrap();
    let Some(Feature::MultiValued(genres)) = features.column("genres") else { panic!("genres are multi-valued") };
    assert!(cold.map(|item| genres.degree(item as usize)).all(|count| count > 0));
}

fn labels(pairs: &LabelledPairs) -> [usize; 2] {
    [true, false].map(|label| pairs.iter().filter(|pair| pair.2 == label).count())
}

const SIX_TWO_TWO: Split = Split::Ratio { scope: Scope::Global, validation: 0.2, test: 0.2 };

#[test]
fn click_through_parts_of_lastfm() {
    let Some(dataset) = read("lastfm-kgcn") else { return };
    let step = dataset.report.step("negatives").unwrap();
    assert_eq!((step.read, step.kept), (21_173, 21_173));
    let labelled = dataset.labelled(&dataset.split(&SIX_TWO_TWO, 1).unwrap()).unwrap();
    println!("{}", labelled.report);
    // Every user has as many given negatives as interactions, so that every part has them too.
    assert_eq!(labels(&labelled.train), [12_703, 12_703]);
    assert_eq!(labels(labelled.validation.as_ref().unwrap()), [4_235, 4_235]);
    assert_eq!(labels(&labelled.test), [4_235, 4_235]);
    // The same interactions without negatives of their own.
    let sampled = Dataset { negatives: None, ..dataset };
    let parts = sampled.split(&SIX_TWO_TWO, 1).unwrap();
    let sampled = sampled.labelled(&parts).unwrap();
    assert_eq!((labels(&sampled.train), labels(&sampled.test)), ([12_703, 12_703], [4_235, 4_235]));
    let positives = |pairs: &LabelledPairs| pairs.iter().filter(|pair| pair.2).collect::<Vec<_>>();
    assert_eq!(positives(&sampled.test), positives(&labelled.test));
    let train = parts.world.interactions().by_user();
    let mut negatives = BTreeSet::new();
    for (user, item, label) in
        sampled.train.iter().chain(sampled.validation.as_ref().unwrap().iter()).chain(sampled.test.iter())
    {
        assert!(label || !train.contains(user.index(), item.0));
        assert!(label || negatives.insert((user, item)), "a negative is in two parts");
    }
    // Published parts of the same interactions.
    let given = read("lastfm-lightkg").unwrap();
    let labelled = given.labelled(&given.split(&Split::Given { validation: 0.0 }, 1).unwrap()).unwrap();
    assert_eq!((labels(&labelled.train), labels(&labelled.test)), ([17_350, 17_350], [1_916, 1_916]));
}

fn column<'a>(table: Option<&'a FeatureTable>, name: &str) -> &'a Feature {
    table.unwrap().features.column(name).unwrap()
}

fn sum_and_missing(feature: &Feature) -> (f32, usize) {
    let Feature::Numeric { values } = feature else { panic!("{feature:?}") };
    (values.iter().flatten().sum(), values.iter().filter(|value| value.is_none()).count())
}

/// How many nodes have each value, sorted.
fn counts(feature: &Feature) -> Vec<usize> {
    let mut counts = vec![0; feature.width()];
    match feature {
        Feature::Categorical { values, .. } => values.iter().flatten().for_each(|&value| counts[value as usize] += 1),
        Feature::MultiValued(values) => values.indices().iter().for_each(|&value| counts[value as usize] += 1),
        _ => panic!("{feature:?}"),
    }
    counts.sort_unstable();
    counts
}

#[test]
fn features_of_ml_100k_are_the_same_in_both_files() {
    // Sums of the columns; how many items each genre has.
    let genres = [2, 22, 24, 27, 42, 50, 56, 61, 71, 92, 101, 109, 122, 135, 247, 251, 251, 505, 725];
    // The knowledge files take the year from the title, GroupLens gives the date of release.
    let (released, titled) = ((3_344_158.0, 1), (3_341_634.0, 2));
    for (name, years) in [("ml-100k", released), ("ml-100k-u1", released), ("ml-100k-kg", titled)] {
        let Some(dataset) = read(name) else { return };
        let (items, users) = (dataset.item_features.as_ref(), dataset.user_features.as_ref());
        assert_eq!(sum_and_missing(column(items, "year")), years, "{name}");
        assert_eq!(counts(column(items, "genres")), genres, "{name}");
        assert_eq!(sum_and_missing(column(users, "age")), (32_111.0, 0), "{name}");
        assert_eq!(counts(column(users, "gender")), [273, 670], "{name}");
        assert_eq!(counts(column(users, "occupation")).len(), 21, "{name}");
        let toy_story = dataset.item("1").unwrap();
        let Feature::Numeric { values } = column(items, "year") else { panic!("a year is a number") };
        assert_eq!(values[toy_story.index()], Some(1995.0));
        assert_eq!(dataset.item("267").map(|unknown| values[unknown.index()]), Some(None));
        println!("{name}\n{}", dataset.report);
    }
}

#[test]
fn features_of_ml_1m() {
    let Some(dataset) = read("ml-1m") else { return };
    let (items, users) = (dataset.item_features.as_ref(), dataset.user_features.as_ref());
    let genres = counts(column(items, "genres"));
    assert_eq!((genres.len(), genres.iter().sum::<usize>()), (18, 6_192));
    assert_eq!(sum_and_missing(column(items, "year")), (7_360_484.0, 0));
    assert_eq!(counts(column(users, "gender")), [1_709, 4_331]);
    assert_eq!(counts(column(users, "age")), [222, 380, 496, 550, 1_103, 1_193, 2_096]);
    assert_eq!(counts(column(users, "occupation")).len(), 21);
}
