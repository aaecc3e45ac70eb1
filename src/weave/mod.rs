//! Decides how marks are spelled: a source text and its plan in, the
//! instrumented text and its line map out.
//!
//! Every sensor of the map is in the text, or weaving fails loudly. This
//! stage does not know the language's grammar: all places come with the plan.

mod edit;
mod expressions;
mod spelling;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Line, Span};
use crate::parse::lines::Lines;
use crate::plan::Plan;
use crate::plan::marks::{Action, ElseMark, FrameKind, Gap, PointMark, Rewrite, Site};
use edit::{Edits, Piece};
pub use spelling::RUNTIME_MODULE;
use spelling::{Call, Names, Needs};

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
    calls: bool,
    /// Is the function that puts values into lists in use?
    boxed: bool,
    /// Is the temporary in use in the module's own code?
    global_temporary: bool,
    /// Number of flags in each frame.
    flags: BTreeMap<usize, u32>,
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
        names: Names::avoiding(&plan.taken_names),
        edits: Edits::default(),
        used: BTreeMap::new(),
        added: Vec::new(),
        tail: String::new(),
        placed: BTreeSet::new(),
        newline: if source.windows(2).any(|w| w == b"\r\n") { "\r\n" } else { "\n" },
        aliased: BTreeSet::new(),
        calls: false,
        boxed: false,
        global_temporary: false,
        flags: BTreeMap::new(),
    };
    weaver.choose_aliases();
    weaver.rewrite_decisions();
    weaver.wrap_decorators();
    weaver.find_calls();
    weaver.place_marks();
    weaver.place_aliases();
    weaver.finish()
}

impl Weaver<'_> {
    /// Code inside a loop is worth so many times more than outside.
    const LOOP_WEIGHT: u32 = 8;
    /// An alias pays from this many uses on.
    const ALIAS_FROM: u32 = 2;

    fn choose_aliases(&mut self) {
        let plan = self.plan;
        let mut uses: BTreeMap<usize, u32> = BTreeMap::new();
        let weight = |in_loop: bool| if in_loop { Self::LOOP_WEIGHT } else { 1 };
        for mark in &plan.points {
            let fires = mark.actions.iter().filter(|a| !matches!(a, Action::Set { .. })).count();
            let repeated = mark.in_loop || (needs_header(mark) && repeats(mark));
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
        let may_alias = |frame: usize| {
            let frame = &plan.frames[frame];
            frame.kind == FrameKind::Function
                && frame.start.as_ref().is_some_and(|site| match site {
                    Site::Simple { .. } => true,
                    Site::Gap(gap) => gap.after.is_some(),
                    Site::FileEnd => false,
                })
        };
        self.aliased = uses
            .into_iter()
            .filter(|(frame, uses)| *uses >= Self::ALIAS_FROM && may_alias(*frame))
            .map(|(frame, _)| frame)
            .collect();
    }

    fn table(&self, frame: usize) -> String {
        let aliased = self.aliased.contains(&frame);
        if aliased { self.names.local_table.clone() } else { self.names.table.clone() }
    }

    /// How to fire in an expression of a frame: in a loop, with a flag.
    fn call(&mut self, frame: usize, nested: bool, in_loop: bool) -> Call {
        self.calls = true;
        let aliased = !nested && self.aliased.contains(&frame);
        let table = if aliased { self.names.local_table.clone() } else { self.names.table.clone() };
        let once = (aliased && in_loop && self.plan.walrus).then(|| {
            let next = self.flags.entry(frame).or_default();
            *next += 1;
            *next - 1
        });
        let code = self.plan.frames[frame].kind;
        let rare = matches!(code, FrameKind::Module | FrameKind::Class) && !in_loop && !nested;
        Call { table, once, rare }
    }

    fn note(&mut self, action: Action) {
        if let Action::Fire(sensor) | Action::Set { sensor, .. } = action {
            self.placed.insert(sensor.0);
        }
    }

    fn statements(&mut self, mark: &PointMark) -> String {
        let table = self.table(mark.frame.0);
        mark.actions.iter().map(|action| self.names.statement(*action, &table)).collect()
    }

    /// May any mark have to stand in an expression and so need the function?
    fn find_calls(&mut self) {
        let may = |site: &Site| matches!(site, Site::Gap(gap) if gap.header.is_some() && gap.after.is_none());
        self.calls |= self.plan.points.iter().any(|mark| mark.sites.iter().all(may));
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
        places.sort_by_key(|(depth, _)| *depth);
        for (_, place) in places {
            match place {
                Place::Else(mark) => self.place_else(mark),
                Place::Point(number, mark) => self.place_point(mark, number == 0),
            }
        }
    }

    /// Places a mark; the first one of all also registers the file.
    fn place_point(&mut self, mark: &PointMark, first: bool) {
        for action in &mark.actions {
            self.note(*action);
        }
        let mut text = self.statements(mark);
        if first {
            assert_eq!(mark.frame.0, 0, "the first mark of a file is the module's");
            text.insert_str(0, &self.header());
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
            for action in &mark.actions {
                let call = self.call(mark.frame.0, false, mark.in_loop || gap.repeats);
                prefix += &self.names.prefix(*action, &call);
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
                self.edits.insert(*after, Rank::Mark as u32, format!(";{}", trimmed(text)));
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
        let indent = self.text(indent);
        self.edits.insert(self.lines.start(line), Rank::Mark as u32, format!("{indent}{text}"));
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
        let table = self.table(mark.frame.0);
        let fire = self.names.statement(Action::Fire(mark.sensor), &table);
        let text = format!("else:{fire}");
        let depth = mark.indent.end - mark.indent.start;
        match self.take_free_line(&mark.free, depth) {
            Some(line) => self.write_on_free_line(line, mark.indent, trimmed(&text)),
            None => self.add_line(mark.indent, mark.line_start, &text),
        }
    }

    fn place_aliases(&mut self) {
        let plan = self.plan;
        for frame in self.aliased.clone() {
            let mut text = format!("{}={};", self.names.local_table, self.names.table);
            if let Some(flags) = self.flags.get(&frame) {
                let names: String =
                    (0..*flags).map(|flag| format!("{}=", self.names.flag(flag))).collect();
                text += &format!("{names}0;");
            }
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

    /// Registers the file.
    fn header(&self) -> String {
        let map = &self.plan.map;
        let needs =
            Needs { calls: self.calls, boxes: self.boxed, temporary: self.global_temporary };
        self.names.header(&map.digest, map.sensor_count, needs)
    }

    fn finish(mut self) -> Woven {
        let all = self.plan.map.sensor_count;
        let missing: Vec<u32> = (0..all).filter(|id| !self.placed.contains(id)).collect();
        assert!(missing.is_empty(), "sensors without a place in the text: {missing:?}");
        self.added.sort_unstable();
        let added_lines = self
            .added
            .iter()
            .enumerate()
            .map(|(index, at)| {
                let beyond = u32::from(
                    *at == self.source.len() as u32
                        && !matches!(self.source.last(), Some(b'\n' | b'\r')),
                );
                Line(self.lines.line(*at).0 + beyond + index as u32)
            })
            .collect();
        if !self.tail.is_empty() {
            let open = self.lines.text(Line(self.lines.count()), self.source);
            let start = if open.is_empty() { "" } else { self.newline };
            let tail = format!("{start}{}", self.tail);
            self.edits.insert(self.source.len() as u32, u32::MAX, tail);
        }
        Woven { text: self.edits.apply(self.source), added_lines }
    }
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

fn trimmed(statements: &str) -> &str {
    statements.strip_suffix(';').unwrap_or(statements)
}
