//! The JSON of mpy-coverage: the lines of each file that ran, and those that
//! count. It has no arcs: mpy-coverage takes its lines from arcs where there are
//! some, and only branches are known here.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{Settings, Sources};
use crate::model::Coverage;

/// Writes it.
///
/// # Errors
/// When writing fails.
pub(super) fn write(
    coverage: &Coverage,
    _: &Sources,
    _: &Settings,
    out: &mut dyn Write,
) -> io::Result<()> {
    let lines = |wanted: fn(bool) -> bool| -> BTreeMap<&str, Vec<u32>> {
        let of = |file: &crate::model::FileCoverage| {
            file.statements
                .iter()
                .filter(|(_, hit)| wanted(**hit))
                .map(|(line, _)| line.0)
                .collect()
        };
        coverage.files.iter().map(|file| (file.path.as_str(), of(file))).collect()
    };
    let data = serde_json::json!({"executed": lines(|hit| hit), "executable": lines(|_| true)});
    writeln!(out, "{data}")
}
