//! A hand on a running program, from another thread: Ctrl-C, and then for good; or bytes for its input.
//!
//! In: what a signal handler or a keyboard wants. Out: the same, where the loop that follows the program looks
//! for it. It refuses to touch the line itself: only the loop writes there.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A handle to a program that runs, or will run, on a board. Clones are the same handle.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    interrupts: AtomicU32,
    input: Mutex<Vec<u8>>,
}

impl Control {
    /// A handle that asks for nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ctrl-C: the first one goes to the program, the second one ends the wait for it. Safe in a handler thread.
    pub fn interrupt(&self) {
        self.0.interrupts.fetch_add(1, Ordering::Relaxed);
    }

    /// How often [`Self::interrupt`] was called.
    #[must_use]
    pub fn interrupts(&self) -> u32 {
        self.0.interrupts.load(Ordering::Relaxed)
    }

    /// Bytes for the program's standard input.
    pub fn feed(&self, bytes: &[u8]) {
        self.0.input.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }

    pub(crate) fn take_input(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.input.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
