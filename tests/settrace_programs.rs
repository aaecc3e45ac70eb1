//! Programs that get in the way of a tracer: they behave as they do without it, and nothing false is said of them.

mod common;

use std::path::Path;

use common::lines::{Blind, compare};
use common::process::Outcome;
use common::targets::{self, Target, WASM_NEWEST, Wasm};
use common::{cli, pool, write_files};
use mpycov::model::FileCoverage;
use tempfile::TempDir;

const F: &str = "\
def f(n):
    if n:
        return 1
    return 2
";

fn firmware() -> Wasm {
    targets::wasm(WASM_NEWEST, true)
}

/// A directory with these files and a firmware that traces.
fn program(files: &[(&str, &str)]) -> TempDir {
    let dir = common::temp_dir();
    firmware().program_in(dir.path(), false);
    write_files(dir.path(), files);
    dir
}

/// Runs `t.py` and keeps the data in `data`.
fn run(dir: &Path, data: &str, more: &[&str]) -> Outcome {
    let micropython = dir.join("micropython").display().to_string();
    let words = ["run", "-q", "--data-dir", data, "--micropython", &micropython];
    cli::run(dir, &[&words[..], more, &["t.py"]].concat())
}

fn verdicts(dir: &Path, data: &str) -> Vec<FileCoverage> {
    cli::verdicts(&dir.join(data), dir).coverage.files
}

/// Runs a program traced in each way; it does what it does without mpycov, and what is said of its lines is what
/// sensors say. Also what is open, and what was said of losses.
fn traced(files: &[(&str, &str)]) -> (Blind, String) {
    let dir = program(files);
    let dir = dir.path();
    let plain = firmware().run(dir, "t.py", &[], b"");
    run(dir, "sensors", &[]);
    let mut open = Blind::default();
    let mut said = String::new();
    for more in [&[][..], &["--no-fences"], &["--level", "line"]] {
        let data = format!("traced{}", more.concat());
        let ran = run(dir, &data, &[&["--mode", "settrace"], more].concat());
        let (out, err) = (ran.out(), ran.err());
        assert_eq!((ran.status, &*out), (plain.status, &*plain.out()), "{more:?}: {err}");
        let mut sensors = verdicts(dir, "sensors");
        let traced = verdicts(dir, &data);
        if more.contains(&"line") {
            sensors.iter_mut().for_each(|file| file.branches.clear());
        }
        let mut own = Blind::default();
        pool::none(compare(&data, &sensors, &traced, &mut own));
        if more.is_empty() {
            (open, said) = (own, err);
        }
    }
    (open, said)
}

/// The same of a program of which nothing is lost.
fn all_seen(files: &[(&str, &str)]) {
    let (open, said) = traced(files);
    assert_eq!((open, &*said), (Blind::default(), ""));
}

/// The same of one of which something is, for this reason: what may have run is open.
fn lost(files: &[(&str, &str)], reason: &str) -> Blind {
    let (open, said) = traced(files);
    assert!(said.contains(&format!("the tracer could not note all: {reason}")), "{said}");
    assert!(open.untraced > 0, "{said}");
    open
}

const ENDED: &str = "tracing ended before the program did";

#[test]
fn a_recursion_without_end_ends_tracing() {
    let recursive = "\
def down(n):
    return down(n + 1)
try:
    down(0)
except RuntimeError:
    print('caught')
import m
m.f(0)
";
    // The module was imported when tracing had ended: it may have run.
    let open = lost(&[("t.py", recursive), ("m.py", F)], ENDED);
    assert!(open.untraced >= 7, "{open:?}");
}

#[test]
fn a_program_that_traces_itself_ends_tracing() {
    let own = "import sys\ndef a():\n    return 1\nsys.settrace(None)\na()\n";
    lost(&[("t.py", own)], ENDED);
}

#[test]
fn a_file_is_met_in_the_directory_that_it_is_imported_in() {
    let moves = "\
import os, sys
sys.path[:] = ['.']
os.chdir('sub')
import m
print(m.f(0))
";
    all_seen(&[("t.py", moves), ("sub/m.py", F)]);
}

#[test]
fn two_files_of_one_name_are_not_taken_for_each_other() {
    let moves = "\
import os, sys
sys.path[:] = ['.']
import m
m.f(0)
first = m
del sys.modules['m']
os.chdir('sub')
import m
m.f(1)
first.f(1)
";
    let other = "def f(n):\n    x = 1\n    if n:\n        return x\n    return 2\n";
    let files = [("t.py", moves), ("m.py", F), ("sub/m.py", other)];
    lost(&files, "two files were imported by one relative name");
}

#[test]
fn what_is_compiled_under_the_name_of_a_file_is_not_it() {
    let compiles = "\
import sys
with open('other.py') as file:
    text = file.read()
exec(compile(text, 'other.py', 'exec'))
print(f(0))
exec(compile(text, 'm.py', 'exec'))
print(f(1))
sys.path[:] = ['']
import m
m.f(0)
";
    all_seen(&[("t.py", compiles), ("other.py", F), ("m.py", F)]);
}

#[test]
fn replaced_builtins_are_not_called() {
    let replaces = "\
import builtins
import sys
log = []
def replace(name, real):
    def other(*args):
        log.append(name)
        return real(*args)
    setattr(builtins, name, other)
real_print = print
for name in ('open', 'len', 'bytearray', 'type', 'isinstance', 'hasattr', 'int', 'zip', 'range', 'set', 'bool', 'print'):
    replace(name, getattr(builtins, name))
sys.path[:] = ['.']
import m
m.f(0)
try:
    1 // 0
except ZeroDivisionError:
    pass
real_print(log)
";
    let dir = program(&[("t.py", replaces), ("m.py", F)]);
    for more in [&[][..], &["--level", "line"]] {
        let ran = run(dir.path(), "data", &[&["--mode", "settrace"], more].concat());
        assert_eq!((ran.status, &*ran.out(), &*ran.err()), (Some(0), "[]\n", ""));
    }
    let seen = verdicts(dir.path(), "data");
    let m = seen.iter().find(|file| file.path == "m.py").expect("a file");
    assert_eq!(m.statements.values().filter(|hit| !**hit).count(), 1, "{:?}", m.statements);
}

#[test]
fn a_module_may_change_its_names() {
    let module = format!("__file__ = None\n{F}");
    all_seen(&[("t.py", "import m\nm.f(1)\n"), ("m.py", &module)]);
}

#[test]
fn the_file_system_may_go_and_the_modules_too() {
    let leaves = "\
import os, sys
import m
m.f(1)
sys.modules.clear()
os.umount('/')
m.f(0)
print('gone')
";
    let dir = program(&[("t.py", leaves), ("m.py", F)]);
    let ran = run(dir.path(), "data", &["--mode", "settrace"]);
    assert_eq!((ran.status, &*ran.out(), &*ran.err()), (Some(0), "gone\n", ""));
    let seen = verdicts(dir.path(), "data");
    assert!(seen.iter().all(|file| file.statements.values().all(|hit| *hit)), "{seen:?}");
}

#[test]
fn a_module_that_is_imported_where_calls_are_not_reported_is_open() {
    let schedules = "\
import micropython
def call(n):
    import m
    m.f(n)
def wait(n):
    for i in range(100):
        n += i
    return n
for i in range(20):
    micropython.schedule(call, i)
    wait(i)
print('done')
";
    let (open, said) = traced(&[("t.py", schedules), ("m.py", F)]);
    assert_eq!(said, "");
    assert!(open.untraced >= 4, "{open:?}");
}

/// What a program does that is asked for its hits in the middle, as by a signal: it goes on being traced.
#[test]
fn saving_in_the_middle_does_not_end_tracing() {
    let saves = "\
import _mpycov
import m
m.f(0)
_mpycov.save('middle')
m.f(1)
import late
late.f(0)
";
    let dir = program(&[("t.py", saves), ("m.py", F), ("late.py", F)]);
    let ran = run(dir.path(), "data", &["--mode", "settrace"]);
    assert_eq!((ran.status, &*ran.err()), (Some(0), ""));
    let missing = |data: &str, name: &str| -> Vec<u32> {
        let files = verdicts(dir.path(), data);
        let file = files.iter().find(|file| file.path == name).expect("a file");
        file.statements.iter().filter(|(_, hit)| !**hit).map(|(line, _)| line.0).collect()
    };
    assert_eq!(missing("data", "m.py"), Vec::<u32>::new());
    assert_eq!(missing("data", "late.py"), [3]);
    let middle = std::fs::read(dir.path().join("middle")).expect("what was saved");
    let frames = mpycov::wire::frame::read(&middle);
    assert_eq!((frames.complete, &*frames.faults), (1, &[][..]));
    let told = frames.traces.values().map(|seen| seen.lines.len()).sum::<usize>();
    // Four lines of the script, three of the module.
    assert_eq!(told, 7);
}
