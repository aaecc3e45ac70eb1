//! What each board exercised, and what only one of them did.
//!
//! The board is what stands before the first `|` in the name of a context; runs
//! on the computer that were given no name are `unix`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::in_short;
use crate::model::{Coverage, Line};

/// The lines of each file.
type Lines<'a> = BTreeMap<&'a str, Vec<Line>>;

/// The board of a context.
#[must_use]
pub fn board_of(context: &str) -> &str {
    match context.split('|').next().unwrap_or(context) {
        "" => "unix",
        board => board,
    }
}

/// Writes a row for each board, then the statements that only one of several
/// boards ran.
///
/// # Errors
/// When writing fails.
pub fn write(coverage: &Coverage, out: &mut dyn Write) -> io::Result<()> {
    let boards: BTreeSet<&str> = coverage.contexts.iter().map(|name| board_of(name)).collect();
    let mut ran: BTreeMap<&str, usize> = BTreeMap::new();
    let mut alone: BTreeMap<&str, Lines<'_>> = BTreeMap::new();
    let (mut statements, mut any) = (0, 0);
    for file in &coverage.files {
        statements += file.statements.len();
        for (line, contexts) in &file.line_contexts {
            if !file.statements.contains_key(line) {
                continue;
            }
            let by: BTreeSet<&str> = contexts
                .iter()
                .filter_map(|index| coverage.contexts.get(*index))
                .map(|name| board_of(name))
                .collect();
            any += usize::from(!by.is_empty());
            for board in &by {
                *ran.entry(board).or_default() += 1;
            }
            if let (1, Some(board)) = (by.len(), by.first()) {
                alone.entry(board).or_default().entry(&file.path).or_default().push(*line);
            }
        }
    }
    let width = boards.iter().map(|board| board.chars().count()).max().unwrap_or(0).max(5);
    writeln!(out, "{:<width$}   Stmts    Ran   Only here", "Board")?;
    let rule = "-".repeat(width + 27);
    writeln!(out, "{rule}")?;
    let count = |lines: &Lines<'_>| lines.values().map(Vec::len).sum::<usize>();
    for board in &boards {
        let only = alone.get(board).map_or(0, count);
        let ran = ran.get(board).copied().unwrap_or(0);
        writeln!(out, "{board:<width$}{statements:>8}{ran:>7}{only:>12}")?;
    }
    writeln!(out, "{rule}")?;
    writeln!(out, "{:<width$}{statements:>8}{any:>7}", "any")?;
    for (board, lines) in alone.iter().filter(|_| boards.len() > 1) {
        writeln!(out, "\nOnly on {board}:")?;
        for (path, lines) in lines {
            writeln!(out, "  {path}: {}", ranges(lines))?;
        }
    }
    Ok(())
}

/// Lines as in `3-5, 9`.
fn ranges(lines: &[Line]) -> String {
    let numbers: Vec<usize> = lines.iter().map(|line| line.0 as usize).collect();
    in_short(&numbers, ", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_and_lines_have_short_names() {
        assert_eq!((board_of("pico|a|b"), board_of(""), board_of("x")), ("pico", "unix", "x"));
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10].map(Line)), "1-3, 7, 9-10");
    }
}
