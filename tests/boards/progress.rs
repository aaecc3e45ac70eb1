//! Lines of progress: on a terminal only, in nobody's way, and gone in the end.

use std::path::Path;

use super::common::cli;
use super::common::screen::{on_terminal, shown};
use super::common::targets::Serial;
use super::{mpycov, project, wasm};

/// What `mpycov` with these words writes to a terminal.
fn terminal(dir: &Path, words: &[&str]) -> String {
    let mut command = cli::mpycov(dir);
    command.args(words).env("NO_COLOR", "1");
    let ran = on_terminal(&command);
    assert_eq!(ran.status, Some(0), "{}", ran.text());
    ran.out()
}

/// The lines of one board, without its name.
fn of<'a>(board: &str, lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let start = format!("{board}: ");
    lines.filter_map(|line| Some(line.strip_prefix(&start)?.to_owned())).collect()
}

#[test]
fn each_of_several_boards_has_a_line_that_tears_no_output() {
    let boards = [wasm(Serial::Tcp, &[]), wasm(Serial::Pty, &[])];
    let count = "for i in range(60):\n    print('line', i)\nprint('no newline', end='')\n";
    let dir = project(&[("a.py", count), ("b.py", "print('second')\n")]);
    let targets = [format!("one={}", boards[0].target), format!("two={}", boards[1].target)];
    let words = ["run", "-t", &targets[0], "-t", &targets[1], "--scripts", "a.py", "b.py"];
    let plain = mpycov(dir.path(), &words);
    assert_eq!(plain.status, Some(0), "{}", plain.text());
    assert!(!plain.out().contains(['\x1b', '\r']), "{:?}", plain.out());
    assert!(!plain.err().contains(['\x1b', '\r']), "{:?}", plain.err());

    let written = terminal(dir.path(), &words);
    let lines = shown(&written);
    for board in ["one", "two"] {
        // The messages come between, on the one screen; without them it is the output, line by line.
        let notes = of(board, plain.err().lines());
        let seen = of(board, lines.iter().map(String::as_str));
        let seen: Vec<String> = seen.into_iter().filter(|line| !notes.contains(line)).collect();
        assert_eq!(seen, of(board, plain.out().lines()), "{written:?}");
        // What lasts only a moment need not be drawn; around output, all lines are.
        let drawn = format!("{board}  ");
        let mut parts = written.split(['\r', '\n', '\x1b']);
        let found =
            parts.any(|part| part.contains(&drawn) && part.contains("a.py, 1 of 2: running"));
        assert!(found, "{board} is never said to be running: {written:?}");
    }
    let whole = plain.out().lines().count() + plain.err().lines().count();
    let left = lines.iter().filter(|line| !line.is_empty()).count();
    assert_eq!(left, whole, "something is left on the screen: {lines:#?}");

    let quiet = terminal(dir.path(), &[&["-q"], &words[..]].concat());
    assert!(!quiet.contains('\x1b'), "{quiet:?}");
}

#[test]
fn files_that_take_long_to_send_have_a_line_on_a_terminal() {
    let board = wasm(Serial::Tcp, &[]);
    // Without flow control lines are paced: 100 kB take some seconds, however fast the machine is.
    let noise: Vec<String> = (0_u64..10_000)
        .map(|n| format!("{:010x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24))
        .collect();
    let dir = project(&[("prog.py", "print('ran')\n"), ("data.txt", &noise.concat())]);
    let words = ["run", "-t", &board.target, "--no-raw-paste", "--with", "data.txt", "prog.py"];
    let written = terminal(dir.path(), &words);
    assert!(written.contains("sending /flash/_mpycov/data.txt, "), "{written:?}");
    let lines: Vec<String> = shown(&written).into_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, ["ran"], "{written:?}");

    let short = project(&[("prog.py", "print('ran')\n")]);
    assert_eq!(terminal(short.path(), &["run", "-t", &board.target, "prog.py"]), "ran\r\n");
}
