//! Settings from files: which file counts, what it may say, and who wins.

#[path = "../common/mod.rs"]
mod common;
mod coverage_py;
mod effects;
mod habits;
mod refusals;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use common::process::{self, Outcome};
use common::{temp_dir, write_files};

/// Runs mpycov in a directory, with some variables and none that could mix in.
fn mpycov(dir: &Path, args: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mpycov"));
    command.current_dir(dir).args(args).env("NO_COLOR", "1");
    for name in [
        "MPYCOV_DATA_DIR",
        "MICROPY_MICROPYTHON",
        "COVERAGE_RCFILE",
        "COVERAGE_FILE",
        "MPYCOV_DEVICE",
        "PYBOARD_DEVICE",
        "MPYCOV_BAUD",
        "PYBOARD_BAUDRATE",
    ] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    process::run(command, b"", process::LIMIT)
}

/// What `debug config` says: name to value and place.
fn settings(dir: &Path, variables: &[(&str, &str)]) -> BTreeMap<String, (String, String)> {
    let outcome = mpycov(dir, &["debug", "config"], variables);
    assert_eq!(outcome.status, Some(0), "{}", outcome.text());
    let out = outcome.out();
    let rows = out.lines().skip_while(|line| !line.is_empty()).skip(1);
    rows.map(|row| {
        let (name, rest) = row.split_once(' ').expect("a name");
        let (value, place) = rest.trim_start().rsplit_once("  ").expect("a value and a place");
        (name.to_owned(), (value.trim_end().to_owned(), place.to_owned()))
    })
    .collect()
}

fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = temp_dir();
    write_files(dir.path(), files);
    dir
}

/// Files of settings, and what `debug config` says of some of them.
fn check(files: &[(&str, &str)], expected: &[(&str, &str, &str)]) {
    let dir = written(files);
    let found = settings(dir.path(), &[]);
    for (name, value, place) in expected {
        let (is, from) = &found[*name];
        assert_eq!((is.as_str(), from.as_str()), (*value, *place), "{name} of {files:?}");
    }
}

#[test]
fn without_a_file_all_is_default() {
    let dir = temp_dir();
    assert!(settings(dir.path(), &[]).values().all(|(_, place)| place == "default"));
    let outcome = mpycov(dir.path(), &["debug", "config"], &[]);
    assert!(outcome.out().starts_with("no file of settings\n\n"));
}

#[test]
fn our_file_sets_everything() {
    let text = r#"level = "line"
branch = false
source = ["src", "lib"]
include = "src/*"
omit = ["*/tests/*"]
pattern = 'x\w*'
exclude_lines = ["nothing"]
exclude_also = ["raise NotImplementedError$", '^\s*pass$']
partial_branches = ["some"]
partial_also = ["more"]
micropython = "mp"
target_version = "1.20"
target = ["pico=a0", "u0"]
baud = 9600
context = "desk"
dynamic_context = "none"
command_line = "-m tests"
timeout = 1.5
contexts = ["pico", "esp.*"]
report_include = ["a"]
report_omit = ["b"]
show_missing = true
skip_covered = true
skip_empty = true
ignore_errors = true
sort = "-cover"
precision = 2
fail_under = 80
fail_under_line = 95
fail_under_branch = 90
fail_under_condition = 70.5
fail_under_mcdc = 60
fail_under_function = 50
per_file = true
fail_uncovered_lines = 10
fail_uncovered_branches = 9
fail_uncovered_conditions = 8
fail_uncovered_mcdc = 0
fail_uncovered_functions = 1
format = ["text", "html"]
title = "Sensors"
extra_css = "own.css"
show_contexts = true
html_show_contexts = false
json_show_contexts = false
html_skip_covered = false
html_skip_empty = false
pretty_print = true
line_checksums = true
package_depth = 2
sonar_metric = "condition"
parallel = true
relative_files = true
html_dir = "pages"
xml_output = "c.xml"
json_output = "c.json"
lcov_output = "c.info"
coverage_output = "c.sqlite"
data_dir = "data"
"#;
    let dir = written(&[("mpycov.toml", text)]);
    let found = settings(dir.path(), &[]);
    for (index, line) in text.lines().enumerate() {
        let name = line.split_once(' ').expect("a setting").0;
        assert_eq!(found[name].1, format!("mpycov.toml:{}", index + 1));
    }
    assert_eq!(found.len(), text.lines().count(), "a setting is not tried here");
    assert_eq!(found["exclude_also"].0, r"raise NotImplementedError$, ^\s*pass$");
    assert_eq!(found["fail_under_condition"].0, "70.5");
}

#[test]
fn our_file_comes_first_and_as_a_whole() {
    let own = ("mpycov.toml", "precision = 1\n");
    let shared = ("pyproject.toml", "[tool.mpycov]\nprecision = 2\nfail_under = 2\n");
    let both = "[tool.coverage.report]\nprecision = 6\n[tool.mpycov]\n";
    let rc = (".coveragerc", "[report]\nprecision = 3\n");
    let setup = ("setup.cfg", "[coverage:report]\nprecision = 4\n");
    let tox = ("tox.ini", "[coverage:report]\nprecision = 5\n");
    let last = ("pyproject.toml", "[tool.coverage.report]\nprecision = 6\n");
    check(
        &[own, shared, rc, setup, tox],
        &[("precision", "1", "mpycov.toml:1"), ("fail_under", "-", "default")],
    );
    check(&[shared, rc, setup, tox], &[("precision", "2", "pyproject.toml:2")]);
    check(&[("pyproject.toml", both), rc], &[("precision", "0", "default")]);
    check(&[last, rc, setup, tox], &[("precision", "3", ".coveragerc:2")]);
    check(&[last, setup, tox], &[("precision", "4", "setup.cfg:2")]);
    check(&[last, tox], &[("precision", "5", "tox.ini:2")]);
    check(&[last], &[("precision", "6", "pyproject.toml:2")]);
    // coverage.py's own file counts even if it says nothing.
    check(&[last, (".coveragerc", "# nothing\n")], &[("precision", "0", "default")]);
    // Files of other tools do not, and may be written as they like.
    let others = [("setup.cfg", "[metadata]\nname = x\n"), ("tox.ini", "what is this\n"), last];
    check(&others, &[("precision", "6", "pyproject.toml:2")]);
}

#[test]
fn a_file_can_be_named() {
    let dir = written(&[
        ("mpycov.toml", "precision = 1\n"),
        ("a.toml", "precision = 2\n"),
        ("b.toml", "[tool.mpycov]\nprecision = 3\n"),
        ("c.toml", "[tool.coverage.report]\nprecision = 4\n"),
        ("d.cfg", "[report]\nprecision = 5\n"),
    ]);
    for (file, place) in [
        ("a.toml", "a.toml:1"),
        ("b.toml", "b.toml:2"),
        ("c.toml", "c.toml:2"),
        ("d.cfg", "d.cfg:2"),
    ] {
        for option in ["--config", "--rcfile"] {
            let outcome = mpycov(dir.path(), &["debug", "config", option, file], &[]);
            assert!(outcome.out().contains(&format!("  {place}\n")), "{}", outcome.text());
        }
    }
    let outcome = mpycov(dir.path(), &["report", "--config", "none.toml"], &[]);
    assert_eq!(outcome.status, Some(1));
    assert!(outcome.err().starts_with("mpycov: error: cannot read none.toml: "));
}

#[test]
fn coverage_pys_variable_names_its_file() {
    let dir = written(&[
        ("rc/cov", "[report]\nprecision = 1\n"),
        (".coveragerc", "[report]\nprecision = 2\n"),
    ]);
    let found = settings(dir.path(), &[("COVERAGE_RCFILE", "rc/cov")]);
    assert_eq!(found["precision"], ("1".to_owned(), "rc/cov:2".to_owned()));
    let outcome = mpycov(dir.path(), &["debug", "config"], &[("COVERAGE_RCFILE", "gone")]);
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn the_environment_is_put_in() {
    let text = "context = 'a$NAME-${NAME}-${OTHER-none}-${NAME?}$$NAME $5{} ${}$'\n";
    let dir = written(&[("mpycov.toml", text)]);
    let found = settings(dir.path(), &[("NAME", "pico")]);
    assert_eq!(found["context"].0, "apico-pico-none-pico$NAME {} ${}$");
}

#[test]
fn the_command_line_wins_over_the_environment_over_the_file() {
    let dir = written(&[("mpycov.toml", "data_dir = 'file'\nmicropython = '~/mp'\n")]);
    let data_dir = |variables: &[(&str, &str)], args: &[&str]| {
        let all = [&["debug", "config"], args].concat();
        let outcome = mpycov(dir.path(), &all, variables);
        let out = outcome.out();
        let row = out.lines().find(|row| row.starts_with("data_dir")).expect("the row");
        row.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    let variable = [("MPYCOV_DATA_DIR", "variable")];
    assert_eq!(data_dir(&[], &[]), "file mpycov.toml:1");
    assert_eq!(data_dir(&variable, &[]), "variable $MPYCOV_DATA_DIR");
    assert_eq!(data_dir(&variable, &["--data-dir", "typed"]), "typed command line");
    let found = settings(dir.path(), &[("MICROPY_MICROPYTHON", "other")]);
    let expected = ("other".to_owned(), "$MICROPY_MICROPYTHON".to_owned());
    assert_eq!(found["micropython"], expected);
    let sys = mpycov(dir.path(), &["debug", "sys"], &[("HOME", "/home/of/nobody")]);
    assert!(sys.out().contains("/home/of/nobody/mp"), "{}", sys.text());
}
