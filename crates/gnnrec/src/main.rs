//! The `gnnrec` command line. It reads arguments, shows progress and tables and chooses the exit code;
//! whatever it is asked to do, the library does.

mod cli;

/// Keeps the tables of a step for the next one, where the system's gives them back and faults them in anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
