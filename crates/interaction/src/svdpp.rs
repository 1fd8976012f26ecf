//! SVD++: who a user is shows in what it rated, whatever the ratings. Koren, KDD 2008, section 4, equations 15 and 16.
//!
//! ```text
//! ŷ(u,i) = μ + b(u) + b(i) + q(i) · (p(u) + |N(u)|^-1/2 Σ_{j in N(u)} y(j))
//! L      = mean over the batch of (r - ŷ)² + bias_l2 (b(u)² + b(i)²)
//!                               + l2 (|p(u)|² + |q(i)|² + Σ_{j in N(u)} |y(j)|²)
//! ```
//!
//! `N(u)` are the training items of `u`, `μ` is the mean of the training ratings. The penalty stands beside every
//! rating, as in the paper's steps, so that an item of many raters is penalised that often.
//!
//! Departures: batches and any optimiser instead of single steps of gradient descent. A user or item without
//! ratings keeps its initial `p` or `q`, noise of `init_std`.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gnnrec_eval::Scorer;
use gnnrec_graph::{Csr, ItemId, UserId, World};
use gnnrec_model::{
    DistinctRows, GradientConfig, GradientModel, ModelError, Phase, Planner, SubGraph, Table, biased_scorer,
    mean_rating, ready_column, weighted_squares, whole_tables,
};
use gnnrec_sampling::{Batch, RatedBatch};
use gnnrec_sparse::{Rows, gather_rows};
use serde::{Deserialize, Serialize};

const NAME: &str = "svdpp";

/// How an SVD++ model is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SvdPpConfig {
    /// Width of the tables, at least 1.
    pub embedding_dim: usize,
    /// Standard deviation of the initial values of `p`, `q` and `y`, above 0; biases begin as zeros.
    pub init_std: f32,
    /// Weight of the squared biases, at least 0.
    pub bias_l2: f64,
    /// Weight of the squared norms of `p`, `q` and `y`, at least 0.
    pub l2: f64,
}

impl Default for SvdPpConfig {
    /// The paper's weights, for Netflix.
    fn default() -> Self {
        Self { embedding_dim: 50, init_std: 0.01, bias_l2: 0.005, l2: 0.015 }
    }
}

impl SvdPpConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        ModelError::expect(self.embedding_dim > 0, NAME, "embedding_dim", self.embedding_dim, "at least 1")?;
        let std = self.init_std;
        ModelError::expect(std > 0.0 && std.is_finite(), NAME, "init_std", std, "a finite number above 0")?;
        for (field, l2) in [("bias_l2", self.bias_l2), ("l2", self.l2)] {
            ModelError::expect(l2 >= 0.0 && l2.is_finite(), NAME, field, l2, "a finite number, at least 0")?;
        }
        Ok(())
    }
}

impl GradientConfig for SvdPpConfig {
    type Model = SvdPp;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<SvdPp, ModelError> {
        self.validate()?;
        let mean = mean_rating(world, NAME)?;
        let (num_users, num_items) = (world.interactions().num_users(), world.interactions().num_items());
        let table = |name, rows| Table::normal(seed, name, rows, self.embedding_dim, self.init_std, device);
        let bias = |rows| Table::zeros(rows, device);
        Ok(SvdPp {
            users: table("users", num_users),
            items: table("items", num_items),
            rated: table("rated", num_items),
            user_bias: bias(num_users),
            item_bias: bias(num_items),
            by_user: Arc::new(world.interactions().by_user().to_pattern()),
            mean,
            bias_l2: self.bias_l2,
            l2: self.l2,
        })
    }

    fn phases(&self) -> Vec<Phase> {
        vec![Phase::Ratings]
    }
}

/// Three tables of factors and two of biases.
#[derive(Module, Debug)]
pub struct SvdPp {
    /// `p`, `num_users x dim`.
    pub users: Table,
    /// `q`, `num_items x dim`: an item that is rated.
    pub items: Table,
    /// `y`, `num_items x dim`: an item as something that its user has rated.
    pub rated: Table,
    /// `b(u)`, `num_users x 1`.
    pub user_bias: Table,
    /// `b(i)`, `num_items x 1`.
    pub item_bias: Table,
    #[module(skip)]
    by_user: Arc<Csr>,
    #[module(skip)]
    mean: f64,
    #[module(skip)]
    bias_l2: f64,
    #[module(skip)]
    l2: f64,
}

/// A step before it is computed.
#[derive(Debug)]
pub struct SvdPpPlan {
    users: DistinctRows,
    /// By row of the batch.
    items: Rows,
    /// What the users have rated.
    rated: SubGraph,
    /// By row of the batch, and how many rows each user and each rated item stands for, all `n x 1`.
    ratings: Tensor<2>,
    counts: Tensor<2>,
    reached: Tensor<2>,
}

impl SvdPpPlan {
    fn new(batch: &RatedBatch, by_user: &Csr, device: &Device) -> Self {
        let users = DistinctRows::of(UserId::peel_slice(&batch.users)).ready_on(device);
        let rated = SubGraph::of_rows(by_user, &users.ids).ready_on(device);
        Self {
            items: Rows::from(ItemId::peel_slice(&batch.items)).ready_on(device),
            ratings: ready_column(batch.ratings.clone(), device),
            reached: ready_column(rated.sum_by_col(&users.counts), device),
            counts: ready_column(users.counts.clone(), device),
            users,
            rated,
        }
    }
}

impl GradientModel for SvdPp {
    type Plan = SvdPpPlan;

    fn planner(&self) -> Planner<SvdPpPlan> {
        let (by_user, device) = (Arc::clone(&self.by_user), self.users.device());
        Planner::new(move |batch: &Batch, _| SvdPpPlan::new(batch.rated(), &by_user, &device))
    }

    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
    fn planned_loss(&self, plan: SvdPpPlan) -> Tensor<1> {
        let SvdPpPlan { users, items, rated, ratings, counts, reached } = plan;
        let len = items.len() as f64;
        let (p, user_bias) = (self.users.lookup(&users.ids), self.user_bias.lookup(&users.ids));
        let (q, item_bias) = (self.items.lookup(&items), self.item_bias.lookup(&items));
        let y = self.rated.lookup(rated.cols());

        let vectors = gather_rows(p.clone() + rated.root_normalised_sum(y.clone()), &users.positions);
        let biases = gather_rows(user_bias.clone(), &users.positions) + item_bias.clone();
        let predicted = (vectors * q.clone()).sum_dim(1) + biases + self.mean;
        let error = (predicted - ratings).square().sum();

        let biases = weighted_squares(user_bias, counts.clone()) + item_bias.square().sum();
        let norms = weighted_squares(y, reached) + weighted_squares(p, counts) + q.square().sum();
        (error + biases * self.bias_l2 + norms * self.l2) / len
    }

    fn tables(&self) -> Vec<&Table> {
        vec![&self.users, &self.items, &self.rated, &self.user_bias, &self.item_bias]
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        let tables = [&self.users, &self.items, &self.rated, &self.user_bias, &self.item_bias];
        let [users, items, y, user_bias, item_bias] = whole_tables(tables);
        let all: Vec<u32> = (0..).take(self.by_user.num_rows()).collect();
        let rated = SubGraph::of_rows(&self.by_user, &all);
        let vectors = users + rated.root_normalised_sum(gather_rows(y, rated.cols()));
        biased_scorer(self.mean, [vectors, user_bias], [items, item_bias])
    }
}
