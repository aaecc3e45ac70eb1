//! What can be typed about boards: which, how to talk to them, where files go.

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// The heading over options about boards.
const BOARDS: &str = "Boards";

/// Which boards, and how to talk to them.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = BOARDS)]
pub(super) struct LineArgs {
    /// Where: unix, a serial port, a0 u0 c0 …, id:SERIAL, port:PATH, auto, socket://HOST:PORT,
    /// exec:CMD or execpty:CMD; NAME=… names a board in reports; several run side by side (else
    /// $MPYCOV_DEVICE, else $PYBOARD_DEVICE, else `target` of the settings).
    #[arg(short, long, value_name = "TARGET", alias = "device")]
    pub(super) target: Vec<String>,
    /// All boards that are plugged in.
    #[arg(long, conflicts_with = "target")]
    pub(super) all_boards: bool,
    /// The baud rate of serial ports (else $PYBOARD_BAUDRATE, else `baud` of the settings, else
    /// 115200).
    #[arg(long, value_name = "RATE", env = "MPYCOV_BAUD")]
    pub(super) baud: Option<u32>,
    /// Send code with flow control wherever a board offers it, even if its firmware is known to
    /// hang then.
    #[arg(long, overrides_with = "no_raw_paste")]
    pub(super) raw_paste: bool,
    /// Never send code with flow control, which some firmware offers and then hangs.
    #[arg(long)]
    pub(super) no_raw_paste: bool,
    /// The targets that files of settings name.
    #[arg(skip)]
    pub(super) set_target: Vec<String>,
    /// The baud rate that they name.
    #[arg(skip)]
    pub(super) set_baud: Option<u32>,
}

/// Where files go on a board, and how.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = BOARDS)]
pub(super) struct PlaceArgs {
    /// Place files where their names say, for programs that start from boot.py or main.py; files
    /// that are there are put aside, and back afterwards.
    #[arg(long, conflicts_with = "ram")]
    pub(super) in_place: bool,
    /// Place files in memory, and write nothing to the board's flash.
    #[arg(long)]
    pub(super) ram: bool,
    /// Compile with mpy-cross before sending.
    #[arg(long)]
    pub(super) mpy: bool,
    /// The compiler to use.
    #[arg(long, value_name = "PATH", default_value = "mpy-cross", env = "MICROPY_MPYCROSS")]
    pub(super) mpy_cross: PathBuf,
    /// More files or directories to place as they are, such as data and libraries.
    #[arg(long = "with", value_name = "PATH", value_delimiter = ',')]
    pub(super) extra: Vec<PathBuf>,
}

/// `mpycov devices`.
#[derive(Debug, ClapArgs)]
pub(super) struct DevicesArgs {
    #[command(flatten)]
    pub(super) line: LineArgs,
}
