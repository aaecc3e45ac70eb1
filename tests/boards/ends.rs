//! However a program ends, its hits count, and the status says whether it was well.

use super::common::targets::Serial;
use super::{every_board, mpycov, project, table, wasm};

/// A module that tells how far the program got.
const STEPS: &str = "def one():\n    return 1\ndef two():\n    return 2\n";

fn ended(program: &str, words: &[&str]) -> Vec<(String, super::Outcome)> {
    let mut all = Vec::new();
    for board in every_board() {
        let dir = project(&[("steps.py", STEPS), ("prog.py", program)]);
        let mut all_words = vec!["run", "-t", &board.target];
        all_words.extend(words);
        all_words.push("prog.py");
        let ran = mpycov(dir.path(), &all_words);
        let row =
            table(dir.path()).into_iter().find(|row| row.starts_with("steps.py")).expect("a row");
        // One function was called, the other not, whatever came then.
        assert_eq!(row, "steps.py 4 1 0 0 0/0 0/0 75% 4", "{}: {}", board.target, ran.text());
        all.push((board.target.clone(), ran));
    }
    all
}

#[test]
fn an_exception_is_shown_in_lines_of_the_sources() {
    let program =
        "import steps\nsteps.one()\ndef f():\n    raise ValueError('no')\nf()\nsteps.two()\n";
    for (board, ran) in ended(program, &[]) {
        let traceback = "Traceback (most recent call last):\n  File \"prog.py\", line 5, in <module>\n  \
            File \"prog.py\", line 4, in f\nValueError: no\n";
        assert_eq!((ran.status, ran.err()), (Some(1), traceback.to_owned()), "{board}");
    }
}

#[test]
fn exit_statuses_are_1_on_a_board() {
    for (code, status) in [("", 0), ("0", 0), ("3", 1), ("'broken'", 1)] {
        let program = format!("import sys, steps\nsteps.one()\nsys.exit({code})\nsteps.two()\n");
        for (board, ran) in ended(&program, &[]) {
            assert_eq!(ran.status, Some(status), "{board} {code}: {}", ran.text());
            assert_eq!(ran.err(), if code == "'broken'" { "broken\n" } else { "" }, "{board}");
        }
    }
}

#[test]
fn a_lack_of_memory_costs_no_hits() {
    let program = "import steps\nsteps.one()\nkept = []\ntry:\n    while len(kept) < 60:\n        \
        kept.append(bytearray(200))\nexcept MemoryError:\n    pass\nraise MemoryError('all gone')\n";
    for (board, ran) in ended(program, &[]) {
        assert_eq!(ran.status, Some(1), "{board}: {}", ran.text());
        assert!(ran.err().contains("MemoryError") && ran.err().contains("--mpy"), "{}", ran.text());
    }
}

#[test]
fn what_unittest_prints_decides_about_the_status() {
    let rule = "-".repeat(70);
    for (summary, status) in [
        ("Ran 2 tests\\n\\nOK", 0),
        ("Ran 2 tests\\n\\nOK (skipped=1)", 0),
        ("Ran 2 tests\\n\\nFAILED (failures=1, errors=0)", 1),
        ("Ran 0 tests\\n\\nOK", 1),
    ] {
        let program = format!("import steps\nsteps.one()\nprint('{rule}\\n{summary}')\n");
        for (board, ran) in ended(&program, &[]) {
            assert_eq!(ran.status, Some(status), "{board} {summary}: {}", ran.text());
        }
    }
}

#[test]
fn the_time_limit_stops_a_program_and_keeps_its_hits() {
    // New firmware in the emulation cannot be interrupted; the small board can.
    let board = super::microbit(super::Serial::Tcp);
    let program = "import steps\nsteps.one()\nprint('on and on')\nwhile True:\n    pass\n";
    let dir = project(&[("steps.py", STEPS), ("prog.py", program)]);
    let ran = mpycov(dir.path(), &["run", "-t", &board.target, "--timeout", "0.5", "prog.py"]);
    assert_eq!((ran.status, &*ran.out()), (Some(1), "on and on\n"), "{}", ran.text());
    assert!(ran.err().contains("warning: the program was stopped after 0.5 s"), "{}", ran.text());
    assert!(table(dir.path()).iter().any(|row| row == "steps.py 4 1 0 0 0/0 0/0 75% 4"));
}

#[test]
fn a_board_that_does_not_stop_is_said_not_to() {
    let board = super::wasm(super::Serial::Tcp, &[]);
    let dir = project(&[("prog.py", "while True:\n    pass\n")]);
    let ran = mpycov(dir.path(), &["run", "-t", &board.target, "--timeout", "0.5", "prog.py"]);
    assert_eq!(ran.status, Some(1), "{}", ran.text());
    assert!(ran.err().contains("the board does not stop for Ctrl-C"), "{}", ran.text());
}

#[test]
fn ctrl_c_goes_to_the_program_first() {
    use std::io::Read as _;
    use std::process::Stdio;
    let board = super::microbit(super::Serial::Tcp);
    let program = "import steps\nsteps.one()\nprint('up')\ntry:\n    while True:\n        pass\n\
        except KeyboardInterrupt:\n    print('caught')\nwhile True:\n    pass\n";
    let dir = project(&[("steps.py", STEPS), ("prog.py", program)]);
    let mut command = super::cli::mpycov(dir.path());
    command.args(["run", "-t", &board.target, "prog.py"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut out = child.stdout.take().expect("a pipe");
    let interrupt = |id: u32| {
        let sent = std::process::Command::new("kill").args(["-INT", &id.to_string()]).status();
        assert!(sent.expect("kill").success());
    };
    let mut until = |word: &str| {
        let mut seen = String::new();
        let mut byte = [0];
        while !seen.ends_with(word) && out.read(&mut byte).expect("a pipe") == 1 {
            seen.push(char::from(byte[0]));
        }
        assert!(seen.ends_with(word), "{seen}");
    };
    until("up\n");
    interrupt(child.id());
    // The program handles the first one and goes on; the second one ends it.
    until("caught\n");
    interrupt(child.id());
    let status = child.wait().expect("it ends");
    let mut err = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("text");
    assert_eq!(status.code(), Some(1), "{err}");
    assert!(err.contains("KeyboardInterrupt"), "{err}");
    assert!(table(dir.path()).iter().any(|row| row == "steps.py 4 1 0 0 0/0 0/0 75% 4"), "{err}");
}

#[test]
fn results_of_unit_tests_are_reported() {
    let program = "print('test_a (TestThing) ... ok')\n\
                   print('test_b (TestThing) ... skipped: not here')\n\
                   print('-' * 70)\n\
                   print('Ran 2 tests\\n\\nOK (skipped=1)')\n";
    for board in every_board() {
        let dir = project(&[("test_things.py", program)]);
        let ran = mpycov(dir.path(), &["run", "-t", &board.target, "test_things.py"]);
        assert_eq!(ran.status, Some(0), "{}", ran.text());
        let junit = mpycov(dir.path(), &["report", "--format", "junit", "-o", "-"]).out();
        for part in ["tests=\"2\"", "skipped=\"1\"", "name=\"test_a\"", "TestThing"] {
            assert!(junit.contains(part), "{part} is not in {junit}");
        }
    }
}

#[test]
fn tests_that_nobody_starts_are_noticed() {
    // Its firmware has micropython-lib's unittest.
    let board = wasm(Serial::Tcp, &[]);
    let test =
        "import unittest\nclass TestOne(unittest.TestCase):\n    def test_a(self):\n        pass\n";
    let dir = project(&[("test_one.py", test)]);
    let words = ["run", "-t", &board.target, "--include", "test_one.py"];
    let ran = mpycov(dir.path(), &[&words[..], &["test_one.py"]].concat());
    assert_eq!((ran.status, &*ran.out()), (Some(0), ""), "{}", ran.text());
    assert!(ran.err().contains("test_one.py has tests and starts none"), "{}", ran.text());
    // What the help says works.
    let code = "import unittest; unittest.main('test_one')";
    let started = mpycov(dir.path(), &[&words[..], &["-c", code]].concat());
    assert_eq!((started.status, &*started.err()), (Some(0), ""), "{}", started.text());
    assert!(started.out().contains("Ran 1 tests"), "{}", started.text());
}
