//! `mpycov run`: what its targets have in common.

mod board;
mod ends;
mod keep;
mod limits;
mod printer;
mod programs;
mod results;
mod signals;
mod unix;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use super::args::{Common, ModeArg, RunArgs};
use super::boards::{self, Target};
use super::{Exit, foreign, style};
use crate::discover::{self, Found, Selection};
use crate::fs;
use crate::model::{Digest, FileMap, HitSet};
use crate::unix::UnixError;

pub(super) fn run(args: &RunArgs, common: &Common) -> anyhow::Result<Exit> {
    let targets = boards::targets(&args.line)?;
    if common.verbose {
        for option in args.habits.idle() {
            style::note(&format!("mpycov: {option} changes nothing: each run keeps its own data"));
        }
    }
    check_words(args, common)?;
    let on_boards = targets.iter().any(|target| *target != Target::Unix);
    let on_unix = targets.is_empty() || targets.contains(&Target::Unix);
    if on_unix && (args.scripts || args.distribute) {
        bail!("several scripts run on boards only\n  help: name boards with -t, and not unix");
    }
    let there = board::run(args, common, &targets)?;
    let here = if on_unix { unix::run(args, common)? } else { Exit::Fine };
    if !on_boards {
        return Ok(here);
    }
    Ok(match here {
        Exit::Fine | Exit::Program(0) => there,
        failed => failed,
    })
}

/// What mpy-coverage takes behind the script, where words are the script's here.
const THEIRS: [&str; 6] =
    ["--include", "--exclude", "--device", "--micropython", "--no-deploy", "--branch"];

/// Words that look like options and are none: in the script's place, or behind it.
fn check_words(args: &RunArgs, common: &Common) -> anyhow::Result<()> {
    let Some((first, rest)) = args.program.split_first().filter(|_| !args.module && !args.code)
    else {
        return Ok(());
    };
    if first.starts_with('-') && !Path::new(first).exists() {
        bail!("run has no option {first}\n  help: see mpycov run --help");
    }
    let theirs = rest.iter().find(|word| THEIRS.contains(&word.as_str()));
    let comes_from_there = args.mode == ModeArg::Settrace || Path::new(foreign::DIRECTORY).is_dir();
    if let Some(word) = theirs.filter(|_| comes_from_there && !common.quiet) {
        style::note(&format!(
            "mpycov: {word} stands behind the script and goes to it; mpycov's own options stand in front"
        ));
    }
    Ok(())
}

/// The script by its full path, if one is to run.
fn script_of(args: &RunArgs) -> anyhow::Result<Option<PathBuf>> {
    match args.program.first().filter(|_| !args.module && !args.code) {
        Some(script) => Ok(Some(full_script(script)?)),
        None => Ok(None),
    }
}

/// The full path of a script.
fn full_script(script: &str) -> anyhow::Result<PathBuf> {
    let full = fs::canonical(Path::new(script));
    let full = full.map_err(|_| UnixError::NoScript(script.to_owned()))?;
    if full.is_dir() {
        bail!("{script} is a directory, and no script\n  help: name a file in it, or -m MODULE");
    }
    Ok(full)
}

/// How long the program may run.
fn timeout(args: &RunArgs) -> anyhow::Result<Option<Duration>> {
    match args.timeout {
        Some(seconds) if !(seconds.is_finite() && seconds > 0.0) => {
            bail!("--timeout takes a number of seconds above 0")
        }
        other => Ok(other.map(Duration::from_secs_f64)),
    }
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

/// The files and directories to look for sources in.
fn source_roots(args: &RunArgs, script: Option<&Path>, cwd: &Path) -> Vec<PathBuf> {
    if args.source.is_empty() {
        vec![script.and_then(Path::parent).unwrap_or(cwd).to_owned()]
    } else {
        args.source.clone()
    }
}

/// The files to cover, and those that cannot be.
fn sources(
    args: &RunArgs,
    script: Option<&Path>,
    selection: &Selection,
    cwd: &Path,
    common: &Common,
) -> anyhow::Result<(Vec<Found>, Vec<Found>)> {
    let skip = [common.data_dir.clone(), cwd.join(&common.data_dir)];
    let (mut files, mut compiled) = (BTreeMap::new(), BTreeMap::new());
    for root in &source_roots(args, script, cwd) {
        for found in discover::files(root, &skip, cwd)? {
            let ends = |ending: &str| found.path.extension().is_some_and(|e| e == ending);
            let source = found.path.with_extension("py");
            if ends("py") && selection.wants(&found.name) && found.path.to_str().is_none() {
                compiled.insert(found.path.clone(), found);
            } else if ends("py") && selection.wants(&found.name) {
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

/// Why a file cannot be covered.
fn compiled_only(file: Found) -> (String, String) {
    let reason = match file.path.to_str() {
        Some(_) => "only its compiled form (.mpy) is there",
        None => "its name is not UTF-8",
    };
    (file.name, reason.to_owned())
}

/// The MicroPython to use: as named, from the environment, or from PATH.
pub(super) fn find_micropython(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let from_env = || std::env::var_os("MICROPY_MICROPYTHON").map(PathBuf::from);
    if let Some(path) = named.map(Path::to_owned).or_else(from_env) {
        return Ok(path);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let name = format!("micropython{}", std::env::consts::EXE_SUFFIX);
    // Where a build of MicroPython's own leaves the one with settrace.
    let built = Path::new("ports/unix/build-coverage").join(&name);
    std::env::split_paths(&path)
        .map(|dir| dir.join(&name))
        .chain([built])
        .find(|candidate| candidate.is_file())
        .context(
            "there is no MicroPython in PATH\n  help: install one (Debian: apt install micropython), or name it with --micropython PATH or $MICROPY_MICROPYTHON",
        )
}
