//! Lookups with gradients of rows: what a backward pass says about the rows that were looked up, and
//! nothing about the others.

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::Rows;
use crate::ops::lookup::LookupBackend;
use crate::tables::coalesce_rows;

/// Where the gradients of a table's lookups are left for whoever moves the table.
///
/// A backward pass fills it and [`RowGradients::take`] empties it; what is not taken adds to what comes next.
/// A clone is another, empty one, so that a copy of a model shares no gradients with the model.
#[derive(Debug, Default)]
pub struct RowGradients(Arc<Mutex<Filled>>);

#[derive(Debug, Default)]
struct Filled {
    /// Lookups so far: they are numbered, since no order is promised in a backward pass.
    num_lookups: u64,
    gradients: Vec<(u64, Rows, Tensor<2>)>,
}

/// The place of one lookup in a sink.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    sink: Arc<Mutex<Filled>>,
    lookup: u64,
}

impl Clone for RowGradients {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl RowGradients {
    /// The sum of the gradients that were left here, if there are any: the distinct rows in ascending order
    /// and a `rows.len() x width` gradient.
    ///
    /// Terms are added in the order of the lookups and, within one, of its indices.
    #[must_use]
    pub fn take(&self) -> Option<(Rows, Tensor<2>)> {
        let mut gradients = std::mem::take(&mut lock(&self.0).gradients);
        gradients.sort_unstable_by_key(|(lookup, ..)| *lookup);
        match gradients.len() {
            0 => None,
            1 => gradients.pop().map(|(_, indices, gradient)| coalesce_rows(indices, gradient)),
            _ => {
                let (lists, gradients): (Vec<_>, Vec<_>) =
                    gradients.into_iter().map(|(_, indices, gradient)| (indices, gradient)).unzip();
                Some(coalesce_rows(Rows::together(&lists), Tensor::cat(gradients, 0)))
            }
        }
    }

    fn slot(&self) -> Slot {
        let mut filled = lock(&self.0);
        filled.num_lookups += 1;
        Slot { sink: Arc::clone(&self.0), lookup: filled.num_lookups }
    }
}

impl Slot {
    pub(crate) fn fill(&self, indices: Rows, gradient: Tensor<2>) {
        lock(&self.sink).gradients.push((self.lookup, indices, gradient));
    }
}

/// A sink is whole after every operation on it, so that a panic elsewhere spoils nothing.
fn lock(sink: &Mutex<Filled>) -> std::sync::MutexGuard<'_, Filled> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `y[n] = x[indices[n]]`, `indices.len() x width`, as [`crate::gather_rows`]; but the gradient goes to `sink`
/// and the backward pass registers none for `x`.
///
/// # Panics
/// If an index lies outside the table.
#[must_use]
pub fn gather_rows_into(x: Tensor<2>, indices: impl Into<Rows>, sink: &RowGradients) -> Tensor<2> {
    let indices = indices.into();
    indices.check(x.dims()[0]);
    let x = x.into_dispatch();
    Tensor::from_dispatch(<Dispatch as LookupBackend>::gather_rows_into(indices, sink.slot(), x))
}
