//! Where the ways through a statement meet again.
//!
//! What follows an `if` is reached from the end of each of its
//! suites, and from a test that failed. If all these ends are known, so is
//! the place where they meet, and it needs no mark of its own. One end that is
//! not known takes a mark, which only those pay for who come that way. Else,
//! in a function, each way leaves a note in a local variable (a slot), and one
//! mark behind fires what is noted.

use ruff_python_ast::{Expr, Stmt};
use smallvec::smallvec;

use super::super::graph::shape;
use super::super::marks::{Action, FrameKind, Gap, Site};
use super::decide::{Told, Way};
use super::{Context, Here, SuiteEnd, Walker};
use crate::model::{Evidence, Level, SensorId};

/// The ways that meet.
#[derive(Default)]
pub(super) struct Join<'a> {
    /// What shows that one of those that are known was taken.
    known: Evidence,
    /// Suites that can be left at an end that nothing shows.
    open: Vec<(&'a [Stmt], Context)>,
    /// Is there a way that nothing can show?
    unknown: bool,
    /// The note that the ends of suites leave, and its slot.
    note: Option<(u32, Option<SensorId>)>,
}

impl<'a> Join<'a> {
    /// Ways that leave notes in a slot.
    pub(super) fn noted(slot: u32) -> Self {
        Self { note: Some((slot, None)), ..Self::default() }
    }

    /// One more way, which nothing shows.
    pub(super) fn add_unknown(&mut self) {
        self.unknown = true;
    }

    /// One more way: out of a test.
    pub(super) fn add_way(&mut self, way: &Way) {
        match way.told {
            Told::Call | Told::Else if !way.evidence.is_empty() => self.known.add(&way.evidence),
            Told::Slot(_) => self.known.add(&way.evidence),
            _ => self.unknown = true,
        }
    }
}

impl<'a> Walker<'a> {
    /// What is known at the start of a suite that will leave a note at its
    /// end, if it has one.
    pub(super) fn entry_with_note(
        &mut self,
        join: &mut Join<'a>,
        body: &'a [Stmt],
        entry: Here,
    ) -> Here {
        let Some((slot, sensor)) = join.note.filter(|_| self.flow.completes(body)) else {
            return entry;
        };
        let sensor = sensor.unwrap_or_else(|| self.sensor());
        join.note = Some((slot, Some(sensor)));
        join.known.add(&Evidence::one(sensor));
        let (mut actions, evidence) = match entry {
            Here::Due { actions, evidence } => (actions, evidence),
            _ => {
                let id = self.sensor();
                (smallvec![Action::Fire(id)], Evidence::one(id))
            }
        };
        actions.push(Action::Set { slot, sensor });
        Here::Due { actions, evidence }
    }

    /// One more way: out of the end of a suite.
    pub(super) fn join_end(
        &mut self,
        join: &mut Join<'a>,
        body: &'a [Stmt],
        end: &SuiteEnd,
        ctx: Context,
    ) {
        if join.note.is_some() || !self.flow.completes(body) {
            return;
        }
        match &end.here {
            Here::Open { evidence, .. } => join.known.add(evidence),
            _ => join.open.push((body, ctx)),
        }
    }

    /// What is known where all ways have met.
    pub(super) fn meet(&mut self, join: Join<'a>, follows: bool, behind: Here) -> Here {
        if let Some((slot, _)) = join.note {
            return Here::Due { actions: smallvec![Action::Flush { slot }], evidence: join.known };
        }
        if join.unknown || !self.at_level(Level::Line) {
            return behind;
        }
        let mut known = join.known;
        match join.open[..] {
            [] => {}
            [(body, ctx)] if follows && self.has_room_behind(body) => {
                let gap = self.gap_behind(body);
                let around = self.pass;
                self.new_pass();
                known.add(&self.reach(&mut Here::Fresh, gap, ctx));
                self.pass = around;
            }
            _ => return behind,
        }
        if known.is_empty() { behind } else { Here::Open { evidence: known, mark: None } }
    }

    fn has_room_behind(&self, body: &[Stmt]) -> bool {
        matches!(self.gap_behind(body), Site::Gap(Gap { after: Some(_), .. }))
    }

    /// Can a note be left here, and fired in front of this statement? In a
    /// loop a mark inside the test is cheaper: it fires once.
    pub(super) fn can_note(&self, suite: &[Stmt], index: usize, ctx: Context) -> bool {
        let plain = self.frames[ctx.frame.0].kind == FrameKind::Function;
        let room = || match suite.get(index).map(|_| self.site(suite, index)) {
            Some(Site::Simple { .. }) => true,
            Some(Site::Gap(gap)) => gap.after.is_some() || !gap.free.is_empty(),
            _ => false,
        };
        plain && self.options.walrus && ctx.loops == 0 && room()
    }

    /// How many paths of this test end with this outcome?
    pub(super) fn ways_through(&self, test: &Expr, outcome: bool) -> usize {
        if !self.at_level(Level::Condition) {
            return 1;
        }
        let tree = shape(test, &mut Vec::new());
        if tree.has_too_many_paths() {
            return 1;
        }
        let (on_true, on_false) = tree.paths();
        if outcome { on_true } else { on_false }
    }
}
