//! The runtime as a board gets it: without comments, and on the smallest boards in two parts.
//!
//! In: what board it is. Out: files for it. A heap of 9 kB has no room for what is needed only in the end.

use crate::device::{Blob, Board};
use crate::embedded::{NAME, RUNTIME, TESTS, TRACER};

const GUARD: &str = include_str!("../../runtime/_mpycov_guard.py");

/// With less free memory than this, in bytes, a board gets the runtime in two parts.
const SMALL: u64 = 32_000;

/// What the first part offers for the functions of the second, which is loaded when one of them is called.
const LATER: &str = "\
def dump():
 import _mpycov_end as e;e.dump()
def save(p):
 import _mpycov_end as e;e.save(p)
def reset():
 import _mpycov_end as e;e.reset()
";

/// What the runtime ends with where lines are traced.
const TRACED: &str = "from _mpycov_trace_end import frames, reset\n";

/// Whether a board is so small that everything that can wait has to.
#[must_use]
pub fn is_small(board: &Board) -> bool {
    board.free_ram > 0 && board.free_ram < SMALL
}

/// Whether the firmware lets a program's resets be watched: modules can be replaced.
#[must_use]
pub fn can_guard(board: &Board) -> bool {
    board.sys_modules && !is_small(board)
}

/// The files of the runtime. On a small board what prints and saves hits is left out unless it is `asked_for`: the
/// host needs it not.
#[must_use]
pub fn files(board: &Board, asked_for: bool) -> Vec<Blob> {
    let blob = |name: &str, text: String| Blob { name: name.to_owned(), bytes: text.into_bytes() };
    let [core, middle, rest] = parts();
    let rest = format!("{middle}{rest}");
    let mut blobs = if is_small(board) {
        let first = format!("{}{LATER}", shortened(core));
        let second = format!("from _mpycov import _files\n{}", shortened(&rest));
        let mut both = vec![blob(NAME, first), blob("_mpycov_end.py", second)];
        both.truncate(if asked_for { 2 } else { 1 });
        both
    } else {
        vec![blob(NAME, shortened(&format!("{core}{rest}")))]
    };
    if can_guard(board) {
        blobs.push(blob("_mpycov_guard.py", shortened(GUARD)));
    }
    blobs
}

/// The file that tells tests apart.
#[must_use]
pub fn tests() -> Blob {
    Blob { name: "_mpycov_tests.py".to_owned(), bytes: shortened(TESTS).into_bytes() }
}

/// The tracer in its parts, the table that tells it what to trace, and the runtime that goes with it.
#[must_use]
pub fn tracer(table: Vec<u8>) -> Vec<Blob> {
    let part = |(name, text): (&str, &str)| Blob {
        name: name.to_owned(),
        bytes: shortened(text).into_bytes(),
    };
    let mut blobs: Vec<Blob> = TRACER.into_iter().map(part).collect();
    blobs.push(Blob { name: "_mpycov_trace.txt".to_owned(), bytes: table });
    let runtime = format!("{}{TRACED}", shortened(parts()[1]));
    blobs.push(Blob { name: NAME.to_owned(), bytes: runtime.into_bytes() });
    blobs
}

/// What is needed from the start, what is needed in the end, and what only sensors need then. What only the unix
/// port needs is left out.
fn parts() -> [&'static str; 3] {
    let end = RUNTIME.find("\n# On the unix port").map_or(RUNTIME.len(), |at| at + 1);
    let mut parts = RUNTIME[..end].splitn(3, "\n# ------").map(|part| part.trim_start_matches('-'));
    [(); 3].map(|()| parts.next().unwrap_or_default())
}

/// The same program without comments, blank lines and wide indentation. The runtime has no `#` in strings at the
/// start of a line and no literals of several lines, or this would be wrong.
fn shortened(text: &str) -> String {
    let mut out = String::with_capacity(text.len() / 2);
    for line in text.lines() {
        let code = line.trim_start();
        if code.is_empty() || code.starts_with('#') {
            continue;
        }
        let depth = (line.len() - code.len()) / 4;
        out.extend(std::iter::repeat_n(' ', depth));
        out.push_str(code);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_board_gets_two_small_files_and_a_large_one_all_at_once() {
        let small = Board { free_ram: 9_500, ..Board::default() };
        let files_of = |board: &Board| {
            let files = files(board, true);
            files
                .into_iter()
                .map(|f| (f.name, String::from_utf8(f.bytes).expect("text")))
                .collect::<Vec<_>>()
        };
        let files = files_of(&small);
        assert_eq!(files.len(), 2);
        // The smallest board compiles no file of more than about 2 kB.
        assert!(files.iter().all(|(_, text)| text.len() < 1_700), "{files:?}");
        assert!(files[0].1.contains("def b(") && !files[0].1.contains("def frames("));
        assert!(files[1].1.contains("def frames(") && !files[1].1.contains("getenv"));
        let large = Board { free_ram: 100_000, sys_modules: true, ..Board::default() };
        let files = files_of(&large);
        assert_eq!(
            files.iter().map(|(name, _)| &name[..]).collect::<Vec<_>>(),
            ["_mpycov.py", "_mpycov_guard.py"]
        );
        assert!(files[0].1.contains("def save(") && files[0].1.contains("def b("));
        assert!(!files[0].1.contains('\t') && !files[0].1.contains("\n#"));
    }
}
