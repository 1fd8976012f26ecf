//! The Wilcoxon signed-rank test: do paired differences lie about zero?
//!
//! ```text
//! r    = ranks of |d| among the d that are not 0, tied ones sharing the mean of their ranks
//! W+   = sum of r where d > 0          W- = sum of r where d < 0
//! n <= 50:  p = 2 P(W <= min(W+, W-)) over the 2^n equally likely choices of signs, at most 1
//! else:     z = (W+ - n(n+1)/4) / sqrt(n(n+1)(2n+1)/24 - sum over ties of (t^3 - t)/48),  p = erfc(|z| / sqrt 2)
//! ```
//!
//! Wilcoxon 1945. Zeros are dropped, as Wilcoxon did (not ranked, as Pratt did); there is no
//! continuity correction. The exact distribution takes ties into account: it is that of the very
//! ranks at hand.

use serde::{Deserialize, Serialize};
use statrs::function::erf::erfc;

use crate::EvalError;
use crate::measures::to_f64;

/// The most pairs whose distribution is counted out: 2^50 sign choices are still exact in an `f64`.
const MAX_EXACT: usize = 50;

/// Differences this close, as a share of the largest one, are the same, and the same as zero: rounding
/// (`0.3 - 0.2` is not `0.1`) must not decide ranks.
const TIE: f64 = 1e-12;

/// Result of [`wilcoxon`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wilcoxon {
    /// Probability, two-sided, of ranks at least as uneven where signs are tossed; in `[0, 1]`.
    pub p_value: f64,
    /// `W+`, the ranks of the positive differences.
    pub rank_sum_plus: f64,
    /// `W-`, the ranks of the negative differences.
    pub rank_sum_minus: f64,
    /// Differences that are not zero: the `n` of the test.
    pub num_pairs: usize,
    /// Differences of zero, which are dropped.
    pub num_zeros: usize,
    /// Whether the distribution was counted out, not approximated by a normal one.
    pub exact: bool,
}

/// Tests whether paired differences are symmetric about zero; where all are zero `p` is 1.
///
/// ```
/// let test = gnnrec_eval::wilcoxon(&[0.3, -0.1, 0.2, 0.4, 0.0, 0.5])?;
/// assert_eq!((test.rank_sum_minus, test.num_zeros), (1.0, 1));
/// assert_eq!(test.p_value, 4.0 / 32.0);
/// # Ok::<(), gnnrec_eval::EvalError>(())
/// ```
///
/// # Errors
/// No differences at all, or one that is not finite.
pub fn wilcoxon(differences: &[f64]) -> Result<Wilcoxon, EvalError> {
    check_finite("the list of paired differences", "the paired difference", differences)?;
    let largest = differences.iter().fold(0.0f64, |largest, d| largest.max(d.abs()));
    let mut pairs: Vec<f64> = differences.iter().copied().filter(|d| d.abs() > TIE * largest).collect();
    pairs.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));
    let n = pairs.len();
    // Ranks are halves of whole numbers: doubled, they and their sums are exact.
    let mut ranks = Vec::with_capacity(n);
    let mut ties = 0.0;
    for tied in pairs.chunk_by(|a, b| b.abs() - a.abs() <= TIE * largest) {
        let rank = 2 * ranks.len() + tied.len() + 1;
        ranks.extend(tied.iter().map(|_| rank));
        ties += to_f64(tied.len()).powi(3) - to_f64(tied.len());
    }
    let plus: usize = ranks.iter().zip(&pairs).filter(|(_, d)| **d > 0.0).map(|(rank, _)| rank).sum();
    let minus = n * (n + 1) - plus;
    let exact = n <= MAX_EXACT;
    let p_value = if exact { counted_out(&ranks, plus.min(minus)) } else { approximated(n, plus, ties) };
    Ok(Wilcoxon {
        p_value,
        rank_sum_plus: to_f64(plus) / 2.0,
        rank_sum_minus: to_f64(minus) / 2.0,
        num_pairs: n,
        num_zeros: differences.len() - n,
        exact,
    })
}

/// Two-sided probability of a sum of at most `smaller`, from the number of sign choices for each sum.
fn counted_out(ranks: &[usize], smaller: usize) -> f64 {
    let mut ways = vec![0.0; ranks.iter().sum::<usize>() + 1];
    ways[0] = 1.0;
    for &rank in ranks {
        for sum in (rank..ways.len()).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    let (tail, all) = (ways[..=smaller].iter().sum::<f64>(), ways.iter().sum::<f64>());
    (2.0 * tail / all).min(1.0)
}

fn approximated(n: usize, doubled_plus: usize, ties: f64) -> f64 {
    let n = to_f64(n);
    let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
    let z = (to_f64(doubled_plus) / 2.0 - n * (n + 1.0) / 4.0) / variance.sqrt();
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Whether there are values, and all of them finite.
pub(crate) fn check_finite(list: &'static str, what: &'static str, values: &[f64]) -> Result<(), EvalError> {
    if values.is_empty() {
        return Err(EvalError::Empty { what: list });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(position) => Err(EvalError::NotFinite { what, position, value: values[position] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rounding_decides_no_rank() {
        // The first two differ by rounding alone, the third is a zero that rounding missed.
        let test = wilcoxon(&[0.3 - 0.2, -0.1, 0.1 + 0.2 - 0.3, 0.5]).unwrap();
        assert_eq!((test.rank_sum_plus, test.rank_sum_minus), (4.5, 1.5));
        assert_eq!((test.num_pairs, test.num_zeros), (3, 1));
    }

    #[test]
    fn nothing_to_tell_apart_is_no_evidence() {
        let test = wilcoxon(&[0.0; 80]).unwrap();
        assert_eq!((test.p_value, test.num_pairs, test.num_zeros), (1.0, 0, 80));
        assert!(matches!(wilcoxon(&[]), Err(EvalError::Empty { .. })));
        assert!(matches!(wilcoxon(&[1.0, f64::NAN]), Err(EvalError::NotFinite { position: 1, .. })));
    }

    proptest! {
        #[test]
        fn the_count_is_every_choice_of_signs(differences in prop::collection::vec(-4i8..5, 1..12)) {
            let differences: Vec<f64> = differences.into_iter().map(f64::from).collect();
            let test = wilcoxon(&differences).unwrap();
            let sizes: Vec<f64> = differences.iter().map(|d| d.abs()).filter(|&d| d > 0.0).collect();
            let below = |x: f64| sizes.iter().filter(|&&d| d < x).count() as f64;
            let equal = |x: f64| sizes.iter().filter(|&&d| d == x).count() as f64;
            let ranks: Vec<f64> = sizes.iter().map(|&d| below(d) + (equal(d) + 1.0) / 2.0).collect();
            let smaller = test.rank_sum_plus.min(test.rank_sum_minus);
            let sum = |signs: u32| ranks.iter().enumerate().filter(|(bit, _)| signs >> bit & 1 == 1).map(|(_, r)| r).sum::<f64>();
            let choices = 1u32 << ranks.len();
            let tail = (0..choices).filter(|&signs| sum(signs) <= smaller).count();
            prop_assert!((test.p_value - (2.0 * tail as f64 / f64::from(choices)).min(1.0)).abs() < 1e-12);
            prop_assert_eq!(test.rank_sum_plus + test.rank_sum_minus, ranks.iter().sum::<f64>());
            let swapped = wilcoxon(&differences.iter().map(|d| -d).collect::<Vec<_>>()).unwrap();
            prop_assert_eq!((swapped.p_value, swapped.rank_sum_plus), (test.p_value, test.rank_sum_minus));
        }

        #[test]
        fn the_approximation_meets_the_count(differences in prop::collection::vec(-40i8..50, 50)) {
            let differences: Vec<f64> = differences.into_iter().map(f64::from).collect();
            let test = wilcoxon(&differences).unwrap();
            prop_assume!(test.num_pairs > 40);
            let mut ties = 0.0;
            for size in 1..=50 {
                let t = differences.iter().filter(|d| d.abs() == f64::from(size)).count() as f64;
                ties += t.powi(3) - t;
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "doubled ranks are whole")]
            let approximated = approximated(test.num_pairs, (2.0 * test.rank_sum_plus) as usize, ties);
            prop_assert!((approximated - test.p_value).abs() < 0.02, "{} {}", approximated, test.p_value);
        }
    }
}
