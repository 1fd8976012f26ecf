//! What a run leaves behind to be read: losses, metrics, seconds and bytes. It decides nothing.

use std::collections::BTreeMap;
use std::time::Instant;

use gnnrec_eval::Metric;
use serde::{Deserialize, Serialize};

/// The course of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainRecord {
    /// One entry for each epoch that was completed.
    pub epochs: Vec<EpochRecord>,
    /// The epoch of the model that was kept, from 1; `None` without a validation.
    pub best_epoch: Option<usize>,
    /// Why it ended.
    pub stopped: Stop,
    /// Steps of the optimiser.
    pub num_steps: u64,
    /// Where the time went, over all sittings of a resumed run.
    pub seconds: Seconds,
    /// Largest resident memory of the process so far; `None` where the system does not say (it is
    /// `VmHWM` of Linux).
    pub peak_bytes: Option<u64>,
}

/// One epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// Mean loss over the rows of the epoch, each taken before its step; of several phases the sum of their means.
    pub loss: f64,
    /// Wall-clock seconds of the steps, without validation and checkpoint.
    pub seconds: f64,
    /// The validation metrics; empty in an epoch that was not validated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<Metric, f64>,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// All epochs are done.
    MaxEpochs,
    /// No validation was better for as long as the patience says.
    Patience,
    /// Somebody asked; a run with a checkpoint folder can be resumed.
    Interrupted,
}

/// Wall-clock seconds by what they were spent on; every moment of a run is in exactly one field.
///
/// The split is right where an operation has ended when its call returns, as on the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seconds {
    /// Waiting for a planned batch: sampling and planning that were not hidden behind the model's computing.
    pub sampling_wait: f64,
    /// The loss of a batch.
    pub forward: f64,
    /// Its gradient.
    pub backward: f64,
    /// The step of the optimiser.
    pub optimiser: f64,
    /// Validation.
    pub evaluation: f64,
    /// Writing checkpoints and reading one; not the last one that an earlier sitting wrote, which could
    /// not count itself.
    pub checkpoint: f64,
    /// The rest: initial values, observers, bookkeeping.
    pub other: f64,
}

impl Seconds {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.training() + self.evaluation + self.checkpoint
    }

    /// All but validation and checkpoints.
    #[must_use]
    pub fn training(&self) -> f64 {
        self.sampling_wait + self.forward + self.backward + self.optimiser + self.other
    }
}

/// A clock that is read at every change of occupation, so that no moment is lost.
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the last reading.
    pub(crate) fn lap(&mut self) -> f64 {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.0, now)).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_record() {
        let metrics = BTreeMap::from([(Metric::Recall(20), 0.25)]);
        let record = TrainRecord {
            epochs: vec![
                EpochRecord { epoch: 1, loss: 0.5, seconds: 2.0, metrics: BTreeMap::new() },
                EpochRecord { epoch: 2, loss: 0.375, seconds: 1.5, metrics },
            ],
            best_epoch: Some(2),
            stopped: Stop::MaxEpochs,
            num_steps: 8,
            seconds: Seconds { forward: 2.0, evaluation: 0.5, ..Default::default() },
            peak_bytes: None,
        };
        let json = serde_json::to_string(&record).unwrap();
        let expected = concat!(
            r#"{"epochs":[{"epoch":1,"loss":0.5,"seconds":2.0},"#,
            r#"{"epoch":2,"loss":0.375,"seconds":1.5,"metrics":{"recall@20":0.25}}],"#,
            r#""best_epoch":2,"stopped":"max_epochs","num_steps":8,"#,
            r#""seconds":{"sampling_wait":0.0,"forward":2.0,"backward":0.0,"optimiser":0.0,"#,
            r#""evaluation":0.5,"checkpoint":0.0,"other":0.0},"peak_bytes":null}"#,
        );
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<TrainRecord>(&json).unwrap(), record);
    }
}
