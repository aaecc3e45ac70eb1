//! How long it takes to put files on a board, next to mpremote on the same pseudo-terminal. Not a test of right
//! or wrong, so it runs only when asked for:
//!
//! ```text
//! cargo test --release --test device_speed -- --ignored --nocapture
//! ```

#![cfg(unix)]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::process;
use common::targets::{
    Board as Emulated, Microbit, RawPaste as Offer, Serial, WASM_NEWEST, WasmBoard, wasm,
};
use mpycov::device::board::Board;
use mpycov::device::deploy::{Blob, Deployment, Layout};
use mpycov::device::selector::Selector;
use mpycov::device::{RawPaste, RawRepl, ReplOptions};

/// What mpremote's own `cp` does, without the look at the destination, which needs `os.stat` and so fails on the
/// smallest board.
const MPREMOTE: &str = "\
import sys, time
from mpremote.transport_serial import SerialTransport
start = time.monotonic()
t = SerialTransport(sys.argv[1], baudrate=115200)
t.enter_raw_repl()
entered = time.monotonic()
for name in sys.argv[2:]:
    with open(name, 'rb') as f:
        t.fs_writefile(name.rsplit('/', 1)[-1], f.read())
done = time.monotonic()
t.exit_raw_repl()
t.close()
print(done - entered, done - start)
";

/// Python as people write it: about `size` bytes.
fn source(size: usize, seed: usize) -> String {
    let mut text =
        String::from("\"\"\"A driver for the sensor.\"\"\"\n\nfrom micropython import const\n\n");
    let mut n = seed;
    while text.len() < size {
        n += 1;
        text.push_str(&format!(
            "def read_register_{n}(bus, address, length={len}):\n    if bus is None or address > {limit}:\n        raise ValueError('register {n}')\n    data = bus.readfrom_mem(address, {n}, length)\n    return data[0] << 8 | data[1] if length == 2 else data\n\n",
            len = n % 4 + 1,
            limit = n * 7 % 128,
        ));
    }
    text
}

/// Entering and sending, and all of it, in seconds.
fn mpremote(address: &str, files: &[String]) -> Option<(f64, f64)> {
    let mut command = Command::new(common::python());
    command.args(["-c", MPREMOTE, address]).args(files);
    let outcome = process::run(command, b"", process::LIMIT);
    let numbers: Vec<f64> =
        outcome.out().split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers.as_slice() {
        [sending, all] => Some((*sending, *all)),
        _ => {
            eprintln!("mpremote failed: {}", outcome.text().lines().last().unwrap_or_default());
            None
        }
    }
}

fn ours(
    address: &str,
    files: &[(String, String)],
    remove: bool,
    options: ReplOptions,
) -> (f64, f64) {
    let line = Selector::parse(address).and_then(|name| name.resolve(&[])).expect("a line");
    let start = Instant::now();
    let mut repl = RawRepl::enter(line.open(None).expect("opens"), options).expect("enters");
    repl.soft_reset().expect("resets");
    let board = Board::probe(&mut repl).expect("probes");
    let entered = Instant::now();
    let blobs: Vec<Blob> = files
        .iter()
        .map(|(name, text)| Blob { name: name.clone(), bytes: text.clone().into_bytes() })
        .collect();
    let placed =
        Deployment::place(&mut repl, &board, Layout::Own, &blobs, &mut |_| ()).expect("places");
    let times = (entered.elapsed().as_secs_f64(), start.elapsed().as_secs_f64());
    if remove {
        placed.remove(&mut repl, &board, &mut |_| ()).expect("removes");
    }
    repl.leave();
    times
}

fn compare(what: &str, emulated: &Emulated, count: usize, size: usize, raw_paste: RawPaste) {
    let dir = common::temp_dir();
    let files: Vec<(String, String)> =
        (0..count).map(|n| (format!("m{n}.py"), source(size, n * 100))).collect();
    let paths: Vec<String> =
        files.iter().map(|(name, _)| dir.path().join(name).display().to_string()).collect();
    for ((_, text), path) in files.iter().zip(&paths) {
        std::fs::write(Path::new(path), text).expect("writes");
    }
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    // The best of three: the machine does other things, too.
    let best =
        |times: Vec<(f64, f64)>| times.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.min(b.1)));
    let theirs = best((0..3).filter_map(|_| mpremote(&emulated.address, &paths)).collect());
    let clean = |emulated: &Emulated| {
        // Their copies would be in the way of ours under flat names.
        let line =
            Selector::parse(&emulated.address).and_then(|name| name.resolve(&[])).expect("a line");
        let mut repl = RawRepl::enter(line.open(None).expect("opens"), ReplOptions::default())
            .expect("enters");
        repl.ask("import os\nfor n in os.listdir():\n if n[0]=='m':os.remove(n)\n", "cleaning")
            .expect("cleans");
        repl.leave();
    };
    clean(emulated);
    let options = || ReplOptions { raw_paste, ..ReplOptions::default() };
    let ours_fresh =
        best((0..3).map(|_| ours(&emulated.address, &files, true, options())).collect())
            .expect("three");
    ours(&emulated.address, &files, false, options());
    let again = best((0..3).map(|_| ours(&emulated.address, &files, false, options())).collect())
        .expect("three");
    ours(&emulated.address, &files, true, options());
    println!("{what}: {count} files, {bytes} bytes");
    println!("  ours      sending {:.3} s, whole session {:.3} s", ours_fresh.0, ours_fresh.1);
    println!("  unchanged sending {:.3} s, whole session {:.3} s", again.0, again.1);
    if let Some(theirs) = theirs {
        println!("  mpremote  sending {:.3} s, whole session {:.3} s", theirs.0, theirs.1);
        println!(
            "  ratio     sending {:.2}, whole session {:.2}",
            theirs.0 / ours_fresh.0,
            theirs.1 / ours_fresh.1
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn deploying_next_to_mpremote() {
    let microbit = Microbit::start(Serial::Pty);
    std::thread::sleep(Duration::from_millis(500));
    compare("micro:bit", &microbit, 2, 1_500, RawPaste::Auto);
    compare("micro:bit", &microbit, 3, 3_000, RawPaste::Auto);
    for (what, offer) in
        [("new firmware, raw-paste", Offer::Yes), ("new firmware, plain", Offer::Old)]
    {
        let board =
            WasmBoard { wasm: wasm(WASM_NEWEST, false), raw_paste: offer }.start(Serial::Pty, &[]);
        compare(what, &board, 1, 2_000, RawPaste::WhereOffered);
        compare(what, &board, 10, 5_000, RawPaste::WhereOffered);
        compare(what, &board, 3, 40_000, RawPaste::WhereOffered);
    }
}
