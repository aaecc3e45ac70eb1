//! Other readings of a text that Python's grammar refuses and MicroPython takes.

use ruff_text_size::{TextRange, TextSize};

use crate::model::Span;

/// Brings offsets of the parsed text home to the original one.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    /// Pairs (offset parsed, offset original) from which on both run in step;
    /// empty when they always do.
    steps: Vec<(u32, u32)>,
}

impl Offsets {
    pub(super) fn home(&self, position: TextSize) -> u32 {
        let at = position.to_u32();
        let index = self.steps.partition_point(|(parsed, _)| *parsed <= at);
        match index.checked_sub(1).map(|i| self.steps[i]) {
            None => at,
            Some((parsed, original)) => {
                let limit = self.steps.get(index).map_or(u32::MAX, |next| next.1);
                (original + (at - parsed)).min(limit)
            }
        }
    }

    pub(super) fn span(&self, range: TextRange) -> Span {
        Span::new(self.home(range.start()), self.home(range.end()))
    }
}

/// One way to read a text.
pub(super) struct Reading {
    pub(super) text: String,
    pub(super) offsets: Offsets,
}

type Read = fn(&[u8]) -> Option<Reading>;

/// The readings to try, the plain one first (as far as the bytes are UTF-8).
pub(super) fn readings(bytes: &[u8]) -> impl Iterator<Item = Reading> + '_ {
    let plain = std::str::from_utf8(bytes)
        .ok()
        .map(|text| Reading { text: text.to_owned(), offsets: Offsets::default() });
    let others: [Read; 3] = [
        |bytes| Some(Reading { text: letters(bytes), offsets: Offsets::default() }),
        |bytes| std::str::from_utf8(bytes).ok().map(expand_tabs),
        |bytes| Some(expand_tabs(&letters(bytes))),
    ];
    plain.into_iter().chain(others.into_iter().filter_map(move |read| read(bytes)))
}

/// What MicroPython's lexer means by bytes beyond ASCII: letters. A vertical
/// tab is white space to it.
fn letters(bytes: &[u8]) -> String {
    let (marked, bytes) = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    let mut text = String::with_capacity(bytes.len() + 3);
    if marked {
        text.push('\u{feff}');
    }
    text.extend(bytes.iter().map(|byte| match byte {
        0x80.. => '_',
        0x0B => ' ',
        ascii => char::from(*ascii),
    }));
    text
}

/// Leading tabs as spaces up to the next multiple of eight.
fn expand_tabs(text: &str) -> Reading {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut steps = Vec::new();
    let mut original = 0;
    for line in text.split_inclusive(['\n', '\r']) {
        let body = line.trim_start_matches([' ', '\t']);
        let lead = &line[..line.len() - body.len()];
        steps.push((out.len() as u32, original as u32));
        if lead.contains('\t') {
            let mut width = 0;
            for c in lead.chars() {
                width = if c == '\t' { (width / 8 + 1) * 8 } else { width + 1 };
            }
            out.extend(std::iter::repeat_n(' ', width));
            steps.push((out.len() as u32, (original + lead.len()) as u32));
        } else {
            out.push_str(lead);
        }
        out.push_str(body);
        original += line.len();
    }
    Reading { text: out, offsets: Offsets { steps } }
}
