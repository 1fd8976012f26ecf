//! Losses that compare every row of a batch with every other: one cube goes through the batch for one row.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{Batch, total};
use crate::Rows;
use crate::gpu::device::{empty, upload_f32};
use crate::gpu::geometry::{cubes, lines, units};
use crate::gpu::rows::zeros;

/// Units of a cube that goes through the batch for one row.
const UNITS: usize = 64;

/// Which keys a query passes over.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Excluded {
    None,
    /// Of the same id, itself not.
    SameId,
    Itself,
}

/// Every query of a block of `d` attends to every key of another: `z_ij = scale q_i · k_j + offsets[j]`, of which the
/// logarithm of the sum of powers, the softmax's mean of keys and `z_ii` are left. One cube a query.
#[cube(launch_unchecked)]
fn attend(
    d: &[f32],
    transposed: &[f32],
    offsets: &[f32],
    ids: &[u32],
    log_sums: &mut [f32],
    diagonal: &mut [f32],
    means: &mut [f32],
    stacked: usize,
    num_rows: usize,
    first_query: usize,
    first_key: usize,
    scale: f32,
    #[comptime] scored: usize,
    #[comptime] excluded: Excluded,
) {
    let mut query = Shared::<[f32]>::new_slice(scored);
    let mut mean = Shared::<[f32]>::new_slice(scored);
    let mut shared = Shared::<[f32]>::new_slice(UNITS);
    let unit = UNIT_POS as usize;
    // Cubes past the last query repeat it, so that all units of a cube meet at its barriers.
    let i = min(CUBE_POS, num_rows - 1);
    let mut column = unit;
    while column < scored {
        query[column] = d[(first_query + i) * scored + column];
        mean[column] = 0.0;
        column += UNITS;
    }
    sync_cube();

    // Each unit goes through its own keys, then the cube through its units.
    let mut highest = f32::new(f32::MIN);
    let mut sum = f32::new(0.0);
    let mut j = unit;
    while j < num_rows {
        let mut z = f32::new(0.0);
        for column in 0..scored {
            z += query[column] * transposed[column * stacked + first_key + j];
        }
        z = z * scale + offsets[j];
        if j == i {
            diagonal[i] = z;
        }
        let mut counts = true;
        if comptime!(excluded == Excluded::SameId) {
            counts = j == i || ids[j] != ids[i];
        }
        if comptime!(excluded == Excluded::Itself) {
            counts = j != i;
        }
        if counts {
            if z > highest {
                sum = sum * (highest - z).exp() + 1.0;
                highest = z;
            } else {
                sum += (z - highest).exp();
            }
        }
        j += UNITS;
    }
    shared[unit] = highest;
    sync_cube();
    let mut top = f32::new(f32::MIN);
    for other in 0..UNITS {
        top = max(top, shared[other]);
    }
    sync_cube();
    shared[unit] = sum * (highest - top).exp();
    sync_cube();
    let mut all = f32::new(0.0);
    for other in 0..UNITS {
        all += shared[other];
    }
    let log_sum = top + all.ln();
    sync_cube();

    let mut tile = 0usize;
    while tile < num_rows {
        let j = tile + unit;
        let mut part = f32::new(0.0);
        if j < num_rows {
            let mut z = f32::new(0.0);
            for column in 0..scored {
                z += query[column] * transposed[column * stacked + first_key + j];
            }
            let mut counts = true;
            if comptime!(excluded == Excluded::SameId) {
                counts = j == i || ids[j] != ids[i];
            }
            if comptime!(excluded == Excluded::Itself) {
                counts = j != i;
            }
            if counts {
                part = (z * scale + offsets[j] - log_sum).exp();
            }
        }
        shared[unit] = part;
        sync_cube();
        let mut column = unit;
        while column < scored {
            let mut sum = mean[column];
            for other in 0..min(UNITS, num_rows - tile) {
                sum += shared[other] * d[(first_key + tile + other) * scored + column];
            }
            mean[column] = sum;
            column += UNITS;
        }
        sync_cube();
        tile += UNITS;
    }
    let mut column = unit;
    while column < scored {
        means[i * scored + column] = mean[column];
        column += UNITS;
    }
    if unit == 0 {
        log_sums[i] = log_sum;
    }
}

/// `offsets[i] = -log_sums[i]` and the row's term of the value.
#[cube(launch_unchecked)]
fn in_batch_terms(log_sums: &[f32], diagonal: &[f32], offsets: &mut [f32], terms: &mut [f32], num_rows: usize) {
    let i = ABSOLUTE_POS;
    if i < num_rows {
        offsets[i] = -log_sums[i];
        terms[i] = (log_sums[i] - diagonal[i]) / f32::cast_from(num_rows);
    }
}

/// `direct` of a softmax over the batch, of users or of positives.
#[cube(launch_unchecked)]
fn in_batch_direct(
    d: &[f32],
    means: &[f32],
    log_sums: &[f32],
    corrections: &[f32],
    direct: &mut [f32],
    num_rows: usize,
    first: usize,
    other: usize,
    scored: usize,
    weight: f32,
    #[comptime] of_users: bool,
) {
    let n = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if n >= num_rows {
        terminate!();
    }
    let mut share = f32::new(1.0);
    if comptime!(!of_users) {
        share = (log_sums[n] + corrections[n]).exp();
    }
    let mut column = UNIT_POS_X as usize;
    while column < scored {
        let target = d[(other + n) * scored + column];
        direct[(first + n) * scored + column] = weight * (share * means[n * scored + column] - target);
        column += CUBE_DIM_X as usize;
    }
}

/// `offsets[i] = -2 |d_i|²` of one side.
#[cube(launch_unchecked)]
fn spread_offsets(d: &[f32], offsets: &mut [f32], num_rows: usize, first: usize, scored: usize) {
    let i = ABSOLUTE_POS;
    if i < num_rows {
        let mut square = f32::new(0.0);
        for column in 0..scored {
            let value = d[(first + i) * scored + column];
            square += value * value;
        }
        offsets[i] = square * f32::new(-2.0);
    }
}

/// `sums[i] = Σ_{j≠i} e_ij`.
#[cube(launch_unchecked)]
fn spread_sums(log_sums: &[f32], offsets: &[f32], sums: &mut [f32], num_rows: usize) {
    let i = ABSOLUTE_POS;
    if i < num_rows {
        sums[i] = (log_sums[i] + offsets[i]).exp();
    }
}

/// `direct` of alignment and uniformity, of one side, and the row's term of alignment (half of it).
#[cube(launch_unchecked)]
fn au_direct(
    d: &[f32],
    means: &[f32],
    sums: &[f32],
    total: &[f32],
    direct: &mut [f32],
    terms: &mut [f32],
    num_rows: usize,
    first: usize,
    other: usize,
    scored: usize,
    gamma: f32,
) {
    let n = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if n >= num_rows {
        terminate!();
    }
    let weight = 1.0 / f32::cast_from(num_rows);
    let mut pull = f32::new(0.0);
    if num_rows > 1 {
        // The pairs i < j are half of all.
        pull = 0.5 * gamma * 4.0 * sums[n] / (0.5 * total[0]);
    }
    let mut column = UNIT_POS_X as usize;
    while column < scored {
        let apart = d[(first + n) * scored + column] - d[(other + n) * scored + column];
        let mut value = 2.0 * weight * apart;
        if num_rows > 1 {
            value += pull * means[n * scored + column];
        }
        direct[(first + n) * scored + column] = value;
        column += CUBE_DIM_X as usize;
    }
    if UNIT_POS_X == 0 {
        let mut square = f32::new(0.0);
        for column in 0..scored {
            let apart = d[(first + n) * scored + column] - d[(other + n) * scored + column];
            square += apart * apart;
        }
        terms[first + n] = 0.5 * weight * square;
    }
}

/// `gamma / 2 ln(mean over pairs)` of one side, as one term.
#[cube(launch_unchecked)]
fn spread_term(total: &[f32], terms: &mut [f32], at: usize, num_rows: usize, gamma: f32) {
    if ABSOLUTE_POS == 0 {
        let mut term = f32::new(0.0);
        if num_rows > 1 {
            let rows = f32::cast_from(num_rows);
            term = 0.5 * gamma * (total[0] / (rows * (rows - 1.0))).ln();
        }
        terms[at] = term;
    }
}

/// What a pass of [`attend`] leaves.
struct Attended {
    log_sums: CubeTensor,
    diagonal: CubeTensor,
    means: CubeTensor,
}

#[expect(unsafe_code, reason = "launched unchecked, as the module above says")]
impl Batch {
    fn attend(
        &self,
        [first_query, first_key]: [usize; 2],
        scale: f32,
        offsets: &CubeTensor,
        ids: Option<&CubeTensor>,
        excluded: Excluded,
    ) -> Attended {
        let Self { rows, scored, ref device, .. } = *self;
        let [log_sums, diagonal] = [(); 2].map(|()| empty([rows], device));
        let means = empty([rows, scored], device);
        // SAFETY: queries and keys are rows of the batch, one offset and one id for each.
        unsafe {
            attend::launch_unchecked(
                &self.d.client,
                cubes(rows, device),
                CubeDim::new_1d(64),
                self.d.clone().into_buffer_arg(),
                self.transposed.clone().into_buffer_arg(),
                offsets.clone().into_buffer_arg(),
                ids.unwrap_or(offsets).clone().into_buffer_arg(),
                log_sums.clone().into_buffer_arg(),
                diagonal.clone().into_buffer_arg(),
                means.clone().into_buffer_arg(),
                self.stacked,
                rows,
                first_query,
                first_key,
                scale,
                scored,
                excluded,
            );
        }
        Attended { log_sums, diagonal, means }
    }

    /// Terms and `direct` of a softmax over the batch.
    pub(super) fn in_batch(&self, scale: f32, ids: Option<&Rows>, log_probabilities: Option<&[f32]>) {
        let Self { rows, scored, ref device, .. } = *self;
        let corrections = match log_probabilities {
            None => zeros([rows], device),
            Some(values) => upload_f32(&values.iter().map(|value| -value).collect::<Vec<_>>(), device),
        };
        let ids = ids.map(|ids| ids.on(device));
        let excluded = if ids.is_some() { Excluded::SameId } else { Excluded::None };
        let to_positives = self.attend([0, rows], scale, &corrections, ids.as_deref(), excluded);
        let offsets = empty([rows], device);
        let (count, dim) = units(rows, device);
        // SAFETY: one value for each row.
        unsafe {
            in_batch_terms::launch_unchecked(
                &self.d.client,
                count,
                dim,
                to_positives.log_sums.clone().into_buffer_arg(),
                to_positives.diagonal.clone().into_buffer_arg(),
                offsets.clone().into_buffer_arg(),
                self.terms.clone().into_buffer_arg(),
                rows,
            );
        }
        let to_users = self.attend([rows, 0], scale, &offsets, ids.as_deref(), excluded);
        #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^24 rows")]
        let weight = scale / rows as f32;
        for (attended, first, other) in [(to_positives, 0, rows), (to_users, rows, 0)] {
            let (count, dim) = lines(rows, scored, device);
            // SAFETY: users and positives are rows of the batch.
            unsafe {
                in_batch_direct::launch_unchecked(
                    &self.d.client,
                    count,
                    dim,
                    self.d.clone().into_buffer_arg(),
                    attended.means.into_buffer_arg(),
                    attended.log_sums.into_buffer_arg(),
                    corrections.clone().into_buffer_arg(),
                    self.direct.clone().into_buffer_arg(),
                    rows,
                    first,
                    other,
                    scored,
                    weight,
                    first == 0,
                );
            }
        }
    }

    /// Terms and `direct` of alignment and uniformity.
    pub(super) fn direct_au(&self, gamma: f32) {
        let Self { rows, scored, ref device, own_terms, .. } = *self;
        let client = &self.d.client;
        for (side, first, other) in [(0, 0, rows), (1, rows, 0)] {
            let [offsets, sums] = [(); 2].map(|()| empty([rows], device));
            let (count, dim) = units(rows, device);
            // SAFETY: one value for each row.
            unsafe {
                let (d, offsets) = (self.d.clone().into_buffer_arg(), offsets.clone().into_buffer_arg());
                spread_offsets::launch_unchecked(client, count.clone(), dim, d, offsets, rows, first, scored);
            }
            let attended = self.attend([first, first], 4.0, &offsets, None, Excluded::Itself);
            // SAFETY: as above; terms of uniformity stand behind those of alignment.
            unsafe {
                spread_sums::launch_unchecked(
                    client,
                    count,
                    dim,
                    attended.log_sums.into_buffer_arg(),
                    offsets.into_buffer_arg(),
                    sums.clone().into_buffer_arg(),
                    rows,
                );
                let all = total(&sums);
                let (count, dim) = lines(rows, scored, device);
                au_direct::launch_unchecked(
                    client,
                    count,
                    dim,
                    self.d.clone().into_buffer_arg(),
                    attended.means.into_buffer_arg(),
                    sums.into_buffer_arg(),
                    all.clone().into_buffer_arg(),
                    self.direct.clone().into_buffer_arg(),
                    self.terms.clone().into_buffer_arg(),
                    rows,
                    first,
                    other,
                    scored,
                    gamma,
                );
                spread_term::launch_unchecked(
                    client,
                    CubeCount::new_single(),
                    CubeDim::new_1d(1),
                    all.into_buffer_arg(),
                    self.terms.clone().into_buffer_arg(),
                    own_terms - 2 + side,
                    rows,
                    gamma,
                );
            }
        }
    }
}
