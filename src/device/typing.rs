//! Typing code at the friendly prompt, in its paste mode, which shows every character that arrives.
//!
//! In: code, at the raw prompt. Out: code that has arrived whole, proven by its echo, and was started. It costs the
//! board nothing but the memory for the text; checking it on the board would take stack that the smallest have not.
//! It refuses to start anything that did not come back as it was sent.

use std::time::Duration;

use super::error::ReplError;
use super::raw_repl::RawRepl;
use super::transport::ReadError;

const CTRL_B: &[u8] = b"\r\x02";
const CTRL_C: &[u8] = b"\x03";
const CTRL_D: &[u8] = b"\x04";
const CTRL_E: &[u8] = b"\x05";
/// What stands in front of each line of a paste.
const LINE: &[u8] = b"=== ";
/// How long a line must be silent to count as quiet.
const QUIET: Duration = Duration::from_millis(100);

impl RawRepl {
    /// Types `code` and starts it. The session has to be at the raw prompt; afterwards the code runs.
    pub(crate) fn type_in(&mut self, code: &str, doing: &'static str) -> Result<(), ReplError> {
        self.check_stop(doing)?;
        self.link.take();
        self.link.forget();
        self.at_prompt = false;
        self.handed_over = false;
        self.send(CTRL_B, doing)?;
        self.hear(b">>> ", doing)?;
        self.send(CTRL_E, doing)?;
        self.hear(LINE, doing)?;
        for line in code.lines() {
            let pace = self.pace;
            for piece in line.as_bytes().chunks(pace.bytes.max(1)) {
                self.send(piece, doing)?;
                self.link.pause(pace.pause);
            }
            self.send(b"\r", doing)?;
            let echo = self.hear(LINE, doing)?;
            // A line that is not shown as it was sent did not arrive as it was sent.
            if echo.trim_ascii_end() != line.trim_end().as_bytes() || !echo.ends_with(b"\n") {
                self.link.put_back(echo);
                return self.give_up_typing(doing);
            }
        }
        self.handed_over = true;
        self.send(CTRL_D, doing)
    }

    fn hear(&mut self, pattern: &[u8], doing: &'static str) -> Result<Vec<u8>, ReplError> {
        let patience = self.options.step;
        let deadline = self.deadline(patience);
        match self.link.until(pattern, deadline) {
            Ok(before) => Ok(before),
            Err(ReadError::TimedOut { .. }) => self.give_up_typing(doing).map(|()| Vec::new()),
            Err(error) => Err(self.failed(error, doing, patience)),
        }
    }

    /// Throws away what was typed. Nothing of it has run, unless the line made an end mark of its own: then what
    /// was seen tells.
    fn give_up_typing(&mut self, doing: &'static str) -> Result<(), ReplError> {
        let mut seen = self.link.take();
        self.send(CTRL_C, doing)?;
        seen.extend(self.link.until_quiet(QUIET, self.deadline(self.options.step)));
        Err(ReplError::Damaged { doing, attempts: self.options.attempts, seen })
    }
}
