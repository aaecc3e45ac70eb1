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
        self.ask_unquoted(helpers, &|token| briefly_guarded(code, token), doing)
    }

    /// The same for code that checks itself and prints its answer: for data, which quoting would lengthen.
    /// `code` makes the statements for a token.
    pub(crate) fn ask_unquoted(
        &mut self,
        helpers: &[Helper],
        code: &dyn Fn(&str) -> String,
        doing: &'static str,
    ) -> Result<String, ReplError> {
        self.persist(doing, |repl| {
            let result = repl.define(helpers, doing).and_then(|()| repl.ask_once(code, doing));
            match result {
                // The board was reset behind our back and has forgotten the helpers.
                Err(ReplError::Raised { exception, .. }) if forgets(&exception, helpers) => {
                    repl.forget_helpers();
                    let attempts = repl.options.attempts;
                    let seen = exception.into_bytes();
                    Err(ReplError::Damaged { doing, attempts, seen })
                }
                result => result,
            }
        })
    }

    /// Defines functions on the board unless they are there: the one that checks questions first of all.
    fn define(&mut self, helpers: &[Helper], doing: &'static str) -> Result<(), ReplError> {
        // After damage nobody knows what the board still has.
        self.recover()?;
        if self.needs(CHECK.0) {
            self.define_one(CHECK.0, doing, &|token| guarded_question(CHECK.1, token))?;
        }
        for helper in helpers {
            if self.needs(helper.name) {
                self.define_one(helper.name, doing, &|token| briefly_guarded(&helper.code, token))?;
            }
        }
        Ok(())
    }

    fn define_one(
        &mut self,
        name: &str,
        doing: &'static str,
        code: &dyn Fn(&str) -> String,
    ) -> Result<(), ReplError> {
        let result = self.ask_once(code, doing);
        if result.is_err() {
            self.dropped(name);
        }
        result.map(|_| ())
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
        let mut left = self.options.attempts.max(1) - 1;
        loop {
            self.recover().map_err(|error| error.while_doing(doing))?;
            match action(self) {
                Err(error) if left > 0 && error.is_passing() => {
                    left -= 1;
                    self.pace = self.pace.slower();
                    self.calm = 0;
                }
                // What was too much may fit now that the garbage of the first try is gone; a third try is idle.
                Err(ReplError::OutOfMemory { .. }) if left > 0 => left = 0,
                result => {
                    self.speed_up();
                    return result;
                }
            }
            self.repeats += 1;
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
                Err(ReplError::OutOfMemory { doing, traceback: exception.to_owned() })
            }
            Some(("!", exception)) => {
                Err(ReplError::Raised { doing, exception: exception.to_owned() })
            }
            _ => Err(self.unconvincing(reply, doing)),
        }
    }

    /// The error for an answer that cannot be believed.
    fn unconvincing(&mut self, reply: Reply, doing: &'static str) -> ReplError {
        if reply.traceback.contains("NameError") {
            // The check itself may be missing, after a reset behind our back.
            self.forget_helpers();
        }
        if reply.traceback.contains("MemoryError") {
            return ReplError::OutOfMemory { doing, traceback: reply.traceback };
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
        Ok(Reply { lines, traceback: String::from_utf8_lossy(&traceback).into_owned() })
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
    let rest =
        |line: &str| line.trim_end_matches('\r').strip_prefix(start.as_str()).map(str::to_owned);
    text.split('\n').filter_map(rest).collect()
}

/// Defines the function that checks and executes a question `q` of length `n` and sum `s`, and answers for it.
///
/// What is printed depends on what arrived only in ways that make it no answer: whatever the line does to a
/// question, it can make no answer out of one that was not executed, or of an older answer.
const CHECK: (&str, &str) = (
    "_ask",
    "\
def _ask(q,n,s,t):
 global _x
 k='?';x=''
 try:
  if len(q)==n and sum(q)==s:k='!';_x='';exec(q);k='=';x=_x
 except Exception as e:x=repr(e)
 for _ in'ab':print(t,k,x)
",
);

/// `code` behind the check that is defined on the board.
fn briefly_guarded(code: &str, token: &str) -> String {
    let code = code.trim_end().as_bytes();
    let (length, sum) = (code.len(), byte_sum(code));
    format!("_ask({},{length},{sum},'{token}')\n", bytes_literal(code))
}

/// The same for the check itself, which is not there yet.
fn guarded_question(code: &str, token: &str) -> String {
    let code = format!("_k='{token} !'\n{}\n_k='{token} ='", code.trim_end());
    format!(
        "_q={literal}\n_k='{token} ?'\nif len(_q)=={length} and sum(_q)=={sum}:exec(_q)\n\
         for _ in'ab':print(_k,'')\n_q=0\n",
        literal = bytes_literal(code.as_bytes()),
        length = code.len(),
        sum = byte_sum(code.as_bytes()),
    )
}

/// Whether an exception says that one of `helpers` is not defined.
fn forgets(exception: &str, helpers: &[Helper]) -> bool {
    exception.starts_with("NameError")
        && helpers.iter().any(|helper| exception.contains(&format!("'{}'", helper.name)))
}

#[cfg(test)]
mod tests {
    use super::super::raw_repl::{RawPaste, ReplOptions};
    use super::super::scripted::{Scripted, Step, Transcript};
    use super::*;

    const BANNER: &str = "raw REPL; CTRL-B to exit\r\n>";

    /// A session that has been entered, with `steps` to come. Its first question has the token `qt-03`.
    fn session(steps: Vec<Step>) -> (RawRepl, Transcript) {
        let say = |text: &str| Step::Say(text.as_bytes().to_vec());
        let until = |text: &str| Step::ExpectUntil(text.as_bytes().to_vec());
        let mut all = vec![until("\x02"), say("\r\n>>> "), until("\x01"), say(BANNER)];
        all.extend([until("\x04"), say("OKqt-01\r\n\r\n\x04\x04>")]);
        // The first question is preceded by the definition of the check.
        all.extend([until("\x04"), say("OKqt-02 = \r\nqt-02 = \r\n\x04\x04>")]);
        all.extend(steps);
        let (board, transcript) = Scripted::new(all);
        let options = ReplOptions {
            token: Some("t".to_owned()),
            raw_paste: RawPaste::Never,
            ..ReplOptions::default()
        };
        (RawRepl::enter(Box::new(board), options).expect("enters"), transcript)
    }

    fn exchange(answer: &str) -> [Step; 2] {
        [Step::ExpectUntil(b"\x04".to_vec()), Step::Say(answer.as_bytes().to_vec())]
    }

    #[test]
    fn an_answer_that_came_twice_is_believed() {
        let (mut repl, transcript) =
            session(exchange("OKqt-03 = 42\r\nqt-03 = 42\r\n\x04\x04>").to_vec());
        assert_eq!(repl.ask("_x=42", "testing"), Ok("42".to_owned()));
        let sent = String::from_utf8_lossy(&transcript.sent()).into_owned();
        assert!(sent.contains("_ask(b'_x=42',5,378,'qt-03')"), "{sent}");
    }

    #[test]
    fn a_damaged_answer_is_asked_for_again() {
        for damaged in [
            "OKqt-03 = 42\r\nqt-03 = 4\r\n\x04\x04>",
            "OKqt-03 = 42\r\n\x04\x04>",
            "OKqt-03 ? \r\nqt-03 ? \r\n\x04\x04>",
        ] {
            let mut steps = exchange(damaged).to_vec();
            steps.extend(exchange("OKqt-04 = 42\r\nqt-04 = 42\r\n\x04\x04>"));
            let (mut repl, _) = session(steps);
            assert_eq!(repl.ask("_x=42", "testing"), Ok("42".to_owned()), "{damaged:?}");
        }
    }

    #[test]
    fn an_exception_is_told_from_a_damaged_line() {
        let (mut repl, _) = session(
            exchange("OKqt-03 ! OSError(28,)\r\nqt-03 ! OSError(28,)\r\n\x04\x04>").to_vec(),
        );
        assert_eq!(repl.ask("x", "testing").expect_err("raises").os_error(), Some(28));
    }

    #[test]
    fn no_memory_is_said_with_a_remedy() {
        let steps = (0..4).flat_map(|_| exchange("OK\x04MemoryError: \r\n\x04>")).collect();
        let (mut repl, _) = session(steps);
        let error = repl.ask("x", "testing").expect_err("fails").to_string();
        assert!(error.contains("out of memory") && error.contains("--mpy"), "{error}");
    }

    #[test]
    fn a_board_that_never_answers_is_given_up_on() {
        let (mut repl, _) = session(vec![Step::ExpectUntil(b"\x04".to_vec())]);
        assert!(repl.ask("x", "testing").is_err());
    }
}
