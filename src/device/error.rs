//! What can go wrong with a board, stage by stage, said with the evidence and the remedy.
//!
//! In: what a stage saw. Out: one small enum a stage: choosing a device, opening the line, talking to the
//! prompt, placing files, reading one back. Every message names what was seen and what to do about it; none
//! of them is printed here.

use std::time::Duration;

use thiserror::Error;

use super::transport::WriteError;

/// How many of the last bytes a message shows.
const SHOWN: usize = 160;

/// The end of `bytes` in a form that is safe to print.
#[must_use]
pub fn evidence(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    let tail = &bytes[bytes.len().saturating_sub(SHOWN)..];
    let dots = if tail.len() < bytes.len() { "…" } else { "" };
    format!("{dots}\"{}\"", tail.escape_ascii())
}

/// Why no device could be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectError {
    /// The name is none of the forms that exist.
    #[error(
        "{name:?} names no device: expected a path, a0, u0, c0, auto, id:SERIAL, port:PATH, socket://HOST:PORT, exec:CMD or execpty:CMD"
    )]
    NotUnderstood {
        /// What was typed.
        name: String,
    },
    /// `auto`, and nothing is plugged in.
    #[error(
        "no board found: no serial port with a USB vendor and product id is present ({present}); plug a board in, or name its port with -t PATH"
    )]
    NoneFound {
        /// The ports there are, for the message.
        present: String,
    },
    /// `auto`, and several boards are plugged in.
    #[error("several boards are plugged in, choose one with -t:\n{list}")]
    Several {
        /// One candidate a line.
        list: String,
    },
    /// `id:` with a serial number that no port has.
    #[error("no board has the serial number {id:?}; present: {present}")]
    NoSuchId {
        /// What was asked for.
        id: String,
        /// The ports there are, for the message.
        present: String,
    },
    /// The system would not say which ports there are.
    #[error("cannot list the serial ports: {reason}")]
    Listing {
        /// What the system said.
        reason: String,
    },
}

/// Why a line could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OpenError {
    /// There is no such device.
    #[error("{path} does not exist; is the board plugged in? `mpycov devices` lists what is")]
    NotFound {
        /// The device.
        path: String,
    },
    /// Somebody else has it open.
    #[error(
        "{path} is in use by another program ({reason}); close the serial terminal or IDE that has it open"
    )]
    Busy {
        /// The device.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The user may not use it.
    #[error(
        "no permission to open {path} ({reason}); on Linux add yourself to the group that owns it (`sudo usermod -a -G dialout $USER`, on some systems `uucp`) and log in again"
    )]
    Denied {
        /// The device.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The address does not answer.
    #[error(
        "cannot connect to {address} ({reason}); is the emulator or the bridge running and listening there?"
    )]
    Unreachable {
        /// The address.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// The command could not be started.
    #[error("cannot start {command:?} ({reason})")]
    Command {
        /// The command.
        command: String,
        /// What the system said.
        reason: String,
    },
    /// The command of `execpty:` did not say which pseudo-terminal it opened.
    #[error(
        "{command:?} printed no pseudo-terminal in its first line; seen: {}. `execpty:` wants a command such as `qemu-system-arm … -serial pty`, which prints one; for a command that speaks on its standard streams use `exec:`",
        evidence(.seen)
    )]
    NoPty {
        /// The command.
        command: String,
        /// What it printed instead.
        seen: Vec<u8>,
    },
    /// This way of connecting does not exist on this system.
    #[error("{what} does not exist on this system")]
    Unsupported {
        /// The way of connecting.
        what: String,
    },
    /// Anything else the system says.
    #[error("cannot open {path}: {reason}")]
    Other {
        /// The device.
        path: String,
        /// What the system said.
        reason: String,
    },
}

/// Why talking to the prompt of a board failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplError {
    /// The raw prompt did not come.
    #[error("no MicroPython prompt on {line} within {:.0} s; seen: {}. {advice}", .after.as_secs_f32(), evidence(.seen))]
    NoPrompt {
        /// The line.
        line: String,
        /// For how long it was tried.
        after: Duration,
        /// What came instead.
        seen: Vec<u8>,
        /// What to do about it, going by what came.
        advice: &'static str,
    },
    /// The line closed: unplugged, reset with its USB, emulator ended.
    #[error("the board went away while {doing} ({reason}); seen: {}. Was it unplugged, or did it reset?", evidence(.seen))]
    Vanished {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        reason: String,
        /// The last bytes before.
        seen: Vec<u8>,
    },
    /// The board does not answer.
    #[error("the board does not answer while {doing} ({:.0} s); seen: {}. Reset it; if this happens again, try without raw-paste mode", .after.as_secs_f32(), evidence(.seen))]
    NoAnswer {
        /// What was being done.
        doing: &'static str,
        /// For how long it was waited.
        after: Duration,
        /// What came instead.
        seen: Vec<u8>,
    },
    /// Bytes are lost or changed on the line, time after time.
    #[error(
        "the line to the board loses bytes while {doing}: {attempts} attempts failed; seen: {}. Try a slower pace, another cable or another baud rate",
        evidence(.seen)
    )]
    Damaged {
        /// What was being done.
        doing: &'static str,
        /// How often it was tried.
        attempts: u32,
        /// The last answer.
        seen: Vec<u8>,
    },
    /// The board ran out of memory before the program started.
    #[error(
        "the board ran out of memory while {doing}: {}. Use a lower --level, fewer files (--include) or .mpy files (--mpy)",
        evidence(.traceback.as_bytes())
    )]
    OutOfMemory {
        /// What was being done.
        doing: &'static str,
        /// What the board said.
        traceback: String,
    },
    /// A statement of ours raised on the board.
    #[error("the board raised {exception} while {doing}")]
    Raised {
        /// What was being done.
        doing: &'static str,
        /// `repr` of the exception.
        exception: String,
    },
    /// The [`super::Control`] asked for it.
    #[error("interrupted while {doing}")]
    Interrupted {
        /// What was being done.
        doing: &'static str,
    },
    /// What says that the program began, and how it ended, did not come through whole.
    #[error("the line damaged the report of how the program ran; seen: {}. Run it again", evidence(.seen))]
    RunLost {
        /// The end of what came.
        seen: Vec<u8>,
    },
}

impl ReplError {
    /// The same failure, said to have happened while doing something else.
    #[must_use]
    pub fn while_doing(mut self, what: &'static str) -> Self {
        match &mut self {
            Self::Vanished { doing, .. }
            | Self::NoAnswer { doing, .. }
            | Self::Damaged { doing, .. }
            | Self::OutOfMemory { doing, .. }
            | Self::Raised { doing, .. } => *doing = what,
            Self::NoPrompt { .. } | Self::RunLost { .. } | Self::Interrupted { .. } => {}
        }
        self
    }

    /// Whether the same again may well work: bytes were lost, or an answer did not come.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::NoAnswer { .. } | Self::Damaged { .. })
    }

    /// The number of the `OSError` that the board raised, if it raised one.
    #[must_use]
    pub fn os_error(&self) -> Option<i32> {
        let Self::Raised { exception, .. } = self else {
            return None;
        };
        os_error(exception)
    }

    pub(crate) fn from_write(error: WriteError, doing: &'static str, seen: &[u8]) -> Self {
        match error {
            WriteError::TimedOut => Self::NoAnswer {
                doing,
                after: super::transport::WRITE_PATIENCE,
                seen: seen.to_vec(),
            },
            WriteError::Closed { reason } => Self::Vanished { doing, reason, seen: seen.to_vec() },
        }
    }
}

/// The number in `OSError(28,)`, `OSError(28)` or `OSError: [Errno 28] ENOSPC`.
pub(crate) fn os_error(exception: &str) -> Option<i32> {
    let after = &exception[exception.find("OSError")? + "OSError".len()..];
    let digits: String = after
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

/// Why files could not be placed on a board, or taken away again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeployError {
    /// Something of the prompt's.
    #[error(transparent)]
    Repl(#[from] ReplError),
    /// A name that the board's file system cannot hold.
    #[error("{name:?} cannot be placed: {reason}")]
    BadName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// Files with these names are there and are not ours.
    #[error(
        "the board has files of its own with the names {}: they would be overwritten. Rename them, or allow them to be backed up and put back with --in-place",
        .names.join(", ")
    )]
    WouldOverwrite {
        /// The names.
        names: Vec<String>,
    },
    /// A file is not there, or another one is.
    #[error(
        "{name} is not on the board as this run needs it. Run once with --keep, or leave --no-deploy out"
    )]
    NotThere {
        /// The file.
        name: String,
    },
    /// The file system is full.
    #[error(
        "the board's file system is full: {name} ({size} bytes) does not fit{}. Use a lower --level, fewer files (--include), .mpy files (--mpy), or several passes",
        .free.map(|free| format!(", {free} bytes are free")).unwrap_or_default()
    )]
    NoSpace {
        /// The file that did not fit.
        name: String,
        /// Its size.
        size: usize,
        /// What was free before.
        free: Option<u64>,
    },
    /// What arrived is not what was sent, time after time.
    #[error(
        "{name} does not arrive whole: the board has {found}, sent was {sent} ({attempts} attempts). Try a slower pace or another cable"
    )]
    Mismatch {
        /// The file.
        name: String,
        /// Length and checksum as the board made them.
        found: String,
        /// Length and checksum of what was sent.
        sent: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The firmware has no file systems that Python can make.
    #[error(
        "this firmware ({firmware}) cannot serve modules from RAM: it has no {missing}. Leave --ram out: files are then placed on the board and removed afterwards"
    )]
    NoRamModules {
        /// Name and version of the firmware.
        firmware: String,
        /// What it lacks.
        missing: &'static str,
    },
    /// The board said no.
    #[error("the board refused to {doing} {name}: {exception}")]
    Refused {
        /// What was being done to the file.
        doing: &'static str,
        /// The file.
        name: String,
        /// `repr` of the exception.
        exception: String,
    },
}

/// Why a file could not be read from a board.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadFileError {
    /// Something of the prompt's.
    #[error(transparent)]
    Repl(#[from] ReplError),
    /// The board has no such file.
    #[error("the board has no file {path}")]
    Missing {
        /// The file.
        path: String,
    },
    /// What arrived is not what the board says it sent, time after time.
    #[error(
        "{path} does not come through whole ({attempts} attempts). Try another cable or another baud rate"
    )]
    Mismatch {
        /// The file.
        path: String,
        /// How often it was tried.
        attempts: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_printable_and_short() {
        assert_eq!(evidence(b""), "nothing");
        assert_eq!(evidence(b"a\x04\xff\r\n"), r#""a\x04\xff\r\n""#);
        assert!(evidence(&[b'x'; 1000]).len() < 200);
    }

    #[test]
    fn os_errors_of_old_and_new_firmware() {
        assert_eq!(os_error("OSError(28,)"), Some(28));
        assert_eq!(os_error("OSError: [Errno 2] ENOENT"), Some(2));
        assert_eq!(os_error("ValueError(2)"), None);
    }
}
