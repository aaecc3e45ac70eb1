//! Decisions that are asked for their truth only: the tests of statements, of
//! conditional expressions and of comprehensions.

use ruff_python_ast::{Expr, UnaryOp};
use ruff_text_size::{Ranged, TextSize};
use smallvec::smallvec;

use super::super::graph::{Graph, Walk, shape};
use super::super::marks::{Action, DecisionMark, EdgeMark, LeafText, Rewrite};
use super::{Context, Here, Walker};
use crate::model::{
    Condition, ConditionTree, Decision, DecisionKind, Evidence, Level, MAX_PATHS, Path,
};

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
    /// A note in this slot, made inside the test and fired where it leads.
    Slot(u32),
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

    pub(super) fn decide(
        &mut self,
        expr: &'a Expr,
        kind: DecisionKind,
        told_true: Told,
        told_false: Told,
        ctx: Context,
    ) -> Ways {
        let whole = Graph::of(&ConditionTree::Leaf(0), 1);
        if !self.at_level(Level::Condition) {
            return self.mark_paths(expr, &whole, &[expr], told_true, told_false, ctx).0;
        }
        let mut leaves = Vec::new();
        let tree = shape(expr, &mut leaves);
        if leaves.is_empty() {
            // A constant decides before anything else is evaluated.
            return self.mark_paths(expr, &whole, &[expr], told_true, told_false, ctx).0;
        }
        let graph = Graph::of(&tree, leaves.len());
        let slot = self.decisions.len();
        self.decisions.push(self.decision(expr, kind));
        let wide = tree.has_too_many_paths();
        let notes_outcomes = wide && self.can_note_outcomes(ctx);
        let was_wide = self.in_wide;
        self.in_wide |= notes_outcomes;
        for leaf in &leaves {
            self.value(leaf, ctx);
        }
        self.in_wide = was_wide;
        let reason = if notes_outcomes {
            Some(format!(
                "it has more than {MAX_PATHS} paths; only condition outcomes are measured"
            ))
        } else if wide {
            Some(format!("it has more than {MAX_PATHS} paths"))
        } else if !graph.is_tree() && asks_for_debug(expr) {
            Some("`__debug__` is in it, which a program can change".to_owned())
        } else {
            None
        };
        let (ways, paths) = if reason.is_some() {
            let (ways, _) = self.mark_paths(expr, &whole, &[expr], told_true, told_false, ctx);
            (ways, Vec::new())
        } else {
            self.mark_paths(expr, &graph, &leaves, told_true, told_false, ctx)
        };
        let mut conditions: Vec<Condition> = leaves.iter().map(|l| self.condition(l)).collect();
        if notes_outcomes {
            self.note_outcomes(expr, &leaves, &mut conditions, ctx);
        }
        let decision = &mut self.decisions[slot];
        decision.tree = tree;
        decision.conditions = conditions;
        decision.paths = paths;
        decision.not_measured = reason;
        ways
    }

    #[allow(clippy::too_many_arguments)]
    fn mark_paths(
        &mut self,
        expr: &Expr,
        graph: &Graph,
        leaves: &[&Expr],
        told_true: Told,
        told_false: Told,
        ctx: Context,
    ) -> (Ways, Vec<Path>) {
        let walks = graph.walks();
        let mut fired: Vec<Option<Action>> = vec![None; walks.len()];
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
        self.add_rewrite(expr, graph, &walks, leaves, &fired, ctx);
        (Ways { on_true, on_false }, paths)
    }

    fn mark_way(
        &mut self,
        told: Told,
        mine: &[usize],
        outcome: bool,
        fired: &mut [Option<Action>],
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
            fired[*path] = match told {
                Told::Call => Some(Action::Fire(sensor)),
                Told::Slot(slot) => Some(Action::Set { slot, sensor }),
                _ => None,
            };
            shown[*path] = Evidence::one(sensor);
            all.add(&shown[*path]);
        }
        let here = match told {
            Told::Target => {
                let actions = smallvec![Action::Fire(all.sensors()[0])];
                Some(Here::Due { actions, evidence: all.clone() })
            }
            Told::Call => Some(Here::Open { evidence: all.clone(), mark: None }),
            Told::Slot(slot) => Some(Here::Due {
                actions: smallvec![Action::Flush { slot }],
                evidence: all.clone(),
            }),
            _ => None,
        };
        Way { told, evidence: all, here }
    }

    #[allow(clippy::too_many_arguments)]
    fn add_rewrite(
        &mut self,
        expr: &Expr,
        graph: &Graph,
        walks: &[Walk],
        leaves: &[&Expr],
        fired: &[Option<Action>],
        ctx: Context,
    ) {
        if fired.iter().all(Option::is_none) {
            return;
        }
        let rewrite = if graph.is_tree() {
            let marked = walks.iter().zip(fired).filter_map(|(walk, action)| {
                let (leaf, value) = walk.last;
                let outcome = walk.outcome;
                action.map(|action| EdgeMark { leaf, value, outcome, action, once: false })
            });
            Rewrite::Edges(marked.collect())
        } else {
            Rewrite::Unfold(Box::new(graph.unfold(&mut |path| fired[path])))
        };
        let leaves = leaves.iter().map(|leaf| self.leaf_text(leaf)).collect();
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

    /// Says that a test whose outcome is false ends the only loop around it.
    pub(super) fn ends_loop(&mut self, test: &Expr) {
        let span = self.parsed.span(test.range());
        // It is the newest of its place: what is inside it was marked before.
        let mark = self.decision_marks.iter_mut().rfind(|mark| mark.span == span);
        if let Some(DecisionMark { rewrite: Rewrite::Edges(edges), .. }) = mark {
            edges.iter_mut().for_each(|edge| edge.once |= !edge.outcome);
        }
    }

    pub(super) fn leaf_text(&self, leaf: &Expr) -> LeafText {
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
        LeafText { span: self.parsed.span(leaf.range()), loose, kept: false }
    }

    pub(super) fn decision(&self, expr: &Expr, kind: DecisionKind) -> Decision {
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

    pub(super) fn condition(&self, leaf: &Expr) -> Condition {
        let (line, column) = self.position(leaf.start());
        let text = self.parsed.slice(leaf.range());
        let (when_true, when_false) = (Evidence::default(), Evidence::default());
        Condition {
            text,
            span: self.parsed.span(leaf.range()),
            line,
            column,
            when_true,
            when_false,
        }
    }

    fn position(&self, at: TextSize) -> (crate::model::Line, u32) {
        let offset = self.parsed.at(at);
        let line = self.parsed.lines().line(offset);
        let start = self.parsed.lines().start(line) as usize;
        let before = String::from_utf8_lossy(&self.parsed.text()[start..offset as usize]);
        (line, before.trim_start_matches('\u{feff}').chars().count() as u32)
    }
}

/// Does `__debug__` take part as an operand? Its value is what the program
/// set with `micropython.opt_level`, so it cannot be left out as a constant.
pub(super) fn asks_for_debug(expr: &Expr) -> bool {
    match expr {
        Expr::Name(name) => name.id == "__debug__",
        Expr::BoolOp(e) => e.values.iter().any(asks_for_debug),
        Expr::UnaryOp(e) if e.op == UnaryOp::Not => asks_for_debug(&e.operand),
        _ => false,
    }
}
