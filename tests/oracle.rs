//! The verdicts of GCC and LLVM on decisions of their own test suites are those of mpycov on the
//! same decisions with the same inputs, run on the unix port. `fixtures/oracle/decisions.toml` has
//! what they say.

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use common::cli;
use mpycov::model::{DecisionKind, DecisionVerdict, FileCoverage};
use serde_json::Value as Json;
use toml::{Table, Value};

/// A decision with its inputs, and the line it stands in.
struct Row {
    facts: Table,
    line: u32,
}

impl Row {
    fn text(&self, key: &str) -> &str {
        self.facts[key].as_str().expect("a text")
    }

    fn number(&self, key: &str) -> u64 {
        self.facts[key].as_integer().expect("a number").try_into().expect("none is negative")
    }

    fn numbers(&self, key: &str) -> BTreeSet<usize> {
        let list = self.facts.get(key).and_then(Value::as_array);
        let number = |n: &Value| n.as_integer().and_then(|n| usize::try_from(n).ok());
        list.into_iter().flatten().map(|n| number(n).expect("a number")).collect()
    }

    fn flag(&self, key: &str) -> bool {
        self.facts.get(key).is_some_and(|value| value.as_bool() == Some(true))
    }

    /// The decision of this row, of all those in the file.
    fn verdict<'a>(&self, file: &'a FileCoverage) -> &'a DecisionVerdict {
        let mut found = file.decisions.iter().filter(|d| d.line.0 == self.line);
        let decision = found.next().unwrap_or_else(|| panic!("{} is not there", self.text("id")));
        assert_eq!(decision.text, self.text("expr"), "{}", self.text("id"));
        let kind = match (self.flag("loop"), self.flag("ternary")) {
            (true, _) => DecisionKind::While,
            (_, true) => DecisionKind::IfExp,
            _ => DecisionKind::If,
        };
        assert_eq!(decision.kind, kind, "{}", self.text("id"));
        decision
    }
}

/// A function for each row that evaluates its decision with each input, and the calls.
fn program(rows: &mut [Row]) -> String {
    let (mut text, mut calls) = (String::new(), String::new());
    for (number, row) in rows.iter_mut().enumerate() {
        let (expr, names) = (row.text("expr"), row.text("names").replace(' ', ", "));
        // A single name is a tuple too.
        let names = names + ",";
        let (body, above) = if row.flag("loop") {
            // An evaluation that is false ends the loop, and the next input begins another.
            let next = format!("if not rows: break\n            {names} = rows.pop(0)");
            let inner = format!("while {expr}:\n            {next}");
            (format!("    while rows:\n        {names} = rows.pop(0)\n        {inner}\n"), 4)
        } else {
            let test = if row.flag("ternary") {
                format!("x = 1 if {expr} else 0")
            } else {
                format!("if {expr}: x = 1")
            };
            (format!("    for {names} in rows:\n        {test}\n"), 3)
        };
        writeln!(text, "def f{number}(rows):\n{body}").expect("a string takes text");
        let inputs: Vec<String> = inputs(row).iter().map(|input| format!("({input})")).collect();
        writeln!(calls, "f{number}([{}])", inputs.join(", ")).expect("a string takes text");
        row.line = above;
    }
    let mut first = 0;
    for (row, function) in rows.iter_mut().zip(text.split_inclusive("\n\n")) {
        row.line += first;
        first += u32::try_from(function.lines().count()).expect("a small file");
    }
    text + &calls
}

/// The values of the names, evaluation by evaluation. What is not evaluated is once false and once
/// true.
fn inputs(row: &Row) -> Vec<String> {
    let key = if row.facts.contains_key("paths") { "paths" } else { "inputs" };
    let listed = row.facts[key].as_array().expect("a list").iter();
    let both = listed.flat_map(|input| {
        let input = input.as_str().expect("a text").to_owned();
        let other = if input.contains('-') { Some(input.replace('-', "T")) } else { None };
        std::iter::once(input.replace('-', "F")).chain(other)
    });
    let digit = |letter| match letter {
        '0' | 'F' => "0,",
        '1' | 'T' => "1,",
        other => panic!("{other} is no value"),
    };
    both.map(|input| input.chars().map(digit).collect()).collect()
}

/// Runs all rows in one program, and compares the verdicts of each.
#[test]
fn compilers_agree() {
    let text = fs::read_to_string(common::fixture("oracle/decisions.toml")).expect("the facts");
    let facts: Table = text.parse().expect("the facts are TOML");
    let list = |key: &str| facts[key].as_array().expect("a list").clone();
    let (gcc, llvm) = (list("gcc"), list("llvm"));
    assert_eq!((gcc.len(), llvm.len()), (66, 8));
    let all = gcc.into_iter().chain(llvm).map(|row| match row {
        Value::Table(facts) => Row { facts, line: 0 },
        other => panic!("{other} is no row"),
    });
    let mut rows: Vec<Row> = all.collect();
    let dir = common::temp_dir();
    common::write_files(dir.path(), &[("oracle.py", &program(&mut rows))]);
    assert_eq!(cli::output(dir.path(), &["run", "oracle.py"]), "");
    let file = cli::verdicts(&dir.path().join(".mpycov"), dir.path()).coverage.files.remove(0);
    let gcovr = cli::output(dir.path(), &["report", "--format", "gcovr", "-o", "-"]);
    let gcovr: Json = serde_json::from_str(&gcovr).expect("gcovr's format is JSON");
    for row in &rows {
        if row.facts.contains_key("paths") {
            as_llvm(row, row.verdict(&file));
        } else {
            as_gcc(row, row.verdict(&file), &gcovr);
        }
    }
}

fn as_gcc(row: &Row, verdict: &DecisionVerdict, gcovr: &Json) {
    let id = row.text("id");
    let (mut never_true, mut never_false) = (row.numbers("never_true"), row.numbers("never_false"));
    for negated in row.numbers("negated") {
        let (was_true, was_false) = (never_true.remove(&negated), never_false.remove(&negated));
        never_true.extend(was_false.then_some(negated));
        never_false.extend(was_true.then_some(negated));
    }
    let (covered, total) = (row.number("covered"), row.number("total"));
    assert_eq!(total, 2 * verdict.conditions.len() as u64, "{id}");
    for (number, condition) in verdict.conditions.iter().enumerate() {
        let shown = !never_true.contains(&number) && !never_false.contains(&number);
        assert_eq!(condition.mcdc, shown, "condition {number} of {id}");
    }
    let lines = gcovr["files"][0]["lines"].as_array().expect("lines");
    let line = lines.iter().find(|line| line["line_number"] == row.line).expect("the line");
    let found = &line["conditions"][0];
    let lacking = |key: &str| -> BTreeSet<usize> {
        let list = found[key].as_array().expect("a list").iter();
        list.map(|n| n.as_u64().and_then(|n| n.try_into().ok()).expect("a number")).collect()
    };
    assert_eq!(lacking("not_covered_true"), never_true, "{id}");
    assert_eq!(lacking("not_covered_false"), never_false, "{id}");
    assert_eq!((&found["covered"], &found["count"]), (&covered.into(), &total.into()), "{id}");
}

fn as_llvm(row: &Row, verdict: &DecisionVerdict) {
    let id = row.text("id");
    let values = |values: &[Option<bool>]| -> String {
        values.iter().map(|v| v.map_or('-', |v| if v { 'T' } else { 'F' })).collect()
    };
    let hit = verdict.paths.iter().filter(|path| path.hit);
    let hit: BTreeSet<String> = hit.map(|path| values(&path.values)).collect();
    let paths = row.facts["paths"].as_array().expect("a list").iter();
    let paths: BTreeSet<String> = paths.filter_map(Value::as_str).map(str::to_owned).collect();
    assert_eq!(hit, paths, "{id}");
    let conditions = verdict.conditions.iter().enumerate();
    let shown: BTreeSet<usize> = conditions.filter(|(_, c)| c.mcdc_pair).map(|(i, _)| i).collect();
    assert_eq!(shown, row.numbers("shown"), "{id}");
    if row.facts.contains_key("covered_by_gcc") {
        let masking = verdict.conditions.iter().filter(|c| c.mcdc).count() as u64;
        assert_eq!(2 * masking, row.number("covered_by_gcc"), "{id}");
    }
}
