//! Names that nobody but the code around them can rebind, so that reading one
//! twice gives one value: locals of a function that no other code shares.
//!
//! A global may be changed by whatever runs in between, be it a `__bool__`, an
//! interrupt handler or another thread.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Comprehension, Expr, Identifier, Parameters, Stmt};

/// The own names of a function or lambda, by what binds them.
pub(super) fn of_function<'a>(parameters: &'a Parameters, body: &'a [Stmt]) -> BTreeSet<&'a str> {
    let mut finder = Finder::default();
    finder.own.extend(parameters.iter().map(|p| p.name().as_str()));
    finder.visit_body(body);
    &finder.own - &finder.shared
}

/// These names, those first that a function uses most, where a loop counts for many uses.
pub(super) fn by_use(own: &BTreeSet<&str>, body: &[Stmt]) -> Vec<String> {
    let mut uses = Uses { own, counts: BTreeMap::new(), weight: 1 };
    uses.visit_body(body);
    let mut names: Vec<&str> = own.iter().copied().collect();
    names.sort_by_key(|name| std::cmp::Reverse(uses.counts.get(name).copied()));
    names.into_iter().map(str::to_owned).collect()
}

struct Uses<'n, 'a> {
    own: &'n BTreeSet<&'n str>,
    counts: BTreeMap<&'a str, u64>,
    weight: u64,
}

impl<'a> Visitor<'a> for Uses<'_, 'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        const LOOP: u64 = 8;
        match stmt {
            // Code inside reads a variable of this function in another way.
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            Stmt::For(_) | Stmt::While(_) => {
                let outside = self.weight;
                self.weight = outside.saturating_mul(LOOP);
                walk_stmt(self, stmt);
                self.weight = outside;
            }
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr
            && self.own.contains(name.id.as_str())
        {
            let count = self.counts.entry(name.id.as_str()).or_default();
            *count = count.saturating_add(self.weight);
        }
        walk_expr(self, expr);
    }
}

/// The own names of a comprehension.
pub(super) fn of_comprehension(generators: &[Comprehension]) -> BTreeSet<&str> {
    let mut finder = Finder::default();
    for generator in generators {
        finder.target(&generator.target);
    }
    finder.own
}

#[derive(Default)]
struct Finder<'a> {
    own: BTreeSet<&'a str>,
    /// Declared global or nonlocal, here or in a function inside; bound by
    /// `:=`, maybe from within a generator.
    shared: BTreeSet<&'a str>,
    /// Functions and classes around.
    depth: u32,
}

impl<'a> Finder<'a> {
    fn target(&mut self, target: &'a Expr) {
        match target {
            Expr::Name(name) if self.depth == 0 => {
                self.own.insert(name.id.as_str());
            }
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|e| self.target(e)),
            Expr::List(list) => list.elts.iter().for_each(|e| self.target(e)),
            _ => {}
        }
    }
}

impl<'a> Visitor<'a> for Finder<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Assign(s) => s.targets.iter().for_each(|t| self.target(t)),
            Stmt::AnnAssign(s) if s.value.is_some() => self.target(&s.target),
            Stmt::For(s) => self.target(&s.target),
            Stmt::With(s) => {
                s.items.iter().filter_map(|i| i.optional_vars.as_deref()).for_each(|t| {
                    self.target(t);
                });
            }
            Stmt::Global(s) => self.shared.extend(s.names.iter().map(Identifier::as_str)),
            Stmt::Nonlocal(s) => self.shared.extend(s.names.iter().map(Identifier::as_str)),
            _ => {}
        }
        let inner = u32::from(matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)));
        self.depth += inner;
        walk_stmt(self, stmt);
        self.depth -= inner;
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Named(named) = expr
            && let Expr::Name(name) = &*named.target
        {
            self.shared.insert(name.id.as_str());
        }
        walk_expr(self, expr);
    }
}
