//! The percentile bootstrap of a mean: how far would it move with other users of the same kind?
//!
//! Efron 1979. Each of 10,000 resamples draws as many values as there are, with replacement, and takes
//! their mean; the interval cuts an equal share off both ends of the sorted means. For a paired
//! comparison the values are the differences, so that pairs stay together.
//!
//! Every resample has a stream of its own, keyed by seed and number: the result depends on the seed
//! alone, not on threads.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::EvalError;
use crate::measures::{mean, to_f64};
use crate::wilcoxon::check_finite;

/// Resamples: the ends of a 95 % interval then rest on 250 means each.
const NUM_RESAMPLES: u64 = 10_000;

/// Keeps the streams apart from those of other purposes with the same seed.
const PURPOSE: u64 = u64::from_le_bytes(*b"bootstra");

/// A mean with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The mean of the values themselves.
    pub mean: f64,
    /// Low end.
    pub low: f64,
    /// High end.
    pub high: f64,
    /// How often such intervals hold the true mean, in `(0, 1)`.
    pub confidence: f64,
}

/// The confidence interval of the mean, from `10,000 x values.len()` draws.
///
/// ```
/// let interval = gnnrec_eval::bootstrap(&[0.0, 0.5, 0.25, 0.75, 1.0, 0.5], 0.95, 7)?;
/// assert!(interval.low < 0.5 && 0.5 < interval.high);
/// assert_eq!(interval, gnnrec_eval::bootstrap(&[0.0, 0.5, 0.25, 0.75, 1.0, 0.5], 0.95, 7)?);
/// # Ok::<(), gnnrec_eval::EvalError>(())
/// ```
///
/// # Errors
/// No values, one that is not finite, or a confidence outside `(0, 1)`.
pub fn bootstrap(values: &[f64], confidence: f64, seed: u64) -> Result<Interval, EvalError> {
    check_finite("the list of values to resample", "the value to resample", values)?;
    if !(confidence > 0.0 && confidence < 1.0) {
        let expected = "a number between 0 and 1, such as 0.95";
        return Err(EvalError::OutOfRange { what: "the confidence", value: confidence, expected });
    }
    let mut means: Vec<f64> = (0..NUM_RESAMPLES).into_par_iter().map(|number| resample(values, seed, number)).collect();
    means.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    Ok(Interval { mean: mean(values), low: quantile(&means, tail), high: quantile(&means, 1.0 - tail), confidence })
}

/// The mean of one resample.
fn resample(values: &[f64], seed: u64, number: u64) -> f64 {
    let mut key = [0u8; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, PURPOSE, number]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    let mut stream = ChaCha8Rng::from_seed(key);
    let sum: f64 = (0..values.len()).map(|_| values[below(stream.next_u64(), values.len())]).sum();
    sum / to_f64(values.len())
}

/// A number below `count` from 64 random bits, by multiplication; uneven by less than `count / 2^64`.
#[expect(clippy::cast_possible_truncation, reason = "the product's upper half is below the count")]
fn below(bits: u64, count: usize) -> usize {
    ((u128::from(bits) * count as u128) >> 64) as usize
}

/// The value at a share of the sorted list, between two neighbours by a straight line.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the list")]
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * to_f64(sorted.len() - 1);
    let before = place.floor() as usize;
    let after = (before + 1).min(sorted.len() - 1);
    sorted[before] + (sorted[after] - sorted[before]) * (place - place.floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        let sorted = [1.0, 2.0, 4.0, 8.0, 16.0];
        assert_eq!([0.0, 0.25, 0.375, 1.0].map(|share| quantile(&sorted, share)), [1.0, 2.0, 3.0, 16.0]);
        assert_eq!((below(0, 7), below(u64::MAX, 7), below(1 << 63, 7)), (0, 6, 3));
    }

    #[test]
    fn the_interval_is_that_of_the_normal_law() {
        // 400 values, mean 0, standard deviation 1: the mean's is 1/20, cut at 1.96 of it.
        let values: Vec<f64> = (0..400).map(|n| if n % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let interval = bootstrap(&values, 0.95, 1).unwrap();
        assert_eq!(interval.mean, 0.0);
        for end in [-interval.low, interval.high] {
            assert!((end - 1.96 / 20.0).abs() < 0.005, "{interval:?}");
        }
        let narrow = bootstrap(&values, 0.5, 1).unwrap();
        assert!((narrow.high - 0.674 / 20.0).abs() < 0.005, "{narrow:?}");
    }

    #[test]
    fn the_seed_decides_and_threads_do_not() {
        let values: Vec<f64> = (0..57).map(|n| f64::from(n * n % 23)).collect();
        let expected = bootstrap(&values, 0.9, 5).unwrap();
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| bootstrap(&values, 0.9, 5)).unwrap(), expected);
        }
        assert_ne!(bootstrap(&values, 0.9, 6).unwrap(), expected);
        assert_ne!(resample(&values, 5, 0).to_bits(), resample(&values, 5, 1).to_bits());
    }

    #[test]
    fn bad_input_is_named() {
        assert_eq!(bootstrap(&[], 0.95, 0), Err(EvalError::Empty { what: "the list of values to resample" }));
        let value = f64::INFINITY;
        let infinite = EvalError::NotFinite { what: "the value to resample", position: 0, value };
        assert_eq!(bootstrap(&[value], 0.95, 0), Err(infinite));
        for confidence in [0.0, 1.0, 95.0, f64::NAN] {
            assert!(matches!(bootstrap(&[1.0], confidence, 0), Err(EvalError::OutOfRange { .. })));
        }
        let single = bootstrap(&[3.0], 0.95, 0).unwrap();
        assert_eq!((single.low, single.high), (3.0, 3.0));
    }
}
