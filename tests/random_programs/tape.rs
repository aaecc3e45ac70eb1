//! Choices read from bytes: a shorter or smaller tape gives a simpler program, so that what
//! shrinks tapes shrinks programs.

/// A tape of bytes and a place on it.
pub(crate) struct Tape<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tape<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next byte; 0 behind the end.
    pub(crate) fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    /// Are there bytes left?
    pub(crate) fn goes_on(&self) -> bool {
        self.at < self.bytes.len()
    }

    /// A number below `count`, 0 behind the end.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    /// True in so many of a hundred cases, false behind the end.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        100 * (255 - u32::from(self.byte())) < 256 * percent && self.goes_on()
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}
