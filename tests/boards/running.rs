//! Programs of the board's own that go on: what is collected from them meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::common::{process, targets::Serial};
use super::{microbit, mpycov, project, table};

/// Reads from a board until `enough` says so of what has come.
fn read_until(target: &str, sent: &[u8], enough: impl Fn(&str) -> bool) -> String {
    let mut line = TcpStream::connect(target.trim_start_matches("socket://")).expect("a line");
    line.set_read_timeout(Some(Duration::from_millis(200))).expect("a limit");
    line.write_all(sent).expect("it listens");
    let limit = Instant::now() + process::LIMIT;
    let mut seen = String::new();
    let mut buffer = [0; 256];
    while !enough(&seen) {
        assert!(Instant::now() < limit, "{seen:?}");
        if let Ok(count) = line.read(&mut buffer) {
            seen += &String::from_utf8_lossy(&buffer[..count]);
        }
    }
    seen
}

/// The numbers that the program has counted.
fn counted(seen: &str) -> Vec<u32> {
    let whole = &seen[..seen.rfind('\n').unwrap_or(0)];
    whole.lines().filter_map(|line| line.trim().strip_prefix("at ")?.parse().ok()).collect()
}

#[test]
fn a_program_that_dumps_is_listened_to_and_goes_on() {
    let board = microbit(Serial::Tcp);
    let dir = project(&[
        ("blink.py", "def turn(n):\n    if n:\n        return 1\n    return 0\n"),
        (
            "main.py",
            "import microbit, blink, _mpycov\nn = 0\nwhile True:\n    blink.turn(1)\n    n += 1\n    print('at', n)\n    _mpycov.dump()\n    microbit.sleep(100)\n",
        ),
    ]);
    let placed = mpycov(dir.path(), &["deploy", "--in-place", "-t", &board.target]);
    assert_eq!(placed.status, Some(0), "{}", placed.text());
    let silent = mpycov(dir.path(), &["collect", "--listen", "0.5", "-t", &board.target]);
    assert_eq!(silent.status, Some(1), "{}", silent.text());
    assert!(silent.err().contains("board: no whole dump came in 0.5 s"), "{}", silent.text());
    let first = read_until(&board.target, b"\r\x04", |seen| counted(seen).len() > 1);
    let words = ["collect", "--listen", "60", "-t", &format!("bit={}", board.target)];
    for _ in 0..2 {
        let collected = mpycov(dir.path(), &words);
        assert_eq!(collected.status, Some(0), "{}", collected.text());
        assert_eq!(collected.err(), "Collected the hits of 2 files.\n");
    }
    // It went on counting: nobody interrupted it or started it over.
    let last = counted(&first).pop().expect("a number");
    let later = read_until(&board.target, b"", |seen| counted(seen).len() > 1);
    assert!(counted(&later)[0] > last, "{first:?} then {later:?}");
    assert!(!later.contains("MicroPython"), "{later:?}");
    assert!(
        table(dir.path()).iter().any(|row| row == "blink.py 4 1 2 1 1/2 0/1 67% 4"),
        "{:?}",
        table(dir.path())
    );
}
