//! Programs that ran on MicroPython: coverage.py, given our data file, comes to our figures.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use common::{brought, lcov, process, python, repo_root};
use mpycov::gather::{Gathered, gather};
use mpycov::report::{Format, LcovFlavor, Settings, render};
use mpycov::store::Store;
use serde_json::Value;

/// Copies the files of a directory, and of those in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// Runs all programs of a directory of fixtures; each keeps its data in `.mpycov`.
fn run_all(dir: &Path) {
    let micropython = brought("MPYCOV_TEST_MICROPYTHON", "unix/micropython");
    for entry in fs::read_dir(dir.join("constructs")).expect("fixtures") {
        let script = entry.expect("an entry").path().join("source.py");
        let script = script.strip_prefix(dir).expect("it lies there").to_owned();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mpycov"));
        command.current_dir(dir).args(["run", "-q", "--micropython"]).arg(&micropython);
        command.arg(script);
        // Some end with an exception, and some need another port: they have no data then.
        process::run(command, b"", process::LIMIT);
    }
}

fn gathered(dir: &Path) -> Gathered {
    let store = Store::at(&dir.join(".mpycov"));
    let loaded = store.load().expect("data of the runs");
    let maps = store.maps(loaded.runs.iter().flat_map(|(_, run)| run.files.keys()));
    gather(&loaded, &maps, dir, &|_| true)
}

fn report(format: Format, gathered: &Gathered, dir: &Path) -> Vec<u8> {
    let root = dir.to_str().expect("a path in text").to_owned();
    let settings = Settings { root, ..Settings::default() };
    let mut out = Vec::new();
    render(format, &gathered.coverage, &gathered.sources, &settings, &mut out).expect("a report");
    out
}

/// The lists that both reports have of a file.
const LISTS: [&str; 4] =
    ["executed_lines", "missing_lines", "executed_branches", "missing_branches"];

/// Where the two differ, and why that is right.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "docstring_shares_line/source.py executed_lines",
        "a line that only shares a docstring's is no statement, so nothing shows its ways",
    ),
    (
        "finally_branch_last/source.py missing_branches",
        "the test was false with an exception pending: the way was taken, its end not reached",
    ),
    (
        "finally_branch_last/source.py executed_branches",
        "the test was false with an exception pending: the way was taken, its end not reached",
    ),
    ("main_guard/tool.py missing_lines", "an imported module's script part does not count"),
    ("main_guard/tool.py missing_branches", "an imported module's script part does not count"),
    ("import_forms/helper.py missing_lines", "an imported module's script part does not count"),
    ("import_forms/helper.py missing_branches", "an imported module's script part does not count"),
];

fn lines(list: &Value) -> BTreeSet<u64> {
    list.as_array().expect("a list").iter().filter_map(Value::as_u64).collect()
}

/// The verdicts on all constructs, and the directory they ran in.
///
/// They run once for all tests; the directory stays behind, in `target`.
fn constructs() -> (&'static Path, Gathered) {
    static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("constructs");
        if dir.exists() {
            fs::remove_dir_all(&dir).expect("an empty start");
        }
        copy(&repo_root().join("fixtures/constructs"), &dir.join("constructs"));
        run_all(&dir);
        dir
    });
    let all = gathered(&DIR);
    assert!(all.coverage.files.len() > 150, "{}", all.coverage.files.len());
    (&DIR, all)
}

#[test]
fn lcov_finds_nothing_odd_in_any_construct() {
    let (dir, all) = constructs();
    for flavor in [LcovFlavor::Common, LcovFlavor::Lcov2] {
        let mut settings = Settings::default();
        settings.lcov.flavor = flavor;
        let mut out = Vec::new();
        render(Format::Lcov, &all.coverage, &all.sources, &settings, &mut out).expect("a report");
        fs::write(dir.join("all.info"), out).expect("a file");
        let mut command = Command::new(lcov("lcov"));
        command.current_dir(dir);
        command.args(["--branch-coverage", "--mcdc-coverage", "--summary", "all.info"]);
        if flavor == LcovFlavor::Common {
            // What it says of tests that raised.
            command.args(["--ignore-errors", "inconsistent"]);
        }
        let outcome = process::run(command, b"", process::LIMIT);
        assert_eq!(outcome.status, Some(0), "{flavor:?}: {}", outcome.text());
    }
}

#[test]
fn coverage_py_agrees_on_every_construct() {
    let (dir, mut all) = constructs();
    // coverage.py takes for missed what nobody can measure.
    all.coverage.files.retain(|file| file.not_measured.is_empty());
    fs::write(dir.join(".coverage"), report(Format::Coverage, &all, dir)).expect("the data file");
    let mut command = Command::new(python());
    command.current_dir(dir);
    // Some sources are no Python that CPython knows.
    command.args(["-m", "coverage", "json", "-q", "-i", "-o", "theirs.json"]);
    let outcome = process::run(command, b"", process::LIMIT);
    assert_eq!(outcome.status, Some(0), "{}", outcome.text());
    let theirs = fs::read(dir.join("theirs.json")).expect("their report");
    let theirs: Value = serde_json::from_slice(&theirs).expect("JSON");
    let ours: Value = serde_json::from_slice(&report(Format::Json, &all, dir)).expect("JSON");
    let theirs = theirs["files"].as_object().expect("files");
    assert!(theirs.len() > 150, "{}", theirs.len());
    let mut differ: BTreeSet<String> = BTreeSet::new();
    for (path, theirs) in theirs {
        let file = &ours["files"][path];
        for name in LISTS.iter().filter(|name| theirs[**name] != file[**name]) {
            let at = format!("{} {name}", path.trim_start_matches("constructs/"));
            differ.insert(at);
        }
        // coverage.py lists the blank lines and comments of what is excluded, too.
        let script_part = path.ends_with("main_guard/tool.py") || path.ends_with("helper.py");
        let (a, b) = (lines(&theirs["excluded_lines"]), lines(&file["excluded_lines"]));
        assert!(script_part || b.is_subset(&a), "{path}: theirs {a:?}, ours {b:?}");
    }
    let expected: BTreeSet<String> = DIFFERENT.iter().map(|(at, _)| (*at).to_owned()).collect();
    assert_eq!(differ, expected);
}
