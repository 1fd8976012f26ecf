//! A rival as a process that prepares itself once and then runs a round whenever it is asked.
//!
//! The protocol is written down in `rivals/fixture.py`. A rival that cannot start says what to install.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;

use crate::Failure;
use crate::clock::Took;

/// Where the drivers lie.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/rivals");

/// What to do where Python or one of its packages is missing.
const REMEDY: &str = "see benches/rivals/README.md: make a virtual environment, install \
                      benches/rivals/requirements.txt into it and name its Python with --python PATH";

/// A rival, ready.
pub struct Driver {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    errors: PathBuf,
    /// Packages and their versions.
    pub versions: BTreeMap<String, String>,
}

/// What a rival says when it is ready.
#[derive(Deserialize)]
struct Ready {
    threads: usize,
    versions: BTreeMap<String, String>,
}

/// What a rival says after a round.
#[derive(Debug, Deserialize)]
pub struct Answer {
    ms: f64,
    cpu_ms: f64,
    /// The loss of each step, where it trains.
    #[serde(default)]
    pub losses: Vec<f32>,
    /// The largest resident memory so far, in bytes.
    pub peak_bytes: Option<u64>,
}

impl Answer {
    /// What the round took, by the rival's own clock.
    #[must_use]
    pub fn took(&self) -> Took {
        Took { ms: self.ms, cpu_ms: self.cpu_ms }
    }
}

impl Driver {
    /// Starts `python SCRIPT ARGUMENTS FIXTURE` with so many threads and waits until it is ready.
    ///
    /// # Errors
    /// No such Python, a package that is missing, or a driver that fails: the message says what to do.
    pub fn start(python: &Path, command: &[&str], fixture: &Path, threads: usize) -> Result<Self, Failure> {
        let (script, arguments) = command.split_first().ok_or("a driver has a script")?;
        let errors = fixture.join("errors.txt");
        let mut process = Command::new(python);
        process.arg(Path::new(FOLDER).join(script)).args(arguments).arg(fixture);
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&errors)?);
        process.env("PYTHONDONTWRITEBYTECODE", "1");
        for variable in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"] {
            process.env(variable, threads.to_string());
        }
        let mut child =
            process.spawn().map_err(|error| format!("cannot run `{}`: {error}; {REMEDY}", python.display()))?;
        let (input, output) = (child.stdin.take(), child.stdout.take().ok_or("its output is piped")?);
        let mut driver = Self { child, input, output: BufReader::new(output), errors, versions: BTreeMap::new() };
        let ready: Ready = driver.answer()?;
        if ready.threads != threads {
            return Err(format!("{script} runs on {} threads, expected {threads}", ready.threads).into());
        }
        driver.versions = ready.versions;
        Ok(driver)
    }

    /// A round of `steps` steps.
    ///
    /// # Errors
    /// A driver that failed, with its last words.
    pub fn round(&mut self, steps: usize) -> Result<Answer, Failure> {
        let input = self.input.as_mut().ok_or("its input is piped")?;
        // A driver that has gone is found by the missing answer, which knows its last words.
        drop(writeln!(input, "run {steps}").and_then(|()| input.flush()));
        self.answer()
    }

    fn answer<T: for<'de> Deserialize<'de>>(&mut self) -> Result<T, Failure> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? > 0 {
            return serde_json::from_str(&line).map_err(|error| format!("answered `{}`: {error}", line.trim()).into());
        }
        let errors = std::fs::read_to_string(&self.errors).unwrap_or_default();
        let last = errors.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("ended without a word");
        let remedy = if last.contains("No module named") { format!("; {REMEDY}") } else { String::new() };
        Err(format!("{last}{remedy}").into())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.input = None;
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_python_names_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let error = Driver::start(Path::new("no-such-python"), &["product.py"], folder.path(), 1).err().unwrap();
        assert!(error.to_string().contains("requirements.txt"), "{error}");
    }
}
