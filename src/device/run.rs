//! Running a program on a board and following it to its end, whatever the end is.
//!
//! In: statements that start the program, statements that close it (they always run), a time limit and a
//! [`Control`]. Out: the program's output while it comes, then how it ended. A wrapper on the board catches what
//! the program throws, `SystemExit` included, because that would reset most boards and lose what is in memory.
//! This file refuses to know what the closing statements print.

use std::time::Duration;

use super::control::Control;
use super::ended::{Closing, Run, RunEnd, Section, exit_of, is_exception, without_wrapper};
use super::enter::RAW_BANNER;
use super::error::ReplError;
use super::link::find;
use super::output::{Mark, Output, Status, prompt_words};
use super::raw_repl::RawRepl;
use super::stop::Stop;
use super::transport::ReadError;
use super::wrapper;

const DOING: &str = "running the program";

/// How often the loop looks at the [`Control`].
const GLANCE: Duration = Duration::from_millis(25);
/// After this much silence a `\x04` in the output is output.
const QUIET: Duration = Duration::from_millis(300);
/// After this much silence behind something that looks like a prompt, the board is asked whether it is one.
const SUSPICION: Duration = Duration::from_secs(1);

/// After this much silence of the closing statements the board is taken to have hung, or their end to be lost.
const LONGEST_CLOSING_SILENCE: Duration = Duration::from_secs(30);

/// What to run.
#[derive(Debug, Clone)]
pub struct Program<'a> {
    /// Statements that start the program, one a line, ASCII, without literals of several lines. They run in
    /// `__main__`, where the wrapper's own names start with an underscore.
    pub start: &'a str,
    /// Statements of the same kind that run afterwards, however the program ended.
    pub closing: &'a str,
    /// How long the program may run.
    pub timeout: Option<Duration>,
    /// How long the closing statements may take after an interrupt.
    pub grace: Duration,
    /// Whether `\r\n` is left as boards send it; otherwise output is as the program printed it.
    pub newlines_as_sent: bool,
    /// Whether the program is started at the very top of the prompt, for boards whose stack holds only a handful
    /// of calls. It is typed at the friendly prompt then, which shows what arrives.
    pub top_level: bool,
}

impl Default for Program<'_> {
    fn default() -> Self {
        Self {
            start: "",
            closing: "",
            timeout: None,
            grace: Duration::from_secs(5),
            newlines_as_sent: false,
            top_level: false,
        }
    }
}

impl RawRepl {
    /// Runs a program and follows it to its end; `sink` gets output as it comes.
    ///
    /// # Errors
    /// [`ReplError`] when the program could not be started, or when its end came through damaged. How the program
    /// itself ended, board gone included, is no error but a [`RunEnd`].
    pub fn run(
        &mut self,
        program: &Program<'_>,
        control: &Control,
        sink: &mut dyn FnMut(Section, &[u8]),
    ) -> Result<Run, ReplError> {
        let plain_newlines = self.cooked && !program.newlines_as_sent;
        let mut output = self.persist(DOING, |repl| {
            let token = repl.next_mark();
            let output = Output::new(&token, plain_newlines);
            let submitted = if program.top_level {
                let code = wrapper::at_the_top(program, &token);
                repl.type_in(&code, "starting the program").map_err(|error| begun(error, &token))
            } else {
                let code = wrapper::guarded_program(program, &token);
                repl.submit(code.as_bytes(), "starting the program")
            };
            let submitted = match submitted {
                // A busy board, or a busy machine: it may have started all the same.
                Err(ReplError::NoAnswer { .. }) if repl.handed_over && repl.hears(&token) => Ok(()),
                result => result,
            };
            let started = submitted.and_then(|()| repl.await_start(output, sink));
            match started {
                Err(error @ ReplError::NoAnswer { .. }) if repl.handed_over => {
                    Err(repl.unheard(error, &token))
                }
                result => result,
            }
        })?;
        self.follow(program, control, &mut output, sink)
    }

    /// Whether the program says in the end that it has begun.
    fn hears(&mut self, token: &str) -> bool {
        let deadline = self.deadline(self.options.answer);
        let heard = self.link.until(token.as_bytes(), deadline);
        heard.map(|before| self.link.put_back([&before, token.as_bytes()].concat())).is_ok()
    }

    /// The program was sent and nothing was heard of it. If it runs, it says so when it is interrupted, and must
    /// not be started once more; otherwise its end was lost on the way and it can be sent again.
    fn unheard(&mut self, error: ReplError, token: &str) -> ReplError {
        if self.send(b"\x03", DOING).is_err() {
            return error;
        }
        let deadline = self.deadline(self.options.step);
        let heard = self.link.until_quiet(QUIET, deadline);
        if find(&heard, token.as_bytes()).is_some() {
            return ReplError::RunLost { seen: heard };
        }
        error
    }

    /// Reads until the wrapper says that it has begun.
    fn await_start(
        &mut self,
        mut output: Output,
        sink: &mut dyn FnMut(Section, &[u8]),
    ) -> Result<Output, ReplError> {
        const DOING: &str = "starting the program";
        let patience = self.options.answer;
        let deadline = self.deadline(patience);
        loop {
            output.feed(&self.link.take(), sink);
            match output.status() {
                Status::NotStarted => {}
                Status::Refused(said) => {
                    // The board said so itself and is at its prompt; nothing of the program has run.
                    if said.contains("MemoryError") {
                        return Err(ReplError::OutOfMemory { doing: DOING, traceback: said });
                    }
                    let seen = self.link.recent().to_vec();
                    return Err(ReplError::Damaged {
                        doing: DOING,
                        attempts: self.options.attempts,
                        seen,
                    });
                }
                Status::Damaged => {
                    return Err(ReplError::RunLost { seen: self.link.recent().to_vec() });
                }
                Status::Running | Status::Over(_) => return Ok(output),
            }
            self.link.fill(deadline).map_err(|error| self.failed(error, DOING, patience))?;
        }
    }

    fn follow(
        &mut self,
        program: &Program<'_>,
        control: &Control,
        output: &mut Output,
        sink: &mut dyn FnMut(Section, &[u8]),
    ) -> Result<Run, ReplError> {
        let mut stop = Stop::default();
        let time_limit = program.timeout.map(|time| self.deadline(time));
        let mut last_heard = self.link.now();
        let mut suspected = false;
        loop {
            match output.status() {
                Status::Over(said) => {
                    // After what was typed in, the prompt is the friendly one.
                    self.at_prompt = !program.top_level;
                    return self.conclude(output, &stop, said);
                }
                Status::Damaged => {
                    return Err(ReplError::RunLost { seen: self.link.recent().to_vec() });
                }
                _ => {}
            }
            let now = self.link.now();
            if let Some(pressed) = stop.due(control, time_limit, now, program.grace) {
                if !pressed {
                    return Ok(stop.given_up());
                }
                // A line that is gone shows in the next read, with its reason.
                let _ = self.send(b"\x03", DOING);
            }
            let input = control.take_input();
            if !input.is_empty() {
                let _ = self.send(&input, DOING);
            }
            match self.link.fill(now + GLANCE) {
                Ok(()) => {
                    last_heard = self.link.now();
                    suspected = false;
                    output.feed(&self.link.take(), sink);
                }
                Err(ReadError::TimedOut { .. }) => {
                    let silence = self.link.now().saturating_duration_since(last_heard);
                    if silence >= QUIET {
                        output.release(sink);
                    }
                    // A program may be silent for as long as it likes; statements of ours are not.
                    if silence >= LONGEST_CLOSING_SILENCE
                        && let Some(mark) = &output.mark
                    {
                        self.at_prompt = false;
                        let closing =
                            if output.closed() { Closing::Complete } else { Closing::Missing };
                        let end = self.marked_end(mark, output);
                        return Ok(stop.explain(Run { end, closing }));
                    }
                    if silence >= SUSPICION && !suspected && looks_like_prompt(self.link.recent()) {
                        suspected = true;
                        if let Some(run) = self.ended_unmarked(output, sink)? {
                            return Ok(stop.explain(run));
                        }
                        last_heard = self.link.now();
                    }
                }
                Err(ReadError::Closed { reason, seen }) => {
                    output.release(sink);
                    self.at_prompt = false;
                    let closing =
                        if output.closed() { Closing::Complete } else { Closing::Missing };
                    let end = match &output.mark {
                        Some(mark) if output.closed() => self.marked_end(mark, output),
                        _ => RunEnd::Vanished { reason, seen },
                    };
                    return Ok(Run { end, closing });
                }
            }
        }
    }

    /// The board is silent behind something like a prompt: asks whether it is one. Ctrl-A makes either prompt
    /// print the raw banner and does little to a program that is still running.
    fn ended_unmarked(
        &mut self,
        output: &mut Output,
        sink: &mut dyn FnMut(Section, &[u8]),
    ) -> Result<Option<Run>, ReplError> {
        let before = self.link.recent().to_vec();
        if self.send(b"\x01", DOING).is_err() {
            return Ok(None);
        }
        let deadline = self.deadline(self.options.step);
        if self.link.until(RAW_BANNER, deadline).is_err() {
            output.feed(&self.link.take(), sink);
            return Ok(None);
        }
        self.at_prompt = true;
        self.forget_helpers();
        let closing = if output.closed() { Closing::Complete } else { Closing::Missing };
        let end = match (&output.mark, prompt_words(&before)) {
            (Some(mark), words) if output.closed() || words.is_some() => {
                self.marked_end(mark, output)
            }
            (None, Some(words)) if is_exception(&words) => RunEnd::Raised { traceback: words },
            // The program is over, and how it ended got lost on the way.
            (None, Some(_)) => return Err(ReplError::RunLost { seen: before }),
            _ if find(&before, b"soft reboot").is_some() => RunEnd::SoftReset { seen: before },
            _ => RunEnd::Vanished { reason: "the board restarted".to_owned(), seen: before },
        };
        Ok(Some(Run { end, closing }))
    }

    fn conclude(&self, output: &Output, stop: &Stop, said: String) -> Result<Run, ReplError> {
        let Some(mark) = &output.mark else {
            return Err(ReplError::RunLost { seen: self.link.recent().to_vec() });
        };
        let closing = if said.is_empty() { Closing::Complete } else { Closing::Failed(said) };
        Ok(stop.explain(Run { end: self.marked_end(mark, output), closing }))
    }

    fn marked_end(&self, mark: &Mark, output: &Output) -> RunEnd {
        match mark {
            Mark::Finished => RunEnd::Finished,
            Mark::Raised => RunEnd::Raised {
                traceback: without_wrapper(&String::from_utf8_lossy(&output.traceback)),
            },
            Mark::SystemExit(arguments) => exit_of(arguments),
        }
    }
}

/// A program that was not typed in whole and all the same began must not be started once more.
fn begun(error: ReplError, token: &str) -> ReplError {
    match error {
        ReplError::Damaged { seen, .. }
            if find(&seen, format!("{token} <<").as_bytes()).is_some() =>
        {
            ReplError::RunLost { seen }
        }
        other => other,
    }
}

/// Whether the last that came is a prompt: raw, raw after an exception, or friendly.
fn looks_like_prompt(recent: &[u8]) -> bool {
    recent.ends_with(b"\x04>") || recent.ends_with(RAW_BANNER) || recent.ends_with(b"\n>>> ")
}
