//! Where the suites of `elif` end that no other clause follows.

use ruff_python_ast::Stmt;
use ruff_text_size::Ranged;

use super::{Parsed, suites};
use crate::model::{Line, Span};

/// The suite of an `elif` behind which there is neither another one nor an `else`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastElif {
    /// The line of the `elif`.
    pub line: Line,
    /// What stands on the line of its first statement before that: white space, unless
    /// the suite shares its line with the `elif`.
    pub indent: Span,
    /// The line that it ends on.
    pub below: Line,
}

/// Finds those of a file, the outer ones first.
#[must_use]
pub fn last_elifs(parsed: &Parsed) -> Vec<LastElif> {
    let mut found = Vec::new();
    collect(parsed, parsed.body(), &mut found);
    found
}

fn collect(parsed: &Parsed, suite: &[Stmt], found: &mut Vec<LastElif>) {
    for stmt in suite {
        if let Stmt::If(s) = stmt
            && let Some(clause) = s.elif_else_clauses.last().filter(|clause| clause.test.is_some())
            && let [first, ..] = &clause.body[..]
        {
            let at = parsed.at(first.start());
            found.push(LastElif {
                line: parsed.statement_line(clause.start()),
                indent: Span::new(parsed.lines().start(parsed.lines().line(at)), at),
                below: parsed.line_of(clause.body.last().unwrap_or(first).end()),
            });
        }
        for inner in suites(stmt) {
            collect(parsed, inner, found);
        }
    }
}
