//! Batches drawn ahead of the training step that uses them, and whatever is made of them for it.
//!
//! Worker `w` of `W` draws the batches `w, w + W, ...` and hands them over one at a time, so that their
//! order is settled without any buffer that sorts. Work ahead is bounded: each worker holds one batch in
//! its channel and one in its hands.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use crate::{PairwiseBatch, SamplingError};

/// Threads that draw. One keeps up with most models; the second is for thousands of negatives a row, and for steps that take
/// long to plan.
const WORKERS: usize = 2;

/// The batches of an epoch in order, drawn ahead; made by
/// [`Sampler::epoch`](crate::Sampler::epoch), [`BatchSampler::epoch`](crate::BatchSampler::epoch) and
/// [`BatchSampler::epoch_with`](crate::BatchSampler::epoch_with).
///
/// Dropping it ends its threads after at most the one batch that each is drawing.
pub struct Prefetch<B = PairwiseBatch> {
    remaining: std::ops::Range<usize>,
    receivers: Vec<Receiver<Result<B, SamplingError>>>,
    handles: Vec<JoinHandle<()>>,
}

impl<B: Send + 'static> Prefetch<B> {
    /// Draws the batches `from .. end`, each by its index.
    pub(crate) fn start<F>(from: usize, end: usize, draw: F) -> Self
    where
        F: Fn(usize) -> Result<B, SamplingError> + Clone + Send + 'static,
    {
        let mut prefetch = Self { remaining: from.min(end)..end, receivers: Vec::new(), handles: Vec::new() };
        for first in prefetch.remaining.clone().take(WORKERS) {
            let (sender, receiver) = sync_channel(1);
            let draw = draw.clone();
            let work = move || {
                for index in (first..end).step_by(WORKERS) {
                    if sender.send(draw(index)).is_err() {
                        return;
                    }
                }
            };
            prefetch.receivers.push(receiver);
            prefetch.handles.push(std::thread::spawn(work));
        }
        prefetch
    }
}

impl<B> Iterator for Prefetch<B> {
    type Item = Result<B, SamplingError>;

    /// Waits for the next batch.
    ///
    /// # Panics
    /// If a drawing thread panicked.
    fn next(&mut self) -> Option<Self::Item> {
        self.remaining.next()?;
        let batch = self.receivers[0].recv().expect("a worker sends every one of its batches");
        self.receivers.rotate_left(1);
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.remaining.size_hint()
    }
}

impl<B> ExactSizeIterator for Prefetch<B> {}

impl<B> Drop for Prefetch<B> {
    fn drop(&mut self) {
        // A worker that waits for room learns that nobody listens.
        self.receivers.clear();
        for worker in self.handles.drain(..) {
            // Its panic, if any, was or would have been reported by `next`.
            drop(worker.join());
        }
    }
}
