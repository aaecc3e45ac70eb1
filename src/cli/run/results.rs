//! Results of unit tests that a program on the unix port has run.

use std::path::{Path, PathBuf};

use super::super::args::Common;
use super::super::style;
use super::now;
use crate::fs;
use crate::model::TestSuite;
use crate::unittest::Transcript;

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
    let main = Path::new(name).file_stem().map_or_else(|| name.into(), |s| s.to_string_lossy());
    let mut results = transcript.read(&main);
    results.relocate(&|file, line| {
        let full = fs::canonical(Path::new(file)).unwrap_or_default();
        let added = texts.iter().find(|(path, ..)| *path == full).map(|(.., added)| added);
        line - added.into_iter().flatten().filter(|added| **added <= line).count() as u32
    });
    for fault in &results.faults {
        style::warning(&format!("results of tests are missing: {fault}"), common.color);
    }
    if results.is_empty() {
        return Vec::new();
    }
    vec![TestSuite {
        name: name.to_owned(),
        target: Some(context.to_owned()).filter(|context| !context.is_empty()),
        ended: now(),
        millis: transcript.millis(),
        cases: results.found.into_iter().map(|found| found.case).collect(),
        output: String::new(),
    }]
}
