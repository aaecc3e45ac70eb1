//! The targets that the other tests rely on are there and behave as those tests assume.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use common::targets::{
    self, Microbit, RawPaste, Serial, Target, WASM_NEWEST, WASM_VERSIONS, WasmBoard,
};

#[test]
fn every_target_runs_a_program() {
    let dir = common::temp_dir();
    let program = "import sys, os, helper\n\
        print(sys.implementation[0], '.'.join(str(n) for n in sys.implementation[1][:3]))\n\
        print(__name__, __file__, sys.argv, sys.path[0], os.getcwd())\n\
        print(helper.VALUE, helper.__file__, hasattr(sys, 'settrace'))\n\
        with open('made.txt', 'w') as f:\n    f.write('by the program')\n\
        try:\n    open('missing.txt')\nexcept OSError as e:\n    print(e.args[0])\n";
    common::write_files(
        dir.path(),
        &[("sub/main.py", program), ("sub/helper.py", "VALUE = 6 * 7")],
    );
    let all = targets::all();
    assert!(all.len() > WASM_VERSIONS.len());
    for target in all {
        let outcome = target.run(dir.path(), "sub/main.py", &["one", "zwölf"], b"");
        let name = target.name();
        assert_eq!(outcome.status, Some(0), "{name}: {}", outcome.text());
        assert_eq!(outcome.err(), "", "{name}");
        let out = outcome.out();
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines[0].starts_with("micropython 1."), "{name}: {out}");
        if let Some(version) = name.strip_prefix("wasm ") {
            assert!(version.starts_with(&lines[0]["micropython ".len()..]), "{name}: {out}");
        }
        let base = dir.path().display();
        // Before 1.28, repr() escapes what is not ASCII.
        let umlaut = if lines[1].contains('ö') { "ö" } else { "\\xf6" };
        let expected = format!(
            "__main__ sub/main.py ['sub/main.py', 'one', 'zw{umlaut}lf'] {base}/sub {base}"
        );
        assert_eq!(lines[1], expected, "{name}");
        let traces = if target.settrace() { "True" } else { "False" };
        assert_eq!(lines[2], format!("42 {base}/sub/helper.py {traces}"), "{name}");
        assert_eq!(lines[3], "2", "{name}: ENOENT");
        let made = dir.path().join("made.txt");
        assert_eq!(fs::read(&made).expect("the file"), b"by the program", "{name}");
        fs::remove_file(made).expect("the file goes");
    }
}

#[test]
fn the_newest_settrace_build_traces() {
    let dir = common::temp_dir();
    let program = "import sys\n\
        def tracer(frame, event, arg):\n\
        \x20   print(frame.f_code.co_filename, frame.f_code.co_name, frame.f_lineno, event)\n\
        \x20   return tracer\n\
        def work():\n\
        \x20   a = 1\n\
        \x20   return a\n\
        sys.settrace(tracer)\n\
        work()\n";
    common::write_files(dir.path(), &[("main.py", program)]);
    let outcome = targets::wasm(WASM_NEWEST, true).run(dir.path(), "main.py", &[], b"");
    let expected = "main.py work 5 call\nmain.py work 6 line\nmain.py work 7 line\n\
        main.py work 7 return\n";
    assert_eq!((outcome.out().as_str(), outcome.status), (expected, Some(0)));
}

#[test]
fn every_target_ends_with_the_programs_status() {
    let dir = common::temp_dir();
    let cases = [
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('no')", 1, ""),
        ("def f():\n    1 / 0\nf()", 1, "ZeroDivisionError"),
        ("x = (1\n", 1, "SyntaxError"),
    ];
    for target in targets::all() {
        for (program, status, error) in cases {
            common::write_files(dir.path(), &[("main.py", program)]);
            let outcome = target.run(dir.path(), "main.py", &[], b"");
            let what = format!("{} {program}: {}", target.name(), outcome.text());
            assert_eq!(outcome.status, Some(status), "{what}");
            let traceback = outcome.err();
            assert_eq!(traceback.is_empty(), error.is_empty(), "{what}");
            if !error.is_empty() {
                assert!(traceback.starts_with("Traceback (most"), "{what}");
                assert!(traceback.contains("  File \"main.py\", line"), "{what}");
                assert!(!traceback.contains("<stdin>"), "{what}");
                assert!(traceback.contains(&format!("\n{error}")), "{what}");
            }
        }
    }
}

#[test]
fn every_target_reads_and_writes_bytes() {
    let dir = common::temp_dir();
    let program = "import sys\n\
        out = sys.stdout.buffer if hasattr(sys.stdout, 'buffer') else sys.stdout\n\
        for line in sys.stdin:\n    out.write(line.encode())\n\
        out.write(b'\\x00\\x04\\r\\xff no end of line')\n";
    common::write_files(dir.path(), &[("main.py", program)]);
    let many = "a line of input\n".repeat(5000);
    for target in targets::all() {
        let outcome = target.run(dir.path(), "main.py", &[], many.as_bytes());
        let mut expected = many.clone().into_bytes();
        expected.extend(b"\x00\x04\r\xff no end of line");
        assert!(outcome.stdout == expected, "{}: {}", target.name(), outcome.text());
    }
}

#[test]
fn a_program_that_hangs_is_killed() {
    let dir = common::temp_dir();
    common::write_files(dir.path(), &[("main.py", "while True: pass")]);
    let command = targets::unix().command(dir.path(), "main.py", &[]);
    let limit = Duration::from_millis(300);
    let hangs = thread::spawn(move || common::process::run(command, b"", limit));
    let panic = hangs.join().expect_err("it cannot have ended");
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(message.contains("did not end in 300ms"), "{message}");
}

#[test]
fn what_a_hanging_program_started_is_killed_too() {
    let mut command = Command::new("sh");
    command.args(["-c", "sh -c 'echo $$; exec sleep 1000' & wait"]);
    let limit = Duration::from_millis(300);
    let hangs = thread::spawn(move || common::process::run(command, b"", limit));
    let panic = hangs.join().expect_err("it cannot have ended");
    let message = panic.downcast_ref::<String>().expect("a message");
    let id = message.lines().find(|line| line.parse::<u32>().is_ok());
    let id = id.expect("the inner program's number");
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[test]
fn the_microbit_answers_on_tcp() {
    let board = Microbit::start(Serial::Tcp);
    let line = TcpStream::connect(&board.address).expect("a connection");
    line.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
    answers_as_microbit(line);
}

#[test]
fn the_microbit_answers_on_a_socket() {
    let board = Microbit::start(Serial::UnixSocket);
    let line = UnixStream::connect(&board.address).expect("a connection");
    line.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
    answers_as_microbit(line);
}

fn answers_as_microbit(mut line: impl Read + Write) {
    let banner = read_until(&mut line, ">>> ");
    assert!(banner.contains("MicroPython v1.9.2"), "{banner}");
    assert!(banner.contains("micro:bit"), "{banner}");
    line.write_all(b"print(6 * 7)\r").expect("it takes a line");
    assert_eq!(read_until(&mut line, ">>> "), "print(6 * 7)\r\n42\r\n>>> ");
}

#[test]
fn the_microbit_answers_on_a_pseudo_terminal() {
    let board = Microbit::start(Serial::Pty);
    let mut port = serialport::new(&board.address, 115_200)
        .timeout(Duration::from_secs(30))
        .open()
        .expect("the device opens");
    // The emulator notices its client only after a while, and drops what it says before.
    thread::sleep(Duration::from_millis(1500));
    port.write_all(b"\x03print(6 * 7)\r").expect("it takes a line");
    let answer = read_until(&mut port, "42\r\n>>> ");
    assert!(answer.contains("print(6 * 7)\r\n42"), "{answer}");
}

#[test]
fn boards_of_wasm_have_a_raw_repl() {
    for version in &WASM_VERSIONS[1..] {
        let mut board = WasmBoard::newest();
        board.wasm = targets::wasm(version, false);
        let running = board.start(Serial::Tcp, &[("lib_on_board.py", "VALUE = 6 * 7")]);
        let mut line = TcpStream::connect(&running.address).expect("a connection");
        line.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
        line.write_all(b"\x03\x01").expect("it listens");
        let banner = read_until(&mut line, "raw REPL; CTRL-B to exit\r\n>");
        assert!(banner.starts_with("\r\n>>> "), "{version}: {banner}");
        line.write_all(b"import lib_on_board\nprint(lib_on_board.VALUE)\x04").expect("it listens");
        assert_eq!(read_until(&mut line, "\x04>"), "OK42\n\x04\x04>", "{version}");
        // Raw-paste mode, with flow control.
        line.write_all(b"\x05A\x01").expect("it listens");
        assert_eq!(read_until(&mut line, "\x01\u{80}\0\x01"), "R\x01\u{80}\0\x01");
        line.write_all(b"open('made.txt', 'w').write('by the board')\x04").expect("it listens");
        assert_eq!(read_until(&mut line, "\x04>"), "\x04\x04\x04>", "{version}");
        let made = running.files.as_ref().expect("files").join("made.txt");
        assert_eq!(fs::read(made).expect("the file"), b"by the board");
        // A soft reset stays in the raw REPL.
        line.write_all(b"\x04").expect("it listens");
        let reset = read_until(&mut line, "exit\r\n>");
        assert_eq!(reset, "OK\r\nMPY: soft reboot\r\nraw REPL; CTRL-B to exit\r\n>");
        line.write_all(b"print(lib_on_board)\x04").expect("it listens");
        assert!(read_until(&mut line, "\x04>").contains("NameError"), "{version}");
    }
}

#[test]
fn boards_of_wasm_can_lack_raw_paste() {
    for (raw_paste, expected) in
        [(RawPaste::No, "R\0"), (RawPaste::Old, "raw REPL; CTRL-B to exit\r\n>")]
    {
        let mut board = WasmBoard::newest();
        board.raw_paste = raw_paste;
        let running = board.start(Serial::Tcp, &[]);
        let mut line = TcpStream::connect(&running.address).expect("a connection");
        line.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
        line.write_all(b"\x01").expect("it listens");
        read_until(&mut line, "exit\r\n>");
        line.write_all(b"\x05A\x01").expect("it listens");
        assert_eq!(read_until(&mut line, expected), expected, "{raw_paste:?}");
    }
}

#[test]
fn a_board_that_hangs_ends_with_what_started_it() {
    let mut board = WasmBoard::newest();
    board.raw_paste = RawPaste::Hang;
    let words = board.command(None);
    // Over TCP standard input tells.
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(["--tcp", "0"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("node");
    let mut said = child.stdout.take().expect("a pipe");
    let port = read_until(&mut said, "\n").trim_start_matches("port ").trim().to_owned();
    let mut line = TcpStream::connect(format!("127.0.0.1:{port}")).expect("a connection");
    line.write_all(b"while 1: pass\r\r\r").expect("it listens");
    drop(child.stdin.take());
    child.wait().expect("it ends");
    // On its standard streams the parent does, here a shell that is killed.
    let script = "exec 3<&0; \"$@\" <&3 3<&- & echo $!; exec sleep 1000";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).args(&words).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = shell.spawn().expect("a shell");
    let mut said = shell.stdout.take().expect("a pipe");
    let id = read_until(&mut said, "\n").trim().to_owned();
    read_until(&mut said, ">>> ");
    let mut input = shell.stdin.take().expect("a pipe");
    input.write_all(b"while 1: pass\r\r\r").expect("it listens");
    shell.kill().expect("it runs");
    shell.wait().expect("it ends");
    let limit = Instant::now() + common::process::LIMIT;
    let runs = || {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    while runs() {
        assert!(Instant::now() < limit, "process {id} goes on without its parent");
        thread::sleep(Duration::from_millis(50));
    }
    drop(input);
}

#[test]
fn a_board_of_wasm_is_a_serial_device() {
    let begin = [("main.py", "print('main', 'ran')")];
    let mut running = WasmBoard::newest().start(Serial::Pty, &begin);
    for _ in 0..2 {
        // Clients may come and go.
        let mut port = serialport::new(&running.address, 115_200)
            .timeout(Duration::from_secs(30))
            .open()
            .expect("the device opens");
        port.write_all(b"\x03\x04").expect("it listens");
        read_until(&mut port, "MPY: soft reboot\r\nmain ran\n");
        read_until(&mut port, ">>> ");
    }
    assert!(!running.ended());
}

/// Reads until `end` has come; bytes are taken for Latin-1.
fn read_until(line: &mut impl Read, end: &str) -> String {
    let limit = Instant::now() + Duration::from_secs(60);
    let mut seen = String::new();
    let mut byte = [0];
    while !seen.ends_with(end) {
        assert!(Instant::now() < limit, "no {end:?} in {seen:?}");
        match line.read(&mut byte) {
            Ok(1) => seen.push(char::from(byte[0])),
            Ok(_) => panic!("the board hung up after {seen:?}"),
            Err(error) => panic!("no {end:?} in {seen:?}: {error}"),
        }
    }
    seen
}

#[test]
fn coverage_py_reports() {
    let dir = common::temp_dir();
    let program = "x = 3\nif x > 5:\n    print('big')\nraise SystemExit(2)\n";
    common::write_files(dir.path(), &[("main.py", program), ("other.py", "y = 1\n")]);
    let report = common::coverage_py(dir.path(), "main.py", true);
    assert_eq!(report["meta"]["format"], 3);
    assert_eq!(report["meta"]["branch_coverage"], true);
    let file = &report["files"]["main.py"];
    assert_eq!(file["missing_lines"], serde_json::json!([3]));
    assert_eq!(file["missing_branches"], serde_json::json!([[2, 3]]));
    assert_eq!(report["files"]["other.py"]["executed_lines"], serde_json::json!([]));
    let lines = common::coverage_py(dir.path(), "main.py", false);
    assert_eq!(lines["meta"]["branch_coverage"], false);
    let left: Vec<_> = fs::read_dir(dir.path()).expect("the directory").collect();
    assert_eq!(left.len(), 2, "nothing is left beside the program");
}

#[test]
fn the_compiler_compiles_and_refuses() {
    let dir = common::temp_dir();
    common::write_files(dir.path(), &[("a.py", "x = 1\n"), ("b.py", "x = (1\n")]);
    let bytes = common::mpy_cross(&dir.path().join("a.py")).expect("it compiles");
    assert_eq!(bytes[..2], *b"M\x06");
    let refused = common::mpy_cross(&dir.path().join("b.py")).expect_err("it does not compile");
    assert!(refused.contains("SyntaxError"), "{refused}");
}

#[test]
fn lcov_is_version_2() {
    for name in ["lcov", "genhtml"] {
        let mut command = Command::new(common::lcov(name));
        command.arg("--version");
        let outcome = common::process::run(command, b"", common::process::LIMIT);
        assert!(outcome.out().contains("LCOV version 2."), "{}", outcome.text());
    }
}

#[test]
fn the_browser_runs_scripts() {
    let dir = common::temp_dir();
    let html = "<title>ä</title><p id=x></p><script>console.log('hi'); x.textContent = 6 * 7; \
        setTimeout(() => { nothing(); });</script>";
    let page = dir.path().join("a page, 100% (ä).html");
    fs::write(&page, html).expect("the page");
    let script = "await new Promise((done) => setTimeout(done, 50)); return [x.textContent]";
    let answer = common::page(&page, script);
    assert_eq!(answer["value"], serde_json::json!(["42"]));
    assert_eq!(answer["log"], serde_json::json!(["hi"]));
    let errors = answer["errors"][0].as_str().expect("an error");
    assert!(errors.contains("nothing is not defined"), "{errors}");
}
