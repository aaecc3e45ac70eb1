//! The device layer on emulated boards, from connecting to leaving.

#![cfg(unix)]

mod common;

use std::time::{Duration, Instant};

use common::targets::{Board as Emulated, Microbit, RawPaste, Serial, WasmBoard};
use mpycov::device::board::Board;
use mpycov::device::deploy::{Blob, Deployment, Layout};
use mpycov::device::run::{Closing, Program, RunEnd, Section};
use mpycov::device::selector::Selector;
use mpycov::device::{Control, RawRepl, ReplOptions};

fn connect(board: &Emulated, kind: Serial) -> RawRepl {
    let name = match kind {
        Serial::Pty => board.address.clone(),
        Serial::Tcp | Serial::UnixSocket => format!("socket://{}", board.address),
    };
    let line = Selector::parse(&name)
        .expect("a name")
        .resolve(&[])
        .expect("a line");
    let transport = line.open(None).expect("opens");
    RawRepl::enter(transport, ReplOptions::default()).expect("enters")
}

fn run(repl: &mut RawRepl, program: &Program<'_>) -> (RunEnd, Closing, String, String) {
    let (mut output, mut closing) = (Vec::new(), Vec::new());
    let run = repl
        .run(
            program,
            &Control::new(),
            &mut |section, bytes| match section {
                Section::Program => output.extend_from_slice(bytes),
                Section::Closing => closing.extend_from_slice(bytes),
            },
        )
        .expect("runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (run.end, run.closing, text(output), text(closing))
}

#[test]
fn explore() {
    for kind in [Serial::Pty, Serial::Tcp] {
        for which in ["microbit", "wasm"] {
            let start = Instant::now();
            let emulated = if which == "microbit" {
                Microbit::start(kind)
            } else {
                WasmBoard::newest().start(kind, &[])
            };
            eprintln!("{which} {kind:?} started {:?}", start.elapsed());
            let start = Instant::now();
            let mut repl = connect(&emulated, kind);
            eprintln!("entered {:?}", start.elapsed());
            let start = Instant::now();
            let board = Board::probe(&mut repl).expect("probes");
            eprintln!("probed {:?} {board:?}", start.elapsed());
            let start = Instant::now();
            let blobs = [
                Blob {
                    name: "thing.py".into(),
                    bytes: b"import other\nprint('thing', other.x)\n".to_vec(),
                },
                Blob {
                    name: "other.py".into(),
                    bytes: b"x = 42\n".repeat(100),
                },
            ];
            let mut events = |event: mpycov::device::deploy::Event<'_>| eprintln!("  {event:?}");
            let placed = Deployment::place(&mut repl, &board, Layout::Own, &blobs, &mut events)
                .expect("places");
            eprintln!("placed {:?}", start.elapsed());
            let start = Instant::now();
            repl.soft_reset().expect("resets");
            eprintln!("reset {:?}", start.elapsed());
            let start = Instant::now();
            let code = format!("{}import thing\n", placed.search_path());
            let ended = run(
                &mut repl,
                &Program {
                    start: &code,
                    closing: "print('closing')",
                    ..Program::default()
                },
            );
            eprintln!("ran {:?} {ended:?}", start.elapsed());
            let start = Instant::now();
            placed
                .remove(&mut repl, &board, &mut events)
                .expect("removes");
            eprintln!("removed {:?}", start.elapsed());
            let left = repl
                .ask(
                    &format!("import {} as _o\n_x=_o.listdir()", board.os),
                    "looking",
                )
                .expect("asks");
            eprintln!("left: {left}");
            let start = Instant::now();
            repl.leave();
            eprintln!("left {:?}", start.elapsed());
        }
    }
    let _ = (RawPaste::Yes, Duration::ZERO);
}
