//! Deploy, run, collect, report, and nothing lost.

use std::fs;

use super::common::targets::Serial;
use super::{every_board, microbit, mpycov, table, thermo};

/// What the report says of the two modules, worked out by hand from the three calls of the test.
const TABLE: [&str; 4] = [
    "Name Stmts Miss Branch BrPart Cond MC/DC Cover Missing",
    "test_thermo.py 6 0 2 1 4/5 0/1 88% 6->exit",
    "thermo.py 10 0 6 1 4/8 1/4 94% 13->12",
    "TOTAL 16 0 8 2 8/13 1/5 92%",
];

#[test]
fn a_program_of_two_modules_runs_on_every_board_at_level_condition() {
    for board in every_board() {
        let dir = thermo();
        let ran = mpycov(dir.path(), &["run", "-t", &board.target, "test_thermo.py"]);
        let what = format!("{}: {}", board.target, ran.text());
        assert_eq!((ran.status, &*ran.out(), &*ran.err()), (Some(0), "done\n", ""), "{what}");
        assert_eq!(table(dir.path()), TABLE, "{what}");
        // The board is as it was.
        if let Some(files) = board.board.as_ref().and_then(|board| board.files.as_ref()) {
            assert_eq!(fs::read_dir(files).expect("the flash").count(), 0, "{what}");
        }
        let left = mpycov(dir.path(), &["deploy", "--remove", "-t", &board.target]);
        assert!(left.err().contains("nothing of mpycov's is there"), "{}", left.text());
    }
}

/// So many times in a row, on one board that stays on: each run brings the same hits.
fn again_and_again(kind: Serial, times: usize) {
    let board = microbit(kind);
    let dir = thermo();
    for turn in 1..=times {
        let data = format!("data{turn}");
        let words = ["run", "--data-dir", &data, "-t", &board.target, "test_thermo.py"];
        let ran = mpycov(dir.path(), &words);
        let what = format!("run {turn}: {}", ran.text());
        assert_eq!((ran.status, &*ran.out(), &*ran.err()), (Some(0), "done\n", ""), "{what}");
        let listed = mpycov(dir.path(), &["list", "--data-dir", &data]).out();
        assert!(
            listed.contains("2 of 2 files ran, 17 sensors fired  [microbit]"),
            "{what}: {listed}"
        );
    }
}

#[test]
fn fifty_runs_in_a_row_over_tcp_lose_nothing() {
    again_and_again(Serial::Tcp, 50);
}

#[test]
fn fifty_runs_in_a_row_over_a_pseudo_terminal_lose_nothing() {
    again_and_again(Serial::Pty, 50);
}
