//! What is started, and what goes with it: `-m` with modules and packages, and what small boards get.

use super::common::targets::Serial;
use super::{microbit, mpycov, project, table, wasm};

#[test]
fn a_package_runs_as_on_the_computer() {
    let files = [
        ("pkg/__init__.py", "print('init', __name__)\n"),
        ("pkg/__main__.py", "import sys\nprint('main', __name__, sys.argv)\nimport pkg.part\n"),
        ("pkg/part.py", "print('part', __name__)\n"),
        ("bare/__init__.py", "print('never the main program', __name__)\n"),
    ];
    let board = wasm(Serial::Pty, &[]);
    let dir = project(&files);
    let on = |target: &str, words: &[&str]| {
        let all = [&["run", "-t", target, "-m"], words].concat();
        mpycov(dir.path(), &all)
    };
    let here = on("unix", &["pkg", "one", "two"]);
    let there = on(&board.target, &["pkg", "one", "two"]);
    assert_eq!(there.status, Some(0), "{}", there.text());
    assert!(there.out().contains("main __main__ ['pkg', 'one', 'two']"), "{}", there.text());
    let ends = |outcome: &super::Outcome| {
        let out = outcome.out();
        out.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ends(&here), ends(&there), "{}\n{}", here.text(), there.text());
    for target in ["unix", &board.target] {
        let ran = on(target, &["bare"]);
        assert_eq!(ran.status, Some(1), "{}", ran.text());
        assert!(ran.err().contains("no module named 'bare.__main__'"), "{}", ran.text());
    }
}

#[test]
fn a_package_that_only_the_board_has_runs_too() {
    let board = wasm(
        Serial::Tcp,
        &[
            ("own/__init__.py", "print('init')\n"),
            ("own/__main__.py", "print('main')\n"),
            ("mod.py", "print('mod')\n"),
        ],
    );
    let dir = project(&[("covered.py", "x = 1\n")]);
    for (module, out) in [("own", "init\nmain\n"), ("mod", "mod\n")] {
        let ran = mpycov(dir.path(), &["run", "-t", &board.target, "-m", module]);
        assert_eq!((ran.status, &*ran.out()), (Some(0), out), "{}", ran.text());
    }
}

#[test]
fn the_smallest_boards_get_only_what_the_program_speaks_of() {
    let board = microbit(Serial::Tcp);
    let large = format!("x = 1\n{}", "# nothing that the board has room for\n".repeat(600));
    let dir = project(&[
        ("prog.py", "import one\nprint(one.f())\n"),
        ("one.py", "def f():\n    return 'one'\n"),
        ("other.py", &large),
        ("odd.py", "__import__('ot' + 'her')\n"),
    ]);
    let ran = mpycov(dir.path(), &["run", "-v", "-t", &board.target, "prog.py"]);
    assert_eq!((ran.status, &*ran.out()), (Some(0), "one\n"), "{}", ran.text());
    assert!(ran.err().contains("2 sources stay here: nothing names them"), "{}", ran.text());
    let rows = table(dir.path());
    for row in ["one.py 2 0 0 0 0/0 0/0 100%", "other.py 1 1 0 0 0/0 0/0 0% 1"] {
        assert!(rows.iter().any(|one| one == row), "{rows:?}");
    }
    let odd = mpycov(dir.path(), &["run", "-t", &board.target, "odd.py"]);
    assert_eq!(odd.status, Some(1), "{}", odd.text());
    assert!(odd.err().contains("--with other.py sends it as it is"), "{}", odd.text());
}
