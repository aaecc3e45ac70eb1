//! `run --mode settrace`: what is traced, and what came of it.

use std::collections::BTreeMap;

use super::super::args::{LevelArg, SelectArgs};
use super::super::instrument::Attempt;
use crate::instrument::in_parallel;
use crate::model::{Digest, Events, Observed};
use crate::trace::Traced;
use crate::unix::TraceRow;

/// The files of a run that are traced.
pub(super) struct Prepared {
    /// By the number of the attempt.
    texts: Vec<Option<Traced>>,
    /// What the tracer is told.
    pub(super) rows: Vec<TraceRow>,
}

/// Prepares all files that parse.
pub(super) fn prepare(attempts: &[Attempt], fences: bool, select: &SelectArgs) -> Prepared {
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
    Prepared { texts, rows }
}

impl Prepared {
    /// The file of an attempt.
    pub(super) fn text(&self, attempt: usize) -> Option<&Traced> {
        self.texts[attempt].as_ref()
    }

    /// What was seen of each file that could have run.
    pub(super) fn judge(
        &self,
        attempts: &[Attempt],
        traces: &BTreeMap<Digest, Events>,
    ) -> BTreeMap<Digest, Option<Observed>> {
        let mut all = BTreeMap::new();
        for (attempt, traced) in attempts.iter().zip(&self.texts) {
            let (Ok(instrumented), Some(traced)) = (&attempt.result, traced) else { continue };
            let map = &instrumented.map;
            let seen = traces.get(&map.digest).map(|events| traced.judge(events, map));
            all.insert(map.digest.clone(), seen);
        }
        all
    }
}
