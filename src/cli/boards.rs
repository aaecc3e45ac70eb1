//! Boards as the command line names them: which are meant, and sessions with them.

use std::sync::{Mutex, Once, PoisonError};

use anyhow::{Context, bail};

use super::board_args::LineArgs;
use crate::board::Session;
use crate::device::ports;
use crate::device::selector::{Address, candidates};
use crate::device::{Control, RawPaste, ReplOptions, Selector};

/// A target that was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The unix port on this computer.
    Unix,
    /// A board.
    Board {
        /// The name that the user gave it.
        name: Option<String>,
        /// Where it is.
        address: Address,
    },
}

/// What the environment names.
fn from_environment() -> Option<String> {
    ["MPYCOV_DEVICE", "PYBOARD_DEVICE"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
}

/// The targets that are meant; none if nothing says so.
pub(super) fn targets(line: &LineArgs) -> anyhow::Result<Vec<Target>> {
    if line.all_boards {
        let ports = ports::list()?;
        let found: Vec<Target> = candidates(&ports)
            .iter()
            .map(|port| Target::Board { name: None, address: Address::Serial(port.path.clone()) })
            .collect();
        if found.is_empty() {
            Selector::Auto.resolve(&ports)?;
        }
        return Ok(found);
    }
    let mut words = line.target.clone();
    if words.is_empty() {
        words.extend(from_environment());
    }
    let targets: Vec<Target> =
        words.iter().map(|word| target(word)).collect::<anyhow::Result<_>>()?;
    for (index, one) in targets.iter().enumerate() {
        let same = |other: &Target| match (one, other) {
            (Target::Board { address: a, .. }, Target::Board { address: b, .. }) => {
                a == b && !matches!(a, Address::Exec(_) | Address::ExecPty(_))
            }
            _ => false,
        };
        if targets[..index].iter().any(same) {
            bail!("the target {} is named twice", words[index]);
        }
    }
    Ok(targets)
}

fn target(word: &str) -> anyhow::Result<Target> {
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let (name, rest) = match word.split_once('=') {
        Some((name, rest)) if is_name(name) => (Some(name.to_owned()), rest),
        _ => (None, word),
    };
    if rest == "unix" {
        return Ok(Target::Unix);
    }
    let mut selector = Selector::parse(rest)?;
    // `auto` is the board that was chosen for good, if one was.
    if selector == Selector::Auto
        && let Some(chosen) =
            from_environment().filter(|chosen| chosen != "auto" && chosen != "unix")
    {
        selector = Selector::parse(&chosen)?;
    }
    let address = match selector {
        Selector::Line(address) => address,
        other => other.resolve(&ports::list()?)?,
    };
    Ok(Target::Board { name, address })
}

/// The one board that is meant, for commands that need one.
pub(super) fn one_or_more(line: &LineArgs) -> anyhow::Result<Vec<(Option<String>, Address)>> {
    let mut found = targets(line)?;
    if found.is_empty() {
        found.push(target("auto")?);
    }
    found
        .into_iter()
        .map(|target| match target {
            Target::Board { name, address } => Ok((name, address)),
            Target::Unix => bail!("the unix port is no board\n  help: name a board with -t"),
        })
        .collect()
}

/// The baud rate, if it was named.
pub(super) fn baud(line: &LineArgs) -> anyhow::Result<Option<u32>> {
    match std::env::var("PYBOARD_BAUDRATE") {
        Ok(text) if line.baud.is_none() && !text.is_empty() => {
            let rate = text
                .parse()
                .with_context(|| format!("$PYBOARD_BAUDRATE is {text}, which is no baud rate"))?;
            Ok(Some(rate))
        }
        _ => Ok(line.baud),
    }
}

/// How sessions treat their lines.
pub(super) fn repl_options(line: &LineArgs) -> ReplOptions {
    let raw_paste = match (line.raw_paste, line.no_raw_paste) {
        (_, true) => RawPaste::Never,
        (true, _) => RawPaste::WhereOffered,
        _ => RawPaste::Auto,
    };
    ReplOptions { raw_paste, ..ReplOptions::default() }
}

/// A session with a board; with `fresh` its memory is cleared first.
pub(super) fn open(
    address: &Address,
    line: &LineArgs,
    control: &Control,
    fresh: bool,
) -> anyhow::Result<Session> {
    Ok(Session::open(address, baud(line)?, repl_options(line), control, fresh)?)
}

/// The controls that Ctrl-C reaches.
static CONTROLS: Mutex<Vec<Control>> = Mutex::new(Vec::new());

/// A control that Ctrl-C reaches.
pub(super) fn control() -> anyhow::Result<Control> {
    static ONCE: Once = Once::new();
    let mut result = Ok(());
    ONCE.call_once(|| {
        result = ctrlc::set_handler(|| {
            for control in CONTROLS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                control.interrupt();
            }
        });
    });
    result.context("cannot take over Ctrl-C")?;
    let control = Control::new();
    CONTROLS.lock().unwrap_or_else(PoisonError::into_inner).push(control.clone());
    Ok(control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_may_be_named() {
        let board = |name: Option<&str>, path: &str| Target::Board {
            name: name.map(str::to_owned),
            address: Address::Serial(path.to_owned()),
        };
        assert_eq!(target("pico=a0").expect("one"), board(Some("pico"), "/dev/ttyACM0"));
        assert_eq!(target("/dev/pts/3").expect("one"), board(None, "/dev/pts/3"));
        assert_eq!(target("unix").expect("one"), Target::Unix);
        let exec = target("exec:env A=B board").expect("one");
        assert!(
            matches!(exec, Target::Board { name: None, address: Address::Exec(_) }),
            "{exec:?}"
        );
        assert!(target("nonsense").is_err());
    }
}
