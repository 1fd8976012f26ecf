//! How large a table may be on a device, and how a larger one is split.

use std::cell::Cell;

use burn::tensor::Device;

use crate::ModelError;

thread_local! {
    static LARGEST: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Does what it is given as if devices bound no more than `bytes` at once, on this thread: for tests of split tables.
pub fn with_largest_table<T>(bytes: u64, work: impl FnOnce() -> T) -> T {
    struct Before(Option<u64>);
    impl Drop for Before {
        fn drop(&mut self) {
            LARGEST.set(self.0);
        }
    }
    let _before = Before(LARGEST.replace(Some(bytes)));
    work()
}

/// Bytes that the device can bind to a kernel at once; `None` where memory alone is the limit.
fn largest_table(device: &Device) -> Option<u64> {
    LARGEST.get().or_else(|| of_device(device))
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn of_device(device: &Device) -> Option<u64> {
    use burn::backend::DispatchDevice;

    match device.clone().without_autodiff().as_dispatch() {
        DispatchDevice::Cube(cube) => Some(cube.client().properties().memory.max_page_size),
        _ => None,
    }
}

#[cfg(not(any(feature = "wgpu", feature = "cuda")))]
fn of_device(_: &Device) -> Option<u64> {
    None
}

fn bytes(rows: usize, width: usize) -> u64 {
    (rows as u64).saturating_mul(width as u64).saturating_mul(size_of::<f32>() as u64)
}

/// Widths of the panels into which a `rows x dim` table is split on a device, which add up to `dim`: one, where the
/// device can bind it whole. Panels are as wide as each other, in fours, but for the last. A column is never split: where not
/// even one can be bound, the device will say so.
pub(super) fn panel_widths(rows: usize, dim: usize, device: &Device) -> Vec<usize> {
    match largest_table(device) {
        Some(largest) if bytes(rows, dim) > largest => {
            let most = usize::try_from(largest / bytes(rows, 1)).unwrap_or(dim).max(1);
            let even = dim.div_ceil(dim.div_ceil(most));
            // Vectors of four where that still fits.
            let width =
                [even.next_multiple_of(4), most / 4 * 4, most].into_iter().find(|&width| 0 < width && width <= most);
            let width = width.unwrap_or(1);
            (0..dim).step_by(width).map(|start| width.min(dim - start)).collect()
        }
        _ => vec![dim],
    }
}

/// Whether a device can bind a `rows x width` table whole.
pub(crate) fn binds(rows: usize, width: usize, device: &Device) -> bool {
    largest_table(device).is_none_or(|largest| bytes(rows, width) <= largest)
}

/// Refuses a model whose layers compute with whole tables if the widest of them, `rows x width`, cannot be bound.
///
/// # Errors
/// [`ModelError::TooLarge`].
pub fn fits_whole(model: &'static str, rows: usize, width: usize, device: &Device) -> Result<(), ModelError> {
    match largest_table(device) {
        Some(limit) if bytes(rows, width) > limit => Err(ModelError::TooLarge {
            model,
            what: "a table that its layers need whole",
            bytes: bytes(rows, width),
            limit,
            remedy: "make it narrower, train it on the CPU, or choose a model that looks its tables up or propagates them",
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_are_even_and_in_fours() {
        let widths = |rows, dim, bytes| with_largest_table(bytes, || panel_widths(rows, dim, &Device::flex()));
        assert_eq!(widths(100, 64, 100 * 64 * 4), [64]);
        assert_eq!(widths(100, 64, 100 * 64 * 4 - 1), [32, 32]);
        assert_eq!(widths(100, 64, 100 * 25 * 4), [24, 24, 16]);
        assert_eq!(widths(100, 10, 100 * 7 * 4), [4, 4, 2]);
        assert_eq!(widths(100, 10, 100 * 9 * 4), [8, 2]);
        assert_eq!(widths(100, 5, 100 * 3 * 4), [3, 2]);
        assert_eq!(widths(100, 3, 1), [1, 1, 1]);
        assert_eq!(widths(0, 64, 1), [64]);
        assert_eq!(panel_widths(1 << 40, 64, &Device::flex()), [64], "a processor has no such limit");
    }

    #[test]
    fn a_table_that_cannot_be_split_is_refused() {
        let error = with_largest_table(1 << 20, || fits_whole("ngcf", 1 << 20, 64, &Device::flex())).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("ngcf would hold 268435456 bytes") && text.contains("limit of 1048576"), "{text}");
        assert!(fits_whole("ngcf", 1 << 20, 64, &Device::flex()).is_ok());
    }
}
