//! What has changed since an earlier coverage.json, ours or coverage.py's own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Deserialize;

use super::numbers::{Numbers, percent};
use super::sum;
use crate::model::Coverage;

/// The figures of an earlier report.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    /// When it was made, as it says.
    pub when: Option<String>,
    files: BTreeMap<String, Figures>,
    total: Figures,
}

/// Covered and all.
type Share = (u64, u64);

/// Covered and all of each thing that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    lines: Share,
    branches: Share,
    conditions: Option<Share>,
    mcdc: Option<Share>,
}

impl Figures {
    fn of(n: &Numbers) -> Self {
        Self {
            lines: (n.statements - n.missing, n.statements),
            branches: (n.branches - n.missing_branches, n.branches),
            conditions: Some((n.seen_outcomes, n.outcomes)),
            mcdc: Some((n.shown_conditions, n.conditions)),
        }
    }

    fn all(&self) -> Share {
        (self.lines.0 + self.branches.0, self.lines.1 + self.branches.1)
    }
}

#[derive(Deserialize)]
struct Report {
    meta: Option<Meta>,
    files: BTreeMap<String, FileEntry>,
    totals: Summary,
    mpycov: Option<Own>,
}

#[derive(Deserialize)]
struct Meta {
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct FileEntry {
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    covered_lines: u64,
    num_statements: u64,
    #[serde(default)]
    covered_branches: u64,
    #[serde(default)]
    num_branches: u64,
}

#[derive(Deserialize)]
struct Own {
    totals: OwnTotals,
}

#[derive(Deserialize)]
struct OwnTotals {
    conditions: Covered,
    mcdc: Covered,
}

#[derive(Deserialize)]
struct Covered {
    covered: u64,
    total: u64,
}

impl Summary {
    fn figures(&self) -> Figures {
        Figures {
            lines: (self.covered_lines, self.num_statements),
            branches: (self.covered_branches, self.num_branches),
            conditions: None,
            mcdc: None,
        }
    }
}

/// Reads an earlier report.
///
/// # Errors
/// When the text is not a coverage.json.
pub fn read(text: &[u8]) -> Result<Earlier, serde_json::Error> {
    let report: Report = serde_json::from_slice(text)?;
    let mut total = report.totals.figures();
    if let Some(own) = report.mpycov {
        let pair = |c: &Covered| Some((c.covered, c.total));
        total.conditions = pair(&own.totals.conditions);
        total.mcdc = pair(&own.totals.mcdc);
    }
    let files = report.files.into_iter().map(|(path, entry)| (path, entry.summary.figures()));
    Ok(Earlier { when: report.meta.and_then(|meta| meta.timestamp), files: files.collect(), total })
}

/// Writes the files that differ and the sums, one a line:
/// name, percentage before, percentage now, difference.
///
/// # Errors
/// When writing fails.
pub fn write(
    earlier: &Earlier,
    coverage: &Coverage,
    precision: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let now: BTreeMap<&str, Figures> =
        coverage.files.iter().map(|f| (f.path.as_str(), Figures::of(&Numbers::of(f)))).collect();
    let before: BTreeMap<&str, Figures> =
        earlier.files.iter().map(|(path, figures)| (path.as_str(), *figures)).collect();
    let mut rows: Vec<[String; 4]> = Vec::new();
    let paths: BTreeSet<&str> = now.keys().chain(before.keys()).copied().collect();
    for path in paths {
        let figures = (before.get(path).map(Figures::all), now.get(path).map(Figures::all));
        if figures.0 != figures.1 {
            rows.push(row(path, figures, precision));
        }
    }
    let total = Figures::of(&sum(coverage));
    let same = rows.is_empty();
    let old = &earlier.total;
    let sums = [
        ("Lines", Some(old.lines), Some(total.lines)),
        ("Branches", Some(old.branches), Some(total.branches)),
        ("Conditions", old.conditions, total.conditions),
        ("MC/DC", old.mcdc, total.mcdc),
        ("TOTAL", Some(old.all()), Some(total.all())),
    ];
    let counted = |pair: Option<Share>| pair.filter(|(_, all)| *all > 0);
    let files = rows.len();
    for (name, old, new) in sums {
        let pair = (counted(old), counted(new));
        if pair != (None, None) {
            rows.push(row(name, pair, precision));
        }
    }
    let since = earlier.when.as_deref().unwrap_or("an earlier report");
    writeln!(out, "Compared with {since}:\n")?;
    table(&rows, files, out)?;
    if same {
        writeln!(out, "\nNo file has changed in coverage.")?;
    }
    Ok(())
}

fn row(name: &str, (before, now): (Option<Share>, Option<Share>), precision: usize) -> [String; 4] {
    let shown = |pair: Option<Share>| match pair {
        Some((covered, all)) => {
            format!("{}%", super::numbers::display_percent(covered, all, precision))
        }
        None => "-".to_owned(),
    };
    let change = match (before, now) {
        (None, _) => "new".to_owned(),
        (_, None) => "gone".to_owned(),
        (Some(b), Some(n)) => difference(percent(n.0, n.1) - percent(b.0, b.1), precision),
    };
    [name.to_owned(), shown(before), shown(now), change]
}

/// A difference of percentages with a sign; one too small to show has none.
fn difference(difference: f64, precision: usize) -> String {
    let text = format!("{difference:+.precision$}");
    let zero = !text.contains(|c: char| ('1'..='9').contains(&c));
    match (zero, difference != 0.0) {
        (true, false) => "=".to_owned(),
        (true, true) if difference > 0.0 => "+~0".to_owned(),
        (true, true) => "-~0".to_owned(),
        (false, _) => text,
    }
}

fn table(rows: &[[String; 4]], files: usize, out: &mut dyn Write) -> io::Result<()> {
    let heading = ["Name", "Before", "Now", "Change"].map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&heading]).map(|r| r[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    let line = |row: &[String; 4]| {
        let [name, before, now, change] = row;
        format!(
            "{name:<0$}   {before:>1$}   {now:>2$}   {change:>3$}",
            widths[0], widths[1], widths[2], widths[3]
        )
    };
    let rule = "-".repeat(widths.iter().sum::<usize>() + 9);
    writeln!(out, "{}\n{rule}", line(&heading))?;
    for row in &rows[..files] {
        writeln!(out, "{}", line(row))?;
    }
    if files > 0 {
        writeln!(out, "{rule}")?;
    }
    for row in &rows[files..] {
        writeln!(out, "{}", line(row))?;
    }
    Ok(())
}
