//! Hits from a board that runs, or ran, a program of its own.
//!
//! In: where the board is. Out: the frames of what is in its memory and in its files. The program is interrupted for
//! that, since a board does one thing at a time; started over afterwards, if it is to go on.

use std::time::Duration;

use super::Failure;
use super::back::{HITS, LONGEST_DUMP, saved_files, sound_lines};
use super::start::{CLOSING, CLOSING_SMALL};
use crate::device::files::read_file;
use crate::device::selector::Address;
use crate::device::{
    Board, Control, Deployment, Layout, Program, RawRepl, ReplError, ReplOptions, RunEnd,
};
use crate::wire::frame::{self, Frames};
use crate::wire::mpy_coverage::{END, START};

/// How often hits are asked for again when the line damages them.
const DUMPS: usize = 3;

/// What a board had.
#[derive(Debug)]
pub struct Collected {
    /// The platform of the board.
    pub platform: String,
    /// The hits.
    pub frames: Frames,
    /// What was in the files that were asked for.
    pub files: Vec<u8>,
    /// Whether a program was running, and was started over.
    pub restarted: bool,
    /// Whether a program was running.
    pub was_busy: bool,
}

/// What a board printed by itself.
#[derive(Debug)]
pub struct Heard {
    /// The hits.
    pub frames: Frames,
    /// What the tracer exported, between its delimiters.
    pub exported: Vec<u8>,
}

/// Takes the hits of a board: those in memory and those that were saved before a reset, or with `files` those in
/// files of the board.
///
/// # Errors
/// [`Failure`] when the line does not open, the board does not stop, or a file is not there.
pub fn collect(
    address: &Address,
    baud: Option<u32>,
    options: ReplOptions,
    control: &Control,
    files: &[String],
    stop: bool,
) -> Result<Collected, Failure> {
    let mut repl = RawRepl::attach(address.open(baud)?, options);
    repl.stop_on(control);
    let was_busy = !repl.is_idle();
    repl.take_over()?;
    let (mut frames, mut found) = (Frames::default(), Vec::new());
    if files.is_empty() {
        frames = in_memory(&mut repl, control)?;
        // On a small board the program may have left no room for questions.
        if let Ok(board) = Board::probe(&mut repl) {
            frames.add(frame::read(&saved(&mut repl, &board)));
        }
    } else {
        let board = Board::probe(&mut repl)?;
        for path in files {
            let bytes = read_file(&mut repl, &board, path)?;
            frames.add(frame::read(&bytes));
            found.extend(bytes);
        }
    }
    let platform = repl
        .ask("import sys\n_x=sys.platform\n", "finding out what the board is")
        .unwrap_or_else(|_| "board".to_owned());
    let restarted = was_busy && !stop;
    if restarted {
        repl.start_over()?;
        repl.let_run();
    } else {
        repl.leave();
    }
    Ok(Collected { platform, frames, files: found, restarted, was_busy })
}

/// Listens to a program that prints its hits itself, with `_mpycov.dump()` or the tracer's `export_json()`, and disturbs
/// nothing: until a dump has come whole, or for so long at most. A dump that had begun before does not count.
///
/// # Errors
/// [`Failure`] when the line does not open, or closes.
pub fn listen(
    address: &Address,
    baud: Option<u32>,
    options: ReplOptions,
    control: &Control,
    limit: Duration,
) -> Result<Heard, Failure> {
    let mut repl = RawRepl::attach(address.open(baud)?, options);
    let mut heard = Vec::new();
    let result = repl.overhear(limit, control, &mut |bytes| {
        heard.extend_from_slice(bytes);
        from_the_beginning(&heard).complete > 0 || !exported(&heard).is_empty()
    });
    repl.let_run();
    result?;
    Ok(Heard { frames: from_the_beginning(&heard), exported: exported(&heard).to_vec() })
}

/// What was exported between delimiters, with those; nothing if that did not come whole.
fn exported(heard: &[u8]) -> &[u8] {
    let find = |bytes: &[u8], text: &str| {
        bytes.windows(text.len()).position(|window| window == text.as_bytes())
    };
    let Some(start) = find(heard, START) else { return &[] };
    let rest = &heard[start..];
    find(rest, END).map_or(&[], |end| &rest[..end + END.len()])
}

/// The frames from the first on that announces a dump.
fn from_the_beginning(heard: &[u8]) -> Frames {
    const BEGIN: &[u8] = b"<mpycov:1:begin:";
    let start = heard.windows(BEGIN.len()).position(|bytes| bytes == BEGIN);
    start.map_or_else(Frames::default, |start| frame::read(&heard[start..]))
}

/// What is in memory; nothing if no instrumented module was imported. Frames first; where the program has left no
/// memory for those, the tables as they are.
fn in_memory(repl: &mut RawRepl, control: &Control) -> Result<Frames, Failure> {
    let tables = format!("import _mpycov\n{CLOSING_SMALL}");
    let mut last = Frames::default();
    for (start, framed) in [(CLOSING, true), (&*tables, false)].repeat(DUMPS) {
        let timeout = Some(LONGEST_DUMP);
        let program = Program { start, timeout, ..Program::default() };
        let mut printed = Vec::new();
        let run =
            match repl.run(&program, control, &mut |_, bytes| printed.extend_from_slice(bytes)) {
                Err(
                    ReplError::OutOfMemory { .. }
                    | ReplError::Damaged { .. }
                    | ReplError::RunLost { .. },
                ) => continue,
                result => result?,
            };
        if framed {
            last = frame::read(&printed);
        } else if let Ok(found) = frame::read_tables(&printed) {
            last = found;
        }
        let whole = last.complete > 0 && last.faults.is_empty();
        // Without the runtime there is nothing to ask again for.
        if whole
            || matches!(&run.end, RunEnd::Raised { traceback } if traceback.contains("ImportError"))
        {
            break;
        }
    }
    Ok(last)
}

/// What was saved before a reset.
fn saved(repl: &mut RawRepl, board: &Board) -> Vec<u8> {
    let mut all = Vec::new();
    for layout in [Layout::Own, Layout::InPlace] {
        let Ok(Some(left)) = Deployment::left_behind(repl, board, layout) else { continue };
        let Some(path) = left.beside(HITS) else { continue };
        for path in saved_files(&path) {
            if let Ok(bytes) = read_file(repl, board, &path) {
                all.extend(sound_lines(&bytes));
            }
        }
    }
    all
}
