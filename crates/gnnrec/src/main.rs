//! The `gnnrec` command line. It reads arguments, shows progress and tables and chooses the exit code;
//! whatever it is asked to do, the library does.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
