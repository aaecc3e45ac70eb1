//! The short-circuit graph of a decision, and its paths.
//!
//! Evaluation goes from leaf to leaf; each leaf has a successor for true and
//! one for false, which is another leaf or the outcome. The construction is
//! the usual control flow of `and`, `or` and `not`, from the right to the left.

use ruff_python_ast::{BoolOp, Expr, UnaryOp};

use super::flow::wholly_constant;
use super::marks::{Action, Unfolded};
use crate::model::ConditionTree;

/// Where evaluation goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// To this leaf.
    Leaf(usize),
    /// The decision is made.
    Outcome(bool),
}

/// One way through the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// Value of each leaf; `None` where it is not evaluated.
    pub(super) values: Vec<Option<bool>>,
    /// The last leaf evaluated and its value.
    pub(super) last: (usize, bool),
    /// The outcome.
    pub(super) outcome: bool,
}

/// The graph of a decision.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    root: Next,
    /// For each leaf: where it goes when false, when true.
    next: Vec<(Next, Next)>,
}

/// The shape of an expression and its leaves, from the left. Operands that no
/// evaluation reaches, behind a constant that decides, are left out.
pub(super) fn shape<'e>(expr: &'e Expr, leaves: &mut Vec<&'e Expr>) -> ConditionTree {
    if let Some(truth) = wholly_constant(expr) {
        return ConditionTree::Constant(truth);
    }
    match expr {
        Expr::UnaryOp(e) if e.op == UnaryOp::Not => {
            ConditionTree::Not(Box::new(shape(&e.operand, leaves)))
        }
        Expr::BoolOp(e) => {
            let is_or = e.op == BoolOp::Or;
            let mut parts = Vec::new();
            for value in &e.values {
                parts.push(shape(value, leaves));
                if parts.last().is_some_and(|part| part.always_decides(is_or)) {
                    break;
                }
            }
            if is_or { ConditionTree::Or(parts) } else { ConditionTree::And(parts) }
        }
        leaf => {
            leaves.push(leaf);
            ConditionTree::Leaf(leaves.len() - 1)
        }
    }
}

impl Graph {
    /// The graph of a shape with so many leaves.
    pub(super) fn of(tree: &ConditionTree, leaves: usize) -> Self {
        let undecided = (Next::Outcome(false), Next::Outcome(true));
        let mut graph = Self { root: Next::Outcome(false), next: vec![undecided; leaves] };
        graph.root = graph.go(tree, Next::Outcome(false), Next::Outcome(true));
        graph
    }

    fn go(&mut self, tree: &ConditionTree, on_false: Next, on_true: Next) -> Next {
        match tree {
            ConditionTree::Leaf(i) => {
                self.next[*i] = (on_false, on_true);
                Next::Leaf(*i)
            }
            ConditionTree::Constant(truth) => {
                if *truth {
                    on_true
                } else {
                    on_false
                }
            }
            ConditionTree::Value => unreachable!("every operand of a test is tested"),
            ConditionTree::Not(inner) => self.go(inner, on_true, on_false),
            ConditionTree::And(parts) => {
                let last = parts.iter().rev().fold(None, |then, part| {
                    Some(self.go(part, on_false, then.unwrap_or(on_true)))
                });
                last.unwrap_or(on_true)
            }
            ConditionTree::Or(parts) => {
                let last = parts.iter().rev().fold(None, |then, part| {
                    Some(self.go(part, then.unwrap_or(on_false), on_true))
                });
                last.unwrap_or(on_false)
            }
        }
    }

    /// Is each leaf reached by one way only? Then the last edge of a path
    /// names the path.
    pub(super) fn is_tree(&self) -> bool {
        let mut reached = vec![0u32; self.next.len()];
        let targets = self.next.iter().flat_map(|(f, t)| [*f, *t]).chain([self.root]);
        for target in targets {
            if let Next::Leaf(i) = target {
                reached[i] += 1;
            }
        }
        reached.iter().all(|n| *n <= 1)
    }

    /// Every path, true before false.
    pub(super) fn walks(&self) -> Vec<Walk> {
        let mut walks = Vec::new();
        let mut values = vec![None; self.next.len()];
        self.walk(self.root, None, &mut values, &mut walks);
        walks
    }

    fn walk(
        &self,
        at: Next,
        last: Option<(usize, bool)>,
        values: &mut Vec<Option<bool>>,
        out: &mut Vec<Walk>,
    ) {
        match (at, last) {
            (Next::Leaf(i), _) => {
                let (on_false, on_true) = self.next[i];
                for (value, next) in [(true, on_true), (false, on_false)] {
                    values[i] = Some(value);
                    self.walk(next, Some((i, value)), values, out);
                }
                values[i] = None;
            }
            (Next::Outcome(outcome), Some(last)) => {
                out.push(Walk { values: values.clone(), last, outcome });
            }
            (Next::Outcome(_), None) => {}
        }
    }

    /// The graph unfolded into a tree; `action` gives what marks each
    /// path, by its number in [`Graph::walks`].
    pub(super) fn unfold(&self, action: &mut dyn FnMut(usize) -> Option<Action>) -> Unfolded {
        self.unfold_from(self.root, &mut 0, action)
    }

    fn unfold_from(
        &self,
        at: Next,
        path: &mut usize,
        action: &mut dyn FnMut(usize) -> Option<Action>,
    ) -> Unfolded {
        match at {
            Next::Outcome(outcome) => {
                *path += 1;
                Unfolded::End { outcome, action: action(*path - 1) }
            }
            Next::Leaf(leaf) => {
                let (on_false, on_true) = self.next[leaf];
                let if_true = Box::new(self.unfold_from(on_true, path, action));
                let if_false = Box::new(self.unfold_from(on_false, path, action));
                Unfolded::Test { leaf, if_true, if_false }
            }
        }
    }
}
