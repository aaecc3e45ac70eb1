//! Marks in loops that look at a local flag before they fire.
//!
//! A stretch of a suite is gone through from its start, so once its last mark
//! has fired, all have. One flag tells that for the whole stretch; to look at
//! it costs half of what a store does. It starts with what the table says.

use std::collections::BTreeMap;

use super::Weaver;
use crate::model::{Level, SensorId};
use crate::plan::marks::{Action, FrameId, FrameKind, PassId, PointMark};

/// How a mark uses the flag of its stretch.
#[derive(Clone, Copy, Debug)]
pub(super) struct PassFlag {
    /// Number of the flag in its frame.
    pub(super) number: u32,
    /// Is this the last mark of the stretch?
    pub(super) sets: bool,
}

/// The stretches with a flag.
#[derive(Debug, Default)]
pub(super) struct Passes {
    /// Number of the flag, and the sensor of the last mark.
    flags: BTreeMap<PassId, (u32, SensorId)>,
}

/// What is known of a stretch.
struct Pass {
    frame: FrameId,
    marks: u32,
    loops: u32,
    last: SensorId,
}

impl Passes {
    /// The flag that a mark uses, if any.
    pub(super) fn flag(&self, mark: &PointMark) -> Option<PassFlag> {
        let (number, last) = *self.flags.get(&mark.pass?)?;
        let sensor = shared(mark)?;
        Some(PassFlag { number, sets: sensor == last })
    }
}

/// The sensor of a mark that does nothing but fire it, again and again.
fn shared(mark: &PointMark) -> Option<SensorId> {
    match mark.actions[..] {
        [Action::Fire(sensor)] if mark.loops > 0 => Some(sensor),
        _ => None,
    }
}

impl Weaver<'_> {
    /// A flag pays from this many marks on: they are longer with it.
    const FLAG_FROM: u32 = 3;
    /// In a loop inside a loop, which runs far more often than the flag is bound.
    const FLAG_FROM_INSIDE: u32 = 2;
    /// The same at level block, where a suite has one mark and the text has room.
    const FLAG_FROM_INSIDE_BLOCK: u32 = 1;

    /// Chooses the stretches whose marks share a flag.
    pub(super) fn choose_passes(&mut self) {
        let plan = self.plan;
        if !plan.walrus {
            return;
        }
        let mut passes: BTreeMap<PassId, Pass> = BTreeMap::new();
        for mark in &plan.points {
            let (Some(pass), Some(sensor)) = (mark.pass, shared(mark)) else { continue };
            let new = Pass { frame: mark.frame, marks: 0, loops: mark.loops, last: sensor };
            let entry = passes.entry(pass).or_insert(new);
            entry.marks += 1;
            entry.last = sensor;
        }
        for (id, pass) in passes {
            let function = plan.frames[pass.frame.0].kind == FrameKind::Function;
            let from = match (pass.loops, plan.map.level) {
                (..2, _) => Self::FLAG_FROM,
                (_, Level::Block) => Self::FLAG_FROM_INSIDE_BLOCK,
                _ => Self::FLAG_FROM_INSIDE,
            };
            if function && pass.marks >= from && self.can_flag(pass.frame.0) {
                let flags = self.flags.entry(pass.frame.0).or_default();
                self.passes.flags.insert(id, (flags.len() as u32, pass.last));
                flags.push(pass.last);
            }
        }
    }
}
