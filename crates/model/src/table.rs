//! A table of embeddings: looked up, with gradients of the rows of a batch, or propagated as a whole.
//!
//! A GPU binds so many bytes to a kernel and no more. A larger table is split into panels of its columns, each a
//! parameter of its own: what is looked up, propagated or moved by an optimiser is so column by column, and only a
//! batch's rows, and final tables in memory, are put side by side again.

use burn::module::{Module, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_sparse::{RowGradients, Rows, gather_rows_into, scatter_rows};

use crate::GradientModel;
use crate::init::normal_values;

mod panels;

pub(crate) use panels::binds;
use panels::panel_widths;
pub use panels::{fits_whole, with_largest_table};

/// A table whose lookups give gradients of rows; a model that looks it up names it in [`GradientModel::tables`].
///
/// In a file its parameter is called `weight`; further panels, where there are any, `more.0.weight` and so on.
#[derive(Module, Debug)]
pub struct Table {
    /// All columns, or the first of them.
    weight: Param<Tensor<2>>,
    more: Vec<Panel>,
    #[module(skip)]
    gradients: RowGradients,
}

/// Some columns of a table.
#[derive(Module, Debug)]
struct Panel {
    weight: Param<Tensor<2>>,
    #[module(skip)]
    gradients: RowGradients,
}

/// The gradient of some rows of one parameter of a table.
#[derive(Debug)]
pub struct TableRows {
    /// The parameter: the table's one, or that of a panel.
    pub id: ParamId,
    /// Distinct, in ascending order.
    pub rows: Rows,
    /// `rows.len() x width`.
    pub values: Tensor<2>,
}

impl Table {
    /// A table with these initial values, in one piece.
    #[must_use]
    pub fn new(weight: Param<Tensor<2>>) -> Self {
        Self { weight, more: Vec::new(), gradients: RowGradients::default() }
    }

    /// A `rows x dim` table of the values of [`crate::normal_init`].
    #[must_use]
    pub fn normal(seed: u64, name: &str, rows: usize, dim: usize, std: f32, device: &Device) -> Self {
        Self::from_values(normal_values(seed, name, [rows, dim], std), [rows, dim], device)
    }

    /// A `rows x 1` table of zeros.
    #[must_use]
    pub fn zeros(rows: usize, device: &Device) -> Self {
        Self::from_values(vec![0.0; rows], [rows, 1], device)
    }

    fn from_values(values: Vec<f32>, [rows, dim]: [usize; 2], device: &Device) -> Self {
        let param = |values, width| Param::from_data(TensorData::new(values, [rows, width]), device);
        let widths = panel_widths(rows, dim, device);
        if widths.len() == 1 {
            return Self::new(param(values, dim));
        }
        let starts = widths.iter().scan(0, |next, width| Some(std::mem::replace(next, *next + width)));
        let mut panels = starts.zip(&widths).map(|(start, &width)| {
            param(values.chunks(dim).flat_map(|row| &row[start..start + width]).copied().collect(), width)
        });
        let first = panels.next().expect("a table has a panel");
        let more = panels.map(|weight| Panel { weight, gradients: RowGradients::default() }).collect();
        Self { more, ..Self::new(first) }
    }

    fn panels(&self) -> impl Iterator<Item = (&Param<Tensor<2>>, &RowGradients)> {
        let more = self.more.iter().map(|panel| (&panel.weight, &panel.gradients));
        std::iter::once((&self.weight, &self.gradients)).chain(more)
    }

    /// The parameter of a table in one piece, `rows x dim`. What is computed from it directly, and not by a lookup, has a
    /// dense gradient as usual.
    ///
    /// # Panics
    /// If the table is split.
    #[must_use]
    pub fn weight(&self) -> &Param<Tensor<2>> {
        assert!(self.more.is_empty(), "the table is split into {} panels", self.more.len() + 1);
        &self.weight
    }

    /// The columns of the table, panel by panel, each `rows x width`: for what is computed column by column. Its gradient
    /// is dense.
    pub fn columns(&self) -> impl Iterator<Item = Tensor<2>> {
        self.panels().map(|(weight, _)| weight.val())
    }

    /// Where the table is.
    #[must_use]
    pub fn device(&self) -> Device {
        self.weight.val().device()
    }

    /// Row `rows[n]` as row `n`, `rows.len() x dim`.
    ///
    /// # Panics
    /// If a row lies outside the table.
    #[must_use]
    pub fn lookup(&self, rows: impl Into<Rows>) -> Tensor<2> {
        let rows = &rows.into();
        let found = self.panels().map(|(weight, gradients)| gather_rows_into(weight.val(), rows, gradients));
        beside(found.collect())
    }

    /// The gradients that backward passes left since they were last taken, of each parameter that has any.
    #[must_use]
    pub fn take_gradients(&self) -> Vec<TableRows> {
        let taken = self.panels().map(|(weight, gradients)| (weight.id, gradients.take()));
        taken.filter_map(|(id, taken)| taken.map(|(rows, values)| TableRows { id, rows, values })).collect()
    }
}

/// The columns of two tables of one width, panel by panel, each `rows x width` of the first and of the second: as wide as
/// both are one piece. Without autodiff.
///
/// # Panics
/// If the tables have different widths.
#[must_use]
pub fn columns_of_both(first: &Table, second: &Table) -> Vec<[Tensor<2>; 2]> {
    let columns = [first, second].map(|table| table.columns().map(Tensor::without_autodiff).collect::<Vec<_>>());
    let widths = columns.each_ref().map(|panels| panels.iter().map(|panel| panel.dims()[1]).collect::<Vec<_>>());
    assert_eq!(widths[0].iter().sum::<usize>(), widths[1].iter().sum::<usize>(), "tables of one width");
    let mut at = [(0, 0); 2];
    let mut both = Vec::new();
    while at[0].0 < widths[0].len() {
        let left = |side: usize| widths[side][at[side].0] - at[side].1;
        let width = left(0).min(left(1));
        both.push([0, 1].map(|side| {
            let panel = columns[side][at[side].0].clone();
            // A view of some columns would be copied by every product.
            if panel.dims()[1] == width { panel } else { panel.narrow(1, at[side].1, width) * 1.0 }
        }));
        at = [0, 1].map(|side| match at[side] {
            (panel, from) if from + width == widths[side][panel] => (panel + 1, 0),
            (panel, from) => (panel, from + width),
        });
    }
    both
}

/// Tables as they are, `rows x dim` each, without autodiff: on their device, or, where one of them is split, all in the
/// processor's memory.
#[must_use]
pub fn whole_tables<const K: usize>(tables: [&Table; K]) -> [Tensor<2>; K] {
    let split = tables.iter().any(|table| !table.more.is_empty());
    tables.map(|table| {
        let whole = side_by_side(table.columns().map(Tensor::without_autodiff).collect());
        if split { whole.to_device(&Device::flex()) } else { whole }
    })
}

/// Panels of one final table, `rows x dim`: one as it is, several together in the processor's memory.
///
/// # Panics
/// If there is no panel, or they differ in their rows.
#[must_use]
pub fn side_by_side(panels: Vec<Tensor<2>>) -> Tensor<2> {
    let memory = Device::flex();
    let one = panels.len() == 1;
    beside(if one { panels } else { panels.into_iter().map(|panel| panel.to_device(&memory)).collect() })
}

/// Rows of panels side by side, on their device.
fn beside(mut panels: Vec<Tensor<2>>) -> Tensor<2> {
    match panels.len() {
        1 => panels.swap_remove(0),
        _ => Tensor::cat(panels, 1),
    }
}

/// The gradients of a loss with respect to every parameter, those of tables spread out: for optimisers that
/// know no rows, and for tests.
#[must_use]
pub fn dense_gradients<M: GradientModel>(model: &M, loss: &Tensor<1>) -> GradientsParams {
    let mut grads = GradientsParams::from_grads(loss.backward(), model);
    for table in model.tables() {
        for TableRows { id, rows, values } in table.take_gradients() {
            let spread = scatter_rows(values, &rows, table.weight.val().dims()[0]);
            let spread = grads.remove(id).map_or(spread.clone(), |dense: Tensor<2>| dense + spread);
            grads.register(id, spread);
        }
    }
    grads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::new(Param::from_data([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::flex().autodiff()))
    }

    fn values(x: Tensor<2>) -> Vec<f32> {
        x.into_data().try_to_vec().unwrap()
    }

    /// What the one parameter of a table was left.
    fn taken(table: &Table) -> Option<(Vec<u32>, Vec<f32>)> {
        let mut gradients = table.take_gradients();
        assert!(gradients.len() < 2);
        gradients.pop().map(|TableRows { rows, values: gradient, .. }| (rows.to_vec(), values(gradient)))
    }

    /// Rows 2, 0 and 2 again, squared; then row 0 once more.
    #[test]
    fn gradients_of_rows_by_hand() {
        let table = table();
        let first = table.lookup(&[2, 0, 2]);
        assert_eq!(values(first.clone()), [5.0, 6.0, 1.0, 2.0, 5.0, 6.0]);
        let grads = (first.square().sum() + table.lookup(&[0]).sum() * 10.0).backward();
        assert!(table.weight().val().grad(&grads).is_none(), "there is no dense gradient");
        assert_eq!(taken(&table).unwrap(), (vec![0, 2], vec![12.0, 14.0, 20.0, 24.0]));
        assert!(taken(&table).is_none(), "it was taken");
    }

    /// In the order of the lookups the great terms cancel before the small one comes; in another it is lost in them.
    #[test]
    fn terms_are_added_in_the_order_of_the_lookups() {
        let table = table();
        let terms = [1e8, -1e8, 1.0].map(|by| table.lookup(&[1]).sum() * by);
        // Added the other way round, so that the backward pass need not meet them in their order.
        let _gradients = terms.into_iter().rev().reduce(Tensor::add).unwrap().backward();
        assert_eq!(taken(&table).unwrap().1, [1.0, 1.0]);
    }

    #[test]
    fn a_copy_has_its_own_gradients() {
        let (table, copy) = (table(), table().clone());
        let _grads = table.lookup(&[1]).sum().backward();
        let twin = table.clone();
        assert!(taken(&copy).is_none() && taken(&twin).is_none());
        assert!(taken(&table).is_some());
        // A loss that does not reach a lookup leaves nothing.
        let (_unused, other) = (table.lookup(&[0]), table.lookup(&[1]));
        let _grads = other.sum().backward();
        assert_eq!(taken(&table).unwrap().0, [1]);
    }

    /// Panels of 4, 4 and 2 columns beside panels of 3, 3, 3 and 1, beside one piece and beside panels of their own widths.
    #[test]
    fn columns_of_both_are_one_piece_each() {
        let device = Device::flex();
        let make = |name, bytes| with_largest_table(bytes, || Table::normal(5, name, 30, 10, 0.1, &device));
        let whole = |name| values(make(name, u64::MAX).weight().val());
        for (bytes, expected) in [(30 * 3 * 4, vec![3, 1, 2, 2, 1, 1]), (u64::MAX, vec![4, 4, 2]), (500, vec![4, 4, 2])]
        {
            let other = make("items", bytes);
            let both = columns_of_both(&make("users", 500), &other);
            assert_eq!(both.iter().map(|[users, _]| users.dims()[1]).collect::<Vec<_>>(), expected);
            for (side, name) in ["users", "items"].into_iter().enumerate() {
                let together = both.iter().map(|panel| panel[side].clone()).collect();
                assert_eq!(values(Tensor::cat(together, 1)), whole(name));
            }
        }
    }

    /// 30 rows of 10 columns where 600 bytes may be bound: panels of 4, 4 and 2.
    #[test]
    fn a_split_table_is_the_same_table() {
        let device = Device::flex().autodiff();
        let make = || Table::normal(5, "nodes", 30, 10, 0.1, &device);
        let (whole, split) = (make(), with_largest_table(600, make));
        let widths: Vec<usize> = split.columns().map(|panel| panel.dims()[1]).collect();
        assert_eq!(widths, [4, 4, 2]);
        let [together, _] = whole_tables([&split, &whole]);
        assert_eq!(values(together), values(whole.weight().val()));
        let rows = [3, 29, 3];
        assert_eq!(values(split.lookup(&rows)), values(whole.lookup(&rows)));

        let weights = Tensor::<2>::from_data(TensorData::new((0..30).map(|n| n as f32).collect(), [3, 10]), &device);
        for table in [&whole, &split] {
            drop(table.take_gradients());
            let _grads = (table.lookup(&rows).square() * weights.clone()).sum().backward();
        }
        let of_whole = taken(&whole).unwrap();
        let of_split = split.take_gradients();
        assert!(of_split.iter().all(|panel| *panel.rows == of_whole.0[..]));
        let side_by_side = beside(of_split.into_iter().map(|panel| panel.values).collect());
        assert_eq!(values(side_by_side), of_whole.1);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| split.weight().id)).is_err());
    }
}
