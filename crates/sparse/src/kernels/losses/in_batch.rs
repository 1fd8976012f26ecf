//! Softmax over the batch: every positive is the others' negative. InfoNCE is the same with cosines.
//!
//! ```text
//! z_ij = s(u_i, p_j) - ln q_j         P_ij = e^(z_ij - log_sum_i)         L = mean_i (log_sum_i - z_ii)
//! dL/du_i = (Σ_j P_ij p_j - p_i) / BT          dL/dp_j = (Σ_i P_ij u_i - u_j) / BT
//! ```
//!
//! The users attend to the positives, which gives `log_sum` and the first sum; then the positives attend to
//! the users with offsets `-log_sum_i`, and `Σ_i P_ij u_i` is their mean times `e^(log_sum'_j - ln q_j)`.

use rayon::prelude::*;

use super::Batch;
use super::attend::{Excluded, Keys, attend};
use super::columns::Directions;

/// How two rows of the batch are compared.
pub(super) struct Softmax<'a> {
    pub(super) temperature: f32,
    pub(super) cosine: bool,
    pub(super) ids: Option<&'a [u32]>,
    pub(super) log_probabilities: Option<&'a [f32]>,
}

/// Value and gradient; the table holds `2 * rows` rows.
#[expect(clippy::cast_possible_truncation, reason = "gradients are 32-bit")]
#[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
pub(super) fn row_loss(batch: Batch<'_>, softmax: &Softmax<'_>, gradient: &mut [f32]) -> f64 {
    let Batch { rows, width, ref scored, ref penalty, x } = batch;
    let (users, positives) = x.split_at(rows * width);
    let users = Directions::new(users, width, scored.clone(), softmax.cosine);
    let positives = Directions::new(positives, width, scored.clone(), softmax.cosine);
    let scale = 1.0 / softmax.temperature;
    let excluded = softmax.ids.map_or(Excluded::None, Excluded::SameId);
    let corrections = match softmax.log_probabilities {
        Some(values) => values.iter().map(|value| -value).collect(),
        None => vec![0f32; rows],
    };

    let keys = Keys::new(&positives.values, rows, positives.width);
    let to_positives = attend(&users.values, &keys, scale, &corrections, excluded);
    let offsets: Vec<f32> = to_positives.log_sums.iter().map(|&log_sum| -log_sum as f32).collect();
    let keys = Keys::new(&users.values, rows, users.width);
    let to_users = attend(&positives.values, &keys, scale, &offsets, excluded);

    let pairs = to_positives.log_sums.iter().zip(&to_positives.diagonal);
    let value = pairs.map(|(log_sum, &target)| log_sum - f64::from(target)).sum::<f64>() / rows as f64;
    let weight = scale / rows as f32;
    let penalties: Vec<f64> = gradient
        .par_chunks_mut(width)
        .enumerate()
        .with_min_len(64)
        .map(|(n, gradient)| {
            let penalty = penalty.begin(&x[n * width..][..width], gradient);
            let (from, to, attended, row) = if n < rows {
                (&users, &positives, &to_positives, n)
            } else {
                (&positives, &users, &to_users, n - rows)
            };
            let share = match n < rows {
                true => 1.0,
                false => (attended.log_sums[row] + f64::from(corrections[row])).exp() as f32,
            };
            let mean = &attended.means[row * from.width..][..from.width];
            let direct: Vec<f32> = mean.iter().zip(to.row(row)).map(|(mean, x)| weight * (share * mean - x)).collect();
            from.add_gradient(row, &direct, &mut gradient[scored.clone()]);
            penalty
        })
        .collect();
    value + penalties.iter().sum::<f64>()
}
