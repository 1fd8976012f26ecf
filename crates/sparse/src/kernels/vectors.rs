//! Plain loops compiled several times, for plain x86-64, AVX2 with FMA, and AVX-512, and chosen when they
//! run. Nothing here names an instruction.

use pulp::{Arch, NullaryFnOnce};

/// Runs `work` compiled for the widest vectors that the machine has. To be vectorised, a closure needs
/// `#[inline(always)]`, and so does everything that its loops call.
///
/// A closure that may be called again is called by reference here. Given to `pulp` as it is, it goes through
/// a shim that ignores the attribute, is not inlined and is compiled for the baseline: right, and slow.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnMut() -> R) -> R {
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
