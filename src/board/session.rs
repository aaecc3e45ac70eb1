//! One program on one board, from the open line to the board as it was.
//!
//! In: where the board is and a [`Job`]. Out: what was printed, as it comes, and an [`Ended`]. Hits come back by
//! every way there is: printed at the end in the same session, printed once more if the line damaged them, printed
//! or saved by the guard before the board went away. The board is tidied up whatever happened, if it still answers.

use std::time::Instant;

use super::back::HITS;
use super::job::{Ended, Failure, Job, Show, Stage};
use super::line::Line;
use super::listen::Listener;
use super::modules;
use super::start::{CLOSING, Start, statements};
use super::{home, runtime};
use crate::device::ended::Closing;
use crate::device::watch::Watched;
use crate::device::{
    Blob, Board, Control, Deployment, Layout, Program, RawRepl, ReplError, ReplOptions, RunEnd,
    Section,
};
use crate::wire::frame;

/// A board at its raw prompt.
pub struct Session {
    pub(super) repl: RawRepl,
    /// What it is.
    pub board: Board,
    pub(super) line: Line,
    pub(super) control: Control,
    /// Whether the program that runs is traced.
    pub(super) traced: bool,
}

impl Session {
    /// Opens a line, takes the board to its prompt and asks what it is. With `fresh` its memory is cleared first:
    /// what a program left there is neither needed nor does it leave much room.
    ///
    /// # Errors
    /// [`Failure`] when the line does not open or no prompt comes.
    pub fn open(
        mut line: Line,
        options: ReplOptions,
        control: &Control,
        fresh: bool,
    ) -> Result<Self, Failure> {
        let mut repl = RawRepl::enter((line.open)()?, options)?;
        repl.stop_on(control);
        if fresh {
            repl.soft_reset()?;
        }
        let board = match Board::probe(&mut repl) {
            Err(ReplError::OutOfMemory { .. }) => {
                repl.soft_reset()?;
                Board::probe(&mut repl)?
            }
            result => result?,
        };
        Ok(Self { repl, board, line, control: control.clone(), traced: false })
    }

    /// The session itself, for what only it can do.
    pub fn repl(&mut self) -> &mut RawRepl {
        &mut self.repl
    }

    /// Leaves the board at its ordinary prompt.
    pub fn leave(self) {
        self.repl.leave();
    }

    /// Places files and does nothing else.
    ///
    /// # Errors
    /// [`Failure`], with nothing of the user's lost.
    pub fn place(
        &mut self,
        blobs: &[Blob],
        layout: Layout,
        show: &mut Show<'_>,
    ) -> Result<Deployment, Failure> {
        let all = self.with_runtime(blobs, true);
        self.place_all(&all, layout, show)
    }

    fn place_all(
        &mut self,
        all: &[Blob],
        layout: Layout,
        show: &mut Show<'_>,
    ) -> Result<Deployment, Failure> {
        Ok(Deployment::place(&mut self.repl, &self.board, layout, all, &mut |event| {
            show(Stage::Files(event));
        })?)
    }

    fn with_runtime(&self, blobs: &[Blob], asked_for: bool) -> Vec<Blob> {
        let is_new = |file: &Blob| blobs.iter().all(|blob| blob.name != file.name);
        let files = runtime::files(&self.board, asked_for).into_iter().filter(is_new);
        files.chain(blobs.iter().cloned()).collect()
    }

    /// Does a job.
    ///
    /// # Errors
    /// [`Failure`] when the program could not be started or its end is not known; files are taken away then, too.
    pub fn run(&mut self, job: &Job, show: &mut Show<'_>) -> Result<Ended, Failure> {
        if job.layout == Layout::Ram {
            // A file system in memory does not outlast a reset, and memory should be free.
            self.repl.soft_reset()?;
        }
        let own = |blob: &Blob| {
            let text = String::from_utf8_lossy(&blob.bytes);
            text.contains("_mpycov.") || text.contains("import _mpycov")
        };
        let asked_for = job.start.is_none() || job.blobs.iter().any(own);
        let mut all = self.with_runtime(&job.blobs, asked_for);
        if job.start.as_ref().is_some_and(|start| start.by_test) {
            all.push(runtime::tests());
        }
        let result = match job.there {
            true => Deployment::there(&mut self.repl, &self.board, job.layout, &all)
                .map_err(Failure::from),
            false => self.place_all(&all, job.layout, show),
        };
        let stays = job.keep || job.there;
        let placed = match result {
            Ok(placed) => placed,
            Err(failure) => {
                // What was placed so far is on the board's list.
                if !stays && !self.repl.is_closed() {
                    self.repl.stop_on(&self.control);
                    let _ = self.remove_left(job.layout);
                }
                return Err(failure);
            }
        };
        let hits = placed.beside(HITS).filter(|_| runtime::can_guard(&self.board));
        let result = self.run_placed(job, &placed, hits.as_deref(), show);
        // A board that does not stop cannot be tidied up either.
        let stuck = result.as_ref().is_ok_and(|ended| hangs(&ended.end));
        let untidy = if stays || stuck { None } else { self.tidy(placed, hits.as_deref(), show) };
        let mut ended = result?;
        ended.untidy = untidy;
        Ok(ended)
    }

    fn run_placed(
        &mut self,
        job: &Job,
        placed: &Deployment,
        hits: Option<&str>,
        show: &mut Show<'_>,
    ) -> Result<Ended, Failure> {
        if let Some(hits) = hits {
            self.remove_hits(hits)?;
        }
        let mut listener = Listener::default();
        let mut closing = Vec::new();
        let (end, state, cleared) = match &job.start {
            Some(start) => {
                if job.layout != Layout::Ram {
                    self.repl.soft_reset()?;
                }
                let root = placed.import_root();
                self.traced = start.trace.is_some();
                let guard = runtime::can_guard(&self.board).then_some(hits);
                let start = Start { paths: searched(start, placed), ..start.clone() };
                let text = statements(&start, &self.board, root.as_deref(), guard);
                let closing_text = match start.by_test {
                    true => format!("import _mpycov_tests\n_mpycov_tests.restore()\n{CLOSING}"),
                    false => self.closing().to_owned(),
                };
                let program = Program {
                    start: &text,
                    closing: &closing_text,
                    timeout: job.timeout,
                    top_level: runtime::is_small(&self.board),
                    ..Program::default()
                };
                show(Stage::Running);
                let run =
                    self.repl.run(
                        &program,
                        &self.control,
                        &mut |section, bytes| match section {
                            Section::Program => hear(&mut listener, bytes, show),
                            Section::Closing => closing.extend_from_slice(bytes),
                        },
                    )?;
                (run.end, run.closing, self.repl.clearings())
            }
            None => {
                let (end, cleared) = self.boot(job, &mut listener, show)?;
                (end, Closing::Missing, cleared)
            }
        };
        let rest = listener.finish();
        show(Stage::Output(&rest));
        self.repl.stop_on(&self.control);
        let gone = matches!(end, RunEnd::Vanished { .. } | RunEnd::SoftReset { .. });
        let mut frames = frame::read(listener.frames());
        let (mut returned, mut saved) = (false, false);
        show(if gone { Stage::ComingBack } else { Stage::Collecting });
        if gone {
            returned = self.come_back();
            frames.add(self.understood(&closing).unwrap_or_default());
        } else if !hangs(&end) {
            frames.add(self.all_hits(state, &closing, cleared)?);
        }
        if let Some(hits) = hits.filter(|_| !hangs(&end) && (!gone || returned)) {
            let found = self.saved_hits(hits);
            saved = !found.is_empty();
            frames.add(frame::read(&found));
        }
        let mut unsourced = Vec::new();
        if job.look_for_unsourced && !gone && !hangs(&end) && runtime::can_guard(&self.board) {
            // Where files are in place, ours are not told from others by their directory; names tell them.
            let ours = placed.import_root();
            unsourced = modules::unsourced(&mut self.repl, ours.as_deref())?;
        }
        let places = |(name, host, added): &(String, String, Vec<u32>)| home::Placed {
            path: placed.path_of(name),
            name: host.clone(),
            added: added.clone(),
        };
        let origins: Vec<home::Placed> = job.origins.iter().map(places).collect();
        Ok(Ended {
            end: at_home(end, &origins),
            frames,
            saved,
            returned,
            tests: listener.tests().clone(),
            during: listener.current_test().map(str::to_owned),
            by_test: listener.by_test(),
            guarded: runtime::can_guard(&self.board),
            unsourced,
            untidy: None,
        })
    }

    /// Lets the board start by itself, as after power is switched on, and follows it to its prompt. The second answer
    /// is how often its memory had been cleared when the program ended.
    fn boot(
        &mut self,
        job: &Job,
        listener: &mut Listener,
        show: &mut Show<'_>,
    ) -> Result<(RunEnd, u32), Failure> {
        self.repl.start_over()?;
        show(Stage::Running);
        let until = job.timeout.map(|time| Instant::now() + time);
        let mut reopened = false;
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let watched = self.repl.watch(left, &self.control, reopened, &mut |bytes| {
                hear(listener, bytes, show);
            });
            let end = match watched {
                Watched::Prompt => RunEnd::Finished,
                Watched::TimedOut => RunEnd::TimedOut { stopped: true },
                Watched::Interrupted => RunEnd::Interrupted { stopped: true, traceback: None },
                Watched::Closed { reason } => {
                    // The program starts again by itself; what it prints from then on counts as well.
                    show(Stage::ComingBack);
                    if self.reopen(false) {
                        reopened = true;
                        continue;
                    }
                    let end = RunEnd::Vanished { reason, seen: Vec::new() };
                    return Ok((end, self.repl.clearings()));
                }
            };
            let cleared = self.repl.clearings();
            self.repl.stop_on(&self.control);
            self.repl.take_over()?;
            return Ok((end, cleared));
        }
    }

    /// Takes everything away; says why if that did not work.
    fn tidy(
        &mut self,
        placed: Deployment,
        hits: Option<&str>,
        show: &mut Show<'_>,
    ) -> Option<String> {
        show(Stage::Tidying);
        self.repl.stop_on(&self.control);
        let result = (|| {
            self.repl.take_over()?;
            if let Some(hits) = hits {
                match self.remove_hits(hits) {
                    // The program holds on to all of it.
                    Err(Failure::Repl(ReplError::OutOfMemory { .. })) => {
                        self.repl.soft_reset()?;
                        self.remove_hits(hits)?;
                    }
                    result => result?,
                }
            }
            let board = &self.board;
            placed.remove(&mut self.repl, board, &mut |event| show(Stage::Files(event)))?;
            // The program's memory is of no use to anybody now.
            self.repl.soft_reset()?;
            Ok::<_, Failure>(())
        })();
        result.err().map(|failure| failure.to_string())
    }

    /// Takes away what an earlier session placed with this layout. Says whether there was anything.
    ///
    /// # Errors
    /// [`Failure`] when the board or the line fails.
    pub fn remove_left(&mut self, layout: Layout) -> Result<bool, Failure> {
        self.repl.take_over()?;
        let Some(left) = Deployment::left_behind(&mut self.repl, &self.board, layout)? else {
            return Ok(false);
        };
        if let Some(hits) = left.beside(HITS) {
            self.remove_hits(&hits)?;
        }
        left.remove(&mut self.repl, &self.board, &mut |_| ())?;
        Ok(true)
    }
}

/// Takes what the program printed, and hands on what it says.
fn hear(listener: &mut Listener, bytes: &[u8], show: &mut Show<'_>) {
    let out = listener.feed(bytes);
    for limit in listener.take_limits() {
        show(Stage::Limited(limit));
    }
    show(Stage::Output(&out));
}

/// The directories to search for modules, by their full names. In place the board searches its own one by itself.
fn searched(start: &Start, placed: &Deployment) -> Vec<String> {
    let full = |path: &String| match (path.is_empty(), placed.import_root()) {
        (false, _) => Some(placed.path_of(path)),
        (true, Some(root)) => Some(root.trim_end_matches('/').to_owned()),
        (true, None) => None,
    };
    start.paths.iter().filter_map(full).collect()
}

/// Whether the board runs on and cannot be spoken to.
fn hangs(end: &RunEnd) -> bool {
    matches!(end, RunEnd::TimedOut { stopped: false } | RunEnd::Interrupted { stopped: false, .. })
}

fn at_home(end: RunEnd, placed: &[home::Placed]) -> RunEnd {
    match end {
        RunEnd::Raised { traceback } => {
            RunEnd::Raised { traceback: home::bring_home(&traceback, placed) }
        }
        RunEnd::Interrupted { stopped, traceback } => RunEnd::Interrupted {
            stopped,
            traceback: traceback.map(|text| home::bring_home(&text, placed)),
        },
        other => other,
    }
}
