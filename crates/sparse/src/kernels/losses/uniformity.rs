//! Alignment and uniformity of normalised rows.
//!
//! ```text
//! L = mean_i |û_i - p̂_i|² + gamma / 2 (l(u) + l(p))         e_ij = e^(-2 |â_i - â_j|²)
//! l(a) = ln (Σ_{i<j} e_ij / pairs)         dl/dâ_i = 4 Σ_{j≠i} e_ij (â_j - â_i) / Σ_{i<j} e_ij
//! ```
//!
//! With `-2 |â_i - â_j|² = 4 â_i·â_j - 2 |â_i|² - 2 |â_j|²` the rows attend to one another, without
//! themselves. The part of the gradient along `â_i` is lost when it passes the division by the length, so
//! the sum of `e_ij â_j` is all that is needed of it.

use rayon::prelude::*;

use super::Batch;
use super::attend::{Excluded, Keys, attend};
use super::columns::{Directions, dot};

/// Value and gradient; the table holds `2 * rows` rows.
#[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^24 rows")]
pub(super) fn row_loss(batch: Batch<'_>, gamma: f32, gradient: &mut [f32]) -> f64 {
    let Batch { rows, width, ref scored, ref penalty, x } = batch;
    let (users, positives) = x.split_at(rows * width);
    let users = Directions::new(users, width, scored.clone(), true);
    let positives = Directions::new(positives, width, scored.clone(), true);
    let (user_spread, positive_spread) = (Spread::new(&users, rows), Spread::new(&positives, rows));
    let weight = 1.0 / rows as f32;
    let costs: Vec<f64> = gradient
        .par_chunks_mut(width)
        .enumerate()
        .with_min_len(64)
        .map(|(n, gradient)| {
            let penalty = penalty.begin(&x[n * width..][..width], gradient);
            let (from, to, spread, row) = if n < rows {
                (&users, &positives, &user_spread, n)
            } else {
                (&positives, &users, &positive_spread, n - rows)
            };
            let apart: Vec<f32> = from.row(row).iter().zip(to.row(row)).map(|(from, to)| from - to).collect();
            let pull = spread.gradient[row * from.width..][..from.width].iter();
            let direct: Vec<f32> =
                apart.iter().zip(pull).map(|(apart, pull)| 2.0 * weight * apart + 0.5 * gamma * pull).collect();
            from.add_gradient(row, &direct, &mut gradient[scored.clone()]);
            // The same distance stands in the user's row and in the positive's.
            penalty + 0.5 * f64::from(weight) * f64::from(dot(&apart, &apart))
        })
        .collect();
    let spread = 0.5 * f64::from(gamma) * (user_spread.value + positive_spread.value);
    costs.iter().sum::<f64>() + spread
}

/// How evenly some normalised rows are spread.
struct Spread {
    /// `l`.
    value: f64,
    /// `4 Σ_{j≠i} e_ij â_j / Σ_{i<j} e_ij`, a row for each `i`.
    gradient: Vec<f32>,
}

impl Spread {
    #[expect(clippy::cast_possible_truncation, reason = "gradients are 32-bit")]
    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^26 rows")]
    fn new(units: &Directions, rows: usize) -> Self {
        if rows < 2 {
            return Self { value: 0.0, gradient: vec![0.0; units.width] };
        }
        let offsets: Vec<f32> = (0..rows).map(|row| -2.0 * dot(units.row(row), units.row(row))).collect();
        let keys = Keys::new(&units.values, rows, units.width);
        let attended = attend(&units.values, &keys, 4.0, &offsets, Excluded::Itself);
        let sums = attended.log_sums.iter().zip(&offsets).map(|(log_sum, &own)| (log_sum + f64::from(own)).exp());
        let sums: Vec<f64> = sums.collect();
        let over_pairs = 0.5 * sums.iter().sum::<f64>();
        let mut gradient = attended.means;
        for (row, sum) in gradient.chunks_exact_mut(units.width).zip(&sums) {
            let factor = (4.0 * sum / over_pairs) as f32;
            row.iter_mut().for_each(|value| *value *= factor);
        }
        let pairs = rows as f64 * (rows - 1) as f64 / 2.0;
        Self { value: (over_pairs / pairs).ln(), gradient }
    }
}
