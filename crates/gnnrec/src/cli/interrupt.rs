//! Ctrl-C: the first press asks a run to stop after its step, the second ends the process.

use std::sync::atomic::{AtomicBool, Ordering};

use super::failure::{Failure, INTERRUPTED};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Listens for Ctrl-C (and SIGTERM), once in a process. `say` tells what the first press has done.
pub(crate) fn listen(say: impl Fn(&str) + Send + 'static) -> Result<&'static AtomicBool, Failure> {
    let pressed = move || {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        say("stopping after this step, with a checkpoint; press Ctrl-C again to stop at once");
    };
    ctrlc::set_handler(pressed).map_err(|error| Failure::Other(format!("cannot listen for Ctrl-C: {error}")))?;
    Ok(&REQUESTED)
}
