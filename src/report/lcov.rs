//! LCOV's tracefile, in two flavours: one that every reader takes, and one for
//! lcov 2.3 and later with functions from first to last line, labels of
//! branches and MC/DC.
//!
//! Readers differ in what they refuse. Branches and blocks are whole numbers
//! and functions have no last line in the first flavour, for that alone is read
//! alike by all; docs/formats.md says who refuses what.

use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use md5::{Digest, Md5};

use super::places::{exits_in_order, is_counted, line_spans, one_line, statement_at};
use super::regions::unique_names;
use super::{Settings, Sources};
use crate::model::{
    ArcEnd, BranchLine, Coverage, DecisionVerdict, FileCoverage, Line, Scope, ScopeKind,
};

/// Which records are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LcovFlavor {
    /// Those that every reader takes.
    #[default]
    Common,
    /// Those of lcov 2.3 and later.
    Lcov2,
}

/// How the tracefile looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct LcovOptions {
    /// Which records are used.
    pub flavor: LcovFlavor,
    /// Add a checksum of each line's text.
    pub line_checksums: bool,
}

/// Writes the tracefile.
///
/// # Errors
/// When writing fails.
pub fn write(
    coverage: &Coverage,
    sources: &Sources,
    settings: &Settings,
    out: &mut dyn Write,
) -> io::Result<()> {
    for file in &coverage.files {
        let checksums = settings.lcov.line_checksums;
        let text = sources.get(&file.path).filter(|_| checksums);
        writeln!(out, "TN:")?;
        writeln!(out, "SF:{}", one_line_path(&file.path))?;
        functions(file, settings.lcov.flavor, out)?;
        branches(file, settings.lcov.flavor, out)?;
        if settings.lcov.flavor == LcovFlavor::Lcov2 {
            mcdc(file, out)?;
        }
        lines(file, text.map(Vec::as_slice), out)?;
        writeln!(out, "end_of_record")?;
    }
    Ok(())
}

/// A record ends with its line, so no path can have one.
fn one_line_path(path: &str) -> String {
    path.replace(['\n', '\r'], " ")
}

fn functions(file: &FileCoverage, flavor: LcovFlavor, out: &mut dyn Write) -> io::Result<()> {
    let scopes: Vec<&(Scope, bool)> = file
        .scopes
        .iter()
        .filter(|(scope, _)| scope.kind == ScopeKind::Function && is_counted(file, scope))
        .collect();
    let names = unique_names(&scopes);
    let mut hit = 0;
    for (index, ((scope, entered), name)) in scopes.iter().zip(names).enumerate() {
        let count = u32::from(*entered);
        hit += count;
        match flavor {
            LcovFlavor::Common => {
                writeln!(out, "FN:{},{name}", scope.line)?;
                writeln!(out, "FNDA:{count},{name}")?;
            }
            LcovFlavor::Lcov2 => {
                // From the body on: the `def` runs whether or not it is called. Where
                // both share a line there is nothing to go by.
                match scope.body_line == scope.line {
                    true => writeln!(out, "FNL:{index},{}", scope.line)?,
                    false => writeln!(out, "FNL:{index},{},{}", scope.body_line, scope.end_line)?,
                }
                writeln!(out, "FNA:{index},{count},{name}")?;
            }
        }
    }
    if !scopes.is_empty() {
        writeln!(out, "FNF:{}\nFNH:{hit}", scopes.len())?;
    }
    Ok(())
}

fn branches(file: &FileCoverage, flavor: LcovFlavor, out: &mut dyn Write) -> io::Result<()> {
    let (mut found, mut hit) = (0, 0);
    for branch in &file.branches {
        let Some(ran) = file.statements.get(&branch.line) else {
            continue;
        };
        let line = branch.line;
        // Where the test itself ended with an exception no way was taken.
        let raised = *ran && branch.exits.iter().all(|e| !e.taken) && !branch.partial_allowed;
        for (number, exit) in exits_in_order(branch).iter().enumerate() {
            let taken = exit.taken || branch.partial_allowed;
            let count = match (*ran, raised && flavor == LcovFlavor::Common, taken) {
                (false, _, _) | (_, true, _) => "-",
                (true, false, true) => "1",
                (true, false, false) => "0",
            };
            found += 1;
            hit += u32::from(count == "1");
            match flavor {
                LcovFlavor::Common => writeln!(out, "BRDA:{line},0,{number},{count}")?,
                LcovFlavor::Lcov2 => {
                    writeln!(out, "BRDA:{line},0,{},{count}", label(branch, exit.to))?;
                }
            }
        }
        if raised && flavor == LcovFlavor::Lcov2 {
            writeln!(out, "BRDA:{line},e0,raised an exception,1")?;
            found += 1;
            hit += 1;
        }
    }
    if found > 0 {
        writeln!(out, "BRF:{found}\nBRH:{hit}")?;
    }
    Ok(())
}

fn label(branch: &BranchLine, to: ArcEnd) -> String {
    match to {
        ArcEnd::Line(line) if line <= branch.line => format!("back to line {line}"),
        ArcEnd::Line(line) => format!("to line {line}"),
        ArcEnd::Exit(_) => "to the exit".to_owned(),
    }
}

/// MC/DC, as LLVM means it: both senses of a condition are covered when a pair
/// of evaluations shows that it decides, and neither is before.
fn mcdc(file: &FileCoverage, out: &mut dyn Write) -> io::Result<()> {
    let mut by_line: BTreeMap<Line, Vec<&DecisionVerdict>> = BTreeMap::new();
    for decision in &file.decisions {
        let line = statement_at(file, decision.line).filter(|_| decision.not_measured.is_none());
        if let Some(line) = line {
            by_line.entry(line).or_default().push(decision);
        }
    }
    let (mut found, mut hit) = (0, 0);
    for (line, decisions) in by_line {
        for group in groups(&decisions) {
            let conditions: Vec<_> = group.iter().flat_map(|d| &d.conditions).collect();
            for (index, condition) in conditions.iter().enumerate() {
                let count = u32::from(condition.mcdc);
                let text = one_line(&condition.text);
                for sense in ["t", "f"] {
                    let size = conditions.len();
                    writeln!(out, "MCDC:{line},{size},{sense},{count},{index},{text}")?;
                }
                found += 2;
                hit += 2 * count;
            }
        }
    }
    if found > 0 {
        writeln!(out, "MCF:{found}\nMCH:{hit}")?;
    }
    Ok(())
}

/// The groups of a line, which lcov knows by their size only: decisions of one
/// size would be taken for one, so then the whole line is a single group.
fn groups<'a>(decisions: &[&'a DecisionVerdict]) -> Vec<Vec<&'a DecisionVerdict>> {
    let mut sizes: Vec<usize> = decisions.iter().map(|d| d.conditions.len()).collect();
    sizes.sort_unstable();
    sizes.dedup();
    if sizes.len() == decisions.len() {
        decisions.iter().map(|d| vec![*d]).collect()
    } else {
        vec![decisions.to_vec()]
    }
}

fn lines(file: &FileCoverage, text: Option<&[u8]>, out: &mut dyn Write) -> io::Result<()> {
    let spans = text.map_or_else(Vec::new, line_spans);
    let text = text.unwrap_or_default();
    let mut hit = 0;
    for (line, ran) in &file.statements {
        let count = u32::from(*ran);
        hit += count;
        match spans.get(line.0 as usize - 1) {
            Some((start, end)) => {
                let sum = STANDARD_NO_PAD.encode(Md5::digest(&text[*start..*end]));
                writeln!(out, "DA:{line},{count},{sum}")?;
            }
            None => writeln!(out, "DA:{line},{count}")?,
        }
    }
    writeln!(out, "LF:{}\nLH:{hit}", file.statements.len())
}
