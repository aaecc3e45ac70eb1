//! The device layer on emulated boards, from connecting to leaving: the smallest one with the oldest firmware, and
//! one with the newest. With `MPYCOV_TEST_BOARD`, what `-t` takes, on a real one too.

#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::targets::{
    self, Board as Emulated, Microbit, RawPaste as Offer, Serial, WASM_NEWEST, WASM_VERSIONS,
    WasmBoard,
};
use mpycov::device::board::Board;
use mpycov::device::deploy::{Blob, Deployment, Event, Layout};
use mpycov::device::error::{DeployError, ReadFileError, ReplError};
use mpycov::device::faulty::{Damage, Fault, Faulty, Way};
use mpycov::device::files::{read_file, remove_file};
use mpycov::device::run::{Closing, Program, Run, RunEnd, Section};
use mpycov::device::selector::Selector;
use mpycov::device::socket::Socket;
use mpycov::device::{Control, RawPaste, RawRepl, ReplOptions, Transport};

fn open(name: &str) -> Box<dyn Transport> {
    let selector = Selector::parse(name).expect("a name");
    let address =
        selector.resolve(&mpycov::device::ports::list().expect("a list")).expect("a line");
    address.open(None).unwrap_or_else(|error| panic!("{error}"))
}

fn line_of(board: &Emulated, kind: Serial) -> Box<dyn Transport> {
    open(&match kind {
        Serial::Pty => board.address.clone(),
        Serial::Tcp | Serial::UnixSocket => format!("socket://{}", board.address),
    })
}

fn connect(board: &Emulated, kind: Serial) -> (RawRepl, Board) {
    meet(line_of(board, kind), ReplOptions::default())
}

fn meet(line: Box<dyn Transport>, options: ReplOptions) -> (RawRepl, Board) {
    let mut repl = RawRepl::enter(line, options).unwrap_or_else(|error| panic!("{error}"));
    let board = Board::probe(&mut repl).unwrap_or_else(|error| panic!("{error}"));
    (repl, board)
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Heard {
    run: Run,
    output: Vec<u8>,
    closing: Vec<u8>,
}

impl Heard {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }
}

fn try_run(
    repl: &mut RawRepl,
    program: &Program<'_>,
    control: &Control,
) -> Result<Heard, ReplError> {
    let (mut output, mut closing) = (Vec::new(), Vec::new());
    let run = repl.run(program, control, &mut |section, bytes| match section {
        Section::Program => output.extend_from_slice(bytes),
        Section::Closing => closing.extend_from_slice(bytes),
    })?;
    Ok(Heard { run, output, closing })
}

fn run(repl: &mut RawRepl, start: &str) -> Heard {
    let program = Program {
        start,
        closing: "print('closing')",
        timeout: Some(Duration::from_secs(30)),
        ..Program::default()
    };
    try_run(repl, &program, &Control::new()).unwrap_or_else(|error| panic!("{error}"))
}

fn blob(name: &str, bytes: impl Into<Vec<u8>>) -> Blob {
    Blob { name: name.to_owned(), bytes: bytes.into() }
}

/// The files of the board, without directories.
fn listing(repl: &mut RawRepl, board: &Board) -> String {
    repl.ask(&format!("import {} as _o\n_x=repr(sorted(_o.listdir()))", board.os), "looking")
        .expect("a listing")
}

fn ignore(_: Event<'_>) {}

#[test]
fn the_boards_are_what_they_are() {
    let microbit = Microbit::start(Serial::Tcp);
    let (repl, board) = connect(&microbit, Serial::Tcp);
    assert_eq!((board.version, board.platform.as_str()), ((1, 9, 2), "microbit"));
    assert!((8_000..10_000).contains(&board.free_ram), "{}", board.free_ram);
    assert_eq!(
        (board.directories, board.sys_path, board.walrus, board.settrace),
        (false, false, false, false)
    );
    assert_eq!(
        (board.base64, board.sha256, board.inflate, board.mount, board.mpy),
        (None, None, None, None, None)
    );
    repl.leave();

    for version in &WASM_VERSIONS[1..] {
        for settrace in [false, true] {
            if settrace && !["1.28.0-6", "1.29.0-6"].contains(version) {
                continue;
            }
            let wasm = WasmBoard { wasm: targets::wasm(version, settrace), raw_paste: Offer::No };
            let emulated = wasm.start(Serial::Tcp, &[]);
            let (repl, board) = connect(&emulated, Serial::Tcp);
            let (major, minor, patch) = board.version;
            assert!(
                version.starts_with(&format!("{major}.{minor}.{patch}")),
                "{version}: {board:?}"
            );
            assert_eq!((board.platform.as_str(), board.home.as_str()), ("webassembly", "/flash"));
            assert_eq!(
                (board.walrus, board.settrace, board.directories, board.sys_path),
                (true, settrace, true, true)
            );
            assert!(
                board.base64.is_some() && board.sha256.is_some() && board.inflate.is_some(),
                "{board:?}"
            );
            assert!(
                board.mount.is_some() && board.mpy.is_some_and(|mpy| mpy.version == 6),
                "{board:?}"
            );
            repl.leave();
        }
    }
}

/// Deploys, runs and removes `rounds` times; nothing may be lost, nothing may stay behind.
fn rounds(kind: Serial, rounds: u32) {
    let microbit = Microbit::start(kind);
    let mut line = Some(line_of(&microbit, kind));
    for round in 0..rounds {
        let line = line.take().unwrap_or_else(|| line_of(&microbit, kind));
        let mut repl =
            RawRepl::enter(line, ReplOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        repl.soft_reset().unwrap_or_else(|error| panic!("round {round}: {error}"));
        let board =
            Board::probe(&mut repl).unwrap_or_else(|error| panic!("round {round}: {error}"));
        let other = format!("def f(x):\n return x*{round}\n").repeat(1 + round as usize % 20);
        let main =
            format!("import other\nfor i in range(20):\n print('round', {round}, other.f(i))\n");
        let blobs = [blob("other.py", other), blob("prog.py", main)];
        let placed = Deployment::place(&mut repl, &board, Layout::Own, &blobs, &mut ignore)
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
        repl.soft_reset().unwrap_or_else(|error| panic!("round {round}: {error}"));
        let heard = run(&mut repl, &format!("{}import prog\n", placed.search_path()));
        let expected: String = (0..20).map(|i| format!("round {round} {}\n", i * round)).collect();
        assert_eq!(
            heard.run,
            Run { end: RunEnd::Finished, closing: Closing::Complete },
            "round {round}"
        );
        assert_eq!(
            (heard.text(), heard.closing),
            (expected, b"closing\n".to_vec()),
            "round {round}"
        );
        placed
            .remove(&mut repl, &board, &mut ignore)
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_eq!(listing(&mut repl, &board), "[]", "round {round}");
        repl.leave();
        if kind == Serial::UnixSocket {
            // This emulator takes one client on its socket.
            break;
        }
    }
}

#[test]
fn fifty_rounds_on_the_smallest_board_over_a_terminal() {
    rounds(Serial::Pty, 50);
}

#[test]
fn rounds_on_the_smallest_board_over_tcp() {
    rounds(Serial::Tcp, 15);
}

#[test]
fn a_round_on_the_smallest_board_over_a_unix_socket() {
    rounds(Serial::UnixSocket, 1);
}

/// Programs and how they end, on any firmware.
fn ends(repl: &mut RawRepl) {
    let complete = |end| Run { end, closing: Closing::Complete };
    let exit = |code, message: Option<&str>| {
        complete(RunEnd::SystemExit { code, message: message.map(str::to_owned) })
    };
    for (start, output, expected) in [
        ("print('a')\nprint('b',end='')", "a\nb", complete(RunEnd::Finished)),
        ("", "", complete(RunEnd::Finished)),
        ("import sys\nprint(1)\nsys.exit(3)", "1\n", exit(3, None)),
        ("raise SystemExit", "", exit(0, None)),
        ("import sys\nsys.exit('no luck')", "", exit(1, Some("no luck"))),
        ("for i in range(3):\n print(i)\n if i:\n  break", "0\n1\n", complete(RunEnd::Finished)),
    ] {
        let heard = run(repl, start);
        assert_eq!((heard.text().as_str(), heard.run), (output, expected), "{start}");
        assert_eq!(heard.closing, b"closing\n", "{start}");
    }
    let heard = run(repl, "print('before')\n1/0");
    let RunEnd::Raised { traceback } = heard.run.end else { panic!("{heard:?}") };
    assert!(traceback.starts_with("Traceback (most recent call last):\n"), "{traceback:?}");
    assert!(
        traceback
            .trim_end()
            .lines()
            .last()
            .is_some_and(|line| line.starts_with("ZeroDivisionError")),
        "{traceback:?}"
    );
    assert_eq!(
        (heard.output.as_slice(), heard.closing.as_slice()),
        (&b"before\n"[..], &b"closing\n"[..])
    );

    // Closing statements that fail do not hide how the program ended.
    let program = Program { start: "print(1)", closing: "print(2)\nfoo", ..Program::default() };
    let heard = try_run(repl, &program, &Control::new()).expect("runs");
    assert_eq!((heard.run.end, heard.closing.as_slice()), (RunEnd::Finished, &b"2\n"[..]));
    assert!(matches!(heard.run.closing, Closing::Failed(said) if said.contains("NameError")));

    // The prompt's own end mark and the prompt itself are output like any other.
    let heard = run(
        repl,
        "print('\\x04\\x04>x\\x00\\x04')\nprint('raw REPL; CTRL-B to exit\\r')\nprint('\\x04\\x04>')",
    );
    assert_eq!(heard.text(), "\x04\x04>x\0\x04\nraw REPL; CTRL-B to exit\r\n\x04\x04>\n");
    assert_eq!(heard.run.end, RunEnd::Finished);
}

#[test]
fn programs_end_in_many_ways_on_the_smallest_board() {
    let microbit = Microbit::start(Serial::Tcp);
    let (mut repl, _) = connect(&microbit, Serial::Tcp);
    ends(&mut repl);
    // The program goes silent behind something that looks like the end.
    let heard = run(
        &mut repl,
        "import microbit\nprint('\\x04\\x04>',end='')\nmicrobit.sleep(4000)\nprint('on')",
    );
    assert_eq!((heard.text().as_str(), heard.run.end), ("\x04\x04>on\n", RunEnd::Finished));
    // The whole memory is used up; the closing statements run all the same.
    let heard = run(&mut repl, "a=[]\nwhile 1:\n a.append(bytearray(100))");
    let RunEnd::Raised { traceback } = heard.run.end else { panic!("{heard:?}") };
    assert!(traceback.contains("MemoryError"), "{traceback}");
    assert_eq!(heard.closing, b"closing\n");
}

#[test]
fn programs_end_in_many_ways_on_new_firmware() {
    for offer in [Offer::Yes, Offer::No, Offer::Old] {
        let emulated =
            WasmBoard { raw_paste: offer, ..WasmBoard::newest() }.start(Serial::Tcp, &[]);
        let options = ReplOptions { raw_paste: RawPaste::WhereOffered, ..ReplOptions::default() };
        let (mut repl, _) = meet(line_of(&emulated, Serial::Tcp), options);
        ends(&mut repl);
        let heard = run(&mut repl, "import sys\nsys.stdout.buffer.write(bytes(range(256)))");
        assert_eq!(heard.output, (0..=255).collect::<Vec<u8>>(), "{offer:?}");
    }
}

#[test]
fn a_board_that_resets_or_goes_away_is_noticed() {
    // SystemExit outside of the wrapper soft-resets new firmware.
    let emulated =
        WasmBoard::newest().start(Serial::Tcp, &[("boot.py", "print('boot.py runs')\n")]);
    let (mut repl, board) = connect(&emulated, Serial::Tcp);
    let program = Program { start: "print(1)", closing: "raise SystemExit", ..Program::default() };
    let heard = try_run(&mut repl, &program, &Control::new()).expect("runs");
    assert_eq!((heard.run.end, heard.output.as_slice()), (RunEnd::Finished, &b"1\n"[..]));
    assert_eq!(repl.ask("_x=6*7", "testing"), Ok("42".to_owned()));
    let printed = repl.soft_reset().expect("resets");
    assert_eq!(printed, b"boot.py runs\n");
    assert!(listing(&mut repl, &board).contains("boot.py"));

    // A hard reset looks like a restart where the line stays, and like a cable that is pulled where it does not.
    for kind in [Serial::Tcp, Serial::Pty] {
        let microbit = Microbit::start(kind);
        let (mut repl, _) = connect(&microbit, kind);
        let heard = run(&mut repl, "import microbit\nprint('bye')\nmicrobit.reset()");
        assert!(heard.text().starts_with("bye\n"), "{heard:?}");
        assert_eq!(heard.run.closing, Closing::Missing);
        assert!(matches!(heard.run.end, RunEnd::Vanished { .. }), "{:?}", heard.run.end);
        assert_eq!(repl.ask("_x=6*7", "testing"), Ok("42".to_owned()));
        drop(microbit);
        let error = repl.ask("_x=1", "testing").expect_err("gone").to_string();
        assert!(error.contains("went away"), "{error}");
    }
}

#[test]
fn time_limits_and_interrupts_reach_the_program() {
    let microbit = Microbit::start(Serial::Tcp);
    let (mut repl, _) = connect(&microbit, Serial::Tcp);
    let forever = "while 1:\n pass";
    let limited = Program {
        start: forever,
        closing: "print('saved')",
        timeout: Some(Duration::from_millis(500)),
        ..Program::default()
    };
    let heard = try_run(&mut repl, &limited, &Control::new()).expect("runs");
    assert_eq!(
        (heard.run.end, heard.closing.as_slice()),
        (RunEnd::TimedOut { stopped: true }, &b"saved\n"[..])
    );

    let interrupt_after = |times: u32, program: &Program<'_>, repl: &mut RawRepl| {
        let control = Control::new();
        let hand = control.clone();
        let presser = std::thread::spawn(move || {
            for _ in 0..times {
                std::thread::sleep(Duration::from_millis(600));
                hand.interrupt();
            }
        });
        let heard = try_run(repl, program, &control).expect("runs");
        presser.join().expect("pressed");
        heard
    };
    let program =
        Program { start: "while 1:\n pass", closing: "print('saved')", ..Program::default() };
    let heard = interrupt_after(1, &program, &mut repl);
    let RunEnd::Interrupted { stopped: true, traceback: Some(traceback) } = heard.run.end else {
        panic!("{heard:?}")
    };
    assert!(traceback.contains("KeyboardInterrupt"), "{traceback}");
    assert_eq!(heard.closing, b"saved\n");

    // A program that handles the first Ctrl-C goes on; the second one ends it.
    let stubborn =
        "try:\n while 1:\n  pass\nexcept KeyboardInterrupt:\n print('not yet')\nwhile 1:\n pass";
    let program = Program { start: stubborn, closing: "print('saved')", ..Program::default() };
    let heard = interrupt_after(2, &program, &mut repl);
    assert_eq!(heard.text(), "not yet\n");
    assert!(
        matches!(heard.run.end, RunEnd::Interrupted { stopped: true, .. }),
        "{:?}",
        heard.run.end
    );
    assert_eq!(heard.closing, b"saved\n");

    // One that cannot be stopped is said to be so, and does not hold us.
    let deaf = "import micropython\nmicropython.kbd_intr(-1)\nwhile 1:\n pass";
    let grace = Duration::from_secs(1);
    let program = Program {
        start: deaf,
        timeout: Some(Duration::from_millis(300)),
        grace,
        ..Program::default()
    };
    let began = Instant::now();
    let heard = try_run(&mut repl, &program, &Control::new()).expect("runs");
    assert_eq!(
        heard.run,
        Run { end: RunEnd::TimedOut { stopped: false }, closing: Closing::Missing }
    );
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn input_reaches_the_program() {
    let microbit = Microbit::start(Serial::Tcp);
    let (mut repl, _) = connect(&microbit, Serial::Tcp);
    let control = Control::new();
    control.feed(b"Ada\r");
    let program = Program {
        start: "print('hello', input())",
        timeout: Some(Duration::from_secs(10)),
        ..Program::default()
    };
    let heard = try_run(&mut repl, &program, &control).expect("runs");
    assert!(heard.text().ends_with("hello Ada\n"), "{:?}", heard.text());
}

#[test]
fn a_busy_board_is_entered() {
    for (what, state) in [
        ("at the raw prompt", &b"\r\x01"[..]),
        ("half way into a line", b"\rprint('ab"),
        ("in paste mode", b"\x05print(1)\r"),
        ("half way into raw code", b"\r\x01print('ab"),
        ("in a loop", b"while 1:pass\r\r"),
        ("printing", b"while 1:print('>>> busy')\r\r"),
        (
            "catching every interrupt a few times",
            b"\x05for i in range(3):\r try:\r  while 1:pass\r except KeyboardInterrupt:pass\r\x04",
        ),
        ("in a loop of raw code", b"\r\x01while 1:pass\x04"),
    ] {
        let microbit = Microbit::start(Serial::Tcp);
        let mut line = line_of(&microbit, Serial::Tcp);
        std::thread::sleep(Duration::from_millis(200));
        for piece in state.chunks(16) {
            line.write(piece).expect("writes");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(200));
        let mut repl = RawRepl::enter(line, ReplOptions::default())
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(repl.ask("_x=6*7", "testing"), Ok("42".to_owned()), "{what}");
    }
}

#[test]
fn a_board_that_cannot_be_entered_is_described() {
    let options = || ReplOptions {
        enter: Duration::from_secs(2),
        step: Duration::from_millis(400),
        ..ReplOptions::default()
    };
    for (name, says) in [
        ("exec:sleep 60", "right port"),
        ("exec:while true; do echo working; sleep 0.05; done", "Ctrl-C does not stop"),
        ("exec:exit 7", "went away"),
        ("exec:cat", "echoes"),
    ] {
        let error = RawRepl::enter(open(name), options())
            .err()
            .unwrap_or_else(|| panic!("{name} has a prompt"));
        assert!(error.to_string().contains(says), "{name}: {error}");
    }
}

#[test]
fn files_come_back_byte_for_byte() {
    let all: Vec<u8> = (0..=255).cycle().take(1500).collect();
    let microbit = Microbit::start(Serial::Tcp);
    let wasm = WasmBoard::newest().start(Serial::Tcp, &[]);
    for emulated in [&microbit, &wasm] {
        let (mut repl, board) = connect(emulated, Serial::Tcp);
        for (name, bytes) in
            [("all.bin", all.clone()), ("none.bin", Vec::new()), ("text.txt", b"a\r\nb\n".to_vec())]
        {
            let placed = Deployment::place(
                &mut repl,
                &board,
                Layout::InPlace,
                &[blob(name, bytes.clone())],
                &mut ignore,
            )
            .expect("places");
            assert_eq!(read_file(&mut repl, &board, &placed.path_of(name)), Ok(bytes), "{name}");
            placed.remove(&mut repl, &board, &mut ignore).expect("removes");
        }
        assert_eq!(
            read_file(&mut repl, &board, "no.txt"),
            Err(ReadFileError::Missing { path: "no.txt".to_owned() })
        );
        assert_eq!(remove_file(&mut repl, &board, "no.txt"), Ok(()));
        assert_eq!(listing(&mut repl, &board), "[]");
    }
}

/// What `place` reports.
fn planned(
    repl: &mut RawRepl,
    board: &Board,
    layout: Layout,
    blobs: &[Blob],
) -> (Deployment, (usize, usize, usize)) {
    let mut plan = (0, 0, 0);
    let placed = Deployment::place(repl, board, layout, blobs, &mut |event| {
        if let Event::Planned { files, bytes, unchanged } = event {
            plan = (files, bytes, unchanged);
        }
    });
    (placed.unwrap_or_else(|error| panic!("{error}")), plan)
}

#[test]
fn only_what_changed_is_sent_and_what_is_not_wanted_goes() {
    let microbit = Microbit::start(Serial::Tcp);
    let wasm = WasmBoard::newest().start(Serial::Tcp, &[]);
    for emulated in [&microbit, &wasm] {
        let (mut repl, board) = connect(emulated, Serial::Tcp);
        let mut blobs =
            vec![blob("a.py", b"A=12\n".repeat(50)), blob("b.py", "B=1\n"), blob("c.py", "C=1\n")];
        assert_eq!(planned(&mut repl, &board, Layout::Own, &blobs).1, (3, 258, 0));
        repl.soft_reset().expect("resets");
        assert_eq!(planned(&mut repl, &board, Layout::Own, &blobs).1, (0, 0, 3));
        // The same length and the same letters.
        blobs[0] = blob("a.py", b"A=21\n".repeat(50));
        blobs.remove(2);
        let (placed, plan) = planned(&mut repl, &board, Layout::Own, &blobs);
        assert_eq!(plan, (1, 250, 1));
        let heard =
            run(&mut repl, &format!("{}import a\nprint(a.A)\nimport c", placed.search_path()));
        assert!(
            matches!(heard.run.end, RunEnd::Raised { traceback } if traceback.contains("ImportError"))
        );
        assert_eq!(heard.output, b"21\n");
        let left = Deployment::left_behind(&mut repl, &board, Layout::Own)
            .expect("looks")
            .expect("something");
        assert_eq!(left, placed);
        left.remove(&mut repl, &board, &mut ignore).expect("removes");
        assert_eq!(listing(&mut repl, &board), "[]");
        assert_eq!(Deployment::left_behind(&mut repl, &board, Layout::Own), Ok(None));
    }
}

#[test]
fn packages_and_data_go_into_a_directory_of_their_own() {
    for version in &WASM_VERSIONS[1..] {
        let wasm = WasmBoard { wasm: targets::wasm(version, false), raw_paste: Offer::Yes };
        let emulated = wasm.start(Serial::Tcp, &[("pkg/own.py", "print('of the user')\n")]);
        let options = ReplOptions { raw_paste: RawPaste::WhereOffered, ..ReplOptions::default() };
        let (mut repl, board) = meet(line_of(&emulated, Serial::Tcp), options);
        let text: String = (0..2000).map(|n| format!("# line {n}\n")).collect();
        let blobs = [
            blob("pkg/__init__.py", "from .sub import deep\n"),
            blob("pkg/sub/__init__.py", ""),
            blob("pkg/sub/deep.py", format!("WHERE=__file__\n{text}")),
            blob("pkg/zwölf.txt", "zwölf"),
        ];
        let placed = Deployment::place(&mut repl, &board, Layout::Own, &blobs, &mut ignore)
            .unwrap_or_else(|error| panic!("{version}: {error}"));
        repl.soft_reset().expect("resets");
        let start = format!(
            "{}import pkg\nprint(pkg.deep.WHERE)\nprint(open({:?}).read())",
            placed.search_path(),
            "/flash/_mpycov/pkg/zw\\xf6lf.txt"
        )
        .replace("\\\\", "\\");
        let heard = run(&mut repl, &start);
        assert_eq!(heard.text(), "/flash/_mpycov/pkg/sub/deep.py\nzwölf\n", "{version}");
        placed.remove(&mut repl, &board, &mut ignore).expect("removes");
        assert_eq!(listing(&mut repl, &board), "['pkg']", "{version}");
    }
}

#[test]
fn nothing_of_the_users_is_overwritten() {
    let microbit = Microbit::start(Serial::Tcp);
    let (mut repl, board) = connect(&microbit, Serial::Tcp);
    let make = "f=open('main.py','w')\nf.write('print(1)')\nf.close()";
    assert_eq!(run(&mut repl, make).run.end, RunEnd::Finished);
    let blobs = [blob("main.py", "print('measured')\n"), blob("more.py", "x=1\n")];
    let error =
        Deployment::place(&mut repl, &board, Layout::Own, &blobs, &mut ignore).expect_err("theirs");
    assert_eq!(error, DeployError::WouldOverwrite { names: vec!["main.py".to_owned()] });
    let error =
        Deployment::place(&mut repl, &board, Layout::Own, &[blob("a/b.py", "")], &mut ignore)
            .expect_err("flat");
    assert!(error.to_string().contains("flat names"), "{error}");
    assert_eq!(listing(&mut repl, &board), "['main.py']");

    // In place it is put aside and comes back.
    let placed =
        Deployment::place(&mut repl, &board, Layout::InPlace, &blobs, &mut ignore).expect("places");
    let printed = repl.soft_reset().expect("resets");
    assert_eq!(printed, b"", "main.py does not run from the raw prompt");
    assert_eq!(run(&mut repl, "import main").output, b"measured\n");
    placed.remove(&mut repl, &board, &mut ignore).expect("removes");
    assert_eq!(read_file(&mut repl, &board, "main.py"), Ok(b"print(1)".to_vec()));
    assert_eq!(listing(&mut repl, &board), "['main.py']");
}

#[test]
fn in_place_with_directories_everything_comes_back() {
    let theirs = [("main.py", "print('theirs')\n"), ("lib/util.py", "U=1\n"), ("boot.py", "")];
    let emulated = WasmBoard::newest().start(Serial::Tcp, &theirs);
    let files = emulated.files.clone().expect("files");
    let read = |name: &str| std::fs::read_to_string(files.join(name)).expect("a file");
    let blobs = [
        blob("main.py", "ours"),
        blob("lib/util.py", "U=2\n"),
        blob("/flash/lib/new/n.py", "N=1\n"),
    ];
    {
        let (mut repl, board) = connect(&emulated, Serial::Tcp);
        let placed = Deployment::place(&mut repl, &board, Layout::InPlace, &blobs, &mut ignore)
            .expect("places");
        assert_eq!(
            (read("main.py").as_str(), read("lib/util.py").as_str(), read("lib/new/n.py").as_str()),
            ("ours", "U=2\n", "N=1\n")
        );
        assert_eq!(read("main.py.mpycov"), "print('theirs')\n");
        // The session ends without tidying up, and somebody changes a file meanwhile.
        drop(placed);
    }
    std::fs::write(files.join("lib/util.py"), "U=3 # a new one of the user's\n").expect("writes");
    let (mut repl, board) = connect(&emulated, Serial::Tcp);
    let left = Deployment::left_behind(&mut repl, &board, Layout::InPlace)
        .expect("looks")
        .expect("something");
    let mut alone = Vec::new();
    left.remove(&mut repl, &board, &mut |event| {
        if let Event::LeftAlone { path } = event {
            alone.push(path.to_owned());
        }
    })
    .expect("removes");
    assert_eq!(alone, ["/flash/lib/util.py"]);
    assert_eq!(
        (read("main.py").as_str(), read("lib/util.py").as_str()),
        ("print('theirs')\n", "U=3 # a new one of the user's\n")
    );
    assert_eq!(read("lib/util.py.mpycov"), "U=1\n");
    assert!(!files.join("lib/new").exists() && !files.join("_mpycov").exists());
}

#[test]
fn modules_are_served_from_memory_and_flash_is_not_touched() {
    for version in &WASM_VERSIONS[1..] {
        let wasm = WasmBoard { wasm: targets::wasm(version, false), raw_paste: Offer::No };
        let emulated = wasm.start(Serial::Tcp, &[("data.txt", "theirs")]);
        let files = emulated.files.clone().expect("files");
        let before = std::fs::metadata(&files).and_then(|data| data.modified()).expect("a time");
        let (mut repl, board) = connect(&emulated, Serial::Tcp);
        let source = common::temp_dir();
        common::write_files(source.path(), &[("compiled.py", "def f():\n    return 'compiled'\n")]);
        let mut blobs = vec![
            blob("pkg/__init__.py", "from . import part\n"),
            blob("pkg/part.py", format!("P=__file__\n{}", "# filler\n".repeat(1000))),
            blob("pkg/data.txt", "one\ntwo\n"),
        ];
        if *version == WASM_NEWEST {
            blobs.push(blob(
                "compiled.mpy",
                common::mpy_cross(&source.path().join("compiled.py")).expect("compiles"),
            ));
        }
        let placed = Deployment::place(&mut repl, &board, Layout::Ram, &blobs, &mut ignore)
            .unwrap_or_else(|error| panic!("{version}: {error}"));
        assert!(placed.is_volatile());
        let start = format!(
            "{}import pkg,os\nprint(pkg.part.P,sorted(os.listdir('/_mpycov')),sorted(os.listdir('/_mpycov/pkg')))\nprint(open('/_mpycov/pkg/data.txt').read().split())\nprint([x[:2] for x in os.ilistdir('/_mpycov')][0][1]&0x4000!=0)",
            placed.search_path()
        );
        let heard = run(&mut repl, &start);
        assert_eq!(heard.run.end, RunEnd::Finished, "{version}: {}", heard.text());
        let names = if *version == WASM_NEWEST { "['compiled.mpy', 'pkg']" } else { "['pkg']" };
        assert!(heard.text().starts_with(&format!("/_mpycov/pkg/part.py {names} ['__init__.py', 'data.txt', 'part.py']\n['one', 'two']\n")), "{version}: {}", heard.text());
        if *version == WASM_NEWEST {
            assert_eq!(
                run(&mut repl, "import compiled\nprint(compiled.f())").output,
                b"compiled\n"
            );
        }
        let heard = run(&mut repl, "open('/_mpycov/x','w')");
        assert!(
            matches!(heard.run.end, RunEnd::Raised { traceback } if traceback.contains("OSError")),
            "{version}"
        );
        placed.remove(&mut repl, &board, &mut ignore).expect("removes");
        let heard = run(&mut repl, "import os\nos.stat('/_mpycov/pkg/part.py')");
        assert!(matches!(heard.run.end, RunEnd::Raised { .. }), "{version}");
        assert_eq!(
            std::fs::metadata(&files).and_then(|data| data.modified()).expect("a time"),
            before,
            "{version}"
        );
    }
    let microbit = Microbit::start(Serial::Tcp);
    let (mut repl, board) = connect(&microbit, Serial::Tcp);
    let error = Deployment::place(&mut repl, &board, Layout::Ram, &[blob("a.py", "")], &mut ignore)
        .expect_err("too old");
    assert!(matches!(error, DeployError::NoRamModules { .. }), "{error}");
}

#[test]
fn raw_paste_mode_is_used_refused_unknown_or_a_trap() {
    for (offer, wanted) in [
        (Offer::Yes, RawPaste::WhereOffered),
        (Offer::No, RawPaste::WhereOffered),
        (Offer::Old, RawPaste::WhereOffered),
        (Offer::Hang, RawPaste::Auto),
        (Offer::Hang, RawPaste::Never),
    ] {
        let emulated =
            WasmBoard { raw_paste: offer, ..WasmBoard::newest() }.start(Serial::Tcp, &[]);
        let options = ReplOptions { raw_paste: wanted, ..ReplOptions::default() };
        let (mut repl, board) = meet(line_of(&emulated, Serial::Tcp), options);
        let noise: Vec<u8> = (0..20_000_u32).map(|n| (n * n / 7) as u8).collect();
        let blobs = [blob("noise.bin", noise.clone())];
        let placed = Deployment::place(&mut repl, &board, Layout::Own, &blobs, &mut ignore)
            .unwrap_or_else(|error| panic!("{offer:?}: {error}"));
        assert_eq!(
            read_file(&mut repl, &board, &placed.path_of("noise.bin")),
            Ok(noise),
            "{offer:?}"
        );
        placed.remove(&mut repl, &board, &mut ignore).expect("removes");
    }
    // Firmware that hangs for good cannot be helped, but it is said, soon, with what to do.
    let emulated =
        WasmBoard { raw_paste: Offer::Hang, ..WasmBoard::newest() }.start(Serial::Tcp, &[]);
    let options = ReplOptions {
        raw_paste: RawPaste::WhereOffered,
        enter: Duration::from_secs(2),
        answer: Duration::from_secs(2),
        ..ReplOptions::default()
    };
    let (mut repl, board) = meet(line_of(&emulated, Serial::Tcp), options);
    let began = Instant::now();
    let error = Deployment::place(&mut repl, &board, Layout::Own, &[blob("a.py", "")], &mut ignore)
        .expect_err("hangs");
    assert!(error.to_string().contains("raw-paste"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_lost() {
    let microbit = Microbit::start(Serial::Tcp);
    let (mut repl, board) = connect(&microbit, Serial::Tcp);
    let error = Deployment::place(
        &mut repl,
        &board,
        Layout::Own,
        &[blob("big.txt", vec![b'x'; 40_000])],
        &mut ignore,
    )
    .expect_err("too big");
    assert!(matches!(error, DeployError::NoSpace { .. }), "{error:?}");
    let left =
        Deployment::left_behind(&mut repl, &board, Layout::Own).expect("looks").expect("something");
    left.remove(&mut repl, &board, &mut ignore).expect("removes");
    assert_eq!(listing(&mut repl, &board), "[]");

    // A module that is too large to be compiled: the program ends with the board's own words.
    let large = "def f(x):\n return x+1\n".repeat(150);
    let placed =
        Deployment::place(&mut repl, &board, Layout::Own, &[blob("large.py", large)], &mut ignore)
            .expect("places");
    repl.soft_reset().expect("resets");
    let heard = run(&mut repl, "import large");
    assert!(
        matches!(heard.run.end, RunEnd::Raised { traceback } if traceback.contains("MemoryError"))
    );
    placed.remove(&mut repl, &board, &mut ignore).expect("removes");
}

/// Faults on the line to the real firmware: fewer than on the simulated board, since time is real here.
#[test]
fn faults_on_the_line_to_the_smallest_board() {
    let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
    let positions = [5, 150, 700, 1500, 2600, 3300, 4100, 4700];
    for (index, position) in positions.into_iter().enumerate() {
        for way in [Way::ToBoard, Way::FromBoard] {
            let position = if way == Way::ToBoard { position } else { position / 5 };
            let damage = match index % 4 {
                0 => Damage::Lose(1),
                1 => Damage::Lose(24),
                2 => Damage::Insert(b"\xf0garbage\r\n".to_vec()),
                _ => Damage::Flip(1),
            };
            let microbit = Microbit::start(Serial::Tcp);
            let line = Socket::open(&microbit.address).expect("opens");
            let line = Faulty::new(line, vec![Fault { way, position, damage }]);
            let what = format!("{way:?} {position}");
            let options = ReplOptions { answer: Duration::from_secs(2), ..ReplOptions::default() };
            let result = RawRepl::enter(Box::new(line), options)
                .map_err(DeployError::from)
                .and_then(|mut repl| {
                    let board = Board::probe(&mut repl)?;
                    let text = b"x = 'some text'\n".repeat(20);
                    let placed = Deployment::place(
                        &mut repl,
                        &board,
                        Layout::Own,
                        &[blob("a.py", text.clone())],
                        &mut ignore,
                    )?;
                    let read = read_file(&mut repl, &board, "a.py");
                    assert!(read.is_err() || read == Ok(text), "{what}: wrong bytes");
                    let heard = try_run(
                        &mut repl,
                        &Program { start: "import a\nprint(a.x)", ..Program::default() },
                        &Control::new(),
                    )?;
                    placed.remove(&mut repl, &board, &mut ignore)?;
                    Ok(heard)
                });
            let end = match result {
                Ok(heard) if heard.run.end == RunEnd::Finished => "complete",
                Ok(_) => "another end",
                Err(_) => "an error",
            };
            *ends.entry(end).or_default() += 1;
        }
    }
    assert!(ends.get("complete").is_some_and(|count| *count >= 12), "{ends:?}");
}

#[test]
fn a_command_behind_a_terminal_is_a_board() {
    let program = common::brought("MPYCOV_TEST_MICROBIT", "microbit/qemu-microbit");
    let (mut repl, board) =
        meet(open(&format!("execpty:{} pty", program.display())), ReplOptions::default());
    assert_eq!(board.platform, "microbit");
    assert_eq!(run(&mut repl, "print(1)").output, b"1\n");
    repl.leave();

    let words = WasmBoard::newest().command(None);
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let (mut repl, board) =
        meet(open(&format!("exec:{}", quoted.join(" "))), ReplOptions::default());
    assert_eq!(board.platform, "webassembly");
    assert_eq!(run(&mut repl, "print(1)").output, b"1\n");
}

#[test]
fn a_port_that_is_in_use_or_missing_is_named() {
    let microbit = Microbit::start(Serial::Pty);
    let _held = line_of(&microbit, Serial::Pty);
    let again = Selector::parse(&microbit.address)
        .and_then(|name| name.resolve(&[]))
        .expect("a line")
        .open(None);
    let error = again.err().expect("in use").to_string();
    assert!(error.contains("in use"), "{error}");
    let missing =
        Selector::parse("a97").and_then(|name| name.resolve(&[])).expect("a line").open(None);
    let error = missing.err().expect("missing").to_string();
    assert!(error.contains("/dev/ttyACM97") && error.contains("plugged in"), "{error}");
    let file =
        Selector::parse("/dev/null").and_then(|name| name.resolve(&[])).expect("a line").open(None);
    assert!(file.is_err());
}

#[test]
fn a_real_board_where_there_is_one() {
    let Some(name) = targets::board() else { return };
    let (mut repl, board) = meet(open(&name), ReplOptions::default());
    let before = listing(&mut repl, &board);
    let blobs = [
        blob("mpycov_a.py", "A=1\n".repeat(300)),
        blob("mpycov_b.py", "import mpycov_a\nprint('b', mpycov_a.A)\n"),
    ];
    let placed = Deployment::place(&mut repl, &board, Layout::Own, &blobs, &mut ignore)
        .unwrap_or_else(|error| panic!("{error}"));
    repl.soft_reset().expect("resets");
    let heard = run(&mut repl, &format!("{}import mpycov_b\n", placed.search_path()));
    assert_eq!((heard.text().as_str(), heard.run.end), ("b 1\n", RunEnd::Finished));
    ends(&mut repl);
    placed.remove(&mut repl, &board, &mut ignore).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(listing(&mut repl, &board), before);
}
