//! `mpycov report`.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

use super::args::{Common, FormatArg, ReportArgs, SortArg};
use super::{Exit, print, style};
use crate::discover::Selection;
use crate::fs;
use crate::gather::{Gathered, gather};
use crate::report::annotate::{ListingOptions, listing};
use crate::report::numbers::{Numbers, display_percent, percent};
use crate::report::text::{SortBy, TableOptions, table};
use crate::store::Store;

pub(super) fn report(args: &ReportArgs, common: &Common) -> anyhow::Result<Exit> {
    let gathered = load(common, &args.include, &args.omit)?;
    for notice in &gathered.notices {
        style::warning(notice, common.color);
    }
    if gathered.coverage.files.is_empty() {
        bail!("No data to report.\n  help: mpycov run SCRIPT makes some");
    }
    for format in &args.format {
        let mut out = Vec::new();
        render(*format, &gathered, args, common, &mut out)?;
        match args.output.as_deref().filter(|path| *path != Path::new("-")) {
            Some(path) => fs::write(path, &out)?,
            None => print(&out)?,
        }
    }
    Ok(gates(args, &gathered, common))
}

/// All verdicts of the data directory.
pub(super) fn load(
    common: &Common,
    include: &[String],
    omit: &[String],
) -> anyhow::Result<Gathered> {
    let cwd = std::env::current_dir().context("the working directory is gone")?;
    let selection = Selection::new(include, omit, None)?;
    let store = Store::at(&common.data_dir);
    let loaded = store.load()?;
    let maps = store.maps(loaded.runs.iter().flat_map(|(_, run)| run.files.keys()));
    Ok(gather(&loaded, &maps, &cwd, &|name| selection.wants(name)))
}

fn render(
    format: FormatArg,
    gathered: &Gathered,
    args: &ReportArgs,
    common: &Common,
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let coverage = &gathered.coverage;
    match format {
        FormatArg::Text | FormatArg::Markdown => {
            let options = TableOptions {
                show_missing: args.show_missing,
                skip_covered: args.skip_covered,
                skip_empty: args.skip_empty,
                sort: args.sort.map_or(SortBy::Name, |(_, column)| sort_by(column)),
                descending: args.sort.is_some_and(|(descending, _)| descending),
                precision: args.precision,
                markdown: format == FormatArg::Markdown,
            };
            table(coverage, &options, out)?;
            if !gathered.uncovered.is_empty() {
                writeln!(out, "\nModules that could not be covered:")?;
                for (name, reason) in &gathered.uncovered {
                    writeln!(out, "  {name}: {reason}")?;
                }
            }
        }
        FormatArg::Total => {
            let (covered, total) = total(gathered).ratio();
            writeln!(out, "{}", display_percent(covered, total, args.precision))?;
        }
        FormatArg::Annotate => {
            let color = args.output.is_none() && common.color.on(&std::io::stdout());
            listing(coverage, &gathered.sources, ListingOptions { color }, out)?;
        }
    }
    Ok(())
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

fn total(gathered: &Gathered) -> Numbers {
    let mut total = Numbers::default();
    for file in &gathered.coverage.files {
        total += Numbers::of(file);
    }
    total
}

/// Checks the thresholds, and says which are missed.
fn gates(args: &ReportArgs, gathered: &Gathered, common: &Common) -> Exit {
    let n = total(gathered);
    let mut exit = Exit::Fine;
    let mut gate = |what: &str, option: &str, (covered, total): (u64, u64), under: Option<f64>| {
        let Some(under) = under else { return };
        let exact = percent(covered, total);
        let rounded: f64 = format!("{exact:.0$}", args.precision).parse().unwrap_or(exact);
        let below = if under >= 100.0 { exact < 100.0 } else { rounded < under };
        if below {
            let shown = display_percent(covered, total, args.precision);
            let text = format!("Coverage failure: {what} of {shown} is less than {option}={under}");
            style::error(&text, common.color);
            exit = Exit::Below;
        }
    };
    gate("total", "fail-under", n.ratio(), args.fail_under);
    let outcomes = (n.seen_outcomes, n.outcomes);
    gate("condition", "fail-under-condition", outcomes, args.fail_under_condition);
    let mcdc = (n.shown_conditions, n.conditions);
    gate("MC/DC", "fail-under-mcdc", mcdc, args.fail_under_mcdc);
    exit
}
