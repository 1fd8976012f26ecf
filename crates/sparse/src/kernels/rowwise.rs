//! What is done to each row of a table by itself, in one pass: to unit length, and dropout.
//!
//! ```text
//! unit     y[n] = x[n] / l[n]                        l[n] = max(|x[n]|, 1e-6)
//!          dx[n] = (dy[n] - (dy[n] · y[n]) y[n]) / l[n]      dy[n] / l[n] where |x[n]| < 1e-6
//! dropout  y[n][j] = x[n][j] scale 1[draw(key, id[n], j) >= threshold]
//! ```
//!
//! A draw is a hash of its key, so that no mask is held and the way back draws the same again.

use rayon::prelude::*;

use super::vectors::vectorised;

/// Rows a task.
const ROWS_A_TASK: usize = 256;

/// A row shorter than this is divided by this.
const LEAST_LENGTH: f32 = 1e-6;

/// Sums that a product keeps side by side; their number is part of the result, not of the machine.
const LANES: usize = 16;

/// Every row at length 1, `rows x width` as `x`; one of zeros stays one.
///
/// # Panics
/// If sizes differ.
pub fn unit_rows(x: &[f32], width: usize, y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "tables of one size");
    if width == 0 {
        return;
    }
    let (x, y) = (x.par_chunks(ROWS_A_TASK * width), y.par_chunks_mut(ROWS_A_TASK * width));
    x.zip(y).for_each(|(x, y)| {
        vectorised(
            #[inline(always)]
            || {
                for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
                    let length = dot(x, x).sqrt().max(LEAST_LENGTH);
                    y.iter_mut().zip(x).for_each(|(y, x)| *y = x / length);
                }
            },
        );
    });
}

/// The gradient of [`unit_rows`] towards `x`.
///
/// # Panics
/// If sizes differ.
pub fn unit_rows_gradient(x: &[f32], dy: &[f32], width: usize, dx: &mut [f32]) {
    assert!(x.len() == dy.len() && x.len() == dx.len(), "tables of one size");
    if width == 0 {
        return;
    }
    let tables = x.par_chunks(ROWS_A_TASK * width).zip(dy.par_chunks(ROWS_A_TASK * width));
    tables.zip(dx.par_chunks_mut(ROWS_A_TASK * width)).for_each(|((x, dy), dx)| {
        vectorised(
            #[inline(always)]
            || {
                let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
                for ((x, dy), dx) in rows.zip(dx.chunks_exact_mut(width)) {
                    let length = dot(x, x).sqrt();
                    let inverse = 1.0 / length.max(LEAST_LENGTH);
                    let along = if length < LEAST_LENGTH { 0.0 } else { dot(x, dy) * inverse * inverse };
                    for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
                        *dx = (dy - along * x) * inverse;
                    }
                }
            },
        );
    });
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// Which components of rows are dropped, and what the others are multiplied by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    key: u64,
    /// A draw below it drops.
    threshold: u32,
    scale: f32,
}

impl Dropout {
    /// Drops with probability `rate` and divides what stays by `1 - rate`. Dropouts of different keys are independent.
    ///
    /// # Panics
    /// If `rate` lies outside `[0, 1)`.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is in [0, 1)")]
    pub fn new(rate: f64, key: u64) -> Self {
        assert!((0.0..1.0).contains(&rate), "a rate of {rate}, expected one in [0, 1)");
        Self { key, threshold: (rate * 2f64.powi(32)) as u32, scale: (1.0 / (1.0 - rate)) as f32 }
    }

    /// Key, threshold and scale, as a device is told.
    #[cfg(feature = "gpu")]
    pub(crate) fn parts(&self) -> (u64, u32, f32) {
        (self.key, self.threshold, self.scale)
    }

    /// Whether anything of a part that `id` names is dropped: the first component alone.
    #[must_use]
    pub fn drops(&self, id: u32) -> bool {
        let (low, high) = self.of_row(id);
        draw(low, high, 0) < self.threshold
    }

    /// Two words for the draws of a row.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "halves of a word")]
    fn of_row(&self, id: u32) -> (u32, u32) {
        // SplitMix64: Steele, Lea and Flood, OOPSLA 2014.
        let mut z = self.key.wrapping_add((u64::from(id) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z as u32, (z >> 32) as u32)
    }
}

/// A uniform word, by a bijection of 32 bits of low bias on a Weyl sequence, its second round keyed by `high`.
#[inline(always)]
fn draw(low: u32, high: u32, component: u32) -> u32 {
    let mut x = low.wrapping_add(component.wrapping_mul(0x9E37_79B9));
    x = (x ^ (x >> 16)).wrapping_mul(0x21F0_AAAD) ^ high;
    x = (x ^ (x >> 15)).wrapping_mul(0xD35A_2D97);
    x ^ (x >> 15)
}

/// `y` of rows that `ids` name, or that are named by their numbers; its own gradient too.
///
/// # Panics
/// If sizes differ, or there is not one id for each row.
#[expect(clippy::cast_possible_truncation, reason = "rows and components are counted by a u32")]
pub fn dropout(x: &[f32], width: usize, ids: Option<&[u32]>, dropout: Dropout, y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "tables of one size");
    if width == 0 {
        return;
    }
    if let Some(ids) = ids {
        assert_eq!(ids.len() * width, x.len(), "one id for each row");
    }
    let Dropout { threshold, scale, .. } = dropout;
    let (x, y) = (x.par_chunks(ROWS_A_TASK * width), y.par_chunks_mut(ROWS_A_TASK * width));
    x.zip(y).enumerate().for_each(|(task, (x, y))| {
        let rows = task * ROWS_A_TASK..;
        vectorised(
            #[inline(always)]
            || {
                for ((row, x), y) in rows.clone().zip(x.chunks_exact(width)).zip(y.chunks_exact_mut(width)) {
                    let (low, high) = dropout.of_row(ids.map_or(row as u32, |ids| ids[row]));
                    for ((component, x), y) in (0u32..width as u32).zip(x).zip(y) {
                        *y = if draw(low, high, component) < threshold { 0.0 } else { x * scale };
                    }
                }
            },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first number of SplitMix64 from seed 0.
    #[test]
    fn a_row_is_keyed_by_splitmix() {
        assert_eq!(Dropout::new(0.5, 0).of_row(0), (0x7B1D_CDAF, 0xE220_A839));
    }

    /// Two rows whose sequences are the same but for a shift draw otherwise, since their other words differ.
    #[test]
    fn rows_that_overlap_draw_otherwise() {
        let equal = |high| (0..64).filter(|&j| draw(7, 1, j + 1) == draw(7 + 0x9E37_79B9, high, j)).count();
        assert_eq!((equal(1), equal(2)), (64, 0));
    }
}
