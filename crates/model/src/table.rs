//! A table of embeddings that is only ever looked up: its gradient is that of the rows of a batch.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use gnnrec_sparse::{RowGradients, gather_rows_into, scatter_rows};

use crate::GradientModel;

/// A table whose lookups give gradients of rows; a model names it in [`GradientModel::tables`].
#[derive(Module, Debug)]
pub struct Table {
    /// `rows x dim`. What is computed from it directly, and not by a lookup, has a dense gradient as usual.
    pub weight: Param<Tensor<2>>,
    #[module(skip)]
    gradients: RowGradients,
}

impl Table {
    /// A table with these initial values.
    #[must_use]
    pub fn new(weight: Param<Tensor<2>>) -> Self {
        Self { weight, gradients: RowGradients::default() }
    }

    /// Row `rows[n]` as row `n`, `rows.len() x dim`.
    ///
    /// # Panics
    /// If a row lies outside the table.
    #[must_use]
    pub fn lookup(&self, rows: &[u32]) -> Tensor<2> {
        gather_rows_into(self.weight.val(), rows, &self.gradients)
    }

    /// The gradient that backward passes left since it was last taken: distinct rows in ascending order, and
    /// `rows.len() x dim`. `None` if there was no lookup among what was differentiated.
    #[must_use]
    pub fn take_gradient(&self) -> Option<(Arc<[u32]>, Tensor<2>)> {
        self.gradients.take()
    }
}

/// The gradients of a loss with respect to every parameter, those of tables spread out: for optimisers that
/// know no rows, and for tests.
#[must_use]
pub fn dense_gradients<M: GradientModel>(model: &M, loss: &Tensor<1>) -> GradientsParams {
    let mut grads = GradientsParams::from_grads(loss.backward(), model);
    for table in model.tables() {
        if let Some((rows, values)) = table.take_gradient() {
            let (id, num_rows) = (table.weight.id, table.weight.dims()[0]);
            let spread = scatter_rows(values, &rows, num_rows);
            let spread = grads.remove(id).map_or(spread.clone(), |dense: Tensor<2>| dense + spread);
            grads.register(id, spread);
        }
    }
    grads
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn table() -> Table {
        Table::new(Param::from_data([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::flex().autodiff()))
    }

    fn values(x: Tensor<2>) -> Vec<f32> {
        x.into_data().try_to_vec().unwrap()
    }

    /// Rows 2, 0 and 2 again, squared; then row 0 once more.
    #[test]
    fn gradients_of_rows_by_hand() {
        let table = table();
        let first = table.lookup(&[2, 0, 2]);
        assert_eq!(values(first.clone()), [5.0, 6.0, 1.0, 2.0, 5.0, 6.0]);
        let grads = (first.square().sum() + table.lookup(&[0]).sum() * 10.0).backward();
        assert!(table.weight.val().grad(&grads).is_none(), "there is no dense gradient");
        let (rows, gradient) = table.take_gradient().unwrap();
        assert_eq!((&*rows, values(gradient)), (&[0, 2][..], vec![12.0, 14.0, 20.0, 24.0]));
        assert!(table.take_gradient().is_none(), "it was taken");
    }

    /// In the order of the lookups the great terms cancel before the small one comes; in another it is lost in them.
    #[test]
    fn terms_are_added_in_the_order_of_the_lookups() {
        let table = table();
        let terms = [1e8, -1e8, 1.0].map(|by| table.lookup(&[1]).sum() * by);
        // Added the other way round, so that the backward pass need not meet them in their order.
        let _gradients = terms.into_iter().rev().reduce(Tensor::add).unwrap().backward();
        assert_eq!(values(table.take_gradient().unwrap().1), [1.0, 1.0]);
    }

    #[test]
    fn a_copy_has_its_own_gradients() {
        let (table, copy) = (table(), table().clone());
        let _grads = table.lookup(&[1]).sum().backward();
        let twin = table.clone();
        assert!(copy.take_gradient().is_none() && twin.take_gradient().is_none());
        assert!(table.take_gradient().is_some());
        // A loss that does not reach a lookup leaves nothing.
        let (_unused, other) = (table.lookup(&[0]), table.lookup(&[1]));
        let _grads = other.sum().backward();
        assert_eq!(&*table.take_gradient().unwrap().0, [1]);
    }
}
