//! A keyed permutation of `0 .. len` that stores none of it.
//!
//! ```text
//! x = l b + r          a = ceil(sqrt(len)), b = ceil(len / a), so that a b >= len
//! l <- l + F(r) mod a, r <- r + F'(l) mod b, four times, each F with its own key
//! ```
//!
//! Each step can be undone, so the whole is a bijection of `0 .. a b`; repeating it until the value
//! lies below `len` (cycle walking) makes it one of `0 .. len`. At most `a - 1` of the `a b` values
//! lie above. It is for shuffling, not for secrets.

use rand::Rng;

const ROUNDS: usize = 4;

/// A permutation of `0 .. len`, chosen by the random numbers it was made from.
pub(crate) struct Permutation {
    len: u64,
    a: u64,
    b: u64,
    keys: [[u64; 2]; ROUNDS],
}

impl Permutation {
    /// # Panics
    /// If `len` is 0 or above `2^62`.
    pub(crate) fn new(len: usize, random: &mut impl Rng) -> Self {
        let len = len as u64;
        assert!(0 < len && len <= 1 << 62, "a permutation of {len} elements");
        let root = len.isqrt();
        let a = root + u64::from(root * root < len);
        let keys = std::array::from_fn(|_| std::array::from_fn(|_| random.next_u64()));
        Self { len, a, b: len.div_ceil(a), keys }
    }

    /// Where `x` goes.
    ///
    /// # Panics
    /// If `x` is not below the length.
    pub(crate) fn apply(&self, x: usize) -> usize {
        let mut x = x as u64;
        assert!(x < self.len, "element {x} of a permutation of {}", self.len);
        loop {
            let (mut l, mut r) = (x / self.b, x % self.b);
            for [left, right] in self.keys {
                l = shift(l, scramble(r ^ left), self.a);
                r = shift(r, scramble(l ^ right), self.b);
            }
            x = l * self.b + r;
            if x < self.len {
                return usize::try_from(x).expect("below a length that is a usize");
            }
        }
    }
}

/// `value + t mod bound` for `value < bound <= 2^31`, `t` the scrambled bits scaled to `0 .. bound`.
fn shift(value: u64, bits: u64, bound: u64) -> u64 {
    let sum = value + (((bits >> 32) * bound) >> 32);
    if sum >= bound { sum - bound } else { sum }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): every output bit depends on every input bit.
fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Purpose, stream};

    fn permutation(len: usize, seed: u64) -> Permutation {
        Permutation::new(len, &mut stream(seed, Purpose::Positives, [0, 0]))
    }

    proptest! {
        #[test]
        fn every_element_comes_once(len in 1usize..3_000, seed: u64) {
            let permutation = permutation(len, seed);
            let mut image: Vec<usize> = (0..len).map(|x| permutation.apply(x)).collect();
            image.sort_unstable();
            prop_assert!(image.into_iter().eq(0..len));
        }

        #[test]
        fn it_fills_long_ranges_too(len in (1usize << 40)..=(1 << 62), x: usize, seed: u64) {
            let permutation = permutation(len, seed);
            let (here, next) = (permutation.apply(x % len), permutation.apply((x + 1) % len));
            prop_assert!(here < len && next < len && here != next);
        }
    }

    #[test]
    fn any_two_places_go_to_any_two_places_alike() {
        // Over the keys, (p(3), p(4)) takes each of the 11 * 10 ordered pairs with probability 1/110.
        let (len, draws) = (11usize, 110_000u64);
        let mut counts = vec![0u32; len * len];
        for seed in 0..draws {
            let permutation = permutation(len, seed);
            counts[permutation.apply(3) * len + permutation.apply(4)] += 1;
        }
        let expected = draws as f64 / 110.0;
        let off_diagonal = |&(cell, _): &(usize, &u32)| cell / len != cell % len;
        let cells = counts.iter().enumerate().filter(off_diagonal);
        let chi2: f64 = cells.map(|(_, &count)| (f64::from(count) - expected).powi(2) / expected).sum();
        // 109 degrees of freedom: mean 109, standard deviation 14.8; five of them above.
        assert!(chi2 < 109.0 + 5.0 * 14.8, "chi-square {chi2}");
    }
}
