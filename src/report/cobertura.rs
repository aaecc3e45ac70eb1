//! Cobertura's coverage.xml, with the attributes that its readers insist on.
//!
//! One source directory, for some readers look at the first only. Lines stand
//! in classes and `methods` is empty, for some readers count both.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::escape::Escaped;
use super::numbers::outcomes_of;
use super::places::{exit_counts, exits_in_order, statement_at};
use super::{Numbers, Settings, Sources};
use crate::model::{ArcEnd, BranchLine, Coverage, FileCoverage, Line};

/// How the XML looks.
#[derive(Clone, Copy, Debug)]
pub struct CoberturaOptions {
    /// List what was seen of each condition instead of the missing ways.
    pub conditions: bool,
    /// How many directories make the name of a package.
    pub package_depth: usize,
}

impl Default for CoberturaOptions {
    fn default() -> Self {
        Self { conditions: false, package_depth: 99 }
    }
}

/// Writes the XML.
///
/// # Errors
/// When writing fails.
pub fn write(
    coverage: &Coverage,
    _: &Sources,
    settings: &Settings,
    out: &mut dyn Write,
) -> io::Result<()> {
    let options = settings.cobertura;
    let mut packages: BTreeMap<String, Vec<&FileCoverage>> = BTreeMap::new();
    for file in &coverage.files {
        let package = package(&file.path, options.package_depth);
        packages.entry(package).or_default().push(file);
    }
    let total = sum(coverage.files.iter());
    let version = env!("CARGO_PKG_VERSION");
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<!DOCTYPE coverage SYSTEM 'http://cobertura.sourceforge.net/xml/coverage-04.dtd'>"
    )?;
    writeln!(
        out,
        "<coverage version=\"mpycov {version}\" timestamp=\"{}\" lines-valid=\"{}\" \
         lines-covered=\"{}\" {} branches-valid=\"{}\" branches-covered=\"{}\">",
        settings.when.0,
        total.statements,
        total.statements - total.missing,
        rates(&total),
        total.branches,
        total.branches - total.missing_branches,
    )?;
    let root = Escaped(&settings.root);
    writeln!(out, "\t<sources>\n\t\t<source>{root}</source>\n\t</sources>")?;
    writeln!(out, "\t<packages>")?;
    for (name, files) in &packages {
        let numbers = sum(files.iter().copied());
        let name = Escaped(name);
        writeln!(out, "\t\t<package name=\"{name}\" {}>", rates(&numbers))?;
        writeln!(out, "\t\t\t<classes>")?;
        for file in files {
            class(file, options, out)?;
        }
        writeln!(out, "\t\t\t</classes>\n\t\t</package>")?;
    }
    writeln!(out, "\t</packages>\n</coverage>")
}

/// The directories of a path with dots between them; `.` for none.
fn package(path: &str, depth: usize) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    parts.truncate(depth);
    if parts.is_empty() { ".".to_owned() } else { parts.join(".") }
}

fn sum<'a>(files: impl Iterator<Item = &'a FileCoverage>) -> Numbers {
    let mut all = Numbers::default();
    files.for_each(|file| all += Numbers::of(file));
    all
}

fn rates(n: &Numbers) -> String {
    let line = rate(n.statements - n.missing, n.statements);
    let branch = rate(n.branches - n.missing_branches, n.branches);
    format!("line-rate=\"{line}\" branch-rate=\"{branch}\" complexity=\"0\"")
}

/// A share with four significant digits that is 0 or 1 only when it is that.
fn rate(covered: u64, total: u64) -> String {
    if covered == total {
        return "1".to_owned();
    }
    let share = covered as f64 / total as f64;
    let text = format!("{:.4}", share.clamp(0.0001, 0.9999));
    if covered == 0 { "0".to_owned() } else { text.trim_end_matches('0').to_owned() }
}

fn class(file: &FileCoverage, options: CoberturaOptions, out: &mut dyn Write) -> io::Result<()> {
    let path = Escaped(&file.path);
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let name = Escaped(name);
    let rates = rates(&Numbers::of(file));
    writeln!(out, "\t\t\t\t<class name=\"{name}\" filename=\"{path}\" {rates}>")?;
    writeln!(out, "\t\t\t\t\t<methods/>\n\t\t\t\t\t<lines>")?;
    let branches: BTreeMap<Line, &BranchLine> = file.branches.iter().map(|b| (b.line, b)).collect();
    let conditions = if options.conditions { conditions_by_line(file) } else { BTreeMap::new() };
    for (line, hit) in &file.statements {
        write!(out, "\t\t\t\t\t\t<line number=\"{line}\" hits=\"{}\"", u8::from(*hit))?;
        if let Some(branch) = branches.get(line) {
            let (covered, total) = exit_counts(branch);
            let percent = 100 * covered / total;
            write!(out, " branch=\"true\" condition-coverage=\"{percent}% ({covered}/{total})\"")?;
            let missing = missing(branch);
            if !options.conditions && !missing.is_empty() {
                write!(out, " missing-branches=\"{missing}\"")?;
            }
        }
        match conditions.get(line).filter(|_| branches.contains_key(line)) {
            Some(conditions) => conditions_of_line(conditions, out)?,
            None => writeln!(out, "/>")?,
        }
    }
    writeln!(out, "\t\t\t\t\t</lines>\n\t\t\t\t</class>")
}

fn missing(branch: &BranchLine) -> String {
    let missing: Vec<ArcEnd> = branch.missing().collect();
    let exits = exits_in_order(branch).into_iter().map(|e| e.to);
    let names = exits.filter(|to| missing.contains(to)).map(|to| to.to_string());
    names.collect::<Vec<_>>().join(",")
}

/// Seen and asked outcomes of each condition, by line.
fn conditions_by_line(file: &FileCoverage) -> BTreeMap<Line, Vec<(u64, u64)>> {
    let mut all: BTreeMap<Line, Vec<(u64, u64)>> = BTreeMap::new();
    for decision in file.decisions.iter().filter(|d| d.not_measured.is_none()) {
        if let Some(line) = statement_at(file, decision.line) {
            let outcomes = (0..decision.conditions.len()).map(|n| outcomes_of(decision, n));
            all.entry(line).or_default().extend(outcomes);
        }
    }
    all
}

fn conditions_of_line(conditions: &[(u64, u64)], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, ">\n\t\t\t\t\t\t\t<conditions>")?;
    for (number, (seen, all)) in conditions.iter().enumerate() {
        let percent = (100 * seen).checked_div(*all).unwrap_or(100);
        writeln!(
            out,
            "\t\t\t\t\t\t\t\t<condition number=\"{number}\" type=\"jump\" coverage=\"{percent}%\"/>"
        )?;
    }
    writeln!(out, "\t\t\t\t\t\t\t</conditions>\n\t\t\t\t\t\t</line>")
}
