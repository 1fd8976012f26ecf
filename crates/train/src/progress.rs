//! Where a run stands: what a checkpoint must hold besides the numbers of the model and the optimiser,
//! and the rule of early stopping.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use gnnrec_eval::Metric;
use serde::{Deserialize, Serialize};

use crate::{EpochRecord, Seconds};

/// The counters of a run. Everything that decides its course is here, so that a resumed run is the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    /// Steps of the optimiser, over all epochs.
    pub(crate) num_steps: u64,
    /// Steps of the epoch under way.
    pub(crate) steps_done: usize,
    /// By phase of the epoch under way: its rows and the sum of the loss over them.
    losses: Vec<(u64, f64)>,
    /// Seconds of those steps.
    pub(crate) epoch_seconds: f64,
    /// Validations since the best one.
    stale: usize,
    pub(crate) best: Option<Best>,
    pub(crate) seconds: Seconds,
    /// The epochs that are done.
    pub(crate) epochs: Vec<EpochRecord>,
}

/// The best validation so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Best {
    pub(crate) epoch: usize,
    pub(crate) value: f64,
}

impl Progress {
    /// The epoch under way, from 1.
    pub(crate) fn epoch(&self) -> usize {
        self.epochs.len() + 1
    }

    /// Counts a step of a phase over `rows` rows of mean loss `loss`.
    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
    pub(crate) fn count_step(&mut self, phase: usize, rows: usize, loss: f32) {
        self.num_steps += 1;
        self.steps_done += 1;
        self.losses.resize(self.losses.len().max(phase + 1), (0, 0.0));
        let (num_rows, sum) = &mut self.losses[phase];
        *num_rows += rows as u64;
        *sum += f64::from(loss) * rows as f64;
    }

    /// Mean loss over the rows of the epoch under way, 0 before the first; of several phases the sum of their means.
    #[expect(clippy::cast_precision_loss, reason = "an epoch has far fewer than 2^52 rows")]
    pub(crate) fn mean_loss(&self) -> f64 {
        self.losses.iter().map(|&(num_rows, sum)| sum / num_rows.max(1) as f64).sum()
    }

    /// Takes note of a validation of the epoch under way by `metric`. Whether it is the best so far: only
    /// what is strictly better, which of an error is lower, is, so that of equals the earliest is kept.
    pub(crate) fn count_validation(&mut self, metric: Metric, value: f64) -> bool {
        let is_better = |best: Best| metric.order(Some(value), Some(best.value)) == Ordering::Greater;
        let improved = self.best.is_none_or(is_better);
        if improved {
            self.best = Some(Best { epoch: self.epoch(), value });
        }
        self.stale = if improved { 0 } else { self.stale + 1 };
        improved
    }

    /// Whether the last `patience` validations brought nothing better.
    pub(crate) fn is_exhausted(&self, patience: Option<usize>) -> bool {
        patience.is_some_and(|patience| self.stale >= patience)
    }

    /// Closes the epoch under way and begins the next.
    pub(crate) fn end_epoch(&mut self, metrics: BTreeMap<Metric, f64>) {
        let (epoch, loss) = (self.epoch(), self.mean_loss());
        self.epochs.push(EpochRecord { epoch, loss, seconds: self.epoch_seconds, metrics });
        self.losses.clear();
        (self.steps_done, self.epoch_seconds) = (0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The epoch after which a curve stops, one validation an epoch, and the best epoch.
    fn stop_by(metric: Metric, curve: &[f64], patience: Option<usize>) -> (usize, Option<usize>) {
        let mut progress = Progress::default();
        for &value in curve {
            if progress.is_exhausted(patience) {
                break;
            }
            progress.count_validation(metric, value);
            progress.end_epoch(BTreeMap::new());
        }
        (progress.epochs.len(), progress.best.map(|best| best.epoch))
    }

    fn stop(curve: &[f64], patience: Option<usize>) -> (usize, Option<usize>) {
        stop_by(Metric::Recall(20), curve, patience)
    }

    #[test]
    fn an_error_is_to_fall() {
        let curve = [1.2, 1.0, 1.1, 0.9, 0.9, 1.5, 0.8];
        assert_eq!(stop_by(Metric::Rmse, &curve, Some(1)), (3, Some(2)));
        assert_eq!(stop_by(Metric::Mae, &curve, Some(2)), (6, Some(4)));
        assert_eq!(stop_by(Metric::Rmse, &curve, None), (7, Some(7)));
        assert_eq!(stop_by(Metric::PairAuc, &curve, Some(2)), (3, Some(1)));
    }

    #[test]
    fn stops_after_patience_validations_without_improvement() {
        let curve = [0.1, 0.3, 0.2, 0.25, 0.4, 0.4, 0.39, 0.4, 0.9];
        assert_eq!(stop(&curve, Some(1)), (3, Some(2)));
        assert_eq!(stop(&curve, Some(2)), (4, Some(2)));
        // 0.4 again is not better than 0.4.
        assert_eq!(stop(&curve, Some(3)), (8, Some(5)));
        assert_eq!(stop(&curve, Some(4)), (9, Some(9)));
        assert_eq!(stop(&curve, None), (9, Some(9)));
        assert_eq!(stop(&[], Some(1)), (0, None));
        // A model that never hits anything has a best epoch too: the first.
        assert_eq!(stop(&[0.0; 5], Some(3)), (4, Some(1)));
    }

    #[test]
    fn the_loss_of_an_epoch_is_a_mean_over_rows() {
        let mut progress = Progress::default();
        progress.count_step(0, 30, 1.0);
        progress.count_step(0, 10, 3.0);
        progress.end_epoch(BTreeMap::new());
        progress.count_step(0, 10, 5.0);
        progress.count_step(1, 20, 0.25);
        progress.end_epoch(BTreeMap::new());
        let losses: Vec<f64> = progress.epochs.iter().map(|epoch| epoch.loss).collect();
        assert_eq!(losses, [1.5, 5.25]);
        assert_eq!((progress.num_steps, progress.steps_done, progress.epoch()), (4, 0, 3));
    }
}
