//! The shape of a file for those who see lines only: its suites and what each
//! statement's line can tell.
//!
//! MicroPython's table of lines never goes back: code that it puts behind a
//! suite and that has no line of its own (the test of a `while`, the jump at the
//! end of a loop, the way out of a function) counts for the last line of the
//! suite. So that line is reported though its statement need not have run. Where
//! that may happen the line is *shared*; a `pass` behind the suite, which makes
//! no code, gives such code a line of its own: a *fence*.

mod maker;

use std::collections::BTreeSet;

use crate::model::{Line, Span};
pub use maker::outline;

/// Where the code behind a suite leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// To the header of the loop on this line: it tests again.
    Loop(Line),
    /// Out of the function, class or module.
    Exit,
    /// On, to whatever comes next.
    Through,
    /// Nowhere: it is code of our own, which shows that the statement on this
    /// line, which has none, was passed.
    Witness(Line),
}

/// Where a fence can stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// What the code behind it does.
    pub tail: Tail,
    /// What stands there.
    pub text: &'static str,
    /// The white space that indents the suite.
    pub indent: Span,
    /// Line behind which it stands.
    pub below: Line,
}

/// What code MicroPython makes for a statement, with its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Some, for sure.
    Made,
    /// Perhaps none; then it cannot raise.
    None,
    /// Some, perhaps with the line of what is before it.
    Elsewhere,
}

/// Is a line reported for the code of others?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// Never.
    No,
    /// Where there is no fence.
    Unfenced,
    /// Always: there is no place for a fence.
    Always,
}

/// One statement, or an `elif` or `except` clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its line, as statements are counted.
    pub line: Line,
    /// The code that is made for it.
    pub code: Code,
    /// May code of others be reported with its line?
    pub shared: Shared,
    /// Is it a simple statement after which the next one follows?
    pub goes_on: bool,
    /// Does it make a function or a class, whose lines are not its own?
    pub defines: bool,
    /// Numbers of the suites inside it.
    pub inner: Vec<usize>,
}

/// Statements that run one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suite {
    /// Its statements.
    pub steps: Vec<Step>,
    /// The line whose outcome alone leads here.
    pub header: Option<Line>,
    /// The fences that it needs, in order.
    pub fences: Vec<Fence>,
    /// Of a `finally`: the lines of those `return` that lead through it. From
    /// there on the firmware reports nothing more.
    pub returns: Vec<Line>,
    /// Lines of `return` that a `finally` may take back: by `continue` or `break`, or by an exception that a
    /// `try` around it may catch. The suite is that of their function, which goes on then.
    pub taken_back: Vec<Line>,
    /// Is it part of a function's body?
    pub in_function: bool,
    /// Is that function compiled to native code, of which nothing is reported?
    pub is_native: bool,
    /// Where code could be added behind its last statement, which makes none.
    pub stand_in: Option<u32>,
}

/// The suites of a file; number 0 is the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The suites.
    pub suites: Vec<Suite>,
    /// Lines that hold a header and its suite.
    pub one_line: BTreeSet<Line>,
    /// Tests of `elif` whose code counts for the line before, unless an operand
    /// with a line of its own is put in front.
    pub tests: Vec<Span>,
}

impl Outline {
    /// Is this the line of a statement of the module or of a class, and of no
    /// function?
    #[must_use]
    pub fn is_outside(&self, line: Line) -> bool {
        let mut mine = self.holding(line);
        let first = mine.next();
        first.is_some_and(|suite| !suite.in_function) && mine.all(|suite| !suite.in_function)
    }

    /// Is a statement on this line in native code?
    #[must_use]
    pub fn is_native(&self, line: Line) -> bool {
        self.holding(line).any(|suite| suite.is_native)
    }

    fn holding(&self, line: Line) -> impl Iterator<Item = &Suite> {
        self.suites.iter().filter(move |suite| suite.steps.iter().any(|step| step.line == line))
    }
}
