//! What models that predict ratings share: the mean rating, the distinct users of a batch, weighted penalties, and a
//! scorer with biases.

use burn::tensor::{Device, Tensor};
use gnnrec_eval::Scorer;
use gnnrec_graph::World;
use gnnrec_sparse::Rows;

use crate::table::binds;
use crate::{ModelError, table_scorer};

/// `μ`, the mean of the training ratings.
///
/// # Errors
/// A world without ratings.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 ratings")]
pub fn mean_rating(world: &World, model: &'static str) -> Result<f64, ModelError> {
    match world.interactions().by_user().weights() {
        Some(ratings) if !ratings.is_empty() => {
            Ok(ratings.iter().map(|&rating| f64::from(rating)).sum::<f64>() / ratings.len() as f64)
        }
        _ => Err(ModelError::Missing { model, needs: "a rating for each interaction" }),
    }
}

/// The distinct ids among the rows of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct DistinctRows {
    /// Ascending.
    pub ids: Rows,
    /// For each row of the batch its position in `ids`.
    pub positions: Rows,
    /// For each of `ids` how many rows name it.
    pub counts: Vec<f32>,
}

impl DistinctRows {
    /// The distinct ones of `rows`.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "every id of a row is among the distinct ones")]
    pub fn of(rows: &[u32]) -> Self {
        let mut ids = rows.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let position = |id| ids.binary_search(id).ok().and_then(|position| u32::try_from(position).ok());
        let positions: Vec<u32> = rows.iter().map(|id| position(id).expect("a row is among the rows")).collect();
        let mut counts = vec![0.0; ids.len()];
        for &position in &positions {
            counts[position as usize] += 1.0;
        }
        Self { ids: ids.into(), positions: positions.into(), counts }
    }

    /// The same, ready for lookups on a device.
    #[must_use]
    pub fn ready_on(self, device: &Device) -> Self {
        Self { ids: self.ids.ready_on(device), positions: self.positions.ready_on(device), counts: self.counts }
    }
}

/// `Σ_n weights[n] |x[n]|²`, a scalar; `x` is `rows x width`, `weights` is `rows x 1`.
///
/// # Panics
/// If there is not one weight for each row.
#[must_use]
pub fn weighted_squares(x: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
    assert_eq!(weights.dims(), [x.dims()[0], 1], "one weight for each row");
    (x.square().sum_dim(1) * weights).sum()
}

/// A scorer of `ŷ(u,i) = mean + b(u) + b(i) + p(u) · q(i)`: one inner product, of `[p, b(u) + mean, 1]` and
/// `[q, 1, b(i)]`.
///
/// `users` is `num_users x dim`, `items` is `num_items x dim`, either bias one column beside it. Where the wider tables
/// cannot be bound, they are joined in the processor's memory.
///
/// # Panics
/// If sizes differ.
#[must_use]
pub fn biased_scorer(
    mean: f64,
    [users, user_bias]: [Tensor<2>; 2],
    [items, item_bias]: [Tensor<2>; 2],
) -> Box<dyn Scorer> {
    let (num_rows, device) = (users.dims()[0].max(items.dims()[0]), users.device());
    let bound = binds(num_rows, users.dims()[1] + 2, &device);
    let placed = |table: Tensor<2>| if bound { table } else { table.to_device(&Device::flex()) };
    let ([users, user_bias], [items, item_bias]) = ([users, user_bias].map(placed), [items, item_bias].map(placed));
    let (user_ones, item_ones) = (user_bias.ones_like(), item_bias.ones_like());
    let users = Tensor::cat(vec![users, user_bias + mean, user_ones], 1);
    table_scorer(users, Tensor::cat(vec![items, item_ones, item_bias], 1))
}

#[cfg(test)]
mod tests {

    use burn::tensor::TensorData;
    use gnnrec_graph::{Csr, Duplicates, InteractionGraph};

    use super::*;
    use crate::conformance;

    #[test]
    fn scores_by_hand() {
        let tensor = |rows: &[[f32; 2]]| {
            Tensor::<2>::from_data(TensorData::new(rows.concat(), [rows.len(), 2]), &Device::flex())
        };
        let column = |values: &[f32]| Tensor::<1>::from_floats(values, &Device::flex()).unsqueeze_dim::<2>(1);
        let users = [tensor(&[[1.0, 2.0], [0.0, -1.0]]), column(&[10.0, 20.0])];
        let items = [tensor(&[[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]]), column(&[0.25, 0.5, 0.125])];
        let scorer = biased_scorer(100.0, users, items);
        assert_eq!(conformance::all_scores(&*scorer), [111.25, 112.5, 116.125, 120.25, 119.5, 118.125]);
    }

    #[test]
    fn means_and_squares_by_hand() {
        let graph = |edges: &[_]| Csr::from_weighted_edges(2, 3, edges, Duplicates::Error).unwrap();
        let world = World::new(InteractionGraph::new(graph(&[(0, 0, 4.0), (0, 2, 1.0), (1, 1, 2.5)])));
        assert!((mean_rating(&world, "bias").unwrap() - 2.5).abs() < 1e-12);
        for graph in [graph(&[]), graph(&[(0, 0, 4.0)]).to_pattern()] {
            let error = mean_rating(&World::new(InteractionGraph::new(graph)), "bias").unwrap_err();
            assert!(error.to_string().starts_with("bias needs a rating for each interaction"));
        }
        let distinct = DistinctRows::of(&[7, 3, 7, 7, 9]);
        let (ids, positions) = ((&[3, 7, 9]).into(), (&[1, 0, 1, 1, 2]).into());
        let expected = DistinctRows { ids, positions, counts: vec![1.0, 3.0, 1.0] };
        assert_eq!(distinct, expected);
        let x = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 0.0]], &Device::flex());
        let weights = Tensor::from_floats([[2.0], [10.0]], &Device::flex());
        assert!((weighted_squares(x, weights).into_scalar::<f32>() - 100.0).abs() < 1e-5);
    }
}
