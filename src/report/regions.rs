//! The parts of a file by function and by class, each a small file of its own.
//!
//! Cut as coverage.py cuts: a function has the lines of its body without those
//! of functions inside it, a class has the lines of its methods, and one last
//! part, without a name, has all that is in none.

use std::collections::BTreeMap;

use crate::model::{BranchLine, DecisionVerdict, FileCoverage, Line, Scope, ScopeKind};

/// One part of a file.
#[derive(Clone, Debug)]
pub struct Region {
    /// The qualified name. Of several of one name all but the last carry their
    /// line, as in `C.size@12`. Empty for what is in no region.
    pub name: String,
    /// Line of the `def` or `class`; 1 for what is in no region.
    pub line: Line,
    /// Was the body entered? True for what is in no region if any of it ran.
    pub entered: bool,
    /// The lines of this part, with all that was seen of them.
    pub part: FileCoverage,
}

/// Cuts a file into its functions or its classes. The last part is what is in none.
#[must_use]
pub fn split(file: &FileCoverage, kind: ScopeKind) -> Vec<Region> {
    let owners = Owners::of(file, kind);
    let mut regions: Vec<Region> = Vec::with_capacity(owners.names.len() + 1);
    for ((scope, entered), name) in owners.scopes.iter().zip(owners.names) {
        regions.push(Region { name, line: scope.line, entered: *entered, part: empty(file) });
    }
    let outside = regions.len();
    regions.push(Region { name: String::new(), line: Line(1), entered: false, part: empty(file) });
    let at = |line: Line| owners.by_line.get(&line).copied().unwrap_or(outside);
    for (line, hit) in &file.statements {
        regions[at(*line)].part.statements.insert(*line, *hit);
    }
    for line in &file.excluded {
        regions[at(*line)].part.excluded.insert(*line);
    }
    for branch in &file.branches {
        let branch: BranchLine = branch.clone();
        regions[at(branch.line)].part.branches.push(branch);
    }
    for decision in &file.decisions {
        let decision: DecisionVerdict = decision.clone();
        regions[at(decision.line)].part.decisions.push(decision);
    }
    for stretch in &file.not_measured {
        // A `def` is measured where its body is not.
        regions[at(stretch.end_line)].part.not_measured.push(stretch.clone());
    }
    for (line, contexts) in &file.line_contexts {
        let part = &mut regions[at(*line)].part;
        part.line_contexts.insert(*line, contexts.clone());
    }
    regions[outside].entered = regions[outside].part.statements.values().any(|hit| *hit);
    regions
}

/// A name for each scope that no other of the file has.
#[must_use]
pub fn unique_names(scopes: &[&(Scope, bool)]) -> Vec<String> {
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, (scope, _)) in scopes.iter().enumerate() {
        last.insert(&scope.name, index);
    }
    let name = |(index, (scope, _)): (usize, &&(Scope, bool))| {
        if last[scope.name.as_str()] == index {
            scope.name.clone()
        } else {
            format!("{}@{}", scope.name, scope.line)
        }
    };
    scopes.iter().enumerate().map(name).collect()
}

/// Which region has which line.
struct Owners<'a> {
    scopes: Vec<&'a (Scope, bool)>,
    names: Vec<String>,
    by_line: BTreeMap<Line, usize>,
}

impl<'a> Owners<'a> {
    fn of(file: &'a FileCoverage, kind: ScopeKind) -> Self {
        let mut scopes: Vec<&(Scope, bool)> = Vec::new();
        let mut by_line = BTreeMap::new();
        // The scopes around the one at hand, the innermost last; with each
        // its number among those of the kind.
        let mut around: Vec<(&Scope, Option<usize>)> = Vec::new();
        for entry in &file.scopes {
            let scope = &entry.0;
            while around.last().is_some_and(|(s, _)| s.end_line < scope.line) {
                around.pop();
            }
            let number = (scope.kind == kind).then(|| {
                scopes.push(entry);
                scopes.len() - 1
            });
            let owner = match (kind, scope.kind, around.last()) {
                (ScopeKind::Function, ScopeKind::Function, _) => number,
                (ScopeKind::Class, ScopeKind::Function, Some((_, class))) => *class,
                _ => None,
            };
            // Inner scopes come later and take their lines from outer ones.
            for line in owner.iter().flat_map(|_| scope.body_line.0..=scope.end_line.0) {
                by_line.insert(Line(line), owner.unwrap_or_default());
            }
            around.push((scope, number));
        }
        let names = unique_names(&scopes);
        Self { scopes, names, by_line }
    }
}

fn empty(file: &FileCoverage) -> FileCoverage {
    FileCoverage {
        path: file.path.clone(),
        level: file.level,
        measured: file.measured,
        statements: BTreeMap::new(),
        end_lines: BTreeMap::new(),
        excluded: std::collections::BTreeSet::new(),
        branches: Vec::new(),
        decisions: Vec::new(),
        suites: Vec::new(),
        scopes: Vec::new(),
        not_measured: Vec::new(),
        line_contexts: BTreeMap::new(),
    }
}
