//! `--context test` on the unix port: which test exercised what.

mod common;

use std::fs;

use common::cli::{mpycov, output, run};
use common::process;
use common::{temp_dir, write_files};
use serde_json::Value;

/// A module that runs tests in the steps of micropython-lib's unittest, as far as they are looked at.
const UNITTEST: &str = r#"class TestCase:
    pass
class TestSuite:
    pass
def _run_suite(c, result, suite_name=""):
    if isinstance(c, TestSuite):
        return
    o = c() if isinstance(c, type) else c
    set_up = getattr(o, "setUp", lambda: None)
    tear_down = getattr(o, "tearDown", lambda: None)
    def run_one(name, method):
        print("%s (%s) ..." % (name, suite_name), end="")
        set_up()
        try:
            method()
            print(" ok")
        except AssertionError:
            print(" FAIL")
        finally:
            tear_down()
    if isinstance(c, type):
        for name in sorted(dir(o)):
            if name.startswith("test"):
                run_one(name, getattr(o, name))
    else:
        run_one(o.__name__, o)
def main():
    module = __import__("__main__")
    for name in sorted(dir(module)):
        c = getattr(module, name)
        if isinstance(c, type) and issubclass(c, TestCase):
            _run_suite(c, None, "__main__." + name)
        elif name.startswith("test"):
            _run_suite(c, None, "__main__")
"#;

const VALVE: &str = "def open_it(by):\n    if by > 3:\n        return 'wide'\n    return 'narrow'\ndef close_it():\n    return 'shut'\n";

const TESTS: &str = "import unittest, valve\n\
    class TestMore(unittest.TestCase):\n\
    \x20   def test_narrow(self):\n        assert valve.open_it(2) == 'wide'\n\
    class TestOpen(unittest.TestCase):\n\
    \x20   def setUp(self):\n        self.by = 5\n\
    \x20   def test_wide(self):\n        assert valve.open_it(self.by) == 'wide'\n\
    \x20   def tearDown(self):\n        valve.close_it()\n\
    def test_alone():\n    valve.close_it()\n\
    if __name__ == '__main__':\n    unittest.main()\n";

const PRINTED: &str = "test_narrow (__main__.TestMore) ... FAIL\n\
    test_wide (__main__.TestOpen) ... ok\ntest_alone (__main__) ... ok\n";

fn project() -> tempfile::TempDir {
    let dir = temp_dir();
    write_files(dir.path(), &[("valve.py", VALVE), ("test_valve.py", TESTS)]);
    write_files(dir.path(), &[("lib/unittest.py", UNITTEST)]);
    dir
}

/// Runs mpycov where the tests' unittest is in the path.
fn with_unittest(dir: &std::path::Path, args: &[&str]) -> process::Outcome {
    let mut command = mpycov(dir);
    command.args(args).env("MICROPYPATH", dir.join("lib"));
    process::run(command, b"", process::LIMIT)
}

/// The contexts of the lines of `valve.py`.
fn contexts(dir: &std::path::Path) -> Value {
    let json =
        ["report", "--format", "json", "--show-contexts", "-o", "-", "--include", "valve.py"];
    let report: Value = serde_json::from_str(&output(dir, &json)).expect("JSON");
    report["files"]["valve.py"]["contexts"].clone()
}

#[test]
fn each_test_has_its_own_hits() {
    let dir = project();
    let dir = dir.path();
    let run = ["run", "--context", "test", "--omit", "lib", "test_valve.py"];
    let ran = with_unittest(dir, &run);
    assert_eq!((ran.status, ran.out(), ran.err()), (Some(0), PRINTED.to_owned(), String::new()));
    let (more, open) = ("__main__.TestMore.test_narrow", "__main__.TestOpen.test_wide");
    let expected = serde_json::json!({
        "1": [""], "2": ["", more, open], "3": ["", open], "4": ["", more], "5": [""],
        "6": ["", open, "__main__.test_alone"],
    });
    assert_eq!(contexts(dir), expected);
    let one = output(dir, &["report", "-m", "--include", "valve.py", "--contexts", "test_wide$"]);
    assert!(
        one.lines().any(|row| row.starts_with("valve.py ") && row.ends_with("1, 4-5")),
        "{one}"
    );
}

#[test]
fn a_setting_of_coverage_py_asks_for_it() {
    let dir = project();
    let dir = dir.path();
    let set = |text: &str| fs::write(dir.join(".coveragerc"), text).expect("a file");
    let count = |args: &[&str]| {
        output(dir, &["clean", "-q"]);
        assert_eq!(
            with_unittest(dir, &[&["run"], args, &["test_valve.py"]].concat()).out(),
            PRINTED
        );
        output(dir, &["list"]).lines().count()
    };
    assert_eq!(count(&[]), 1);
    set("[run]\ndynamic_context = test_function\n");
    assert_eq!(count(&[]), 4);
    assert_eq!(count(&["--context", "desk"]), 1);
    set("[run]\ndynamic_context = none\n");
    assert_eq!(count(&[]), 1);
    set("[run]\ndynamic_context = plugin\n");
    let refused = run(dir, &["list"]);
    assert!(
        refused.err().contains("takes none or test_function, not `plugin`"),
        "{}",
        refused.err()
    );
}

#[test]
fn what_cannot_be_told_apart_is_said() {
    let dir = temp_dir();
    write_files(dir.path(), &[("one.py", "print('hi')\n")]);
    let ran = run(dir.path(), &["run", "--context", "test", "one.py"]);
    assert_eq!((ran.status, &*ran.out()), (Some(0), "hi\n"));
    assert!(ran.err().starts_with("mpycov: warning: hits cannot be told apart by tests here: "));
}

/// When the time is up, what was seen so far is saved, and the test that runs keeps its own hits.
#[test]
fn a_test_that_never_ends_leaves_the_others_their_hits() {
    let dir = project();
    let dir = dir.path();
    let tests = TESTS
        .replace("def test_alone():\n", "def test_zz():\n    while 1: pass\ndef test_alone():\n");
    fs::write(dir.join("test_valve.py"), tests).expect("a file");
    let run = ["run", "--context", "test", "--timeout", "8", "test_valve.py"];
    let ran = with_unittest(dir, &run);
    assert!(ran.out().contains("test_zz (__main__) ..."), "{}", ran.text());
    assert!(ran.err().contains("the program was stopped after 8 s"), "{}", ran.text());
    let open = "__main__.TestOpen.test_wide";
    assert_eq!(contexts(dir)["3"], serde_json::json!(["", open]));
    assert_eq!(contexts(dir)["6"], serde_json::json!(["", open, "__main__.test_alone"]));
}
