//! What can be typed: exactly the command line, nothing resolved yet.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use super::board_args::{DevicesArgs, LineArgs, PlaceArgs};
use super::foreign_args::{ForeignArgs, MethodArg, TestMapArgs};
use super::style::Color;
use crate::report::Format;

/// The heading over options that every command has.
const GENERAL: &str = "General";

/// Knows what your tests exercised in Python that runs on a microcontroller.
#[derive(Debug, Parser)]
#[command(name = "mpycov", version, max_term_width = 100)]
#[command(after_help = "Start with: mpycov run tests/test_x.py, then mpycov report -m\n\
    As in coverage.py, html, xml, json, lcov and annotate are short for report --format html and so on.")]
pub(super) struct Args {
    /// Colours: on a terminal, always, or never.
    #[arg(long, value_enum, default_value_t, global = true, help_heading = GENERAL)]
    pub color: Color,
    /// Say less: no notes, only errors.
    #[arg(short, long, global = true, help_heading = GENERAL)]
    pub quiet: bool,
    /// Say more: what is done as it is done.
    #[arg(short, long, global = true, help_heading = GENERAL)]
    pub verbose: bool,
    /// The data directory.
    #[arg(long, env = "MPYCOV_DATA_DIR", default_value = ".mpycov", global = true, help_heading = GENERAL)]
    pub data_dir: PathBuf,
    /// Settings from this file, not from mpycov.toml, pyproject.toml or coverage.py's files.
    #[arg(long, value_name = "FILE", visible_alias = "rcfile", global = true, help_heading = GENERAL)]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// `--pattern` may stand alone, and what follows is then the script: told by
/// its being a file, so that `--pattern REGEX` works too.
pub(super) fn settle_pattern(mut words: Vec<OsString>) -> Vec<OsString> {
    let Some(at) = words.iter().position(|word| word == "--pattern") else { return words };
    if words.get(at + 1).is_some_and(|word| std::path::Path::new(word).is_file()) {
        words[at] = "--pattern=".into();
    }
    words
}

/// coverage.py's commands for single formats, which are `report` with a format here.
const FORMAT_COMMANDS: [&str; 5] = ["html", "xml", "json", "lcov", "annotate"];

/// `mpycov html` is `mpycov report --format html`, and so on, where the first
/// word that is no option is such a command.
pub(super) fn settle_format(mut words: Vec<OsString>) -> Vec<OsString> {
    let is_command = |word: &OsString| FORMAT_COMMANDS.iter().any(|command| word == command);
    let takes_value = |word: &OsString| {
        ["--color", "--data-dir", "--config", "--rcfile"].iter().any(|option| word == option)
    };
    let mut at = 1;
    while let Some(word) = words.get(at).filter(|word| word.to_string_lossy().starts_with('-')) {
        at += 1 + usize::from(takes_value(word));
    }
    if words.get(at).is_some_and(is_command) {
        let format = words[at].clone();
        words.splice(at..=at, ["report".into(), "--format".into(), format]);
    }
    words
}

/// What every command knows.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) color: Color,
    pub(super) quiet: bool,
    pub(super) verbose: bool,
    pub(super) data_dir: PathBuf,
}

impl Args {
    pub(super) fn common(&self) -> Common {
        Common {
            color: self.color,
            quiet: self.quiet,
            verbose: self.verbose,
            data_dir: self.data_dir.clone(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write an instrumented copy of source files, to deploy by any means.
    Instrument(InstrumentArgs),
    /// Run a program on MicroPython and keep what it exercised.
    Run(RunArgs),
    /// Report what all runs exercised.
    Report(ReportArgs),
    /// Take hits from files, console logs, standard input or a board.
    Collect(CollectArgs),
    /// Place instrumented files on a board, and leave them there.
    Deploy(DeployArgs),
    /// List the serial ports, or ask boards what they are.
    Devices(DevicesArgs),
    /// Fold the data of several runs, or of other data directories, into one file.
    Combine(CombineArgs),
    /// List the data files.
    List(NoArgs),
    /// Show which tests (runs) ran which files.
    TestMap(TestMapArgs),
    /// Remove all data.
    #[command(visible_alias = "erase")]
    Clean(NoArgs),
    /// Show what mpycov makes of files and settings.
    Debug(DebugArgs),
    /// Write a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// A command without arguments of its own.
#[derive(Debug, ClapArgs)]
pub(super) struct NoArgs {}

/// The levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LevelArg {
    /// Each block entered.
    Block,
    /// Each statement started.
    Line,
    /// Each way out of each if, elif, while and for.
    Branch,
    /// Each path through each decision: conditions and MC/DC.
    Condition,
}

/// How a program is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ModeArg {
    /// By marks in the sources: any firmware, all levels.
    Sensors,
    /// By sys.settrace: firmware built with it, statements and branches.
    Settrace,
}

/// Which files, and how much of them.
#[derive(Debug, ClapArgs)]
pub(super) struct SelectArgs {
    /// How much is measured.
    #[arg(long, value_enum, default_value_t = LevelArg::Condition)]
    pub(super) level: LevelArg,
    /// Only files that match one of these globs.
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub(super) include: Vec<String>,
    /// No files that match one of these globs.
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub(super) omit: Vec<String>,
    /// Only modules whose name this regular expression matches; without a
    /// value, a script test_x covers the modules test_* and x.
    #[arg(long, value_name = "REGEX", num_args = 0..=1, default_missing_value = "")]
    pub(super) pattern: Option<String>,
    /// Only files whose path contains one of these texts.
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub(super) containing: Vec<String>,
    /// No files whose path contains one of these texts.
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub(super) not_containing: Vec<String>,
    /// Exclude code that this regular expression matches, besides the usual.
    #[arg(long, value_name = "REGEX")]
    pub(super) exclude_also: Vec<String>,
    /// The oldest MicroPython that shall run the result (before 1.13 there is no `:=`).
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    pub(super) target_version: Option<(u32, u32)>,
    /// What to exclude in place of the usual (from a file of settings only).
    #[arg(skip)]
    pub(super) exclude_lines: Option<Vec<String>>,
    /// Lines that need not take all branches, in place of the usual.
    #[arg(skip)]
    pub(super) partial_branches: Option<Vec<String>>,
    /// The same, besides the usual.
    #[arg(skip)]
    pub(super) partial_also: Vec<String>,
}

pub(super) fn parse_version(text: &str) -> Result<(u32, u32), String> {
    let mut parts = text.trim_start_matches('v').split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => Err("a version looks like 1.25".to_owned()),
    }
}

#[derive(Debug, ClapArgs)]
pub(super) struct InstrumentArgs {
    /// Files and directories.
    #[arg(required = true)]
    pub(super) paths: Vec<PathBuf>,
    /// Where the copy goes.
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: PathBuf,
    /// Write into a directory that holds other things.
    #[arg(long)]
    pub(super) force: bool,
    #[command(flatten)]
    pub(super) select: SelectArgs,
}

#[derive(Debug, ClapArgs)]
pub(super) struct RunArgs {
    /// The MicroPython to run (else $MICROPY_MICROPYTHON, else `micropython` in PATH).
    #[arg(long, value_name = "PATH")]
    pub(super) micropython: Option<PathBuf>,
    /// How it is measured.
    #[arg(long, value_enum, default_value_t = ModeArg::Sensors)]
    pub(super) mode: ModeArg,
    /// With --mode settrace: run the sources as they are. Of some lines nothing can be told then.
    #[arg(long)]
    pub(super) no_fences: bool,
    /// Files and directories to cover (the script's directory if none is named).
    #[arg(long, value_name = "PATH", value_delimiter = ',')]
    pub(super) source: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) select: SelectArgs,
    /// A name that the hits of this run carry.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(super) context: String,
    /// Interrupt the program after so many seconds, and keep its hits.
    #[arg(long, value_name = "SECONDS")]
    pub(super) timeout: Option<f64>,
    /// Run a module.
    #[arg(short, long, conflicts_with = "code")]
    pub(super) module: bool,
    /// Run code.
    #[arg(short, long)]
    pub(super) code: bool,
    #[command(flatten)]
    pub(super) line: LineArgs,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// Leave the files on the board.
    #[arg(long, help_heading = "Boards")]
    pub(super) keep: bool,
    /// All words are scripts; each runs on each board, one after the other.
    #[arg(long, conflicts_with_all = ["module", "code"], help_heading = "Boards")]
    pub(super) scripts: bool,
    /// All words are scripts; the boards share them out among themselves.
    #[arg(long, conflicts_with_all = ["module", "code", "scripts"], help_heading = "Boards")]
    pub(super) distribute: bool,
    /// Cover the modules in so many turns, each with its share of them, for boards short of memory;
    /// auto: as many as it takes.
    #[arg(long, value_name = "N", value_parser = parse_passes, help_heading = "Boards")]
    pub(super) passes: Option<Passes>,
    /// Save hits on the board every so many seconds, for watchdogs and crashes.
    #[arg(long, value_name = "SECONDS", help_heading = "Boards")]
    pub(super) autosave: Option<f64>,
    /// The script (or module, or code) and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) program: Vec<String>,
}

/// By what figures are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ByArg {
    /// By the board that ran.
    Board,
}

/// In how many turns modules are covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passes {
    /// As many as it takes.
    Auto,
    /// So many.
    Exactly(usize),
}

fn parse_passes(text: &str) -> Result<Passes, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(Passes::Exactly(count)),
        _ if text == "auto" => Ok(Passes::Auto),
        _ => Err("it takes auto, or a number above 0".to_owned()),
    }
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
    /// Leave out files without code.
    #[arg(long)]
    pub(super) skip_empty: bool,
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
    SortArg::from_str(name, true).map(|column| (descending, column))
}

#[derive(Debug, ClapArgs)]
pub(super) struct CollectArgs {
    #[command(flatten)]
    pub(super) foreign: ForeignArgs,
    /// Saved hits or console logs; standard input if none and no board is named.
    pub(super) files: Vec<PathBuf>,
    /// A name that the hits carry.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(super) context: String,
    #[command(flatten)]
    pub(super) line: LineArgs,
    /// Stop the program, and leave it stopped; otherwise it starts again.
    #[arg(long, help_heading = "Boards", requires = "target")]
    pub(super) stop: bool,
    /// Disturb nothing: listen for so many seconds at most to what the program prints with
    /// `_mpycov.dump()`.
    #[arg(long, value_name = "SECONDS", help_heading = "Boards", requires = "target",
        conflicts_with_all = ["stop", "files"])]
    pub(super) listen: Option<f64>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct DeployArgs {
    /// Files and directories to cover (the working directory if none is named).
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) select: SelectArgs,
    #[command(flatten)]
    pub(super) line: LineArgs,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// Take away what was placed, and put files that were put aside back.
    #[arg(long, conflicts_with_all = ["paths", "ram"])]
    pub(super) remove: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct CombineArgs {
    #[command(flatten)]
    pub(super) foreign: ForeignArgs,
    /// Other data directories, or data files; none folds what is here.
    pub(super) paths: Vec<PathBuf>,
    /// Leave the files that were folded where they are.
    #[arg(long)]
    pub(super) keep: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct DebugArgs {
    #[command(subcommand)]
    pub(super) topic: DebugTopic,
}

#[derive(Debug, Subcommand)]
pub(super) enum DebugTopic {
    /// Version, platform, and the MicroPython that would be used.
    Sys,
    /// Each setting, and where it comes from.
    Config,
    /// What the data directory holds.
    Data,
    /// The instrumented text of a file.
    Woven(DebugFile),
    /// The text of a file that `run --mode settrace` runs.
    Fenced(DebugFile),
    /// The sensor map of a file, as JSON.
    Map(DebugFile),
    /// The statements and branches of a file, a line each.
    Lines(DebugLines),
}

#[derive(Debug, ClapArgs)]
pub(super) struct DebugLines {
    /// Compare with the tables that this compiler makes.
    #[arg(long, value_name = "PATH")]
    pub(super) mpy_cross: Option<PathBuf>,
    #[command(flatten)]
    pub(super) of: DebugFile,
}

#[derive(Debug, ClapArgs)]
pub(super) struct DebugFile {
    /// The source file.
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) select: SelectArgs,
}
