//! GraphRec, ratings from opinions and friends. Fan et al., WWW 2019, arXiv:1902.07243, section 2.
//!
//! ```text
//! x[i,r]  = MLP2([q_i ; e_r])                              what it is that i was rated r
//! h_I[u]  = relu(W Σ α x[i,r] + b)                         over the items i that u rated, with their r
//!           α = softmax of w · relu(W' [x[i,r] ; p_u] + b')
//! h_S[u]  = relu(W Σ β h_I[v] + b)                         over the friends v of u
//!           β = softmax of w · relu(W' [h_I[v] ; p_u] + b')
//! h[u]    = MLP3([h_I[u] ; h_S[u]])
//! f[t,r]  = MLP2([p_t ; e_r])
//! z[i]    = relu(W Σ μ f[t,r] + b)                         over the users t who rated i, with their r
//!           μ = softmax of w · relu(W' [f[t,r] ; q_i] + b')
//! r̂(u,i)  = w · drop(relu(norm(W2 drop(relu(norm(W1 [h[u] ; z[i]]))))))  + b
//! L       = mean of (r̂(u,i) - r)² / 2
//! ```
//!
//! `p`, `q` and `e` are tables of users, items and rating levels, which are the distinct training ratings. The
//! friends of `u` are those whom `u` trusts, not those who trust `u`. All matrices of the equations are different ones.
//!
//! Training is the paper's with RMSprop, decay .9, learning rate 1e-3, batches of 128 ratings and early stop on
//! validation. As published, the rating that is to be predicted stands among the neighbours of its user and item, unless
//! [`GraphRecConfig::hide_batch`] takes it out.
//!
//! Choices, where paper and code (`wenqifan03/GraphRec-WWW19`) leave them or differ:
//! - a user without ratings or without friends and an item without ratings have zeros for `h_I`, `h_S` or `z`; a friend
//!   without ratings counts, with zeros;
//! - attention has the paper's two layers, without dropout; the code has three, with dropout;
//! - [`FriendVectors::Embedding`] is what the code runs by default: `p_v` in place of `h_I[v]`;
//! - the rating layers are `2 dim -> dim -> 16 -> 1`, with batch normalisation (momentum .5) before each relu and
//!   dropout after it, as in the code; the code has two more such layers for users and for items before them, and
//!   joins `p_u` to `h_I[u]` and to `h_S[u]`, `q_i` to `z[i]`, of which the paper knows nothing;
//! - the paper's loss is a sum over all ratings, `1/(2|O|) Σ`; here it is the mean over a batch;
//! - all weights start from `N(0, .1²)` as the paper says, biases at 0; those that could change nothing (before a
//!   normalisation or a softmax) are left out.

mod layers;
mod neighbourhood;
mod norm;
mod plan;
mod rating;
mod scorer;

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_eval::Scorer;
use gnnrec_graph::{Csr, World};
use gnnrec_model::{GradientConfig, GradientModel, ModelError, Phase, Planner, Table, fits_whole};
use gnnrec_sampling::Batch;
use gnnrec_sparse::gather_rows;
use serde::{Deserialize, Serialize};

use layers::{Aggregation, Linear, OpinionMlp, Sources, Start};
use neighbourhood::{Choice, Kind, Levels, Opinions, blocks};
use plan::{FriendsPlan, GraphRecPlan, OpinionsPlan, UsersPlan};
use rating::{RatingMlp, values};
use scorer::GraphRecScorer;

const NAME: &str = "graphrec";

/// Edges that a scorer computes at a time, about.
const EDGES_A_BLOCK: usize = 1 << 17;

/// What a friend is to a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FriendVectors {
    /// `h_I[v]`, what the friend rated: two hops, the paper's.
    #[default]
    ItemSpace,
    /// `p_v`, the friend's row of the user table: one hop, a shortcut of widely circulated code.
    Embedding,
}

/// How a GraphRec model is made. The default is the paper's for Ciao and Epinions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphRecConfig {
    /// Width of the tables and of every layer but the last two, at least 1.
    pub embedding_dim: usize,
    /// Share of the rating layers' values that a training step drops, at least 0 and below 1.
    pub dropout: f64,
    /// Standard deviation of initial weights, above 0.
    pub init_std: f32,
    /// At most so many random neighbours of each node and kind in a training step, anew each step; at least 1. None:
    /// all of them. Scoring always looks at all.
    pub max_neighbours: Option<usize>,
    /// Whether the ratings of a batch are hidden from the neighbourhoods that are to predict them. As published they
    /// are not: a model learns from neighbours among which the answer stands, and finds none there when it is tested.
    pub hide_batch: bool,
    /// What a friend is to a user.
    pub friends: FriendVectors,
    /// Whether friends count; without them `h[u] = h_I[u]` (the paper's GraphRec-SN).
    pub social: bool,
    /// Whether rating levels have embeddings; without them `x[i,r] = MLP2(q_i)` (GraphRec-Opinion).
    pub opinions: bool,
    /// Whether `α` is attention, or else the mean.
    pub item_attention: bool,
    /// Whether `β` is attention, or else the mean.
    pub friend_attention: bool,
    /// Whether `μ` is attention, or else the mean.
    pub user_attention: bool,
}

impl Default for GraphRecConfig {
    fn default() -> Self {
        Self {
            embedding_dim: 64,
            dropout: 0.5,
            init_std: 0.1,
            max_neighbours: None,
            hide_batch: false,
            friends: FriendVectors::ItemSpace,
            social: true,
            opinions: true,
            item_attention: true,
            friend_attention: true,
            user_attention: true,
        }
    }
}

impl GraphRecConfig {
    /// With the raw embeddings of friends, as widely circulated code does.
    #[must_use]
    pub fn embedding_shortcut() -> Self {
        Self { friends: FriendVectors::Embedding, ..Self::default() }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        ModelError::expect(self.embedding_dim > 0, NAME, "embedding_dim", self.embedding_dim, "at least 1")?;
        let dropout = self.dropout;
        ModelError::expect((0.0..1.0).contains(&dropout), NAME, "dropout", dropout, "at least 0 and below 1")?;
        let std = self.init_std;
        ModelError::expect(std > 0.0 && std.is_finite(), NAME, "init_std", std, "a finite number above 0")?;
        ModelError::expect(self.max_neighbours != Some(0), NAME, "max_neighbours", 0, "at least 1, or none")
    }
}

impl GradientConfig for GraphRecConfig {
    type Model = GraphRec;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<GraphRec, ModelError> {
        self.validate()?;
        let (interactions, dim) = (world.interactions(), self.embedding_dim);
        fits_whole(NAME, interactions.num_users().max(interactions.num_items()), dim, device)?;
        let levels = Levels::of(interactions.by_user())?;
        let friends = match world.social() {
            _ if !self.social => None,
            Some(social) => Some(social.ties().to_pattern()),
            None => return Err(ModelError::Missing { model: NAME, needs: "a social graph" }),
        };
        let graphs = Graphs {
            items_of_users: Opinions::new(interactions.by_user(), &levels, Kind::ItemsOfUsers)?,
            users_of_items: Opinions::new(interactions.by_item(), &levels, Kind::UsersOfItems)?,
            friends,
            levels: levels.clone(),
        };
        let start = Start { seed, std: self.init_std, device };
        let table = |name, rows| Table::normal(seed, name, rows, dim, start.std, device);
        let social = graphs.friends.is_some().then(|| Social {
            friends: Aggregation::new(start, "friends", dim, self.friend_attention),
            combination: (0..3)
                .map(|layer| start.linear(&format!("combination.{layer}"), if layer == 0 { 2 * dim } else { dim }, dim))
                .collect(),
        });
        Ok(GraphRec {
            users: table("users", interactions.num_users()),
            items: table("items", interactions.num_items()),
            levels: self.opinions.then(|| start.weight("levels", levels.len(), dim)),
            item_opinions: OpinionMlp::new(start, "item-opinions", dim, self.opinions),
            rated_items: Aggregation::new(start, "rated-items", dim, self.item_attention),
            social,
            user_opinions: OpinionMlp::new(start, "user-opinions", dim, self.opinions),
            raters: Aggregation::new(start, "raters", dim, self.user_attention),
            rating: RatingMlp::new(start, dim),
            graphs: Arc::new(graphs),
            config: self.clone(),
        })
    }

    fn phases(&self) -> Vec<Phase> {
        vec![Phase::Ratings]
    }
}

/// What a model reads of its world.
#[derive(Debug)]
struct Graphs {
    items_of_users: Opinions,
    users_of_items: Opinions,
    friends: Option<Csr>,
    levels: Levels,
}

/// Three tables and the layers between them; parameters are named by their equations.
#[derive(Module, Debug)]
pub struct GraphRec {
    /// `p`, `num_users x dim`.
    users: Table,
    /// `q`, `num_items x dim`.
    items: Table,
    /// `e`, `num_levels x dim`, ascending by rating.
    levels: Option<Param<Tensor<2>>>,
    /// `x`.
    item_opinions: OpinionMlp,
    /// `h_I`.
    rated_items: Aggregation,
    social: Option<Social>,
    /// `f`.
    user_opinions: OpinionMlp,
    /// `z`.
    raters: Aggregation,
    /// `r̂`.
    rating: RatingMlp,
    #[module(skip)]
    graphs: Arc<Graphs>,
    #[module(skip)]
    config: GraphRecConfig,
}

/// What friends add.
#[derive(Module, Debug)]
struct Social {
    /// `h_S`.
    friends: Aggregation,
    /// `MLP3`.
    combination: Vec<Linear>,
}

impl Social {
    /// `h` from `h_I`, and from friends' vectors and `p`, which attention alone asks for.
    fn forward(
        &self,
        around: &Sources,
        item_space: Tensor<2>,
        friends: Tensor<2>,
        own: impl FnOnce() -> Tensor<2>,
    ) -> Tensor<2> {
        let social_space = self.friends.forward(around, friends, own);
        let joined = Tensor::cat(vec![item_space, social_space], 1);
        self.combination.iter().fold(joined, |x, layer| layer.relu(x))
    }
}

impl GraphRec {
    /// `h_I` of distinct users.
    fn item_space(&self, plan: &OpinionsPlan) -> Tensor<2> {
        let levels = self.levels.as_ref().map(Param::val);
        let x = self.item_opinions.forward(&plan.levels_of, self.items.lookup(&plan.others), levels);
        self.rated_items.forward(&plan.sources, x, || self.users.lookup(&plan.targets))
    }

    /// `z` of distinct items.
    fn user_space(&self, plan: &OpinionsPlan) -> Tensor<2> {
        let levels = self.levels.as_ref().map(Param::val);
        let f = self.user_opinions.forward(&plan.levels_of, self.users.lookup(&plan.others), levels);
        self.raters.forward(&plan.sources, f, || self.items.lookup(&plan.targets))
    }

    /// `h` of distinct users.
    fn users_of_batch(&self, plan: &UsersPlan) -> Tensor<2> {
        let item_space = self.item_space(&plan.opinions);
        let (Some(social), Some(around)) = (&self.social, &plan.friends) else { return item_space };
        let vectors = match &around.friend_places {
            Some(places) => gather_rows(item_space.clone(), places),
            None => self.users.lookup(&around.friends),
        };
        let own = match &around.target_places {
            Some(places) => gather_rows(item_space, places),
            None => item_space,
        };
        social.forward(&around.sources, own, vectors, || self.users.lookup(&around.targets))
    }

    /// `z` of all items.
    fn all_items(&self) -> Tensor<2> {
        let (raters, device) = (&self.graphs.users_of_items, &self.items.device());
        let with_attention = self.config.user_attention;
        self.in_blocks(&raters.pairs_of, &|items: &[u32]| {
            self.user_space(&OpinionsPlan::of(items, raters, &Choice::default(), with_attention, device))
        })
    }

    /// `h` of all users, `h_I` of each once.
    fn all_users(&self) -> Tensor<2> {
        let (graphs, device, all) = (&*self.graphs, &self.users.device(), &Choice::default());
        let rated = &graphs.items_of_users;
        let item_space = self.in_blocks(&rated.pairs_of, &|users: &[u32]| {
            self.item_space(&OpinionsPlan::of(users, rated, all, self.config.item_attention, device))
        });
        let (Some(social), Some(friends)) = (&self.social, &graphs.friends) else { return item_space };
        self.in_blocks(friends, &|users: &[u32]| {
            let around = FriendsPlan::of(users, friends, all, self.config.friend_attention, device);
            let vectors = match self.config.friends {
                FriendVectors::ItemSpace => gather_rows(item_space.clone(), &around.friends),
                FriendVectors::Embedding => self.users.lookup(&around.friends),
            };
            let own = gather_rows(item_space.clone(), users);
            social.forward(&around.sources, own, vectors, || self.users.lookup(users))
        })
    }

    /// Rows of all nodes of a graph, `num_nodes x dim`, some at a time.
    fn in_blocks(&self, neighbours: &Csr, rows: &dyn Fn(&[u32]) -> Tensor<2>) -> Tensor<2> {
        let blocks = blocks(neighbours, EDGES_A_BLOCK).into_iter();
        let all: Vec<f32> = blocks.flat_map(|nodes| values(rows(&nodes))).collect();
        let shape = [neighbours.num_rows(), self.config.embedding_dim];
        Tensor::from_data(TensorData::new(all, shape), &self.users.device())
    }
}

impl GradientModel for GraphRec {
    type Plan = GraphRecPlan;

    fn planner(&self) -> Planner<GraphRecPlan> {
        let (graphs, config, device) = (Arc::clone(&self.graphs), self.config.clone(), self.users.device());
        Planner::new(move |batch: &Batch, step| GraphRecPlan::new(batch.rated(), step, &graphs, &config, &device))
    }

    fn planned_loss(&self, plan: GraphRecPlan) -> Tensor<1> {
        let h = gather_rows(self.users_of_batch(&plan.users), &plan.user_places);
        let z = gather_rows(self.user_space(&plan.items), &plan.item_places);
        let found = self.rating.forward(Tensor::cat(vec![h, z], 1), plan.dropped);
        (found - plan.ratings).square().mean() * 0.5
    }

    fn tables(&self) -> Vec<&Table> {
        vec![&self.users, &self.items]
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        let model = self.valid();
        let folded = model.rating.fold(model.all_users(), model.all_items());
        Box::new(GraphRecScorer::new(model.config.embedding_dim, folded))
    }
}
