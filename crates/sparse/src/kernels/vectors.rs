//! Plain loops compiled for several instruction sets, one of them chosen at run time. No intrinsics.

use pulp::{Arch, NullaryFnOnce};

/// Runs `work` compiled for the widest vectors that the machine has; a closure needs `#[inline(always)]`.
///
/// A closure that may be called again is called by reference here. Given to `pulp` as it is, it goes through
/// a shim that ignores the attribute, is not inlined and is compiled for the baseline: right, and slow.
#[inline(always)]
pub(super) fn vectorised<R>(work: impl FnMut() -> R) -> R {
    Arch::new().dispatch(ByReference(work))
}

struct ByReference<F>(F);

impl<R, F: FnMut() -> R> NullaryFnOnce for ByReference<F> {
    type Output = R;

    #[inline(always)]
    fn call(mut self) -> R {
        (self.0)()
    }
}
