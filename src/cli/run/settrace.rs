//! `run --mode settrace`: what is traced, and what came of it.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::args::{LevelArg, SelectArgs};
use super::super::instrument::Attempt;
use crate::fs;
use crate::instrument::in_parallel;
use crate::model::{Digest, Events, Gap, Observed};
use crate::trace::Traced;
use crate::unix::TraceRow;

/// The files of a run that are traced.
pub(super) struct Prepared {
    /// May the script, which is not traced, lock the heap?
    may_lock: bool,
    /// By the number of the attempt.
    texts: Vec<Option<Traced>>,
    /// What the tracer is told.
    pub(super) rows: Vec<TraceRow>,
}

/// Prepares all files that parse.
pub(super) fn prepare(
    attempts: &[Attempt],
    script: Option<&Path>,
    fences: bool,
    select: &SelectArgs,
) -> Prepared {
    let others = script.filter(|script| attempts.iter().all(|one| one.found.path != **script));
    let may_lock = others.and_then(|path| fs::read(path).ok()).is_some_and(crate::trace::may_lock);
    let lines_only = matches!(select.level, LevelArg::Block | LevelArg::Line) && fences;
    let made = in_parallel(attempts, |attempt| {
        let map = &attempt.result.as_ref().ok()?.map;
        let traced = Traced::of(attempt.text.clone(), fences).ok()?;
        let watched = traced.watched(map).into_iter().map(|line| line.0).collect();
        let row = TraceRow {
            path: attempt.found.path.clone(),
            digest: map.digest.to_string(),
            lines: traced.lines(),
            watched: (!lines_only).then_some(watched),
        };
        Some((traced, row))
    });
    let rows = made.iter().flatten().map(|(_, row)| row.clone()).collect();
    let texts = made.into_iter().map(|made| made.map(|(traced, _)| traced)).collect();
    Prepared { may_lock, texts, rows }
}

impl Prepared {
    /// The file of an attempt.
    pub(super) fn text(&self, attempt: usize) -> Option<&Traced> {
        self.texts[attempt].as_ref()
    }

    /// What was seen of each file that could have run. `gap` is what the tracer
    /// says it missed.
    pub(super) fn judge(
        &self,
        attempts: &[Attempt],
        traces: &BTreeMap<Digest, Events>,
        mut gap: Gap,
    ) -> BTreeMap<Digest, Option<Observed>> {
        let mut all = BTreeMap::new();
        let files = || {
            attempts.iter().zip(&self.texts).filter_map(|(attempt, traced)| {
                let map = &attempt.result.as_ref().ok()?.map;
                Some((map, traced.as_ref()?, traces.get(&map.digest)))
            })
        };
        gap.calls |= self.may_lock
            || files()
                .any(|(_, traced, events)| events.is_some_and(|events| traced.may_lock(events)));
        for (map, traced, events) in files() {
            let seen = events.map(|events| traced.judge(events, gap, map));
            all.insert(map.digest.clone(), seen);
        }
        all
    }
}
