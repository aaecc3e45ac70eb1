//! What settings do: they decide what counts, how runs go and reports look.

use std::fs;

use super::common::targets;
use super::{mpycov, written};

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
lib/helper.py       3      1        2        1   60.0%   3
----------------------------------------------------------------
TOTAL               4      2        2        1   50.0%
";
    assert_eq!(report.out(), expected, "{}", report.text());
    assert_eq!(report.status, Some(2));
    let failure = "Coverage failure: total of 50.0 is less than fail-under=90.0\n";
    assert!(report.err().ends_with(failure), "{}", report.text());
    let typed = ["report", "--fail-under", "20", "--precision", "0", "--omit", "lib/late.py"];
    let report = mpycov(dir.path(), &typed, &[]);
    assert_eq!(report.status, Some(0), "{}", report.text());
    assert!(report.out().contains("lib/other.py"), "{}", report.text());
    assert!(report.out().ends_with("TOTAL               4      2        2        1     50%\n"));
}
