//! Marks inside expressions: edges of decisions, unfolded decisions, and
//! decisions whose value is used.

use super::edit::Piece;
use super::{Action, Weaver};
use crate::model::SensorId;
use crate::plan::marks::{DecisionMark, EdgeMark, Rewrite, TestedOperand, Unfolded, ValueRewrite};

impl Weaver<'_> {
    pub(super) fn rewrite_decisions(&mut self) {
        let plan = self.plan;
        for mark in &plan.decisions {
            match &mark.rewrite {
                Rewrite::Edges(edges) => self.mark_edges(mark, edges),
                Rewrite::Unfold(tree) => {
                    let mut pieces = Vec::new();
                    self.unfold(tree, mark, &mut pieces);
                    self.edits.replace(mark.span, pieces);
                }
                Rewrite::Value(value) => self.value(mark, value),
            }
        }
    }

    /// A decorator becomes a call that fires and returns it: all that old
    /// firmware takes there is a name and a call.
    pub(super) fn wrap_decorators(&mut self) {
        let plan = self.plan;
        self.calls |= !plan.decorators.is_empty();
        for mark in &plan.decorators {
            self.note(Action::Fire(mark.sensor));
            let pieces = vec![
                Piece::Text(self.names.passing(mark.sensor)),
                Piece::Source(mark.span),
                Piece::Text(")".to_owned()),
            ];
            self.edits.replace_outside(mark.span, pieces);
        }
    }

    fn mark_edges(&mut self, mark: &DecisionMark, edges: &[EdgeMark]) {
        for (number, leaf) in mark.leaves.iter().enumerate() {
            let on = |value: bool| {
                edges.iter().find(|e| e.leaf == number && e.value == value).map(|e| e.sensor)
            };
            let (on_true, on_false) = (on(true), on(false));
            if on_true.is_none() && on_false.is_none() {
                continue;
            }
            let (open, close) = if leaf.loose { ("(", ")") } else { ("", "") };
            let mut before = format!("({open}");
            let mut after = close.to_owned();
            if let Some(sensor) = on_true {
                if on_false.is_some() {
                    before.insert(0, '(');
                }
                after += &format!(" and {}", self.edge(mark, sensor, true));
                if on_false.is_some() {
                    after.push(')');
                }
            }
            if let Some(sensor) = on_false {
                after += &format!(" or {}", self.edge(mark, sensor, false));
            }
            after.push(')');
            let pieces = vec![Piece::Text(before), Piece::Source(leaf.span), Piece::Text(after)];
            self.edits.replace(leaf.span, pieces);
        }
    }

    /// An expression that does what an edge asks for and has the given truth.
    fn edge(&mut self, mark: &DecisionMark, sensor: SensorId, truth: bool) -> String {
        self.note(Action::Fire(sensor));
        let call = self.call(mark.frame.0, mark.nested, mark.in_loop);
        let not = if truth { "" } else { "not " };
        format!("{not}{}", self.names.fire(sensor, &call))
    }

    fn unfold(&mut self, tree: &Unfolded, mark: &DecisionMark, pieces: &mut Vec<Piece>) {
        match tree {
            Unfolded::End { sensor, .. } => {
                if let Some(sensor) = sensor {
                    self.note(Action::Fire(*sensor));
                }
                let call = self.call(mark.frame.0, mark.nested, false);
                pieces.push(Piece::Text(self.names.end(tree, &call)));
            }
            Unfolded::Test { leaf, if_true, if_false } => {
                pieces.push(Piece::Text("(".to_owned()));
                self.unfold(if_true, mark, pieces);
                pieces.push(Piece::Text(" if (".to_owned()));
                pieces.push(Piece::Source(mark.leaves[*leaf].span));
                pieces.push(Piece::Text(") else ".to_owned()));
                self.unfold(if_false, mark, pieces);
                pieces.push(Piece::Text(")".to_owned()));
            }
        }
    }

    fn value(&mut self, mark: &DecisionMark, value: &ValueRewrite) {
        let mut pieces = Vec::new();
        match value {
            ValueRewrite::Not { whole, operand, on_true, on_false } => {
                let (t, f) = (self.edge(mark, *on_true, true), self.edge(mark, *on_false, false));
                pieces.push(Piece::Text("(False if((".to_owned()));
                pieces.push(Piece::Source(*operand));
                pieces.push(Piece::Text(format!(")and {t})or {f} else True)")));
                self.edits.replace(*whole, pieces);
            }
            ValueRewrite::Chain { whole, is_or, tested, last } => {
                self.chain(mark, *is_or, tested, *last, &mut pieces);
                self.edits.replace(*whole, pieces);
            }
        }
    }

    fn chain(
        &mut self,
        mark: &DecisionMark,
        is_or: bool,
        tested: &[TestedOperand],
        last: crate::model::Span,
        pieces: &mut Vec<Piece>,
    ) {
        let text = |text: String| Piece::Text(text);
        let [operand, rest @ ..] = tested else {
            pieces.push(Piece::Source(last));
            return;
        };
        let fire = self.edge(mark, operand.ends, true);
        let read = if operand.plain {
            Piece::Source(operand.span)
        } else {
            text(self.names.temporary.clone())
        };
        let test = if operand.plain {
            vec![text(" ".to_owned()), Piece::Source(operand.span), text(" ".to_owned())]
        } else {
            let bind = format!("({}:=", self.names.temporary);
            vec![text(bind), Piece::Source(operand.span), text(")".to_owned())]
        };
        let ends = vec![text(format!("({fire} and ")), read, text(")".to_owned())];
        let mut goes_on = vec![text("(".to_owned())];
        if let Some(sensor) = operand.goes_on {
            let fire = self.edge(mark, sensor, true);
            goes_on.push(text(format!("{fire} and ")));
        }
        self.chain(mark, is_or, rest, last, &mut goes_on);
        goes_on.push(text(")".to_owned()));
        let (if_true, if_false) = if is_or { (ends, goes_on) } else { (goes_on, ends) };
        pieces.push(text("(".to_owned()));
        pieces.extend(if_true);
        pieces.push(text("if".to_owned()));
        pieces.extend(test);
        pieces.push(text("else".to_owned()));
        pieces.extend(if_false);
        pieces.push(text(")".to_owned()));
    }
}
