//! Why a model cannot be trained, saved or resumed, each case with its place, its value and a remedy.

use std::io;
use std::path::PathBuf;

use gnnrec_eval::EvalError;
use gnnrec_model::ModelError;
use gnnrec_sampling::SamplingError;

/// A training that cannot start, go on, or be resumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A value out of range.
    #[error("{field} is {found}, expected {expected}")]
    Config {
        /// The field, as written in a spec.
        field: &'static str,
        /// Its value.
        found: String,
        /// The range.
        expected: &'static str,
    },
    /// The model cannot be made.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Batches cannot be drawn.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// The validation part cannot be evaluated.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// The numbers broke down.
    #[error(
        "epoch {epoch}, step {step}: the loss is {loss}, and {culprit}; lower the learning rate or check the model"
    )]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// The step in the epoch, from 1.
        step: usize,
        /// The loss of that step; where it was finite, the mean of the epoch so far.
        loss: f64,
        /// What was found not to be finite.
        culprit: Culprit,
    },
    /// The device did not do what it was told.
    #[error(
        "the device failed between step {step} of epoch {epoch} and what was read next: {reason}; \
         lower sampling.batch_size or the model's width, or train on another device"
    )]
    Device {
        /// The epoch, from 1.
        epoch: usize,
        /// The first step in the epoch, from 1, whose loss was not read.
        step: usize,
        /// What it said.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file is not what was once written.
    #[error("{}: {what}; restore it from a copy, or begin the run anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A checkpoint of another run.
    #[error(
        "{}: made with {field} = {found}, this run has {expected}; resume with the same, or begin anew in another folder",
        path.display()
    )]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// The field that differs.
        field: String,
        /// Its value in the checkpoint.
        found: String,
        /// Its value in this run.
        expected: String,
    },
}

impl TrainError {
    pub(crate) fn io(path: impl Into<PathBuf>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Io { path: path.into(), source: io::Error::other(source) }
    }

    pub(crate) fn damaged(path: impl Into<PathBuf>, what: impl std::fmt::Display) -> Self {
        Self::Damaged { path: path.into(), what: what.to_string() }
    }
}

/// What is not finite in a model that diverged; a parameter is its path in the module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Culprit {
    /// A parameter holds a value that is not finite.
    #[error("parameter `{0}` is not finite")]
    Parameter(String),
    /// The parameters are finite and the gradient of one is not.
    #[error("the gradient of parameter `{0}` is not finite")]
    Gradient(String),
    /// Parameters and gradients are finite, and the loss alone overflows.
    #[error("every parameter and gradient is finite")]
    Loss,
}
