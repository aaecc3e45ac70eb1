//! Every construct of the language: the instrumented program does what the plain one does, and the
//! verdicts are those that `expect.toml` gives.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::constructs::{self, Construct};
use common::process::{self, Outcome};
use common::targets::{self, Target, WASM_NEWEST, WASM_VERSIONS};
use common::{cli, pool};
use mpycov::model::Level;
use mpycov::wire::frame;

#[test]
fn on_the_unix_port() {
    let all = constructs::all();
    let mine: Vec<&Construct> = all.iter().filter(|c| c.runs_on("unix", "1.24")).collect();
    assert!(mine.len() > 200);
    let complaints = pool::in_parallel(&mine, |construct| on_unix(construct));
    pool::none(complaints.into_iter().flatten());
}

fn on_unix(construct: &Construct) -> Vec<String> {
    let dir = common::temp_dir();
    let place = dir.path().join("place");
    construct.copy_to(&place);
    let plain = targets::unix().run(&place, "source.py", &[], b"");
    let mut wrong = as_expected(construct, &plain);
    for level in Level::ALL {
        fs::remove_dir_all(&place).expect("the place can be cleared");
        construct.copy_to(&place);
        let data = dir.path().join(level.name());
        let data_name = data.display().to_string();
        let args = ["run", "-q", "--data-dir", &data_name, "--level", level.name(), "source.py"];
        let covered = cli::run(&place, &args);
        wrong.extend(compare(&format!("{} ({level})", construct.name), &plain, &covered));
        let found = cli::verdicts(&data, &place);
        wrong.extend(found.notices.iter().map(|text| format!("{}: {text}", construct.name)));
        wrong.extend(construct.differences(&found.coverage.files, level, true));
    }
    wrong
}

/// What is wrong with the end of the plain program, which the fixture knows.
fn as_expected(construct: &Construct, plain: &Outcome) -> Vec<String> {
    let raises = construct.expect["raises"].as_str().expect("a text");
    let told = raises.is_empty() || plain.err().contains(raises) || plain.out().contains(raises);
    if construct.may_end_with(plain.status) && told {
        return Vec::new();
    }
    vec![format!("{}: the plain program ends otherwise:\n{}", construct.name, plain.text())]
}

fn compare(name: &str, plain: &Outcome, covered: &Outcome) -> Vec<String> {
    if plain == covered {
        return Vec::new();
    }
    vec![format!("{name}: plain\n{}\ninstrumented\n{}", plain.text(), covered.text())]
}
