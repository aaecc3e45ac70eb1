//! Hits on their way back: printed at the end, printed once more, saved before the board went away; and the board
//! itself, which may have to be waited for.
//!
//! In: a session. Out: frames that are sound. Nothing is believed that was not checked.

use std::time::{Duration, Instant};

use super::job::Failure;
use super::runtime;
use super::session::Session;
use super::start::{CLOSING, CLOSING_SMALL, CLOSING_TRACED};
use crate::device::ended::Closing;
use crate::device::files::{read_file, remove_file};
use crate::device::{Board, Control, Program, RawRepl, ReplError};
use crate::wire::frame::{self, Frames};

/// How often hits are asked for again when the line damages them.
const DUMPS: u32 = 3;
/// How long printing hits may take: some 60 kB of frames on a slow line.
pub(super) const LONGEST_DUMP: Duration = Duration::from_secs(120);
/// How long to wait between two tries to open a line.
const BETWEEN_TRIES: Duration = Duration::from_millis(250);
/// Said of hits that are known to be gone.
const CLEARED: &str = "the board's memory was cleared before they were read";
/// Said of hits that were asked for and of which nothing was heard.
const MISSING: &str = "the board did not print them";
/// The file that the guard saves hits to.
pub(super) const HITS: &str = "_mpycov.hit";

impl Session {
    /// The statements that print the hits.
    pub(super) fn closing(&self) -> &'static str {
        if self.traced {
            CLOSING_TRACED
        } else if runtime::is_small(&self.board) {
            CLOSING_SMALL
        } else {
            CLOSING
        }
    }

    /// What the closing statements printed, if that is whole.
    pub(super) fn understood(&self, printed: &[u8]) -> Result<Frames, Frames> {
        let frames = if self.closing() == CLOSING_SMALL {
            frame::read_tables(printed)
                .unwrap_or_else(|fault| Frames { faults: vec![fault], ..Frames::default() })
        } else {
            frame::read(printed)
        };
        if frames.complete > 0 && frames.faults.is_empty() { Ok(frames) } else { Err(frames) }
    }

    /// The hits, asked for again while they are not all there: they are still in the board's memory, unless that was
    /// cleared since the program ended, when [`RawRepl::clearings`] was `cleared`. What does not come whole in the
    /// end is used as far as it came, with a fault that says so.
    pub(super) fn all_hits(
        &mut self,
        state: Closing,
        printed: &[u8],
        cleared: u32,
    ) -> Result<Frames, Failure> {
        let mut last = self.understood(printed);
        if state != Closing::Complete {
            last = Err(last.unwrap_or_else(|broken| broken));
        }
        let first = if self.traced { "" } else { "import _mpycov\n" };
        let start = format!("{first}{}", self.closing());
        for _ in 0..DUMPS {
            if last.is_ok() {
                break;
            }
            let program =
                Program { start: &start, timeout: Some(LONGEST_DUMP), ..Program::default() };
            let mut again = Vec::new();
            let run = self.repl.run(&program, &Control::new(), &mut |_, bytes| {
                again.extend_from_slice(bytes);
            });
            match run {
                Ok(_) => {
                    let result = self.understood(&again);
                    // A board that was reset meanwhile has nothing to tell, and does not know that it was.
                    let empty = result.as_ref().is_ok_and(|frames| frames.files() == 0);
                    if empty && (self.repl.clearings() > cleared || !printed.is_empty()) {
                        let mut broken = last.unwrap_or_else(|broken| broken);
                        broken.faults.push(CLEARED.to_owned());
                        return Ok(broken);
                    }
                    last = result;
                }
                // What has come so far may be all there is to have. Printing hits may be repeated.
                Err(
                    ReplError::OutOfMemory { .. }
                    | ReplError::Damaged { .. }
                    | ReplError::RunLost { .. },
                ) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(last.unwrap_or_else(|mut broken| {
            if broken.faults.is_empty() {
                broken.faults.push(MISSING.to_owned());
            }
            broken
        }))
    }

    /// Waits for a board that went away, and takes it to its prompt again.
    pub(super) fn come_back(&mut self) -> bool {
        if !self.repl.is_closed() {
            return self.repl.take_over().is_ok();
        }
        self.reopen(true)
    }

    /// Opens the line again.
    pub(super) fn reopen(&mut self, enter: bool) -> bool {
        let Some(patience) = self.line.patience else {
            return false;
        };
        let until = Instant::now() + patience;
        let pressed = self.control.interrupts();
        while Instant::now() < until && self.control.interrupts() == pressed {
            if let Ok(transport) = (self.line.open)() {
                let mut repl = RawRepl::attach(transport, self.repl.options().clone());
                repl.stop_on(&self.control);
                if !enter || repl.take_over().is_ok() {
                    self.repl = repl;
                    return true;
                }
            }
            std::thread::sleep(patience.min(BETWEEN_TRIES));
        }
        false
    }

    /// What the guard saved: the file, and the one beside it that was being written when the board went away.
    pub(super) fn saved_hits(&mut self, path: &str) -> Vec<u8> {
        let mut all = Vec::new();
        for path in saved_files(path) {
            if let Ok(bytes) = read_file(&mut self.repl, &self.board, &path) {
                all.extend_from_slice(&sound_lines(&bytes));
            }
        }
        all
    }

    pub(super) fn remove_hits(&mut self, path: &str) -> Result<(), Failure> {
        for path in saved_files(path) {
            remove_file(&mut self.repl, &self.board, &path)?;
        }
        Ok(())
    }
}

/// The files in which saved hits may be: whole, being written, or from before an earlier reset.
pub(super) fn saved_files(path: &str) -> [String; 3] {
    [path.to_owned(), format!("{path}~"), format!("{path}+")]
}

/// The file that a program in place saves its hits to, on this board.
#[must_use]
pub fn hits_in_place(board: &Board) -> String {
    format!("{}/{HITS}", board.home.trim_end_matches('/'))
}

/// The frames of `bytes` that are sound, without what announces them: a dump that is known to be broken, or to be
/// old, is not held to its announcement.
pub(super) fn sound_lines(bytes: &[u8]) -> Vec<u8> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| frame::is_hits(line)).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adler32(text: &str) -> u32 {
        let (a, b) = text.bytes().fold((1_u32, 0_u32), |(a, b), byte| {
            let a = (a + u32::from(byte)) % 65521;
            (a, (b + a) % 65521)
        });
        b << 16 | a
    }

    /// A saved file with these hits of two files with eight sensors each.
    fn saved(first: &str, second: &str) -> Vec<u8> {
        let bodies = [
            "begin:1".to_owned(),
            format!("0123456789ab:8:0:{first}"),
            format!("ba9876543210:8:0:{second}"),
            "end:2".to_owned(),
        ];
        let lines = bodies.map(|body| {
            let body = format!("mpycov:1:{body}");
            format!("<{body}:{:08x}>\n", adler32(&body))
        });
        lines.concat().into_bytes()
    }

    fn fired(found: &Frames) -> usize {
        found.hits.values().map(|set| set.iter().count()).sum()
    }

    #[test]
    fn a_save_that_was_cut_at_any_byte_costs_nothing_of_the_one_before() {
        let (old, new) = (saved("10", "80"), saved("f0", "8f"));
        assert_eq!((fired(&frame::read(&old)), fired(&frame::read(&new))), (2, 9));
        let mut most = 0;
        for cut in 0..=new.len() {
            // The new file is written aside; the old one is replaced when it is whole.
            let all = [sound_lines(&old), sound_lines(&new[..cut])].concat();
            let found = frame::read(&all);
            assert_eq!(found.faults, Vec::<String>::new(), "cut at {cut}");
            let count = fired(&found);
            assert!(count >= most.max(2), "cut at {cut}: {count} after {most}");
            most = count;
        }
        assert_eq!(most, 9);
    }
}
