//! Which local variables of a function can only hold integers.
//!
//! A name qualifies when every assignment to it in the function gives it an
//! integer, assuming that all qualifying names do: the largest such set.
//! Arithmetic on such names cannot raise, so no sensor is needed behind it.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Identifier, Number, Operator, Parameters, Stmt, UnaryOp};

/// The names that hold integers only.
pub(super) fn integers<'a>(parameters: &'a Parameters, body: &'a [Stmt]) -> BTreeSet<&'a str> {
    let mut found = Assignments::default();
    found.visit_body(body);
    for parameter in parameters {
        found.foreign.insert(parameter.name().as_str());
    }
    let mut names: BTreeSet<&str> = found
        .values
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !found.foreign.contains(name))
        .collect();
    loop {
        let wrong: Vec<&str> = found
            .values
            .iter()
            .filter(|(name, value)| names.contains(name) && !is_integer(value, &names))
            .map(|(name, _)| *name)
            .collect();
        if wrong.is_empty() {
            return names;
        }
        for name in wrong {
            names.remove(name);
        }
    }
}

/// What is assigned to names in a function.
#[derive(Default)]
struct Assignments<'a> {
    values: Vec<(&'a str, Value<'a>)>,
    /// Names that get something unknown, or belong to other scopes.
    foreign: BTreeSet<&'a str>,
}

enum Value<'a> {
    Is(&'a Expr),
    /// The name itself, combined with this.
    Combined(Operator, &'a Expr),
    /// What a counting loop gives.
    Counted,
}

impl<'a> Assignments<'a> {
    fn unknown(&mut self, target: &'a Expr) {
        struct Names<'n, 'a>(&'n mut BTreeSet<&'a str>);
        impl<'a> Visitor<'a> for Names<'_, 'a> {
            fn visit_expr(&mut self, expr: &'a Expr) {
                if let Expr::Name(name) = expr {
                    self.0.insert(name.id.as_str());
                }
                visitor::walk_expr(self, expr);
            }
        }
        Names(&mut self.foreign).visit_expr(target);
    }

    fn assign(&mut self, target: &'a Expr, value: &'a Expr) {
        match (target, value) {
            (Expr::Name(name), _) => self.values.push((name.id.as_str(), Value::Is(value))),
            (Expr::Tuple(targets), Expr::Tuple(values))
                if targets.elts.len() == values.elts.len()
                    && !targets.elts.iter().any(|e| matches!(e, Expr::Starred(_))) =>
            {
                for (target, value) in targets.elts.iter().zip(&values.elts) {
                    self.assign(target, value);
                }
            }
            _ => self.unknown(target),
        }
    }
}

impl<'a> Visitor<'a> for Assignments<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Assign(s) => s.targets.iter().for_each(|t| self.assign(t, &s.value)),
            Stmt::AnnAssign(s) => match &s.value {
                Some(value) => self.assign(&s.target, value),
                None => self.unknown(&s.target),
            },
            Stmt::AugAssign(s) => match &*s.target {
                Expr::Name(name) => {
                    self.values.push((name.id.as_str(), Value::Combined(s.op, &s.value)));
                }
                other => self.unknown(other),
            },
            Stmt::For(s) => match (&*s.target, is_range(&s.iter)) {
                (Expr::Name(name), true) => {
                    self.values.push((name.id.as_str(), Value::Counted));
                }
                (target, _) => self.unknown(target),
            },
            Stmt::With(s) => {
                for target in s.items.iter().filter_map(|item| item.optional_vars.as_ref()) {
                    self.unknown(target);
                }
            }
            Stmt::Delete(s) => s.targets.iter().for_each(|t| self.unknown(t)),
            Stmt::Global(s) => self.foreign.extend(s.names.iter().map(Identifier::as_str)),
            Stmt::Nonlocal(s) => self.foreign.extend(s.names.iter().map(Identifier::as_str)),
            Stmt::Import(s) => {
                for alias in &s.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    let bound = name.split('.').next().unwrap_or(name);
                    self.foreign.insert(bound);
                }
            }
            Stmt::ImportFrom(s) => {
                for alias in &s.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.foreign.insert(name.as_str());
                }
            }
            Stmt::FunctionDef(s) => {
                // A function inside may assign the name as nonlocal.
                self.foreign.insert(s.name.as_str());
                let mut inner = Assignments::default();
                inner.visit_body(&s.body);
                self.foreign.extend(inner.foreign);
                return;
            }
            Stmt::ClassDef(s) => {
                self.foreign.insert(s.name.as_str());
                return;
            }
            Stmt::Try(s) => {
                for ruff_python_ast::ExceptHandler::ExceptHandler(handler) in &s.handlers {
                    self.foreign.extend(handler.name.as_ref().map(Identifier::as_str));
                }
            }
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Named(named) = expr {
            self.assign(&named.target, &named.value);
        }
        visitor::walk_expr(self, expr);
    }
}

/// A call of `range`, of which MicroPython may make a counting loop.
pub(super) fn is_range(iterable: &Expr) -> bool {
    matches!(iterable, Expr::Call(call)
        if matches!(&*call.func, Expr::Name(name) if name.id == "range"))
}

fn is_integer(value: &Value<'_>, names: &BTreeSet<&str>) -> bool {
    match value {
        Value::Is(expr) => is_integer_expr(expr, names),
        Value::Combined(op, expr) => is_exact(*op) && is_integer_expr(expr, names),
        Value::Counted => true,
    }
}

/// Operators that make an integer of any two, without raising.
pub(super) fn is_exact(op: Operator) -> bool {
    matches!(
        op,
        Operator::Add
            | Operator::Sub
            | Operator::Mult
            | Operator::BitAnd
            | Operator::BitOr
            | Operator::BitXor
    )
}

/// Is this an integer of which `names` are too, computed without raising?
pub(super) fn is_integer_expr(expr: &Expr, names: &BTreeSet<&str>) -> bool {
    match expr {
        Expr::NumberLiteral(e) => matches!(e.value, Number::Int(_)),
        Expr::Name(name) => names.contains(name.id.as_str()),
        Expr::BinOp(e) => {
            is_exact(e.op) && is_integer_expr(&e.left, names) && is_integer_expr(&e.right, names)
        }
        Expr::UnaryOp(e) => e.op != UnaryOp::Not && is_integer_expr(&e.operand, names),
        _ => false,
    }
}
