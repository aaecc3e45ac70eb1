//! Decisions with too many paths to tell them apart.
//!
//! Of these the outcomes of each condition are measured. They are noted in
//! local variables, bit by bit, and the sensors fire once the decision is
//! made: an evaluation that does not finish proves nothing.

use ruff_python_ast::Expr;
use ruff_text_size::Ranged;

use super::super::marks::{DecisionMark, FrameKind, Rewrite};
use super::{Context, Walker};
use crate::model::{Condition, Evidence};

impl Walker<'_> {
    /// Has the code variables of its own for the notes? Those of a decision
    /// around this one may be in use.
    pub(super) fn can_note_outcomes(&self, ctx: Context) -> bool {
        let kind = self.frames[ctx.frame.0].kind;
        let named = matches!(kind, FrameKind::Module | FrameKind::Function | FrameKind::Lambda);
        self.options.walrus && named && !ctx.in_comp && !ctx.in_field && !self.in_wide
    }

    /// Marks both outcomes of each condition.
    pub(super) fn note_outcomes(
        &mut self,
        expr: &Expr,
        leaves: &[&Expr],
        conditions: &mut [Condition],
        ctx: Context,
    ) {
        let mut sensors = Vec::new();
        for condition in conditions {
            let (on_true, on_false) = (self.sensor(), self.sensor());
            condition.when_true = Evidence::one(on_true);
            condition.when_false = Evidence::one(on_false);
            sensors.push((on_true, on_false));
        }
        let leaves = leaves.iter().map(|leaf| self.leaf_text(leaf)).collect();
        self.decision_marks.push(DecisionMark {
            frame: ctx.frame,
            in_loop: ctx.loops > 0,
            nested: false,
            span: self.parsed.span(expr.range()),
            leaves,
            rewrite: Rewrite::Outcomes(sensors),
        });
    }
}
