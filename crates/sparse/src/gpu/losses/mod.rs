//! The ranking losses of [`crate::kernels::losses`] on a device, without a read-back.
//!
//! ```text
//! directions   d = the scored columns, at length 1 for cosines        inverse = 1 / |..|, or 1
//! objective    terms of the value, and direct = dL/dd
//! gradient     (direct - (direct · d) d) inverse for cosines, + l2 / B x;  a term of the penalty for each row
//! total        the sum of all terms, in one cube
//! ```
//!
//! Losses over the whole batch go through it twice, a cube for each row: `rows x rows` scores are never held.

mod attend;
mod own_negatives;

use burn_cubecl::CubeDevice;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::device::empty;
use super::geometry::lines;
use crate::kernels::losses::{Objective, RowLoss};

/// The scored columns of each row, compact, and what they were multiplied by.
#[cube(launch_unchecked)]
fn directions(
    x: &[f32],
    out: &mut [f32],
    transposed: &mut [f32],
    inverses: &mut [f32],
    num_rows: usize,
    width: usize,
    first: usize,
    scored: usize,
    #[comptime] cosine: bool,
    #[comptime] both_ways: bool,
) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if row >= num_rows {
        terminate!();
    }
    let mut inverse = f32::new(1.0);
    if comptime!(cosine) {
        let mut square = f32::new(0.0);
        for column in 0..scored {
            let value = x[row * width + first + column];
            square += value * value;
        }
        inverse = select(square > 0.0, 1.0 / square.sqrt(), 0.0);
    }
    let mut column = UNIT_POS_X as usize;
    while column < scored {
        let value = x[row * width + first + column] * inverse;
        out[row * scored + column] = value;
        if comptime!(both_ways) {
            transposed[column * num_rows + row] = value;
        }
        column += CUBE_DIM_X as usize;
    }
    if UNIT_POS_X == 0 {
        inverses[row] = inverse;
    }
}

/// The gradient of every column from `direct`, and each row's term of the penalty.
#[cube(launch_unchecked)]
fn gradients(
    x: &[f32],
    d: &[f32],
    inverses: &[f32],
    direct: &[f32],
    gradient: &mut [f32],
    terms: &mut [f32],
    num_rows: usize,
    width: usize,
    first: usize,
    scored: usize,
    penalised_first: usize,
    penalised_end: usize,
    penalty: f32,
    first_term: usize,
    #[comptime] cosine: bool,
) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if row >= num_rows {
        terminate!();
    }
    let mut along = f32::new(0.0);
    if comptime!(cosine) {
        for column in 0..scored {
            along += direct[row * scored + column] * d[row * scored + column];
        }
    }
    let mut column = UNIT_POS_X as usize;
    while column < width {
        let mut value = f32::new(0.0);
        if column >= first && column < first + scored {
            let at = row * scored + column - first;
            value = direct[at];
            if comptime!(cosine) {
                value = (value - along * d[at]) * inverses[row];
            }
        }
        if column >= penalised_first && column < penalised_end {
            value += penalty * x[row * width + column];
        }
        gradient[row * width + column] = value;
        column += CUBE_DIM_X as usize;
    }
    if UNIT_POS_X == 0 {
        let mut square = f32::new(0.0);
        for column in penalised_first..penalised_end {
            let value = x[row * width + column];
            square += value * value;
        }
        terms[first_term + row] = 0.5 * penalty * square;
    }
}

/// Units that add all terms.
const ADDERS: usize = 256;

/// `total[0] = Σ terms`, in one cube.
#[cube(launch_unchecked)]
fn add_terms(terms: &[f32], total: &mut [f32], len: usize) {
    let mut shared = Shared::<[f32]>::new_slice(ADDERS);
    let unit = UNIT_POS as usize;
    let mut sum = f32::new(0.0);
    let mut at = unit;
    while at < len {
        sum += terms[at];
        at += ADDERS;
    }
    shared[unit] = sum;
    sync_cube();
    if unit == 0 {
        let mut all = f32::new(0.0);
        for other in 0..ADDERS {
            all += shared[other];
        }
        total[0] = all;
    }
}

fn total(terms: &CubeTensor) -> CubeTensor {
    let total = empty([1], &terms.device);
    let (count, dim) = (CubeCount::new_single(), CubeDim::new_1d(256));
    let len = terms.meta.num_elements();
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: there are `len` terms.
    unsafe {
        let (terms_arg, total_arg) = (terms.clone().into_buffer_arg(), total.clone().into_buffer_arg());
        add_terms::launch_unchecked(&terms.client, count, dim, terms_arg, total_arg, len);
    }
    total
}

/// A call's sizes and what all objectives share.
struct Batch {
    device: CubeDevice,
    /// `B`.
    rows: usize,
    /// Stacked rows.
    stacked: usize,
    scored: usize,
    d: CubeTensor,
    /// The same by columns, where rows are compared with all others; otherwise one number.
    transposed: CubeTensor,
    inverses: CubeTensor,
    /// One for each row of an objective, one for each stacked row of the penalty.
    terms: CubeTensor,
    direct: CubeTensor,
    /// Terms of the objective.
    own_terms: usize,
}

/// The value, `[1]`, and the gradient, of the size of `x`.
pub(super) fn row_loss(loss: &RowLoss, x: &CubeTensor) -> (CubeTensor, CubeTensor) {
    let (stacked, width) = (x.meta.shape()[0], x.meta.shape()[1]);
    let device = x.device.clone();
    let columns = loss.scored_columns();
    let (first, scored, rows) = (columns.start, columns.len(), loss.rows());
    let objective = loss.objective();
    let cosine = match objective {
        Objective::Bpr { .. } => false,
        Objective::SampledSoftmax { cosine, .. } | Objective::InBatchSoftmax { cosine, .. } => *cosine,
        Objective::InfoNce { .. } | Objective::DirectAu { .. } => true,
    };
    // Alignment has a term for each row of either side, and uniformity one for each side.
    let own_terms = if matches!(objective, Objective::DirectAu { .. }) { 2 * rows + 2 } else { rows };
    let both_ways = !matches!(objective, Objective::Bpr { .. } | Objective::SampledSoftmax { .. });
    let batch = Batch {
        rows,
        stacked,
        scored,
        d: empty([stacked, scored], &device),
        transposed: empty([if both_ways { stacked * scored } else { 1 }], &device),
        inverses: empty([stacked], &device),
        terms: empty([own_terms + stacked], &device),
        direct: empty([stacked, scored], &device),
        own_terms,
        device,
    };
    let (count, dim) = lines(stacked, scored, &batch.device);
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: the scored columns lie within the table, as was checked.
    unsafe {
        directions::launch_unchecked(
            &x.client,
            count,
            dim,
            x.clone().into_buffer_arg(),
            batch.d.clone().into_buffer_arg(),
            batch.transposed.clone().into_buffer_arg(),
            batch.inverses.clone().into_buffer_arg(),
            stacked,
            width,
            first,
            scored,
            cosine,
            both_ways,
        );
    }
    match objective {
        &Objective::Bpr { num_negatives } => batch.own_negatives(num_negatives, 1.0, true),
        &Objective::SampledSoftmax { num_negatives, temperature, .. } => {
            batch.own_negatives(num_negatives, 1.0 / temperature, false);
        }
        Objective::InBatchSoftmax { temperature, ids, log_probabilities, .. } => {
            batch.in_batch(1.0 / temperature, ids.as_ref(), log_probabilities.as_deref());
        }
        &Objective::InfoNce { temperature } => batch.in_batch(1.0 / temperature, None, None),
        &Objective::DirectAu { gamma } => batch.direct_au(gamma),
    }
    let gradient = empty([stacked, width], &batch.device);
    let (count, dim) = lines(stacked, width, &batch.device);
    let (l2, penalised) = loss.penalty();
    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^24 rows")]
    let penalty = l2 / rows as f32;
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: all columns lie within the table, as was checked.
    unsafe {
        gradients::launch_unchecked(
            &x.client,
            count,
            dim,
            x.clone().into_buffer_arg(),
            batch.d.into_buffer_arg(),
            batch.inverses.into_buffer_arg(),
            batch.direct.into_buffer_arg(),
            gradient.clone().into_buffer_arg(),
            batch.terms.clone().into_buffer_arg(),
            stacked,
            width,
            first,
            scored,
            penalised.start,
            penalised.end,
            penalty,
            own_terms,
            cosine,
        );
    }
    (total(&batch.terms), gradient)
}
