//! Faults at every byte of what `run` does with a board: place, start, take the hits, tidy up.
//!
//! With `MPYCOV_TEST_EXHAUSTIVE` set, every fault at every byte: 430,000 sessions, for which `--release` is needed (13
//! minutes on one core, 23 on a busy one). Otherwise a sample in which each fault meets each part of the session.
//!
//! The rule: it ends, with a result or with an error that says something. Hits are never wrong, and where some are
//! missing it is said. What was placed is taken away, or it is said that it was not.

mod sim;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mpycov::board::line::Line;
use mpycov::board::start::Start;
use mpycov::board::{Ended, Failure, Job, Session, Stage};
use mpycov::device::error::OpenError;
use mpycov::device::faulty::{Damage, Fault, Faulty, Way};
use mpycov::device::transport::{ReadError, Transport, WriteError};
use mpycov::device::{Blob, Control, Layout, ReplOptions, RunEnd};
use sim::{Flash, Kind, OUTPUT, SimBoard};

/// A board to try: its kind, whether it has memory for all of the runtime, where files go.
type Case = (Kind, bool, Layout);

const CASES: [Case; 4] = [
    (Kind::Large, true, Layout::Own),
    (Kind::Large, true, Layout::InPlace),
    (Kind::Small, false, Layout::Own),
    (Kind::Small, false, Layout::InPlace),
];

/// What became of a session.
struct Played {
    result: Result<Ended, Failure>,
    output: Vec<u8>,
    flash: Flash,
    /// Bytes that went to the board and from it.
    counts: [u64; 2],
    elapsed: Duration,
    /// Where among the bytes from the board the program's own output is, and its hits.
    spans: Vec<(u64, u64)>,
}

/// Counts what goes by, and notices a session that hangs: its clock runs only while it waits.
struct Counted {
    inner: Faulty<SimBoard>,
    watch: Arc<Mutex<([u64; 2], Duration)>>,
    began: Instant,
}

impl Transport for Counted {
    fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, ReadError> {
        let result = self.inner.read(buffer, deadline);
        let elapsed = self.inner.now() - self.began;
        let mut watch = self.watch.lock().expect("a lock");
        watch.0[1] += result.as_ref().map_or(0, |count| *count as u64);
        watch.1 = elapsed;
        assert!(elapsed < Duration::from_secs(1800), "the session hangs");
        result
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.watch.lock().expect("a lock").0[0] += bytes.len() as u64;
        self.inner.write(bytes)
    }

    fn close(&mut self) {
        self.inner.close();
    }

    fn description(&self) -> &str {
        self.inner.description()
    }

    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn pause(&mut self, time: Duration) {
        self.inner.pause(time);
    }
}

/// What happens to a line that closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// It stays closed.
    Nothing,
    /// The board is plugged in again; its memory is empty.
    PluggedIn,
}

fn play(
    (kind, roomy, layout): Case,
    start: &Flash,
    faults: Vec<Fault<SimBoard>>,
    longest_read: usize,
    after: After,
) -> Played {
    let flash = Arc::new(Mutex::new(start.clone()));
    let spans = Arc::new(Mutex::new(Vec::new()));
    let watch = Arc::new(Mutex::new(([0; 2], Duration::ZERO)));
    let mut faults = Some(faults);
    let open = {
        let (flash, watch, spans) = (Arc::clone(&flash), Arc::clone(&watch), Arc::clone(&spans));
        move || {
            let first = faults.take();
            if first.is_none() && after == After::Nothing {
                return Err(OpenError::NotFound { path: "a simulated board".to_owned() });
            }
            let mut board = SimBoard::new(kind, Flash::default());
            board.roomy = roomy;
            board.confused_after = CONFUSED_AFTER.get();
            board.flash = Arc::clone(&flash);
            if first.is_some() {
                board.output_spans = Arc::clone(&spans);
            }
            let began = board.now();
            let inner =
                Faulty::new(board, first.unwrap_or_default()).with_short_reads(longest_read);
            Ok(Box::new(Counted { inner, watch: Arc::clone(&watch), began }) as Box<dyn Transport>)
        }
    };
    // One try: nobody waits for a board that is not there.
    let line = Line { open: Box::new(open), patience: Some(Duration::from_millis(1)) };
    let token = Some("0123456789abcdef".to_owned());
    let options = ReplOptions { token, ..ReplOptions::default() };
    let control = Control::new();
    let mut output = Vec::new();
    let job = Job {
        blobs: vec![
            Blob { name: "thing.py".to_owned(), bytes: b"import other\nprint(1)\n".to_vec() },
            Blob { name: "other.py".to_owned(), bytes: (0..=255).cycle().take(300).collect() },
        ],
        origins: Vec::new(),
        start: Some(Start { module: "thing".to_owned(), ..Start::default() }),
        layout,
        there: false,
        keep: false,
        timeout: Some(Duration::from_secs(60)),
        look_for_unsourced: false,
    };
    let result = Session::open(line, options, &control, true).and_then(|mut session| {
        let result = session.run(&job, &mut |stage| {
            if let Stage::Output(bytes) = stage {
                output.extend_from_slice(bytes);
            }
        });
        session.leave();
        result
    });
    let flash = flash.lock().expect("a lock").clone();
    let (counts, elapsed) = *watch.lock().expect("a lock");
    let spans = spans.lock().expect("a lock").clone();
    Played { result, output, flash, counts, elapsed, spans }
}

/// What is on the board before: files of the user's, one of them in the way of ours in place.
fn before((kind, _, layout): Case) -> Flash {
    let mut flash = Flash::default();
    let prefix = if kind == Kind::Large { "/" } else { "" };
    flash.files.insert(format!("{prefix}boot.py"), b"# theirs".to_vec());
    if layout == Layout::InPlace {
        flash.files.insert(format!("{prefix}thing.py"), b"print('the user\\'s thing')\n".to_vec());
    }
    flash
}

/// The sensors of the program that fired: the file, how many it has, which.
fn fired(ended: &Ended) -> Vec<(String, u32, BTreeSet<u32>)> {
    let hits = ended.frames.hits.iter();
    hits.map(|(digest, set)| {
        (digest.to_string(), set.count(), set.iter().map(|sensor| sensor.0).collect())
    })
    .collect()
}

fn all_hits() -> Vec<(String, u32, BTreeSet<u32>)> {
    vec![("0123456789ab".to_owned(), 5, BTreeSet::from([1, 2, 3, 4]))]
}

#[test]
fn without_faults_all_hits_come_and_the_board_is_as_it_was() {
    for case in CASES {
        let start = before(case);
        for longest_read in [1, 7, 4096] {
            let played = play(case, &start, Vec::new(), longest_read, After::Nothing);
            let ended = played.result.unwrap_or_else(|error| panic!("{case:?}: {error}"));
            assert_eq!(ended.end, RunEnd::Finished, "{case:?}");
            assert_eq!(fired(&ended), all_hits(), "{case:?}");
            assert_eq!((ended.frames.faults, ended.untidy), (vec![], None), "{case:?}");
            assert_eq!(played.output, OUTPUT, "{case:?}");
            assert_eq!(Flash { started: 0, ..played.flash.clone() }, start, "{case:?}");
            assert_eq!(played.flash.started, 1);
            assert!(played.elapsed < Duration::from_secs(60), "{:?}", played.elapsed);
        }
    }
}

thread_local! {
    /// After how many pieces of files the board is confused.
    static CONFUSED_AFTER: Cell<Option<u32>> = const { Cell::new(None) };
}

#[test]
fn a_board_that_makes_no_sense_of_files_is_reset_and_gets_them() {
    for case in CASES {
        let start = before(case);
        for pieces in [0, 1, 2, 5] {
            CONFUSED_AFTER.set(Some(pieces + 1));
            let played = play(case, &start, Vec::new(), 4096, After::Nothing);
            CONFUSED_AFTER.set(None);
            let ended = played.result.unwrap_or_else(|error| panic!("{case:?} {pieces}: {error}"));
            assert_eq!((ended.end.clone(), fired(&ended)), (RunEnd::Finished, all_hits()));
            assert_eq!(Flash { started: 0, ..played.flash }, start, "{case:?}");
        }
    }
}

type Maker = fn() -> Damage<SimBoard>;

const DAMAGES: [(&str, Maker); 9] = [
    ("one byte lost", || Damage::Lose(1)),
    ("40 bytes lost", || Damage::Lose(40)),
    ("garbage", || Damage::Insert(b"\xff\x00garbage\r\n".to_vec())),
    ("an end mark", || Damage::Insert(b"\x04\x04>".to_vec())),
    ("a flipped bit", || Damage::Flip(0x04)),
    ("silence", || Damage::Silence),
    ("unplugged", || Damage::Unplug),
    ("unplugged and plugged in", || Damage::Unplug),
    ("reset", || Damage::Do(Box::new(SimBoard::reset))),
];

/// What must hold, however it ended. Says whether the result is complete.
fn check(what: &str, case: Case, start: &Flash, fault: (Way, u64), played: Played) -> bool {
    let wanted = all_hits();
    // Output of the program carries no checks of ours: a fault in its midst goes through.
    let in_output = fault.0 == Way::FromBoard
        && played.spans.first().is_some_and(|(from, to)| fault.1 + 48 > *from && fault.1 <= *to);
    assert!(played.flash.started <= 1, "{what}: the program ran {} times", played.flash.started);
    let mut complete = false;
    let mut tidy = false;
    match played.result {
        Ok(ended) => {
            let found = fired(&ended);
            // A wrong sensor, or a wrong file, would be a lie. A part of them, said to be a part, is not.
            for (digest, count, sensors) in &found {
                let (name, number, all) = &wanted[0];
                assert_eq!((digest, count), (name, number), "{what}: hits of another file");
                assert!(sensors.is_subset(all), "{what}: {sensors:?} did not all fire");
            }
            let said = !ended.frames.faults.is_empty()
                || found.is_empty() && ended.frames.complete == 0
                || matches!(ended.end, RunEnd::Vanished { .. } | RunEnd::SoftReset { .. });
            assert!(found == wanted || said, "{what}: hits are missing and nothing says so");
            complete = found == wanted && ended.end == RunEnd::Finished;
            if complete && !in_output {
                assert_eq!(played.output, OUTPUT, "{what}: wrong output");
            }
            tidy = ended.untidy.is_none()
                && !matches!(
                    ended.end,
                    RunEnd::TimedOut { stopped: false }
                        | RunEnd::Interrupted { stopped: false, .. }
                );
            if let Some(reason) = &ended.untidy {
                assert!(reason.len() > 30, "{what}: {reason}");
            }
        }
        Err(failure) => assert!(failure.to_string().len() > 30, "{what}: {failure}"),
    }
    if tidy {
        assert_eq!(
            Flash { started: 0, ..played.flash.clone() },
            *start,
            "{what}: it was tidied up"
        );
        return complete;
    }
    // Whatever happened: the next session, on a good line, finds a board that it can use and put right.
    let left = Flash { started: 0, ..played.flash };
    let next = play(case, &left, Vec::new(), 4096, After::Nothing);
    let ended = next.result.unwrap_or_else(|error| panic!("{what}: the next session: {error}"));
    assert_eq!(fired(&ended), wanted, "{what}: the next session");
    assert_eq!(Flash { started: 0, ..next.flash }, *start, "{what}: after the next session");
    complete
}

fn every_position(way: Way, case: Case) {
    let start = before(case);
    let whole = play(case, &start, Vec::new(), 4096, After::Nothing);
    let length = whole.counts[usize::from(way == Way::FromBoard)];
    // Each fault at every so many bytes, no two at the same.
    let step: u64 = if std::env::var_os("MPYCOV_TEST_EXHAUSTIVE").is_some() { 1 } else { 97 };
    let (mut complete, mut all) = (0, 0);
    for (turn, (name, damage)) in (0_u64..).zip(DAMAGES) {
        let mut position = (turn * 11) % step;
        while position < length {
            let what = format!("{name} at byte {position} {way:?} ({case:?})");
            let after =
                if name.ends_with("plugged in") { After::PluggedIn } else { After::Nothing };
            let faults = vec![Fault { way, position, damage: damage() }];
            let played = play(case, &start, faults, 4096, after);
            complete += usize::from(check(&what, case, &start, (way, position), played));
            all += 1;
            position += step;
        }
    }
    assert!(complete * 4 > all, "only {complete} of {all} sessions got over their fault");
}

#[test]
fn faults_on_the_way_to_a_large_board() {
    every_position(Way::ToBoard, CASES[0]);
}

#[test]
fn faults_on_the_way_from_a_large_board() {
    every_position(Way::FromBoard, CASES[0]);
}

#[test]
fn faults_on_the_way_to_a_large_board_in_place() {
    every_position(Way::ToBoard, CASES[1]);
}

#[test]
fn faults_on_the_way_from_a_large_board_in_place() {
    every_position(Way::FromBoard, CASES[1]);
}

#[test]
fn faults_on_the_way_to_a_small_board() {
    every_position(Way::ToBoard, CASES[2]);
}

#[test]
fn faults_on_the_way_from_a_small_board() {
    every_position(Way::FromBoard, CASES[2]);
}

#[test]
fn faults_on_the_way_to_a_small_board_in_place() {
    every_position(Way::ToBoard, CASES[3]);
}

#[test]
fn faults_on_the_way_from_a_small_board_in_place() {
    every_position(Way::FromBoard, CASES[3]);
}
