//! What every objective does with the columns of a row: inner products, directions, the penalty.

use std::ops::Range;

use rayon::prelude::*;

/// Sums that run side by side in an inner product.
const LANES: usize = 16;

/// `a · b`, columns `c` with equal `c % 16` added first, in order.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += a * b;
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}

/// `sum += factor * x`.
#[inline(always)]
pub(super) fn add_scaled(sum: &mut [f32], factor: f32, x: &[f32]) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum += factor * x;
    }
}

/// `1 / |a|` from `|a|²`: 0 for a row of zeros, and NaN where the square left the range of `f32`, so that
/// the loss says so.
#[inline(always)]
pub(super) fn inverse_norm(square: f32) -> f32 {
    match square {
        0.0 => 0.0,
        f32::INFINITY => f32::NAN,
        _ => 1.0 / square.sqrt(),
    }
}

/// The L2 penalty, `factor / 2 Σ x²` over its columns.
#[derive(Clone, Debug)]
pub(super) struct Penalty {
    columns: Range<usize>,
    factor: f32,
}

impl Penalty {
    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^24 rows")]
    pub(super) fn new(l2: f32, columns: Range<usize>, rows: usize) -> Self {
        Self { columns, factor: l2 / rows as f32 }
    }

    /// Begins the gradient of a row with that of its penalty, zero in every other column; returns the
    /// penalty.
    #[inline(always)]
    pub(super) fn begin(&self, x: &[f32], gradient: &mut [f32]) -> f64 {
        gradient[..self.columns.start].fill(0.0);
        gradient[self.columns.end..].fill(0.0);
        let x = &x[self.columns.clone()];
        for (gradient, x) in gradient[self.columns.clone()].iter_mut().zip(x) {
            *gradient = self.factor * x;
        }
        f64::from(self.factor) * 0.5 * f64::from(dot(x, x))
    }
}

/// The scored columns of some rows, side by side: as they are, or each row divided by its length.
pub(super) struct Directions {
    /// `rows x width`.
    pub(super) values: Vec<f32>,
    pub(super) width: usize,
    /// `1 / |a|` of each row where rows were divided.
    inverse_norms: Option<Vec<f32>>,
}

impl Directions {
    pub(super) fn new(x: &[f32], width: usize, scored: Range<usize>, normalised: bool) -> Self {
        let mut values: Vec<f32> = x.chunks_exact(width).flat_map(|row| &row[scored.clone()]).copied().collect();
        let inverse_norms = normalised.then(|| {
            let rows = values.par_chunks_mut(scored.len()).with_min_len(256);
            rows.map(|row| {
                let factor = inverse_norm(dot(row, row));
                row.iter_mut().for_each(|value| *value *= factor);
                factor
            })
            .collect()
        });
        Self { values, width: scored.len(), inverse_norms }
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..][..self.width]
    }

    /// Adds `factor(row) * (gradient with respect to the value)` of one row: as it is, or through the
    /// division by the length, `(g - â (â·g)) / |a|`.
    #[inline(always)]
    pub(super) fn add_gradient(&self, row: usize, direct: &[f32], sum: &mut [f32]) {
        match &self.inverse_norms {
            None => add_scaled(sum, 1.0, direct),
            Some(factors) => {
                let unit = self.row(row);
                let along = dot(unit, direct);
                for ((sum, direct), unit) in sum.iter_mut().zip(direct).zip(unit) {
                    *sum += factors[row] * (direct - along * unit);
                }
            }
        }
    }
}
