//! Texts that may have run from a `.mpy` file.
//!
//! mpy-cross gives `except ValueError:` and a bare `except:` no line: the code that tests and
//! takes the exception counts for the line before, the last one of the `try` or of the handler
//! above. So that line is reported though it need not have run, and the line of the `except`
//! never is. Firmware that has `sys.settrace` gives it one when it compiles the source itself.
//! Where data do not say
//! which it was, an `except` line that was reported does.

use std::collections::BTreeSet;

use crate::model::Line;
use crate::parse::Parsed;
use crate::plan::outline::{Code, Outline, Shared, Step};

/// What to make of reported lines that may be those of a `.mpy` file.
pub(super) struct Compiled {
    /// The outline as it is for such a text.
    pub(super) outline: Outline,
    /// Lines of `except` that ran, by what else was reported.
    pub(super) ran: BTreeSet<Line>,
    /// Lines that may have been reported for an `except`.
    pub(super) shared: BTreeSet<Line>,
}

/// How an `except` names its exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    /// By a name, or not at all: a `.mpy` file has no line for it.
    Plainly,
    /// By something that brings its line along.
    WithLine,
    /// By something of which that is not known.
    Oddly,
}

struct Handler {
    line: Line,
    named: Named,
    /// Its suite, if that does not share its line.
    suite: Option<usize>,
}

/// Was an exception tested by a handler?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tested {
    Yes,
    No,
    Unknown,
}

/// A `try` with handlers.
struct Try {
    body: Option<usize>,
    /// The suite whose steps are the handlers.
    number: usize,
    handlers: Vec<Handler>,
    /// May the last line of the last handler be reported for what is behind all of them? With an
    /// `else` or `finally`, and where the suite ends.
    ends_shared: bool,
}

/// Looks at the statements that were reported. `None` where the firmware compiled the source
/// itself, or where that makes no difference. `is_known` says that it did not.
pub(super) fn compiled(
    parsed: &Parsed,
    outline: &Outline,
    seen: &BTreeSet<Line>,
    is_known: bool,
) -> Option<Compiled> {
    let tails = outline
        .suites
        .iter()
        .flat_map(|suite| (0..suite.steps.len()).map(|index| suite.steps[index..].split_first()));
    let of = |(step, later)| Try::of(parsed, outline, step, later);
    let all: Vec<Try> = tails.flatten().filter_map(of).collect();
    if all.is_empty() || !is_known && all.iter().any(|one| one.has_lines(seen)) {
        return None;
    }
    let (ran, shared) = (BTreeSet::new(), BTreeSet::new());
    let mut out = Compiled { outline: outline.clone(), ran, shared };
    for one in &all {
        out.settle(one, &one.tested(parsed, outline, seen), seen);
    }
    Some(out)
}

impl Try {
    /// `later` are the statements behind it in its suite.
    fn of(parsed: &Parsed, outline: &Outline, step: &Step, later: &[Step]) -> Option<Self> {
        let first = |number: &usize| Some(outline.suites[*number].steps.first()?.line);
        let is_handlers = |number: &usize| {
            first(number).is_some_and(|line| behind_except(parsed, line).is_some())
        };
        let at = step.inner.iter().position(is_handlers)?;
        let number = step.inner[at];
        let handler = |step: &Step| {
            let named = behind_except(parsed, step.line).map_or(Named::Oddly, named);
            Handler { line: step.line, named, suite: step.inner.first().copied() }
        };
        Some(Self {
            body: at.checked_sub(1).map(|at| step.inner[at]),
            number,
            handlers: outline.suites[number].steps.iter().map(handler).collect(),
            ends_shared: at + 1 < step.inner.len()
                || later.iter().all(|step| step.code != Code::Made),
        })
    }

    /// Was a line reported that a `.mpy` file does not have?
    fn has_lines(&self, seen: &BTreeSet<Line>) -> bool {
        let without = |one: &&Handler| one.named == Named::Plainly && one.suite.is_some();
        self.handlers.iter().filter(without).any(|one| seen.contains(&one.line))
    }

    /// Which handlers were asked, in a text without their lines. One that does not match leaves by
    /// its last line, so some line of it is reported in any case.
    fn tested(&self, parsed: &Parsed, outline: &Outline, seen: &BTreeSet<Line>) -> Vec<Tested> {
        let mut all = Vec::new();
        for (index, handler) in self.handlers.iter().enumerate() {
            let is_last = index + 1 == self.handlers.len();
            all.push(match (handler.named, handler.suite) {
                _ if seen.contains(&handler.line) => Tested::Yes,
                (Named::WithLine, _) => Tested::No,
                (_, None) => Tested::Unknown,
                (_, Some(suite)) => {
                    let (mut lines, mut last) = (BTreeSet::new(), BTreeSet::new());
                    lines_of(outline, suite, &mut lines);
                    last_lines(outline, suite, &mut last);
                    let others = is_last && self.ends_shared;
                    let sure = |line: &Line| !(others && last.contains(line));
                    let mut mine = lines.intersection(seen).peekable();
                    let any = mine.peek().is_some();
                    let has_line = |step: &Step| {
                        let text = parsed.lines().text(step.line, parsed.text()).trim_ascii_start();
                        step.code == Code::Made || text.starts_with(b"pass")
                    };
                    if mine.any(sure) {
                        Tested::Yes
                    } else if any || !outline.suites[suite].steps.iter().any(has_line) {
                        Tested::Unknown
                    } else {
                        Tested::No
                    }
                }
            });
        }
        // They are asked in order.
        if let Some(last) = all.iter().rposition(|tested| *tested == Tested::Yes) {
            all[..last].fill(Tested::Yes);
        }
        if let Some(first) = all.iter().position(|tested| *tested == Tested::No) {
            all[first..].fill(Tested::No);
        }
        all
    }
}

impl Compiled {
    fn settle(&mut self, one: &Try, tested: &[Tested], seen: &BTreeSet<Line>) {
        for (index, handler) in one.handlers.iter().enumerate() {
            match tested[index] {
                Tested::Yes if !seen.contains(&handler.line) => {
                    self.ran.insert(handler.line);
                }
                Tested::Unknown => {
                    self.outline.suites[one.number].steps[index].code = Code::Elsewhere;
                }
                Tested::Yes | Tested::No => {}
            }
        }
        // A test counts for the line before, and the way out of it for the last one of its handler.
        let may = |index: usize| tested.get(index).is_some_and(|tested| *tested != Tested::No);
        if let Some(body) = one.body.filter(|_| may(0)) {
            self.share(body);
        }
        for (index, handler) in one.handlers.iter().enumerate() {
            if let Some(suite) = handler.suite.filter(|_| may(index)) {
                self.share(suite);
            }
        }
    }

    fn share(&mut self, number: usize) {
        let mut last = BTreeSet::new();
        last_lines(&self.outline, number, &mut last);
        for step in self.outline.suites.iter_mut().flat_map(|suite| &mut suite.steps) {
            if last.contains(&step.line) && step.shared == Shared::No {
                step.shared = Shared::Unfenced;
            }
        }
        self.shared.extend(last);
    }
}

/// What stands behind the word `except`, if the line begins with it.
fn behind_except(parsed: &Parsed, line: Line) -> Option<&[u8]> {
    let text = parsed.lines().text(line, parsed.text()).trim_ascii_start();
    let rest = text.strip_prefix(b"except")?;
    (!rest.first().copied().is_some_and(is_letter)).then_some(rest)
}

fn is_letter(byte: u8) -> bool {
    byte == b'_' || byte >= 0x80 || byte.is_ascii_alphanumeric()
}

fn named(rest: &[u8]) -> Named {
    let Some(colon) = rest.iter().position(|byte| *byte == b':') else {
        return if rest.contains(&b',') { Named::WithLine } else { Named::Oddly };
    };
    let text = &rest[..colon];
    let is_call = text.windows(2).any(|pair| is_letter(pair[0]) && pair[1] == b'(');
    if text.iter().all(|byte| is_letter(*byte) || byte.is_ascii_whitespace()) {
        Named::Plainly
    } else if is_call || text.iter().any(|byte| matches!(byte, b'.' | b',' | b'[')) {
        Named::WithLine
    } else {
        Named::Oddly
    }
}

/// The lines of all statements in a suite.
fn lines_of(outline: &Outline, number: usize, into: &mut BTreeSet<Line>) {
    for step in &outline.suites[number].steps {
        into.insert(step.line);
        step.inner.iter().for_each(|inner| lines_of(outline, *inner, into));
    }
}

/// The lines for which code behind a suite may count: that of its last statement that makes code,
/// and of those behind it.
fn last_lines(outline: &Outline, number: usize, into: &mut BTreeSet<Line>) {
    for step in outline.suites[number].steps.iter().rev() {
        let is_made = step.code == Code::Made;
        if step.inner.is_empty() || step.defines || !is_made {
            into.insert(step.line);
        }
        if !step.defines {
            let from = if is_made { step.inner.len().saturating_sub(1) } else { 0 };
            step.inner[from..].iter().for_each(|inner| last_lines(outline, *inner, into));
        }
        if is_made {
            break;
        }
    }
}
