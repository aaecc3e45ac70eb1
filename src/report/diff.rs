//! The part of a measurement that lies in changed lines.
//!
//! What comes out is a measurement like any other, with less in it, so every
//! report and every gate can speak of changed lines alone.

use std::collections::{BTreeMap, BTreeSet};

use super::places::statement_at;
use crate::model::{Coverage, FileCoverage, Line};

/// The changed lines of each file, by path.
pub type ChangedLines = BTreeMap<String, BTreeSet<Line>>;

/// Keeps the statements that have a changed line, and what belongs to them. A
/// file in which no statement has changed is left out.
#[must_use]
pub fn narrow(coverage: &Coverage, changed: &ChangedLines) -> Coverage {
    let narrowed = |file: &FileCoverage| {
        let lines = changed.get(&file.path)?;
        let part = narrow_file(file, lines);
        (!part.statements.is_empty() || !part.not_measured.is_empty()).then_some(part)
    };
    Coverage {
        files: coverage.files.iter().filter_map(narrowed).collect(),
        contexts: coverage.contexts.clone(),
    }
}

/// Changed Python files of which the measurement knows nothing.
#[must_use]
pub fn unknown<'a>(coverage: &Coverage, changed: &'a ChangedLines) -> Vec<&'a str> {
    let known: BTreeSet<&str> = coverage.files.iter().map(|f| f.path.as_str()).collect();
    let paths = changed.iter().filter(|(_, lines)| !lines.is_empty());
    let paths = paths.map(|(path, _)| path.as_str());
    paths.filter(|path| path.ends_with(".py") && !known.contains(path)).collect()
}

fn narrow_file(file: &FileCoverage, changed: &BTreeSet<Line>) -> FileCoverage {
    let statements: BTreeSet<Line> =
        changed.iter().filter_map(|line| statement_at(file, *line)).collect();
    let kept = |line: &Line| statements.contains(line);
    let touched = |first: Line, last: Line| changed.range(first..=last).next().is_some();
    let mut part = file.clone();
    part.statements.retain(|line, _| kept(line));
    part.end_lines.retain(|line, _| kept(line));
    part.line_contexts.retain(|line, _| kept(line));
    part.excluded.retain(|line| changed.contains(line));
    part.branches.retain(|branch| kept(&branch.line));
    part.decisions.retain(|decision| touched(decision.line, decision.end_line));
    part.suites.retain(|suite| changed.contains(&suite.line));
    part.scopes.retain(|(scope, _)| touched(scope.line, scope.end_line));
    part.not_measured.retain(|stretch| touched(stretch.line, stretch.end_line));
    part
}
