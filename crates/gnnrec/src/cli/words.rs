//! Numbers as people read them: seconds, bytes, metrics, and the lines made of them.

use std::collections::BTreeMap;

use gnnrec::eval::Metric;
use gnnrec::experiment::{DatasetFacts, RunResults};
use gnnrec::model::Family;
use gnnrec::train::Seconds;
use indicatif::HumanCount;

/// What a family is called.
pub(crate) const fn family(family: Family) -> &'static str {
    match family {
        Family::Interaction => "interaction",
        Family::Social => "social",
        Family::Knowledge => "knowledge",
    }
}

/// A duration with two or three digits.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 119.5 => format!("{s:.0} s"),
        s if s < 7_170.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// An amount of memory in whole MiB or GiB; a dash where it is not known.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0 => "-".to_owned(),
        _ if bytes < 10 << 30 => format!("{} MiB", (bytes + (1 << 19)) >> 20),
        _ => format!("{} GiB", (bytes + (1 << 29)) >> 30),
    }
}

/// A metric's value: four decimals, or one for those that count in interactions or bits.
pub(crate) fn value(value: f64) -> String {
    if value.abs() < 10.0 { format!("{value:.4}") } else { format!("{value:.1}") }
}

/// Metrics in a line.
pub(crate) fn metrics(metrics: &BTreeMap<Metric, f64>) -> String {
    let each = metrics.iter().map(|(metric, &number)| format!("{metric} {}", value(number)));
    each.collect::<Vec<_>>().join(", ")
}

/// What is wrong with a cache of datasets.
pub(crate) fn cache_fault(error: &gnnrec::graph::store::StoreError) -> String {
    format!("the cache could not be used, the dataset was read from its text: {error}")
}

/// What a dataset holds.
pub(crate) fn facts(facts: &DatasetFacts) -> String {
    let count = |number: usize| HumanCount(number as u64);
    let mut text = format!(
        "{}: {} users, {} items; interactions: {} to train, {} to validate, {} to test",
        facts.name,
        count(facts.users),
        count(facts.items),
        count(facts.train),
        count(facts.validation),
        count(facts.test)
    );
    for (number, what) in [(facts.ties, "ties"), (facts.triples, "facts")] {
        if number > 0 {
            text += &format!("; {} {what}", count(number));
        }
    }
    text
}

/// Where the time of a training went, in hundredths of it; what took less than half of one is left out.
pub(crate) fn time_split(seconds: &Seconds) -> String {
    let total = seconds.total().max(f64::MIN_POSITIVE);
    let parts = [
        ("sampling", seconds.sampling_wait),
        ("forward", seconds.forward),
        ("backward", seconds.backward),
        ("optimiser", seconds.optimiser),
        ("evaluation", seconds.evaluation),
        ("other", seconds.checkpoint + seconds.other),
    ];
    let parts = parts.into_iter().map(|(what, part)| (what, 100.0 * part / total)).filter(|(_, part)| *part >= 0.5);
    parts.map(|(what, part)| format!("{what} {part:.0} %")).collect::<Vec<_>>().join(", ")
}

/// What came out of a run.
pub(crate) fn ended(label: &str, run: &RunResults) -> String {
    let mut text = format!("{label}, seed {}: {}; ", run.seed, metrics(&run.metrics));
    match &run.training {
        Some(training) => {
            let (epochs, split) = (training.epochs.len(), time_split(&training.seconds));
            let plural = if epochs == 1 { "" } else { "s" };
            text += &format!("{epochs} epoch{plural} in {} ({split})", seconds(run.train_seconds));
        }
        None => text += &format!("solved in {}", seconds(run.train_seconds)),
    }
    text + &format!(", evaluated in {}", seconds(run.eval_seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_two_digits() {
        let found = [0.04, 9.96, 60.0, 119.0, 120.0, 3600.0, 7200.0, 36_000.0].map(seconds);
        assert_eq!(found, ["0.0 s", "10 s", "60 s", "119 s", "2 min", "60 min", "2.0 h", "10.0 h"]);
    }

    #[test]
    fn the_split_adds_up() {
        let seconds = Seconds { forward: 1.0, backward: 2.0, checkpoint: 0.5, other: 0.5, ..Default::default() };
        assert_eq!(time_split(&seconds), "forward 25 %, backward 50 %, other 25 %");
        assert_eq!(
            time_split(&Seconds { sampling_wait: 1.0, optimiser: 0.004, ..Default::default() }),
            "sampling 100 %"
        );
        assert_eq!(time_split(&Seconds::default()), "");
    }

    #[test]
    fn large_metrics_lose_decimals() {
        assert_eq!([0.12345, 1.0, 123.456].map(value), ["0.1235", "1.0000", "123.5"]);
        assert_eq!([0, 3 << 19, 12 << 30].map(bytes), ["-", "2 MiB", "12 GiB"]);
    }
}
