//! coverage.py's JSON report, format 3, key for key, and our own findings
//! under one more key at the top, `mpycov`.
//!
//! A way out of the function that starts on line n is written -n, as there.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::numbers::display_percent;
use super::regions::{self, Region};
use super::{Numbers, Settings, Sources, highest_level, vector_letters};
use crate::model::{
    ArcEnd, ConditionVerdict, Coverage, DecisionVerdict, FileCoverage, Level, Line, NotMeasured,
    ScopeKind,
};

/// How the JSON looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonOptions {
    /// Indent it.
    pub pretty: bool,
}

/// Version of coverage.py's format that this is.
const FORMAT: u32 = 3;
/// Version of what stands under `mpycov`.
const OWN_FORMAT: u32 = 1;

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
    let report = report(coverage, settings);
    if settings.json.pretty {
        let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut *out, indent);
        report.serialize(&mut serializer)?;
    } else {
        serde_json::to_writer(&mut *out, &report)?;
    }
    writeln!(out)
}

#[derive(Serialize)]
struct Report<'a> {
    meta: Meta,
    files: BTreeMap<&'a str, FileEntry>,
    totals: Summary,
    mpycov: Own<'a>,
}

#[derive(Serialize)]
struct Meta {
    format: u32,
    version: &'static str,
    timestamp: String,
    branch_coverage: bool,
    show_contexts: bool,
}

#[derive(Serialize)]
struct FileEntry {
    #[serde(flatten)]
    whole: PartEntry,
    functions: BTreeMap<String, PartEntry>,
    classes: BTreeMap<String, PartEntry>,
}

/// A file, a function or a class.
#[derive(Serialize)]
struct PartEntry {
    executed_lines: Vec<u32>,
    summary: Summary,
    missing_lines: Vec<u32>,
    excluded_lines: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contexts: Option<BTreeMap<u32, Vec<String>>>,
    #[serde(flatten)]
    branches: Option<Branches>,
}

#[derive(Serialize)]
struct Branches {
    executed_branches: Vec<(i64, i64)>,
    missing_branches: Vec<(i64, i64)>,
}

#[derive(Serialize)]
struct Summary {
    covered_lines: u64,
    num_statements: u64,
    percent_covered: f64,
    percent_covered_display: String,
    missing_lines: u64,
    excluded_lines: u64,
    #[serde(flatten)]
    branches: Option<BranchSummary>,
}

#[derive(Serialize)]
struct BranchSummary {
    num_branches: u64,
    num_partial_branches: u64,
    covered_branches: u64,
    missing_branches: u64,
}

#[derive(Serialize)]
struct Own<'a> {
    format: u32,
    level: &'static str,
    files: BTreeMap<&'a str, OwnFile<'a>>,
    totals: OwnTotals,
}

#[derive(Serialize)]
struct OwnFile<'a> {
    level: &'static str,
    measured: bool,
    not_measured: Vec<OwnNotMeasured<'a>>,
    decisions: Vec<OwnDecision<'a>>,
    totals: OwnTotals,
}

#[derive(Serialize)]
struct OwnNotMeasured<'a> {
    line: u32,
    end_line: u32,
    reason: &'a str,
}

#[derive(Serialize)]
struct OwnDecision<'a> {
    line: u32,
    column: u32,
    end_line: u32,
    kind: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_measured: Option<&'a str>,
    conditions: Vec<OwnCondition<'a>>,
    paths: Count,
    vectors: Vec<OwnVector>,
    mcdc: Covered,
    /// For each condition the vectors that show it, or nothing.
    pairs: Vec<Option<(usize, usize)>>,
    /// For each condition the vector that is missing to show it, and the one
    /// that has been seen and that it would pair with.
    wanted: Vec<Option<(usize, Option<usize>)>>,
}

#[derive(Serialize)]
struct OwnCondition<'a> {
    text: &'a str,
    line: u32,
    column: u32,
    #[serde(rename = "true")]
    seen_true: bool,
    #[serde(rename = "false")]
    seen_false: bool,
    mcdc: bool,
}

#[derive(Serialize)]
struct OwnVector {
    values: String,
    outcome: Option<bool>,
    hit: bool,
}

#[derive(Serialize)]
struct OwnTotals {
    conditions: Covered,
    mcdc: Covered,
    paths: Covered,
}

#[derive(Serialize)]
struct Covered {
    covered: u64,
    total: u64,
}

#[derive(Serialize)]
struct Count {
    hit: u64,
    total: u64,
}

/// What all parts of the report need to know.
struct Form<'a> {
    branches: bool,
    contexts: Option<&'a [String]>,
    precision: usize,
}

fn report<'a>(coverage: &'a Coverage, settings: &Settings) -> Report<'a> {
    let level = highest_level(coverage);
    let form = Form {
        branches: level >= Level::Branch,
        contexts: settings.show_contexts.then_some(&coverage.contexts),
        precision: settings.precision,
    };
    let mut total = Numbers::default();
    let mut files = BTreeMap::new();
    let mut own = BTreeMap::new();
    for file in &coverage.files {
        let numbers = Numbers::of(file);
        total += numbers;
        let entry = FileEntry {
            whole: form.part(file, &numbers),
            functions: form.regions(file, ScopeKind::Function),
            classes: form.regions(file, ScopeKind::Class),
        };
        files.insert(file.path.as_str(), entry);
        own.insert(file.path.as_str(), own_file(file, &numbers));
    }
    Report {
        meta: Meta {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION"),
            timestamp: settings.when.iso(),
            branch_coverage: form.branches,
            show_contexts: settings.show_contexts,
        },
        files,
        totals: form.summary(&total),
        mpycov: Own {
            format: OWN_FORMAT,
            level: level.name(),
            files: own,
            totals: own_totals(&total),
        },
    }
}

impl Form<'_> {
    fn regions(&self, file: &FileCoverage, kind: ScopeKind) -> BTreeMap<String, PartEntry> {
        let entry = |region: Region| {
            let numbers = Numbers::of(&region.part);
            (region.name, self.part(&region.part, &numbers))
        };
        regions::split(file, kind).into_iter().map(entry).collect()
    }

    fn part(&self, file: &FileCoverage, numbers: &Numbers) -> PartEntry {
        let lines = |wanted: bool| {
            let lines = file.statements.iter().filter(|(_, hit)| **hit == wanted);
            lines.map(|(line, _)| line.0).collect()
        };
        PartEntry {
            executed_lines: lines(true),
            summary: self.summary(numbers),
            missing_lines: lines(false),
            excluded_lines: file.excluded.iter().map(|line| line.0).collect(),
            contexts: self.contexts.map(|names| contexts(file, names)),
            branches: self.branches.then(|| branches(file)),
        }
    }

    fn summary(&self, n: &Numbers) -> Summary {
        let (covered, total) = n.ratio();
        Summary {
            covered_lines: n.statements - n.missing,
            num_statements: n.statements,
            percent_covered: n.percent(),
            percent_covered_display: display_percent(covered, total, self.precision),
            missing_lines: n.missing,
            excluded_lines: n.excluded,
            branches: self.branches.then_some(BranchSummary {
                num_branches: n.branches,
                num_partial_branches: n.partial_branches,
                covered_branches: n.branches - n.missing_branches,
                missing_branches: n.missing_branches,
            }),
        }
    }
}

fn contexts(file: &FileCoverage, names: &[String]) -> BTreeMap<u32, Vec<String>> {
    let of_line = |(line, indices): (&Line, &std::collections::BTreeSet<usize>)| {
        let known = indices.iter().filter_map(|i| names.get(*i).cloned());
        (line.0, known.collect())
    };
    file.line_contexts.iter().map(of_line).collect()
}

fn branches(file: &FileCoverage) -> Branches {
    let arcs = |wanted: fn(&crate::model::BranchLine) -> Vec<ArcEnd>| {
        let mut arcs: Vec<(i64, i64)> = Vec::new();
        for branch in &file.branches {
            let from = i64::from(branch.line.0);
            arcs.extend(wanted(branch).into_iter().map(|to| (from, signed(to))));
        }
        arcs.sort_unstable();
        arcs
    };
    Branches {
        executed_branches: arcs(|b| b.exits.iter().filter(|e| e.taken).map(|e| e.to).collect()),
        missing_branches: arcs(|b| b.missing().collect()),
    }
}

/// coverage.py's number for where an arc leads.
fn signed(to: ArcEnd) -> i64 {
    match to {
        ArcEnd::Line(line) => i64::from(line.0),
        ArcEnd::Exit(line) => -i64::from(line.0),
    }
}

fn own_file<'a>(file: &'a FileCoverage, numbers: &Numbers) -> OwnFile<'a> {
    let not_measured = |part: &'a NotMeasured| OwnNotMeasured {
        line: part.line.0,
        end_line: part.end_line.0,
        reason: &part.reason,
    };
    OwnFile {
        level: file.level.name(),
        measured: file.measured,
        not_measured: file.not_measured.iter().map(not_measured).collect(),
        decisions: file.decisions.iter().map(own_decision).collect(),
        totals: own_totals(numbers),
    }
}

fn own_decision(decision: &DecisionVerdict) -> OwnDecision<'_> {
    let measured = decision.not_measured.is_none();
    let vectors = decision.paths.iter().map(|path| OwnVector {
        values: vector_letters(&path.values),
        outcome: path.outcome,
        hit: path.hit,
    });
    let conditions = decision.conditions.iter();
    OwnDecision {
        line: decision.line.0,
        column: decision.column,
        end_line: decision.end_line.0,
        kind: decision.kind.name(),
        text: &decision.text,
        not_measured: decision.not_measured.as_deref(),
        paths: Count {
            hit: decision.paths.iter().filter(|p| p.hit).count() as u64,
            total: decision.paths.len() as u64,
        },
        vectors: vectors.collect(),
        mcdc: Covered {
            covered: conditions.clone().filter(|c| c.mcdc).count() as u64,
            total: conditions.clone().filter(|_| measured).count() as u64,
        },
        pairs: conditions.clone().map(|c| c.shown_by).collect(),
        wanted: conditions.clone().map(|c| c.would_show).collect(),
        conditions: conditions.map(own_condition).collect(),
    }
}

fn own_condition(condition: &ConditionVerdict) -> OwnCondition<'_> {
    OwnCondition {
        text: &condition.text,
        line: condition.line.0,
        column: condition.column,
        seen_true: condition.seen_true,
        seen_false: condition.seen_false,
        mcdc: condition.mcdc,
    }
}

fn own_totals(n: &Numbers) -> OwnTotals {
    let covered = |covered, total| Covered { covered, total };
    OwnTotals {
        conditions: covered(n.seen_outcomes, n.outcomes),
        mcdc: covered(n.shown_conditions, n.conditions),
        paths: covered(n.taken_paths, n.paths),
    }
}
