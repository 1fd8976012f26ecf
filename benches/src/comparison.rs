//! Two sides in turn, round by round: ours, the rival, ours, the rival ... and what came of it.
//!
//! A ratio is the median of the ratios of the rounds, so that a machine that slows down slows both sides.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use crate::clock::Took;

/// One comparison, as it is written with `--json`.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The dataset.
    pub dataset: String,
    /// What both sides did.
    pub work: String,
    /// Median of our rounds, in milliseconds of the work; none where we have nothing of the kind.
    pub ours_ms: Option<f64>,
    /// Who else did it, and how.
    pub rival: String,
    /// Median of the rival's rounds, in milliseconds of the work.
    pub rival_ms: f64,
    /// Median over the rounds of `rival / ours`: above 1, ours is faster.
    pub ratio: Option<f64>,
    /// The least ratio of a round.
    pub ratio_min: Option<f64>,
    /// The greatest ratio of a round.
    pub ratio_max: Option<f64>,
    /// Median over the rounds of `rival / ours` in processor time of all threads, where it is known. Busy
    /// neighbours touch it least; spinning counts.
    pub cpu_ratio: Option<f64>,
    /// Rounds of each side.
    pub rounds: usize,
    /// Whether both sides did the same work, so that the ratio is a claim.
    pub same_work: bool,
    /// What was measured and checked, in words.
    pub note: String,
    /// Largest resident memory of our process while it trained, in bytes.
    pub ours_peak_bytes: Option<u64>,
    /// Largest resident memory of the rival's process, in bytes.
    pub rival_peak_bytes: Option<u64>,
    /// The rival's packages.
    pub versions: BTreeMap<String, String>,
}

impl Comparison {
    /// From each round, `[ours, rival]`, in units of the work.
    ///
    /// # Panics
    /// Without a round.
    #[must_use]
    pub fn new(dataset: &str, work: &str, rival: &str, rounds: &[[Took; 2]]) -> Self {
        let ratios: Vec<f64> = rounds.iter().map(|[ours, rival]| rival.ms / ours.ms).collect();
        let cpu_ratio = median(rounds.iter().map(|[ours, rival]| rival.cpu_ms / ours.cpu_ms));
        let (least, greatest) = ratios.iter().fold((f64::INFINITY, 0f64), |(a, b), &x| (a.min(x), b.max(x)));
        Self {
            dataset: dataset.to_owned(),
            work: work.to_owned(),
            ours_ms: Some(median(rounds.iter().map(|round| round[0].ms))),
            rival: rival.to_owned(),
            rival_ms: median(rounds.iter().map(|round| round[1].ms)),
            ratio: Some(median(ratios)),
            ratio_min: Some(least),
            ratio_max: Some(greatest),
            cpu_ratio: Some(cpu_ratio).filter(|ratio| ratio.is_finite() && *ratio > 0.0),
            rounds: rounds.len(),
            same_work: true,
            note: String::new(),
            ours_peak_bytes: None,
            rival_peak_bytes: None,
            versions: BTreeMap::new(),
        }
    }

    /// Of a rival alone, for information.
    ///
    /// # Panics
    /// Without a round.
    #[must_use]
    pub fn of_rival(dataset: &str, work: &str, rival: &str, rounds: &[Took]) -> Self {
        let pairs: Vec<[Took; 2]> = rounds.iter().map(|&took| [took, took]).collect();
        Self {
            ours_ms: None,
            ratio: None,
            ratio_min: None,
            ratio_max: None,
            cpu_ratio: None,
            same_work: false,
            ..Self::new(dataset, work, rival, &pairs)
        }
    }
}

/// The middle value, or the mean of the two in the middle.
///
/// # Panics
/// Without a value.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// All comparisons as a Markdown table.
#[must_use]
pub fn table(comparisons: &[Comparison]) -> String {
    let mut text =
        "| dataset | work | rival | ours ms | rival ms | ratio (min to max) | CPU ratio | rounds | note |\n".to_owned();
    text.push_str("| --- | --- | --- | ---: | ---: | --- | ---: | ---: | --- |\n");
    for c in comparisons {
        let ours = c.ours_ms.map_or_else(|| "-".to_owned(), number);
        let ratio = match (c.ratio, c.ratio_min, c.ratio_max) {
            (Some(ratio), Some(least), Some(greatest)) => format!("{ratio:.2} ({least:.2} to {greatest:.2})"),
            _ => "-".to_owned(),
        };
        let cpu = c.cpu_ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let note = if c.same_work { c.note.clone() } else { format!("other work: {}", c.note) };
        let (rival_ms, rounds) = (number(c.rival_ms), c.rounds);
        let row = format!(
            "| {} | {} | {} | {ours} | {rival_ms} | {ratio} | {cpu} | {rounds} | {note} |",
            c.dataset, c.work, c.rival
        );
        writeln!(text, "{row}").expect("a string takes any text");
    }
    text
}

/// Milliseconds with as many digits as they deserve.
fn number(ms: f64) -> String {
    if ms < 100.0 { format!("{ms:.2}") } else { format!("{ms:.0}") }
}

/// The first loss that differs by more than `tolerance` of its value, among the first `steps`.
///
/// # Errors
/// Names the step, or says that there are too few.
pub fn same_losses(ours: &[f32], rival: &[f32], steps: usize, tolerance: f32) -> Result<(), String> {
    if ours.len() < steps || rival.len() < steps {
        return Err(format!("{} and {} losses, expected {steps} of each", ours.len(), rival.len()));
    }
    for (step, (ours, rival)) in ours.iter().zip(rival).take(steps).enumerate() {
        // Written so that a loss that is not a number differs from everything.
        let same = (ours - rival).abs() <= tolerance * rival.abs();
        if !same {
            return Err(format!("the loss of step {} is {ours}, the rival's {rival}", step + 1));
        }
    }
    Ok(())
}

/// Compares two tables: every value within `1e-4` of its size and `1e-6` of the largest.
///
/// # Errors
/// Names the first value that differs.
pub fn same_tables(ours: &[f32], rival: &[f32]) -> Result<(), String> {
    if ours.len() != rival.len() {
        return Err(format!("{} values, the rival has {}", ours.len(), rival.len()));
    }
    let largest = rival.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    let same =
        |(_, (ours, rival)): &(usize, (&f32, &f32))| (*ours - *rival).abs() <= 1e-4 * rival.abs() + 1e-6 * largest;
    match ours.iter().zip(rival).enumerate().find(|pair| !same(pair)) {
        None => Ok(()),
        Some((place, (ours, rival))) => Err(format!("value {place} is {ours}, the rival's {rival}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let took = |ms: f64| Took { ms, cpu_ms: 2.0 * ms };
        let rounds = [[2.0, 6.0], [4.0, 8.0], [1.0, 5.0]].map(|round| round.map(took));
        let comparison = Comparison::new("d", "w", "r", &rounds);
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        close(comparison.ours_ms.unwrap(), 2.0);
        close(comparison.rival_ms, 6.0);
        // The ratios are 3, 2 and 5.
        close(comparison.ratio.unwrap(), 3.0);
        close(comparison.ratio_min.unwrap(), 2.0);
        close(comparison.ratio_max.unwrap(), 5.0);
        close(median([4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(table(&[comparison]).ends_with("| d | w | r | 2.00 | 6.00 | 3.00 (2.00 to 5.00) | 3.00 | 3 |  |\n"));
        let alone = Comparison::of_rival("d", "w", "r", &[took(3.0), took(5.0)]);
        assert_eq!((alone.ours_ms, alone.ratio, alone.same_work, alone.rounds), (None, None, false, 2));
        close(alone.rival_ms, 4.0);
    }

    #[test]
    fn differing_numbers_are_found() {
        assert_eq!(same_losses(&[0.5, 0.4], &[0.5, 0.400_01], 2, 1e-4), Ok(()));
        assert!(same_losses(&[0.5, 0.4], &[0.5, 0.400_1], 2, 1e-4).unwrap_err().contains("step 2"));
        assert!(same_losses(&[0.5, f32::NAN], &[0.5, f32::NAN], 2, 1e-4).unwrap_err().contains("step 2"));
        assert!(same_losses(&[0.5], &[0.5], 2, 1e-4).is_err());
        assert_eq!(same_tables(&[1.0, 0.0], &[1.000_05, 0.000_001]), Ok(()));
        assert!(same_tables(&[1.0, 0.01], &[1.0, 0.010_01]).unwrap_err().contains("value 1"));
        assert!(same_tables(&[1.0], &[1.0, 2.0]).is_err());
    }
}
