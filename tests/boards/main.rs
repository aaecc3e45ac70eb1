//! Programs on boards, from the command line to the report: on the emulated micro:bit, which is as small as boards
//! get, and on the WebAssembly port as a board with all that new firmware has. With `$MPYCOV_TEST_DEVICE` set, what
//! suits any board runs on that one as well.

#[path = "../common/mod.rs"]
mod common;

mod contexts;
mod ends;
mod modules;
mod packages;
mod paste;
mod places;
mod progress;
mod resets;
mod running;
mod runs;
mod settrace;
mod several;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::targets::{self, Board, Microbit, Serial, WasmBoard};
use common::{Outcome, cli, fixture, process, temp_dir};
use tempfile::TempDir;

/// A board that is switched on, and how `-t` names it.
struct Plugged {
    target: String,
    /// The emulated board, which goes with the value.
    board: Option<Board>,
    /// The turn at the board that is at hand: tests run side by side, and there is one of it.
    _turn: Option<MutexGuard<'static, ()>>,
}

/// Whose turn it is.
static AT_HAND: Mutex<()> = Mutex::new(());

fn target_of(board: Board, kind: Serial) -> Plugged {
    let target = match kind {
        Serial::Pty => board.address.clone(),
        Serial::Tcp | Serial::UnixSocket => format!("socket://{}", board.address),
    };
    Plugged { target, board: Some(board), _turn: None }
}

fn microbit(kind: Serial) -> Plugged {
    target_of(Microbit::start(kind), kind)
}

fn wasm(kind: Serial, files: &[(&str, &str)]) -> Plugged {
    target_of(WasmBoard::newest().start(kind, files), kind)
}

/// A small board, a large one, and the one that is at hand.
fn every_board() -> Vec<Plugged> {
    let mut all = vec![microbit(Serial::Tcp), wasm(Serial::Pty, &[])];
    all.extend(targets::board().map(|target| {
        // A test that failed leaves the board to the others.
        let turn = AT_HAND.lock().unwrap_or_else(PoisonError::into_inner);
        Plugged { target, board: None, _turn: Some(turn) }
    }));
    all
}

/// A directory with these files.
fn project(files: &[(&str, &str)]) -> TempDir {
    let dir = temp_dir();
    common::write_files(dir.path(), files);
    dir
}

/// The two modules of fixtures/board.
fn thermo() -> TempDir {
    let dir = temp_dir();
    for name in ["thermo.py", "test_thermo.py"] {
        std::fs::copy(fixture("board").join(name), dir.path().join(name)).expect("a copy");
    }
    dir
}

/// Runs `mpycov` with these words in `dir`.
fn mpycov(dir: &Path, words: &[&str]) -> Outcome {
    let mut command = cli::mpycov(dir);
    command.args(words).env("NO_COLOR", "1");
    process::run(command, b"", process::LIMIT)
}

/// The table of a report, cells one space apart, without rules.
fn table(dir: &Path) -> Vec<String> {
    let outcome = mpycov(dir, &["report", "-m"]);
    assert_eq!((outcome.status, &*outcome.err()), (Some(0), ""), "{}", outcome.text());
    let rows = outcome.out();
    rows.lines()
        .filter(|line| !line.starts_with("---"))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}
