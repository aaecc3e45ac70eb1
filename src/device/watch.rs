//! A board that runs its own program, from `main.py` or from before we came: watched without being disturbed.
//!
//! In: a line, or a session at the prompt. Out: what the board prints, until it is at its prompt, goes away, or the
//! time is up. It refuses to know what the program is, and sends nothing but the interrupts that are asked for.

use std::time::Duration;

use super::control::Control;
use super::error::ReplError;
use super::farewell::Farewell;
use super::newlines::Newlines;
use super::raw_repl::{RawRepl, ReplOptions};
use super::transport::{ReadError, Transport};

/// How often the loop looks at the [`Control`].
const GLANCE: Duration = Duration::from_millis(25);
/// A prompt is one when nothing follows it for so long.
const QUIET: Duration = Duration::from_millis(700);
/// A board that says nothing for so long may be at its prompt.
const SILENCE: Duration = Duration::from_secs(2);
const PROMPT: &[u8] = b"\n>>> ";

/// Why watching ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// The board is at its prompt: the program is over.
    Prompt,
    /// The line closed.
    Closed {
        /// What the system said.
        reason: String,
    },
    /// The time is up; the program still runs.
    TimedOut,
    /// The [`Control`] asked for it; the program still runs, or handles the interrupt it got.
    Interrupted,
}

impl RawRepl {
    /// Takes a line without touching the board: what it is doing goes on.
    #[must_use]
    pub fn attach(transport: Box<dyn Transport>, options: ReplOptions) -> Self {
        Self::new(transport, options)
    }

    /// Whether the board is at a prompt, as far as an empty line tells.
    pub fn is_idle(&mut self) -> bool {
        if self.send(b"\r", "looking for the prompt").is_err() {
            return false;
        }
        let deadline = self.deadline(self.options.step);
        self.link.until(b">>> ", deadline).is_ok()
    }

    /// Passes on what the board prints, and sends nothing at all, until `enough` says that it is, the time is up, or
    /// the [`Control`] asks for it; an interrupt is not passed on either.
    ///
    /// # Errors
    /// [`ReplError::Vanished`] when the line closes.
    pub fn overhear(
        &mut self,
        limit: Duration,
        control: &Control,
        enough: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), ReplError> {
        const DOING: &str = "listening to its program";
        let limit = self.deadline(limit);
        let before = control.interrupts();
        loop {
            let fresh = self.link.take();
            if !fresh.is_empty() && enough(&fresh) {
                return Ok(());
            }
            let now = self.link.now();
            if now >= limit || control.interrupts() > before {
                return Ok(());
            }
            if let Err(error @ ReadError::Closed { .. }) = self.link.fill(now + GLANCE) {
                return Err(self.failed(error, DOING, GLANCE));
            }
        }
    }

    /// Lets go of the line without touching the board.
    pub fn let_run(mut self) {
        self.link.close();
    }

    /// Soft-resets the board from its ordinary prompt, so that `boot.py` and then `main.py` run.
    ///
    /// # Errors
    /// [`ReplError`] when the board or the line fails.
    pub fn start_over(&mut self) -> Result<(), ReplError> {
        const DOING: &str = "starting the board's main program";
        self.recover()?;
        self.forget_helpers();
        self.at_prompt = false;
        self.send(b"\r\x02", DOING)?;
        let deadline = self.deadline(self.options.step);
        // A prompt of the user's own does not look like this; it is one all the same.
        let _ = self.link.until(b">>> ", deadline);
        self.link.take();
        self.send(b"\x04", DOING)?;
        let patience = self.options.enter;
        let deadline = self.deadline(patience);
        match self.link.until(b"soft reboot", deadline) {
            Ok(_) => {
                // The rest of the line is the firmware's.
                let deadline = self.deadline(self.options.step);
                let _ = self.link.until(b"\n", deadline);
                Ok(())
            }
            Err(error) => Err(self.failed(error, DOING, patience)),
        }
    }

    /// Passes on what the program prints until it is over; not what the firmware says behind it. The first interrupt goes to the program, the
    /// second one ends the wait. With `knock`, for a board whose prompt may have come while nobody was listening, a
    /// silent board is sent an empty line.
    pub fn watch(
        &mut self,
        limit: Option<Duration>,
        control: &Control,
        mut knock: bool,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Watched {
        let limit = limit.map(|time| self.deadline(time));
        let mut passed = control.interrupts();
        let before = passed;
        let mut tail: Vec<u8> = Vec::new();
        let mut last_heard = self.link.now();
        let (mut newlines, mut farewell) = (Newlines::default(), Farewell::default());
        let ended = loop {
            let fresh = self.link.take();
            if !fresh.is_empty() {
                last_heard = self.link.now();
                tail.extend_from_slice(&fresh);
                let surplus = tail.len().saturating_sub(64);
                tail.drain(..surplus);
                let plain = if self.cooked { newlines.plain(&fresh) } else { fresh };
                sink(&farewell.feed(&plain));
            }
            let now = self.link.now();
            let silence = now.saturating_duration_since(last_heard);
            if tail.ends_with(PROMPT) && silence >= QUIET {
                return Watched::Prompt;
            }
            if silence >= SILENCE && farewell.holds() {
                sink(&farewell.rest());
            }
            if knock && silence >= SILENCE {
                knock = false;
                let _ = self.send(b"\r", "looking for the prompt");
            }
            if limit.is_some_and(|limit| now >= limit) {
                break Watched::TimedOut;
            }
            let asked = control.interrupts();
            if asked > passed {
                passed = asked;
                if asked > before + 1 {
                    break Watched::Interrupted;
                }
                let _ = self.send(b"\x03", "interrupting the program");
            }
            if let Err(ReadError::Closed { reason, .. }) = self.link.fill(now + GLANCE) {
                break Watched::Closed { reason };
            }
        };
        sink(&farewell.feed(newlines.rest()));
        sink(&farewell.rest());
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, Step};
    use super::*;

    fn watched(steps: Vec<Step>, limit: Option<Duration>, control: &Control) -> (Watched, Vec<u8>) {
        let (board, _) = Scripted::new(steps);
        let mut repl = RawRepl::attach(Box::new(board), ReplOptions::default());
        let mut seen = Vec::new();
        let ended = repl.watch(limit, control, false, &mut |bytes| seen.extend_from_slice(bytes));
        (ended, seen)
    }

    #[test]
    fn a_prompt_ends_it_if_nothing_follows() {
        let say = |text: &str| Step::Say(text.as_bytes().to_vec());
        let steps =
            vec![say("a\r\n>>> "), Step::Wait(Duration::from_millis(300)), say("b\r\n>>> ")];
        let (ended, seen) = watched(steps, None, &Control::new());
        assert_eq!((ended, &seen[..]), (Watched::Prompt, &b"a\n>>> b\n"[..]));
    }

    #[test]
    fn newlines_and_the_words_of_the_firmware_may_be_cut_anywhere() {
        let all = "main __main__\r\nMicroPython v1.9.2 on 2017-09-01; sim\r\nType \"help()\" for more information.\r\n>>> ";
        for cut in 1..all.len() {
            let say = |text: &str| Step::Say(text.as_bytes().to_vec());
            let pause = Step::Wait(Duration::from_millis(400));
            let steps = vec![say(&all[..cut]), pause, say(&all[cut..])];
            let (ended, seen) = watched(steps, None, &Control::new());
            let seen = String::from_utf8(seen).expect("text");
            assert_eq!((ended, &*seen), (Watched::Prompt, "main __main__\n"), "cut at {cut}");
        }
    }

    #[test]
    fn the_time_limit_and_a_closed_line_end_it() {
        let limit = Some(Duration::from_secs(5));
        assert_eq!(watched(vec![], limit, &Control::new()).0, Watched::TimedOut);
        let ended = watched(vec![Step::Unplug], limit, &Control::new()).0;
        assert!(matches!(ended, Watched::Closed { .. }), "{ended:?}");
    }
}
