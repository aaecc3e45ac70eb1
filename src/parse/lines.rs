//! Physical and logical lines of a source text.
//!
//! Lines are counted as MicroPython's lexer counts them: `\n`, `\r\n` and a
//! lone `\r` each end one, also inside strings. Offsets are byte offsets into
//! the original text.

use crate::model::Line;

/// Offsets of all physical lines.
#[derive(Clone, Debug)]
pub struct Lines {
    starts: Vec<u32>,
    end: u32,
}

impl Lines {
    /// Finds the lines of a text.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let mut starts = Vec::with_capacity(text.len() / 32);
        starts.push(0);
        starts.extend(breaks(text).map(|at| at as u32 + 1));
        Self { starts, end: text.len() as u32 }
    }

    /// The line on which this offset lies.
    #[must_use]
    pub fn line(&self, offset: u32) -> Line {
        Line(self.starts.partition_point(|s| *s <= offset) as u32)
    }

    /// Offset of a line's first byte; the end of the text for a line behind the last.
    #[must_use]
    pub fn start(&self, line: Line) -> u32 {
        self.starts.get(line.0 as usize - 1).copied().unwrap_or(self.end)
    }

    /// Number of lines; a text that ends in a newline has an empty last line.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.starts.len() as u32
    }

    /// The bytes of a line without its line end.
    #[must_use]
    pub fn text<'t>(&self, line: Line, text: &'t [u8]) -> &'t [u8] {
        let start = self.start(line) as usize;
        let end = self.start(Line(line.0 + 1)) as usize;
        let mut bytes = &text[start..end];
        if line.0 < self.count() {
            while let [head @ .., b'\n' | b'\r'] = bytes {
                bytes = head;
            }
        }
        bytes
    }
}

/// Offsets of the last bytes of all line ends in a text.
pub fn breaks(text: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memchr2_iter(b'\n', b'\r', text)
        .filter(|at| text[*at] == b'\n' || text.get(at + 1) != Some(&b'\n'))
}

/// Which physical lines belong together in one logical line.
#[derive(Clone, Debug, Default)]
pub struct LogicalLines {
    /// For each physical line (index 0 is line 1): the first line of its
    /// logical line, 0 where there is none (blank or comment).
    first: Vec<u32>,
}

impl LogicalLines {
    /// No logical lines yet among `count` physical ones.
    #[must_use]
    pub(super) fn new(count: u32) -> Self {
        Self { first: vec![0; count as usize] }
    }

    pub(super) fn add(&mut self, first: Line, last: Line) {
        for line in first.0..=last.0 {
            self.first[line as usize - 1] = first.0;
        }
    }

    /// First line of the logical line that `line` is part of; the line itself
    /// when it is blank or a comment.
    #[must_use]
    pub fn first(&self, line: Line) -> Line {
        match self.first.get(line.0 as usize - 1) {
            Some(first) if *first != 0 => Line(*first),
            _ => line,
        }
    }

    /// Is this line part of no logical line (blank or a comment)?
    #[must_use]
    pub fn is_free(&self, line: Line) -> bool {
        self.first.get(line.0 as usize - 1).is_none_or(|first| *first == 0)
    }
}
