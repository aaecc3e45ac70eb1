//! The table of `mpycov report` says of a program on MicroPython what coverage.py says of it on
//! CPython, where the program does the same on both.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{cli, constructs, pool, process};

/// Where the figures differ, and why that is as it should be: a fixture, or a file of the package.
const DIFFERENT: &[(&str, &str)] = &[
    ("import_forms", "the main guard of an imported module does not count"),
    ("main_guard", "the main guard of an imported module does not count"),
    ("tests/test_climate.py", "the main guard of an imported module does not count"),
    ("tests/test_config.py", "the main guard of an imported module does not count"),
    ("tests/test_hub.py", "the main guard of an imported module does not count"),
    ("tests/test_tools.py", "the main guard of an imported module does not count"),
    ("sensorhub/climate.py", "MicroPython has time.sleep_ms, CPython has not"),
];

#[test]
fn fixtures_have_the_same_table() {
    let all = constructs::all();
    let mine: Vec<_> = all
        .iter()
        .filter(|c| c.cpython() && c.runs_on("unix", "1.25") && !c.differs_from_coverage_py())
        .filter(|c| !is_different(&c.name))
        .collect();
    assert!(mine.len() > 180);
    let dir = common::temp_dir();
    let places: Vec<_> = mine
        .iter()
        .map(|construct| {
            let place = dir.path().join(&construct.name);
            construct.copy_to(&place);
            (place, "source.py")
        })
        .collect();
    let complaints = pool::in_parallel(&places, |(place, script)| different(place, script));
    pool::none(complaints.into_iter().flatten());
}

#[test]
fn benchmarks_have_the_same_table() {
    let dir = common::temp_dir();
    let mut names: Vec<_> = fs::read_dir(common::fixture("bench"))
        .expect("the benchmarks")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "py"))
        .collect();
    names.sort();
    assert!(names.len() >= 10);
    let complaints = pool::in_parallel(&names, |path| {
        let place = dir.path().join(path.file_stem().expect("a name"));
        fs::create_dir(&place).expect("a directory");
        fs::copy(path, place.join("source.py")).expect("a copy");
        different(&place, "source.py")
    });
    pool::none(complaints.into_iter().flatten());
}

#[test]
fn a_package_with_tests_has_the_same_table() {
    let dir = common::temp_dir();
    let place = dir.path().join("example");
    for part in ["sensorhub", "tests"] {
        fs::create_dir_all(place.join(part)).expect("a directory");
        for entry in fs::read_dir(common::fixture("example").join(part)).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.file_name().expect("a name");
                fs::copy(&path, place.join(part).join(name)).expect("a copy");
            }
        }
    }
    pool::none(different(&place, "tests/test_sensorhub.py"));
}

fn is_different(name: &str) -> bool {
    DIFFERENT.iter().any(|(other, _)| *other == name)
}

/// The two tables, if they differ.
fn different(place: &Path, script: &str) -> Option<String> {
    let mut theirs = table(&coverage_py(place, script));
    let name = place.file_name().expect("a name").to_string_lossy();
    let data = format!("../data-{name}");
    let kept = ["--data-dir", &data];
    cli::run(
        place,
        &[&["run", "-q", "--level", "branch", "--source", "."], &kept[..], &[script]].concat(),
    );
    let report = cli::run(place, &[&["report", "-m"], &kept[..]].concat());
    let mut ours = table(&report.out());
    for rows in [&mut theirs, &mut ours] {
        let all = rows.len();
        rows.retain(|row| !is_different(row.split(' ').next().unwrap_or_default()));
        if rows.len() < all {
            rows.pop_if(|total| total.starts_with("TOTAL"));
        }
    }
    let same = ours == theirs && report.err().is_empty() && theirs.len() > 2;
    (!same).then(|| {
        format!(
            "{name}:\ncoverage.py\n{}\nmpycov\n{}\n{}",
            theirs.join("\n"),
            ours.join("\n"),
            report.err()
        )
    })
}

/// The rows of a table without its rules, cells one space apart; what follows the table is left out.
fn table(text: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for line in text.lines().take_while(|line| !line.is_empty()) {
        if !line.starts_with("---") {
            rows.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    rows
}

/// coverage.py's report on a program that ends as it likes.
fn coverage_py(place: &Path, script: &str) -> String {
    let mut command = Command::new(common::python());
    command.current_dir(place).env("PYTHONDONTWRITEBYTECODE", "1");
    command.args(["-c", MEASURE, script]);
    let outcome = process::run(command, b"", process::LIMIT);
    assert_eq!(outcome.status, Some(0), "{}: {}", place.display(), outcome.text());
    outcome.out()
}

/// Runs a script as `coverage run --branch --source .` does, and prints the report alone.
const MEASURE: &str = "
import io, os, sys
import coverage
from coverage.execfile import PyRunner
from coverage.exceptions import _ExceptionDuringRun

script = sys.argv[1]
measured = coverage.Coverage(branch=True, source=['.'], data_file=None)
runner = PyRunner([script])
runner.prepare()
keep = os.dup(1)
nowhere = os.open(os.devnull, os.O_WRONLY)
os.dup2(nowhere, 1)
os.dup2(nowhere, 2)
measured.start()
try:
    runner.run()
except (_ExceptionDuringRun, SystemExit, KeyboardInterrupt):
    pass
finally:
    measured.stop()
    sys.stdout.flush()
    os.dup2(keep, 1)
out = io.StringIO()
measured.report(show_missing=True, file=out)
sys.__stdout__.write(out.getvalue())
";
