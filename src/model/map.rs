//! The sensor map of one file: the static half of a measurement.

use super::{ArcEnd, Decision, Digest, Evidence, Level, Line};

/// A statement as the reports count it: one for each line that starts a
/// logical line with code in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// First line.
    pub line: Line,
    /// Last line.
    pub end_line: Line,
    /// What shows that it was started.
    pub evidence: Evidence,
}

/// One way from a line that has several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arc {
    /// The line of the `if`, `while`, `for` …
    pub from: Line,
    /// Where it goes.
    pub to: ArcEnd,
    /// What shows that it was taken.
    pub evidence: Evidence,
}

/// A suite (block), for the listing that shows a mark at each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Line that opens it: the line of the `if`, `else`, `def` …
    pub line: Line,
    /// What shows that it was entered.
    pub evidence: Evidence,
}

/// What a [`Scope`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScopeKind {
    /// A `def` or `async def`.
    Function,
    /// A `class`.
    Class,
}

/// A function or class, for summaries by function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// What it is.
    pub kind: ScopeKind,
    /// Qualified name, as in `Outer.method`.
    pub name: String,
    /// Line of the `def` or `class`, decorators not counted.
    pub line: Line,
    /// First line of the body.
    pub body_line: Line,
    /// Last line.
    pub end_line: Line,
    /// What shows that the body was entered.
    pub entered: Evidence,
}

/// A stretch of code about which nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotMeasured {
    /// First line.
    pub line: Line,
    /// Last line.
    pub end_line: Line,
    /// Why.
    pub reason: String,
}

/// All there is to see in one file, and which sensors show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMap {
    /// The path users know the file by, with `/`.
    pub path: String,
    /// Joins hits to this map.
    pub digest: Digest,
    /// SHA-256 of the source text, in hexadecimal.
    pub source_hash: String,
    /// What was asked for.
    pub level: Level,
    /// Number of sensors.
    pub sensor_count: u32,
    /// The statements, by line, one a line.
    pub statements: Vec<Statement>,
    /// The arcs of all lines that have more than one way out, sorted.
    pub arcs: Vec<Arc>,
    /// Lines whose missing ways are not held against anybody.
    pub no_branch: Vec<Line>,
    /// Lines that count for nothing, sorted.
    pub excluded: Vec<Line>,
    /// The decisions, in source order.
    pub decisions: Vec<Decision>,
    /// Each suite, in source order.
    pub suites: Vec<Suite>,
    /// Functions and classes, in source order.
    pub scopes: Vec<Scope>,
    /// What is not measured and why.
    pub not_measured: Vec<NotMeasured>,
}
