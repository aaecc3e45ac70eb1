//! `mpycov run` on the unix port: instrument, run, keep the hits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use super::args::{Common, RunArgs};
use super::instrument::{attempt, options, selection, show_faults, warn_of_paths};
use super::{Exit, style};
use crate::discover::{self, Found};
use crate::fs;
use crate::model::{Digest, FileMap, HitSet};
use crate::store::Store;
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
    let files = sources(args, script.as_deref(), &cwd, common)?;
    let attempts = attempt(files, &options(&args.select)?, script.as_deref().or(Some(&cwd)))?;
    let bad: Vec<_> = attempts.iter().filter(|a| a.result.is_err()).collect();
    let mut uncovered = BTreeMap::new();
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
    // Ctrl-C is for the program; what it did is kept.
    ctrlc::set_handler(|| {}).context("cannot take over Ctrl-C")?;
    let launch = Launch { micropython: &micropython, program, args: rest, files: &texts, timeout };
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
    let data = RunData {
        created: now(),
        name: first.clone(),
        context: args.context.clone(),
        files: joined(&maps, &hits),
        uncovered,
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

/// The files to cover.
fn sources(
    args: &RunArgs,
    script: Option<&Path>,
    cwd: &Path,
    common: &Common,
) -> anyhow::Result<Vec<Found>> {
    let selection = selection(&args.select, script)?;
    let roots: Vec<PathBuf> = if args.source.is_empty() {
        let dir = script.and_then(Path::parent).unwrap_or(cwd);
        vec![dir.to_owned()]
    } else {
        args.source.clone()
    };
    let skip = [common.data_dir.clone(), cwd.join(&common.data_dir)];
    let mut files: BTreeMap<PathBuf, Found> = BTreeMap::new();
    for root in &roots {
        for found in discover::files(root, &skip, cwd)? {
            let python = found.path.extension().is_some_and(|e| e == "py");
            if python && selection.wants(&found.name) {
                files.insert(found.path.clone(), found);
            }
        }
    }
    Ok(files.into_values().collect())
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
