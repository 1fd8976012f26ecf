//! Losses of a positive against its own negatives.

use cubecl::prelude::*;

use super::Batch;
use crate::gpu::device::empty;
use crate::gpu::geometry::{lines, units};

/// `logits[n, k] = scale d[n] · d[candidate k of n]`, the positive first; one unit each.
#[cube(launch_unchecked)]
fn own_logits(d: &[f32], logits: &mut [f32], num_rows: usize, num_negatives: usize, scored: usize, scale: f32) {
    let at = ABSOLUTE_POS;
    let candidates = num_negatives + 1;
    if at >= num_rows * candidates {
        terminate!();
    }
    let n = at / candidates;
    let k = at % candidates;
    let mut row = num_rows + n;
    if k > 0 {
        row = 2 * num_rows + n * num_negatives + k - 1;
    }
    let mut sum = f32::new(0.0);
    for column in 0..scored {
        sum += d[n * scored + column] * d[row * scored + column];
    }
    logits[at] = sum * scale;
}

/// The term of each row, and in place of its logits their gradients times `scale`; one unit a row.
#[cube(launch_unchecked)]
fn own_terms(
    logits: &mut [f32],
    terms: &mut [f32],
    num_rows: usize,
    num_negatives: usize,
    scale: f32,
    #[comptime] pairwise: bool,
) {
    let n = ABSOLUTE_POS;
    if n >= num_rows {
        terminate!();
    }
    let first = n * (num_negatives + 1);
    let positive = logits[first];
    let share = 1.0 / f32::cast_from(num_rows);
    if comptime!(pairwise) {
        let share = share / f32::cast_from(num_negatives);
        let mut term = f32::new(0.0);
        let mut of_positive = f32::new(0.0);
        for k in 1..num_negatives + 1 {
            let z = logits[first + k] - positive;
            let small = (-z.abs()).exp();
            term += max(z, 0.0) + small.log1p();
            // e^-|z| never overflows.
            let slope = select(z > 0.0, 1.0, small) / (1.0 + small) * share * scale;
            logits[first + k] = slope;
            of_positive -= slope;
        }
        logits[first] = of_positive;
        terms[n] = term * share;
    } else {
        let mut highest = positive;
        for k in 1..num_negatives + 1 {
            highest = max(highest, logits[first + k]);
        }
        let mut sum = f32::new(0.0);
        for k in 0..num_negatives + 1 {
            sum += (logits[first + k] - highest).exp();
        }
        terms[n] = (highest + sum.ln() - positive) * share;
        for k in 0..num_negatives + 1 {
            let part = (logits[first + k] - highest).exp() / sum;
            logits[first + k] = (part - select(k == 0, 1.0, 0.0)) * share * scale;
        }
    }
}

/// `direct` of an objective over own negatives.
#[cube(launch_unchecked)]
fn own_direct(d: &[f32], slopes: &[f32], direct: &mut [f32], num_rows: usize, num_negatives: usize, scored: usize) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    let candidates = num_negatives + 1;
    if row >= num_rows * (candidates + 1) {
        terminate!();
    }
    let mut column = UNIT_POS_X as usize;
    while column < scored {
        let mut sum = f32::new(0.0);
        if row < num_rows {
            sum += slopes[row * candidates] * d[(num_rows + row) * scored + column];
            for k in 1..candidates {
                let other = 2 * num_rows + row * num_negatives + k - 1;
                sum += slopes[row * candidates + k] * d[other * scored + column];
            }
        } else {
            let mut user = row - num_rows;
            let mut slope = user * candidates;
            if row >= 2 * num_rows {
                let negative = row - 2 * num_rows;
                user = negative / num_negatives;
                slope = user * candidates + 1 + negative % num_negatives;
            }
            sum += slopes[slope] * d[user * scored + column];
        }
        direct[row * scored + column] = sum;
        column += CUBE_DIM_X as usize;
    }
}

#[expect(unsafe_code, reason = "launched unchecked, as the module above says")]
impl Batch {
    /// Terms and `direct` of Bayesian personalised ranking (`pairwise`) or of a softmax.
    pub(super) fn own_negatives(&self, num_negatives: usize, scale: f32, pairwise: bool) {
        let Self { rows, scored, ref device, .. } = *self;
        let logits = empty([rows, num_negatives + 1], device);
        let client = &self.d.client;
        let (count, dim) = units(rows * (num_negatives + 1), device);
        let (of_rows, rows_dim) = units(rows, device);
        let (of_stacked, stacked_dim) = lines(self.stacked, scored, device);
        // SAFETY: a row has `num_negatives` negatives behind the users and positives, as was checked.
        unsafe {
            own_logits::launch_unchecked(
                client,
                count,
                dim,
                self.d.clone().into_buffer_arg(),
                logits.clone().into_buffer_arg(),
                rows,
                num_negatives,
                scored,
                scale,
            );
            own_terms::launch_unchecked(
                client,
                of_rows,
                rows_dim,
                logits.clone().into_buffer_arg(),
                self.terms.clone().into_buffer_arg(),
                rows,
                num_negatives,
                scale,
                pairwise,
            );
            own_direct::launch_unchecked(
                client,
                of_stacked,
                stacked_dim,
                self.d.clone().into_buffer_arg(),
                logits.into_buffer_arg(),
                self.direct.clone().into_buffer_arg(),
                rows,
                num_negatives,
                scored,
            );
        }
    }
}
