//! Which sensors of a file fired.

use super::SensorId;

/// The dynamic half of a measurement: a set of sensors, as bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HitSet {
    count: u32,
    bits: Vec<u8>,
}

impl HitSet {
    /// No hits yet, for a file with `count` sensors.
    #[must_use]
    pub fn new(count: u32) -> Self {
        Self { count, bits: vec![0; count.div_ceil(8) as usize] }
    }

    /// Number of sensors in the file.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Notes a hit. A number outside the file is ignored: readers of frames
    /// and data files check counts before they build a set.
    pub fn insert(&mut self, sensor: SensorId) {
        if sensor.0 < self.count {
            self.bits[(sensor.0 / 8) as usize] |= 1 << (sensor.0 % 8);
        }
    }

    /// Did this sensor fire?
    #[must_use]
    pub fn contains(&self, sensor: SensorId) -> bool {
        sensor.0 < self.count && self.bits[(sensor.0 / 8) as usize] & (1 << (sensor.0 % 8)) != 0
    }

    /// Adds the hits of another run of the same file.
    ///
    /// # Panics
    /// If the two sets are not of one size, so not of one file.
    pub fn merge(&mut self, other: &HitSet) {
        assert_eq!(self.count, other.count, "hits of different files cannot be merged");
        for (mine, theirs) in self.bits.iter_mut().zip(&other.bits) {
            *mine |= theirs;
        }
    }

    /// The sensors that fired, ascending.
    pub fn iter(&self) -> impl Iterator<Item = SensorId> + '_ {
        (0..self.count).map(SensorId).filter(|s| self.contains(*s))
    }

    /// Number of sensors that fired.
    #[must_use]
    pub fn fired(&self) -> u32 {
        self.bits.iter().map(|b| b.count_ones()).sum()
    }

    /// The bits, the lowest sensor in the lowest bit of the first byte.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bits
    }

    /// Hits from bits as [`HitSet::as_bytes`] gives them; `None` when the
    /// length does not fit or a bit beyond `count` is set.
    #[must_use]
    pub fn from_bytes(count: u32, bits: &[u8]) -> Option<Self> {
        let set = Self { count, bits: bits.to_vec() };
        let spare = if count.is_multiple_of(8) { 0 } else { !0u8 << (count % 8) };
        let fits = bits.len() == count.div_ceil(8) as usize
            && bits.last().is_none_or(|last| last & spare == 0);
        fits.then_some(set)
    }
}
