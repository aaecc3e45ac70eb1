//! What MicroPython's compiler may know without running anything.

use std::collections::BTreeSet;

use ruff_python_ast::{Expr, Stmt};

/// Names that a file makes constants: MicroPython puts their values in place.
pub(super) fn find_constants(body: &[Stmt], names: &mut BTreeSet<String>) {
    for stmt in body {
        if let Stmt::Assign(assign) = stmt
            && is_const_call(&assign.value)
        {
            for target in &assign.targets {
                names.extend(target.as_name_expr().map(|name| name.id.to_string()));
            }
        }
        for suite in crate::parse::suites(stmt) {
            find_constants(suite, names);
        }
    }
}

/// Is this `const(…)`?
pub(super) fn is_const_call(value: &Expr) -> bool {
    matches!(value, Expr::Call(call) if match &*call.func {
        Expr::Name(name) => name.id == "const",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "const",
        _ => false,
    })
}

/// May this be known without running anything? `constants` are the names that
/// the file makes constants.
pub(super) fn may_be_constant(expr: &Expr, constants: &BTreeSet<String>) -> bool {
    if let Expr::BoolOp(operation) = expr {
        return operation.values.iter().any(|value| may_be_constant(value, constants));
    }
    !ruff_python_ast::helpers::any_over_expr(expr, |e| match e {
        Expr::Name(name) => !constants.contains(name.id.as_str()),
        Expr::Call(_) | Expr::Attribute(_) | Expr::Subscript(_) | Expr::Await(_) => true,
        Expr::Lambda(_) | Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) => true,
        Expr::Generator(_) | Expr::Yield(_) | Expr::YieldFrom(_) | Expr::FString(_) => true,
        Expr::List(_) | Expr::Set(_) | Expr::Dict(_) => true,
        _ => false,
    })
}
