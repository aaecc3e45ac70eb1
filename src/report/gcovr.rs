//! gcovr's JSON tracefile, for gcovr's own reports and thresholds.
//!
//! `conditions` mean what GCC means by them: an outcome of a condition is
//! covered when it was seen in an evaluation whose outcome hung on it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::places::{exits_in_order, is_counted, statement_at};
use super::{Settings, Sources};
use crate::model::{Coverage, DecisionVerdict, FileCoverage, Line, ScopeKind};

/// The only version that gcovr 8.8 takes; each takes one only.
const FORMAT: &str = "0.15";

/// Writes the tracefile.
///
/// # Errors
/// When writing fails.
pub fn write(
    coverage: &Coverage,
    _: &Sources,
    _: &Settings,
    out: &mut dyn Write,
) -> io::Result<()> {
    let report = Report { format: FORMAT, files: coverage.files.iter().map(file_entry).collect() };
    serde_json::to_writer(&mut *out, &report)?;
    writeln!(out)
}

#[derive(Serialize)]
struct Report<'a> {
    #[serde(rename = "gcovr/format_version")]
    format: &'static str,
    files: Vec<FileEntry<'a>>,
}

#[derive(Serialize)]
struct FileEntry<'a> {
    file: &'a str,
    lines: Vec<LineEntry>,
    functions: Vec<FunctionEntry<'a>>,
}

#[derive(Serialize)]
struct LineEntry {
    line_number: u32,
    count: u32,
    branches: Vec<BranchEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<ConditionEntry>,
}

#[derive(Serialize)]
struct BranchEntry {
    branchno: usize,
    count: u32,
    fallthrough: bool,
    throw: bool,
}

#[derive(Serialize)]
struct ConditionEntry {
    conditionno: usize,
    count: usize,
    covered: usize,
    not_covered_false: Vec<usize>,
    not_covered_true: Vec<usize>,
}

#[derive(Serialize)]
struct FunctionEntry<'a> {
    name: &'a str,
    lineno: u32,
    execution_count: u32,
}

fn file_entry(file: &FileCoverage) -> FileEntry<'_> {
    let mut branches: BTreeMap<Line, Vec<BranchEntry>> = BTreeMap::new();
    for branch in &file.branches {
        let exits = exits_in_order(branch).into_iter().enumerate();
        let entry = |(branchno, exit): (usize, crate::model::Exit)| BranchEntry {
            branchno,
            count: u32::from(exit.taken || branch.partial_allowed),
            fallthrough: branchno == 0,
            throw: false,
        };
        branches.insert(branch.line, exits.map(entry).collect());
    }
    let mut conditions: BTreeMap<Line, Vec<ConditionEntry>> = BTreeMap::new();
    for decision in file.decisions.iter().filter(|d| d.not_measured.is_none()) {
        if let Some(line) = statement_at(file, decision.line) {
            let entries = conditions.entry(line).or_default();
            entries.push(condition_entry(entries.len(), decision));
        }
    }
    let lines = file.statements.iter().map(|(line, hit)| LineEntry {
        line_number: line.0,
        count: u32::from(*hit),
        branches: branches.remove(line).unwrap_or_default(),
        conditions: conditions.remove(line).unwrap_or_default(),
    });
    let functions =
        file.scopes.iter().filter(|(s, _)| s.kind == ScopeKind::Function && is_counted(file, s));
    FileEntry {
        file: &file.path,
        lines: lines.collect(),
        functions: functions
            .map(|(scope, entered)| FunctionEntry {
                name: &scope.name,
                lineno: scope.line.0,
                execution_count: u32::from(*entered),
            })
            .collect(),
    }
}

fn condition_entry(conditionno: usize, decision: &DecisionVerdict) -> ConditionEntry {
    let lacking = |sense: bool| -> Vec<usize> {
        let all = 0..decision.conditions.len();
        all.filter(|i| !decided(decision, *i, sense)).collect()
    };
    let (not_covered_false, not_covered_true) = (lacking(false), lacking(true));
    let count = 2 * decision.conditions.len();
    ConditionEntry {
        conditionno,
        count,
        covered: count - not_covered_false.len() - not_covered_true.len(),
        not_covered_false,
        not_covered_true,
    }
}

/// Was this condition seen to be so in an evaluation that hung on it? It was
/// if the pair that shows it is complete, or lacks the other half only.
fn decided(decision: &DecisionVerdict, index: usize, sense: bool) -> bool {
    let condition = &decision.conditions[index];
    let value_in = |path: usize| decision.paths.get(path).and_then(|p| p.values[index]);
    let half = condition.would_show.and_then(|(_, partner)| partner);
    condition.mcdc || half.is_some_and(|path| value_in(path) == Some(sense))
}
