//! What the criterion benches share: how long each may take, and how counts are written in ids.

use std::time::Duration;

use criterion::{Criterion, Throughput};

/// Ten samples in about three seconds, one of warming up; enough to see a tenth.
#[must_use]
pub fn brief() -> Criterion {
    let brief = Criterion::default().sample_size(10);
    brief.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3)).configure_from_args()
}

/// Throughput in edges or rows.
#[must_use]
pub fn elements(count: usize) -> Throughput {
    Throughput::Elements(count as u64)
}

/// A count in millions, as `1.6M`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
pub fn millions(count: usize) -> String {
    format!("{:.1}M", count as f64 / 1e6)
}
