//! Which lines count as executable: `--method`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use super::foreign::Maps;
use super::foreign_args::MethodArg;
use crate::evaluate::{HIDDEN_WAY, SHARED_LINE, UNTRACED};
use crate::fs;
use crate::gather::Gathered;
use crate::model::{FileCoverage, Line, NotMeasured};
use crate::store::Loaded;
use crate::trace::mpy;

/// What devices said of one file.
#[derive(Default)]
struct Told {
    /// Lines that were reported.
    seen: BTreeSet<Line>,
    /// Lines that were reported from a `.mpy` file, and perhaps for an `except` only.
    doubtful: BTreeSet<Line>,
    /// Lines that have code.
    executable: BTreeSet<Line>,
}

/// Counts the lines that a method names, as mpy-coverage does: those that were
/// reported ran, whatever for. Only what a `.mpy` file reports for others is left open, and what
/// may have run without a report.
pub(super) fn count_lines(
    gathered: &mut Gathered,
    method: MethodArg,
    mpy_cross: &Path,
    loaded: &Loaded,
    maps: &Maps,
) -> anyhow::Result<()> {
    let cwd = super::working_dir()?;
    let mut told: BTreeMap<&str, Told> = BTreeMap::new();
    for (digest, seen) in loaded.runs.iter().flat_map(|(_, run)| &run.traced) {
        if let (Some(Ok(map)), Some(seen)) = (maps.get(digest), seen) {
            let entry = told.entry(&map.path).or_default();
            entry.seen.extend(seen.lines.difference(&seen.doubtful));
            entry.doubtful.extend(&seen.doubtful);
            entry.executable.extend(&seen.executable);
        }
    }
    for file in &mut gathered.coverage.files {
        let told = told.remove(file.path.as_str()).unwrap_or_default();
        let ran =
            |line: &Line| told.seen.contains(line) || file.statements.get(line) == Some(&true);
        let executable = match method {
            MethodArg::Mpy => {
                let source = cwd.join(&file.path);
                let mut lines = compiled_lines(&source, mpy_cross)?;
                // All such tables begin at line 1, whatever is there.
                if begins_empty(&fs::read(&source)?) {
                    lines.remove(&Line(1));
                }
                lines
            }
            _ => told.executable.clone(),
        };
        let untraced = file.not_measured.iter().filter(|part| part.reason == UNTRACED);
        let mut open: BTreeSet<Line> = untraced.map(|part| part.line).collect();
        open.extend(told.doubtful.iter().filter(|line| !ran(line)));
        let statements = executable.difference(&open).map(|line| (*line, ran(line))).collect();
        file.statements = statements;
        let stays = |part: &NotMeasured| part.reason != SHARED_LINE || open.contains(&part.line);
        file.not_measured.retain(stays);
    }
    gathered.coverage.files.retain(|file| !file.statements.is_empty());
    if gathered.coverage.files.is_empty() {
        bail!(
            "no data names executable lines\n  help: start the tracer with collect_executable=True, or use --method ast"
        );
    }
    Ok(())
}

/// Is nothing but a comment on the first line?
fn begins_empty(source: &[u8]) -> bool {
    let line = source.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    line.is_empty() || line.starts_with(b"#")
}

/// Forgets the branches of a file.
pub(super) fn without_branches(file: &mut FileCoverage) {
    file.branches.clear();
    file.not_measured.retain(|part| part.reason != HIDDEN_WAY);
}

/// The lines for which a compiler makes code.
pub(super) fn compiled_lines(source: &Path, mpy_cross: &Path) -> anyhow::Result<BTreeSet<Line>> {
    let dir = tempfile::tempdir().context("cannot make a directory for temporary files")?;
    let target = dir.path().join("out.mpy");
    let output = Command::new(mpy_cross).arg("-o").arg(&target).arg("--").arg(source).output();
    let output = output.with_context(|| {
        format!(
            "cannot start {}\n  help: name the compiler with --mpy-cross PATH",
            mpy_cross.display()
        )
    })?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("{} does not compile {}: {reason}", mpy_cross.display(), source.display());
    }
    mpy::lines(&fs::read(&target)?)
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("what {} makes of {}", mpy_cross.display(), source.display()))
}
