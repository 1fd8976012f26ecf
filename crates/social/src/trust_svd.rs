//! TrustSVD: SVD++, and whom a user trusts. Guo, Zhang and Yorke-Smith, AAAI 2015, equations 3, 6 and 12.
//!
//! ```text
//! ŷ(u,i) = μ + b(u) + b(i) + q(i) · (p(u) + |I(u)|^-1/2 Σ_{j in I(u)} y(j) + |T(u)|^-1/2 Σ_{v in T(u)} w(v))
//! L      = mean over the batch of (r - ŷ)²
//!            + l2 (|I(u)|^-1/2 (b(u)² + |p(u)|²) + |U(i)|^-1/2 (b(i)² + |q(i)|²)
//!                  + Σ_{j in I(u)} |U(j)|^-1/2 |y(j)|² + Σ_{v in T(u)} |T⁺(v)|^-1/2 |w(v)|²)
//!            + trust_weight |I(u)|^-1 Σ_{v in T(u)} ((1 - p(u) · w(v))² + |T(u)|^-1/2 |p(u)|²)
//! ```
//!
//! `I(u)` are the training items of `u`, `U(i)` the users of `i`, `T(u)` whom `u` trusts, `T⁺(v)` who trusts `v`.
//!
//! The paper's equation sums each penalty once. Its authors' program (LibRec) has it beside every rating and every
//! tie, as here; that the published weights belong to the program is inferred. The ties of a user stand beside each
//! of its ratings with a share of `1 / |I(u)|`, so that an epoch counts every tie once, as it does there.
//!
//! Departures: batches and any optimiser instead of single steps of gradient descent; every tie has the value 1;
//! the ties of a user without ratings are not reconstructed, and its `p` keeps its initial noise; biases begin
//! as zeros.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gnnrec_eval::Scorer;
use gnnrec_graph::{Csr, ItemId, UserId, World};
use gnnrec_model::{
    DistinctRows, GradientConfig, GradientModel, ModelError, Phase, Planner, SubGraph, Table, biased_scorer,
    inverse_root, mean_rating, ready_column, weighted_squares, whole_tables,
};
use gnnrec_sampling::{Batch, RatedBatch};
use gnnrec_sparse::{Rows, edge_dot, gather_rows};
use serde::{Deserialize, Serialize};

const NAME: &str = "trustsvd";

/// How a TrustSVD model is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrustSvdConfig {
    /// Width of the tables, at least 1.
    pub embedding_dim: usize,
    /// Standard deviation of the initial values of `p`, `q`, `y` and `w`, above 0.
    pub init_std: f32,
    /// `λ`, weight of the squared biases and norms, at least 0.
    pub l2: f64,
    /// `λt`, weight of the reconstruction of ties, at least 0.
    pub trust_weight: f64,
}

impl Default for TrustSvdConfig {
    /// A wider setting with weights in use for Ciao, written from memory and not checked against the paper.
    fn default() -> Self {
        Self { embedding_dim: 10, init_std: 0.01, l2: 0.5, trust_weight: 1.0 }
    }
}

impl TrustSvdConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        ModelError::expect(self.embedding_dim > 0, NAME, "embedding_dim", self.embedding_dim, "at least 1")?;
        let std = self.init_std;
        ModelError::expect(std > 0.0 && std.is_finite(), NAME, "init_std", std, "a finite number above 0")?;
        for (field, weight) in [("l2", self.l2), ("trust_weight", self.trust_weight)] {
            let holds = weight >= 0.0 && weight.is_finite();
            ModelError::expect(holds, NAME, field, weight, "a finite number, at least 0")?;
        }
        Ok(())
    }
}

impl GradientConfig for TrustSvdConfig {
    type Model = TrustSvd;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<TrustSvd, ModelError> {
        self.validate()?;
        let social = world.social().ok_or(ModelError::Missing { model: NAME, needs: "a social graph" })?;
        let mean = mean_rating(world, NAME)?;
        let interactions = world.interactions();
        let (num_users, num_items) = (interactions.num_users(), interactions.num_items());
        let table = |name, rows| Table::normal(seed, name, rows, self.embedding_dim, self.init_std, device);
        let bias = |rows| Table::zeros(rows, device);
        let inverse_roots = |matrix: &Csr| (0..matrix.num_rows()).map(|row| inverse_root(matrix.degree(row))).collect();
        Ok(TrustSvd {
            users: table("users", num_users),
            items: table("items", num_items),
            rated: table("rated", num_items),
            trusted: table("trusted", num_users),
            user_bias: bias(num_users),
            item_bias: bias(num_items),
            graphs: Arc::new(Graphs {
                by_user: interactions.by_user().to_pattern(),
                ties: social.ties().to_pattern(),
                item_weights: inverse_roots(interactions.by_item()),
                trusted_weights: inverse_roots(&social.ties().transpose()),
            }),
            mean,
            l2: self.l2,
            trust_weight: self.trust_weight,
        })
    }

    fn phases(&self) -> Vec<Phase> {
        vec![Phase::Ratings]
    }
}

/// Four tables of factors and two of biases.
#[derive(Module, Debug)]
pub struct TrustSvd {
    /// `p`, `num_users x dim`.
    pub users: Table,
    /// `q`, `num_items x dim`: an item that is rated.
    pub items: Table,
    /// `y`, `num_items x dim`: an item as something that its user has rated.
    pub rated: Table,
    /// `w`, `num_users x dim`: a user as somebody who is trusted.
    pub trusted: Table,
    /// `b(u)`, `num_users x 1`.
    pub user_bias: Table,
    /// `b(i)`, `num_items x 1`.
    pub item_bias: Table,
    #[module(skip)]
    graphs: Arc<Graphs>,
    #[module(skip)]
    mean: f64,
    #[module(skip)]
    l2: f64,
    #[module(skip)]
    trust_weight: f64,
}

/// What is known of the world, and the weights of penalties that follow from it.
#[derive(Debug)]
struct Graphs {
    /// Row `u` lists `I(u)`.
    by_user: Csr,
    /// Row `u` lists `T(u)`.
    ties: Csr,
    /// `|U(i)|^-1/2`.
    item_weights: Vec<f32>,
    /// `|T⁺(v)|^-1/2`.
    trusted_weights: Vec<f32>,
}

/// A step before it is computed.
#[derive(Debug)]
pub struct TrustSvdPlan {
    users: DistinctRows,
    /// By row of the batch.
    items: Rows,
    /// What the users have rated, and whom they trust.
    rated: SubGraph,
    ties: SubGraph,
    /// By row of the batch, `rows x 1`.
    ratings: Tensor<2>,
    weights: Weights,
}

/// What the squares of a step's rows weigh, a column for each list of rows.
#[derive(Debug)]
struct Weights {
    users: Tensor<2>,
    items: Tensor<2>,
    rated: Tensor<2>,
    trusted: Tensor<2>,
    /// What each tie costs, and each user for having ties.
    ties: Tensor<2>,
    trusters: Tensor<2>,
}

impl TrustSvdPlan {
    #[expect(clippy::cast_precision_loss, reason = "degrees are far below 2^24")]
    fn new(batch: &RatedBatch, graphs: &Graphs, device: &Device) -> Self {
        let users = DistinctRows::of(UserId::peel_slice(&batch.users)).ready_on(device);
        let items = ItemId::peel_slice(&batch.items);
        let rated = SubGraph::of_rows(&graphs.by_user, &users.ids).ready_on(device);
        let ties = SubGraph::of_rows(&graphs.ties, &users.ids).ready_on(device);
        let num_rated = |user: usize| rated.graph().pattern().degree(user);
        let of_users = users.counts.iter().enumerate().map(|(user, count)| count * inverse_root(num_rated(user)));
        let shares: Vec<f32> =
            users.counts.iter().enumerate().map(|(user, count)| count / num_rated(user) as f32).collect();
        let pattern = ties.graph().pattern();
        let of_trusters = shares.iter().enumerate().map(|(user, share)| match pattern.degree(user) {
            0 => 0.0,
            degree => share / inverse_root(degree),
        });
        let column = |values: Vec<f32>| ready_column(values, device);
        let weights = Weights {
            users: column(of_users.collect()),
            items: column(items.iter().map(|&item| graphs.item_weights[item as usize]).collect()),
            rated: column(of_cols(&rated, &users.counts, &graphs.item_weights)),
            trusted: column(of_cols(&ties, &users.counts, &graphs.trusted_weights)),
            ties: column(pattern.edges().map(|(user, _)| shares[user as usize]).collect()),
            trusters: column(of_trusters.collect()),
        };
        let ratings = column(batch.ratings.clone());
        Self { items: Rows::from(items).ready_on(device), users, rated, ties, ratings, weights }
    }
}

impl GradientModel for TrustSvd {
    type Plan = TrustSvdPlan;

    fn planner(&self) -> Planner<TrustSvdPlan> {
        let (graphs, device) = (Arc::clone(&self.graphs), self.users.device());
        Planner::new(move |batch: &Batch, _| TrustSvdPlan::new(batch.rated(), &graphs, &device))
    }

    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
    fn planned_loss(&self, plan: TrustSvdPlan) -> Tensor<1> {
        let TrustSvdPlan { users, items, rated, ties, ratings, weights } = plan;
        let len = items.len() as f64;
        let (p, user_bias) = (self.users.lookup(&users.ids), self.user_bias.lookup(&users.ids));
        let (q, item_bias) = (self.items.lookup(&items), self.item_bias.lookup(&items));
        let (y, w) = (self.rated.lookup(rated.cols()), self.trusted.lookup(ties.cols()));

        let vectors = p.clone() + rated.root_normalised_sum(y.clone()) + ties.root_normalised_sum(w.clone());
        let biases = gather_rows(user_bias.clone(), &users.positions) + item_bias.clone();
        let predicted = (gather_rows(vectors, &users.positions) * q.clone()).sum_dim(1) + biases + self.mean;
        let error = (predicted - ratings).square().sum();

        let penalty = weighted_squares(user_bias, weights.users.clone())
            + weighted_squares(p.clone(), weights.users.clone())
            + weighted_squares(item_bias, weights.items.clone())
            + weighted_squares(q, weights.items.clone())
            + weighted_squares(y, weights.rated.clone())
            + weighted_squares(w.clone(), weights.trusted.clone());
        let loss = error + penalty * self.l2 + reconstruction(&ties, weights, p, w) * self.trust_weight;
        loss / len
    }

    fn tables(&self) -> Vec<&Table> {
        vec![&self.users, &self.items, &self.rated, &self.trusted, &self.user_bias, &self.item_bias]
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        let tables = [&self.users, &self.items, &self.rated, &self.trusted, &self.user_bias, &self.item_bias];
        let [users, items, rated, trusted, user_bias, item_bias] = whole_tables(tables);
        let all: Vec<u32> = (0..).take(self.graphs.by_user.num_rows()).collect();
        let sum = |matrix: &Csr, table| {
            let reached = SubGraph::of_rows(matrix, &all);
            reached.root_normalised_sum(gather_rows(table, reached.cols()))
        };
        let users = users + sum(&self.graphs.by_user, rated) + sum(&self.graphs.ties, trusted);
        biased_scorer(self.mean, [users, user_bias], [items, item_bias])
    }
}

/// The weights of the rows of a table that the batch reaches: its own, once for each rating that reaches it.
fn of_cols(reached: &SubGraph, counts: &[f32], weights: &[f32]) -> Vec<f32> {
    let sums = reached.sum_by_col(counts).into_iter().zip(reached.cols().iter());
    sums.map(|(sum, &col)| sum * weights[col as usize]).collect()
}

/// `Σ_u share(u) Σ_{v in T(u)} ((1 - p(u) · w(v))² + |T(u)|^-1/2 |p(u)|²)`, a scalar.
fn reconstruction(ties: &SubGraph, weights: Weights, p: Tensor<2>, w: Tensor<2>) -> Tensor<1> {
    if ties.graph().num_edges() == 0 {
        return Tensor::zeros([1], &p.device());
    }
    let penalty = weighted_squares(p.clone(), weights.trusters);
    let missing = edge_dot(ties.graph(), p, w).neg() + 1.0;
    (missing.square() * weights.ties.squeeze_dim(1)).sum() + penalty
}
