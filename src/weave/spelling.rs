//! The MicroPython text of each mark: the only place that knows the names.

use std::collections::BTreeSet;

use crate::model::{Digest, SensorId};
use crate::plan::marks::{Action, Unfolded};

/// Name of the runtime module that instrumented files import.
pub const RUNTIME_MODULE: &str = "_mpycov";

/// The names that the marks of one file use; none of them stands in its text.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Global: the hit table.
    pub(super) table: String,
    /// Global: a function that fires a sensor and returns something false.
    pub(super) call: String,
    /// Local alias of the table.
    pub(super) local_table: String,
    /// Local alias of the function.
    pub(super) local_call: String,
    /// Local: stem of the slots.
    slot: String,
    /// Local: stem of the flags of marks that fire once a call.
    flag: String,
    /// A temporary for a value.
    pub(super) temporary: String,
}

/// How a sensor is fired inside an expression.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The name to call.
    pub(super) name: String,
    /// The flag that keeps it from being called again in this frame, if any.
    pub(super) once: Option<u32>,
}

impl Names {
    /// Names that are not among the taken ones.
    pub(super) fn avoiding(taken: &[String]) -> Self {
        let taken: BTreeSet<&str> = taken.iter().map(String::as_str).collect();
        let free = |stem: &str| {
            let clashes = |name: &str| {
                taken.iter().any(|t| {
                    t.strip_prefix(name).is_some_and(|r| r.bytes().all(|b| b.is_ascii_digit()))
                })
            };
            let candidates = std::iter::once(stem.to_owned())
                .chain((b'a'..=b'z').map(|c| format!("{stem}{}", char::from(c))))
                .chain((0..).map(|n| format!("{stem}_{n}_")));
            candidates.into_iter().find(|name| !clashes(name)).expect("names never run out")
        };
        Self {
            table: free("_h"),
            call: free("_f"),
            local_table: free("_g"),
            local_call: free("_c"),
            slot: free("_n"),
            flag: free("_q"),
            temporary: free("_v"),
        }
    }

    fn slot(&self, slot: u32) -> String {
        match slot {
            0 => self.slot.clone(),
            n => format!("{}{n}", self.slot),
        }
    }

    /// Name of a flag.
    pub(super) fn flag(&self, flag: u32) -> String {
        match flag {
            0 => self.flag.clone(),
            n => format!("{}{n}", self.flag),
        }
    }

    /// A statement, with its semicolon.
    pub(super) fn statement(&self, action: Action, table: &str) -> String {
        match action {
            Action::Fire(SensorId(k)) => format!("{table}[{k}]=1;"),
            Action::Set { slot, sensor } => format!("{}={};", self.slot(slot), sensor.0),
            Action::Flush { slot } => format!("{table}[{}]=1;", self.slot(slot)),
        }
    }

    /// What stands in front of an expression to do this first; a `)` closes it.
    pub(super) fn prefix(&self, action: Action, call: &Call) -> String {
        let name = &call.name;
        match action {
            Action::Fire(SensorId(k)) => match call.once {
                Some(_) => format!("{}and(", self.once(call, k)),
                None => format!("{name}({k})or("),
            },
            Action::Set { slot, sensor } => format!("({}:={})and(", self.slot(slot), sensor.0),
            Action::Flush { slot } => format!("{name}({})or(", self.slot(slot)),
        }
    }

    /// A true expression that fires when its flag is not set yet, and sets it.
    fn once(&self, call: &Call, sensor: u32) -> String {
        let flag = self.flag(call.once.unwrap_or_default());
        format!("({flag} or({flag}:=not {}({sensor})))", call.name)
    }

    /// An expression that does this and has the given truth.
    pub(super) fn with_truth(&self, action: Action, truth: bool, call: &Call) -> String {
        let name = &call.name;
        match (action, truth) {
            (Action::Fire(SensorId(k)), true) if call.once.is_some() => self.once(call, k),
            (Action::Fire(SensorId(k)), false) if call.once.is_some() => {
                format!("not{}", self.once(call, k))
            }
            (Action::Fire(SensorId(k)), true) => format!("not {name}({k})"),
            (Action::Fire(SensorId(k)), false) => format!("{name}({k})"),
            (Action::Set { slot, sensor }, _) => {
                assert_ne!(sensor.0, 0, "sensor 0 is never noted: its number is false");
                let not = if truth { "" } else { "not" };
                format!("{not}({}:={})", self.slot(slot), sensor.0)
            }
            (Action::Flush { .. }, _) => unreachable!("an edge notes or fires, it never flushes"),
        }
    }

    /// The end of an unfolded decision.
    pub(super) fn end(&self, end: &Unfolded, call: &Call) -> String {
        match end {
            Unfolded::End { outcome, action: Some(action) } => {
                self.with_truth(*action, *outcome, call)
            }
            Unfolded::End { outcome: true, action: None } => "True".to_owned(),
            _ => "False".to_owned(),
        }
    }

    /// Registers the file and binds the names, with a semicolon.
    pub(super) fn header(&self, digest: &Digest, count: u32, calls: bool) -> String {
        let (names, function) = if calls {
            (format!("{},{}", self.table, self.call), "b")
        } else {
            (self.table.clone(), "m")
        };
        format!("{names}=__import__('{RUNTIME_MODULE}').{function}('{digest}',{count});")
    }
}
