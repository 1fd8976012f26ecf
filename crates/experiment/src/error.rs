//! Why an experiment cannot be run, each case with its place, its value and a remedy.

use std::path::PathBuf;

/// An experiment that cannot be run, or a run that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// A spec that is not one.
    #[error("{place}: {message}")]
    Spec {
        /// File and line, or the option of the command line.
        place: String,
        /// What was found, what was expected, and the nearest name.
        message: String,
    },
    /// No model has this name.
    #[error("{place}: no model is called `{name}`; {}", suggest(suggestion.as_deref(), known))]
    UnknownModel {
        /// Where it was written.
        place: String,
        /// The name.
        name: String,
        /// The nearest known one, if one is near.
        suggestion: Option<String>,
        /// Every known name.
        known: String,
    },
    /// A metric that does not fit the experiment.
    #[error("{place}: {source}")]
    Metric {
        /// Where it was written.
        place: String,
        /// What is wrong with it.
        source: gnnrec_eval::EvalError,
    },
    /// A dataset that lacks what the task is about.
    #[error("the dataset `{dataset}` {message}")]
    Task {
        /// The dataset.
        dataset: String,
        /// What it lacks and what to do.
        message: String,
    },
    /// A device that cannot be used here.
    #[error(transparent)]
    Device(#[from] gnnrec_model::DeviceError),
    /// A file that cannot be read or written.
    #[error("{path}: cannot {what}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read`, `write`, ...
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A folder that is not the result of an experiment, or of another one.
    #[error("{path}: {message}", path = path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What was found and what to do.
        message: String,
    },
    /// Stopped on request; what was done so far is kept.
    #[error("stopped on request; continue with the same command and `--resume`")]
    Interrupted,
    /// One model failed.
    #[error("{label}, seed {seed}: {source}")]
    Model {
        /// The model.
        label: String,
        /// The seed.
        seed: u64,
        /// Why.
        source: Box<ExperimentError>,
    },
    /// Data that cannot be used.
    #[error(transparent)]
    Data(#[from] gnnrec_data::DataError),
    /// A model that cannot be made.
    #[error(transparent)]
    Fit(#[from] gnnrec_model::ModelError),
    /// A training that failed.
    #[error(transparent)]
    Train(#[from] gnnrec_train::TrainError),
    /// An evaluation that failed.
    #[error(transparent)]
    Eval(#[from] gnnrec_eval::EvalError),
    /// A report that cannot be written.
    #[error("the report cannot be rendered: {0}")]
    Report(#[from] askama::Error),
}

impl ExperimentError {
    /// Whether the fault lies in what the user gave, as against what happened while running.
    #[must_use]
    pub fn is_input(&self) -> bool {
        match self {
            Self::Model { source, .. } => source.is_input(),
            Self::Spec { .. }
            | Self::UnknownModel { .. }
            | Self::Metric { .. }
            | Self::Task { .. }
            | Self::Folder { .. }
            | Self::Data(_)
            | Self::Fit(_) => true,
            Self::Device(error) => !matches!(error, gnnrec_model::DeviceError::Refused { .. }),
            Self::Io { what, .. } => *what == "read",
            Self::Interrupted | Self::Train(_) | Self::Eval(_) | Self::Report(_) => false,
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>, what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, what, source }
    }
}

fn suggest(suggestion: Option<&str>, known: &str) -> String {
    match suggestion {
        Some(name) => format!("did you mean `{name}`? Models: {known}"),
        None => format!("models: {known}"),
    }
}

/// The known name most like one that is not, if any is like it.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(known, &name.to_ascii_lowercase());
    let best = known.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.75).then_some(best)
}

/// An error of serde, with the nearest name where a field or variant is unknown.
pub(crate) fn with_suggestion(message: &str) -> String {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    match names.split_first().filter(|_| unknown) {
        Some((found, known)) => match nearest(found, known.iter().copied()) {
            Some(near) => format!("{message}; did you mean `{near}`?"),
            None => message.to_owned(),
        },
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_suggest_the_nearest() {
        let message = "unknown field `embeding_dim`, expected one of `embedding_dim`, `num_layers`, `l2`";
        assert_eq!(with_suggestion(message), format!("{message}; did you mean `embedding_dim`?"));
        let message = "unknown field `zzz`, expected `embedding_dim` or `l2`";
        assert_eq!(with_suggestion(message), message);
        assert_eq!(with_suggestion("invalid type: `x`"), "invalid type: `x`");
    }
}
