//! `mpycov run`: what its targets have in common.

mod settrace;
mod unix;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use super::Exit;
use super::args::{Common, RunArgs};
use super::instrument::selection;
use crate::discover::{self, Found};
use crate::model::{Digest, FileMap, HitSet};

pub(super) fn run(args: &RunArgs, common: &Common) -> anyhow::Result<Exit> {
    unix::run(args, common)
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
