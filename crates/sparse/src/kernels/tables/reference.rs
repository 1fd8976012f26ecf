//! The specification: every step in plain loops, in `f64`, nothing shared with the kernels.

use super::{Adam, Gradient, RmsProp};

/// The gradient with a row for every row of a table of `num_rows`, and which of them were named.
fn spread(gradient: Gradient<'_>, num_rows: usize) -> (Vec<f64>, Vec<bool>) {
    let mut dense = vec![0.0; num_rows * gradient.width];
    let mut named = vec![false; num_rows];
    let all: Vec<u32> = (0..).take(num_rows).collect();
    for (n, &row) in gradient.rows.unwrap_or(&all).iter().enumerate() {
        named[row as usize] = true;
        for j in 0..gradient.width {
            dense[row as usize * gradient.width + j] = f64::from(gradient.values[n * gradient.width + j]);
        }
    }
    (dense, named)
}

/// A step of Adam or AdamW, the `step`-th from 1; `lazy` moves only the rows that are named.
pub fn adam(
    x: &mut [f64],
    gradient: Gradient<'_>,
    (m, v): (&mut [f64], &mut [f64]),
    (constants, step): (Adam, i32),
    lazy: bool,
) {
    let Adam { learning_rate, beta_1, beta_2, epsilon, weight_decay } = constants;
    let (dense, named) = spread(gradient, x.len() / gradient.width);
    for i in 0..x.len() {
        if lazy && !named[i / gradient.width] {
            continue;
        }
        m[i] = beta_1 * m[i] + (1.0 - beta_1) * dense[i];
        v[i] = beta_2 * v[i] + (1.0 - beta_2) * dense[i] * dense[i];
        let m_hat = m[i] / (1.0 - beta_1.powi(step));
        let v_hat = v[i] / (1.0 - beta_2.powi(step));
        x[i] -= learning_rate * weight_decay * x[i];
        x[i] -= learning_rate * m_hat / (v_hat.sqrt() + epsilon);
    }
}

/// A step of gradient descent.
pub fn sgd(x: &mut [f64], gradient: Gradient<'_>, learning_rate: f64) {
    let (dense, _) = spread(gradient, x.len() / gradient.width);
    for (x, g) in x.iter_mut().zip(dense) {
        *x -= learning_rate * g;
    }
}

/// A step of row-wise AdaGrad.
pub fn row_adagrad(x: &mut [f64], gradient: Gradient<'_>, squares: &mut [f64], learning_rate: f64, epsilon: f64) {
    let width = gradient.width;
    let (dense, named) = spread(gradient, x.len() / width);
    for row in (0..squares.len()).filter(|&row| named[row]) {
        let g = &dense[row * width..(row + 1) * width];
        #[expect(clippy::cast_precision_loss, reason = "a width is a small number")]
        let mean = g.iter().map(|g| g * g).sum::<f64>() / width as f64;
        squares[row] += mean;
        for j in 0..width {
            x[row * width + j] -= learning_rate * g[j] / (squares[row].sqrt() + epsilon);
        }
    }
}

/// A step of RMSprop, of every row.
pub fn rms_prop(x: &mut [f64], gradient: Gradient<'_>, squares: &mut [f64], constants: RmsProp) {
    let RmsProp { learning_rate, decay, epsilon } = constants;
    let (dense, _) = spread(gradient, x.len() / gradient.width);
    for i in 0..x.len() {
        squares[i] = decay * squares[i] + (1.0 - decay) * dense[i] * dense[i];
        x[i] -= learning_rate * dense[i] / (squares[i].sqrt() + epsilon);
    }
}

/// Distinct indices in ascending order, each with the sum of its rows.
#[must_use]
pub fn coalesce_rows(indices: &[u32], x: &[f64], width: usize) -> (Vec<u32>, Vec<f64>) {
    let mut rows = indices.to_vec();
    rows.sort_unstable();
    rows.dedup();
    let mut y = vec![0.0; rows.len() * width];
    for (r, row) in rows.iter().enumerate() {
        for n in (0..indices.len()).filter(|&n| indices[n] == *row) {
            for j in 0..width {
                y[r * width + j] += x[n * width + j];
            }
        }
    }
    (rows, y)
}
