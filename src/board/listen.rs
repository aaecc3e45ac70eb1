//! What a program prints, while it prints it: frames are taken out, and micropython-lib's unittest is read.
//!
//! In: bytes in any pieces. Out: the bytes to show, at once; the frames; what the tests said; which test is
//! running. A firmware cannot hand over an exit status, and `unittest.main` never calls `sys.exit`, so what it
//! prints is the only word about failures there is.

use std::collections::BTreeMap;

use super::job::Limit;
use super::start::NO_TIMER;
use crate::wire::frame::{self, Frames};

const FRAME: &[u8] = b"<mpycov:";
/// What they print where tests cannot be told apart.
const NO_TESTS: &[u8] = b"<mpycov-no-tests>";
/// What stands in front of the frames of the test that has just ended.
const TEST: &[u8] = b"<mpycov-test>";
/// A line of tests is not longer; what is, need not be remembered.
const LONGEST: usize = 512;

/// What unittest said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tests {
    /// Tests that ran, in all.
    pub ran: u64,
    /// How often a summary followed: `unittest.main` may be called for each module.
    pub summaries: u32,
    /// The first summary that was not `OK`: its words.
    pub failed: Option<String>,
    /// Whether a summary told of no tests at all.
    pub empty: bool,
}

impl Tests {
    /// Whether the program failed, going by its tests; none is no failure.
    #[must_use]
    pub fn are_bad(&self) -> bool {
        self.failed.is_some() || self.empty
    }
}

/// Listens to one program.
#[derive(Debug, Default)]
pub struct Listener {
    /// The line so far.
    line: Vec<u8>,
    /// How much of it has been shown.
    shown: usize,
    /// Whether `Ran N tests` has come and its summary has not.
    awaiting: bool,
    /// Whether the line is too long to be remembered in whole.
    long: bool,
    frames: Vec<u8>,
    tests: Tests,
    current: Option<String>,
    /// The test that began last.
    last: Option<String>,
    /// The test whose frames are coming.
    framed: Option<String>,
    by_test: BTreeMap<String, Vec<u8>>,
    /// What cannot be had, and was not told yet.
    limits: Vec<Limit>,
}

impl Listener {
    /// Takes what came and gives what is to be shown.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for byte in bytes {
            if self.long {
                out.push(*byte);
            } else {
                self.line.push(*byte);
            }
            if *byte == b'\n' {
                self.end_line(&mut out);
            }
        }
        // What may become a frame is held back until it is none.
        if !self.long && !may_be_frame(&self.line) {
            out.extend_from_slice(&self.line[self.shown..]);
            self.shown = self.line.len();
            self.long = self.line.len() > LONGEST;
        }
        let begun = begun_test(&String::from_utf8_lossy(&self.line));
        self.note_test(begun);
        out
    }

    /// Gives what is still held back, when nothing more will come.
    pub fn finish(&mut self) -> Vec<u8> {
        let rest = self.line.split_off(self.shown.min(self.line.len()));
        if rest.starts_with(FRAME) {
            self.frames.extend_from_slice(&rest);
            return Vec::new();
        }
        rest
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        let shown = std::mem::take(&mut self.shown);
        if std::mem::take(&mut self.long) {
            return;
        }
        if line.starts_with(FRAME) {
            match &self.framed {
                Some(test) => {
                    self.by_test.entry(test.clone()).or_default().extend_from_slice(&line)
                }
                None => self.frames.extend_from_slice(&line),
            }
            if line.starts_with(b"<mpycov:1:end:") {
                self.framed = None;
            }
        } else if line.starts_with(TEST) {
            self.framed = self.last.clone();
        } else if line.starts_with(NO_TIMER.as_bytes()) {
            self.limits.push(Limit::NoTimer);
        } else if line.starts_with(NO_TESTS) {
            self.limits.push(Limit::NoTests);
        } else {
            out.extend_from_slice(&line[shown..]);
        }
        let text = String::from_utf8_lossy(&line);
        self.read_summary(text.trim());
        self.note_test(begun_test(&text));
        if ended_test(text.trim_end()) {
            self.current = None;
        }
    }

    fn read_summary(&mut self, line: &str) {
        if let Some(count) = ran(line) {
            self.awaiting = true;
            self.tests.ran += count;
            self.tests.empty |= count == 0;
        } else if self.awaiting && !line.is_empty() {
            self.awaiting = false;
            self.tests.summaries += 1;
            let failed = line.starts_with("FAILED");
            if failed && self.tests.failed.is_none() {
                self.tests.failed = Some(line.to_owned());
            }
        }
    }

    fn note_test(&mut self, begun: Option<String>) {
        if begun.is_some() {
            self.last.clone_from(&begun);
            self.current = begun;
        }
    }

    /// What the start statements said that cannot be had; each of it once.
    pub fn take_limits(&mut self) -> Vec<Limit> {
        std::mem::take(&mut self.limits)
    }

    /// All lines that are frames, sound or not.
    #[must_use]
    pub fn frames(&self) -> &[u8] {
        &self.frames
    }

    /// The hits of each test.
    #[must_use]
    pub fn by_test(&self) -> BTreeMap<String, Frames> {
        self.by_test.iter().map(|(test, bytes)| (test.clone(), frame::read(bytes))).collect()
    }

    /// What unittest said so far.
    #[must_use]
    pub fn tests(&self) -> &Tests {
        &self.tests
    }

    /// The test that has begun and not ended, if unittest is running one: `module.TestThing.test_a`.
    #[must_use]
    pub fn current_test(&self) -> Option<&str> {
        self.current.as_deref()
    }
}

/// The test that begins on a line: `test_a (module.TestThing) ...`, then what it prints.
fn begun_test(line: &str) -> Option<String> {
    let (name, rest) = line.split_once(" (")?;
    let (suite, _) = rest.split_once(") ...")?;
    (is_name(name) && is_name(suite)).then(|| format!("{suite}.{name}"))
}

/// Whether a line ends with what unittest says when a test is over.
fn ended_test(line: &str) -> bool {
    [" ok", " FAIL", " ERROR"].iter().any(|end| line.ends_with(end)) || line.contains(" skipped:")
}

/// Whether a line begins, or may still begin, as one of ours.
fn may_be_frame(line: &[u8]) -> bool {
    [FRAME, NO_TIMER.as_bytes(), NO_TESTS, TEST].iter().any(|start| {
        let count = line.len().min(start.len());
        count > 0 && line[..count] == start[..count]
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_.-/".contains(c))
}

/// The number in `Ran 3 tests`.
fn ran(line: &str) -> Option<u64> {
    let (count, word) = line.strip_prefix("Ran ")?.split_once(' ')?;
    let words = word == "tests"
        || word == "test"
        || word.starts_with("tests in ")
        || word.starts_with("test in ");
    count.parse().ok().filter(|_| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str, size: usize) -> (String, Listener) {
        let mut listener = Listener::default();
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            out.extend(listener.feed(piece));
        }
        out.extend(listener.finish());
        (String::from_utf8(out).expect("text"), listener)
    }

    #[test]
    fn frames_are_taken_out_and_all_else_is_shown() {
        let text =
            "hi\n<mpycov:1:begin:1:ab>\n<mpy no\n<\nx <mpycov: not at the start\n<mpycov:cut";
        for size in 1..=text.len() {
            let (shown, listener) = heard(text, size);
            assert_eq!(shown, "hi\n<mpy no\n<\nx <mpycov: not at the start\n", "pieces of {size}");
            assert_eq!(listener.frames(), b"<mpycov:1:begin:1:ab>\n<mpycov:cut");
        }
    }

    #[test]
    fn output_is_shown_before_its_line_ends() {
        let mut listener = Listener::default();
        assert_eq!(listener.feed(b"50 %"), b"50 %");
        assert_eq!(listener.feed(b"<"), b"<");
        assert_eq!(listener.feed(b"\n<"), b"\n");
        assert_eq!(listener.feed(b"b"), b"<b");
        let long = vec![b'x'; 3 * LONGEST];
        assert_eq!(listener.feed(&long), long);
        assert_eq!(listener.feed(b"y\nz"), b"y\nz");
    }

    #[test]
    fn unittest_is_read() {
        let rule = "-".repeat(70);
        let case =
            |end: &str| heard(&format!("test_a (m.T) ... ok\n{rule}\nRan 2 tests\n\n{end}\n"), 7).1;
        assert!(!case("OK").tests().are_bad());
        assert!(!case("OK (skipped=1)").tests().are_bad());
        let failed = case("FAILED (failures=1, errors=2)");
        assert_eq!(failed.tests().failed.as_deref(), Some("FAILED (failures=1, errors=2)"));
        assert!(failed.tests().are_bad());
        assert!(heard("Ran 0 tests\n\nOK\n", 5).1.tests().are_bad());
        // The program's own words are not unittest's.
        assert!(
            !heard("FAILED (to find a sensor)\nRan away\nRan 3 tests of speed\n", 5)
                .1
                .tests()
                .are_bad()
        );
    }

    #[test]
    fn the_running_test_is_known() {
        let mut listener = Listener::default();
        listener.feed(b"test_a (suite.TestX) ...");
        assert_eq!(listener.current_test(), Some("suite.TestX.test_a"));
        listener.feed(b" ok\n");
        assert_eq!(listener.current_test(), None);
        listener.feed(b"waiting (a while) ...\n");
        assert_eq!(listener.current_test(), None);
        listener.feed(b"test_a (m.T) ... ok\ntest_b (m.T) ...what it prints\nand more\n");
        assert_eq!(listener.current_test(), Some("m.T.test_b"));
        listener.feed(b" FAIL\n");
        assert_eq!(listener.current_test(), None);
    }
}
