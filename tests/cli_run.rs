//! `mpycov run`: the program cannot tell, and its hits are kept however it ends.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::cli::{mpycov, output, run, run_with};
use common::process::{self, Outcome};
use common::{fixture, python, targets, temp_dir, write_files};

/// The plain MicroPython in `dir`.
fn plain_with(dir: &Path, args: &[&str], stdin: &[u8]) -> Outcome {
    let mut command = Command::new(targets::unix().path);
    command.current_dir(dir).args(args);
    process::run(command, stdin, process::LIMIT)
}

/// Both must write the same and end the same; the outcome.
fn same(dir: &Path, args: &[&str], stdin: &[u8]) -> Outcome {
    let plain = plain_with(dir, args, stdin);
    let ran = run_with(dir, &[&["run"], args].concat(), stdin);
    assert_eq!(ran.stdout, plain.stdout, "standard output of {args:?}\n{}", ran.text());
    assert_eq!(ran.err(), plain.err(), "standard error of {args:?}");
    assert_eq!(ran.status, plain.status, "status of {args:?}");
    ran
}

/// The lines that a run missed of a file, as the table shows them.
fn missing(dir: &Path, file: &str) -> String {
    let table = output(dir, &["report", "-m", "--include", file]);
    let row = table.lines().find(|row| row.starts_with(file)).expect("a row");
    row.rsplit_once('%').map_or("", |(_, missing)| missing.trim()).to_owned()
}

#[test]
fn programs_end_as_they_end_without_it() {
    let dir = temp_dir();
    let dir = dir.path();
    write_files(
        dir,
        &[
            ("status.py", "import sys\nprint('a')\nsys.exit(int(sys.argv[1]))\n"),
            ("text.py", "raise SystemExit('gone')\n"),
            ("raises.py", "def f(n):\n    return 1 // n\n\nf(1)\nf(0)\n"),
            ("ctrl_c.py", "raise KeyboardInterrupt\n"),
            ("imports.py", "import raises\n"),
            ("missing.py", "import nowhere\n"),
            ("evaluates.py", "exec('1/0')\n"),
            ("pack/__init__.py", "print('init', __name__)\n"),
            ("pack/__main__.py", "import sys\nprint('main', __name__, sys.argv)\n1 // 0\n"),
            ("pack/part.py", "print('part', __name__)\n"),
        ],
    );
    for status in ["0", "1", "2", "7", "255"] {
        let expected = status.parse().ok();
        assert_eq!(same(dir, &["status.py", status], b"").status, expected);
    }
    for script in ["text.py", "raises.py", "ctrl_c.py", "imports.py", "missing.py", "evaluates.py"]
    {
        same(dir, &[script], b"");
    }
    for module in ["pack", "pack.part", "nowhere"] {
        same(dir, &["-m", module, "-x", "--include"], b"");
    }
    for code in ["print(1)", "1/0", "def f():\n  1/0\nf()", "import raises", "raise SystemExit(3)"]
    {
        same(dir, &["-c", code, "a", "-m"], b"");
    }
}

#[test]
fn streams_are_the_programs_own() {
    let dir = temp_dir();
    let dir = dir.path();
    let copies = "import sys
while True:
    block = sys.stdin.buffer.read(1000)
    if not block:
        break
    sys.stdout.buffer.write(block)
sys.stderr.write('done')
";
    let floods = "for i in range(20000):\n    print(i, 'x' * 80)\n";
    let asks = "name = input('who? ')\nprint('hello', name)\ninput()\n";
    write_files(dir, &[("copies.py", copies), ("floods.py", floods), ("asks.py", asks)]);
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let copied = same(dir, &["copies.py"], &bytes);
    assert!(copied.stdout == bytes && copied.err() == "done");
    assert!(same(dir, &["floods.py"], b"").stdout.len() > 1_700_000);
    // The second question finds the end of the input.
    same(dir, &["asks.py"], b"Ada\n");
    assert_eq!(missing(dir, "asks.py"), "");
}

#[test]
fn a_terminal_is_the_programs_own() {
    let dir = temp_dir();
    write_files(dir.path(), &[("asks.py", "name = input('who? ')\nprint('hello', name)\n")]);
    // Types an answer once the question is there, and prints all that was on the screen.
    let types = "
import os, pty, sys, termios, time
child, screen = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b''
answered = False
while True:
    try:
        block = os.read(screen, 1000)
    except OSError:
        break
    if not block:
        break
    seen += block
    if b'who? ' in seen and not answered:
        answered = True
        # What is typed before the line is edited is thrown away.
        while termios.tcgetattr(screen)[3] & termios.ICANON:
            time.sleep(0.02)
        os.write(screen, b'Adx\\x7fa\\r')
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen)
";
    let on_terminal = |program: &str, args: &[&str]| {
        let mut command = mpycov(dir.path());
        command.env("TERM", "xterm");
        let mut typed = Command::new(python());
        typed.current_dir(dir.path()).args(["-c", types, program]).args(args);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => typed.env(name, value),
                None => typed.env_remove(name),
            };
        }
        process::run(typed, b"", process::LIMIT).out()
    };
    let micropython = targets::unix().path;
    let plain = on_terminal(micropython.to_str().expect("a path in text"), &["asks.py"]);
    assert!(plain.starts_with("0 ") && plain.contains("hello Ada"), "{plain}");
    assert_eq!(on_terminal(env!("CARGO_BIN_EXE_mpycov"), &["run", "asks.py"]), plain);
}

/// Ends as the signals say, however whoever runs the tests treats them: under nohup, SIGHUP is ignored.
const WITH_SIGNALS: &str = "
import os, signal, sys
for name in ('SIGHUP', 'SIGINT', 'SIGTERM'):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
";

/// Starts `mpycov run` on a program that says `ready`, sends it a signal as a terminal does to
/// all of a job (or to mpycov alone), and waits for its end.
fn signalled(dir: &Path, script: &str, signal: &str, all: bool) -> Outcome {
    use std::os::unix::process::CommandExt as _;
    let mut command = mpycov(dir);
    command.args(["run", script]);
    let mut command = process::through(WITH_SIGNALS, &command);
    command.process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("mpycov");
    let id = child.id();
    let end = Instant::now() + process::LIMIT;
    while !dir.join("ready").exists() {
        assert!(Instant::now() < end, "{script} does not get ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    let target = if all { format!("-{id}") } else { id.to_string() };
    let sent = Command::new("kill").args([&format!("-{signal}"), "--", &target]).status();
    assert!(sent.expect("kill").success());
    let out = child.wait_with_output().expect("mpycov ends");
    std::fs::remove_file(dir.join("ready")).expect("the file");
    Outcome { stdout: out.stdout, stderr: out.stderr, status: out.status.code() }
}

const WAITS: &str = "import time
try:
    open('ready', 'w').close()
    while True:
        time.sleep(0.05)
except KeyboardInterrupt:
    print('stopped')
";

const GOES_ON: &str = "import time
while True:
    try:
        open('ready', 'w').close()
        while True:
            time.sleep(0.05)
    except KeyboardInterrupt:
        print('no')
";

const COUNTS: &str = "def count():
    n = 0
    open('ready', 'w').close()
    while True:
        n += 1
count()
";

#[test]
fn ctrl_c_is_for_the_program_and_its_hits_are_kept() {
    let dir = temp_dir();
    let dir = dir.path();
    write_files(dir, &[("waits.py", WAITS), ("counts.py", COUNTS)]);
    let waited = signalled(dir, "waits.py", "INT", true);
    assert_eq!((waited.status, &*waited.out()), (Some(0), "stopped\n"), "{}", waited.text());
    assert_eq!(missing(dir, "waits.py"), "");
    let counted = signalled(dir, "counts.py", "INT", true);
    assert_eq!(counted.status, plain_with(dir, &["-c", "raise KeyboardInterrupt"], b"").status);
    assert!(counted.err().contains("in count\nKeyboardInterrupt"), "{}", counted.text());
    assert_eq!(missing(dir, "counts.py"), "");
}

#[test]
fn a_request_to_end_is_passed_on_behind_the_hits() {
    let dir = temp_dir();
    let dir = dir.path();
    write_files(dir, &[("goes_on.py", GOES_ON), ("counts.py", COUNTS)]);
    for (script, signal, all, status) in [
        ("goes_on.py", "TERM", false, 143),
        ("goes_on.py", "TERM", true, 143),
        ("counts.py", "TERM", false, 143),
        ("counts.py", "TERM", true, 143),
        ("counts.py", "HUP", true, 129),
    ] {
        let ended = signalled(dir, script, signal, all);
        assert_eq!(ended.status, Some(status), "{script} {signal}: {}", ended.text());
        assert_eq!(ended.err(), "", "{script} {signal}");
        let left = if script == "counts.py" { "" } else { "7-8" };
        assert_eq!(missing(dir, script), left, "{script} {signal}");
        output(dir, &["clean", "-q"]);
    }
}

#[test]
fn a_program_that_never_ends_is_stopped_and_its_hits_are_kept() {
    let dir = temp_dir();
    let dir = dir.path();
    let reads = "import sys\nsys.stdin.read()\nprint('never')\n";
    write_files(
        dir,
        &[("waits.py", WAITS), ("goes_on.py", GOES_ON), ("counts.py", COUNTS), ("reads.py", reads)],
    );
    let stop = |script: &str| {
        let mut command = mpycov(dir);
        command.args(["run", "--timeout", "1.5", script]);
        process::run(command, b"", process::LIMIT)
    };
    let says = "mpycov: warning: the program was stopped after 1.5 s\n";
    let waits = stop("waits.py");
    assert_eq!((waits.status, &*waits.out(), &*waits.err()), (Some(0), "stopped\n", says));
    assert_eq!(missing(dir, "waits.py"), "");
    let counts = stop("counts.py");
    assert!(counts.err().contains("KeyboardInterrupt"), "{}", counts.text());
    assert_eq!(missing(dir, "counts.py"), "");
    // It swallows every Ctrl-C, and is killed in the end.
    let goes_on = stop("goes_on.py");
    assert_eq!((goes_on.status, &*goes_on.err()), (Some(137), says), "{}", goes_on.text());
    assert!(goes_on.out().lines().all(|line| line == "no") && !goes_on.out().is_empty());
    assert_eq!(missing(dir, "goes_on.py"), "");
    for wrong in ["0", "-1", "nan", "inf"] {
        let refused = run(dir, &["run", &format!("--timeout={wrong}"), "reads.py"]);
        assert_eq!(refused.status, Some(1), "{}", refused.text());
        assert!(refused.err().contains("--timeout takes a number of seconds above 0"));
    }
}

#[test]
fn two_runs_at_once_do_not_clash() {
    let dir = temp_dir();
    let dir = dir.path();
    let text = "import sys\nif sys.argv[1] == '0':\n    print('a')\nelse:\n    print('b')\n";
    write_files(dir, &[("same.py", text)]);
    let ran: Vec<Outcome> = std::thread::scope(|scope| {
        let one = |number: usize| move || run(dir, &["run", "same.py", &(number % 2).to_string()]);
        let runs: Vec<_> = (0..6).map(|number| scope.spawn(one(number))).collect();
        runs.into_iter().map(|run| run.join().expect("a run")).collect()
    });
    assert!(ran.iter().all(|run| run.status == Some(0) && run.err().is_empty()), "{ran:?}");
    assert_eq!(output(dir, &["list"]).lines().count(), 6);
    assert_eq!(missing(dir, "same.py"), "");
}

const TESTS: &str = "import unittest


class TestValve(unittest.TestCase):
    def test_open(self):
        print('half a line', end='')

    def test_shut(self): self.assertEqual(1, 2)
    def test_gone(self): raise OSError(19)
    def test_late(self): raise unittest.SkipTest('no <clock>')


unittest.main()
";

#[test]
fn results_of_unit_tests_are_kept() {
    let dir = temp_dir();
    let dir = dir.path();
    let library = std::fs::read_to_string(fixture("unittest/unittest.py")).expect("the fixture");
    write_files(dir, &[("tests/test_valve.py", TESTS), ("tests/unittest.py", &library)]);
    let args = ["run", "--omit", "unittest.py", "--context", "desk", "tests/test_valve.py"];
    let ran = run(dir, &args);
    let plain = plain_with(dir, &["tests/test_valve.py"], b"");
    assert_eq!((ran.status, ran.out().lines().count()), (Some(0), plain.out().lines().count()));
    assert_eq!(plain.out().lines().last(), Some("FAILED (failures=1, errors=1)"));
    // A second run of it stands in the first one's place.
    run(dir, &args);
    let err = run(dir, &["report", "--format", "junit"]).err();
    assert_eq!(err, "Wrote junit report to junit.xml\n");
    let reads = "
import sys
from lxml import etree
root = etree.parse('junit.xml').getroot()
assert [suite.get('name') for suite in root] == ['desk: tests/test_valve.py'], root[0].attrib
print(*(root[0].get(name) for name in ('tests', 'failures', 'errors', 'skipped')))
float(root[0].get('time'))
for case in root[0]:
    float(case.get('time'))
    print(case.get('classname'), case.get('name'), end=' ')
    for end in case:
        print(end.tag, end.get('type'), end.get('message'), end=' ')
        lines = (end.text or '').strip().splitlines()
        print(*(line.strip() for line in lines if 'test_valve.py' in line), end='')
    print()
";
    let mut command = Command::new(python());
    command.current_dir(dir).args(["-c", reads]);
    let read = process::run(command, b"", process::LIMIT);
    let class = "desk.test_valve.TestValve";
    assert_eq!(
        read.out(),
        format!(
            "4 1 1 1\n\
             {class} test_gone error OSError [Errno 19] ENODEV \
             File \"tests/test_valve.py\", line 9, in test_gone\n\
             {class} test_late skipped None no <clock> \n\
             {class} test_open \n\
             {class} test_shut failure AssertionError 1 vs (expected) 2 \
             File \"tests/test_valve.py\", line 8, in test_shut\n"
        ),
        "{}",
        read.text()
    );
    output(dir, &["clean", "-q"]);
    write_files(dir, &[("none.py", "print('Ran 3 tests')\n")]);
    assert_eq!(run(dir, &["run", "none.py"]).status, Some(0));
    let none = run(dir, &["report", "--format", "junit", "-o", "-"]);
    assert_eq!(none.status, Some(1));
    assert!(none.err().contains("no run has used unittest"), "{}", none.text());
}
