//! Asking for memory before it is needed. It changes nothing but time.

/// Asks for the cache lines of a block of numbers.
#[inline(always)]
pub(crate) fn prefetch<T>(block: &[T]) {
    prefetch_at(block.as_ptr(), block.len());
}

/// Asks for the cache lines of `len` numbers from an address on, which nobody need own.
#[inline(always)]
pub(crate) fn prefetch_at<T>(start: *const T, len: usize) {
    /// Bytes of a cache line.
    const LINE: usize = 64;
    #[cfg(target_arch = "x86_64")]
    for offset in (0..len * size_of::<T>()).step_by(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        #[expect(unsafe_code, reason = "the hint has no safe form")]
        // SAFETY: a hint neither reads nor writes and faults at no address. Every x86-64 processor has it.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(start.wrapping_byte_add(offset).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, len, LINE);
}
