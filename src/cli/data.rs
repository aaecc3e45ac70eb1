//! `mpycov list`, `clean` and `combine`: the data directory.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};

use super::args::{CombineArgs, Common};
use super::foreign_args::ForeignArgs;
use super::{Exit, foreign as others, print, style};
use crate::fs;
use crate::model::FileMap;
use crate::same_places::SamePlaces;
use crate::store::{Loaded, Store, timestamp};
use crate::wire::data_file::{self, RunData};

pub(super) fn list(common: &Common) -> anyhow::Result<Exit> {
    let loaded = match common.data_dir.is_file() {
        true => Loaded::default(),
        false => Store::at(&common.data_dir).load()?,
    };
    let mut out = String::new();
    for (path, run) in &loaded.runs {
        let ran = run.files.values().flatten().count() + run.traced.values().flatten().count();
        let fired: u32 = run.files.values().flatten().map(|set| set.fired()).sum();
        out += &format!(
            "{}  {}  {ran} of {} files ran, {}{}\n",
            path.display(),
            timestamp(run.created),
            run.digests().count(),
            if run.traced.is_empty() {
                format!("{fired} sensors fired")
            } else {
                let lines: usize = run.traced.values().flatten().map(|seen| seen.lines.len()).sum();
                format!("{lines} lines traced")
            },
            if run.context.is_empty() { String::new() } else { format!("  [{}]", run.context) }
        );
    }
    for (path, found) in others::lying(&common.data_dir, common)? {
        for data in found {
            let lines: usize = data.files.values().map(|seen| seen.lines.len()).sum();
            out += &format!(
                "{}  {} files ran, {lines} lines traced by mpy-coverage  [{}]\n",
                path.display(),
                data.files.len(),
                others::test_name(&data, &path)
            );
        }
    }
    print(out.as_bytes())?;
    for (path, reason) in &loaded.refused {
        style::warning(&format!("{} does not count: {reason}", path.display()), common.color);
    }
    Ok(Exit::Fine)
}

pub(super) fn clean(common: &Common) -> anyhow::Result<Exit> {
    let theirs = others::lying(&common.data_dir, common)?;
    for (path, _) in &theirs {
        fs::remove(path)?;
    }
    let removed = theirs.len() + Store::at(&common.data_dir).clean()?;
    if !common.quiet {
        style::note(&format!("Removed {removed} data files."));
    }
    Ok(Exit::Fine)
}

pub(super) fn combine(args: &CombineArgs, common: &Common) -> anyhow::Result<Exit> {
    let store = Store::at(&common.data_dir);
    let mut runs: Vec<(RunData, bool)> = Vec::new();
    let mut folded = Vec::new();
    let places = SamePlaces::new(args.same_places.iter().map(Vec::as_slice))?;
    if args.paths.is_empty() {
        let loaded = store.load()?;
        for (path, reason) in &loaded.refused {
            style::warning(&format!("{} does not count: {reason}", path.display()), common.color);
        }
        for (path, run) in loaded.runs {
            folded.push(path);
            for mut map in store.maps(run.digests()).into_values().flatten() {
                if bring_home(&mut map, &places) {
                    store.put_map(&map)?;
                }
            }
            runs.push((run, false));
        }
    }
    for path in &args.paths {
        let found = foreign(path, &store, &args.foreign, &places, common)?;
        if found.is_empty() {
            style::warning(&format!("{} holds no data", path.display()), common.color);
        }
        runs.extend(found);
    }
    if runs.is_empty() {
        bail!("No data to combine.");
    }
    // Data of mpy-coverage tell tests apart by their names alone.
    let mut by_context: BTreeMap<(String, String), RunData> = BTreeMap::new();
    let count = runs.len();
    for (mut run, is_named) in runs {
        if count > 1 && !is_named {
            run.name = "combined".to_owned();
        }
        let key = (run.context.clone(), if is_named { run.name.clone() } else { String::new() });
        match by_context.get_mut(&key) {
            None => {
                by_context.insert(key, run);
            }
            Some(all) => data_file::fold(all, run),
        }
    }
    for run in by_context.values() {
        store.put_run(run)?;
    }
    if !args.keep {
        for path in &folded {
            fs::remove(path)?;
        }
    }
    if args.append && common.verbose {
        style::note("mpycov: --append changes nothing: what is here always stays");
    }
    if !common.quiet {
        style::note(&format!("Combined {count} data files."));
    }
    Ok(Exit::Fine)
}

/// Gives the files of maps their names here, and says whether that changed any.
fn bring_home(map: &mut FileMap, places: &SamePlaces) -> bool {
    let here = places.here(&map.path, &|path| path.is_file());
    let moved = here.filter(|path| *path != map.path);
    moved.is_some_and(|path| {
        map.path = path;
        true
    })
}

/// The data of another directory or file, each with whether it is known by its name; its maps come
/// along.
fn foreign(
    path: &Path,
    store: &Store,
    args: &ForeignArgs,
    places: &SamePlaces,
    common: &Common,
) -> anyhow::Result<Vec<(RunData, bool)>> {
    let name = path.display().to_string();
    fs::canonical(path)?;
    let found = if path.is_file() {
        Vec::from_iter(others::import(&fs::read(path)?, &name, args, common)?)
    } else {
        others::directory(path, args, common)?.into_iter().map(|(_, found)| found).collect()
    };
    if !found.is_empty() {
        for map in found.iter().flat_map(|found| &found.maps) {
            store.put_map(map)?;
        }
        let runs = found.into_iter().flat_map(|found| found.runs);
        return Ok(runs.map(|run| (run, true)).collect());
    }
    if path.is_file() {
        let run = data_file::from_json(&fs::read(path)?)
            .map_err(anyhow::Error::msg)
            .with_context(|| format!("{} is of no use", path.display()))?;
        // A data file lies in `data/`, its maps beside that.
        let home = path.parent().and_then(Path::parent).unwrap_or(Path::new("."));
        take_maps(&Store::at(home), store, &run, places, common)?;
        return Ok(vec![(run, false)]);
    }
    let other = Store::at(path);
    let loaded = other.load()?;
    for (path, reason) in &loaded.refused {
        style::warning(&format!("{} does not count: {reason}", path.display()), common.color);
    }
    let mut runs = Vec::new();
    for (_, run) in loaded.runs {
        take_maps(&other, store, &run, places, common)?;
        runs.push((run, false));
    }
    Ok(runs)
}

fn take_maps(
    from: &Store,
    to: &Store,
    run: &RunData,
    places: &SamePlaces,
    common: &Common,
) -> anyhow::Result<()> {
    for (digest, map) in from.maps(run.digests()) {
        match map {
            Ok(mut map) => {
                bring_home(&mut map, places);
                to.put_map(&map)?;
            }
            Err(_) if to.map(&digest).is_ok() => {}
            Err(reason) => style::warning(&reason, common.color),
        }
    }
    Ok(())
}
