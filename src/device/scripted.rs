//! A board played from a transcript: what it expects to be sent and what it answers.
//!
//! In: steps. Out: a [`Transport`] for tests whose clock runs only while somebody waits, and a handle that says
//! afterwards whether everything went as written. Compiled always, so that tests of other crates can use it.
//! It refuses to improvise: bytes that the transcript does not expect close the line.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::evidence;
use super::transport::{ReadError, Transport, WriteError};

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The host must send exactly these bytes.
    Expect(Vec<u8>),
    /// The host must send something that ends with these bytes.
    ExpectUntil(Vec<u8>),
    /// The board says this.
    Say(Vec<u8>),
    /// The board is silent for this long.
    Wait(Duration),
    /// The board is unplugged.
    Unplug,
}

/// What a test can ask about a transcript while and after it is played.
#[derive(Debug, Clone)]
pub struct Transcript(Arc<Mutex<State>>);

impl Transcript {
    /// The steps that were not reached.
    #[must_use]
    pub fn remaining(&self) -> Vec<Step> {
        lock(&self.0).steps.clone()
    }

    /// What the host did that the transcript does not have.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        lock(&self.0).problem.clone()
    }

    /// Everything that the host has sent.
    #[must_use]
    pub fn sent(&self) -> Vec<u8> {
        lock(&self.0).sent.clone()
    }

    /// How much time has passed in the transcript.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        lock(&self.0).elapsed
    }
}

/// The board of a transcript.
#[derive(Debug)]
pub struct Scripted {
    start: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    steps: Vec<Step>,
    /// What the host has sent towards the current `Expect…` step.
    received: Vec<u8>,
    sent: Vec<u8>,
    elapsed: Duration,
    closed: bool,
    problem: Option<String>,
}

impl Scripted {
    /// A board that follows `steps`, and the handle to ask about it.
    #[must_use]
    pub fn new(steps: Vec<Step>) -> (Self, Transcript) {
        let state = Arc::new(Mutex::new(State { steps, ..State::default() }));
        (Self { start: Instant::now(), state: Arc::clone(&state) }, Transcript(state))
    }
}

impl Transport for Scripted {
    fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, ReadError> {
        let start = self.start;
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return Err(ReadError::closed("the transcript unplugs here"));
            }
            let left = deadline.saturating_duration_since(start + state.elapsed);
            match state.steps.first_mut() {
                Some(Step::Say(bytes)) => {
                    let count = bytes.len().min(buffer.len());
                    buffer[..count].copy_from_slice(&bytes[..count]);
                    bytes.drain(..count);
                    if bytes.is_empty() {
                        state.steps.remove(0);
                    }
                    if count > 0 {
                        return Ok(count);
                    }
                }
                Some(Step::Wait(time)) if *time <= left => {
                    let time = *time;
                    state.elapsed += time;
                    state.steps.remove(0);
                }
                Some(Step::Wait(time)) => {
                    *time -= left;
                    state.elapsed += left;
                    return Err(ReadError::timed_out());
                }
                Some(Step::Unplug) => state.closed = true,
                Some(Step::Expect(_) | Step::ExpectUntil(_)) | None => {
                    state.elapsed += left;
                    return Err(ReadError::timed_out());
                }
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(WriteError::closed("the transcript unplugs here"));
        }
        state.sent.extend_from_slice(bytes);
        for byte in bytes {
            state.received.push(*byte);
            if let Err(problem) = state.take_received() {
                state.problem = Some(problem.clone());
                state.closed = true;
                return Err(WriteError::closed(problem));
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        lock(&self.state).closed = true;
    }

    fn description(&self) -> &'static str {
        "a transcript"
    }

    fn now(&self) -> Instant {
        self.start + lock(&self.state).elapsed
    }

    fn pause(&mut self, time: Duration) {
        lock(&self.state).elapsed += time;
    }
}

impl State {
    /// Matches what has been received so far with the next expectation.
    fn take_received(&mut self) -> Result<(), String> {
        // What the board would say or wait for first does not stop the host from sending: look past it.
        let next = self
            .steps
            .iter()
            .position(|step| matches!(step, Step::Expect(_) | Step::ExpectUntil(_)));
        let done = match next.map(|at| &self.steps[at]) {
            Some(Step::Expect(expected)) if !expected.starts_with(&self.received) => {
                return Err(format!(
                    "the transcript expects {} and got {}",
                    evidence(expected),
                    evidence(&self.received)
                ));
            }
            Some(Step::Expect(expected)) => *expected == self.received,
            Some(Step::ExpectUntil(end)) => self.received.ends_with(end),
            _ => {
                return Err(format!("the transcript is over and got {}", evidence(&self.received)));
            }
        };
        if let (true, Some(at)) = (done, next) {
            self.steps.remove(at);
            self.received.clear();
        }
        Ok(())
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_only_while_waiting() {
        let (mut board, transcript) =
            Scripted::new(vec![Step::Wait(Duration::from_secs(60)), Step::Say(b"late".to_vec())]);
        let mut buffer = [0; 8];
        let soon = board.now() + Duration::from_secs(1);
        assert_eq!(board.read(&mut buffer, soon), Err(ReadError::timed_out()));
        let later = board.now() + Duration::from_secs(100);
        assert_eq!(board.read(&mut buffer, later), Ok(4));
        assert_eq!(transcript.elapsed(), Duration::from_secs(60));
    }

    #[test]
    fn what_is_not_expected_closes_the_line() {
        let (mut board, transcript) = Scripted::new(vec![Step::Expect(b"abc".to_vec())]);
        assert_eq!(board.write(b"ab"), Ok(()));
        assert!(board.write(b"d").is_err());
        assert!(transcript.problem().is_some_and(|problem| problem.contains("abd")));
    }
}
