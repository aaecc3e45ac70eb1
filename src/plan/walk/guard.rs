//! The suite that only the script runs.

use std::collections::BTreeSet;

use ruff_python_ast::{CmpOp, Expr, Stmt};
use ruff_text_size::Ranged;

use crate::model::Line;
use crate::parse::Parsed;

/// Excludes the suite of `if __name__ == "__main__":` at the top of a module.
pub(in super::super) fn exclude_main_guard(parsed: &Parsed, excluded: &mut BTreeSet<Line>) {
    for stmt in parsed.body() {
        let Stmt::If(s) = stmt else { continue };
        let Expr::Compare(test) = &*s.test else { continue };
        let sides = (&*test.left, &test.comparators[..]);
        let is_name = |e: &Expr| matches!(e, Expr::Name(n) if n.id == "__name__");
        let is_main =
            |e: &Expr| matches!(e, Expr::StringLiteral(t) if t.value.to_str() == "__main__");
        let guards = matches!(sides, (left, [right])
            if (is_name(left) && is_main(right)) || (is_main(left) && is_name(right)));
        if guards && matches!(&*test.ops, [CmpOp::Eq]) {
            let first = parsed.statement_line(stmt.start());
            let last = s.body.last().map_or(first, |b| parsed.line_of(b.end()));
            excluded.extend((first.0..=last.0).map(Line));
        }
    }
}
