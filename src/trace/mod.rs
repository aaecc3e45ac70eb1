//! Runs that are traced with `sys.settrace`: the text to run, and what the
//! lines that it reported say of the file's map.
//!
//! The text is the source, but for *fences*: `pass` behind suites at whose end
//! MicroPython puts code that would else be reported with the last line of the
//! suite. They make no code. A text without them can be judged as well; of some
//! of its lines nothing can be said then.

mod compiled;
mod decorators;
mod elif;
mod fence;
mod judge;
pub mod mpy;
mod row;

use std::collections::BTreeSet;

use crate::model::{Events, FileMap, Gap, Line, Observed};
use crate::parse::{Parsed, SyntaxError, parse};
use crate::plan::outline::{Outline, outline};
use crate::plan::{starts, unreported};
use fence::Fenced;
pub use row::Row;

/// What ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The source, which the firmware compiled.
    Source,
    /// A `.mpy` file.
    Compiled,
    /// One of them.
    Unknown,
}

/// A file to trace.
#[derive(Debug)]
pub struct Traced {
    parsed: Parsed,
    outline: Outline,
    text: Fenced,
    /// The lines that may have functions called that are not reported.
    hiding: BTreeSet<Line>,
}

/// May functions run without being reported in a program that has this source?
#[must_use]
pub fn may_hide_calls(source: Vec<u8>) -> bool {
    parse(source).is_ok_and(|parsed| !unreported::of(&parsed).is_empty())
}

impl Traced {
    /// A source that runs with fences in it, or as it is.
    ///
    /// # Errors
    /// When the text is no MicroPython.
    pub fn of(source: Vec<u8>, fences: bool) -> Result<Self, SyntaxError> {
        let parsed = parse(source)?;
        let mut outline = outline(&parsed);
        elif::fence(&parsed, &mut outline);
        decorators::share(&parsed, &mut outline);
        let text = if fences { fence::fenced(&parsed, &outline) } else { fence::plain(&parsed) };
        let hiding = unreported::of(&parsed);
        Ok(Self { parsed, outline, text, hiding })
    }

    /// The text to run.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text.text
    }

    /// Number of lines of the text to run.
    #[must_use]
    pub fn lines(&self) -> u32 {
        self.text.lines
    }

    /// Lines of the text to run that the source does not have, ascending.
    #[must_use]
    pub fn added_lines(&self) -> &[Line] {
        &self.text.added_lines
    }

    /// The lines of the text to run whose transitions tell something of the map.
    #[must_use]
    pub fn watched(&self, map: &FileMap) -> Vec<Line> {
        judge::watched(map, &self.outline, &self.text, &self.parsed)
    }

    /// The lines of the text to run on which the code of several functions may start, or
    /// whose functions are to be traced always.
    #[must_use]
    pub fn shared_starts(&self) -> Vec<Line> {
        let shared = starts::shared(&self.parsed);
        let text = &self.text;
        (1..=text.lines)
            .map(Line)
            .filter(|line| shared.contains(&text.source_line(*line)))
            .collect()
    }

    /// May what was reported of this text have had functions called that were not? There
    /// has to be memory to report a call, and it must not start while the tracer runs, nor in a thread.
    #[must_use]
    pub fn may_hide_calls(&self, events: &Events) -> bool {
        let first = |line: &Line| self.parsed.logical().first(self.text.source_line(*line));
        events.lines.iter().any(|line| self.hiding.contains(&first(line)))
    }

    /// What the lines that were reported say of the map. `gap` is what may have run
    /// besides.
    #[must_use]
    pub fn judge(&self, events: &Events, gap: Gap, map: &FileMap) -> Observed {
        judge::judge(events, gap, map, &self.outline, &self.text, &self.parsed)
    }

    /// The same of lines of the source as it is, or of a `.mpy` file made from it.
    #[must_use]
    pub fn judge_found(&self, events: &Events, gap: Gap, map: &FileMap, form: Form) -> Observed {
        let first = |line: &Line| self.parsed.logical().first(*line);
        let known = |line: &&Line| line.0 > 0 && line.0 <= self.text.lines;
        let other = (form != Form::Source).then(|| {
            let seen = events.lines.iter().filter(known).map(first).collect();
            compiled::compiled(&self.parsed, &self.outline, &seen, form == Form::Compiled)
        });
        let Some(other) = other.flatten() else { return self.judge(events, gap, map) };
        let mut more = events.clone();
        more.lines.extend(&other.ran);
        let mut seen = judge::judge(&more, gap, map, &other.outline, &self.text, &self.parsed);
        seen.lines = events.lines.clone();
        if form == Form::Compiled || !other.ran.is_empty() {
            let open = |line: &&Line| {
                let statement = first(line);
                seen.unsure.contains(&statement) && other.shared.contains(&statement)
            };
            seen.doubtful = events.lines.iter().filter(open).copied().collect();
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Level;
    use crate::parse::exclude::Patterns;
    use crate::plan::{Options, plan};

    /// The statements that may have run untraced when these lines of a text were reported.
    fn untraced(source: &str, lines: &[u32], gap: Gap) -> Vec<u32> {
        let options = Options {
            level: Level::Branch,
            walrus: true,
            main_guard_runs: true,
            patterns: Patterns::with_also(&[]).expect("patterns"),
            pattern_key: String::new(),
        };
        let map = plan(&parse(source.as_bytes().to_vec()).expect("a text"), "t.py", &options).map;
        let traced = Traced::of(source.as_bytes().to_vec(), true).expect("a text");
        let lines = lines.iter().copied().map(Line).collect();
        let events = Events { lines, ..Events::default() };
        let seen = traced.judge(&events, gap, &map);
        seen.untraced.iter().map(|line| line.0).collect()
    }

    #[test]
    fn native_code_is_not_judged_by_lines() {
        let source = "import micropython\n@micropython.native\ndef f():\n    def g():\n        pass\n    return g\ndef h():\n    return 1\n";
        assert_eq!(untraced(source, &[1, 2, 7], Gap::default()), [4, 5, 6]);
    }

    #[test]
    fn functions_are_told_apart_by_their_first_lines() {
        let shared = |source: &str| -> Vec<u32> {
            let traced = Traced::of(source.as_bytes().to_vec(), true).expect("a text");
            traced.shared_starts().iter().map(|line| line.0).collect()
        };
        // The line of a definition may be where the code around it starts.
        assert_eq!(shared("def f():\n    def g(a,\n          b):\n        return 1\n"), [1, 2, 3]);
        assert_eq!(shared("@a\n@b\ndef f(): return 1\nclass C:\n    pass\n"), [1, 2, 3, 4]);
        assert_eq!(shared("def f(n):\n    return [\n        i for i in n]\n"), [1, 2, 3]);
        assert_eq!(shared("x = (lambda:\n    1)\ny = 1\n"), [1, 2]);
        // Who may catch an exception is traced always, with the fence at its end.
        assert_eq!(shared("def f():\n    a()\n    with b:\n        c()\nd()\n"), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_is_lost_is_open() {
        let source = "def f():\n    return 1\nclass C:\n    a = f()\nb = 2\n";
        let calls = Gap { calls: true, ..Gap::default() };
        assert_eq!(untraced(source, &[1], calls), [2]);
        let lines = Gap { lines: true, ..Gap::default() };
        assert_eq!(untraced(source, &[1], lines), [2, 3, 4, 5]);
    }

    #[test]
    fn what_has_calls_that_are_not_reported_is_known_by_its_names() {
        for text in [
            "import micropython\nmicropython.heap_lock()\n",
            "from micropython import heap_lock as lock\n",
            "pin.irq(f)\n",
            "os.dupterm_notify = f(hard=True)\n",
            "import micropython\nmicropython.schedule(f, 0)\n",
            "from micropython import schedule\n",
            "_thread.start_new_thread(f, ())\n",
            "getattr(micropython, 'heap_lock')()\n",
        ] {
            assert!(may_hide_calls(text.as_bytes().to_vec()), "{text}");
        }
        for text in ["f(hard=False)\n", "lock = 1\n", "heap_unlock()\n", "loop.schedule(f)\n"] {
            assert!(!may_hide_calls(text.as_bytes().to_vec()), "{text}");
        }
    }
}
