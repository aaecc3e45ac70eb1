//! Runs traced with `sys.settrace` say of each statement and branch what sensors say.

mod common;

use std::path::Path;

use common::constructs::{self, Construct};
use common::targets::{self, WASM_NEWEST, Wasm};
use common::{cli, pool};
use mpycov::evaluate::{HIDDEN_WAY, SHARED_LINE};
use mpycov::model::{FileCoverage, Line};

/// The firmware that traces.
fn firmware() -> Wasm {
    targets::wasm(WASM_NEWEST, true)
}

/// What the runs of a script in one mode kept.
fn measured(dir: &Path, program: &Path, script: &str, data: &str, more: &[&str]) -> Vec<FileCoverage> {
    let micropython = program.display().to_string();
    let mut args = vec!["run", "-q", "--data-dir", data, "--micropython", &micropython];
    args.extend(more);
    args.push(script);
    let outcome = cli::run(dir, &args);
    let found = cli::verdicts(&dir.join(data), dir);
    assert!(found.notices.is_empty(), "{:?}", found.notices);
    assert!(!outcome.err().contains("mpycov"), "{}", outcome.text());
    found.coverage.files
}

/// What is not measured because lines cannot tell.
#[derive(Debug, Default)]
struct Blind {
    statements: usize,
    branches: usize,
}

/// Compares what traced lines say with what sensors say.
fn compare(name: &str, sensors: &[FileCoverage], traced: &[FileCoverage], blind: &mut Blind) -> Vec<String> {
    let mut wrong = Vec::new();
    for (mine, theirs) in traced.iter().zip(sensors) {
        assert_eq!(mine.path, theirs.path, "{name}");
        let at = |line: Line| format!("{name}: {}:{line}", mine.path);
        let unsure = |line: Line, reason: &str| {
            mine.not_measured.iter().any(|part| part.line == line && part.reason == reason)
        };
        for (line, hit) in &theirs.statements {
            match mine.statements.get(line) {
                Some(found) if found == hit => {}
                Some(found) => wrong.push(format!("{}: started {found}, sensors say {hit}", at(*line))),
                None if unsure(*line, SHARED_LINE) => blind.statements += 1,
                None => wrong.push(format!("{}: no verdict on a statement", at(*line))),
            }
        }
        for branch in &theirs.branches {
            match mine.branches.iter().find(|found| found.line == branch.line) {
                Some(found) if found.exits == branch.exits => {}
                Some(found) => wrong.push(format!(
                    "{}: {:?}, sensors say {:?}", at(branch.line), found.exits, branch.exits
                )),
                None if unsure(branch.line, HIDDEN_WAY) => blind.branches += 1,
                None => wrong.push(format!("{}: no verdict on a branch", at(branch.line))),
            }
        }
    }
    assert_eq!(traced.len(), sensors.len(), "{name}");
    wrong
}

fn fixtures() -> Vec<Construct> {
    let mut all = constructs::all();
    all.retain(|construct| construct.runs_on("wasm", WASM_NEWEST));
    assert!(all.len() > 19);
    if let Ok(names) = std::env::var("DBG") { all.retain(|c| names.split(' ').any(|n| n == c.name)); }
    all
}

/// Compares all fixtures; what lines could not tell, in all.
fn compare_fixtures(more: &[&str]) -> Blind {
    let dir = common::temp_dir();
    let program = dir.path().join("micropython");
    firmware().executable(&program, true);
    let results = pool::in_parallel(&fixtures(), |construct| {
        let place = dir.path().join(&construct.name);
        construct.copy_to(&place);
        let sensors = measured(&place, &program, "source.py", &format!("../{}-sensors", construct.name), &[]);
        let traced = measured(&place, &program, "source.py", &format!("../{}-traced", construct.name), more);
        let mut blind = Blind::default();
        let wrong = compare(&construct.name, &sensors, &traced, &mut blind);
        (wrong, blind)
    });
    let mut all = Blind::default();
    let mut wrong = Vec::new();
    for (complaints, blind) in results {
        wrong.extend(complaints);
        all.statements += blind.statements;
        all.branches += blind.branches;
    }
    pool::none(wrong);
    all
}

#[test]
fn lines_say_of_all_fixtures_what_sensors_say() {
    let blind = compare_fixtures(&["--mode", "settrace"]);
    println!("{blind:?}");
}

#[test]
fn lines_of_plain_sources_are_never_wrong() {
    let blind = compare_fixtures(&["--mode", "settrace", "--no-fences"]);
    println!("{blind:?}");
}
