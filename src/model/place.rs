//! Small newtypes for places in a source text and for sensors.

use std::fmt;

use smallvec::{SmallVec, smallvec};

/// A physical line of a source file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(pub u32);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A range of bytes in a source text, the end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// A span from `start` to `end`.
    ///
    /// # Panics
    /// If the end lies before the start: such a span is a bug of its maker.
    #[must_use]
    pub fn new(start: u32, end: u32) -> Self {
        assert!(start <= end, "a span runs forwards: {start}..{end}");
        Self { start, end }
    }

    /// Does `other` lie wholly within this span?
    #[must_use]
    pub fn contains(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// The number of a sensor in its file, dense from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SensorId(pub u32);

/// Sensors of which any one shows a thing: it happened if one of them fired.
///
/// Empty evidence shows nothing: the thing can never be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence(SmallVec<[SensorId; 4]>);

impl Evidence {
    /// Evidence by one sensor.
    #[must_use]
    pub fn one(sensor: SensorId) -> Self {
        Self(smallvec![sensor])
    }

    /// Evidence by any of several sensors.
    #[must_use]
    pub fn any(sensors: impl IntoIterator<Item = SensorId>) -> Self {
        let mut all: SmallVec<[SensorId; 4]> = sensors.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }

    /// Adds all of another evidence as further alternatives.
    pub fn add(&mut self, other: &Evidence) {
        self.0.extend_from_slice(&other.0);
        self.0.sort_unstable();
        self.0.dedup();
    }

    /// The sensors, ascending.
    #[must_use]
    pub fn sensors(&self) -> &[SensorId] {
        &self.0
    }

    /// Can nothing show this?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where an arc leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArcEnd {
    /// To the statement that starts on this line.
    Line(Line),
    /// Out of the function, class or module that starts on this line.
    Exit(Line),
}

impl fmt::Display for ArcEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArcEnd::Line(line) => line.fmt(f),
            ArcEnd::Exit(_) => f.write_str("exit"),
        }
    }
}

/// Names one instrumented text: 12 hexadecimal digits over the source, its
/// path and the settings that decide which sensors it has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// Number of hexadecimal digits in a digest.
    pub const LEN: usize = 12;

    /// Reads a digest; `None` unless it is exactly 12 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == Self::LEN && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
