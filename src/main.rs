//! The command line `mpycov`.

use std::process::ExitCode;

fn main() -> ExitCode {
    mpycov::cli::main()
}
