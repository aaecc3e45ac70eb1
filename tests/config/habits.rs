//! What coverage.py's users type and set, and what it does here.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::common::process::{self, Outcome};
use super::common::{python, targets};
use super::{mpycov, written};

const PROGRAM: &str = "import helper\n\n\ndef never():\n    return 1\n\n\nprint('ran')\n";
const HELPER: &str = "x = 0\nif x:\n    print('no')\n";

/// Runs mpycov with the tests' MicroPython.
fn with_micropython(dir: &Path, args: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let micropython = targets::unix().path;
    let micropython = micropython.to_str().expect("a path in UTF-8");
    let variables = [variables, &[("MICROPY_MICROPYTHON", micropython)]].concat();
    mpycov(dir, args, &variables)
}

/// A project with these settings of coverage.py.
fn project(settings: &str) -> tempfile::TempDir {
    written(&[("main.py", PROGRAM), ("helper.py", HELPER), (".coveragerc", settings)])
}

fn names(dir: &Path, start: &str) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("the directory");
    let names = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(start)).collect()
}

#[test]
fn a_command_line_in_the_settings_is_run_if_nothing_is_typed() {
    let dir = project("[run]\ncommand_line = main.py 'a b'\n");
    fs::write(dir.path().join("main.py"), "import sys\nprint(sys.argv)\n").expect("a file");
    let run = |args: &[&str]| with_micropython(dir.path(), args, &[]);
    assert_eq!(run(&["run"]).out(), "['main.py', 'a b']\n");
    assert_eq!(run(&["run", "main.py", "b"]).out(), "['main.py', 'b']\n");
    let set = |text: &str| fs::write(dir.path().join(".coveragerc"), text).expect("a file");
    set("[run]\ncommand_line = -m main x\n");
    assert_eq!(run(&["run"]).out(), "['main', 'x']\n");
    for (text, says) in [
        ("", "There is nothing to run.\n"),
        ("[run]\ncommand_line = -m\n", ".coveragerc:2: `command_line` names nothing to run\n"),
        ("[run]\ncommand_line = 'a\n", ".coveragerc:2: `command_line`: a `'` is not closed\n"),
    ] {
        set(text);
        let refused = run(&["run"]);
        assert_eq!((refused.status, refused.out()), (Some(1), String::new()));
        assert!(refused.err().starts_with(&format!("mpycov: error: {says}")), "{}", refused.err());
    }
}

#[test]
fn branches_are_measured_as_branch_says() {
    let level = |settings: &str, args: &[&str]| {
        let dir = project(settings);
        let args = [&["run", "-q"], args, &["main.py"]].concat();
        let run = with_micropython(dir.path(), &args, &[]);
        assert_eq!((run.out() + &run.err(), run.status), ("ran\n".to_owned(), Some(0)));
        let table = mpycov(dir.path(), &["report"], &[]).out();
        let heading = table.lines().next().unwrap_or_default().to_owned();
        heading.split_whitespace().skip(3).collect::<Vec<_>>().join(" ")
    };
    let (lines, branches, all) = ("Cover", "Branch BrPart Cover", "Branch BrPart Cond MC/DC Cover");
    assert_eq!(level("", &[]), all);
    assert_eq!(level("[run]\nbranch = true\n", &[]), all);
    assert_eq!(level("[run]\nbranch = false\n", &[]), lines);
    assert_eq!(level("[run]\nbranch = false\n", &["--branch"]), branches);
    assert_eq!(level("", &["--level", "line", "--branch"]), branches);
    assert_eq!(level("[run]\nbranch = true\n", &["--level", "line"]), lines);
}

#[test]
fn options_that_ask_for_what_happens_anyway_are_taken() {
    let dir = project("");
    for option in ["-a", "--append", "-p", "--parallel-mode"] {
        let run = with_micropython(dir.path(), &["run", option, "main.py"], &[]);
        assert_eq!((run.out() + &run.err(), run.status), ("ran\n".to_owned(), Some(0)));
    }
    let list = mpycov(dir.path(), &["list"], &[]);
    assert_eq!(list.out().lines().count(), 4);
    assert_eq!(mpycov(dir.path(), &["combine", "-a"], &[]).err(), "Combined 4 data files.\n");
    let run = with_micropython(dir.path(), &["run", "--data-file", "own", "main.py"], &[]);
    assert_eq!(run.status, Some(0));
    let list = mpycov(dir.path(), &["--data-file", "own", "list"], &[]);
    assert_eq!(list.out().lines().count(), 1);
    let refused = mpycov(dir.path(), &["--data-file", "main.py", "list"], &[]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.err().contains("main.py is a file, and the data are kept in a directory"));
}

#[test]
fn parallel_data_files_are_combined_by_coverage_py() {
    let dir = project("[run]\nbranch = true\nparallel = true\n");
    assert_eq!(with_micropython(dir.path(), &["run", "main.py"], &[]).status, Some(0));
    for _ in 0..2 {
        let report = mpycov(dir.path(), &["report", "--format", "coverage"], &[]);
        assert_eq!(report.status, Some(0), "{}", report.text());
    }
    assert_eq!(names(dir.path(), ".coverage.").len(), 2);
    let coverage = |verb: &str| {
        let mut command = Command::new(python());
        command.current_dir(dir.path()).args(["-m", "coverage", verb]);
        process::run(command, b"", process::LIMIT)
    };
    assert_eq!(coverage("combine").status, Some(0));
    assert!(coverage("report").out().contains("TOTAL           7      2      2      1    67%"));
    assert!(names(dir.path(), ".coverage.").is_empty());
}

#[test]
fn the_environment_names_coverage_pys_data_file() {
    let dir = project("[run]\ndata_file = set\n");
    assert_eq!(with_micropython(dir.path(), &["run", "main.py"], &[]).status, Some(0));
    let report = |variables: &[(&str, &str)]| {
        mpycov(dir.path(), &["report", "--format", "coverage"], variables).err()
    };
    assert_eq!(report(&[]), "Wrote coverage report to set\n");
    let variables = [("COVERAGE_FILE", "named")];
    assert_eq!(report(&variables), "Wrote coverage report to named\n");
    let config = mpycov(dir.path(), &["debug", "config"], &variables).out();
    assert!(config.contains("named                           $COVERAGE_FILE\n"), "{config}");
}

#[test]
fn what_settings_leave_out_can_be_asked_for() {
    let dir = project("[report]\nskip_covered = true\nskip_empty = true\n");
    fs::write(dir.path().join("empty.py"), "").expect("a file");
    fs::write(dir.path().join("helper.py"), "x = 1\n").expect("a file");
    assert_eq!(with_micropython(dir.path(), &["run", "main.py"], &[]).status, Some(0));
    let has = |args: &[&str]| {
        let out = mpycov(dir.path(), &[&["report"], args].concat(), &[]).out();
        (out.contains("\nhelper.py "), out.contains("\nempty.py "))
    };
    assert_eq!(has(&[]), (false, false));
    assert_eq!(has(&["--no-skip-covered"]), (true, false));
    assert_eq!(has(&["--no-skip-covered", "--no-skip-empty"]), (true, true));
    assert_eq!(has(&["--skip-covered", "--no-skip-covered", "--skip-covered"]), (false, false));
}

#[test]
fn html_and_json_have_settings_of_their_own() {
    let dir = project(
        "[report]\nskip_covered = true\n[html]\nskip_covered = false\nshow_contexts = true\n",
    );
    fs::write(dir.path().join("helper.py"), "x = 1\n").expect("a file");
    let run = ["run", "--context", "desk", "main.py"];
    assert_eq!(with_micropython(dir.path(), &run, &[]).status, Some(0));
    let written = |args: &[&str]| {
        let args = [&["report", "--format", "html,json,text"], args].concat();
        let report = mpycov(dir.path(), &args, &[]);
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect("a report");
        let pages = names(&dir.path().join("htmlcov"), "main");
        let page = read(&format!("htmlcov/{}", pages[0]));
        (
            read("htmlcov/index.html").contains("helper.py"),
            page.contains("desk"),
            read("coverage.json").contains("desk"),
            report.out().contains("helper.py"),
        )
    };
    assert_eq!(written(&[]), (true, true, false, false));
    fs::remove_dir_all(dir.path().join("htmlcov")).expect("the pages");
    assert_eq!(written(&["--skip-covered", "--show-contexts"]), (false, true, true, false));
    fs::write(dir.path().join(".coveragerc"), "[json]\nshow_contexts = true\n").expect("a file");
    assert_eq!(written(&[]), (true, false, true, true));
}

#[test]
fn sources_that_are_gone_are_left_out_if_errors_are_ignored() {
    let dir = project("");
    assert_eq!(with_micropython(dir.path(), &["run", "main.py"], &[]).status, Some(0));
    fs::remove_file(dir.path().join("helper.py")).expect("the file");
    let report = |args: &[&str]| {
        let report = mpycov(dir.path(), &[&["report"], args].concat(), &[]);
        (report.out().contains("helper.py"), report.err())
    };
    let warning =
        "mpycov: warning: helper.py is not there any more: its lines cannot be shown\n".to_owned();
    assert_eq!(report(&[]), (true, warning));
    assert_eq!(report(&["-i"]), (false, String::new()));
    fs::write(dir.path().join(".coveragerc"), "[report]\nignore_errors = true\n").expect("a file");
    assert_eq!(report(&[]), (false, String::new()));
}

#[test]
fn functions_have_thresholds() {
    let dir = project("");
    assert_eq!(with_micropython(dir.path(), &["run", "main.py"], &[]).status, Some(0));
    let report = |text: &str, args: &[&str]| {
        fs::write(dir.path().join("mpycov.toml"), text).expect("a file");
        let report = mpycov(dir.path(), &[&["report"], args].concat(), &[]);
        (report.status, report.err())
    };
    let fine = (Some(0), String::new());
    assert_eq!(report("", &["--fail-under-function", "0"]), fine);
    assert_eq!(report("", &["--fail-uncovered-functions", "1"]), fine);
    let below = "mpycov: error: Coverage failure: function coverage of 0 is less than fail-under-function=1\n";
    assert_eq!(report("fail_under_function = 1", &[]), (Some(2), below.to_owned()));
    let more = "mpycov: error: Coverage failure: 1 uncovered functions are more than fail-uncovered-functions=0\n";
    assert_eq!(report("fail_uncovered_functions = 0", &[]), (Some(2), more.to_owned()));
}

#[test]
fn topics_are_printed_before_the_command_does_its_work() {
    let dir = project("");
    let run = ["--debug=sys,config,data", "run", "main.py"];
    let run = with_micropython(dir.path(), &run, &[]);
    assert_eq!((run.out(), run.status), ("ran\n".to_owned(), Some(0)));
    let err = run.err();
    for part in ["mpycov       ", "settings from .coveragerc", "fail_under", "\n.mpycov\n"] {
        assert!(err.contains(part) || err.ends_with(part.trim_end()), "{part}: {err}");
    }
}
