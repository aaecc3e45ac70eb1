//! What the planner asks of the weaver: which marks to make, and where.
//!
//! Plain data with offsets into the original text; no parser types. A mark
//! says what must happen when control reaches a point; its sites are the
//! places in the text that are that point, and the weaver picks the one that
//! can carry the mark best.

use crate::model::{FileMap, Line, SensorId, Span};

/// What a mark does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Fire a sensor.
    Fire(SensorId),
    /// Remember in pending slot number `slot` of the frame which sensor is due.
    Set {
        /// Number of the slot.
        slot: u32,
        /// The sensor that a later [`Action::Flush`] of the slot fires.
        sensor: SensorId,
    },
    /// Fire the sensor that the slot remembers.
    Flush {
        /// Number of the slot.
        slot: u32,
    },
}

/// A place in the text that is the point of a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// In front of a simple statement, which starts at this offset.
    Simple {
        /// Where the statement starts.
        at: u32,
    },
    /// In front of a compound statement, or behind the last statement of a suite.
    Gap(Gap),
    /// Behind the last statement of the file, on a line of its own.
    FileEnd,
}

/// A point where no simple statement follows in the same suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// End of the simple statement just before, if there is one that goes on.
    pub after: Option<u32>,
    /// Blank and comment lines that stand at the point.
    pub free: Vec<Line>,
    /// The white space that indents the suite.
    pub indent: Span,
    /// The expression that the compound statement evaluates first, if it has
    /// one that may be wrapped.
    pub header: Option<Span>,
    /// Is that expression evaluated again and again (the test of a `while`)?
    pub repeats: bool,
    /// May that expression be wrapped in typed native code: is it asked for its
    /// truth only, or an object for sure?
    pub untyped: bool,
    /// Start of the line before which a line can be added.
    pub line_start: u32,
}

/// The function, class body or module in which code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub usize);

/// What a frame is, as far as marks care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// The module's own code: names are globals.
    Module,
    /// A class body: names become attributes.
    Class,
    /// A function: names are locals.
    Function,
    /// A lambda: expressions only.
    Lambda,
    /// A function compiled with typed native code, where only stores are safe.
    Viper,
}

/// A frame and where its first mark may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: FrameKind,
    /// Where its body starts, for a local alias of the hit table.
    pub start: Option<Site>,
}

/// A mark at a point between statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointMark {
    /// The frame it runs in.
    pub frame: FrameId,
    /// Is it inside a loop of that frame?
    pub in_loop: bool,
    /// What happens there, in order.
    pub actions: Vec<Action>,
    /// The places that are this point, any one will do.
    pub sites: Vec<Site>,
}

/// One edge out of a condition that ends a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeMark {
    /// Number of the condition.
    pub leaf: usize,
    /// What the condition was.
    pub value: bool,
    /// What the decision is.
    pub outcome: bool,
    /// The sensor of the path that ends so.
    pub sensor: SensorId,
}

/// The nodes of a decision as they stand in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafText {
    /// The condition without parentheses around it.
    pub span: Span,
    /// Does it need parentheses as an operand of `and` and `or`?
    pub loose: bool,
}

/// How a decision is rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// The text stays; each marked edge wraps its condition.
    Edges(Vec<EdgeMark>),
    /// The decision is unfolded into conditional expressions, one a node of
    /// the unfolded graph.
    Unfold(Box<Unfolded>),
    /// A value expression: each tested operand becomes a conditional expression.
    Value(Box<ValueRewrite>),
}

/// A decision as a tree in which each walk ends in a mark of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfolded {
    /// Ends with an outcome.
    End {
        /// The decision's outcome.
        outcome: bool,
        /// The sensor of the path that ends here, if it is marked here.
        sensor: Option<SensorId>,
    },
    /// Tests a condition.
    Test {
        /// Number of the condition.
        leaf: usize,
        /// Goes on here if it is true.
        if_true: Box<Unfolded>,
        /// Goes on here if it is false.
        if_false: Box<Unfolded>,
    },
}

/// `a or b`, `a and b` or `not a` whose value is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueRewrite {
    /// `not x`
    Not {
        /// Span of the whole expression.
        whole: Span,
        /// Span of the operand with its parentheses.
        operand: Span,
        /// The sensor for a true operand.
        on_true: SensorId,
        /// The sensor for a false operand.
        on_false: SensorId,
    },
    /// Operands joined by one operator.
    Chain {
        /// Span of the whole expression.
        whole: Span,
        /// True for `or`.
        is_or: bool,
        /// The tested operands, in order.
        tested: Vec<TestedOperand>,
        /// The last operand, which is not tested.
        last: Span,
    },
}

/// A tested operand of a value chain and its two marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestedOperand {
    /// Its text with its parentheses, if any.
    pub span: Span,
    /// Is it a plain name, which may be read twice?
    pub plain: bool,
    /// The sensor of the path that ends here: the operand is the value.
    pub ends: SensorId,
    /// The sensor of the path that goes on to the last operand.
    pub goes_on: Option<SensorId>,
}

/// A decision that is rewritten inside its expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionMark {
    /// The frame it runs in.
    pub frame: FrameId,
    /// Is it inside a loop of that frame?
    pub in_loop: bool,
    /// Does it run in a comprehension, where locals of the frame are captured?
    pub nested: bool,
    /// Span of the whole expression.
    pub span: Span,
    /// Its conditions.
    pub leaves: Vec<LeafText>,
    /// How it is rewritten.
    pub rewrite: Rewrite,
}

/// A `for` loop that ran to its end and has no `else`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElseMark {
    /// The frame it runs in.
    pub frame: FrameId,
    /// Is it inside a loop of that frame?
    pub in_loop: bool,
    /// The sensor to fire.
    pub sensor: SensorId,
    /// Blank and comment lines behind the loop's body.
    pub free: Vec<Line>,
    /// The white space that indents the loop.
    pub indent: Span,
    /// Start of the line before which a line can be added; `None` where the
    /// file ends without a line end.
    pub line_start: Option<u32>,
}

/// The expression of a decorator, which has been evaluated once the mark fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecoratorMark {
    /// The sensor to fire.
    pub sensor: SensorId,
    /// Span of the expression.
    pub span: Span,
}

/// What to weave into one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The static half, for the host.
    pub map: FileMap,
    /// Frames; number 0 is the module.
    pub frames: Vec<Frame>,
    /// Marks between statements.
    pub points: Vec<PointMark>,
    /// Marks in expressions.
    pub decisions: Vec<DecisionMark>,
    /// Marks of exhausted loops.
    pub elses: Vec<ElseMark>,
    /// Marks of evaluated decorators.
    pub decorators: Vec<DecoratorMark>,
    /// May `:=` be used?
    pub walrus: bool,
    /// Names beginning with an underscore that the text uses.
    pub taken_names: Vec<String>,
}
