//! A board in memory: the raw prompt, a file system and just enough of our own Python to answer what the device
//! layer asks. Its clock runs only while somebody waits, so a session takes no time and thousands can be tried.
//!
//! It refuses to understand any other Python: what it does not know is a syntax error, as damaged code mostly is.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "a part of other tests")]

mod pieces;
mod programs;
mod prompt;
mod questions;
mod statements;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mpycov::device::transport::{ReadError, Transport, WriteError};

use prompt::Mode;

/// What a board has besides memory; shared, so that a test can look at it while a session runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flash {
    /// Files by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Directories.
    pub directories: BTreeSet<String>,
    /// How often the program was started.
    pub started: u32,
}

/// What kind of board it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Directories, `os.rename`, raw-paste mode.
    Large,
    /// Flat names, nothing of that.
    Small,
}

/// What the program prints, whatever it is.
pub const OUTPUT: &[u8] = b"hello\n\x00\x04\x04>binary\x04 and more\n";
/// What the program leaves in the hit tables, as a small board prints them.
pub const TABLES: &str = "{'0123456789ab': [bytearray(b'\\x00\\x01\\x01\\x01\\x01'), None]}\n";
/// The same as frames.
pub fn frames(ran: bool) -> String {
    let line = |body: &str| {
        let body = format!("mpycov:1:{body}");
        let (mut a, mut b) = (1_u32, 0_u32);
        for byte in body.bytes() {
            a = (a + u32::from(byte)) % 65521;
            b = (b + a) % 65521;
        }
        format!("<{body}:{b:04x}{a:04x}>\n")
    };
    match ran {
        true => format!("\n{}{}{}", line("begin:1"), line("0123456789ab:5:0:e1"), line("end:1")),
        false => format!("\n{}{}", line("begin:0"), line("end:0")),
    }
}
/// What the closing statements print.
pub const CLOSING: &[u8] = b"frame 1\nframe 2\n";

/// The board.
pub struct SimBoard {
    kind: Kind,
    start: Instant,
    elapsed: Duration,
    mode: Mode,
    line: Vec<u8>,
    out: Vec<u8>,
    helpers: BTreeSet<&'static str>,
    open: Option<(String, Vec<u8>, usize)>,
    pub flash: Arc<Mutex<Flash>>,
    /// Whether it has memory for everything, and modules that can be replaced.
    pub roomy: bool,
    /// After so many pieces of files it makes no sense of them any more, until it is reset.
    pub confused_after: Option<u32>,
    /// Whether its memory has the hits of the program.
    hits: bool,
    /// Where in what it sent the program's and the closing statements' own output is.
    pub output_spans: Arc<Mutex<Vec<(u64, u64)>>>,
    sent: u64,
}

impl SimBoard {
    pub fn new(kind: Kind, flash: Flash) -> Self {
        Self {
            kind,
            start: Instant::now(),
            elapsed: Duration::ZERO,
            mode: Mode::Friendly,
            line: Vec::new(),
            out: Vec::new(),
            helpers: BTreeSet::new(),
            open: None,
            flash: Arc::new(Mutex::new(flash)),
            roomy: false,
            confused_after: None,
            hits: false,
            output_spans: Arc::default(),
            sent: 0,
        }
    }

    /// Pulls the reset line.
    pub fn reset(&mut self) {
        self.forget();
        self.mode = Mode::Friendly;
        self.say(b"\x00\r\nMicroPython v1.9 on 2017-09-01; sim\r\nType \"help()\" for more information.\r\n>>> ");
    }

    fn forget(&mut self) {
        self.helpers.clear();
        self.open = None;
        self.hits = false;
        if self.confused_after == Some(0) {
            self.confused_after = None;
        }
        self.line.clear();
    }

    fn say(&mut self, bytes: &[u8]) {
        self.sent += bytes.len() as u64;
        self.out.extend_from_slice(bytes);
    }

    /// Prints text as boards do: newlines become `\r\n`.
    fn print(&mut self, bytes: &[u8]) {
        let cooked: Vec<u8> = bytes
            .iter()
            .flat_map(|byte| if *byte == b'\n' { vec![b'\r', b'\n'] } else { vec![*byte] })
            .collect();
        self.say(&cooked);
    }
}

impl Transport for SimBoard {
    fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, ReadError> {
        if self.out.is_empty() {
            self.elapsed = self.elapsed.max(deadline.saturating_duration_since(self.start));
            return Err(ReadError::timed_out());
        }
        let count = self.out.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.out[..count]);
        self.out.drain(..count);
        self.elapsed += Duration::from_millis(1);
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        for byte in bytes {
            self.receive(*byte);
        }
        Ok(())
    }

    fn close(&mut self) {}

    fn description(&self) -> &'static str {
        "a simulated board"
    }

    fn now(&self) -> Instant {
        self.start + self.elapsed
    }

    fn pause(&mut self, time: Duration) {
        self.elapsed += time;
    }
}
