//! A model, a world and a run small enough to be trained hundreds of times.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use gnnrec_eval::{HeldOut, Metric, Scorer};
use gnnrec_graph::{Csr, Duplicates, Holdout, World};
use gnnrec_model::{
    BatchRows, GradientConfig, GradientModel, ModelError, PairRows, Planner, Step, bpr_loss, conformance, normal_init,
    table_scorer,
};
use gnnrec_sampling::{Batch, SamplerConfig};
use gnnrec_sparse::{Adjacency, spmm};
use gnnrec_train::{Event, Fitted, Run, TrainConfig, TrainError, fit};

/// `ŷ(u,i) = (P[u] + mean of Q[k] over the training items k of u) · Q[i]`.
#[derive(Clone, Debug)]
pub(crate) struct SmallConfig {
    pub(crate) dim: usize,
    /// From this step on the loss is infinite.
    pub(crate) infinite_from: u64,
}

pub(crate) const SMALL: SmallConfig = SmallConfig { dim: 4, infinite_from: u64::MAX };

#[derive(Module, Debug)]
pub(crate) struct Small {
    users: Param<Tensor<2>>,
    items: Param<Tensor<2>>,
    #[module(skip)]
    chosen: Adjacency,
    #[module(skip)]
    infinite_from: u64,
}

impl GradientConfig for SmallConfig {
    type Model = Small;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<Small, ModelError> {
        let graph = world.interactions();
        Ok(Small {
            users: normal_init(seed, "users", graph.num_users(), self.dim, 0.1, device),
            items: normal_init(seed, "items", graph.num_items(), self.dim, 0.1, device),
            chosen: Adjacency::row_mean(graph.by_user()),
            infinite_from: self.infinite_from,
        })
    }
}

impl GradientModel for Small {
    type Plan = (PairRows, Step);

    fn planner(&self) -> Planner<Self::Plan> {
        let device = self.items.val().device();
        Planner::new(move |batch: &Batch, step| (PairRows::of(batch.pairwise(), &device), step))
    }

    /// The weight of the loss depends on the step: whoever counts steps wrongly gets other numbers.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn planned_loss(&self, (batch, step): Self::Plan) -> Tensor<1> {
        let items = self.items.val();
        let users = self.users.val() + spmm(&self.chosen, items.clone());
        let (pos, neg) = BatchRows::from_tables(users, items, &batch).scores();
        let weight = if step.index < self.infinite_from { 1.0 + (step.index % 7) as f64 } else { f64::INFINITY };
        bpr_loss(pos, neg) * weight
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        let items = self.items.val().without_autodiff();
        table_scorer(self.users.val().without_autodiff() + spmm(&self.chosen, items.clone()), items)
    }
}

/// What the circles of taste of [`conformance::world`] leave out of training.
pub(crate) fn holdout() -> Holdout {
    let edges: Vec<(u32, u32)> = (0..22)
        .flat_map(|user| (0..18).map(move |item| (user, item)))
        .filter(|(user, item)| user % 2 == item % 2 && (user * 7 + item * 5) % 3 == 0)
        .collect();
    Holdout::new(Csr::from_edges(23, 19, &edges, Duplicates::Error).expect("ids are in range"))
}

/// Five steps an epoch in the conformance world, a validation every second epoch.
pub(crate) fn config() -> TrainConfig {
    TrainConfig {
        max_epochs: 5,
        learning_rate: 0.02,
        sampling: SamplerConfig { batch_size: 30, ..Default::default() },
        validate_every: 2,
        stop_metric: Metric::Ndcg(3),
        validation_metrics: vec![Metric::Recall(3)],
        patience: None,
        ..Default::default()
    }
}

/// A run without anybody watching; change what the test is about.
pub(crate) fn run<'a>(config: &'a TrainConfig, validation: Option<&'a Holdout>) -> Run<'a> {
    Run {
        seed: 11,
        device: Device::flex(),
        config,
        validation: validation.map(HeldOut::from),
        checkpoints: None,
        fingerprint: "small".to_owned(),
        resume: false,
        interrupt: None,
        // A unit takes no memory that could leak.
        observer: Box::leak(Box::new(())),
    }
}

/// The whole run, or as much of it as `num_steps` steps from where it stands, in a checkpoint folder.
pub(crate) fn sit(folder: &Path, num_steps: Option<u64>, resume: bool) -> Result<Fitted<Small>, TrainError> {
    sit_on(Device::flex(), folder, num_steps, resume)
}

/// The same on a device.
pub(crate) fn sit_on(
    device: Device,
    folder: &Path,
    num_steps: Option<u64>,
    resume: bool,
) -> Result<Fitted<Small>, TrainError> {
    let (config, holdout, flag) = (config(), holdout(), AtomicBool::new(false));
    let mut done = 0;
    let mut observer = |event: &Event<'_>| {
        if let Event::Step { .. } = event {
            done += 1;
            // A device may tell of several steps at once.
            flag.store(num_steps.is_some_and(|num_steps| done >= num_steps), Ordering::Relaxed);
        }
    };
    let run = Run {
        device,
        checkpoints: Some(folder),
        resume,
        interrupt: Some(&flag),
        observer: &mut observer,
        ..run(&config, Some(&holdout))
    };
    fit(&SMALL, &conformance::world(), run)
}

/// The bits of every score.
pub(crate) fn bits(model: &Small) -> Vec<u32> {
    conformance::all_scores(&*model.scorer()).iter().map(|score| score.to_bits()).collect()
}

pub(crate) fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool").install(work)
}
