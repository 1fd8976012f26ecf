//! The specification: every loss in plain `f64` loops with all scores at hand, nothing shared with the
//! kernels. It has no gradients; a difference of its values is one.

use super::{Objective, RowLoss};

/// The value of the loss; `x` is row-major, `num_stacked x width`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "batches of tests are small")]
pub fn row_loss(loss: &RowLoss, x: &[f64], width: usize) -> f64 {
    let rows = loss.rows;
    let stacked: Vec<&[f64]> = x.chunks_exact(width).collect();
    let scored: Vec<&[f64]> = stacked.iter().map(|row| &row[loss.scored.clone()]).collect();
    let units: Vec<Vec<f64>> = scored.iter().map(|row| unit(row)).collect();
    let score = |cosine: bool, a: usize, b: usize| match cosine {
        true => dot(&units[a], &units[b]),
        false => dot(scored[a], scored[b]),
    };
    let mut value = 0.0;
    match &loss.objective {
        &Objective::Bpr { num_negatives } => {
            for n in 0..rows {
                for k in 0..num_negatives {
                    let z = score(false, n, 2 * rows + n * num_negatives + k) - score(false, n, rows + n);
                    value += (z.max(0.0) + (-z.abs()).exp().ln_1p()) / (rows * num_negatives) as f64;
                }
            }
        }
        &Objective::SampledSoftmax { num_negatives, temperature, cosine } => {
            for n in 0..rows {
                let mut logits = vec![score(cosine, n, rows + n) / f64::from(temperature)];
                for k in 0..num_negatives {
                    logits.push(score(cosine, n, 2 * rows + n * num_negatives + k) / f64::from(temperature));
                }
                value += (log_sum_exp(&logits) - logits[0]) / rows as f64;
            }
        }
        Objective::InBatchSoftmax { temperature, cosine, ids, log_probabilities } => {
            let logit = |i: usize, j: usize| {
                let correction = log_probabilities.as_ref().map_or(0.0, |values| f64::from(values[j]));
                score(*cosine, i, rows + j) / f64::from(*temperature) - correction
            };
            for i in 0..rows {
                let seen = (0..rows).filter(|&j| i == j || ids.as_ref().is_none_or(|ids| ids[i] != ids[j]));
                let logits: Vec<f64> = seen.map(|j| logit(i, j)).collect();
                value += (log_sum_exp(&logits) - logit(i, i)) / rows as f64;
            }
        }
        &Objective::InfoNce { temperature } => {
            for i in 0..rows {
                let logits: Vec<f64> = (0..rows).map(|j| score(true, i, rows + j) / f64::from(temperature)).collect();
                value += (log_sum_exp(&logits) - logits[i]) / rows as f64;
            }
        }
        &Objective::DirectAu { gamma } => {
            for i in 0..rows {
                value += square_distance(&units[i], &units[rows + i]) / rows as f64;
            }
            for side in [&units[..rows], &units[rows..]] {
                let (mut sum, mut pairs) = (0.0, 0.0);
                for i in 0..rows {
                    for j in 0..i {
                        sum += (-2.0 * square_distance(&side[i], &side[j])).exp();
                        pairs += 1.0;
                    }
                }
                if pairs > 0.0 {
                    value += f64::from(gamma) / 2.0 * f64::ln(sum / pairs);
                }
            }
        }
    }
    for row in stacked {
        for x in &row[loss.penalised.clone()] {
            value += f64::from(loss.l2) / 2.0 * x * x / rows as f64;
        }
    }
    value
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn square_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The row divided by its length; a row of zeros stays.
fn unit(row: &[f64]) -> Vec<f64> {
    let length = dot(row, row).sqrt();
    row.iter().map(|x| if length == 0.0 { 0.0 } else { x / length }).collect()
}

fn log_sum_exp(logits: &[f64]) -> f64 {
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    highest + logits.iter().map(|logit| (logit - highest).exp()).sum::<f64>().ln()
}
