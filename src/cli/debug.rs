//! `mpycov debug`: what mpycov makes of files and settings.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::bail;

use super::args::{Common, DebugArgs, DebugFile, DebugTopic, TopicArg};
use super::foreign_args::ForeignArgs;
use super::instrument::{Attempt, attempt, options, show_faults};
use super::settings::Given;
use super::{Exit, foreign, print, style};
use crate::discover;
use crate::instrument::Instrumented;
use crate::model::{FileMap, Line};
use crate::store::Store;
use crate::trace::Traced;
use crate::wire::map_file;

pub(super) fn debug(args: &DebugArgs, common: &Common, given: &Given) -> anyhow::Result<Exit> {
    match &args.topic {
        DebugTopic::Sys => print(sys(given.micropython().as_deref()).as_bytes())?,
        DebugTopic::Config => print(given.table(common).as_bytes())?,
        DebugTopic::Data => print(data(common)?.as_bytes())?,
        DebugTopic::Woven(file) => print(&instrumented(file, common)?.woven.text)?,
        DebugTopic::Fenced(file) => {
            let attempt = attempted(file, common)?;
            print(Traced::of(attempt.text, true)?.text())?;
        }
        DebugTopic::Map(file) => {
            let map = instrumented(file, common)?.map;
            print(format!("{}\n", map_file::to_json(&map)).as_bytes())?;
        }
        DebugTopic::Lines(args) => {
            let instrumented = instrumented(&args.of, common)?;
            let mut views = Vec::new();
            if let Some(mpy_cross) = &args.mpy_cross {
                let table = super::methods::compiled_lines(&args.of.file, mpy_cross)?;
                views.push(("mpy", table));
            }
            let told = told_lines(&instrumented, common)?;
            if !told.is_empty() {
                views.push(("device", told));
            }
            if views.is_empty() { lines(&instrumented)? } else { compare(&instrumented, views)? }
        }
    }
    Ok(Exit::Fine)
}

/// Prints what `--debug` asks for, before the command does its work.
pub(super) fn topics(topics: &[TopicArg], common: &Common, given: &Given) -> anyhow::Result<()> {
    for topic in topics {
        let text = match topic {
            TopicArg::Sys => sys(given.micropython().as_deref()),
            TopicArg::Config => given.table(common),
            TopicArg::Data => data(common)?,
        };
        style::note(text.trim_end());
    }
    Ok(())
}

fn sys(named: Option<&Path>) -> String {
    let mut out = format!(
        "mpycov       {}\nplatform     {} {}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    match super::run::find_micropython(named) {
        Ok(path) => {
            let about = Command::new(&path)
                .args(["-c", "import sys;print(sys.version, sys.implementation)"])
                .output();
            let about = match about {
                Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
                Err(error) => format!("does not start: {error}"),
            };
            out += &format!("micropython  {}\n             {about}\n", path.display());
        }
        Err(_) => out += "micropython  none found\n",
    }
    out
}

fn data(common: &Common) -> anyhow::Result<String> {
    let store = Store::at(&common.data_dir);
    let loaded = store.load()?;
    let maps = store.maps(loaded.runs.iter().flat_map(|(_, run)| run.digests()));
    let mut out = format!("{}\n", store.dir().display());
    for (path, run) in &loaded.runs {
        out += &format!("{}\n", path.display());
        for (digest, hits) in &run.files {
            let name = match maps.get(digest) {
                Some(Ok(map)) => map.path.as_str(),
                _ => "(no map)",
            };
            let fired = match hits {
                Some(set) => format!("{} of {}", set.fired(), set.count()),
                None => "never imported".to_owned(),
            };
            out += &format!("  {digest}  {fired:>14}  {name}\n");
        }
        for (digest, seen) in &run.traced {
            let name = match maps.get(digest) {
                Some(Ok(map)) => map.path.as_str(),
                _ => "(no map)",
            };
            let lines = match seen {
                Some(seen) => format!("{} lines", seen.lines.len()),
                None => "never imported".to_owned(),
            };
            out += &format!("  {digest}  {lines:>14}  {name}\n");
        }
    }
    for (path, reason) in &loaded.refused {
        out += &format!("{}: refused, {reason}\n", path.display());
    }
    Ok(out)
}

fn instrumented(file: &DebugFile, common: &Common) -> anyhow::Result<Instrumented> {
    Ok(attempted(file, common)?.result?)
}

fn attempted(file: &DebugFile, common: &Common) -> anyhow::Result<Attempt> {
    let cwd = super::working_dir()?;
    let found = discover::files(&file.file, &[], &cwd)?;
    let mut attempts = attempt(found, &options(&file.select)?, None)?;
    let Some(attempt) = attempts.pop().filter(|_| attempts.is_empty()) else {
        bail!("{} is not one file", file.file.display());
    };
    if attempt.result.is_err() {
        show_faults(&[&attempt], common.color)?;
        bail!("{} does not parse", file.file.display());
    }
    Ok(attempt)
}

/// The lines of this very source that devices said have code, by the data that are kept.
fn told_lines(instrumented: &Instrumented, common: &Common) -> anyhow::Result<BTreeSet<Line>> {
    let (loaded, maps) = foreign::load(&ForeignArgs::default(), common, false)?;
    let mine = &instrumented.map;
    let mut told = BTreeSet::new();
    for (digest, seen) in loaded.runs.iter().flat_map(|(_, run)| &run.traced) {
        let same = |map: &FileMap| map.path == mine.path && map.source_hash == mine.source_hash;
        if let (Some(Ok(map)), Some(seen)) = (maps.get(digest), seen)
            && same(map)
        {
            told.extend(&seen.executable);
        }
    }
    Ok(told)
}

/// The lines that hold statements and those that others give code to: behind each on which they
/// disagree, who has it.
fn compare(instrumented: &Instrumented, others: Vec<(&str, BTreeSet<Line>)>) -> anyhow::Result<()> {
    let ast: BTreeSet<Line> = instrumented.map.statements.iter().map(|s| s.line).collect();
    let views: Vec<(&str, BTreeSet<Line>)> = std::iter::once(("ast", ast)).chain(others).collect();
    let all: BTreeSet<Line> = views.iter().flat_map(|(_, lines)| lines).copied().collect();
    let mut out = String::new();
    for line in all {
        let mut have: Vec<&str> = Vec::new();
        have.extend(views.iter().filter(|(_, lines)| lines.contains(&line)).map(|(name, _)| name));
        out += &match have.len() == views.len() {
            true => format!("{line}\n"),
            false => format!("{line} {} only\n", have.join(" and ")),
        };
    }
    print(out.as_bytes())
}

fn lines(instrumented: &Instrumented) -> anyhow::Result<()> {
    let map = &instrumented.map;
    let mut out = String::new();
    for statement in &map.statements {
        let exits: Vec<String> = map
            .arcs
            .iter()
            .filter(|arc| arc.from == statement.line)
            .map(|arc| arc.to.to_string())
            .collect();
        let exits =
            if exits.is_empty() { String::new() } else { format!(" -> {}", exits.join(", ")) };
        out += &format!("{}{exits}\n", statement.line);
    }
    print(out.as_bytes())
}
