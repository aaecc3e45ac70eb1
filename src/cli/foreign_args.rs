//! What can be typed about data of other tools and machines.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

/// What counts as an executable line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum MethodArg {
    /// The statements of the source, as coverage.py counts them.
    Auto,
    /// The same.
    Ast,
    /// The lines that the firmware named, where it was asked.
    #[value(alias = "co_lines")]
    CoLines,
    /// The lines in the tables that mpy-cross makes.
    Mpy,
}

/// Where files of another machine are here, and tools for their lines.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(super) struct ForeignArgs {
    /// Where the files of a device are here: its names that begin with DEVICE begin with HOST.
    #[arg(long, value_name = "DEVICE=HOST", value_parser = parse_mapping)]
    pub(super) path_map: Vec<(String, String)>,
    /// Where files are whose names there begin at no root.
    #[arg(long, value_name = "DIR")]
    pub(super) source_root: Option<PathBuf>,
}

fn parse_mapping(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((device, host)) => Ok((device.to_owned(), host.to_owned())),
        None => Err("a mapping looks like /lib=src/lib".to_owned()),
    }
}

/// How a test map is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum TableArg {
    /// Aligned columns.
    #[default]
    Text,
    /// Comma-separated values.
    Csv,
    /// JSON.
    Json,
}

#[derive(Debug, ClapArgs)]
pub(super) struct TestMapArgs {
    /// Each line, not only each file.
    #[arg(long)]
    pub(super) line_detail: bool,
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: TableArg,
    #[command(flatten)]
    pub(super) foreign: ForeignArgs,
}
