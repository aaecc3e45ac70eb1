//! The arcs between lines, as coverage.py defines them.
//!
//! Only lines with more than one way out matter: the tests of `if`, `elif`,
//! `while` and `for`, and lines that hold a header and its suite. Each arc
//! knows its causes, so that the walk over the statements can say later which
//! sensors show it.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::{ExceptHandler, Stmt};
use ruff_text_size::{Ranged, TextSize};
use smallvec::{SmallVec, smallvec};

use super::flow::wholly_constant;
use crate::model::{ArcEnd, Line};
use crate::parse::Parsed;

/// Why an arc is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Cause {
    /// The decision (or `for` loop) that starts here had this outcome.
    Outcome(TextSize, bool),
    /// The statement that starts here was started, and goes on there.
    Started(TextSize),
}

/// Arcs from lines that have more than one, with their causes.
pub(super) type Arcs = BTreeMap<(Line, ArcEnd), BTreeSet<Cause>>;

type Exits = SmallVec<[(Line, Cause); 2]>;

enum Block {
    Loop { start: Line, breaks: Exits },
    Try { handler: Option<Line> },
    Function { start: Line },
}

struct Finder<'a> {
    parsed: &'a Parsed,
    countable: &'a BTreeSet<Line>,
    arcs: Arcs,
    blocks: Vec<Block>,
}

/// Finds the arcs of a module. `countable` are the lines with code.
pub(super) fn find(parsed: &Parsed, countable: &BTreeSet<Line>) -> Arcs {
    let mut finder = Finder { parsed, countable, arcs: Arcs::new(), blocks: Vec::new() };
    let exits = finder.body(parsed.body(), Exits::new());
    finder.add_all(&exits, ArcEnd::Exit(Line(1)));
    finder.definitions(parsed.body());
    let mut ways: BTreeMap<Line, u32> = BTreeMap::new();
    for (from, _) in finder.arcs.keys() {
        *ways.entry(*from).or_default() += 1;
    }
    finder.arcs.retain(|(from, _), _| ways[from] > 1);
    finder.arcs
}

/// Arcs from and to excluded lines count for nothing, and a line that keeps
/// one way only is no branch.
pub(super) fn retain_counted(arcs: &mut Arcs, excluded: &BTreeSet<Line>) {
    arcs.retain(|(from, to), _| {
        let target_counts = match to {
            ArcEnd::Line(line) => !excluded.contains(line),
            ArcEnd::Exit(_) => true,
        };
        !excluded.contains(from) && target_counts
    });
    let mut ways: BTreeMap<Line, u32> = BTreeMap::new();
    for (from, _) in arcs.keys() {
        *ways.entry(*from).or_default() += 1;
    }
    arcs.retain(|(from, _), _| ways[from] > 1);
}

impl Finder<'_> {
    /// Walks into each function and class, however deep.
    fn definitions(&mut self, suite: &[Stmt]) {
        for stmt in suite {
            match stmt {
                Stmt::FunctionDef(def) => {
                    let start = self.line(stmt);
                    self.blocks.push(Block::Function { start });
                    let exits = self.body(&def.body, Exits::new());
                    self.leave(&exits);
                    self.blocks.pop();
                }
                Stmt::ClassDef(def) => {
                    let exits = self.body(&def.body, Exits::new());
                    self.add_all(&exits, ArcEnd::Exit(self.line(stmt)));
                }
                _ => {}
            }
            for inner in crate::parse::suites(stmt) {
                self.definitions(inner);
            }
        }
    }

    fn line(&self, node: &impl Ranged) -> Line {
        self.parsed.statement_line(node.start())
    }

    fn add(&mut self, from: Line, to: ArcEnd, cause: Cause) {
        if to != ArcEnd::Line(from) {
            self.arcs.entry((from, to)).or_default().insert(cause);
        }
    }

    fn add_all(&mut self, exits: &Exits, to: ArcEnd) {
        for (from, cause) in exits {
            self.add(*from, to, *cause);
        }
    }

    fn body(&mut self, suite: &[Stmt], entries: Exits) -> Exits {
        let mut exits = entries;
        for stmt in suite {
            let line = self.line(stmt);
            if !self.countable.contains(&line) {
                continue;
            }
            self.add_all(&exits, ArcEnd::Line(line));
            exits = self.exits(stmt);
        }
        exits
    }

    fn leave(&mut self, exits: &Exits) {
        for block in self.blocks.iter().rev() {
            match block {
                Block::Function { start } => {
                    let to = ArcEnd::Exit(*start);
                    return self.add_all(exits, to);
                }
                Block::Loop { .. } | Block::Try { .. } => {}
            }
        }
    }

    fn exits(&mut self, stmt: &Stmt) -> Exits {
        let here = self.line(stmt);
        let this: Exits = smallvec![(here, Cause::Started(stmt.start()))];
        match stmt {
            Stmt::Return(_) => {
                self.leave(&this);
                Exits::new()
            }
            Stmt::Raise(_) => {
                let target = self.blocks.iter().rev().find_map(|block| match block {
                    Block::Try { handler } => Some(handler.map(ArcEnd::Line)),
                    Block::Function { start } => Some(Some(ArcEnd::Exit(*start))),
                    Block::Loop { .. } => None,
                });
                if let Some(Some(to)) = target {
                    self.add_all(&this, to);
                }
                Exits::new()
            }
            Stmt::Break(_) => {
                let innermost = self.blocks.iter_mut().rev().find_map(|block| match block {
                    Block::Loop { breaks, .. } => Some(breaks),
                    _ => None,
                });
                if let Some(breaks) = innermost {
                    breaks.extend(this);
                }
                Exits::new()
            }
            Stmt::Continue(_) => {
                let innermost = self.blocks.iter().rev().find_map(|block| match block {
                    Block::Loop { start, .. } => Some(*start),
                    _ => None,
                });
                if let Some(start) = innermost {
                    self.add_all(&this, ArcEnd::Line(start));
                }
                Exits::new()
            }
            Stmt::If(s) => {
                let first = std::iter::once((Some(&*s.test), &s.body[..], stmt.start()));
                let rest = s
                    .elif_else_clauses
                    .iter()
                    .map(|c| (c.test.as_ref(), &c.body[..], c.range.start()));
                self.clauses(&first.chain(rest).collect::<Vec<_>>())
            }
            Stmt::While(s) => {
                let truth = wholly_constant(&s.test);
                let on =
                    |outcome| -> Exits { smallvec![(here, Cause::Outcome(stmt.start(), outcome))] };
                self.blocks.push(Block::Loop { start: here, breaks: Exits::new() });
                let ends = self.body(&s.body, on(true));
                self.add_all(&ends, ArcEnd::Line(here));
                let mut exits = self.pop_breaks();
                if !s.orelse.is_empty() {
                    // Past a suite that is never reached coverage.py goes on behind the loop.
                    exits.extend(self.body(&s.orelse, on(false)));
                } else if truth.is_none() {
                    exits.extend(on(false));
                }
                exits
            }
            Stmt::For(s) => {
                let on =
                    |outcome| -> Exits { smallvec![(here, Cause::Outcome(stmt.start(), outcome))] };
                self.blocks.push(Block::Loop { start: here, breaks: Exits::new() });
                let ends = self.body(&s.body, on(true));
                self.add_all(&ends, ArcEnd::Line(here));
                let mut exits = self.pop_breaks();
                exits.extend(self.body(&s.orelse, on(false)));
                exits
            }
            Stmt::Try(s) => {
                let handler = s.handlers.first().map(|h| self.line(h));
                self.blocks.push(Block::Try { handler });
                let mut exits = self.body(&s.body, this);
                if s.finalbody.is_empty() {
                    self.blocks.pop();
                } else if let Some(Block::Try { handler }) = self.blocks.last_mut() {
                    *handler = None;
                }
                let mut handled = Exits::new();
                for clause in &s.handlers {
                    let entry: Exits =
                        smallvec![(self.line(clause), Cause::Started(clause.start()))];
                    let ExceptHandler::ExceptHandler(clause) = clause;
                    handled.extend(self.body(&clause.body, entry));
                }
                exits = self.body(&s.orelse, exits);
                exits.extend(handled);
                if !s.finalbody.is_empty() {
                    self.blocks.pop();
                    let had_exits = !exits.is_empty();
                    let ends = self.body(&s.finalbody, exits);
                    exits = if had_exits { ends } else { Exits::new() };
                }
                exits
            }
            Stmt::With(s) => self.body(&s.body, this),
            Stmt::FunctionDef(s) => self.definition(stmt, s.name.range.start()),
            Stmt::ClassDef(s) => self.definition(stmt, s.name.range.start()),
            _ => this,
        }
    }

    /// A definition goes on from the line of its `def`, below the decorators.
    fn definition(&self, stmt: &Stmt, name: TextSize) -> Exits {
        smallvec![(self.parsed.statement_line(name), Cause::Started(stmt.start()))]
    }

    fn pop_breaks(&mut self) -> Exits {
        match self.blocks.pop() {
            Some(Block::Loop { breaks, .. }) => breaks,
            _ => Exits::new(),
        }
    }

    fn clauses(
        &mut self,
        clauses: &[(Option<&ruff_python_ast::Expr>, &[Stmt], TextSize)],
    ) -> Exits {
        let [(test, body, at), rest @ ..] = clauses else { return Exits::new() };
        let Some(test) = test else { unreachable!("an `else` is taken with its `if`") };
        let here = self.parsed.statement_line(*at);
        let truth = wholly_constant(test);
        let on = |outcome| -> Exits { smallvec![(here, Cause::Outcome(*at, outcome))] };
        let mut exits = Exits::new();
        if truth != Some(false) {
            exits.extend(self.body(body, on(true)));
        }
        if truth != Some(true) {
            match rest {
                [] => exits.extend(on(false)),
                [(None, body, _)] => exits.extend(self.body(body, on(false))),
                [(_, _, elif), ..] => {
                    let line = self.parsed.statement_line(*elif);
                    if self.countable.contains(&line) {
                        self.add_all(&on(false), ArcEnd::Line(line));
                        exits.extend(self.clauses(rest));
                    } else {
                        exits.extend(on(false));
                    }
                }
            }
        }
        exits
    }
}
