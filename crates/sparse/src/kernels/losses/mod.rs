//! Ranking losses over the stacked rows of a batch, value and gradient in one call.
//!
//! ```text
//! x = [ users | positives | negatives ]   rows, rows and rows * num_negatives rows of one table
//! L = objective(scored columns of x) + l2 / (2 rows) Σ (penalised columns of x)²
//! ```
//!
//! An objective over its own negatives is one pass over the rows. One over the whole batch never holds
//! `rows x rows` scores: it takes them in tiles, twice, and needs memory for `O(rows * width)`.
//! Every gradient row has one owner and a fixed order of summation, so the bits do not depend on the
//! number of threads; values are added in `f64`. Scores of any size are safe, and a NaN in a column that
//! counts gives a NaN value. [`mod@reference`] holds the values in plain `f64` loops.
//!
//! It is not a model's loss: nothing here looks rows up.

mod attend;
mod columns;
mod in_batch;
mod own_negatives;
pub mod reference;
mod uniformity;

use std::ops::Range;
use std::sync::Arc;

use columns::Penalty;
use own_negatives::Ranking;

use crate::Rows;

/// What the scored columns of a batch cost. Below, `u`, `p` and `n` are the rows of a user, its positive
/// and a negative, `â = a / |a|`, `B = rows`, `T = temperature`.
///
/// A row of zeros has no direction: its `â` is zero and it gets no gradient through it. That is meant of
/// `|a|²` in `f32`, which is zero for `|a|` below `1e-23`.
#[derive(Clone, Debug, PartialEq)]
pub enum Objective {
    /// Bayesian personalised ranking, `mean softplus(u·n - u·p)` over the `B * num_negatives` pairs.
    /// Rendle et al., UAI 2009, section 4.1.
    Bpr {
        /// Negatives of each row, at least 1.
        num_negatives: usize,
    },
    /// Softmax of the positive against its own negatives, `mean_u [ln (e^s(u,p) + Σ_n e^s(u,n)) - s(u,p)]`
    /// with `s(a,b) = a·b / T`, or `â·b̂ / T` where `cosine` is set.
    /// Wu et al., TOIS 2024, arXiv:2201.02327, equation 5.
    SampledSoftmax {
        /// Negatives of each row, at least 1.
        num_negatives: usize,
        /// Divides the scores, above 0.
        temperature: f32,
        /// Whether scores are cosines.
        cosine: bool,
    },
    /// Softmax of the positive against the positives of the batch: row `i` of the `B x B` scores has its
    /// target at `i`. Yi et al., RecSys 2019, section 3.
    InBatchSoftmax {
        /// Divides the scores, above 0.
        temperature: f32,
        /// Whether scores are cosines.
        cosine: bool,
        /// The item of each positive, `B` of them: two rows of the same item are not negatives of each other.
        ids: Option<Rows>,
        /// `ln q` of each positive, `B` of them, `q` being the chance that its item is in a batch: it is taken
        /// from every score of the item, the target's included.
        log_probabilities: Option<Arc<[f32]>>,
    },
    /// InfoNCE of two views, stacked where users and positives stand above: `v` and `w` of `B` rows each.
    /// `mean_i [ln Σ_j e^(v̂_i·ŵ_j / T) - v̂_i·ŵ_i / T]`: the denominator runs over all of the second view,
    /// the positive included, and over nothing of the first, as in SGL and SimGCL (Wu et al., SIGIR 2021,
    /// arXiv:2010.10783, equation 10; Yu et al., SIGIR 2022, arXiv:2112.08679, equation 2), which add it over
    /// the batch where this takes the mean.
    InfoNce {
        /// Divides the cosines, above 0.
        temperature: f32,
    },
    /// `mean_i |û_i - p̂_i|² + gamma / 2 (l(u) + l(p))`, `l(a) = ln mean e^(-2 |â_i - â_j|²)` over the pairs
    /// `i < j`. Wang et al., KDD 2022, arXiv:2206.12811, equations 5 to 7.
    ///
    /// A batch of one row has no pair: its `l` is 0.
    DirectAu {
        /// Weight of uniformity, at least 0.
        gamma: f32,
    },
}

/// A loss over the stacked rows of one batch: an objective over some columns and, over others or the
/// same, an L2 penalty.
#[derive(Clone, Debug, PartialEq)]
pub struct RowLoss {
    objective: Objective,
    rows: usize,
    scored: Range<usize>,
    penalised: Range<usize>,
    l2: f32,
}

impl RowLoss {
    /// The objective over a batch of `rows`, scored by the given columns, without a penalty.
    ///
    /// # Panics
    /// If there are no rows or no negatives, a temperature is not above 0, a list is not one for each row, or
    /// no column is scored.
    #[must_use]
    pub fn new(objective: Objective, rows: usize, scored: Range<usize>) -> Self {
        assert!(rows > 0, "a batch has at least one row");
        assert!(scored.start < scored.end, "there is at least one scored column");
        match &objective {
            Objective::Bpr { num_negatives } => assert_negatives(*num_negatives),
            Objective::SampledSoftmax { num_negatives, temperature, .. } => {
                assert_negatives(*num_negatives);
                assert_temperature(*temperature);
            }
            Objective::InBatchSoftmax { temperature, ids, log_probabilities, .. } => {
                assert_temperature(*temperature);
                assert!(ids.as_ref().is_none_or(|ids| ids.len() == rows), "one id for each row");
                let correct = log_probabilities.as_ref().is_none_or(|values| values.len() == rows);
                assert!(correct, "one log-probability for each row");
            }
            Objective::InfoNce { temperature } => assert_temperature(*temperature),
            Objective::DirectAu { gamma } => assert!(*gamma >= 0.0, "gamma is {gamma}, expected at least 0"),
        }
        Self { objective, rows, scored, penalised: 0..0, l2: 0.0 }
    }

    /// The same with `l2 / 2 Σ x² / rows` over these columns of every stacked row, a row that is stacked
    /// twice counting twice: the penalty of the reference implementation of LightGCN, which divides by the
    /// rows of the batch and not by the rows summed.
    ///
    /// # Panics
    /// If `l2` is negative or NaN, or the range is reversed.
    #[must_use]
    pub fn penalised(mut self, l2: f32, columns: Range<usize>) -> Self {
        assert!(l2 >= 0.0, "l2 is {l2}, expected at least 0");
        assert!(columns.start <= columns.end, "the penalised columns are a range");
        (self.l2, self.penalised) = (l2, columns);
        self
    }

    /// Rows of the batch, `B`.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows of the table that the loss takes: `(2 + num_negatives) * rows`.
    #[must_use]
    pub fn num_stacked(&self) -> usize {
        let num_negatives = match self.objective {
            Objective::Bpr { num_negatives } | Objective::SampledSoftmax { num_negatives, .. } => num_negatives,
            _ => 0,
        };
        (2 + num_negatives) * self.rows
    }

    /// What a device is told.
    #[cfg(feature = "gpu")]
    pub(crate) fn objective(&self) -> &Objective {
        &self.objective
    }

    #[cfg(feature = "gpu")]
    pub(crate) fn scored_columns(&self) -> Range<usize> {
        self.scored.clone()
    }

    /// The weight of the penalty, and its columns.
    #[cfg(feature = "gpu")]
    pub(crate) fn penalty(&self) -> (f32, Range<usize>) {
        (self.l2, self.penalised.clone())
    }

    /// Panics unless the loss can be taken of a table of this size.
    pub(crate) fn check(&self, num_rows: usize, width: usize) {
        assert_eq!(num_rows, self.num_stacked(), "the stacked rows of a batch of {}", self.rows);
        assert!(self.scored.end <= width, "the scored columns lie inside the width {width}");
        assert!(self.penalised.end <= width, "the penalised columns lie inside the width {width}");
    }
}

fn assert_negatives(num_negatives: usize) {
    assert!(num_negatives > 0, "each row has at least one negative");
}

fn assert_temperature(temperature: f32) {
    assert!(temperature > 0.0, "the temperature is {temperature}, expected one above 0");
}

/// The value of the loss; its gradient replaces what was in `gradient`. Both tables are row-major,
/// `num_stacked x width`.
///
/// # Panics
/// If a table has another size or a column lies outside it.
pub fn row_loss(loss: &RowLoss, x: &[f32], width: usize, gradient: &mut [f32]) -> f64 {
    loss.check(x.len() / width.max(1), width);
    assert_eq!(x.len() % width, 0, "x holds whole rows");
    assert_eq!(gradient.len(), x.len(), "the gradient has the size of x");
    let batch = Batch {
        rows: loss.rows,
        width,
        scored: loss.scored.clone(),
        penalty: Penalty::new(loss.l2, loss.penalised.clone(), loss.rows),
        x,
    };
    match &loss.objective {
        Objective::Bpr { num_negatives } => own_negatives::row_loss(batch, *num_negatives, Ranking::Bpr, gradient),
        &Objective::SampledSoftmax { num_negatives, temperature, cosine } => {
            own_negatives::row_loss(batch, num_negatives, Ranking::Softmax { temperature, cosine }, gradient)
        }
        Objective::InBatchSoftmax { temperature, cosine, ids, log_probabilities } => {
            let softmax = in_batch::Softmax {
                temperature: *temperature,
                cosine: *cosine,
                ids: ids.as_deref(),
                log_probabilities: log_probabilities.as_deref(),
            };
            in_batch::row_loss(batch, &softmax, gradient)
        }
        &Objective::InfoNce { temperature } => {
            let softmax = in_batch::Softmax { temperature, cosine: true, ids: None, log_probabilities: None };
            in_batch::row_loss(batch, &softmax, gradient)
        }
        &Objective::DirectAu { gamma } => uniformity::row_loss(batch, gamma, gradient),
    }
}

/// The table of a call, its sizes checked.
struct Batch<'a> {
    rows: usize,
    width: usize,
    scored: Range<usize>,
    penalty: Penalty,
    /// At least `2 * rows x width`.
    x: &'a [f32],
}
