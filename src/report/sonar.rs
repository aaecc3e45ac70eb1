//! SonarQube's generic coverage report.
//!
//! It knows lines and, for each line, how many "branches" of it are covered;
//! the user chooses what counts as one.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::escape::Escaped;
use super::numbers::outcomes_of;
use super::places::{exit_counts, statement_at};
use super::{Settings, Sources};
use crate::model::{
    Coverage, DecisionKind, DecisionVerdict, FileCoverage, Level, Line, PathVerdict,
};

/// What counts as a branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SonarMetric {
    /// Nothing: lines only.
    Line,
    /// Ways out of lines.
    #[default]
    Branch,
    /// Outcomes of conditions, two each.
    Condition,
    /// Outcomes of decisions, two each.
    Decision,
}

/// Writes the report.
///
/// # Errors
/// When writing fails.
pub fn write(
    coverage: &Coverage,
    _: &Sources,
    settings: &Settings,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<coverage version=\"1\">")?;
    for file in &coverage.files {
        let counts = counts(file, settings.sonar);
        writeln!(out, "  <file path=\"{}\">", Escaped(&file.path))?;
        for (line, hit) in &file.statements {
            write!(out, "    <lineToCover lineNumber=\"{line}\" covered=\"{hit}\"")?;
            if let Some((covered, total)) = counts.get(line) {
                write!(out, " branchesToCover=\"{total}\" coveredBranches=\"{covered}\"")?;
            }
            writeln!(out, "/>")?;
        }
        writeln!(out, "  </file>")?;
    }
    writeln!(out, "</coverage>")
}

/// Covered and all branches of each line that has some.
fn counts(file: &FileCoverage, metric: SonarMetric) -> BTreeMap<Line, (u64, u64)> {
    let of_decisions = |count: fn(&DecisionVerdict) -> (u64, u64)| {
        let mut all: BTreeMap<Line, (u64, u64)> = BTreeMap::new();
        let measured = |d: &&_| file.level == Level::Condition && is_measured(d);
        for decision in file.decisions.iter().filter(measured) {
            if let Some(line) = statement_at(file, decision.line) {
                let (covered, total) = count(decision);
                let sum = all.entry(line).or_default();
                *sum = (sum.0 + covered, sum.1 + total);
            }
        }
        all
    };
    match metric {
        SonarMetric::Line => BTreeMap::new(),
        SonarMetric::Branch => file.branches.iter().map(|b| (b.line, exit_counts(b))).collect(),
        SonarMetric::Condition => of_decisions(|decision| {
            let all = (0..decision.conditions.len()).map(|number| outcomes_of(decision, number));
            all.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
        }),
        SonarMetric::Decision => of_decisions(|decision| {
            let count = |wanted: fn(&&PathVerdict) -> bool| {
                let asked = |p: &&PathVerdict| {
                    decision.kind != DecisionKind::Assert || p.outcome == Some(true)
                };
                let paths = decision.paths.iter().filter(asked);
                let mut outcomes: Vec<Option<bool>> =
                    paths.filter(wanted).map(|p| p.outcome).collect();
                outcomes.sort_unstable();
                outcomes.dedup();
                outcomes.iter().flatten().count() as u64
            };
            (count(|p| p.hit), count(|_| true))
        }),
    }
}

fn is_measured(decision: &DecisionVerdict) -> bool {
    decision.not_measured.is_none()
}
