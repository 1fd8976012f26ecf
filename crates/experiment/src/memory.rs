//! How much memory the process has held, model by model, where Linux tells.

/// Forgets the peak so far, so that the next reading is of what came after.
pub(crate) fn reset_peak() {
    // 5 resets the high-water mark; a kernel that refuses leaves it as it is, an upper bound.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most resident memory since the last reset, in bytes; 0 where the system does not tell.
pub(crate) fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_is_of_what_came_after() {
        let large = std::hint::black_box(vec![1u8; 256 << 20]);
        let with = peak_bytes();
        drop(large);
        reset_peak();
        assert!(with > 256 << 20 && peak_bytes() + (128 << 20) < with, "{with} {}", peak_bytes());
    }
}
