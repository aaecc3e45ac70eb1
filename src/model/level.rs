//! How much is asked for: each level includes the ones before it.

use std::fmt;
use std::str::FromStr;

/// What the sensors of a file can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Each suite: was it entered?
    Block,
    /// Each statement: was it started?
    Line,
    /// Each way out of each `if`, `elif`, `while` and `for`.
    Branch,
    /// Each short-circuit path of each decision.
    Condition,
}

impl Level {
    /// All levels, the cheapest first.
    pub const ALL: [Level; 4] = [Level::Block, Level::Line, Level::Branch, Level::Condition];

    /// The word users type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Block => "block",
            Level::Line => "line",
            Level::Branch => "branch",
            Level::Condition => "condition",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Level::ALL
            .into_iter()
            .find(|level| level.name() == text)
            .ok_or_else(|| format!("`{text}` is no level: use block, line, branch or condition"))
    }
}
