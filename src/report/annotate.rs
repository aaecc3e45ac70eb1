//! The annotated listing: each line with its number, `s` where a sensor
//! watches a block, `==>` where it kept silent, and what was seen of decisions.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::Sources;
use super::numbers::{Numbers, is_lacking};
use crate::model::{ConditionVerdict, Coverage, DecisionKind, DecisionVerdict, FileCoverage, Line};

/// How the listing looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListingOptions {
    /// Colours for a terminal.
    pub color: bool,
}

const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// What stands at the left of a line.
#[derive(Clone, Copy, Default)]
struct Mark {
    sensor: bool,
    silent: bool,
}

/// Writes the listing of all files.
///
/// # Errors
/// When writing fails.
pub fn listing(
    coverage: &Coverage,
    sources: &Sources,
    options: ListingOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (mut created, mut silent) = (0, 0);
    for file in &coverage.files {
        let all = file.suites.len();
        let mute = file.suites.iter().filter(|s| !s.hit).count();
        created += all;
        silent += mute;
        title(&format!("Coverage : {}", file.path), out)?;
        match sources.get(&file.path) {
            Some(text) => body(file, text, options, out)?,
            None => writeln!(out, "  (the source is not there or has changed since)")?,
        }
        title("Status", out)?;
        status(all, mute, out)?;
        let n = Numbers::of(file);
        writeln!(out, "  {} of {} statements ran", n.statements - n.missing, n.statements)?;
        for part in &file.not_measured {
            writeln!(out, "  lines {}-{} not measured: {}", part.line, part.end_line, part.reason)?;
        }
        writeln!(out)?;
    }
    if coverage.files.len() > 1 {
        title("Summary", out)?;
        status(created, silent, out)?;
    }
    Ok(())
}

fn title(text: &str, out: &mut dyn Write) -> io::Result<()> {
    let rule = "-".repeat(text.chars().count() + 2);
    writeln!(out, "{rule}.\n {text} |\n{rule}'")
}

fn status(created: usize, silent: usize, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  {created} block sensors created")?;
    writeln!(out, "  {silent} did not respond")
}

fn body(
    file: &FileCoverage,
    text: &[u8],
    options: ListingOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut marks: BTreeMap<Line, Mark> = BTreeMap::new();
    for suite in &file.suites {
        let mark = marks.entry(suite.line).or_default();
        mark.sensor = true;
        mark.silent |= !suite.hit;
    }
    for (line, hit) in &file.statements {
        if !hit {
            marks.entry(*line).or_default().silent = true;
        }
    }
    let text = String::from_utf8_lossy(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.lines().collect();
    let width = lines.len().max(1).ilog10() as usize + 1;
    let paint = |color: &'static str| if options.color { color } else { "" };
    let plain = paint(PLAIN);
    for (index, source) in lines.iter().enumerate() {
        let line = Line(index as u32 + 1);
        let mark = marks.get(&line).copied().unwrap_or_default();
        let sensor = if mark.sensor { "s" } else { " " };
        let arrow = if mark.silent { "==>" } else { "   " };
        let color = match (mark.silent, file.excluded.contains(&line)) {
            (true, _) => paint(RED),
            (false, true) => paint(DIM),
            _ => "",
        };
        let reset = if color.is_empty() { "" } else { plain };
        let row = format!("{line:>width$} {sensor} {arrow} {color}{source}{reset}");
        writeln!(out, "{}", row.trim_end())?;
        let margin = " ".repeat(width + 7);
        let yellow = paint(YELLOW);
        for note in notes(file, line) {
            writeln!(out, "{margin}{yellow}| {note}{plain}")?;
        }
    }
    Ok(())
}

/// What is to be said below a line.
fn notes(file: &FileCoverage, line: Line) -> Vec<String> {
    let mut notes = Vec::new();
    if file.statements.get(&line) != Some(&false) {
        for branch in file.branches.iter().filter(|b| b.line == line) {
            notes.extend(branch.missing().map(|to| format!("never went to {}", place(to))));
        }
    }
    let here = file.decisions.iter().filter(|d| d.end_line == line);
    for decision in here.filter(|d| file.statements.get(&d.line) != Some(&false)) {
        decision_notes(decision, &mut notes);
    }
    notes
}

fn place(to: crate::model::ArcEnd) -> String {
    match to {
        crate::model::ArcEnd::Line(line) => format!("line {line}"),
        crate::model::ArcEnd::Exit(_) => "the exit".to_owned(),
    }
}

fn decision_notes(decision: &DecisionVerdict, notes: &mut Vec<String>) {
    if let Some(reason) = &decision.not_measured {
        notes.push(format!("`{}` is not measured: {reason}", decision.text));
        if decision.outcomes_only {
            notes.extend(decision.conditions.iter().filter_map(lacking));
        }
        return;
    }
    if decision.kind == DecisionKind::Assert {
        let lacks = |number: &usize| is_lacking(decision, *number);
        let numbers = (0..decision.conditions.len()).filter(lacks);
        notes.extend(numbers.filter_map(|number| lacking(&decision.conditions[number])));
        return;
    }
    let complete = decision
        .conditions
        .iter()
        .all(|c| c.seen_true && c.seen_false && (c.mcdc || decision.conditions.len() == 1));
    if complete {
        return;
    }
    for condition in &decision.conditions {
        if let Some(text) = lacking(condition) {
            notes.push(text);
        }
    }
    if decision.conditions.len() < 2 {
        return;
    }
    for (number, path) in decision.paths.iter().enumerate() {
        let seen = if path.hit { "seen " } else { "never" };
        notes.push(format!("path {}  {seen}  {}", number + 1, vector(decision, number)));
    }
    for condition in &decision.conditions {
        let Some((path, partner)) = condition.would_show.filter(|_| !condition.mcdc) else {
            continue;
        };
        let pair = partner.map_or(String::new(), |p| format!("; pairs with path {}", p + 1));
        notes.push(format!(
            "to show that `{}` matters: {}{pair}",
            condition.text,
            vector(decision, path)
        ));
    }
}

fn lacking(condition: &ConditionVerdict) -> Option<String> {
    let never = match (condition.seen_true, condition.seen_false) {
        (true, true) => return None,
        (true, false) => "was never false",
        (false, true) => "was never true",
        (false, false) => "was never evaluated to the end",
    };
    Some(format!("condition `{}` {never}", condition.text))
}

/// A path in words: `a=T b=F -> F`.
fn vector(decision: &DecisionVerdict, path: usize) -> String {
    let Some(path) = decision.paths.get(path) else { return String::new() };
    let letter = |value: bool| if value { "T" } else { "F" };
    let values: Vec<String> = decision
        .conditions
        .iter()
        .zip(&path.values)
        .filter_map(|(c, value)| value.map(|v| format!("{}={}", c.text, letter(v))))
        .collect();
    let outcome = path.outcome.map_or("the last operand", letter);
    format!("{} -> {outcome}", values.join(" "))
}
