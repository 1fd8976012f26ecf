//! SocialMF: a user's vector is drawn towards those of whom the user trusts. Jamali and Ester, RecSys 2010.
//!
//! ```text
//! ŷ(u,i) = low + (high - low) g(p(u) · q(i))               g(x) = 1 / (1 + e^-x)
//! L      = mean over the batch of (r' - g(p(u) · q(i)))²   r' = (r - low) / (high - low)
//!            + l2 (|I(u)|^-1 |p(u)|² + |U(i)|^-1 |q(i)|²)
//!            + trust_weight |I(u)|^-1 |p(u) - t(u)|²       t(u) = |T(u)|^-1 Σ_{v in T(u)} p(v)
//! ```
//!
//! `I(u)` are the training items of `u`, `U(i)` the users of `i`, `T(u)` whom `u` trusts; `low` and `high` are the least
//! and the greatest training rating. The paper sums every penalty once a user or item. Here each rating carries
//! its share, so that an epoch sums to twice the paper's objective and a step touches its own users and whom they
//! trust. `t` is differentiated too: who is trusted is drawn towards the truster, as in the paper's gradient.
//!
//! Choices, where paper and practice differ:
//! - the paper normalises ratings to `[0, 1]` without more words (from memory); LibRec does as above, others divide by
//!   the greatest;
//! - [`RatingPrediction::Linear`] is what rating models usually have in place of `g`: `ŷ = μ + b(u) + b(i) + p(u) · q(i)`
//!   and errors in the unit of the ratings, with biases penalised like the vectors beside them. The paper's form knows
//!   neither mean nor bias: an item that nobody has rated gets the middle of the range from everybody;
//! - the paper's trust may be a number and its rows sum to 1; ties have no numbers here, so that `t` is the plain mean;
//! - for a user who trusts nobody `t` would be 0 in the letter of the paper; here, as in LibRec, there is no such term.
//!
//! Departures: batches and any optimiser instead of gradient descent over everything. Users without ratings are in no
//! batch: who of them trusts somebody is scored by `trust_weight / (l2 + trust_weight) t(u)`, the minimum of the two
//! terms left out (the paper's gain for cold users), the others by their row as trusters or the first draw left it.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};
use gnnrec_eval::Scorer;
use gnnrec_graph::{Csr, ItemId, UserId, World};
use gnnrec_model::{
    DistinctRows, GradientConfig, GradientModel, ModelError, Phase, Planner, SubGraph, Table, biased_scorer,
    inverse_root, mean_rating, ready_column, table_scorer, weighted_squares, whole_tables,
};
use gnnrec_sampling::{Batch, RatedBatch};
use gnnrec_sparse::{Rows, gather_rows};
use serde::{Deserialize, Serialize};

const NAME: &str = "socialmf";

/// How a rating follows from two vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RatingPrediction {
    /// A logistic function of their product, stretched over the range of the training ratings: the paper's.
    Logistic,
    /// Their product, the mean rating and a bias of either side.
    #[default]
    Linear,
}

/// How a SocialMF model is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SocialMfConfig {
    /// Width of the tables, at least 1.
    pub embedding_dim: usize,
    /// Standard deviation of the initial values of `p` and `q`, above 0; biases begin as zeros.
    pub init_std: f32,
    /// `λU = λV`, weight of the squared norms, at least 0.
    pub l2: f64,
    /// `λT`, weight of the squared distances between users and the mean of whom they trust, at least 0.
    pub trust_weight: f64,
    /// How a rating follows from two vectors. Weights of one do not suit the other: its errors have another unit.
    pub prediction: RatingPrediction,
}

impl Default for SocialMfConfig {
    /// Linear, with the best of nine weights on the validation part of a split of Ciao.
    fn default() -> Self {
        Self { embedding_dim: 10, init_std: 0.1, l2: 5.0, trust_weight: 60.0, prediction: RatingPrediction::Linear }
    }
}

impl SocialMfConfig {
    /// The paper's form, with width and weights of its experiments on Epinions, from memory and not checked against it.
    /// On Ciao it does worse than the mean rating.
    #[must_use]
    pub fn logistic() -> Self {
        let prediction = RatingPrediction::Logistic;
        Self { l2: 0.1, trust_weight: 5.0, prediction, ..Self::default() }
    }

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

impl GradientConfig for SocialMfConfig {
    type Model = SocialMf;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<SocialMf, ModelError> {
        self.validate()?;
        let social = world.social().ok_or(ModelError::Missing { model: NAME, needs: "a social graph" })?;
        let mean = mean_rating(world, NAME)?;
        let interactions = world.interactions();
        let (num_users, num_items) = (interactions.num_users(), interactions.num_items());
        let table = |name, rows| Table::normal(seed, name, rows, self.embedding_dim, self.init_std, device);
        let bias = |rows| Table::zeros(rows, device);
        let degrees = |matrix: &Csr| (0..matrix.num_rows()).map(|row| matrix.degree(row)).collect();
        let is_linear = self.prediction == RatingPrediction::Linear;
        Ok(SocialMf {
            users: table("users", num_users),
            items: table("items", num_items),
            biases: is_linear.then(|| [bias(num_users), bias(num_items)]),
            scale: if is_linear { Scale { zero: mean, unit: 1.0 } } else { Scale::of_range(world)? },
            graphs: Arc::new(Graphs {
                ties: social.ties().to_pattern(),
                num_rated: degrees(interactions.by_user()),
                num_raters: degrees(interactions.by_item()),
            }),
            l2: self.l2,
            trust_weight: self.trust_weight,
        })
    }

    fn phases(&self) -> Vec<Phase> {
        vec![Phase::Ratings]
    }
}

/// Two tables of factors, and two of biases where predictions are linear.
#[derive(Module, Debug)]
pub struct SocialMf {
    /// `p`, `num_users x dim`.
    pub users: Table,
    /// `q`, `num_items x dim`.
    pub items: Table,
    /// `b(u)`, `num_users x 1`, and `b(i)`, `num_items x 1`; none where predictions are logistic.
    pub biases: Option<[Table; 2]>,
    #[module(skip)]
    scale: Scale,
    #[module(skip)]
    graphs: Arc<Graphs>,
    #[module(skip)]
    l2: f64,
    #[module(skip)]
    trust_weight: f64,
}

/// What predictions count in: a rating is `zero + unit ·` what is predicted.
#[derive(Clone, Copy, Debug)]
struct Scale {
    zero: f64,
    unit: f64,
}

impl Scale {
    /// From the least training rating to the greatest.
    fn of_range(world: &World) -> Result<Self, ModelError> {
        let ratings = world.interactions().by_user().weights().unwrap_or_default();
        let low = f64::from(ratings.iter().copied().fold(f32::INFINITY, f32::min));
        let high = f64::from(ratings.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        if low < high {
            return Ok(Self { zero: low, unit: high - low });
        }
        Err(ModelError::Missing { model: NAME, needs: "two different ratings" })
    }
}

/// What is known of the world.
#[derive(Debug)]
struct Graphs {
    /// Row `u` lists `T(u)`.
    ties: Csr,
    /// `|I(u)|`.
    num_rated: Vec<usize>,
    /// `|U(i)|`.
    num_raters: Vec<usize>,
}

/// A step before it is computed.
#[derive(Debug)]
pub struct SocialMfPlan {
    /// Distinct, and whom they trust; the position of each row's user.
    users: Rows,
    trusted: Rows,
    positions: Rows,
    /// By row of the batch.
    items: Rows,
    /// By row of the batch on the scale of predictions, `rows x 1`.
    ratings: Tensor<2>,
    ties: Ties,
    /// What the squares of users' and items' rows weigh, and of the distances of those who trust somebody.
    of_users: Tensor<2>,
    of_items: Tensor<2>,
    of_trusters: Tensor<2>,
}

impl SocialMfPlan {
    #[expect(clippy::cast_precision_loss, reason = "degrees are far below 2^24")]
    #[expect(clippy::cast_possible_truncation, reason = "ratings are 32-bit floats")]
    fn new(batch: &RatedBatch, graphs: &Graphs, scale: Scale, device: &Device) -> Self {
        let (distinct, items) = (DistinctRows::of(UserId::peel_slice(&batch.users)), ItemId::peel_slice(&batch.items));
        let ties = SubGraph::of_rows(&graphs.ties, &distinct.ids);
        let share = |(&user, &count): (&u32, &f32)| count / graphs.num_rated[user as usize] as f32;
        let of_users: Vec<f32> = distinct.ids.iter().zip(&distinct.counts).map(share).collect();
        let of_items = items.iter().map(|&item| 1.0 / graphs.num_raters[item as usize] as f32).collect();
        let trusts = |user: usize| ties.graph().pattern().degree(user) > 0;
        let of_trusters = of_users.iter().enumerate().map(|(user, &share)| if trusts(user) { share } else { 0.0 });
        let on_scale = |rating: &f32| ((f64::from(*rating) - scale.zero) / scale.unit) as f32;
        // Both are looked up in one table.
        let parts = Rows::parts([distinct.ids.to_vec(), ties.cols().to_vec()]);
        let mut parts = parts.into_iter().map(|rows| rows.ready_on(device));
        let mut part = || parts.next().expect("there are two");
        Self {
            users: part(),
            trusted: part(),
            positions: distinct.positions.ready_on(device),
            items: Rows::from(items).ready_on(device),
            ratings: ready_column(batch.ratings.iter().map(on_scale).collect(), device),
            of_trusters: ready_column(of_trusters.collect(), device),
            of_users: ready_column(of_users, device),
            of_items: ready_column(of_items, device),
            ties: Ties::of(ties, device),
        }
    }
}

/// Whom some users trust.
#[derive(Debug)]
struct Ties {
    graph: SubGraph,
    /// `|T(u)|^-1/2`, `rows x 1`.
    inverse_roots: Tensor<2>,
}

impl Ties {
    fn of(graph: SubGraph, device: &Device) -> Self {
        let pattern = graph.graph().pattern();
        let inverse_roots = (0..pattern.num_rows()).map(|user| inverse_root(pattern.degree(user))).collect();
        Self { inverse_roots: ready_column(inverse_roots, device), graph: graph.ready_sum_on(device) }
    }

    /// `t`, from the vectors of [`SubGraph::cols`]: a row for each of the users, zeros for who trusts nobody.
    fn mean(&self, p: Tensor<2>) -> Tensor<2> {
        self.graph.root_normalised_sum(p) * self.inverse_roots.clone()
    }
}

impl GradientModel for SocialMf {
    type Plan = SocialMfPlan;

    fn planner(&self) -> Planner<SocialMfPlan> {
        let (graphs, scale, device) = (Arc::clone(&self.graphs), self.scale, self.users.device());
        Planner::new(move |batch: &Batch, _| SocialMfPlan::new(batch.rated(), &graphs, scale, &device))
    }

    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
    fn planned_loss(&self, plan: SocialMfPlan) -> Tensor<1> {
        let SocialMfPlan { users, positions, trusted, items, ratings, ties, of_users, of_items, of_trusters } = plan;
        let len = items.len() as f64;
        let (p, q) = (self.users.lookup(&users), self.items.lookup(&items));
        let trust = weighted_squares(p.clone() - ties.mean(self.users.lookup(&trusted)), of_trusters);

        let product = (gather_rows(p.clone(), &positions) * q.clone()).sum_dim(1);
        let norms = weighted_squares(p, of_users.clone()) + weighted_squares(q, of_items.clone());
        let (predicted, norms) = match &self.biases {
            None => (sigmoid(product), norms),
            Some([user_bias, item_bias]) => {
                let (user_bias, item_bias) = (user_bias.lookup(&users), item_bias.lookup(&items));
                let predicted = product + gather_rows(user_bias.clone(), &positions) + item_bias.clone();
                (predicted, norms + weighted_squares(user_bias, of_users) + weighted_squares(item_bias, of_items))
            }
        };
        let error = (predicted - ratings).square().sum();
        (error + norms * self.l2 + trust * self.trust_weight) / len
    }

    fn tables(&self) -> Vec<&Table> {
        [&self.users, &self.items].into_iter().chain(self.biases.iter().flatten()).collect()
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        let Scale { zero, unit } = self.scale;
        match &self.biases {
            None => {
                let [users, items] = whole_tables([&self.users, &self.items]);
                let products = table_scorer(self.users_with_cold(users), items);
                Box::new(LogisticScorer { products, low: zero, width: unit })
            }
            Some([user_bias, item_bias]) => {
                let tables = whole_tables([&self.users, &self.items, user_bias, item_bias]);
                let [users, items, user_bias, item_bias] = tables;
                biased_scorer(zero, [self.users_with_cold(users), user_bias], [items, item_bias])
            }
        }
    }
}

impl SocialMf {
    /// `p` of all users; without ratings and with ties it is what is drawn from `t`.
    #[expect(clippy::cast_possible_truncation, reason = "a share needs no more digits")]
    fn users_with_cold(&self, p: Tensor<2>) -> Tensor<2> {
        let graphs = &*self.graphs;
        let all: Vec<u32> = (0..).take(graphs.num_rated.len()).collect();
        let ties = Ties::of(SubGraph::of_rows(&graphs.ties, &all), &p.device());
        let is_drawn =
            |user: usize| self.trust_weight > 0.0 && graphs.num_rated[user] == 0 && graphs.ties.degree(user) > 0;
        let share = (self.trust_weight / (self.l2 + self.trust_weight)) as f32;
        let of_users = |drawn: f32, own: f32| {
            let share = |user| if is_drawn(user) { drawn } else { own };
            ready_column((0..all.len()).map(share).collect(), &p.device())
        };
        let mean = ties.mean(gather_rows(p.clone(), ties.graph.cols()));
        mean * of_users(share, 0.0) + p.clone() * of_users(0.0, 1.0)
    }
}

/// `low + width g(x)` of the products `x` of another scorer.
struct LogisticScorer {
    products: Box<dyn Scorer>,
    low: f64,
    width: f64,
}

impl LogisticScorer {
    #[expect(clippy::cast_possible_truncation, reason = "scores hold 32 bits")]
    fn squash(&self, scores: &mut [f32]) {
        for score in scores {
            *score = (self.low + self.width / (1.0 + (-f64::from(*score)).exp())) as f32;
        }
    }
}

impl Scorer for LogisticScorer {
    fn num_users(&self) -> usize {
        self.products.num_users()
    }

    fn num_items(&self) -> usize {
        self.products.num_items()
    }

    fn score(&self, users: &[UserId], scores: &mut [f32]) {
        self.products.score(users, scores);
        self.squash(scores);
    }

    fn score_pairs(&self, pairs: &[(UserId, ItemId)], scores: &mut [f32]) {
        self.products.score_pairs(pairs, scores);
        self.squash(scores);
    }
}
