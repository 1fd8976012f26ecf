//! Matrix factorisation trained by Bayesian personalised ranking (MF-BPR). Rendle et al., UAI 2009,
//! arXiv:1205.2618, section 4.3.1.
//!
//! ```text
//! ŷ(u,i) = P[u] · Q[i]
//! L      = mean softplus(ŷ(u,j) - ŷ(u,i)) + l2 · 1/2 Σ (|P[u]|² + |Q[i]|² + |Q[j]|²) / rows
//! ```
//!
//! Departures: batches and Adam instead of single steps of gradient descent; one `l2` for users,
//! positives and negatives; the loss is a mean over pairs, so that `l2` is per row of the batch.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gnnrec_eval::Scorer;
use gnnrec_graph::World;
use gnnrec_model::{
    GradientConfig, GradientModel, ModelError, PairRows, Planner, Table, columns_of_both, panel_scorer,
};
use gnnrec_sampling::Batch;
use gnnrec_sparse::kernels::losses::{Objective, RowLoss};
use gnnrec_sparse::row_loss;
use serde::{Deserialize, Serialize};

const NAME: &str = "mf-bpr";

/// How an MF-BPR model is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MfBprConfig {
    /// Width of the tables, at least 1.
    pub embedding_dim: usize,
    /// Standard deviation of the initial values, above 0.
    pub init_std: f32,
    /// Weight of the squared norms of a batch's rows, at least 0.
    pub l2: f64,
}

impl Default for MfBprConfig {
    fn default() -> Self {
        Self { embedding_dim: 64, init_std: 0.1, l2: 1e-4 }
    }
}

impl MfBprConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        ModelError::expect(self.embedding_dim > 0, NAME, "embedding_dim", self.embedding_dim, "at least 1")?;
        let std = self.init_std;
        ModelError::expect(std > 0.0 && std.is_finite(), NAME, "init_std", std, "a finite number above 0")?;
        ModelError::expect(self.l2 >= 0.0 && self.l2.is_finite(), NAME, "l2", self.l2, "a finite number, at least 0")
    }
}

impl GradientConfig for MfBprConfig {
    type Model = MfBpr;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<MfBpr, ModelError> {
        self.validate()?;
        let table = |name, rows| Table::normal(seed, name, rows, self.embedding_dim, self.init_std, device);
        Ok(MfBpr {
            users: table("users", world.interactions().num_users()),
            items: table("items", world.interactions().num_items()),
            l2: self.l2,
        })
    }
}

/// Two tables and their inner products.
#[derive(Module, Debug)]
pub struct MfBpr {
    /// `P`, `num_users x dim`.
    pub users: Table,
    /// `Q`, `num_items x dim`.
    pub items: Table,
    #[module(skip)]
    l2: f64,
}

impl GradientModel for MfBpr {
    type Plan = PairRows;

    fn planner(&self) -> Planner<PairRows> {
        let device = self.users.device();
        Planner::new(move |batch: &Batch, _| PairRows::of(batch.pairwise(), &device))
    }

    fn planned_loss(&self, batch: PairRows) -> Tensor<1> {
        let rows = Tensor::cat(vec![self.users.lookup(&batch.users), self.items.lookup(&batch.items)], 0);
        let all = 0..rows.dims()[1];
        let objective = Objective::Bpr { num_negatives: batch.num_negatives };
        #[expect(clippy::cast_possible_truncation, reason = "a weight needs no more digits")]
        let loss = RowLoss::new(objective, batch.len(), all.clone()).penalised(self.l2 as f32, all);
        row_loss(&loss, rows)
    }

    fn tables(&self) -> Vec<&Table> {
        vec![&self.users, &self.items]
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        panel_scorer(columns_of_both(&self.users, &self.items))
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Param;
    use gnnrec_graph::{ItemId, UserId};
    use gnnrec_model::{Step, conformance};
    use gnnrec_sampling::PairwiseBatch;

    use super::*;

    #[test]
    fn conforms() {
        let config = MfBprConfig { embedding_dim: 8, l2: 0.01, ..Default::default() };
        conformance::check(&config, &conformance::world());
    }

    #[test]
    fn loss_by_hand() {
        let device = Device::flex();
        let users = Tensor::from_floats([[1.0, 0.0], [0.0, 2.0]], &device);
        let items = Tensor::from_floats([[1.0, 1.0], [3.0, 0.0], [0.0, 1.0]], &device);
        let table = |values: Tensor<2>| Table::new(Param::from_tensor(values));
        let model = MfBpr { users: table(users), items: table(items), l2: 0.5 };
        let batch = PairwiseBatch {
            users: vec![UserId(0), UserId(1)],
            positives: vec![ItemId(1), ItemId(2)],
            negatives: vec![ItemId(0), ItemId(1)],
            num_negatives: 1,
        };
        // Scores 3 against 1 and 2 against 0; norms 1 + 4, 9 + 1, 2 + 9.
        let expected = (1.0 + (-2f32).exp()).ln() + 0.5 * 0.5 * 26.0 / 2.0;
        let loss = model.loss(&Batch::Pairwise(batch), Step { seed: 0, index: 0 }).into_scalar::<f32>();
        assert!((loss - expected).abs() < 1e-6, "{loss} {expected}");
        assert_eq!(conformance::all_scores(&*model.scorer()), [1.0, 3.0, 0.0, 2.0, 0.0, 2.0]);
    }

    #[test]
    fn refuses_what_is_out_of_range() {
        for (config, field) in [
            (MfBprConfig { embedding_dim: 0, ..Default::default() }, "embedding_dim"),
            (MfBprConfig { init_std: f32::NAN, ..Default::default() }, "init_std"),
            (MfBprConfig { l2: -1.0, ..Default::default() }, "l2"),
        ] {
            assert!(config.validate().unwrap_err().to_string().contains(field));
        }
        assert!(serde_json::from_str::<MfBprConfig>(r#"{"dim": 3}"#).is_err());
        assert_eq!(serde_json::from_str::<MfBprConfig>("{}").unwrap(), MfBprConfig::default());
    }
}
