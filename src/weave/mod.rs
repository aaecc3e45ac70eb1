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
use spelling::{Call, Names};

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
    Header,
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
        flags: BTreeMap::new(),
    };
    weaver.choose_aliases();
    weaver.place_elses();
    for mark in &plan.points {
        weaver.place_point(mark);
    }
    weaver.rewrite_decisions();
    weaver.place_aliases();
    weaver.place_header();
    weaver.finish()
}

impl Weaver<'_> {
    /// Code inside a loop is worth so many times more than outside.
    const LOOP_WEIGHT: u32 = 8;
    /// An alias pays from this many uses on.
    const ALIAS_FROM: u32 = 3;

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
        let table =
            if aliased { self.names.local_table.clone() } else { self.names.table.clone() };
        let once = (aliased && in_loop && self.plan.walrus).then(|| {
            let next = self.flags.entry(frame).or_default();
            *next += 1;
            *next - 1
        });
        Call { table, once }
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

    fn place_point(&mut self, mark: &PointMark) {
        for action in &mark.actions {
            self.note(*action);
        }
        if mark.sites.iter().any(|site| self.try_statement(site, mark)) {
            return;
        }
        let gaps = || {
            mark.sites.iter().filter_map(|site| match site {
                Site::Gap(gap) => Some(gap),
                _ => None,
            })
        };
        if let Some(header) = gaps().find_map(|gap| gap.header) {
            let repeats = gaps().any(|gap| gap.header == Some(header) && gap.repeats);
            let mut prefix = String::new();
            for action in &mark.actions {
                let call = self.call(mark.frame.0, false, mark.in_loop || repeats);
                prefix += &self.names.prefix(*action, &call);
            }
            let suffix = ")".repeat(mark.actions.len());
            let pieces = vec![Piece::Text(prefix), Piece::Source(header), Piece::Text(suffix)];
            self.edits.replace(header, pieces);
        } else if let Some(gap) = gaps().next() {
            let text = self.statements(mark);
            self.add_line(gap.indent, Some(gap.line_start), &text);
        }
    }

    /// Places a mark as a statement without a line of its own, if the site has
    /// room for one.
    fn try_statement(&mut self, site: &Site, mark: &PointMark) -> bool {
        let text = self.statements(mark);
        match site {
            Site::Simple { at } => self.edits.insert(*at, Rank::Mark as u32, text),
            Site::Gap(Gap { after: Some(after), .. }) => {
                self.edits.insert(*after, Rank::Mark as u32, format!(";{}", trimmed(&text)));
            }
            Site::Gap(gap) => {
                let depth = gap.indent.end - gap.indent.start;
                let Some(line) = self.take_free_line(&gap.free, depth) else { return false };
                self.write_on_free_line(line, gap.indent, trimmed(&text));
            }
            Site::FileEnd => {
                self.tail.push_str(trimmed(&text));
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

    /// Deeper `else` clauses come first on the free lines they share.
    fn place_elses(&mut self) {
        let plan = self.plan;
        let mut marks: Vec<&ElseMark> = plan.elses.iter().collect();
        marks.sort_by_key(|m| std::cmp::Reverse(m.indent.end - m.indent.start));
        for mark in marks {
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

    fn place_header(&mut self) {
        let map = &self.plan.map;
        let text = self.names.header(&map.digest, map.sensor_count, self.calls);
        for site in &self.plan.header {
            match site {
                Site::Simple { at } => {
                    return self.edits.insert(*at, Rank::Header as u32, text);
                }
                Site::Gap(gap) => {
                    if let Some(after) = gap.after {
                        let text = format!(";{}", trimmed(&text));
                        return self.edits.insert(after, Rank::Header as u32, text);
                    }
                    // A line that a mark has taken still has room in front of it.
                    let usable = gap.free.iter().find(|l| self.used.get(l).is_none_or(|d| *d == 0));
                    if let Some(line) = usable {
                        let shared = self.used.contains_key(line);
                        let text = if shared { &text[..] } else { trimmed(&text) };
                        let at = self.lines.start(*line);
                        return self.edits.insert(at, Rank::Header as u32, text.to_owned());
                    }
                }
                Site::FileEnd => {
                    self.tail.insert_str(0, &format!("{}{}", trimmed(&text), self.newline));
                    return;
                }
            }
        }
        if let Some(Site::Gap(gap)) = self.plan.header.first() {
            let line = format!("{}{}", trimmed(&text), self.newline);
            self.edits.insert(gap.line_start, Rank::Header as u32, line);
            self.added.push(gap.line_start);
        }
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
                let beyond = u32::from(*at == self.source.len() as u32
                    && !matches!(self.source.last(), Some(b'\n' | b'\r')));
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
