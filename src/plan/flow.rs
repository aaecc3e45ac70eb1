//! Which statements control can reach, and which suites it can leave at their end.
//!
//! The answers are those of CPython's compiler, whose dead code coverage.py
//! does not count: nothing follows `return`, `raise`, `break`, `continue`, an
//! endless loop, or an `if` all of whose arms leave; a constant test has one arm.

use std::collections::HashSet;

use ruff_python_ast::{BoolOp, ExceptHandler, Expr, Number, Stmt, UnaryOp};
use ruff_text_size::{Ranged, TextSize};

/// What is known of the flow in one file; statements and suites are named by
/// where they (or their first statements) start.
#[derive(Debug, Default)]
pub(super) struct Flow {
    dead: HashSet<TextSize>,
    stuck: HashSet<TextSize>,
    leaving: HashSet<TextSize>,
    broken: HashSet<TextSize>,
    continued: HashSet<TextSize>,
}

impl Flow {
    /// Analyses a module.
    pub(super) fn of(body: &[Stmt]) -> Self {
        let mut flow = Self::default();
        flow.suite(body, true, &mut Vec::new());
        flow
    }

    /// Can control never reach this statement?
    pub(super) fn is_dead(&self, stmt: &Stmt) -> bool {
        self.dead.contains(&stmt.start())
    }

    /// Can control leave this suite at its end? An empty suite is left at once.
    pub(super) fn completes(&self, suite: &[Stmt]) -> bool {
        suite.first().is_none_or(|first| !self.stuck.contains(&first.start()))
    }

    /// Can control come behind this statement?
    pub(super) fn goes_on(&self, stmt: &Stmt) -> bool {
        !self.leaving.contains(&stmt.start())
    }

    /// Does a reachable `break` leave the loop that starts here?
    pub(super) fn has_break(&self, at: TextSize) -> bool {
        self.broken.contains(&at)
    }

    /// Does a `continue`, reachable or not, go to the end of the loop that starts here?
    pub(super) fn has_continue(&self, at: TextSize) -> bool {
        self.continued.contains(&at)
    }

    fn suite(&mut self, suite: &[Stmt], live: bool, loops: &mut Vec<TextSize>) -> bool {
        let mut live = live;
        for stmt in suite {
            if !live {
                self.dead.insert(stmt.start());
            }
            let goes_on = self.stmt(stmt, live, loops);
            if !goes_on {
                self.leaving.insert(stmt.start());
            }
            live &= goes_on;
        }
        if let (Some(first), false) = (suite.first(), live) {
            self.stuck.insert(first.start());
        }
        live
    }

    fn stmt(&mut self, stmt: &Stmt, live: bool, loops: &mut Vec<TextSize>) -> bool {
        match stmt {
            Stmt::Return(_) | Stmt::Raise(_) => false,
            Stmt::Continue(_) => {
                self.continued.extend(loops.last());
                false
            }
            Stmt::Break(_) => {
                if let (true, Some(innermost)) = (live, loops.last()) {
                    self.broken.insert(*innermost);
                }
                false
            }
            Stmt::Assert(s) => constant(&s.test) != Some(false),
            Stmt::If(s) => {
                let mut falls = false;
                let mut reached = live;
                let first = std::iter::once((Some(&*s.test), &s.body));
                let rest = s.elif_else_clauses.iter().map(|c| (c.test.as_ref(), &c.body));
                for (test, body) in first.chain(rest) {
                    let truth = test.map_or(Some(true), constant);
                    falls |= self.suite(body, reached && truth != Some(false), loops);
                    reached &= truth != Some(true);
                }
                falls || reached
            }
            Stmt::While(s) => {
                let truth = constant(&s.test);
                loops.push(stmt.start());
                self.suite(&s.body, live && truth != Some(false), loops);
                loops.pop();
                let ends = self.suite(&s.orelse, live && truth != Some(true), loops);
                (ends && truth != Some(true)) || self.has_break(stmt.start())
            }
            Stmt::For(s) => {
                loops.push(stmt.start());
                self.suite(&s.body, live, loops);
                loops.pop();
                self.suite(&s.orelse, live, loops) || self.has_break(stmt.start())
            }
            Stmt::Try(s) => {
                let mut ends = self.suite(&s.body, live, loops);
                ends = self.suite(&s.orelse, ends, loops);
                for ExceptHandler::ExceptHandler(handler) in &s.handlers {
                    ends |= self.suite(&handler.body, live, loops);
                }
                self.suite(&s.finalbody, live, loops) && ends
            }
            Stmt::With(s) => {
                self.suite(&s.body, live, loops);
                live
            }
            Stmt::FunctionDef(s) => {
                self.suite(&s.body, live, &mut Vec::new());
                live
            }
            Stmt::ClassDef(s) => {
                self.suite(&s.body, live, &mut Vec::new());
                live
            }
            _ => live,
        }
    }
}

/// Can control leave the suite of this statement from inside of it?
pub(super) fn leaves(stmt: &Stmt) -> bool {
    let is_loop = matches!(stmt, Stmt::For(_) | Stmt::While(_));
    match stmt {
        Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_) => true,
        Stmt::FunctionDef(_) | Stmt::ClassDef(_) => false,
        _ => crate::parse::suites(stmt).into_iter().flatten().any(|inner| match inner {
            // These only leave the loop.
            Stmt::Break(_) | Stmt::Continue(_) => !is_loop,
            other => leaves(other),
        }),
    }
}

/// The truth of a test that is known without running it.
pub(super) fn constant(test: &Expr) -> Option<bool> {
    match test {
        Expr::BooleanLiteral(e) => Some(e.value),
        Expr::NoneLiteral(_) => Some(false),
        Expr::EllipsisLiteral(_) => Some(true),
        Expr::StringLiteral(e) => Some(!e.value.is_empty()),
        Expr::BytesLiteral(e) => Some(!e.value.is_empty()),
        Expr::NumberLiteral(e) => match &e.value {
            Number::Int(i) => Some(i.as_u64() != Some(0)),
            Number::Float(f) => Some(*f != 0.0),
            Number::Complex { real, imag } => Some(*real != 0.0 || *imag != 0.0),
        },
        Expr::Name(e) if e.id == "__debug__" => Some(true),
        Expr::Tuple(e) if e.is_empty() => Some(false),
        Expr::UnaryOp(e) if e.op == UnaryOp::Not => constant(&e.operand).map(|truth| !truth),
        // Either value is as true as the other.
        Expr::If(e) => constant(&e.body).filter(|truth| constant(&e.orelse) == Some(*truth)),
        Expr::BoolOp(e) => {
            let decides = e.op == BoolOp::Or;
            if e.values.iter().any(|v| constant(v) == Some(decides)) {
                Some(decides)
            } else if e.values.iter().all(|v| constant(v).is_some()) {
                Some(!decides)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// Is this a test that is constant as a whole, with nothing left to evaluate?
pub(super) fn wholly_constant(test: &Expr) -> Option<bool> {
    match test {
        Expr::UnaryOp(e) if e.op == UnaryOp::Not => wholly_constant(&e.operand).map(|t| !t),
        Expr::BoolOp(e) => {
            let all: Option<Vec<bool>> = e.values.iter().map(wholly_constant).collect();
            all.map(|truths| match e.op {
                BoolOp::Or => truths.contains(&true),
                BoolOp::And => !truths.contains(&false),
            })
        }
        // Its own test is left.
        Expr::If(_) => None,
        other => constant(other),
    }
}
