//! What is submitted to the raw prompt, taken apart: questions, programs, pieces of files.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use mpycov::device::python::parse_bytes;
use regex::{Captures, Regex};

use super::SimBoard;

impl SimBoard {
    /// Runs what was submitted, prints what it prints and the end marks.
    pub(super) fn execute(&mut self, code: &[u8]) {
        let code = String::from_utf8_lossy(code).into_owned();
        let said = if let Some(parts) = matches(r"^print\('([^']*)''([^'\\]*)\\n'\)$", &code) {
            self.print(format!("{}{}\n\n", &parts[1], &parts[2]).as_bytes());
            Ok(())
        } else if let Some(question) = question(&code) {
            self.answer(question)
        } else if let Some((inner, token)) = program(&code) {
            match inner {
                Some(inner) => self.program(&inner),
                None => self.print(format!("{token} ??\n").as_bytes()),
            }
            Ok(())
        } else if let Some(parts) = matches(PIECE, &code) {
            self.piece(&parts)
        } else {
            Err("SyntaxError: invalid syntax".to_owned())
        };
        self.say(b"\x04");
        if let Err(exception) = said {
            self.print(
                format!(
                    "Traceback (most recent call last):\n  File \"<stdin>\", line 1\n{exception}\n"
                )
                .as_bytes(),
            );
        }
        self.say(b"\x04>");
    }

    pub(super) fn answer(&mut self, question: Question) -> Result<(), String> {
        let (inner, token) = match question {
            Question::Check(inner, token) => {
                if inner.is_some() {
                    self.helpers.insert("_ask");
                }
                (inner.map(|_| "_x=''\n".to_owned()), token)
            }
            Question::Other(..) if !self.helpers.contains("_ask") => {
                return Err("NameError: name '_ask' isn't defined".to_owned());
            }
            Question::Other(inner, token) => (inner, token),
        };
        let (mark, answer) = match inner.map(|inner| self.statement(&inner)) {
            None => ("?", String::new()),
            Some(Ok(answer)) => ("=", answer),
            Some(Err(exception)) => ("!", exception),
        };
        self.print(format!("{token} {mark} {answer}\n").repeat(2).as_bytes());
        Ok(())
    }
}

const PIECE: &str = r#"^_w\('([^']*)',(\d+),lambda:(b'(?:[^'\\]|\\.)*'|b\x22(?:[^\x22\\]|\\.)*\x22),(\d+),(\d+)(?:,([01]))?(?:,'([^']*)',(\d+),(\d+))?\)\n$"#;

/// The groups of `pattern` in `text`; a group that took no part is empty.
pub(super) fn matches(pattern: &'static str, text: &str) -> Option<Vec<String>> {
    thread_local! {
        // Making a pattern takes longer than all the rest of a session.
        static MADE: RefCell<BTreeMap<&'static str, Rc<Regex>>> = RefCell::default();
    }
    let make = || Rc::new(Regex::new(pattern).expect("a pattern"));
    let regex = MADE.with_borrow_mut(|made| Rc::clone(made.entry(pattern).or_insert_with(make)));
    let text_of = |found: Captures<'_>| {
        found
            .iter()
            .map(|group| group.map_or(String::new(), |group| group.as_str().to_owned()))
            .collect()
    };
    regex.captures(text).map(text_of)
}

/// What a question of ours is: its statements, if they arrived whole, and its token.
pub(super) enum Question {
    /// The definition of the check, with a check of its own.
    Check(Option<String>, String),
    /// Anything else, checked by the function that is defined then.
    Other(Option<String>, String),
}

pub(super) fn question(code: &str) -> Option<Question> {
    let long = r"(?s)^_q=(b'(?:[^'\\]|\\.)*'|b\x22(?:[^\x22\\]|\\.)*\x22)\n_k='([^']*) \?'\nif len\(_q\)==(\d+) and sum\(_q\)==(\d+):exec\(_q\)\nfor _ in'ab':print\(_k,''\)\n_q=0\n$";
    let short =
        r"(?s)^_ask\((b'(?:[^'\\]|\\.)*'|b\x22(?:[^\x22\\]|\\.)*\x22),(\d+),(\d+),'([^']*)'\)\n$";
    if let Some(parts) = matches(long, code) {
        let inner = whole(&parts[1], &parts[3], &parts[4]);
        let inside =
            matches(r"(?s)^_k='([^']*) !'\n(.*)\n_k='[^']* ='$", inner.as_deref().unwrap_or(""));
        let token = inside.as_ref().map_or(&parts[2], |inside| &inside[1]).clone();
        return Some(Question::Check(inside.map(|inside| inside[2].clone()), token));
    }
    let parts = matches(short, code)?;
    Some(Question::Other(
        whole(&parts[1], &parts[2], &parts[3]).map(|code| format!("{code}\n")),
        parts[4].clone(),
    ))
}

pub(super) fn program(code: &str) -> Option<(Option<String>, String)> {
    let pattern = r"(?s)^_q=(b'(?:[^'\\]|\\.)*'|b\x22(?:[^\x22\\]|\\.)*\x22)\nif len\(_q\)==(\d+) and sum\(_q\)==(\d+):\n exec\(_q\);_q=0\n _m\(\)\nelse:print\('([^']*)','\?\?'\)\n$";
    let parts = matches(pattern, code)?;
    Some((whole(&parts[1], &parts[2], &parts[3]), parts[4].clone()))
}

pub(super) fn whole(literal: &str, length: &str, sum: &str) -> Option<String> {
    let bytes = parse_bytes(literal)?;
    let total: usize = bytes.iter().map(|byte| usize::from(*byte)).sum();
    (bytes.len().to_string() == length && total.to_string() == sum)
        .then(|| String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn names(list: &str) -> Vec<String> {
    list.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}
