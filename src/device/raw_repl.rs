//! The raw prompt of a board: MicroPython's mode for programs instead of people.
//!
//! In: an open line and time bounds. Out: a session at the raw prompt, which the files beside this one use to
//! ask the board things (`ask`), to run a program (`run`), to place files (`deploy`) and read them
//! (`read_file`). Entering is in `enter`, sending code in `submit`. A session refuses to trust the line: every
//! command is checked on the board before it is executed, every answer on the host before it is believed.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use super::control::Control;
use super::error::ReplError;
use super::link::{Link, find};
use super::transport::{ReadError, Transport};

/// How a session treats its line. The defaults suit every board that was met so far.
#[derive(Debug, Clone)]
pub struct ReplOptions {
    /// How long to try for a prompt: boards that boot take seconds.
    pub enter: Duration,
    /// How long to wait for one step of the prompt while entering.
    pub step: Duration,
    /// How long a command of ours may stay silent.
    pub answer: Duration,
    /// How plain code is written at first to a board that has no flow control; slower after losses.
    pub pace: Pace,
    /// When raw-paste mode, which has flow control, is used.
    pub raw_paste: RawPaste,
    /// How often a command is sent again when the line damaged it or its answer.
    pub attempts: u32,
    /// A fixed start for the words that mark our answers; tests need one, nobody else.
    pub token: Option<String>,
}

impl Default for ReplOptions {
    fn default() -> Self {
        Self {
            enter: Duration::from_secs(10),
            // An emulator's pseudo-terminal notices us only once a second.
            step: Duration::from_millis(1300),
            answer: Duration::from_secs(10),
            pace: Pace::default(),
            raw_paste: RawPaste::Auto,
            attempts: 12,
            token: None,
        }
    }
}

/// How fast plain code is written: so many bytes, then a pause.
///
/// Boards without flow control have small input buffers and lose silently what does not fit, most of all while
/// they collect garbage. The default was the fastest of several paces that seldom lose anything on any kind of
/// line to the smallest board; a session becomes slower when its line does lose bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Bytes in one piece.
    pub bytes: usize,
    /// The pause after each piece.
    pub pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { bytes: 16, pause: Duration::from_micros(750) }
    }
}

impl Pace {
    /// A pace to try after bytes were lost: half as fast, and in smaller pieces, down to some 80 bytes a second. On
    /// a busy machine an emulated board gets at once what was sent with pauses: then only small pieces help.
    pub(crate) fn slower(self) -> Self {
        if self.pause.is_zero() {
            return Self::default();
        }
        let slowest = Self::default().pause * 64;
        let bytes =
            if self.pause > Self::default().pause * 4 { self.bytes / 2 } else { self.bytes };
        let bytes = bytes.max(4).min(self.bytes);
        Self { bytes, pause: (self.pause * 2).min(slowest.max(self.pause)) }
    }

    /// Everything at once, for lines that have flow control of their own.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { bytes: usize::MAX, pause: Duration::ZERO }
    }
}

/// After so many commands without damage a session becomes faster again.
const CALM: u32 = 12;

/// When raw-paste mode is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawPaste {
    /// Where a board offers it, unless its firmware is known to hang then.
    Auto,
    /// Wherever a board offers it.
    WhereOffered,
    /// Not at all.
    Never,
}

/// What is known about raw-paste mode on this board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paste {
    /// Not tried, and not to be tried until it is known what firmware this is.
    Unknown,
    Untried,
    Works,
    Unusable,
}

/// A session at the raw prompt of a board.
pub struct RawRepl {
    pub(crate) link: Link,
    pub(crate) options: ReplOptions,
    pub(crate) paste: Paste,
    /// False when the board may be anywhere: not at the raw prompt.
    pub(crate) at_prompt: bool,
    /// Whether the board prints `\r\n` for a newline.
    pub(crate) cooked: bool,
    /// Whether the last code was sent to its end.
    pub(crate) handed_over: bool,
    /// The pace so far: it becomes slower when bytes are lost.
    pub(crate) pace: Pace,
    /// How many commands in a row went well.
    pub(crate) calm: u32,
    /// How often something had to be sent again.
    pub(crate) repeats: u32,
    /// Whether the board announced raw-paste mode and then did not answer.
    pub(crate) paste_hung: bool,
    /// How often memory was cleared to get the prompt.
    pub(crate) clearings: u32,
    /// What the last question made the board print, up to the prompt.
    pub(crate) last_output: String,
    /// What ends questions of ours: a control, and how often it had been pressed when it began to count.
    stop: Option<(Control, u32)>,
    token: String,
    asked: u32,
    /// Counts the times that the board forgot everything.
    generation: u32,
    /// Helper functions that are defined on the board, with the generation they were defined in.
    helpers: Vec<(&'static str, u32)>,
}

impl RawRepl {
    /// Takes a line to the raw prompt, whatever the board is doing.
    ///
    /// What the board was running is interrupted; its memory is left as it is until [`Self::soft_reset`].
    ///
    /// # Errors
    /// [`ReplError::NoPrompt`] with what was seen and a guess at the reason; [`ReplError::Vanished`].
    pub fn enter(transport: Box<dyn Transport>, options: ReplOptions) -> Result<Self, ReplError> {
        let mut repl = Self::new(transport, options);
        repl.enter_raw()?;
        Ok(repl)
    }

    /// A session that has not said anything yet.
    pub(crate) fn new(transport: Box<dyn Transport>, options: ReplOptions) -> Self {
        let token = options.token.clone().unwrap_or_else(fresh_token);
        let paste = match options.raw_paste {
            RawPaste::Never => Paste::Unusable,
            RawPaste::Auto => Paste::Unknown,
            RawPaste::WhereOffered => Paste::Untried,
        };
        Self {
            link: Link::new(transport),
            pace: options.pace,
            options,
            paste,
            at_prompt: false,
            cooked: true,
            handed_over: false,
            calm: 0,
            repeats: 0,
            paste_hung: false,
            clearings: 0,
            last_output: String::new(),
            stop: None,
            token,
            asked: 0,
            generation: 0,
            helpers: Vec::new(),
        }
    }

    /// Takes the board to the raw prompt, whatever it is doing, if it is not there.
    ///
    /// # Errors
    /// As [`Self::enter`].
    pub fn take_over(&mut self) -> Result<(), ReplError> {
        if self.at_prompt { Ok(()) } else { self.enter_raw() }
    }

    /// What the line is called in messages.
    #[must_use]
    pub fn description(&self) -> &str {
        self.link.description()
    }

    /// How often something had to be sent again, because the line had damaged it or its answer.
    #[must_use]
    pub fn repeats(&self) -> u32 {
        self.repeats
    }

    /// How often the board's memory was cleared because a program had left no room in it even for a question.
    #[must_use]
    pub fn clearings(&self) -> u32 {
        self.clearings
    }

    /// The options of this session.
    #[must_use]
    pub fn options(&self) -> &ReplOptions {
        &self.options
    }

    /// From now on an interrupt through `control` ends whatever is asked of the board, at the next step of it.
    /// A program that runs is not meant by this: it gets the interrupt itself.
    pub fn stop_on(&mut self, control: &Control) {
        self.stop = Some((control.clone(), control.interrupts()));
    }

    pub(crate) fn check_stop(&self, doing: &'static str) -> Result<(), ReplError> {
        match &self.stop {
            Some((control, before)) if control.interrupts() > *before => {
                Err(ReplError::Interrupted { doing })
            }
            _ => Ok(()),
        }
    }

    /// Decides about raw-paste mode once it is `known` what firmware this is, by what it says about itself.
    pub(crate) fn consider_raw_paste(&mut self, known: bool, says: &[u8]) {
        // The WebAssembly port announces the mode, then waits for input that can no longer come.
        let hangs =
            [&b"Emscripten"[..], b"webassembly"].iter().any(|name| find(says, name).is_some());
        if self.options.raw_paste == RawPaste::Auto && !self.paste_hung {
            match self.paste {
                _ if hangs => self.paste = Paste::Unusable,
                Paste::Unknown if known => self.paste = Paste::Untried,
                _ => {}
            }
        }
    }

    /// Whether the line is known to be gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.is_closed()
    }

    /// Leaves the board at its ordinary prompt and lets go of the line.
    pub fn leave(mut self) {
        self.let_go();
    }

    fn let_go(&mut self) {
        if !self.link.is_closed() {
            // A board that is left in the raw prompt looks dead to the next terminal.
            let farewell: &[u8] = if self.at_prompt { b"\r\x02" } else { b"\r\x03\x03\x02" };
            let _ = self.link.write(farewell);
            let deadline = self.link.now() + Duration::from_millis(200);
            let _ = self.link.until(b">>> ", deadline);
        }
        self.link.close();
    }

    /// A word that no other answer of this session starts with.
    pub(crate) fn next_token(&mut self) -> String {
        self.asked += 1;
        // Shorter than the one for programs, for it is in every question; but not so short that firmware would
        // keep it for ever, as it does with strings of up to ten characters.
        let start = self.token.len().saturating_sub(8);
        format!("q{}-{:02}", &self.token[start..], self.asked)
    }

    /// A word that a program will not print.
    pub(crate) fn next_mark(&mut self) -> String {
        self.asked += 1;
        format!("mpycov-{}-{}", self.token, self.asked)
    }

    /// Whether `helper` still has to be defined on the board. Says so once after each reset.
    pub(crate) fn needs(&mut self, helper: &'static str) -> bool {
        let wanted = (helper, self.generation);
        if self.helpers.contains(&wanted) {
            return false;
        }
        self.helpers.retain(|(name, _)| *name != helper);
        self.helpers.push(wanted);
        true
    }

    /// A line that was disturbed for a while may be fast again afterwards.
    pub(crate) fn speed_up(&mut self) {
        self.calm += 1;
        if self.calm.is_multiple_of(CALM) && self.pace.pause > self.options.pace.pause {
            self.pace.pause = (self.pace.pause / 2).max(self.options.pace.pause);
            self.pace.bytes = (self.pace.bytes.saturating_mul(2)).min(self.options.pace.bytes);
        }
    }

    /// Notes that a helper function was deleted.
    pub(crate) fn dropped(&mut self, helper: &str) {
        self.helpers.retain(|(name, _)| *name != helper);
    }

    /// Notes that the board may have forgotten what was defined on it.
    pub(crate) fn forget_helpers(&mut self) {
        self.generation += 1;
        self.helpers.clear();
    }

    pub(crate) fn deadline(&self, time: Duration) -> Instant {
        self.link.now() + time
    }

    /// Turns a failed read into this session's error.
    pub(crate) fn failed(
        &mut self,
        error: ReadError,
        doing: &'static str,
        after: Duration,
    ) -> ReplError {
        self.at_prompt = false;
        match error {
            ReadError::TimedOut { seen } => ReplError::NoAnswer { doing, after, seen },
            ReadError::Closed { seen, reason } => ReplError::Vanished { doing, reason, seen },
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8], doing: &'static str) -> Result<(), ReplError> {
        self.link.write(bytes).map_err(|error| {
            self.at_prompt = false;
            ReplError::from_write(error, doing, self.link.recent())
        })
    }
}

impl Drop for RawRepl {
    fn drop(&mut self) {
        if !self.link.is_closed() {
            self.let_go();
        }
    }
}

/// A word that a program's output will not contain by accident: 64 random bits behind a fixed start.
fn fresh_token() -> String {
    // The standard library seeds its hash maps from the system's randomness; no other source is needed.
    let bits = RandomState::new().build_hasher().finish();
    format!("{bits:016x}")
}
