//! Decides how marks are spelled: a source text and its plan in, the
//! instrumented text and its line map out.
//!
//! Every sensor of the map is in the text, or weaving fails loudly. This
//! stage does not know the language's grammar: all places come with the plan.

mod aliases;
mod edit;
mod expressions;
mod passes;
mod spelling;
mod windows;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Line, SensorId, Span};
use crate::parse::lines::Lines;
use crate::plan::Plan;
use crate::plan::marks::{Action, ElseMark, FrameKind, Gap, PointMark, Site};
use edit::{Applied, Edits, Piece};
use passes::Passes;
pub use spelling::RUNTIME_MODULE;
use spelling::{Call, Names, Needs};
use windows::Windows;

/// An instrumented text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Woven {
    /// The text.
    pub text: Vec<u8>,
    /// Lines of this text that the source does not have, ascending.
    pub added_lines: Vec<Line>,
}

impl Woven {
    /// The source line that a line of the woven text stands for.
    #[must_use]
    pub fn source_line(&self, woven: Line) -> Line {
        let before = self.added_lines.iter().filter(|added| **added <= woven).count() as u32;
        Line((woven.0 - before).max(1))
    }
}

/// How a mark got into the text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Alias,
    Mark,
}

struct Weaver<'a> {
    source: &'a [u8],
    lines: Lines,
    plan: &'a Plan,
    names: Names,
    edits: Edits,
    /// Free lines in use, and how deep what stands there is indented.
    used: BTreeMap<Line, u32>,
    /// Offsets before which lines are added.
    added: Vec<u32>,
    /// What is appended behind the end.
    tail: String,
    placed: BTreeSet<u32>,
    newline: &'static str,
    /// Frames with a local alias of the table.
    aliased: BTreeSet<usize>,
    /// The mark that can bind names for a frame where no statement can.
    opener_of: Vec<Option<usize>>,
    /// Those that do: the frame of each.
    openers: BTreeMap<usize, usize>,
    calls: bool,
    /// The tables whose functions that put values into lists are in use.
    boxed: BTreeSet<usize>,
    /// Is the temporary in use in the module's own code?
    global_temporary: bool,
    /// The flags of each frame: the sensor that each is about.
    flags: BTreeMap<usize, Vec<SensorId>>,
    /// The stretches whose marks look at a flag first.
    passes: Passes,
}

/// Weaves the marks of a plan into its source.
///
/// # Panics
/// If a sensor of the map did not get into the text: that is a bug, and a
/// report made from such a text would be a lie.
#[must_use]
pub fn weave(source: &[u8], plan: &Plan) -> Woven {
    if plan.map.sensor_count == 0 {
        return Woven { text: source.to_vec(), added_lines: Vec::new() };
    }
    let mut weaver = Weaver {
        source,
        lines: Lines::of(source),
        plan,
        names: Names::avoiding(&plan.taken_names, Windows::of(plan)),
        edits: Edits::default(),
        used: BTreeMap::new(),
        added: Vec::new(),
        tail: String::new(),
        placed: BTreeSet::new(),
        newline: if source.windows(2).any(|w| w == b"\r\n") { "\r\n" } else { "\n" },
        aliased: BTreeSet::new(),
        opener_of: aliases::openers(plan),
        openers: BTreeMap::new(),
        calls: false,
        boxed: BTreeSet::new(),
        global_temporary: false,
        flags: BTreeMap::new(),
        passes: Passes::default(),
    };
    weaver.choose_passes();
    weaver.choose_aliases();
    weaver.rewrite_decisions();
    weaver.wrap_decorators();
    weaver.find_calls();
    weaver.place_marks();
    weaver.place_aliases();
    weaver.finish()
}

impl Weaver<'_> {
    /// How to fire in an expression of a frame: in a loop, with a flag. A note needs nothing.
    fn call(&mut self, action: Option<Action>, frame: usize, nested: bool, in_loop: bool) -> Call {
        let notes = matches!(action, Some(Action::Set { .. }));
        self.calls |= !notes;
        let aliased = !nested && self.aliased.contains(&frame);
        let sensor = action.and_then(Action::sensor);
        let window = match (sensor, action) {
            (Some(sensor), _) => self.names.windows.window(sensor),
            (None, Some(_)) => self.names.windows.of_frame(frame),
            (None, None) => 0,
        };
        let table = if aliased {
            self.names.local_table.clone()
        } else {
            self.names.table(window).into_owned()
        };
        let flagged = !notes
            && aliased
            && in_loop
            && self.plan.walrus
            && aliases::has_locals(&self.plan.frames[frame]);
        let once = sensor.filter(|_| flagged).map(|sensor| {
            let flags = self.flags.entry(frame).or_default();
            flags.push(sensor);
            flags.len() as u32 - 1
        });
        let code = self.plan.frames[frame].kind;
        let rare = matches!(code, FrameKind::Module | FrameKind::Class) && !in_loop && !nested;
        Call { window, table, once, rare }
    }

    fn note(&mut self, action: Action) {
        self.placed.extend(action.sensor().map(|sensor| sensor.0));
    }

    fn statements(&mut self, mark: &PointMark) -> String {
        if let (Some(flag), [Action::Fire(sensor)]) = (self.passes.flag(mark), &mark.actions[..]) {
            self.calls = true;
            return self.names.unless(flag, *sensor);
        }
        let statement = |action: &Action| {
            self.names.statement(*action, &self.table(mark.frame.0, action.sensor()))
        };
        mark.actions.iter().map(statement).collect()
    }

    /// May any mark have to stand in an expression, or look at a flag, and so need the function?
    /// The first mark asks for it, and is placed before the others.
    fn find_calls(&mut self) {
        // A gap may have no free line left, and then the header of another is used.
        let has_room = |site: &Site| !matches!(site, Site::Gap(gap) if gap.after.is_none());
        let has_header = |site: &Site| matches!(site, Site::Gap(gap) if gap.header.is_some());
        let needs = |mark: &PointMark| {
            self.passes.flag(mark).is_some()
                || !mark.sites.iter().any(has_room) && mark.sites.iter().any(has_header)
        };
        self.calls |= self.plan.points.iter().any(needs);
    }

    /// Places all marks between statements. What is indented deeper comes
    /// first on the free lines that several share; `else` clauses come before
    /// what stands behind their statements.
    fn place_marks(&mut self) {
        enum Place<'p> {
            Else(&'p ElseMark),
            Point(usize, &'p PointMark),
        }
        let plan = self.plan;
        let depth = |span: Span| std::cmp::Reverse(span.end - span.start);
        let mut places: Vec<_> =
            plan.elses.iter().map(|m| (depth(m.indent), Place::Else(m))).collect();
        places.extend(plan.points.iter().enumerate().map(|(number, mark)| {
            let indent = mark.sites.iter().find_map(|site| match site {
                Site::Gap(gap) => Some(gap.indent),
                _ => None,
            });
            (depth(indent.unwrap_or(Span::new(0, 0))), Place::Point(number, mark))
        }));
        // What opens a frame binds the flags of all other marks, so it comes last.
        let opens = |place: &Place<'_>| matches!(place, Place::Point(number, _) if self.openers.contains_key(number));
        places.sort_by_key(|(depth, place)| (opens(place), *depth));
        for (_, place) in places {
            match place {
                Place::Else(mark) => self.place_else(mark),
                Place::Point(number, mark) => self.place_point(mark, number),
            }
        }
    }

    /// Places a mark; the first one of all also registers the file.
    fn place_point(&mut self, mark: &PointMark, number: usize) {
        let first = number == 0;
        for action in &mark.actions {
            self.note(*action);
        }
        let mut text = self.statements(mark);
        let opens = self.openers.get(&number).copied();
        if first {
            assert_eq!(mark.frame.0, 0, "the first mark of a file is the module's");
            text.insert_str(0, &self.header());
        } else if let Some(frame) = opens {
            text.insert_str(0, &self.bindings(frame));
        }
        if mark.sites.iter().any(|site| self.try_statement(site, &text)) {
            return;
        }
        let viper = self.plan.frames[mark.frame.0].kind == FrameKind::Viper;
        let gaps = || {
            mark.sites.iter().filter_map(|site| match site {
                Site::Gap(gap) => Some(gap),
                _ => None,
            })
        };
        let usable = |gap: &&Gap| gap.header.is_some() && (gap.untyped || !viper);
        let binds = mark.actions.iter().any(|action| matches!(action, Action::Set { .. }));
        let wraps = !first && (self.plan.walrus || !binds);
        let wrapped = gaps().find(usable).filter(|_| wraps);
        if let Some((gap, header)) = wrapped.and_then(|gap| Some((gap, gap.header?))) {
            let mut prefix = String::new();
            for (index, action) in mark.actions.iter().enumerate() {
                if let (0, Some(frame)) = (index, opens) {
                    prefix += &self.opening(*action, frame);
                    continue;
                }
                prefix += &match (self.passes.flag(mark), action) {
                    (Some(flag), Action::Fire(sensor)) => {
                        self.calls = true;
                        format!("({})and(", trimmed(&self.names.unless(flag, *sensor)))
                    }
                    _ => {
                        let repeated = mark.loops > 0 || gap.repeats;
                        let call = self.call(Some(*action), mark.frame.0, false, repeated);
                        self.names.prefix(*action, &call)
                    }
                };
            }
            let suffix = ")".repeat(mark.actions.len());
            let pieces = vec![Piece::Text(prefix), Piece::Source(header), Piece::Text(suffix)];
            self.edits.replace_outside(header, pieces);
        } else if let Some(gap) = gaps().next() {
            self.add_line(gap.indent, Some(gap.line_start), &text);
        }
    }

    /// Places a mark as a statement without a line of its own, if the site has
    /// room for one.
    fn try_statement(&mut self, site: &Site, text: &str) -> bool {
        match site {
            Site::Simple { at } => self.edits.insert(*at, Rank::Mark as u32, text.to_owned()),
            Site::Gap(Gap { after: Some(after), .. }) => {
                self.edits.insert(*after, Rank::Mark as u32, [";", trimmed(text)].concat());
            }
            Site::Gap(gap) => {
                let depth = gap.indent.end - gap.indent.start;
                let Some(line) = self.take_free_line(&gap.free, depth) else { return false };
                self.write_on_free_line(line, gap.indent, trimmed(text));
            }
            Site::FileEnd => {
                self.tail.push_str(trimmed(text));
                self.tail.push_str(self.newline);
            }
        }
        true
    }

    /// The first free line below everything that is indented deeper.
    fn take_free_line(&mut self, free: &[Line], depth: u32) -> Option<Line> {
        let below = free.iter().rev().find(|line| self.used.contains_key(line)).copied();
        let line = *free.iter().find(|line| below.is_none_or(|used| **line > used))?;
        self.used.insert(line, depth);
        Some(line)
    }

    fn write_on_free_line(&mut self, line: Line, indent: Span, text: &str) {
        let line = self.lines.start(line);
        self.edits.insert(line, Rank::Mark as u32, self.text(indent) + text);
    }

    fn text(&self, span: Span) -> String {
        let bytes = &self.source[span.start as usize..span.end as usize];
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn add_line(&mut self, indent: Span, before: Option<u32>, text: &str) {
        let indent = self.text(indent);
        let end = self.source.len() as u32;
        let ends_open = !matches!(self.source.last(), Some(b'\n' | b'\r'));
        match before {
            Some(at) if at < end || !ends_open => {
                let line = format!("{indent}{}{}", trimmed(text), self.newline);
                self.edits.insert(at, Rank::Mark as u32, line);
                self.added.push(at);
            }
            _ => {
                let line = format!("{}{indent}{}", self.newline, trimmed(text));
                self.edits.insert(end, Rank::Mark as u32, line);
                self.added.push(end);
            }
        }
    }

    fn place_else(&mut self, mark: &ElseMark) {
        self.placed.insert(mark.sensor.0);
        let table = self.table(mark.frame.0, Some(mark.sensor));
        let fire = self.names.statement(Action::Fire(mark.sensor), &table);
        let text = format!("else:{fire}");
        let depth = mark.indent.end - mark.indent.start;
        match self.take_free_line(&mark.free, depth) {
            Some(line) => self.write_on_free_line(line, mark.indent, trimmed(&text)),
            None => self.add_line(mark.indent, mark.line_start, &text),
        }
    }

    /// Registers the file.
    fn header(&self) -> String {
        let map = &self.plan.map;
        let needs =
            Needs { calls: self.calls, boxes: &self.boxed, temporary: self.global_temporary };
        self.names.header(&map.digest, needs)
    }

    fn finish(mut self) -> Woven {
        let all = self.plan.map.sensor_count;
        let missing: Vec<u32> = (0..all).filter(|id| !self.placed.contains(id)).collect();
        assert!(missing.is_empty(), "sensors without a place in the text: {missing:?}");
        let mut beyond_end = 0;
        if !self.tail.is_empty() {
            let open = self.lines.text(Line(self.lines.count()), self.source);
            let start = if open.is_empty() { "" } else { self.newline };
            let tail = format!("{start}{}", self.tail);
            beyond_end = Lines::of(tail.as_bytes()).count() - 1;
            self.edits.insert(self.source.len() as u32, u32::MAX, tail);
        }
        let Applied { text, surplus } = self.edits.apply(self.source, self.newline);
        for (end, count) in surplus {
            let next = self.lines.start(Line(self.lines.line(end).0 + 1));
            self.added.extend((0..count).map(|_| next));
        }
        self.added.sort_unstable();
        let beyond = |at: &u32| {
            *at == self.source.len() as u32 && !matches!(self.source.last(), Some(b'\n' | b'\r'))
        };
        let line = |(index, at): (usize, &u32)| {
            Line(self.lines.line(*at).0 + u32::from(beyond(at)) + index as u32)
        };
        let added_lines: Vec<Line> = self.added.iter().enumerate().map(line).collect();
        let expected = self.lines.count() + added_lines.len() as u32 + beyond_end;
        debug_assert_eq!(Lines::of(&text).count(), expected, "lines came or went");
        Woven { text, added_lines }
    }
}

fn trimmed(statements: &str) -> &str {
    statements.strip_suffix(';').unwrap_or(statements)
}
