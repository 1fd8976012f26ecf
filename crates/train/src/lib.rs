//! Fits a model by gradient: the loop, early stopping, checkpoints and the record of a run.
//!
//! [`fit`] takes a configuration of a model and a training world, draws and plans batches ahead while the
//! model computes, steps an optimiser, validates every few epochs and gives back the best model with a
//! [`TrainRecord`]. A run is a function of its configuration, world and seed: the number of threads,
//! and whether it was interrupted and resumed, change no bit of the result.
//!
//! It knows no model, reads no dataset and writes no terminal: who watches is an [`Observer`].

mod checkpoint;
mod config;
mod error;
mod finite;
mod fit;
mod memory;
mod observer;
mod optimiser;
mod origin;
mod panels;
mod phases;
mod progress;
mod record;
mod saved;

pub use config::{FactsConfig, TrainConfig};
pub use error::{Culprit, TrainError};
pub use fit::{Fitted, Run, fit};
pub use memory::{peak_bytes, reset_peak};
pub use observer::{Event, Observer};
pub use optimiser::OptimiserConfig;
pub use record::{EpochRecord, Seconds, Stop, TrainRecord};
pub use saved::{load_model, save_model};
