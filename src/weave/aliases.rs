//! Local variables of functions for the marks: an alias of the table, which
//! is cheaper to read than a global, and flags.
//!
//! They are bound where the function starts: by a statement, or where a
//! compound statement comes first, inside the expression that it evaluates
//! first, together with the mark that stands there.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{Rank, Weaver, trimmed};
use crate::model::SensorId;
use crate::plan::marks::{Action, Frame, FrameKind, Gap, Plan, PointMark, Rewrite, Site};

impl Weaver<'_> {
    /// Code inside a loop is worth so many times more than outside.
    const LOOP_WEIGHT: u32 = 8;
    /// An alias pays from this many uses on.
    const ALIAS_FROM: u32 = 2;

    pub(super) fn choose_aliases(&mut self) {
        let plan = self.plan;
        let mut uses: BTreeMap<usize, u32> = BTreeMap::new();
        let weight = |in_loop: bool| if in_loop { Self::LOOP_WEIGHT } else { 1 };
        for mark in &plan.points {
            if self.passes.flag(mark).is_some() {
                continue;
            }
            let fires = mark.actions.iter().filter(|a| !matches!(a, Action::Set { .. })).count();
            let repeated = mark.loops > 0 || (needs_header(mark) && repeats(mark));
            *uses.entry(mark.frame.0).or_default() += weight(repeated) * fires as u32;
        }
        for mark in &plan.elses {
            *uses.entry(mark.frame.0).or_default() += weight(mark.in_loop);
        }
        for mark in plan.decisions.iter().filter(|m| !m.nested) {
            let fires = match &mark.rewrite {
                Rewrite::Edges(edges) => edges.len() as u32,
                Rewrite::Unfold(_) | Rewrite::Value(_) => 2,
                Rewrite::Outcomes(_) | Rewrite::Boxes(_) => 1,
            };
            *uses.entry(mark.frame.0).or_default() += weight(mark.in_loop) * fires;
        }
        let flagged: Vec<usize> = self.flags.keys().copied().collect();
        for (frame, uses) in uses {
            // In the test of a loop it is bound again and again.
            let from = if self.can_flag(frame) { Self::ALIAS_FROM } else { 2 * Self::LOOP_WEIGHT };
            if uses >= from && self.can_bind(frame) {
                self.aliased.insert(frame);
            }
        }
        for frame in self.aliased.iter().copied().chain(flagged) {
            if let Some(mark) = self.opener_of[frame] {
                self.openers.insert(mark, frame);
            }
        }
    }

    /// The table that a function has an alias of.
    fn own_table(&self, frame: usize) -> Cow<'_, str> {
        self.names.table(self.names.windows.of_frame(frame))
    }

    /// The name by which a frame knows the table of a sensor; without a sensor, the one of a note of its own.
    pub(super) fn table(&self, frame: usize, sensor: Option<SensorId>) -> Cow<'_, str> {
        match sensor {
            _ if self.aliased.contains(&frame) => Cow::Borrowed(&self.names.local_table),
            Some(sensor) => self.names.table(self.names.windows.window(sensor)),
            None => self.own_table(frame),
        }
    }

    fn flags_of(&self, frame: usize) -> &[SensorId] {
        self.flags.get(&frame).map_or(&[][..], |flags| flags)
    }

    /// Can names be bound where this frame starts?
    fn can_bind(&self, frame: usize) -> bool {
        has_locals(&self.plan.frames[frame]) || self.opener_of[frame].is_some()
    }

    /// Can the flags of stretches be bound there, which is done once?
    pub(super) fn can_flag(&self, frame: usize) -> bool {
        let once = |opener: usize| {
            let mark = &self.plan.points[opener];
            !(needs_header(mark) && repeats(mark))
        };
        has_locals(&self.plan.frames[frame]) || self.opener_of[frame].is_some_and(once)
    }

    /// Statements that bind the alias and the flags of a frame.
    pub(super) fn bindings(&self, frame: usize) -> String {
        let mut text = String::new();
        if self.aliased.contains(&frame) {
            let table = self.own_table(frame);
            text.extend([&self.names.local_table, "=", &table, ";"]);
        }
        for name in self.declared(frame) {
            text.extend([name, ":0;"]);
        }
        text + &self.names.flags(self.flags_of(frame), &self.table(frame, None))
    }

    /// The variables of the program that flags would push out of the first ones of their function.
    ///
    /// Locals are numbered in the order of the text, and the first 16 are read by an instruction of one byte, in
    /// two thirds of the time. A name with an annotation and no value makes no code, but it takes a number.
    fn declared(&self, frame: usize) -> &[String] {
        const FIRST: usize = 16;
        let Frame { parameters, own, .. } = &self.plan.frames[frame];
        let before = parameters + usize::from(self.aliased.contains(&frame));
        let fits = before + own.len() + self.flags_of(frame).len() <= FIRST;
        let wanted = if fits || self.flags_of(frame).is_empty() || !self.plan.walrus {
            0
        } else {
            own.len()
        };
        &own[..wanted.min(FIRST.saturating_sub(before))]
    }

    /// The same in an expression, in front of the one that follows, with the
    /// first action of the mark that stands there.
    pub(super) fn opening(&mut self, action: Action, frame: usize) -> String {
        let mut call = self.call(Some(action), frame, false, false);
        if self.aliased.contains(&frame) {
            call.table = format!("({}:={})", self.names.local_table, self.own_table(frame));
        }
        let table = self.table(frame, None);
        let flags = self.names.flags_in_expression(self.flags_of(frame), &table);
        let prefix = self.names.prefix(action, &call);
        format!("{} {flags}(", prefix.trim_end_matches('('))
    }

    pub(super) fn place_aliases(&mut self) {
        let plan = self.plan;
        let frames: BTreeSet<usize> =
            self.aliased.iter().chain(self.flags.keys()).copied().collect();
        for frame in frames.into_iter().filter(|f| has_locals(&plan.frames[*f])) {
            let text = self.bindings(frame);
            match &plan.frames[frame].start {
                Some(Site::Simple { at }) => self.edits.insert(*at, Rank::Alias as u32, text),
                Some(Site::Gap(Gap { after: Some(after), .. })) => {
                    let text = format!(";{}", trimmed(&text));
                    self.edits.insert(*after, Rank::Alias as u32, text);
                }
                _ => unreachable!("only frames whose start takes a statement are aliased"),
            }
        }
    }
}

/// For each frame the mark that can bind names for it, where no statement of
/// its own can: the one that stands where the frame starts.
pub(super) fn openers(plan: &Plan) -> Vec<Option<usize>> {
    let mut first: Vec<Option<usize>> = vec![None; plan.frames.len()];
    for (number, mark) in plan.points.iter().enumerate() {
        first[mark.frame.0].get_or_insert(number);
    }
    let opens = |frame: &Frame, number: usize| {
        let mark = &plan.points[number];
        let (Some(start), Some(Site::Gap(gap))) = (&frame.start, mark.sites.first()) else {
            return false;
        };
        let there = matches!((start, &mark.sites[0]), (Site::Gap(a), Site::Gap(b)) if a == b);
        let fires = matches!(mark.actions[..], [Action::Fire(_), ..]);
        let in_test = plan.walrus && gap.header.is_some();
        let room = gap.after.is_none() && (in_test || !gap.free.is_empty());
        frame.kind == FrameKind::Function && there && fires && room
    };
    let frames = plan.frames.iter().zip(first);
    frames.map(|(frame, first)| first.filter(|number| opens(frame, *number))).collect()
}

/// Does a statement of our own have room where this frame starts?
pub(super) fn has_locals(frame: &Frame) -> bool {
    frame.kind == FrameKind::Function
        && frame.start.as_ref().is_some_and(|site| match site {
            Site::Simple { .. } => true,
            Site::Gap(gap) => gap.after.is_some(),
            Site::FileEnd => false,
        })
}

/// Is there no room for this mark but in an expression?
fn needs_header(mark: &PointMark) -> bool {
    mark.sites.iter().all(|site| {
        matches!(site, Site::Gap(g) if g.after.is_none() && g.free.is_empty() && g.header.is_some())
    })
}

fn repeats(mark: &PointMark) -> bool {
    mark.sites.iter().any(|site| matches!(site, Site::Gap(g) if g.repeats))
}
