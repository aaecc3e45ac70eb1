//! Decisions whose value is used: `x = a or b`, `f(not a)`, and the like.
//!
//! The value of an operand must be kept while its truth is found out and
//! noted. A name of the function's own is read again; elsewhere a temporary
//! keeps the value, or where a name would bind elsewhere and memory is
//! allocated anyway, a list. Where nothing can, nothing is measured.

use ruff_python_ast::Expr;
use ruff_text_size::Ranged;

use super::super::graph::shape;
use super::super::marks::{Boxes, DecisionMark, FrameKind, LeafText, Rewrite};
use super::super::values::{Operand, ValueWalk, unfold};
use super::decide::asks_for_debug;
use super::{Context, Walker};
use crate::model::{ConditionTree, DecisionKind, Evidence, MAX_PATHS, Path, SensorId, Span};

/// What keeps values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeper {
    Temporary,
    List,
    /// Only names can be read again.
    Nobody,
}

/// An expression taken apart.
struct Parts<'a> {
    operand: Operand<'a>,
    leaves: Vec<&'a Expr>,
}

impl<'a> Parts<'a> {
    fn of(expr: &'a Expr, flat: bool) -> Self {
        let mut leaves = Vec::new();
        let operand = Operand::of(expr, flat, &mut leaves);
        Self { operand, leaves }
    }

    /// Tests that its text may make: some operands stand in it several times.
    fn limit(&self) -> usize {
        4 * self.leaves.len() + 4
    }
}

impl<'a> Walker<'a> {
    pub(super) fn value_decision(&mut self, expr: &'a Expr, ctx: Context) {
        let keeper = self.keeper(ctx);
        let typed = self.frames[ctx.frame.0].kind == FrameKind::Viper;
        let (whole, flat) = (Parts::of(expr, false), Parts::of(expr, true));
        if asks_for_debug(expr) {
            self.unmeasured(expr, ctx, "`__debug__` is in it, which a program can change");
        } else if !typed && self.can_unfold(&whole, keeper, ctx) {
            self.unfolded(expr, &whole, keeper, ctx);
        } else if self.can_unfold(&flat, keeper, ctx) {
            self.unfolded(expr, &flat, keeper, ctx);
        } else if let (Keeper::List, Some(tested)) = (keeper, boxable(&flat.operand)) {
            self.boxed(expr, &flat, &tested, ctx);
        } else if typed {
            self.unmeasured(expr, ctx, "in a viper function, whose operands are typed");
        } else if keeper == Keeper::Nobody {
            self.unmeasured(expr, ctx, "no `:=` in this firmware to keep the value of an operand");
        } else {
            self.unmeasured(expr, ctx, &format!("it has more than {MAX_PATHS} paths"));
        }
    }

    fn keeper(&self, ctx: Context) -> Keeper {
        match self.frames[ctx.frame.0].kind {
            FrameKind::Viper => Keeper::Nobody,
            FrameKind::Class => Keeper::List,
            _ if ctx.in_comp || ctx.in_field => Keeper::List,
            _ if self.options.walrus => Keeper::Temporary,
            _ => Keeper::Nobody,
        }
    }

    /// Does this name stand for one value until the code around it says
    /// otherwise?
    fn is_own_name(&self, expr: &Expr, ctx: Context) -> bool {
        let Expr::Name(name) = expr else { return false };
        let own = if ctx.in_comp { self.comp_names.last() } else { self.own_names.get(&ctx.frame) };
        own.is_some_and(|own| own.contains(name.id.as_str()))
    }

    fn can_unfold(&self, parts: &Parts<'a>, keeper: Keeper, ctx: Context) -> bool {
        let count = parts.leaves.len();
        let typed = self.frames[ctx.frame.0].kind == FrameKind::Viper;
        let span = |e: &Expr| self.spot(e);
        let Some(unfolding) = unfold(&parts.operand, count, parts.limit(), 0, &span) else {
            return false;
        };
        let can_keep = |i: usize| {
            keeper == Keeper::Temporary
                || self.is_own_name(parts.leaves[i], ctx)
                || !unfolding.step.keeps(i)
        };
        unfolding.walks.len() <= MAX_PATHS
            && (0..count).all(can_keep)
            && !(typed && unfolding.step.says_truth())
    }

    fn unfolded(&mut self, expr: &'a Expr, parts: &Parts<'a>, keeper: Keeper, ctx: Context) {
        let count = parts.leaves.len();
        let slot = self.decisions.len();
        if count > 0 {
            self.decisions.push(self.decision(expr, DecisionKind::BoolOp));
        }
        self.below(parts, ctx);
        if count == 0 {
            return;
        }
        let span = |e: &Expr| self.spot(e);
        let unfolding = unfold(&parts.operand, count, parts.limit(), self.sensors, &span);
        let Some(unfolding) = unfolding else {
            unreachable!("what could be unfolded can be unfolded again");
        };
        let step = unfolding.step;
        let texts = parts.leaves.iter().enumerate().map(|(i, leaf)| LeafText {
            span: self.spot(leaf),
            loose: false,
            kept: keeper == Keeper::Temporary && step.keeps(i) && !self.is_own_name(leaf, ctx),
        });
        let texts = texts.collect();
        self.value_paths(slot, parts, unfolding.walks);
        self.value_mark(expr, texts, Rewrite::Value(Box::new(step)), ctx);
    }

    fn boxed(&mut self, expr: &'a Expr, parts: &Parts<'a>, tested: &[(usize, bool)], ctx: Context) {
        let (Operand::Chain { is_or, .. }, Expr::BoolOp(e)) = (&parts.operand, expr) else {
            unreachable!("only chains are boxed");
        };
        let slot = self.decisions.len();
        self.decisions.push(self.decision(expr, DecisionKind::BoolOp));
        self.below(parts, ctx);
        let mut walks = Vec::new();
        let mut values = vec![None; parts.leaves.len()];
        for (leaf, truth) in tested {
            values[*leaf] = Some(*truth);
            walks.push(ValueWalk { values: values.clone(), outcome: Some(*is_or) });
            values[*leaf] = Some(!*truth);
        }
        walks.push(ValueWalk { values, outcome: None });
        let mut sensor = self.value_paths(slot, parts, walks);
        let mut spots = e.values.iter().map(|part| {
            let spot = (self.spot(part), sensor);
            sensor.0 += 1;
            spot
        });
        let tested = spots.by_ref().take(tested.len()).collect();
        let Some((last, goes_on)) = spots.next() else {
            unreachable!("a chain has a last operand");
        };
        let boxes = Boxes { is_or: *is_or, tested, last, goes_on };
        self.value_mark(expr, Vec::new(), Rewrite::Boxes(Box::new(boxes)), ctx);
    }

    /// The decisions inside the operands.
    fn below(&mut self, parts: &Parts<'a>, ctx: Context) {
        for leaf in &parts.leaves {
            self.value(leaf, ctx);
        }
        if let Some(last) = parts.operand.last() {
            self.value(last, ctx);
        }
    }

    /// Gives each path a sensor; says which is the first.
    fn value_paths(&mut self, slot: usize, parts: &Parts<'a>, walks: Vec<ValueWalk>) -> SensorId {
        let first = SensorId(self.sensors);
        let conditions = parts.leaves.iter().map(|leaf| self.condition(leaf)).collect();
        let paths = walks.into_iter().map(|walk| Path {
            values: walk.values,
            outcome: walk.outcome,
            evidence: Evidence::one(self.sensor()),
        });
        let paths = paths.collect();
        let decision = &mut self.decisions[slot];
        decision.tree = parts.operand.tree();
        decision.conditions = conditions;
        decision.paths = paths;
        first
    }

    fn value_mark(&mut self, expr: &Expr, leaves: Vec<LeafText>, rewrite: Rewrite, ctx: Context) {
        let span = self.parsed.span(expr.range());
        self.decision_marks.push(DecisionMark {
            frame: ctx.frame,
            in_loop: ctx.loops > 0,
            nested: ctx.in_comp || ctx.in_field,
            span,
            leaves,
            rewrite,
        });
    }

    /// Where the text of an operand stands, with its parentheses.
    fn spot(&self, expr: &Expr) -> Span {
        self.span_with_parentheses(expr)
    }

    /// A decision that is listed, but about which nothing can be said.
    fn unmeasured(&mut self, expr: &'a Expr, ctx: Context, reason: &str) {
        let mut leaves = Vec::new();
        let tree: ConditionTree = shape(expr, &mut leaves);
        let mut decision = self.decision(expr, DecisionKind::BoolOp);
        decision.tree = tree;
        decision.conditions = leaves.iter().map(|leaf| self.condition(leaf)).collect();
        decision.not_measured = Some(reason.to_owned());
        self.decisions.push(decision);
        for leaf in leaves {
            self.value(leaf, ctx);
        }
    }
}

/// The tested operands of a chain that can be boxed, and what each condition
/// is when its operand ends the chain: no operand but the last is constant.
fn boxable(operand: &Operand<'_>) -> Option<Vec<(usize, bool)>> {
    let Operand::Chain { is_or, parts } = operand else { return None };
    let (_, tested) = parts.split_last()?;
    let read = |part: &Operand<'_>| {
        let (mut inner, mut truth) = (part, *is_or);
        while let Operand::Not(deeper) = inner {
            (inner, truth) = (deeper, !truth);
        }
        match inner {
            Operand::Leaf(i) => Some((*i, truth)),
            _ => None,
        }
    };
    tested.iter().map(read).collect()
}
