//! Joins verdicts on one source text that were reached through different
//! maps: other levels, or an observer that saw lines only.

use crate::model::{FileCoverage, Line};

/// Adds to `into` what `other` saw. Both must be of the same source text; the
/// one with the higher level should be `into`, since what is asked for is its.
pub fn merge(into: &mut FileCoverage, other: &FileCoverage) {
    into.measured |= other.measured;
    for (line, hit) in &other.statements {
        if let Some(mine) = into.statements.get_mut(line) {
            *mine |= hit;
        }
    }
    for branch in &other.branches {
        let Some(mine) = into.branches.iter_mut().find(|b| b.line == branch.line) else { continue };
        for exit in branch.exits.iter().filter(|e| e.taken) {
            if let Some(mine) = mine.exits.iter_mut().find(|e| e.to == exit.to) {
                mine.taken = true;
            }
        }
    }
    for suite in other.suites.iter().filter(|s| s.hit) {
        for mine in into.suites.iter_mut().filter(|s| s.line == suite.line) {
            mine.hit = true;
        }
    }
    for (scope, entered) in &other.scopes {
        let same = |mine: &&mut (crate::model::Scope, bool)| mine.0.name == scope.name;
        for mine in into.scopes.iter_mut().filter(same) {
            mine.1 |= mine.0.line == scope.line && *entered;
        }
    }
    merge_decisions(into, other);
    for (line, contexts) in &other.line_contexts {
        into.line_contexts.entry(*line).or_default().extend(contexts);
    }
}

fn merge_decisions(into: &mut FileCoverage, other: &FileCoverage) {
    let key = |line: Line, column: u32, text: &str| (line, column, text.to_owned());
    for decision in &other.decisions {
        let wanted = key(decision.line, decision.column, &decision.text);
        let found = into
            .decisions
            .iter_mut()
            .find(|d| key(d.line, d.column, &d.text) == wanted && d.kind == decision.kind);
        let Some(mine) = found.filter(|d| d.paths.len() == decision.paths.len()) else { continue };
        for (path, theirs) in mine.paths.iter_mut().zip(&decision.paths) {
            path.hit |= theirs.hit;
        }
        for (condition, theirs) in mine.conditions.iter_mut().zip(&decision.conditions) {
            condition.seen_true |= theirs.seen_true;
            condition.seen_false |= theirs.seen_false;
            condition.mcdc |= theirs.mcdc;
            condition.mcdc_pair |= theirs.mcdc_pair;
            condition.shown_by = condition.shown_by.or(theirs.shown_by);
        }
    }
}
