//! Handing code to the raw prompt: in raw-paste mode where a board has it, else plainly and slowly.
//!
//! In: code, at the prompt. Out: code that has been handed over and started; its output follows on the line.
//! Raw-paste mode has flow control and needs less memory. Some firmware announces it and then hangs, so the
//! first use is a trial with a time limit. This file refuses to know what the code does.

use super::enter::RAW_BANNER;
use super::error::ReplError;
use super::link::find;
use super::raw_repl::{Paste, RawRepl};
use super::transport::ReadError;

const START_PASTE: &[u8] = b"\x05A\x01";
const PASTE_STARTS: &[u8] = b"R\x01";
const PASTE_REFUSED: &[u8] = b"R\x00";
const CREDIT: u8 = 0x01;
const END: u8 = 0x04;

impl RawRepl {
    /// Hands over `code` and starts it. The session has to be at the prompt and is not afterwards.
    pub(crate) fn submit(&mut self, code: &[u8], doing: &'static str) -> Result<(), ReplError> {
        debug_assert!(self.at_prompt, "code is submitted at the prompt only");
        self.check_stop(doing)?;
        self.link.take();
        self.link.forget();
        self.at_prompt = false;
        self.handed_over = false;
        if matches!(self.paste, Paste::Untried | Paste::Works) && self.start_paste(doing)? {
            match self.paste(code, doing) {
                Ok(()) => return Ok(()),
                // A board that took code this way before has a reason of its own.
                Err(error) if self.paste == Paste::Works || !error.is_passing() => {
                    return Err(error);
                }
                Err(error) => {
                    self.paste = Paste::Unusable;
                    self.paste_hung = true;
                    if self.handed_over {
                        // Whether to send it once more is for those to say who know what it does.
                        return Err(error);
                    }
                    self.recover()?;
                    self.at_prompt = false;
                }
            }
        }
        self.write_plainly(code, doing)
    }

    /// Asks for raw-paste mode; false when the board has none.
    fn start_paste(&mut self, doing: &'static str) -> Result<bool, ReplError> {
        self.send(START_PASTE, doing)?;
        let deadline = self.deadline(self.options.step);
        let mut seen = Vec::new();
        loop {
            if let Some(at) = find(&seen, PASTE_STARTS) {
                self.link.put_back(seen.split_off(at + PASTE_STARTS.len()));
                return Ok(true);
            }
            if find(&seen, PASTE_REFUSED).is_some() || find(&seen, RAW_BANNER).is_some() {
                self.paste = Paste::Unusable;
                return Ok(false);
            }
            if let Err(error) = self.link.fill(deadline) {
                if matches!(error, ReadError::Closed { .. }) || self.paste == Paste::Works {
                    return Err(self.failed(error, doing, self.options.step));
                }
                self.paste = Paste::Unusable;
                self.recover()?;
                self.at_prompt = false;
                return Ok(false);
            }
            seen.extend(self.link.take());
        }
    }

    /// Sends `code` within the windows that the board grants.
    fn paste(&mut self, code: &[u8], doing: &'static str) -> Result<(), ReplError> {
        // The first time is a trial; afterwards the board may be busy compiling.
        let patience =
            if self.paste == Paste::Works { self.options.answer } else { self.options.step };
        let deadline = self.deadline(patience);
        let header =
            self.link.exactly(2, deadline).map_err(|error| self.failed(error, doing, patience))?;
        let window = usize::from(u16::from_le_bytes([header[0], header[1]]));
        let mut credit = window;
        let mut rest = code;
        while !rest.is_empty() {
            let mut fresh = self.link.take();
            if credit == 0 && fresh.is_empty() {
                let deadline = self.deadline(patience);
                self.link.fill(deadline).map_err(|error| self.failed(error, doing, patience))?;
                fresh = self.link.take();
            }
            for (at, byte) in fresh.iter().enumerate() {
                match *byte {
                    CREDIT => credit += window,
                    END => {
                        // The board gave up on the code, for a syntax error say. It waits for our end, then
                        // says why.
                        self.link.put_back(fresh[at + 1..].to_vec());
                        return self.hand_over(doing);
                    }
                    _ => {
                        let seen = self.link.recent().to_vec();
                        return Err(ReplError::Damaged { doing, attempts: 1, seen });
                    }
                }
            }
            let (now, later) = rest.split_at(credit.min(rest.len()));
            if !now.is_empty() {
                self.send(now, doing)?;
            }
            credit -= now.len();
            rest = later;
        }
        self.hand_over(doing)?;
        // A last credit may come before the board confirms the end.
        let deadline = self.deadline(patience);
        match self.link.until(&[END], deadline) {
            Ok(_) => {
                self.paste = Paste::Works;
                Ok(())
            }
            Err(error) => Err(self.failed(error, doing, patience)),
        }
    }

    /// Ends the code. From here on the board may have started it, whatever is heard of it.
    fn hand_over(&mut self, doing: &'static str) -> Result<(), ReplError> {
        self.handed_over = true;
        self.send(&[END], doing)
    }

    /// Writes `code` at the session's pace and waits for the board to take it.
    fn write_plainly(&mut self, code: &[u8], doing: &'static str) -> Result<(), ReplError> {
        let pace = self.pace;
        for piece in code.chunks(pace.bytes.max(1)) {
            self.send(piece, doing)?;
            if !pace.pause.is_zero() {
                self.link.pause(pace.pause);
            }
        }
        self.hand_over(doing)?;
        let patience = self.options.step;
        let deadline = self.deadline(patience);
        match self.link.until(b"OK", deadline) {
            Ok(_) => Ok(()),
            // Something came, if not what should: what follows will show what it is worth.
            Err(ReadError::TimedOut { seen }) if !seen.is_empty() => Ok(()),
            Err(error) => Err(self.failed(error, doing, patience)),
        }
    }
}
