//! Results of unit tests.

/// The tests of one program on one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestSuite {
    /// What ran: a script or a module.
    pub name: String,
    /// Where it ran, such as a board. It stands before the classes, so that
    /// results of several targets do not fall together.
    pub target: Option<String>,
    /// When it ended: seconds since 1970, UTC.
    pub ended: u64,
    /// How long all of it took, in milliseconds.
    pub millis: Option<u64>,
    /// The tests, in the order they ran.
    pub cases: Vec<TestCase>,
    /// What else the program printed.
    pub output: String,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestCase {
    /// The class, with its module.
    pub class: String,
    /// The method.
    pub name: String,
    /// How long it took, in milliseconds.
    pub millis: Option<u64>,
    /// How it ended.
    pub end: TestEnd,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestEnd {
    /// Well.
    Passed,
    /// An assertion did not hold.
    Failed(Problem),
    /// Something else was raised, or the test did not come to its end.
    Error(Problem),
    /// It did not run.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// What was raised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// Name of the exception; empty if none is known.
    pub kind: String,
    /// Its text.
    pub message: String,
    /// The traceback.
    pub trace: String,
}
