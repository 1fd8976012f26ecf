//! A trained model as a file: its parameters by name, in the safetensors format, which Python reads too.
//!
//! Graphs and configuration are not in it: the same configuration, world and seed make the module that
//! the parameters are loaded into. A table that one device holds in panels is read into whatever panels another needs.

use std::path::Path;

use burn::module::Module;
use burn::store::{ModuleSnapshot, ModuleStore, SafetensorsStore};
use burn::tensor::Device;
use gnnrec_graph::World;
use gnnrec_model::GradientConfig;

use crate::TrainError;
use crate::panels::in_panels_of;

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
    let damaged = |error: &dyn std::fmt::Display| TrainError::damaged(path, error);
    let found = store.get_all_tensors().map_err(|error| damaged(&error))?.values().cloned().collect();
    let (tensors, moved) = in_panels_of(&model.collect(None, None, false), found).map_err(|error| damaged(&error))?;
    let result = if moved.is_empty() {
        model.load_from(&mut store).map_err(|error| damaged(&error))?
    } else {
        model.apply(tensors, None, None, false)
    };
    if let Some(error) = result.errors.first() {
        return Err(damaged(error));
    }
    if let Some((name, _)) = result.missing.first() {
        return Err(TrainError::damaged(path, format!("`{name}` is missing")));
    }
    match result.unused.first() {
        Some(name) => Err(TrainError::damaged(path, format!("it holds `{name}`, which this model does not have"))),
        None => Ok(model),
    }
}
