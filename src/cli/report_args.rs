//! What can be typed behind `report`: formats, tables, thresholds.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::foreign_args::{ForeignArgs, MethodArg};
use crate::report::Format;

/// By what figures are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ByArg {
    /// By the board that ran.
    Board,
}

/// Flavours of LCOV's tracefile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum FlavorArg {
    /// The records that every reader takes.
    #[default]
    Common,
    /// Those of lcov 2.3 and later, with functions' ends and MC/DC.
    Lcov2,
}

/// What SonarQube's report counts as a branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum SonarArg {
    /// Nothing: lines only.
    Line,
    /// Ways out of lines.
    #[default]
    Branch,
    /// Outcomes of conditions, two each.
    Condition,
    /// Outcomes of decisions, two each.
    Decision,
}

pub(super) fn parse_format(text: &str) -> Result<Format, String> {
    Format::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.iter().map(|f| f.name()).collect();
        format!("there are {}", names.join(", "))
    })
}

/// Orders of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SortArg {
    /// File name.
    Name,
    /// Statements.
    Stmts,
    /// Missed statements.
    Miss,
    /// Branches.
    Branch,
    /// Partial branches.
    Brpart,
    /// Percentage.
    Cover,
}

#[derive(Debug, ClapArgs)]
pub(super) struct ReportArgs {
    /// Which lines count as executable.
    #[arg(long, value_enum, default_value_t = MethodArg::Auto)]
    pub(super) method: MethodArg,
    /// The compiler for --method mpy.
    #[arg(long, value_name = "PATH", default_value = "mpy-cross")]
    pub(super) mpy_cross: PathBuf,
    #[command(flatten)]
    pub(super) foreign: ForeignArgs,
    /// Leave out branches.
    #[arg(long)]
    pub(super) no_branch: bool,
    /// Not needed: .mpy files are read without tools.
    #[arg(long, value_name = "DIR", hide = true)]
    pub(super) mpy_tools_dir: Option<PathBuf>,
    /// What to write: text, markdown, total, annotate, html, json, lcov, xml,
    /// coverage, sonar, gcovr, mpy-coverage, github, github-annotations, badge or junit;
    /// several at once.
    #[arg(long, value_name = "FORMAT", value_parser = parse_format, value_delimiter = ',')]
    #[arg(default_value = "text")]
    pub(super) format: Vec<Format>,
    /// Where to write, for one format (`-` is standard output).
    #[arg(short, long, value_name = "PATH")]
    pub(super) output: Option<PathBuf>,
    /// Where the HTML report goes.
    #[arg(short, long, value_name = "DIR")]
    pub(super) directory: Option<PathBuf>,
    /// Where reports go that are files, each by its name there.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["output", "directory"])]
    pub(super) output_dir: Option<PathBuf>,
    /// Add to a `.coverage` that is there.
    #[arg(short, long)]
    pub(super) append: bool,
    /// Show the HTML report in the browser ($BROWSER, or the system's).
    #[arg(long)]
    pub(super) open: bool,
    /// Show the lines and branches that are missing.
    #[arg(short = 'm', long)]
    pub(super) show_missing: bool,
    /// Leave out files that are covered in full.
    #[arg(long)]
    pub(super) skip_covered: bool,
    /// Show them, whatever the settings say.
    #[arg(long, overrides_with = "skip_covered")]
    pub(super) no_skip_covered: bool,
    /// Leave out files without code.
    #[arg(long)]
    pub(super) skip_empty: bool,
    /// Show them, whatever the settings say.
    #[arg(long, overrides_with = "skip_empty")]
    pub(super) no_skip_empty: bool,
    /// Leave out files whose source cannot be read, and do not warn of them.
    #[arg(short, long)]
    pub(super) ignore_errors: bool,
    /// Sort by this column; `-` in front reverses.
    #[arg(long, value_name = "[-]COLUMN", value_parser = parse_sort, allow_hyphen_values = true)]
    pub(super) sort: Option<(bool, SortArg)>,
    /// Decimals of percentages.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = parse_precision)]
    pub(super) precision: usize,
    /// Report only lines that differ from this git revision.
    #[arg(long, value_name = "REV")]
    pub(super) diff: Option<String>,
    /// Say which board ran how much, and what only one of them ran.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(super) by: Option<ByArg>,
    /// Say what has changed since this earlier coverage.json.
    #[arg(long, value_name = "FILE")]
    pub(super) compare: Option<PathBuf>,
    /// Count only what ran in contexts that one of these regular expressions finds.
    #[arg(long, value_name = "REGEX", value_delimiter = ',')]
    pub(super) contexts: Vec<String>,
    /// Show which contexts (runs, tests, boards) ran each line.
    #[arg(long)]
    pub(super) show_contexts: bool,
    /// Indent the JSON.
    #[arg(long)]
    pub(super) pretty_print: bool,
    /// The records of LCOV's tracefile.
    #[arg(long, value_enum, default_value_t)]
    pub(super) flavor: FlavorArg,
    /// What SonarQube's report counts as a branch.
    #[arg(long, value_enum, default_value_t)]
    pub(super) sonar_metric: SonarArg,
    /// List each condition in Cobertura's XML, rather than the missing branches.
    #[arg(long)]
    pub(super) cobertura_conditions: bool,
    /// Write HTML as one page that needs no other file.
    #[arg(long)]
    pub(super) html_single: bool,
    /// Title of the HTML report.
    #[arg(long, value_name = "TEXT")]
    pub(super) title: Option<String>,
    /// Only files that match one of these globs.
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub(super) include: Vec<String>,
    /// No files that match one of these globs.
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub(super) omit: Vec<String>,
    #[command(flatten)]
    pub(super) gates: GateArgs,
    /// What files of settings say and options do not.
    #[arg(skip)]
    pub(super) set: ReportSettings,
}

/// Settings of reports that have no options.
#[derive(Clone, Debug, Default)]
pub(super) struct ReportSettings {
    /// A style sheet to put behind the HTML report's own.
    pub(super) extra_css: Option<PathBuf>,
    /// Checksums of lines in LCOV's tracefile.
    pub(super) line_checksums: bool,
    /// Directories that make the name of a package in Cobertura's XML.
    pub(super) package_depth: Option<usize>,
    /// Relative names in `.coverage`.
    pub(super) relative_files: bool,
    /// A name of its own for each `.coverage`, for coverage.py to combine.
    pub(super) parallel: bool,
    /// What the HTML report leaves out, if not what the table does.
    pub(super) html_skip_covered: Option<bool>,
    /// The same for files without code.
    pub(super) html_skip_empty: Option<bool>,
    /// Whether the HTML report shows contexts, if it differs from the others.
    pub(super) html_contexts: Option<bool>,
    /// The same for JSON.
    pub(super) json_contexts: Option<bool>,
    /// Where formats go, if not where they go by default.
    pub(super) outputs: Vec<(Format, PathBuf)>,
    /// Places that hold the same sources.
    pub(super) paths: Vec<Vec<String>>,
}

/// Thresholds; a figure below one ends the program with status 2.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Thresholds (exit status 2)")]
pub(super) struct GateArgs {
    /// Least percentage of statements and branches together.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(super) fail_under: Option<f64>,
    /// Least percentage of statements.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(super) fail_under_line: Option<f64>,
    /// Least percentage of branches.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(super) fail_under_branch: Option<f64>,
    /// Least percentage of condition outcomes.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(super) fail_under_condition: Option<f64>,
    /// Least percentage of conditions shown by MC/DC.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(super) fail_under_mcdc: Option<f64>,
    /// Least percentage of functions that were entered.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(super) fail_under_function: Option<f64>,
    /// Each file has to reach them.
    #[arg(long)]
    pub(super) per_file: bool,
    /// Most statements that may be missed.
    #[arg(long, value_name = "N")]
    pub(super) fail_uncovered_lines: Option<u64>,
    /// Most branches that may be missed.
    #[arg(long, value_name = "N")]
    pub(super) fail_uncovered_branches: Option<u64>,
    /// Most condition outcomes that may be missed.
    #[arg(long, value_name = "N")]
    pub(super) fail_uncovered_conditions: Option<u64>,
    /// Most conditions that MC/DC may miss.
    #[arg(long, value_name = "N")]
    pub(super) fail_uncovered_mcdc: Option<u64>,
    /// Most functions that may be missed.
    #[arg(long, value_name = "N")]
    pub(super) fail_uncovered_functions: Option<u64>,
}

pub(super) fn parse_precision(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(decimals @ 0..=10) => Ok(decimals),
        _ => Err("decimals are a number from 0 to 10".to_owned()),
    }
}

/// A percentage; coverage.py's limits.
fn parse_percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("a percentage is a number from 0 to 100".to_owned()),
    }
}

pub(super) fn parse_sort(text: &str) -> Result<(bool, SortArg), String> {
    let (descending, name) = match text.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, text.trim_start_matches('+')),
    };
    match SortArg::from_str(name, true) {
        Ok(column) => Ok((descending, column)),
        Err(_) => Err("there are name, stmts, miss, branch, brpart and cover".to_owned()),
    }
}
