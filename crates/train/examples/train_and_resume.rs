//! Trains a small model, stops it half-way as Ctrl-C would, and goes on from the checkpoint.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use gnnrec_eval::{Metric, Scorer, recommend};
use gnnrec_graph::{UserId, World};
use gnnrec_model::{
    BatchRows, GradientConfig, GradientModel, ModelError, PairRows, Planner, bpr_loss, conformance, normal_init,
    table_scorer,
};
use gnnrec_sampling::{Batch, SamplerConfig};
use gnnrec_train::{Event, Run, TrainConfig, fit, load_model, save_model};

/// `ŷ(u,i) = P[u] · Q[i]`.
#[derive(Debug)]
struct FactorsConfig {
    embedding_dim: usize,
}

#[derive(Module, Debug)]
struct Factors {
    users: Param<Tensor<2>>,
    items: Param<Tensor<2>>,
}

impl GradientConfig for FactorsConfig {
    type Model = Factors;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<Factors, ModelError> {
        let table = |name, rows| normal_init(seed, name, rows, self.embedding_dim, 0.1, device);
        let graph = world.interactions();
        Ok(Factors { users: table("users", graph.num_users()), items: table("items", graph.num_items()) })
    }
}

impl GradientModel for Factors {
    type Plan = PairRows;

    fn planner(&self) -> Planner<PairRows> {
        let device = self.users.val().device();
        Planner::new(move |batch: &Batch, _| PairRows::of(batch.pairwise(), &device))
    }

    fn planned_loss(&self, batch: PairRows) -> Tensor<1> {
        let (pos, neg) = BatchRows::from_tables(self.users.val(), self.items.val(), &batch).scores();
        bpr_loss(pos, neg)
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        table_scorer(self.users.val().without_autodiff(), self.items.val().without_autodiff())
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it computes")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (model, world, device) = (FactorsConfig { embedding_dim: 8 }, conformance::world(), Device::flex());
    let config = TrainConfig {
        max_epochs: 30,
        learning_rate: 0.02,
        sampling: SamplerConfig { batch_size: 32, ..Default::default() },
        stop_metric: Metric::Recall(3),
        ..Default::default()
    };
    let folder = tempfile::tempdir()?;
    let interrupt = AtomicBool::new(false);
    let sitting = |resume: bool, interrupt_at: usize| {
        let mut observer = |event: &Event<'_>| match event {
            Event::Started { epochs_done, steps_done, .. } => {
                println!("after {epochs_done} epochs, {steps_done} steps")
            }
            Event::EpochEnded(record) if record.epoch % 10 == 0 => println!("{} loss {:.3}", record.epoch, record.loss),
            Event::Step { epoch, .. } => interrupt.store(*epoch == interrupt_at, Ordering::Relaxed),
            Event::Stopped { stop, .. } => println!("{stop:?}"),
            _ => {}
        };
        let run = Run {
            seed: 0,
            device: device.clone(),
            config: &config,
            validation: None,
            checkpoints: Some(folder.path()),
            fingerprint: format!("{model:?}"),
            resume,
            interrupt: Some(&interrupt),
            observer: &mut observer,
        };
        fit(&model, &world, run)
    };
    sitting(false, 17)?;
    let fitted = sitting(true, 0)?;
    println!("{} steps in {:.2} s", fitted.record.num_steps, fitted.record.seconds.total());

    let path = folder.path().join("model.safetensors");
    save_model(&fitted.model, &path)?;
    let loaded = load_model(&model, &world, 0, &device, &path)?;
    let lists = recommend(&*loaded.scorer(), world.interactions().by_user(), &[UserId(0)], 3)?;
    println!("user 0: {:?}", lists[0].iter().map(|entry| entry.item.0).collect::<Vec<_>>());
    Ok(())
}
