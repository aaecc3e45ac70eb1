//! A job for a board: what is to be done, what happens meanwhile, and how it ended.

use std::collections::BTreeMap;
use std::time::Duration;

use super::listen::Tests;
use super::modules::Unsourced;
use super::start::Start;
use crate::device::deploy::Event;
use crate::device::error::ReadFileError;
use crate::device::{Blob, DeployError, Layout, OpenError, ReplError, RunEnd};
use crate::wire::frame::Frames;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The line could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Something of the prompt's.
    #[error(transparent)]
    Repl(#[from] ReplError),
    /// Something about files.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// Something about a file of the board's.
    #[error(transparent)]
    Read(#[from] ReadFileError),
}

/// What is to be done on a board.
#[derive(Debug, Clone)]
pub struct Job {
    /// The files, the runtime's excepted.
    pub blobs: Vec<Blob>,
    /// For each file with a source, in any order: its name among the blobs, the name of its source, the lines that
    /// it has more.
    pub origins: Vec<(String, String, Vec<u32>)>,
    /// What to start; `None` for the board's own `boot.py` and `main.py`, which are among the blobs.
    pub start: Option<Start>,
    /// Where files go.
    pub layout: Layout,
    /// Whether they are there already: nothing is sent then, and nothing taken away.
    pub there: bool,
    /// Whether they stay.
    pub keep: bool,
    /// How long the program may run.
    pub timeout: Option<Duration>,
    /// Whether modules without sources are looked for in the end.
    pub look_for_unsourced: bool,
}

/// What cannot be had of a program, as turns out just before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `--autosave` finds no timer.
    NoTimer,
    /// Tests cannot be told apart: there is no unittest, or one that cannot be watched.
    NoTests,
}

/// What happens meanwhile.
#[derive(Debug)]
pub enum Stage<'a> {
    /// Files are placed or taken away.
    Files(Event<'a>),
    /// The program starts.
    Running,
    /// Something that was asked for cannot be had.
    Limited(Limit),
    /// Output of the program.
    Output(&'a [u8]),
    /// The board went away; it is waited for.
    ComingBack,
    /// The program is over, and its hits are taken.
    Collecting,
    /// What was placed is taken away.
    Tidying,
}

/// Who is told what happens.
pub type Show<'a> = dyn FnMut(Stage<'_>) + 'a;

/// How the program ended and what it left.
#[derive(Debug)]
pub struct Ended {
    /// How the program ended; tracebacks are those of the sources.
    pub end: RunEnd,
    /// The hits.
    pub frames: Frames,
    /// Whether some hits came from a file that was saved before the board went away.
    pub saved: bool,
    /// Whether the board came back after it went away.
    pub returned: bool,
    /// What unittest said.
    pub tests: Tests,
    /// The test that was running when the program ended without a word.
    pub during: Option<String>,
    /// The hits of each test, if they were asked for.
    pub by_test: BTreeMap<String, Frames>,
    /// Modules without sources that the program imported, if they were looked for and the firmware can tell.
    pub unsourced: Vec<Unsourced>,
    /// Whether the firmware let the guard watch for resets.
    pub guarded: bool,
    /// Why the board could not be tidied up.
    pub untidy: Option<String>,
}
