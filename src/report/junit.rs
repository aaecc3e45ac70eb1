//! Results of unit tests in the XML that continuous integration reads.

use std::io::{self, Write};

use super::escape::Escaped;
use crate::model::{Problem, TestCase, TestEnd, TestSuite};

/// What is said instead of a report without tests.
const NOTHING: &str = "there are no results of unit tests: no run has used unittest";

/// Writes the results.
///
/// # Errors
/// When there are none or writing fails.
pub fn write(suites: &[TestSuite], out: &mut dyn Write) -> io::Result<()> {
    if suites.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, NOTHING));
    }
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    let counts: Vec<Counts> = suites.iter().map(Counts::of).collect();
    let sum = counts.iter().copied().fold(Counts::default(), Counts::and);
    writeln!(out, "<testsuites{}>", sum.attributes())?;
    for (suite, counts) in suites.iter().zip(&counts) {
        let name = match &suite.target {
            Some(target) => format!("{target}: {}", suite.name),
            None => suite.name.clone(),
        };
        let name = Escaped(&name);
        let time = time(suite.millis);
        writeln!(out, "  <testsuite name=\"{name}\"{}{time}>", counts.attributes())?;
        for case in &suite.cases {
            test_case(suite, case, out)?;
        }
        if !suite.output.is_empty() {
            writeln!(out, "    <system-out>{}</system-out>", Block(&suite.output))?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

#[derive(Clone, Copy, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    fn of(suite: &TestSuite) -> Self {
        let count = |wanted: fn(&TestEnd) -> bool| {
            suite.cases.iter().filter(|case| wanted(&case.end)).count()
        };
        Self {
            tests: suite.cases.len(),
            failures: count(|end| matches!(end, TestEnd::Failed(_))),
            errors: count(|end| matches!(end, TestEnd::Error(_))),
            skipped: count(|end| matches!(end, TestEnd::Skipped { .. })),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            tests: self.tests + other.tests,
            failures: self.failures + other.failures,
            errors: self.errors + other.errors,
            skipped: self.skipped + other.skipped,
        }
    }

    fn attributes(self) -> String {
        format!(
            " tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
            self.tests, self.failures, self.errors, self.skipped
        )
    }
}

fn time(millis: Option<u64>) -> String {
    let parts = |ms: u64| format!(" time=\"{}.{:03}\"", ms / 1000, ms % 1000);
    millis.map_or_else(String::new, parts)
}

fn test_case(suite: &TestSuite, case: &TestCase, out: &mut dyn Write) -> io::Result<()> {
    let class = match &suite.target {
        Some(target) => format!("{}.{}", target.replace('.', "_"), case.class),
        None => case.class.clone(),
    };
    let (class, name) = (Escaped(&class), Escaped(&case.name));
    let time = time(case.millis);
    write!(out, "    <testcase classname=\"{class}\" name=\"{name}\"{time}")?;
    match &case.end {
        TestEnd::Passed => writeln!(out, "/>"),
        TestEnd::Failed(problem) => raised("failure", problem, out),
        TestEnd::Error(problem) => raised("error", problem, out),
        TestEnd::Skipped { reason } => {
            let reason = Escaped(reason);
            writeln!(out, ">\n      <skipped message=\"{reason}\"/>\n    </testcase>")
        }
    }
}

fn raised(element: &str, problem: &Problem, out: &mut dyn Write) -> io::Result<()> {
    let (kind, message) = (Escaped(&problem.kind), Escaped(&problem.message));
    let trace = Block(&problem.trace);
    writeln!(out, ">\n      <{element} message=\"{message}\" type=\"{kind}\">{trace}</{element}>")?;
    writeln!(out, "    </testcase>")
}

/// A text of several lines between tags.
struct Block<'a>(&'a str);

impl std::fmt::Display for Block<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.0.replace("\r\n", "\n");
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            Escaped(line).fmt(f)?;
        }
        Ok(())
    }
}
