//! The table on the terminal, in coverage.py's layout, and its Markdown form.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::numbers::{Numbers, display_percent, missing_text};
use crate::model::{Coverage, FileCoverage, Level};

/// By what the rows are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// File name.
    #[default]
    Name,
    /// Number of statements.
    Statements,
    /// Number of missed statements.
    Missing,
    /// Number of branches.
    Branches,
    /// Number of partial branches.
    Partial,
    /// Percentage.
    Cover,
}

/// What the table shows.
#[derive(Clone, Debug, Default)]
pub struct TableOptions {
    /// Add the column of missing lines.
    pub show_missing: bool,
    /// Leave out files that are covered in full.
    pub skip_covered: bool,
    /// Leave out files without statements.
    pub skip_empty: bool,
    /// Row order.
    pub sort: SortBy,
    /// Largest first.
    pub descending: bool,
    /// Decimals of percentages.
    pub precision: usize,
    /// Write Markdown.
    pub markdown: bool,
}

struct Row {
    name: String,
    numbers: Numbers,
    missing: String,
}

/// Writes the table.
///
/// # Errors
/// When writing fails.
pub fn table(coverage: &Coverage, options: &TableOptions, out: &mut dyn Write) -> io::Result<()> {
    let level = coverage.files.iter().map(|f| f.level).max().unwrap_or(Level::Line);
    let mut total = Numbers::default();
    let mut rows = Vec::new();
    let (mut covered, mut empty) = (0, 0);
    for file in &coverage.files {
        let numbers = Numbers::of(file);
        total += numbers;
        if options.skip_empty && numbers.statements == 0 {
            empty += 1;
        } else if options.skip_covered && numbers.missing == 0 && numbers.missing_branches == 0 {
            covered += 1;
        } else {
            rows.push(row(file, numbers));
        }
    }
    sort(&mut rows, options);
    let columns = columns(level);
    let mut cells: Vec<Vec<String>> = vec![header(&columns, options)];
    cells.extend(rows.iter().map(|r| cells_of(&r.name, &r.numbers, &r.missing, &columns, options)));
    let last = cells_of("TOTAL", &total, "", &columns, options);
    if options.markdown {
        markdown(&cells, &last, out)?;
    } else {
        plain(&cells, &last, options, out)?;
    }
    notes(coverage, covered, empty, options.markdown, out)
}

/// Lists the modules that could not be covered.
///
/// # Errors
/// When writing fails.
pub fn uncovered(modules: &BTreeMap<String, String>, out: &mut dyn Write) -> io::Result<()> {
    if !modules.is_empty() {
        writeln!(out, "\nModules that could not be covered:")?;
    }
    for (name, reason) in modules {
        writeln!(out, "  {name}: {reason}")?;
    }
    Ok(())
}

/// The columns between the name and the percentage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Statements,
    Missing,
    Branches,
    Partial,
    Conditions,
    Mcdc,
}

fn columns(level: Level) -> Vec<Column> {
    let mut all = vec![Column::Statements, Column::Missing];
    if level >= Level::Branch {
        all.extend([Column::Branches, Column::Partial]);
    }
    if level >= Level::Condition {
        all.extend([Column::Conditions, Column::Mcdc]);
    }
    all
}

fn header(columns: &[Column], options: &TableOptions) -> Vec<String> {
    let names = columns.iter().map(|c| match c {
        Column::Statements => "Stmts",
        Column::Missing => "Miss",
        Column::Branches => "Branch",
        Column::Partial => "BrPart",
        Column::Conditions => "Cond",
        Column::Mcdc => "MC/DC",
    });
    let mut all = vec!["Name".to_owned()];
    all.extend(names.map(str::to_owned));
    all.push("Cover".to_owned());
    if options.show_missing {
        all.push("Missing".to_owned());
    }
    all
}

fn cells_of(
    name: &str,
    n: &Numbers,
    missing: &str,
    columns: &[Column],
    options: &TableOptions,
) -> Vec<String> {
    let mut cells = vec![name.to_owned()];
    cells.extend(columns.iter().map(|column| match column {
        Column::Statements => n.statements.to_string(),
        Column::Missing => n.missing.to_string(),
        Column::Branches => n.branches.to_string(),
        Column::Partial => n.partial_branches.to_string(),
        Column::Conditions => format!("{}/{}", n.seen_outcomes, n.outcomes),
        Column::Mcdc => format!("{}/{}", n.shown_conditions, n.conditions),
    }));
    let (covered, total) = n.ratio();
    cells.push(format!("{}%", display_percent(covered, total, options.precision)));
    if options.show_missing {
        cells.push(missing.to_owned());
    }
    cells
}

fn row(file: &FileCoverage, numbers: Numbers) -> Row {
    Row { name: file.path.clone(), numbers, missing: missing_text(file) }
}

fn sort(rows: &mut [Row], options: &TableOptions) {
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    let key = |row: &Row| match options.sort {
        SortBy::Name => 0,
        SortBy::Statements => row.numbers.statements,
        SortBy::Missing => row.numbers.missing,
        SortBy::Branches => row.numbers.branches,
        SortBy::Partial => row.numbers.partial_branches,
        SortBy::Cover => (row.numbers.percent() * 1e6) as u64,
    };
    rows.sort_by_key(key);
    if options.descending {
        rows.reverse();
    }
}

fn plain(
    cells: &[Vec<String>],
    last: &[String],
    options: &TableOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let count = last.len() - usize::from(options.show_missing);
    let widths: Vec<usize> = (0..count)
        .map(|i| cells.iter().map(|r| &r[i]).chain([&last[i]]).map(|c| c.chars().count()).max())
        .map(|width| width.unwrap_or(0))
        .collect();
    let line = |row: &[String]| {
        let mut text = format!("{:<1$}", row[0], widths[0]);
        for (cell, width) in row[1..count].iter().zip(&widths[1..]) {
            text += &format!("   {cell:>width$}");
        }
        if let Some(missing) = row.get(count).filter(|m| !m.is_empty()) {
            text += &format!("   {missing}");
        }
        text
    };
    let heading = line(&cells[0]);
    let rule = "-".repeat(heading.chars().count());
    writeln!(out, "{heading}\n{rule}")?;
    for row in &cells[1..] {
        writeln!(out, "{}", line(row))?;
    }
    if cells.len() > 1 {
        writeln!(out, "{rule}")?;
    }
    writeln!(out, "{}", line(last))
}

fn markdown(cells: &[Vec<String>], last: &[String], out: &mut dyn Write) -> io::Result<()> {
    let line = |row: &[String]| {
        let cells: Vec<String> = row.iter().map(|c| escaped(c)).collect();
        format!("| {} |", cells.join(" | "))
    };
    writeln!(out, "{}", line(&cells[0]))?;
    let mut rule = vec!["---".to_owned()];
    rule.extend(
        cells[0][1..]
            .iter()
            .map(|name| if name == "Missing" { "---".to_owned() } else { "---:".to_owned() }),
    );
    writeln!(out, "| {} |", rule.join(" | "))?;
    for row in &cells[1..] {
        writeln!(out, "{}", line(row))?;
    }
    let bold: Vec<String> = last
        .iter()
        .map(|c| if c.is_empty() { String::new() } else { format!("**{}**", escaped(c)) })
        .collect();
    writeln!(out, "| {} |", bold.join(" | "))
}

/// A text that Markdown takes for what it is.
fn escaped(text: &str) -> String {
    let mut all = String::new();
    for c in text.chars() {
        match c {
            '<' => all += "&lt;",
            '&' => all += "&amp;",
            '|' | '_' | '*' | '`' | '\\' | '[' | ']' => all.extend(['\\', c]),
            _ => all.push(c),
        }
    }
    all
}

/// What the numbers do not tell.
fn notes(
    coverage: &Coverage,
    covered: u32,
    empty: u32,
    markdown: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    if covered > 0 {
        writeln!(out, "\n{covered} {} skipped due to complete coverage.", files(covered))?;
    }
    if empty > 0 {
        writeln!(out, "\n{empty} empty {} skipped.", files(empty))?;
    }
    let coarse = coverage.files.iter().any(|f| f.level == Level::Block);
    if coarse {
        writeln!(
            out,
            "\nLevel block: a statement counts as run when its block was entered, even if \
             an exception left the block before it."
        )?;
    }
    let mut heading = false;
    for file in &coverage.files {
        let decisions = file.decisions.iter().filter_map(|d| {
            d.not_measured.as_ref().map(|reason| (d.line, d.end_line, reason.as_str()))
        });
        let code = file.not_measured.iter().map(|n| (n.line, n.end_line, n.reason.as_str()));
        for (first, last, reason) in code.chain(decisions) {
            if !heading {
                writeln!(out, "\nNot measured:{}", if markdown { "\n" } else { "" })?;
                heading = true;
            }
            let lines = if first == last { first.to_string() } else { format!("{first}-{last}") };
            let note = format!("{}:{lines}: {reason}", file.path);
            if markdown {
                writeln!(out, "- {}", escaped(&note))?;
            } else {
                writeln!(out, "  {note}")?;
            }
        }
    }
    Ok(())
}

fn files(count: u32) -> &'static str {
    if count == 1 { "file" } else { "files" }
}
