//! Boards as the command line names them: which are meant, and sessions with them.

use std::sync::{Mutex, Once, PoisonError};

use anyhow::{Context, bail};

use super::board_args::LineArgs;
use crate::board::Session;
use crate::board::line::Line;
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

/// The variable that stands in for a setting about boards, and what it says.
pub(super) fn variable(setting: &str) -> Option<(&'static str, String)> {
    let names: &[&'static str] = match setting {
        "target" => &["MPYCOV_DEVICE", "PYBOARD_DEVICE"],
        "baud" => &["MPYCOV_BAUD", "PYBOARD_BAUDRATE"],
        _ => &[],
    };
    names
        .iter()
        .copied()
        .filter_map(|name| Some((name, std::env::var(name).ok()?)))
        .find(|(_, value)| !value.is_empty())
}

/// What was chosen for good: by the environment, or by a file of settings.
fn chosen(line: &LineArgs) -> Vec<String> {
    variable("target").map_or_else(|| line.set_target.clone(), |(_, value)| vec![value])
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
        words = chosen(line);
    }
    let targets: Vec<Target> =
        words.iter().map(|word| target(word, line)).collect::<anyhow::Result<_>>()?;
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

fn target(word: &str, line: &LineArgs) -> anyhow::Result<Target> {
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
    let selector = Selector::parse(rest)?;
    // `auto` is the board that was chosen for good, if one was.
    if selector == Selector::Auto
        && let [chosen] = &chosen(line)[..]
        && chosen != "auto"
        && chosen != "unix"
    {
        let other = LineArgs { set_target: Vec::new(), ..line.clone() };
        return Ok(match target(chosen, &other)? {
            Target::Board { name: named, address } => {
                Target::Board { name: name.or(named), address }
            }
            Target::Unix => Target::Unix,
        });
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
        found.push(target("auto", line)?);
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
        _ => Ok(line.baud.or(line.set_baud)),
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
    let at = Line::at(address, baud(line)?);
    Ok(Session::open(at, repl_options(line), control, fresh)?)
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
        assert_eq!(
            target("pico=a0", &LineArgs::default()).expect("one"),
            board(Some("pico"), "/dev/ttyACM0")
        );
        assert_eq!(
            target("/dev/pts/3", &LineArgs::default()).expect("one"),
            board(None, "/dev/pts/3")
        );
        assert_eq!(target("unix", &LineArgs::default()).expect("one"), Target::Unix);
        let exec = target("exec:env A=B board", &LineArgs::default()).expect("one");
        assert!(
            matches!(exec, Target::Board { name: None, address: Address::Exec(_) }),
            "{exec:?}"
        );
        assert!(target("nonsense", &LineArgs::default()).is_err());
    }
}
