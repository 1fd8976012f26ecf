//! What an experiment tells who watches it. Nothing here reaches a result.

use std::path::Path;

use crate::results::{DatasetFacts, RunResults};

/// Somebody who watches: progress bars, a log, or nobody, `()`.
pub trait Progress {
    /// Called as things happen, in the thread that runs the experiment.
    fn on(&mut self, event: &Event<'_>);
}

impl Progress for () {
    fn on(&mut self, _: &Event<'_>) {}
}

/// Something that happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The device is open; told of GPUs alone.
    Opened {
        /// Its name, as in a spec.
        device: gnnrec_model::DeviceChoice,
        /// What it is.
        adapter: &'a gnnrec_model::Adapter,
    },
    /// The dataset is being read.
    Loading {
        /// Its name.
        dataset: &'a str,
    },
    /// The cache held damage, which was written anew, or cannot be written; the dataset was read from its text.
    CacheFault(&'a gnnrec_graph::store::StoreError),
    /// It is filtered and split.
    Loaded(&'a DatasetFacts),
    /// A model begins with a seed.
    Started {
        /// What tables call it.
        label: &'a str,
        /// The seed.
        seed: u64,
        /// Runs before this one.
        position: usize,
        /// All runs of the experiment.
        of: usize,
        /// Whether it has epochs.
        is_trained: bool,
    },
    /// Training goes on.
    Training(&'a gnnrec_train::Event<'a>),
    /// The test part is being ranked.
    Evaluating,
    /// A model is done with a seed.
    Ended {
        /// What tables call it.
        label: &'a str,
        /// What came out.
        run: &'a RunResults,
    },
    /// A run of the unfinished experiment that is resumed.
    Reused {
        /// What tables call it.
        label: &'a str,
        /// The seed.
        seed: u64,
    },
    /// A file is complete.
    Written {
        /// The file.
        path: &'a Path,
    },
}
