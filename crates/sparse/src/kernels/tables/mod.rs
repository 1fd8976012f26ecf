//! What moves a table of parameters: one step of an optimiser, in place, in one pass over memory.
//!
//! ```text
//! adam         m = β1 m + (1-β1) g,  v = β2 v + (1-β2) g²
//!              x = (1 - η λ) x - η m̂ / (√v̂ + ε),   m̂ = m / (1-β1^t),  v̂ = v / (1-β2^t)
//! lazy_adam    the same for the rows that a gradient names; all others, and their moments, stay
//! sgd          x = x - η g
//! rms_prop     v = α v + (1 - α) g²,              x = x - η g / (√v + ε)
//! row_adagrad  s = s + mean of g² over the row,  x = x - η g / (√s + ε)
//! ```
//!
//! Sources: Kingma and Ba, ICLR 2015, arXiv:1412.6980; for `λ`, Loshchilov and Hutter, ICLR 2019,
//! arXiv:1711.05101; for the laws of lazy Adam, `torch.optim.SparseAdam`, whose `t` counts the steps of the
//! table and not those of a row; for RMSprop, Tieleman and Hinton, Coursera lecture 6.5, 2012, in the form of
//! `torch.optim.RMSprop`; for row-wise AdaGrad, Mudigere et al., ISCA 2022, arXiv:2104.05158.
//!
//! Every number of a step depends on its own row alone, so that results are the same to the last bit for
//! any number of threads. It knows neither a schedule nor a module. [`mod@reference`] holds the same
//! equations in plain loops.

mod coalesce;
pub mod reference;
mod update;
mod walk;

pub use coalesce::{RowGroups, coalesce_rows};
pub use update::{Adam, AdamFactors, RmsProp, adam, lazy_adam, rms_prop, row_adagrad, sgd};

/// The gradient of a table of rows of `width`.
#[derive(Clone, Copy, Debug)]
pub struct Gradient<'a> {
    /// The rows it names, distinct and ascending; every other row has the gradient zero. `None` names all.
    pub rows: Option<&'a [u32]>,
    /// One row for each that is named, row-major.
    pub values: &'a [f32],
    /// Width of a row, at least 1.
    pub width: usize,
}

impl<'a> Gradient<'a> {
    /// One row for each row of the table.
    #[must_use]
    pub fn dense(values: &'a [f32], width: usize) -> Self {
        Self { rows: None, values, width }
    }

    /// `values[n]` is the gradient of row `rows[n]`; rows are distinct and ascending.
    #[must_use]
    pub fn of_rows(rows: &'a [u32], values: &'a [f32], width: usize) -> Self {
        Self { rows: Some(rows), values, width }
    }

    /// Checks it against a table of `len` values: kernels do not check again.
    fn check(&self, len: usize) {
        assert!(self.width > 0 && len.is_multiple_of(self.width), "the table is a whole number of rows");
        let Some(rows) = self.rows else {
            assert_eq!(self.values.len(), len, "a dense gradient has the size of the table");
            return;
        };
        assert_eq!(self.values.len(), rows.len() * self.width, "one row of gradient for each row that is named");
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]), "rows are distinct and ascending");
        assert!(rows.last().is_none_or(|&row| (row as usize) < len / self.width), "rows lie within the table");
    }
}
