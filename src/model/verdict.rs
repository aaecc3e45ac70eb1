//! What the hits say about the map: the model that every report renders.

use std::collections::{BTreeMap, BTreeSet};

use super::{ArcEnd, DecisionKind, Level, Line, NotMeasured, Scope};

/// The verdicts on all files of a measurement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// One a file, sorted by path.
    pub files: Vec<FileCoverage>,
    /// Names of the contexts (runs, tests, boards) that hits carry, sorted.
    pub contexts: Vec<String>,
}

/// One way out of a line that has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Where it leads.
    pub to: ArcEnd,
    /// Was it taken?
    pub taken: bool,
}

/// A line with more than one way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchLine {
    /// The line.
    pub line: Line,
    /// Its ways out, sorted.
    pub exits: Vec<Exit>,
    /// True where a pragma says that missing ways are fine.
    pub partial_allowed: bool,
}

impl BranchLine {
    /// The ways that were never taken and are held against the line.
    pub fn missing(&self) -> impl Iterator<Item = ArcEnd> + '_ {
        self.exits.iter().filter(|e| !e.taken && !self.partial_allowed).map(|e| e.to)
    }
}

/// Was a suite entered?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuiteVerdict {
    /// Line that opens it.
    pub line: Line,
    /// Entered?
    pub hit: bool,
}

/// What was seen of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionVerdict {
    /// Its source text.
    pub text: String,
    /// Line of its first character.
    pub line: Line,
    /// Column of its first character, in characters from 0.
    pub column: u32,
    /// Its length in bytes.
    pub length: u32,
    /// It was true in an evaluation that finished.
    pub seen_true: bool,
    /// It was false in an evaluation that finished.
    pub seen_false: bool,
    /// Masking MC/DC: it was shown to decide the outcome on its own.
    pub mcdc: bool,
    /// The stricter pair verdict: two paths with different outcomes in which
    /// only this condition, of those evaluated in both, differs.
    pub mcdc_pair: bool,
    /// The paths (indices) that show `mcdc`, if any.
    pub shown_by: Option<(usize, usize)>,
    /// A path (index) that is still missing and one already run that it would
    /// pair with; `None` when covered or when no path can show it.
    pub would_show: Option<(usize, Option<usize>)>,
}

/// What was seen of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathVerdict {
    /// What each condition was: `None` where it was not evaluated.
    pub values: Vec<Option<bool>>,
    /// What the decision was; `None` where nobody asked.
    pub outcome: Option<bool>,
    /// Was it taken?
    pub hit: bool,
}

/// What was seen of one decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionVerdict {
    /// What kind of expression it is.
    pub kind: DecisionKind,
    /// Its source text.
    pub text: String,
    /// Line of its first character.
    pub line: Line,
    /// Column of its first character, in characters from 0.
    pub column: u32,
    /// Line of its last character.
    pub end_line: Line,
    /// Its conditions, from the left.
    pub conditions: Vec<ConditionVerdict>,
    /// Its paths.
    pub paths: Vec<PathVerdict>,
    /// Why nothing, or not everything, is measured.
    pub not_measured: Option<String>,
    /// Are the outcomes of its conditions measured all the same?
    pub outcomes_only: bool,
}

/// What was seen of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCoverage {
    /// The path users know the file by, with `/`.
    pub path: String,
    /// What was asked for.
    pub level: Level,
    /// True when any data speaks of this file.
    pub measured: bool,
    /// Each statement's line, and whether it was started.
    pub statements: BTreeMap<Line, bool>,
    /// Last line of each statement that has more than one line.
    pub end_lines: BTreeMap<Line, Line>,
    /// Lines that count for nothing.
    pub excluded: BTreeSet<Line>,
    /// Lines with several ways out, in order.
    pub branches: Vec<BranchLine>,
    /// The decisions, in source order.
    pub decisions: Vec<DecisionVerdict>,
    /// The suites, in source order.
    pub suites: Vec<SuiteVerdict>,
    /// Functions and classes, in source order, and whether their bodies ran.
    pub scopes: Vec<(Scope, bool)>,
    /// What is not measured and why.
    pub not_measured: Vec<NotMeasured>,
    /// For each statement started: which contexts (indices into
    /// [`Coverage::contexts`]) started it.
    pub line_contexts: BTreeMap<Line, BTreeSet<usize>>,
}
