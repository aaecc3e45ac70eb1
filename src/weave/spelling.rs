//! The MicroPython text of each mark: the only place that knows the names.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::passes::PassFlag;
use super::windows::Windows;
use crate::model::{Digest, SensorId};
use crate::plan::marks::{Action, Unfolded};

/// Name of the runtime module that instrumented files import.
pub const RUNTIME_MODULE: &str = "_mpycov";

/// The names that the marks of one file use; none of them stands in its text.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Global: stem of the hit tables.
    table: String,
    /// Global: stem of the functions, one a table, that fire a sensor and return something true.
    call: String,
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
    /// Global: stem of the functions, one a table, that put a value into a list and fire a sensor,
    /// unless the value is that function itself; then they return `None`.
    boxes: String,
    /// Where the sensors are.
    pub(super) windows: Windows,
}

/// How a sensor is fired inside an expression.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Number of the hit table.
    pub(super) window: usize,
    /// The name of the table here.
    pub(super) table: String,
    /// The flag that says in this frame that it has fired, if any.
    pub(super) once: Option<u32>,
    /// Does it run once, so that the shortest form is the best?
    pub(super) rare: bool,
}

impl Names {
    /// Names that are not among the taken ones.
    pub(super) fn avoiding(taken: &[String], windows: Windows) -> Self {
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
            windows,
        }
    }

    /// Name of a hit table.
    pub(super) fn table(&self, window: usize) -> Cow<'_, str> {
        numbered(&self.table, window)
    }

    /// Name of the function that fires the sensors of a hit table.
    fn call(&self, window: usize) -> Cow<'_, str> {
        numbered(&self.call, window)
    }

    /// Name of the function that puts values into lists and fires the sensors of a hit table.
    pub(super) fn boxes(&self, window: usize) -> Cow<'_, str> {
        numbered(&self.boxes, window)
    }

    fn slot(&self, slot: u32) -> Cow<'_, str> {
        numbered(&self.slot, slot as usize)
    }

    /// Name of a variable with notes.
    pub(super) fn notes(&self, number: usize) -> Cow<'_, str> {
        numbered(&self.notes, number)
    }

    /// Name of a flag.
    pub(super) fn flag(&self, flag: u32) -> Cow<'_, str> {
        numbered(&self.flag, flag as usize)
    }

    /// A statement, with its semicolon.
    pub(super) fn statement(&self, action: Action, table: &str) -> String {
        match action {
            Action::Fire(sensor) => {
                let mut index = itoa::Buffer::new();
                [table, "[", index.format(self.windows.index(sensor)), "]=1;"].concat()
            }
            Action::Set { slot, sensor } => {
                let mut index = itoa::Buffer::new();
                [&self.slot(slot), "=", index.format(self.windows.true_index(sensor)), ";"].concat()
            }
            Action::Flush { slot } => [table, "[", &self.slot(slot), "]=1;"].concat(),
        }
    }

    /// What stands in front of an expression to do this first; a `)` closes it.
    pub(super) fn prefix(&self, action: Action, call: &Call) -> String {
        match action {
            Action::Fire(sensor) => self.fire(sensor, call) + " and(",
            other => self.truth(other, call) + "and(",
        }
    }

    /// A statement that fires a sensor unless a flag says that it has fired.
    /// The last mark that shares a flag sets it.
    pub(super) fn unless(&self, flag: PassFlag, sensor: SensorId) -> String {
        let (name, call) = (self.flag(flag.number), self.call(self.windows.window(sensor)));
        let mut index = itoa::Buffer::new();
        let index = index.format(self.windows.index(sensor));
        if flag.sets {
            [&name, " or(", &name, ":=", &call, "(", index, "));"].concat()
        } else {
            [&name, " or ", &call, "(", index, ");"].concat()
        }
    }

    /// Statements that give the flags of a frame their first values: whether these sensors have fired already.
    pub(super) fn flags(&self, sensors: &[SensorId], table: &str) -> String {
        let bound = |(number, sensor): (usize, &SensorId)| {
            let mut index = itoa::Buffer::new();
            let index = index.format(self.windows.index(*sensor));
            [&self.flag(number as u32), "=", table, "[", index, "];"].concat()
        };
        sensors.iter().enumerate().map(bound).collect()
    }

    /// The same in front of an expression, inside the `and(` of another mark.
    pub(super) fn flags_in_expression(&self, sensors: &[SensorId], table: &str) -> String {
        let bound = |(number, sensor): (usize, &SensorId)| {
            let index = self.windows.index(*sensor);
            format!("(({}:={table}[{index}])or True)and ", self.flag(number as u32))
        };
        sensors.iter().enumerate().map(bound).collect()
    }

    /// A true expression that does this.
    pub(super) fn truth(&self, action: Action, call: &Call) -> String {
        match action {
            Action::Fire(sensor) => self.fire(sensor, call),
            Action::Set { slot, sensor } => {
                let mut index = itoa::Buffer::new();
                let index = index.format(self.windows.true_index(sensor));
                ["(", &self.slot(slot), ":=", index, ")"].concat()
            }
            Action::Flush { slot } => {
                [&self.call(call.window), "(", &self.slot(slot), ")"].concat()
            }
        }
    }

    /// A true expression that fires a sensor which has not fired yet. Looking
    /// is cheaper than calling; a flag in a local variable is cheaper still.
    pub(super) fn fire(&self, sensor: SensorId, call: &Call) -> String {
        let (table, function) = (&call.table, self.call(call.window));
        let mut k = itoa::Buffer::new();
        let k = k.format(self.windows.index(sensor));
        match call.once.map(|flag| self.flag(flag)) {
            Some(flag) => ["(", &flag, " or(", &flag, ":=", &function, "(", k, ")))"].concat(),
            None if call.rare => [&function, "(", k, ")"].concat(),
            None => ["(", table, "[", k, "]or ", &function, "(", k, "))"].concat(),
        }
    }

    /// What stands in front of an expression to fire when it has its value,
    /// and to pass that on; a `)` closes it.
    pub(super) fn passing(&self, sensor: SensorId) -> String {
        format!("{}({},", self.call(self.windows.window(sensor)), self.windows.index(sensor))
    }

    /// The end of an unfolded decision. In typed code all ends must be
    /// objects, which constants are not.
    pub(super) fn end(&self, end: &Unfolded, call: &Call, typed: bool) -> String {
        match end {
            Unfolded::End { outcome, action: Some(action) } => {
                let not = if *outcome { "" } else { "not" };
                format!("{not} {}", self.truth(*action, call))
            }
            Unfolded::End { outcome: true, .. } if typed => self.call(0).into_owned(),
            _ if typed => format!("not {}", self.call(0)),
            Unfolded::End { outcome: true, .. } => "True".to_owned(),
            _ => "False".to_owned(),
        }
    }

    /// Registers the file and binds the names, with a semicolon. An `import`
    /// statement, because a program may put its own `__import__` in place.
    pub(super) fn header(&self, digest: &Digest, needs: Needs<'_>) -> String {
        let sizes: Vec<String> = self.windows.sizes().map(|size| size.to_string()).collect();
        let first = self.table(0);
        let bound = |window| format!("{},{}", self.table(window), self.call(window));
        let (names, function) = if needs.calls || sizes.len() > 1 {
            ((0..sizes.len()).map(bound).collect::<Vec<_>>().join(","), "b")
        } else {
            (first.clone().into_owned(), "m")
        };
        let mut header = format!(
            "import {RUNTIME_MODULE} as {first};{names}={first}.{function}('{digest}',{});",
            sizes.join(",")
        );
        for window in needs.boxes {
            let (boxes, call) = (self.boxes(*window), self.call(*window));
            header += &format!("{boxes}=lambda k,v:None if v is {boxes} else[{call}(k,v)];");
        }
        if needs.temporary {
            header += &format!("{}=0;", self.temporary);
        }
        header
    }
}

/// A name with a number; number 0 is the stem alone.
fn numbered(stem: &str, number: usize) -> Cow<'_, str> {
    match number {
        0 => Cow::Borrowed(stem),
        n => Cow::Owned([stem, itoa::Buffer::new().format(n)].concat()),
    }
}

/// The names that a file needs besides the hit table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs<'a> {
    /// The function that fires.
    pub(super) calls: bool,
    /// The functions that put values into lists, by their tables.
    pub(super) boxes: &'a BTreeSet<usize>,
    /// The temporary, as a global.
    pub(super) temporary: bool,
}
