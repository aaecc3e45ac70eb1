//! What traced lines say, against what sensors say.

use mpycov::evaluate::{HIDDEN_WAY, SHARED_LINE, UNTRACED};
use mpycov::model::{FileCoverage, Line};

/// What is not measured because lines cannot tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Blind {
    /// Statements whose line is reported for other code, too.
    pub statements: usize,
    /// Lines whose ways lines do not tell.
    pub branches: usize,
    /// Statements that may have run where nothing is reported.
    pub untraced: usize,
}

impl Blind {
    /// Adds what is open elsewhere.
    pub fn add(&mut self, other: &Blind) {
        self.statements += other.statements;
        self.branches += other.branches;
        self.untraced += other.untraced;
    }
}

/// Compares what traced lines say with what sensors say: the statements and branches about which they differ.
///
/// # Panics
///
/// Where they are not of the same files.
pub fn compare(
    name: &str,
    sensors: &[FileCoverage],
    traced: &[FileCoverage],
    blind: &mut Blind,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (mine, theirs) in traced.iter().zip(sensors) {
        assert_eq!(mine.path, theirs.path, "{name}");
        let at = |line: Line| format!("{name}: {}:{line}", mine.path);
        let unsure = |line: Line, reason: &str| {
            mine.not_measured.iter().any(|part| part.line == line && part.reason == reason)
        };
        for (line, hit) in &theirs.statements {
            match mine.statements.get(line) {
                Some(found) if found == hit => {}
                Some(found) => {
                    wrong.push(format!("{}: started {found}, sensors say {hit}", at(*line)))
                }
                None if unsure(*line, SHARED_LINE) => blind.statements += 1,
                None if unsure(*line, UNTRACED) => blind.untraced += 1,
                None => wrong.push(format!("{}: no verdict on a statement", at(*line))),
            }
        }
        for branch in &theirs.branches {
            match mine.branches.iter().find(|found| found.line == branch.line) {
                Some(found) if found.exits == branch.exits => {}
                Some(found) => wrong.push(format!(
                    "{}: {:?}, sensors say {:?}",
                    at(branch.line),
                    found.exits,
                    branch.exits
                )),
                None if unsure(branch.line, HIDDEN_WAY) => blind.branches += 1,
                None => wrong.push(format!("{}: no verdict on a branch", at(branch.line))),
            }
        }
    }
    assert_eq!(traced.len(), sensors.len(), "{name}");
    wrong
}
