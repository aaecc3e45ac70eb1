//! Faults at every byte of a whole session: connect, ask, place, run, read back, take away.
//!
//! With `MPYCOV_TEST_EXHAUSTIVE` set, every fault at every byte; otherwise every byte with one of them.
//!
//! The rule: a session ends, with a complete result or with an error that says something. It never hangs, never
//! takes wrong bytes for right ones, never touches a file of the user's.

mod sim;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mpycov::device::board::Board;
use mpycov::device::deploy::{Blob, Deployment, Layout};
use mpycov::device::ended::{Closing, Run, RunEnd, Section};
use mpycov::device::error::{DeployError, ReadFileError, ReplError};
use mpycov::device::faulty::{Damage, Fault, Faulty, Way};
use mpycov::device::files::read_file;
use mpycov::device::run::Program;
use mpycov::device::transport::{ReadError, Transport, WriteError};
use mpycov::device::{Control, RawRepl, ReplOptions};
use sim::{CLOSING, Flash, Kind, OUTPUT, SimBoard};

/// A session: how it ended, what the board holds, what was watched, and which bytes went when.
type Session = (Result<Outcome, Failure>, Flash, Watch, Vec<(u64, u64)>);

/// What a session brings when nothing goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    run: Run,
    output: Vec<u8>,
    closing: Vec<u8>,
    read: Vec<u8>,
}

/// A transport that others can look through: how many bytes went by, and how late it is.
struct Watched<T> {
    inner: T,
    watch: Arc<Mutex<Watch>>,
}

#[derive(Debug, Clone, Default)]
struct Watch {
    to_board: u64,
    from_board: u64,
    elapsed: Duration,
    began: Option<Instant>,
}

impl<T: Transport> Transport for Watched<T> {
    fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, ReadError> {
        let result = self.inner.read(buffer, deadline);
        let now = self.inner.now();
        let mut watch = self.watch.lock().expect("a lock");
        watch.from_board += result.as_ref().map_or(0, |count| *count as u64);
        let began = *watch.began.get_or_insert(now);
        watch.elapsed = now - began;
        assert!(watch.elapsed < Duration::from_secs(1800), "the session hangs");
        result
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.watch.lock().expect("a lock").to_board += bytes.len() as u64;
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

#[derive(Debug)]
enum Failure {
    Repl(ReplError),
    Deploy(DeployError),
    Read(ReadFileError),
}

impl From<ReplError> for Failure {
    fn from(error: ReplError) -> Self {
        Self::Repl(error)
    }
}

impl From<DeployError> for Failure {
    fn from(error: DeployError) -> Self {
        Self::Deploy(error)
    }
}

impl From<ReadFileError> for Failure {
    fn from(error: ReadFileError) -> Self {
        Self::Read(error)
    }
}

fn blobs() -> Vec<Blob> {
    vec![
        Blob { name: "thing.py".to_owned(), bytes: b"import other\nprint('thing')\n".to_vec() },
        Blob { name: "main.py".to_owned(), bytes: (0..=255).cycle().take(300).collect() },
    ]
}

fn theirs(kind: Kind) -> Flash {
    let mut flash = Flash::default();
    let prefix = if kind == Kind::Large { "/" } else { "" };
    flash.files.insert(format!("{prefix}boot.py"), b"# theirs".to_vec());
    flash.files.insert(format!("{prefix}data.bin"), (0..200).collect());
    flash
}

/// The whole session. On success the board is checked in between, too.
fn session(
    transport: Box<dyn Transport>,
    flash: &Mutex<Flash>,
    kind: Kind,
    layout: Layout,
) -> Result<Outcome, Failure> {
    let options =
        ReplOptions { token: Some("0123456789abcdef".to_owned()), ..ReplOptions::default() };
    let mut repl = RawRepl::enter(transport, options)?;
    let board = Board::probe(&mut repl)?;
    assert_eq!(
        (board.version, board.free_ram, board.platform.as_str()),
        ((1, 9, 2), 9000, "sim"),
        "a wrong answer"
    );
    let placed = Deployment::place(&mut repl, &board, layout, &blobs(), &mut |_| ())?;
    for blob in blobs() {
        let path = placed.path_of(&blob.name);
        assert_eq!(
            flash.lock().expect("a lock").files.get(&path),
            Some(&blob.bytes),
            "{path} is not what was sent"
        );
    }
    repl.soft_reset()?;
    let (mut output, mut closing) = (Vec::new(), Vec::new());
    let program = Program {
        start: "import thing",
        closing: "dump()",
        timeout: Some(Duration::from_secs(60)),
        // The smallest boards have no stack for anything else.
        top_level: kind == Kind::Small,
        ..Program::default()
    };
    let run = repl.run(&program, &Control::new(), &mut |section, bytes| match section {
        Section::Program => output.extend_from_slice(bytes),
        Section::Closing => closing.extend_from_slice(bytes),
    })?;
    let prefix = if kind == Kind::Large { "/" } else { "" };
    let read = read_file(&mut repl, &board, &format!("{prefix}data.bin"))?;
    placed.remove(&mut repl, &board, &mut |_| ())?;
    repl.leave();
    Ok(Outcome { run, output, closing, read })
}

fn expected() -> Outcome {
    Outcome {
        run: Run { end: RunEnd::Finished, closing: Closing::Complete },
        output: OUTPUT.to_vec(),
        closing: CLOSING.to_vec(),
        read: (0..200).collect(),
    }
}

/// Plays a session with one fault.
fn play(
    kind: Kind,
    layout: Layout,
    start: &Flash,
    faults: Vec<Fault<SimBoard>>,
    longest_read: usize,
) -> Session {
    let board = SimBoard::new(kind, start.clone());
    let flash = Arc::clone(&board.flash);
    let spans = Arc::clone(&board.output_spans);
    let watch = Arc::new(Mutex::new(Watch::default()));
    let faulty = Faulty::new(board, faults).with_short_reads(longest_read);
    let line = Watched { inner: faulty, watch: Arc::clone(&watch) };
    let result = session(Box::new(line), &flash, kind, layout);
    let flash = flash.lock().expect("a lock").clone();
    let watch = watch.lock().expect("a lock").clone();
    let spans = spans.lock().expect("a lock").clone();
    (result, flash, watch, spans)
}

const CASES: [(Kind, Layout); 4] = [
    (Kind::Large, Layout::Own),
    (Kind::Large, Layout::InPlace),
    (Kind::Small, Layout::Own),
    (Kind::Small, Layout::InPlace),
];

fn start_of(kind: Kind, layout: Layout) -> Flash {
    let mut start = theirs(kind);
    if layout == Layout::InPlace {
        let prefix = if kind == Kind::Large { "/" } else { "" };
        start.files.insert(
            format!("{prefix}main.py"),
            b"print('the main program of the user')\n".to_vec(),
        );
    }
    start
}

#[test]
fn without_faults_everything_comes_back_and_the_board_is_as_it_was() {
    for (kind, layout) in CASES {
        let start = start_of(kind, layout);
        for longest_read in [1, 3, 4096] {
            let (result, mut flash, watch, _) =
                play(kind, layout, &start, Vec::new(), longest_read);
            assert_eq!(
                result.unwrap_or_else(|error| panic!("{kind:?} {layout:?}: {error:?}")),
                expected()
            );
            assert_eq!(std::mem::take(&mut flash.started), 1);
            assert_eq!(flash, start, "{kind:?} {layout:?}");
            assert!(watch.elapsed < Duration::from_secs(20), "{:?}", watch.elapsed);
        }
    }
}

type Maker = fn() -> Damage<SimBoard>;

const DAMAGES: [(&str, Maker); 8] = [
    ("one byte lost", || Damage::Lose(1)),
    ("40 bytes lost", || Damage::Lose(40)),
    ("garbage", || Damage::Insert(b"\xff\x00garbage\r\n".to_vec())),
    ("an end mark", || Damage::Insert(b"\x04\x04>".to_vec())),
    ("a flipped bit", || Damage::Flip(0x04)),
    ("silence", || Damage::Silence),
    ("unplugged", || Damage::Unplug),
    ("reset", || Damage::Do(Box::new(SimBoard::reset))),
];

/// What must hold after a session with a fault, however it ended.
fn check(
    what: &str,
    kind: Kind,
    layout: Layout,
    start: &Flash,
    way: Way,
    position: u64,
    (result, flash, _, spans): Session,
) -> bool {
    let wanted = expected();
    let complete = result.is_ok();
    match result {
        Ok(outcome) => {
            assert_eq!(outcome.read, wanted.read, "{what}: a wrong file");
            // What a program prints carries no checks of ours: a fault in its midst goes through.
            let in_output = way == Way::FromBoard
                && spans.iter().any(|(from, to)| position + 48 > *from && position <= *to);
            match outcome.run.end {
                RunEnd::Finished if !in_output => {
                    assert_eq!(outcome.output, wanted.output, "{what}: wrong output");
                    // Without its end mark the rest is known to be incomplete, and is not to be used.
                    if outcome.run.closing == Closing::Complete {
                        assert_eq!(outcome.closing, wanted.closing, "{what}: wrong closing output");
                    }
                }
                RunEnd::Finished
                | RunEnd::Vanished { .. }
                | RunEnd::SoftReset { .. }
                | RunEnd::TimedOut { .. } => {}
                end => panic!("{what}: a wrong end: {end:?}"),
            }
            let mut after = flash.clone();
            after.started = 0;
            assert_eq!(&after, start, "{what}: a complete session leaves the board as it was");
        }
        Err(failure) => {
            let said = match failure {
                Failure::Repl(error) => error.to_string(),
                Failure::Deploy(error) => error.to_string(),
                Failure::Read(error) => error.to_string(),
            };
            assert!(said.len() > 30, "{what}: {said}");
        }
    }
    assert!(flash.started <= 1, "{what}: the program ran {} times", flash.started);
    if complete {
        // The board is as it was, so the next session is like the first.
        return true;
    }
    // Whatever happened: the next session, on a good line, finds a board that it can use and put right.
    let (next, after, _, _) = play(kind, layout, &Flash { started: 0, ..flash }, Vec::new(), 4096);
    assert_eq!(
        next.unwrap_or_else(|error| panic!("{what}: the next session fails: {error:?}")),
        wanted
    );
    for (path, bytes) in &start.files {
        assert_eq!(
            after.files.get(path),
            Some(bytes),
            "{what}: {path} of the user's is not what it was"
        );
    }
    complete
}

fn every_position(way: Way, kind: Kind, layout: Layout) {
    let start = start_of(kind, layout);
    let (_, _, watch, _) = play(kind, layout, &start, Vec::new(), 4096);
    let length = if way == Way::ToBoard { watch.to_board } else { watch.from_board };
    // Each byte meets one of the faults, and each fault every eighth byte; all of them at all bytes take minutes.
    let all_of_them = std::env::var_os("MPYCOV_TEST_EXHAUSTIVE").is_some();
    let (mut complete, mut all) = (0, 0);
    for (turn, (name, damage)) in (0_u64..).zip(DAMAGES) {
        for position in 0..length {
            if !all_of_them && (position + turn) % DAMAGES.len() as u64 != 0 {
                continue;
            }
            let what = format!("{name} at byte {position} {way:?} ({kind:?}, {layout:?})");
            let faults = vec![Fault { way, position, damage: damage() }];
            let played = play(kind, layout, &start, faults, 4096);
            complete += usize::from(check(&what, kind, layout, &start, way, position, played));
            all += 1;
        }
    }
    assert!(complete * 4 > all, "only {complete} of {all} sessions got over their fault");
}

#[test]
fn faults_on_the_way_to_a_large_board() {
    every_position(Way::ToBoard, Kind::Large, Layout::Own);
}

#[test]
fn faults_on_the_way_from_a_large_board() {
    every_position(Way::FromBoard, Kind::Large, Layout::Own);
}

#[test]
fn faults_on_the_way_to_a_large_board_in_place() {
    every_position(Way::ToBoard, Kind::Large, Layout::InPlace);
}

#[test]
fn faults_on_the_way_from_a_large_board_in_place() {
    every_position(Way::FromBoard, Kind::Large, Layout::InPlace);
}

#[test]
fn faults_on_the_way_to_a_small_board() {
    every_position(Way::ToBoard, Kind::Small, Layout::Own);
}

#[test]
fn faults_on_the_way_from_a_small_board() {
    every_position(Way::FromBoard, Kind::Small, Layout::Own);
}

#[test]
fn faults_on_the_way_to_a_small_board_in_place() {
    every_position(Way::ToBoard, Kind::Small, Layout::InPlace);
}

#[test]
fn faults_on_the_way_from_a_small_board_in_place() {
    every_position(Way::FromBoard, Kind::Small, Layout::InPlace);
}
