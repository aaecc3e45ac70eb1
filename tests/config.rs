//! Settings from files: which file counts, what it may say, and who wins.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::process::{self, Outcome};
use common::{python, targets, temp_dir, write_files};

/// Runs mpycov in a directory, with some variables and none that could mix in.
fn mpycov(dir: &Path, args: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mpycov"));
    command.current_dir(dir).args(args).env("NO_COLOR", "1");
    for name in ["MPYCOV_DATA_DIR", "MICROPY_MICROPYTHON", "COVERAGE_RCFILE"] {
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

/// A file that is refused, and the message.
fn refused(file: &str, text: &str, expected: &str) {
    let dir = written(&[(file, text)]);
    let outcome = mpycov(dir.path(), &["debug", "config"], &[]);
    assert_eq!(outcome.status, Some(1), "{text}");
    assert_eq!(outcome.out(), "", "{text}");
    assert!(
        outcome.err().starts_with(&format!("mpycov: error: {expected}")),
        "{text}: {}",
        outcome.err()
    );
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
context = "desk"
timeout = 1.5
report_include = ["a"]
report_omit = ["b"]
show_missing = true
skip_covered = true
skip_empty = true
sort = "-cover"
precision = 2
fail_under = 80
fail_under_condition = 70.5
fail_under_mcdc = 60
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
fn unknown_settings_are_errors_with_the_nearest_name() {
    let cases = [
        ("fail_undr = 1", "fail_under"),
        ("fail-under = 1", "fail_under"),
        ("FAIL_UNDER_MCDC = 1", "fail_under_mcdc"),
        ("omits = []", "omit"),
        ("exclude = []", "exclude_lines"),
        ("fail = 1", "fail_under"),
    ];
    for (text, nearest) in cases {
        let name = text.split(' ').next().expect("a name");
        let dir = written(&[("mpycov.toml", &format!("# settings\n{text}\n"))]);
        let outcome = mpycov(dir.path(), &["debug", "config"], &[]);
        assert_eq!(outcome.status, Some(1), "{text}");
        let expected = format!("mpycov: error: mpycov.toml:2: there is no setting `{name}`\n");
        assert!(outcome.err().starts_with(&expected), "{text}: {}", outcome.err());
        let help = format!(
            "  help: did you mean `{nearest}`?
"
        );
        assert!(outcome.err().ends_with(&help), "{text}: {}", outcome.err());
    }
    refused(
        "pyproject.toml",
        "[project]\nname = 'x'\n\n[tool.mpycov]\nlevl = 'line'\n",
        "pyproject.toml:5: there is no setting `levl`\n  help: did you mean `level`?\n",
    );
    refused(
        "mpycov.toml",
        "[report]\nprecision = 1\n",
        "mpycov.toml:1: there is no setting `report`\n  help: settings stand side by side, without",
    );
    // What only coverage.py knows is none of our business.
    check(
        &[(".coveragerc", "[run]\nplugins = x\nwhat = 1\n")],
        &[("source", "the script's directory", "default")],
    );
}

#[test]
fn wrong_values_are_errors_with_their_place() {
    let own = [
        (
            "level = 'all'",
            "mpycov.toml:1: `level` takes block, line, branch or condition, not `all`",
        ),
        ("level = 3", "mpycov.toml:1: `level` takes block, line, branch or condition, not 3"),
        ("precision = -1", "mpycov.toml:1: `precision` takes a whole number, not -1"),
        ("precision = 1.5", "mpycov.toml:1: `precision` takes a whole number, not 1.5"),
        ("fail_under = nan", "mpycov.toml:1: `fail_under` takes a number, not nan"),
        ("show_missing = 'yes'", "mpycov.toml:1: `show_missing` takes true or false, not `yes`"),
        (
            "target_version = 1.20",
            "mpycov.toml:1: `target_version` takes a text in quotes, not 1.20",
        ),
        ("omit = [1]", "mpycov.toml:1: `omit` takes a list of texts, not a list of other things"),
        ("omit = 1979-05-27", "mpycov.toml:1: `omit` takes a list of texts, not a date"),
        (
            "sort = '-size'",
            "mpycov.toml:1: `sort` takes name, stmts, miss, branch, brpart or cover",
        ),
        ("data_dir = '${NO_SUCH_VARIABLE?}'", "mpycov.toml:1: `data_dir` needs $NO_SUCH_VARIABLE"),
        ("exclude_also = ['(']", "mpycov.toml:1: `exclude_also` has `(`, which is no regular exp"),
        ("exclude_also = ['(?=a)']", "mpycov.toml:1: `exclude_also` has `(?=a)`, which is no reg"),
        ("\nlevel = \n", "mpycov.toml:2: "),
    ];
    for (text, expected) in own {
        refused("mpycov.toml", text, expected);
    }
    refused(
        "setup.cfg",
        "[x]\n[coverage:report]\nprecision = two\n",
        "setup.cfg:3: `[coverage:report] precision` takes a whole number, not `two`\n",
    );
    refused(".coveragerc", "precision = 1\n", ".coveragerc:1: there is no [section] above");
    refused(".coveragerc", "[run]\nno value\n", ".coveragerc:2: this is no `key = value`");
    refused("mpycov.toml", "level = 'line'\nlevel = 'line'\n", "mpycov.toml:2: duplicate key");
    // Texts that only the command can judge.
    let dir = written(&[("mpycov.toml", "target_version = 'new'\n"), ("a.py", "x = 1\n")]);
    let outcome = mpycov(dir.path(), &["debug", "lines", "a.py"], &[]);
    assert_eq!(
        outcome.err(),
        "mpycov: error: mpycov.toml:1: `target_version`: a version looks like 1.25\n"
    );
}

#[test]
fn the_environment_is_put_in() {
    let text = "context = 'a$NAME-${NAME}-${OTHER-none}-${NAME?}$$NAME $5{} ${}$'\n";
    let dir = written(&[("mpycov.toml", text)]);
    let found = settings(dir.path(), &[("NAME", "pico")]);
    assert_eq!(found["context"].0, "apico-pico-none-pico$NAME {} ${}$");
}

/// coverage.py's own reading of its files, against ours.
#[test]
fn coverage_pys_files_mean_what_they_mean_to_it() {
    let ini = "\
[run]
branch = True
source =
    src
    lib, more
omit = */tests/*,
    # not these
    setup.py

    ${DIR}/x.py
include=a/*
context: ${WHERE-desk}
[report]
; a comment
exclude_lines =
    pragma: no cover
    def __repr__
exclude_also = raise A
  raise B # this is part of it
partial_branches =
    pragma: some
partial_also = x:$
fail_under = 79.5
Show_Missing = on
skip_covered = 1
skip_empty = No
precision = 2
sort = -Cover
include = p/*
omit = q/*
";
    let toml = r#"
[tool.coverage.run]
source = ["src"]
omit = ["*/tests/*", "${DIR}/x.py"]
context = "$DIR"
[tool.coverage.report]
exclude_also = ["raise A", 'a\d']
fail_under = 79
show_missing = true
skip_empty = false
precision = 1
sort = "Miss"
"#;
    let prefixed = ini.replace("[run]", "[coverage:run]").replace("[report]", "[coverage:report]");
    for (file, text) in [
        (".coveragerc", ini),
        (".coveragerc", &prefixed),
        ("setup.cfg", &prefixed),
        ("tox.ini", &format!("[tox]\nenvlist = a\n{prefixed}")),
        ("pyproject.toml", toml),
    ] {
        let dir = written(&[(file, text)]);
        let theirs = coverage_py_settings(dir.path());
        let ours = settings(dir.path(), &[("DIR", "d")]);
        for (name, value) in &theirs {
            let (is, place) = &ours[name.as_str()];
            if value.is_empty() {
                assert_eq!(place, "default", "{name} of {file}");
            } else {
                assert_eq!(is, value, "{name} of {file}");
                assert!(place.starts_with(file), "{name} of {file}");
            }
        }
    }
}

/// The settings that coverage.py and we have, as it reads them in a directory;
/// "" where it keeps its default.
fn coverage_py_settings(dir: &Path) -> BTreeMap<String, String> {
    let script = r"
import coverage.config as c
is_, plain = c.read_coverage_config(True, print), c.CoverageConfig()
names = {'source': 'source', 'include': 'run_include', 'omit': 'run_omit', 'context': 'context',
    'exclude_also': 'exclude_also', 'partial_also': 'partial_also', 'fail_under': 'fail_under',
    'show_missing': 'show_missing', 'skip_covered': 'skip_covered', 'skip_empty': 'skip_empty',
    'precision': 'precision', 'sort': 'sort', 'report_include': 'report_include',
    'report_omit': 'report_omit', 'exclude_lines': 'exclude_list', 'partial_branches': 'partial_list'}
for name, theirs in names.items():
    value, default = getattr(is_, theirs), getattr(plain, theirs)
    also = {'exclude_lines': is_.exclude_also, 'partial_branches': is_.partial_also}.get(name)
    if also:
        value = value[:-len(also)]
    if isinstance(value, list):
        text = ', '.join(value)
    elif isinstance(value, bool):
        text = 'yes' if value else 'no'
    elif isinstance(value, float):
        text = '%g' % value
    else:
        text = str(value).lower()
    print(name, '' if value == default and name != 'skip_empty' else text, sep='=')
";
    let mut command = Command::new(python());
    command.current_dir(dir).args(["-c", script]).env("DIR", "d").env_remove("WHERE");
    command.env_remove("COVERAGE_RCFILE");
    let outcome = process::run(command, b"", process::LIMIT);
    assert_eq!(outcome.status, Some(0), "{}", outcome.text());
    let out = outcome.out();
    let pairs = out.lines().map(|line| line.split_once('=').expect("a setting"));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
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

const PROGRAM: &str = "\
import helper
def never():
    raise NotImplementedError
def other():  # skip this
    return 2
if helper.x:
    print('yes')
";

#[test]
fn what_is_set_decides_what_counts() {
    let dir = written(&[("a.py", PROGRAM)]);
    let lines = |text: &str, args: &[&str]| {
        fs::write(dir.path().join("mpycov.toml"), text).expect("the file");
        let outcome = mpycov(dir.path(), &[&["debug", "lines", "a.py"], args].concat(), &[]);
        assert_eq!(outcome.status, Some(0), "{}", outcome.text());
        outcome.out().lines().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(lines("", &[]), "1 2 3 4 5 6 -> 7, exit 7");
    assert_eq!(lines("level = 'line'", &[]), "1 2 3 4 5 6 7");
    assert_eq!(lines("level = 'line'", &["--level", "branch"]), "1 2 3 4 5 6 -> 7, exit 7");
    assert_eq!(lines("exclude_also = ['# skip']", &[]), "1 2 3 6 -> 7, exit 7");
    assert_eq!(lines("exclude_lines = ['raise NotI']", &[]), "1 2 4 5 6 -> 7, exit 7");
    let typed = lines("exclude_also = ['# skip']", &["--exclude-also", "raise NotI"]);
    assert_eq!(typed, "1 2 4 5 6 -> 7, exit 7");
}

#[test]
fn runs_and_reports_take_their_settings() {
    let micropython = targets::unix().path;
    let settings = format!(
        "micropython = '{}'\ncontext = 'desk'\nsource = ['lib']\ndata_dir = 'kept'\nlevel = 'branch'\n\
        omit = ['*/vendor/*']\nreport_omit = ['lib/other.py']\nshow_missing = true\nprecision = 1\n\
        fail_under = 90\nsort = '-name'\n",
        micropython.display()
    );
    let dir = written(&[
        ("mpycov.toml", &settings),
        ("main.py", "import sys\nsys.path.insert(0, 'lib')\nimport helper\nimport vendor.x\n"),
        ("lib/helper.py", "x = 0\nif x:\n    print('no')\n"),
        ("lib/other.py", "y = 1\n"),
        ("lib/late.py", "z = 1\n"),
        ("lib/vendor/x.py", "v = 1\n"),
    ]);
    let run = mpycov(dir.path(), &["run", "main.py"], &[]);
    assert_eq!((run.out() + &run.err(), run.status), (String::new(), Some(0)));
    let list = mpycov(dir.path(), &["list"], &[]);
    assert!(list.out().starts_with("kept/data/"), "{}", list.text());
    assert!(list.out().ends_with("  [desk]\n"), "{}", list.text());
    let report = mpycov(dir.path(), &["report"], &[]);
    let expected = "\
Name            Stmts   Miss   Branch   BrPart   Cover   Missing
----------------------------------------------------------------
lib/late.py         1      1        0        0    0.0%   1
lib/helper.py       3      1        2        1   60.0%   2->3, 3
----------------------------------------------------------------
TOTAL               4      2        2        1   50.0%
";
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&report.out()), sorted(expected), "{}", report.text());
    assert_eq!(report.status, Some(2));
    let failure = "Coverage failure: total of 50.0 is less than fail-under=90\n";
    assert!(report.err().ends_with(failure), "{}", report.text());
    let typed = ["report", "--fail-under", "20", "--precision", "0", "--omit", "lib/late.py"];
    let report = mpycov(dir.path(), &typed, &[]);
    assert_eq!(report.status, Some(0), "{}", report.text());
    assert!(report.out().contains("lib/other.py"), "{}", report.text());
    assert!(report.out().ends_with("TOTAL               4      2        2        1     50%\n"));
}
