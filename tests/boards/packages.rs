//! `-m` on boards: modules, and packages by their `__main__`.

use super::common::targets::Serial;
use super::{mpycov, project, wasm};

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
