//! What a program prints, without what the firmware says behind it when it is back at its prompt.
//!
//! In: what a board sends while it is watched, in any pieces. Out: what to show, as soon as it is clear that it is
//! none of the firmware's own words, which are a line with its version, one about help, and the prompt. It refuses
//! to decide that the program is over: a program may print the same and go on.

/// How the firmware's first line begins; a program that ends without a newline has it behind its last word.
const BANNER: &[u8] = b"MicroPython v";
const HELP: &[u8] = b"Type \"help()\"";
const PROMPT: &[u8] = b">>> ";
/// The firmware's lines are not longer.
const LONGEST: usize = 256;

/// Holds back what may be the firmware's own.
#[derive(Debug, Default)]
pub(crate) struct Farewell {
    held: Vec<u8>,
    /// Whether what is held begins inside a line.
    inside: bool,
}

impl Farewell {
    /// The next piece, with plain newlines: what of it, and of what was held, is the program's.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let from = (0..self.held.len()).find(|at| self.may_begin(*at)).unwrap_or(self.held.len());
        self.give(from)
    }

    /// What was held, when it has turned out to be the program's.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        self.give(self.held.len())
    }

    /// Whether something is held.
    pub(crate) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    fn give(&mut self, count: usize) -> Vec<u8> {
        if let Some(last) = count.checked_sub(1) {
            self.inside = self.held[last] != b'\n';
        }
        self.held.drain(..count).collect()
    }

    /// Whether all that is held from `at` on may be the firmware's, so far.
    fn may_begin(&self, at: usize) -> bool {
        let rest = &self.held[at..];
        let begins_line = if at == 0 { !self.inside } else { self.held[at - 1] == b'\n' };
        if begins_line && PROMPT.starts_with(rest) {
            return true;
        }
        let mut lines = rest.split_inclusive(|byte| *byte == b'\n').peekable();
        let banner = lines.next().is_some_and(|line| is_line(line, BANNER));
        lines.next_if(|line| is_line(line, HELP));
        let prompt = lines.next().is_none_or(|line| PROMPT.starts_with(line));
        banner && prompt && lines.next().is_none()
    }
}

/// Whether a line begins with `start`, or may still do so.
fn is_line(line: &[u8], start: &[u8]) -> bool {
    let count = line.len().min(start.len());
    line.len() <= LONGEST && line[..count] == start[..count]
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str =
        "MicroPython v1.9.2 on 2017-09-01; micro:bit\nType \"help()\" for more information.\n>>> ";

    /// What is shown of a text that comes in pieces, and what is held in the end.
    fn shown(text: &str, size: usize) -> (String, String) {
        let mut farewell = Farewell::default();
        let out: Vec<u8> =
            text.as_bytes().chunks(size).flat_map(|piece| farewell.feed(piece)).collect();
        let held = farewell.rest();
        (String::from_utf8(out).expect("text"), String::from_utf8(held).expect("text"))
    }

    #[test]
    fn the_words_of_the_firmware_are_held_wherever_they_are_cut() {
        let short = "MicroPython v1.29.0 on 2026-01-01; pico\n>>> ";
        for program in ["", "main\n", "no newline"] {
            for words in [WORDS, short] {
                let all = format!("{program}{words}");
                for size in 1..=all.len() {
                    assert_eq!(shown(&all, size), (program.to_owned(), words.to_owned()));
                }
            }
        }
        assert_eq!(shown("a\n>>> ", 2), ("a\n".to_owned(), ">>> ".to_owned()));
    }

    #[test]
    fn what_goes_on_otherwise_is_the_programs() {
        for text in [
            format!("{WORDS}x"),
            "MicroPython v1 is what this runs on\nand this follows".to_owned(),
            ">>> 1\n".to_owned(),
            "a >>> ".to_owned(),
            format!("MicroPython v{}", "x".repeat(LONGEST)),
            "Micro\nType \"help()\"".to_owned(),
        ] {
            for size in 1..=text.len() {
                let (out, held) = shown(&text, size);
                assert_eq!((out, held), (text.clone(), String::new()), "pieces of {size}");
            }
        }
    }
}
