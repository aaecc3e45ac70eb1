//! A line that goes wrong at a byte of the test's choice.
//!
//! In: any transport and a list of faults, each at a position of one direction. Out: the same transport with
//! bytes lost, added or changed, silence, an unplugged cable or a reset board from there on. For tests of
//! everything above a transport; it refuses to know what the bytes mean, as the real nuisances do.

use std::time::{Duration, Instant};

use super::transport::{ReadError, Transport, WriteError};

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the host to the board.
    ToBoard,
    /// From the board to the host.
    FromBoard,
}

/// What goes wrong.
pub enum Damage<T> {
    /// So many bytes vanish.
    Lose(usize),
    /// These bytes appear in front of the byte.
    Insert(Vec<u8>),
    /// The byte is combined with this mask by exclusive or.
    Flip(u8),
    /// The board answers nothing any more; what is sent goes nowhere.
    Silence,
    /// The line closes.
    Unplug,
    /// The board itself is touched: reset, for instance.
    Do(Box<dyn FnMut(&mut T) + Send>),
}

/// One fault: what goes wrong when byte `position` of one direction comes by, counted from 0.
pub struct Fault<T> {
    /// The direction whose bytes are counted.
    pub way: Way,
    /// The byte that meets the fault.
    pub position: u64,
    /// What happens to it.
    pub damage: Damage<T>,
}

/// A transport with faults.
pub struct Faulty<T> {
    inner: T,
    faults: Vec<Fault<T>>,
    /// The most bytes that one read brings.
    longest_read: usize,
    counts: [u64; 2],
    losing: [usize; 2],
    pending: Vec<u8>,
    silent: bool,
    unplugged: bool,
}

impl<T: Transport> Faulty<T> {
    /// `inner` with `faults`.
    #[must_use]
    pub fn new(inner: T, faults: Vec<Fault<T>>) -> Self {
        Self {
            inner,
            faults,
            longest_read: usize::MAX,
            counts: [0; 2],
            losing: [0; 2],
            pending: Vec::new(),
            silent: false,
            unplugged: false,
        }
    }

    /// The same, with reads that bring at most `longest` bytes each.
    #[must_use]
    pub fn with_short_reads(mut self, longest: usize) -> Self {
        self.longest_read = longest.max(1);
        self
    }

    /// How many bytes can pass as they are.
    fn sound(&self, way: Way) -> usize {
        let lane = usize::from(way == Way::FromBoard);
        if self.silent || self.losing[lane] > 0 {
            return 0;
        }
        let ahead = self.faults.iter().filter(|fault| fault.way == way);
        let distance =
            ahead.filter_map(|fault| fault.position.checked_sub(self.counts[lane])).min();
        distance.map_or(usize::MAX, |distance| usize::try_from(distance).unwrap_or(usize::MAX))
    }

    /// Passes `byte` through the faults of one direction; what is left of it goes to `out`.
    fn pass(&mut self, way: Way, byte: u8, out: &mut Vec<u8>) {
        let lane = usize::from(way == Way::FromBoard);
        let position = self.counts[lane];
        self.counts[lane] += 1;
        let mut byte = byte;
        for index in 0..self.faults.len() {
            if self.faults[index].way != way || self.faults[index].position != position {
                continue;
            }
            match &mut self.faults[index].damage {
                Damage::Lose(count) => self.losing[lane] += *count,
                Damage::Insert(bytes) => out.extend_from_slice(bytes),
                Damage::Flip(mask) => byte ^= *mask,
                Damage::Silence => self.silent = true,
                Damage::Unplug => self.unplugged = true,
                Damage::Do(action) => action(&mut self.inner),
            }
        }
        if self.silent || self.unplugged {
            return;
        }
        if self.losing[lane] > 0 {
            self.losing[lane] -= 1;
            return;
        }
        out.push(byte);
    }
}

impl<T: Transport> Transport for Faulty<T> {
    fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, ReadError> {
        loop {
            if !self.pending.is_empty() {
                let count = self.pending.len().min(buffer.len()).min(self.longest_read);
                buffer[..count].copy_from_slice(&self.pending[..count]);
                self.pending.drain(..count);
                return Ok(count);
            }
            if self.unplugged {
                return Err(ReadError::closed("unplugged by the test"));
            }
            if self.silent {
                let wait = deadline.saturating_duration_since(self.inner.now());
                self.inner.pause(wait);
                return Err(ReadError::timed_out());
            }
            let mut fresh = [0; 256];
            let count = self.inner.read(&mut fresh, deadline)?;
            let mut passed = Vec::new();
            for byte in &fresh[..count] {
                self.pass(Way::FromBoard, *byte, &mut passed);
            }
            self.pending = passed;
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let mut rest = bytes;
        while let Some((byte, later)) = rest.split_first() {
            if self.unplugged {
                return Err(WriteError::closed("unplugged by the test"));
            }
            // What comes before a fault goes first: a fault that touches the board must find it in the state
            // that these bytes leave it in.
            let (sound, faulty) = rest.split_at(self.sound(Way::ToBoard).min(rest.len()));
            if sound.is_empty() {
                let mut passed = Vec::new();
                self.pass(Way::ToBoard, *byte, &mut passed);
                self.inner.write(&passed)?;
                rest = later;
            } else {
                self.counts[0] += sound.len() as u64;
                self.inner.write(sound)?;
                rest = faulty;
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        self.inner.close();
    }

    fn description(&self) -> &str {
        self.inner.description()
    }

    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn pause(&mut self, time: Duration) {
        self.inner.pause(time);
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, Step};
    use super::*;

    fn heard(damage: Damage<Scripted>) -> (Vec<u8>, Option<ReadError>) {
        let (board, _) = Scripted::new(vec![Step::Say(b"abcdef".to_vec())]);
        let mut line = Faulty::new(board, vec![Fault { way: Way::FromBoard, position: 2, damage }])
            .with_short_reads(2);
        let mut all = Vec::new();
        let mut buffer = [0; 16];
        loop {
            let deadline = line.now() + Duration::from_secs(1);
            match line.read(&mut buffer, deadline) {
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) => return (all, Some(error)),
            }
        }
    }

    #[test]
    fn each_damage_does_what_it_says() {
        assert_eq!(heard(Damage::Lose(2)).0, b"abef");
        assert_eq!(heard(Damage::Insert(b"--".to_vec())).0, b"ab--cdef");
        assert_eq!(heard(Damage::Flip(1)).0, b"abbdef");
        assert_eq!(heard(Damage::Silence), (b"ab".to_vec(), Some(ReadError::timed_out())));
        assert_eq!(
            heard(Damage::Unplug),
            (b"ab".to_vec(), Some(ReadError::closed("unplugged by the test")))
        );
    }
}
