//! MC/DC from the set of paths.
//!
//! Masking MC/DC (Chilenski; DO-178C supporting information, CAST-6): a
//! condition is shown when it was true in one evaluation and false in another
//! and in both the outcome hung on it, the others being masked. Which
//! conditions an outcome hangs on follows from the shape: in `x and y` with a
//! false result only the operand that was false, with a true result both.
//! The stricter pair verdict asks for two evaluations with different outcomes
//! in which, of the conditions evaluated in both, only this one differs.

use crate::model::{ConditionTree, PathVerdict};

/// What the paths show of one condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// The paths that show it in the masking sense: true in the first, false
    /// in the second.
    pub(super) masking: Option<(usize, usize)>,
    /// Shown in the stricter sense.
    pub(super) pair: bool,
    /// A path not taken that would show it, and a taken one that it pairs with.
    pub(super) would_show: Option<(usize, Option<usize>)>,
}

/// Evaluates all conditions of a decision.
pub(super) fn conditions(tree: &ConditionTree, count: usize, paths: &[PathVerdict]) -> Vec<Shown> {
    let outcomes: Vec<Option<Result>> = paths.iter().map(|p| result(tree, &p.values)).collect();
    let decisive: Vec<Vec<usize>> = paths
        .iter()
        .map(|p| {
            let mut leaves = Vec::new();
            unmasked(tree, &p.values, &mut leaves);
            leaves
        })
        .collect();
    (0..count)
        .map(|condition| {
            let find = |wanted: bool, hit: bool| {
                (0..paths.len()).find(|i| {
                    paths[*i].hit == hit
                        && paths[*i].values[condition] == Some(wanted)
                        && decisive[*i].contains(&condition)
                })
            };
            let seen = (find(true, true), find(false, true));
            let masking = seen.0.zip(seen.1);
            let would_show = match seen {
                (Some(_), Some(_)) => None,
                (Some(partner), None) => find(false, false).map(|path| (path, Some(partner))),
                (None, Some(partner)) => find(true, false).map(|path| (path, Some(partner))),
                (None, None) => find(true, false).map(|path| (path, None)),
            };
            let pair = has_pair(condition, paths, &outcomes);
            Shown { masking, pair, would_show }
        })
        .collect()
}

fn has_pair(condition: usize, paths: &[PathVerdict], outcomes: &[Option<Result>]) -> bool {
    let taken: Vec<usize> = (0..paths.len()).filter(|i| paths[*i].hit).collect();
    taken.iter().any(|a| {
        taken.iter().any(|b| {
            let differs = |leaf: usize| match (paths[*a].values[leaf], paths[*b].values[leaf]) {
                (Some(x), Some(y)) => x != y,
                _ => false,
            };
            outcomes[*a] != outcomes[*b]
                && differs(condition)
                && (0..paths[*a].values.len()).all(|leaf| leaf == condition || !differs(leaf))
        })
    })
}

/// What a tree gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Result {
    Truth(bool),
    /// The last operand of a value expression, whatever that is: neither true
    /// nor false, since nobody asks, but not what any other operand gives.
    Last,
}

/// Result of the tree; `None` where it was not evaluated.
fn result(tree: &ConditionTree, values: &[Option<bool>]) -> Option<Result> {
    match tree {
        ConditionTree::Leaf(i) => values[*i].map(Result::Truth),
        ConditionTree::Constant(truth) => Some(Result::Truth(*truth)),
        ConditionTree::Value => Some(Result::Last),
        ConditionTree::Not(inner) => match result(inner, values)? {
            Result::Truth(truth) => Some(Result::Truth(!truth)),
            Result::Last => None,
        },
        ConditionTree::And(parts) => chain(parts, values, false),
        ConditionTree::Or(parts) => chain(parts, values, true),
    }
}

fn chain(parts: &[ConditionTree], values: &[Option<bool>], dominant: bool) -> Option<Result> {
    let mut last = Result::Truth(!dominant);
    for part in parts {
        last = result(part, values)?;
        if last == Result::Truth(dominant) {
            break;
        }
    }
    Some(last)
}

/// The leaves that the result of the tree hangs on.
fn unmasked(tree: &ConditionTree, values: &[Option<bool>], out: &mut Vec<usize>) {
    let operands = |parts: &[ConditionTree], dominant: bool, out: &mut Vec<usize>| match parts
        .iter()
        .find(|part| result(part, values) == Some(Result::Truth(dominant)))
    {
        Some(decider) => unmasked(decider, values, out),
        None => parts.iter().for_each(|part| unmasked(part, values, out)),
    };
    match tree {
        ConditionTree::Leaf(i) => out.extend(values[*i].is_some().then_some(*i)),
        ConditionTree::Constant(_) | ConditionTree::Value => {}
        ConditionTree::Not(inner) => unmasked(inner, values, out),
        ConditionTree::And(parts) => operands(parts, false, out),
        ConditionTree::Or(parts) => operands(parts, true, out),
    }
}
