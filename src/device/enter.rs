//! Getting a board to its raw prompt, whatever it is doing: booting, printing, waiting, half way into a line.
//!
//! In: a session that may be anywhere. Out: one that is at the raw prompt, proven by an answer to a question of
//! ours, or an error that says what was seen. Also the soft reset, after which a board has to be met anew. It
//! refuses to give up early: each round is cheap and boards take seconds to boot.

use std::time::Duration;

use super::error::ReplError;
use super::link::find;
use super::raw_repl::RawRepl;
use super::transport::{ReadError, WRITE_PATIENCE};

/// What a board prints when it enters the raw prompt.
pub(crate) const RAW_BANNER: &[u8] = b"raw REPL; CTRL-B to exit\r\n>";
const FRIENDLY_PROMPT: &[u8] = b">>> ";

const CTRL_A: &[u8] = b"\r\x01";
const CTRL_B: &[u8] = b"\x02";
const CTRL_C: &[u8] = b"\x03";
const CTRL_D: &[u8] = b"\x04";

/// How long a line must be silent to count as quiet. What comes later is old output that a question of ours
/// tells from an answer.
const QUIET: Duration = Duration::from_millis(8);

/// How long a board gets to notice an interrupt before the next one.
const NOTICE: Duration = Duration::from_millis(5);

impl RawRepl {
    /// Interrupts, leaves whatever mode the board is in, enters the raw prompt; again and again for a while.
    pub(crate) fn enter_raw(&mut self) -> Result<(), ReplError> {
        const DOING: &str = "looking for the prompt";
        self.at_prompt = false;
        self.forget_helpers();
        self.link.forget();
        let patience = self.options.enter;
        let deadline = self.deadline(patience);
        let mut seen = Vec::new();
        loop {
            match self.try_to_enter(&mut seen) {
                Ok(true) => {
                    self.at_prompt = true;
                    self.consider_raw_paste(find(&seen, b"MicroPython").is_some(), &seen);
                    return Ok(());
                }
                Err(error @ ReplError::Vanished { .. }) => return Err(error.while_doing(DOING)),
                Ok(false) | Err(_) if self.link.now() >= deadline => {
                    let advice = if self.paste_hung { AFTER_PASTE } else { advice(&seen) };
                    let line = self.description().to_owned();
                    return Err(ReplError::NoPrompt { line, after: patience, seen, advice });
                }
                Ok(false) | Err(_) => {}
            }
        }
    }

    /// One round. `seen` collects what came, for the message.
    fn try_to_enter(&mut self, seen: &mut Vec<u8>) -> Result<bool, ReplError> {
        const DOING: &str = "looking for the prompt";
        self.link.take();
        // The first Ctrl-C stops a program; the second one a handler that caught the first. The pauses keep
        // them apart on boards that notice an interrupt only between two statements.
        self.send(CTRL_C, DOING)?;
        self.link.pause(NOTICE);
        self.send(CTRL_C, DOING)?;
        self.link.pause(NOTICE);
        self.send(CTRL_B, DOING)?;
        let step = self.options.step;
        // The prompt can be anything (`sys.ps1`): go on without having seen it, too.
        self.wait_for(FRIENDLY_PROMPT, step, seen)?;
        let rest = self.link.until_quiet(QUIET, self.link.now() + step);
        seen.extend_from_slice(&rest);
        self.send(CTRL_A, DOING)?;
        if !self.wait_for(RAW_BANNER, step, seen)? {
            return Ok(false);
        }
        if self.answers(DOING)? {
            return Ok(true);
        }
        // A program may have left no memory even for the question: then only a reset makes room.
        let short = find(self.link.recent(), b"MemoryError").is_some();
        if short {
            self.clearings += 1;
            self.send(CTRL_D, DOING)?;
        }
        Ok(short && self.wait_for(RAW_BANNER, step, seen)? && self.answers(DOING)?)
    }

    /// Waits for `pattern`; what comes before it is added to `seen`.
    fn wait_for(
        &mut self,
        pattern: &[u8],
        time: Duration,
        seen: &mut Vec<u8>,
    ) -> Result<bool, ReplError> {
        const DOING: &str = "looking for the prompt";
        let deadline = self.deadline(time);
        match self.link.until(pattern, deadline) {
            Ok(before) => {
                seen.extend_from_slice(&before);
                seen.extend_from_slice(pattern);
                Ok(true)
            }
            Err(ReadError::TimedOut { .. }) => {
                seen.extend(self.link.take());
                Ok(false)
            }
            Err(error) => Err(self.failed(error, DOING, time)),
        }
    }

    /// Whether the board really is at the raw prompt: it has to answer a question. A banner alone can be old.
    fn answers(&mut self, doing: &'static str) -> Result<bool, ReplError> {
        self.link.until_quiet(QUIET, self.deadline(self.options.step));
        let token = self.next_token();
        // In two parts, so that an echo of the question is not an answer.
        let (start, end) = token.split_at(token.len() / 2);
        self.send(format!("print('{start}''{end}\\n')\x04").as_bytes(), doing)?;
        let deadline = self.deadline(self.options.step);
        let found = self.link.until(token.as_bytes(), deadline);
        match found.and_then(|_| self.link.until(b"\x04>", deadline)) {
            Ok(after) => {
                // Two newlines, so that a lost byte does not make one kind out of the other.
                match after.as_slice() {
                    b"\r\n\r\n\x04" => self.cooked = true,
                    b"\n\n\x04" => self.cooked = false,
                    _ => {}
                }
                Ok(true)
            }
            Err(ReadError::TimedOut { .. }) => Ok(false),
            Err(error) => Err(self.failed(error, doing, self.options.step)),
        }
    }

    /// Brings a board that did not answer, or answered nonsense, back to the prompt.
    pub(crate) fn recover(&mut self) -> Result<(), ReplError> {
        if self.at_prompt {
            return Ok(());
        }
        const DOING: &str = "getting the prompt back";
        self.send(CTRL_C, DOING)?;
        self.link.until_quiet(QUIET * 5, self.deadline(self.options.step));
        self.send(CTRL_C, DOING)?;
        self.send(CTRL_A, DOING)?;
        let mut seen = Vec::new();
        if self.wait_for(RAW_BANNER, self.options.step, &mut seen)? && self.answers(DOING)? {
            self.at_prompt = true;
            // A banner tells nothing about whether the board was reset meanwhile.
            self.forget_helpers();
            return Ok(());
        }
        self.enter_raw()
    }

    /// Soft-resets the board: memory is cleared, `boot.py` runs, `main.py` does not. Returns what was printed.
    ///
    /// # Errors
    /// [`ReplError::NoPrompt`] when the board does not come back; [`ReplError::Vanished`].
    pub fn soft_reset(&mut self) -> Result<Vec<u8>, ReplError> {
        const DOING: &str = "resetting the board";
        self.recover()?;
        self.forget_helpers();
        self.at_prompt = false;
        self.link.take();
        self.send(CTRL_D, DOING)?;
        let patience = self.options.enter.max(WRITE_PATIENCE);
        let deadline = self.deadline(patience);
        match self.link.until(RAW_BANNER, deadline) {
            Ok(printed) if self.answers(DOING)? => {
                self.at_prompt = true;
                Ok(boot_output(&printed).to_vec())
            }
            Err(error @ ReadError::Closed { .. }) => Err(self.failed(error, DOING, patience)),
            // Some firmware starts at the friendly prompt instead.
            Ok(_) | Err(ReadError::TimedOut { .. }) => self.enter_raw().map(|()| Vec::new()),
        }
    }
}

/// What `boot.py` printed: between the line that announces the reset and the banner.
fn boot_output(printed: &[u8]) -> &[u8] {
    const ANNOUNCED: &[u8] = b"soft reboot\r\n";
    find(printed, ANNOUNCED).map_or(printed, |at| &printed[at + ANNOUNCED.len()..])
}

/// What to do about a board that took code in raw-paste mode and was not heard of again.
const AFTER_PASTE: &str = "The board announced raw-paste mode and then hung: reset it, and leave that mode out (--no-raw-paste)";

/// A guess at why there is no prompt, going by what came.
fn advice(seen: &[u8]) -> &'static str {
    let odd = seen
        .iter()
        .filter(|byte| !matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t' | 0x1b))
        .count();
    if seen.is_empty() {
        "Nothing came at all: is this the right port, does the board run MicroPython, and is it not held in its bootloader?"
    } else if find(seen, b"\x03\x03\x02").is_some() {
        "What is sent comes back: something echoes there, but it is no MicroPython"
    } else if odd * 3 > seen.len() {
        "Most of it is not text: the baud rate is probably wrong (--baud)"
    } else if find(seen, FRIENDLY_PROMPT).is_some() {
        "There is a Python prompt but no raw mode: the unix port, for one, has none; give its path with --micropython"
    } else {
        "A program is running that Ctrl-C does not stop: reset the board, or remove its main.py"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_fits_what_came() {
        assert!(advice(b"").contains("right port"));
        assert!(advice(b"\xf8\x00\x80\xe0a\x06").contains("baud rate"));
        assert!(advice(b"\x03\x03\x02\r\x01").contains("echoes"));
        assert!(advice(b"hello\r\nhello\r\n").contains("Ctrl-C"));
        assert!(advice(b"\r\n>>> ").contains("unix port"));
    }

    #[test]
    fn boot_output_starts_after_the_announcement() {
        assert_eq!(boot_output(b"OK\r\nMPY: soft reboot\r\nhi\r\n"), b"hi\r\n");
        assert_eq!(boot_output(b"OK\r\nsoft reboot\r\n"), b"");
    }
}
