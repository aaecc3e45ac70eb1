//! A program that runs: waiting for its end, and bringing it about.

use std::io;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Launch;
use crate::fs;

/// The number of the signal at which a program saves its hits and goes on.
#[cfg(unix)]
pub(super) const SAVE: i32 = rustix::process::Signal::USR1.as_raw();
/// There are no such signals here, and the firmware looks for none.
#[cfg(not(unix))]
pub(super) const SAVE: i32 = 0;

/// How long a program may take to answer a signal.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it may take to answer when it is told once more.
const LESS_PATIENCE: Duration = Duration::from_millis(500);

/// A program, and what is known of its hits.
pub(super) struct Watched<'a> {
    pub(super) child: &'a mut Child,
    /// The file that it saves its hits to.
    pub(super) hits: &'a Path,
    /// What was in it while the program ran.
    pub(super) saved: Option<Vec<u8>>,
}

impl Watched<'_> {
    /// Waits for the end, and says whether the time was up before it.
    ///
    /// When the time is up, the program saves its hits and is interrupted as
    /// by Ctrl-C, so that it can end in order; one that goes on is killed. When
    /// this process is asked to end, so is the program, behind its hits.
    pub(super) fn wait(&mut self, launch: &Launch<'_>) -> io::Result<(ExitStatus, bool)> {
        let end = launch.timeout.map(|timeout| Instant::now() + timeout);
        loop {
            let slice = Instant::now() + Duration::from_millis(200);
            let until = end.map_or(slice, |end| end.min(slice));
            if let Some(status) = self.wait_until(until)? {
                return Ok((status, false));
            }
            if launch.ask_to_end.load(Ordering::Relaxed) {
                self.ask_for_hits()?;
                return self.end(&[(Told::End, PATIENCE)]).map(|status| (status, false));
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                self.ask_for_hits()?;
                let again = (Told::Interrupt, LESS_PATIENCE);
                let told = [(Told::Interrupt, PATIENCE), again, again, again];
                return self.end(&told).map(|status| (status, true));
            }
        }
    }

    /// Tells the program to end, in several ways; kills it if that is in vain.
    fn end(&mut self, told: &[(Told, Duration)]) -> io::Result<ExitStatus> {
        for (what, patience) in told {
            if tell(self.child, *what)
                && let Some(status) = self.wait_until(Instant::now() + *patience)?
            {
                return Ok(status);
            }
        }
        // What it did on being told counts as well.
        self.ask_for_hits()?;
        self.child.kill()?;
        self.child.wait()
    }

    /// Has the program save its hits, if it can while it runs.
    fn ask_for_hits(&mut self) -> io::Result<()> {
        let mut ready = self.hits.as_os_str().to_owned();
        ready.push("?");
        if fs::read(Path::new(&ready)).is_err() {
            return Ok(());
        }
        // The file of an earlier time must not be taken for the answer.
        self.keep();
        let _ = fs::remove(self.hits);
        tell(self.child, Told::Save);
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && !self.keep() {
            if self.wait_until(Instant::now() + Duration::from_millis(5))?.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Takes what is in the file of hits, if it is there.
    fn keep(&mut self) -> bool {
        let found = fs::read(self.hits).ok();
        let is_there = found.is_some();
        self.saved = found.or(self.saved.take());
        is_there
    }

    fn wait_until(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        let mut pause = Duration::from_micros(500);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(None);
            }
            std::thread::sleep(pause.min(deadline - now));
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }
}

/// What a program is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// To save its hits.
    Save,
    /// What Ctrl-C says.
    Interrupt,
    /// To end.
    End,
}

/// Tells a program something, and says whether that can be told here.
#[cfg(unix)]
fn tell(child: &Child, what: Told) -> bool {
    use rustix::process::{Pid, Signal, kill_process};
    let signal = match what {
        Told::Save => Signal::USR1,
        Told::Interrupt => Signal::INT,
        Told::End => Signal::TERM,
    };
    // It may have ended meanwhile, which is what is looked for next.
    let _ = kill_process(Pid::from_child(child), signal);
    true
}

/// Nothing reaches another program here but its end.
#[cfg(not(unix))]
fn tell(_: &Child, _: Told) -> bool {
    false
}
