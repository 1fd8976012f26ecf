//! Every way in which a command can fail, its message and its exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use gnnrec::data::{DataError, FetchError};
use gnnrec::experiment::ExperimentError;

/// Exit code of a run that was stopped on request: 128 and the number of SIGINT, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command did not do what it was asked for.
pub(crate) enum Failure {
    /// What was given cannot be used: exit code 2.
    Input(String),
    /// What was given is sound, but doing it failed: exit code 1.
    Other(String),
    /// Stopped on request: exit code 130.
    Interrupted,
    /// The answer is no, and was printed: exit code 1.
    No,
    /// Whoever read the output has closed it, as `head` does: no failure of ours.
    ClosedPipe,
}

impl Failure {
    /// Says why on standard error and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let (code, message) = match self {
            Self::Input(message) => (2, format!("error: {message}")),
            Self::Other(message) => (1, format!("error: {message}")),
            Self::Interrupted => {
                let command = super::environment::command();
                let resume = if command.split(' ').any(|word| word == "--resume") { "" } else { " --resume" };
                let advice = "stopped; what is done is kept. Go on with the same command and `--resume`:";
                (INTERRUPTED, format!("{advice}\n  {command}{resume}"))
            }
            Self::No => return ExitCode::FAILURE,
            Self::ClosedPipe => return ExitCode::SUCCESS,
        };
        // Nobody is left to be told if standard error is closed.
        let _ = writeln!(io::stderr(), "{message}");
        ExitCode::from(code)
    }
}

impl From<ExperimentError> for Failure {
    fn from(error: ExperimentError) -> Self {
        match &error {
            ExperimentError::Interrupted => Self::Interrupted,
            _ if error.is_input() => Self::Input(error.to_string()),
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        match &error {
            FetchError::NoAddress { .. } | FetchError::NotInFolder { .. } => Self::Input(error.to_string()),
            _ => Self::Other(error.to_string()),
        }
    }
}

/// Standard output that cannot be written to.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Other(format!("standard output: {error}")),
        }
    }
}
