//! Joins verdicts on one source text that were reached through different
//! maps: other levels, or an observer that saw lines only.

use super::{HIDDEN_WAY, LINES_ONLY, SHARED_LINE, UNTRACED};
use crate::model::{FileCoverage, Line, NotMeasured};

/// Adds to `into` what `other` saw. Both must be of the same source text; the
/// one with the higher level should be `into`, since what is asked for is its.
pub fn merge(into: &mut FileCoverage, other: &FileCoverage) {
    settle(into, other);
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

/// Is a statement what could not be told?
fn is_of_statement(part: &NotMeasured) -> bool {
    part.reason == SHARED_LINE || part.reason == UNTRACED
}

/// What one cannot tell, the other may be sure of: that something happened
/// settles it; that it did not, in its own runs, does not.
fn settle(into: &mut FileCoverage, other: &FileCoverage) {
    let unsure = |file: &FileCoverage, line: Line, reason: &str| {
        file.not_measured.iter().any(|part| part.line == line && part.reason == reason)
    };
    for (line, hit) in &other.statements {
        if *hit && (unsure(into, *line, SHARED_LINE) || unsure(into, *line, UNTRACED)) {
            into.statements.insert(*line, true);
            into.not_measured.retain(|part| part.line != *line || !is_of_statement(part));
        }
    }
    for branch in &other.branches {
        let all_taken = branch.exits.iter().all(|exit| exit.taken);
        if all_taken && unsure(into, branch.line, HIDDEN_WAY) {
            into.branches.push(branch.clone());
            into.branches.sort_by_key(|branch| branch.line);
            into.not_measured.retain(|part| part.line != branch.line || part.reason != HIDDEN_WAY);
        }
    }
    for part in &other.not_measured {
        let open = if is_of_statement(part) {
            into.statements.get(&part.line) == Some(&false)
        } else {
            let mine = into.branches.iter().find(|branch| branch.line == part.line);
            part.reason == HIDDEN_WAY
                && mine.is_some_and(|branch| branch.exits.iter().any(|exit| !exit.taken))
        };
        if open && is_of_statement(part) {
            into.statements.remove(&part.line);
        } else if open {
            into.branches.retain(|branch| branch.line != part.line);
        }
        if open {
            into.not_measured.push(part.clone());
        }
    }
    into.not_measured.sort();
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
        let lines_only = |reason: &Option<String>| reason.as_deref() == Some(LINES_ONLY);
        if lines_only(&decision.not_measured) {
            continue;
        }
        if lines_only(&mine.not_measured) {
            *mine = decision.clone();
            continue;
        }
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
