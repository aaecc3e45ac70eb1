//! The single walk over the statements of a file: numbers the sensors in
//! source order, says what each shows, and where its mark stands.
//!
//! The walk carries along what is known of the point it has reached
//! ([`Here`]). A sensor is needed where nothing known says that control came
//! by: behind every statement that may raise, and at the start of every suite.

mod branching;
mod compound;
mod decide;
mod elif;
pub(super) mod guard;
mod inside;
mod join;
mod sites;
mod value;
mod wide;

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::Stmt;
use ruff_text_size::{Ranged, TextSize};
use rustc_hash::FxHashMap;
use smallvec::smallvec;

use super::arcs::{Arcs, Cause, retain_counted};
use super::flow::{self, Flow};
use super::lines::{Place, has_code, is_docstring};
use super::marks::{
    Action, Actions, DecisionMark, DecoratorMark, ElseMark, Frame, FrameId, FrameKind, PassId,
    Plan, PointMark, Site,
};
use super::safety::Bound;
use super::{Identity, Options, sorted};
use crate::model::{
    Arc, Decision, Evidence, FileMap, Level, Line, NotMeasured, Scope, SensorId, Statement, Suite,
};
use crate::parse::Parsed;
use crate::parse::exclude::Exclusions;

/// What is known of the point that the walk has reached.
#[derive(Clone, Debug)]
enum Here {
    /// Nothing: a new sensor is needed.
    Fresh,
    /// These actions are due here; they will be the evidence.
    Due { actions: Actions, evidence: Evidence },
    /// A mark already made shows this point; while nothing has happened since,
    /// it may as well stand here.
    Open { evidence: Evidence, mark: Option<usize> },
}

/// Where a suite stands.
#[derive(Clone, Copy)]
struct Context {
    frame: FrameId,
    place: Place,
    /// How many loops of the frame are around?
    loops: u32,
    /// Inside a comprehension, where a name would bind elsewhere?
    in_comp: bool,
    /// Inside a field of an f-string, where a colon would end the field?
    in_field: bool,
    /// Is this the body of a module, class or function, where a docstring may be?
    opens: bool,
}

/// What a `break` must remember for the loop it leaves.
#[derive(Clone, Copy)]
struct LoopExit {
    on_break: Option<Action>,
}

struct Walker<'a> {
    parsed: &'a Parsed,
    flow: &'a Flow,
    options: &'a Options,
    excluded: &'a BTreeSet<Line>,
    /// Outcomes that some arc needs.
    needed: BTreeSet<(TextSize, bool)>,
    sensors: u32,
    statements: BTreeMap<Line, (Line, Evidence)>,
    outcomes: FxHashMap<(TextSize, bool), Evidence>,
    started: FxHashMap<TextSize, Evidence>,
    /// The decision that a statement tests, by where the statement starts.
    tests: FxHashMap<TextSize, usize>,
    decisions: Vec<Decision>,
    suites: Vec<Suite>,
    scopes: Vec<Scope>,
    not_measured: Vec<NotMeasured>,
    frames: Vec<Frame>,
    points: Vec<PointMark>,
    decision_marks: Vec<DecisionMark>,
    elses: Vec<ElseMark>,
    decorator_marks: Vec<DecoratorMark>,
    bound: Bound<'a>,
    /// The names of functions and lambdas that only their own code rebinds.
    own_names: FxHashMap<FrameId, BTreeSet<&'a str>>,
    /// The same for the comprehensions around, the innermost last.
    comp_names: Vec<BTreeSet<&'a str>>,
    loops: Vec<LoopExit>,
    /// Inside a decision that notes the outcomes of its conditions?
    in_wide: bool,
    slots: u32,
    /// The stretch that is walked, and how many there are.
    pass: PassId,
    passes: usize,
    names: Vec<String>,
}

/// Walks a file.
pub(super) fn walk(
    parsed: &Parsed,
    flow: &Flow,
    countable: &BTreeSet<Line>,
    exclusions: &Exclusions,
    arcs: Arcs,
    options: &Options,
    identity: Identity,
) -> Plan {
    let excluded = &exclusions.excluded;
    let mut arcs = arcs;
    retain_counted(&mut arcs, excluded);
    let needed = arcs
        .values()
        .flatten()
        .filter_map(|cause| match cause {
            Cause::Outcome(at, outcome) => Some((*at, *outcome)),
            Cause::Started(_) => None,
        })
        .collect();
    let module = Frame { kind: FrameKind::Module, start: None, parameters: 0, own: Vec::new() };
    let mut walker = Walker {
        parsed,
        flow,
        options,
        excluded,
        needed,
        sensors: 0,
        statements: BTreeMap::new(),
        outcomes: FxHashMap::default(),
        started: FxHashMap::default(),
        tests: FxHashMap::default(),
        decisions: Vec::new(),
        suites: Vec::new(),
        scopes: Vec::new(),
        not_measured: Vec::new(),
        frames: vec![module],
        points: Vec::new(),
        decision_marks: Vec::new(),
        elses: Vec::new(),
        decorator_marks: Vec::new(),
        bound: Bound::default(),
        own_names: FxHashMap::default(),
        comp_names: Vec::new(),
        loops: Vec::new(),
        in_wide: false,
        slots: 0,
        pass: PassId::default(),
        passes: 0,
        names: Vec::new(),
    };
    let ctx = Context {
        frame: FrameId(0),
        place: Place::Module,
        loops: 0,
        in_comp: false,
        in_field: false,
        opens: true,
    };
    let end = walker.suite(parsed.body(), Here::Fresh, ctx);
    if let Here::Open { mark: Some(mark), .. } = end.here {
        walker.points[mark].sites.push(Site::FileEnd);
    }
    walker.finish(countable, arcs, exclusions, identity)
}

/// How a suite ended.
struct SuiteEnd {
    here: Here,
    /// What shows that the suite was entered.
    entered: Evidence,
}

impl<'a> Walker<'a> {
    fn sensor(&mut self) -> SensorId {
        self.sensors += 1;
        SensorId(self.sensors - 1)
    }

    fn at_level(&self, level: Level) -> bool {
        self.options.level >= level
    }

    fn is_excluded(&self, at: TextSize) -> bool {
        self.excluded.contains(&self.parsed.statement_line(at))
    }

    fn count(&mut self, line: Line, end: Line, evidence: &Evidence) {
        let entry = self.statements.entry(line).or_insert_with(|| (end, Evidence::default()));
        entry.0 = entry.0.max(end);
        entry.1.add(evidence);
    }

    /// The evidence of the point in front of a statement, with a mark if one
    /// is needed.
    fn reach(&mut self, here: &mut Here, site: Site, ctx: Context) -> Evidence {
        if let Here::Fresh = here {
            let id = self.sensor();
            *here = Here::Due { actions: smallvec![Action::Fire(id)], evidence: Evidence::one(id) };
        }
        match here {
            Here::Due { actions, evidence } => {
                let evidence = evidence.clone();
                let mark = self.points.len();
                self.points.push(PointMark {
                    frame: ctx.frame,
                    loops: ctx.loops,
                    pass: Some(self.pass),
                    actions: std::mem::take(actions),
                    sites: smallvec![site],
                });
                *here = Here::Open { evidence: evidence.clone(), mark: Some(mark) };
                evidence
            }
            Here::Open { evidence, mark } => {
                if let Some(mark) = mark {
                    self.points[*mark].sites.push(site);
                }
                evidence.clone()
            }
            Here::Fresh => unreachable!("a fresh point was given a sensor above"),
        }
    }

    /// A mark of its own at a point, beside whatever else stands there.
    fn mark_point(&mut self, actions: Actions, site: Site, ctx: Context) {
        self.points.push(PointMark {
            frame: ctx.frame,
            loops: ctx.loops,
            pass: None,
            actions,
            sites: smallvec![site],
        });
    }

    /// What is known behind a statement that may have raised.
    fn behind(&self, here: &Here) -> Here {
        match here {
            Here::Open { evidence, .. } if !self.at_level(Level::Line) => {
                Here::Open { evidence: evidence.clone(), mark: None }
            }
            _ => Here::Fresh,
        }
    }

    /// What is known at the start of a suite that a statement enters at once,
    /// without evaluating anything.
    fn inside_at_once(&self, here: &Here) -> Here {
        match here {
            Here::Open { mark: None, .. } if !self.at_level(Level::Line) => Here::Fresh,
            other => other.clone(),
        }
    }

    fn new_pass(&mut self) {
        self.passes += 1;
        self.pass = PassId(self.passes);
    }

    fn suite(&mut self, suite: &'a [Stmt], entry: Here, ctx: Context) -> SuiteEnd {
        let around = self.pass;
        self.new_pass();
        let learnt = self.bound.mark();
        let mut here = entry;
        let mut entered = match &here {
            Here::Open { evidence, .. } | Here::Due { evidence, .. } => Some(evidence.clone()),
            Here::Fresh => None,
        };
        let mut all_excluded = true;
        for (index, stmt) in suite.iter().enumerate() {
            if self.flow.is_dead(stmt) {
                continue;
            }
            let docstring = ctx.opens && index == 0 && is_docstring(stmt);
            let excluded = self.is_excluded(stmt.start());
            all_excluded &= excluded;
            let silent = docstring || excluded || !has_code(stmt, ctx.place);
            if silent && !matches!(here, Here::Due { .. }) {
                if excluded {
                    self.excluded_stmt(stmt, ctx);
                    here = self.behind(&here);
                }
                continue;
            }
            if silent && docstring {
                continue;
            }
            let site = self.site(suite, index);
            let evidence = self.reach(&mut here, site, ctx);
            entered.get_or_insert_with(|| evidence.clone());
            if silent {
                self.excluded_stmt(stmt, ctx);
                here = self.behind(&here);
                continue;
            }
            here = self.stmt(suite, index, here, &evidence, ctx);
            if flow::leaves(stmt) {
                self.new_pass();
            }
            self.bound.learn(stmt, ctx.place == Place::Function);
        }
        self.bound.forget(learnt);
        let completes = self.flow.completes(suite);
        let due = matches!(here, Here::Due { .. });
        let silent_suite = entered.is_none() && !all_excluded;
        if completes && !suite.is_empty() && (due || silent_suite) {
            let gap = self.gap_behind(suite);
            let evidence = self.reach(&mut here, gap, ctx);
            entered.get_or_insert(evidence);
        }
        self.pass = around;
        let first = suite.first().filter(|first| ctx.opens && is_docstring(first));
        if let (Some(docstring), Some(entered)) = (first, &entered) {
            self.started.insert(docstring.start(), entered.clone());
        }
        SuiteEnd { here, entered: entered.unwrap_or_default() }
    }

    fn stmt(
        &mut self,
        suite: &'a [Stmt],
        index: usize,
        here: Here,
        evidence: &Evidence,
        ctx: Context,
    ) -> Here {
        let stmt = &suite[index];
        let line = self.parsed.statement_line(stmt.start());
        match stmt {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {
                return self.definition(stmt, here, evidence, ctx);
            }
            _ => {}
        }
        let head_end = sites::head_end(stmt);
        let end = self.parsed.line_of(head_end).max(line);
        self.count(line, end, evidence);
        self.started.insert(stmt.start(), evidence.clone());
        match stmt {
            Stmt::If(s) => self.if_chain(s, suite, index, &here, ctx),
            Stmt::While(s) => self.while_loop(s, suite, index, &here, ctx),
            Stmt::For(s) => self.for_loop(s, suite, index, &here, ctx),
            Stmt::Try(s) => self.try_stmt(s, here, ctx),
            Stmt::With(s) => {
                for item in &s.items {
                    self.value(&item.context_expr, ctx);
                    if let Some(target) = &item.optional_vars {
                        self.value(target, ctx);
                    }
                }
                let entry = self.behind(&here);
                let end = self.inner_suite(&s.body, entry, ctx, line);
                self.behind(&end.here)
            }
            Stmt::Match(_) => self.behind(&here),
            Stmt::Break(_) => {
                if let Some(LoopExit { on_break: Some(action) }) = self.loops.last().copied() {
                    let site = self.site(suite, index);
                    self.mark_point(smallvec![action], site, ctx);
                }
                here
            }
            simple => {
                self.simple_expressions(simple, ctx);
                if self.bound.cannot_raise(simple) { here } else { self.behind(&here) }
            }
        }
    }

    /// Walks a suite under a header and notes it for the listing.
    fn inner_suite(
        &mut self,
        suite: &'a [Stmt],
        entry: Here,
        ctx: Context,
        opener: Line,
    ) -> SuiteEnd {
        let slot = self.suites.len();
        self.suites.push(Suite { line: opener, evidence: Evidence::default() });
        let end = self.suite(suite, entry, ctx);
        self.suites[slot].evidence = end.entered.clone();
        end
    }

    fn finish(
        mut self,
        countable: &BTreeSet<Line>,
        arcs: Arcs,
        exclusions: &Exclusions,
        identity: Identity,
    ) -> Plan {
        self.names = self.underscore_names();
        let mut statements = Vec::new();
        let measured: BTreeSet<Line> = self.statements.keys().copied().collect();
        for (line, (end_line, evidence)) in std::mem::take(&mut self.statements) {
            if countable.contains(&line) && !exclusions.excluded.contains(&line) {
                statements.push(Statement { line, end_line, evidence });
            }
        }
        let lookup = |cause: &Cause| match cause {
            Cause::Outcome(at, outcome) => self.outcomes.get(&(*at, *outcome)),
            Cause::Started(at) => self.started.get(at),
        };
        let arcs = arcs
            .iter()
            .filter(|((from, _), _)| measured.contains(from))
            .map(|((from, to), causes)| {
                let sensors = causes
                    .iter()
                    .filter_map(lookup)
                    .flat_map(|evidence| evidence.sensors().to_vec());
                Arc { from: *from, to: *to, evidence: Evidence::any(sensors) }
            })
            .collect();
        self.suites.retain(|suite| !exclusions.excluded.contains(&suite.line));
        self.decisions.sort_by_key(|d| (d.span.start, std::cmp::Reverse(d.span.end)));
        Plan {
            map: FileMap {
                path: identity.path,
                digest: identity.digest,
                source_hash: identity.source_hash,
                level: self.options.level,
                sensor_count: self.sensors,
                statements,
                arcs,
                no_branch: sorted(&exclusions.no_branch),
                excluded: sorted(&exclusions.excluded),
                decisions: self.decisions,
                suites: self.suites,
                scopes: self.scopes,
                not_measured: self.not_measured,
            },
            frames: self.frames,
            points: self.points,
            decisions: self.decision_marks,
            elses: self.elses,
            decorators: self.decorator_marks,
            walrus: self.options.walrus,
            taken_names: self.names,
        }
    }
}
