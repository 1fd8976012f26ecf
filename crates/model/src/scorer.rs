//! From final tables on a device to a scorer that owns them.

use burn::tensor::Tensor;
use gnnrec_eval::{EmbeddingScorer, Scorer};

use crate::side_by_side;

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod device;

/// A scorer over final tables, `num_users x dim` and `num_items x dim`: the inner product.
///
/// Tables on a GPU are ranked there.
///
/// # Panics
/// If the tables have different widths, or width 0.
#[must_use]
pub fn table_scorer(users: Tensor<2>, items: Tensor<2>) -> Box<dyn Scorer> {
    panel_scorer(vec![[users, items]])
}

/// [`table_scorer`] over tables in panels of their columns, of users and of items each.
///
/// # Panics
/// If there is no panel, or one whose tables have different widths, or width 0.
#[must_use]
pub fn panel_scorer(panels: Vec<[Tensor<2>; 2]>) -> Box<dyn Scorer> {
    for [users, items] in &panels {
        assert_eq!(users.dims()[1], items.dims()[1], "user and item tables have one width");
    }
    let copy = |side: usize| side_by_side(panels.iter().map(|panel| panel[side].clone()).collect());
    let (users, items) = (copy(0), copy(1));
    let dim = users.dims()[1];
    let values = |table: Tensor<2>| table.into_data().try_to_vec::<f32>().expect("tables are 32-bit floats");
    let scorer = EmbeddingScorer::new(values(users), values(items), dim).expect("a tensor is a whole number of rows");
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    if panels[0][0].device() != burn::tensor::Device::flex() {
        return Box::new(device::DeviceScorer::new(scorer, panels));
    }
    Box::new(scorer)
}

/// [`panel_scorer`] over panels of one table of users and then items.
///
/// # Panics
/// As [`panel_scorer`]; or if the table has fewer rows than `num_users`.
#[must_use]
pub fn joint_scorer(panels: impl IntoIterator<Item = Tensor<2>>, num_users: usize) -> Box<dyn Scorer> {
    let halves = |table: Tensor<2>| {
        let num_items = table.dims()[0] - num_users;
        [table.clone().narrow(0, 0, num_users), table.narrow(0, num_users, num_items)]
    };
    panel_scorer(panels.into_iter().map(halves).collect())
}
