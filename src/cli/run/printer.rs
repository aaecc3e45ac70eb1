//! What programs on boards print, on standard output: as it comes, or where there are several boards a line at a time
//! with the name of the board in front.

use std::io::Write;

use super::super::progress;

/// Prints what programs print, whole lines of one board at a time where there are several.
pub(super) struct Printer {
    pub(super) prefix: Option<String>,
    pub(super) line: Vec<u8>,
    /// What one program has printed, for the results of unit tests in it.
    pub(super) heard: Vec<u8>,
}

/// So much of what a program prints is kept to look for results of unit tests.
const KEPT: usize = 8 << 20;

impl Printer {
    /// Prints what came from the board.
    pub(super) fn print(&mut self, bytes: &[u8]) {
        let room = KEPT.saturating_sub(self.heard.len());
        self.heard.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.show(bytes);
    }

    fn show(&mut self, bytes: &[u8]) {
        let Some(prefix) = &self.prefix else {
            return write(bytes);
        };
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            write(&[prefix.as_bytes(), b": ", &line].concat());
        }
    }

    pub(super) fn finish(&mut self) {
        if !self.line.is_empty() {
            self.show(b"\n");
        }
    }
}

fn write(bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    progress::aside(|| {
        // Boards take turns.
        let mut out = std::io::stdout().lock();
        // A reader that is gone ends nothing: the program on the board goes on, and its hits count.
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    });
}
