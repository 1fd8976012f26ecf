//! `gnnrec models`: the models and their presets.

use gnnrec::experiment::ModelConfig;

use super::failure::Failure;
use super::{output, table, words};

pub(crate) fn run() -> Result<(), Failure> {
    let row = |config: &ModelConfig| {
        let fitting = if config.is_trained() { "trained" } else { "solved" };
        let presets = presets(config);
        let presets = if presets.is_empty() { "-".to_owned() } else { presets.join(", ") };
        [config.name(), words::family(config.family()), fitting, config.summary(), &presets].map(str::to_owned).to_vec()
    };
    let header = ["model", "family", "fitting", "what it does", "presets"].map(str::to_owned).to_vec();
    Ok(output::print(&table::table(header, ModelConfig::all().iter().map(row).collect(), 5))?)
}

/// Names of the presets of a model.
pub(crate) fn presets(config: &ModelConfig) -> Vec<&'static str> {
    let own = ModelConfig::presets().into_iter().filter(|(_, preset)| preset.name() == config.name());
    own.map(|(name, _)| name).collect()
}
