//! Checkpoints: a folder from which a run goes on as if it had never stopped.
//!
//! `checkpoint.toml` says where the run stands, what it was made with, and which files, by SHA-256, hold
//! the model, the optimiser and the best model. Those files are named by their content and written
//! first; replacing `checkpoint.toml` is the one moment at which a checkpoint comes into being. Whatever
//! an interruption leaves half-done, the checkpoint before is still there and whole.
//!
//! It is TOML because TOML's numbers come back with the same bits.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::{RecordError, SafetensorsStore};
use burn::tensor::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::TrainError;
use crate::optimiser::Optimiser;
use crate::origin::{difference, hex_digest};
use crate::panels;
use crate::progress::Progress;
use crate::saved::{load_from_store, save_model};

const STATE: &str = "checkpoint.toml";
const CHECKSUM: &str = "# sha256 ";
/// Hexadecimal digits of the content that a file's name carries.
const NAME_DIGITS: usize = 16;

/// The folder of one run.
pub(crate) struct Folder {
    path: PathBuf,
    origin: toml::Table,
    /// The best model on disk and its epoch.
    best: Option<(usize, Stored)>,
}

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    name: String,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    model: Stored,
    optimiser: Stored,
    best: Option<Stored>,
    origin: toml::Table,
    progress: Progress,
}

/// A run as it stood.
pub(crate) struct Resumed<M> {
    pub(crate) model: M,
    pub(crate) optimiser: Optimiser,
    pub(crate) best: Option<M>,
    pub(crate) progress: Progress,
}

impl Folder {
    /// The folder, made where there is none, of a run made with `origin`.
    pub(crate) fn open(path: &Path, origin: toml::Table) -> Result<Self, TrainError> {
        fs::create_dir_all(path).map_err(|source| TrainError::Io { path: path.to_path_buf(), source })?;
        Ok(Self { path: path.to_path_buf(), origin, best: None })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a checkpoint and removes the files of the one before.
    pub(crate) fn write<M: Module>(
        &mut self,
        model: &M,
        optimiser: &Optimiser,
        best: Option<&M>,
        progress: &Progress,
    ) -> Result<(), TrainError> {
        let write = |result: Result<(), RecordError>, path: &Path| result.map_err(|error| TrainError::io(path, error));
        let model = self.store("model", "bpk", |path| write(model.clone().into_record().save(path), path))?;
        let optimiser = self.store("optimiser", "bpk", |path| write(optimiser.save(path), path))?;
        if let (Some(model), Some(best)) = (best, progress.best)
            && self.best.as_ref().is_none_or(|(epoch, _)| *epoch != best.epoch)
        {
            self.best = Some((best.epoch, self.store("best", "safetensors", |path| save_model(model, path))?));
        }
        let best = self.best.as_ref().map(|(_, stored)| stored.clone());
        let state = State { model, optimiser, best, origin: self.origin.clone(), progress: progress.clone() };
        self.commit(&state)?;
        self.remove_all_but(&state)
    }

    /// Writes a file under a passing name, then calls it by its content.
    fn store(
        &self,
        part: &str,
        extension: &str,
        write: impl FnOnce(&Path) -> Result<(), TrainError>,
    ) -> Result<Stored, TrainError> {
        let passing = self.path.join(format!("{part}.partial.{extension}"));
        write(&passing)?;
        let sha256 = digest(&read(&passing)?);
        let name = format!("{part}-{}.{extension}", &sha256[..NAME_DIGITS]);
        let path = self.path.join(&name);
        fs::rename(&passing, &path).map_err(|source| TrainError::Io { path, source })?;
        Ok(Stored { name, sha256 })
    }

    fn commit(&self, state: &State) -> Result<(), TrainError> {
        let path = self.path.join(STATE);
        let text = toml::to_string(state).map_err(|error| TrainError::io(&path, error))?;
        let replace = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
            write!(file, "{CHECKSUM}{}\n{text}", digest(text.as_bytes()))?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            if cfg!(unix) { fs::File::open(&self.path)?.sync_all() } else { Ok(()) }
        };
        replace().map_err(|source| TrainError::Io { path: path.clone(), source })
    }

    /// Removes what earlier checkpoints left; only files that are named as [`Folder::store`] names them.
    fn remove_all_but(&self, state: &State) -> Result<(), TrainError> {
        let kept: BTreeSet<&str> = [&state.model, &state.optimiser]
            .into_iter()
            .chain(&state.best)
            .map(|stored| stored.name.as_str())
            .collect();
        let remove = || {
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                let name = entry.file_name();
                if name.to_str().is_some_and(|name| is_stored(name) && !kept.contains(name)) {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        remove().map_err(|source| TrainError::Io { path: self.path.clone(), source })
    }

    /// The run as the checkpoint left it, in copies of the `untrained` model; `None` where there is no
    /// checkpoint.
    pub(crate) fn read<M: Module>(
        &mut self,
        untrained: &M,
        optimiser: Optimiser,
    ) -> Result<Option<Resumed<M>>, TrainError> {
        let Some(state) = self.read_state()? else { return Ok(None) };
        let (path, bytes) = self.fetch(&state.model)?;
        let (model, moved) = panels::record_for(untrained, Bytes::from_bytes_vec(bytes))
            .and_then(|(record, moved)| Ok((untrained.clone().try_load_record(record)?, moved)))
            .map_err(|error| TrainError::damaged(path, error))?;
        let (path, bytes) = self.fetch(&state.optimiser)?;
        let optimiser = optimiser.load(Bytes::from_bytes_vec(bytes)).and_then(|optimiser| optimiser.regrouped(&moved));
        let optimiser = optimiser.map_err(|error| TrainError::damaged(path, error))?;
        let best = match (&state.best, state.progress.best) {
            (Some(stored), Some(best)) => {
                let (path, bytes) = self.fetch(stored)?;
                self.best = Some((best.epoch, stored.clone()));
                let store = SafetensorsStore::from_bytes(Some(bytes));
                Some(load_from_store(untrained.clone(), store, &path)?)
            }
            _ => None,
        };
        Ok(Some(Resumed { model, optimiser, best, progress: state.progress }))
    }

    fn read_state(&self) -> Result<Option<State>, TrainError> {
        let path = self.path.join(STATE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(TrainError::damaged(path, error)),
            Err(source) => return Err(TrainError::Io { path, source }),
        };
        let body = text
            .strip_prefix(CHECKSUM)
            .and_then(|text| text.split_once('\n'))
            .and_then(|(checksum, body)| (digest(body.as_bytes()) == checksum).then_some(body))
            .ok_or_else(|| TrainError::damaged(&path, "its content is not that of its checksum"))?;
        let state: State = toml::from_str(body).map_err(|error| TrainError::damaged(&path, error))?;
        match difference(&state.origin, &self.origin) {
            Some((field, found, expected)) => Err(TrainError::OtherRun { path, field, found, expected }),
            None => Ok(Some(state)),
        }
    }

    /// The bytes of a file that is what was written.
    fn fetch(&self, stored: &Stored) -> Result<(PathBuf, Vec<u8>), TrainError> {
        let path = self.path.join(&stored.name);
        let bytes = read(&path)?;
        if digest(&bytes) == stored.sha256 {
            Ok((path, bytes))
        } else {
            Err(TrainError::damaged(path, format!("its SHA-256 is not the {} of {STATE}", stored.sha256)))
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TrainError> {
    fs::read(path).map_err(|source| TrainError::Io { path: path.to_path_buf(), source })
}

fn digest(bytes: &[u8]) -> String {
    hex_digest(Sha256::new_with_prefix(bytes))
}

fn is_stored(name: &str) -> bool {
    let parts = name.split_once('-').and_then(|(part, rest)| Some((part, rest.split_once('.')?)));
    parts.is_some_and(|(part, (content, extension))| {
        matches!((part, extension), ("model" | "optimiser", "bpk") | ("best", "safetensors"))
            && content.len() == NAME_DIGITS
            && content.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_no_file_of_somebody_else() {
        assert!(is_stored("model-0123456789abcdef.bpk") && is_stored("best-0123456789abcdef.safetensors"));
        for name in [
            "model.bpk",
            "model-final.bpk",
            "model-0123456789abcdef.safetensors",
            "best-0123456789abcdeg.safetensors",
            "best-0123456789abcdef.safetensors.old",
            "notes-0123456789abcdef.bpk",
            "checkpoint.toml",
        ] {
            assert!(!is_stored(name), "{name}");
        }
    }
}
