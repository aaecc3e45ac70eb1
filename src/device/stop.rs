//! A program that has to end before it does so by itself: the time is up, or the user wants it.
//!
//! In: what was asked for, the clock, how the program ended then. Out: when to send Ctrl-C, when to wait no longer,
//! and what such an end is called. It refuses to send anything itself.

use std::time::{Duration, Instant};

use super::control::Control;
use super::ended::{Closing, Run, RunEnd};

/// Why and since when the program is being stopped.
#[derive(Debug, Default)]
pub(super) struct Stop {
    timed_out: bool,
    /// How many of the interrupts that were asked for have been passed on.
    passed: u32,
    /// Since when the program has to end.
    since: Option<Instant>,
}

impl Stop {
    /// Whether to send Ctrl-C now (`true`), to stop waiting (`false`), or to do nothing.
    ///
    /// A program may handle the first Ctrl-C and go on. After the second one, and after the time limit, it has
    /// its grace to end; one more, and nobody waits.
    pub(super) fn due(
        &mut self,
        control: &Control,
        limit: Option<Instant>,
        now: Instant,
        grace: Duration,
    ) -> Option<bool> {
        let asked = control.interrupts();
        let more = asked > self.passed;
        if let Some(since) = self.since {
            return (more || now >= since + grace).then_some(false);
        }
        if more {
            self.since = (asked > 1).then_some(now);
            self.passed = asked;
            return Some(true);
        }
        if limit.is_some_and(|limit| now >= limit) {
            self.timed_out = true;
            self.since = Some(now);
            return Some(true);
        }
        None
    }

    /// The end of a program that did not stop.
    pub(super) fn given_up(&self) -> Run {
        let end = if self.timed_out {
            RunEnd::TimedOut { stopped: false }
        } else {
            RunEnd::Interrupted { stopped: false, traceback: None }
        };
        Run { end, closing: Closing::Missing }
    }

    /// An end that we caused is ours, not the program's.
    pub(super) fn explain(&self, run: Run) -> Run {
        let end = match run.end {
            RunEnd::Finished | RunEnd::Raised { .. } | RunEnd::SystemExit { .. }
                if self.timed_out =>
            {
                RunEnd::TimedOut { stopped: true }
            }
            RunEnd::Raised { traceback }
                if self.passed > 0 && last_line(&traceback).starts_with("KeyboardInterrupt") =>
            {
                RunEnd::Interrupted { stopped: true, traceback: Some(traceback) }
            }
            other => other,
        };
        Run { end, ..run }
    }
}

fn last_line(text: &str) -> &str {
    text.trim_end().rsplit('\n').next().unwrap_or_default()
}
