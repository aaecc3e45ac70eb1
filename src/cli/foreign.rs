//! Data of mpy-coverage, and of programs that trace themselves: lines of plain
//! sources, by the device's names of files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::Common;
use super::foreign_args::ForeignArgs;
use super::style;
use crate::discover::display_name;
use crate::fs;
use crate::instrument::in_parallel;
use crate::model::{Digest, Events, FileMap, Gap, Level, Line};
use crate::parse::exclude::Patterns;
use crate::plan::Options;
use crate::store::{Loaded, Store};
use crate::trace::{Form, Traced};
use crate::wire::data_file::RunData;
use crate::wire::frame;
use crate::wire::mpy_coverage::{self, Foreign};

/// Where mpy-coverage keeps its data.
pub(super) const DIRECTORY: &str = ".mpy_coverage";

/// Sensor maps, or why there are none.
pub(super) type Maps = BTreeMap<Digest, Result<FileMap, String>>;

/// What a text of such data gives: a run each, with the maps of its files.
pub(super) struct Imported {
    pub(super) runs: Vec<RunData>,
    pub(super) maps: Vec<FileMap>,
}

/// Reads such data; `None` if the text holds none.
pub(super) fn import(
    text: &[u8],
    name: &str,
    args: &ForeignArgs,
    common: &Common,
) -> anyhow::Result<Option<Imported>> {
    let Some(found) = mpy_coverage::read(text) else { return Ok(None) };
    let found = found.map_err(anyhow::Error::msg).with_context(|| name.to_owned())?;
    imported(&found, name, args, common).map(Some)
}

fn imported(
    found: &[Foreign],
    name: &str,
    args: &ForeignArgs,
    common: &Common,
) -> anyhow::Result<Imported> {
    let mut out = Imported { runs: Vec::new(), maps: Vec::new() };
    for data in found {
        out.runs.push(run(data, name, args, common, &mut out.maps)?);
    }
    Ok(out)
}

fn run(
    data: &Foreign,
    name: &str,
    args: &ForeignArgs,
    common: &Common,
    maps: &mut Vec<FileMap>,
) -> anyhow::Result<RunData> {
    let cwd = super::working_dir()?;
    for reason in &data.lost {
        style::warning(&format!("{name}: the tracer could not note all: {reason}"), common.color);
    }
    let options = Options {
        level: Level::Condition,
        walrus: true,
        main_guard_runs: true,
        patterns: Patterns::with_also(&[]).map_err(anyhow::Error::msg)?,
        pattern_key: String::new(),
    };
    let mut run = RunData {
        created: super::run::now(),
        name: test_name(data, Path::new(name)),
        ..RunData::default()
    };
    let files: Vec<_> = data.files.iter().collect();
    let prepared = in_parallel(&files, |(device, _)| {
        let path = fs::canonical(&host_path(device, args)).ok()?;
        let text = fs::read(&path).ok()?;
        let name = display_name(&path, &cwd);
        let map = crate::instrument::instrument(text.clone(), &name, &options).ok()?.map;
        Some((map, Traced::of(text, false).ok()?))
    });
    let files: Vec<(&String, Events)> = files
        .into_iter()
        .map(|(device, events)| (device, with_arcs(data, device, events)))
        .collect();
    let mut gap = Gap::default();
    data.lost.iter().for_each(|reason| gap.add(frame::gap_of(reason)));
    gap.calls |= files.iter().zip(&prepared).any(|((_, events), prepared)| {
        prepared.as_ref().is_some_and(|(_, traced)| traced.may_hide_calls(events))
    });
    for ((device, events), prepared) in files.iter().zip(prepared) {
        let Some((map, traced)) = prepared else {
            style::warning(
                &format!(
                    "{name}: {device} does not count: its source is not here, or does not parse\n  help: say where it is with --path-map DEVICE=HOST"
                ),
                common.color,
            );
            continue;
        };
        run.traced.insert(
            map.digest.clone(),
            Some(traced.judge_found(events, gap, &map, form(data, device))),
        );
        maps.push(map);
    }
    Ok(run)
}

/// What a file was on the device, if the data say so.
fn form(data: &Foreign, device: &str) -> Form {
    match data.kinds.get(device).map(String::as_str) {
        Some("py") => Form::Source,
        Some("mpy") => Form::Compiled,
        _ => Form::Unknown,
    }
}

/// The transitions of a source, where our own tracer has noted them. Those of mpy-coverage name
/// wrong lines once an exception has left a function.
fn with_arcs(data: &Foreign, device: &str, events: &Events) -> Events {
    let arcs = data.arcs.get(device).filter(|_| form(data, device) == Form::Source);
    let line = |number: i64| u32::try_from(number).ok().filter(|line| *line > 0).map(Line);
    let inside = |(from, to): &(i64, i64)| Some((line(*from)?, line(*to)?));
    let transitions = arcs.map(|arcs| arcs.iter().filter_map(inside).collect());
    Events { transitions, ..events.clone() }
}

/// Where a file of the device is here.
fn host_path(device: &str, args: &ForeignArgs) -> PathBuf {
    let mapped = args.path_map.iter().find_map(|(from, to)| {
        device.strip_prefix(from.as_str()).map(|rest| format!("{to}{rest}"))
    });
    let path = PathBuf::from(mapped.unwrap_or_else(|| device.to_owned()));
    args.source_root.as_ref().map_or_else(|| path.clone(), |root| root.join(&path))
}

/// The test that made data: as they say, or by the name of the file, which may have the time
/// of the run in front.
pub(super) fn test_name(data: &Foreign, path: &Path) -> String {
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let time = |text: &str| {
        text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 15 => byte == b'_',
            _ => byte.is_ascii_digit(),
        })
    };
    let rest = stem.split_at_checked(16).filter(|(head, _)| time(head)).map(|(_, rest)| rest);
    data.test.clone().or(rest.map(str::to_owned)).unwrap_or(stem)
}

/// Does a file hold such data?
pub(super) fn is_data(path: &Path) -> anyhow::Result<bool> {
    Ok(mpy_coverage::read(&fs::read(path)?).is_some())
}

/// What to do where there are no data.
pub(super) fn remedy(common: &Common) -> String {
    let theirs = Path::new(DIRECTORY);
    match common.data_dir != theirs && theirs.is_dir() {
        true => format!("--data-dir {DIRECTORY} takes the data of mpy-coverage that are here"),
        false => "mpycov run SCRIPT makes some".to_owned(),
    }
}

/// The files that may hold such data: those in a directory, or the one that is named.
fn candidates(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut all = fs::list(path)?;
    all.retain(|path| path.extension().is_some_and(|end| end == "json"));
    Ok(all)
}

/// The data that lie in a directory of mpy-coverage, or in a file, as they are. What is of no
/// use is named.
pub(super) fn lying(path: &Path, common: &Common) -> anyhow::Result<Vec<(PathBuf, Vec<Foreign>)>> {
    let mut all = Vec::new();
    for path in candidates(path)? {
        let text = fs::read(&path)?;
        match mpy_coverage::read(&text) {
            Some(Ok(found)) => all.push((path, found)),
            Some(Err(reason)) => unusable(&path, &reason, common),
            None if serde_json::from_slice::<serde_json::Value>(&text).is_err() => {
                unusable(&path, "it is no JSON, or was cut off", common);
            }
            None => {}
        }
    }
    Ok(all)
}

fn unusable(path: &Path, reason: &str, common: &Common) {
    style::warning(&format!("{} does not count: {reason}", path.display()), common.color);
}

/// The same, by the sources that are here.
pub(super) fn directory(
    dir: &Path,
    args: &ForeignArgs,
    common: &Common,
) -> anyhow::Result<Vec<(PathBuf, Imported)>> {
    let one = |(path, found): (PathBuf, Vec<Foreign>)| {
        let imported = imported(&found, &path.display().to_string(), args, common)?;
        Ok((path, imported))
    };
    lying(dir, common)?.into_iter().map(one).collect()
}

/// What the data directory holds, folded, with mpy-coverage's data that lie in it.
pub(super) fn load(
    args: &ForeignArgs,
    common: &Common,
    folded: bool,
) -> anyhow::Result<(Loaded, Maps)> {
    let store = Store::at(&common.data_dir);
    let mut loaded = match (common.data_dir.is_file(), folded) {
        (true, _) => Loaded::default(),
        (false, true) => store.load_folded()?,
        (false, false) => store.load()?,
    };
    let mut maps = store.maps(loaded.runs.iter().flat_map(|(_, run)| run.digests()));
    for (path, found) in directory(&common.data_dir, args, common)? {
        maps.extend(found.maps.into_iter().map(|map| (map.digest.clone(), Ok(map))));
        loaded.runs.extend(found.runs.into_iter().map(|run| (path.clone(), run)));
    }
    Ok((loaded, maps))
}
