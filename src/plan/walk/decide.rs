//! Decisions: tests of statements, and the decisions inside expressions.

use ruff_python_ast::{BoolOp, Comprehension, Expr, InterpolatedStringElement, Stmt, UnaryOp};
use ruff_text_size::{Ranged, TextSize};

use super::super::flow::wholly_constant;
use super::super::graph::{Graph, Walk, shape};
use super::super::marks::{
    Action, DecisionMark, EdgeMark, FrameKind, LeafText, Rewrite, TestedOperand, ValueRewrite,
};
use super::{Context, Here, Walker};
use crate::model::{
    Condition, ConditionTree, Decision, DecisionKind, Evidence, Level, NotMeasured, Path, SensorId,
};

/// Paths that a decision may have; beyond, it is measured as one condition.
const MAX_PATHS: usize = 128;

/// Who tells that a test had an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nobody asks.
    Nobody,
    /// The mark at the only place it leads to; several paths are marked
    /// inside the test.
    Target,
    /// A mark inside the test.
    Call,
    /// An `else` on a free line.
    Else,
    /// The outcomes of the next test, which cannot fail.
    Next,
}

/// What shows one outcome of a test.
pub(super) struct Way {
    pub(super) told: Told,
    pub(super) evidence: Evidence,
    /// What is known where it leads; `None` if nothing.
    pub(super) here: Option<Here>,
}

/// What shows both outcomes.
pub(super) struct Ways {
    pub(super) on_true: Way,
    pub(super) on_false: Way,
}

impl<'a> Walker<'a> {
    /// Plans the test of a statement.
    pub(super) fn test(
        &mut self,
        expr: &'a Expr,
        at: TextSize,
        kind: DecisionKind,
        on_true: Told,
        on_false: Told,
        ctx: Context,
    ) -> Ways {
        let before = self.decisions.len();
        let ways = self.decide(expr, kind, on_true, on_false, ctx);
        if self.decisions.len() > before {
            self.tests.insert(at, before);
        }
        ways
    }

    /// Says that the false outcome of the test at `at` is shown by `evidence`.
    pub(super) fn show_false_path(&mut self, at: TextSize, evidence: &Evidence) {
        let Some(decision) = self.tests.get(&at).map(|i| &mut self.decisions[*i]) else { return };
        for path in &mut decision.paths {
            if path.outcome == Some(false) && path.evidence.is_empty() {
                path.evidence = evidence.clone();
            }
        }
    }

    fn decide(
        &mut self,
        expr: &'a Expr,
        kind: DecisionKind,
        told_true: Told,
        told_false: Told,
        ctx: Context,
    ) -> Ways {
        let mut leaves = Vec::new();
        let mut tree = shape(expr, &mut leaves);
        let mut graph = Graph::of(&tree, leaves.len());
        let viper = self.frames[ctx.frame.0].kind == FrameKind::Viper;
        let mut reason = None;
        if self.at_level(Level::Condition) {
            let slot = self.decisions.len();
            self.decisions.push(self.decision(expr, kind, ctx));
            if viper {
                reason = Some("in a viper function, whose operands are typed".to_owned());
            } else if graph.count() > MAX_PATHS {
                reason = Some(format!("it has more than {MAX_PATHS} paths"));
            }
            for leaf in &leaves {
                self.inside(leaf, ctx);
            }
            let ways = if reason.is_none() {
                self.mark_paths(expr, &tree, &graph, &leaves, told_true, told_false, ctx)
            } else {
                tree = ConditionTree::Leaf(0);
                leaves = vec![expr];
                graph = Graph::of(&tree, 1);
                self.mark_paths(expr, &tree, &graph, &leaves, told_true, told_false, ctx)
            };
            let (ways, paths) = ways;
            let conditions = leaves.iter().map(|leaf| self.condition(leaf)).collect();
            let decision = &mut self.decisions[slot];
            (decision.tree, decision.conditions) = (tree, conditions);
            if reason.is_none() {
                decision.paths = paths;
            }
            decision.not_measured = reason;
            return ways;
        }
        let whole = ConditionTree::Leaf(0);
        let graph = Graph::of(&whole, 1);
        self.mark_paths(expr, &whole, &graph, &[expr], told_true, told_false, ctx).0
    }

    #[allow(clippy::too_many_arguments)]
    fn mark_paths(
        &mut self,
        expr: &Expr,
        tree: &ConditionTree,
        graph: &Graph,
        leaves: &[&Expr],
        told_true: Told,
        told_false: Told,
        ctx: Context,
    ) -> (Ways, Vec<Path>) {
        let walks = graph.walks();
        let mut fired: Vec<Option<SensorId>> = vec![None; walks.len()];
        let mut shown: Vec<Evidence> = vec![Evidence::default(); walks.len()];
        let mut way = |walker: &mut Self, outcome: bool, told: Told| {
            let mine: Vec<usize> =
                (0..walks.len()).filter(|i| walks[*i].outcome == outcome).collect();
            walker.mark_way(told, &mine, outcome, &mut fired, &mut shown)
        };
        let on_true = way(self, true, told_true);
        let on_false = way(self, false, told_false);
        let paths = walks
            .iter()
            .zip(shown)
            .map(|(walk, evidence)| Path {
                values: walk.values.clone(),
                outcome: Some(walk.outcome),
                evidence,
            })
            .collect();
        self.add_rewrite(expr, tree, graph, &walks, leaves, &fired, ctx);
        (Ways { on_true, on_false }, paths)
    }

    fn mark_way(
        &mut self,
        told: Told,
        mine: &[usize],
        outcome: bool,
        fired: &mut [Option<SensorId>],
        shown: &mut [Evidence],
    ) -> Way {
        let silent = match told {
            Told::Nobody => true,
            Told::Target => outcome && !self.at_level(Level::Branch),
            _ => false,
        };
        if mine.is_empty() || silent {
            return Way { told, evidence: Evidence::default(), here: None };
        }
        let told = match (told, mine.len()) {
            (Told::Next | Told::Else | Told::Target, 2..) => Told::Call,
            (told, _) => told,
        };
        if told == Told::Next {
            return Way { told, evidence: Evidence::default(), here: None };
        }
        let mut all = Evidence::default();
        for path in mine {
            let sensor = self.sensor();
            fired[*path] = (told == Told::Call).then_some(sensor);
            shown[*path] = Evidence::one(sensor);
            all.add(&shown[*path]);
        }
        let here = match told {
            Told::Target => {
                let actions = vec![Action::Fire(all.sensors()[0])];
                Some(Here::Due { actions, evidence: all.clone() })
            }
            Told::Call => Some(Here::Open { evidence: all.clone(), mark: None }),
            _ => None,
        };
        Way { told, evidence: all, here }
    }

    #[allow(clippy::too_many_arguments)]
    fn add_rewrite(
        &mut self,
        expr: &Expr,
        tree: &ConditionTree,
        graph: &Graph,
        walks: &[Walk],
        leaves: &[&Expr],
        fired: &[Option<SensorId>],
        ctx: Context,
    ) {
        if fired.iter().all(Option::is_none) {
            return;
        }
        let rewrite = if graph.is_tree() || *tree == ConditionTree::Leaf(0) {
            let marked = walks.iter().zip(fired).filter_map(|(walk, sensor)| {
                let (leaf, value) = walk.last;
                sensor.map(|sensor| EdgeMark { leaf, value, outcome: walk.outcome, sensor })
            });
            Rewrite::Edges(marked.collect())
        } else {
            Rewrite::Unfold(Box::new(graph.unfold(&mut |path| fired[path])))
        };
        let leaves = leaves.iter().map(|leaf| self.leaf_text(leaf)).collect();
        let span = self.parsed.span(expr.range());
        self.decision_marks.push(DecisionMark {
            frame: ctx.frame,
            in_loop: ctx.in_loop,
            nested: ctx.in_comp,
            span,
            leaves,
            rewrite,
        });
    }

    fn leaf_text(&self, leaf: &Expr) -> LeafText {
        let loose = matches!(
            leaf,
            Expr::If(_)
                | Expr::Lambda(_)
                | Expr::Named(_)
                | Expr::Yield(_)
                | Expr::YieldFrom(_)
                | Expr::BoolOp(_)
                | Expr::UnaryOp(_)
        );
        LeafText { span: self.parsed.span(leaf.range()), loose }
    }

    fn decision(&self, expr: &Expr, kind: DecisionKind, _ctx: Context) -> Decision {
        let (line, column) = self.position(expr.start());
        Decision {
            kind,
            text: self.parsed.slice(expr.range()),
            span: self.parsed.span(expr.range()),
            line,
            column,
            end_line: self.parsed.line_of(expr.end()),
            tree: ConditionTree::Leaf(0),
            conditions: Vec::new(),
            paths: Vec::new(),
            not_measured: None,
        }
    }

    fn condition(&self, leaf: &Expr) -> Condition {
        let (line, column) = self.position(leaf.start());
        let text = self.parsed.slice(leaf.range());
        Condition { text, span: self.parsed.span(leaf.range()), line, column }
    }

    fn position(&self, at: TextSize) -> (crate::model::Line, u32) {
        let offset = self.parsed.at(at);
        let line = self.parsed.lines().line(offset);
        let start = self.parsed.lines().start(line) as usize;
        let before = String::from_utf8_lossy(&self.parsed.text()[start..offset as usize]);
        (line, before.trim_start_matches('\u{feff}').chars().count() as u32)
    }

    /// A test whose outcomes nobody else tells: inside an expression.
    fn inner_test(&mut self, expr: &'a Expr, kind: DecisionKind, ctx: Context) {
        if wholly_constant(expr).is_none() {
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
            Expr::BoolOp(e) => {
                self.value_chain(expr, e.op == BoolOp::Or, &e.values, ctx);
            }
            Expr::UnaryOp(e) if e.op == UnaryOp::Not => self.value_not(expr, &e.operand, ctx),
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
                let inner = Context { frame, in_loop: false, in_comp: false, ..ctx };
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
        self.value(&field.expression, Context { in_comp: true, ..ctx });
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
        let inner = Context { in_loop: true, in_comp: true, ..ctx };
        for (index, generator) in generators.iter().enumerate() {
            self.value(&generator.iter, if index == 0 { ctx } else { inner });
            for test in &generator.ifs {
                self.inner_test(test, DecisionKind::CompIf, inner);
            }
        }
        self.values(elements.into_iter().flatten(), inner);
    }

    fn value_not(&mut self, expr: &'a Expr, operand: &'a Expr, ctx: Context) {
        if self.frames[ctx.frame.0].kind == FrameKind::Viper {
            return self.unmeasured(expr, ctx, "in a viper function, whose operands are typed");
        }
        let slot = self.decisions.len();
        self.decisions.push(self.decision(expr, DecisionKind::BoolOp, ctx));
        self.value(operand, ctx);
        let (on_true, on_false) = (self.sensor(), self.sensor());
        let path = |value: bool, sensor| Path {
            values: vec![Some(value)],
            outcome: Some(!value),
            evidence: Evidence::one(sensor),
        };
        let paths = vec![path(true, on_true), path(false, on_false)];
        let condition = self.condition(operand);
        let decision = &mut self.decisions[slot];
        decision.tree = ConditionTree::Not(Box::new(ConditionTree::Leaf(0)));
        decision.conditions = vec![condition];
        decision.paths = paths;
        let whole = self.parsed.span(expr.range());
        let rewrite = ValueRewrite::Not {
            whole,
            operand: self.span_with_parentheses(operand),
            on_true,
            on_false,
        };
        self.decision_marks.push(DecisionMark {
            frame: ctx.frame,
            in_loop: ctx.in_loop,
            nested: ctx.in_comp,
            span: whole,
            leaves: Vec::new(),
            rewrite: Rewrite::Value(Box::new(rewrite)),
        });
    }

    fn value_chain(&mut self, expr: &'a Expr, is_or: bool, parts: &'a [Expr], ctx: Context) {
        let kind = self.frames[ctx.frame.0].kind;
        let Some((last, tested)) = parts.split_last() else { return };
        let holds = self.options.walrus
            && !ctx.in_comp
            && matches!(kind, FrameKind::Function | FrameKind::Module);
        let all_measurable = tested.iter().all(|part| holds || matches!(part, Expr::Name(_)));
        let constants = tested.iter().any(|part| wholly_constant(part).is_some());
        if kind == FrameKind::Viper {
            return self.unmeasured(expr, ctx, "in a viper function, whose operands are typed");
        }
        if constants {
            return self.unmeasured(expr, ctx, "an operand is constant");
        }
        if !all_measurable {
            return self.unmeasured(
                expr,
                ctx,
                "the value of an operand cannot be held here without a name of the program's own",
            );
        }
        let slot = self.decisions.len();
        self.decisions.push(self.decision(expr, DecisionKind::BoolOp, ctx));
        let mut operands = Vec::new();
        let mut paths = Vec::new();
        let mut conditions = Vec::new();
        for (index, part) in tested.iter().enumerate() {
            let (leaf, negated) = match part {
                Expr::UnaryOp(e)
                    if e.op == UnaryOp::Not && !matches!(&*e.operand, Expr::BoolOp(_)) =>
                {
                    (&*e.operand, true)
                }
                other => (other, false),
            };
            self.value(leaf, ctx);
            conditions.push(self.condition(leaf));
            let ends = self.sensor();
            let mut values: Vec<Option<bool>> = Vec::new();
            values.extend(operands.iter().map(|o: &(TestedOperand, bool)| Some(is_or == o.1)));
            values.push(Some(is_or != negated));
            values.resize(tested.len(), None);
            paths.push(Path { values, outcome: Some(is_or), evidence: Evidence::one(ends) });
            let goes_on = (index + 1 == tested.len()).then(|| self.sensor());
            let plain = matches!(part, Expr::Name(_));
            let span = self.span_with_parentheses(part);
            operands.push((TestedOperand { span, plain, ends, goes_on }, negated));
        }
        let goes_on = operands.last().and_then(|o| o.0.goes_on);
        let values = operands.iter().map(|o| Some(is_or == o.1)).collect();
        let evidence = Evidence::any(goes_on);
        paths.push(Path { values, outcome: None, evidence });
        self.value(last, ctx);
        let leaf = |i: usize, negated: bool| {
            let leaf = ConditionTree::Leaf(i);
            if negated { ConditionTree::Not(Box::new(leaf)) } else { leaf }
        };
        let shape = operands.iter().enumerate().map(|(i, o)| leaf(i, o.1)).collect();
        let decision = &mut self.decisions[slot];
        decision.tree = if is_or { ConditionTree::Or(shape) } else { ConditionTree::And(shape) };
        decision.conditions = conditions;
        decision.paths = paths;
        let whole = self.parsed.span(expr.range());
        let rewrite = ValueRewrite::Chain {
            whole,
            is_or,
            tested: operands.into_iter().map(|o| o.0).collect(),
            last: self.span_with_parentheses(last),
        };
        self.decision_marks.push(DecisionMark {
            frame: ctx.frame,
            in_loop: ctx.in_loop,
            nested: ctx.in_comp,
            span: whole,
            leaves: Vec::new(),
            rewrite: Rewrite::Value(Box::new(rewrite)),
        });
    }

    /// A decision that is listed, but about which nothing can be said.
    fn unmeasured(&mut self, expr: &'a Expr, ctx: Context, reason: &str) {
        let mut leaves = Vec::new();
        let tree = shape(expr, &mut leaves);
        let mut decision = self.decision(expr, DecisionKind::BoolOp, ctx);
        decision.tree = tree;
        decision.conditions = leaves.iter().map(|leaf| self.condition(leaf)).collect();
        decision.not_measured = Some(reason.to_owned());
        self.decisions.push(decision);
        for leaf in leaves {
            self.inside(leaf, ctx);
        }
    }
}

/// Is there anything to measure in this expression?
fn has_decision(expr: &Expr) -> bool {
    ruff_python_ast::helpers::any_over_expr(expr, |e| {
        matches!(e, Expr::BoolOp(_) | Expr::If(_))
            || matches!(e, Expr::UnaryOp(u) if u.op == UnaryOp::Not)
    })
}
