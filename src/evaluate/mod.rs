//! Joins the two halves: a sensor map and hits in, verdicts out.
//!
//! Pure, integers only. A verdict is given only where a sensor could have
//! said otherwise; what has no evidence is not measured.

mod mcdc;
mod merge;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    BranchLine, ConditionVerdict, Decision, DecisionVerdict, Evidence, Exit, FileCoverage, FileMap,
    HitSet, Line, PathVerdict, SuiteVerdict,
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

/// Evaluates one file. `runs` are the hits of all runs of this very map;
/// none at all means that the file never ran.
///
/// # Panics
/// If hits do not have the size of the map: joining them is the caller's bug.
#[must_use]
pub fn evaluate(map: &FileMap, runs: &[ContextHits]) -> FileCoverage {
    let mut all = HitSet::new(map.sensor_count);
    for run in runs {
        all.merge(&run.hits);
    }
    let hit = |evidence: &Evidence| evidence.sensors().iter().any(|s| all.contains(*s));
    let mut branches: BTreeMap<Line, BranchLine> = BTreeMap::new();
    let no_branch: BTreeSet<Line> = map.no_branch.iter().copied().collect();
    for arc in &map.arcs {
        let branch = branches.entry(arc.from).or_insert_with(|| BranchLine {
            line: arc.from,
            exits: Vec::new(),
            partial_allowed: no_branch.contains(&arc.from),
        });
        branch.exits.push(Exit { to: arc.to, taken: hit(&arc.evidence) });
    }
    let mut line_contexts: BTreeMap<Line, BTreeSet<usize>> = BTreeMap::new();
    for statement in &map.statements {
        for run in runs {
            if statement.evidence.sensors().iter().any(|s| run.hits.contains(*s)) {
                line_contexts.entry(statement.line).or_default().insert(run.context);
            }
        }
    }
    FileCoverage {
        path: map.path.clone(),
        level: map.level,
        measured: !runs.is_empty(),
        statements: map.statements.iter().map(|s| (s.line, hit(&s.evidence))).collect(),
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
            .map(|s| SuiteVerdict { line: s.line, hit: hit(&s.evidence) })
            .collect(),
        scopes: map.scopes.iter().map(|s| (s.clone(), hit(&s.entered))).collect(),
        not_measured: map.not_measured.clone(),
        line_contexts,
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
    let shown = mcdc::conditions(&decision.tree, decision.conditions.len(), &paths);
    let conditions = decision
        .conditions
        .iter()
        .zip(shown)
        .enumerate()
        .map(|(number, (condition, shown))| {
            let seen = |value| {
                let alone = if value { &condition.when_true } else { &condition.when_false };
                hit(alone) || paths.iter().any(|p| p.hit && p.values[number] == Some(value))
            };
            ConditionVerdict {
                text: condition.text.clone(),
                line: condition.line,
                column: condition.column,
                length: condition.span.end - condition.span.start,
                seen_true: seen(true),
                seen_false: seen(false),
                mcdc: shown.masking.is_some(),
                mcdc_pair: shown.pair,
                shown_by: shown.masking,
                would_show: shown.would_show,
            }
        })
        .collect();
    DecisionVerdict {
        kind: decision.kind,
        text: decision.text.clone(),
        line: decision.line,
        column: decision.column,
        end_line: decision.end_line,
        conditions,
        paths,
        not_measured: decision.not_measured.clone(),
        outcomes_only: decision.conditions.iter().any(|c| !c.when_true.is_empty()),
    }
}
