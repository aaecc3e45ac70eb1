//! `mpycov run` on boards: instrument for each, place, run, keep the hits.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::bail;

use super::super::args::{Common, ModeArg, Passes, RunArgs};
use super::super::boards::{self, Target};
use super::super::instrument::selection;
use super::super::progress::{BoardLine, When};
use super::super::settrace;
use super::super::{Exit, style};
use super::keep::list_unsourced;
use super::printer::Printer;
use super::programs::{Program, programs};
use super::results;
use super::timeout;
use crate::board::runtime;
use crate::board::start::Start;
use crate::board::{Ended, Job, Session, Stage};
use crate::device::RunEnd;
use crate::device::deploy::Event;
use crate::device::selector::Address;
use crate::fs;

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
    timeout(args)?;
    let programs = programs(args, common)?;
    let several = boards.len() > 1;
    // What boards take from, when they share the programs out.
    let queue = Mutex::new((0..programs.len()).collect::<VecDeque<usize>>());
    let results: Vec<anyhow::Result<Exit>> = std::thread::scope(|scope| {
        let (programs, queue) = (&programs, &queue);
        let threads: Vec<_> = boards
            .iter()
            .map(|one| {
                let runner = Runner { args, common, several };
                scope.spawn(move || runner.run(one, programs, queue))
            })
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
    let left = queue.into_inner().unwrap_or_else(PoisonError::into_inner);
    if args.distribute && !left.is_empty() {
        let names: Vec<&str> = left.iter().map(|index| &*programs[*index].name).collect();
        bail!("no board was left to run {}", names.join(", "));
    }
    Ok(exit)
}

pub(super) struct Runner<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) common: &'a Common,
    pub(super) several: bool,
}

impl Runner<'_> {
    fn run(
        &self,
        one: &One,
        programs: &[Program<'_>],
        queue: &Mutex<VecDeque<usize>>,
    ) -> anyhow::Result<Exit> {
        let control = boards::control()?;
        let at = |error: anyhow::Error, label: &Option<String>| match label {
            Some(label) if self.several => error.context(label.clone()),
            _ => error,
        };
        let label = one.name.clone();
        let when = if self.several { When::Always } else { When::Sending };
        let called = label.clone().unwrap_or_else(|| spelled(&one.address).to_owned());
        let mut line = BoardLine::new(&called, when, self.common);
        let mut session = boards::open(&one.address, &self.args.line, &control, true)
            .map_err(|error| at(error, &label))?;
        let label = label.unwrap_or_else(|| self.label(&session, one));
        line.call(&label);
        if self.common.verbose {
            style::note(&format!("mpycov: {label}: {}", session.board.firmware()));
        }
        if self.args.mode == ModeArg::Settrace {
            self.check_tracing(&session, &label)
                .map_err(|error| at(error, &Some(label.clone())))?;
        }
        let mut exit = Exit::Fine;
        let mut own = 0..programs.len();
        let mut next = || match self.args.distribute {
            true => queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front(),
            false => own.next(),
        };
        while let Some(index) = next() {
            let program = &programs[index];
            if programs.len() > 1 {
                line.program(format!("{}, {} of {}", program.name, index + 1, programs.len()));
                if !self.common.quiet {
                    style::note(&format!("{label}: {}", program.name));
                }
            }
            match self.passes(&mut session, program, &label, &mut line) {
                Ok(Exit::Fine) => {}
                Ok(other) => exit = other,
                Err(error) => {
                    session.leave();
                    return Err(at(error, &Some(label)));
                }
            }
            if control.interrupts() > 0 {
                break;
            }
        }
        session.leave();
        Ok(exit)
    }

    /// Refuses what cannot be traced.
    fn check_tracing(&self, session: &Session, label: &str) -> anyhow::Result<()> {
        if self.args.context == "test" {
            bail!(
                "--context test does not go with --mode settrace, which cannot tell tests apart\n  help: leave one of them out"
            );
        }
        settrace::check_board(&session.board, label, &self.args.place)
    }

    /// What a board is called in reports: its platform, and where there are several, its port too.
    fn label(&self, session: &Session, one: &One) -> String {
        let platform = session.board.platform.clone();
        if !self.several {
            return platform;
        }
        let last = spelled(&one.address).rsplit(['/', '\\', ':']).next().unwrap_or_default();
        format!("{platform}-{last}")
    }

    /// Runs a program as often as it takes to cover all its modules.
    fn passes(
        &self,
        session: &mut Session,
        program: &Program<'_>,
        label: &str,
        line: &mut BoardLine,
    ) -> anyhow::Result<Exit> {
        let sources = &program.sources;
        let layout = sources.layout();
        let most = sources.covered.len().max(1);
        let mut count = match self.args.passes {
            None => return Ok(self.on(session, program, label, None, line)?.0),
            Some(Passes::Exactly(count)) => count,
            Some(Passes::Auto) => {
                let mut count = 1;
                while count < most {
                    let shares = sources.shares(count)?;
                    let files = shares
                        .iter()
                        .map(|share| sources.for_board(&session.board, self.common, Some(share)));
                    let files = files.collect::<anyhow::Result<Vec<_>>>()?;
                    if files.iter().all(|files| files.fit(&session.board, layout)) {
                        break;
                    }
                    count += 1;
                }
                count
            }
        };
        'again: loop {
            let shares = sources.shares(count)?;
            let mut exit = Exit::Fine;
            for (index, share) in shares.iter().enumerate() {
                if shares.len() > 1 {
                    let pass = format!("pass {} of {}", index + 1, shares.len());
                    if !self.common.quiet {
                        style::note(&format!("{label}: {pass}"));
                    }
                    line.pass(pass);
                }
                let (ended, short) = self.on(session, program, label, Some(share), line)?;
                if short && self.args.passes == Some(Passes::Auto) && count < most {
                    // The estimate was too good.
                    count = (count * 2).min(most);
                    continue 'again;
                }
                if ended != Exit::Fine {
                    exit = ended;
                }
            }
            return Ok(exit);
        }
    }

    /// Runs a program once. The second answer is whether memory was too short.
    fn on(
        &self,
        session: &mut Session,
        program: &Program<'_>,
        label: &str,
        only: Option<&BTreeSet<PathBuf>>,
        line: &mut BoardLine,
    ) -> anyhow::Result<(Exit, bool)> {
        let common = self.common;
        let sources = &program.sources;
        let mut files = sources.for_board(&session.board, common, only)?;
        if files.boots && files.traced.is_some() {
            bail!(
                "a program that the board starts by itself cannot be traced from its first line\n  help: leave out `--mode settrace`, or start it without --in-place"
            );
        }
        files.uncovered.extend(program.compiled.clone());
        let layout = sources.layout();
        for warning in files.check_budget(&session.board, layout)? {
            self.warn(label, &warning);
        }
        let start = Start {
            module: files.module.clone(),
            perhaps_package: files.perhaps_package,
            argv: program.argv.clone(),
            paths: files.search.clone(),
            autosave: self.args.autosave,
            by_test: self.args.context == "test" && runtime::can_guard(&session.board),
            trace: files.traced.as_ref().map(|traced| traced.branches),
        };
        // Libraries of the board are nobody's concern who has not named them.
        let named = !self.args.select.include.is_empty() || self.args.select.pattern.is_some();
        if self.common.verbose && !files.left_out.is_empty() {
            let count = files.left_out.len();
            style::note(&format!("mpycov: {label}: {count} sources stay here: nothing names them"));
        }
        self.warn_of_limits(session, &files, named, label);
        let job = Job {
            blobs: files.blobs.clone(),
            origins: files.origins.clone(),
            start: (!files.boots).then_some(start),
            layout,
            there: self.args.no_deploy,
            keep: self.args.keep,
            timeout: timeout(self.args)?,
            look_for_unsourced: named,
        };
        let mut printer = Printer {
            prefix: self.several.then(|| label.to_owned()),
            line: Vec::new(),
            heard: Vec::new(),
        };
        let result = session.run(&job, &mut |stage| {
            line.at(&stage);
            match stage {
                Stage::Output(bytes) => printer.print(bytes),
                other => self.tell(label, &other),
            }
        });
        printer.finish();
        let ended = result?;
        let selection = selection(&self.args.select, sources.script.as_deref())?;
        list_unsourced(&mut files, &ended, &selection);
        let tests = results::of_output(&program.name, label, &printer.heard, common);
        if ended.tests.summaries == 0
            && ended.end == RunEnd::Finished
            && let Some(script) = sources.script.as_deref()
            && fs::read(script).is_ok_and(|text| results::leaves_tests(&text))
        {
            self.warn(
                label,
                &format!(
                    "{} has tests and starts none\n  help: `unittest.main()` at its end does, or run -c \"import unittest; unittest.main('{}')\"",
                    program.name,
                    results::module_of(&program.name)
                ),
            );
        }
        self.keep_hits(&files, &ended, label, &program.name, tests)?;
        Ok((self.conclude(&files, &ended, label), is_short(&ended)))
    }

    /// Says what happens beside the program's output, as far as somebody wants to know.
    fn tell(&self, label: &str, stage: &Stage<'_>) {
        let Common { verbose, quiet, .. } = *self.common;
        match stage {
            Stage::Files(Event::Placed { path, bytes }) if verbose => {
                style::note(&format!("mpycov: {label}: placed {path}, {bytes} bytes"));
            }
            Stage::Files(Event::Planned { files, bytes, unchanged }) if verbose => {
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
            Stage::Limited(limit) => self.warn_of(*limit, label),
            Stage::ComingBack if !quiet => {
                style::note(&format!("mpycov: {label}: the board went away; waiting for it"));
            }
            _ => {}
        }
    }

    pub(super) fn warn(&self, label: &str, text: &str) {
        let text = if self.several { format!("{label}: {text}") } else { text.to_owned() };
        style::warning(&text, self.common.color);
    }
}

/// An address without what says of which kind it is.
fn spelled(address: &Address) -> &str {
    match address {
        Address::Serial(text)
        | Address::Socket(text)
        | Address::Exec(text)
        | Address::ExecPty(text) => text,
    }
}

/// Whether the program ended for lack of memory.
pub(super) fn is_short(ended: &Ended) -> bool {
    matches!(&ended.end, RunEnd::Raised { traceback }
        if traceback.trim_end().rsplit('\n').next().is_some_and(|line| line.starts_with("MemoryError")))
}
