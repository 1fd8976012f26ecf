//! The `gnnrec` command line. It reads arguments, shows progress and tables and chooses the exit code;
//! whatever it is asked to do, the library does.

mod cli;

/// Keeps the tables of a step for the next one, where the system's gives them back and faults them in anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    keep_freed_memory();
    cli::run()
}

/// Milliseconds until freed memory goes back to the system: its place among the options of mimalloc 2, which the bindings
/// leave out.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Freed memory goes back to the system after ten seconds, in which any step ends, and not after ten milliseconds. Without
/// that a quarter of a step of KGIN on Alibaba-iFashion is spent on pages that were given back a moment before.
/// `MIMALLOC_PURGE_DELAY` says otherwise.
fn keep_freed_memory() {
    #[expect(unsafe_code, reason = "the allocator's options are behind its C interface")]
    // SAFETY: the option exists, and setting one is no more than an assignment; no other thread runs yet.
    unsafe {
        libmimalloc_sys::mi_option_set_default(PURGE_DELAY, 10_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Were the options renumbered, this would be another one, with another default.
    #[test]
    fn the_option_is_that_of_the_delay() {
        #[expect(unsafe_code, reason = "the allocator's options are behind its C interface")]
        // SAFETY: the option exists.
        let delay = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), 10, "the default of mimalloc 2, in milliseconds");
        keep_freed_memory();
        assert_eq!(delay(), 10_000);
    }
}
