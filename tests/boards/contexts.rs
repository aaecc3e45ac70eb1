//! `--context test`: which test exercised what. The WebAssembly port has micropython-lib's unittest in its firmware.

use super::common::targets::Serial;
use super::{microbit, mpycov, project, wasm};

const VALVE: &str = "def open_it(by):\n    if by > 3:\n        return 'wide'\n    return 'narrow'\ndef close_it():\n    return 'shut'\n";

const TESTS: &str = "import unittest, valve\n\
    class TestOpen(unittest.TestCase):\n\
    \x20   def setUp(self):\n        self.by = 5\n\
    \x20   def test_wide(self):\n        assert valve.open_it(self.by) == 'wide'\n\
    \x20   def test_narrow(self):\n        assert valve.open_it(1) == 'narrow'\n\
    class TestMore(TestOpen):\n\
    \x20   def test_narrow(self):\n        assert valve.open_it(2) == 'wide'\n\
    def test_alone():\n    valve.close_it()\n\
    if __name__ == '__main__':\n    unittest.main()\n";

#[test]
fn each_test_has_its_own_hits() {
    let board = wasm(Serial::Tcp, &[]);
    let dir = project(&[("valve.py", VALVE), ("test_valve.py", TESTS)]);
    let ran = mpycov(
        dir.path(),
        &["run", "--context", "test", "-t", &format!("web={}", board.target), "test_valve.py"],
    );
    assert_eq!((ran.status, &*ran.err()), (Some(1), ""), "{}", ran.text());
    // What is printed for the host is not shown.
    assert!(!ran.out().contains("<mpycov"), "{}", ran.text());
    for line in
        ["test_narrow (__main__.TestMore) ... FAIL", "test_alone (__main__) ... ok", "Ran 5 tests"]
    {
        assert!(ran.out().lines().any(|shown| shown == line), "{}", ran.text());
    }
    let json = mpycov(
        dir.path(),
        &["report", "--format", "json", "--show-contexts", "-o", "-", "--include", "valve.py"],
    );
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let contexts = &report["files"]["valve.py"]["contexts"];
    let of = |line: &str| {
        let names = contexts[line].as_array().expect("a list").iter();
        names.map(|name| name.as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of("1"), ["web"]);
    assert_eq!(
        of("3"),
        ["web", "web|__main__.TestMore.test_wide", "web|__main__.TestOpen.test_wide"]
    );
    assert_eq!(
        of("4"),
        ["web", "web|__main__.TestMore.test_narrow", "web|__main__.TestOpen.test_narrow"]
    );
    assert_eq!(of("6"), ["web", "web|__main__.test_alone"]);
}

#[test]
fn what_cannot_be_told_apart_is_said() {
    // The second board has another module of that name.
    for board in [microbit(Serial::Tcp), wasm(Serial::Tcp, &[("unittest.py", "main = None\n")])] {
        let dir = project(&[("prog.py", "print('hi')\n")]);
        let ran = mpycov(dir.path(), &["run", "--context", "test", "-t", &board.target, "prog.py"]);
        assert_eq!((ran.status, &*ran.out()), (Some(0), "hi\n"), "{}", ran.text());
        assert!(ran.err().contains("hits cannot be told apart by tests"), "{}", ran.text());
    }
}
