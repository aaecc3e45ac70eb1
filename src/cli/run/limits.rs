//! What a board cannot do for a program, said before the program runs.
//!
//! Modules of the firmware are watched by putting others in their place. Where that cannot be done, nothing is saved
//! before a reset, tests are not told apart, and modules without sources are not found.

use super::super::board_files::Files;
use super::super::style;
use super::board::Runner;
use crate::board::{Limit, Session, runtime};
use crate::device::Board;

/// What ends a program without an exception: modules, and their functions that do.
const ENDS: [(&str, &[&str]); 4] = [
    ("machine", &["reset", "soft_reset", "deepsleep", "bootloader"]),
    ("microbit", &["reset", "panic"]),
    ("pyb", &["hard_reset", "bootloader", "standby"]),
    ("microcontroller", &["reset"]),
];

impl Runner<'_> {
    /// Warns of what was asked for, or what the program does, and this board cannot go along with.
    pub(super) fn warn_of_limits(
        &self,
        session: &Session,
        files: &Files,
        named: bool,
        label: &str,
    ) {
        if runtime::can_guard(&session.board) {
            return;
        }
        let why = why(&session.board);
        if self.args.context == "test" {
            self.warn(label, &format!("hits cannot be told apart by tests here: {why}"));
        }
        if self.args.autosave.is_some() {
            self.warn(label, &format!("--autosave can save no hits here: {why}"));
        }
        for blob in &files.blobs {
            let Some(call) = String::from_utf8_lossy(&blob.bytes).lines().find_map(end_in) else {
                continue;
            };
            self.warn(
                label,
                &format!(
                    "{} has {call}, and hits cannot be saved before that here: {why}\n  help: a program that ends in another way hands them over",
                    blob.name
                ),
            );
        }
        if named && self.common.verbose {
            style::note(&format!(
                "mpycov: {label}: modules without sources are not listed here: {why}"
            ));
        }
    }

    /// Warns of what turned out just before the program started.
    pub(super) fn warn_of(&self, limit: Limit, label: &str) {
        let text = match limit {
            Limit::NoTimer => "this firmware has no timer that --autosave could use",
            Limit::NoTests => {
                "hits cannot be told apart by tests here: that takes micropython-lib's unittest"
            }
        };
        self.warn(label, text);
    }
}

fn why(board: &Board) -> &'static str {
    match board.sys_modules {
        true => "the board has too little memory for it",
        false => "the firmware has no sys.modules",
    }
}

/// The call in a line that ends programs, if there is one.
fn end_in(line: &str) -> Option<String> {
    let code = line.split('#').next().unwrap_or_default();
    for (module, functions) in ENDS {
        for function in functions {
            if called(code, &format!("{module}.{function}")) {
                return Some(format!("{module}.{function}()"));
            }
            let names = code.trim_start().strip_prefix(&format!("from {module} import "));
            let taken = |names: &str| names.split([',', ' ', ';']).any(|name| name == *function);
            if names.is_some_and(taken) {
                return Some(format!("{module}.{function}"));
            }
        }
    }
    None
}

/// Whether `name` is called in `code`, and not something that ends with it.
fn called(code: &str, name: &str) -> bool {
    let part_of_a_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    code.match_indices(name).any(|(at, _)| {
        let behind = code[at + name.len()..].trim_start().starts_with('(');
        behind && !code[..at].ends_with(part_of_a_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_end_a_program_are_found() {
        for (line, call) in [
            ("    machine.reset()", Some("machine.reset()")),
            ("if x: microbit.reset ( )", Some("microbit.reset()")),
            ("from machine import Pin, deepsleep", Some("machine.deepsleep")),
            ("import machine; machine.bootloader()", Some("machine.bootloader()")),
            ("my_machine.reset()", None),
            ("self.machine.reset()", None),
            ("# machine.reset()", None),
            ("machine.reset_cause()", None),
            ("again = machine.reset", None),
            ("from machine import reset_cause", None),
        ] {
            assert_eq!(end_in(line).as_deref(), call, "{line}");
        }
    }
}
