//! For GitHub Actions: a summary of the step, and annotations in the diff.
//!
//! A summary has to stay under 1 MiB, and only the first ten annotations of a
//! step are shown, so both keep the most important and say what they left out.

use std::io::{self, Write};

use super::diff::ChangedLines;
use super::numbers::{display_percent, is_lacking};
use super::places::one_line;
use super::text::{TableOptions, table};
use super::{Numbers, Settings, Sources, highest_level, sum};
use crate::model::{ArcEnd, Coverage, FileCoverage, Level, Line};

/// Room for the table in a summary of 1 MiB.
const TABLE_LIMIT: usize = 900 * 1024;
/// How many annotations of a step are shown.
const ANNOTATIONS: usize = 10;

/// Writes the summary, in Markdown.
///
/// # Errors
/// When writing fails.
pub fn summary(
    coverage: &Coverage,
    _: &Sources,
    settings: &Settings,
    out: &mut dyn Write,
) -> io::Result<()> {
    let n = sum(coverage);
    let (covered, total) = n.ratio();
    let percent = display_percent(covered, total, settings.precision);
    writeln!(out, "### Coverage: {percent}%\n")?;
    writeln!(out, "| | Covered | Total | |\n| --- | ---: | ---: | ---: |")?;
    for (name, covered, total) in figures(&n, highest_level(coverage)) {
        let percent = display_percent(covered, total, settings.precision);
        writeln!(out, "| {name} | {covered} | {total} | {percent}% |")?;
    }
    let mut bytes = Vec::new();
    let options = TableOptions {
        markdown: true,
        show_missing: true,
        precision: settings.precision,
        ..settings.table.clone()
    };
    table(coverage, &options, &mut bytes)?;
    let files = coverage.files.len();
    let word = if files == 1 { "file" } else { "files" };
    writeln!(out, "\n<details><summary>{files} {word}</summary>\n")?;
    let text = String::from_utf8_lossy(&bytes);
    let mut room = TABLE_LIMIT;
    for line in text.lines() {
        let Some(left) = room.checked_sub(line.len() + 1) else {
            writeln!(out, "\nThe table is longer than a summary may be; the rest is left out.")?;
            break;
        };
        room = left;
        writeln!(out, "{line}")?;
    }
    writeln!(out, "\n</details>")
}

fn figures(n: &Numbers, level: Level) -> Vec<(&'static str, u64, u64)> {
    let mut all = vec![("Statements", n.statements - n.missing, n.statements)];
    if level >= Level::Branch {
        all.push(("Branches", n.branches - n.missing_branches, n.branches));
    }
    if level >= Level::Condition {
        all.push(("Condition outcomes", n.seen_outcomes, n.outcomes));
        all.push(("Conditions by MC/DC", n.shown_conditions, n.conditions));
    }
    all
}

/// A remark on a stretch of a file.
struct Remark<'a> {
    path: &'a str,
    first: Line,
    last: Line,
    title: &'static str,
    text: String,
    changed: bool,
    /// Missed lines come before branches, and branches before conditions.
    rank: u8,
}

/// Writes the annotations: changed lines first, then missed lines, the longest
/// stretch first.
///
/// # Errors
/// When writing fails.
pub fn annotations(
    coverage: &Coverage,
    _: &Sources,
    settings: &Settings,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut remarks = Vec::new();
    for file in &coverage.files {
        remark(file, settings.changed.as_ref(), &mut remarks);
    }
    remarks.sort_by_key(|r| {
        let length = r.last.0 - r.first.0;
        (!r.changed, r.rank, std::cmp::Reverse(length), r.path, r.first)
    });
    for remark in remarks.iter().take(ANNOTATIONS) {
        writeln!(
            out,
            "::warning file={},line={},endLine={},title={}::{}",
            property(remark.path),
            remark.first,
            remark.last,
            property(remark.title),
            data(&remark.text)
        )?;
    }
    Ok(())
}

fn remark<'a>(
    file: &'a FileCoverage,
    changed: Option<&ChangedLines>,
    remarks: &mut Vec<Remark<'a>>,
) {
    let lines = changed.and_then(|changed| changed.get(&file.path));
    let mut add = |first: Line, last: Line, rank: u8, title: &'static str, text: String| {
        let in_diff = lines.is_some_and(|l| l.range(first..=last).next().is_some());
        let path = file.path.as_str();
        remarks.push(Remark { path, first, last, title, text, changed: in_diff, rank });
    };
    for (first, last) in missed_stretches(file) {
        let text = if first == last {
            format!("Line {first} was never run.")
        } else {
            format!("Lines {first} to {last} were never run.")
        };
        add(first, last, 0, "Not covered", text);
    }
    let ran = |line: Line| file.statements.get(&line) == Some(&true);
    for branch in file.branches.iter().filter(|b| ran(b.line)) {
        let ways: Vec<String> = branch
            .missing()
            .map(|to| match to {
                ArcEnd::Line(line) => format!("line {line}"),
                ArcEnd::Exit(_) => "the exit".to_owned(),
            })
            .collect();
        if !ways.is_empty() {
            let text = format!("Line {} never went to {}.", branch.line, ways.join(" or "));
            add(branch.line, branch.line, 1, "Partly covered", text);
        }
    }
    let measured = file.decisions.iter().filter(|d| d.not_measured.is_none());
    for decision in measured.filter(|d| d.conditions.len() > 1) {
        let all = decision.conditions.iter().enumerate();
        for (_, condition) in all.filter(|(number, _)| is_lacking(decision, *number)) {
            let never = match (condition.seen_true, condition.seen_false) {
                (true, false) => "false",
                (false, true) => "true",
                _ => continue,
            };
            let text = format!("Condition `{}` was never {never}.", one_line(&condition.text));
            add(condition.line, condition.line, 2, "Condition", text);
        }
    }
}

/// First and last line of missed statements with no covered one between them.
fn missed_stretches(file: &FileCoverage) -> Vec<(Line, Line)> {
    let mut stretches: Vec<(Line, Line)> = Vec::new();
    let mut open = false;
    for (line, hit) in &file.statements {
        let end = *file.end_lines.get(line).unwrap_or(line);
        match stretches.last_mut().filter(|_| open && !hit) {
            Some(stretch) => stretch.1 = end,
            None if !hit => stretches.push((*line, end)),
            None => {}
        }
        open = !hit;
    }
    stretches
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
