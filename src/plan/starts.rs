//! Lines on which the code of several functions may start.
//!
//! Firmware with `sys.settrace` tells functions apart by the first line of their
//! code. A tracer that wants to leave out those of which it has seen all has to know
//! where that line may stand for several.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::model::Line;
use crate::parse::Parsed;

/// Those lines: all of lambdas and comprehensions, and all before the bodies of
/// functions and classes. A body starts on a line of its own, where nothing but a
/// function defined there could start as well.
///
/// Functions that may catch exceptions are with them, all of their lines: an
/// exception is when it is seen whether there is memory to report calls, so those
/// functions have to be traced always.
#[must_use]
pub fn shared(parsed: &Parsed) -> BTreeSet<Line> {
    let mut finder = Finder { parsed, functions: Vec::new(), lines: BTreeSet::new() };
    finder.visit_body(parsed.body());
    finder.lines
}

struct Finder<'a> {
    parsed: &'a Parsed,
    /// The functions that the place is in.
    functions: Vec<TextRange>,
    lines: BTreeSet<Line>,
}

impl Finder<'_> {
    fn note(&mut self, range: TextRange) {
        let (first, last) = (self.parsed.line_of(range.start()), self.parsed.line_of(range.end()));
        self.lines.extend((first.0..=last.0).map(Line));
    }

    /// The lines up to a body, and that of the body where it stands behind the colon.
    fn head(&mut self, range: TextRange, name: TextSize, body: &[Stmt]) {
        let Some(first) = body.first() else { return };
        let below = self.parsed.line_of(first.start()).0;
        let is_same = self.parsed.statement_line(name) == self.parsed.statement_line(first.start());
        let top = self.parsed.line_of(range.start()).0;
        self.lines.extend((top..below).map(Line));
        if is_same {
            self.note(first.range());
        }
    }
}

impl<'a> Visitor<'a> for Finder<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => {
                self.head(function.range, function.name.start(), &function.body);
                self.functions.push(function.range);
                walk_stmt(self, stmt);
                self.functions.pop();
                return;
            }
            Stmt::ClassDef(class) => self.head(class.range, class.name.start(), &class.body),
            Stmt::Try(_) | Stmt::With(_) => {
                if let Some(function) = self.functions.last().copied() {
                    self.note(function);
                }
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if matches!(
            expr,
            Expr::Lambda(_)
                | Expr::ListComp(_)
                | Expr::SetComp(_)
                | Expr::DictComp(_)
                | Expr::Generator(_)
        ) {
            self.note(expr.range());
        }
        walk_expr(self, expr);
    }
}
