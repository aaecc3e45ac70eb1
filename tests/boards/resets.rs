//! A program that resets its board costs no hits, and the test during which it did is named.

use std::path::Path;

use super::common::targets::{Serial, WasmBoard};
use super::{Outcome, Plugged, mpycov, project, table, target_of};

const STEPS: &str = "def one():\n    return 1\ndef two():\n    return 2\n";

fn resettable(kind: Serial) -> Plugged {
    target_of(WasmBoard::newest().start_resettable(kind, &[]), kind)
}

fn saw_one_step(dir: &Path, ran: &Outcome) {
    let rows = table(dir);
    assert!(
        rows.iter().any(|row| row == "steps.py 4 1 0 0 0/0 0/0 75% 4"),
        "{rows:?} {}",
        ran.text()
    );
}

/// The board is as it was: nothing but its own module.
fn is_clean(board: &Plugged) {
    let files = board.board.as_ref().and_then(|board| board.files.as_ref()).expect("its files");
    let names: Vec<_> =
        std::fs::read_dir(files).expect("files").map(|e| e.expect("one").file_name()).collect();
    assert_eq!(names, ["machine.py"]);
}

#[test]
fn hits_are_saved_before_a_reset() {
    for (kind, layout) in [(Serial::Pty, None), (Serial::Tcp, None), (Serial::Tcp, Some("--ram"))] {
        let board = resettable(kind);
        let program = "import machine, steps\nsteps.one()\nprint('test_a (suite.TestX) ... ok')\n\
            print('test_b (suite.TestX) ...', end='')\nmachine.reset()\nsteps.two()\n";
        let dir = project(&[("steps.py", STEPS), ("prog.py", program)]);
        let mut words = vec!["run", "-t", &board.target];
        words.extend(layout);
        words.push("prog.py");
        let ran = mpycov(dir.path(), &words);
        assert_eq!(ran.status, Some(1), "{}", ran.text());
        assert!(ran.err().contains("during suite.TestX.test_b"), "{}", ran.text());
        assert!(ran.err().contains("its hits were saved before"), "{}", ran.text());
        saw_one_step(dir.path(), &ran);
        is_clean(&board);
    }
}

#[test]
fn a_soft_reset_of_the_program_is_its_end() {
    let board = resettable(Serial::Tcp);
    let program =
        "from machine import soft_reset\nimport steps\nsteps.one()\nsoft_reset()\nsteps.two()\n";
    let dir = project(&[("steps.py", STEPS), ("prog.py", program)]);
    let ran = mpycov(dir.path(), &["run", "-t", &board.target, "prog.py"]);
    assert_eq!(ran.status, Some(0), "{}", ran.text());
    saw_one_step(dir.path(), &ran);
    is_clean(&board);
}

#[test]
fn hits_are_saved_every_so_often_for_what_gives_no_notice() {
    let board = resettable(Serial::Tcp);
    // The end of the process is a crash that nothing can announce.
    let program = "import js, machine, steps\nsteps.one()\nmachine.tick()\njs.process.exit(1)\n";
    let dir = project(&[("steps.py", STEPS), ("prog.py", program)]);
    let ran = mpycov(dir.path(), &["run", "--autosave", "0.5", "-t", &board.target, "prog.py"]);
    assert_eq!(ran.status, Some(1), "{}", ran.text());
    assert!(ran.err().contains("its hits were saved before"), "{}", ran.text());
    saw_one_step(dir.path(), &ran);
    is_clean(&board);
    let small = super::microbit(Serial::Tcp);
    let refused = mpycov(dir.path(), &["run", "--autosave", "1", "-t", &small.target, "prog.py"]);
    assert!(refused.err().contains("--autosave can save no hits here"), "{}", refused.text());
}

#[test]
fn a_program_in_place_saves_its_hits_every_so_often_too() {
    let board = resettable(Serial::Pty);
    let program = "import js, machine, steps, os\nif 'again' not in os.listdir():\n    open('again', 'w').close()\n    \
        steps.one()\n    machine.tick()\n    js.process.exit(1)\nos.remove('again')\nprint('second time')\n";
    let dir = project(&[("steps.py", STEPS), ("main.py", program)]);
    let words = ["run", "--in-place", "--autosave", "1.5", "-t", &board.target, "main.py"];
    let ran = mpycov(dir.path(), &words);
    assert_eq!((ran.status, ran.out().trim_end()), (Some(0), "second time"), "{}", ran.text());
    saw_one_step(dir.path(), &ran);
    is_clean(&board);
    for wrong in ["0", "-1", "nan", "soon"] {
        let refused = mpycov(dir.path(), &["run", &format!("--autosave={wrong}"), "main.py"]);
        assert_eq!(refused.status, Some(1), "{}", refused.text());
        assert!(refused.err().contains("it takes a number of seconds above 0"));
    }
}

#[test]
fn a_timer_of_the_programs_own_prints_its_hits() {
    let board = resettable(Serial::Tcp);
    let program = "import js, machine, steps, _mpycov_guard\nsteps.one()\n\
        assert _mpycov_guard.autosave(None, 10)\nmachine.tick()\njs.process.exit(1)\n";
    let dir = project(&[("steps.py", STEPS), ("prog.py", program)]);
    let ran = mpycov(dir.path(), &["run", "-t", &board.target, "prog.py"]);
    assert_eq!((ran.status, ran.out().trim_end()), (Some(1), ""), "{}", ran.text());
    saw_one_step(dir.path(), &ran);
}

#[test]
fn a_crash_without_notice_is_said_to_have_lost_its_hits() {
    let board = resettable(Serial::Tcp);
    let dir = project(&[
        ("steps.py", STEPS),
        ("prog.py", "import js, steps\nsteps.one()\njs.process.exit(1)\n"),
    ]);
    let ran = mpycov(dir.path(), &["run", "-t", &board.target, "prog.py"]);
    assert_eq!(ran.status, Some(1), "{}", ran.text());
    assert!(ran.err().contains("it had not saved its hits"), "{}", ran.text());
    is_clean(&board);
}

#[test]
fn a_program_in_place_goes_on_after_its_reset() {
    let program = "import machine, steps, os\nif 'again' not in os.listdir():\n    open('again', 'w').close()\n    \
        steps.one()\n    machine.reset()\nos.remove('again')\nprint('second time')\n";
    for kind in [Serial::Pty, Serial::Tcp] {
        let board = resettable(kind);
        let dir = project(&[("steps.py", STEPS), ("main.py", program)]);
        let ran = mpycov(dir.path(), &["run", "--in-place", "-t", &board.target, "main.py"]);
        // Over USB what it prints at once is printed before anybody can listen again.
        assert!(kind == Serial::Tcp || ran.out().contains("second time"), "{}", ran.text());
        assert_eq!(ran.status, Some(0), "{}", ran.text());
        assert!(
            table(dir.path()).iter().any(|row| row == "main.py 7 0 2 0 2/2 1/1 100%"),
            "{:?}",
            table(dir.path())
        );
        is_clean(&board);
    }
}

#[test]
fn what_a_board_cannot_save_is_said_before_the_program_runs() {
    let board = super::microbit(Serial::Tcp);
    // It never comes to the reset, and never ends either.
    let program = "import microbit\nif microbit.running_time() < 0:\n    microbit.reset()\nwhile True:\n    pass\n";
    let dir = project(&[("prog.py", program)]);
    let ran = mpycov(
        dir.path(),
        &["run", "-v", "--timeout", "1", "--include", "prog.py", "-t", &board.target, "prog.py"],
    );
    let said = ran.err();
    let warned = said.find("prog.py has microbit.reset(), and hits cannot be saved before that here: the firmware has no sys.modules");
    let listed = said.find("modules without sources are not listed here");
    let stopped = said.find("the program was stopped");
    assert!(warned.is_some() && listed.is_some() && warned < stopped, "{}", ran.text());
    assert!(listed < stopped, "{}", ran.text());
}
