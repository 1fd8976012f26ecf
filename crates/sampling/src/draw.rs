//! Single draws: whole numbers, unit intervals, edges by number, and columns outside a sorted row.
//!
//! They are written out here because their results are part of a seed's meaning: a library may
//! change how it spends random bits between releases, this file may not.

use gnnrec_graph::{Csr, ItemId};
use rand::Rng;

/// Draws of a seen item before the unseen ones are listed.
const TRIES: usize = 32;

/// A whole number below `bound`, each exactly as likely (Lemire, TOMACS 2019, algorithm 5).
///
/// # Panics
/// If `bound` is 0 or does not fit a `u32`.
pub(crate) fn below(random: &mut impl Rng, bound: usize) -> u32 {
    let bound = u32::try_from(bound).ok().filter(|&bound| bound > 0).expect("a bound in 1 ..= u32::MAX");
    let mut draw = || {
        let product = u64::from(random.next_u32()) * u64::from(bound);
        let low = u32::try_from(product & u64::from(u32::MAX)).expect("masked to 32 bits");
        (u32::try_from(product >> 32).expect("shifted to 32 bits"), low)
    };
    let (mut value, mut low) = draw();
    if low < bound {
        let unfair = bound.wrapping_neg() % bound;
        while low < unfair {
            (value, low) = draw();
        }
    }
    value
}

/// `num` distinct numbers below `bound`, ascending, each set of them as likely (Floyd; CACM 30(9), 1987).
///
/// # Panics
/// If `num` is above `bound`, or `bound` does not fit a `u32`.
pub(crate) fn distinct(random: &mut impl Rng, bound: usize, num: usize) -> Vec<u32> {
    assert!(num <= bound, "{num} distinct numbers below {bound}");
    let mut numbers = Vec::with_capacity(num);
    for last in bound - num..bound {
        let drawn = below(random, last + 1);
        if let Err(place) = numbers.binary_search(&drawn) {
            numbers.insert(place, drawn);
        } else {
            // Above all that were drawn.
            numbers.push(u32::try_from(last).expect("below a bound that fits a u32"));
        }
    }
    numbers
}

/// A number in `[0, 1)`, a multiple of `2^-53`.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64")]
pub(crate) fn unit(random: &mut impl Rng) -> f64 {
    (random.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Whether the sorted row lacks the item.
pub(crate) fn is_absent(seen: &[ItemId], item: ItemId) -> bool {
    seen.binary_search(&item).is_err()
}

/// The `rank`-th number, from 0, that the sorted row lacks; logarithmic in its length.
///
/// Before `row[n]` there are `row[n] - n` absent numbers, a count that never falls.
///
/// # Panics
/// If the row is longer than a `u32` can count.
#[must_use]
pub fn absent(row: &[u32], rank: u32) -> u32 {
    let (mut low, mut high) = (0, row.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if row[middle] as usize - middle <= rank as usize {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    rank + u32::try_from(low).expect("a row is no longer than its matrix is wide")
}

/// A column that the row lacks, each as likely: its rank among the absent is drawn, so nothing is ever rejected.
///
/// # Panics
/// If the row holds every column.
pub(crate) fn outside(matrix: &Csr, row: usize, random: &mut impl Rng) -> u32 {
    let columns = matrix.row(row);
    absent(columns, below(random, matrix.num_cols() - columns.len()))
}

/// Row and column of the edge of a number; logarithmic in the rows.
///
/// # Panics
/// If the number is not below the number of edges.
pub(crate) fn edge(matrix: &Csr, number: usize) -> (usize, u32) {
    let row = matrix.indptr().partition_point(|&start| start <= number) - 1;
    (row, matrix.indices()[number])
}

/// Fills `items` from those places of `among` whose item the sorted row `seen` lacks, each place as likely. Where
/// there is none, each item is one of `otherwise`.
pub(crate) fn fill_unseen<R: Rng>(
    items: &mut [ItemId],
    among: &[ItemId],
    seen: &[ItemId],
    random: &mut R,
    otherwise: impl Fn(&mut R) -> ItemId,
) {
    // Listed at most once, and only when trial has failed.
    let mut unseen: Option<Vec<ItemId>> = among.is_empty().then(Vec::new);
    for filled in items {
        if unseen.is_none() {
            let mut trials = (0..TRIES).map(|_| among[below(random, among.len()) as usize]);
            if let Some(item) = trials.find(|&item| is_absent(seen, item)) {
                *filled = item;
                continue;
            }
        }
        let listed = || among.iter().copied().filter(|&item| is_absent(seen, item)).collect();
        let unseen = unseen.get_or_insert_with(listed);
        *filled = match unseen.len() {
            0 => otherwise(random),
            len => unseen[below(random, len) as usize],
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use gnnrec_graph::Duplicates;
    use proptest::prelude::*;

    use super::*;
    use crate::tests::assert_law;
    use crate::{Purpose, stream};

    proptest! {
        #[test]
        fn absent_counts_what_a_set_lacks(seen in prop::collection::btree_set(0u32..80, 0..80)) {
            let row: Vec<u32> = seen.iter().copied().collect();
            let lacking: Vec<u32> = (0..80).filter(|item| !seen.contains(item)).collect();
            for (rank, &item) in (0..).zip(&lacking) {
                prop_assert_eq!(absent(&row, rank), item);
            }
            for item in 0..80 {
                prop_assert_eq!(is_absent(ItemId::wrap_slice(&row), ItemId(item)), !seen.contains(&item));
            }
        }

        #[test]
        fn edges_are_numbered_in_their_order(edges in prop::collection::btree_set((0u32..9, 0u32..7), 0..40)) {
            let edges: Vec<(u32, u32)> = edges.into_iter().collect();
            let matrix = Csr::from_edges(9, 7, &edges, Duplicates::Error).unwrap();
            for (number, &(row, col)) in edges.iter().enumerate() {
                prop_assert_eq!(edge(&matrix, number), (row as usize, col));
            }
        }
    }

    #[test]
    fn below_reaches_every_number_alike() {
        let mut random = stream(7, Purpose::Negatives, [0, 0]);
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[below(&mut random, 6) as usize] += 1;
        }
        // Binomial: mean 10,000, standard deviation 91.
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 460), "{counts:?}");
        assert_eq!(below(&mut random, 1), 0);
        // With this bound, scaling without rejection gives multiples of three every second time.
        let bound = 3usize << 30;
        let multiples = (0..30_000).filter(|_| below(&mut random, bound).is_multiple_of(3)).count();
        assert!(multiples.abs_diff(10_000) < 410, "{multiples} of 30000");
    }

    #[test]
    fn unseen_places_are_alike_where_trial_fails() {
        // Four of 1,004 places are unseen, two of them the same item's: 32 trials mostly miss.
        let seen: Vec<ItemId> = (0..1_000).map(ItemId).collect();
        let among: Vec<ItemId> = (0..1_000).chain([1_000, 1_003, 1_000, 1_001]).map(ItemId).collect();
        let mut random = stream(7, Purpose::HardNegatives, [0, 0]);
        let mut items = vec![ItemId(0); 20_000];
        let nothing_else = |_: &mut _| panic!("there are unseen places");
        fill_unseen(&mut items, &among, &seen, &mut random, nothing_else);
        let mut counts = BTreeMap::new();
        items.iter().for_each(|item| *counts.entry(item.0).or_default() += 1);
        assert_law(&counts, &[(1_000, 2.0), (1_001, 1.0), (1_003, 1.0)]);
        // Where no place is unseen, or there is none, another law decides.
        for among in [&seen[..], &[]] {
            fill_unseen(&mut items[..3], among, &seen, &mut random, |_| ItemId(2_000));
            assert_eq!(items[..3], [ItemId(2_000); 3]);
        }
    }

    #[test]
    fn every_set_of_distinct_numbers_is_as_likely() {
        let mut random = stream(7, Purpose::Neighbours, [0, 0]);
        let mut counts = BTreeMap::new();
        for _ in 0..35_000 {
            *counts.entry(distinct(&mut random, 7, 4)).or_insert(0u32) += 1;
        }
        // 35 sets: mean 1,000, standard deviation 31.2.
        assert!(counts.keys().all(|set| set.windows(2).all(|pair| pair[0] < pair[1])), "{counts:?}");
        assert!(counts.len() == 35 && counts.values().all(|count| count.abs_diff(1_000) < 156), "{counts:?}");
        assert_eq!(distinct(&mut random, 5, 5), [0, 1, 2, 3, 4]);
        assert_eq!(distinct(&mut random, 5, 0), []);
    }

    #[test]
    fn unit_stays_below_one() {
        let mut random = stream(7, Purpose::Negatives, [0, 1]);
        let values: Vec<f64> = (0..10_000).map(|_| unit(&mut random)).collect();
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        let distinct: BTreeSet<u64> = values.iter().map(|value| value.to_bits()).collect();
        assert_eq!(distinct.len(), values.len());
        assert!((values.iter().sum::<f64>() / 10_000.0 - 0.5).abs() < 0.015);
    }
}
