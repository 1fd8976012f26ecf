//! What may be written on the command line. What is written about it at length is in `help.rs`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use gnnrec::model::DeviceChoice;

use super::help;

/// Graph neural recommendation: compare recommenders, get datasets, list recommendations.
#[derive(Debug, Parser)]
#[command(name = "gnnrec", version, max_term_width = 100, after_help = help::COMMANDS)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compares recommenders; without options on the generated demo world
    #[command(long_about = help::EXPERIMENT, after_help = help::MORE, after_long_help = help::experiment())]
    Experiment(ExperimentArguments),
    /// Lists, describes, checks and fetches datasets
    #[command(after_long_help = help::DATASET)]
    Dataset {
        #[command(subcommand)]
        command: DatasetCommand,
    },
    /// Lists what a trained model recommends to a user
    #[command(after_help = help::RECOMMEND)]
    Recommend(RecommendArguments),
    /// Lists the models
    Models,
    /// Says what this build can train on here: the processor and every adapter, with limits
    #[command(after_help = help::DOCTOR)]
    Doctor,
}

#[derive(Debug, Args)]
pub(crate) struct ExperimentArguments {
    /// The experiment as a TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) spec: Option<PathBuf>,
    /// The dataset, in place of the spec's
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// The models, in place of the spec's: labels of the spec or names of models
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    pub(crate) models: Option<Vec<String>>,
    /// How often each model is run, with the seeds 1 to N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) seeds: Option<u64>,
    /// The most epochs of every trained model; 0 measures untrained models
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<usize>,
    /// Where models are trained: cpu, wgpu, vulkan or cuda; see `gnnrec doctor`
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<DeviceChoice>,
    #[command(flatten)]
    pub(crate) data: DataFolder,
    #[command(flatten)]
    pub(crate) cache: CacheFolder,
    /// Where the results go [default: runs/NAME, the spec's name in lower case]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Goes on with the unfinished experiment in the folder of the results
    #[arg(long)]
    pub(crate) resume: bool,
    /// Threads [default: one for each processor]; no result depends on their number
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Shows no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DatasetCommand {
    /// Lists the datasets and whether they are in the data folder
    List {
        #[command(flatten)]
        data: DataFolder,
    },
    /// Says what a dataset holds, where it comes from and what its owners allow
    Describe {
        /// The dataset
        name: String,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Compares the files in the data folder with what they should be, byte for byte
    Check {
        /// The dataset
        name: String,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Downloads or copies a dataset into the data folder; goes on where it was cut off
    Fetch {
        /// The dataset
        name: String,
        /// Copies from this folder and downloads nothing
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        #[command(flatten)]
        data: DataFolder,
        /// Shows no progress
        #[arg(long, short)]
        quiet: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RecommendArguments {
    /// The folder of a finished experiment: its `--out`
    #[arg(long, value_name = "DIR")]
    pub(crate) run: PathBuf,
    /// The user, as the dataset names them
    #[arg(long, value_name = "ID")]
    pub(crate) user: String,
    /// Length of the list
    #[arg(short, value_name = "N", default_value = "10")]
    pub(crate) k: NonZeroUsize,
    /// The model, as the table labels it [default: the best]
    #[arg(long, value_name = "LABEL")]
    pub(crate) model: Option<String>,
    /// The training seed [default: the first]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) data: DataFolder,
    #[command(flatten)]
    pub(crate) cache: CacheFolder,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DataFolder {
    /// The folder of the datasets [default: $GNNREC_DATA, else datasets/cache]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CacheFolder {
    /// Keeps a dataset in this folder as it was read: the next time it is mapped, not parsed
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definitions_hold_together() {
        super::Arguments::command().debug_assert();
    }
}
