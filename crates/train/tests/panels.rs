//! A run goes on where its tables are split into other panels, and ends as if it had never stopped.

mod small;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gnnrec_eval::Scorer;
use gnnrec_graph::{ItemId, UserId, World};
use gnnrec_model::conformance::with_largest_table;
use gnnrec_model::{
    GradientConfig, GradientModel, ModelError, Planner, Table, bpr_loss, columns_of_both, conformance, panel_scorer,
};
use gnnrec_sampling::{Batch, PairwiseBatch};
use gnnrec_train::{Event, Fitted, OptimiserConfig, Run, Stop, TrainConfig, fit, load_model, save_model};

use small::{config, holdout, run};

/// Matrix factorisation of width 10.
#[derive(Clone, Debug)]
struct Factors;

#[derive(Module, Debug)]
struct Model {
    users: Table,
    items: Table,
}

impl GradientConfig for Factors {
    type Model = Model;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<Model, ModelError> {
        let table = |name, rows| Table::normal(seed, name, rows, 10, 0.1, device);
        let graph = world.interactions();
        Ok(Model { users: table("users", graph.num_users()), items: table("items", graph.num_items()) })
    }
}

impl GradientModel for Model {
    type Plan = PairwiseBatch;

    fn planner(&self) -> Planner<PairwiseBatch> {
        Planner::new(|batch: &Batch, _| batch.pairwise().clone())
    }

    fn planned_loss(&self, batch: PairwiseBatch) -> Tensor<1> {
        let users = self.users.lookup(UserId::peel_slice(&batch.users));
        let score = |items: &[ItemId]| {
            let products = users.clone() * self.items.lookup(ItemId::peel_slice(items));
            products.sum_dim(1)
        };
        let positives = score(&batch.positives).squeeze_dim(1);
        bpr_loss(positives, score(&batch.negatives))
    }

    fn tables(&self) -> Vec<&Table> {
        vec![&self.users, &self.items]
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        panel_scorer(columns_of_both(&self.users, &self.items))
    }
}

/// Trains as far as `num_steps` steps from where the checkpoint stands, where no more than `bytes` may be bound.
fn sit(config: &TrainConfig, folder: &Path, num_steps: Option<u64>, bytes: u64) -> Fitted<Model> {
    let (holdout, flag, mut done) = (holdout(), AtomicBool::new(false), 0);
    let mut observer = |event: &Event<'_>| {
        if let Event::Step { .. } = event {
            done += 1;
            flag.store(num_steps.is_some_and(|num_steps| done >= num_steps), Ordering::Relaxed);
        }
    };
    let run = Run {
        device: conformance::device(),
        checkpoints: Some(folder),
        resume: true,
        interrupt: Some(&flag),
        observer: &mut observer,
        ..run(config, Some(&holdout))
    };
    with_largest_table(bytes, || fit(&Factors, &conformance::world(), run)).expect("it trains")
}

fn scores(model: &Model) -> Vec<f32> {
    conformance::all_scores(&*model.scorer())
}

/// Users in one piece, in panels of 8 and 2, of 4, 4 and 2, and in one piece again; items are in one piece but once.
const LIMITS: [u64; 4] = [u64::MAX, 900, 600, u64::MAX];

#[test]
fn a_run_goes_on_in_other_panels() {
    for optimiser in [
        OptimiserConfig::Adam {},
        OptimiserConfig::LazyAdam {},
        OptimiserConfig::Sgd {},
        OptimiserConfig::RmsProp { decay: 0.9 },
    ] {
        let config = TrainConfig { optimiser, ..config() };
        let (whole, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let expected = sit(&config, whole.path(), None, u64::MAX);
        let mut found = None;
        for (sitting, bytes) in LIMITS.into_iter().enumerate() {
            // A device may end the epoch of five steps first.
            let steps = (sitting + 1 < LIMITS.len()).then_some(4);
            let fitted = sit(&config, folder.path(), steps, bytes);
            assert_eq!(fitted.record.stopped == Stop::Interrupted, steps.is_some(), "sitting {sitting}");
            found = Some(fitted);
        }
        let losses = |fitted: &Fitted<Model>| fitted.record.epochs.iter().map(|epoch| epoch.loss).collect::<Vec<_>>();
        let found = found.unwrap();
        for (found, expected) in losses(&found).into_iter().zip(losses(&expected)) {
            assert!((found - expected).abs() < 1e-6 * expected, "{optimiser:?}: {found}, {expected}");
        }
        for (found, expected) in scores(&found.model).into_iter().zip(scores(&expected.model)) {
            assert!((found - expected).abs() < 1e-6, "{optimiser:?}: {found}, {expected}");
        }
    }
}

/// A sum for each row of each panel is another algorithm, so that only its course can be asked for here.
#[test]
fn row_adagrad_goes_on_in_other_panels() {
    let config = TrainConfig { optimiser: OptimiserConfig::RowAdagrad {}, learning_rate: 0.1, ..config() };
    let folder = tempfile::tempdir().unwrap();
    let first = sit(&config, folder.path(), Some(12), 600);
    let second = sit(&config, folder.path(), None, u64::MAX);
    let loss = |fitted: &Fitted<Model>, epoch: usize| fitted.record.epochs[epoch].loss;
    assert!(loss(&second, 4) < loss(&first, 0), "it learns");
    assert!(scores(&second.model).iter().all(|score| score.is_finite()));
}

#[test]
fn a_saved_model_is_read_into_other_panels() {
    let (world, folder) = (conformance::world(), tempfile::tempdir().unwrap());
    let path = folder.path().join("model.safetensors");
    let device = conformance::device();
    for from in LIMITS {
        let model = with_largest_table(from, || Factors.init(&world, 3, &device)).unwrap();
        save_model(&model, &path).unwrap();
        for to in LIMITS {
            let loaded = with_largest_table(to, || load_model(&Factors, &world, 9, &device, &path)).unwrap();
            assert_eq!(scores(&loaded), scores(&model), "from {from} to {to} bytes");
        }
    }
}
