//! The way down an expression, to every decision inside.

use ruff_python_ast::{Comprehension, Expr, InterpolatedStringElement, Stmt, UnaryOp};

use super::super::flow::wholly_constant;
use super::super::graph::shape;
use super::super::marks::FrameKind;
use super::super::names;
use super::decide::Told;
use super::{Context, Walker};
use crate::model::{DecisionKind, Level, NotMeasured};

impl<'a> Walker<'a> {
    /// A test whose outcomes nobody else tells: inside an expression.
    fn inner_test(&mut self, expr: &'a Expr, kind: DecisionKind, ctx: Context) {
        let mut leaves = Vec::new();
        shape(expr, &mut leaves);
        if !leaves.is_empty() {
            self.decide(expr, kind, Told::Call, Told::Call, ctx);
        }
    }

    /// The decisions in the expressions of a simple statement.
    pub(super) fn simple_expressions(&mut self, stmt: &'a Stmt, ctx: Context) {
        if !self.at_level(Level::Condition) {
            return;
        }
        match stmt {
            Stmt::Assert(s) => {
                self.inner_test(&s.test, DecisionKind::Assert, ctx);
                self.values(s.msg.as_deref(), ctx);
            }
            Stmt::Return(s) => self.values(s.value.as_deref(), ctx),
            Stmt::Delete(s) => self.values(&s.targets, ctx),
            Stmt::Assign(s) => {
                self.value(&s.value, ctx);
                self.values(&s.targets, ctx);
            }
            Stmt::AugAssign(s) => self.values([&*s.target, &*s.value], ctx),
            Stmt::AnnAssign(s) => {
                self.values(s.value.as_deref(), ctx);
                self.value(&s.target, ctx);
            }
            Stmt::Raise(s) => {
                self.values(s.exc.as_deref(), ctx);
                self.values(s.cause.as_deref(), ctx);
            }
            Stmt::Expr(s) => self.value(&s.value, ctx),
            _ => {}
        }
    }

    fn values(&mut self, exprs: impl IntoIterator<Item = &'a Expr>, ctx: Context) {
        for expr in exprs {
            self.value(expr, ctx);
        }
    }

    /// The decisions in an expression whose value is used.
    pub(super) fn value(&mut self, expr: &'a Expr, ctx: Context) {
        if !self.at_level(Level::Condition) || wholly_constant(expr).is_some() {
            return;
        }
        match expr {
            Expr::BoolOp(_) => self.value_decision(expr, ctx),
            Expr::UnaryOp(e) if e.op == UnaryOp::Not => self.value_decision(expr, ctx),
            other => self.inside(other, ctx),
        }
    }

    /// The decisions below the top of an expression.
    fn inside(&mut self, expr: &'a Expr, ctx: Context) {
        match expr {
            Expr::BoolOp(_) => self.value(expr, ctx),
            Expr::Named(e) => self.value(&e.value, ctx),
            Expr::BinOp(e) => self.values([&*e.left, &*e.right], ctx),
            Expr::UnaryOp(e) => self.value(&e.operand, ctx),
            Expr::Lambda(e) => {
                if let Some(parameters) = &e.parameters {
                    self.values(parameters.iter().filter_map(|p| p.default()), ctx);
                }
                let frame = self.frame(FrameKind::Lambda, None);
                let names = e.parameters.as_ref().map(|p| names::of_function(p, &[]));
                self.own_names.insert(frame, names.unwrap_or_default());
                let inner = Context { frame, loops: 0, in_comp: false, ..ctx };
                self.value(&e.body, inner);
            }
            Expr::If(e) => {
                self.inner_test(&e.test, DecisionKind::IfExp, ctx);
                self.values([&*e.body, &*e.orelse], ctx);
            }
            Expr::Dict(e) => {
                for item in &e.items {
                    self.values(&item.key, ctx);
                    self.value(&item.value, ctx);
                }
            }
            Expr::Set(e) => self.values(&e.elts, ctx),
            Expr::List(e) => self.values(&e.elts, ctx),
            Expr::Tuple(e) => self.values(&e.elts, ctx),
            Expr::ListComp(e) => self.comprehension(&e.generators, [Some(&*e.elt), None], ctx),
            Expr::SetComp(e) => self.comprehension(&e.generators, [Some(&*e.elt), None], ctx),
            Expr::Generator(e) => self.comprehension(&e.generators, [Some(&*e.elt), None], ctx),
            Expr::DictComp(e) => {
                self.comprehension(&e.generators, [e.key.as_deref(), Some(&*e.value)], ctx);
            }
            Expr::Await(e) => self.value(&e.value, ctx),
            Expr::Yield(e) => self.values(e.value.as_deref(), ctx),
            Expr::YieldFrom(e) => self.value(&e.value, ctx),
            Expr::Compare(e) => {
                self.value(&e.left, ctx);
                self.values(&e.comparators, ctx);
            }
            Expr::Call(e) => {
                self.value(&e.func, ctx);
                for argument in e.arguments.iter_source_order() {
                    self.value(argument.value(), ctx);
                }
            }
            Expr::Attribute(e) => self.value(&e.value, ctx),
            Expr::Subscript(e) => self.values([&*e.value, &*e.slice], ctx),
            Expr::Starred(e) => self.value(&e.value, ctx),
            Expr::Slice(e) => {
                let parts = [e.lower.as_deref(), e.upper.as_deref(), e.step.as_deref()];
                self.values(parts.into_iter().flatten(), ctx);
            }
            Expr::FString(e) => {
                for element in e.value.elements() {
                    self.field(element, ctx);
                }
            }
            Expr::TString(e) if has_decision(expr) => {
                let line = self.parsed.line_of(e.range.start());
                let end_line = self.parsed.line_of(e.range.end());
                let reason = "a t-string keeps the text of its fields".to_owned();
                self.not_measured.push(NotMeasured { line, end_line, reason });
            }
            _ => {}
        }
    }

    fn field(&mut self, element: &'a InterpolatedStringElement, ctx: Context) {
        let Some(field) = element.as_interpolation() else { return };
        if field.debug_text.is_some() {
            if has_decision(&field.expression) {
                let line = self.parsed.line_of(field.range.start());
                let end_line = self.parsed.line_of(field.range.end());
                let reason = "an f-string field with `=` prints its own text".to_owned();
                self.not_measured.push(NotMeasured { line, end_line, reason });
            }
            return;
        }
        self.value(&field.expression, Context { in_field: true, ..ctx });
        for inner in field.format_spec.iter().flat_map(|spec| &spec.elements) {
            self.field(inner, ctx);
        }
    }

    fn comprehension(
        &mut self,
        generators: &'a [Comprehension],
        elements: [Option<&'a Expr>; 2],
        ctx: Context,
    ) {
        let inner = Context { loops: ctx.loops + 1, in_comp: true, ..ctx };
        if let Some(first) = generators.first() {
            self.value(&first.iter, ctx);
        }
        self.comp_names.push(names::of_comprehension(generators));
        for (index, generator) in generators.iter().enumerate() {
            if index > 0 {
                self.value(&generator.iter, inner);
            }
            for test in &generator.ifs {
                self.inner_test(test, DecisionKind::CompIf, inner);
            }
        }
        self.values(elements.into_iter().flatten(), inner);
        self.comp_names.pop();
    }
}

/// Is there anything to measure in this expression?
fn has_decision(expr: &Expr) -> bool {
    ruff_python_ast::helpers::any_over_expr(expr, |e| {
        matches!(e, Expr::BoolOp(_) | Expr::If(_))
            || matches!(e, Expr::UnaryOp(u) if u.op == UnaryOp::Not)
    })
}
