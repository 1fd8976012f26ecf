//! The order of a recommendation list: higher scores first, ties by a hash of the item id.
//!
//! Score and item are packed into one integer, so that the order is total and independent of blocks,
//! tiles and threads. The hash is a fixed bijection of the 32-bit ids: a scorer that gives every item
//! the same score lists an arbitrary sample of the catalogue, not the items that happen to have small
//! ids (which in many files are the popular ones).

use gnnrec_graph::ItemId;

/// An item with its score, ordered: the greater key stands higher in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64);

impl Key {
    /// Packs a score, which must not be NaN; `-0.0` and `0.0` are the same score.
    #[inline(always)]
    pub(crate) fn new(score: f32, item: ItemId) -> Self {
        debug_assert!(!score.is_nan(), "the caller reports scores that are not numbers");
        let bits = (score + 0.0).to_bits();
        let ascending = if bits >> 31 == 0 { bits | 0x8000_0000 } else { !bits };
        Self(u64::from(ascending) << 32 | u64::from(scatter(item.0)))
    }

    pub(crate) fn score(self) -> f32 {
        let ascending = high(self.0);
        f32::from_bits(if ascending >> 31 == 1 { ascending & 0x7fff_ffff } else { !ascending })
    }

    pub(crate) fn item(self) -> ItemId {
        ItemId(gather(low(self.0)))
    }
}

const fn high(key: u64) -> u32 {
    (key >> 32) as u32
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
const fn low(key: u64) -> u32 {
    key as u32
}

/// Keeps id 0 from being its own hash.
const TIE_KEY: u32 = 0x9e37_79b9;

/// What decides between items of one score: the greater stands first. No two items have the same.
#[must_use]
pub fn tie_rank(item: ItemId) -> u32 {
    scatter(item.0)
}

/// A bijection of the 32-bit integers that looks random: multiply and xor-shift (`lowbias32` of
/// C. Wellons' hash-prospector, public domain).
#[inline(always)]
const fn scatter(id: u32) -> u32 {
    let mut x = id ^ TIE_KEY;
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}

/// Undoes [`scatter`], step by step: the factors are the inverses modulo 2^32.
const fn gather(hash: u32) -> u32 {
    let mut x = hash ^ hash >> 16;
    x = x.wrapping_mul(0x4302_1123);
    x ^= x >> 15 ^ x >> 30;
    x = x.wrapping_mul(0x1d69_e2a5);
    x ^= x >> 16;
    x ^ TIE_KEY
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_holds_its_score_and_item(score in any::<f32>(), item in any::<u32>()) {
            prop_assume!(!score.is_nan());
            let key = Key::new(score, ItemId(item));
            prop_assert_eq!(key.item(), ItemId(item));
            prop_assert_eq!(key.score().to_bits(), (score + 0.0).to_bits());
        }

        #[test]
        fn higher_scores_come_first_whatever_the_items(a in any::<f32>(), b in any::<f32>(), i in any::<u32>(), j in any::<u32>()) {
            prop_assume!(!a.is_nan() && !b.is_nan() && i != j);
            let (left, right) = (Key::new(a, ItemId(i)), Key::new(b, ItemId(j)));
            if a == b {
                prop_assert_eq!(left.cmp(&right), scatter(i).cmp(&scatter(j)));
            } else {
                prop_assert_eq!(left > right, a > b);
            }
        }
    }

    #[test]
    fn zeros_of_both_signs_tie() {
        assert_eq!(Key::new(0.0, ItemId(5)), Key::new(-0.0, ItemId(5)));
        assert!(Key::new(f32::NEG_INFINITY, ItemId(5)) < Key::new(f32::MIN, ItemId(5)));
        assert!(Key::new(f32::INFINITY, ItemId(5)) > Key::new(f32::MAX, ItemId(5)));
    }
}
