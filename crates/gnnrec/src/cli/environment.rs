//! The door through which time, machine and environment enter; nothing behind it asks for them.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::SystemTime;

use gnnrec::experiment::Environment;

use super::arguments::DataFolder;
use super::failure::Failure;

/// Where and with what this process runs.
pub(crate) fn describe() -> Environment {
    Environment {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: std::env::var("GNNREC_COMMIT").unwrap_or_default(),
        device: format!("cpu: {}", processor_name()),
        threads: rayon::current_num_threads(),
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        command: command(),
    }
}

/// The command line as it can be given to a shell.
pub(crate) fn command() -> String {
    let words = std::env::args_os().skip(1).map(|word| quoted(&word.to_string_lossy()));
    std::iter::once("gnnrec".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./,=@:+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The folder of the datasets: as given, else as `GNNREC_DATA` says, else `datasets/cache`.
pub(crate) fn data_folder(given: &DataFolder) -> PathBuf {
    gnnrec::data::data_folder(given.data.clone(), std::env::var_os("GNNREC_DATA").map(PathBuf::from))
}

/// Sets the number of threads, before the first one is used.
pub(crate) fn use_threads(threads: Option<NonZeroUsize>) -> Result<(), Failure> {
    let Some(threads) = threads else { return Ok(()) };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global();
    pool.map_err(|error| Failure::Other(format!("--threads {threads}: {error}")))
}

/// The processor, how many of it there are for this process, and how wide it computes.
pub(crate) fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let plural = if cores == 1 { "" } else { "s" };
    format!("{}; {cores} core{plural}, {}", processor_name(), vectors())
}

/// The widest vectors that kernels use here.
fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    let wide = if std::is_x86_feature_detected!("avx512f") {
        "AVX-512"
    } else if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
        "AVX2"
    } else {
        "SSE2"
    };
    #[cfg(target_arch = "aarch64")]
    let wide = "NEON";
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let wide = "no vectors";
    wide
}

/// The processor's name where Linux tells it, system and architecture everywhere.
fn processor_name() -> String {
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| system.clone(), |(_, name)| format!("{}, {system}", name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_words_back() {
        assert_eq!(quoted("benches/specs/a.toml"), "benches/specs/a.toml");
        assert_eq!(quoted("my runs"), "'my runs'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("$HOME"), "'$HOME'");
    }

    #[test]
    fn it_says_when_and_where() {
        let environment = describe();
        assert!(environment.started.ends_with('Z') && environment.started.len() == 20, "{}", environment.started);
        assert!(environment.device.starts_with("cpu: ") && environment.threads > 0);
    }
}
