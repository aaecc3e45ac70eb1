//! `mpycov run` on the unix port: instrument, run, keep the hits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use super::args::{Common, RunArgs};
use super::instrument::{attempt, options, selection, show_faults, warn_of_paths};
use super::{Exit, style};
use crate::discover::{self, Found, Selection};
use crate::fs;
use crate::model::{Digest, FileMap, HitSet, TestSuite};
use crate::store::Store;
use crate::unittest::Transcript;
use crate::unix::{self, Launch, Program};
use crate::wire::data_file::RunData;
use crate::wire::frame;

pub(super) fn run(args: &RunArgs, common: &Common) -> anyhow::Result<Exit> {
    let cwd = std::env::current_dir().context("the working directory is gone")?;
    let (first, rest) = args.program.split_first().context("nothing to run")?;
    let program = if args.module {
        Program::Module(first.clone())
    } else if args.code {
        Program::Code(first.clone())
    } else {
        Program::Script(first.clone())
    };
    let script = match &program {
        Program::Script(script) => Some(
            fs::canonical(Path::new(script))
                .map_err(|_| unix::UnixError::NoScript(script.clone()))?,
        ),
        _ => None,
    };
    let micropython = find_micropython(args.micropython.as_deref())?;
    let timeout = match args.timeout {
        Some(seconds) if !(seconds.is_finite() && seconds > 0.0) => {
            bail!("--timeout takes a number of seconds above 0")
        }
        other => other.map(Duration::from_secs_f64),
    };
    let selection = selection(&args.select, script.as_deref())?;
    let (files, compiled) = sources(args, script.as_deref(), &selection, &cwd, common)?;
    let attempts = attempt(files, &options(&args.select)?, script.as_deref().or(Some(&cwd)))?;
    let bad: Vec<_> = attempts.iter().filter(|a| a.result.is_err()).collect();
    let mut uncovered = BTreeMap::new();
    for file in compiled {
        uncovered.insert(file.name, "only its compiled form (.mpy) is there".to_owned());
    }
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
    for attempt in &attempts {
        let Ok(instrumented) = &attempt.result else { continue };
        store.put_map(&instrumented.map)?;
        maps.insert(instrumented.map.digest.clone(), &instrumented.map);
        let added = instrumented.woven.added_lines.iter().map(|l| l.0).collect();
        texts.push((attempt.found.path.clone(), &instrumented.woven.text[..], added));
    }
    let ask_to_end = watch_signals()?;
    let launch = Launch {
        micropython: &micropython,
        program,
        args: rest,
        files: &texts,
        timeout,
        ask_to_end: &ask_to_end,
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
    let hits = frames.hits;
    // Libraries in the firmware are nobody's concern who has not named them.
    if !args.select.include.is_empty() || args.select.pattern.is_some() {
        for (module, _) in ended.frozen.iter().filter(|(_, file)| selection.wants(file)) {
            uncovered.insert(module.clone(), "it is frozen into the firmware".to_owned());
        }
    }
    let data = RunData {
        created: now(),
        name: first.clone(),
        context: args.context.clone(),
        files: joined(&maps, &hits),
        uncovered,
        tests: test_results(first, &args.context, ended.unittest.as_deref(), &texts, common),
    };
    let path = store.put_run(&data)?;
    if common.verbose {
        style::note(&format!("mpycov: hits of {} files kept in {}", hits.len(), path.display()));
    }
    if ended.timed_out {
        style::warning(
            &format!("the program was stopped after {} s", args.timeout.unwrap_or_default()),
            common.color,
        );
    }
    Ok(Exit::Program(u8::try_from(ended.status).unwrap_or(1)))
}

/// Ctrl-C and the end of the terminal are for the program, which gets the same
/// signals, and what it did is kept. A request to end is passed on.
fn watch_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let ask_to_end = Arc::new(AtomicBool::new(false));
    ctrlc::set_handler(|| {}).context("cannot take over Ctrl-C")?;
    #[cfg(unix)]
    for (signal, flag) in [
        (signal_hook::consts::SIGTERM, Arc::clone(&ask_to_end)),
        (signal_hook::consts::SIGHUP, Arc::new(AtomicBool::new(false))),
    ] {
        // A program inherits that a signal is ignored, but not a handler.
        if !is_ignored(signal) {
            signal_hook::flag::register(signal, flag).context("cannot take over a signal")?;
        }
    }
    Ok(ask_to_end)
}

/// Is this signal ignored, as under nohup? Known on Linux only.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = fs::read(Path::new("/proc/self/status")).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Results of unit tests, if the program ran any.
fn test_results(
    name: &str,
    context: &str,
    records: Option<&[u8]>,
    texts: &[(PathBuf, &[u8], Vec<u32>)],
    common: &Common,
) -> Vec<TestSuite> {
    let Some(records) = records else { return Vec::new() };
    let transcript = Transcript::of_records(records);
    let main = Path::new(name).file_stem().map_or_else(|| name.into(), |s| s.to_string_lossy());
    let mut results = transcript.read(&main);
    results.relocate(&|file, line| {
        let full = fs::canonical(Path::new(file)).unwrap_or_default();
        let added = texts.iter().find(|(path, ..)| *path == full).map(|(.., added)| added);
        line - added.into_iter().flatten().filter(|added| **added <= line).count() as u32
    });
    for fault in &results.faults {
        style::warning(&format!("results of tests are missing: {fault}"), common.color);
    }
    if results.is_empty() {
        return Vec::new();
    }
    vec![TestSuite {
        name: name.to_owned(),
        target: Some(context.to_owned()).filter(|context| !context.is_empty()),
        ended: now(),
        millis: transcript.millis(),
        cases: results.found.into_iter().map(|found| found.case).collect(),
        output: String::new(),
    }]
}

/// The hits of each file that could have run; those of others are not ours.
fn joined(
    maps: &BTreeMap<Digest, &FileMap>,
    hits: &BTreeMap<Digest, HitSet>,
) -> BTreeMap<Digest, Option<HitSet>> {
    maps.iter()
        .map(|(digest, map)| {
            let set = hits.get(digest).filter(|set| set.count() == map.sensor_count).cloned();
            // A file without sensors runs without telling.
            let silent = (map.sensor_count == 0).then(|| HitSet::new(0));
            (digest.clone(), set.or(silent))
        })
        .collect()
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// The files to cover, and those that are there in compiled form only.
fn sources(
    args: &RunArgs,
    script: Option<&Path>,
    selection: &Selection,
    cwd: &Path,
    common: &Common,
) -> anyhow::Result<(Vec<Found>, Vec<Found>)> {
    let roots: Vec<PathBuf> = if args.source.is_empty() {
        let dir = script.and_then(Path::parent).unwrap_or(cwd);
        vec![dir.to_owned()]
    } else {
        args.source.clone()
    };
    let skip = [common.data_dir.clone(), cwd.join(&common.data_dir)];
    let (mut files, mut compiled) = (BTreeMap::new(), BTreeMap::new());
    for root in &roots {
        for found in discover::files(root, &skip, cwd)? {
            let ends = |ending: &str| found.path.extension().is_some_and(|e| e == ending);
            let source = found.path.with_extension("py");
            if ends("py") && selection.wants(&found.name) {
                files.insert(found.path.clone(), found);
            } else if ends("mpy") && !source.is_file() {
                let name = found.name.trim_end_matches(".mpy").to_owned() + ".py";
                if selection.wants(&name) {
                    compiled.insert(found.path.clone(), found);
                }
            }
        }
    }
    Ok((files.into_values().collect(), compiled.into_values().collect()))
}

/// The MicroPython to use: as named, from the environment, or from PATH.
pub(super) fn find_micropython(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let from_env = || std::env::var_os("MICROPY_MICROPYTHON").map(PathBuf::from);
    if let Some(path) = named.map(Path::to_owned).or_else(from_env) {
        return Ok(path);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let name = format!("micropython{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&path)
        .map(|dir| dir.join(&name))
        .find(|candidate| candidate.is_file())
        .context(
            "there is no MicroPython in PATH\n  help: install one (Debian: apt install micropython), or name it with --micropython PATH or $MICROPY_MICROPYTHON",
        )
}
