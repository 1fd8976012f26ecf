//! Objectives of a positive against its own negatives: BPR and sampled softmax.
//!
//! ```text
//! s_0 = u·p        s_k = u·n_k        c_k = dL / ds_k
//! dL/du = c_0 p + Σ_k c_k n_k         dL/dp = c_0 u         dL/dn_k = c_k u
//! ```
//!
//! A row of the batch owns its user, positive and negatives, so one task writes all their gradients while
//! the rows are in cache. Nothing is normalised in place: with cosines, `dL/da = f u + g a` again, with
//! other factors.

use rayon::prelude::*;

use super::Batch;
use super::columns::{add_scaled, dot, inverse_norm};
use crate::kernels::vectors::vectorised;

/// Rows of the batch that one task owns.
const ROWS_A_TASK: usize = 32;

/// How scores become a cost.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ranking {
    Bpr,
    Softmax { temperature: f32, cosine: bool },
}

impl Ranking {
    /// Turns the scores of a row, its positive first, into `dL/ds` times `rows`; returns `L` times `rows`.
    fn cost(self, scores: &mut [f64]) -> f64 {
        let (pos, negatives) = scores.split_first_mut().expect("a positive and its negatives");
        match self {
            Self::Bpr => {
                #[expect(clippy::cast_precision_loss, reason = "a row has far fewer than 2^52 negatives")]
                let weight = 1.0 / negatives.len() as f64;
                let (mut cost, mut sum) = (0.0, 0.0);
                for score in negatives {
                    // softplus(z) = max(z, 0) + ln(1 + e^-|z|), and its derivative, the logistic function.
                    let z = *score - *pos;
                    let small = (-z.abs()).exp();
                    cost += z.max(0.0) + small.ln_1p();
                    *score = weight * if z >= 0.0 { 1.0 } else { small } / (1.0 + small);
                    sum += *score;
                }
                *pos = -sum;
                weight * cost
            }
            Self::Softmax { temperature, .. } => {
                let scale = 1.0 / f64::from(temperature);
                let highest = negatives.iter().fold(*pos, |highest, &score| highest.max(score));
                let target = scale * (*pos - highest);
                let mut sum = 0.0;
                for score in negatives.iter_mut() {
                    *score = (scale * (*score - highest)).exp();
                    sum += *score;
                }
                let total = sum + target.exp();
                negatives.iter_mut().for_each(|score| *score *= scale / total);
                *pos = -scale * sum / total;
                total.ln() - target
            }
        }
    }
}

/// Value and gradient; the table holds `(2 + num_negatives) * rows` rows.
pub(super) fn row_loss(batch: Batch<'_>, num_negatives: usize, ranking: Ranking, gradient: &mut [f32]) -> f64 {
    let (rows, width) = (batch.rows, batch.width);
    let (users, rest) = gradient.split_at_mut(rows * width);
    let (positives, negatives) = rest.split_at_mut(rows * width);
    let chunk = ROWS_A_TASK * width;
    let costs: Vec<f64> = users
        .par_chunks_mut(chunk)
        .zip(positives.par_chunks_mut(chunk))
        .zip(negatives.par_chunks_mut(chunk * num_negatives))
        .enumerate()
        .map(|(task, ((users, positives), negatives))| {
            vectorised(
                #[inline(always)]
                || {
                    let gradients = Gradients { users, positives, negatives };
                    block(&batch, num_negatives, ranking, task * ROWS_A_TASK, gradients)
                },
            )
        })
        .collect();
    costs.iter().sum()
}

/// What one task writes.
struct Gradients<'a> {
    users: &'a mut [f32],
    positives: &'a mut [f32],
    negatives: &'a mut [f32],
}

#[inline(always)]
fn block(batch: &Batch<'_>, num_negatives: usize, ranking: Ranking, first: usize, gradients: Gradients<'_>) -> f64 {
    let Batch { rows, width, scored, penalty, x } = batch;
    let cosine = matches!(ranking, Ranking::Softmax { cosine: true, .. });
    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
    let weight = 1.0 / *rows as f64;
    let row = |index: usize| &x[index * width..][..*width];
    let mut scores = vec![0f64; 1 + num_negatives];
    let mut inverse_norms = vec![1f32; 1 + num_negatives];
    let mut cosines = vec![0f64; 1 + num_negatives];
    let mut cost = 0.0;
    let writes = gradients.users.chunks_exact_mut(*width).zip(gradients.positives.chunks_exact_mut(*width));
    let writes = writes.zip(gradients.negatives.chunks_exact_mut(width * num_negatives));
    for (n, ((user_gradient, positive_gradient), negative_gradients)) in (first..).zip(writes) {
        let user = row(n);
        // The positive is item 0 of the row, its negatives follow.
        let item = |k: usize| row(if k == 0 { rows + n } else { 2 * rows + n * num_negatives + k - 1 });
        let scored_user = &user[scored.clone()];
        for (k, score) in scores.iter_mut().enumerate() {
            *score = f64::from(dot(scored_user, &item(k)[scored.clone()]));
        }
        let mut inverse_user = 1f32;
        if cosine {
            inverse_user = inverse_norm(dot(scored_user, scored_user));
            for (k, score) in scores.iter_mut().enumerate() {
                let scored_item = &item(k)[scored.clone()];
                inverse_norms[k] = inverse_norm(dot(scored_item, scored_item));
                *score *= f64::from(inverse_user) * f64::from(inverse_norms[k]);
                cosines[k] = *score;
            }
        }
        cost += weight * ranking.cost(&mut scores);

        cost += penalty.begin(user, user_gradient);
        let user_gradient = &mut user_gradient[scored.clone()];
        let mut along_user = 0.0;
        let item_gradients = std::iter::once(positive_gradient).chain(negative_gradients.chunks_exact_mut(*width));
        for (k, item_gradient) in item_gradients.enumerate() {
            let scored_item = &item(k)[scored.clone()];
            cost += penalty.begin(item(k), item_gradient);
            let item_gradient = &mut item_gradient[scored.clone()];
            let (inverse_user, inverse_item) = (f64::from(inverse_user), f64::from(inverse_norms[k]));
            let slope = weight * scores[k] * inverse_user * inverse_item;
            add_scaled(user_gradient, narrow(slope), scored_item);
            add_scaled(item_gradient, narrow(slope), scored_user);
            if cosine {
                let along = weight * scores[k] * cosines[k];
                add_scaled(item_gradient, narrow(-along * inverse_item * inverse_item), scored_item);
                along_user += along * inverse_user * inverse_user;
            }
        }
        if cosine {
            add_scaled(user_gradient, narrow(-along_user), scored_user);
        }
    }
    cost
}

#[expect(clippy::cast_possible_truncation, reason = "gradients are 32-bit")]
fn narrow(x: f64) -> f32 {
    x as f32
}
