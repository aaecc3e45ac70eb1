//! The command line `mpycov`.

use std::process::ExitCode;

/// Syntax trees and plans are many small pieces, which this allocator hands out in a third of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mpycov::cli::main()
}
