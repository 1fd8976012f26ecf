//! RMSE and MAE of the rating baselines on random 80/10/10 splits of Ciao or Epinions, a table on standard output.
//!
//! ```text
//! cargo build --release --workspace --example rating_baselines
//! target/release/examples/rating_baselines FOLDER SEEDS [svdpp|trust-svd KEY=VALUE ...]
//! ```
//!
//! `FOLDER` holds `ratings.txt` (user, item, category, rating) and `trust.txt`; `SEEDS` is a list such as `1,2,3`. Pairs
//! are de-duplicated before the split, the first line of a pair counts, zeros are no ratings. Predictions are clipped to
//! 1 to 5. A model that is trained stops after five epochs without a better validation RMSE; its row is the test part
//! at the best epoch. Keys are the fields of its configuration, `rate`, `batch` and `epochs`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program to be watched: what is wrong ends it")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::{Device, Tensor};
use gnnrec_eval::{Metric, Scorer, evaluate_ratings};
use gnnrec_graph::{Csr, Duplicates, Holdout, InteractionGraph, SocialGraph, TieDirection, UserId, World};
use gnnrec_interaction::{RatingBiasConfig, SvdPpConfig};
use gnnrec_model::{ClosedForm, GradientConfig, GradientModel, Step};
use gnnrec_sampling::{Batch, Purpose, RatedSampler, stream};
use gnnrec_social::TrustSvdConfig;
use gnnrec_sparse::kernels::tables::{Adam, AdamFactors};
use gnnrec_sparse::tables::{TableGradient, lazy_adam};
use rand::seq::SliceRandom;

/// The words of each line of a file, as whole numbers.
fn lines(path: &str) -> Vec<Vec<u32>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split_whitespace().map(|word| word.parse().unwrap()).collect()).collect()
}

#[derive(Default)]
struct Ids(HashMap<u32, u32>);

impl Ids {
    fn of(&mut self, external: u32) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap();
        *self.0.entry(external).or_insert(next)
    }
}

struct Dataset {
    num_users: usize,
    num_items: usize,
    ratings: Vec<(u32, u32, f32)>,
    ties: Vec<(UserId, UserId)>,
}

fn read(folder: &str) -> Dataset {
    let (mut users, mut items, mut seen, mut ratings) = (Ids::default(), Ids::default(), BTreeSet::new(), Vec::new());
    for line in lines(&format!("{folder}/ratings.txt")) {
        if line[3] > 0 && seen.insert((line[0], line[1])) {
            ratings.push((users.of(line[0]), items.of(line[1]), u8::try_from(line[3]).unwrap().into()));
        }
    }
    let ties = lines(&format!("{folder}/trust.txt"));
    let ties = ties.iter().map(|line| (UserId(users.of(line[0])), UserId(users.of(line[1])))).collect();
    Dataset { num_users: users.0.len(), num_items: items.0.len(), ratings, ties }
}

struct Split {
    world: World,
    validation: Holdout,
    test: Holdout,
}

impl Split {
    fn new(dataset: &Dataset, seed: u64) -> Self {
        let mut ratings = dataset.ratings.clone();
        ratings.shuffle(&mut stream(seed, Purpose::World, [0, 0]));
        let csr = |part: &[(u32, u32, f32)]| {
            Csr::from_weighted_edges(dataset.num_users, dataset.num_items, part, Duplicates::Error).unwrap()
        };
        let (train, held_out) = ratings.split_at(ratings.len() * 8 / 10);
        let (validation, test) = held_out.split_at(held_out.len() / 2);
        let social = SocialGraph::from_ties(dataset.num_users, &dataset.ties, TieDirection::Directed).unwrap();
        let world = World::new(InteractionGraph::new(csr(train))).with_social(social).unwrap();
        Self { world, validation: Holdout::new(csr(validation)), test: Holdout::new(csr(test)) }
    }

    /// RMSE and MAE on the validation part and on the test part.
    fn measure(&self, scorer: &dyn Scorer) -> [f64; 4] {
        let of = |holdout| {
            let seen = self.world.interactions().by_user();
            let metrics = [Metric::Rmse, Metric::Mae];
            let found = evaluate_ratings(scorer, seen, holdout, 1.0..=5.0, &metrics).unwrap();
            metrics.map(|metric| found.mean(metric).unwrap())
        };
        let ([a, b], [c, d]) = (of(&self.validation), of(&self.test));
        [a, b, c, d]
    }
}

fn show(what: &str, [rmse, mae, test_rmse, test_mae]: [f64; 4], seconds: f64) {
    println!("{what}: validation {rmse:.4} {mae:.4}, test {test_rmse:.4} {test_mae:.4}, {seconds:.1} s");
}

/// Lazy Adam over the tables of a model.
#[derive(Default)]
struct Stepper {
    moments: HashMap<ParamId, (Tensor<1>, Tensor<1>)>,
    rows: HashMap<ParamId, (Arc<[u32]>, Tensor<2>)>,
    factors: Option<AdamFactors>,
}

impl ModuleMapper for Stepper {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, x, mapper) = param.consume();
        let Some((rows, values)) = self.rows.remove(&id) else { return Param::from_mapped_value(id, x, mapper) };
        let x = x.without_autodiff();
        let zeros = || Tensor::zeros([x.shape().num_elements()], &x.device());
        let (m, v) = self.moments.remove(&id).unwrap_or_else(|| (zeros(), zeros()));
        let (x, m, v) = lazy_adam(x, TableGradient::Rows { rows, values }, m, v, self.factors.unwrap());
        self.moments.insert(id, (m, v));
        Param::from_mapped_value(id, x.autodiff().require_grad(), mapper)
    }
}

fn train<C: GradientConfig>(config: &C, split: &Split, seed: u64, keys: &BTreeMap<String, f64>) {
    let key = |name: &str, default: f64| keys.get(name).copied().unwrap_or(default);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes that somebody typed")]
    let (batch_size, num_epochs) = (key("batch", 1024.0) as usize, key("epochs", 60.0) as u64);
    let adam = Adam { learning_rate: key("rate", 1e-3), ..Adam::default() };
    let mut model = config.init(&split.world, seed, &Device::flex().autodiff()).unwrap();
    let sampler = RatedSampler::new(split.world.interactions(), batch_size, seed).unwrap();
    let (mut stepper, mut index, mut best, mut since) = (Stepper::default(), 0, [f64::INFINITY; 4], 0);
    let start = Instant::now();
    for epoch in 0..num_epochs {
        let mut sum = 0.0;
        for number in 0..sampler.num_batches() {
            let batch = Batch::Rated(sampler.batch(epoch, number).unwrap());
            let loss = model.loss(&batch, Step { seed, index });
            index += 1;
            sum += f64::from(loss.clone().into_scalar::<f32>());
            let _grads = loss.backward();
            let taken = model.tables().into_iter().filter_map(|table| Some((table.weight.id, table.take_gradient()?)));
            stepper.rows = taken.collect();
            stepper.factors = Some(adam.factors(index));
            model = model.map(&mut stepper);
        }
        let found = split.measure(&*model.scorer());
        show(
            &format!("epoch {} loss {:.4}", epoch + 1, sum / sampler.num_batches() as f64),
            found,
            start.elapsed().as_secs_f64(),
        );
        (best, since) = if found[0] < best[0] { (found, 0) } else { (best, since + 1) };
        if since == 5 {
            break;
        }
    }
    show(&format!("seed {seed}, best"), best, start.elapsed().as_secs_f64());
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let dataset = read(&words[0]);
    let keys = words.iter().skip(3).map(|word| word.split_once('=').unwrap());
    let keys: BTreeMap<String, f64> = keys.map(|(key, value)| (key.to_owned(), value.parse().unwrap())).collect();
    println!("{} users, {} items, {} ratings", dataset.num_users, dataset.num_items, dataset.ratings.len());
    for seed in words[1].split(',').map(|seed| seed.parse().unwrap()) {
        let split = Split::new(&dataset, seed);
        let key = |name: &str, default: f64| keys.get(name).copied().unwrap_or(default);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes that somebody typed")]
        let (dim, init_std) = (key("dim", 10.0) as usize, key("std", 0.01) as f32);
        match words.get(2).map(String::as_str) {
            None => {
                for (what, config) in
                    [("global mean", RatingBiasConfig::global_mean()), ("bias", RatingBiasConfig::default())]
                {
                    let start = Instant::now();
                    let scorer = config.fit(&split.world, 0).unwrap();
                    let seconds = start.elapsed().as_secs_f64();
                    show(&format!("seed {seed}, {what}"), split.measure(&*scorer), seconds);
                }
            }
            Some("svdpp") => {
                let (bias_l2, l2) = (key("bias_l2", 0.005), key("l2", 0.015));
                train(&SvdPpConfig { embedding_dim: dim, init_std, bias_l2, l2 }, &split, seed, &keys);
            }
            _ => {
                let (l2, trust_weight) = (key("l2", 0.5), key("trust_weight", 1.0));
                train(&TrustSvdConfig { embedding_dim: dim, init_std, l2, trust_weight }, &split, seed, &keys);
            }
        }
    }
}
