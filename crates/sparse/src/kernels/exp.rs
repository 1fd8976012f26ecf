//! The exponential of every softmax here, and the hyperbolic tangent: plain arithmetic without branches, so that a loop over it becomes
//! vectors and its bits are the same everywhere, which those of a platform's `expf` are not.
//!
//! The exponential serves once the largest logit is taken off, and takes no positive numbers.

use super::vectors::vectorised;

/// `e^x` for `x <= 0`, within `1.2e-7` of the exact value, relative; 0 below -87.33, where `f32` has only
/// subnormal numbers left (at most `1.2e-38` is lost); NaN of NaN.
///
/// `e^x = 2^k e^r` with `k = round(x / ln 2)` and `|r| <= ln 2 / 2`; the polynomial interpolates
/// `(e^r - 1 - r) / r²` at Chebyshev nodes, which leaves `1.1e-8`, and rounding the rest.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    /// Adding it rounds to an integer, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    /// `ln 2` in two parts, the first short enough that its multiples are exact.
    const LN_2: [f32; 2] = [355.0 / 512.0, -2.121_944_4e-4];
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let k = rounded - ROUND;
    let r = x - k * LN_2[0] - k * LN_2[1];
    let p = ((1.392_621_3e-3 * r + 8.363_203e-3) * r + 4.166_655_6e-2) * r + 1.666_657_6e-1;
    let value = 1.0 + (r + r * r * (p * r + 0.5));
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1f32.to_bits()));
    if x < -87.33 { 0.0 } else { value * power }
}

/// `tanh x` within `3e-7` of the exact value, relative; NaN of NaN.
///
/// `(1 - e^-2|x|) / (1 + e^-2|x|)` with the sign of `x`; below 1/4, where that would lose digits, the first five terms of
/// the series, which leave `1e-8`.
#[inline(always)]
pub(crate) fn tanh_of(x: f32) -> f32 {
    let power = exp(-2.0 * x.abs());
    let far = ((1.0 - power) / (1.0 + power)).copysign(x);
    let square = x * x;
    let series = (((62.0 / 2835.0 * square - 17.0 / 315.0) * square + 2.0 / 15.0) * square - 1.0 / 3.0) * square;
    let near = x * (1.0 + series);
    if x.abs() < 0.25 { near } else { far }
}

/// `tanh` of each value, in place.
pub fn tanh(values: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || values.iter_mut().for_each(|value| *value = tanh_of(*value)),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_within_its_error_of_the_exact_exponential() {
        let mut worst = 0f64;
        // Two million values down to -87.33, and the smallest steps below zero.
        let values = (0..2_000_000u32).map(|n| -87.33 * n as f32 / 2e6).chain((0..500).map(|n| -(2f32.powi(-n / 4))));
        for x in values.filter(|&x| x >= -87.33) {
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) / exact - 1.0).abs());
        }
        assert!(worst < 1.2e-7, "{worst:e}");
        assert!(worst > 3e-8, "better than rounding allows: {worst:e}");
    }

    #[test]
    fn tanh_is_within_its_error() {
        let values = (0..200_000u32).map(|n| 20.0 * n as f32 / 2e5).chain((0..160).map(|n| 2f32.powi(-n / 2)));
        let mut worst = 0f64;
        for x in values.filter(|&x| x > 0.0) {
            let exact = f64::from(x).tanh();
            worst = worst.max((f64::from(tanh_of(x)) / exact - 1.0).abs());
            assert_eq!(tanh_of(-x).to_bits(), (-tanh_of(x)).to_bits());
        }
        assert!(worst < 3e-7, "{worst:e}");
        let mut ends = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        tanh(&mut ends);
        assert_eq!(ends.map(f32::to_bits)[..4], [0.0, -0.0, 1.0, -1.0].map(f32::to_bits));
        assert!(ends[4].is_nan());
    }

    #[test]
    fn the_ends() {
        assert_eq!(exp(0.0).to_bits(), 1f32.to_bits());
        assert_eq!([exp(-87.34), exp(-1e30), exp(f32::NEG_INFINITY)].map(f32::to_bits), [0; 3]);
        assert!(exp(f32::NAN).is_nan() && exp(-f32::NAN).is_nan());
    }
}
