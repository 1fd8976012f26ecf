//! Numbers for the suites: made, not drawn, so that every machine has the same.

#[expect(clippy::cast_precision_loss, reason = "tests have few numbers")]
/// Numbers in -1 .. 1 that repeat only after a long while.
pub(crate) fn numbers(len: usize, salt: u32) -> Vec<f32> {
    (0..len).map(|n| ((n as f32 + 1.0) * 12.9898 + salt as f32 * 78.233).sin()).collect()
}

pub(crate) fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}
