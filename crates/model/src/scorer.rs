//! From final tables on a device to a scorer that owns them.

use burn::tensor::Tensor;
use gnnrec_eval::{EmbeddingScorer, Scorer};

/// A scorer over final tables, `num_users x dim` and `num_items x dim`: the inner product.
///
/// # Panics
/// If the tables have different widths, or width 0.
#[must_use]
pub fn table_scorer(users: Tensor<2>, items: Tensor<2>) -> Box<dyn Scorer> {
    let ([_, dim], [_, item_dim]) = (users.dims(), items.dims());
    assert_eq!(dim, item_dim, "user and item tables have one width");
    let values = |table: Tensor<2>| table.into_data().try_to_vec::<f32>().expect("tables are 32-bit floats");
    Box::new(EmbeddingScorer::new(values(users), values(items), dim).expect("a tensor is a whole number of rows"))
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
