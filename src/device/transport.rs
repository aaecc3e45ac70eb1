//! A line to a board: bytes go out, bytes come back, each within a time that the caller names.
//!
//! In: bytes and deadlines. Out: bytes, or why there are none, with what had been seen until then.
//! A transport refuses to know what the bytes mean. It also owns the clock, so that a fake can let hours pass
//! in no time: code above it must ask `now` and `pause` here and never the system.

use std::time::{Duration, Instant};

use thiserror::Error;

use super::error::evidence;

/// Why a read brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The deadline passed.
    #[error("nothing more came in time; seen so far: {}", evidence(.seen))]
    TimedOut {
        /// What had come by then.
        seen: Vec<u8>,
    },
    /// There is nobody at the other end any more.
    #[error("the line closed ({reason}); seen so far: {}", evidence(.seen))]
    Closed {
        /// What had come by then.
        seen: Vec<u8>,
        /// What the system said.
        reason: String,
    },
}

impl ReadError {
    /// A deadline that passed before anything came.
    #[must_use]
    pub fn timed_out() -> Self {
        Self::TimedOut { seen: Vec::new() }
    }

    /// A line that closed before anything came.
    #[must_use]
    pub fn closed(reason: impl Into<String>) -> Self {
        Self::Closed { seen: Vec::new(), reason: reason.into() }
    }

    /// The same failure, with what the caller had collected before it.
    #[must_use]
    pub fn having_seen(self, bytes: &[u8]) -> Self {
        let seen = bytes.to_vec();
        match self {
            Self::TimedOut { .. } => Self::TimedOut { seen },
            Self::Closed { reason, .. } => Self::Closed { seen, reason },
        }
    }
}

/// Why bytes could not be handed over.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// The other end takes nothing: a buffer stayed full.
    #[error("the other end takes no more bytes")]
    TimedOut,
    /// There is nobody at the other end any more.
    #[error("the line closed ({reason})")]
    Closed {
        /// What the system said.
        reason: String,
    },
}

impl WriteError {
    /// A line that closed while writing.
    #[must_use]
    pub fn closed(reason: impl Into<String>) -> Self {
        Self::Closed { reason: reason.into() }
    }
}

/// How long a write may wait for the other end before it counts as stuck.
pub const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// A line to a board.
pub trait Transport: Send {
    /// Reads what there is, at least one byte, and waits for it until `deadline` at most.
    ///
    /// # Errors
    /// [`ReadError`], with nothing in `seen`: only the caller knows what it has collected.
    fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, ReadError>;

    /// Hands over all of `bytes`, within [`WRITE_PATIENCE`].
    ///
    /// # Errors
    /// [`WriteError`] when the other end is gone or takes nothing.
    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError>;

    /// Lets go of the line; later reads and writes report it as closed.
    fn close(&mut self);

    /// What to call this line in a message: a path, an address, a command.
    fn description(&self) -> &str;

    /// The time, as this line sees it.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// Lets time pass.
    fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// The wait from `now` to `deadline`, never zero: a zero time-out means "for ever" to some systems.
pub(crate) fn wait_until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}
