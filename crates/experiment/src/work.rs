//! The folder of an experiment: what is finished, what is under way, and how one becomes the other.
//!
//! ```text
//! DIR/results.json, report.html, spec.toml    the last experiment that was finished
//! DIR/models/NN-seed-S.safetensors            its trained models
//! DIR/unfinished/                             the one under way: spec, devices, finished runs, weights, checkpoints
//! ```
//!
//! The finished files are replaced only once the new ones are complete, so that a run that fails or is
//! stopped leaves the earlier results as they were.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ExperimentError;
use crate::compare::Measured;
use crate::results::RunResults;

/// A run that is over, as the resumed experiment finds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finished {
    pub(crate) run: RunResults,
    pub(crate) measured: Measured,
}

/// The folder under way.
pub(crate) struct Work {
    out: PathBuf,
    folder: PathBuf,
}

impl Work {
    /// Opens the folder for a spec; without `resume`, or for another spec than the one under way, it
    /// starts empty.
    pub(crate) fn open(out: &Path, resume: bool, fingerprint: &str) -> Result<Self, ExperimentError> {
        let folder = out.join("unfinished");
        let mark = folder.join("spec.json");
        let found = std::fs::read_to_string(&mark).ok();
        if resume {
            match &found {
                Some(found) if found == fingerprint => return Ok(Self { out: out.to_owned(), folder }),
                Some(_) => {
                    let message = "holds an unfinished experiment of another spec; give the same spec and options, or \
                                   leave --resume out to begin anew";
                    return Err(ExperimentError::Folder { path: folder, message: message.to_owned() });
                }
                None => {}
            }
        }
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(ExperimentError::io(&folder, "remove"))?;
        }
        for inside in ["models", "checkpoints", "runs"] {
            let inside = folder.join(inside);
            std::fs::create_dir_all(&inside).map_err(ExperimentError::io(&inside, "create"))?;
        }
        write(&mark, fingerprint)?;
        Ok(Self { out: out.to_owned(), folder })
    }

    /// Notes the device of this sitting. All that the experiment has run on, each once, in their order.
    pub(crate) fn devices(&self, device: &str) -> Result<String, ExperimentError> {
        let path = self.folder.join("devices.txt");
        let before = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.map_err(ExperimentError::io(&path, "read"))?,
        };
        let mut devices: Vec<&str> = before.lines().collect();
        if !devices.contains(&device) {
            devices.push(device);
            write(&path, &devices.join("\n"))?;
        }
        Ok(devices.join(", then "))
    }

    /// Where the checkpoints of one run go.
    pub(crate) fn checkpoints(&self, name: &str) -> PathBuf {
        self.folder.join("checkpoints").join(name)
    }

    /// Where the weights of one run go until the experiment is finished.
    pub(crate) fn weights(&self, name: &str) -> PathBuf {
        self.folder.join("models").join(format!("{name}.safetensors"))
    }

    /// A run that was finished before.
    pub(crate) fn finished(&self, name: &str) -> Result<Option<Finished>, ExperimentError> {
        let path = self.run(name);
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(ExperimentError::io(&path, "read"))?;
        let fault = |error| ExperimentError::Folder {
            path: path.clone(),
            message: format!("is damaged ({error}); remove it, and the run is done again"),
        };
        serde_json::from_str(&text).map(Some).map_err(fault)
    }

    /// Keeps a run that is over, and forgets its checkpoints.
    pub(crate) fn finish(&self, name: &str, finished: &Finished) -> Result<(), ExperimentError> {
        write(&self.run(name), &serde_json::to_string(finished).expect("a run is plain data"))?;
        let checkpoints = self.checkpoints(name);
        if checkpoints.exists() {
            std::fs::remove_dir_all(&checkpoints).map_err(ExperimentError::io(&checkpoints, "remove"))?;
        }
        Ok(())
    }

    /// Puts the finished experiment in the place of the earlier one. `files` are names and contents.
    ///
    /// Everything is written whole before anything is replaced.
    pub(crate) fn publish(self, files: &[(&str, String)]) -> Result<Vec<PathBuf>, ExperimentError> {
        for (name, text) in files {
            write(&self.folder.join(name), text)?;
        }
        let models = self.out.join("models");
        if models.exists() {
            std::fs::remove_dir_all(&models).map_err(ExperimentError::io(&models, "replace"))?;
        }
        let mut written = Vec::new();
        for name in std::iter::once("models").chain(files.iter().map(|(name, _)| *name)) {
            let path = self.out.join(name);
            std::fs::rename(self.folder.join(name), &path).map_err(ExperimentError::io(&path, "write"))?;
            written.push(path);
        }
        std::fs::remove_dir_all(&self.folder).map_err(ExperimentError::io(&self.folder, "remove"))?;
        written.remove(0);
        Ok(written)
    }

    fn run(&self, name: &str) -> PathBuf {
        self.folder.join("runs").join(format!("{name}.json"))
    }
}

/// Where the weights of a finished experiment are.
pub(crate) fn published_weights(out: &Path, name: &str) -> PathBuf {
    out.join("models").join(format!("{name}.safetensors"))
}

/// What the files of one run are called: the position in the table and the seed.
pub(crate) fn run_name(position: usize, seed: u64) -> String {
    format!("{:02}-seed-{seed}", position + 1)
}

/// Writes a file in one step: it is there whole, or as it was before.
fn write(path: &Path, text: &str) -> Result<(), ExperimentError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let fault = || ExperimentError::io(path, "write");
    let mut builder = tempfile::Builder::new();
    // A temporary file is for its owner alone; this one stays, and is read by whom the umask lets.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(fault())?;
    file.write_all(text.as_bytes()).map_err(fault())?;
    file.as_file().sync_all().map_err(fault())?;
    file.persist(path).map_err(|error| fault()(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_of_an_experiment_is_told_once() {
        let out = tempfile::tempdir().unwrap();
        let work = Work::open(out.path(), false, "a").unwrap();
        assert_eq!(work.devices("cpu: A").unwrap(), "cpu: A");
        let resumed = Work::open(out.path(), true, "a").unwrap();
        assert_eq!(resumed.devices("wgpu: B; cpu: A").unwrap(), "cpu: A, then wgpu: B; cpu: A");
        assert_eq!(resumed.devices("cpu: A").unwrap(), "cpu: A, then wgpu: B; cpu: A");
        // Begun anew, it has run nowhere yet.
        let anew = Work::open(out.path(), false, "a").unwrap();
        assert_eq!(anew.devices("cpu: C").unwrap(), "cpu: C");
    }

    #[test]
    fn earlier_results_stay_until_the_new_ones_are_whole() {
        let out = tempfile::tempdir().unwrap();
        let first = Work::open(out.path(), false, "a").unwrap();
        std::fs::write(first.weights("01-seed-1"), "first").unwrap();
        first.publish(&[("results.json", "1".to_owned())]).unwrap();
        let weights = published_weights(out.path(), "01-seed-1");

        let second = Work::open(out.path(), false, "b").unwrap();
        std::fs::write(second.weights("01-seed-1"), "second").unwrap();
        drop(second);
        assert_eq!(std::fs::read_to_string(&weights).unwrap(), "first");
        assert_eq!(std::fs::read_to_string(out.path().join("results.json")).unwrap(), "1");

        assert!(Work::open(out.path(), true, "c").is_err_and(|error| error.to_string().contains("another spec")));
        let resumed = Work::open(out.path(), true, "b").unwrap();
        resumed.publish(&[("results.json", "2".to_owned())]).unwrap();
        assert_eq!(std::fs::read_to_string(&weights).unwrap(), "second");
        assert!(!out.path().join("unfinished").exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
            let plain = out.path().join("plain");
            std::fs::write(&plain, "").unwrap();
            assert_eq!(mode(&out.path().join("results.json")), mode(&plain));
        }
    }
}
