//! What a run tells who watches it: enough for a progress bar with an estimate and a time split.
//!
//! Nothing here reaches the result. Epochs and steps count from 1.

use std::collections::BTreeMap;
use std::path::Path;

use gnnrec_eval::Metric;

use crate::{EpochRecord, Seconds, Stop};

/// Somebody who watches a run: a progress bar, a log, or nobody, `()`. Closures are observers too.
pub trait Observer {
    /// Called in the training thread; what it takes is counted as [`Seconds::other`].
    fn on(&mut self, event: &Event<'_>);
}

impl Observer for () {
    fn on(&mut self, _: &Event<'_>) {}
}

impl<F: FnMut(&Event<'_>)> Observer for F {
    fn on(&mut self, event: &Event<'_>) {
        self(event);
    }
}

/// Something that happened in a run.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run begins, or goes on from a checkpoint.
    Started {
        /// Epochs at most.
        epochs: usize,
        /// Steps of each epoch.
        steps: usize,
        /// Epochs that a checkpoint had behind it, 0 in a new run.
        epochs_done: usize,
        /// Steps of the next epoch that a checkpoint had behind it, 0 in a new run.
        steps_done: usize,
    },
    /// A step is done.
    Step {
        /// The epoch.
        epoch: usize,
        /// The step in its epoch.
        step: usize,
        /// Steps of the epoch.
        of: usize,
        /// The loss of the batch.
        loss: f32,
        /// Where the time of the run went so far.
        seconds: &'a Seconds,
    },
    /// The validation part was measured.
    Validated {
        /// The epoch.
        epoch: usize,
        /// Every metric.
        metrics: &'a BTreeMap<Metric, f64>,
        /// Whether it is the best epoch so far.
        improved: bool,
    },
    /// An epoch is over.
    EpochEnded(&'a EpochRecord),
    /// A checkpoint is complete.
    Checkpointed {
        /// Where.
        folder: &'a Path,
    },
    /// The run is over.
    Stopped {
        /// Why.
        stop: Stop,
        /// Where its time went.
        seconds: &'a Seconds,
    },
}
