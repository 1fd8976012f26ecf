//! What the benches and the comparisons with rivals share: worlds to measure on, training that pauses
//! between rounds, a bare loop to hold it against, and drivers of programs in Python.
//!
//! Nothing here is part of the library, and no number measured here decides anything in it.

pub mod against;
pub mod bare;
pub mod clock;
pub mod comparison;
pub mod driver;
pub mod fixture;
pub mod plot;
pub mod settings;
pub mod training;
pub mod worlds;

/// The allocator of the command line: what is measured is what its users get.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why something could not be measured, in words.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
