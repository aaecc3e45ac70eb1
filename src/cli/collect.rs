//! `mpycov collect`: hits from saved files, console logs, standard input and boards.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use super::args::{CollectArgs, Common};
use super::{Exit, boards, foreign, settrace, style};
use crate::board;
use crate::fs;
use crate::model::{Digest, HitSet, Observed};
use crate::plan::source_hash;
use crate::store::Store;
use crate::wire::data_file::RunData;
use crate::wire::frame::{self, Frames};

/// What hits come from.
struct Input {
    name: String,
    /// What was read or exported; nothing from a board's memory, whose frames are taken as they come.
    bytes: Vec<u8>,
    frames: Frames,
    context: String,
    /// The board that they come from, if it is one.
    board: String,
}

pub(super) fn collect(args: &CollectArgs, common: &Common) -> anyhow::Result<Exit> {
    let boards = !args.line.target.is_empty() || args.line.all_boards;
    let inputs = if boards { from_boards(args, common)? } else { from_files(args)? };
    let store = Store::at(&common.data_dir);
    let mut kept = 0;
    for Input { name, bytes, frames, context, board } in &inputs {
        if let Some(found) = foreign::import(bytes, name, &args.foreign, common)? {
            for map in &found.maps {
                store.put_map(map)?;
            }
            for mut run in found.runs {
                run.context.clone_from(context);
                run.board.clone_from(board);
                kept += run.traced.len();
                if !run.traced.is_empty() {
                    store.put_run(&run)?;
                }
            }
        }
        for fault in &frames.faults {
            style::warning(&format!("{name}: {fault}"), common.color);
        }
        let mut files: BTreeMap<_, Option<HitSet>> = BTreeMap::new();
        for (digest, hits) in frames.hits.clone() {
            match store.map(&digest) {
                Ok(map) if map.sensor_count == hits.count() => {
                    files.insert(digest, Some(hits));
                }
                Ok(map) => style::warning(
                    &format!("{name}: the hits of {} do not fit its map", map.path),
                    common.color,
                ),
                Err(reason) => style::warning(
                    &format!(
                        "{name}: some hits do not count: {reason}\n  help: collect with the --data-dir that was used to instrument"
                    ),
                    common.color,
                ),
            }
        }
        let traced = traced(&store, name, frames, common);
        if files.is_empty() && traced.is_empty() {
            continue;
        }
        kept += files.len() + traced.len();
        let data = RunData {
            created: super::run::now(),
            name: name.clone(),
            context: context.clone(),
            board: board.clone(),
            files,
            traced,
            uncovered: BTreeMap::new(),
            tests: Vec::new(),
        };
        store.put_run(&data)?;
    }
    if kept == 0 {
        bail!("there were no hits in {}", names(&inputs));
    }
    if !common.quiet {
        style::note(&format!("Collected the hits of {kept} files."));
    }
    Ok(Exit::Fine)
}

/// What tracers saw, judged by the sources as they are here.
fn traced(
    store: &Store,
    name: &str,
    frames: &Frames,
    common: &Common,
) -> BTreeMap<Digest, Option<Observed>> {
    let mut all = BTreeMap::new();
    for (digest, events) in &frames.traces {
        let judged = store.map(digest).and_then(|map| {
            let source = fs::read(Path::new(&map.path)).map_err(|error| error.to_string())?;
            if source_hash(&source) != map.source_hash {
                return Err(format!("{} has changed since it was placed", map.path));
            }
            settrace::judge_placed(source, events, frames.gap, &map)
                .ok_or_else(|| format!("another text of {} ran", map.path))
        });
        match judged {
            Ok(observed) => {
                all.insert(digest.clone(), Some(observed));
            }
            Err(reason) => style::warning(
                &format!(
                    "{name}: some hits do not count: {reason}\n  help: collect where it was deployed from, with the same --data-dir and sources"
                ),
                common.color,
            ),
        }
    }
    all
}

fn from_files(args: &CollectArgs) -> anyhow::Result<Vec<Input>> {
    let mut inputs: Vec<(String, Vec<u8>)> = Vec::new();
    for path in &args.files {
        inputs.push((path.display().to_string(), fs::read(path)?));
    }
    if args.files.is_empty() {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
        inputs.push(("standard input".to_owned(), bytes));
    }
    let input = |(name, bytes): (String, Vec<u8>)| {
        let context = args.context.clone();
        Input { name, frames: frame::read(&bytes), bytes, context, board: String::new() }
    };
    Ok(inputs.into_iter().map(input).collect())
}

/// From the memory of boards, or from files on them.
fn from_boards(args: &CollectArgs, common: &Common) -> anyhow::Result<Vec<Input>> {
    let files: Vec<String> =
        args.files.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let mut inputs = Vec::new();
    let limit = match args.listen {
        Some(seconds) if !(seconds.is_finite() && seconds > 0.0) => {
            bail!("--listen takes a number of seconds above 0")
        }
        other => other.map(Duration::from_secs_f64),
    };
    for (name, address) in boards::one_or_more(&args.line)? {
        let control = boards::control()?;
        let (baud, options) = (boards::baud(&args.line)?, boards::repl_options(&args.line));
        if let Some(limit) = limit {
            let heard = board::collect::listen(&address, baud, options, &control, limit)?;
            let label = name.unwrap_or_else(|| "board".to_owned());
            if heard.frames.complete == 0 && heard.exported.is_empty() {
                style::warning(
                    &format!(
                        "{label}: no whole dump came in {} s; the program has to call _mpycov.dump() itself, or the tracer's export_json()",
                        limit.as_secs_f64()
                    ),
                    common.color,
                );
            }
            inputs.push(Input {
                context: in_context(&label, &args.context),
                board: label.clone(),
                name: label,
                bytes: heard.exported,
                frames: heard.frames,
            });
            continue;
        }
        let found = board::collect::collect(&address, baud, options, &control, &files, args.stop)?;
        let label = name.unwrap_or(found.platform);
        if !common.quiet && found.was_busy {
            let then = if found.restarted { "started over" } else { "stopped" };
            style::note(&format!(
                "{label}: its program was interrupted and {then}; --listen leaves alone one that calls _mpycov.dump() itself."
            ));
        }
        let context = in_context(&label, &args.context);
        let board = label.clone();
        inputs.push(Input {
            name: label,
            bytes: found.files,
            frames: found.frames,
            context,
            board,
        });
    }
    Ok(inputs)
}

/// The context of hits from a board.
fn in_context(label: &str, context: &str) -> String {
    if context.is_empty() { label.to_owned() } else { format!("{label}|{context}") }
}

fn names(inputs: &[Input]) -> String {
    inputs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>().join(", ")
}
