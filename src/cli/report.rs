//! `mpycov report`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use super::args::Common;
use super::foreign_args::MethodArg;
use super::report_args::{ByArg, FlavorArg, GateArgs, ReportArgs, SonarArg, SortArg};
use super::report_out::{self, is_stdout};
use super::{Exit, foreign, methods, print, style};
use crate::discover::Selection;
use crate::fs;
use crate::gather::{Gathered, gather};
use crate::model::Line;
use crate::report::boards;
use crate::report::text::{SortBy, TableOptions};
use crate::report::{
    ChangedLines, CoberturaOptions, DataFileOptions, Format, Gates, HtmlOptions, JsonOptions,
    LcovFlavor, LcovOptions, ListingOptions, Moment, Settings, SonarMetric, compare, diff, gates,
};
use crate::same_places::SamePlaces;
use crate::store::Loaded;

pub(super) fn report(args: &ReportArgs, common: &Common) -> anyhow::Result<Exit> {
    let cwd = super::working_dir()?;
    let mut gathered = load(args, common)?;
    for notice in &gathered.notices {
        style::warning(notice, common.color);
    }
    let only_tests = args.format.iter().all(|format| *format == Format::Junit);
    let has_tests = only_tests && !gathered.tests.is_empty();
    if gathered.coverage.files.is_empty() && !has_tests {
        bail!("No data to report.\n  help: {}", foreign::remedy(common));
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
    if args.open && !args.format.contains(&Format::Html) {
        bail!("--open shows the HTML report\n  help: ask for it with --format html");
    }
    let settings = settings(args, common, &gathered, &cwd, changed)?;
    for format in &args.format {
        report_out::write(*format, args, common, &gathered, &settings)?;
    }
    if let Some(earlier) = &args.compare {
        let text = fs::read(earlier)?;
        let earlier = compare::read(&text)
            .with_context(|| format!("{} is no coverage.json", earlier.display()))?;
        let mut out = b"\n".to_vec();
        compare::write(&earlier, &gathered.coverage, args.precision, &mut out)?;
        print(&out)?;
    }
    if args.by == Some(ByArg::Board) {
        let mut out = b"\n".to_vec();
        boards::write(&gathered.coverage, &mut out)?;
        print(&out)?;
    }
    if common.verbose && args.mpy_tools_dir.is_some() {
        style::note("mpycov: --mpy-tools-dir changes nothing: .mpy files are read without tools");
    }
    let failures = gates::failures(&gathered.coverage, &asked(&args.gates, args.precision));
    for failure in &failures {
        style::error(failure, common.color);
    }
    Ok(if failures.is_empty() { Exit::Fine } else { Exit::Below })
}

/// All verdicts of the data directory that are asked for.
pub(super) fn load(args: &ReportArgs, common: &Common) -> anyhow::Result<Gathered> {
    let cwd = super::working_dir()?;
    let selection = Selection::new(&args.include, &args.omit, None)?;
    let places = SamePlaces::new(args.set.paths.iter().map(Vec::as_slice))?;
    let (mut loaded, mut maps) = foreign::load(&args.foreign, common, true)?;
    keep_contexts(&mut loaded, &args.contexts)?;
    for map in maps.values_mut().flatten() {
        let is_there = |path: &Path| cwd.join(path).is_file();
        if let Some(path) = places.here(&map.path, &is_there) {
            map.path = path;
        }
    }
    let is_readable = |name: &str| !args.ignore_errors || fs::read(&cwd.join(name)).is_ok();
    let wanted = |name: &str| selection.wants(name) && is_readable(name);
    let mut gathered = gather(&loaded, &maps, &cwd, &wanted);
    if matches!(args.method, MethodArg::CoLines | MethodArg::Mpy) {
        methods::count_lines(&mut gathered, args.method, &args.mpy_cross, &loaded, &maps)?;
    }
    if args.no_branch {
        gathered.coverage.files.iter_mut().for_each(methods::without_branches);
    }
    Ok(gathered)
}

/// Forgets what ran in other contexts. Their files stay, as ones that did not
/// run.
fn keep_contexts(loaded: &mut Loaded, wanted: &[String]) -> anyhow::Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let wanted: Vec<regex::Regex> = wanted
        .iter()
        .map(|text| {
            regex::Regex::new(text)
                .with_context(|| format!("the context `{text}` is no regular expression"))
        })
        .collect::<Result<_, _>>()?;
    let is_wanted = |context: &str| wanted.iter().any(|regex| regex.is_match(context));
    if !loaded.runs.is_empty() && !loaded.runs.iter().any(|(_, run)| is_wanted(&run.context)) {
        let names: BTreeSet<String> =
            loaded.runs.iter().map(|(_, run)| format!("`{}`", run.context)).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        bail!("no context fits --contexts: there are {names}");
    }
    for (_, run) in loaded.runs.iter_mut().filter(|(_, run)| !is_wanted(&run.context)) {
        run.context.clear();
        run.tests.clear();
        run.files.values_mut().for_each(|hits| *hits = None);
        run.traced.values_mut().for_each(|seen| *seen = None);
    }
    Ok(())
}

fn settings(
    args: &ReportArgs,
    common: &Common,
    gathered: &Gathered,
    cwd: &Path,
    changed: Option<ChangedLines>,
) -> anyhow::Result<Settings> {
    let extra_css = args.set.extra_css.as_deref().map(fs::read).transpose()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let to_terminal = args.output.as_deref().is_none_or(is_stdout);
    let defaults = CoberturaOptions::default();
    Ok(Settings {
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
        tests: gathered.tests.clone(),
        changed,
        json: JsonOptions { pretty: args.pretty_print },
        lcov: LcovOptions {
            flavor: match args.flavor {
                FlavorArg::Common => LcovFlavor::Common,
                FlavorArg::Lcov2 => LcovFlavor::Lcov2,
            },
            line_checksums: args.set.line_checksums,
        },
        cobertura: CoberturaOptions {
            conditions: args.cobertura_conditions,
            package_depth: args.set.package_depth.unwrap_or(defaults.package_depth),
        },
        sonar: match args.sonar_metric {
            SonarArg::Line => SonarMetric::Line,
            SonarArg::Branch => SonarMetric::Branch,
            SonarArg::Condition => SonarMetric::Condition,
            SonarArg::Decision => SonarMetric::Decision,
        },
        data_file: DataFileOptions { relative: args.set.relative_files },
        html: HtmlOptions {
            title: args.title.clone(),
            skip_covered: args.set.html_skip_covered.unwrap_or(args.skip_covered),
            skip_empty: args.set.html_skip_empty.unwrap_or(args.skip_empty),
            extra_css: extra_css.map(|css| String::from_utf8_lossy(&css).into_owned()),
        },
    })
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
        function: args.fail_under_function,
        per_file: args.per_file,
        uncovered_lines: args.fail_uncovered_lines,
        uncovered_branches: args.fail_uncovered_branches,
        uncovered_conditions: args.fail_uncovered_conditions,
        uncovered_mcdc: args.fail_uncovered_mcdc,
        uncovered_functions: args.fail_uncovered_functions,
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
        let reason = reason.lines().next().unwrap_or_default().trim();
        bail!("git cannot tell what differs from {revision}: {reason}");
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
