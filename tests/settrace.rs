//! Runs traced with `sys.settrace` say of each statement and branch what sensors say.

mod common;

use std::path::Path;

use common::constructs::{self, Construct};
use common::lines::{Blind, compare};
use common::targets::{self, WASM_NEWEST, Wasm};
use common::{cli, pool};
use mpycov::evaluate::SHARED_LINE;
use mpycov::model::FileCoverage;

/// The firmware that traces.
fn firmware() -> Wasm {
    targets::wasm(WASM_NEWEST, true)
}

/// What the runs of a script in one mode kept.
fn measured(
    dir: &Path,
    program: &Path,
    script: &str,
    data: &str,
    more: &[&str],
) -> Vec<FileCoverage> {
    let micropython = program.display().to_string();
    let mut args = vec!["run", "-q", "--data-dir", data, "--micropython", &micropython];
    args.extend(more);
    args.push(script);
    let outcome = cli::run(dir, &args);
    let found = cli::verdicts(&dir.join(data), dir);
    assert!(found.notices.is_empty(), "{:?}", found.notices);
    assert!(!outcome.err().contains("mpycov"), "{}", outcome.text());
    found.coverage.files
}

fn fixtures() -> Vec<Construct> {
    let mut all = constructs::all();
    all.retain(|construct| construct.runs_on("wasm", WASM_NEWEST));
    assert!(all.len() > 190);
    all
}

/// What is left open on all fixtures, by texts with fences and by plain ones.
const OPEN: (Blind, Blind) = (
    Blind { statements: 11, branches: 48, untraced: 12 },
    Blind { statements: 286, branches: 372, untraced: 12 },
);

#[test]
fn lines_say_of_all_fixtures_what_sensors_say() {
    let dir = common::temp_dir();
    let program = firmware().program_in(dir.path(), true);
    let results = pool::in_parallel(&fixtures(), |construct| {
        let name = &construct.name;
        let place = dir.path().join(name);
        construct.copy_to(&place);
        let run = |data: &str, more: &[&str]| {
            measured(&place, &program, "source.py", &format!("../{name}-{data}"), more)
        };
        let sensors = run("sensors", &[]);
        let (mut open, mut open_plain) = (Blind::default(), Blind::default());
        // Of lines only: without the functions of which the tracer has seen all.
        let lines = run("lines", &["--mode", "settrace", "--level", "line"]);
        let marks = run("marks", &["--level", "line"]);
        let mut wrong = compare(&format!("{name}, lines"), &marks, &lines, &mut Blind::default());
        let traced = run("traced", &["--mode", "settrace"]);
        wrong.extend(compare(name, &sensors, &traced, &mut open));
        let plain = run("plain", &["--mode", "settrace", "--no-fences"]);
        wrong.extend(compare(&format!("{name}, plain"), &sensors, &plain, &mut open_plain));
        (wrong, open, open_plain)
    });
    let (mut open, mut open_plain) = (Blind::default(), Blind::default());
    let mut wrong = Vec::new();
    for (complaints, one, plain) in results {
        wrong.extend(complaints);
        open.add(&one);
        open_plain.add(&plain);
    }
    pool::none(wrong);
    assert_eq!((open, open_plain), OPEN, "what is left open, with fences and without, has changed");
}

#[test]
fn conditions_come_from_sensors_alone() {
    let dir = common::temp_dir();
    let program = firmware().program_in(dir.path(), false);
    common::write_files(dir.path(), &[("t.py", "a = 1\nif a and a > 0:\n    print(a)\n")]);
    let condition = |files: &[FileCoverage]| {
        let decision = &files[0].decisions[0];
        (decision.not_measured.clone(), decision.conditions[0].seen_true)
    };
    let traced = measured(dir.path(), &program, "t.py", "data", &["--mode", "settrace"]);
    let (reason, seen) = condition(&traced);
    assert_eq!(reason.as_deref(), Some("settrace sees lines, not conditions"));
    assert!(!seen);
    assert!(traced[0].statements.values().all(|hit| *hit));
    // A run with sensors adds what it saw, in either order.
    let both = measured(dir.path(), &program, "t.py", "data", &[]);
    assert_eq!(condition(&both), (None, true));
}

#[test]
fn firmware_without_settrace_is_told_so() {
    let dir = common::temp_dir();
    common::write_files(dir.path(), &[("t.py", "print(1)\n")]);
    let outcome = cli::run(dir.path(), &["run", "--mode", "settrace", "t.py"]);
    assert_eq!((outcome.status, &*outcome.out()), (Some(1), ""));
    let said = outcome.err();
    assert!(said.contains("MICROPY_PY_SYS_SETTRACE") && said.contains("sensors"), "{said}");
}

#[test]
fn what_ran_without_memory_is_open() {
    let dir = common::temp_dir();
    let program = firmware().program_in(dir.path(), false);
    // An exception while there is no memory: what was called then was not reported.
    let text = "\
import micropython
def never():
    return 1
micropython.heap_lock()
try:
    ()[0]
except Exception:
    pass
micropython.heap_unlock()
";
    common::write_files(dir.path(), &[("t.py", text)]);
    let micropython = program.display().to_string();
    let run = ["run", "--mode", "settrace", "--micropython", &micropython, "t.py"];
    let outcome = cli::run(dir.path(), &run);
    assert_eq!(outcome.status, Some(0), "{}", outcome.text());
    let said = outcome.err();
    assert!(said.contains("the tracer could not note all: there was no memory to spare"), "{said}");
    let report = cli::output(dir.path(), &["report"]);
    assert!(report.contains("t.py:3: it may have run where settrace reports nothing"), "{report}");
}

/// Functions of which all was seen are not traced any more. What could be taken for one of them is: a
/// lambda and a function that start on their lines, what takes another way later, and a generator.
const REPEATED: &str = "\
def one(n):
    n += 1
    return n
def on_one_line(n, f=lambda n:
        n + 1): return f(n)
def two():
    def inner(n): return [
        n]
    return inner
def late(n):
    if n > 20:
        n = 0
    elif n > 30:
        n = 1
    return n
def steps(n):
    for i in range(n):
        yield i
        if i > 20:
            yield 0
def catches(n):
    try:
        return 1 // (30 - n)
    except ZeroDivisionError:
        return late(n)
def never(n):
    n += 1
    return n
for i in range(40):
    one(i)
    late(i)
    if i > 30:
        on_one_line(i)
        two()(i)
    catches(i)
    list(steps(i))
";

#[test]
fn functions_of_which_all_was_seen_hide_nothing() {
    let dir = common::temp_dir();
    let program = firmware().program_in(dir.path(), false);
    common::write_files(dir.path(), &[("t.py", REPEATED)]);
    for level in ["line", "branch"] {
        let run = |data: &str, more: &[&str]| {
            let args = [&["--level", level][..], more].concat();
            measured(dir.path(), &program, "t.py", &format!("{level}-{data}"), &args)
        };
        let sensors = run("sensors", &[]);
        let missing = sensors[0].statements.iter().filter(|(_, hit)| !**hit);
        assert_eq!(missing.map(|(line, _)| line.0).collect::<Vec<_>>(), [14, 27, 28]);
        let mut open = Blind::default();
        let traced = run("traced", &["--mode", "settrace"]);
        pool::none(compare(level, &sensors, &traced, &mut open));
        // Of lambdas and functions on one line lines do not tell the ways.
        let branches = if level == "branch" { 2 } else { 0 };
        assert_eq!(open, Blind { branches, ..Blind::default() });
    }
}

/// What the firmware reports oddly: the line of a class twice, `except` lines that do not match, and the
/// test of a `while` with the last line of its body.
const ODD: &str = "\
class C:
    x = 1
def f(n):
    try:
        if n:
            raise ValueError
    except KeyError:
        return 1
    except ValueError:
        return 2
    i = 0
    while i < n:
        i += 1
";

#[test]
fn odd_reports_are_understood() {
    let dir = common::temp_dir();
    let program = firmware().program_in(dir.path(), false);
    let missing = |call: &str, data: &str, more: &[&str]| {
        common::write_files(dir.path(), &[("t.py", &format!("{ODD}{call}\n"))]);
        let found = measured(dir.path(), &program, "t.py", data, more);
        let file = &found[0];
        let missing = file.statements.iter().filter(|(_, hit)| !**hit).map(|(line, _)| line.0);
        let open = file.not_measured.iter().filter(|part| part.reason == SHARED_LINE);
        (missing.collect::<Vec<_>>(), open.map(|part| part.line.0).collect::<Vec<_>>())
    };
    let traced = ["--mode", "settrace"];
    assert_eq!(missing("f(0)", "none", &traced), (vec![6, 7, 8, 9, 10, 13], vec![]));
    assert_eq!(missing("f(1)", "raised", &traced), (vec![8, 11, 12, 13], vec![]));
    // Without fences line 6 is reported for the way out of the `try`, and line 13 for the test of the loop.
    let plain = ["--mode", "settrace", "--no-fences"];
    assert_eq!(missing("f(0)", "plain", &plain), (vec![7, 8, 9, 10], vec![6, 13]));
}
