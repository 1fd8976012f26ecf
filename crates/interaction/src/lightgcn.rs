//! LightGCN. He et al., SIGIR 2020, arXiv:2002.02126, section 3.1.
//!
//! ```text
//! E(l+1) = Â E(l)         Â = D^-1/2 A D^-1/2, no self-loops, users and items in one graph
//! E      = mean of E(0) ... E(L)
//! ŷ(u,i) = E[u] · E[i]
//! L      = mean softplus(ŷ(u,j) - ŷ(u,i)) + l2 · 1/2 Σ (|E(0)[u]|² + |E(0)[i]|² + |E(0)[j]|²) / rows
//! ```
//!
//! The penalty is the one of the authors' PyTorch implementation (`gusye1234/LightGCN-PyTorch`): the
//! rows of layer 0 that the batch names, with repetition, divided by the rows of the batch. Equation 15
//! of the paper sums over all of E(0).
//!
//! `loss` may be another ranking loss, such as the sampled softmax of Wu et al., TOIS 2024, arXiv:2201.02327.
//!
//! Departures: initial values are `N(0, init_std²)`, as in that implementation; the paper says Xavier.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gnnrec_eval::Scorer;
use gnnrec_graph::World;
use gnnrec_model::{
    GradientConfig, GradientModel, ModelError, Planner, PropagatedLoss, PropagatedPlan, RankingLoss, Table,
    joint_graph, joint_scorer,
};
use gnnrec_sparse::{Adjacency, LayerCombination, TablePrecision, propagate};
use serde::{Deserialize, Serialize};

const NAME: &str = "lightgcn";

/// How a LightGCN model is made. The default is the authors' setting for Gowalla and Amazon-Book.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LightGcnConfig {
    /// Width of the table, at least 1.
    pub embedding_dim: usize,
    /// Hops, at least 1.
    pub num_layers: usize,
    /// Standard deviation of the initial values, above 0.
    pub init_std: f32,
    /// Weight of the squared norms of a batch's rows of layer 0, at least 0.
    pub l2: f64,
    /// What the scores of a batch cost: BPR, as published, or another.
    pub loss: RankingLoss,
    /// Whether propagation gathers from tables of 16-bit floats (`bfloat16`); parameters, sums and results stay
    /// in 32 bits.
    pub bf16_tables: bool,
}

impl Default for LightGcnConfig {
    fn default() -> Self {
        Self { embedding_dim: 64, num_layers: 3, init_std: 0.1, l2: 1e-4, loss: RankingLoss::Bpr, bf16_tables: false }
    }
}

impl LightGcnConfig {
    /// Gowalla: 3 layers.
    #[must_use]
    pub fn gowalla() -> Self {
        Self::default()
    }

    /// Gowalla in minutes: twice the width and a softmax in the batch, where the published recipe takes hours to the
    /// same quality. Meant for a learning rate of 5e-3 and batches of 2048; no published setting.
    #[must_use]
    pub fn gowalla_quick() -> Self {
        let loss = RankingLoss::InBatchSoftmax { temperature: 0.1 };
        Self { embedding_dim: 128, l2: 0.0, loss, ..Self::default() }
    }

    /// Yelp2018: 4 layers.
    #[must_use]
    pub fn yelp2018() -> Self {
        Self { num_layers: 4, ..Self::default() }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        ModelError::expect(self.embedding_dim > 0, NAME, "embedding_dim", self.embedding_dim, "at least 1")?;
        let layers = self.num_layers;
        ModelError::expect((1..=16).contains(&layers), NAME, "num_layers", layers, "1 to 16; for 0 use mf-bpr")?;
        let std = self.init_std;
        ModelError::expect(std > 0.0 && std.is_finite(), NAME, "init_std", std, "a finite number above 0")?;
        ModelError::expect(self.l2 >= 0.0 && self.l2.is_finite(), NAME, "l2", self.l2, "a finite number, at least 0")?;
        self.loss.validate(NAME)
    }
}

impl GradientConfig for LightGcnConfig {
    type Model = LightGcn;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<LightGcn, ModelError> {
        self.validate()?;
        let graph = joint_graph(world.interactions(), None)?;
        let precision = if self.bf16_tables { TablePrecision::Bf16 } else { TablePrecision::F32 };
        Ok(LightGcn {
            nodes: Table::normal(seed, "nodes", graph.num_rows(), self.embedding_dim, self.init_std, device),
            adjacency: Adjacency::symmetric_normalised(&graph).with_table_precision(precision),
            loss: PropagatedLoss {
                num_users: world.interactions().num_users(),
                num_layers: self.num_layers,
                loss: self.loss,
                l2: self.l2,
            },
        })
    }
}

/// One table of nodes and the graph it is propagated over.
#[derive(Module, Debug)]
pub struct LightGcn {
    /// `E(0)`, `num_users + num_items x dim`, users first.
    pub nodes: Table,
    #[module(skip)]
    adjacency: Adjacency,
    #[module(skip)]
    loss: PropagatedLoss,
}

impl GradientModel for LightGcn {
    type Plan = PropagatedPlan;

    fn planner(&self) -> Planner<PropagatedPlan> {
        self.loss.planner(&self.adjacency, self.nodes.device())
    }

    fn planned_loss(&self, plan: PropagatedPlan) -> Tensor<1> {
        self.loss.of_plan(&self.adjacency, &self.nodes, plan)
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        let PropagatedLoss { num_users, num_layers, .. } = self.loss;
        let mean = LayerCombination::mean(num_layers);
        let nodes = self.nodes.columns().map(|nodes| propagate(&self.adjacency, nodes.without_autodiff(), &mean));
        joint_scorer(nodes, num_users)
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Param;
    use gnnrec_graph::{Duplicates, InteractionGraph, ItemId, UserId};
    use gnnrec_model::conformance;

    use super::*;

    #[test]
    fn conforms() {
        let config = LightGcnConfig { embedding_dim: 8, l2: 0.01, ..Default::default() };
        conformance::check(&config, &conformance::world());
    }

    /// Something is lost, and no more than the bits that `bfloat16` lacks.
    #[test]
    fn halved_tables_give_almost_the_same_scores() {
        let scores = |bf16_tables| {
            let config = LightGcnConfig { embedding_dim: 8, bf16_tables, ..Default::default() };
            let model = config.init(&conformance::world(), 1, &Device::flex()).unwrap();
            conformance::all_scores(&*model.scorer())
        };
        let (full, halved) = (scores(false), scores(true));
        let largest = full.iter().fold(0f32, |largest, score| largest.max(score.abs()));
        let error = full.iter().zip(&halved).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(error > 0.0 && error < largest / 64.0, "{error} of {largest}");
    }

    #[test]
    fn conforms_with_another_loss() {
        let loss = RankingLoss::InBatchSoftmax { temperature: 0.2 };
        let config = LightGcnConfig { embedding_dim: 8, loss, ..Default::default() };
        conformance::check(&config, &conformance::world());
    }

    /// Two users, two items, u0 - i0 - u1 - i1, one hop: degrees 1, 2, 2, 1.
    #[test]
    fn scores_by_hand() {
        let pairs = [(UserId(0), ItemId(0)), (UserId(1), ItemId(0)), (UserId(1), ItemId(1))];
        let world = World::new(InteractionGraph::from_pairs(2, 2, &pairs, Duplicates::Error).unwrap());
        let config = LightGcnConfig { embedding_dim: 1, num_layers: 1, ..Default::default() };
        let mut model = config.init(&world, 0, &Device::flex()).unwrap();
        model.nodes =
            Table::new(Param::from_tensor(Tensor::from_floats([[1.0], [2.0], [3.0], [4.0]], &Device::flex())));
        let root = 2f32.sqrt();
        let users = [(1.0 + 3.0 / root) / 2.0, (2.0 + 3.0 / 2.0 + 4.0 / root) / 2.0];
        let items = [(3.0 + 1.0 / root + 2.0 / 2.0) / 2.0, (4.0 + 2.0 / root) / 2.0];
        let expected = [users[0] * items[0], users[0] * items[1], users[1] * items[0], users[1] * items[1]];
        let found = conformance::all_scores(&*model.scorer());
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
    }

    #[test]
    fn refuses_what_is_out_of_range() {
        for (config, field) in [
            (LightGcnConfig { embedding_dim: 0, ..Default::default() }, "embedding_dim"),
            (LightGcnConfig { num_layers: 0, ..Default::default() }, "num_layers"),
            (LightGcnConfig { init_std: 0.0, ..Default::default() }, "init_std"),
            (LightGcnConfig { l2: f64::INFINITY, ..Default::default() }, "l2"),
            (LightGcnConfig { loss: RankingLoss::DirectAu { gamma: f32::NAN }, ..Default::default() }, "loss.gamma"),
        ] {
            assert!(config.validate().unwrap_err().to_string().contains(field));
        }
        assert!(serde_json::from_str::<LightGcnConfig>(r#"{"layers": 3}"#).is_err());
        assert_eq!(serde_json::from_str::<LightGcnConfig>("{}").unwrap(), LightGcnConfig::gowalla());
        assert_eq!(LightGcnConfig::yelp2018().num_layers, 4);
    }
}
