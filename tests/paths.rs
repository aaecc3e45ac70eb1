//! Programs reach their modules on many ways; the hits count on all of them.

mod common;

use std::path::Path;
use std::process::Command;

use common::process::{self, Outcome};
use common::{targets, temp_dir, write_files};

fn mpycov(dir: &Path, args: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mpycov"));
    command.current_dir(dir).args(args).env("NO_COLOR", "1");
    command.env("MICROPY_MICROPYTHON", targets::unix().path);
    process::run(command, b"", process::LIMIT)
}

/// A loop at the end of a function, with no free line behind: a line is added.
const HELPER: &str = "def f(n):\n    for i in n:\n        g(i)\ndef g(i):\n    return 1 // i\n";

#[test]
fn modules_are_covered_whatever_their_path_is_called() {
    for entry in ["lib", "./lib", "tests/../lib", "tests/.././lib/", "lib/../tests/../lib"] {
        let main =
            format!("import sys\nsys.path.insert(0, '{entry}')\nimport helper\nhelper.f([1])\n");
        let dir = temp_dir();
        write_files(dir.path(), &[("tests/main.py", &main), ("lib/helper.py", HELPER)]);
        let run = mpycov(dir.path(), &["run", "--source", "lib", "tests/main.py"]);
        assert_eq!((run.out() + &run.err(), run.status), (String::new(), Some(0)), "{entry}");
        let report = mpycov(dir.path(), &["report", "--format", "total"]);
        assert_eq!(report.out(), "100\n", "{entry}: {}", report.text());
    }
}

#[test]
fn tracebacks_keep_names_and_lines() {
    for entry in ["lib", "tests/../lib"] {
        let main =
            format!("import sys\nsys.path.insert(0, '{entry}')\nimport helper\nhelper.f([0])\n");
        let dir = temp_dir();
        write_files(dir.path(), &[("tests/main.py", &main), ("lib/helper.py", HELPER)]);
        let plain = {
            let mut command = Command::new(targets::unix().path);
            command.current_dir(dir.path()).arg("tests/main.py");
            process::run(command, b"", process::LIMIT)
        };
        let run = mpycov(dir.path(), &["run", "--source", "lib", "tests/main.py"]);
        assert!(run.text().contains(&format!("\"{entry}/helper.py\", line 5, in g")));
        assert_eq!(run.out() + &run.err(), plain.out() + &plain.err(), "{entry}");
    }
}

/// The last condition is written twice, so the decision has a line more.
const TWICE: &str = "def f(a, b, c):\n    if a and b or c[\n            0]:\n        return 1\n    return g()\ndef g():\n    return 1 // 0\nf(1, 0, [0])\n";

#[test]
fn tracebacks_keep_lines_behind_a_condition_that_is_written_twice() {
    let dir = temp_dir();
    write_files(dir.path(), &[("main.py", TWICE)]);
    let plain = {
        let mut command = Command::new(targets::unix().path);
        command.current_dir(dir.path()).arg("main.py");
        process::run(command, b"", process::LIMIT)
    };
    assert!(plain.text().contains("line 7, in g"), "{}", plain.text());
    let run = mpycov(dir.path(), &["run", "main.py"]);
    assert_eq!(run.out() + &run.err(), plain.out() + &plain.err());
}

#[cfg(unix)]
#[test]
fn two_dots_behind_a_link_lead_to_where_the_link_leads() {
    let dir = temp_dir();
    let main = "import sys\nsys.path.insert(0, 'link/..')\nimport helper\nprint(helper.NAME)\n";
    write_files(
        dir.path(),
        &[
            ("main.py", main),
            ("helper.py", "NAME = 'the wrong one'\n"),
            ("far/helper.py", "NAME = 'the right one'\n"),
            ("far/away/x.py", ""),
        ],
    );
    std::os::unix::fs::symlink("far/away", dir.path().join("link")).expect("a link");
    let run = mpycov(dir.path(), &["run", "main.py"]);
    assert_eq!(run.out(), "the right one\n");
}

#[cfg(unix)]
#[test]
fn a_backslash_is_a_letter_of_a_name() {
    let dir = temp_dir();
    write_files(dir.path(), &[("main.py", "print(1)\n"), ("a\\b.py", "x = 1\n")]);
    let run = mpycov(dir.path(), &["run", "main.py"]);
    assert_eq!(run.status, Some(0), "{}", run.text());
    let report = mpycov(dir.path(), &["report"]);
    let names: Vec<String> = report.out().lines().map(|l| first_word(l).to_owned()).collect();
    assert!(names.contains(&"a\\b.py".to_owned()), "{}", report.text());
    let listing = mpycov(dir.path(), &["report", "--format", "annotate"]);
    assert!(listing.out().contains("Coverage : a\\b.py"), "{}", listing.text());
}

#[cfg(unix)]
fn first_word(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}
