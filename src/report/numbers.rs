//! Counts and percentages of files and of their sums.

use std::ops::AddAssign;

use super::places::is_counted;
use crate::model::{ArcEnd, DecisionKind, DecisionVerdict, FileCoverage, Line, Scope, ScopeKind};

/// What is counted of a file, or of several. All counts are exact integers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Statements.
    pub statements: u64,
    /// Statements that were not started.
    pub missing: u64,
    /// Lines that count for nothing.
    pub excluded: u64,
    /// Ways out of lines that have several.
    pub branches: u64,
    /// Those never taken from lines that ran: coverage.py's `BrPart`.
    pub partial_branches: u64,
    /// Those never taken.
    pub missing_branches: u64,
    /// Condition outcomes: two a condition.
    pub outcomes: u64,
    /// Condition outcomes that were seen.
    pub seen_outcomes: u64,
    /// Conditions that masking MC/DC asks for.
    pub conditions: u64,
    /// Conditions shown to decide an outcome on their own.
    pub shown_conditions: u64,
    /// Conditions shown so by a pair that differs in nothing else.
    pub pair_conditions: u64,
    /// Paths through decisions.
    pub paths: u64,
    /// Paths that were taken.
    pub taken_paths: u64,
    /// Functions.
    pub functions: u64,
    /// Functions that were entered.
    pub entered_functions: u64,
}

impl Numbers {
    /// Counts a file.
    #[must_use]
    pub fn of(file: &FileCoverage) -> Self {
        Self::of_lines(file, |_| true)
    }

    /// Counts the part of a file whose lines are asked for.
    #[must_use]
    pub fn of_lines(file: &FileCoverage, wanted: impl Fn(Line) -> bool) -> Self {
        let mut n = Self::default();
        for (_, hit) in file.statements.iter().filter(|(line, _)| wanted(**line)) {
            n.statements += 1;
            n.missing += u64::from(!hit);
        }
        n.excluded = file.excluded.iter().filter(|line| wanted(**line)).count() as u64;
        for branch in file.branches.iter().filter(|b| wanted(b.line)) {
            let missing = branch.missing().count() as u64;
            n.branches += branch.exits.len() as u64;
            n.missing_branches += missing;
            if file.statements.get(&branch.line) == Some(&true) {
                n.partial_branches += missing;
            }
        }
        let counted = |scope: &Scope| scope.kind == ScopeKind::Function && is_counted(file, scope);
        for (_, entered) in file.scopes.iter().filter(|(s, _)| wanted(s.line) && counted(s)) {
            n.functions += 1;
            n.entered_functions += u64::from(*entered);
        }
        let measured = |d: &&DecisionVerdict| d.not_measured.is_none() || d.outcomes_only;
        for decision in file.decisions.iter().filter(measured).filter(|d| wanted(d.line)) {
            if decision.kind != DecisionKind::Assert {
                n.paths += decision.paths.len() as u64;
                n.taken_paths += decision.paths.iter().filter(|p| p.hit).count() as u64;
            }
            for (number, condition) in decision.conditions.iter().enumerate() {
                let seen = [(true, condition.seen_true), (false, condition.seen_false)];
                let asked = seen.iter().filter(|(value, _)| is_asked(decision, number, *value));
                for (_, seen) in asked {
                    n.outcomes += 1;
                    n.seen_outcomes += u64::from(*seen);
                }
                if decision.kind != DecisionKind::Assert && !decision.outcomes_only {
                    n.conditions += 1;
                    n.shown_conditions += u64::from(condition.mcdc);
                    n.pair_conditions += u64::from(condition.mcdc_pair);
                }
            }
        }
        n
    }

    /// Covered and total of statements and branches together.
    #[must_use]
    pub fn ratio(&self) -> (u64, u64) {
        let total = self.statements + self.branches;
        (total - self.missing - self.missing_branches, total)
    }

    /// Percentage of statements and branches that were covered; 100 for nothing.
    #[must_use]
    pub fn percent(&self) -> f64 {
        let (covered, total) = self.ratio();
        percent(covered, total)
    }
}

/// Is this outcome of a condition held against the tests? Of an `assert` only
/// what can be seen while it holds: a test that passes shows no more.
#[must_use]
pub fn is_asked(decision: &DecisionVerdict, condition: usize, value: bool) -> bool {
    decision.kind != DecisionKind::Assert
        || decision.outcomes_only
        || decision
            .paths
            .iter()
            .any(|p| p.outcome == Some(true) && p.values.get(condition) == Some(&Some(value)))
}

/// Seen and all outcomes of a condition that are held against the tests.
#[must_use]
pub fn outcomes_of(decision: &DecisionVerdict, number: usize) -> (u64, u64) {
    let Some(condition) = decision.conditions.get(number) else { return (0, 0) };
    let all = [(true, condition.seen_true), (false, condition.seen_false)];
    let asked = all.iter().filter(|(value, _)| is_asked(decision, number, *value));
    asked.fold((0, 0), |(seen, all), (_, hit)| (seen + u64::from(*hit), all + 1))
}

/// Is this an outcome that was not seen and should have been?
#[must_use]
pub fn is_lacking(decision: &DecisionVerdict, number: usize) -> bool {
    let (seen, all) = outcomes_of(decision, number);
    seen < all
}

impl AddAssign for Numbers {
    fn add_assign(&mut self, other: Self) {
        self.statements += other.statements;
        self.missing += other.missing;
        self.excluded += other.excluded;
        self.branches += other.branches;
        self.partial_branches += other.partial_branches;
        self.missing_branches += other.missing_branches;
        self.outcomes += other.outcomes;
        self.seen_outcomes += other.seen_outcomes;
        self.conditions += other.conditions;
        self.shown_conditions += other.shown_conditions;
        self.pair_conditions += other.pair_conditions;
        self.paths += other.paths;
        self.taken_paths += other.taken_paths;
        self.functions += other.functions;
        self.entered_functions += other.entered_functions;
    }
}

/// A percentage; 100 where there is nothing to cover.
#[must_use]
pub fn percent(covered: u64, total: u64) -> f64 {
    if total == 0 { 100.0 } else { 100.0 * covered as f64 / total as f64 }
}

/// A percentage as text, with so many decimals: never 0 or 100 unless exact.
#[must_use]
pub fn display_percent(covered: u64, total: u64, precision: usize) -> String {
    let exact = percent(covered, total);
    let near = 1.0 / 10f64.powi(precision as i32);
    let rounded: f64 = format!("{exact:.precision$}").parse().unwrap_or(exact);
    let shown = if covered > 0 && rounded <= 0.0 {
        near
    } else if covered < total && rounded >= 100.0 {
        100.0 - near
    } else {
        exact
    };
    format!("{shown:.precision$}")
}

/// Missing lines and branches as coverage.py prints them: `3-5, 8->10, 12`.
/// Lines that are next to each other among the statements form a range; a way
/// to a missing line is not named again.
#[must_use]
pub fn missing_text(file: &FileCoverage) -> String {
    let mut parts: Vec<(Line, String)> = Vec::new();
    let mut run: Option<(Line, Line)> = None;
    let close = |run: &mut Option<(Line, Line)>, parts: &mut Vec<(Line, String)>| {
        if let Some((first, last)) = run.take() {
            let text = if first == last { first.to_string() } else { format!("{first}-{last}") };
            parts.push((first, text));
        }
    };
    for (line, hit) in &file.statements {
        match (&mut run, hit) {
            (_, true) => close(&mut run, &mut parts),
            (Some((_, last)), false) => *last = *line,
            (None, false) => run = Some((*line, *line)),
        }
    }
    close(&mut run, &mut parts);
    let missed = |line: Line| file.statements.get(&line) == Some(&false);
    for branch in file.branches.iter().filter(|b| !missed(b.line)) {
        // A way to a missed line is told by that line.
        let told = |to: &ArcEnd| matches!(to, ArcEnd::Line(line) if missed(*line));
        for to in branch.missing().filter(|to| !told(to)) {
            parts.push((branch.line, format!("{}->{to}", branch.line)));
        }
    }
    parts.sort();
    parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(", ")
}
