//! Progress on a terminal: a bar for the experiment, and below it what is under way, with an estimate,
//! the loss, the last validation and where the time goes. What has ended stays as a line above.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gnnrec::experiment::{Event, Progress};
use gnnrec::train;
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::cli::words;

const REDRAW: Duration = Duration::from_millis(100);
/// Before the first run has ended there is nothing to estimate from.
const FIRST: &str = "{bar:24} {pos} of {len} runs, {elapsed} so far";
const OVERALL: &str = "{bar:24} {pos} of {len} runs, {elapsed} so far, about {eta} left";
const SPINNER: &str = "{spinner} {prefix} {msg} {elapsed}";
const STEPS: &str = "{spinner} {prefix} {bar:24} {percent}%, at most {eta} left\n  {wide_msg}\n  {split}";
const BYTES: &str = "{spinner} {prefix} {bar:24} {bytes} of {total_bytes}, {bytes_per_sec}, about {eta} left";
const UNKNOWN_BYTES: &str = "{spinner} {prefix} {bytes}, {bytes_per_sec}";

/// The bars of one process.
pub(crate) struct Bars {
    multi: MultiProgress,
    overall: ProgressBar,
    current: ProgressBar,
    /// When the message of `current` was last made; making it for every step would cost more than some steps.
    said: Instant,
    epochs: usize,
    validation: String,
    /// Where the time of the training goes; read by the thread that draws.
    split: Arc<Mutex<String>>,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let (overall, current) = (ProgressBar::hidden(), ProgressBar::hidden());
        let said = Instant::now();
        let split = Arc::default();
        Self { multi: MultiProgress::new(), overall, current, said, epochs: 0, validation: String::new(), split }
    }

    /// A line above the bars.
    pub(crate) fn say(&self, line: &str) {
        // Nobody is left to be told if the terminal is gone.
        let _ = self.multi.println(line);
    }

    /// Says lines above the bars, from any thread.
    pub(crate) fn speaker(&self) -> impl Fn(&str) + Send + use<> {
        let multi = self.multi.clone();
        move |line| drop(multi.println(line))
    }

    /// Shows something of unknown length in the place of what was under way.
    pub(crate) fn spin(&mut self, what: &str) {
        self.show(SPINNER, None, what);
    }

    fn show(&mut self, template: &str, length: Option<u64>, prefix: &str) {
        self.current.finish_and_clear();
        let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
        self.current = self.multi.add(bar.with_style(style(template)).with_prefix(prefix.to_owned()));
        self.current.enable_steady_tick(REDRAW);
    }

    pub(crate) fn begin_bytes(&mut self, name: &str, total: Option<u64>, have: u64) {
        let template = if total.is_some() { BYTES } else { UNKNOWN_BYTES };
        self.show(template, total, name);
        self.current.set_position(have);
        self.current.reset_eta();
    }

    pub(crate) fn advance_bytes(&mut self, bytes: u64) {
        self.current.inc(bytes);
    }

    fn told(&self, split: String) {
        *self.split.lock().unwrap_or_else(PoisonError::into_inner) = split;
    }

    fn training(&mut self, event: &train::Event<'_>) {
        match *event {
            train::Event::Started { epochs, steps, epochs_done, steps_done } => {
                self.epochs = epochs;
                self.validation.clear();
                self.told(String::new());
                let split = Arc::clone(&self.split);
                let split = move |_: &ProgressState, out: &mut dyn fmt::Write| {
                    let _ = out.write_str(&split.lock().unwrap_or_else(PoisonError::into_inner));
                };
                self.current.set_style(style(STEPS).with_key("split", split));
                self.current.set_length((epochs * steps) as u64);
                self.current.set_position((epochs_done * steps + steps_done) as u64);
                self.current.reset_eta();
            }
            train::Event::Step { epoch, step, of, loss, seconds } => {
                self.current.set_position(((epoch - 1) * of + step) as u64);
                if self.said.elapsed() >= REDRAW {
                    self.said = Instant::now();
                    self.told(words::time_split(seconds));
                    let (epochs, validation) = (self.epochs, &self.validation);
                    self.current.set_message(format!("epoch {epoch}/{epochs}, loss {loss:.4}{validation}"));
                }
            }
            train::Event::Validated { metrics, improved, .. } => {
                let best = if improved { " (best)" } else { "" };
                self.validation = format!(", {}{best}", words::metrics(metrics));
            }
            _ => {}
        }
    }
}

/// A template as a style.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a test reads every template").progress_chars("━╸─")
}

impl Progress for Bars {
    fn on(&mut self, event: &Event<'_>) {
        match *event {
            Event::Opened { device, adapter } => self.say(&format!("{device} is {adapter}")),
            Event::Loading { dataset } => self.spin(&format!("reading {dataset}")),
            Event::CacheFault(error) => self.say(&words::cache_fault(error)),
            Event::Loaded(facts) => {
                self.current.finish_and_clear();
                self.say(&words::facts(facts));
            }
            Event::Started { label, seed, position, of, .. } => {
                if self.overall.is_hidden() {
                    let bar = ProgressBar::new(of as u64).with_style(style(FIRST));
                    self.overall = self.multi.insert(0, bar);
                    self.overall.enable_steady_tick(REDRAW);
                }
                self.overall.set_position(position as u64);
                self.spin(&format!("{label}, seed {seed}"));
            }
            Event::Training(event) => self.training(event),
            Event::Evaluating => {
                self.current.set_style(style(SPINNER));
                self.current.set_message("ranking the test part");
            }
            Event::Ended { label, run } => {
                self.current.finish_and_clear();
                self.say(&words::ended(label, run));
                self.overall.set_style(style(OVERALL));
                self.overall.inc(1);
            }
            Event::Reused { label, seed } => self.say(&format!("{label}, seed {seed}: done before, kept")),
            _ => {}
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.current.finish_and_clear();
        self.overall.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_one() {
        for template in [FIRST, OVERALL, SPINNER, STEPS, BYTES, UNKNOWN_BYTES] {
            style(template);
        }
    }
}
