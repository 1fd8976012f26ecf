//! DiffNet, influence that diffuses through a social network. Wu et al., SIGIR 2019, arXiv:1904.10322,
//! section 3.
//!
//! ```text
//! h(0)[u]   = P[u]
//! s(k+1)[u] = mean of h(k)[v] over the friends v of u
//! h(k+1)[u] = relu(W(k) [s(k+1)[u] ; h(k)[u]])
//! û[u]      = h(K)[u] + mean of Q[i] over the training items i of u
//! ŷ(u,i)    = û[u] · Q[i]
//! L         = mean softplus(ŷ(u,j) - ŷ(u,i)) + l2 · 1/2 Σ (|P[u]|² + |Q[i]|² + |Q[j]|²) / rows
//! ```
//!
//! A directed tie says whose opinion reaches `u`: the friends are whom `u` trusts or follows. The mean
//! over nobody, or over no item, is zero.
//!
//! Departures: users and items have no features here, so the fusion layer that mixes features with
//! `P` and `Q` falls away and leaves the free embeddings; the layers have no bias; `W`
//! starts from Glorot's uniform distribution; the penalty counts the rows of a batch, as in LightGCN.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use gnnrec_eval::Scorer;
use gnnrec_graph::World;
use gnnrec_model::{
    BatchRows, GradientConfig, GradientModel, ModelError, PairRows, Planner, bpr_loss, fits_whole, normal_init,
    table_scorer, xavier_init,
};
use gnnrec_sampling::Batch;
use gnnrec_sparse::{Activation, Adjacency, linear, spmm};
use serde::{Deserialize, Serialize};

const NAME: &str = "diffnet";

/// How a DiffNet model is made. The default is the paper's width and depth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiffNetConfig {
    /// Width of both tables, at least 1.
    pub embedding_dim: usize,
    /// Diffusion layers `K`, 1 to 8.
    pub num_layers: usize,
    /// Standard deviation of the initial values of `P` and `Q`, above 0.
    pub init_std: f32,
    /// Weight of the squared norms of a batch's rows of `P` and `Q`, at least 0.
    pub l2: f64,
}

impl Default for DiffNetConfig {
    fn default() -> Self {
        Self { embedding_dim: 64, num_layers: 2, init_std: 0.1, l2: 1e-4 }
    }
}

impl DiffNetConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        ModelError::expect(self.embedding_dim > 0, NAME, "embedding_dim", self.embedding_dim, "at least 1")?;
        let layers = self.num_layers;
        ModelError::expect((1..=8).contains(&layers), NAME, "num_layers", layers, "1 to 8")?;
        let std = self.init_std;
        ModelError::expect(std > 0.0 && std.is_finite(), NAME, "init_std", std, "a finite number above 0")?;
        ModelError::expect(self.l2 >= 0.0 && self.l2.is_finite(), NAME, "l2", self.l2, "a finite number, at least 0")
    }
}

impl GradientConfig for DiffNetConfig {
    type Model = DiffNet;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<DiffNet, ModelError> {
        self.validate()?;
        let social = world.social().ok_or(ModelError::Missing { model: NAME, needs: "a social graph" })?;
        let (interactions, dim) = (world.interactions(), self.embedding_dim);
        fits_whole(NAME, interactions.num_users(), 2 * dim, device)?;
        fits_whole(NAME, interactions.num_items(), dim, device)?;
        let layer = |k| xavier_init(seed, &format!("diffusion.{k}"), 2 * dim, dim, device);
        Ok(DiffNet {
            users: normal_init(seed, "users", interactions.num_users(), dim, self.init_std, device),
            items: normal_init(seed, "items", interactions.num_items(), dim, self.init_std, device),
            diffusion: (0..self.num_layers).map(layer).collect(),
            friends: Adjacency::row_mean(&social.ties().to_pattern()),
            chosen: Adjacency::row_mean(&interactions.by_user().to_pattern()),
            l2: self.l2,
        })
    }
}

/// Two tables and the layers that users' rows diffuse through.
#[derive(Module, Debug)]
pub struct DiffNet {
    /// `P`, `num_users x dim`.
    pub users: Param<Tensor<2>>,
    /// `Q`, `num_items x dim`.
    pub items: Param<Tensor<2>>,
    /// `W(0) ... W(K-1)` transposed, each `2 dim x dim`: rows `0 .. dim` meet the friends' mean.
    pub diffusion: Vec<Param<Tensor<2>>>,
    #[module(skip)]
    friends: Adjacency,
    #[module(skip)]
    chosen: Adjacency,
    #[module(skip)]
    l2: f64,
}

impl DiffNet {
    /// `û`, `num_users x dim`.
    fn forward(&self, users: Tensor<2>, items: Tensor<2>, weights: impl Iterator<Item = Tensor<2>>) -> Tensor<2> {
        let diffused = weights.fold(users, |own, weight| {
            let friends = spmm(&self.friends, own.clone());
            linear(Tensor::cat(vec![friends, own], 1), weight, None, Activation::RELU)
        });
        diffused + spmm(&self.chosen, items)
    }
}

impl GradientModel for DiffNet {
    type Plan = PairRows;

    fn planner(&self) -> Planner<PairRows> {
        let device = self.users.val().device();
        Planner::new(move |batch: &Batch, _| PairRows::of(batch.pairwise(), &device))
    }

    fn planned_loss(&self, batch: PairRows) -> Tensor<1> {
        let (users, items) = (self.users.val(), self.items.val());
        let weights = self.diffusion.iter().map(Param::val);
        let last = self.forward(users.clone(), items.clone(), weights);
        let (pos, neg) = BatchRows::from_tables(last, items.clone(), &batch).scores();
        bpr_loss(pos, neg) + BatchRows::from_tables(users, items, &batch).l2() * self.l2
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        let items = self.items.val().without_autodiff();
        let weights = self.diffusion.iter().map(|weight| weight.val().without_autodiff());
        table_scorer(self.forward(self.users.val().without_autodiff(), items.clone(), weights), items)
    }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::{Duplicates, InteractionGraph, ItemId, SocialGraph, TieDirection, UserId};
    use gnnrec_model::conformance;

    use super::*;

    #[test]
    fn conforms() {
        let config = DiffNetConfig { embedding_dim: 8, l2: 0.01, ..Default::default() };
        conformance::check(&config, &conformance::world());
    }

    /// u0 follows u1 and u2, nobody else follows; u0 chose both items, u2 the second.
    #[test]
    fn scores_by_hand() {
        let pairs = [(UserId(0), ItemId(0)), (UserId(0), ItemId(1)), (UserId(2), ItemId(1))];
        let ties = [(UserId(0), UserId(1)), (UserId(0), UserId(2))];
        let world = World::new(InteractionGraph::from_pairs(3, 2, &pairs, Duplicates::Error).unwrap())
            .with_social(SocialGraph::from_ties(3, &ties, TieDirection::Directed).unwrap())
            .unwrap();
        let config = DiffNetConfig { embedding_dim: 1, num_layers: 2, ..Default::default() };
        let device = Device::flex();
        let mut model = config.init(&world, 0, &device).unwrap();
        let param = |rows: &[f32]| Param::from_tensor(Tensor::<1>::from_floats(rows, &device).unsqueeze_dim::<2>(1));
        model.users = param(&[1.0, 2.0, -6.0]);
        model.items = param(&[10.0, 20.0]);
        // Layer 0: 3 * friends - own; layer 1: friends + 2 * own.
        model.diffusion = vec![param(&[3.0, -1.0]), param(&[1.0, 2.0])];
        // Layer 1: relu(3 * -2 - 1), relu(-2), relu(6); layer 2: relu(3 + 0), 0, 12.
        let expected = [3.0 + 15.0, 0.0, 12.0 + 20.0].map(|user: f32| [user * 10.0, user * 20.0]);
        assert_eq!(conformance::all_scores(&*model.scorer()), expected.concat());
    }

    #[test]
    fn says_what_is_missing() {
        let world = World::new(InteractionGraph::from_pairs(1, 1, &[], Duplicates::Error).unwrap());
        let error = DiffNetConfig::default().init(&world, 0, &Device::flex()).unwrap_err();
        assert_eq!(error, ModelError::Missing { model: NAME, needs: "a social graph" });
        let config = DiffNetConfig { num_layers: 0, ..Default::default() };
        assert!(config.validate().unwrap_err().to_string().contains("num_layers"));
        assert!(serde_json::from_str::<DiffNetConfig>(r#"{"layers": 3}"#).is_err());
    }
}
