//! Which lines hold a statement, by coverage.py's definition: the first line
//! of each logical line for which CPython makes code.

use std::collections::BTreeSet;

use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged;

use super::flow::Flow;
use crate::model::Line;
use crate::parse::Parsed;

/// The frames that differ in what makes code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Module,
    Class,
    Function,
}

/// Is this first statement of a module, class or function its docstring?
pub(super) fn is_docstring(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Expr(e) if matches!(&*e.value, Expr::StringLiteral(_)))
}

/// Does CPython make code for this statement?
pub(super) fn has_code(stmt: &Stmt, place: Place) -> bool {
    match stmt {
        Stmt::Global(_) | Stmt::Nonlocal(_) => false,
        Stmt::AnnAssign(s) if s.value.is_none() => {
            place != Place::Function || !matches!(&*s.target, Expr::Name(_))
        }
        _ => true,
    }
}

/// The lines of a file that count.
#[derive(Debug, Default)]
pub(super) struct Countable {
    /// All lines that start a statement with code which control can reach.
    /// Arcs go between these.
    pub(super) with_code: BTreeSet<Line>,
    /// Those that are statements: that share no line with a docstring.
    pub(super) statements: BTreeSet<Line>,
}

/// Finds the lines that count.
pub(super) fn countable(parsed: &Parsed, flow: &Flow) -> Countable {
    let mut with_code = BTreeSet::new();
    let mut docstrings = BTreeSet::new();
    collect(parsed, flow, parsed.body(), Place::Module, true, &mut with_code, &mut docstrings);
    let statements = with_code.difference(&docstrings).copied().collect();
    Countable { with_code, statements }
}

fn collect(
    parsed: &Parsed,
    flow: &Flow,
    suite: &[Stmt],
    place: Place,
    opens: bool,
    lines: &mut BTreeSet<Line>,
    docstrings: &mut BTreeSet<Line>,
) {
    for (index, stmt) in suite.iter().enumerate() {
        let docstring = opens && index == 0 && is_docstring(stmt);
        if docstring {
            let (first, last) = (parsed.line_of(stmt.start()), parsed.line_of(stmt.end()));
            docstrings.extend((first.0..=last.0).map(Line));
        }
        if flow.is_dead(stmt) || docstring || !has_code(stmt, place) {
            continue;
        }
        lines.insert(parsed.statement_line(stmt.start()));
        let (inner, opens) = match stmt {
            Stmt::FunctionDef(s) => {
                lines.extend(s.decorator_list.iter().map(|d| parsed.statement_line(d.start())));
                lines.insert(parsed.statement_line(s.name.start()));
                (Place::Function, true)
            }
            Stmt::ClassDef(s) => {
                lines.extend(s.decorator_list.iter().map(|d| parsed.statement_line(d.start())));
                lines.insert(parsed.statement_line(s.name.start()));
                (Place::Class, true)
            }
            Stmt::If(s) => {
                let mut reached = super::flow::constant(&s.test) != Some(true);
                for clause in &s.elif_else_clauses {
                    let Some(test) = &clause.test else { break };
                    if reached {
                        lines.insert(parsed.statement_line(clause.start()));
                    }
                    reached &= super::flow::constant(test) != Some(true);
                }
                (place, false)
            }
            Stmt::Try(s) => {
                lines.extend(s.handlers.iter().map(|h| parsed.statement_line(h.start())));
                (place, false)
            }
            _ => (place, false),
        };
        for body in crate::parse::suites(stmt) {
            collect(parsed, flow, body, inner, opens, lines, docstrings);
        }
    }
}
