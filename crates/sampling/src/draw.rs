//! Single draws: whole numbers, unit intervals, and items outside a user's sorted row.
//!
//! They are written out here because their results are part of a seed's meaning: a library may
//! change how it spends random bits between releases, this file may not.

use gnnrec_graph::ItemId;
use rand::Rng;

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

/// A number in `[0, 1)`, a multiple of `2^-53`.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64")]
pub(crate) fn unit(random: &mut impl Rng) -> f64 {
    (random.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Whether the sorted row lacks the item.
pub(crate) fn is_absent(seen: &[ItemId], item: ItemId) -> bool {
    seen.binary_search(&item).is_err()
}

/// The `rank`-th item, from 0, that the sorted row lacks; logarithmic in its length.
///
/// Before `seen[n]` there are `seen[n] - n` absent items, a number that never falls.
pub(crate) fn absent(seen: &[ItemId], rank: u32) -> ItemId {
    let (mut low, mut high) = (0, seen.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if seen[middle].index() - middle <= rank as usize {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    ItemId(rank + u32::try_from(low).expect("a row is no longer than the catalogue"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{Purpose, stream};

    proptest! {
        #[test]
        fn absent_counts_what_a_set_lacks(seen in prop::collection::btree_set(0u32..80, 0..80)) {
            let row: Vec<ItemId> = seen.iter().copied().map(ItemId).collect();
            let lacking: Vec<u32> = (0..80).filter(|item| !seen.contains(item)).collect();
            for (rank, &item) in (0..).zip(&lacking) {
                prop_assert_eq!(absent(&row, rank), ItemId(item));
            }
            for item in 0..80 {
                prop_assert_eq!(is_absent(&row, ItemId(item)), !seen.contains(&item));
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
    fn unit_stays_below_one() {
        let mut random = stream(7, Purpose::Negatives, [0, 1]);
        let values: Vec<f64> = (0..10_000).map(|_| unit(&mut random)).collect();
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        let distinct: BTreeSet<u64> = values.iter().map(|value| value.to_bits()).collect();
        assert_eq!(distinct.len(), values.len());
        assert!((values.iter().sum::<f64>() / 10_000.0 - 0.5).abs() < 0.015);
    }
}
