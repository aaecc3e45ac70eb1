//! Joins the two halves: a sensor map and hits in, verdicts out.
//!
//! Pure, integers only. A verdict is given only where a sensor could have
//! said otherwise; what has no evidence is not measured.

mod mcdc;
mod merge;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    BranchLine, ConditionTree, ConditionVerdict, Decision, DecisionVerdict, Evidence, Exit,
    FileCoverage, FileMap, HitSet, Line, NotMeasured, Observed, PathVerdict, SensorId,
    SuiteVerdict,
};
pub use merge::merge;

/// Hits of one run with the contexts they belong to.
#[derive(Clone, Debug)]
pub struct ContextHits {
    /// Index of the context among those of the report.
    pub context: usize,
    /// The hits.
    pub hits: HitSet,
}

/// What a run that traced lines saw, with the context it belongs to.
#[derive(Clone, Debug)]
pub struct ContextObserved {
    /// Index of the context among those of the report.
    pub context: usize,
    /// What was seen.
    pub observed: Observed,
}

/// Why a decision of a file that was only traced is not measured.
pub const LINES_ONLY: &str = "settrace sees lines, not conditions";
/// Why a statement of a file that was traced is not measured.
pub const SHARED_LINE: &str = "settrace reports this line for other code too";
/// Why a statement of a file that was traced is not measured: with the heap locked,
/// in native code and behind a `return`, nothing is reported.
pub const UNTRACED: &str = "it may have run where settrace reports nothing";
/// Why the branches of a line of a file that was traced are not measured.
pub const HIDDEN_WAY: &str = "settrace does not tell which way this line went";

/// Evaluates one file. `runs` are the hits of all runs of this very map;
/// none at all means that the file never ran.
///
/// # Panics
/// If hits do not have the size of the map: joining them is the caller's bug.
#[must_use]
pub fn evaluate(map: &FileMap, runs: &[ContextHits]) -> FileCoverage {
    evaluate_all(map, runs, &[])
}

/// Evaluates one file of which there are runs with sensors, `runs`, and runs
/// that traced lines, `traced`. Sensors tell all that their runs did; what lines
/// tell is added, and what they cannot tell is not measured.
///
/// # Panics
/// If hits do not have the size of the map: joining them is the caller's bug.
#[must_use]
pub fn evaluate_all(
    map: &FileMap,
    runs: &[ContextHits],
    traced: &[ContextObserved],
) -> FileCoverage {
    let mut all = HitSet::new(map.sensor_count);
    for run in runs {
        all.merge(&run.hits);
    }
    let hit = |evidence: &Evidence| evidence.sensors().iter().any(|s| all.contains(*s));
    let mut seen = Observed::default();
    for run in traced {
        seen.merge(&run.observed);
    }
    let shown = shown(map, &seen);
    let entered =
        |evidence: &Evidence| hit(evidence) || evidence.sensors().iter().any(|s| shown.contains(s));
    let mut not_measured = map.not_measured.clone();
    let unmeasured = |line: Line, end_line: Line, reason: &str| NotMeasured {
        line,
        end_line,
        reason: reason.to_owned(),
    };
    let started = |s: &crate::model::Statement| hit(&s.evidence) || seen.started.contains(&s.line);
    let unsure = |s: &&crate::model::Statement| seen.unsure.contains(&s.line) && !hit(&s.evidence);
    let untraced = |s: &&crate::model::Statement| {
        seen.untraced.contains(&s.line) && !hit(&s.evidence) && !unsure(s)
    };
    not_measured.extend(
        map.statements.iter().filter(unsure).map(|s| unmeasured(s.line, s.end_line, SHARED_LINE)),
    );
    not_measured.extend(
        map.statements.iter().filter(untraced).map(|s| unmeasured(s.line, s.end_line, UNTRACED)),
    );
    let mut branches: BTreeMap<Line, BranchLine> = BTreeMap::new();
    let mut hidden: BTreeSet<Line> = BTreeSet::new();
    let no_branch: BTreeSet<Line> = map.no_branch.iter().copied().collect();
    for arc in &map.arcs {
        let branch = branches.entry(arc.from).or_insert_with(|| BranchLine {
            line: arc.from,
            exits: Vec::new(),
            partial_allowed: no_branch.contains(&arc.from),
        });
        let taken = hit(&arc.evidence) || seen.taken.contains(&(arc.from, arc.to));
        branch.exits.push(Exit { to: arc.to, taken });
        if !taken && seen.unsure_arcs.contains(&(arc.from, arc.to)) {
            hidden.insert(arc.from);
        }
    }
    branches.retain(|line, _| !hidden.contains(line));
    not_measured.extend(hidden.iter().map(|line| unmeasured(*line, *line, HIDDEN_WAY)));
    not_measured.sort();
    let mut line_contexts: BTreeMap<Line, BTreeSet<usize>> = BTreeMap::new();
    for statement in &map.statements {
        for run in runs {
            if statement.evidence.sensors().iter().any(|s| run.hits.contains(*s)) {
                line_contexts.entry(statement.line).or_default().insert(run.context);
            }
        }
        for run in traced.iter().filter(|run| run.observed.started.contains(&statement.line)) {
            line_contexts.entry(statement.line).or_default().insert(run.context);
        }
    }
    FileCoverage {
        path: map.path.clone(),
        level: map.level,
        measured: !runs.is_empty() || !traced.is_empty(),
        statements: map
            .statements
            .iter()
            .filter(|s| !unsure(s) && !untraced(s))
            .map(|s| (s.line, started(s)))
            .collect(),
        end_lines: map
            .statements
            .iter()
            .filter(|s| s.end_line > s.line)
            .map(|s| (s.line, s.end_line))
            .collect(),
        excluded: map.excluded.iter().copied().collect(),
        branches: branches.into_values().collect(),
        decisions: map.decisions.iter().map(|d| decision(d, &hit)).collect(),
        suites: map
            .suites
            .iter()
            .map(|s| SuiteVerdict { line: s.line, hit: entered(&s.evidence) })
            .collect(),
        scopes: map.scopes.iter().map(|s| (s.clone(), entered(&s.entered))).collect(),
        not_measured,
        line_contexts,
    }
}

/// The sensors that would have fired: each alone shows a statement that was
/// started.
fn shown(map: &FileMap, seen: &Observed) -> BTreeSet<SensorId> {
    let started = map.statements.iter().filter(|s| seen.started.contains(&s.line));
    started
        .filter_map(|s| <[SensorId; 1]>::try_from(s.evidence.sensors()).ok())
        .map(|[s]| s)
        .collect()
}

/// Takes back what is said of conditions: nobody looked at any.
pub fn only_lines(file: &mut FileCoverage) {
    for decision in &mut file.decisions {
        decision.not_measured.get_or_insert_with(|| LINES_ONLY.to_owned());
        decision.outcomes_only = false;
    }
}

fn decision(decision: &Decision, hit: &impl Fn(&Evidence) -> bool) -> DecisionVerdict {
    let paths: Vec<PathVerdict> = decision
        .paths
        .iter()
        .map(|path| PathVerdict {
            values: path.values.clone(),
            outcome: path.outcome,
            hit: hit(&path.evidence),
        })
        .collect();
    let conditions = decision
        .conditions
        .iter()
        .map(|condition| ConditionVerdict {
            text: condition.text.clone(),
            line: condition.line,
            column: condition.column,
            length: condition.span.end - condition.span.start,
            seen_true: hit(&condition.when_true),
            seen_false: hit(&condition.when_false),
            mcdc: false,
            mcdc_pair: false,
            shown_by: None,
            would_show: None,
        })
        .collect();
    let mut verdict = DecisionVerdict {
        kind: decision.kind,
        text: decision.text.clone(),
        line: decision.line,
        column: decision.column,
        end_line: decision.end_line,
        conditions,
        paths,
        not_measured: decision.not_measured.clone(),
        outcomes_only: decision.conditions.iter().any(|c| !c.when_true.is_empty()),
    };
    judge(&decision.tree, &mut verdict);
    verdict
}

/// Reaches the verdicts on the conditions of a decision from its paths.
/// Outcomes that were seen otherwise stay seen.
fn judge(tree: &ConditionTree, decision: &mut DecisionVerdict) {
    let (conditions, paths) = (&mut decision.conditions, &decision.paths);
    let shown = mcdc::conditions(tree, conditions.len(), paths);
    for (number, (condition, shown)) in conditions.iter_mut().zip(shown).enumerate() {
        let took = |value| paths.iter().any(|p| p.hit && p.values[number] == Some(value));
        condition.seen_true |= took(true);
        condition.seen_false |= took(false);
        condition.mcdc = shown.masking.is_some();
        condition.mcdc_pair = shown.pair;
        condition.shown_by = shown.masking;
        condition.would_show = shown.would_show;
    }
}
