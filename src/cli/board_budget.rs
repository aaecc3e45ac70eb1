//! Whether files fit a board, in words.

use anyhow::bail;

use super::board_files::Files;
use crate::board::budget;
use crate::device::{Board, Layout};

impl Files {
    /// The number of sensors in all files that are placed.
    fn sensors(&self) -> u64 {
        let placed = self.maps.values().filter(|map| !self.left_out.contains(&map.path));
        placed.map(|map| u64::from(map.sensor_count)).sum()
    }

    /// Whether nothing speaks against these files on a board.
    pub(super) fn fit(&self, board: &Board, layout: Layout) -> bool {
        let needs = budget::needs(board, &self.blobs, self.sensors(), layout == Layout::Ram);
        needs.doubts(board).is_empty()
    }

    /// Refuses what cannot fit a board, and says what may not.
    pub(super) fn check_budget(
        &self,
        board: &Board,
        layout: Layout,
    ) -> anyhow::Result<Vec<String>> {
        let needs = budget::needs(board, &self.blobs, self.sensors(), layout == Layout::Ram);
        let mut warnings = Vec::new();
        for doubt in needs.doubts(board) {
            match doubt {
                budget::Doubt::Storage(wanted, free) => bail!(
                    "the files need {wanted} bytes and the board has {free} free\n  help: {}",
                    advice(self.blobs.len())
                ),
                budget::Doubt::Memory(wanted, free) => warnings.push(format!(
                    "memory may be short: some {wanted} bytes are needed to compile and count, {free} are free\n  help: {}",
                    advice(self.blobs.len())
                )),
            }
        }
        Ok(warnings)
    }
}

fn advice(files: usize) -> &'static str {
    if files > 2 {
        "a lower --level, fewer files (--include, --pattern), --mpy, or several passes (--passes auto)"
    } else {
        "a lower --level, or --mpy"
    }
}
