//! Data of mpy-coverage, and of programs that trace themselves: lines of plain
//! sources, by the device's names of files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::args::Common;
use super::foreign_args::{ForeignArgs, MethodArg};
use super::style;
use crate::discover::display_name;
use crate::fs;
use crate::gather::Gathered;
use crate::instrument::in_parallel;
use crate::model::{Digest, FileMap, Gap, Level, Line};
use crate::parse::exclude::Patterns;
use crate::plan::Options;
use crate::store::{Loaded, Store};
use crate::trace::{Traced, mpy};
use crate::wire::data_file::RunData;
use crate::wire::frame;
use crate::wire::mpy_coverage::{self, Foreign};

/// Sensor maps, or why there are none.
type Maps = BTreeMap<Digest, Result<FileMap, String>>;

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
    let mut out = Imported { runs: Vec::new(), maps: Vec::new() };
    for data in found {
        out.runs.push(run(&data, name, args, common, &mut out.maps)?);
    }
    Ok(Some(out))
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
    let stem = Path::new(name).file_stem().map(|s| s.to_string_lossy().into_owned());
    let mut run = RunData {
        created: super::run::now(),
        name: data.test.clone().or(stem).unwrap_or_default(),
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
        run.traced.insert(map.digest.clone(), Some(traced.judge(events, gap, &map)));
        maps.push(map);
    }
    Ok(run)
}

/// Where a file of the device is here.
fn host_path(device: &str, args: &ForeignArgs) -> PathBuf {
    let mapped = args.path_map.iter().find_map(|(from, to)| {
        device.strip_prefix(from.as_str()).map(|rest| format!("{to}{rest}"))
    });
    PathBuf::from(mapped.unwrap_or_else(|| device.to_owned()))
}

/// The data that lie in a directory of mpy-coverage.
pub(super) fn directory(
    dir: &Path,
    args: &ForeignArgs,
    common: &Common,
) -> anyhow::Result<Vec<(PathBuf, Imported)>> {
    let mut all = Vec::new();
    for path in fs::list(dir)? {
        if path.extension().is_some_and(|end| end == "json") {
            let found = import(&fs::read(&path)?, &path.display().to_string(), args, common)?;
            all.extend(found.map(|found| (path, found)));
        }
    }
    Ok(all)
}

/// What the data directory holds, folded, with mpy-coverage's data that lie in it.
pub(super) fn load(
    args: &ForeignArgs,
    common: &Common,
    folded: bool,
) -> anyhow::Result<(Loaded, Maps)> {
    let store = Store::at(&common.data_dir);
    let mut loaded = if folded { store.load_folded()? } else { store.load()? };
    let mut maps = store.maps(loaded.runs.iter().flat_map(|(_, run)| run.digests()));
    for (path, found) in directory(&common.data_dir, args, common)? {
        maps.extend(found.maps.into_iter().map(|map| (map.digest.clone(), Ok(map))));
        loaded.runs.extend(found.runs.into_iter().map(|run| (path.clone(), run)));
    }
    Ok((loaded, maps))
}

/// Counts the lines that a method names, as mpy-coverage does: those that were
/// reported ran, whatever for.
pub(super) fn count_lines(
    gathered: &mut Gathered,
    method: MethodArg,
    mpy_cross: &Path,
    loaded: &Loaded,
    maps: &Maps,
) -> anyhow::Result<()> {
    let cwd = super::working_dir()?;
    let mut named: BTreeMap<&str, (BTreeSet<Line>, BTreeSet<Line>)> = BTreeMap::new();
    for (digest, seen) in loaded.runs.iter().flat_map(|(_, run)| &run.traced) {
        if let (Some(Ok(map)), Some(seen)) = (maps.get(digest), seen) {
            let entry = named.entry(&map.path).or_default();
            entry.0.extend(&seen.lines);
            entry.1.extend(&seen.executable);
        }
    }
    for file in &mut gathered.coverage.files {
        let (seen, told) = named.remove(file.path.as_str()).unwrap_or_default();
        let executable = match method {
            MethodArg::Mpy => compiled_lines(&cwd.join(&file.path), mpy_cross)?,
            _ => told,
        };
        let ran = |line: &Line| seen.contains(line) || file.statements.get(line) == Some(&true);
        let open: BTreeSet<Line> = file
            .not_measured
            .iter()
            .filter(|part| part.reason == crate::evaluate::UNTRACED)
            .map(|part| part.line)
            .collect();
        let told = executable.difference(&open);
        file.statements = told.map(|line| (*line, ran(line))).collect();
        file.not_measured.retain(|part| part.reason != crate::evaluate::SHARED_LINE);
    }
    gathered.coverage.files.retain(|file| !file.statements.is_empty());
    if gathered.coverage.files.is_empty() {
        bail!(
            "no data names executable lines\n  help: start the tracer with collect_executable=True, or use --method ast"
        );
    }
    Ok(())
}

/// The lines for which a compiler makes code.
pub(super) fn compiled_lines(source: &Path, mpy_cross: &Path) -> anyhow::Result<BTreeSet<Line>> {
    let dir = tempfile::tempdir().context("cannot make a directory for temporary files")?;
    let target = dir.path().join("out.mpy");
    let output = Command::new(mpy_cross).arg("-o").arg(&target).arg("--").arg(source).output();
    let output = output.with_context(|| {
        format!(
            "cannot start {}\n  help: name the compiler with --mpy-cross PATH",
            mpy_cross.display()
        )
    })?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("{} does not compile {}: {reason}", mpy_cross.display(), source.display());
    }
    mpy::lines(&fs::read(&target)?)
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("what {} makes of {}", mpy_cross.display(), source.display()))
}
