//! `if`, `while` and `for`: what shows each outcome.
//!
//! An outcome that leads to one place only is shown by the mark of that place.
//! Where other ways lead there too, as behind an `if` without `else`, the
//! outcome is marked inside the test. A `for` has no test: there each way out
//! leaves a note in a local variable (a slot), and the mark behind the loop
//! fires the sensor that is noted.

use ruff_python_ast::{Expr, Stmt, StmtFor, StmtIf, StmtWhile};
use ruff_text_size::{Ranged, TextSize};
use smallvec::smallvec;

use super::super::flow::{constant, wholly_constant};
use super::super::marks::{Action, FrameKind};
use super::super::safety::repeats;
use super::decide::{Told, Ways};
use super::join::Join;
use super::{Context, Here, LoopExit, Walker};
use crate::model::{DecisionKind, Evidence, Level};

/// One arm of an `if` chain.
pub(super) struct Clause<'a> {
    pub(super) test: Option<&'a Expr>,
    pub(super) body: &'a [Stmt],
    pub(super) at: TextSize,
}

impl<'a> Walker<'a> {
    pub(super) fn if_chain(
        &mut self,
        s: &'a StmtIf,
        suite: &'a [Stmt],
        index: usize,
        here: &Here,
        ctx: Context,
    ) -> Here {
        let first = Clause { test: Some(&s.test), body: &s.body, at: s.start() };
        let rest = s.elif_else_clauses.iter().map(|c| Clause {
            test: c.test.as_ref(),
            body: &c.body,
            at: c.range.start(),
        });
        let clauses: Vec<Clause<'a>> = std::iter::once(first).chain(rest).collect();
        let all_leave = !clauses.iter().any(|c| self.flow.completes(c.body));
        let follows = self.follows(suite, index);
        let wanted = self.wants_last_false(&clauses);
        let inner = Context { opens: false, ..ctx };
        let slot = self.slots;
        self.slots += 1;
        let alone = wanted && self.leaves_note(&clauses, suite, index, all_leave, ctx);
        let mut join = if alone { Join::noted(slot) } else { Join::default() };
        let mut after = self.behind(here);
        let mut unreached = false;
        let mut leads_on = false;
        // Outcomes of a test that the next test shows, for want of a mark.
        let mut shown_by_next: Option<TextSize> = None;
        for (number, clause) in clauses.iter().enumerate() {
            let opener = self.parsed.statement_line(clause.at);
            let Some(test) = clause.test else {
                let entry = std::mem::replace(&mut after, self.behind(here));
                let opener = self.parsed.line_of(clause.at);
                let end = self.inner_suite(clause.body, entry, inner, opener);
                self.join_end(&mut join, clause.body, &end, inner);
                break;
            };
            if unreached {
                break;
            }
            if let Some(truth) = wholly_constant(test) {
                unreached = truth;
                self.credit_behind_constant(&clauses, number, truth);
                if truth {
                    let entry = if number == 0 { self.inside_at_once(here) } else { Here::Fresh };
                    let end = self.inner_suite(clause.body, entry, inner, opener);
                    self.join_end(&mut join, clause.body, &end, inner);
                } else if number + 1 == clauses.len() {
                    join.add_unknown();
                }
                continue;
            }
            if self.is_excluded(clause.at) {
                self.value(test, ctx);
                self.inner_suite(clause.body, Here::Fresh, inner, opener);
                join.add_unknown();
                continue;
            }
            let next = clauses.get(number + 1);
            let kind = if number == 0 { DecisionKind::If } else { DecisionKind::Elif };
            let on_false = match next {
                None if alone => Told::Slot(slot),
                None if all_leave && follows && wanted => Told::Target,
                None if wanted => self.lonely_end(suite, index, ctx),
                None => Told::Nobody,
                Some(Clause { test: None, body, .. }) => {
                    self.target(test, false, body, slot, inner)
                }
                Some(Clause { test: Some(elif), at, .. }) => {
                    let counts = !self.is_excluded(*at);
                    if !self.at_level(Level::Line) || !counts {
                        Told::Nobody
                    } else if repeats(elif, test) && self.tells_both(&clauses, number + 1) {
                        Told::Next
                    } else {
                        Told::Call
                    }
                }
            };
            let on_true = self.target(test, true, clause.body, slot, inner);
            let (on_true, on_false) = possible(test, on_true, on_false);
            let ways = self.test(test, clause.at, kind, on_true, on_false, ctx);
            // `if x or 1:` asks for `x`, and goes one way all the same.
            unreached = constant(test) == Some(true);
            if !unreached {
                self.credit_elif(&clauses, number, &ways, &mut shown_by_next);
            }
            let entry = ways.on_true.here.clone().unwrap_or(Here::Fresh);
            self.outcomes.insert((clause.at, true), ways.on_true.evidence.clone());
            let entry = self.entry_with_note(&mut join, clause.body, entry);
            let end = self.inner_suite(clause.body, entry, inner, opener);
            self.join_end(&mut join, clause.body, &end, inner);
            if ways.on_true.evidence.is_empty() {
                self.outcomes.insert((clause.at, true), end.entered.clone());
            }
            self.outcomes.insert((clause.at, false), ways.on_false.evidence.clone());
            if next.is_none() {
                join.add_way(&ways.on_false);
                if let Some(due) = ways.on_false.here.clone().filter(|_| all_leave && follows) {
                    after = due;
                    leads_on = true;
                } else {
                    after = self.behind(here);
                }
                self.lonely_mark(&ways, suite, index, ctx);
            } else if !unreached {
                after = ways.on_false.here.clone().unwrap_or(Here::Fresh);
            }
        }
        self.resolve_shown_by_next(&clauses);
        self.slots -= 1;
        if leads_on { after } else { self.meet(join, follows, self.behind(here)) }
    }

    /// Shall the false outcome of a chain's last test, and with it the end of
    /// each suite, leave a note for what follows?
    fn leaves_note(
        &self,
        clauses: &[Clause<'a>],
        suite: &'a [Stmt],
        index: usize,
        all_leave: bool,
        ctx: Context,
    ) -> bool {
        let Some(Clause { test: Some(test), .. }) = clauses.last() else { return false };
        let single = all_leave && self.ways_through(test, false) == 1;
        let plain = |c: &Clause<'a>| {
            c.test.is_none_or(|t| constant(t).is_none()) && !self.is_excluded(c.at)
        };
        !single
            && clauses.iter().all(plain)
            && self.follows(suite, index)
            && self.can_note(suite, index + 1, ctx)
    }

    /// Who tells an outcome that leads into a suite: the suite's own mark, or
    /// the note that it fires.
    fn target(
        &self,
        test: &Expr,
        outcome: bool,
        body: &'a [Stmt],
        slot: u32,
        ctx: Context,
    ) -> Told {
        let several = self.ways_through(test, outcome) > 1;
        if several && self.can_note(body, 0, ctx) { Told::Slot(slot) } else { Told::Target }
    }

    pub(super) fn while_loop(
        &mut self,
        s: &'a StmtWhile,
        suite: &'a [Stmt],
        index: usize,
        here: &Here,
        ctx: Context,
    ) -> Here {
        let at = s.start();
        let line = self.parsed.statement_line(at);
        let inner = Context { loops: ctx.loops + 1, opens: false, ..ctx };
        if let Some(truth) = wholly_constant(&s.test) {
            self.loops.push(LoopExit { on_break: None });
            if truth {
                let entry = self.inside_at_once(here);
                self.inner_suite(&s.body, entry, inner, line);
            }
            self.loops.pop();
            if !truth && !s.orelse.is_empty() {
                let opener = self.line_above(&s.orelse);
                self.inner_suite(&s.orelse, Here::Fresh, inner_of(ctx), opener);
            }
            return self.behind(here);
        }
        let follows = self.follows(suite, index);
        let has_break = self.flow.has_break(at);
        let has_else = !s.orelse.is_empty();
        let wanted = self.wants(at, false);
        let on_false = if has_else || (wanted && !has_break && follows) {
            Told::Target
        } else if wanted {
            self.lonely_end(suite, index, ctx)
        } else {
            Told::Nobody
        };
        let test_ctx = Context { loops: ctx.loops + 1, ..ctx };
        let (on_true, on_false) = possible(&s.test, Told::Target, on_false);
        let ways = self.test(&s.test, at, DecisionKind::While, on_true, on_false, test_ctx);
        if ctx.loops == 0 {
            self.ends_loop(&s.test);
        }
        self.loops.push(LoopExit { on_break: None });
        let entry = ways.on_true.here.clone().unwrap_or(Here::Fresh);
        let body = self.inner_suite(&s.body, entry, inner, line);
        self.loops.pop();
        let shown = if ways.on_true.evidence.is_empty() {
            body.entered
        } else {
            ways.on_true.evidence.clone()
        };
        self.outcomes.insert((at, true), shown);
        self.outcomes.insert((at, false), ways.on_false.evidence.clone());
        if has_else {
            let opener = self.line_above(&s.orelse);
            let entry = ways.on_false.here.clone().unwrap_or(Here::Fresh);
            self.inner_suite(&s.orelse, entry, inner_of(ctx), opener);
            return self.behind(here);
        }
        self.lonely_mark(&ways, suite, index, ctx);
        match ways.on_false.here {
            Some(due) if follows && !has_break => due,
            _ => self.behind(here),
        }
    }

    pub(super) fn for_loop(
        &mut self,
        s: &'a StmtFor,
        suite: &'a [Stmt],
        index: usize,
        here: &Here,
        ctx: Context,
    ) -> Here {
        let at = s.start();
        let line = self.parsed.statement_line(at);
        self.value(&s.iter, ctx);
        let follows = self.follows(suite, index);
        let has_break = self.flow.has_break(at);
        let has_else = !s.orelse.is_empty();
        let wanted = self.wants(at, false);
        let slot = self.slots;
        self.slots += 1;
        let joins = wanted && !has_else && has_break && follows && self.has_slots(ctx);
        let mut exhausted = Evidence::default();
        let mut due = None;
        if joins {
            let sensor = self.sensor();
            exhausted = Evidence::one(sensor);
            let site = self.site(suite, index);
            self.mark_point(smallvec![Action::Set { slot, sensor }], site, ctx);
        } else if has_else || (wanted && !has_break && follows) {
            let sensor = self.sensor();
            exhausted = Evidence::one(sensor);
            due = Some(Here::Due {
                actions: smallvec![Action::Fire(sensor)],
                evidence: exhausted.clone(),
            });
        } else if wanted {
            let sensor = self.sensor();
            exhausted = Evidence::one(sensor);
            self.else_mark(sensor, suite, index, ctx);
        }
        let on_break = joins.then(|| self.sensor());
        self.loops.push(LoopExit { on_break: on_break.map(|sensor| Action::Set { slot, sensor }) });
        let inner = Context { loops: ctx.loops + 1, opens: false, ..ctx };
        let learnt = self.bound.mark();
        self.bound.learn_target(&s.target);
        let body = self.inner_suite(&s.body, Here::Fresh, inner, line);
        self.bound.forget(learnt);
        self.loops.pop();
        self.slots -= 1;
        self.outcomes.insert((at, true), body.entered);
        self.outcomes.insert((at, false), exhausted.clone());
        if has_else {
            let opener = self.line_above(&s.orelse);
            let entry = due.unwrap_or(Here::Fresh);
            self.inner_suite(&s.orelse, entry, inner_of(ctx), opener);
            return self.behind(here);
        }
        if joins {
            exhausted.add(&Evidence::any(on_break));
            return Here::Due { actions: smallvec![Action::Flush { slot }], evidence: exhausted };
        }
        due.unwrap_or_else(|| self.behind(here))
    }

    /// Does reachable code follow in the same suite?
    fn follows(&self, suite: &[Stmt], index: usize) -> bool {
        self.flow.goes_on(&suite[index]) && suite[index + 1..].iter().any(|s| !self.flow.is_dead(s))
    }

    /// Is the false outcome of a chain's last test asked for? Also where it
    /// shows that the test was reached, for want of a mark of its own.
    fn wants_last_false(&self, clauses: &[Clause<'a>]) -> bool {
        let Some(last) = clauses.last() else { return false };
        let repeated = match clauses {
            [.., Clause { test: Some(before), .. }, Clause { test: Some(test), .. }] => {
                repeats(test, before)
            }
            _ => false,
        };
        self.wants(last.at, false) || (repeated && self.at_level(Level::Line))
    }

    /// Will both outcomes of this test be shown, whatever the level?
    fn tells_both(&self, clauses: &[Clause<'a>], number: usize) -> bool {
        match clauses.get(number + 1) {
            None => true,
            Some(next) => !self.is_excluded(next.at) && !self.is_excluded(clauses[number].at),
        }
    }

    /// Is a verdict on this outcome asked for?
    fn wants(&self, at: TextSize, outcome: bool) -> bool {
        self.at_level(Level::Condition) || self.needed.contains(&(at, outcome))
    }

    /// Has the frame local variables for notes?
    fn has_slots(&self, ctx: Context) -> bool {
        self.frames[ctx.frame.0].kind == FrameKind::Function
    }

    /// A test whose false outcome leads to no place of its own: an `else` on a
    /// free line behind the statement can tell it, or else a call in the test.
    fn lonely_end(&self, suite: &'a [Stmt], index: usize, ctx: Context) -> Told {
        // In a loop a mark in the test is cheaper: it fires once.
        let typed = self.frames[ctx.frame.0].kind == FrameKind::Viper;
        // Loops that end here, deeper inside, have the first claim to free lines.
        let room = self.free_behind(suite, index).len() > trailing(&suite[index]);
        if room && (typed || ctx.loops == 0) { Told::Else } else { Told::Call }
    }

    fn lonely_mark(&mut self, ways: &Ways, suite: &'a [Stmt], index: usize, ctx: Context) {
        if let (Told::Else, [sensor]) = (ways.on_false.told, ways.on_false.evidence.sensors()) {
            self.else_mark(*sensor, suite, index, ctx);
        }
    }
}

/// An outcome that a constant operand rules out leads to dead code, where no
/// mark can tell it: nobody asks.
fn possible(test: &Expr, on_true: Told, on_false: Told) -> (Told, Told) {
    match constant(test) {
        Some(true) => (on_true, Told::Nobody),
        Some(false) => (Told::Nobody, on_false),
        None => (on_true, on_false),
    }
}

/// How many compound statements end where this one does, inside it.
fn trailing(stmt: &Stmt) -> usize {
    let last = crate::parse::suites(stmt).into_iter().rev().find_map(<[Stmt]>::last);
    match last {
        Some(inner @ (Stmt::For(_) | Stmt::While(_) | Stmt::If(_))) => 1 + trailing(inner),
        _ => 0,
    }
}

fn inner_of(ctx: Context) -> Context {
    Context { opens: false, ..ctx }
}
