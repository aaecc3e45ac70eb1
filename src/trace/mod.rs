//! Runs that are traced with `sys.settrace`: the text to run, and what the
//! lines that it reported say of the file's map.
//!
//! The text is the source, but for *fences*: `pass` behind suites at whose end
//! MicroPython puts code that would else be reported with the last line of the
//! suite. They make no code. A text without them can be judged as well; of some
//! of its lines nothing can be said then.

mod fence;
mod judge;
pub mod mpy;

use crate::model::{Events, FileMap, Line, Observed};
use crate::parse::{Parsed, SyntaxError, parse};
use crate::plan::outline::{Outline, outline};
use fence::Fenced;

/// A file to trace.
#[derive(Debug)]
pub struct Traced {
    parsed: Parsed,
    outline: Outline,
    text: Fenced,
}

impl Traced {
    /// A source that runs with fences in it, or as it is.
    ///
    /// # Errors
    /// When the text is no MicroPython.
    pub fn of(source: Vec<u8>, fences: bool) -> Result<Self, SyntaxError> {
        let parsed = parse(source)?;
        let outline = outline(&parsed);
        let text = if fences { fence::fenced(&parsed, &outline) } else { fence::plain(&parsed) };
        Ok(Self { parsed, outline, text })
    }

    /// The text to run.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text.text
    }

    /// Number of lines of the text to run.
    #[must_use]
    pub fn lines(&self) -> u32 {
        self.text.lines
    }

    /// Lines of the text to run that the source does not have, ascending.
    #[must_use]
    pub fn added_lines(&self) -> &[Line] {
        &self.text.added_lines
    }

    /// The lines of the text to run whose transitions tell something of the map.
    #[must_use]
    pub fn watched(&self, map: &FileMap) -> Vec<Line> {
        judge::watched(map, &self.outline, &self.text, &self.parsed)
    }

    /// What the lines that were reported say of the map.
    #[must_use]
    pub fn judge(&self, events: &Events, map: &FileMap) -> Observed {
        judge::judge(events, map, &self.outline, &self.text, &self.parsed)
    }
}
