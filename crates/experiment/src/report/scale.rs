//! Scales: where a value stands along an axis, and the round values at which the ticks are.

use super::number;

/// A linear or a logarithmic axis that begins at a tick, and ends at one unless it was cut.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    /// Ascending, at least two.
    ticks: Vec<f64>,
    high: f64,
    log: bool,
}

impl Scale {
    /// Round values, evenly spaced, from at or below the least value to at or above the greatest.
    /// `about` is the number of ticks wished for. Values that are not finite are left out.
    pub(super) fn linear(values: impl IntoIterator<Item = f64>, about: usize) -> Self {
        let (low, high) = extent(values);
        Self::through(ticks(low, high, about), false)
    }

    fn through(ticks: Vec<f64>, log: bool) -> Self {
        Self { high: ticks[ticks.len() - 1], ticks, log }
    }

    /// The same scale cut at `high`, so that no room is left empty; two ticks remain in any case.
    pub(super) fn until(mut self, high: f64) -> Self {
        let within = self.ticks.iter().filter(|tick| **tick <= high).count();
        if within >= 2 {
            self.ticks.truncate(within);
            self.high = high.min(self.high);
        }
        self
    }

    /// A linear scale that begins at 0.
    pub(super) fn from_zero(values: impl IntoIterator<Item = f64>, about: usize) -> Self {
        Self::linear(values.into_iter().chain([0.0]), about)
    }

    /// Powers of ten, with 2 and 5 between them where these are few. Without a value above 0 it is linear.
    pub(super) fn log(values: impl IntoIterator<Item = f64>) -> Self {
        let positive: Vec<f64> = values.into_iter().filter(|value| value.is_finite() && *value > 0.0).collect();
        let (low, high) = extent(positive.iter().copied());
        if positive.is_empty() {
            return Self::from_zero([], 4);
        }
        let first = low.log10().floor();
        let mut decades = vec![10_f64.powf(first)];
        while decades[decades.len() - 1] < high {
            decades.push(10_f64.powf(first + index(decades.len())));
        }
        let mut ticks = decades;
        if ticks.len() <= 4 {
            ticks = ticks.iter().flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * decade)).collect();
            let begin = ticks.iter().rposition(|&tick| tick <= low).unwrap_or(0);
            let end = ticks.iter().position(|&tick| tick >= high).unwrap_or(ticks.len() - 1).max(begin + 1);
            ticks = ticks.get(begin..=end).unwrap_or(&ticks).to_vec();
        }
        if ticks.len() < 2 {
            ticks.push(ticks[0] * 10.0);
        }
        Self::through(ticks, true)
    }

    /// Where a value stands: 0 at the first tick, 1 at the end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let [low, high] = [self.ticks[0], self.high];
        if self.log { (value.max(low) / low).log10() / (high / low).log10() } else { (value - low) / (high - low) }
    }

    /// The ticks, ascending, each with its text.
    pub(super) fn labels(&self) -> impl Iterator<Item = (f64, String)> {
        let step = self.ticks[1] - self.ticks[0];
        self.ticks.iter().map(move |&tick| (tick, number::tick(tick, if self.log { tick.min(1.0) } else { step })))
    }
}

/// Evenly spaced round values, at least two, whose first is at most `low` and whose last is at least `high`.
fn ticks(low: f64, high: f64, about: usize) -> Vec<f64> {
    let step = round_up((high - low) / index(about.max(1)));
    let first = (low / step).floor();
    let mut ticks = vec![first * step];
    while ticks.len() < 2 || ticks[ticks.len() - 1] < high {
        ticks.push((first + index(ticks.len())) * step);
    }
    ticks
}

/// The least of 1, 2 and 5 times a power of ten that is not below `value`.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|step| *step >= value).unwrap_or(10.0 * power)
}

/// Least and greatest of the finite values, widened where they are one; `[0, 1]` without any.
fn extent(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        (0.0, 1.0)
    } else if high - low > low.abs().max(high.abs()) * 1e-9 {
        (low, high)
    } else if low == 0.0 {
        (0.0, 1.0)
    } else {
        (low - low.abs() / 2.0, high + high.abs() / 2.0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "ticks are few")]
fn index(value: usize) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(scale: &Scale) -> Vec<String> {
        scale.labels().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_by_hand() {
        assert_eq!(texts(&Scale::from_zero([0.1849], 4)), ["0", ".05", ".10", ".15", ".20"]);
        assert_eq!(texts(&Scale::linear([0.151, 0.1837], 4)), [".15", ".16", ".17", ".18", ".19"]);
        assert_eq!(texts(&Scale::linear([3.0], 4)), ["1", "2", "3", "4", "5"]);
        assert_eq!(texts(&Scale::linear([], 2)), ["0", ".5", "1.0"]);
        assert_eq!(texts(&Scale::log([0.3, 40.0])), [".2", ".5", "1", "2", "5", "10", "20", "50"]);
        assert_eq!(texts(&Scale::log([0.02, 900.0])), [".01", ".1", "1", "10", "100", "1,000"]);
        assert_eq!(texts(&Scale::log([0.0])), ["0", ".5", "1.0"]);
    }

    #[test]
    fn a_scale_that_is_cut_keeps_two_ticks() {
        let cut = Scale::from_zero([64.0], 4).until(64.0);
        assert_eq!(texts(&cut), ["0", "20", "40", "60"]);
        assert!((cut.at(32.0) - 0.5).abs() < 1e-12);
        assert_eq!(texts(&Scale::from_zero([0.9], 1).until(0.9)), ["0", "1"]);
    }

    #[test]
    fn a_log_scale_is_even_in_decades() {
        let scale = Scale::log([0.01, 100.0]);
        assert!((scale.at(1.0) - 0.5).abs() < 1e-12);
        assert!(scale.at(0.0).abs() < 1e-12, "zero stands at the edge, not at minus infinity");
    }

    proptest! {
        #[test]
        fn ticks_are_round_even_and_enclose(low in -1e9_f64..1e9, size in 1e-6_f64..1e6, about in 1_usize..12) {
            let high = low + size.max(low.abs() * 1e-5);
            let scale = Scale::linear([high, low], about);
            let ticks = &scale.ticks;
            let step = ticks[1] - ticks[0];
            let slack = 1e-9 * low.abs().max(high.abs());
            prop_assert!(ticks[0] <= low + slack && ticks[ticks.len() - 1] >= high - slack);
            prop_assert!((2..=about + 2).contains(&ticks.len()), "{ticks:?}");
            for pair in ticks.windows(2) {
                prop_assert!((pair[1] - pair[0] - step).abs() <= step * 1e-3);
            }
            let digits = step / 10_f64.powf((step * 1.001).log10().floor());
            prop_assert!([1.0, 2.0, 5.0].iter().any(|digit| (digits - digit).abs() < 0.01), "{step}");
            prop_assert!((-1e-6..=1.0 + 1e-6).contains(&scale.at(low)) && (-1e-6..=1.0 + 1e-6).contains(&scale.at(high)));
        }

        #[test]
        fn log_ticks_enclose(low in -8_f64..8.0, decades in 0_f64..9.0) {
            let [low, high] = [10_f64.powf(low), 10_f64.powf(low + decades)];
            let ticks = Scale::log([low, high]).ticks;
            prop_assert!(ticks.len() >= 2 && ticks.len() <= 12, "{ticks:?}");
            prop_assert!(ticks.is_sorted_by(|a, b| a < b));
            prop_assert!(ticks[0] <= low * (1.0 + 1e-9) && ticks[ticks.len() - 1] >= high * (1.0 - 1e-9), "{ticks:?}");
        }
    }
}
