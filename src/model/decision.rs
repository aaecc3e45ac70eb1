//! Decisions, their conditions and their short-circuit paths.
//!
//! A decision is an expression of `and`, `or` and `not` over conditions. Its
//! evaluation walks from condition to condition until the outcome is known;
//! each such walk is a [`Path`], and a decision of n conditions in a chain has
//! n + 1 of them. A set of paths tells all that any condition metric asks.

use super::{Evidence, Line, Span};

/// Paths that a decision may have; of one with more only the outcomes of its
/// conditions are measured.
pub const MAX_PATHS: usize = 128;

/// What kind of expression a decision is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DecisionKind {
    /// Test of an `if`.
    If,
    /// Test of an `elif`.
    Elif,
    /// Test of a `while`.
    While,
    /// Test of an `assert`.
    Assert,
    /// Test of a conditional expression `x if test else y`.
    IfExp,
    /// `if` of a comprehension or generator expression.
    CompIf,
    /// `and`, `or` or `not` whose value is used.
    BoolOp,
}

impl DecisionKind {
    /// The word in reports and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DecisionKind::If => "if",
            DecisionKind::Elif => "elif",
            DecisionKind::While => "while",
            DecisionKind::Assert => "assert",
            DecisionKind::IfExp => "ifexp",
            DecisionKind::CompIf => "comp_if",
            DecisionKind::BoolOp => "bool_op",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        use DecisionKind::{Assert, BoolOp, CompIf, Elif, If, IfExp, While};
        [If, Elif, While, Assert, IfExp, CompIf, BoolOp].into_iter().find(|k| k.name() == name)
    }
}

/// The shape of a decision: leaves are numbered from the left, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConditionTree {
    /// Condition number n.
    Leaf(usize),
    /// A constant with this truth value: evaluated by nobody, never a condition.
    Constant(bool),
    /// The last operand of a value expression: it is the result, and nobody
    /// asks for its truth.
    Value,
    /// `not x`
    Not(Box<ConditionTree>),
    /// `x and y and …`
    And(Vec<ConditionTree>),
    /// `x or y or …`
    Or(Vec<ConditionTree>),
}

impl ConditionTree {
    /// Number of paths that end true and that end false; saturates.
    #[must_use]
    pub fn paths(&self) -> (usize, usize) {
        let chain = |parts: &[Self], is_or: bool| {
            let (mut ended, mut going) = (0usize, 1usize);
            for part in parts {
                let (on_true, on_false) = part.paths();
                let (ends, goes) = if is_or { (on_true, on_false) } else { (on_false, on_true) };
                ended = ended.saturating_add(going.saturating_mul(ends));
                going = going.saturating_mul(goes);
            }
            if is_or { (ended, going) } else { (going, ended) }
        };
        match self {
            Self::Leaf(_) => (1, 1),
            Self::Constant(truth) => (usize::from(*truth), usize::from(!*truth)),
            Self::Value => (1, 0),
            Self::Not(inner) => {
                let (on_true, on_false) = inner.paths();
                (on_false, on_true)
            }
            Self::And(parts) => chain(parts, false),
            Self::Or(parts) => chain(parts, true),
        }
    }

    /// Does this operand of an `or` (else of an `and`) end it in every
    /// evaluation, so that none goes on to the next operand?
    #[must_use]
    pub fn always_decides(&self, is_or: bool) -> bool {
        let (on_true, on_false) = self.paths();
        if is_or { on_false == 0 } else { on_true == 0 }
    }

    /// Are there too many paths to tell them apart?
    #[must_use]
    pub fn has_too_many_paths(&self) -> bool {
        let (on_true, on_false) = self.paths();
        on_true.saturating_add(on_false) > MAX_PATHS
    }
}

/// A leaf of a decision, without its `not`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its source text.
    pub text: String,
    /// Where the text stands.
    pub span: Span,
    /// Line of its first character.
    pub line: Line,
    /// Column of its first character, in characters from 0.
    pub column: u32,
    /// What shows that it was true in an evaluation that finished, where the
    /// decision has too many paths to tell them apart; else empty.
    pub when_true: Evidence,
    /// The same for false.
    pub when_false: Evidence,
}

/// One way through a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// What each condition was: `None` where it was not evaluated.
    pub values: Vec<Option<bool>>,
    /// What the decision was; `None` where the last operand of a value
    /// expression gives the value and nobody asks for its truth.
    pub outcome: Option<bool>,
    /// What shows that this path was taken.
    pub evidence: Evidence,
}

/// A decision of a file, with the sensors that show its paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What kind of expression it is.
    pub kind: DecisionKind,
    /// Its source text.
    pub text: String,
    /// Where the text stands.
    pub span: Span,
    /// Line of its first character.
    pub line: Line,
    /// Column of its first character, in characters from 0.
    pub column: u32,
    /// Line of its last character.
    pub end_line: Line,
    /// Its shape.
    pub tree: ConditionTree,
    /// Its conditions, from the left.
    pub conditions: Vec<Condition>,
    /// Its paths. Empty if it is not measured, or has too many.
    pub paths: Vec<Path>,
    /// Why nothing, or not everything, is measured; empty if all is.
    pub not_measured: Option<String>,
}
