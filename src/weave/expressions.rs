//! Marks inside expressions: edges of decisions, unfolded decisions, and
//! decisions whose value is used.

use super::edit::Piece;
use super::spelling::Names;
use super::{Action, Weaver};
use crate::model::SensorId;
use crate::plan::marks::{
    Boxes, DecisionMark, EdgeMark, FrameKind, Gives, LeafText, Rewrite, Unfolded, ValueStep,
};

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
                Rewrite::Outcomes(sensors) => self.note_outcomes(mark, sensors),
                Rewrite::Value(step) => {
                    let mut pieces = Vec::new();
                    self.value(step, mark, &mut pieces);
                    self.edits.replace(mark.span, pieces);
                    let kept = mark.leaves.iter().any(|leaf| leaf.kept);
                    let kind = plan.frames[mark.frame.0].kind;
                    self.global_temporary |= kept && kind == FrameKind::Module;
                }
                Rewrite::Boxes(boxes) => {
                    let mut pieces = Vec::new();
                    self.boxes(boxes, mark, &mut pieces);
                    self.edits.replace(mark.span, pieces);
                }
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
            let on = |value: bool| edges.iter().find(|e| e.leaf == number && e.value == value);
            let (on_true, on_false) = (on(true), on(false));
            if on_true.is_none() && on_false.is_none() {
                continue;
            }
            let (open, close) = if leaf.loose { ("(", ")") } else { ("", "") };
            let mut before = format!("({open}");
            let mut after = close.to_owned();
            if let Some(edge) = on_true {
                if on_false.is_some() {
                    before.insert(0, '(');
                }
                after += &format!(" and {}", self.edge(mark, edge.action, true, edge.once));
                if on_false.is_some() {
                    after.push(')');
                }
            }
            if let Some(edge) = on_false {
                after += &format!(" or {}", self.edge(mark, edge.action, false, edge.once));
            }
            after.push(')');
            let pieces = vec![Piece::Text(before), Piece::Source(leaf.span), Piece::Text(after)];
            self.edits.replace(leaf.span, pieces);
        }
    }

    /// An expression that does what an edge asks for and has the given truth.
    fn edge(&mut self, mark: &DecisionMark, action: Action, truth: bool, once: bool) -> String {
        self.note(action);
        let again = mark.in_loop && !once;
        let call = self.call(Some(action), mark.frame.0, mark.nested, again);
        let not = if truth { "" } else { "not " };
        [not, &self.names.truth(action, &call)].concat()
    }

    fn unfold(&mut self, tree: &Unfolded, mark: &DecisionMark, pieces: &mut Vec<Piece>) {
        match tree {
            Unfolded::End { action, .. } => {
                if let Some(action) = action {
                    self.note(*action);
                }
                let call = self.call(*action, mark.frame.0, mark.nested, false);
                let typed = self.plan.frames[mark.frame.0].kind == FrameKind::Viper;
                pieces.push(Piece::Text(self.names.end(tree, &call, typed)));
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

    /// Each condition sets a bit in a variable; the sensors of the bits fire
    /// when the decision is made: `((r:=True if clear and decision else False)
    /// is None or flush) and r`.
    fn note_outcomes(&mut self, mark: &DecisionMark, sensors: &[(SensorId, SensorId)]) {
        // Two bits a condition, in integers that are small on every port.
        const CONDITIONS: usize = 14;
        let note = |leaf: usize, value: bool, names: &Names| {
            let name = names.notes(leaf / CONDITIONS).into_owned();
            let bit = 2 * (leaf % CONDITIONS) + usize::from(!value);
            (name, 1u32 << bit)
        };
        let mut flush = String::new();
        let mut clear = String::new();
        for (number, leaf) in mark.leaves.iter().enumerate() {
            let (name, on_true) = note(number, true, &self.names);
            let (_, on_false) = note(number, false, &self.names);
            let (open, close) = if leaf.loose { ("(", ")") } else { ("", "") };
            let pieces = vec![
                Piece::Text(format!("(({open}")),
                Piece::Source(leaf.span),
                Piece::Text(format!(
                    "{close} and({name}:={name}|{on_true}))or not({name}:={name}|{on_false}))"
                )),
            ];
            self.edits.replace(leaf.span, pieces);
            if number % CONDITIONS == 0 {
                clear += &format!("not({name}:=0)and ");
            }
            let (sensor, other) = sensors[number];
            for (sensor, bit) in [(sensor, on_true), (other, on_false)] {
                self.note(Action::Fire(sensor));
                let fires = Some(Action::Fire(sensor));
                let call = self.call(fires, mark.frame.0, mark.nested, false);
                let fire = self.names.fire(sensor, &call);
                flush += &format!(" and(not {name}&{bit} or {fire})");
            }
        }
        let result = self.names.result.clone();
        let pieces = vec![
            Piece::Text(format!("((({result}:=True if {clear}(")),
            Piece::Source(mark.span),
            Piece::Text(format!(")else False) is None or True{flush}) and {result})")),
        ];
        self.edits.replace(mark.span, pieces);
    }

    /// An unfolded value: `(true arm if test else false arm)`, where the test
    /// also marks the paths that end behind it.
    fn value(&mut self, step: &ValueStep, mark: &DecisionMark, pieces: &mut Vec<Piece>) {
        let text = |text: &str| Piece::Text(text.to_owned());
        let read = |names: &Names, leaf: usize| match &mark.leaves[leaf] {
            LeafText { kept: true, .. } => Piece::Text(names.temporary.clone()),
            LeafText { span, .. } => Piece::Source(*span),
        };
        match step {
            ValueStep::End { gives: Gives::Leaf(leaf), .. } => {
                pieces.push(read(&self.names, *leaf));
            }
            ValueStep::End { gives: Gives::Truth(truth), .. } => {
                pieces.push(text(if *truth { "True" } else { "False" }));
            }
            ValueStep::End { gives: Gives::Text(span), .. } => pieces.push(Piece::Source(*span)),
            ValueStep::Test { leaf, again, if_true, if_false } => {
                let on_true = self.mark_of_end(if_true, mark, true);
                let on_false = self.mark_of_end(if_false, mark, false);
                let both = on_true.is_some() && on_false.is_some();
                pieces.push(text("("));
                self.value(if_true, mark, pieces);
                pieces.push(text(if both { " if((" } else { " if(" }));
                if mark.leaves[*leaf].kept && !again {
                    pieces.push(Piece::Text(format!("({}:=", self.names.temporary)));
                    pieces.push(Piece::Source(mark.leaves[*leaf].span));
                    pieces.push(text(")"));
                } else {
                    pieces.push(read(&self.names, *leaf));
                }
                if let Some(fire) = &on_true {
                    let close = if both { ")" } else { "" };
                    pieces.push(Piece::Text(format!(" and {fire}{close}")));
                }
                if let Some(fire) = &on_false {
                    pieces.push(Piece::Text(format!(" or {fire}")));
                }
                pieces.push(text(")else "));
                self.value(if_false, mark, pieces);
                pieces.push(text(")"));
            }
        }
    }

    /// What marks the path that ends at this step.
    fn mark_of_end(&mut self, end: &ValueStep, mark: &DecisionMark, truth: bool) -> Option<String> {
        match end {
            ValueStep::End { sensor: Some(sensor), .. } => {
                Some(self.edge(mark, Action::Fire(*sensor), truth, false))
            }
            _ => None,
        }
    }

    /// `(box(1,a or box)or box(2,b or box)or[mark and c])[0]`
    fn boxes(&mut self, boxes: &Boxes, mark: &DecisionMark, pieces: &mut Vec<Piece>) {
        let operator = if boxes.is_or { "or" } else { "and" };
        pieces.push(Piece::Text("(".to_owned()));
        for (span, sensor) in &boxes.tested {
            self.note(Action::Fire(*sensor));
            let window = self.names.windows.window(*sensor);
            self.boxed.insert(window);
            let name = self.names.boxes(window);
            let index = self.names.windows.index(*sensor);
            pieces.push(Piece::Text(format!("{name}({index},")));
            pieces.push(Piece::Source(*span));
            pieces.push(Piece::Text(format!(" {operator} {name})or ")));
        }
        let fire = self.edge(mark, Action::Fire(boxes.goes_on), true, false);
        pieces.push(Piece::Text(format!("[{fire} and ")));
        pieces.push(Piece::Source(boxes.last));
        pieces.push(Piece::Text("])[0]".to_owned()));
    }
}
