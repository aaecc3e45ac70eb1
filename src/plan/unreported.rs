//! Which lines may lock the heap, or have something called that is not reported.
//!
//! Firmware with `sys.settrace` needs memory to report a call, reports nothing of
//! what it starts by itself while a tracer runs, and nothing of other threads. So for
//! those who see lines only, what is called then does not run.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_keyword, walk_stmt};
use ruff_python_ast::{Alias, Expr, Keyword, Stmt};
use ruff_text_size::{Ranged, TextSize};

use crate::model::Line;
use crate::parse::Parsed;

/// Names of functions that lock the heap, or have others called by interrupts or in threads.
const NAMES: [&str; 5] = ["heap_lock", "ExtInt", "Timer", "irq", "start_new_thread"];

/// The module and the name of the function that has others called at some later point. Other modules have functions of
/// this name, so it counts only in files that import the module.
const SCHEDULE: (&str, &str) = ("micropython", "schedule");

/// Arguments that ask for calls in the midst of an interrupt, `machine`'s and
/// `ffi`'s.
const ARGUMENTS: [&str; 2] = ["hard", "lock"];

/// The first lines of the logical lines that speak of such a thing.
#[must_use]
pub fn of(parsed: &Parsed) -> BTreeSet<Line> {
    let mut finder =
        Finder { parsed, lines: BTreeSet::new(), scheduling: BTreeSet::new(), imported: false };
    finder.visit_body(parsed.body());
    if finder.imported {
        finder.lines.append(&mut finder.scheduling);
    }
    finder.lines
}

struct Finder<'a> {
    parsed: &'a Parsed,
    lines: BTreeSet<Line>,
    /// The lines with the name of [`SCHEDULE`].
    scheduling: BTreeSet<Line>,
    /// Is its module imported?
    imported: bool,
}

impl Finder<'_> {
    fn note(&mut self, at: TextSize, name: &str) {
        if NAMES.contains(&name) {
            self.lines.insert(self.parsed.statement_line(at));
        } else if name == SCHEDULE.1 {
            self.scheduling.insert(self.parsed.statement_line(at));
        }
    }
}

impl<'a> Visitor<'a> for Finder<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        self.imported |= match stmt {
            Stmt::Import(import) => import.names.iter().any(|alias| &*alias.name == SCHEDULE.0),
            Stmt::ImportFrom(from) => from.module.as_deref() == Some(SCHEDULE.0),
            _ => false,
        };
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => self.note(name.start(), &name.id),
            Expr::Attribute(attribute) => self.note(attribute.start(), &attribute.attr),
            // For `getattr`.
            Expr::StringLiteral(text) => self.note(text.start(), text.value.to_str()),
            _ => {}
        }
        walk_expr(self, expr);
    }

    fn visit_keyword(&mut self, keyword: &'a Keyword) {
        let is_false = matches!(&keyword.value, Expr::BooleanLiteral(b) if !b.value);
        let name = keyword.arg.as_ref().map(|name| name.as_str());
        if name.is_some_and(|name| ARGUMENTS.contains(&name)) && !is_false {
            self.lines.insert(self.parsed.statement_line(keyword.start()));
        }
        walk_keyword(self, keyword);
    }

    fn visit_alias(&mut self, alias: &'a Alias) {
        self.note(alias.start(), &alias.name);
    }
}
