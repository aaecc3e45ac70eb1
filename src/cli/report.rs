//! `mpycov report`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use super::args::{Common, FlavorArg, GateArgs, MethodArg, ReportArgs, SortArg};
use super::{Exit, foreign, print, style};
use crate::discover::Selection;
use crate::fs;
use crate::gather::{Gathered, gather};
use crate::model::Line;
use crate::report::text::{SortBy, TableOptions};
use crate::report::{
    ChangedLines, CoberturaOptions, DataFileOptions, Format, Gates, HtmlOptions, JsonOptions,
    LcovFlavor, LcovOptions, ListingOptions, Moment, Settings, compare, diff, gates, html, render,
};

pub(super) fn report(args: &ReportArgs, common: &Common) -> anyhow::Result<Exit> {
    let cwd = std::env::current_dir().context("the working directory is gone")?;
    let mut gathered = load(args, common)?;
    for notice in &gathered.notices {
        style::warning(notice, common.color);
    }
    if gathered.coverage.files.is_empty() {
        bail!("No data to report.\n  help: mpycov run SCRIPT makes some");
    }
    let mut changed = None;
    if let Some(revision) = &args.diff {
        let lines = changed_lines(revision, &cwd)?;
        for path in diff::unknown(&gathered.coverage, &lines) {
            style::warning(&format!("{path} has changed and was never measured"), common.color);
        }
        gathered.coverage = diff::narrow(&gathered.coverage, &lines);
        if gathered.coverage.files.is_empty() {
            style::note(&format!("No measured statement differs from {revision}."));
            return Ok(Exit::Fine);
        }
        changed = Some(lines);
    }
    if args.output.is_some() && args.format.len() > 1 {
        bail!("-o names one file, and {} formats are asked for", args.format.len());
    }
    let settings = settings(args, common, &gathered, &cwd, changed);
    for format in &args.format {
        write(*format, args, common, &gathered, &settings)?;
    }
    if let Some(earlier) = &args.compare {
        let text = fs::read(earlier)?;
        let earlier = compare::read(&text)
            .with_context(|| format!("{} is no coverage.json", earlier.display()))?;
        let mut out = b"\n".to_vec();
        compare::write(&earlier, &gathered.coverage, args.precision, &mut out)?;
        print(&out)?;
    }
    let failures = gates::failures(&gathered.coverage, &asked(&args.gates, args.precision));
    for failure in &failures {
        style::error(failure, common.color);
    }
    Ok(if failures.is_empty() { Exit::Fine } else { Exit::Below })
}

/// All verdicts of the data directory.
pub(super) fn load(args: &ReportArgs, common: &Common) -> anyhow::Result<Gathered> {
    let cwd = std::env::current_dir().context("the working directory is gone")?;
    let selection = Selection::new(&args.include, &args.omit, None)?;
    let (loaded, maps) = foreign::load(&args.foreign, common, true)?;
    let mut gathered = gather(&loaded, &maps, &cwd, &|name| selection.wants(name));
    if matches!(args.method, MethodArg::CoLines | MethodArg::Mpy) {
        foreign::count_lines(&mut gathered, args.method, &args.mpy_cross, &loaded, &maps)?;
    }
    Ok(gathered)
}

fn settings(
    args: &ReportArgs,
    common: &Common,
    gathered: &Gathered,
    cwd: &Path,
    changed: Option<ChangedLines>,
) -> Settings {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let to_terminal = args.output.as_deref().is_none_or(is_stdout);
    Settings {
        when: Moment(now.map_or(0, |d| d.as_millis() as u64)),
        root: cwd.to_string_lossy().into_owned(),
        precision: args.precision,
        show_contexts: args.show_contexts,
        table: TableOptions {
            show_missing: args.show_missing,
            skip_covered: args.skip_covered,
            skip_empty: args.skip_empty,
            sort: args.sort.map_or(SortBy::Name, |(_, column)| sort_by(column)),
            descending: args.sort.is_some_and(|(descending, _)| descending),
            precision: args.precision,
            markdown: false,
        },
        listing: ListingOptions { color: to_terminal && common.color.on(&std::io::stdout()) },
        uncovered: gathered.uncovered.clone(),
        changed,
        json: JsonOptions { pretty: args.pretty_print },
        lcov: LcovOptions {
            flavor: match args.flavor {
                FlavorArg::Common => LcovFlavor::Common,
                FlavorArg::Lcov2 => LcovFlavor::Lcov2,
            },
            line_checksums: false,
        },
        cobertura: CoberturaOptions {
            conditions: args.cobertura_conditions,
            ..CoberturaOptions::default()
        },
        data_file: DataFileOptions::default(),
        html: HtmlOptions {
            title: args.title.clone(),
            skip_covered: args.skip_covered,
            skip_empty: args.skip_empty,
            extra_css: None,
        },
        ..Settings::default()
    }
}

/// Writes one report to where it belongs, whole or not at all.
fn write(
    format: Format,
    args: &ReportArgs,
    common: &Common,
    gathered: &Gathered,
    settings: &Settings,
) -> anyhow::Result<()> {
    let (coverage, sources) = (&gathered.coverage, &gathered.sources);
    let target = match &args.output {
        Some(path) if is_stdout(path) => None,
        Some(path) => Some(path.clone()),
        None => format.default_path().map(PathBuf::from),
    };
    if let (Format::Html, Some(dir), false) = (format, &target, args.html_single) {
        let mut failed = None;
        html::pages(coverage, sources, settings, &mut |name, bytes| {
            fs::write_if_changed(&dir.join(name), bytes).map(|_| ()).map_err(|error| {
                let text = error.to_string();
                failed = Some(error);
                std::io::Error::other(text)
            })
        })
        .map_err(|error| failed.take().map_or_else(|| error.into(), anyhow::Error::from))?;
        let ignore = dir.join(".gitignore");
        fs::write_if_changed(&ignore, b"# Made by mpycov.\n*\n")?;
        wrote(common, "HTML report", &dir.join("index.html"));
        return Ok(());
    }
    let mut out = Vec::new();
    render(format, coverage, sources, settings, &mut out)?;
    match target {
        None => print(&out)?,
        Some(mut path) => {
            if format == Format::Html && path.extension().is_none() {
                path.set_extension("html");
            }
            fs::write(&path, &out)?;
            wrote(common, &format!("{} report", format.name()), &path);
        }
    }
    Ok(())
}

fn wrote(common: &Common, what: &str, path: &Path) {
    if !common.quiet {
        style::note(&format!("Wrote {what} to {}", path.display()));
    }
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

fn sort_by(column: SortArg) -> SortBy {
    match column {
        SortArg::Name => SortBy::Name,
        SortArg::Stmts => SortBy::Statements,
        SortArg::Miss => SortBy::Missing,
        SortArg::Branch => SortBy::Branches,
        SortArg::Brpart => SortBy::Partial,
        SortArg::Cover => SortBy::Cover,
    }
}

fn asked(args: &GateArgs, precision: usize) -> Gates {
    Gates {
        total: args.fail_under,
        line: args.fail_under_line,
        branch: args.fail_under_branch,
        condition: args.fail_under_condition,
        mcdc: args.fail_under_mcdc,
        per_file: args.per_file,
        uncovered_lines: args.fail_uncovered_lines,
        uncovered_branches: args.fail_uncovered_branches,
        uncovered_conditions: args.fail_uncovered_conditions,
        uncovered_mcdc: args.fail_uncovered_mcdc,
        precision,
    }
}

/// The lines that differ from a revision, by file, from git.
fn changed_lines(revision: &str, cwd: &Path) -> anyhow::Result<ChangedLines> {
    let output = Command::new("git")
        .args(["diff", "--no-color", "--no-ext-diff", "--unified=0", "--relative", revision, "--"])
        .current_dir(cwd)
        .output()
        .context("cannot start git, which --diff needs")?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!("git cannot tell what differs from {revision}: {}", reason.trim());
    }
    let mut changed: BTreeMap<String, BTreeSet<Line>> = BTreeMap::new();
    let mut path = None;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some(name) = line.strip_prefix("+++ ") {
            path = name.strip_prefix("b/").map(str::to_owned);
        } else if let (Some(hunk), Some(path)) = (line.strip_prefix("@@ "), &path) {
            let added = hunk.split(' ').find_map(|part| part.strip_prefix('+'));
            let mut numbers = added.unwrap_or_default().split(',').map(str::parse::<u32>);
            if let Some(Ok(first)) = numbers.next() {
                let count = numbers.next().and_then(Result::ok).unwrap_or(1);
                let lines = (first..first + count).map(Line);
                changed.entry(path.clone()).or_default().extend(lines);
            }
        }
    }
    Ok(changed)
}
