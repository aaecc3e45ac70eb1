//! Lines of progress on a terminal: which board is at what, and for how long.
//!
//! In: what happens on boards. Out: a line for each at the bottom of the terminal, taken away when the board is done.
//! Everything else that is printed meanwhile goes through [`aside`], so that neither tears the other. Where standard
//! error is no terminal there are no lines, and not a byte of them.

use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::args::Common;
use crate::board::Stage;
use crate::device::deploy::Event;

/// The lines that are shown, and how many there are.
static LINES: Mutex<Option<(MultiProgress, usize)>> = Mutex::new(None);

/// How long sending files to the only board may take before a line tells of it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the time of a line goes on.
const TICK: Duration = Duration::from_millis(500);
/// The most times a second that lines are drawn for what happens.
const DRAWN: u8 = 10;

/// Prints something while no line of progress is in its way.
pub(super) fn aside<R>(print: impl FnOnce() -> R) -> R {
    let lines = lines().as_ref().map(|(lines, _)| lines.clone());
    match lines {
        Some(lines) => lines.suspend(print),
        None => print(),
    }
}

fn lines() -> MutexGuard<'static, Option<(MultiProgress, usize)>> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When a board has a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// From its beginning to its end: there are several boards.
    Always,
    /// While files are sent to it, if that takes long: what else it does shows in its output.
    Sending,
}

/// What one board is doing.
pub(super) struct BoardLine {
    when: Option<When>,
    name: String,
    /// The program, where there are several.
    program: Option<String>,
    /// The pass, where there are several.
    pass: Option<String>,
    stage: String,
    /// Files to send, and files that were sent.
    files: (usize, usize),
    since: Instant,
    bar: Option<ProgressBar>,
}

impl BoardLine {
    /// The line of a board, which is called `name` until its own name is known.
    pub(super) fn new(name: &str, when: When, common: &Common) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let shown = !common.quiet && !dumb && std::io::stderr().is_terminal();
        let mut line = Self {
            when: shown.then_some(when),
            name: name.to_owned(),
            program: None,
            pass: None,
            stage: "connecting".to_owned(),
            files: (0, 0),
            since: Instant::now(),
            bar: None,
        };
        if line.when == Some(When::Always) {
            line.show();
        }
        line
    }

    /// What the board is called.
    pub(super) fn call(&mut self, name: &str) {
        name.clone_into(&mut self.name);
        if let Some(bar) = &self.bar {
            bar.set_prefix(self.name.clone());
        }
    }

    /// Which program it is at, where there are several.
    pub(super) fn program(&mut self, program: String) {
        self.program = Some(program);
        self.pass = None;
        self.say("preparing".to_owned());
    }

    /// Which pass of the program it is at, where there are several.
    pub(super) fn pass(&mut self, pass: String) {
        self.pass = Some(pass);
        self.say("preparing".to_owned());
    }

    /// What happens now.
    pub(super) fn at(&mut self, stage: &Stage<'_>) {
        if self.when.is_none() {
            return;
        }
        match stage {
            Stage::Files(Event::Planned { files, .. }) => {
                self.files = (*files, 0);
                self.since = Instant::now();
            }
            Stage::Files(Event::Sending { path, done, total }) => {
                let (all, sent) = self.files;
                let percent = done * 100 / total.max(&1);
                self.say(format!("sending {path}, {} of {all} files, {percent} %", sent + 1));
                let long = self.since.elapsed() >= PATIENCE;
                if self.when == Some(When::Sending) && self.bar.is_none() && long {
                    self.show();
                }
            }
            Stage::Files(Event::Placed { .. }) => self.files.1 += 1,
            Stage::Files(Event::Restored { .. } | Event::LeftAlone { .. }) => {}
            Stage::Running => {
                if self.when == Some(When::Sending) {
                    // From here on the terminal is the program's.
                    self.hide();
                }
                self.say("running".to_owned());
            }
            Stage::Output(_) | Stage::Limited(_) => {}
            Stage::ComingBack => self.say("waiting for it to come back".to_owned()),
            Stage::Collecting => self.say("taking the hits".to_owned()),
            Stage::Tidying => self.say("tidying up".to_owned()),
        }
    }

    /// The files are all there, and nothing is to be run.
    pub(super) fn done(mut self) {
        self.hide();
    }

    fn say(&mut self, stage: String) {
        self.stage = stage;
        if let Some(bar) = &self.bar {
            bar.set_message(self.message());
        }
    }

    fn message(&self) -> String {
        let words = [&self.program, &self.pass, &Some(self.stage.clone())];
        words.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(": ")
    }

    fn show(&mut self) {
        let style = ProgressStyle::with_template("{prefix}  {elapsed}  {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::no_length()
            .with_style(style)
            .with_prefix(self.name.clone())
            .with_message(self.message())
            .with_elapsed(self.since.elapsed());
        {
            let mut lines = lines();
            let (all, count) = lines.get_or_insert_with(|| {
                let target = ProgressDrawTarget::term_like_with_hz(Box::<Screen>::default(), DRAWN);
                (MultiProgress::with_draw_target(target), 0)
            });
            *count += 1;
            self.bar = Some(all.add(bar));
        }
        if let Some(bar) = &self.bar {
            bar.enable_steady_tick(TICK);
        }
    }

    fn hide(&mut self) {
        let Some(bar) = self.bar.take() else { return };
        bar.disable_steady_tick();
        bar.finish_and_clear();
        let mut lines = lines();
        if let Some((all, count)) = &mut *lines {
            all.remove(&bar);
            *count -= 1;
            if *count == 0 {
                *lines = None;
            }
        }
    }
}

impl Drop for BoardLine {
    fn drop(&mut self) {
        self.hide();
    }
}

/// The terminal. One that went away takes nothing more, and that is no reason to fail.
#[derive(Debug)]
struct Screen(Term);

impl Default for Screen {
    fn default() -> Self {
        // Buffered: what belongs together is written at once.
        Self(Term::buffered_stderr())
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> std::io::Result<()> {
        self.0.move_cursor_up(n).or(Ok(()))
    }

    fn move_cursor_down(&self, n: usize) -> std::io::Result<()> {
        self.0.move_cursor_down(n).or(Ok(()))
    }

    fn move_cursor_right(&self, n: usize) -> std::io::Result<()> {
        self.0.move_cursor_right(n).or(Ok(()))
    }

    fn move_cursor_left(&self, n: usize) -> std::io::Result<()> {
        self.0.move_cursor_left(n).or(Ok(()))
    }

    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.0.write_line(text).or(Ok(()))
    }

    fn write_str(&self, text: &str) -> std::io::Result<()> {
        self.0.write_str(text).or(Ok(()))
    }

    fn clear_line(&self) -> std::io::Result<()> {
        self.0.clear_line().or(Ok(()))
    }

    fn flush(&self) -> std::io::Result<()> {
        self.0.flush().or(Ok(()))
    }
}
