//! Several boards, several scripts, several passes.

use super::common::targets::Serial;
use super::{microbit, mpycov, project, table, wasm};

#[test]
fn boards_run_side_by_side_and_the_report_tells_them_apart() {
    let (small, large) = (microbit(Serial::Tcp), wasm(Serial::Tcp, &[]));
    let dir = project(&[(
        "prog.py",
        "import sys\ndef old():\n    return 1\ndef new():\n    return 2\n\
         if sys.implementation[1] < (1, 20):\n    old()\nelse:\n    new()\nprint('ran')\n",
    )]);
    let targets = [format!("bit={}", small.target), format!("web={}", large.target)];
    let ran = mpycov(dir.path(), &["run", "-t", &targets[0], "-t", &targets[1], "prog.py"]);
    assert_eq!(ran.status, Some(0), "{}", ran.text());
    let mut lines: Vec<String> = ran.out().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["bit: ran", "web: ran"]);
    for line in ["bit: fine, hits of 1 files", "web: fine, hits of 1 files"] {
        assert!(ran.err().contains(line), "{}", ran.text());
    }
    let by = mpycov(dir.path(), &["report", "--by", "board"]).out();
    let wanted = "\
Board   Stmts    Ran   Only here
--------------------------------
bit         9      7           2
web         9      7           2
--------------------------------
any         9      9

Only on bit:
  prog.py: 3, 7

Only on web:
  prog.py: 5, 9
";
    assert!(by.ends_with(wanted), "{by}");
}

#[test]
fn a_board_that_is_not_there_does_not_spoil_the_others() {
    let small = microbit(Serial::Tcp);
    let dir = project(&[("prog.py", "print('ran')\n")]);
    let ran =
        mpycov(dir.path(), &["run", "-t", "socket://127.0.0.1:1", "-t", &small.target, "prog.py"]);
    assert_eq!(ran.status, Some(1), "{}", ran.text());
    assert!(ran.err().contains("cannot connect to socket://127.0.0.1:1"), "{}", ran.text());
    assert!(table(dir.path()).iter().any(|row| row == "prog.py 1 0 0 0 0/0 0/0 100%"));
}

#[test]
fn scripts_are_shared_out_or_run_on_each() {
    let boards = [microbit(Serial::Tcp), microbit(Serial::Tcp)];
    let dir =
        project(&[("a.py", "print('a')\n"), ("b.py", "print('b')\n"), ("c.py", "print('c')\n")]);
    let targets: Vec<&str> = boards.iter().flat_map(|b| ["-t", &*b.target]).collect();
    for (word, times) in [("--distribute", 1), ("--scripts", 2)] {
        let words =
            [&["run", word, "--include", "prog.py"], &targets[..], &["a.py", "b.py", "c.py"]]
                .concat();
        let ran = mpycov(dir.path(), &words);
        assert_eq!(ran.status, Some(0), "{}", ran.text());
        for script in ["a", "b", "c"] {
            let out = ran.out();
            let count = out.lines().filter(|line| line.ends_with(&format!(": {script}"))).count();
            assert_eq!(count, times, "{word}: {}", ran.text());
        }
    }
    let refused = mpycov(dir.path(), &["run", "--distribute", "a.py", "b.py"]);
    assert!(refused.err().contains("several scripts run on boards only"), "{}", refused.text());
}

#[test]
fn modules_that_do_not_fit_at_once_are_covered_in_passes() {
    let board = microbit(Serial::Tcp);
    let module = |name: &str| {
        let mut text = String::new();
        for n in 0..6 {
            text += &format!(
                "def {name}{n}(a, b):\n    if a and b:\n        return {n}\n    return b or a\n"
            );
        }
        text
    };
    let script = "import one, two, three\nassert one.one0(1, 1) == 0\nassert two.two1(1, 1) == 1\n\
        assert three.three2(1, 0) == 1\n";
    let (one, two, three) = (module("one"), module("two"), module("three"));
    let dir =
        project(&[("one.py", &one), ("two.py", &two), ("three.py", &three), ("prog.py", script)]);
    let at_once = mpycov(dir.path(), &["run", "-t", &board.target, "prog.py"]);
    assert_eq!(at_once.status, Some(1), "it fits after all: {}", at_once.text());
    assert!(
        at_once.err().contains("MemoryError") && at_once.err().contains("--passes"),
        "{}",
        at_once.text()
    );
    mpycov(dir.path(), &["clean"]);
    let ran = mpycov(dir.path(), &["run", "--passes", "auto", "-t", &board.target, "prog.py"]);
    assert_eq!(ran.status, Some(0), "{}", ran.text());
    assert!(ran.err().contains("pass 2 of"), "{}", ran.text());
    let rows = table(dir.path());
    for (row, name) in rows[1..].iter().zip(["one.py", "prog.py", "three.py", "two.py"]) {
        assert!(row.starts_with(name), "{rows:?}");
    }
    assert!(rows[1].starts_with("one.py 24 16 "), "{rows:?}");
    assert!(rows[2].starts_with("prog.py 4 0 "), "{rows:?}");
}

#[test]
fn what_programs_say_last_has_the_name_of_their_board() {
    let boards = [microbit(Serial::Tcp), wasm(Serial::Tcp, &[])];
    let dir = project(&[(
        "prog.py",
        "import sys\nif sys.implementation[1] < (1, 20):\n    raise ValueError('old')\nsys.exit('no luck')\n",
    )]);
    let targets = [format!("bit={}", boards[0].target), format!("web={}", boards[1].target)];
    let ran = mpycov(dir.path(), &["run", "-t", &targets[0], "-t", &targets[1], "prog.py"]);
    assert_eq!(ran.status, Some(1), "{}", ran.text());
    for line in [
        "bit: Traceback (most recent call last):",
        "bit:   File \"prog.py\", line 3, in <module>",
        "bit: ValueError: old",
        "web: no luck",
    ] {
        assert!(ran.err().lines().any(|said| said == line), "{line:?}: {}", ran.text());
    }
}
