//! Progress as plain lines, for logs: a line where something begins or ends, and in between at most one
//! a second, so that a quick model does not flood and a slow one does not fall silent.

use std::io::Write;
use std::time::{Duration, Instant};

use gnnrec::experiment::{Event, Progress};
use gnnrec::train;
use indicatif::HumanBytes;

use crate::cli::words;

/// From one validation that is told to the next.
const VALIDATION: Duration = Duration::from_secs(1);
/// From any line to one that only says that things go on.
const STILL_THERE: Duration = Duration::from_secs(10);

/// Writes lines as things happen.
pub(crate) struct Lines<W> {
    out: W,
    last: Instant,
    course: Course,
    file: File,
}

/// The training under way.
struct Course {
    epochs: usize,
    steps: usize,
    /// Steps done when it began, before it was resumed.
    before: usize,
    since: Instant,
    /// When a validation was last told of.
    validated: Instant,
    is_best: bool,
}

/// The file that is arriving.
#[derive(Default)]
struct File {
    name: String,
    total: Option<u64>,
    have: u64,
}

impl<W: Write> Lines<W> {
    pub(crate) fn new(out: W) -> Self {
        let now = Instant::now();
        let course = Course { epochs: 0, steps: 0, before: 0, since: now, validated: now, is_best: false };
        Self { out, last: now, course, file: File::default() }
    }

    /// Writes a line.
    pub(crate) fn say(&mut self, line: &str) {
        // A log that nobody reads any more is no reason to stop.
        let _ = writeln!(self.out, "{line}");
        self.last = Instant::now();
    }

    fn training(&mut self, event: &train::Event<'_>) {
        match *event {
            train::Event::Started { epochs, steps, epochs_done, steps_done } => {
                let before = epochs_done * steps + steps_done;
                let now = Instant::now();
                self.course = Course { epochs, steps, before, since: now, validated: now, is_best: false };
                if before > 0 {
                    self.say(&format!("  resumed after {epochs_done} epochs and {steps_done} steps"));
                }
            }
            train::Event::Step { epoch, step, of, loss, seconds } if self.last.elapsed() >= STILL_THERE => {
                let (epochs, left) = (self.course.epochs, self.course.left(epoch, step));
                let split = words::time_split(seconds);
                self.say(&format!("  epoch {epoch}/{epochs}, step {step}/{of}: loss {loss:.4}; {left} ({split})"));
            }
            train::Event::Validated { improved, .. } => self.course.is_best = improved,
            train::Event::EpochEnded(record)
                if !record.metrics.is_empty() && self.course.validated.elapsed() >= VALIDATION =>
            {
                self.course.validated = Instant::now();
                let (epoch, epochs) = (record.epoch, self.course.epochs);
                let best = if self.course.is_best { ", the best so far" } else { "" };
                let (metrics, left) = (words::metrics(&record.metrics), self.course.left(epoch + 1, 0));
                self.say(&format!("  epoch {epoch}/{epochs}: loss {:.4}, {metrics}{best}; {left}", record.loss));
            }
            _ => {}
        }
    }

    pub(crate) fn begin_bytes(&mut self, name: &str, total: Option<u64>, have: u64) {
        let kept = if have > 0 { format!(", {} are here", HumanBytes(have)) } else { String::new() };
        let size = total.map_or_else(String::new, |total| format!(" ({}{kept})", HumanBytes(total)));
        self.file = File { name: name.to_owned(), total, have };
        self.say(&format!("{name}{size}"));
    }

    pub(crate) fn advance_bytes(&mut self, bytes: u64) {
        self.file.have += bytes;
        if self.last.elapsed() >= STILL_THERE {
            let File { name, total, have } = &self.file;
            let of = total.map_or_else(String::new, |total| format!(" of {}", HumanBytes(total)));
            self.say(&format!("  {name}: {}{of}", HumanBytes(*have)));
        }
    }
}

impl Course {
    /// How long it may still take, standing before a step of an epoch, both from 1.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn left(&self, epoch: usize, step: usize) -> String {
        let done = (epoch - 1) * self.steps + step;
        let (here, ahead) = (done.saturating_sub(self.before).max(1), (self.epochs * self.steps).saturating_sub(done));
        let seconds = self.since.elapsed().as_secs_f64() / here as f64 * ahead as f64;
        format!("at most {} left", words::seconds(seconds))
    }
}

impl<W: Write> Progress for Lines<W> {
    fn on(&mut self, event: &Event<'_>) {
        match *event {
            Event::Opened { device, adapter } => self.say(&format!("{device} is {adapter}")),
            Event::Loading { dataset } => self.say(&format!("reading {dataset}")),
            Event::CacheFault(error) => self.say(&words::cache_fault(error)),
            Event::Loaded(facts) => self.say(&words::facts(facts)),
            Event::Started { label, seed, position, of, is_trained } => {
                let what = if is_trained { "training" } else { "solving" };
                self.say(&format!("[{}/{of}] {what} {label}, seed {seed}", position + 1));
            }
            Event::Training(event) => self.training(event),
            Event::Ended { label, run } => self.say(&format!("  {}", words::ended(label, run))),
            Event::Reused { label, seed } => self.say(&format!("{label}, seed {seed}: done before, kept")),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gnnrec::train::{EpochRecord, Seconds};

    use super::*;

    /// A run of this many steps, in one go.
    fn run(lines: &mut Lines<Vec<u8>>, epochs: usize, steps: usize) {
        let seconds = Seconds::default();
        lines.on(&Event::Started { label: "mf-bpr", seed: 3, position: 1, of: 4, is_trained: true });
        lines.training(&train::Event::Started { epochs, steps, epochs_done: 0, steps_done: 0 });
        for epoch in 1..=epochs {
            for step in 1..=steps {
                lines.training(&train::Event::Step { epoch, step, of: steps, loss: 0.5, seconds: &seconds });
            }
            let metrics = BTreeMap::from([("recall@20".parse().unwrap(), 0.25)]);
            lines.training(&train::Event::Validated { epoch, metrics: &metrics, improved: true });
            lines.training(&train::Event::EpochEnded(&EpochRecord { epoch, loss: 0.5, seconds: 0.0, metrics }));
        }
    }

    fn text(lines: Lines<Vec<u8>>) -> Vec<String> {
        String::from_utf8(lines.out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_quick_model_does_not_flood() {
        let mut lines = Lines::new(Vec::new());
        run(&mut lines, 500, 100);
        let text = text(lines);
        assert_eq!(text[0], "[2/4] training mf-bpr, seed 3");
        assert!(text.len() < 10, "{} lines", text.len());
    }

    #[test]
    fn a_slow_model_is_heard_of() {
        let mut lines = Lines::new(Vec::new());
        run(&mut lines, 1, 1);
        lines.last = Instant::now() - STILL_THERE;
        let seconds = Seconds { forward: 1.0, backward: 3.0, ..Default::default() };
        let (since, validated) = (Instant::now(), Instant::now() - VALIDATION);
        lines.course = Course { epochs: 2, steps: 4, before: 2, since, validated, is_best: false };
        lines.training(&train::Event::Step { epoch: 1, step: 3, of: 4, loss: 0.5, seconds: &seconds });
        // A validation is not lost because a step was told of just before.
        let metrics = BTreeMap::from([("recall@20".parse().unwrap(), 0.25)]);
        lines.training(&train::Event::EpochEnded(&EpochRecord { epoch: 1, loss: 0.5, seconds: 0.0, metrics }));
        let text = text(lines);
        assert_eq!(text.len(), 3, "{text:?}");
        assert!(text[2].starts_with("  epoch 1/2: loss 0.5000, recall@20 0.2500"), "{text:?}");
        assert!(text[1].starts_with("  epoch 1/2, step 3/4: loss 0.5000; at most 0.0 s left (forward 25 %"));
    }

    #[test]
    fn the_estimate_counts_what_this_sitting_did() {
        let since = Instant::now() - Duration::from_secs(10);
        let course = Course { epochs: 3, steps: 10, before: 10, since, validated: since, is_best: false };
        // Five steps in ten seconds, fifteen ahead.
        assert_eq!(course.left(2, 5), "at most 30 s left");
        assert_eq!(course.left(4, 0), "at most 0.0 s left");
    }

    #[test]
    fn a_download_says_how_much() {
        let mut lines = Lines::new(Vec::new());
        lines.begin_bytes("a/train.txt", Some(4096), 1024);
        lines.last = Instant::now() - STILL_THERE;
        lines.advance_bytes(1024);
        lines.advance_bytes(1024);
        assert_eq!(text(lines), ["a/train.txt (4.00 KiB, 1.00 KiB are here)", "  a/train.txt: 2.00 KiB of 4.00 KiB"]);
    }
}
