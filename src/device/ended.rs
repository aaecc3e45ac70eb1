//! How a program on a board ended, and what that is going by what the board said.

/// Which part of a run some output belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The program's own.
    Program,
    /// The closing statements'.
    Closing,
}

/// How a run went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// How the program ended.
    pub end: RunEnd,
    /// How the closing statements ended.
    pub closing: Closing,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// It came to its end.
    Finished,
    /// An exception got out.
    Raised {
        /// What the board prints for it, without the wrapper's own line.
        traceback: String,
    },
    /// It called `sys.exit`, or `machine.soft_reset` on firmware where that is the same.
    SystemExit {
        /// The exit status: the argument if that is a number, 0 for none, 1 for anything else.
        code: i32,
        /// The argument if it is not a number.
        message: Option<String>,
    },
    /// The board soft-reset itself. It is at the raw prompt again.
    SoftReset {
        /// The last bytes.
        seen: Vec<u8>,
    },
    /// The line closed, or the board restarted.
    Vanished {
        /// What the system said, or how the restart was noticed.
        reason: String,
        /// The last bytes.
        seen: Vec<u8>,
    },
    /// The time limit passed.
    TimedOut {
        /// Whether the program could be interrupted; if not, only a reset helps.
        stopped: bool,
    },
    /// The [`Control`] asked for it.
    Interrupted {
        /// Whether the program could be interrupted; if not, only a reset helps.
        stopped: bool,
        /// Where the program was, if it said so.
        traceback: Option<String>,
    },
}

/// How the closing statements ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// They came to their end.
    Complete,
    /// They raised this.
    Failed(String),
    /// They did not run, or not to their end.
    Missing,
}

/// Whether this is what a prompt says about an exception, and nothing else.
pub(super) fn is_exception(words: &str) -> bool {
    let first = words.split([':', '\r', '\n', ' ']).next().unwrap_or_default();
    first == "Traceback"
        || ["Error", "Exception", "Interrupt", "Exit"].iter().any(|end| first.ends_with(end))
}

/// A traceback without the line that the wrapper adds at its top.
pub(super) fn without_wrapper(traceback: &str) -> String {
    let mut lines: Vec<&str> = traceback.split_inclusive('\n').collect();
    if lines.len() > 2
        && lines[0].starts_with("Traceback")
        && ["  File \"<string>\"", "  File \"<stdin>\""].iter().any(|own| lines[1].starts_with(own))
    {
        lines.remove(1);
    }
    lines.concat()
}

/// What `SystemExit` with these arguments means to a shell.
pub(super) fn exit_of(arguments: &str) -> RunEnd {
    let inner = arguments.trim_start_matches('(').trim_end_matches(')').trim_end_matches(',');
    let (code, message) = match inner {
        "" if arguments.is_empty() => (1, Some("(the board had no memory left to say)".to_owned())),
        "" | "None" | "False" => (0, None),
        "True" => (1, None),
        number if number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
            (number.parse().unwrap_or(1), None)
        }
        other => (1, Some(other.trim_matches(['\'', '"']).to_owned())),
    };
    RunEnd::SystemExit { code, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_arguments_mean_what_they_mean_to_a_shell() {
        let exit = |code, message: Option<&str>| RunEnd::SystemExit {
            code,
            message: message.map(str::to_owned),
        };
        assert_eq!(exit_of("(3,)"), exit(3, None));
        assert_eq!(exit_of("(-1,)"), exit(-1, None));
        assert_eq!(exit_of("()"), exit(0, None));
        assert_eq!(exit_of("(None,)"), exit(0, None));
        assert_eq!(exit_of("('no luck',)"), exit(1, Some("no luck")));
        assert!(matches!(exit_of(""), RunEnd::SystemExit { code: 1, .. }));
    }

    #[test]
    fn the_wrappers_line_is_taken_out_of_a_traceback() {
        let own = "Traceback (most recent call last):\n  File \"<string>\", line 7, in <module>\n";
        let theirs = "  File \"a.py\", line 1, in f\nValueError: x\n";
        assert_eq!(
            without_wrapper(&format!("{own}{theirs}")),
            format!("Traceback (most recent call last):\n{theirs}")
        );
        assert_eq!(without_wrapper("MemoryError: \n"), "MemoryError: \n");
    }
}
