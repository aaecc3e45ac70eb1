//! `mpycov instrument`, and what `run` shares with it: from files to texts.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;
use codespan_reporting::diagnostic::{Diagnostic, Label};
use codespan_reporting::files::{Files, SimpleFiles};
use codespan_reporting::term;

use super::args::{Common, InstrumentArgs, LevelArg, ModeArg, SelectArgs};
use super::settrace::{self, Texts};
use super::{Exit, style};
use crate::board::runtime;
use crate::discover::{self, Found, Selection};
use crate::embedded::RUNTIME;
use crate::fs;
use crate::instrument::{Instrumented, in_parallel, instrument as instrument_text};
use crate::model::Level;
use crate::parse::SyntaxError;
use crate::parse::exclude::Patterns;
use crate::plan::Options;
use crate::store::Store;
use crate::weave::RUNTIME_MODULE;

/// A file that was to be instrumented.
pub(super) struct Attempt {
    pub(super) found: Found,
    pub(super) text: Vec<u8>,
    pub(super) result: Result<Instrumented, SyntaxError>,
}

pub(super) fn level(arg: LevelArg) -> Level {
    match arg {
        LevelArg::Block => Level::Block,
        LevelArg::Line => Level::Line,
        LevelArg::Branch => Level::Branch,
        LevelArg::Condition => Level::Condition,
    }
}

/// The planner's options.
pub(super) fn options(select: &SelectArgs) -> anyhow::Result<Options> {
    let (exclude, partial) = (select.exclude_lines.as_deref(), select.partial_branches.as_deref());
    let patterns =
        Patterns::of_settings(exclude, &select.exclude_also, partial, &select.partial_also)
            .map_err(anyhow::Error::msg)?;
    let mut keys = vec![select.exclude_also.join("\n")];
    if exclude.is_some() || partial.is_some() || !select.partial_also.is_empty() {
        keys.push(exclude.map_or_else(String::new, |all| format!("={}", all.join("\n"))));
        keys.push(partial.map_or_else(String::new, |all| format!("={}", all.join("\n"))));
        keys.push(select.partial_also.join("\n"));
    }
    Ok(Options {
        level: level(select.level),
        walrus: select.target_version.is_none_or(|version| version >= (1, 13)),
        main_guard_runs: true,
        patterns,
        pattern_key: keys.join("\x01"),
    })
}

pub(super) fn selection(select: &SelectArgs, script: Option<&Path>) -> anyhow::Result<Selection> {
    let default = script.map(discover::default_pattern);
    let pattern = match select.pattern.as_deref() {
        Some("") => default.as_deref().or(Some(r"test_\w+")),
        other => other,
    };
    let selection = Selection::new(&select.include, &select.omit, pattern)?;
    Ok(selection.with_texts(&select.containing, &select.not_containing))
}

/// Instruments files side by side; `script` is the one that runs as `__main__`.
pub(super) fn attempt(
    files: Vec<Found>,
    options: &Options,
    script: Option<&Path>,
) -> anyhow::Result<Vec<Attempt>> {
    let results = in_parallel(&files, |found| {
        let text = fs::read(&found.path)?;
        let main_guard_runs =
            options.main_guard_runs && script.is_none_or(|script| script == found.path);
        let own = Options { main_guard_runs, ..options.clone() };
        let result = instrument_text(text.clone(), &found.name, &own);
        Ok::<_, fs::FileError>((text, result))
    });
    files
        .into_iter()
        .zip(results)
        .map(|(found, result)| {
            let (text, result) = result?;
            Ok(Attempt { found, text, result })
        })
        .collect()
}

/// Faults of one file that are shown; a file that is no text has thousands.
const SHOWN_FAULTS: usize = 10;

/// Bytes of a line that is shown with its fault.
const SHOWN_LINE: usize = 400;

/// Shows the faults of every file that does not parse, with line, column and
/// the text itself, where that helps.
pub(super) fn show_faults(attempts: &[&Attempt], color: style::Color) -> anyhow::Result<()> {
    let mut files = SimpleFiles::new();
    let mut out = Vec::new();
    for attempt in attempts {
        let Err(error) = &attempt.result else { continue };
        let text = String::from_utf8_lossy(&attempt.text);
        let exact = text.len() == attempt.text.len();
        let text = tame(&text);
        let length = text.len();
        let id = files.add(attempt.found.name.clone(), text);
        for fault in error.faults.iter().take(SHOWN_FAULTS) {
            let (start, end) = if exact {
                (fault.span.start as usize, fault.span.end as usize)
            } else {
                let at = lossy_offset(&attempt.text, fault.span.start);
                (at, at)
            };
            let message = tame(&fault.message);
            let start = start.min(length);
            let lines = lines_at(files.get(id)?.source(), start, end);
            if lines.len() > SHOWN_LINE {
                let place = files.location(id, start)?;
                let at =
                    format!("{}:{}:{}", attempt.found.name, place.line_number, place.column_number);
                writeln!(out, "error: {message}\n  at {at}\n")?;
                continue;
            }
            let label = Label::primary(id, start..end.clamp(start, length));
            let diagnostic = Diagnostic::error().with_message(message).with_labels(vec![label]);
            let config = term::Config::default();
            if color.on(&std::io::stderr()) {
                let mut ansi = term::termcolor::Ansi::new(&mut out);
                term::emit_to_write_style(&mut ansi, &config, &files, &diagnostic)?;
            } else {
                let mut plain = term::termcolor::NoColor::new(&mut out);
                term::emit_to_write_style(&mut plain, &config, &files, &diagnostic)?;
            }
        }
        let more = error.faults.len().saturating_sub(SHOWN_FAULTS);
        if more > 0 {
            writeln!(out, "{}: {more} more faults are not shown\n", attempt.found.name)?;
        }
    }
    style::note(String::from_utf8_lossy(&out).trim_end());
    Ok(())
}

/// A text without what commands a terminal; offsets stay as they are.
fn tame(text: &str) -> String {
    text.replace(|c: char| c.is_ascii_control() && !matches!(c, '\n' | '\r' | '\t'), "?")
}

/// The lines that a range touches.
fn lines_at(text: &str, start: usize, end: usize) -> &str {
    let end = end.clamp(start, text.len());
    let first = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let last = text[end..].find('\n').map_or(text.len(), |at| end + at);
    &text[first..last]
}

/// Names the decisions with too many paths.
pub(super) fn warn_of_paths(attempts: &[Attempt], color: style::Color) {
    for map in attempts.iter().filter_map(|a| a.result.as_ref().ok()).map(|i| &i.map) {
        for decision in map.decisions.iter().filter(|d| d.tree.has_too_many_paths()) {
            let Some(reason) = &decision.not_measured else { continue };
            let at = format!("{}:{}:{}", map.path, decision.line, decision.column + 1);
            style::warning(&format!("{at}: a decision is not measured: {reason}"), color);
        }
    }
}

/// Offset in the lossy text that stands for an offset in the bytes.
fn lossy_offset(bytes: &[u8], offset: u32) -> usize {
    String::from_utf8_lossy(&bytes[..(offset as usize).min(bytes.len())]).len()
}

pub(super) fn instrument(args: &InstrumentArgs, common: &Common) -> anyhow::Result<Exit> {
    let cwd = super::working_dir()?;
    let selection = selection(&args.select, None)?;
    let output = absolute(&args.output, &cwd);
    let mut copies: BTreeMap<PathBuf, Found> = BTreeMap::new();
    for path in &args.paths {
        let root = fs::canonical(path)?;
        let real_output = fs::canonical(&output).unwrap_or_else(|_| output.clone());
        if root.starts_with(&real_output) {
            bail!(
                "the output {} would overwrite the source {}\n  help: choose a directory of its own with -o",
                args.output.display(),
                path.display()
            );
        }
        let skip = [real_output, common.data_dir.clone(), cwd.join(&common.data_dir)];
        for found in discover::files(path, &skip, &cwd)? {
            if let Some(other) = copies.get(&found.relative) {
                bail!(
                    "{} and {} would both become {}",
                    other.name,
                    found.name,
                    args.output.join(&found.relative).display()
                );
            }
            copies.insert(found.relative.clone(), found);
        }
    }
    refuse_strangers(&output, &copies, args.force)?;
    let is_python = |found: &Found| found.path.extension().is_some_and(|e| e == "py");
    let (wanted, plain): (Vec<Found>, Vec<Found>) =
        copies.into_values().partition(|f| is_python(f) && selection.wants(&f.name));
    let attempts = attempt(wanted, &options(&args.select)?, None)?;
    let bad: Vec<&Attempt> = attempts.iter().filter(|a| a.result.is_err()).collect();
    if !bad.is_empty() {
        show_faults(&bad, common.color)?;
        bail!("{} of {} files do not parse; nothing was written", bad.len(), attempts.len());
    }
    warn_of_paths(&attempts, common.color);
    for found in plain.iter().filter(|f| f.path.extension().is_some_and(|e| e == "mpy")) {
        if !found.path.with_extension("py").is_file() {
            let name = &found.name;
            style::warning(
                &format!("{name} is not measured: only its compiled form (.mpy) is there"),
                common.color,
            );
        }
    }
    let store = Store::at(&common.data_dir);
    let (mut sensors, mut written, mut added) = (0, 0, 0);
    let mut traced = (args.mode == ModeArg::Settrace)
        .then(|| settrace::prepare(&attempts, None, Texts::Plain, &args.select));
    let mut table = String::new();
    for attempt in &attempts {
        let Ok(instrumented) = &attempt.result else { continue };
        store.put_map(&instrumented.map)?;
        let target = output.join(&attempt.found.relative);
        let text = match &mut traced {
            Some(traced) => {
                let name = fs::slashed(&attempt.found.relative);
                table += &traced.placed(&instrumented.map.digest, &name, 0);
                &attempt.text
            }
            None => {
                sensors += instrumented.map.sensor_count;
                added += instrumented.woven.added_lines.len();
                &instrumented.woven.text
            }
        };
        written += u32::from(fs::write_if_changed(&target, text)?);
    }
    for found in &plain {
        let target = output.join(&found.relative);
        if fs::read(&target).ok() != fs::read(&found.path).ok() {
            fs::copy(&found.path, &target)?;
        }
    }
    fs::write_if_changed(&output.join(MARKER), MARKER_TEXT.as_bytes())?;
    let count = attempts.len();
    if traced.is_some() {
        for part in runtime::tracer(table.into_bytes()) {
            fs::write_if_changed(&output.join(part.name), &part.bytes)?;
        }
        if !common.quiet {
            style::note(&format!(
                "Copied {count} files to trace ({written} changed) and {} others: {}",
                plain.len(),
                args.output.display()
            ));
        }
        return Ok(Exit::Fine);
    }
    let runtime = output.join(format!("{RUNTIME_MODULE}.py"));
    fs::write_if_changed(&runtime, RUNTIME.as_bytes())?;
    if !common.quiet {
        let lines = if added == 0 { String::new() } else { format!(", {added} lines added") };
        style::note(&format!(
            "Instrumented {count} files ({written} changed) with {sensors} sensors{lines}, copied {}: {}",
            plain.len(),
            args.output.display()
        ));
    }
    Ok(Exit::Fine)
}

/// Marks a directory as one that mpycov wrote.
const MARKER: &str = ".mpycov-tree";
const MARKER_TEXT: &str =
    "Instrumented by mpycov; written anew by each run of mpycov instrument.\n";

/// An output that holds anything else is not touched without being told so.
fn refuse_strangers(
    output: &Path,
    copies: &BTreeMap<PathBuf, Found>,
    force: bool,
) -> anyhow::Result<()> {
    if force || output.join(MARKER).exists() || !output.exists() {
        return Ok(());
    }
    let stranger = fs::list(output)?.into_iter().find(|path| {
        let relative = path.strip_prefix(output).unwrap_or(path);
        !copies.contains_key(relative)
    });
    if let Some(stranger) = stranger {
        bail!(
            "{} holds {}, which mpycov did not put there\n  help: choose an empty directory, or write into this one with --force",
            output.display(),
            stranger.strip_prefix(output).unwrap_or(&stranger).display()
        );
    }
    Ok(())
}

fn absolute(path: &Path, cwd: &Path) -> PathBuf {
    if path.is_absolute() { path.to_owned() } else { cwd.join(path) }
}
