//! Results of micropython-lib's `unittest`, read from what it prints.
//!
//! A test is announced by `NAME (CLASS) ...` and ends with ` ok`, ` FAIL`,
//! ` ERROR` or ` skipped: REASON`. What the test itself prints stands in
//! between, and what its `tearDown` prints behind. The tracebacks follow
//! after the last test, and then the sums. Works on the bare transcript of
//! unittest as well as on all that a board has printed.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::model::{Problem, TestCase, TestEnd};

/// What unittest has printed, with times, as the unix port keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The text.
    pub text: String,
    /// For each print its offset and the time in milliseconds.
    marks: Vec<(usize, u64)>,
}

impl Transcript {
    /// Reads records: a line with time and length, then so many bytes of text.
    /// One that was cut off ends it.
    #[must_use]
    pub fn of_records(mut bytes: &[u8]) -> Self {
        let mut out = Self::default();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut numbers = head.split(' ').map(str::parse::<u64>);
            let (Some(Ok(time)), Some(Ok(length))) = (numbers.next(), numbers.next()) else {
                break;
            };
            bytes = &bytes[end + 1..];
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len());
            out.marks.push((out.text.len(), time));
            out.text += &String::from_utf8_lossy(&bytes[..length]);
            bytes = &bytes[length..];
        }
        out
    }

    /// The tests with the time that each took.
    #[must_use]
    pub fn read(&self, main: &str) -> Results {
        let mut results = read(&self.text, main);
        for found in &mut results.found {
            let time = |offset| {
                let after = self.marks.partition_point(|(at, _)| *at <= offset);
                self.marks.get(after.checked_sub(1)?).map(|(_, time)| *time)
            };
            let ended = time(found.ends).filter(|_| found.ends > found.starts);
            found.case.millis =
                ended.zip(time(found.starts)).map(|(end, start)| end.wrapping_sub(start));
        }
        results
    }

    /// How long it took from the first print to the last, in milliseconds.
    #[must_use]
    pub fn millis(&self) -> Option<u64> {
        let (first, last) = (self.marks.first()?, self.marks.last()?);
        Some(last.1.wrapping_sub(first.1))
    }
}

/// What unittest has printed, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// The tests, in the order in which they ran.
    pub found: Vec<Found>,
    /// True if tests or a sum were found, and a test failed or did not end.
    pub failed: bool,
    /// The number of runs that came to their sum.
    pub runs: usize,
    /// Where the sums disagree with the tests that were read, one sentence each.
    pub faults: Vec<String>,
}

impl Results {
    /// Brings the line numbers in tracebacks home: `line_of` takes the name of
    /// a file and a line of its instrumented text.
    pub fn relocate(&mut self, line_of: &dyn Fn(&str, u32) -> u32) {
        for found in &mut self.found {
            let (TestEnd::Failed(problem) | TestEnd::Error(problem)) = &mut found.case.end else {
                continue;
            };
            let moved = PLACE.replace_all(&problem.trace, |place: &Captures<'_>| {
                let line = place[2].parse().map_or(0, |line| line_of(&place[1], line));
                format!("File \"{}\", line {line}", &place[1])
            });
            problem.trace = moved.into_owned();
        }
    }

    /// Did unittest run at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.runs == 0
    }
}

/// A test, and where in the text it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The test.
    pub case: TestCase,
    /// Offset of its name.
    pub starts: usize,
    /// Offset of its verdict; that of the end of its output if it has none.
    pub ends: usize,
}

/// A piece of the text, with its offset.
#[derive(Clone, Copy)]
struct Piece<'t> {
    at: usize,
    text: &'t str,
}

static START: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(<[^<>]*>|\btest\w*) \(([^()\s]*)\) \.\.\."));
static PLACE: LazyLock<Regex> = LazyLock::new(|| pattern(r#"File "([^"]*)", line (\d{1,9})\b"#));
static RAN: LazyLock<Regex> = LazyLock::new(|| pattern(r"^Ran (\d+) tests?\b"));
static FAILED: LazyLock<Regex> = LazyLock::new(|| pattern(r"^FAILED \("));
static OF_CLASS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(.+) <class '([^']*)'>(.*)$"));
static OF_SUITE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(.+?) \(([^()\s]*)\)(.*)$"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of our own")
}

/// What unittest draws above each traceback.
const DOUBLE: &str = "======================================================================";
/// What it draws below the heading of one, and above the sums.
const SINGLE: &str = "----------------------------------------------------------------------";

/// Reads what a program has printed. `main` is the name of the module that
/// ran as `__main__`; classes in it get that name.
#[must_use]
pub fn read(text: &str, main: &str) -> Results {
    let lines: Vec<Piece<'_>> = lines(text).collect();
    let mut out = Results::default();
    // First test of this run of unittest; runs of a program follow each other.
    let mut first = 0;
    let mut open: Option<Vec<Piece<'_>>> = None;
    let mut number = 0;
    while let Some(&line) = lines.get(number) {
        let next = lines.get(number + 1).map_or("", |line| line.text);
        number += 1;
        if line.text == DOUBLE && next.starts_with("FAIL: ") {
            close(&mut open, &mut out);
            let details = &lines[number..];
            let length = details.iter().skip(2).position(|l| l.text == DOUBLE || ends(l, &lines));
            let details = &details[..length.map_or(details.len(), |length| length + 2)];
            blame(details, &mut out.found[first..]);
            number += details.len();
        } else if line.text == SINGLE && RAN.is_match(next) {
            close(&mut open, &mut out);
            sum(next, out.found.len() - first, &mut out);
            first = out.found.len();
            number += 1;
        } else if FAILED.is_match(line.text) {
            out.failed |= out.runs > 0;
        } else {
            let mut rest = line;
            while let Some(start) = START.captures(rest.text) {
                let whole = start.get(0).expect("a match has a whole");
                let before = Piece { at: rest.at, text: &rest.text[..whole.start()] };
                open.iter_mut().for_each(|pieces| pieces.push(before));
                close(&mut open, &mut out);
                let class = match start[2].strip_prefix("__main__") {
                    Some(rest) => format!("{main}{rest}"),
                    None => start[2].trim_start_matches('.').to_owned(),
                };
                let end = TestEnd::Passed;
                let case = TestCase { class, name: start[1].to_owned(), millis: None, end };
                let starts = rest.at + whole.start();
                out.found.push(Found { case, starts, ends: starts });
                open = Some(Vec::new());
                rest = Piece { at: rest.at + whole.end(), text: &rest.text[whole.end()..] };
            }
            open.iter_mut().for_each(|pieces| pieces.push(rest));
        }
    }
    close(&mut open, &mut out);
    let well = |end: &TestEnd| matches!(end, TestEnd::Passed | TestEnd::Skipped { .. });
    out.failed |= out.found.iter().any(|found| !well(&found.case.end));
    out
}

fn lines(text: &str) -> impl Iterator<Item = Piece<'_>> {
    text.split_inclusive('\n').scan(0, |offset, line| {
        let at = *offset;
        *offset += line.len();
        Some(Piece { at, text: line.trim_end_matches(['\r', '\n']) })
    })
}

/// Is this the line above the sums?
fn ends(line: &Piece<'_>, lines: &[Piece<'_>]) -> bool {
    let next = || lines.iter().find(|other| other.at > line.at);
    line.text == SINGLE && next().is_some_and(|next| RAN.is_match(next.text))
}

fn sum(line: &str, read: usize, out: &mut Results) {
    out.runs += 1;
    let announced = RAN.captures(line).and_then(|found| found[1].parse().ok());
    if announced.is_some_and(|announced: usize| announced != read) {
        let announced = announced.unwrap_or_default();
        out.faults.push(format!("unittest ran {announced} tests, and the output shows {read}"));
    }
}

/// Ends the test that is open with the verdict in its output.
fn close(open: &mut Option<Vec<Piece<'_>>>, out: &mut Results) {
    let (Some(pieces), Some(found)) = (open.take(), out.found.last_mut()) else { return };
    // A test that prints nothing has its verdict at once. Otherwise the last
    // one counts, for what a test prints may look like one.
    let first = pieces.first().filter(|piece| piece.text.starts_with(' '));
    let at_once = first.and_then(|piece| verdict(piece).filter(|(at, _)| *at == piece.at));
    let last = || pieces.iter().rev().find_map(verdict);
    if let Some((at, end)) = at_once.or_else(last) {
        (found.ends, found.case.end) = (at, end);
        return;
    }
    if let Some(piece) = pieces.last() {
        found.ends = piece.at + piece.text.len();
    }
    let texts: Vec<&str> = pieces.iter().map(|piece| piece.text).collect();
    let message = "the test did not come to its end".to_owned();
    let trace = texts.join("\n").trim().to_owned();
    found.case.end = TestEnd::Error(Problem { kind: String::new(), message, trace });
}

/// The verdict at the end of a line, and its offset.
fn verdict(piece: &Piece<'_>) -> Option<(usize, TestEnd)> {
    let ended = |word: &str, end: TestEnd| {
        piece.text.strip_suffix(word).map(|before| (piece.at + before.len(), end))
    };
    ended(" ok", TestEnd::Passed)
        .or_else(|| ended(" FAIL", TestEnd::Failed(Problem::default())))
        .or_else(|| ended(" ERROR", TestEnd::Error(Problem::default())))
        .or_else(|| {
            let at = piece.text.find(" skipped:")?;
            let reason = piece.text[at + " skipped:".len()..].trim().to_owned();
            Some((piece.at + at, TestEnd::Skipped { reason }))
        })
}

/// Gives a traceback to its test: the heading, a line below, the traceback.
fn blame(details: &[Piece<'_>], found: &mut [Found]) {
    let [heading, _, trace @ ..] = details else { return };
    let heading = heading.text.trim_start_matches("FAIL: ").trim_end();
    let of = OF_CLASS.captures(heading).or_else(|| OF_SUITE.captures(heading));
    let (name, class, part) = match &of {
        Some(of) => (of[1].to_owned(), of[2].to_owned(), of[3].trim().to_owned()),
        None => {
            (heading.split(' ').next().unwrap_or_default().to_owned(), String::new(), String::new())
        }
    };
    let last = |class: &str| class.rsplit('.').next().unwrap_or_default().to_owned();
    let fits = |found: &&mut Found| {
        let case = &found.case;
        case.name == name && (class.is_empty() || last(&case.class) == last(&class))
    };
    let texts: Vec<&str> = trace.iter().map(|line| line.text).collect();
    let problem = problem(&texts, &part);
    if let Some(found) = found.iter_mut().find(fits) {
        add(&mut found.case.end, problem);
    }
}

/// What a traceback tells; `part` names the part of the test.
fn problem(trace: &[&str], part: &str) -> Problem {
    let behind =
        trace.iter().rposition(|line| line.starts_with("  File \"")).map_or(0, |at| at + 1);
    let raised = trace[behind.min(trace.len())..].join("\n");
    let raised = raised.trim_end();
    let (kind, message) = raised.split_once(':').unwrap_or((raised, ""));
    let space = if part.is_empty() { "" } else { " " };
    Problem {
        kind: kind.to_owned(),
        message: format!("{part}{space}{}", message.trim()),
        trace: trace.join("\n").trim_end().to_owned(),
    }
}

/// A failed test with one more traceback. It failed if an assertion did not
/// hold; if all its tracebacks are of other kinds, it is an error.
fn add(end: &mut TestEnd, more: Problem) {
    let before = match std::mem::replace(end, TestEnd::Passed) {
        TestEnd::Failed(problem) | TestEnd::Error(problem) => problem,
        _ => Problem::default(),
    };
    let assertion = "AssertionError";
    let all = if before.trace.is_empty() {
        more
    } else {
        let first = before.kind == assertion || more.kind != assertion;
        let (kind, message) =
            if first { (before.kind, before.message) } else { (more.kind, more.message) };
        Problem { kind, message, trace: format!("{}\n\n{}", before.trace, more.trace) }
    };
    *end = if all.kind == assertion { TestEnd::Failed(all) } else { TestEnd::Error(all) };
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "noise\r
test_a (__main__.TestX) ... ok\r
test_b (__main__.TestX) ...printed by the test, all ok\r
and more FAIL\r
tear down\r
test_c (__main__.TestX) ... skipped: no (clock) ...\r
test_d (other.TestY) ... ERROR\r
test_e (other.TestY) ... FAIL\r
\r
======================================================================\r
FAIL: test_d <class 'TestY'>\r
----------------------------------------------------------------------\r
Traceback (most recent call last):\r
  File \"unittest/__init__.py\", line 1, in run_one\r
  File \"t.py\", line 3, in test_d\r
OSError: [Errno 2] ENOENT\r
\r
======================================================================\r
FAIL: test_b <class 'TestX'>\r
----------------------------------------------------------------------\r
Traceback (most recent call last):\r
  File \"t.py\", line 9, in test_b\r
AssertionError: 1 vs (expected) 2\r
of two lines\r
\r
======================================================================\r
FAIL: test_e (other.TestY)  (i=3)\r
----------------------------------------------------------------------\r
Traceback (most recent call last):\r
  File \"t.py\", line 19, in test_e\r
ValueError: \r
\r
----------------------------------------------------------------------\r
Ran 5 tests\r
\r
FAILED (failures=1, errors=2)\r
";

    fn kinds(results: &Results) -> Vec<String> {
        let name = |end: &TestEnd| match end {
            TestEnd::Passed => "passed".to_owned(),
            TestEnd::Failed(p) => format!("failed {}: {}", p.kind, p.message),
            TestEnd::Error(p) => format!("error {}: {}", p.kind, p.message),
            TestEnd::Skipped { reason } => format!("skipped {reason}"),
        };
        let row = |f: &Found| format!("{}.{} {}", f.case.class, f.case.name, name(&f.case.end));
        results.found.iter().map(row).collect()
    }

    #[test]
    fn tests_are_told_from_what_they_print() {
        let results = read(TEXT, "test_x");
        assert_eq!(
            kinds(&results),
            [
                "test_x.TestX.test_a passed",
                "test_x.TestX.test_b failed AssertionError: 1 vs (expected) 2\nof two lines",
                "test_x.TestX.test_c skipped no (clock) ...",
                "other.TestY.test_d error OSError: [Errno 2] ENOENT",
                "other.TestY.test_e error ValueError: (i=3) ",
            ]
        );
        assert!(results.failed && results.faults.is_empty() && results.runs == 1, "{results:?}");
        let mut moved = results.clone();
        moved.relocate(&|file, line| if file == "t.py" { line - 1 } else { line });
        let TestEnd::Error(problem) = &moved.found[3].case.end else { panic!("an error") };
        let lines: Vec<&str> = problem.trace.lines().map(str::trim).skip(1).collect();
        assert_eq!(lines[0], "File \"unittest/__init__.py\", line 1, in run_one");
        assert_eq!(lines[1], "File \"t.py\", line 2, in test_d");
        let b = &results.found[1];
        assert!(TEXT[b.starts..].starts_with("test_b"));
        assert!(TEXT[b.ends..].starts_with(" FAIL\r\ntear down"));
    }

    #[test]
    fn a_test_that_never_ends_is_an_error() {
        let results = read("test_a (m.X) ... ok\ntest_b (m.X) ...half", "main");
        assert_eq!(
            kinds(&results),
            ["m.X.test_a passed", "m.X.test_b error : the test did not come to its end"]
        );
        assert!(results.failed && results.runs == 0);
    }

    #[test]
    fn times_are_those_of_the_prints() {
        let records =
            b"5 18\ntest_a\xc3\xa9 (m.X) ...7 4\n ok\n10 17\ntest_b (m.X) ...\n19 99\n ERROR";
        let text = Transcript::of_records(records);
        let results = text.read("main");
        let times: Vec<_> = results.found.iter().map(|found| found.case.millis).collect();
        assert_eq!(times, [Some(2), Some(9)]);
        assert_eq!(text.millis(), Some(14));
        assert_eq!(kinds(&results)[0], "m.X.test_a\u{e9} passed");
        assert_eq!(Transcript::of_records(b"").millis(), None);
    }

    #[test]
    fn sums_are_compared() {
        let text = format!("test_a (m.X) ... ok\n{SINGLE}\nRan 2 tests\n\nOK\n");
        let results = read(&text, "main");
        assert_eq!(results.faults, ["unittest ran 2 tests, and the output shows 1"]);
        assert!(!results.failed);
        assert!(read("FAILED (of course)\nOK\nall ok\n", "main").is_empty());
        let none = read(&format!("{SINGLE}\nRan 0 tests\n\nOK\n"), "main");
        assert!(!none.is_empty() && !none.failed && none.found.is_empty());
    }
}
