//! What a running program sends, taken apart: its output, a traceback, the output of the closing statements.
//!
//! In: bytes as they come, in any pieces. Out: output for the caller at once, and how the program ended once
//! that is known. The wrapper around the program (see `run`) marks the parts with lines that start with an
//! unguessable token, so any byte may occur in the output, the prompt's own end mark `\x04` included. It
//! refuses to read from the line, and to decide that a program without an end mark is over.

use super::ended::Section;
use super::link::find;
use super::newlines::Newlines;

/// The most that is held back because it may turn out to be the prompt's own ending.
const LONGEST_ENDING: usize = 8192;

/// A marker line of the wrapper that is longer than this is none.
const LONGEST_MARK: usize = 4096;

/// Where in the conversation the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The wrapper has not started: what comes is the prompt's confirmation, or a refusal.
    Before,
    Program,
    Traceback,
    Closing,
    /// All marks have come; the prompt is next.
    Tail,
}

/// How the wrapper says that the program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    Finished,
    Raised,
    /// `repr` of the exception's arguments; empty when the board had no memory left to make it.
    SystemExit(String),
}

/// What has become clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// The wrapper has not begun.
    NotStarted,
    /// The board refused the code: what it said, or nothing when the code arrived damaged.
    Refused(String),
    Running,
    /// Everything has come, and the prompt too. What the prompt says after it: usually nothing.
    Over(String),
    /// Marks came that do not fit together.
    Damaged,
}

pub(crate) struct Output {
    token: Vec<u8>,
    /// Whether the board prints `\r\n` for a newline and the caller wants `\n`.
    plain_newlines: bool,
    state: State,
    held: Vec<u8>,
    newlines: Newlines,
    damaged: bool,
    refused: Option<String>,
    over: Option<String>,
    pub(crate) mark: Option<Mark>,
    pub(crate) traceback: Vec<u8>,
}

type Sink<'a> = dyn FnMut(Section, &[u8]) + 'a;

impl Output {
    pub(crate) fn new(token: &str, plain_newlines: bool) -> Self {
        Self {
            token: format!("{token} ").into_bytes(),
            plain_newlines,
            state: State::Before,
            held: Vec::new(),
            newlines: Newlines::default(),
            damaged: false,
            refused: None,
            over: None,
            mark: None,
            traceback: Vec::new(),
        }
    }

    pub(crate) fn status(&self) -> Status {
        match (&self.over, &self.refused, self.state) {
            _ if self.damaged => Status::Damaged,
            (Some(said), ..) => Status::Over(said.clone()),
            (None, Some(said), _) => Status::Refused(said.clone()),
            (None, None, State::Before) => Status::NotStarted,
            _ => Status::Running,
        }
    }

    /// Whether the closing statements have run to their end.
    pub(crate) fn closed(&self) -> bool {
        self.state == State::Tail
    }

    /// Takes bytes from the board.
    pub(crate) fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_>) {
        self.held.extend_from_slice(bytes);
        while self.step(sink) {}
    }

    /// Nothing came for a while: what is held back only because of a `\x04` is output after all.
    pub(crate) fn release(&mut self, sink: &mut Sink<'_>) {
        if matches!(self.state, State::Program | State::Traceback | State::Closing)
            && find(&self.held, &self.token).is_none()
            && ending(&self.held) != Ending::Complete
        {
            let keep = partial_suffix(&self.held, &self.token);
            let count = self.held.len() - keep;
            self.deliver(count, sink);
        }
    }

    /// Takes one thing off `held`; false when more bytes are needed first.
    fn step(&mut self, sink: &mut Sink<'_>) -> bool {
        if self.state == State::Tail {
            let typed = || self.held.ends_with(b">>> ").then(String::new);
            self.over = self.over.take().or_else(|| prompt_words(&self.held)).or_else(typed);
            return false;
        }
        if let Some(at) = find(&self.held, &self.token) {
            self.deliver(at, sink);
            let Some(length) = self.held.iter().position(|byte| *byte == b'\n') else {
                self.damaged |= self.held.len() > LONGEST_MARK;
                return false;
            };
            let line: Vec<u8> = self.held.drain(..=length).collect();
            let line = String::from_utf8_lossy(&line[self.token.len()..]).into_owned();
            self.take_mark(line.trim_end_matches(['\r', '\n']), sink);
            return !self.damaged;
        }
        if self.state == State::Before {
            self.refused = self.refused.take().or_else(|| prompt_words(&self.held));
            return false;
        }
        let hold =
            hold_from(&self.held).min(self.held.len() - partial_suffix(&self.held, &self.token));
        self.deliver(hold, sink);
        false
    }

    fn take_mark(&mut self, line: &str, sink: &mut Sink<'_>) {
        match (self.state, line) {
            (State::Before, "<<") => self.state = State::Program,
            (State::Before, "??") => self.refused = Some(String::new()),
            (State::Program, "!!") => {
                self.flush_carriage(sink);
                self.state = State::Traceback;
            }
            (State::Closing, "..") => {
                self.flush_carriage(sink);
                self.state = State::Tail;
            }
            (State::Program | State::Traceback, _) => match end_mark(line) {
                Some(mark) => {
                    self.flush_carriage(sink);
                    self.mark = Some(mark);
                    self.state = State::Closing;
                }
                None => self.damaged = true,
            },
            _ => self.damaged = true,
        }
    }

    /// Passes on the first `count` bytes of what is held.
    fn deliver(&mut self, count: usize, sink: &mut Sink<'_>) {
        if count == 0 {
            return;
        }
        let mut bytes: Vec<u8> = self.held.drain(..count).collect();
        if self.state == State::Before {
            return;
        }
        if self.plain_newlines {
            bytes = self.newlines.plain(&bytes);
        }
        self.hand_over(&bytes, sink);
    }

    fn hand_over(&mut self, bytes: &[u8], sink: &mut Sink<'_>) {
        if bytes.is_empty() {
            return;
        }
        match self.state {
            State::Program => sink(Section::Program, bytes),
            State::Closing => sink(Section::Closing, bytes),
            State::Traceback => self.traceback.extend_from_slice(bytes),
            State::Before | State::Tail => {}
        }
    }

    fn flush_carriage(&mut self, sink: &mut Sink<'_>) {
        let rest = self.newlines.rest();
        self.hand_over(rest, sink);
    }
}

/// `; X X` as a mark; both must agree.
fn end_mark(line: &str) -> Option<Mark> {
    let twice = line.strip_prefix("; ")?;
    let (first, second) = (twice.get(..twice.len() / 2)?, twice.get(twice.len() / 2 + 1..)?);
    if first != second || !twice.is_char_boundary(twice.len() / 2) {
        return None;
    }
    match first.split_at_checked(1)? {
        ("F", "") => Some(Mark::Finished),
        ("R", "") => Some(Mark::Raised),
        ("S", arguments) => Some(Mark::SystemExit(arguments.to_owned())),
        _ => None,
    }
}

/// How many bytes at the end of `bytes` may be the start of `pattern`.
fn partial_suffix(bytes: &[u8], pattern: &[u8]) -> usize {
    let longest = bytes.len().min(pattern.len() - 1);
    (1..=longest).rev().find(|count| bytes.ends_with(&pattern[..*count])).unwrap_or(0)
}

/// What the prompt says between its two end marks, if `bytes` ends with them and the prompt.
pub(crate) fn prompt_words(bytes: &[u8]) -> Option<String> {
    let rest = bytes.strip_suffix(b"\x04>")?;
    let first = rest.iter().rposition(|byte| *byte == 0x04)?;
    Some(String::from_utf8_lossy(&rest[first + 1..]).into_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Not,
    Maybe,
    Complete,
}

/// Whether `bytes`, from its first byte on, is what the prompt sends at the end of a program.
fn ending(bytes: &[u8]) -> Ending {
    let Some((0x04, rest)) = bytes.split_first() else {
        return Ending::Not;
    };
    let Some(second) = rest.iter().position(|byte| *byte == 0x04) else {
        return if rest.len() <= LONGEST_ENDING { Ending::Maybe } else { Ending::Not };
    };
    match &rest[second + 1..] {
        b"" => Ending::Maybe,
        b">" => Ending::Complete,
        _ => Ending::Not,
    }
}

/// From where on `bytes` has to be held back: the first byte from which the rest may be an ending.
fn hold_from(bytes: &[u8]) -> usize {
    let marks = bytes.iter().enumerate().filter(|(_, byte)| **byte == 0x04);
    marks.map(|(at, _)| at).find(|at| ending(&bytes[*at..]) != Ending::Not).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in pieces of `size`; returns program output, closing output and what else became clear.
    fn heard(bytes: &[u8], size: usize) -> (Vec<u8>, Vec<u8>, Output) {
        let mut output = Output::new("T", true);
        let (mut program, mut closing) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(size) {
            output.feed(piece, &mut |section, bytes| match section {
                Section::Program => program.extend_from_slice(bytes),
                Section::Closing => closing.extend_from_slice(bytes),
            });
        }
        (program, closing, output)
    }

    #[test]
    fn parts_are_told_apart_in_pieces_of_any_size() {
        let all = b"OKT <<\r\nhi\r\nno newlineT !!\r\nTraceback\r\nT ; R R\r\nframes\r\nT ..\r\n\x04\x04>";
        for size in 1..=all.len() {
            let (program, closing, output) = heard(all, size);
            assert_eq!(program, b"hi\nno newline", "pieces of {size}");
            assert_eq!(closing, b"frames\n");
            assert_eq!(output.traceback, b"Traceback\n");
            assert_eq!(output.mark, Some(Mark::Raised));
            assert_eq!(output.status(), Status::Over(String::new()));
        }
    }

    #[test]
    fn output_may_contain_anything() {
        let nasty = b"\x04\x04>\x00\xffT \x04 raw REPL; CTRL-B to exit\r\r\n>\x04x\x04>>\r";
        let mut all = b"OKT <<\r\n".to_vec();
        all.extend_from_slice(&nasty[..nasty.len()]);
        all.extend_from_slice(b"T ; F F\r\nT ..\r\n\x04\x04>");
        // A token inside the output is the one thing that is not allowed: take it out of this one.
        let all: Vec<u8> =
            String::from_utf8_lossy(&all).replacen("T \u{4}", "t \u{4}", 1).into_bytes();
        for size in [1, 2, 3, 7, all.len()] {
            let (program, _, output) = heard(&all, size);
            let text = String::from_utf8_lossy(&program).into_owned();
            assert!(
                text.starts_with("\x04\x04>\x00") && text.ends_with("\x04x\x04>>\r"),
                "{text:?}"
            );
            assert!(text.contains("exit\r\n>"), "{text:?}");
            assert_eq!(output.status(), Status::Over(String::new()));
        }
    }

    #[test]
    fn a_possible_ending_is_held_back_until_it_is_quiet() {
        let (program, _, mut output) = heard(b"OKT <<\r\nab\x04cd", 100);
        assert_eq!(program, b"ab");
        let mut late = Vec::new();
        output.release(&mut |_, bytes| late.extend_from_slice(bytes));
        assert_eq!(late, b"\x04cd");
        let (program, _, mut output) = heard(b"OKT <<\r\nab\x04MemoryError\r\n\x04>", 100);
        output.release(&mut |_, _| panic!("an ending is not output"));
        assert_eq!(program, b"ab");
        assert_eq!(output.status(), Status::Running);
    }

    #[test]
    fn a_refusal_is_not_output() {
        let (program, _, output) = heard(b"OK\x04MemoryError: \r\n\x04>", 3);
        assert_eq!(
            (program, output.status()),
            (Vec::new(), Status::Refused("MemoryError: \r\n".to_owned()))
        );
        assert_eq!(heard(b"OKT ??\r\n\x04\x04>", 100).2.status(), Status::Refused(String::new()));
    }

    #[test]
    fn exit_arguments_come_twice() {
        assert_eq!(
            end_mark("; S('a b',) S('a b',)"),
            Some(Mark::SystemExit("('a b',)".to_owned()))
        );
        assert_eq!(end_mark("; S S"), Some(Mark::SystemExit(String::new())));
        for damaged in ["; S(3,) S(2,)", "; F R", "; F", ";F F", "; ", "; é", "; X X"] {
            assert_eq!(end_mark(damaged), None, "{damaged}");
        }
    }

    #[test]
    fn marks_out_of_order_are_damage() {
        assert_eq!(heard(b"OKT ; F F\r\n", 100).2.status(), Status::Damaged);
        assert_eq!(heard(b"OKT <<\r\nT ..\r\n", 100).2.status(), Status::Damaged);
        assert_eq!(heard(b"OKT <<\r\nT ; F f\r\n", 100).2.status(), Status::Damaged);
    }
}
