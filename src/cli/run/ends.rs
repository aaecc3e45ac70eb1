//! How a program on a board ended, in words, and what that means for the status.

use super::super::board_files::Files;
use super::super::{Exit, style};
use super::board::{Runner, is_short};
use crate::board::Ended;
use crate::device::RunEnd;

impl Runner<'_> {
    /// Says how the program ended, and what that means for the status.
    pub(super) fn conclude(&self, files: &Files, ended: &Ended, label: &str) -> Exit {
        let mut fine = false;
        let during =
            ended.during.as_ref().map(|test| format!(" during {test}")).unwrap_or_default();
        match &ended.end {
            RunEnd::Finished => fine = true,
            RunEnd::Raised { traceback } => {
                self.say(label, traceback.trim_end());
                if let Some(name) = left_out(files, traceback) {
                    style::note(&format!(
                        "  help: {name} was not sent, since nothing names it; --with {name} sends it as it is"
                    ));
                }
                if is_short(ended) {
                    style::note(
                        "  help: the board ran out of memory: a lower --level, fewer files (--include), --passes auto, or --mpy",
                    );
                }
            }
            RunEnd::SystemExit { code, message } => {
                fine = *code == 0;
                if let Some(message) = message {
                    self.say(label, message);
                }
            }
            RunEnd::SoftReset { .. } => {
                self.warn(label, &format!("the program reset the board{during}{}", kept(ended)));
            }
            RunEnd::Vanished { reason, .. } => {
                self.warn(label, &format!("the board went away{during} ({reason}){}", kept(ended)));
            }
            RunEnd::TimedOut { stopped } => {
                let seconds = self.args.timeout.unwrap_or_default();
                self.warn(label, &format!("the program was stopped after {seconds} s{during}"));
                self.stuck(label, *stopped);
            }
            RunEnd::Interrupted { stopped, traceback } => {
                if let Some(traceback) = traceback {
                    self.say(label, traceback.trim_end());
                }
                self.stuck(label, *stopped);
            }
        }
        if let Some(failed) = &ended.tests.failed {
            fine = false;
            if self.several {
                self.warn(label, &format!("unittest: {failed}"));
            }
        }
        if ended.tests.empty {
            fine = false;
            self.warn(label, "unittest ran no tests: are their names right, and is their module the one that runs?");
        }
        let none = ended.frames.files() == 0;
        if none && ended.frames.complete == 0 {
            self.warn(label, "the program ended without handing over its hits (was it killed?)");
        } else if none && files.script.is_none() {
            self.warn(
                label,
                "none of the covered files ran: see --source, and what the program imports",
            );
        } else if let Some(script) = files.script.as_ref().filter(|s| !ended.frames.tell_of(s))
            && ended.end == RunEnd::Finished
        {
            let name = files.maps.get(script).map_or("", |map| &map.path);
            let why = match files.boots {
                true => {
                    "the board did not start it, or lost its hits; reset the board and run it again"
                }
                false => "the firmware has a module of that name; rename the script",
            };
            self.warn(label, &format!("{name} did not run: {why}"));
            fine = false;
        }
        if let Some(reason) = &ended.untidy {
            self.warn(label, &format!("files are left on the board: {reason}\n  help: mpycov deploy --remove takes them away"));
        }
        if self.several && !self.common.quiet {
            let state = if fine { "fine" } else { "failed" };
            let tests = match ended.tests.ran {
                0 => String::new(),
                count => format!(", {count} tests"),
            };
            style::note(&format!(
                "{label}: {state}{tests}, hits of {} files",
                ended.frames.files()
            ));
        }
        if fine { Exit::Fine } else { Exit::Failed }
    }

    /// Prints what the program said last, with the board's name in front of each line where there are several.
    fn say(&self, label: &str, text: &str) {
        match self.several {
            true => text.lines().for_each(|line| style::note(&format!("{label}: {line}"))),
            false => style::note(text),
        }
    }

    fn stuck(&self, label: &str, stopped: bool) {
        if !stopped {
            self.warn(label, "the board does not stop for Ctrl-C: its hits are lost, and files are left on it\n  help: reset it, then mpycov deploy --remove");
        }
    }
}

/// The source of the module that an import did not find, if it stayed here.
fn left_out<'a>(files: &'a Files, traceback: &str) -> Option<&'a str> {
    let last = traceback.trim_end().rsplit('\n').next()?;
    let module = last.strip_prefix("ImportError: no module named '")?.strip_suffix('\'')?;
    let ends = format!("/{}.py", module.replace('.', "/"));
    files.left_out.iter().map(String::as_str).find(|name| format!("/{name}").ends_with(&ends))
}

/// What became of the hits of a board that went away.
fn kept(ended: &Ended) -> &'static str {
    match (ended.frames.files() == 0, ended.returned) {
        (false, _) => "; its hits were saved before",
        (true, true) if !ended.guarded => {
            "; this firmware lets nobody save its hits before (it has no sys.modules, or little memory)"
        }
        (true, true) => "; it had not saved its hits",
        (true, false) => " and did not come back; its hits are lost",
    }
}
