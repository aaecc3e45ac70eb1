//! The sensor map on disk: JSON, one file a map, named by its digest.
//!
//! Version history: 1, the first.

use serde::{Deserialize, Serialize};

use crate::model::{
    Arc, ArcEnd, Condition, ConditionTree, Decision, DecisionKind, Digest, Evidence, FileMap,
    Level, Line, NotMeasured, Path, Scope, ScopeKind, SensorId, Span, Statement, Suite,
};

/// Version of the format.
pub const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MapDto {
    mpycov_map: u32,
    path: String,
    digest: String,
    source_hash: String,
    level: String,
    sensors: u32,
    /// (line, end line, sensors)
    statements: Vec<(u32, u32, Vec<u32>)>,
    /// (from, to, sensors); a `to` below 0 is the exit of the code that starts there
    arcs: Vec<(u32, i64, Vec<u32>)>,
    no_branch: Vec<u32>,
    excluded: Vec<u32>,
    decisions: Vec<DecisionDto>,
    /// (line, sensors)
    suites: Vec<(u32, Vec<u32>)>,
    scopes: Vec<ScopeDto>,
    /// (line, end line, reason)
    not_measured: Vec<(u32, u32, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionDto {
    kind: String,
    text: String,
    span: (u32, u32),
    line: u32,
    column: u32,
    end_line: u32,
    tree: TreeDto,
    /// (text, start, end, line, column)
    conditions: Vec<(String, u32, u32, u32, u32)>,
    paths: Vec<PathDto>,
    /// Sensors that show each condition true, and false, where there are no paths
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    outcomes: Vec<(Vec<u32>, Vec<u32>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_measured: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TreeDto {
    Leaf(usize),
    Constant(bool),
    Value,
    Not(Box<TreeDto>),
    And(Vec<TreeDto>),
    Or(Vec<TreeDto>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PathDto {
    /// One letter a condition: T, F or - (not evaluated).
    values: String,
    outcome: Option<bool>,
    sensors: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeDto {
    class: bool,
    name: String,
    line: u32,
    body_line: u32,
    end_line: u32,
    entered: Vec<u32>,
}

/// Writes a map.
#[must_use]
pub fn to_json(map: &FileMap) -> String {
    let ids = |e: &Evidence| e.sensors().iter().map(|s| s.0).collect::<Vec<_>>();
    let dto = MapDto {
        mpycov_map: VERSION,
        path: map.path.clone(),
        digest: map.digest.to_string(),
        source_hash: map.source_hash.clone(),
        level: map.level.name().to_owned(),
        sensors: map.sensor_count,
        statements: map
            .statements
            .iter()
            .map(|s| (s.line.0, s.end_line.0, ids(&s.evidence)))
            .collect(),
        arcs: map.arcs.iter().map(|a| (a.from.0, end_number(a.to), ids(&a.evidence))).collect(),
        no_branch: map.no_branch.iter().map(|l| l.0).collect(),
        excluded: map.excluded.iter().map(|l| l.0).collect(),
        decisions: map.decisions.iter().map(decision_dto).collect(),
        suites: map.suites.iter().map(|s| (s.line.0, ids(&s.evidence))).collect(),
        scopes: map
            .scopes
            .iter()
            .map(|s| ScopeDto {
                class: s.kind == ScopeKind::Class,
                name: s.name.clone(),
                line: s.line.0,
                body_line: s.body_line.0,
                end_line: s.end_line.0,
                entered: ids(&s.entered),
            })
            .collect(),
        not_measured: map
            .not_measured
            .iter()
            .map(|n| (n.line.0, n.end_line.0, n.reason.clone()))
            .collect(),
    };
    serde_json::to_string(&dto).expect("a map has only strings for keys")
}

fn end_number(end: ArcEnd) -> i64 {
    match end {
        ArcEnd::Line(line) => i64::from(line.0),
        ArcEnd::Exit(line) => -i64::from(line.0),
    }
}

fn decision_dto(d: &Decision) -> DecisionDto {
    let letter = |value: &Option<bool>| match value {
        Some(true) => 'T',
        Some(false) => 'F',
        None => '-',
    };
    DecisionDto {
        kind: d.kind.name().to_owned(),
        text: d.text.clone(),
        span: (d.span.start, d.span.end),
        line: d.line.0,
        column: d.column,
        end_line: d.end_line.0,
        tree: tree_dto(&d.tree),
        conditions: d
            .conditions
            .iter()
            .map(|c| (c.text.clone(), c.span.start, c.span.end, c.line.0, c.column))
            .collect(),
        paths: d
            .paths
            .iter()
            .map(|p| PathDto {
                values: p.values.iter().map(letter).collect(),
                outcome: p.outcome,
                sensors: p.evidence.sensors().iter().map(|s| s.0).collect(),
            })
            .collect(),
        outcomes: outcomes_dto(&d.conditions),
        not_measured: d.not_measured.clone(),
    }
}

fn outcomes_dto(conditions: &[Condition]) -> Vec<(Vec<u32>, Vec<u32>)> {
    let ids = |e: &Evidence| e.sensors().iter().map(|s| s.0).collect::<Vec<_>>();
    let outcomes = conditions.iter().map(|c| (ids(&c.when_true), ids(&c.when_false)));
    let known = conditions.iter().any(|c| !c.when_true.is_empty());
    if known { outcomes.collect() } else { Vec::new() }
}

fn tree_dto(tree: &ConditionTree) -> TreeDto {
    match tree {
        ConditionTree::Leaf(i) => TreeDto::Leaf(*i),
        ConditionTree::Constant(truth) => TreeDto::Constant(*truth),
        ConditionTree::Value => TreeDto::Value,
        ConditionTree::Not(inner) => TreeDto::Not(Box::new(tree_dto(inner))),
        ConditionTree::And(parts) => TreeDto::And(parts.iter().map(tree_dto).collect()),
        ConditionTree::Or(parts) => TreeDto::Or(parts.iter().map(tree_dto).collect()),
    }
}

/// Reads a map.
///
/// # Errors
/// A sentence about what is wrong: no JSON, another version, a field off.
pub fn from_json(text: &[u8]) -> Result<FileMap, String> {
    let dto: MapDto = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    if dto.mpycov_map != VERSION {
        return Err(format!("map version {} is not known here", dto.mpycov_map));
    }
    let ids = |list: Vec<u32>| Evidence::any(list.into_iter().map(SensorId));
    let digest = Digest::parse(&dto.digest).ok_or("its digest is none")?;
    let level: Level = dto.level.parse()?;
    let decisions: Result<Vec<Decision>, String> =
        dto.decisions.into_iter().map(decision).collect();
    let map = FileMap {
        path: dto.path,
        digest,
        source_hash: dto.source_hash,
        level,
        sensor_count: dto.sensors,
        statements: dto
            .statements
            .into_iter()
            .map(|(line, end, list)| Statement {
                line: Line(line),
                end_line: Line(end),
                evidence: ids(list),
            })
            .collect(),
        arcs: dto
            .arcs
            .into_iter()
            .map(|(from, to, list)| Arc { from: Line(from), to: arc_end(to), evidence: ids(list) })
            .collect(),
        no_branch: dto.no_branch.into_iter().map(Line).collect(),
        excluded: dto.excluded.into_iter().map(Line).collect(),
        decisions: decisions?,
        suites: dto
            .suites
            .into_iter()
            .map(|(line, list)| Suite { line: Line(line), evidence: ids(list) })
            .collect(),
        scopes: dto
            .scopes
            .into_iter()
            .map(|s| Scope {
                kind: if s.class { ScopeKind::Class } else { ScopeKind::Function },
                name: s.name,
                line: Line(s.line),
                body_line: Line(s.body_line),
                end_line: Line(s.end_line),
                entered: ids(s.entered),
            })
            .collect(),
        not_measured: dto
            .not_measured
            .into_iter()
            .map(|(line, end, reason)| NotMeasured {
                line: Line(line),
                end_line: Line(end),
                reason,
            })
            .collect(),
    };
    check(&map)?;
    Ok(map)
}

/// Does a map name only what it has? Who evaluates it relies on that.
fn check(map: &FileMap) -> Result<(), String> {
    let conditions = map.decisions.iter().flat_map(|d| &d.conditions);
    let evidence = (map.statements.iter().map(|s| &s.evidence))
        .chain(map.arcs.iter().map(|a| &a.evidence))
        .chain(map.suites.iter().map(|s| &s.evidence))
        .chain(map.scopes.iter().map(|s| &s.entered))
        .chain(map.decisions.iter().flat_map(|d| &d.paths).map(|p| &p.evidence))
        .chain(conditions.flat_map(|c| [&c.when_true, &c.when_false]));
    if evidence.flat_map(Evidence::sensors).any(|sensor| sensor.0 >= map.sensor_count) {
        return Err("it names a sensor that the file does not have".to_owned());
    }
    let fits = |d: &Decision| d.paths.is_empty() || leaves(&d.tree) <= d.conditions.len();
    if !map.decisions.iter().all(fits) {
        return Err("a decision does not fit its conditions".to_owned());
    }
    Ok(())
}

/// One more than the highest number of a leaf.
fn leaves(tree: &ConditionTree) -> usize {
    match tree {
        ConditionTree::Leaf(number) => number.saturating_add(1),
        ConditionTree::Constant(_) | ConditionTree::Value => 0,
        ConditionTree::Not(inner) => leaves(inner),
        ConditionTree::And(parts) | ConditionTree::Or(parts) => {
            parts.iter().map(leaves).max().unwrap_or_default()
        }
    }
}

fn arc_end(number: i64) -> ArcEnd {
    let line = Line(number.unsigned_abs() as u32);
    if number < 0 { ArcEnd::Exit(line) } else { ArcEnd::Line(line) }
}

fn decision(dto: DecisionDto) -> Result<Decision, String> {
    let value = |letter: char| match letter {
        'T' => Ok(Some(true)),
        'F' => Ok(Some(false)),
        '-' => Ok(None),
        other => Err(format!("`{other}` is no value of a condition")),
    };
    let count = dto.conditions.len();
    let paths: Result<Vec<Path>, String> = dto
        .paths
        .into_iter()
        .map(|p| {
            let values: Vec<Option<bool>> =
                p.values.chars().map(value).collect::<Result<_, _>>()?;
            if values.len() != count {
                return Err("a path does not fit its conditions".to_owned());
            }
            let evidence = Evidence::any(p.sensors.into_iter().map(SensorId));
            Ok(Path { values, outcome: p.outcome, evidence })
        })
        .collect();
    if !dto.outcomes.is_empty() && dto.outcomes.len() != count {
        return Err("the outcomes do not fit the conditions".to_owned());
    }
    let ids = |list: Vec<u32>| Evidence::any(list.into_iter().map(SensorId));
    let mut outcomes = dto.outcomes.into_iter();
    Ok(Decision {
        kind: DecisionKind::from_name(&dto.kind)
            .ok_or_else(|| format!("`{}` is no kind of decision", dto.kind))?,
        text: dto.text,
        span: Span { start: dto.span.0, end: dto.span.1 },
        line: Line(dto.line),
        column: dto.column,
        end_line: Line(dto.end_line),
        tree: tree(dto.tree),
        conditions: dto
            .conditions
            .into_iter()
            .map(|(text, start, end, line, column)| {
                let (when_true, when_false) = outcomes.next().unwrap_or_default();
                Condition {
                    text,
                    span: Span { start, end },
                    line: Line(line),
                    column,
                    when_true: ids(when_true),
                    when_false: ids(when_false),
                }
            })
            .collect(),
        paths: paths?,
        not_measured: dto.not_measured,
    })
}

fn tree(dto: TreeDto) -> ConditionTree {
    match dto {
        TreeDto::Leaf(i) => ConditionTree::Leaf(i),
        TreeDto::Constant(truth) => ConditionTree::Constant(truth),
        TreeDto::Value => ConditionTree::Value,
        TreeDto::Not(inner) => ConditionTree::Not(Box::new(tree(*inner))),
        TreeDto::And(parts) => ConditionTree::And(parts.into_iter().map(tree).collect()),
        TreeDto::Or(parts) => ConditionTree::Or(parts.into_iter().map(tree).collect()),
    }
}
