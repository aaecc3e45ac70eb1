//! What the planner asks of the weaver: which marks to make, and where.
//!
//! Plain data with offsets into the original text; no parser types. A mark
//! says what must happen when control reaches a point; its sites are the
//! places in the text that are that point, and the weaver picks the one that
//! can carry the mark best.

use smallvec::SmallVec;

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

impl Action {
    /// The sensor that is named, which for a note fires later.
    #[must_use]
    pub fn sensor(self) -> Option<SensorId> {
        match self {
            Self::Fire(sensor) | Self::Set { sensor, .. } => Some(sensor),
            Self::Flush { .. } => None,
        }
    }
}

/// What a mark does, in order: one thing, mostly.
pub type Actions = SmallVec<[Action; 2]>;

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
    /// The number of its parameters, if it is a function.
    pub parameters: usize,
    /// Variables of its own, for sure, apart from those; the most used first.
    pub own: Vec<String>,
}

/// A stretch of a suite that control goes through from its start: whoever comes
/// by a mark of it has come by those before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PassId(pub usize);

/// A mark at a point between statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointMark {
    /// The frame it runs in.
    pub frame: FrameId,
    /// How many loops of that frame are around it.
    pub loops: u32,
    /// The stretch that it stands in; `None` if its place is beside the way.
    pub pass: Option<PassId>,
    /// What happens there, in order.
    pub actions: Actions,
    /// The places that are this point, any one will do.
    pub sites: SmallVec<[Site; 1]>,
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
    /// Fires or notes the sensor of the path that ends so.
    pub action: Action,
    /// Does it end the only loop around it, so that it is taken once?
    pub once: bool,
}

/// The nodes of a decision as they stand in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafText {
    /// The condition; without parentheses around it, unless its value is used.
    pub span: Span,
    /// Does it need parentheses as an operand of `and` and `or`?
    pub loose: bool,
    /// Is its value kept in a temporary?
    pub kept: bool,
}

/// How a decision is rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// The text stays; each marked edge wraps its condition.
    Edges(Vec<EdgeMark>),
    /// The decision is unfolded into conditional expressions, one a node of
    /// the unfolded graph.
    Unfold(Box<Unfolded>),
    /// The text stays; the decision notes the outcomes of its conditions, and
    /// fires the sensors of those that it saw (true, false) when it is made.
    Outcomes(Vec<(SensorId, SensorId)>),
    /// A value expression, unfolded into conditional expressions.
    Value(Box<ValueStep>),
    /// A value expression whose values travel in lists.
    Boxes(Box<Boxes>),
}

/// A decision as a tree in which each walk ends in a mark of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfolded {
    /// Ends with an outcome.
    End {
        /// The decision's outcome.
        outcome: bool,
        /// Fires or notes the sensor of the path that ends here, if it is marked here.
        action: Option<Action>,
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

/// An expression whose value is used, as a tree of tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueStep {
    /// Tests a condition.
    Test {
        /// Number of the condition.
        leaf: usize,
        /// Has it been evaluated before, so that its value is only tested?
        again: bool,
        /// Goes on here if it is true.
        if_true: Box<ValueStep>,
        /// Goes on here if it is false.
        if_false: Box<ValueStep>,
    },
    /// Ends with a value.
    End {
        /// The value.
        gives: Gives,
        /// The sensor of the path that ends here.
        sensor: Option<SensorId>,
    },
}

/// The value of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// That of this condition, which was evaluated.
    Leaf(usize),
    /// What a `not` says.
    Truth(bool),
    /// That of this operand, which is evaluated only now.
    Text(Span),
}

/// Operands joined by one operator, where no name can keep a value: each
/// value travels in a list instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boxes {
    /// True for `or`.
    pub is_or: bool,
    /// The tested operands, with the sensor of the path that each ends.
    pub tested: Vec<(Span, SensorId)>,
    /// The last operand, which is not tested.
    pub last: Span,
    /// The sensor of the path that leads to it.
    pub goes_on: SensorId,
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
