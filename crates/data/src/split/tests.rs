//! Laws of the splits: parts are disjoint and whole, fractions hold, time does not run backwards.

use std::collections::BTreeSet;

use gnnrec_graph::{ItemId, UserId};
use proptest::prelude::*;

use super::*;

/// Rows of (user, item, time); names are the numbers themselves.
fn dataset(rows: &[(u32, u32, i64)]) -> Dataset {
    let mut users = crate::Vocabulary::new();
    let mut items = crate::Vocabulary::new();
    let mut log = Log { times: Some(Vec::new()), ..Log::default() };
    for &(user, item, time) in rows {
        log.users.push(UserId(users.intern(&format!("u{user}")).unwrap()));
        log.items.push(ItemId(items.intern(&format!("i{item}")).unwrap()));
        log.times.as_mut().unwrap().push(time);
    }
    Dataset { name: "test".to_owned(), users, items, log, ..Dataset::default() }
}

type Pairs = BTreeSet<(String, String)>;

fn pairs(dataset: &Dataset, matrix: impl Iterator<Item = (u32, u32)>) -> Pairs {
    let name = |(user, item)| (dataset.users.name(user).to_owned(), dataset.items.name(item).to_owned());
    matrix.map(name).collect()
}

fn held(dataset: &Dataset, holdout: Option<&Holdout>) -> Pairs {
    let Some(holdout) = holdout else { return Pairs::new() };
    let users = (0..).take(dataset.num_users()).map(UserId);
    pairs(dataset, users.flat_map(|user| holdout.relevant(user).iter().map(move |item| (user.0, item.0))))
}

/// Training, validation and test pairs by name.
fn three(dataset: &Dataset, split: &Split, seed: u64) -> Option<[Pairs; 3]> {
    let parts = match dataset.split(split, seed) {
        Ok(parts) => parts,
        Err(DataError::NothingLeft { .. }) => return None,
        Err(error) => panic!("{error}"),
    };
    let train = pairs(dataset, parts.world.interactions().by_user().edges());
    Some([train, held(dataset, parts.validation.as_ref()), held(dataset, Some(&parts.test))])
}

fn kinds() -> Vec<Split> {
    let mut kinds = Vec::new();
    for scope in [Scope::User, Scope::Global] {
        kinds.push(Split::Ratio { scope, validation: 0.1, test: 0.2 });
        kinds.push(Split::Temporal { scope, validation: 0.1, test: 0.2 });
    }
    for by in [By::Time, By::Order, By::Random] {
        kinds.extend([true, false].map(|validation| Split::LeaveOneOut { validation, by }));
    }
    kinds.extend([Split::ColdUsers { validation: 0.2, test: 0.3 }, Split::ColdItems { validation: 0.0, test: 0.3 }]);
    kinds
}

fn rows() -> impl Strategy<Value = Vec<(u32, u32, i64)>> {
    prop::collection::vec((0u32..8, 0u32..12, 0i64..6), 1..120)
}

proptest! {
    #[test]
    fn parts_are_disjoint_and_whole(rows in rows(), seed: u64) {
        let dataset = dataset(&rows);
        let all: Pairs = rows.iter().map(|&(user, item, _)| (format!("u{user}"), format!("i{item}"))).collect();
        for split in kinds() {
            let Some([train, validation, test]) = three(&dataset, &split, seed) else { continue };
            prop_assert_eq!(train.len() + validation.len() + test.len(), all.len(), "{:?}", &split);
            let union: Pairs = train.iter().chain(&validation).chain(&test).cloned().collect();
            prop_assert_eq!(&union, &all, "{:?}", &split);
            prop_assert_eq!(three(&dataset, &split, seed).unwrap(), [train, validation, test]);
        }
    }

    #[test]
    fn fractions_hold_for_every_user(rows in rows(), seed: u64) {
        let dataset = dataset(&rows);
        let count = |pairs: &Pairs, user: &str| pairs.iter().filter(|(name, _)| name == user).count();
        for split in kinds().into_iter().filter(|split| matches!(split, Split::Ratio { scope: Scope::User, .. } | Split::Temporal { scope: Scope::User, .. })) {
            let Some([train, validation, test]) = three(&dataset, &split, seed) else { continue };
            for user in dataset.users.names() {
                let found = [&train, &validation, &test].map(|pairs| count(pairs, user));
                let num: usize = found.iter().sum();
                // The nearest whole number to num / 5 and num / 10, halves upwards, one row left for training.
                let tested = ((2 * num + 5) / 10).min(num - 1);
                let validated = ((2 * num + 10) / 20).min(num - tested - 1);
                prop_assert_eq!(found, [num - tested - validated, validated, tested]);
            }
        }
    }

    #[test]
    fn time_does_not_run_backwards(rows in rows()) {
        let dataset = dataset(&rows);
        // The last row of each pair is the one that counts; ties in time are broken by its place.
        let moment = |(user, item): &(String, String)| {
            let same = |&(u, i, _): &(u32, u32, i64)| (format!("u{u}"), format!("i{i}")) == (user.clone(), item.clone());
            let row = rows.iter().rposition(same).unwrap();
            (rows[row].2, row)
        };
        for (split, per_user) in [
            (Split::Temporal { scope: Scope::Global, validation: 0.1, test: 0.2 }, false),
            (Split::Temporal { scope: Scope::User, validation: 0.1, test: 0.2 }, true),
            (Split::LeaveOneOut { validation: true, by: By::Time }, true),
        ] {
            let Some(parts) = three(&dataset, &split, 0) else { continue };
            for (earlier, later) in [(0, 1), (1, 2), (0, 2)] {
                for a in &parts[earlier] {
                    for b in parts[later].iter().filter(|b| !per_user || a.0 == b.0) {
                        prop_assert!(moment(a) < moment(b), "{:?}: {:?} before {:?}", split, a, b);
                    }
                }
            }
        }
    }

    #[test]
    fn the_cold_are_wholly_in_one_part(rows in rows(), seed: u64) {
        let dataset = dataset(&rows);
        let users = |pairs: &Pairs| pairs.iter().map(|(user, _)| user.clone()).collect::<BTreeSet<_>>();
        let items = |pairs: &Pairs| pairs.iter().map(|(_, item)| item.clone()).collect::<BTreeSet<_>>();
        if let Some(parts) = three(&dataset, &Split::ColdUsers { validation: 0.2, test: 0.3 }, seed) {
            let [train, validation, test] = parts.each_ref().map(users);
            prop_assert_eq!(train.len() + validation.len() + test.len(), dataset.num_users());
        }
        if let Some(parts) = three(&dataset, &Split::ColdItems { validation: 0.2, test: 0.3 }, seed) {
            let [train, validation, test] = parts.each_ref().map(items);
            prop_assert_eq!(train.len() + validation.len() + test.len(), dataset.num_items());
        }
    }

    #[test]
    fn the_order_of_users_does_not_matter(rows in rows(), seed: u64) {
        let mut sorted = rows.clone();
        sorted.sort_by_key(|&(user, _, _)| std::cmp::Reverse(user));
        let (one, other) = (dataset(&rows), dataset(&sorted));
        for split in [Split::default(), Split::LeaveOneOut { validation: true, by: By::Random }, Split::ColdUsers { validation: 0.2, test: 0.3 }] {
            prop_assert_eq!(three(&one, &split, seed), three(&other, &split, seed));
        }
    }
}

#[test]
fn seeds_differ_and_threads_do_not() {
    let rows: Vec<(u32, u32, i64)> = (0..40).flat_map(|user| (0..20).map(move |item| (user, item, 0))).collect();
    let dataset = dataset(&rows);
    let split = Split::Ratio { scope: Scope::User, validation: 0.0, test: 0.2 };
    let one = three(&dataset, &split, 1).unwrap();
    assert_ne!(one, three(&dataset, &split, 2).unwrap());
    // Users do not share a stream: their test items differ.
    let tested =
        |user: &str| one[2].iter().filter(|(name, _)| name == user).map(|(_, item)| item.clone()).collect::<Vec<_>>();
    assert_ne!(tested("u0"), tested("u1"));
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| three(&dataset, &split, 1).unwrap())
    };
    assert_eq!(run(1), run(4));
}

#[test]
fn given_parts_stay_as_published() {
    let mut dataset = dataset(&[(0, 0, 0), (0, 1, 0), (0, 1, 0), (1, 0, 0), (0, 0, 0), (1, 2, 0), (0, 2, 0)]);
    let (train, test) = (Part::Train, Part::Test);
    dataset.log.parts = Some(vec![train, train, train, train, test, test, train]);
    let parts = dataset.split(&Split::Given { validation: 0.0 }, 0).unwrap();
    assert_eq!((parts.world.interactions().num_interactions(), parts.test.num_interactions()), (4, 2));
    let step = parts.report.step("split").unwrap();
    assert_eq!((step.read, step.kept, step.num_dropped(Reason::Duplicate)), (7, 6, 1));
    assert!(step.noted.iter().any(|noted| noted.what == "test rows that are also training rows" && noted.count == 1));
    // A third of user 0's three training rows is validated, of user 1's single one nothing.
    let carved = dataset.split(&Split::Given { validation: 0.34 }, 0).unwrap();
    assert_eq!(carved.validation.unwrap().num_interactions(), 1);
    assert_eq!((carved.world.interactions().num_interactions(), carved.test), (3, parts.test));
    // A ratio split of the same log forgets the parts, and with them the repetition.
    dataset.log.parts = None;
    assert_eq!(
        dataset.split(&Split::default(), 0).unwrap_err().to_string().split(';').next(),
        Some("the split leaves no validation row")
    );
}

#[test]
fn cores_of_a_published_split_count_training_rows() {
    // Item 0 has two training rows; item 1 has one and two test rows; user 2 is only tested.
    let mut dataset = dataset(&[(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (2, 1, 0), (2, 0, 0)]);
    let (train, test) = (Part::Train, Part::Test);
    dataset.log.parts = Some(vec![train, train, train, test, test, test]);
    let core = |user_core, item_core| {
        let filter = crate::Filter { user_core, item_core, ..Default::default() };
        let found = dataset.clone().filtered(&filter).unwrap();
        let step = found.report.step("filter").unwrap().clone();
        (found.log.len(), step.num_dropped(Reason::UserCore), step.num_dropped(Reason::ItemCore))
    };
    assert_eq!(core(0, 2), (3, 0, 3));
    assert_eq!(core(1, 0), (4, 2, 0));
}

#[test]
fn ratings_become_weights() {
    let mut dataset = dataset(&[(0, 0, 0), (0, 1, 1), (0, 2, 2)]);
    dataset.log.ratings = Some(vec![4.0, 2.0, 5.0]);
    let parts = dataset.split(&Split::LeaveOneOut { validation: false, by: By::Time }, 0).unwrap();
    assert_eq!(parts.world.interactions().by_user().weights(), Some(&[4.0, 2.0][..]));
    assert_eq!(parts.test.ratings(UserId(0)), Some(&[5.0][..]));
}

#[test]
fn settings_out_of_range_are_named() {
    let mut dataset = dataset(&[(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)]);
    let scope = Scope::User;
    for (validation, test, field) in [
        (0.0, 0.0, "test"),
        (0.0, 1.0, "test"),
        (0.0, f64::NAN, "test"),
        (-0.1, 0.5, "validation"),
        (0.5, 0.5, "validation + test"),
    ] {
        let error = dataset.split(&Split::Ratio { scope, validation, test }, 0).unwrap_err();
        assert!(matches!(error, DataError::Setting { field: found, .. } if found == field), "{error}");
    }
    let given = dataset.split(&Split::Given { validation: 0.0 }, 0).unwrap_err().to_string();
    assert!(given.starts_with("the split `given` needs train and test files, and test has none"), "{given}");
    dataset.log.times = None;
    let temporal = dataset.split(&Split::Temporal { scope, validation: 0.0, test: 0.5 }, 0).unwrap_err();
    assert!(matches!(temporal, DataError::Needs { needs: "times", .. }));
    let split: Split = toml::from_str("kind = 'leave-one-out'\nby = 'time'\n").unwrap();
    assert_eq!(split, Split::LeaveOneOut { validation: false, by: By::Time });
    assert!(toml::from_str::<Split>("kind = 'ratio'\ntest = 0.1\nvalid = 0.1\n").is_err());
}

/// The plainest core: take away whoever has too few, until nobody has.
fn plain_core(rows: &mut Vec<(u32, u32, i64)>, user_core: usize, item_core: usize) {
    loop {
        let before = rows.len();
        let all = rows.clone();
        rows.retain(|&(user, item, _)| {
            all.iter().filter(|row| row.0 == user).count() >= user_core
                && all.iter().filter(|row| row.1 == item).count() >= item_core
        });
        if rows.len() == before {
            return;
        }
    }
}

proptest! {
    #[test]
    fn cores_are_those_of_the_plainest_loop(rows in rows(), user_core in 0usize..5, item_core in 0usize..5) {
        let mut expected = Vec::new();
        for &(user, item, time) in rows.iter().rev() {
            if !expected.iter().any(|&(u, i, _)| (u, i) == (user, item)) {
                expected.push((user, item, time));
            }
        }
        expected.reverse();
        plain_core(&mut expected, user_core, item_core);
        let filter = crate::Filter { user_core, item_core, ..Default::default() };
        match dataset(&rows).filtered(&filter) {
            Err(DataError::NothingLeft { .. }) => prop_assert!(expected.is_empty()),
            Err(error) => panic!("{error}"),
            Ok(found) => {
                let names = found.log.users.iter().zip(&found.log.items).map(|(&u, &i)| (found.user_name(u), found.item_name(i)));
                let expected_names: Vec<_> = expected.iter().map(|&(u, i, _)| (format!("u{u}"), format!("i{i}"))).collect();
                prop_assert!(names.eq(expected_names.iter().map(|(u, i)| (u.as_str(), i.as_str()))));
                let step = found.report.step("filter").unwrap();
                prop_assert_eq!(step.read, step.kept + step.dropped.values().map(|dropped| dropped.count).sum::<u64>());
            }
        }
    }
}
