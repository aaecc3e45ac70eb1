//! Definitions, `try`, and excluded statements.

use ruff_python_ast::{Decorator, ExceptHandler, Expr, Stmt, StmtTry};
use ruff_text_size::Ranged;
use smallvec::smallvec;

use super::super::lines::Place;
use super::super::marks::{Action, DecoratorMark, Frame, FrameId, FrameKind, Gap, Site};
use std::collections::BTreeSet;

use super::super::names;
use super::{Context, Here, Walker};
use crate::model::{Evidence, Level, Line, NotMeasured, Scope, ScopeKind};

/// How MicroPython compiles a decorated function.
enum Compiled {
    Bytecode,
    Viper,
    /// Not Python at all inside: the decorator's name.
    Assembler(String),
}

impl<'a> Walker<'a> {
    pub(super) fn definition(
        &mut self,
        stmt: &'a Stmt,
        here: Here,
        evidence: &Evidence,
        ctx: Context,
    ) -> Here {
        let (decorators, name) = match stmt {
            Stmt::FunctionDef(s) => (&s.decorator_list, &s.name),
            Stmt::ClassDef(s) => (&s.decorator_list, &s.name),
            _ => unreachable!("only definitions come here"),
        };
        let line = self.parsed.statement_line(name.start());
        let end = self.parsed.line_of(super::sites::head_end(stmt)).max(line);
        // The lines below a decorator are reached when it has been evaluated.
        let mut reached = evidence.clone();
        for decorator in decorators {
            self.value(&decorator.expression, ctx);
            let at = self.parsed.statement_line(decorator.start());
            self.count(at, self.parsed.line_of(decorator.end()), &reached);
            if self.at_level(Level::Line) && !is_left_alone(decorator) {
                let sensor = self.sensor();
                let span = self.parsed.span(decorator.expression.range());
                self.decorator_marks.push(DecoratorMark { sensor, span });
                reached = Evidence::one(sensor);
            }
        }
        self.count(line, end, &reached);
        self.started.insert(stmt.start(), reached);
        match stmt {
            Stmt::FunctionDef(s) => {
                for parameter in &*s.parameters {
                    if let Some(default) = parameter.default() {
                        self.value(default, ctx);
                    }
                }
                self.function(s, line);
                if self.bound.cannot_raise(stmt) { here } else { self.behind(&here) }
            }
            Stmt::ClassDef(s) => {
                let plain = s.decorator_list.is_empty() && s.arguments.is_none();
                for argument in s.arguments.iter().flat_map(|a| a.iter_source_order()) {
                    self.value(argument.value(), ctx);
                }
                let entry = match self.inside_at_once(&here) {
                    // The first mark registers the file: it stays in the module.
                    Here::Open { evidence, mark: Some(0) } if plain => {
                        Here::Open { evidence, mark: None }
                    }
                    other if plain => other,
                    _ => Here::Fresh,
                };
                let frame = self.frame(FrameKind::Class, None);
                let inner = Context {
                    frame,
                    place: Place::Class,
                    loops: 0,
                    in_comp: false,
                    in_field: false,
                    opens: true,
                };
                let scope = self.open_scope(ScopeKind::Class, s.name.as_str(), line, stmt);
                let slot = self.suites.len();
                self.suites.push(crate::model::Suite { line, evidence: Evidence::default() });
                self.bound.enter_opaque();
                let loops = std::mem::take(&mut self.loops);
                let body = self.suite(&s.body, entry, inner);
                self.loops = loops;
                self.bound.leave();
                self.suites[slot].evidence = body.entered.clone();
                self.scopes[scope].entered = body.entered;
                self.behind(&here)
            }
            _ => here,
        }
    }

    fn function(&mut self, def: &'a ruff_python_ast::StmtFunctionDef, line: Line) {
        let kind = match compiled(&def.decorator_list) {
            Compiled::Assembler(reason) => {
                let first = def.body.first().map_or(line, |s| self.parsed.line_of(s.start()));
                let end_line = self.parsed.line_of(def.end());
                self.not_measured.push(NotMeasured { line: first, end_line, reason });
                return;
            }
            Compiled::Viper => FrameKind::Viper,
            Compiled::Bytecode => FrameKind::Function,
        };
        let start = def
            .body
            .iter()
            .enumerate()
            .find(|(i, s)| {
                (*i != 0 || !super::is_docstring(s))
                    && !matches!(s, Stmt::Global(_) | Stmt::Nonlocal(_))
            })
            .map(|(i, _)| self.site(&def.body, i));
        let frame = self.frame(kind, start);
        let own = names::of_function(&def.parameters, &def.body);
        let parameters: BTreeSet<&str> = def.parameters.iter().map(|p| p.name().as_str()).collect();
        self.frames[frame.0].parameters = parameters.len();
        self.frames[frame.0].own = names::by_use(&(&own - &parameters), &def.body);
        self.own_names.insert(frame, own);
        let ctx = Context {
            frame,
            place: Place::Function,
            loops: 0,
            in_comp: false,
            in_field: false,
            opens: true,
        };
        let scope = {
            let end = self.parsed.line_of(def.end());
            self.open_scope_at(ScopeKind::Function, def.name.as_str(), line, end, &def.body)
        };
        self.bound.enter(&def.parameters, &def.body);
        let (loops, slots) = (std::mem::take(&mut self.loops), std::mem::take(&mut self.slots));
        let end = self.inner_suite(&def.body, Here::Fresh, ctx, line);
        (self.loops, self.slots) = (loops, slots);
        self.bound.leave();
        self.scopes[scope].entered = end.entered;
    }

    pub(super) fn frame(&mut self, kind: FrameKind, start: Option<Site>) -> FrameId {
        self.frames.push(Frame { kind, start, parameters: 0, own: Vec::new() });
        FrameId(self.frames.len() - 1)
    }

    fn open_scope(&mut self, kind: ScopeKind, name: &str, line: Line, stmt: &Stmt) -> usize {
        let end = self.parsed.line_of(stmt.end());
        let Stmt::ClassDef(s) = stmt else { unreachable!("a class scope is a class") };
        self.open_scope_at(kind, name, line, end, &s.body)
    }

    fn open_scope_at(
        &mut self,
        kind: ScopeKind,
        name: &str,
        line: Line,
        end_line: Line,
        body: &[Stmt],
    ) -> usize {
        // Scopes are in source order, so the enclosing ones are those before
        // that have not ended yet.
        let outer = self
            .scopes
            .iter()
            .rev()
            .find(|scope| scope.end_line >= end_line && scope.line < line)
            .map(|scope| format!("{}.", scope.name))
            .unwrap_or_default();
        let body_line = body.first().map_or(line, |s| self.parsed.line_of(s.start()));
        self.scopes.push(Scope {
            kind,
            name: format!("{outer}{name}"),
            line,
            body_line,
            end_line,
            entered: Evidence::default(),
        });
        self.scopes.len() - 1
    }

    pub(super) fn try_stmt(&mut self, s: &'a StmtTry, here: Here, ctx: Context) -> Here {
        let line = self.parsed.statement_line(s.start());
        // Entering a `try` cannot fail: what shows the statement shows its body.
        let entry = self.inside_at_once(&here);
        self.inner_suite(&s.body, entry, ctx, line);
        for handler in &s.handlers {
            let ExceptHandler::ExceptHandler(h) = handler;
            let at = self.parsed.statement_line(h.start());
            let excluded = self.excluded.contains(&at);
            let mut entry = Here::Fresh;
            if let Some(types) = &h.type_ {
                if self.at_level(Level::Line) && !excluded {
                    let id = self.sensor();
                    let header = Some(self.span_with_parentheses(types));
                    let gap = Gap {
                        after: None,
                        free: Vec::new(),
                        indent: crate::model::Span::new(0, 0),
                        header,
                        repeats: false,
                        untyped: true,
                        line_start: 0,
                    };
                    self.mark_point(smallvec![Action::Fire(id)], Site::Gap(gap), ctx);
                    self.count(at, at, &Evidence::one(id));
                    self.started.insert(h.start(), Evidence::one(id));
                }
                self.value(types, ctx);
            } else if !excluded {
                let id = self.sensor();
                let evidence = Evidence::one(id);
                self.count(at, at, &evidence);
                self.started.insert(h.start(), evidence.clone());
                entry = Here::Due { actions: smallvec![Action::Fire(id)], evidence };
            }
            let end = self.inner_suite(&h.body, entry, ctx, at);
            if !self.at_level(Level::Line) {
                self.count(at, at, &end.entered);
            }
        }
        if !s.orelse.is_empty() {
            let opener = self.line_above(&s.orelse);
            self.inner_suite(&s.orelse, Here::Fresh, ctx, opener);
        }
        if !s.finalbody.is_empty() {
            let opener = self.line_above(&s.finalbody);
            self.inner_suite(&s.finalbody, Here::Fresh, ctx, opener);
        }
        self.behind(&here)
    }

    /// Line of the `else:` or `finally:` that opens a suite.
    pub(super) fn line_above(&self, suite: &[Stmt]) -> Line {
        use ruff_python_ast::token::TokenKind;
        let start = suite[0].start();
        let colon = self
            .parsed
            .tokens()
            .before(start)
            .iter()
            .rev()
            .find(|t| t.kind() == TokenKind::Colon)
            .map_or(start, Ranged::start);
        self.parsed.line_of(colon)
    }

    /// An excluded statement gets no sensor, but a suite under it may be
    /// outside the exclusion (an `else`, say).
    pub(super) fn excluded_stmt(&mut self, stmt: &'a Stmt, ctx: Context) {
        let inner = match stmt {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => return,
            Stmt::For(_) | Stmt::While(_) => Context { loops: ctx.loops + 1, opens: false, ..ctx },
            _ => Context { opens: false, ..ctx },
        };
        let is_loop = matches!(stmt, Stmt::For(_) | Stmt::While(_));
        if is_loop {
            self.loops.push(super::LoopExit { on_break: None });
        }
        for suite in crate::parse::suites(stmt) {
            let counted = suite.iter().any(|s| !self.is_excluded(s.start()));
            if counted && !suite.is_empty() {
                let opener = self.line_above(suite);
                self.inner_suite(suite, Here::Fresh, inner, opener);
            }
        }
        if is_loop {
            self.loops.pop();
        }
    }
}

/// Is this decorator one of the language's own? Those are there for sure, and
/// MicroPython knows some of them by their names.
fn is_left_alone(decorator: &Decorator) -> bool {
    let callee = match &decorator.expression {
        Expr::Call(call) => dotted(&call.func),
        other => dotted(other),
    };
    let Some(name) = callee else { return false };
    let last = name.rsplit('.').next().unwrap_or(&name);
    name.starts_with("micropython.")
        || last.starts_with("asm_")
        || matches!(&*name, "property" | "staticmethod" | "classmethod")
        || (last != name && matches!(last, "getter" | "setter" | "deleter"))
}

fn dotted(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Name(name) => Some(name.id.to_string()),
        Expr::Attribute(a) => dotted(&a.value).map(|base| format!("{base}.{}", a.attr)),
        _ => None,
    }
}

fn compiled(decorators: &[Decorator]) -> Compiled {
    for decorator in decorators {
        let callee = match &decorator.expression {
            Expr::Call(call) => dotted(&call.func),
            other => dotted(other),
        };
        let Some(name) = callee else { continue };
        let last = name.rsplit('.').next().unwrap_or(&name);
        if last.starts_with("asm_") {
            return Compiled::Assembler(last.to_owned());
        }
        if name == "micropython.viper" {
            return Compiled::Viper;
        }
    }
    Compiled::Bytecode
}
