//! The verbs. The only module that prints, and that wires stages together.

mod args;
mod board_args;
mod board_budget;
mod board_files;
mod boards;
mod collect;
mod data;
mod debug;
mod deploy;
mod devices;
mod foreign;
mod foreign_args;
mod instrument;
mod methods;
mod progress;
mod report;
mod report_args;
mod report_out;
mod run;
mod settings;
mod settrace;
mod style;
mod test_map;
mod words;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use args::{Args, CleanArgs, Command};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// All is well.
    Fine,
    /// An error, a usage error, or no data.
    Failed,
    /// A figure is below its threshold.
    Below,
    /// The status of the program that was run.
    Program(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Fine => ExitCode::SUCCESS,
            Exit::Failed => ExitCode::from(1),
            Exit::Below => ExitCode::from(2),
            Exit::Program(status) => ExitCode::from(status),
        }
    }
}

/// Runs the command line. Results go to standard output, all else to
/// standard error.
#[must_use]
pub fn main() -> ExitCode {
    let typed = typed(std::env::args_os().collect());
    let typed = typed.and_then(|typed| Args::from_arg_matches(&typed).map(|args| (args, typed)));
    let (args, typed) = match typed {
        Ok(both) => both,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Failed.into() } else { Exit::Fine.into() };
        }
    };
    let color = args.color;
    match dispatch(args, &typed) {
        Ok(exit) => exit.into(),
        Err(error) if is_broken_pipe(&error) => Exit::Fine.into(),
        Err(error) => {
            style::error(&whole(&error), color);
            Exit::Failed.into()
        }
    }
}

/// What was typed. `--pattern` may stand alone before the script: where that
/// is what the words must mean, or what follows it is a file.
fn typed(words: Vec<OsString>) -> Result<ArgMatches, clap::Error> {
    let words = args::settle_format(words);
    let parsed = Args::command().try_get_matches_from(&words);
    let value = parsed.as_ref().ok().and_then(|typed| typed.subcommand()).and_then(|(_, typed)| {
        typed.try_get_one::<String>("pattern").ok().flatten().map(PathBuf::from)
    });
    if parsed.is_ok() && !value.is_some_and(|value| value.is_file()) {
        return parsed;
    }
    Args::command().try_get_matches_from(args::settle_pattern(words)).or(parsed)
}

fn dispatch(mut args: Args, typed: &ArgMatches) -> anyhow::Result<Exit> {
    let given = settings::apply(&mut args, typed)?;
    let common = args.common();
    let reads =
        matches!(args.command, Some(Command::Report(_) | Command::TestMap(_) | Command::List(_)));
    if common.data_dir.is_file() && !(reads && foreign::is_data(&common.data_dir)?) {
        bail!(
            "{} is a file, and the data are kept in a directory\n  help: name another place with --data-dir",
            common.data_dir.display()
        );
    }
    debug::topics(&args.debug, &common, &given)?;
    match args.command {
        None => {
            Args::command().print_help()?;
            Ok(Exit::Fine)
        }
        Some(Command::Instrument(command)) => instrument::instrument(&command, &common),
        Some(Command::Run(command)) => run::run(&command, &common),
        Some(Command::Report(command)) => report::report(&command, &common),
        Some(Command::Collect(command)) => collect::collect(&command, &common),
        Some(Command::Deploy(command)) => deploy::deploy(&command, &common),
        Some(Command::Devices(command)) => devices::devices(&command, &common),
        Some(Command::Combine(command)) => data::combine(&command, &common),
        Some(Command::List(_)) => data::list(&common),
        Some(Command::TestMap(command)) => test_map::test_map(&command, &common),
        Some(Command::Clean(CleanArgs { .. })) => data::clean(&common),
        Some(Command::Debug(command)) => debug::debug(&command, &common, &given),
        Some(Command::Completions { shell }) => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "mpycov", &mut out);
            print(&out)?;
            Ok(Exit::Fine)
        }
    }
}

/// The working directory.
fn working_dir() -> anyhow::Result<PathBuf> {
    crate::fs::working_dir().context("the working directory is gone")
}

/// Writes a result to standard output.
fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// An error with its causes. Some name their cause themselves: that is not said twice.
fn whole(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text += &format!(": {cause}");
        }
    }
    text
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
