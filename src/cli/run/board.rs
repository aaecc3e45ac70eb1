//! `mpycov run` on boards: instrument for each, place, run, keep the hits.

use std::io::Write;
use std::sync::Mutex;

use anyhow::Context;

use super::super::args::{Common, RunArgs};
use super::super::board_files::{Files, Sources};
use super::super::boards::{self, Target};
use super::super::{Exit, style};
use super::{covered, joined, now, script_of, source_roots, timeout};
use crate::board::start::Start;
use crate::board::{Ended, Job, Session, Stage};
use crate::device::RunEnd;
use crate::device::deploy::Event;
use crate::device::selector::Address;
use crate::store::Store;
use crate::wire::data_file::RunData;

/// One board of a run.
struct One {
    name: Option<String>,
    address: Address,
}

/// Runs the program on all boards side by side.
pub(super) fn run(args: &RunArgs, common: &Common, targets: &[Target]) -> anyhow::Result<Exit> {
    let boards: Vec<One> = targets
        .iter()
        .filter_map(|target| match target {
            Target::Board { name, address } => {
                Some(One { name: name.clone(), address: address.clone() })
            }
            Target::Unix => None,
        })
        .collect();
    let cwd = std::env::current_dir().context("the working directory is gone")?;
    let (first, _) = args.program.split_first().context("nothing to run")?;
    let script = script_of(args)?;
    timeout(args)?;
    let sources = Sources {
        covered: covered(args, script.as_deref(), &cwd, common)?,
        roots: source_roots(args, script.as_deref(), &cwd),
        script,
        module: args.module.then(|| first.clone()),
        code: args.code.then(|| first.clone()),
        cwd,
        select: &args.select,
        place: &args.place,
    };
    let several = boards.len() > 1;
    let results: Vec<anyhow::Result<Exit>> = std::thread::scope(|scope| {
        let sources = &sources;
        let threads: Vec<_> = boards
            .iter()
            .map(|one| scope.spawn(move || Runner { args, common, sources, several }.run(one)))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a run does not panic")).collect()
    });
    let mut exit = Exit::Fine;
    for result in results {
        match result {
            Ok(Exit::Fine) => {}
            Ok(other) => exit = other,
            // The other boards' results count all the same.
            Err(error) if several => {
                style::error(&format!("{error:#}"), common.color);
                exit = Exit::Failed;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(exit)
}

struct Runner<'a> {
    args: &'a RunArgs,
    common: &'a Common,
    sources: &'a Sources<'a>,
    several: bool,
}

impl Runner<'_> {
    fn run(&self, one: &One) -> anyhow::Result<Exit> {
        let control = boards::control()?;
        let label = one.name.clone();
        let at = |error: anyhow::Error, label: &Option<String>| match label {
            Some(label) if self.several => error.context(label.clone()),
            _ => error,
        };
        let mut session = boards::open(&one.address, &self.args.line, &control, true)
            .map_err(|e| at(e, &label))?;
        let label = label.unwrap_or_else(|| self.label(&session, one));
        let result = self.on(&mut session, &label);
        session.leave();
        result.map_err(|error| at(error, &Some(label)))
    }

    /// What a board is called in reports: its platform, and where there are several, its port too.
    fn label(&self, session: &Session, one: &One) -> String {
        let platform = session.board.platform.clone();
        if !self.several {
            return platform;
        }
        let text = match &one.address {
            Address::Serial(path) => path.clone(),
            Address::Socket(address) => address.clone(),
            Address::Exec(command) | Address::ExecPty(command) => command.clone(),
        };
        let last = text.rsplit(['/', '\\', ':']).next().unwrap_or_default();
        format!("{platform}-{last}")
    }

    fn on(&self, session: &mut Session, label: &str) -> anyhow::Result<Exit> {
        let common = self.common;
        if common.verbose {
            style::note(&format!("mpycov: {label}: {}", session.board.firmware()));
        }
        let files = self.sources.for_board(&session.board, common)?;
        let layout = self.sources.layout();
        for warning in files.check_budget(&session.board, layout)? {
            self.warn(label, &warning);
        }
        let (first, rest) = self.args.program.split_first().context("nothing to run")?;
        let argv = std::iter::once(if self.args.code { "-c" } else { first }).map(str::to_owned);
        let start = Start {
            module: files.module.clone(),
            argv: argv.chain(rest.iter().cloned()).collect(),
            paths: files.search.clone(),
            autosave: self.args.autosave,
            ..Start::default()
        };
        let job = Job {
            blobs: files.blobs.clone(),
            origins: files.origins.clone(),
            start: (!files.boots).then_some(start),
            layout,
            keep: self.args.keep,
            timeout: timeout(self.args)?,
        };
        let mut printer =
            Printer { prefix: self.several.then(|| label.to_owned()), line: Vec::new() };
        let result = session.run(&job, &mut |stage| match stage {
            Stage::Output(bytes) => printer.print(bytes),
            Stage::Files(Event::Placed { path, bytes }) if common.verbose => {
                style::note(&format!("mpycov: {label}: placed {path}, {bytes} bytes"));
            }
            Stage::Files(Event::Planned { files, bytes, unchanged }) if common.verbose => {
                style::note(&format!(
                    "mpycov: {label}: sending {files} files, {bytes} bytes; {unchanged} are there"
                ));
            }
            Stage::Files(Event::LeftAlone { path }) => {
                self.warn(
                    label,
                    &format!("{path} was changed on the board meanwhile and stays there"),
                );
            }
            Stage::ComingBack if !common.quiet => {
                style::note(&format!("mpycov: {label}: the board went away; waiting for it"));
            }
            _ => {}
        });
        printer.finish();
        let ended = result?;
        self.keep_hits(&files, &ended, label)?;
        Ok(self.conclude(&files, &ended, label))
    }

    fn warn(&self, label: &str, text: &str) {
        let text = if self.several { format!("{label}: {text}") } else { text.to_owned() };
        style::warning(&text, self.common.color);
    }

    fn keep_hits(&self, files: &Files, ended: &Ended, label: &str) -> anyhow::Result<()> {
        for fault in &ended.frames.faults {
            self.warn(label, &format!("some hits are lost: {fault}"));
        }
        let maps = files.maps.iter().map(|(digest, map)| (digest.clone(), map)).collect();
        let context = match &*self.args.context {
            "" => label.to_owned(),
            context => format!("{label}|{context}"),
        };
        let data = RunData {
            created: now(),
            name: self.args.program.first().cloned().unwrap_or_default(),
            context,
            files: joined(&maps, &ended.frames.hits),
            uncovered: files.uncovered.clone(),
        };
        let path = Store::at(&self.common.data_dir).put_run(&data)?;
        if self.common.verbose {
            let count = ended.frames.hits.len();
            style::note(&format!("mpycov: hits of {count} files kept in {}", path.display()));
        }
        Ok(())
    }

    /// Says how the program ended, and what that means for the status.
    fn conclude(&self, files: &Files, ended: &Ended, label: &str) -> Exit {
        let mut fine = false;
        let during =
            ended.during.as_ref().map(|test| format!(" during {test}")).unwrap_or_default();
        match &ended.end {
            RunEnd::Finished => fine = true,
            RunEnd::Raised { traceback } => {
                style::note(traceback.trim_end());
                if traceback
                    .trim_end()
                    .rsplit('\n')
                    .next()
                    .is_some_and(|l| l.starts_with("MemoryError"))
                {
                    style::note(
                        "  help: the board ran out of memory: a lower --level, fewer files (--include), or --mpy",
                    );
                }
            }
            RunEnd::SystemExit { code, message } => {
                fine = *code == 0;
                if let Some(message) = message {
                    style::note(message);
                }
            }
            RunEnd::SoftReset { .. } => {
                self.warn(label, &format!("the program reset the board{during}{}", kept(ended)));
            }
            RunEnd::Vanished { reason, .. } => {
                self.warn(label, &format!("the board went away{during} ({reason}){}", kept(ended)));
            }
            RunEnd::TimedOut { stopped } => {
                let seconds = self.args.timeout.unwrap_or_default();
                self.warn(label, &format!("the program was stopped after {seconds} s{during}"));
                self.stuck(label, *stopped);
            }
            RunEnd::Interrupted { stopped, traceback } => {
                if let Some(traceback) = traceback {
                    style::note(traceback.trim_end());
                }
                self.stuck(label, *stopped);
            }
        }
        if let Some(failed) = &ended.tests.failed {
            fine = false;
            if self.several {
                self.warn(label, &format!("unittest: {failed}"));
            }
        }
        if ended.tests.empty {
            fine = false;
            self.warn(label, "unittest ran no tests: are their names right, and is their module the one that runs?");
        }
        let none = ended.frames.complete == 0 && ended.frames.hits.is_empty();
        if none {
            self.warn(label, "the program ended without handing over its hits (was it killed?)");
        } else if let Some(script) =
            files.script.as_ref().filter(|s| !ended.frames.hits.contains_key(s))
            && ended.end == RunEnd::Finished
        {
            let name = files.maps.get(script).map_or("", |map| &map.path);
            self.warn(
                label,
                &format!(
                    "{name} did not run: the firmware has a module of that name; rename the script"
                ),
            );
            fine = false;
        }
        if ended.no_timer || self.args.autosave.is_some() && !ended.guarded {
            self.warn(label, "this firmware has no timer that --autosave could use");
        }
        if let Some(reason) = &ended.untidy {
            self.warn(label, &format!("files are left on the board: {reason}\n  help: mpycov deploy --remove takes them away"));
        }
        if self.several && !self.common.quiet {
            let state = if fine { "fine" } else { "failed" };
            let tests = match ended.tests.ran {
                0 => String::new(),
                count => format!(", {count} tests"),
            };
            style::note(&format!(
                "{label}: {state}{tests}, hits of {} files",
                ended.frames.hits.len()
            ));
        }
        if fine { Exit::Fine } else { Exit::Failed }
    }

    fn stuck(&self, label: &str, stopped: bool) {
        if !stopped {
            self.warn(label, "the board does not stop for Ctrl-C: its hits are lost, and files are left on it\n  help: reset it, then mpycov deploy --remove");
        }
    }
}

/// What became of the hits of a board that went away.
fn kept(ended: &Ended) -> &'static str {
    match (ended.frames.hits.is_empty(), ended.returned) {
        (false, _) => "; its hits were saved before",
        (true, true) => "; it had not saved its hits",
        (true, false) => " and did not come back; its hits are lost",
    }
}

/// Prints what programs print, whole lines of one board at a time where there are several.
struct Printer {
    prefix: Option<String>,
    line: Vec<u8>,
}

/// Boards take turns.
static OUT: Mutex<()> = Mutex::new(());

impl Printer {
    fn print(&mut self, bytes: &[u8]) {
        let Some(prefix) = &self.prefix else {
            return write(bytes);
        };
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            write(&[prefix.as_bytes(), b": ", &line].concat());
        }
    }

    fn finish(&mut self) {
        if !self.line.is_empty() {
            self.print(b"\n");
        }
    }
}

fn write(bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let _turn = OUT.lock();
    let mut out = std::io::stdout().lock();
    // A reader that is gone ends nothing: the program on the board goes on, and its hits count.
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}
