//! The command line: a file for each command, and what they share. No model and no measure lives here.

mod arguments;
mod dataset;
mod doctor;
mod environment;
mod experiment;
mod failure;
mod help;
mod interrupt;
mod models;
mod output;
mod progress;
mod recommend;
mod table;
mod words;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

/// Does what the command line asks for. Usage errors end the process here, with exit code 2.
pub(crate) fn run() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Experiment(arguments) => experiment::run(&arguments),
        Command::Dataset { command } => dataset::run(&command),
        Command::Recommend(arguments) => recommend::run(&arguments),
        Command::Models => models::run(),
        Command::Doctor => doctor::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
