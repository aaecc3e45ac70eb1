//! A transport with a memory: what has come and was not yet asked for, and what was last seen.
//!
//! In: a transport. Out: reads up to a pattern, reads until the line is quiet, paced writes; each failure with
//! what had been seen. It refuses to know what a prompt looks like.

use std::time::{Duration, Instant};

use super::transport::{ReadError, Transport, WriteError};

/// How many of the last bytes are remembered for messages.
const REMEMBERED: usize = 512;

pub(crate) struct Link {
    transport: Box<dyn Transport>,
    /// Came and was not yet taken.
    waiting: Vec<u8>,
    /// The last that came, taken or not.
    recent: Vec<u8>,
    /// Why the line closed, once it has.
    closed: Option<String>,
}

impl Link {
    pub(crate) fn new(transport: Box<dyn Transport>) -> Self {
        Self { transport, waiting: Vec::new(), recent: Vec::new(), closed: None }
    }

    pub(crate) fn description(&self) -> &str {
        self.transport.description()
    }

    pub(crate) fn now(&self) -> Instant {
        self.transport.now()
    }

    pub(crate) fn pause(&mut self, time: Duration) {
        self.transport.pause(time);
    }

    /// The last bytes that came, for a message.
    pub(crate) fn recent(&self) -> &[u8] {
        &self.recent
    }

    /// Forgets what came before, so that a message shows only what belongs to it.
    pub(crate) fn forget(&mut self) {
        self.recent.clear();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Waits for more bytes and keeps them.
    pub(crate) fn fill(&mut self, deadline: Instant) -> Result<(), ReadError> {
        if let Some(reason) = &self.closed {
            return Err(ReadError::closed(reason.clone()).having_seen(&self.recent));
        }
        let mut buffer = [0; 4096];
        match self.transport.read(&mut buffer, deadline) {
            Ok(count) => {
                let fresh = &buffer[..count];
                self.waiting.extend_from_slice(fresh);
                self.recent.extend_from_slice(fresh);
                let surplus = self.recent.len().saturating_sub(REMEMBERED);
                self.recent.drain(..surplus);
                Ok(())
            }
            Err(error) => {
                if let ReadError::Closed { reason, .. } = &error {
                    self.closed = Some(reason.clone());
                }
                Err(error.having_seen(&self.recent))
            }
        }
    }

    /// What came and was not taken.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.waiting)
    }

    /// Gives back what was taken too early.
    pub(crate) fn put_back(&mut self, mut bytes: Vec<u8>) {
        bytes.append(&mut self.waiting);
        self.waiting = bytes;
    }

    /// Reads up to and with `pattern`; returns what came before it.
    ///
    /// A board that talks without end does not extend the deadline.
    pub(crate) fn until(
        &mut self,
        pattern: &[u8],
        deadline: Instant,
    ) -> Result<Vec<u8>, ReadError> {
        let whole_time = deadline.saturating_duration_since(self.now());
        self.until_idle(pattern, whole_time, deadline)
    }

    /// The same for as long as something comes: gives up after `idle` without a byte, and at `longest`.
    pub(crate) fn until_idle(
        &mut self,
        pattern: &[u8],
        idle: Duration,
        longest: Instant,
    ) -> Result<Vec<u8>, ReadError> {
        let mut searched = 0;
        loop {
            if let Some(at) = find(&self.waiting[searched..], pattern) {
                let rest = self.waiting.split_off(searched + at + pattern.len());
                let mut before = std::mem::replace(&mut self.waiting, rest);
                before.truncate(searched + at);
                return Ok(before);
            }
            searched = self.waiting.len().saturating_sub(pattern.len() - 1);
            let now = self.now();
            if now >= longest {
                return Err(ReadError::timed_out().having_seen(&self.recent));
            }
            self.fill(longest.min(now + idle))?;
        }
    }

    /// Reads exactly `count` bytes.
    pub(crate) fn exactly(
        &mut self,
        count: usize,
        deadline: Instant,
    ) -> Result<Vec<u8>, ReadError> {
        while self.waiting.len() < count {
            self.fill(deadline)?;
        }
        let rest = self.waiting.split_off(count);
        Ok(std::mem::replace(&mut self.waiting, rest))
    }

    /// Reads until nothing has come for `quiet`, or until `deadline`; a closed line is quiet too.
    pub(crate) fn until_quiet(&mut self, quiet: Duration, deadline: Instant) -> Vec<u8> {
        loop {
            let now = self.now();
            if now >= deadline || self.fill(deadline.min(now + quiet)).is_err() {
                return self.take();
            }
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        if let Some(reason) = &self.closed {
            return Err(WriteError::closed(reason.clone()));
        }
        let result = self.transport.write(bytes);
        if let Err(WriteError::Closed { reason }) = &result {
            self.closed = Some(reason.clone());
        }
        result
    }

    pub(crate) fn close(&mut self) {
        self.transport.close();
        self.closed.get_or_insert_with(|| "closed by us".to_owned());
    }
}

/// Where `pattern` is in `bytes`.
pub(crate) fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    let first = *pattern.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        if bytes[at..].starts_with(pattern) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, Step};
    use super::*;

    fn link(steps: Vec<Step>) -> (Link, Instant) {
        let (board, _) = Scripted::new(steps);
        let link = Link::new(Box::new(board));
        let deadline = link.now() + Duration::from_secs(1);
        (link, deadline)
    }

    #[test]
    fn a_pattern_may_come_in_pieces() {
        let (mut link, deadline) = link(vec![
            Step::Say(b"noise ra".to_vec()),
            Step::Say(b"w RE".to_vec()),
            Step::Say(b"PL> x".to_vec()),
        ]);
        assert_eq!(link.until(b"raw REPL", deadline), Ok(b"noise ".to_vec()));
        assert_eq!(link.take(), b"> x");
    }

    #[test]
    fn a_failure_shows_what_was_seen() {
        let (mut link, deadline) = link(vec![Step::Say(b"abc".to_vec())]);
        assert_eq!(link.until(b"x", deadline), Err(ReadError::TimedOut { seen: b"abc".to_vec() }));
    }

    #[test]
    fn quiet_ends_a_wait() {
        let wait = Step::Wait(Duration::from_millis(300));
        let (mut link, deadline) =
            link(vec![Step::Say(b"ab".to_vec()), wait, Step::Say(b"c".to_vec())]);
        assert_eq!(link.until_quiet(Duration::from_millis(100), deadline), b"ab");
        assert_eq!(link.until_quiet(Duration::from_millis(400), deadline), b"c");
    }
}
