//! PinSage: convolutions over items that random walks find near one another. Ying et al., KDD 2018, arXiv:1806.01973,
//! section 3.
//!
//! ```text
//! N(i), α(i)   the T items that walks from i visit most, and their shares of those visits
//! n[i]         = Σ over j in N(i) of α(i,j) ReLU(Q(k) h(k-1)[j] + q(k))              importance pooling
//! h(k)[i]      = ReLU(W(k) [h(k-1)[i] ; n[i]] + w(k)), divided by its length         algorithm 1
//! z[i]         = G2 ReLU(G1 h(K)[i] + g)                    h(0)[i] = x[i]           algorithm 2
//! ŷ(u,i)       = p[u] · z[i]                                p[u] = mean of z over the training items of u
//! loss         = mean max(0, p[u\i] · z[j] - p[u\i] · z[i] + margin)                 equation 1
//! ```
//!
//! `x[i]` encodes the features of an item ([`FeatureEncoder`]), so that an item which nobody chose yet has an embedding:
//! from its features, and from neighbours if it has any. Where the world has no features, or with `item_ids`, it has an
//! embedding of its own that training learns, zero for an item that training lacks. Without features such items
//! therefore all score alike, from nothing.
//!
//! Some negatives `j` are hard, as in section 3.3: see [`gnnrec_sampling::HardNegatives`].
//!
//! Departures:
//! - the paper recommends items for an item, trained on pairs of them. Here the query is a user, as the mean of its
//!   training items; in training without the row's positive (`p[u\i]`), which would otherwise find itself. A user with
//!   one item is then a zero that teaches nothing, and one with none scores 0 everywhere;
//! - where there are features, the loss passes over negatives that training lacks: nobody could have chosen them, and
//!   pushed away from everybody they could not be recommended to anybody;
//! - the neighbourhoods are drawn once, from the run's seed, and kept;
//! - a step computes every item, not the sampled surroundings of a batch: the histories of some thousand users name
//!   most of a catalogue of some ten thousand items. A step costs `K * num_items * T` edges of `hidden_dim` numbers;
//!   catalogues of many millions, for which the paper samples, are out of reach;
//! - the paper leaves the margin open. Biases start like rows of a table, not at zero, where ReLU has no gradient for an
//!   item of which nothing is known.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_eval::Scorer;
use gnnrec_graph::{Csr, Duplicates, ItemId, World};
use gnnrec_model::{
    BatchRows, EncoderInit, FeatureEncoder, GradientConfig, GradientModel, ModelError, Phase, Planner, fits_whole,
    normal_init, table_scorer, xavier_init,
};
use gnnrec_sampling::{Batch, HardNegativesConfig, PairwiseBatch, WalkConfig, item_neighbours};
use gnnrec_sparse::{
    Activation, Adjacency, EdgeGraph, Rows, gather_rows, linear, ready_tensor, spmm, spmm_edges, unit_rows,
};
use serde::{Deserialize, Serialize};

const NAME: &str = "pinsage";

/// Which items the positives are held against. In a run file `"plain"`, or `{ hard = { from_rank = 100 } }` with any of
/// the fields of [`HardNegativesConfig`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemNegatives {
    /// Those that the sampler draws.
    Plain,
    /// Some of them near the positive.
    Hard(HardNegativesConfig),
}

/// How a PinSage model is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PinSageConfig {
    /// Width of an item before, between and after convolutions, at least 1.
    pub embedding_dim: usize,
    /// Width of what a neighbour passes on, at least 1.
    pub hidden_dim: usize,
    /// `K`, convolutions, 1 to 8.
    pub num_layers: usize,
    /// `T`, neighbours of an item at most, at least 1.
    pub num_neighbours: usize,
    /// The walks that find neighbours: `num_items * num_hops` hops when the model is made.
    pub walks: WalkConfig,
    /// What positives are held against.
    pub negatives: ItemNegatives,
    /// What a positive's score must be above a negative's, above 0.
    pub margin: f64,
    /// Whether items of training have embeddings of their own beside their features. They do where there are none.
    pub item_ids: bool,
    /// Standard deviation of the initial rows and biases, above 0. Matrices start from Glorot's distribution.
    pub init_std: f32,
}

impl Default for PinSageConfig {
    /// The paper's two layers and fifty neighbours, twice as wide on the way as at the ends; its widths are 1024 and 2048.
    fn default() -> Self {
        Self {
            embedding_dim: 64,
            hidden_dim: 128,
            num_layers: 2,
            num_neighbours: 50,
            walks: WalkConfig::default(),
            negatives: ItemNegatives::Hard(HardNegativesConfig::default()),
            margin: 1.0,
            item_ids: false,
            init_std: 0.1,
        }
    }
}

impl PinSageConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        let at_least_one = |field, found: usize| ModelError::expect(found > 0, NAME, field, found, "at least 1");
        at_least_one("embedding_dim", self.embedding_dim)?;
        at_least_one("hidden_dim", self.hidden_dim)?;
        at_least_one("num_neighbours", self.num_neighbours)?;
        ModelError::expect((1..=8).contains(&self.num_layers), NAME, "num_layers", self.num_layers, "1 to 8")?;
        for (field, found) in [("margin", self.margin), ("init_std", f64::from(self.init_std))] {
            let holds = found > 0.0 && found.is_finite();
            ModelError::expect(holds, NAME, field, found, "a finite number above 0")?;
        }
        self.walks.validate()?;
        match &self.negatives {
            ItemNegatives::Plain => Ok(()),
            ItemNegatives::Hard(hard) => Ok(hard.validate()?),
        }
    }

    /// The untrained model over neighbourhoods from elsewhere: `num_items x num_items`, weighed so that each row adds up
    /// to 1. [`GradientConfig::init`] draws them by walks.
    ///
    /// # Errors
    /// A configuration out of range.
    ///
    /// # Panics
    /// If the neighbourhoods are of another size or have no weights.
    pub fn init_with(
        &self,
        world: &World,
        neighbourhoods: Csr,
        seed: u64,
        device: &Device,
    ) -> Result<PinSage, ModelError> {
        self.validate()?;
        let (interactions, dim) = (world.interactions(), self.embedding_dim);
        let num_items = interactions.num_items();
        fits_whole(NAME, num_items, dim + self.hidden_dim, device)?;
        fits_whole(NAME, interactions.num_users(), dim, device)?;
        let size = [neighbourhoods.num_rows(), neighbourhoods.num_cols()];
        assert_eq!(size, [num_items; 2], "neighbourhoods are num_items x num_items");
        assert!(neighbourhoods.weights().is_some(), "neighbours are weighed");
        let in_training: Vec<bool> = (0..num_items).map(|item| interactions.by_item().degree(item) > 0).collect();
        let features = world.item_features().filter(|features| features.columns().len() > 0);
        let init = EncoderInit { seed, name: "items", dim, std: self.init_std };
        let encoder = features.map(|features| FeatureEncoder::new(features, &in_training, init, device));
        let row = |name: &str, rows| normal_init(seed, name, rows, dim, self.init_std, device);
        let has_ids = self.item_ids || features.is_none();
        let known = in_training.iter().map(|&known| f32::from(u8::from(known))).collect();
        let known = Tensor::<2>::from_data(TensorData::new(known, [num_items, 1]), device);
        let layers = 0..self.num_layers;
        Ok(PinSage {
            features: encoder.transpose()?,
            ids: has_ids.then(|| row("ids", num_items)),
            convolutions: layers.map(|layer| Convolution::init(self, seed, layer, device)).collect(),
            inner: xavier_init(seed, "inner", dim, dim, device),
            inner_bias: row("inner_bias", 1),
            outer: xavier_init(seed, "outer", dim, dim, device),
            known: known.without_autodiff(),
            in_training: in_training.into(),
            neighbourhoods: Adjacency::new(neighbourhoods),
            histories: Adjacency::row_mean(&interactions.by_user().to_pattern()),
            margin: self.margin,
        })
    }
}

impl GradientConfig for PinSageConfig {
    type Model = PinSage;

    /// Walks from every item, and keeps 8 bytes for each of `num_items * num_neighbours` neighbours, four times.
    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<PinSage, ModelError> {
        self.validate()?;
        let neighbourhoods = item_neighbours(world.interactions(), self.num_neighbours, &self.walks, seed)?;
        self.init_with(world, neighbourhoods, seed, device)
    }

    fn phases(&self) -> Vec<Phase> {
        match &self.negatives {
            ItemNegatives::Plain => vec![Phase::Pairs],
            ItemNegatives::Hard(hard) => vec![Phase::HardPairs(hard.clone())],
        }
    }
}

/// The parameters of one convolution; matrices are transposed, `input x output`, biases `1 x output`.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `Q`, `dim x hidden_dim`.
    pub neighbour: Param<Tensor<2>>,
    /// `q`.
    pub neighbour_bias: Param<Tensor<2>>,
    /// `W`, `dim + hidden_dim x dim`: the first `dim` rows meet the item itself.
    pub join: Param<Tensor<2>>,
    /// `w`.
    pub join_bias: Param<Tensor<2>>,
}

impl Convolution {
    fn init(config: &PinSageConfig, seed: u64, layer: usize, device: &Device) -> Self {
        let (dim, hidden, std) = (config.embedding_dim, config.hidden_dim, config.init_std);
        let name = |part: &str| format!("layer.{layer}.{part}");
        Self {
            neighbour: xavier_init(seed, &name("neighbour"), dim, hidden, device),
            neighbour_bias: normal_init(seed, &name("neighbour_bias"), 1, hidden, std, device),
            join: xavier_init(seed, &name("join"), dim + hidden, dim, device),
            join_bias: normal_init(seed, &name("join_bias"), 1, dim, std, device),
        }
    }

    /// `h(k)` of every item from `h(k-1)`, both `num_items x dim`.
    fn forward(&self, own: Tensor<2>, neighbourhoods: &Adjacency) -> Tensor<2> {
        let passed = linear(own.clone(), self.neighbour.val(), Some(self.neighbour_bias.val()), Activation::RELU);
        let near = spmm(neighbourhoods, passed);
        let joined = Tensor::cat(vec![own, near], 1);
        unit_rows(linear(joined, self.join.val(), Some(self.join_bias.val()), Activation::RELU))
    }
}

/// What an item begins with, convolutions, and the layers after them.
#[derive(Module, Debug)]
pub struct PinSage {
    /// The encoder of features, where there are any.
    pub features: Option<FeatureEncoder>,
    /// An embedding for each item, `num_items x dim`; those of items that training lacks are not looked at.
    pub ids: Option<Param<Tensor<2>>>,
    /// One for each layer.
    pub convolutions: Vec<Convolution>,
    /// `G1` transposed, `dim x dim`.
    pub inner: Param<Tensor<2>>,
    /// `g`, `1 x dim`.
    pub inner_bias: Param<Tensor<2>>,
    /// `G2` transposed, `dim x dim`.
    pub outer: Param<Tensor<2>>,
    #[module(skip)]
    in_training: Arc<[bool]>,
    /// The same as ones and zeros, `num_items x 1`.
    #[module(skip)]
    known: Tensor<2>,
    #[module(skip)]
    neighbourhoods: Adjacency,
    /// The training items of each user, divided by their number.
    #[module(skip)]
    histories: Adjacency,
    #[module(skip)]
    margin: f64,
}

impl PinSage {
    /// `z` of every item, `num_items x dim`.
    ///
    /// # Panics
    /// If somebody took away both the features and the embeddings.
    #[must_use]
    pub fn items(&self) -> Tensor<2> {
        let encoded = self.features.as_ref().map(FeatureEncoder::encode);
        let own = self.ids.as_ref().map(|ids| ids.val() * self.known.clone());
        let x = encoded.into_iter().chain(own).reduce(Tensor::add).expect("without features there are ids");
        let convolve = |x, convolution: &Convolution| convolution.forward(x, &self.neighbourhoods);
        let convolved = self.convolutions.iter().fold(x, convolve);
        let inner = linear(convolved, self.inner.val(), Some(self.inner_bias.val()), Activation::RELU);
        linear(inner, self.outer.val(), None, Activation::Identity)
    }
}

/// A step before it is computed.
#[derive(Debug)]
pub struct PinSagePlan {
    /// Rows of the batch, and its positives and then its negatives.
    len: usize,
    items: Rows,
    /// For each row of the batch the items of its user but the positive, and the share of each.
    others: EdgeGraph,
    shares: Tensor<1>,
    /// Which negatives count, `rows x num_negatives`, and how many do, at least 1.
    counted: Tensor<2>,
    num_counted: f32,
}

impl PinSagePlan {
    /// Linear in the histories of the batch's users.
    #[expect(clippy::cast_precision_loss, reason = "a history has far fewer than 2^24 items")]
    fn new(batch: &PairwiseBatch, histories: &Csr, counts: impl Fn(ItemId) -> bool, device: &Device) -> Self {
        let mut edges = Vec::new();
        for ((row, user), positive) in (0u32..).zip(&batch.users).zip(&batch.positives) {
            let others = histories.row(user.index()).iter().filter(|&&item| item != positive.0);
            edges.extend(others.map(|&item| (row, item)));
        }
        let others = Csr::from_edges(batch.len(), histories.num_cols(), &edges, Duplicates::Error);
        let others = others.expect("rows and items were counted before");
        let share = |row: &[usize]| vec![1.0 / (row[1] - row[0]) as f32; row[1] - row[0]];
        let shares: Vec<f32> = others.indptr().windows(2).flat_map(share).collect();
        let items = [ItemId::peel_slice(&batch.positives), ItemId::peel_slice(&batch.negatives)].concat();
        let counted: Vec<f32> = batch.negatives.iter().map(|&item| f32::from(u8::from(counts(item)))).collect();
        Self {
            num_counted: counted.iter().sum::<f32>().max(1.0),
            counted: ready_tensor(TensorData::new(counted, [batch.len(), batch.num_negatives]), device),
            shares: ready_tensor(TensorData::from(&shares[..]), device),
            others: EdgeGraph::new(others).ready_on(device),
            len: batch.len(),
            items: Rows::from(items).ready_on(device),
        }
    }
}

impl GradientModel for PinSage {
    type Plan = PinSagePlan;

    fn planner(&self) -> Planner<PinSagePlan> {
        let (histories, device) = (self.histories.clone(), self.outer.val().device());
        let known = self.features.is_some().then(|| Arc::clone(&self.in_training));
        Planner::new(move |batch: &Batch, _| {
            let counts = |item: ItemId| known.as_ref().is_none_or(|known| known[item.index()]);
            PinSagePlan::new(batch.pairwise(), histories.matrix(), counts, &device)
        })
    }

    fn planned_loss(&self, plan: PinSagePlan) -> Tensor<1> {
        let (items, len) = (self.items(), plan.len);
        let rows = gather_rows(items.clone(), &plan.items);
        let positives = rows.clone().narrow(0, 0, len);
        let negatives = rows.narrow(0, len, plan.items.len() - len);
        // `p[u\i]` for each row of the batch.
        let users = spmm_edges(&plan.others, plan.shares, items);
        let (pos, neg) = BatchRows { users, positives, negatives }.scores();
        let costs = relu(neg - pos.unsqueeze_dim::<2>(1) + self.margin);
        (costs * plan.counted).sum() / plan.num_counted
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        let items = self.valid().items();
        table_scorer(spmm(&self.histories, items.clone()), items)
    }
}
