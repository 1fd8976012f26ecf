//! Work compiled several times, for plain x86-64, AVX2 with FMA, and AVX-512, and chosen when it runs.
//!
//! Nothing in it names a vector: plain loops that are inlined into [`Work::run`] vectorise for whatever
//! the machine has. A closure would not do: it is compiled on its own, for the plainest machine.

use pulp::{Arch, Simd, WithSimd};

/// Work whose loops are to be vectorised.
pub(crate) trait Work {
    /// Does it. To be `#[inline(always)]`, as everything that it calls in its loops.
    fn run(self);
}

/// Does the work with the widest vectors of the machine.
pub(crate) fn dispatch(work: impl Work) {
    Arch::new().dispatch(Dispatched(work));
}

struct Dispatched<W>(W);

impl<W: Work> WithSimd for Dispatched<W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.0.run();
    }
}
