//! Numbers as a gathered table stores them: 32 bits, or the upper 16 of them.

use bytemuck::{Pod, Zeroable};

/// How the tables that a product gathers from are stored between its hops; sums are in `f32` either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TablePrecision {
    /// 32-bit floats.
    #[default]
    F32,
    /// `bfloat16`: the range of an `f32` with 8 significant bits, each value within a relative `2^-8`. Half
    /// the memory to gather from.
    Bf16,
}

/// A stored number.
pub(crate) trait Stored: Pod + Send + Sync {
    fn load(self) -> f32;
    fn store(value: f32) -> Self;
}

impl Stored for f32 {
    #[inline(always)]
    fn load(self) -> f32 {
        self
    }

    #[inline(always)]
    fn store(value: f32) -> Self {
        value
    }
}

/// The upper half of an `f32`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
pub(crate) struct Bf16(u16);

impl Stored for Bf16 {
    #[inline(always)]
    fn load(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }

    /// Rounds to the nearest, ties to even. A NaN stays one.
    #[inline(always)]
    fn store(value: f32) -> Self {
        let bits = value.to_bits();
        let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
        let quiet = bits | 0x40_0000;
        Self(((if value.is_nan() { quiet } else { rounded }) >> 16) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_by_hand() {
        let round = |value: f32| Bf16::store(value).load();
        // 1 + 2^-8 lies midway between 1 and 1 + 2^-7, 1 + 3 * 2^-8 between that and 1 + 2^-6: ties to even.
        for (value, expected) in [
            (1.0, 1.0),
            (-0.0, -0.0),
            (1.0 + 1.0 / 256.0, 1.0),
            (1.0 + 3.0 / 256.0, 1.0 + 1.0 / 64.0),
            (1.0 + 1.1 / 256.0, 1.0 + 1.0 / 128.0),
            (f32::MAX, f32::INFINITY),
            (f32::NEG_INFINITY, f32::NEG_INFINITY),
        ] {
            assert_eq!(round(value).to_bits(), f32::to_bits(expected), "{value}");
        }
        assert!(round(f32::NAN).is_nan() && round(f32::from_bits(0x7f80_0001)).is_nan());
        for n in 0..300u16 {
            let value = (f32::from(n) * 0.37).exp2() / 1e9;
            assert!((round(value) - value).abs() <= value / 256.0, "{value}");
        }
    }
}
