//! Walks a file and makes its outline: knows what code MicroPython puts where.

use std::collections::BTreeSet;

use ruff_python_ast::{Decorator, ElifElseClause, ExceptHandler, Expr, Stmt};
use ruff_text_size::{Ranged, TextSize};

use super::super::constants::{find_constants, is_const_call, may_be_constant};
use super::super::flow::{Flow, leaves, wholly_constant};
use super::super::integers::is_range;
use super::super::lines::{Place, has_code, is_docstring};
use super::{Code, Fence, Outline, Shared, Step, Suite, Tail};
use crate::model::{Line, Span};
use crate::parse::Parsed;

/// What MicroPython puts behind a suite without a line of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// Nothing.
    Nothing,
    /// Code that runs when the suite has run to its end.
    Completing,
    /// Code that also runs when the suite raises.
    Raising,
    /// Code that runs without the suite, too.
    Anyhow,
}

/// Makes the outline of a file.
#[must_use]
pub fn outline(parsed: &Parsed) -> Outline {
    let flow = Flow::of(parsed.body());
    let mut constants = BTreeSet::from(["__debug__".to_owned()]);
    find_constants(parsed.body(), &mut constants);
    let mut maker = Maker {
        parsed,
        flow: &flow,
        constants,
        outline: Outline::default(),
        function: Function::default(),
    };
    let end = (After::Completing, Tail::Exit);
    maker.suite(parsed.body(), Place::Module, None, end, None);
    maker.outline
}

/// Does this decorator have a function compiled to native code? So does all in it.
fn is_native(decorator: &Decorator) -> bool {
    let Expr::Attribute(name) = &decorator.expression else { return false };
    matches!(&*name.value, Expr::Name(base) if base.id == "micropython")
        && matches!(name.attr.as_str(), "native" | "viper")
}

struct Maker<'a> {
    parsed: &'a Parsed,
    flow: &'a Flow,
    constants: BTreeSet<String>,
    outline: Outline,
    /// The function that the walk is in.
    function: Function,
}

/// What is known of a function, as far as it has been walked.
#[derive(Default)]
struct Function {
    /// Lines of `return`.
    returns: Vec<Line>,
    /// Those of them that a `finally` may take back.
    taken_back: Vec<Line>,
    /// Number of `try` statements around this place.
    tries: usize,
    /// Is it, or one around it, in native code?
    is_native: bool,
}

impl Maker<'_> {
    fn line(&self, at: TextSize) -> Line {
        self.parsed.statement_line(at)
    }

    fn may_be_constant(&self, expr: &Expr) -> bool {
        may_be_constant(expr, &self.constants)
    }

    fn code(&self, stmt: &Stmt) -> Code {
        let none = match stmt {
            Stmt::Pass(_) => true,
            Stmt::Expr(s) => self.may_be_constant(&s.value),
            Stmt::Assign(s) => is_const_call(&s.value),
            Stmt::AnnAssign(s) => s.value.is_none(),
            Stmt::If(s) => self.may_be_constant(&s.test),
            Stmt::While(s) => self.may_be_constant(&s.test),
            Stmt::Assert(s) => self.may_be_constant(&s.test),
            // With decorators its code counts for the first of those.
            Stmt::FunctionDef(s) if !s.decorator_list.is_empty() => return Code::Elsewhere,
            Stmt::ClassDef(s) if !s.decorator_list.is_empty() => return Code::Elsewhere,
            _ => false,
        };
        if none { Code::None } else { Code::Made }
    }

    /// Does the code of an `elif` begin with something that brings its line along?
    fn has_line(&self, test: &Expr) -> bool {
        match test {
            Expr::BoolOp(e) => e.values.first().is_some_and(|first| self.has_line(first)),
            Expr::UnaryOp(e) => e.op == ruff_python_ast::UnaryOp::Not && self.has_line(&e.operand),
            Expr::Compare(_) | Expr::Call(_) | Expr::Attribute(_) | Expr::Subscript(_) => true,
            _ => false,
        }
    }

    fn empty(&self, header: Option<Line>, place: Place) -> Suite {
        let in_function = place == Place::Function;
        Suite { header, in_function, is_native: self.function.is_native, ..Suite::default() }
    }

    /// Makes a suite and says its number; none for one that shares its line
    /// with its header.
    fn suite(
        &mut self,
        body: &[Stmt],
        place: Place,
        header: Option<Line>,
        (after, tail): (After, Tail),
        opener: Option<Line>,
    ) -> Option<usize> {
        let first = body.first()?;
        let at = self.parsed.at(first.start());
        let lines = self.parsed.lines();
        let indent = Span::new(lines.start(lines.line(at)), at);
        let own_line = self.is_indent(indent);
        if !own_line && opener == Some(self.line(first.start())) {
            self.outline.one_line.extend(opener);
            if body.iter().any(|stmt| matches!(stmt, Stmt::Return(_))) {
                self.function.returns.extend(opener);
            }
            return None;
        }
        let number = self.outline.suites.len();
        self.outline.suites.push(self.empty(header, place));
        let mut steps = Vec::new();
        let mut last = None;
        for (index, stmt) in body.iter().enumerate() {
            let docstring = index == 0 && tail == Tail::Exit && is_docstring(stmt);
            if self.flow.is_dead(stmt) || docstring || !has_code(stmt, place) {
                continue;
            }
            let step = self.step(stmt, place);
            steps.extend(self.decorators(stmt));
            steps.push(step);
            last = Some(stmt);
        }
        let plain = last.is_some_and(|stmt| !is_compound(stmt));
        let shared = match after {
            After::Nothing => false,
            After::Completing => !plain,
            After::Raising => !(steps.len() == 1 && plain),
            After::Anyhow => true,
        };
        let below = self.parsed.line_of(body.last().unwrap_or(first).end());
        let mut fences = Vec::new();
        if let (Some(stmt), Some(step)) = (last, steps.last()) {
            let ends = matches!(stmt, Stmt::Pass(_) | Stmt::Expr(_) | Stmt::Assign(_));
            let alone = step.code == Code::Elsewhere;
            if ends && step.code == Code::None {
                self.outline.suites[number].stand_in = Some(self.parsed.at(stmt.end()));
            } else if alone && own_line {
                fences.push(Fence { tail: Tail::Witness(step.line), text: "()", indent, below });
            }
        }
        if shared && own_line {
            fences.push(Fence { tail, text: "pass", indent, below });
        }
        if shared {
            let how = if own_line { Shared::Unfenced } else { Shared::Always };
            self.share_last(&mut steps, how);
        }
        self.outline.suites[number].fences = fences;
        self.outline.suites[number].steps = steps;
        Some(number)
    }

    /// Is this white space only, behind a byte order mark perhaps?
    fn is_indent(&self, span: Span) -> bool {
        let text = &self.parsed.text()[span.start as usize..span.end as usize];
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        text.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\x0c'))
    }

    /// The line of the last statement is reported for others too.
    fn share_last(&mut self, steps: &mut [Step], how: Shared) {
        let Some(last) = steps.last_mut() else { return };
        // Where a test may be a constant some of the suites may be left out.
        let inner = last.inner.clone();
        let is_test = last.code == Code::Made;
        let from = if is_test { inner.len().saturating_sub(1) } else { 0 };
        // A fence around it does not help one that has no place for a fence of its own.
        if (inner.is_empty() || !is_test || last.defines) && last.shared != Shared::Always {
            last.shared = how;
        }
        if last.defines {
            return;
        }
        for number in &inner[from..] {
            let mut steps = std::mem::take(&mut self.outline.suites[*number].steps);
            self.share_last(&mut steps, how);
            self.outline.suites[*number].steps = steps;
        }
    }

    /// Each decorator is a statement of its own.
    fn decorators(&self, stmt: &Stmt) -> Vec<Step> {
        let list = match stmt {
            Stmt::FunctionDef(s) => &s.decorator_list,
            Stmt::ClassDef(s) => &s.decorator_list,
            _ => return Vec::new(),
        };
        let mut steps: Vec<Step> =
            list.iter().map(|decorator| step_at(self.line(decorator.start()))).collect();
        for step in steps.iter_mut().skip(1) {
            step.code = Code::Elsewhere;
        }
        steps
    }

    fn step(&mut self, stmt: &Stmt, place: Place) -> Step {
        let line = match stmt {
            Stmt::FunctionDef(s) => self.line(s.name.start()),
            Stmt::ClassDef(s) => self.line(s.name.start()),
            other => self.line(other.start()),
        };
        let leaves =
            matches!(stmt, Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_));
        let mut step = Step {
            line,
            code: self.code(stmt),
            shared: Shared::No,
            goes_on: !is_compound(stmt) && !leaves,
            defines: matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)),
            inner: Vec::new(),
        };
        let opener = Some(line);
        match stmt {
            Stmt::Return(_) => self.function.returns.push(line),
            Stmt::If(s) => self.if_chain(&mut step, (&s.body, &s.elif_else_clauses), place),
            Stmt::While(s) => {
                // An endless loop has the jump back at its end, where `continue` goes as well.
                let again = match wholly_constant(&s.test) {
                    Some(true) if !self.flow.has_continue(stmt.start()) => After::Completing,
                    _ => After::Anyhow,
                };
                let end = (again, Tail::Loop(line));
                step.inner.extend(self.suite(&s.body, place, Some(line), end, opener));
                let end = (After::Nothing, Tail::Through);
                step.inner.extend(self.suite(&s.orelse, place, Some(line), end, opener));
            }
            Stmt::For(s) => {
                let counts = s.is_async || is_range(&s.iter);
                let (again, end) = match counts {
                    true => (After::Anyhow, After::Anyhow),
                    false => (After::Completing, After::Nothing),
                };
                let again = (again, Tail::Loop(line));
                step.inner.extend(self.suite(&s.body, place, Some(line), again, opener));
                let end = (end, Tail::Through);
                step.inner.extend(self.suite(&s.orelse, place, Some(line), end, opener));
                if counts && s.orelse.is_empty() && self.flow.has_break(stmt.start()) {
                    self.fence_end(&step, stmt);
                }
            }
            Stmt::With(s) => {
                let after =
                    if s.is_async || s.items.len() > 1 { After::Anyhow } else { After::Raising };
                let end = (after, Tail::Through);
                step.inner.extend(self.suite(&s.body, place, None, end, opener));
            }
            Stmt::Try(s) => self.try_parts(&mut step, s, place),
            Stmt::FunctionDef(s) => {
                let end = (After::Completing, Tail::Exit);
                let is_native = self.function.is_native || s.decorator_list.iter().any(is_native);
                let own = Function { is_native, ..Function::default() };
                let around = std::mem::replace(&mut self.function, own);
                let body = self.suite(&s.body, Place::Function, None, end, opener);
                let own = std::mem::replace(&mut self.function, around);
                if let Some(number) = body {
                    self.outline.suites[number].taken_back = own.taken_back;
                }
                step.inner.extend(body);
            }
            Stmt::ClassDef(s) => {
                let end = (After::Completing, Tail::Exit);
                step.inner.extend(self.suite(&s.body, Place::Class, None, end, opener));
            }
            _ => {}
        }
        step
    }

    /// A counting loop is left at one place, by `break` or at its end; an `else`
    /// tells which.
    fn fence_end(&mut self, step: &Step, stmt: &Stmt) {
        let at = self.parsed.at(stmt.start());
        let lines = self.parsed.lines();
        let indent = Span::new(lines.start(lines.line(at)), at);
        let below = self.parsed.line_of(stmt.end());
        if let Some(body) = step.inner.first().filter(|_| self.is_indent(indent)) {
            let fence = Fence { tail: Tail::Through, text: "else:()", indent, below };
            self.outline.suites[*body].fences.push(fence);
        }
    }

    fn if_chain(
        &mut self,
        step: &mut Step,
        (body, clauses): (&[Stmt], &[ElifElseClause]),
        place: Place,
    ) {
        let next = clauses.first().and_then(|clause| clause.test.as_ref());
        let bare = next.filter(|test| !self.has_line(test));
        let after = match (clauses.is_empty(), bare) {
            (true, _) => After::Nothing,
            (false, None) => After::Completing,
            // In a text with fences the test has its own line.
            (false, Some(_)) if self.last_is_compound(body) => After::Completing,
            (false, Some(_)) => After::Nothing,
        };
        let opener = Some(step.line);
        let first = self.suite(body, place, Some(step.line), (after, Tail::Through), opener);
        if let (Some(number), Some(test)) = (first, bare) {
            let mut steps = std::mem::take(&mut self.outline.suites[number].steps);
            self.share_last(&mut steps, Shared::Unfenced);
            self.outline.suites[number].steps = steps;
            self.outline.tests.push(self.parsed.span(test.range()));
        } else if let Some(test) = bare {
            self.outline.tests.push(self.parsed.span(test.range()));
        }
        step.inner.extend(first);
        let Some((clause, rest)) = clauses.split_first() else { return };
        let at = self.line(clause.start());
        let Some(test) = &clause.test else {
            let header = Some(step.line);
            let end = (After::Nothing, Tail::Through);
            step.inner.extend(self.suite(&clause.body, place, header, end, None));
            return;
        };
        // An `elif` is an `if` in the `else` of the one before.
        let number = self.outline.suites.len();
        self.outline.suites.push(self.empty(Some(step.line), place));
        let mut own = step_at(at);
        own.code = match (self.may_be_constant(test), bare) {
            (true, _) => Code::None,
            (false, Some(_)) => Code::Elsewhere,
            (false, None) => Code::Made,
        };
        self.if_chain(&mut own, (&clause.body, rest), place);
        self.outline.suites[number].steps = vec![own];
        step.inner.push(number);
    }

    fn last_is_compound(&self, body: &[Stmt]) -> bool {
        body.iter().rfind(|stmt| !self.flow.is_dead(stmt)).is_some_and(is_compound)
    }

    fn try_parts(&mut self, step: &mut Step, s: &ruff_python_ast::StmtTry, place: Place) {
        let opener = Some(step.line);
        let ends = (After::Completing, Tail::Through);
        let before = self.function.returns.len();
        self.function.tries += 1;
        step.inner.extend(self.suite(&s.body, place, None, ends, opener));
        let last = s.handlers.len().saturating_sub(1);
        let joins = !s.finalbody.is_empty();
        if !s.handlers.is_empty() {
            let number = self.outline.suites.len();
            self.outline.suites.push(self.empty(None, place));
            let mut steps = Vec::new();
            for (index, handler) in s.handlers.iter().enumerate() {
                let ExceptHandler::ExceptHandler(handler) = handler;
                let mut own = step_at(self.line(handler.start()));
                let unmatched = index == last && handler.type_.is_some();
                let after = match handler.name {
                    _ if unmatched || (index == last && joins) => After::Anyhow,
                    Some(_) => After::Raising,
                    None => After::Completing,
                };
                let end = (after, Tail::Through);
                let at = Some(own.line);
                own.inner.extend(self.suite(&handler.body, place, None, end, at));
                if own.inner.is_empty() && index == last && joins {
                    // On its line is the way into the `finally` that is behind it.
                    own.shared = Shared::Always;
                }
                steps.push(own);
            }
            self.outline.suites[number].steps = steps;
            step.inner.push(number);
        }
        let end = if joins { After::Anyhow } else { After::Nothing };
        step.inner.extend(self.suite(&s.orelse, place, None, (end, Tail::Through), None));
        let returns = self.function.returns[before..].to_vec();
        self.function.tries -= 1;
        if joins && (self.function.tries > 0 || s.finalbody.iter().any(leaves)) {
            self.function.taken_back.extend(&returns);
        }
        if let Some(number) = self.suite(&s.finalbody, place, None, ends, None) {
            self.outline.suites[number].returns = returns;
            step.inner.push(number);
        }
    }
}

fn step_at(line: Line) -> Step {
    Step {
        line,
        code: Code::Made,
        shared: Shared::No,
        goes_on: false,
        defines: false,
        inner: Vec::new(),
    }
}

/// Does this statement have suites that run as part of it?
fn is_compound(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::If(_) | Stmt::While(_) | Stmt::For(_) | Stmt::With(_) | Stmt::Try(_))
}
