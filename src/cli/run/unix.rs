//! `mpycov run` on the unix port: instrument, run, keep the hits.

use std::collections::BTreeMap;

use anyhow::Context;

use super::super::args::{Common, ModeArg, RunArgs};
use super::super::instrument::{attempt, options, selection, show_faults, warn_of_paths};
use super::super::settings::BY_TEST;
use super::super::settrace::{self, Texts};
use super::super::{Exit, style};
use super::results::test_results;
use super::signals::watch_signals;
use super::{compiled_only, find_micropython, joined, now, script_of, sources, timeout};
use crate::model::{Digest, FileMap};
use crate::store::Store;
use crate::unix::{self, Launch, Program};
use crate::wire::data_file::RunData;
use crate::wire::frame;

pub(super) fn run(args: &RunArgs, common: &Common) -> anyhow::Result<Exit> {
    let cwd = super::super::working_dir()?;
    let (first, rest) = args.program.split_first().context("nothing to run")?;
    let program = if args.module {
        Program::Module(first.clone())
    } else if args.code {
        Program::Code(first.clone())
    } else {
        Program::Script(first.clone())
    };
    let script = script_of(args)?;
    let micropython = find_micropython(args.micropython.as_deref())?;
    let timeout = timeout(args)?;
    let selection = selection(&args.select, script.as_deref())?;
    let (files, compiled) = sources(args, script.as_deref(), &selection, &cwd, common)?;
    if files.is_empty() && !(args.select.include.is_empty() && args.select.containing.is_empty()) {
        style::warning(
            "no file is covered: --include takes globs, --containing parts of paths, and both look below --source",
            common.color,
        );
    }
    let attempts = attempt(files, &options(&args.select)?, script.as_deref().or(Some(&cwd)))?;
    let bad: Vec<_> = attempts.iter().filter(|a| a.result.is_err()).collect();
    let mut uncovered: BTreeMap<String, String> = compiled.into_iter().map(compiled_only).collect();
    if !bad.is_empty() {
        show_faults(&bad, common.color)?;
        for attempt in &bad {
            let reason = "it does not parse".to_owned();
            uncovered.insert(attempt.found.name.clone(), reason);
        }
    }
    warn_of_paths(&attempts, common.color);
    let store = Store::at(&common.data_dir);
    let mut maps: BTreeMap<Digest, &FileMap> = BTreeMap::new();
    let mut texts = Vec::new();
    let traced = match args.mode {
        ModeArg::Settrace => {
            let texts = if args.no_fences { Texts::Plain } else { Texts::Fenced };
            Some(settrace::prepare(&attempts, script.as_deref(), texts, &args.select))
        }
        ModeArg::Sensors => None,
    };
    for attempt in &attempts {
        let Ok(instrumented) = &attempt.result else { continue };
        store.put_map(&instrumented.map)?;
        maps.insert(instrumented.map.digest.clone(), &instrumented.map);
        let (text, added) =
            match traced.as_ref().and_then(|traced| traced.text(&instrumented.map.digest)) {
                Some(traced) => (traced.text(), traced.added_lines()),
                None => (&instrumented.woven.text[..], &instrumented.woven.added_lines[..]),
            };
        let added = added.iter().map(|l| l.0).collect();
        texts.push((attempt.found.path.clone(), text, added));
    }
    let tracing = traced.as_ref().map(settrace::Prepared::tracing);
    let ask_to_end = watch_signals()?;
    let launch = Launch {
        micropython: &micropython,
        program,
        args: rest,
        files: &texts,
        timeout,
        ask_to_end: &ask_to_end,
        by_test: args.context == BY_TEST && traced.is_none(),
        trace: tracing.as_ref(),
    };
    let ended = unix::run(&launch)?;
    let frames = frame::read(&ended.hits.unwrap_or_default());
    for fault in &frames.faults {
        style::warning(&format!("some hits are lost: {fault}"), common.color);
    }
    if frames.complete == 0 {
        style::warning(
            "the program ended without handing over its hits (was it killed?)",
            common.color,
        );
    }
    let hits = &frames.hits;
    // Libraries in the firmware are nobody's concern who has not named them.
    if !args.select.include.is_empty() || args.select.pattern.is_some() {
        for (module, _) in ended.frozen.iter().filter(|(_, file)| selection.wants(file)) {
            uncovered.insert(module.clone(), "it is frozen into the firmware".to_owned());
        }
    }
    let known = || maps.iter().map(|(digest, map)| (digest, *map));
    let seen = traced.as_ref().map(|traced| traced.judge(known(), &frames));
    let context = if launch.by_test { "" } else { &args.context };
    let data = RunData {
        created: now(),
        name: first.clone(),
        context: context.to_owned(),
        board: String::new(),
        files: if seen.is_none() { joined(&maps, hits) } else { BTreeMap::new() },
        traced: seen.unwrap_or_default(),
        uncovered,
        tests: test_results(first, context, ended.unittest.as_deref(), &texts, common),
    };
    let path = store.put_run(&data)?;
    for (test, frames) in &ended.by_test {
        let hits = frame::read(frames).hits.into_iter();
        let hits = hits.filter(|(digest, _)| maps.contains_key(digest));
        store.put_run(&RunData {
            context: test.clone(),
            files: hits.map(|(digest, set)| (digest, Some(set))).collect(),
            uncovered: BTreeMap::new(),
            tests: Vec::new(),
            ..data.clone()
        })?;
    }
    if launch.by_test && ended.by_test.is_empty() {
        style::warning(
            "hits cannot be told apart by tests here: that takes micropython-lib's unittest, from a file",
            common.color,
        );
    }
    if common.verbose {
        let count = hits.len() + data.traced.values().flatten().count();
        style::note(&format!("mpycov: hits of {count} files kept in {}", path.display()));
    }
    if ended.timed_out {
        style::warning(
            &format!("the program was stopped after {} s", args.timeout.unwrap_or_default()),
            common.color,
        );
    }
    Ok(Exit::Program(u8::try_from(ended.status).unwrap_or(1)))
}
