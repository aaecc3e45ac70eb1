//! What an observer of lines saw of one file.

use std::collections::BTreeSet;

use super::{ArcEnd, Line};

/// What a tracer noted of one text, in that text's own lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Lines that were reported.
    pub lines: BTreeSet<Line>,
    /// Pairs of lines reported one after the other in one frame; `None` where
    /// they were not asked for. Where the first is watched they are all here.
    pub transitions: Option<BTreeSet<(Line, Line)>>,
    /// Lines that the firmware says have code; empty where it was not asked.
    pub executable: BTreeSet<Line>,
    /// Number of lines of the text, where the tracer knows it.
    pub text_lines: Option<u32>,
}

/// What may have run without being reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// Calls of functions: the firmware needs memory to report one, and has none
    /// while the heap is locked.
    pub calls: bool,
    /// Transitions: there were more than are kept.
    pub transitions: bool,
    /// Anything.
    pub lines: bool,
}

impl Gap {
    /// Adds what may be missing for another reason.
    pub fn add(&mut self, other: Gap) {
        self.calls |= other.calls;
        self.transitions |= other.transitions;
        self.lines |= other.lines;
    }
}

/// What a run that traced lines saw of one file, in terms of the file's map.
///
/// A statement in neither `started`, `unsure` nor `untraced` was not started. An arc in
/// neither `taken` nor `unsure_arcs` was not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Lines that the firmware reported, whatever they are.
    pub lines: BTreeSet<Line>,
    /// Lines that the firmware said have code; empty where it was not asked.
    pub executable: BTreeSet<Line>,
    /// Lines that were reported of a `.mpy` file, perhaps for an `except` only.
    pub doubtful: BTreeSet<Line>,
    /// Statements that were started.
    pub started: BTreeSet<Line>,
    /// Statements of which lines cannot tell.
    pub unsure: BTreeSet<Line>,
    /// Statements that may have run where the firmware reports nothing.
    pub untraced: BTreeSet<Line>,
    /// Arcs that were taken.
    pub taken: BTreeSet<(Line, ArcEnd)>,
    /// Arcs of which lines cannot tell.
    pub unsure_arcs: BTreeSet<(Line, ArcEnd)>,
}

impl Observed {
    /// Adds what another run of the same text saw: what one is sure to have
    /// seen, the other cannot make unsure.
    pub fn merge(&mut self, other: &Observed) {
        let sure = |seen: &Observed| -> Vec<Line> {
            seen.lines.difference(&seen.doubtful).copied().collect()
        };
        let known = [sure(self), sure(other)];
        self.doubtful.extend(&other.doubtful);
        known.iter().flatten().for_each(|line| {
            self.doubtful.remove(line);
        });
        self.lines.extend(&other.lines);
        self.executable.extend(&other.executable);
        self.started.extend(&other.started);
        self.taken.extend(&other.taken);
        self.unsure.extend(&other.unsure);
        self.untraced.extend(&other.untraced);
        self.unsure_arcs.extend(&other.unsure_arcs);
        self.unsure.retain(|line| !self.started.contains(line));
        self.untraced.retain(|line| !self.started.contains(line));
        self.unsure_arcs.retain(|arc| !self.taken.contains(arc));
    }
}
