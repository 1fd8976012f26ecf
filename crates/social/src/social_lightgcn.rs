//! LightGCN over one graph of interactions and ties: the propagation of He et al., SIGIR 2020,
//! arXiv:2002.02126, with social edges added.
//!
//! ```text
//! A = [ S   R ]    S: ties between users, counted both ways    R: training interactions
//!     [ Rᵀ  0 ]
//! E(l+1) = Â E(l)        Â = D^-1/2 A D^-1/2, no self-loops
//! E      = mean of E(0) ... E(L)
//! ŷ(u,i) = E[u] · E[i]
//! L      = mean softplus(ŷ(u,j) - ŷ(u,i)) + l2 · 1/2 Σ (|E(0)[u]|² + |E(0)[i]|² + |E(0)[j]|²) / rows
//! ```
//!
//! It is the plainest way to let ties speak, and the yardstick for models that do more: a tie weighs as
//! much as an interaction, and there is no parameter that LightGCN does not have. It is not SocialLGN
//! (Liao et al., Information Sciences 2022), which propagates over the two graphs apart and fuses the
//! two user tables with a learned layer.
//!
//! A directed tie (trust) counts both ways, because `Â` must be symmetric.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gnnrec_eval::Scorer;
use gnnrec_graph::World;
use gnnrec_model::{
    GradientConfig, GradientModel, ModelError, Planner, PropagatedLoss, PropagatedPlan, RankingLoss, Table,
    joint_graph, joint_scorer,
};
use gnnrec_sparse::{Adjacency, LayerCombination, propagate};
use serde::{Deserialize, Serialize};

const NAME: &str = "social-lightgcn";

/// How a social LightGCN model is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SocialLightGcnConfig {
    /// Width of the table, at least 1.
    pub embedding_dim: usize,
    /// Hops, 1 to 16.
    pub num_layers: usize,
    /// Standard deviation of the initial values, above 0.
    pub init_std: f32,
    /// Weight of the squared norms of a batch's rows of layer 0, at least 0.
    pub l2: f64,
}

impl Default for SocialLightGcnConfig {
    fn default() -> Self {
        Self { embedding_dim: 64, num_layers: 3, init_std: 0.1, l2: 1e-4 }
    }
}

impl SocialLightGcnConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        ModelError::expect(self.embedding_dim > 0, NAME, "embedding_dim", self.embedding_dim, "at least 1")?;
        let layers = self.num_layers;
        ModelError::expect((1..=16).contains(&layers), NAME, "num_layers", layers, "1 to 16")?;
        let std = self.init_std;
        ModelError::expect(std > 0.0 && std.is_finite(), NAME, "init_std", std, "a finite number above 0")?;
        ModelError::expect(self.l2 >= 0.0 && self.l2.is_finite(), NAME, "l2", self.l2, "a finite number, at least 0")
    }
}

impl GradientConfig for SocialLightGcnConfig {
    type Model = SocialLightGcn;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<SocialLightGcn, ModelError> {
        self.validate()?;
        let social = world.social().ok_or(ModelError::Missing { model: NAME, needs: "a social graph" })?;
        let graph = joint_graph(world.interactions(), Some(social.ties()))?;
        Ok(SocialLightGcn {
            nodes: Table::normal(seed, "nodes", graph.num_rows(), self.embedding_dim, self.init_std, device),
            adjacency: Adjacency::symmetric_normalised(&graph),
            loss: PropagatedLoss {
                num_users: world.interactions().num_users(),
                num_layers: self.num_layers,
                loss: RankingLoss::Bpr,
                l2: self.l2,
            },
        })
    }
}

/// One table of nodes and the graph it is propagated over.
#[derive(Module, Debug)]
pub struct SocialLightGcn {
    /// `E(0)`, `num_users + num_items x dim`, users first.
    pub nodes: Table,
    #[module(skip)]
    adjacency: Adjacency,
    #[module(skip)]
    loss: PropagatedLoss,
}

impl GradientModel for SocialLightGcn {
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
    use gnnrec_graph::{Duplicates, InteractionGraph, ItemId, SocialGraph, TieDirection, UserId};
    use gnnrec_model::conformance;

    use super::*;

    #[test]
    fn conforms() {
        let config = SocialLightGcnConfig { embedding_dim: 8, l2: 0.01, ..Default::default() };
        conformance::check(&config, &conformance::world());
    }

    fn world() -> World {
        // u0 trusts u1, u1 chose i0: the path u0 - u1 - i0.
        let pairs = [(UserId(1), ItemId(0))];
        World::new(InteractionGraph::from_pairs(2, 1, &pairs, Duplicates::Error).unwrap())
    }

    #[test]
    fn scores_by_hand() {
        let ties = SocialGraph::from_ties(2, &[(UserId(0), UserId(1))], TieDirection::Directed).unwrap();
        let world = world().with_social(ties).unwrap();
        let config = SocialLightGcnConfig { embedding_dim: 1, num_layers: 1, ..Default::default() };
        let mut model = config.init(&world, 0, &Device::flex()).unwrap();
        model.nodes = Table::new(Param::from_tensor(Tensor::from_floats([[1.0], [2.0], [4.0]], &Device::flex())));
        let root = 2f32.sqrt();
        let (u0, u1, i0) = ((1.0 + 2.0 / root) / 2.0, (2.0 + 5.0 / root) / 2.0, (4.0 + 2.0 / root) / 2.0);
        let found = conformance::all_scores(&*model.scorer());
        assert!((found[0] - u0 * i0).abs() < 1e-5 && (found[1] - u1 * i0).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn says_what_is_missing() {
        let error = SocialLightGcnConfig::default().init(&world(), 0, &Device::flex()).unwrap_err();
        assert_eq!(error, ModelError::Missing { model: NAME, needs: "a social graph" });
        let config = SocialLightGcnConfig { num_layers: 17, ..Default::default() };
        assert!(config.validate().unwrap_err().to_string().contains("num_layers"));
        assert!(serde_json::from_str::<SocialLightGcnConfig>(r#"{"layers": 3}"#).is_err());
    }
}
