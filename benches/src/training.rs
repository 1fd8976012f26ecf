//! Training through the library's own loop, as users get it, paused between rounds.
//!
//! The loop runs in a thread of its own; its observer waits until the next round is asked for. Sampling,
//! checks and records of the loop are part of the time, as they are of a user's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use burn::tensor::Device;
use gnnrec_graph::World;
use gnnrec_model::GradientConfig;
use gnnrec_sampling::SamplerConfig;
use gnnrec_train::{Event, Run, TrainConfig, TrainError, fit};

use crate::Failure;
use crate::clock::{Clock, Took};

/// The seed of every measured run.
pub const SEED: u64 = 2020;

/// Adam's rate in every measured run.
pub const LEARNING_RATE: f64 = 1e-3;

/// Some steps and what they took.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// What the whole round took.
    pub took: Took,
    /// The loss of each step.
    pub losses: Vec<f32>,
}

/// A run of [`fit`] that goes on for as many steps as each round asks.
pub struct Training {
    go: Option<Sender<usize>>,
    done: Receiver<Round>,
    thread: Option<JoinHandle<Result<(), TrainError>>>,
}

impl Training {
    /// Starts a run, which prepares itself and waits for the first round.
    #[must_use]
    pub fn start<C: GradientConfig + Send + 'static>(model: C, world: Arc<World>) -> Self {
        let (go, asked) = channel();
        let (finished, done) = channel();
        let thread = std::thread::spawn(move || run(&model, &world, &asked, &finished));
        Self { go: Some(go), done, thread: Some(thread) }
    }

    /// The next `steps` steps, at least one.
    ///
    /// # Errors
    /// If the run has ended: its own error.
    pub fn round(&mut self, steps: usize) -> Result<Round, Failure> {
        let sent = self.go.as_ref().is_some_and(|go| go.send(steps).is_ok());
        if let (true, Ok(round)) = (sent, self.done.recv()) {
            return Ok(round);
        }
        self.go = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => Err(error.into()),
            _ => Err("the training thread ended early".into()),
        }
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        // The observer learns that nobody asks any more and raises the interrupt.
        self.go = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn run<C: GradientConfig>(
    model: &C,
    world: &World,
    asked: &Receiver<usize>,
    finished: &Sender<Round>,
) -> Result<(), TrainError> {
    let interrupt = AtomicBool::new(false);
    let (mut clock, mut steps, mut losses) = (Clock::start(), 0, Vec::new());
    let mut observer = |event: &Event<'_>| {
        match event {
            Event::Started { .. } => {}
            Event::Step { loss, .. } => {
                losses.push(*loss);
                if losses.len() < steps {
                    return;
                }
                // Nobody waits only where the run is being dropped, which the next line finds.
                drop(finished.send(Round { took: clock.took(), losses: std::mem::take(&mut losses) }));
            }
            _ => return,
        }
        match asked.recv() {
            Ok(next) => (steps, clock) = (next, Clock::start()),
            Err(_) => interrupt.store(true, Ordering::Relaxed),
        }
    };
    let config = TrainConfig {
        max_epochs: usize::MAX,
        validate_every: usize::MAX,
        learning_rate: LEARNING_RATE,
        sampling: SamplerConfig::default(),
        ..TrainConfig::default()
    };
    let run = Run {
        seed: SEED,
        device: Device::flex(),
        config: &config,
        validation: None,
        checkpoints: None,
        fingerprint: String::new(),
        resume: false,
        interrupt: Some(&interrupt),
        observer: &mut observer,
    };
    fit(model, world, run).map(drop)
}

#[cfg(test)]
mod tests {
    use gnnrec_interaction::LightGcnConfig;
    use gnnrec_sampling::Sampler;

    use super::*;
    use crate::bare::BareLightGcn;
    use crate::worlds::power_law;

    /// The loop, in rounds of any length, over the end of an epoch, loses what the bare loop loses.
    #[test]
    fn rounds_continue_one_run_and_equal_the_bare_loop() {
        let world = Arc::new(World::new(power_law(9_000, 3)));
        let config = LightGcnConfig { embedding_dim: 8, num_layers: 2, l2: 0.01, ..LightGcnConfig::default() };
        let mut training = Training::start(config.clone(), world.clone());
        let mut losses = training.round(1).unwrap().losses;
        losses.extend(training.round(4).unwrap().losses);
        drop(training);

        let sampler = Sampler::new(world.interactions(), SamplerConfig::default(), SEED).unwrap();
        assert!(sampler.num_batches() < 5, "the rounds reach into a second epoch");
        let mut bare = BareLightGcn::new(&config, &world).unwrap();
        let batches = (0..2).flat_map(|epoch| sampler.epoch(epoch, 0)).take(5);
        for (step, (batch, loss)) in batches.zip(&losses).enumerate() {
            let expected = bare.step(&batch.unwrap());
            assert!((loss - expected).abs() < 1e-5 * expected, "step {step}: {loss}, expected {expected}");
        }
        assert_eq!(losses.len(), 5);
        assert!(losses[4] < losses[0]);
    }
}
