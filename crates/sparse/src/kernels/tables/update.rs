//! The equations of a step, one loop each, and their constants.
//!
//! Everything that is the same for a whole step is computed once, in 64-bit floats: of Adam, a value costs
//! one square root and one division.

use super::Gradient;
use super::walk::{Table, Unnamed, Update, walk};

/// The constants of Adam and AdamW; the defaults are those of PyTorch's Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// `η`, above 0.
    pub learning_rate: f64,
    /// `β1`, in `[0, 1)`.
    pub beta_1: f64,
    /// `β2`, in `[0, 1)`.
    pub beta_2: f64,
    /// `ε`, outside the root, at least 0.
    pub epsilon: f64,
    /// `λ` of AdamW, at least 0: decay of the values apart from the gradient. Adam has 0.
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

/// What Adam's constants come to at one step.
///
/// ```text
/// η m̂ / (√v̂ + ε)  =  rate · m / (√v + epsilon)
/// rate = η √(1-β2^t) / (1-β1^t),   epsilon = ε √(1-β2^t)
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamFactors {
    betas: [f32; 2],
    /// `1 - β`, not the difference of rounded numbers.
    complements: [f32; 2],
    rate: f32,
    epsilon: f32,
    /// `1 - η λ`.
    keep: f32,
}

impl Adam {
    /// The factors of step `t`, counted from 1.
    ///
    /// # Panics
    /// If `step` is 0.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "tables hold 32-bit floats")]
    pub fn factors(&self, step: u64) -> AdamFactors {
        assert!(step > 0, "steps count from 1");
        let power = |beta: f64| beta.powi(i32::try_from(step).unwrap_or(i32::MAX));
        let root = (1.0 - power(self.beta_2)).sqrt();
        AdamFactors {
            betas: [self.beta_1 as f32, self.beta_2 as f32],
            complements: [(1.0 - self.beta_1) as f32, (1.0 - self.beta_2) as f32],
            rate: (self.learning_rate * root / (1.0 - power(self.beta_1))) as f32,
            epsilon: (self.epsilon * root) as f32,
            keep: (1.0 - self.learning_rate * self.weight_decay) as f32,
        }
    }
}

/// One step of Adam or AdamW: every row moves, since moments outlast their gradient.
///
/// `x`, `m` and `v` have one size; both moments begin as zeros.
///
/// # Panics
/// If sizes differ, or the rows of the gradient are not distinct, ascending and within the table.
pub fn adam(x: &mut [f32], gradient: Gradient<'_>, m: &mut [f32], v: &mut [f32], factors: AdamFactors) {
    walk(&factors, [x, m, v].map(|values| Table { values, width: gradient.width }), gradient, Unnamed::Move);
}

/// One step of Adam for the rows that the gradient names: the cost is that of those rows.
///
/// `factors` are those of the table's step, as in `torch.optim.SparseAdam`; a dense gradient gives [`adam`].
///
/// # Panics
/// As [`adam`].
pub fn lazy_adam(x: &mut [f32], gradient: Gradient<'_>, m: &mut [f32], v: &mut [f32], factors: AdamFactors) {
    walk(&factors, [x, m, v].map(|values| Table { values, width: gradient.width }), gradient, Unnamed::Stay);
}

/// Bytes of a cache line.
const LINE: usize = 64;

impl AdamFactors {
    /// `β1`, `β2`, `1 - β1`, `1 - β2`, rate, epsilon and what is kept, as a device is told.
    #[cfg(feature = "gpu")]
    pub(crate) fn parts(&self) -> [f32; 7] {
        let ([beta_1, beta_2], [rest_1, rest_2]) = (self.betas, self.complements);
        [beta_1, beta_2, rest_1, rest_2, self.rate, self.epsilon, self.keep]
    }

    #[inline(always)]
    fn values(&self, x: &mut [f32], m: &mut [f32], v: &mut [f32], gradient: &[f32]) {
        let ([beta_1, beta_2], [rest_1, rest_2]) = (self.betas, self.complements);
        for (((x, m), v), &g) in x.iter_mut().zip(m).zip(v).zip(gradient) {
            *m = beta_1 * *m + rest_1 * g;
            *v = beta_2 * *v + rest_2 * (g * g);
            *x = self.keep * *x - self.rate * *m / (v.sqrt() + self.epsilon);
        }
    }
}

impl Update<3> for AdamFactors {
    #[inline(always)]
    fn apply(&self, [x, m, v]: [&mut [f32]; 3], gradient: &[f32], _: usize) {
        // Tables of their own pages all begin as far from a cache line: after that a vector of theirs lies in one.
        let lead = x.as_ptr().align_offset(LINE).min(x.len());
        let ((x_lead, x), (m_lead, m)) = (x.split_at_mut(lead), m.split_at_mut(lead));
        let ((v_lead, v), (gradient_lead, gradient)) = (v.split_at_mut(lead), gradient.split_at(lead));
        self.values(x_lead, m_lead, v_lead, gradient_lead);
        self.values(x, m, v, gradient);
    }
}

/// One step of gradient descent with rate `learning_rate`: the cost is that of the rows named.
///
/// # Panics
/// If sizes differ, or the rows of the gradient are not distinct, ascending and within the table.
pub fn sgd(x: &mut [f32], gradient: Gradient<'_>, learning_rate: f32) {
    walk(&Sgd { learning_rate }, [Table { values: x, width: gradient.width }], gradient, Unnamed::Stay);
}

struct Sgd {
    learning_rate: f32,
}

impl Update<1> for Sgd {
    #[inline(always)]
    fn apply(&self, [x]: [&mut [f32]; 1], gradient: &[f32], _: usize) {
        for (x, g) in x.iter_mut().zip(gradient) {
            *x -= self.learning_rate * g;
        }
    }
}

/// One step of row-wise AdaGrad: the cost is that of the rows named.
///
/// `squares` holds one number for each row of `x` and begins as zeros.
///
/// # Panics
/// If sizes differ, or the rows of the gradient are not distinct, ascending and within the table.
pub fn row_adagrad(x: &mut [f32], gradient: Gradient<'_>, squares: &mut [f32], learning_rate: f32, epsilon: f32) {
    let tables = [Table { values: x, width: gradient.width }, Table { values: squares, width: 1 }];
    walk(&RowAdagrad { learning_rate, epsilon }, tables, gradient, Unnamed::Stay);
}

struct RowAdagrad {
    learning_rate: f32,
    epsilon: f32,
}

impl Update<2> for RowAdagrad {
    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "a row has far fewer than 2^24 values")]
    fn apply(&self, [x, squares]: [&mut [f32]; 2], gradient: &[f32], width: usize) {
        for ((x, square), gradient) in x.chunks_exact_mut(width).zip(squares).zip(gradient.chunks_exact(width)) {
            *square += sum_of_squares(gradient) / width as f32;
            let rate = self.learning_rate / (square.sqrt() + self.epsilon);
            for (x, g) in x.iter_mut().zip(gradient) {
                *x -= rate * g;
            }
        }
    }
}

/// The constants of RMSprop without momentum and centring.
///
/// ```text
/// v ← α v + (1 - α) g²        x ← x - η g / (√v + ε)
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// `η`, above 0.
    pub learning_rate: f64,
    /// `α`, in `[0, 1)`.
    pub decay: f64,
    /// `ε`, outside the root, at least 0.
    pub epsilon: f64,
}

/// One step of RMSprop, the `step`-th from 1: the cost is that of the rows named, the result that of all rows.
///
/// A row of gradient zero does not move, and its `v` only decays: it is given the powers of `α` that it missed when it
/// is named again. `squares` is as large as `x`; `last` has one value for each row, which holds in its bits the step
/// that named the row last. Both begin as zeros.
///
/// # Panics
/// If sizes differ, or the rows of the gradient are not distinct, ascending and within the table.
pub fn rms_prop(
    x: &mut [f32],
    gradient: Gradient<'_>,
    squares: &mut [f32],
    last: &mut [f32],
    constants: RmsProp,
    step: u32,
) {
    let RmsProp { learning_rate, decay, epsilon } = constants;
    #[expect(clippy::cast_possible_truncation, reason = "tables hold 32-bit floats")]
    let update = RmsPropStep {
        step,
        decay,
        rest: (1.0 - decay) as f32,
        learning_rate: learning_rate as f32,
        epsilon: epsilon as f32,
    };
    let width = gradient.width;
    let tables = [Table { values: x, width }, Table { values: squares, width }, Table { values: last, width: 1 }];
    walk(&update, tables, gradient, Unnamed::Stay);
}

struct RmsPropStep {
    step: u32,
    decay: f64,
    /// `1 - α`, not the difference of rounded numbers.
    rest: f32,
    learning_rate: f32,
    epsilon: f32,
}

impl Update<3> for RmsPropStep {
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "tables hold 32-bit floats")]
    fn apply(&self, [x, squares, last]: [&mut [f32]; 3], gradient: &[f32], width: usize) {
        let rows = x.chunks_exact_mut(width).zip(squares.chunks_exact_mut(width));
        for (((x, squares), last), gradient) in rows.zip(last).zip(gradient.chunks_exact(width)) {
            let missed = i32::try_from(self.step.saturating_sub(last.to_bits())).unwrap_or(i32::MAX);
            let decay = self.decay.powi(missed) as f32;
            *last = f32::from_bits(self.step);
            for ((x, square), g) in x.iter_mut().zip(squares).zip(gradient) {
                *square = decay * *square + self.rest * (g * g);
                *x -= self.learning_rate * g / (square.sqrt() + self.epsilon);
            }
        }
    }
}

/// In eight partial sums, an order that is the same on every machine.
#[inline(always)]
fn sum_of_squares(values: &[f32]) -> f32 {
    let (blocks, rest) = values.as_chunks::<8>();
    let mut sums = [0f32; 8];
    for block in blocks {
        for (sum, value) in sums.iter_mut().zip(block) {
            *sum += value * value;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|value| value * value).sum::<f32>()
}
