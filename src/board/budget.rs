//! Whether files and sensors will fit a board, before anything is sent.
//!
//! In: sizes, and what the board says is free. Out: what will not fit and what may not, in numbers. Space in the
//! file system is counted; memory is an estimate, for nobody knows what the program itself will need.

use crate::device::{Blob, Board};

use super::runtime;

/// File systems give space in blocks.
const BLOCK: u64 = 512;

/// What compiling a `.py` takes, in bytes of memory for a byte of text: the smallest board, with 9.5 kB, imports
/// files of 2.0 kB and fails at 2.5 kB.
const COMPILING: u64 = 4;

/// What the files of a run need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Bytes in the file system.
    pub storage: u64,
    /// Bytes of memory for the tables of the sensors.
    pub tables: u64,
    /// Bytes of memory to compile the largest file, an estimate.
    pub compiling: u64,
}

/// What speaks against a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// The files do not fit the file system: bytes needed, bytes free.
    Storage(u64, u64),
    /// Memory will be short: bytes needed by an estimate, bytes free.
    Memory(u64, u64),
}

/// What files with so many sensors need on a board.
#[must_use]
pub fn needs(board: &Board, blobs: &[Blob], sensors: u64, in_memory: bool) -> Needs {
    let size = |blob: &Blob| blob.bytes.len() as u64;
    let storage = blobs.iter().map(|blob| size(blob).div_ceil(BLOCK) * BLOCK).sum();
    let texts = blobs.iter().filter(|blob| blob.name.ends_with(".py"));
    let largest = texts.map(size).max().unwrap_or(0);
    let word = if runtime::is_small(board) { 1 } else { 4 };
    let held: u64 = if in_memory { blobs.iter().map(size).sum() } else { 0 };
    Needs {
        storage: if in_memory { 0 } else { storage },
        tables: sensors * word + held,
        compiling: largest * COMPILING,
    }
}

impl Needs {
    /// What does not fit, or may not.
    #[must_use]
    pub fn doubts(&self, board: &Board) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        if let Some(free) = board.free_storage.filter(|free| self.storage > *free) {
            doubts.push(Doubt::Storage(self.storage, free));
        }
        let memory = self.tables + self.compiling;
        if board.free_ram > 0 && memory > board.free_ram {
            doubts.push(Doubt::Memory(memory, board.free_ram));
        }
        doubts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_said_in_numbers() {
        let blob = |name: &str, size| Blob { name: name.to_owned(), bytes: vec![0; size] };
        let board = Board { free_ram: 9_000, free_storage: Some(4_096), ..Board::default() };
        let fits = needs(&board, &[blob("a.py", 1_500), blob("b.mpy", 2_000)], 100, false);
        assert_eq!(fits, Needs { storage: 3_584, tables: 100, compiling: 6_000 });
        assert_eq!(fits.doubts(&board), []);
        let not = needs(&board, &[blob("a.py", 3_000), blob("b.py", 2_000)], 100, false);
        assert_eq!(
            not.doubts(&board),
            [Doubt::Storage(5_120, 4_096), Doubt::Memory(12_100, 9_000)]
        );
        let unknown = Board::default();
        assert_eq!(not.doubts(&unknown), []);
    }
}
