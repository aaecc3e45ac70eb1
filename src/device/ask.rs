//! Questions of ours to a board, answered whole or not at all.
//!
//! In: a few statements that leave an answer in `_x`. Out: the answer, or the exception they raised. The board
//! executes them only when they arrived whole (length and sum), and says the answer twice, so that a damaged
//! line is noticed on either way; then the question is put again. So questions must be safe to repeat. This
//! file refuses to know what is asked.

use std::time::Duration;

use super::error::ReplError;
use super::python::{byte_sum, bytes_literal};
use super::raw_repl::{Paste, RawRepl};

/// A board that never stops talking must not hold us for ever.
const LONGEST_ANSWER: Duration = Duration::from_secs(120);

/// A function that questions use, defined on the board once after each reset.
#[derive(Debug, Clone)]
pub(crate) struct Helper {
    pub(crate) name: &'static str,
    pub(crate) code: String,
}

/// What came back for one submission.
pub(crate) struct Reply {
    /// The lines that start with the submission's token, without it.
    pub(crate) lines: Vec<String>,
    /// What the board itself said about the code: a traceback, usually nothing.
    pub(crate) traceback: String,
}

impl RawRepl {
    /// Executes `code`, ASCII statements which leave a one-line answer in `_x`, and returns the answer.
    ///
    /// `doing` names the action in messages. The code is executed again when the answer was damaged.
    ///
    /// # Errors
    /// [`ReplError::Raised`] when the code raises; the others when the board or the line fails.
    pub fn ask(&mut self, code: &str, doing: &'static str) -> Result<String, ReplError> {
        self.ask_with(&[], code, doing)
    }

    /// The same, with functions that the code uses.
    pub(crate) fn ask_with(
        &mut self,
        helpers: &[Helper],
        code: &str,
        doing: &'static str,
    ) -> Result<String, ReplError> {
        self.ask_unquoted(helpers, &|token| guarded_question(code, token), doing)
    }

    /// The same for code that checks itself and prints its answer: for data, which quoting would lengthen.
    /// `code` makes the statements for a token.
    pub(crate) fn ask_unquoted(
        &mut self,
        helpers: &[Helper],
        code: &dyn Fn(&str) -> String,
        doing: &'static str,
    ) -> Result<String, ReplError> {
        let mut forgotten = false;
        self.persist(doing, |repl| {
            for helper in helpers {
                if repl.needs(helper.name)
                    && let Err(error) =
                        repl.ask_once(&|token| guarded_question(&helper.code, token), doing)
                {
                    repl.forget_helpers();
                    return Err(error);
                }
            }
            match repl.ask_once(code, doing) {
                // The board was reset behind our back and has forgotten the helpers.
                Err(ReplError::Raised { exception, .. })
                    if !forgotten && !helpers.is_empty() && exception.starts_with("NameError") =>
                {
                    forgotten = true;
                    repl.forget_helpers();
                    let attempts = repl.options.attempts;
                    Err(ReplError::Damaged {
                        doing,
                        attempts,
                        seen: exception.into_bytes(),
                    })
                }
                result => result,
            }
        })
    }

    /// The same for code that also prints lines of data, each behind `mark`: returns the answer and the data.
    pub(crate) fn ask_and_listen(
        &mut self,
        helpers: &[Helper],
        code: &str,
        mark: &str,
        doing: &'static str,
    ) -> Result<(String, Vec<String>), ReplError> {
        let answer = self.ask_with(helpers, code, doing)?;
        Ok((answer, marked_lines(&self.last_output, mark)))
    }

    /// Repeats `action` while it fails in a way that may pass, recovering the prompt before each try.
    pub(crate) fn persist<T>(
        &mut self,
        doing: &'static str,
        mut action: impl FnMut(&mut Self) -> Result<T, ReplError>,
    ) -> Result<T, ReplError> {
        let mut left = self.options.attempts.max(1);
        loop {
            self.recover().map_err(|error| error.while_doing(doing))?;
            left -= 1;
            match action(self) {
                Err(error)
                    if left > 0
                        && (error.is_passing()
                            || matches!(error, ReplError::OutOfMemory { .. })) => {}
                result => return result,
            }
        }
    }

    fn ask_once(
        &mut self,
        code: &dyn Fn(&str) -> String,
        doing: &'static str,
    ) -> Result<String, ReplError> {
        self.recover()?;
        let token = self.next_token();
        let reply = self.converse(&code(&token), &token, doing)?;
        let answer = match reply.lines.as_slice() {
            [first, second] if first == second => first.split_once(' '),
            _ => None,
        };
        match answer {
            Some(("=", answer)) => Ok(answer.to_owned()),
            Some(("!", exception)) if exception.starts_with("MemoryError") => {
                Err(ReplError::OutOfMemory {
                    doing,
                    traceback: exception.to_owned(),
                })
            }
            Some(("!", exception)) => Err(ReplError::Raised {
                doing,
                exception: exception.to_owned(),
            }),
            _ => Err(self.unconvincing(reply, doing)),
        }
    }

    /// The error for an answer that cannot be believed.
    fn unconvincing(&self, reply: Reply, doing: &'static str) -> ReplError {
        if reply.traceback.contains("MemoryError") {
            return ReplError::OutOfMemory {
                doing,
                traceback: reply.traceback,
            };
        }
        ReplError::Damaged {
            doing,
            attempts: self.options.attempts,
            seen: self.link.recent().to_vec(),
        }
    }

    /// Submits `code` and reads everything up to the next prompt.
    pub(crate) fn converse(
        &mut self,
        code: &str,
        token: &str,
        doing: &'static str,
    ) -> Result<Reply, ReplError> {
        self.submit(code.as_bytes(), doing)?;
        let mut output = Vec::new();
        let mut traceback = Vec::new();
        let ended = self
            .read_part(b"\x04", &mut output)
            .and_then(|()| self.read_part(b"\x04>", &mut traceback));
        self.last_output = String::from_utf8_lossy(&output).into_owned();
        let lines = marked_lines(&self.last_output, token);
        match ended {
            Ok(()) => self.at_prompt = true,
            // The answer is there, twice; only the prompt after it is not. That is for the next question.
            Err(_) if lines.len() >= 2 && !self.link.is_closed() => {}
            Err(error) => {
                if self.paste == Paste::Untried {
                    self.paste = Paste::Unusable;
                    self.paste_hung = true;
                }
                let patience = self.options.answer;
                return Err(self.failed(error, doing, patience));
            }
        }
        Ok(Reply {
            lines,
            traceback: String::from_utf8_lossy(&traceback).into_owned(),
        })
    }

    /// Reads up to `end` for as long as something comes.
    fn read_part(
        &mut self,
        end: &[u8],
        into: &mut Vec<u8>,
    ) -> Result<(), super::transport::ReadError> {
        let longest = self.deadline(LONGEST_ANSWER);
        let result = self.link.until_idle(end, self.options.answer, longest);
        match result {
            Ok(bytes) => {
                *into = bytes;
                Ok(())
            }
            Err(error) => {
                *into = self.link.take();
                Err(error)
            }
        }
    }
}

/// The lines of `text` that start with `mark`, without it.
fn marked_lines(text: &str, mark: &str) -> Vec<String> {
    let start = format!("{mark} ");
    let rest = |line: &str| {
        line.trim_end_matches('\r')
            .strip_prefix(start.as_str())
            .map(str::to_owned)
    };
    text.split('\n').filter_map(rest).collect()
}

/// `code` with a check in front and a double answer behind.
///
/// What is printed is set inside of the checked part only, and differs from question to question: whatever the
/// line does to the rest, it can make no answer out of a question that was not executed, or of an older answer.
fn guarded_question(code: &str, token: &str) -> String {
    let code = format!("_k='{token} !'\n_x=''\n{}\n_k='{token} ='", code.trim_end());
    format!(
        "_q={literal}\n_k='{token} ?'\ntry:\n if len(_q)=={length} and sum(_q)=={sum}:exec(_q)\n\
         except Exception as _e:_x=repr(_e)\nfor _ in'ab':print(_k,_x)\n",
        literal = bytes_literal(code.as_bytes()),
        length = code.len(),
        sum = byte_sum(code.as_bytes()),
    )
}

#[cfg(test)]
mod tests {
    use super::super::raw_repl::{RawPaste, ReplOptions};
    use super::super::scripted::{Scripted, Step, Transcript};
    use super::*;

    const BANNER: &str = "raw REPL; CTRL-B to exit\r\n>";

    /// A session that has been entered, with `steps` to come. Its first question has the token `qt2`.
    fn session(steps: Vec<Step>) -> (RawRepl, Transcript) {
        let say = |text: &str| Step::Say(text.as_bytes().to_vec());
        let until = |text: &str| Step::ExpectUntil(text.as_bytes().to_vec());
        let mut all = vec![until("\x02"), say("\r\n>>> "), until("\x01"), say(BANNER)];
        all.extend([until("\x04"), say("OKqt1\r\n\r\n\x04\x04>")]);
        all.extend(steps);
        let (board, transcript) = Scripted::new(all);
        let options = ReplOptions {
            token: Some("t".to_owned()),
            raw_paste: RawPaste::Never,
            ..ReplOptions::default()
        };
        (
            RawRepl::enter(Box::new(board), options).expect("enters"),
            transcript,
        )
    }

    fn exchange(answer: &str) -> [Step; 2] {
        [
            Step::ExpectUntil(b"\x04".to_vec()),
            Step::Say(answer.as_bytes().to_vec()),
        ]
    }

    #[test]
    fn an_answer_that_came_twice_is_believed() {
        let (mut repl, transcript) =
            session(exchange("OKqt2 = 42\r\nqt2 = 42\r\n\x04\x04>").to_vec());
        assert_eq!(repl.ask("_x=42", "testing"), Ok("42".to_owned()));
        let sent = String::from_utf8_lossy(&transcript.sent()).into_owned();
        let (code, length) = (r"_k='qt2 !'\n_x=''\n_x=42\n_k='qt2 ='", 33);
        assert!(
            sent.contains(code) && sent.contains(&format!("len(_q)=={length}")),
            "{sent}"
        );
    }

    #[test]
    fn a_damaged_answer_is_asked_for_again() {
        for damaged in [
            "OKqt2 = 42\r\nqt2 = 4\r\n\x04\x04>",
            "OKqt2 = 42\r\n\x04\x04>",
            "OKqt2 ? \r\nqt2 ? \r\n\x04\x04>",
        ] {
            let mut steps = exchange(damaged).to_vec();
            steps.extend(exchange("OKqt3 = 42\r\nqt3 = 42\r\n\x04\x04>"));
            let (mut repl, _) = session(steps);
            assert_eq!(
                repl.ask("_x=42", "testing"),
                Ok("42".to_owned()),
                "{damaged:?}"
            );
        }
    }

    #[test]
    fn an_exception_is_told_from_a_damaged_line() {
        let (mut repl, _) =
            session(exchange("OKqt2 ! OSError(28,)\r\nqt2 ! OSError(28,)\r\n\x04\x04>").to_vec());
        assert_eq!(
            repl.ask("x", "testing").expect_err("raises").os_error(),
            Some(28)
        );
    }

    #[test]
    fn no_memory_is_said_with_a_remedy() {
        let steps = (0..4)
            .flat_map(|_| exchange("OK\x04MemoryError: \r\n\x04>"))
            .collect();
        let (mut repl, _) = session(steps);
        let error = repl.ask("x", "testing").expect_err("fails").to_string();
        assert!(
            error.contains("out of memory") && error.contains("--mpy"),
            "{error}"
        );
    }

    #[test]
    fn a_board_that_never_answers_is_given_up_on() {
        let (mut repl, _) = session(vec![Step::ExpectUntil(b"\x04".to_vec())]);
        assert!(repl.ask("x", "testing").is_err());
    }
}
