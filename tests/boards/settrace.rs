//! Programs traced with `sys.settrace` on a board whose firmware has it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use super::common::targets::{self, RawPaste, Serial, WASM_NEWEST, WasmBoard};
use super::{Plugged, cli, common, mpycov, process, project, table, target_of, thermo, wasm};

fn tracing(kind: Serial, files: &[(&str, &str)]) -> Plugged {
    let wasm = targets::wasm(WASM_NEWEST, true);
    target_of(WasmBoard { wasm, raw_paste: RawPaste::Yes }.start(kind, files), kind)
}

fn flash(board: &Plugged) -> &Path {
    board.board.as_ref().and_then(|board| board.files.as_deref()).expect("its files")
}

/// The table of fixtures/board as sensors give it, but for conditions, of which lines do not tell.
const TABLE: [&str; 4] = [
    "Name Stmts Miss Branch BrPart Cond MC/DC Cover Missing",
    "test_thermo.py 6 0 2 1 0/0 0/0 88% 6->exit",
    "thermo.py 10 0 6 1 0/0 0/0 94% 13->12",
    "TOTAL 16 0 8 2 0/0 0/0 92%",
];

/// The table, without what could not be measured.
fn figures(dir: &Path) -> Vec<String> {
    table(dir).into_iter().take_while(|row| !row.is_empty()).collect()
}

#[test]
fn lines_come_back_from_a_board_as_from_the_computer() {
    for kind in [Serial::Pty, Serial::Tcp] {
        let board = tracing(kind, &[]);
        for more in [&[][..], &["--ram"]] {
            let dir = thermo();
            let words = ["run", "-t", &board.target, "--mode", "settrace"];
            let ran = mpycov(dir.path(), &[&words, more, &["test_thermo.py"]].concat());
            assert_eq!((ran.status, &*ran.out(), &*ran.err()), (Some(0), "done\n", ""), "{more:?}");
            assert_eq!(figures(dir.path()), TABLE, "{more:?}");
            let map = mpycov(dir.path(), &["test-map", "--format", "csv"]).out();
            let told = ["test_thermo.py", "thermo.py"]
                .map(|file| format!("{file},webassembly|test_thermo\n"));
            assert_eq!(map, format!("file,test\n{}", told.concat()));
            assert_eq!(fs::read_dir(flash(&board)).expect("the flash").count(), 0);
        }
    }
}

/// A compound statement on the first line, which needs a line in front of it to become the main
/// program; a line that is added for a fence; an exception.
const FIRST: &str = "\
for n in (1, 2):
    if n > 1:
        n = 0
def f():
    while n:
        return 1
    raise ValueError
f()
";

#[test]
fn lines_and_tracebacks_are_those_of_the_source() {
    let board = tracing(Serial::Tcp, &[]);
    let dir = project(&[("first.py", FIRST)]);
    let ran = mpycov(dir.path(), &["run", "-t", &board.target, "--mode", "settrace", "first.py"]);
    let traceback = "  File \"first.py\", line 8, in <module>\n  File \"first.py\", line 7, in f\n";
    assert_eq!(ran.status, Some(1));
    assert!(ran.err().contains(traceback), "{}", ran.text());
    assert_eq!(figures(dir.path())[1], "first.py 8 1 6 1 0/0 0/0 86% 6");
}

#[test]
fn firmware_that_cannot_trace_is_told_so() {
    let board = wasm(Serial::Tcp, &[]);
    let dir = thermo();
    let refused = |more: &[&str], what: &str| {
        let words = [&["run", "-t", &board.target, "--mode", "settrace"], more].concat();
        let outcome = mpycov(dir.path(), &[&words[..], &["test_thermo.py"]].concat());
        assert_eq!((outcome.status, &*outcome.out()), (Some(1), ""), "{}", outcome.text());
        assert!(outcome.err().contains(what), "{}", outcome.text());
    };
    refused(&[], "MICROPY_PY_SYS_SETTRACE");
    refused(&["--context", "test"], "--context test does not go with --mode settrace");
    let words = ["deploy", "-t", &board.target, "--mode", "settrace", "thermo.py"];
    let outcome = mpycov(dir.path(), &words);
    assert_eq!(outcome.status, Some(1));
    assert!(outcome.err().contains("leave out `--mode settrace`"), "{}", outcome.text());
}

/// A program of the board's own that starts and stops the tracer itself.
const OWN: &str = "\
import sys
sys.path.insert(0, '/flash/_mpycov')
import _mpycov_trace as trace
trace.start(include=['thermo'], collect_executable=True, collect_arcs=True)
import thermo
assert thermo.wanted(18, 21, True)
assert not thermo.wanted(18, 21, False)
assert thermo.trend([1, 2, 3]) == 2
trace.stop()
trace.export_json('cov.json')
print('stopped')
";

#[test]
fn a_program_traces_itself_and_is_collected() {
    let board = tracing(Serial::Tcp, &[]);
    let dir = thermo();
    let words = ["deploy", "-t", &board.target, "--mode", "settrace", "thermo.py"];
    let placed = mpycov(dir.path(), &words);
    assert_eq!(placed.status, Some(0), "{}", placed.text());
    let own = flash(&board).join("_mpycov");
    assert!(own.join("_mpycov_trace.py").exists());
    // Sources are placed as they are.
    assert_eq!(fs::read(own.join("thermo.py")).ok(), fs::read(dir.path().join("thermo.py")).ok());
    fs::write(flash(&board).join("main.py"), OWN).expect("a file");
    let mut tool = Command::new(common::python_tool("mpremote"));
    tool.args(["connect", &board.target, "resume", "exec", "import main"]);
    let started = process::run(tool, b"", process::LIMIT);
    assert_eq!((started.status, &*started.out()), (Some(0), "stopped\n"), "{}", started.text());
    let kept = |data: &str, files: &[&str]| {
        let words = [&["collect", "-t", &board.target, "--data-dir", data], files].concat();
        let collected = mpycov(dir.path(), &words);
        assert_eq!(collected.status, Some(0), "{}", collected.text());
        mpycov(dir.path(), &["report", "--data-dir", data, "-m"]).out()
    };
    // What is in memory comes as frames, by the table that was placed. Of plain texts some lines are
    // open: the last one of each loop.
    let own = kept(".mpycov", &[]);
    let row =
        |report: &str| report.lines().find(|row| row.starts_with("thermo.py ")).map(str::to_owned);
    // The file tells by names, and says where the board has it.
    let named = kept("named", &["--path-map", "/flash/_mpycov/=", "cov.json"]);
    assert_eq!(row(&own), row(&named), "{own}\n{named}");
    let row = row(&own).expect("a row");
    let figures: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(figures, ["thermo.py", "9", "0", "0", "0", "0/0", "0/0", "100%"], "{own}");
    // Another text is not judged by these lines.
    fs::write(dir.path().join("thermo.py"), "x = 1\n").expect("a file");
    let stale = mpycov(dir.path(), &["collect", "-t", &board.target]);
    assert_eq!(stale.status, Some(1));
    assert!(stale.err().contains("thermo.py has changed since it was placed"), "{}", stale.text());
}

/// One that says what it saw, under the names that mpy-coverage has for all that.
const SAYS: &str = "\
import sys
sys.path.insert(0, '/flash/_mpycov')
import mpy_coverage, json
with mpy_coverage.coverage(['thermo'], ['test_'], True, True, 'bench'):
    import thermo
    assert thermo.wanted(18, 21, True)
    assert thermo.trend([1, 2, 3]) == 2
thermo.wanted(18, 21, False)
print('data', json.dumps(mpy_coverage.get_data()))
mpy_coverage.export_json()
print('done')
";

/// The same, for as long as somebody listens.
const REPEATS: &str = "\
import sys, time
sys.path.insert(0, '/flash/_mpycov')
import _mpycov_trace as trace
trace.start(include=['thermo'])
import thermo
while True:
    thermo.trend([1, 2, 3])
    trace.export_json()
    time.sleep_ms(20)
";

/// Deploys the module, and writes the program beside it.
fn ready(kind: Serial, program: &str) -> (Plugged, tempfile::TempDir) {
    let board = tracing(kind, &[]);
    let dir = thermo();
    let words = ["deploy", "-t", &board.target, "--mode", "settrace", "thermo.py"];
    let placed = mpycov(dir.path(), &words);
    assert_eq!(placed.status, Some(0), "{}", placed.text());
    fs::write(flash(&board).join("main.py"), program).expect("a file");
    (board, dir)
}

#[test]
fn what_a_program_prints_is_collected_from_a_log() {
    let (board, dir) = ready(Serial::Pty, SAYS);
    // Programs of mpy-coverage's users stay as they are.
    let name = "from _mpycov_trace_own import *\n";
    fs::write(flash(&board).join("_mpycov/mpy_coverage.py"), name).expect("a file");
    let mut tool = Command::new(common::python_tool("mpremote"));
    tool.args(["connect", &board.target, "resume", "exec", "import main"]);
    let ran = process::run(tool, b"", process::LIMIT);
    assert_eq!((ran.status, &*ran.err()), (Some(0), ""), "{}", ran.text());
    let log = ran.out();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!((lines.len(), lines[1], lines[4]), (5, "---MPY_COV_START---", "done"), "{log}");
    let data: serde_json::Value = serde_json::from_str(lines[2]).expect("JSON");
    assert_eq!(lines[0].strip_prefix("data "), Some(lines[2]));
    let mut keys: Vec<&String> = data.as_object().expect("an object").keys().collect();
    keys.sort();
    assert_eq!(keys, ["_metadata", "arcs", "executable", "executed", "kinds"]);
    assert_eq!(data["_metadata"]["test_script"], "bench");
    assert_eq!(data["kinds"]["/flash/_mpycov/thermo.py"], "py");
    let words = ["collect", "--path-map", "/flash/_mpycov/="];
    let mut collect = cli::mpycov(dir.path());
    collect.args(words);
    let collected = process::run(collect, log.as_bytes(), process::LIMIT);
    assert_eq!(collected.status, Some(0), "{}", collected.text());
    // What ran behind the `with` was not seen.
    let rows = figures(dir.path());
    assert_eq!(rows[1], "thermo.py 9 1 2 1 0/0 0/0 82% 7", "{rows:?}");
    let map = mpycov(dir.path(), &["test-map", "--format", "csv"]).out();
    assert_eq!(map, "file,test\nthermo.py,bench\n");
}

#[test]
fn what_a_program_exports_is_listened_to() {
    let (board, dir) = ready(Serial::Pty, REPEATS);
    let mut line = fs::OpenOptions::new().write(true).open(&board.target).expect("a line");
    line.write_all(b"import main\r").expect("it takes it");
    drop(line);
    let words = ["collect", "--listen", "60", "--path-map", "/flash/_mpycov/=", "-t"];
    // Nobody interrupts it: it can be listened to again.
    for _ in 0..2 {
        let collected = mpycov(dir.path(), &[&words[..], &[&board.target]].concat());
        assert_eq!(collected.err(), "Collected the hits of 1 files.\n", "{}", collected.text());
    }
    let rows = figures(dir.path());
    assert_eq!(rows[1], "thermo.py 9 3 0 0 0/0 0/0 67% 5-7", "{rows:?}");
}

#[test]
fn files_that_are_there_are_not_sent_again() {
    let board = tracing(Serial::Tcp, &[]);
    let dir = thermo();
    let run = |more: &[&str]| {
        let words = [&["run", "-v", "-t", &*board.target, "--mode", "settrace"], more].concat();
        mpycov(dir.path(), &[&words[..], &["test_thermo.py"]].concat())
    };
    let nothing = run(&["--no-deploy"]);
    assert_eq!((nothing.status, &*nothing.out()), (Some(1), ""), "{}", nothing.text());
    assert!(
        nothing.err().contains("is not on the board as this run needs it"),
        "{}",
        nothing.text()
    );
    assert_eq!(run(&["--keep"]).status, Some(0));
    let again = run(&["--no-deploy"]);
    assert_eq!((again.status, &*again.out()), (Some(0), "done\n"), "{}", again.text());
    assert!(!again.err().contains("sending"), "{}", again.text());
    assert_eq!(figures(dir.path()), TABLE);
    // They stay, and a text that has changed since is noticed.
    fs::write(dir.path().join("thermo.py"), "x = 1\n").expect("a file");
    let stale = run(&["--no-deploy"]);
    assert!(stale.err().contains("/flash/_mpycov/thermo.py"), "{}", stale.text());
    assert!(flash(&board).join("_mpycov/thermo.py").exists());
}

#[test]
fn lines_are_saved_before_a_reset() {
    let wasm = targets::wasm(WASM_NEWEST, true);
    let board = WasmBoard { wasm, raw_paste: RawPaste::Yes };
    let board = target_of(board.start_resettable(Serial::Tcp, &[]), Serial::Tcp);
    let steps = "def one():\n    return 1\ndef two():\n    return 2\n";
    let program = "import machine, steps\nsteps.one()\nmachine.reset()\nsteps.two()\n";
    let dir = project(&[("steps.py", steps), ("prog.py", program)]);
    let ran = mpycov(dir.path(), &["run", "-t", &board.target, "--mode", "settrace", "prog.py"]);
    assert_eq!(ran.status, Some(1), "{}", ran.text());
    assert!(ran.err().contains("its hits were saved before"), "{}", ran.text());
    let rows = figures(dir.path());
    assert!(rows.iter().any(|row| row == "steps.py 4 1 0 0 0/0 0/0 75% 4"), "{rows:?}");
}

#[test]
fn compiled_files_of_the_board_are_named() {
    let board = tracing(Serial::Tcp, &[]);
    let dir = thermo();
    let bytes = common::mpy_cross(&dir.path().join("thermo.py")).expect("it compiles");
    fs::create_dir(flash(&board).join("lib")).expect("a directory");
    fs::write(flash(&board).join("lib/thermo.mpy"), bytes).expect("a file");
    // It is not among the sources of this project.
    fs::remove_file(dir.path().join("thermo.py")).expect("a file");
    let code = "import sys\nsys.path.append('/flash/lib')\n";
    let test = fs::read_to_string(dir.path().join("test_thermo.py")).expect("a script");
    fs::write(dir.path().join("test_thermo.py"), format!("{code}{test}")).expect("a file");
    let words = ["run", "-t", &board.target, "--mode", "settrace", "--include", "*.py"];
    let ran = mpycov(dir.path(), &[&words[..], &["test_thermo.py"]].concat());
    assert_eq!((ran.status, &*ran.out(), &*ran.err()), (Some(0), "done\n", ""), "{}", ran.text());
    let report = mpycov(dir.path(), &["report"]).out();
    assert!(report.contains("thermo: only its compiled form (.mpy) is on the board"), "{report}");
    assert!(!report.contains("\nthermo.py"), "{report}");
}

#[test]
fn an_import_that_finds_no_memory_does_not_cost_the_lines() {
    let board = tracing(Serial::Tcp, &[]);
    // What is loaded in the end is refused while the program is there.
    let program = "\
import builtins
import sys
real = builtins.__import__
def limited(name, *args):
    if name == '_mpycov' and 'steps' in sys.modules:
        open('refused', 'w').close()
        raise MemoryError
    return real(name, *args)
builtins.__import__ = limited
import steps
steps.one()
";
    let steps = "def one():\n    return 1\ndef two():\n    return 2\n";
    let dir = project(&[("steps.py", steps), ("prog.py", program)]);
    let ran = mpycov(dir.path(), &["run", "-t", &board.target, "--mode", "settrace", "prog.py"]);
    assert_eq!((ran.status, &*ran.err()), (Some(0), ""), "{}", ran.text());
    let rows = figures(dir.path());
    assert!(rows.iter().any(|row| row == "steps.py 4 1 0 0 0/0 0/0 75% 4"), "{rows:?}");
    // It was refused, or this shows nothing.
    assert!(flash(&board).join("refused").exists());
}

#[test]
fn a_file_of_the_board_is_not_taken_for_one_that_was_placed() {
    let board = tracing(Serial::Tcp, &[]);
    fs::create_dir(flash(&board).join("lib")).expect("a directory");
    fs::write(flash(&board).join("lib/steps.py"), "def one():\n    return 1\n").expect("a file");
    let program = "import sys\nsys.path.append('lib')\nimport steps\nprint(steps.one())\n";
    let steps = "def two():\n    return 2\n";
    let dir = project(&[("lib/steps.py", steps), ("prog.py", program)]);
    let ran = mpycov(dir.path(), &["run", "-t", &board.target, "--mode", "settrace", "prog.py"]);
    assert_eq!((ran.status, &*ran.out(), &*ran.err()), (Some(0), "1\n", ""), "{}", ran.text());
    let rows = figures(dir.path());
    let missed = rows.iter().find(|row| row.starts_with("lib/steps.py")).expect("a row");
    assert!(missed.ends_with("0% 1-2"), "{rows:?}");
}
