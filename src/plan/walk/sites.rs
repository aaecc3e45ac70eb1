//! Where in the text a point between statements is.

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextSize};

use super::super::flow::wholly_constant;
use super::super::integers::is_range;
use super::super::marks::{ElseMark, Gap, Site};
use super::{Context, Walker};
use crate::model::{Line, SensorId, Span};

/// Where the header of a statement ends: for a compound one, in front of its
/// first suite.
pub(super) fn head_end(stmt: &Stmt) -> TextSize {
    match stmt {
        Stmt::If(s) => s.test.end(),
        Stmt::While(s) => s.test.end(),
        Stmt::For(s) => s.iter.end(),
        Stmt::With(s) => s.items.last().map_or(stmt.start(), Ranged::end),
        Stmt::Try(_) | Stmt::Match(_) => stmt.start(),
        Stmt::FunctionDef(s) => s.parameters.end(),
        Stmt::ClassDef(s) => s.arguments.as_ref().map_or(s.name.end(), |a| a.end()),
        simple => simple.end(),
    }
}

fn is_compound(stmt: &Stmt) -> bool {
    matches!(
        stmt,
        Stmt::FunctionDef(_)
            | Stmt::ClassDef(_)
            | Stmt::For(_)
            | Stmt::While(_)
            | Stmt::If(_)
            | Stmt::With(_)
            | Stmt::Match(_)
            | Stmt::Try(_)
    )
}

/// The expression that a compound statement evaluates before anything else,
/// and that may be wrapped without changing what it means.
fn wrappable(stmt: &Stmt) -> Option<&Expr> {
    match stmt {
        Stmt::If(s) if wholly_constant(&s.test).is_none() => Some(&s.test),
        Stmt::While(s) if wholly_constant(&s.test).is_none() => Some(&s.test),
        Stmt::For(s) => Some(first_evaluated(&s.iter)),
        Stmt::With(s) => s.items.first().map(|item| &item.context_expr),
        _ => None,
    }
}

/// What the iterable of a `for` evaluates first. A call of `range` stays at the
/// top, for MicroPython makes a plain counting loop of it, without an object;
/// it evaluates the end before the start unless the end is a literal.
fn first_evaluated(iterable: &Expr) -> &Expr {
    let Expr::Call(call) = iterable else { return iterable };
    let plain = is_range(iterable)
        && call.arguments.keywords.is_empty()
        && !call.arguments.args.iter().any(|a| matches!(a, Expr::Starred(_) | Expr::Generator(_)));
    match &*call.arguments.args {
        [only] if plain => only,
        [start, end, ..] if plain => match end {
            Expr::NumberLiteral(_) => start,
            _ => end,
        },
        _ => iterable,
    }
}

impl Walker<'_> {
    /// The point in front of a statement.
    pub(super) fn site(&self, suite: &[Stmt], index: usize) -> Site {
        let stmt = &suite[index];
        let line = self.parsed.line_of(stmt.start());
        if !is_compound(stmt) {
            let at = self.parsed.at(stmt.start());
            let behind = self.simple_end(Some(stmt)).filter(|_| self.is_behind_byte_order_mark(at));
            return match behind {
                Some(end) => Site::Gap(Gap {
                    after: Some(end),
                    free: Vec::new(),
                    indent: self.indent(stmt),
                    header: None,
                    repeats: false,
                    untyped: false,
                    line_start: self.parsed.lines().start(line),
                }),
                None => Site::Simple { at },
            };
        }
        let previous = index.checked_sub(1).map(|i| &suite[i]);
        let free_from = match previous {
            Some(previous) => Line(self.parsed.line_of(previous.end()).0 + 1),
            None => self.free_above(line),
        };
        Site::Gap(Gap {
            after: self.simple_end(previous),
            free: self.free_lines(free_from, line),
            indent: self.indent(stmt),
            header: wrappable(stmt).map(|e| self.span_with_parentheses(e)),
            repeats: matches!(stmt, Stmt::While(_)),
            untyped: match stmt {
                Stmt::For(s) => std::ptr::eq(first_evaluated(&s.iter), &*s.iter),
                _ => true,
            },
            line_start: self.parsed.lines().start(line),
        })
    }

    /// Does a byte order mark stand right before this? To MicroPython it is
    /// the first letter of what follows, so that nothing may come between.
    fn is_behind_byte_order_mark(&self, at: u32) -> bool {
        at == 3 && self.parsed.text().starts_with(b"\xEF\xBB\xBF")
    }

    /// The point behind the last statement of a suite.
    pub(super) fn gap_behind(&self, suite: &[Stmt]) -> Site {
        let last = suite.last().expect("an empty suite has no end to mark");
        let below = Line(self.parsed.line_of(last.end()).0 + 1);
        Site::Gap(Gap {
            after: self.simple_end(Some(last)),
            free: self.free_below(below),
            indent: self.indent(&suite[0]),
            header: None,
            repeats: false,
            untyped: false,
            line_start: self.parsed.lines().start(self.next_code(below)),
        })
    }

    /// End of a simple statement behind which another may follow on its line.
    fn simple_end(&self, stmt: Option<&Stmt>) -> Option<u32> {
        let stmt = stmt.filter(|s| !is_compound(s) && !self.flow.is_dead(s))?;
        let goes_on =
            !matches!(stmt, Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_));
        goes_on.then(|| self.parsed.at(stmt.end()))
    }

    fn indent(&self, stmt: &Stmt) -> Span {
        let start = self.parsed.at(stmt.start());
        Span::new(self.parsed.lines().start(self.parsed.lines().line(start)), start)
    }

    /// First of the free lines directly above a line.
    fn free_above(&self, line: Line) -> Line {
        let mut first = line;
        while first.0 > 1 && self.parsed.logical().is_free(Line(first.0 - 1)) {
            first = Line(first.0 - 1);
        }
        first
    }

    /// The usable blank and comment lines from one line up to another.
    pub(super) fn free_lines(&self, from: Line, to: Line) -> Vec<Line> {
        (from.0..to.0).map(Line).filter(|line| self.is_usable(*line)).collect()
    }

    /// The usable blank and comment lines from this one down to the next code.
    pub(super) fn free_below(&self, from: Line) -> Vec<Line> {
        self.free_lines(from, self.next_code(from))
    }

    /// The first line from this one down that is not free, or the last of all.
    pub(super) fn next_code(&self, from: Line) -> Line {
        let count = self.parsed.lines().count();
        let mut to = from;
        while to.0 < count && self.parsed.logical().is_free(to) {
            to = Line(to.0 + 1);
        }
        to
    }

    /// May a statement stand on this blank or comment line? Not where it would
    /// move a coding cookie or a `#!`.
    fn is_usable(&self, line: Line) -> bool {
        let text = self.parsed.lines().text(line, self.parsed.text());
        let body = text.trim_ascii_start();
        let plain = text.iter().take(text.len() - body.len()).all(|b| matches!(b, b' ' | b'\t'));
        let cookie =
            line.0 <= 2 && (body.starts_with(b"#!") || body.windows(6).any(|w| w == b"coding"));
        let last = line.0 == self.parsed.lines().count();
        let blank_ok = body.is_empty() || body[0] == b'#';
        self.parsed.logical().is_free(line) && plain && blank_ok && !cookie && !last
    }

    /// The span of an expression with the parentheses that stand around it
    /// alone.
    pub(super) fn span_with_parentheses(&self, expr: &Expr) -> Span {
        let mut span = expr.range();
        loop {
            let before = self.parsed.tokens().before(span.start());
            let after = self.parsed.tokens().after(span.end());
            let skip =
                |kind: TokenKind| matches!(kind, TokenKind::Comment | TokenKind::NonLogicalNewline);
            let open = before.iter().rev().find(|t| !skip(t.kind()));
            let close = after.iter().find(|t| !skip(t.kind()));
            match (open, close) {
                (Some(open), Some(close))
                    if open.kind() == TokenKind::Lpar
                        && close.kind() == TokenKind::Rpar
                        && !self.is_call_parenthesis(open.start()) =>
                {
                    span = ruff_text_size::TextRange::new(open.start(), close.end());
                }
                _ => return self.parsed.span(span),
            }
        }
    }

    /// Does this `(` call something, or belong to a `class` or `def`?
    fn is_call_parenthesis(&self, at: TextSize) -> bool {
        let before = self.parsed.tokens().before(at);
        before.last().is_some_and(|t| {
            matches!(
                t.kind(),
                TokenKind::Name
                    | TokenKind::Rpar
                    | TokenKind::Rsqb
                    | TokenKind::Rbrace
                    | TokenKind::String
                    | TokenKind::FStringEnd
            )
        })
    }

    /// The names in the text that a name of ours could collide with.
    pub(super) fn underscore_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .parsed
            .tokens()
            .iter()
            .filter(|t| t.kind() == TokenKind::Name)
            .map(|t| self.parsed.span(t.range()))
            .map(|s| &self.parsed.text()[s.start as usize..s.end as usize])
            .filter(|name| name.starts_with(b"_"))
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The usable free lines behind a statement.
    pub(super) fn free_behind(&self, suite: &[Stmt], index: usize) -> Vec<Line> {
        let below = Line(self.parsed.line_of(suite[index].end()).0 + 1);
        self.free_below(below)
    }

    /// An `else` of our own behind a statement.
    pub(super) fn else_mark(
        &mut self,
        sensor: SensorId,
        suite: &[Stmt],
        index: usize,
        ctx: Context,
    ) {
        let stmt = &suite[index];
        let start = self.parsed.at(stmt.start());
        let line_start = self.parsed.lines().start(self.parsed.lines().line(start));
        let below = Line(self.parsed.line_of(stmt.end()).0 + 1);
        let has_below = below.0 <= self.parsed.lines().count();
        let mark = ElseMark {
            frame: ctx.frame,
            in_loop: ctx.loops > 0,
            sensor,
            free: self.free_behind(suite, index),
            indent: crate::model::Span::new(line_start, start),
            line_start: has_below.then(|| self.parsed.lines().start(self.next_code(below))),
        };
        self.elses.push(mark);
    }
}
