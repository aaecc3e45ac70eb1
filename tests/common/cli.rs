//! The program under test, and what it kept.

use std::path::Path;
use std::process::Command;

use mpycov::gather::{Gathered, gather};
use mpycov::store::Store;

use super::process::{self, Outcome};
use super::targets;

/// `mpycov` in `dir`, with the unix port of the tests and without settings of whoever runs them.
pub fn mpycov(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mpycov"));
    command.current_dir(dir).env("MICROPY_MICROPYTHON", targets::unix().path);
    for name in ["MPYCOV_DATA_DIR", "MPYCOV_HITS", "MICROPYPATH"] {
        command.env_remove(name);
    }
    for name in
        ["MPYCOV_DEVICE", "PYBOARD_DEVICE", "MPYCOV_BAUD", "PYBOARD_BAUDRATE", "MICROPY_MPYCROSS"]
    {
        command.env_remove(name);
    }
    for name in ["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

/// Runs `mpycov` with these arguments in `dir`.
pub fn run(dir: &Path, args: &[&str]) -> Outcome {
    run_with(dir, args, b"")
}

/// The same with an input.
pub fn run_with(dir: &Path, args: &[&str], stdin: &[u8]) -> Outcome {
    let mut command = mpycov(dir);
    command.args(args);
    process::run(command, stdin, process::LIMIT)
}

/// Runs `mpycov`, which must succeed and have nothing to complain about; its standard output.
///
/// # Panics
///
/// Where it ends with another status than 0, or writes to standard error.
pub fn output(dir: &Path, args: &[&str]) -> String {
    let outcome = run(dir, args);
    assert_eq!((outcome.status, &*outcome.err()), (Some(0), ""), "{args:?}: {}", outcome.text());
    outcome.out()
}

/// The verdicts of a data directory on files below `cwd`.
pub fn verdicts(data_dir: &Path, cwd: &Path) -> Gathered {
    let store = Store::at(data_dir);
    let loaded = store.load().expect("a data directory");
    let maps = store.maps(loaded.runs.iter().flat_map(|(_, run)| run.digests()));
    gather(&loaded, &maps, cwd, &|_| true)
}
