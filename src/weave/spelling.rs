//! The MicroPython text of each mark: the only place that knows the names.

use std::collections::BTreeSet;

use super::passes::PassFlag;
use crate::model::{Digest, SensorId};
use crate::plan::marks::{Action, Unfolded};

/// Name of the runtime module that instrumented files import.
pub const RUNTIME_MODULE: &str = "_mpycov";

/// The names that the marks of one file use; none of them stands in its text.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Global: the hit table.
    pub(super) table: String,
    /// Global: a function that fires a sensor and returns something true.
    pub(super) call: String,
    /// Local alias of the table.
    pub(super) local_table: String,
    /// Local: stem of the slots.
    slot: String,
    /// Local: stem of the flags of marks that fire once a call.
    flag: String,
    /// A temporary for a value.
    pub(super) temporary: String,
    /// Stem of the variables with the notes of a decision.
    notes: String,
    /// A temporary for the outcome of such a decision.
    pub(super) result: String,
    /// Global: a function that puts a value into a list and fires a sensor,
    /// unless the value is that function itself; then it returns `None`.
    pub(super) boxes: String,
}

/// How a sensor is fired inside an expression.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The hit table.
    pub(super) table: String,
    /// The flag that says in this frame that it has fired, if any.
    pub(super) once: Option<u32>,
    /// Does it run once, so that the shortest form is the best?
    pub(super) rare: bool,
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
            // What may be a global begins with two underscores: that is how programs that look
            // through their names tell their own ones.
            table: free("__h"),
            call: free("__f"),
            local_table: free("_g"),
            slot: free("_n"),
            flag: free("_q"),
            temporary: free("__v"),
            notes: free("__p"),
            result: free("__r"),
            boxes: free("__w"),
        }
    }

    fn slot(&self, slot: u32) -> String {
        match slot {
            0 => self.slot.clone(),
            n => format!("{}{n}", self.slot),
        }
    }

    /// Name of a variable with notes.
    pub(super) fn notes(&self, number: usize) -> String {
        match number {
            0 => self.notes.clone(),
            n => format!("{}{n}", self.notes),
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
        match action {
            Action::Fire(sensor) => format!("{} and(", self.fire(sensor, call)),
            other => format!("{}and(", self.truth(other, call)),
        }
    }

    /// A statement that fires a sensor unless a flag says that it has fired.
    /// The last mark that shares a flag sets it.
    pub(super) fn unless(&self, flag: PassFlag, sensor: SensorId) -> String {
        let (name, call) = (self.flag(flag.number), &self.call);
        if flag.sets {
            format!("{name} or({name}:={call}({}));", sensor.0)
        } else {
            format!("{name} or {call}({});", sensor.0)
        }
    }

    /// Statements that give the flags of a frame their first values: whether a
    /// sensor has fired already, or nothing.
    pub(super) fn flags(&self, first: &[Option<SensorId>], table: &str) -> String {
        let mut text = String::new();
        for (number, sensor) in first.iter().enumerate() {
            let name = self.flag(number as u32);
            if let Some(SensorId(k)) = sensor {
                text += &format!("{name}={table}[{k}];");
            }
        }
        let empty: String = (0..first.len())
            .filter(|number| first[*number].is_none())
            .map(|number| format!("{}=", self.flag(number as u32)))
            .collect();
        if empty.is_empty() { text } else { format!("{text}{empty}0;") }
    }

    /// The same in front of an expression, inside the `and(` of another mark.
    pub(super) fn flags_in_expression(&self, first: &[Option<SensorId>], table: &str) -> String {
        let mut text = String::new();
        for (number, sensor) in first.iter().enumerate() {
            let name = self.flag(number as u32);
            text += &match sensor {
                Some(SensorId(k)) => format!("(({name}:={table}[{k}])or True)and "),
                None => format!("not({name}:=0)and "),
            };
        }
        text
    }

    /// A true expression that does this.
    pub(super) fn truth(&self, action: Action, call: &Call) -> String {
        match action {
            Action::Fire(sensor) => self.fire(sensor, call),
            Action::Set { slot, sensor } => {
                assert_ne!(sensor.0, 0, "the first sensor is the module's, and no note");
                format!("({}:={})", self.slot(slot), sensor.0)
            }
            Action::Flush { slot } => format!("{}({})", self.call, self.slot(slot)),
        }
    }

    /// A true expression that fires a sensor which has not fired yet. Looking
    /// is cheaper than calling; a flag in a local variable is cheaper still.
    pub(super) fn fire(&self, sensor: SensorId, call: &Call) -> String {
        let (table, k) = (&call.table, sensor.0);
        let fire = format!("{table}[{k}]or {}({k})", self.call);
        match call.once.map(|flag| self.flag(flag)) {
            Some(flag) => format!("({flag} or({flag}:={fire}))"),
            None if call.rare => format!("{}({k})", self.call),
            None => format!("({fire})"),
        }
    }

    /// What stands in front of an expression to fire when it has its value,
    /// and to pass that on; a `)` closes it.
    pub(super) fn passing(&self, sensor: SensorId) -> String {
        format!("{}({},", self.call, sensor.0)
    }

    /// The end of an unfolded decision. In typed code all ends must be
    /// objects, which constants are not.
    pub(super) fn end(&self, end: &Unfolded, call: &Call, typed: bool) -> String {
        match end {
            Unfolded::End { outcome, action: Some(action) } => {
                let not = if *outcome { "" } else { "not" };
                format!("{not} {}", self.truth(*action, call))
            }
            Unfolded::End { outcome: true, .. } if typed => self.call.clone(),
            _ if typed => format!("not {}", self.call),
            Unfolded::End { outcome: true, .. } => "True".to_owned(),
            _ => "False".to_owned(),
        }
    }

    /// Registers the file and binds the names, with a semicolon. An `import`
    /// statement, because a program may put its own `__import__` in place.
    pub(super) fn header(&self, digest: &Digest, count: u32, needs: Needs) -> String {
        let (table, call) = (&self.table, &self.call);
        let (names, function) =
            if needs.calls { (format!("{table},{call}"), "b") } else { (table.clone(), "m") };
        let mut header = format!(
            "from {RUNTIME_MODULE} import {function} as {table};{names}={table}('{digest}',{count});"
        );
        if needs.boxes {
            let boxes = &self.boxes;
            header += &format!("{boxes}=lambda k,v:None if v is {boxes} else[{call}(k,v)];");
        }
        if needs.temporary {
            header += &format!("{}=0;", self.temporary);
        }
        header
    }
}

/// The names that a file needs besides the hit table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    /// The function that fires.
    pub(super) calls: bool,
    /// The function that puts values into lists.
    pub(super) boxes: bool,
    /// The temporary, as a global.
    pub(super) temporary: bool,
}
