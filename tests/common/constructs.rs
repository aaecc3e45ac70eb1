//! The fixtures of `fixtures/constructs`: what they expect, and how verdicts compare with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mpycov::instrument::Instrumented;
use mpycov::model::{DecisionKind, DecisionVerdict, FileCoverage, Level};
use mpycov::parse::exclude::Patterns;
use mpycov::plan::Options;
use toml::{Table, Value};

use super::repo_root;

/// One fixture.
#[derive(Debug)]
pub struct Construct {
    /// The name of its directory.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
    /// What `expect.toml` says.
    pub expect: Table,
}

/// All fixtures, by name.
///
/// # Panics
///
/// Where one has no legible `expect.toml`.
pub fn all() -> Vec<Construct> {
    let entries = fs::read_dir(repo_root().join("fixtures/constructs")).expect("the fixtures");
    let mut all: Vec<Construct> = entries
        .map(|entry| entry.expect("a fixture").path())
        .filter(|path| path.is_dir())
        .map(|dir| {
            let name = dir.file_name().expect("a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(dir.join("expect.toml"));
            let text = text.unwrap_or_else(|error| panic!("{name}/expect.toml: {error}"));
            let expect = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
            Construct { name, dir, expect }
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(all.len() > 200, "the fixtures are not all there");
    all
}

/// The options that the command line has by default.
pub fn options(level: Level) -> Options {
    let patterns = Patterns::with_also(&[]).expect("the patterns are sound");
    Options { level, walrus: true, main_guard_runs: true, patterns, pattern_key: String::new() }
}

/// Instruments a file of a directory.
pub fn instrument(dir: &Path, name: &Path, level: Level) -> Instrumented {
    let text = fs::read(dir.join(name)).expect("a source");
    let name = name.to_string_lossy();
    mpycov::instrument::instrument(text, &name, &options(level))
        .unwrap_or_else(|error| panic!("{name}: {error}: {:?}", error.faults))
}

impl Construct {
    /// Does it run on this target, in this version of MicroPython?
    pub fn runs_on(&self, target: &str, version: &str) -> bool {
        let numbers = |text: &str| -> Vec<u32> {
            text.split(['.', '-']).take(2).filter_map(|part| part.parse().ok()).collect()
        };
        let listed = self.expect["targets"].as_array().expect("a list");
        let since = self.expect.get("since").and_then(Value::as_str).unwrap_or("1.0");
        listed.iter().any(|name| name.as_str() == Some(target))
            && numbers(version) >= numbers(since)
    }

    /// Can CPython run it?
    pub fn cpython(&self) -> bool {
        self.expect["cpython"].as_bool() == Some(true)
    }

    /// Is coverage.py known to report something else?
    pub fn differs_from_coverage_py(&self) -> bool {
        let others = self.expect.get("files").and_then(Value::as_table);
        let mut tables = others.into_iter().flatten().filter_map(|(_, table)| table.as_table());
        self.expect.contains_key("coverage_py")
            || tables.any(|table| table.contains_key("coverage_py"))
    }

    /// Is there anything to measure in the script?
    pub fn has_statements(&self) -> bool {
        self.expect["statements"].as_array().is_some_and(|lines| !lines.is_empty())
    }

    /// May it end with this status?
    pub fn may_end_with(&self, status: Option<i32>) -> bool {
        let also = self.expect.get("status_also").and_then(Value::as_array);
        let mut statuses = also.into_iter().flatten().chain([&self.expect["status"]]);
        let status = status.map(i64::from);
        statuses.any(|allowed| allowed.as_integer() == status)
    }

    /// Its files as they are written, golden texts left out.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut queue = vec![self.dir.clone()];
        while let Some(dir) = queue.pop() {
            for entry in fs::read_dir(dir).expect("a directory") {
                let path = entry.expect("an entry").path();
                if !path.is_dir() {
                    let name = path.strip_prefix(&self.dir).expect("it is inside");
                    found.push(name.to_owned());
                } else if !path.ends_with("golden") && !path.ends_with("__pycache__") {
                    queue.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// Its Python files.
    pub fn sources(&self) -> Vec<PathBuf> {
        let mut files = self.files();
        files.retain(|path| path.extension().is_some_and(|end| end == "py"));
        files
    }

    /// Copies its files to a directory that is not there yet.
    pub fn copy_to(&self, to: &Path) {
        for file in self.files() {
            let target = to.join(&file);
            fs::create_dir_all(target.parent().expect("a directory")).expect("a directory");
            fs::copy(self.dir.join(&file), target).expect("a copy");
        }
    }

    /// What is wrong with the verdicts of `mpycov run`, or of an instrumented tree.
    pub fn differences(&self, files: &[FileCoverage], level: Level, is_run: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut tables: BTreeMap<&str, &Table> = BTreeMap::from([("source.py", &self.expect)]);
        let others = self.expect.get("files").and_then(Value::as_table);
        for (name, table) in others.into_iter().flatten() {
            tables.insert(name, table.as_table().expect("a table"));
        }
        for file in files {
            let Some(table) = tables.remove(&*file.path) else {
                wrong.push(format!("{}: nothing is expected of it", file.path));
                continue;
            };
            let run = table.get("run").and_then(Value::as_table).filter(|_| is_run);
            let expected = |key: &str| {
                let found = run.and_then(|run| run.get(key)).or_else(|| table.get(key));
                let mut list = found.and_then(Value::as_array).cloned().unwrap_or_default();
                list.retain_mut(|item| asked_for(item, level));
                Value::Array(list)
            };
            let mut compare = |key: &str, found: Value| {
                if expected(key) != found {
                    let lacking = lacking(&expected(key), &found);
                    let beyond = lacking_in(&expected(key), &found);
                    let name = &file.path;
                    wrong
                        .push(format!("{name}: {key}: not found {lacking}, not expected {beyond}"));
                }
            };
            compare_file(file, level, &expected, &mut compare);
            if level == Level::Condition && table.contains_key("decisions") {
                compare("decisions", decisions(&file.decisions, &expected("decisions")));
            }
        }
        // Nobody tells of a file in an instrumented tree that nothing imports.
        tables.retain(|_, table| is_run || table["missing"] != table["statements"]);
        wrong.extend(tables.keys().map(|name| format!("{name}: there is no verdict on it")));
        wrong.iter().map(|text| format!("{} ({level}): {text}", self.name)).collect()
    }
}

/// Is this entry for this level, as its key `level` says? The key goes.
fn asked_for(item: &mut Value, level: Level) -> bool {
    let from = item.as_table_mut().and_then(|table| table.remove("level"));
    let from = from.map(|from| from.as_str().expect("a level").parse::<Level>());
    from.is_none_or(|from| from.expect("a level") <= level)
}

fn compare_file(
    file: &FileCoverage,
    level: Level,
    expected: &impl Fn(&str) -> Value,
    compare: &mut impl FnMut(&str, Value),
) {
    let lines = |wanted: &dyn Fn(bool) -> bool| {
        let lines = file.statements.iter().filter(|(_, hit)| wanted(**hit));
        Value::Array(lines.map(|(line, _)| i64::from(line.0).into()).collect())
    };
    compare("statements", lines(&|_| true));
    compare(
        "excluded",
        file.excluded.iter().map(|line| i64::from(line.0)).collect::<Vec<_>>().into(),
    );
    let spans = file.not_measured.iter().map(|part| {
        let mut table = Table::new();
        table.insert("line".into(), i64::from(part.line.0).into());
        table.insert("end_line".into(), i64::from(part.end_line.0).into());
        table.insert("reason".into(), part.reason.clone().into());
        Value::Table(table)
    });
    compare("not_measured", Value::Array(spans.collect()));
    if level == Level::Block {
        return;
    }
    compare("missing", lines(&|hit| !hit));
    if level == Level::Line {
        return;
    }
    // The order among the arcs of a line is not fixed.
    let in_order = |key: &str, mut found: Vec<String>| {
        let wanted = expected(key);
        let wanted: Vec<&str> =
            wanted.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        let place = |arc: &String| wanted.iter().position(|name| name == arc);
        found.sort_by_key(|arc| place(arc).unwrap_or(usize::MAX));
        Value::from(found)
    };
    let all = file
        .branches
        .iter()
        .flat_map(|branch| branch.exits.iter().map(|exit| format!("{}->{}", branch.line, exit.to)));
    compare("branches", in_order("branches", all.collect()));
    let missing = file
        .branches
        .iter()
        .flat_map(|branch| branch.missing().map(|to| format!("{}->{to}", branch.line)));
    compare("missing_branches", in_order("missing_branches", missing.collect()));
}

/// Elements of the first that the second lacks.
fn lacking(list: &Value, other: &Value) -> String {
    let (Some(list), Some(other)) = (list.as_array(), other.as_array()) else {
        return list.to_string();
    };
    let lacking: Vec<String> =
        list.iter().filter(|item| !other.contains(item)).map(Value::to_string).collect();
    format!("[{}]", lacking.join(", "))
}

fn lacking_in(list: &Value, other: &Value) -> String {
    lacking(other, list)
}

/// The decisions in a boolean context, with the keys that the expected ones have.
fn decisions(found: &[DecisionVerdict], expected: &Value) -> Value {
    let expected = expected.as_array().expect("a list");
    let boolean = found.iter().filter(|decision| decision.kind != DecisionKind::BoolOp);
    let tables = boolean.enumerate().map(|(index, decision)| {
        let mut all = decision_table(decision);
        if let Some(wanted) = expected.get(index).and_then(Value::as_table) {
            all.retain(|key, _| wanted.contains_key(key));
        }
        Value::Table(all)
    });
    Value::Array(tables.collect())
}

fn decision_table(decision: &DecisionVerdict) -> Table {
    let conditions = decision.conditions.iter().map(|condition| {
        let mut table = Table::new();
        table.insert("text".into(), condition.text.clone().into());
        table.insert("true".into(), condition.seen_true.into());
        table.insert("false".into(), condition.seen_false.into());
        table.insert("mcdc".into(), condition.mcdc.into());
        Value::Table(table)
    });
    let letter = |value: &Option<bool>| match value {
        Some(true) => 'T',
        Some(false) => 'F',
        None => '-',
    };
    let vectors = decision.paths.iter().map(|path| {
        let mut table = Table::new();
        table.insert("values".into(), path.values.iter().map(letter).collect::<String>().into());
        if let Some(outcome) = path.outcome {
            table.insert("outcome".into(), outcome.into());
        }
        table.insert("hit".into(), path.hit.into());
        Value::Table(table)
    });
    let count = |first: &str, part: usize, all: usize| {
        let mut table = Table::new();
        table.insert(first.into(), (part as i64).into());
        table.insert("total".into(), (all as i64).into());
        Value::Table(table)
    };
    let hit = decision.paths.iter().filter(|path| path.hit).count();
    let shown = decision.conditions.iter().filter(|condition| condition.mcdc).count();
    let mut table = Table::new();
    table.insert("line".into(), i64::from(decision.line.0).into());
    table.insert("column".into(), i64::from(decision.column).into());
    table.insert("end_line".into(), i64::from(decision.end_line.0).into());
    table.insert("kind".into(), decision.kind.name().into());
    table.insert("text".into(), decision.text.clone().into());
    table.insert("conditions".into(), Value::Array(conditions.collect()));
    table.insert("vectors".into(), Value::Array(vectors.collect()));
    table.insert("paths".into(), count("hit", hit, decision.paths.len()));
    table.insert("mcdc".into(), count("covered", shown, decision.conditions.len()));
    table
}
