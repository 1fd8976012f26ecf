//! A trained model as a file: its parameters by name, in the safetensors format, which Python reads too.
//!
//! Graphs and configuration are not in it: the same configuration, world and seed make the module that
//! the parameters are loaded into.

use std::path::Path;

use burn::module::Module;
use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::Device;
use gnnrec_graph::World;
use gnnrec_model::GradientConfig;

use crate::TrainError;

/// Writes the parameters of a model. A file of that name is replaced once the new one is complete.
///
/// # Errors
/// If the file cannot be written.
pub fn save_model<M: Module>(model: &M, path: &Path) -> Result<(), TrainError> {
    let mut store = SafetensorsStore::from_file(path).overwrite(true);
    model.save_into(&mut store).map_err(|error| TrainError::io(path, error.to_string()))
}

/// Makes the model of a configuration, world and seed with the parameters that [`save_model`] wrote.
///
/// # Errors
/// If the model cannot be made, the file cannot be read, or it holds other parameters than the model.
pub fn load_model<C: GradientConfig>(
    config: &C,
    world: &World,
    seed: u64,
    device: &Device,
    path: &Path,
) -> Result<C::Model, TrainError> {
    // The store reads through a map of the file, and calls a missing file a broken one.
    std::fs::File::open(path).map_err(|source| TrainError::Io { path: path.to_path_buf(), source })?;
    load_from_store(config.init(world, seed, device)?, SafetensorsStore::from_file(path), path)
}

/// The module with the parameters of a store that was read from `path`.
pub(crate) fn load_from_store<M: Module>(
    mut model: M,
    mut store: SafetensorsStore,
    path: &Path,
) -> Result<M, TrainError> {
    let result = model.load_from(&mut store).map_err(|error| TrainError::damaged(path, error))?;
    match result.unused.first() {
        Some(name) => Err(TrainError::damaged(path, format!("it holds `{name}`, which this model does not have"))),
        None => Ok(model),
    }
}
