//! The loop: batches, steps, validations, checkpoints, and when it ends.
//!
//! What a step computes is the model's; how a batch is drawn, the sampler's.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::{Device, Tensor};
use gnnrec_eval::{EvalError, HeldOut, Metric};
use gnnrec_graph::World;
use gnnrec_model::{GradientConfig, GradientModel, Step};
use gnnrec_sampling::Prefetch;

use crate::checkpoint::{Folder, Resumed};
use crate::finite::{gradient_not_finite, parameter_not_finite};
use crate::memory::peak_bytes;
use crate::optimiser::Optimiser;
use crate::origin::Origin;
use crate::phases::Phases;
use crate::progress::Progress;
use crate::record::Clock;
use crate::{Culprit, Event, Observer, Stop, TrainConfig, TrainError, TrainRecord};

/// One run: everything but the model and the world.
pub struct Run<'a> {
    /// Keys every stream of the run.
    pub seed: u64,
    /// Where the model computes, with or without gradients: they are added.
    pub device: Device,
    /// How it is trained.
    pub config: &'a TrainConfig,
    /// Chooses the best epoch and stops early. Without it the last model is kept.
    pub validation: Option<HeldOut<'a>>,
    /// Folder for a checkpoint at every validation (or when there would be one) and on interruption.
    pub checkpoints: Option<&'a Path>,
    /// The model and its configuration in one line: a checkpoint of another is refused.
    pub fingerprint: String,
    /// Goes on from the checkpoint in the folder, where there is one; [`Event::Started`] says which it
    /// was. Otherwise the run begins anew and its first checkpoint replaces the one in the folder.
    pub resume: bool,
    /// Raised, for instance by Ctrl-C, it ends the run after the step under way.
    pub interrupt: Option<&'a AtomicBool>,
    /// Who watches; `&mut ()` for nobody.
    pub observer: &'a mut dyn Observer,
}

/// A trained model and how it came about.
#[derive(Clone, Debug)]
pub struct Fitted<M> {
    /// The model of [`TrainRecord::best_epoch`], or the last one where nothing was validated.
    pub model: M,
    /// The course of the run.
    pub record: TrainRecord,
}

/// Trains a model.
///
/// The result depends on the configuration of the model, the world and `run`'s seed, configuration and
/// validation part alone. Interrupted after any step and resumed, a run ends with the same bits; on another
/// device it may go on too, and ends with the same numbers but for their rounding; but row-wise AdaGrad, which has a sum
/// for each row of each panel, is another algorithm where a device must split a table.
/// Beside the model it holds its gradient, two moments and, while validating, the scorer; and the best
/// model so far.
///
/// # Errors
/// A configuration out of range; a model, sampler or evaluation that cannot be made; a loss or parameter
/// that is not finite; a device that fails at a step; a file that cannot be read or written; a checkpoint that is damaged or another
/// run's.
pub fn fit<C: GradientConfig>(model: &C, world: &World, run: Run<'_>) -> Result<Fitted<C::Model>, TrainError> {
    let clock = Clock::start();
    run.config.validate()?;
    check_validation(world, run.validation.as_ref(), &run.config.metrics())?;
    if run.resume && run.checkpoints.is_none() {
        let expected = "a checkpoint folder to resume from";
        return Err(TrainError::Config { field: "resume", found: "true".to_owned(), expected });
    }
    let phases = Phases::new(&model.phases(), world, run.config, run.seed)?;
    let mut folder = match run.checkpoints {
        Some(path) => {
            let origin = Origin::new(run.seed, &run.fingerprint, world, run.validation.as_ref(), run.config);
            Some(Folder::open(path, origin.to_table()?)?)
        }
        None => None,
    };
    let untrained = model.init(world, run.seed, &run.device.clone().autodiff())?;
    let new_optimiser = || Optimiser::new(phases.optimisers());
    let resumed = match &mut folder {
        Some(folder) if run.resume => folder.read(&untrained, new_optimiser())?,
        _ => None,
    };
    let Resumed { model, optimiser, best, progress } = resumed.unwrap_or_else(|| Resumed {
        model: untrained,
        optimiser: new_optimiser(),
        best: None,
        progress: Progress::default(),
    });
    Fit { world, run, phases, folder, optimiser, best, progress, clock }.run(model)
}

/// Refuses, before an epoch is spent, what the first validation would refuse.
fn check_validation(world: &World, validation: Option<&HeldOut<'_>>, metrics: &[Metric]) -> Result<(), EvalError> {
    let Some(held_out) = validation else { return Ok(()) };
    Metric::check(metrics, Some(held_out.task()))?;
    let graph = world.interactions();
    for (what, found, expected) in
        [("users", held_out.num_users(), graph.num_users()), ("items", held_out.num_items(), graph.num_items())]
    {
        if found != expected {
            return Err(EvalError::Mismatch { part: "validation part", what, found, expected });
        }
    }
    if held_out.num_pairs() == 0 {
        return Err(EvalError::NothingHeldOut { num_users: held_out.num_users() });
    }
    Ok(())
}

/// A run under way; the model passes through its methods, so that a step never copies it.
struct Fit<'w, 'r, M> {
    world: &'w World,
    run: Run<'r>,
    phases: Phases,
    folder: Option<Folder>,
    optimiser: Optimiser,
    best: Option<M>,
    progress: Progress,
    clock: Clock,
}

impl<M: GradientModel> Fit<'_, '_, M> {
    fn run(mut self, mut model: M) -> Result<Fitted<M>, TrainError> {
        let (epochs, steps) = (self.run.config.max_epochs, self.phases.num_batches());
        let (epochs_done, steps_done) = (self.progress.epochs.len(), self.progress.steps_done);
        self.run.observer.on(&Event::Started { epochs, steps, epochs_done, steps_done });
        self.progress.seconds.other += self.clock.lap();
        let stopped = loop {
            if self.progress.epochs.len() >= epochs {
                break Stop::MaxEpochs;
            }
            if self.progress.is_exhausted(self.run.config.patience) {
                break Stop::Patience;
            }
            let interrupted;
            (model, interrupted) = self.steps(model)?;
            self.check_parameters(&model)?;
            self.progress.seconds.other += self.clock.lap();
            if interrupted {
                self.checkpoint(&model)?;
                break Stop::Interrupted;
            }
            self.end_epoch(&model)?;
        };
        self.run.observer.on(&Event::Stopped { stop: stopped, seconds: &self.progress.seconds });
        self.progress.seconds.other += self.clock.lap();
        let Progress { num_steps, best, seconds, epochs, .. } = self.progress;
        let best_epoch = best.map(|best| best.epoch);
        let record = TrainRecord { epochs, best_epoch, stopped, num_steps, seconds, peak_bytes: peak_bytes() };
        Ok(Fitted { model: self.best.unwrap_or(model), record })
    }

    /// The steps that the epoch under way still lacks, phase after phase; `true` if interrupted.
    fn steps(&mut self, mut model: M) -> Result<(M, bool), TrainError> {
        for phase in 0..self.phases.len() {
            let Some(from) = self.phases.resumed_at(phase, self.progress.steps_done) else { continue };
            if from == 0 {
                model = model.refreshed(phase);
            }
            let interrupted;
            (model, interrupted) = self.steps_of(phase, from, model)?;
            if interrupted {
                return Ok((model, true));
            }
        }
        Ok((model, false))
    }

    /// The batches `from ..` of a phase; `true` if interrupted.
    ///
    /// On a device a loss that is read makes everybody wait: there they are read some steps at a time.
    fn steps_of(&mut self, phase: usize, from: usize, mut model: M) -> Result<(M, bool), TrainError> {
        let losses_at_once = if self.run.device == Device::flex() { 1 } else { LOSSES_AT_ONCE };
        let (mut unread, mut interrupted) = (Vec::new(), false);
        for planned in self.plans(phase, from, &model) {
            let (rows, plan) = planned?;
            let before = self.progress.seconds.training();
            self.progress.seconds.sampling_wait += self.clock.lap();

            let loss = model.planned_loss(plan);
            unread.push((rows, loss.clone().without_autodiff()));
            let read = if unread.len() < losses_at_once { Vec::new() } else { self.values(&mut unread)? };
            self.progress.seconds.forward += self.clock.lap();
            if let Some(broken) = read.iter().position(|(_, value)| !value.is_finite()) {
                self.count(phase, &read[..broken]);
                return Err(self.diverged(&model, loss, read[broken].1));
            }

            let grads = loss.backward();
            self.progress.seconds.backward += self.clock.lap();

            model = self.optimiser.step(phase, model, grads);
            self.progress.seconds.optimiser += self.clock.lap();

            self.count(phase, &read);
            self.progress.epoch_seconds += self.progress.seconds.training() - before;
            interrupted = self.run.interrupt.is_some_and(|flag| flag.load(Ordering::Relaxed));
            if interrupted {
                break;
            }
        }
        let before = self.progress.seconds.training();
        let read = self.values(&mut unread)?;
        self.progress.seconds.forward += self.clock.lap();
        self.progress.epoch_seconds += self.progress.seconds.training() - before;
        let broken = read.iter().position(|(_, value)| !value.is_finite());
        self.count(phase, &read[..broken.unwrap_or(read.len())]);
        broken.map_or(Ok((model, interrupted)), |broken| {
            let (epoch, step) = (self.progress.epoch(), self.progress.steps_done + 1);
            Err(TrainError::Diverged { epoch, step, loss: read[broken].1.into(), culprit: Culprit::Loss })
        })
    }

    /// The steps of the batches `from ..` of a phase, planned ahead on threads of their own: the rows of each and its plan.
    fn plans(&self, phase: usize, from: usize, model: &M) -> Prefetch<(usize, M::Plan)> {
        let (planner, seed, first) = (model.planner(), self.run.seed, self.progress.num_steps);
        self.phases.sampler(phase).epoch_with(self.progress.epoch() as u64 - 1, from, move |batch, drawn| {
            let index = first + (batch - from) as u64;
            (drawn.len(), planner.plan(&drawn, Step { seed, index }))
        })
    }

    /// The rows and the value of each loss, all values read at once: here shows whether a device did what it was told.
    fn values(&self, losses: &mut Vec<(usize, Tensor<1>)>) -> Result<Vec<(usize, f32)>, TrainError> {
        let (rows, losses): (Vec<usize>, Vec<Tensor<1>>) = losses.drain(..).unzip();
        if losses.is_empty() {
            return Ok(Vec::new());
        }
        let values = Tensor::cat(losses, 0).try_into_data().map_err(|error| self.device_failed(&error))?;
        let values = values.try_to_vec().expect("losses are 32-bit floats");
        Ok(rows.into_iter().zip(values).collect())
    }

    fn device_failed(&self, error: &dyn std::fmt::Display) -> TrainError {
        let (epoch, step) = (self.progress.epoch(), self.progress.steps_done + 1);
        TrainError::Device { epoch, step, reason: last_cause(&error.to_string()) }
    }

    /// Takes note of steps: the rows and the loss of each.
    fn count(&mut self, phase: usize, steps: &[(usize, f32)]) {
        let (epoch, of) = (self.progress.epoch(), self.phases.num_batches());
        for &(rows, loss) in steps {
            self.progress.count_step(phase, rows, loss);
            let (step, seconds) = (self.progress.steps_done, &self.progress.seconds);
            self.run.observer.on(&Event::Step { epoch, step, of, loss, seconds });
            self.progress.seconds.other += self.clock.lap();
        }
    }

    fn end_epoch(&mut self, model: &M) -> Result<(), TrainError> {
        let (epoch, config) = (self.progress.epoch(), self.run.config);
        let due = epoch % config.validate_every == 0 || epoch == config.max_epochs;
        let metrics = if due { self.validate(model)? } else { BTreeMap::new() };
        self.progress.end_epoch(metrics);
        if let Some(record) = self.progress.epochs.last() {
            self.run.observer.on(&Event::EpochEnded(record));
        }
        self.progress.seconds.other += self.clock.lap();
        if due { self.checkpoint(model) } else { Ok(()) }
    }

    /// Measures the validation part, where there is one, and keeps the model if it is the best.
    fn validate(&mut self, model: &M) -> Result<BTreeMap<Metric, f64>, TrainError> {
        let Some(held_out) = &self.run.validation else { return Ok(BTreeMap::new()) };
        let (metrics, seen) = (self.run.config.metrics(), self.world.interactions().by_user());
        let metrics = held_out.evaluate(&*model.scorer(), seen, &metrics)?.means().clone();
        let epoch = self.progress.epoch();
        let stop_metric = self.run.config.stop_metric;
        let improved = self.progress.count_validation(stop_metric, metrics[&stop_metric]);
        if improved {
            self.best = Some(model.clone());
        }
        self.progress.seconds.evaluation += self.clock.lap();
        self.run.observer.on(&Event::Validated { epoch, metrics: &metrics, improved });
        Ok(metrics)
    }

    fn checkpoint(&mut self, model: &M) -> Result<(), TrainError> {
        let Some(folder) = &mut self.folder else { return Ok(()) };
        folder.write(model, &self.optimiser, self.best.as_ref(), &self.progress)?;
        self.progress.seconds.checkpoint += self.clock.lap();
        self.run.observer.on(&Event::Checkpointed { folder: folder.path() });
        Ok(())
    }

    /// Why a loss is not finite: the parameter that is not, or else the gradient.
    fn diverged(&self, model: &M, loss: Tensor<1>, value: f32) -> TrainError {
        let found = parameter_not_finite(model).and_then(|culprit| match culprit {
            Some(culprit) => Ok(culprit),
            None => Ok(gradient_not_finite(model, &loss.backward())?.unwrap_or(Culprit::Loss)),
        });
        let (epoch, step) = (self.progress.epoch(), self.progress.steps_done + 1);
        match found {
            Ok(culprit) => TrainError::Diverged { epoch, step, loss: value.into(), culprit },
            Err(error) => self.device_failed(&error),
        }
    }

    /// A step can break the parameters behind a loss that was finite: neither a validation nor a
    /// checkpoint may see them.
    fn check_parameters(&self, model: &M) -> Result<(), TrainError> {
        let (epoch, step, loss) = (self.progress.epoch(), self.progress.steps_done, self.progress.mean_loss());
        let culprit = parameter_not_finite(model).map_err(|error| self.device_failed(&error))?;
        culprit.map_or(Ok(()), |culprit| Err(TrainError::Diverged { epoch, step, loss, culprit }))
    }
}

/// Losses that are read in one go from a device.
const LOSSES_AT_ONCE: usize = 16;

/// What began it, of an error that tells cause after cause, each on its lines.
fn last_cause(error: &str) -> String {
    const SAYS_NOTHING: [&str; 6] =
        ["Caused by:", "Asked at:", "Backtrace", "Backtrace:", "No backtrace available", ""];
    let found = error.lines().map(str::trim).rfind(|line| !SAYS_NOTHING.contains(line));
    found.unwrap_or("no reason given").to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_last_cause_is_told() {
        let error =
            "An error happened\nCaused by:\n  An IO error\nCaused by:\n  can't allocate\nNo backtrace available\n";
        assert_eq!(super::last_cause(error), "can't allocate");
        let launch = "A launch failed\nCaused by:\n  Out of memory\nBacktrace:\nNo backtrace available";
        assert_eq!(super::last_cause(launch), "Out of memory");
        assert_eq!(super::last_cause("\n"), "no reason given");
    }
}
