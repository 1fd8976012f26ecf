//! From final tables on a device to a scorer that owns them.

use burn::tensor::Tensor;
use gnnrec_eval::{EmbeddingScorer, Scorer};

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
    let ([_, dim], [_, item_dim]) = (users.dims(), items.dims());
    assert_eq!(dim, item_dim, "user and item tables have one width");
    let values = |table: &Tensor<2>| table.clone().into_data().try_to_vec::<f32>().expect("tables are 32-bit floats");
    let scorer = EmbeddingScorer::new(values(&users), values(&items), dim).expect("a tensor is a whole number of rows");
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    if users.device() != burn::tensor::Device::flex() {
        return Box::new(device::DeviceScorer::new(scorer, users, items));
    }
    Box::new(scorer)
}

/// [`table_scorer`] over one table of users and then items.
///
/// # Panics
/// If the table has fewer rows than `num_users`, or width 0.
#[must_use]
pub fn joint_scorer(table: Tensor<2>, num_users: usize) -> Box<dyn Scorer> {
    let num_items = table.dims()[0] - num_users;
    table_scorer(table.clone().narrow(0, 0, num_users), table.narrow(0, num_users, num_items))
}
