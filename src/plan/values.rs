//! `and`, `or` and `not` whose value is used: how MicroPython gets at it.
//!
//! A value is tested by each operator that hands it on and by no other: in
//! `(a and b) or c` a false `a` is tested by the `and` and once more by the
//! `or`; the last operand of all is not tested. Unfolding keeps each of these
//! tests, and follows what they say even where an operand changes its mind:
//! then the evaluation has no path, and nothing is recorded of it.

use ruff_python_ast::{BoolOp, Expr, UnaryOp};

use super::flow::wholly_constant;
use super::marks::{Gives, ValueStep};
use crate::model::{ConditionTree, SensorId};

/// An operand, and what becomes of its value.
#[derive(Debug)]
pub(super) enum Operand<'e> {
    /// A condition, tested by somebody.
    Leaf(usize),
    /// A constant that is not last, with its truth.
    Constant(&'e Expr, bool),
    /// The last operand: its value is the value of the whole, tested by nobody.
    Last(&'e Expr),
    /// `not x`
    Not(Box<Operand<'e>>),
    /// Operands joined by `or`, or else by `and`.
    Chain {
        /// True for `or`.
        is_or: bool,
        /// The operands.
        parts: Vec<Operand<'e>>,
    },
}

/// One way through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ValueWalk {
    /// Value of each condition; `None` where it is not evaluated.
    pub(super) values: Vec<Option<bool>>,
    /// Truth of the result; `None` if it is the last operand.
    pub(super) outcome: Option<bool>,
}

/// An unfolded expression.
pub(super) struct Unfolding {
    /// Its steps.
    pub(super) step: ValueStep,
    /// Its paths, true before false; path n fires sensor `first + n`.
    pub(super) walks: Vec<ValueWalk>,
}

impl<'e> Operand<'e> {
    /// Takes an expression apart. With `flat`, operators below the top one
    /// are left to decisions of their own.
    pub(super) fn of(expr: &'e Expr, flat: bool, leaves: &mut Vec<&'e Expr>) -> Self {
        Self::read(expr, true, if flat { 1 } else { u32::MAX }, leaves)
    }

    fn read(expr: &'e Expr, last: bool, depth: u32, leaves: &mut Vec<&'e Expr>) -> Self {
        match (expr, wholly_constant(expr)) {
            (_, Some(_)) if last => Self::Last(expr),
            (_, Some(truth)) => Self::Constant(expr, truth),
            (Expr::BoolOp(e), _) if depth > 0 => {
                let is_or = e.op == BoolOp::Or;
                let end = e.values.len() - 1;
                let mut parts = Vec::new();
                for (i, value) in e.values.iter().enumerate() {
                    let is_last = last && i == end;
                    parts.push(Self::read(value, is_last, depth - 1, leaves));
                    // What no evaluation reaches counts for nothing.
                    let decides = |part: &Self| part.tree().always_decides(is_or);
                    if i < end && parts.last().is_some_and(decides) {
                        break;
                    }
                }
                Self::Chain { is_or, parts }
            }
            // A `not` gives one of two values, so nothing has to be kept.
            (Expr::UnaryOp(e), _) if e.op == UnaryOp::Not && (depth > 0 || !last) => {
                Self::Not(Box::new(Self::read(&e.operand, false, depth.saturating_sub(1), leaves)))
            }
            _ if last => Self::Last(expr),
            _ => {
                leaves.push(expr);
                Self::Leaf(leaves.len() - 1)
            }
        }
    }

    /// The shape for the host.
    pub(super) fn tree(&self) -> ConditionTree {
        match self {
            Self::Leaf(i) => ConditionTree::Leaf(*i),
            Self::Constant(_, truth) => ConditionTree::Constant(*truth),
            Self::Last(_) => ConditionTree::Value,
            Self::Not(inner) => ConditionTree::Not(Box::new(inner.tree())),
            Self::Chain { is_or, parts } => {
                let parts = parts.iter().map(Self::tree).collect();
                if *is_or { ConditionTree::Or(parts) } else { ConditionTree::And(parts) }
            }
        }
    }

    /// The last operand of all, if its value is the value of the whole.
    pub(super) fn last(&self) -> Option<&'e Expr> {
        match self {
            Self::Last(expr) => Some(expr),
            Self::Chain { parts, .. } => parts.last()?.last(),
            _ => None,
        }
    }
}

/// Who waits for a value.
enum Waiting<'o, 'e> {
    Nobody,
    Not(&'o Waiting<'o, 'e>),
    Chain { is_or: bool, rest: &'o [Operand<'e>], then: &'o Waiting<'o, 'e> },
}

/// A value on its way.
#[derive(Clone, Copy)]
enum Value<'e> {
    /// Of a condition that nobody has tested yet.
    Fresh(usize),
    /// Of a condition, with the truth that it had last.
    Tested(usize, bool),
    Constant(&'e Expr, bool),
    Last(&'e Expr),
    Truth(bool),
}

struct Unfolder<'s> {
    first: u32,
    values: Vec<Option<bool>>,
    walks: Vec<ValueWalk>,
    /// False while an operand has contradicted itself.
    sure: bool,
    tests: usize,
    limit: usize,
    span: &'s dyn Fn(&Expr) -> crate::model::Span,
}

/// Unfolds an expression with so many conditions, unless more than `limit`
/// tests came of it. Its paths fire the sensors from `first` on; `span` says
/// where the text of an operand stands.
pub(super) fn unfold(
    operand: &Operand<'_>,
    conditions: usize,
    limit: usize,
    first: u32,
    span: &dyn Fn(&Expr) -> crate::model::Span,
) -> Option<Unfolding> {
    let values = vec![None; conditions];
    let mut unfolder =
        Unfolder { first, values, walks: Vec::new(), sure: true, tests: 0, limit, span };
    let step = unfolder.evaluate(operand, &Waiting::Nobody)?;
    Some(Unfolding { step, walks: unfolder.walks })
}

impl<'e> Unfolder<'_> {
    fn evaluate(&mut self, operand: &Operand<'e>, then: &Waiting<'_, 'e>) -> Option<ValueStep> {
        match operand {
            Operand::Leaf(i) => self.hand_on(Value::Fresh(*i), then),
            Operand::Constant(expr, truth) => self.hand_on(Value::Constant(expr, *truth), then),
            Operand::Last(expr) => self.hand_on(Value::Last(expr), then),
            Operand::Not(inner) => self.evaluate(inner, &Waiting::Not(then)),
            Operand::Chain { is_or, parts } => {
                let (first, rest) = parts.split_first()?;
                self.evaluate(first, &Waiting::Chain { is_or: *is_or, rest, then })
            }
        }
    }

    fn hand_on(&mut self, value: Value<'e>, to: &Waiting<'_, 'e>) -> Option<ValueStep> {
        match to {
            Waiting::Nobody => Some(self.end(value)),
            Waiting::Chain { rest: [], then, .. } => self.hand_on(value, then),
            Waiting::Not(_) | Waiting::Chain { .. } => self.test(value, to),
        }
    }

    /// Somebody tests a value, and goes on.
    fn test(&mut self, value: Value<'e>, by: &Waiting<'_, 'e>) -> Option<ValueStep> {
        let (leaf, before) = match value {
            Value::Fresh(leaf) => (leaf, None),
            Value::Tested(leaf, truth) => (leaf, Some(truth)),
            Value::Constant(_, truth) | Value::Truth(truth) => {
                return self.go_on(value, truth, by);
            }
            Value::Last(_) => return None,
        };
        self.tests += 1;
        if self.tests > self.limit {
            return None;
        }
        let mut arms = [true, false].map(|truth| {
            let was_sure = self.sure;
            match before {
                None => self.values[leaf] = Some(truth),
                Some(before) => self.sure &= before == truth,
            }
            let step = self.go_on(Value::Tested(leaf, truth), truth, by);
            self.sure = was_sure;
            step
        });
        if before.is_none() {
            self.values[leaf] = None;
        }
        let (if_true, if_false) = (Box::new(arms[0].take()?), Box::new(arms[1].take()?));
        Some(ValueStep::Test { leaf, again: before.is_some(), if_true, if_false })
    }

    fn go_on(&mut self, value: Value<'e>, truth: bool, by: &Waiting<'_, 'e>) -> Option<ValueStep> {
        match by {
            Waiting::Nobody => None,
            Waiting::Not(then) => self.hand_on(Value::Truth(!truth), then),
            Waiting::Chain { is_or, then, .. } if truth == *is_or => self.hand_on(value, then),
            Waiting::Chain { is_or, rest, then } => {
                let (first, rest) = rest.split_first()?;
                self.evaluate(first, &Waiting::Chain { is_or: *is_or, rest, then })
            }
        }
    }

    fn end(&mut self, value: Value<'e>) -> ValueStep {
        let (gives, outcome) = match value {
            Value::Tested(leaf, truth) => (Gives::Leaf(leaf), Some(truth)),
            Value::Fresh(leaf) => (Gives::Leaf(leaf), None),
            Value::Truth(truth) => (Gives::Truth(truth), Some(truth)),
            Value::Constant(expr, truth) => (Gives::Text((self.span)(expr)), Some(truth)),
            Value::Last(expr) => (Gives::Text((self.span)(expr)), None),
        };
        let sensor = self.sure.then(|| SensorId(self.first + self.walks.len() as u32));
        if self.sure {
            self.walks.push(ValueWalk { values: self.values.clone(), outcome });
        }
        ValueStep::End { gives, sensor }
    }
}

impl ValueStep {
    /// Must the value of this condition be kept, because it is tested again
    /// or may be the result?
    pub(super) fn keeps(&self, leaf: usize) -> bool {
        match self {
            Self::End { gives, .. } => *gives == Gives::Leaf(leaf),
            Self::Test { leaf: mine, again, if_true, if_false } => {
                (*mine == leaf && *again) || if_true.keeps(leaf) || if_false.keeps(leaf)
            }
        }
    }

    /// Is the value ever one that a `not` makes?
    pub(super) fn says_truth(&self) -> bool {
        match self {
            Self::End { gives, .. } => matches!(gives, Gives::Truth(_)),
            Self::Test { if_true, if_false, .. } => if_true.says_truth() || if_false.says_truth(),
        }
    }
}
