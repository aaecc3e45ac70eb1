//! What can be typed: exactly the command line, nothing resolved yet.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use super::board_args::{DevicesArgs, LineArgs, PlaceArgs};
use super::foreign_args::{ForeignArgs, TestMapArgs};
use super::report_args::ReportArgs;
use super::style::Color;

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
    #[arg(visible_alias = "data-file")]
    pub data_dir: PathBuf,
    /// Settings from this file, not from mpycov.toml, pyproject.toml or coverage.py's files.
    #[arg(long, value_name = "FILE", visible_alias = "rcfile", global = true, help_heading = GENERAL)]
    pub config: Option<PathBuf>,
    /// Print these on standard error first.
    #[arg(long, value_enum, value_name = "TOPIC", value_delimiter = ',', global = true, help_heading = GENERAL)]
    pub(super) debug: Vec<TopicArg>,
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
        ["--color", "--data-dir", "--data-file", "--config", "--rcfile", "--debug"]
            .iter()
            .any(|option| word == option)
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
    ///
    /// A board does one thing at a time: with -t its program is interrupted, its hits are taken, and it is started over.
    /// It cannot go on where it was. A program that must not be interrupted prints its hits itself, with
    /// `_mpycov.dump()`; --listen waits for them and leaves it alone.
    Collect(CollectArgs),
    /// Place instrumented files on a board, and leave them there.
    Deploy(DeployArgs),
    /// List the serial ports, or ask boards what they are.
    #[command(visible_alias = "devs")]
    Devices(DevicesArgs),
    /// Fold the data of several runs, or of other data directories, into one file.
    Combine(CombineArgs),
    /// List the data files.
    List(NoArgs),
    /// Show which tests (runs) ran which files.
    TestMap(TestMapArgs),
    /// Remove all data.
    #[command(visible_alias = "erase")]
    Clean(CleanArgs),
    /// Show what mpycov makes of files and settings.
    Debug(DebugArgs),
    /// Write a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What can be printed before a command does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TopicArg {
    /// As `debug sys`.
    Sys,
    /// As `debug config`.
    Config,
    /// As `debug data`.
    Data,
}

#[derive(Debug, ClapArgs)]
pub(super) struct CleanArgs {
    /// Do not ask, as clean never does.
    #[arg(short, long, hide = true)]
    pub(super) yes: bool,
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
    #[arg(long, value_name = "TEXT", value_delimiter = ',', alias = "exclude")]
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
    /// What is written: sources with marks, or plain ones and the tracer _mpycov_trace, which the
    /// program starts and stops.
    #[arg(long, value_enum, default_value_t = ModeArg::Sensors)]
    pub(super) mode: ModeArg,
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
    /// Measure branches, whatever the settings say; the default level does.
    #[arg(long)]
    pub(super) branch: bool,
    #[command(flatten)]
    pub(super) habits: HabitArgs,
    /// A name that the hits of this run carry.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(super) context: String,
    /// Interrupt the program after so many seconds, and keep its hits.
    #[arg(long, value_name = "SECONDS", env = "MICROPY_TEST_TIMEOUT", hide_env_values = true)]
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
    /// Send nothing: the files are on the board already, from a run with --keep.
    #[arg(long, conflicts_with = "ram", help_heading = "Boards")]
    pub(super) no_deploy: bool,
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
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, help_heading = "Boards")]
    pub(super) autosave: Option<f64>,
    /// The script (or module, or code) and its arguments; else the setting command_line.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) program: Vec<String>,
}

/// What coverage.py's users type, and what happens here in any case.
#[derive(Debug, ClapArgs)]
pub(super) struct HabitArgs {
    /// Add to the data that is there, as every run does.
    #[arg(short, long)]
    append: bool,
    /// Keep the hits of this run in a file of their own, as every run does.
    #[arg(short, long)]
    parallel_mode: bool,
}

impl HabitArgs {
    /// The options that were typed and change nothing.
    pub(super) fn idle(&self) -> Vec<&'static str> {
        let all = [(self.append, "--append"), (self.parallel_mode, "--parallel-mode")];
        all.into_iter().filter(|(typed, _)| *typed).map(|(_, name)| name).collect()
    }
}

/// In how many turns modules are covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passes {
    /// As many as it takes.
    Auto,
    /// So many.
    Exactly(usize),
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds > 0.0);
    seconds.ok_or_else(|| "it takes a number of seconds above 0".to_owned())
}

fn parse_passes(text: &str) -> Result<Passes, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(Passes::Exactly(count)),
        _ if text == "auto" => Ok(Passes::Auto),
        _ => Err("it takes auto, or a number above 0".to_owned()),
    }
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
    /// `_mpycov.dump()` or the tracer's `export_json()`.
    #[arg(long, value_name = "SECONDS", help_heading = "Boards", requires = "target",
        conflicts_with_all = ["stop", "files"])]
    pub(super) listen: Option<f64>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct DeployArgs {
    /// Files and directories to cover (the working directory if none is named).
    pub(super) paths: Vec<PathBuf>,
    /// What is placed: sources with marks, or plain ones and the tracer _mpycov_trace, which the
    /// program starts and stops.
    #[arg(long, value_enum, default_value_t = ModeArg::Sensors)]
    pub(super) mode: ModeArg,
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
    /// Add to the data that is here, as combine always does.
    #[arg(short, long)]
    pub(super) append: bool,
    /// Places that hold the same sources (from a file of settings only).
    #[arg(skip)]
    pub(super) same_places: Vec<Vec<String>>,
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
    /// The statements and branches of a file, a line each; or where others see other lines.
    Lines(DebugLines),
}

#[derive(Debug, ClapArgs)]
pub(super) struct DebugLines {
    /// Compare with the tables that this compiler makes. What devices said of the file, with
    /// collect_executable=True, is compared in any case.
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
