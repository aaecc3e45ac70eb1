//! Which parts of a Python text get which colour.
//!
//! A small tokenizer that takes any text and never fails: what it does not know
//! has no colour. Strings may run over lines, so it reads a whole file.

/// What a part of the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    /// A keyword.
    Keyword,
    /// A string or bytes, with its prefix and quotes.
    Text,
    /// A number.
    Number,
    /// A comment.
    Comment,
    /// The name that a `def` or `class` gives.
    Name,
    /// A decorator.
    Decorator,
}

impl Color {
    /// Class of the element.
    pub(super) fn class(self) -> &'static str {
        match self {
            Color::Keyword => "k",
            Color::Text => "s",
            Color::Number => "m",
            Color::Comment => "o",
            Color::Name => "f",
            Color::Decorator => "d",
        }
    }
}

/// A coloured part: offsets of its first byte and of the one behind its last.
pub(super) type Part = (usize, usize, Color);

const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

/// The coloured parts of a text, in order; none overlaps another.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let bytes = text.as_bytes();
    let mut parts = Vec::new();
    let mut at = 0;
    // Names after `def` and `class`, and `@` at the start of a line, are special.
    let mut naming = false;
    let mut line_start = true;
    while at < bytes.len() {
        let start = at;
        let color = match bytes[at] {
            b'#' => {
                at = find(bytes, at, |b| b == b'\n' || b == b'\r');
                Some(Color::Comment)
            }
            b'"' | b'\'' => {
                at = string_end(bytes, at);
                Some(Color::Text)
            }
            b'0'..=b'9' => {
                at = number_end(bytes, at);
                Some(Color::Number)
            }
            b'@' if line_start => {
                at = find(bytes, at + 1, |b| !is_word(b) && b != b'.');
                Some(Color::Decorator)
            }
            b if is_word(b) => {
                at = find(bytes, at, |b| !is_word(b));
                let word = &text[start..at];
                let quote = bytes.get(at).is_some_and(|b| matches!(b, b'"' | b'\''));
                if quote && is_prefix(word) {
                    at = string_end(bytes, at);
                    Some(Color::Text)
                } else if KEYWORDS.contains(&word) {
                    naming = matches!(word, "def" | "class");
                    line_start = false;
                    parts.push((start, at, Color::Keyword));
                    continue;
                } else {
                    naming.then_some(Color::Name)
                }
            }
            b => {
                at += 1;
                line_start = b == b'\n' || b == b'\r' || (line_start && b.is_ascii_whitespace());
                naming &= b.is_ascii_whitespace() && b != b'\n';
                continue;
            }
        };
        line_start = false;
        naming = false;
        parts.extend(color.map(|color| (start, at, color)));
    }
    parts
}

/// Part of a name? Every byte of a character beyond ASCII is.
fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80
}

fn is_prefix(word: &str) -> bool {
    word.len() <= 2 && word.bytes().all(|b| b"rRbBuUfF".contains(&b))
}

fn find(bytes: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().position(|b| wanted(*b)).map_or(bytes.len(), |n| from + n)
}

/// Behind a number with its dots, exponent and base. `1..x` cannot occur.
fn number_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(b) = bytes.get(at) {
        let exponent = matches!(b, b'e' | b'E') && !bytes[from..at].starts_with(b"0x");
        let signed = bytes.get(at + 1).is_some_and(|next| matches!(next, b'+' | b'-'));
        if b.is_ascii_alphanumeric() || *b == b'.' || *b == b'_' {
            at += if exponent && signed { 2 } else { 1 };
        } else {
            break;
        }
    }
    at.min(bytes.len())
}

/// Behind the string whose first quote is at `from`. One in single quotes that
/// is not closed ends with its line.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let quote = bytes[from];
    let triple = bytes[from..].starts_with(&[quote; 3]);
    let mut at = from + if triple { 3 } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b if b == quote && !triple => return at + 1,
            b if b == quote && bytes[at..].starts_with(&[quote; 3]) => return at + 3,
            b'\n' | b'\r' if !triple => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::{Color, parts};

    fn shown(text: &str) -> Vec<(&str, &'static str)> {
        parts(text).into_iter().map(|(a, b, color)| (&text[a..b], color.class())).collect()
    }

    #[test]
    fn words_have_the_color_of_what_they_are() {
        assert_eq!(
            shown("@native\ndef größe(x): # é\n  return x @ 0x1F + 1.5e-3"),
            [
                ("@native", "d"),
                ("def", "k"),
                ("größe", "f"),
                ("# é", "o"),
                ("return", "k"),
                ("0x1F", "m"),
                ("1.5e-3", "m"),
            ]
        );
    }

    #[test]
    fn strings_end_where_they_end() {
        assert_eq!(
            shown("rb'a\\'#' f\"{x}\" '''1\n\"2''' 'open\nif"),
            [
                ("rb'a\\'#'", "s"),
                ("f\"{x}\"", "s"),
                ("'''1\n\"2'''", "s"),
                ("'open", "s"),
                ("if", "k"),
            ]
        );
    }

    #[test]
    fn any_text_is_taken() {
        for text in ["'", "\"\"\"", "\\", "'\\", "0x", "1e+", "@", "def", "𝄞'é", "#"] {
            for (start, end, _) in parts(text) {
                assert!(start < end && text.get(start..end).is_some(), "{text}");
            }
        }
    }

    #[test]
    fn colors_have_classes_of_their_own() {
        let all = [
            Color::Keyword,
            Color::Text,
            Color::Number,
            Color::Comment,
            Color::Name,
            Color::Decorator,
        ];
        let classes: std::collections::BTreeSet<&str> = all.iter().map(|c| c.class()).collect();
        assert_eq!(classes.len(), all.len());
    }
}
