//! Results of unit tests that a program on the unix port has run.

use std::path::{Path, PathBuf};

use super::super::args::Common;
use super::super::style;
use super::now;
use crate::fs;
use crate::model::TestSuite;
use crate::unittest::{self, Results, Transcript};

/// Results of unit tests in what a program on a board has printed.
pub(super) fn of_output(
    name: &str,
    board: &str,
    printed: &[u8],
    common: &Common,
) -> Vec<TestSuite> {
    let text = String::from_utf8_lossy(printed).replace("\r\n", "\n");
    let results = unittest::read(&text, &module_of(name));
    suite(name, Some(board.to_owned()), None, results, common)
}

/// Whether a script has tests for unittest and nothing that starts them.
pub(super) fn leaves_tests(script: &[u8]) -> bool {
    let text = String::from_utf8_lossy(script);
    let case = |line: &str| line.starts_with("class ") && line.contains("TestCase)");
    let starts = ["main(", "TestRunner", "TestSuite", "run_class"];
    text.lines().any(case) && !starts.iter().any(|word| text.contains(word))
}

/// The module that a script is.
pub(super) fn module_of(name: &str) -> String {
    let stem = Path::new(name).file_stem();
    stem.map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

fn suite(
    name: &str,
    target: Option<String>,
    millis: Option<u64>,
    results: Results,
    common: &Common,
) -> Vec<TestSuite> {
    for fault in &results.faults {
        style::warning(&format!("results of tests are missing: {fault}"), common.color);
    }
    if results.is_empty() {
        return Vec::new();
    }
    let cases = results.found.into_iter().map(|found| found.case).collect();
    let name = name.to_owned();
    vec![TestSuite { name, target, ended: now(), millis, cases, output: String::new() }]
}

/// Results of unit tests, if the program ran any.
pub(super) fn test_results(
    name: &str,
    context: &str,
    records: Option<&[u8]>,
    texts: &[(PathBuf, &[u8], Vec<u32>)],
    common: &Common,
) -> Vec<TestSuite> {
    let Some(records) = records else { return Vec::new() };
    let transcript = Transcript::of_records(records);
    let mut results = transcript.read(&module_of(name));
    results.relocate(&|file, line| {
        let full = fs::canonical(Path::new(file)).unwrap_or_default();
        let added = texts.iter().find(|(path, ..)| *path == full).map(|(.., added)| added);
        line - added.into_iter().flatten().filter(|added| **added <= line).count() as u32
    });
    let target = Some(context.to_owned()).filter(|context| !context.is_empty());
    suite(name, target, transcript.millis(), results, common)
}
