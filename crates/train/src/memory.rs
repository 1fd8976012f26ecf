//! How much memory the process has held, where Linux tells. It decides nothing.

/// Largest resident memory of this process since the last [`reset_peak`], in bytes (`VmHWM` of Linux);
/// `None` where the system does not say.
#[must_use]
pub fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?;
    kib.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Forgets the peak so far, so that the next reading is of what comes after. A system that refuses
/// leaves it as it is, an upper bound.
pub fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_of_what_came_after() {
        let touched = std::hint::black_box(vec![1u8; 256 << 20]);
        let with = peak_bytes().unwrap();
        drop(touched);
        reset_peak();
        let after = peak_bytes().unwrap();
        assert!(with > 256 << 20 && after + (128 << 20) < with, "{with} {after}");
    }
}
