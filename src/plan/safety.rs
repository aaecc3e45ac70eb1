//! Which statements cannot raise, so that no sensor is needed behind them.
//!
//! The rules are strict: constants, names that are surely bound locals,
//! identity tests of those, and arithmetic and comparisons of variables that
//! can only hold integers. Making a plain function object counts as safe;
//! anything that may run a program's own code, look up a global, or allocate
//! a container does not.

use std::collections::BTreeSet;

use ruff_python_ast::{CmpOp, Expr, Identifier, Parameters, Stmt};

use super::integers::{integers, is_exact, is_integer_expr};

/// The names that are surely bound, innermost function last.
#[derive(Debug, Default)]
pub(super) struct Bound<'a> {
    functions: Vec<Names<'a>>,
}

#[derive(Debug, Default)]
struct Names<'a> {
    bound: Vec<&'a str>,
    unsafe_names: Vec<&'a str>,
    integers: BTreeSet<&'a str>,
}

impl<'a> Bound<'a> {
    /// Enters a function: its parameters are bound unless its code declares
    /// them otherwise or deletes them.
    pub(super) fn enter(&mut self, parameters: &'a Parameters, body: &'a [Stmt]) {
        let mut unsafe_names = Vec::new();
        find_unsafe(body, &mut unsafe_names);
        let bound = parameters.iter().map(|p| p.name().as_str()).collect();
        let integers = integers(parameters, body);
        self.functions.push(Names { bound, unsafe_names, integers });
    }

    /// Leaves the innermost function.
    pub(super) fn leave(&mut self) {
        self.functions.pop();
    }

    /// Enters code whose names are no locals (a class body).
    pub(super) fn enter_opaque(&mut self) {
        self.functions.push(Names::default());
    }

    /// How much is known now, for [`Bound::forget`].
    pub(super) fn mark(&self) -> usize {
        self.functions.last().map_or(0, |names| names.bound.len())
    }

    /// Forgets what was learnt since the mark: a suite that need not run.
    pub(super) fn forget(&mut self, mark: usize) {
        if let Some(names) = self.functions.last_mut() {
            names.bound.truncate(mark);
        }
    }

    /// Learns from a statement that has completed, if it surely binds a name
    /// of a function.
    pub(super) fn learn(&mut self, stmt: &'a Stmt, in_function: bool) {
        let Some(names) = self.functions.last_mut().filter(|_| in_function) else { return };
        if let Stmt::Assign(assign) = stmt {
            for target in &assign.targets {
                if let Expr::Name(name) = target {
                    names.bound.push(name.id.as_str());
                }
            }
        }
    }

    /// Learns that a loop has given its variable a value.
    pub(super) fn learn_target(&mut self, target: &'a Expr) {
        if let (Some(names), Expr::Name(name)) = (self.functions.last_mut(), target) {
            names.bound.push(name.id.as_str());
        }
    }

    /// Is this an integer, computed without raising?
    fn is_safe_integer(&self, expr: &Expr) -> bool {
        let Some(names) = self.functions.last() else { return false };
        is_integer_expr(expr, &names.integers) && self.all_bound(expr)
    }

    fn all_bound(&self, expr: &Expr) -> bool {
        !ruff_python_ast::helpers::any_over_expr(
            expr,
            |e| matches!(e, Expr::Name(name) if !self.is_bound(&name.id)),
        )
    }

    fn is_bound(&self, name: &str) -> bool {
        self.functions
            .last()
            .is_some_and(|names| names.bound.contains(&name) && !names.unsafe_names.contains(&name))
    }

    /// Can evaluating this expression not raise?
    pub(super) fn is_safe(&self, expr: &Expr) -> bool {
        match expr {
            Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::BytesLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NoneLiteral(_)
            | Expr::EllipsisLiteral(_) => true,
            Expr::Name(name) => self.is_bound(&name.id),
            Expr::Compare(compare)
                if std::iter::once(&*compare.left)
                    .chain(&*compare.comparators)
                    .all(|side| self.is_safe_integer(side)) =>
            {
                !compare.ops.iter().any(|op| matches!(op, CmpOp::In | CmpOp::NotIn))
            }
            Expr::BinOp(_) | Expr::UnaryOp(_) if self.is_safe_integer(expr) => true,
            Expr::Compare(compare) => {
                compare.ops.iter().all(|op| matches!(op, CmpOp::Is | CmpOp::IsNot))
                    && self.is_safe(&compare.left)
                    && compare.comparators.iter().all(|c| self.is_safe(c))
            }
            _ => false,
        }
    }

    /// Can this statement not raise, once started?
    pub(super) fn cannot_raise(&self, stmt: &Stmt) -> bool {
        match stmt {
            Stmt::Pass(_) | Stmt::Break(_) | Stmt::Continue(_) => true,
            Stmt::Global(_) | Stmt::Nonlocal(_) => true,
            Stmt::Expr(s) => self.is_safe(&s.value),
            Stmt::Return(s) => s.value.as_ref().is_none_or(|v| self.is_safe(v)),
            Stmt::Assign(s) => {
                s.targets.iter().all(|t| matches!(t, Expr::Name(_))) && self.is_safe(&s.value)
            }
            Stmt::AugAssign(s) => {
                is_exact(s.op) && self.is_safe_integer(&s.target) && self.is_safe_integer(&s.value)
            }
            Stmt::FunctionDef(s) => {
                s.decorator_list.is_empty()
                    && s.parameters.iter().all(|p| p.default().is_none_or(|d| self.is_safe(d)))
            }
            _ => false,
        }
    }
}

/// Names that a function declares global or nonlocal, deletes, or binds in an
/// `except … as`, which deletes them.
fn find_unsafe<'a>(body: &'a [Stmt], names: &mut Vec<&'a str>) {
    for stmt in body {
        match stmt {
            Stmt::Global(s) => names.extend(s.names.iter().map(Identifier::as_str)),
            Stmt::Nonlocal(s) => names.extend(s.names.iter().map(Identifier::as_str)),
            Stmt::Delete(s) => names.extend(s.targets.iter().filter_map(|t| match t {
                Expr::Name(name) => Some(name.id.as_str()),
                _ => None,
            })),
            Stmt::Try(s) => {
                for ruff_python_ast::ExceptHandler::ExceptHandler(handler) in &s.handlers {
                    names.extend(handler.name.as_ref().map(Identifier::as_str));
                }
            }
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => continue,
            _ => {}
        }
        for suite in crate::parse::suites(stmt) {
            find_unsafe(suite, names);
        }
    }
}

/// Does `test` only repeat a comparison that `earlier` has already made
/// without raising: the same name, by the same kind of operator, with a literal
/// of the same kind? Then it will not raise either.
pub(super) fn repeats(test: &Expr, earlier: &Expr) -> bool {
    let (Some(new), Some(old)) = (comparison(test), comparison(earlier)) else { return false };
    new == old
}

/// Name, kind of operator and kind of literal of a plain comparison.
fn comparison(expr: &Expr) -> Option<(&str, bool, u8)> {
    let Expr::Compare(compare) = expr else { return None };
    let ([op], [right], Expr::Name(left)) = (&*compare.ops, &*compare.comparators, &*compare.left)
    else {
        return None;
    };
    let equality = match op {
        CmpOp::Eq | CmpOp::NotEq => true,
        CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE => false,
        _ => return None,
    };
    let kind = match right {
        Expr::NumberLiteral(_) => 0,
        Expr::StringLiteral(_) => 1,
        Expr::BytesLiteral(_) => 2,
        _ => return None,
    };
    Some((left.id.as_str(), equality, kind))
}
