//! What a round takes: time on the wall, and the time of all threads on the processors.
//!
//! The second tells more where other programs compute beside a comparison. It is a program's own: one that
//! spins while it waits has it counted.

use std::time::Instant;

/// What some work took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Took {
    /// On the wall.
    pub ms: f64,
    /// On the processors, all threads of the process; 0 where the system does not say. Linux counts in steps
    /// of 10 ms.
    pub cpu_ms: f64,
}

impl Took {
    /// The same for `factor` times the work.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { ms: self.ms * factor, cpu_ms: self.cpu_ms * factor }
    }
}

/// A clock that runs.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    cpu_ms: f64,
}

impl Clock {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now(), cpu_ms: cpu_ms() }
    }

    /// What was taken since the start.
    #[must_use]
    pub fn took(&self) -> Took {
        Took { ms: self.start.elapsed().as_secs_f64() * 1e3, cpu_ms: cpu_ms() - self.cpu_ms }
    }
}

/// Processor time of this process so far, user and system; Linux's tick is 10 ms.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in brackets, may hold spaces; `utime` and `stime` are fields 14 and 15.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 10.0
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn threads_that_compute_are_counted_and_sleep_is_not() {
        let clock = Clock::start();
        std::thread::sleep(std::time::Duration::from_millis(200));
        let asleep = clock.took();
        assert!(asleep.ms >= 200.0 && asleep.cpu_ms < asleep.ms, "{asleep:?}");
        let clock = Clock::start();
        while clock.took().cpu_ms < 100.0 {
            assert!(clock.took().ms < 60_000.0, "no processor time is counted");
        }
    }
}
