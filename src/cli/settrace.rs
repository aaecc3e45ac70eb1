//! `--mode settrace`: what is traced, and what came of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::args::{LevelArg, SelectArgs};
use super::board_args::PlaceArgs;
use super::instrument::Attempt;
use crate::board::runtime;
use crate::device::Board;
use crate::fs;
use crate::instrument::in_parallel;
use crate::model::{Digest, Events, FileMap, Gap, Line, Observed};
use crate::trace::{Row, Traced};
use crate::unix::Tracing;
use crate::wire::frame::Frames;

/// How the sources run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Texts {
    /// With fences in them.
    Fenced,
    /// As they are.
    Plain,
}

/// Refuses boards on which nothing can be traced, and files that cannot be.
pub(super) fn check_board(board: &Board, label: &str, place: &PlaceArgs) -> anyhow::Result<()> {
    if !board.settrace {
        bail!(
            "the firmware of {label} has no sys.settrace: it was built without MICROPY_PY_SYS_SETTRACE\n  help: leave out `--mode settrace`: sensors work on any firmware and tell more"
        );
    }
    if runtime::is_small(board) {
        bail!(
            "{label} has {} bytes of memory free, too few to trace\n  help: leave out `--mode settrace`: sensors need less",
            board.free_ram
        );
    }
    if place.mpy {
        bail!(
            "--mpy does not go with --mode settrace: compiled files do not report all their lines\n  help: leave one of them out"
        );
    }
    Ok(())
}

/// The files of a run that are traced.
#[derive(Default)]
pub(super) struct Prepared {
    /// May the script, which is not traced, have functions called that are not reported?
    may_hide_calls: bool,
    /// Are transitions traced, too?
    pub(super) branches: bool,
    files: BTreeMap<Digest, One>,
}

struct One {
    path: PathBuf,
    traced: Traced,
    watched: Option<Vec<u32>>,
    /// Lines by which the tracer cannot tell a function from others.
    shared: Vec<u32>,
    /// Lines that were put in front of the text.
    in_front: u32,
}

/// Prepares all files that parse.
pub(super) fn prepare(
    attempts: &[Attempt],
    script: Option<&Path>,
    texts: Texts,
    select: &SelectArgs,
) -> Prepared {
    let fences = texts == Texts::Fenced;
    let others = script.filter(|script| attempts.iter().all(|one| one.found.path != **script));
    let may_hide_calls =
        others.and_then(|path| fs::read(path).ok()).is_some_and(crate::trace::may_hide_calls);
    let lines_only = matches!(select.level, LevelArg::Block | LevelArg::Line) && fences;
    let made = in_parallel(attempts, |attempt| {
        let map = &attempt.result.as_ref().ok()?.map;
        let traced = Traced::of(attempt.text.clone(), fences).ok()?;
        let watched = traced.watched(map).into_iter().map(|line| line.0).collect();
        let watched = (!lines_only).then_some(watched);
        let shared = traced.shared_starts().into_iter().map(|line| line.0).collect();
        let path = attempt.found.path.clone();
        Some((map.digest.clone(), One { path, traced, watched, shared, in_front: 0 }))
    });
    let branches = !lines_only;
    Prepared { may_hide_calls, branches, files: made.into_iter().flatten().collect() }
}

impl Prepared {
    /// The file whose map has this digest.
    pub(super) fn text(&self, digest: &Digest) -> Option<&Traced> {
        self.files.get(digest).map(|one| &one.traced)
    }

    /// What the tracer is told, by full paths.
    pub(super) fn tracing(&self) -> Tracing {
        let row =
            |(digest, one): (&Digest, &One)| one.row(digest, crate::fs::slashed(&one.path)).text();
        let table = self.files.iter().map(row).collect();
        Tracing { table, branches: self.branches }
    }

    /// A line of the table for a file that is called `name` on a board, where so many lines
    /// stand in front of its text.
    pub(super) fn placed(&mut self, digest: &Digest, name: &str, in_front: u32) -> String {
        let Some(one) = self.files.get_mut(digest) else { return String::new() };
        one.in_front = in_front;
        one.row(digest, name.trim_start_matches('/').to_owned()).text()
    }

    /// What was seen of each file that could have run.
    pub(super) fn judge<'a>(
        &self,
        maps: impl Iterator<Item = (&'a Digest, &'a FileMap)>,
        frames: &Frames,
    ) -> BTreeMap<Digest, Option<Observed>> {
        let mut gap = frames.gap;
        let seen: BTreeMap<&Digest, (&Traced, Events)> = self
            .files
            .iter()
            .filter_map(|(digest, one)| {
                let events = behind(frames.traces.get(digest)?, one.in_front);
                Some((digest, (&one.traced, events)))
            })
            .collect();
        gap.calls |= self.may_hide_calls
            || seen.values().any(|(traced, events)| traced.may_hide_calls(events));
        // Where lines or calls are lost a file may have been imported without being met.
        let all = Gap { lines: true, ..gap };
        let unmet = (gap.lines || gap.calls).then(Events::default);
        let judged = |digest: &Digest, map: &FileMap| match seen.get(digest) {
            Some((traced, events)) => Some(traced.judge(events, gap, map)),
            None => Some(self.text(digest)?.judge(unmet.as_ref()?, all, map)),
        };
        maps.filter(|(digest, _)| self.files.contains_key(*digest))
            .map(|(digest, map)| (digest.clone(), judged(digest, map)))
            .collect()
    }
}

impl One {
    fn row(&self, digest: &Digest, name: String) -> Row {
        let moved = |lines: &Vec<u32>| -> Vec<u32> {
            lines.iter().map(|line| line + self.in_front).collect()
        };
        Row {
            name,
            digest: digest.to_string(),
            lines: self.traced.lines() + self.in_front,
            watched: self.watched.as_ref().map(moved),
            shared: moved(&self.shared),
        }
    }
}

/// The same events without the lines in front of the text.
fn behind(events: &Events, in_front: u32) -> Events {
    if in_front == 0 {
        return events.clone();
    }
    let moved = |line: &Line| Line(line.0.saturating_sub(in_front));
    let mut out = events.clone();
    out.lines = events.lines.iter().map(moved).collect();
    out.transitions = events
        .transitions
        .as_ref()
        .map(|all| all.iter().map(|(from, to)| (moved(from), moved(to))).collect());
    out
}

/// What was seen of a source that was placed some time ago. `None` if the text that ran was another one.
pub(super) fn judge_placed(
    source: Vec<u8>,
    events: &Events,
    gap: Gap,
    map: &FileMap,
) -> Option<Observed> {
    for fences in [false, true] {
        let traced = Traced::of(source.clone(), fences).ok()?;
        if events.text_lines == Some(traced.lines()) {
            let mut gap: Gap = gap;
            gap.calls |= traced.may_hide_calls(events);
            return Some(traced.judge(events, gap, map));
        }
    }
    None
}
