//! Joins verdicts on one source text that were reached through different
//! maps: other levels, or an observer that saw lines only.

use super::{HIDDEN_WAY, SHARED_LINE, judge};
use crate::model::{DecisionVerdict, FileCoverage, FileMap, Line};

/// Adds to `into` what `other` saw, whose verdicts came through `map`. Both must
/// be of the same source text; the one with the higher level should be `into`,
/// since what is asked for is its.
///
/// # Panics
/// If `map` is not that of `other`.
pub fn merge(into: &mut FileCoverage, other: &FileCoverage, map: &FileMap) {
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
    merge_decisions(into, other, map);
    for (line, contexts) in &other.line_contexts {
        into.line_contexts.entry(*line).or_default().extend(contexts);
    }
}

/// What one cannot tell, the other may be sure of: that something happened
/// settles it; that it did not, in its own runs, does not.
fn settle(into: &mut FileCoverage, other: &FileCoverage) {
    let unsure = |file: &FileCoverage, line: Line, reason: &str| {
        file.not_measured.iter().any(|part| part.line == line && part.reason == reason)
    };
    for (line, hit) in &other.statements {
        if *hit && unsure(into, *line, SHARED_LINE) {
            into.statements.insert(*line, true);
            into.not_measured.retain(|part| part.line != *line || part.reason != SHARED_LINE);
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
        let open = if part.reason == SHARED_LINE {
            into.statements.get(&part.line) == Some(&false)
        } else {
            let mine = into.branches.iter().find(|branch| branch.line == part.line);
            part.reason == HIDDEN_WAY
                && mine.is_some_and(|branch| branch.exits.iter().any(|exit| !exit.taken))
        };
        if open && part.reason == SHARED_LINE {
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

/// Two lots of runs may show together what neither shows alone: so the paths
/// are joined, and the verdicts on conditions are reached again from them.
/// Where only one could tell the paths, its verdict stands.
fn merge_decisions(into: &mut FileCoverage, other: &FileCoverage, map: &FileMap) {
    assert_eq!(other.decisions.len(), map.decisions.len(), "verdicts and map belong together");
    for (theirs, decision) in other.decisions.iter().zip(&map.decisions) {
        let same = |mine: &&mut DecisionVerdict| {
            (mine.line, mine.column, mine.kind, &mine.text)
                == (theirs.line, theirs.column, theirs.kind, &theirs.text)
        };
        let Some(mine) = into.decisions.iter_mut().find(same) else { continue };
        match (told(mine), told(theirs)) {
            (mine_told, their_told) if their_told < mine_told => {}
            (mine_told, their_told) if mine_told < their_told => *mine = theirs.clone(),
            _ if !is_same_shape(mine, theirs) => {}
            _ => {
                for (path, theirs) in mine.paths.iter_mut().zip(&theirs.paths) {
                    path.hit |= theirs.hit;
                }
                for (condition, theirs) in mine.conditions.iter_mut().zip(&theirs.conditions) {
                    condition.seen_true |= theirs.seen_true;
                    condition.seen_false |= theirs.seen_false;
                }
                judge(&decision.tree, mine);
            }
        }
    }
}

/// How much of a decision could be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Nothing,
    Outcomes,
    Paths,
}

fn told(decision: &DecisionVerdict) -> Told {
    match decision.not_measured {
        None => Told::Paths,
        Some(_) if decision.outcomes_only => Told::Outcomes,
        Some(_) => Told::Nothing,
    }
}

/// Do both have the same conditions and the same paths?
fn is_same_shape(mine: &DecisionVerdict, theirs: &DecisionVerdict) -> bool {
    let texts = |d: &DecisionVerdict| d.conditions.iter().map(|c| c.text.clone()).collect();
    let (mine_texts, their_texts): (Vec<String>, Vec<String>) = (texts(mine), texts(theirs));
    let same = mine.paths.iter().zip(&theirs.paths);
    mine_texts == their_texts
        && mine.paths.len() == theirs.paths.len()
        && same.into_iter().all(|(a, b)| a.values == b.values && a.outcome == b.outcome)
}
