//! Whole epochs: laws against counting, threads, prefetching, and what bad input gets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gnnrec_graph::{Csr, Duplicates, InteractionGraph};
use proptest::prelude::*;

use crate::{Negatives, PairwiseBatch, Positives, Sampler, SamplerConfig, SamplingError};

fn graph(users: usize, items: usize, edges: &[(u32, u32)]) -> InteractionGraph {
    InteractionGraph::new(Csr::from_edges(users, items, edges, Duplicates::First).unwrap())
}

/// 4 users and 7 items: a short row, a user without items, a long row, and one with all items but item 3.
fn small() -> InteractionGraph {
    let mut edges = vec![(0, 6), (2, 0), (2, 1), (2, 4), (2, 5)];
    edges.extend([0, 1, 2, 4, 5, 6].map(|item| (3, item)));
    graph(4, 7, &edges)
}

fn sampler(interactions: &InteractionGraph, config: SamplerConfig) -> Sampler {
    Sampler::new(interactions, config, 11).unwrap()
}

fn epoch_of(sampler: &Sampler, epoch: u64) -> Vec<PairwiseBatch> {
    (0..sampler.num_batches()).map(|index| sampler.batch(epoch, index).unwrap()).collect()
}

fn pairs(batches: &[PairwiseBatch]) -> Vec<(u32, u32)> {
    batches.iter().flat_map(|b| b.users.iter().zip(&b.positives)).map(|(u, i)| (u.0, i.0)).collect()
}

/// Counts the negatives that `user` gets over some epochs.
fn negatives_of(user: u32, sampler: &Sampler, epochs: u64) -> BTreeMap<u32, u32> {
    let mut counts = BTreeMap::new();
    for batch in (0..epochs).flat_map(|epoch| epoch_of(sampler, epoch)) {
        for (row, _) in batch.users.iter().enumerate().filter(|(_, u)| u.0 == user) {
            for item in &batch.negatives[row * batch.num_negatives..(row + 1) * batch.num_negatives] {
                *counts.entry(item.0).or_default() += 1;
            }
        }
    }
    counts
}

/// Whether counts follow the weights: same support, and every count within five standard deviations.
pub(crate) fn assert_law(counts: &BTreeMap<u32, u32>, weights: &[(u32, f64)]) {
    assert!(counts.keys().eq(weights.iter().map(|(item, _)| item)), "{counts:?} for {weights:?}");
    let (draws, total): (u32, f64) = (counts.values().sum(), weights.iter().map(|(_, weight)| weight).sum());
    for &(item, weight) in weights {
        let p = weight / total;
        let (mean, deviation) = (f64::from(draws) * p, (f64::from(draws) * p * (1.0 - p)).sqrt());
        assert!((f64::from(counts[&item]) - mean).abs() <= 5.0 * deviation, "item {item}: {counts:?}, expected {mean}");
    }
}

fn any_negatives() -> impl Strategy<Value = Negatives> {
    prop_oneof![
        Just(Negatives::Uniform),
        Just(Negatives::InBatch),
        (0.0f64..2.0).prop_map(|alpha| Negatives::Popularity { alpha }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_epoch_of_any_world(
        (users, items) in (1u32..40, 2u32..60),
        edges in prop::collection::vec((0u32..40, 0u32..60), 1..400),
        batch_size in 1usize..150,
        num_negatives in 1usize..4,
        negatives in any_negatives(),
        uniform_users: bool,
        (seed, epoch) in (0u64..9, 0u64..3),
    ) {
        // Item 0 is everybody's unseen item.
        let edges: Vec<(u32, u32)> = edges.into_iter().map(|(u, i)| (u % users, 1 + i % (items - 1))).collect();
        let interactions = graph(users as usize, items as usize, &edges);
        let positives = if uniform_users { Positives::UniformUsers } else { Positives::Permutation };
        let in_batch = negatives == Negatives::InBatch;
        let config = SamplerConfig { batch_size, positives, negatives, num_negatives };
        let sampler = Sampler::new(&interactions, config, seed).unwrap();
        let batches = epoch_of(&sampler, epoch);

        let model: BTreeSet<(u32, u32)> = edges.into_iter().collect();
        let mut found = pairs(&batches);
        prop_assert_eq!(found.len(), model.len());
        if uniform_users {
            prop_assert!(found.iter().all(|pair| model.contains(pair)));
        } else {
            found.sort_unstable();
            prop_assert!(found.iter().eq(&model));
        }
        for (index, batch) in batches.iter().enumerate() {
            prop_assert_eq!(batch.len(), batch_size.min(model.len() - index * batch_size));
            prop_assert_eq!(batch.positives.len(), batch.len());
            prop_assert_eq!((batch.num_negatives, batch.negatives.len()), (num_negatives, batch.len() * num_negatives));
            for (user, negatives) in batch.users.iter().zip(batch.negatives.chunks(num_negatives)) {
                prop_assert!(negatives.iter().all(|item| item.0 < items && !model.contains(&(user.0, item.0))));
                let batch_has_any = || batch.positives.iter().any(|item| !model.contains(&(user.0, item.0)));
                if in_batch && batch_has_any() {
                    prop_assert!(negatives.iter().all(|item| batch.positives.contains(item)));
                }
            }
        }
        for threads in [1, 2, 5] {
            let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let drawn: Vec<_> =
                (0..batches.len()).map(|index| threads.install(|| sampler.batch_on(epoch, index, true)).unwrap()).collect();
            prop_assert_eq!(&drawn, &batches);
        }
        for from in [0, batches.len() / 2, batches.len(), batches.len() + 3] {
            let ahead: Vec<_> = sampler.epoch(epoch, from).map(Result::unwrap).collect();
            prop_assert_eq!(&ahead[..], &batches[from.min(batches.len())..]);
        }
    }
}

#[test]
fn uniform_negatives_are_uniform_over_the_unseen() {
    let config = SamplerConfig { num_negatives: 50, ..SamplerConfig::default() };
    let sampler = sampler(&small(), config);
    for (user, unseen) in [(0, &[0, 1, 2, 3, 4, 5][..]), (2, &[2, 3, 6]), (3, &[3])] {
        let weights: Vec<(u32, f64)> = unseen.iter().map(|&item| (item, 1.0)).collect();
        assert_law(&negatives_of(user, &sampler, 200), &weights);
    }
}

#[test]
fn popular_negatives_follow_their_degree() {
    // Degrees 2, 2, 1, 0, 2, 2, 2; item 3 weighs 0 unless alpha is 0.
    let law = |alpha, user, weights: &[(u32, f64)]| {
        let negatives = Negatives::Popularity { alpha };
        let sampler = sampler(&small(), SamplerConfig { negatives, num_negatives: 50, ..SamplerConfig::default() });
        assert_law(&negatives_of(user, &sampler, 200), weights);
    };
    let root = 2f64.sqrt();
    law(0.5, 0, &[(0, root), (1, root), (2, 1.0), (4, root), (5, root)]);
    law(2.0, 2, &[(2, 1.0), (6, 4.0)]);
    law(0.0, 2, &[(2, 1.0), (3, 1.0), (6, 1.0)]);
    law(0.75, 3, &[(3, 1.0)]);
}

#[test]
fn popularity_stays_exact_when_trial_almost_never_succeeds() {
    // User 0 has what everybody has; its unseen items 8, 9 and 10 hold 1 + 2 + 4 of 4007 interactions, item 11 none.
    let mut edges: Vec<(u32, u32)> = (0..500).flat_map(|user| (0..8).map(move |item| (user, item))).collect();
    edges.extend([(1, 8), (1, 9), (2, 9), (1, 10), (2, 10), (3, 10), (4, 10)]);
    let negatives = Negatives::Popularity { alpha: 1.0 };
    let config = SamplerConfig { negatives, num_negatives: 20, ..SamplerConfig::default() };
    let sampler = sampler(&graph(500, 12, &edges), config);
    assert_law(&negatives_of(0, &sampler, 30), &[(8, 1.0), (9, 2.0), (10, 4.0)]);
}

#[test]
fn in_batch_negatives_are_the_other_rows_alike() {
    // One batch an epoch: user 2 may get item 6 of users 0 and 3 and item 2 of user 3.
    let config = SamplerConfig { negatives: Negatives::InBatch, num_negatives: 50, ..SamplerConfig::default() };
    let sampler = sampler(&small(), config);
    assert_law(&negatives_of(2, &sampler, 200), &[(2, 1.0), (6, 2.0)]);
    // Nothing in the batch is new to user 3: the one unseen item of the catalogue is left.
    assert_law(&negatives_of(3, &sampler, 20), &[(3, 1.0)]);
}

#[test]
fn in_batch_finds_the_one_valid_row_of_a_thousand() {
    let edges: Vec<(u32, u32)> = (0..1_000).map(|item| (0, item)).chain([(1, 1_000)]).collect();
    let config = SamplerConfig { negatives: Negatives::InBatch, num_negatives: 3, ..SamplerConfig::default() };
    let sampler = sampler(&graph(2, 1_003, &edges), config);
    assert!(negatives_of(0, &sampler, 1).into_keys().eq([1_000]));
}

#[test]
fn uniform_users_are_uniform_whatever_they_have() {
    let config = SamplerConfig { positives: Positives::UniformUsers, ..SamplerConfig::default() };
    let sampler = sampler(&small(), config);
    let mut users = BTreeMap::new();
    let mut items = BTreeMap::new();
    for (user, item) in (0..3_000).flat_map(|epoch| pairs(&epoch_of(&sampler, epoch))) {
        *users.entry(user).or_default() += 1;
        if user == 2 {
            *items.entry(item).or_default() += 1;
        }
    }
    assert_law(&users, &[(0, 1.0), (2, 1.0), (3, 1.0)]);
    assert_law(&items, &[(0, 1.0), (1, 1.0), (4, 1.0), (5, 1.0)]);
}

#[test]
fn epochs_seeds_and_batches_differ() {
    let edges: Vec<(u32, u32)> = (0..40).flat_map(|user| (0..10).map(move |item| (user, user + item))).collect();
    let interactions = graph(40, 50, &edges);
    let config = SamplerConfig { batch_size: 100, ..SamplerConfig::default() };
    let drawn = |seed, epoch| epoch_of(&Sampler::new(&interactions, config.clone(), seed).unwrap(), epoch);
    assert_eq!(drawn(1, 0), drawn(1, 0));
    assert_ne!(pairs(&drawn(1, 0)), pairs(&drawn(1, 1)));
    assert_ne!(pairs(&drawn(1, 0)), pairs(&drawn(2, 0)));
    let batches = drawn(1, 0);
    assert_ne!(batches[0].negatives, batches[1].negatives);
    assert_ne!(batches[0].negatives, drawn(1, 1)[0].negatives);
}

#[test]
fn dropping_an_epoch_ends_its_threads() {
    let edges: Vec<(u32, u32)> = (0..2_000).map(|pair| (pair % 50, pair / 50)).collect();
    let sampler = sampler(&graph(50, 60, &edges), SamplerConfig { batch_size: 1, ..SamplerConfig::default() });
    let mut ahead = sampler.epoch(0, 0);
    assert_eq!(ahead.len(), 2_000);
    ahead.next().unwrap().unwrap();
    assert_eq!(ahead.len(), 1_999);
    // `drop` joins the threads: it returns only if they end.
    drop(ahead);
    assert_eq!(Arc::strong_count(&sampler.0), 1);
}

#[test]
fn a_prefetch_inside_a_pool_of_one_thread_does_not_wait_for_itself() {
    let sampler = sampler(&small(), SamplerConfig { batch_size: 2, num_negatives: 10_000, ..SamplerConfig::default() });
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| sampler.epoch(0, 0).count()), sampler.num_batches());
}

#[test]
fn bad_input_is_named() {
    let refuse = |interactions: &InteractionGraph, config| {
        Sampler::new(interactions, config, 0).err().expect("an error").to_string()
    };
    let config = SamplerConfig::default;
    for (config, expected) in [
        (SamplerConfig { batch_size: 0, ..config() }, "sampler: batch_size is 0, expected at least 1"),
        (SamplerConfig { num_negatives: 0, ..config() }, "sampler: num_negatives is 0, expected at least 1"),
        (
            SamplerConfig { num_negatives: usize::MAX, ..config() },
            "sampler: num_negatives is 18446744073709551615, expected at most 268435456 negatives a batch; lower it or \
             batch_size",
        ),
        (
            SamplerConfig { negatives: Negatives::Popularity { alpha: f64::NAN }, ..config() },
            "sampler: negatives.popularity.alpha is NaN, expected a finite number, 0 or more",
        ),
        (
            SamplerConfig { negatives: Negatives::Popularity { alpha: -0.5 }, ..config() },
            "sampler: negatives.popularity.alpha is -0.5, expected a finite number, 0 or more",
        ),
    ] {
        assert_eq!(refuse(&small(), config), expected);
    }
    assert_eq!(
        refuse(&graph(3, 2, &[]), config()),
        "there are no training interactions among 3 users and 2 items; expected at least one"
    );
    assert_eq!(
        refuse(&graph(3, 2, &[(0, 1), (2, 0), (2, 1)]), config()),
        "user 2 has all 2 items in training, so none is left as a negative; remove the user or add items"
    );
    let sampler = sampler(&small(), SamplerConfig { batch_size: usize::MAX, ..config() });
    assert_eq!(sampler.num_batches(), 1);
    assert_eq!(sampler.batch(0, 0).unwrap().len(), 11);
    assert_eq!(sampler.batch(0, 1), Err(SamplingError::NoSuchBatch { index: 1, num_batches: 1 }));
}

#[test]
fn a_run_file_reads_well() {
    let parse = |text: &str| toml::from_str::<SamplerConfig>(text);
    assert_eq!(parse("").unwrap(), SamplerConfig::default());
    assert_eq!(
        parse("batch_size = 512\npositives = \"uniform-users\"\nnegatives = \"in-batch\"").unwrap(),
        SamplerConfig {
            batch_size: 512,
            positives: Positives::UniformUsers,
            negatives: Negatives::InBatch,
            num_negatives: 1
        }
    );
    let popularity = parse("negatives = { popularity = { alpha = 0.75 } }").unwrap();
    assert_eq!(popularity.negatives, Negatives::Popularity { alpha: 0.75 });
    assert_eq!(parse(&toml::to_string(&popularity).unwrap()).unwrap(), popularity);
    for wrong in ["batchsize = 3", "negatives = \"hard\"", "negatives = { popularity = { alpha = 1.0, beta = 2.0 } }"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}
