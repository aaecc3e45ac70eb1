//! Questions about lines and ways that several formats ask.

use crate::model::{ArcEnd, BranchLine, Exit, FileCoverage, Line, NotMeasured, Scope};

/// The ways out of a line as readers expect them: on to the body, past it,
/// back to a loop, out of the function.
#[must_use]
pub fn exits_in_order(branch: &BranchLine) -> Vec<Exit> {
    let mut exits = branch.exits.clone();
    exits.sort_by_key(|exit| match exit.to {
        ArcEnd::Line(line) => (u8::from(line <= branch.line), line),
        ArcEnd::Exit(line) => (2, line),
    });
    exits
}

/// Covered and all ways out of a line. What a pragma allows to be missing is
/// covered, in every format alike.
#[must_use]
pub fn exit_counts(branch: &BranchLine) -> (u64, u64) {
    let total = branch.exits.len() as u64;
    (total - branch.missing().count() as u64, total)
}

/// First line of the statement that this line is a part of, if it is one that counts.
#[must_use]
pub fn statement_at(file: &FileCoverage, line: Line) -> Option<Line> {
    let (first, _) = file.statements.range(..=line).next_back()?;
    let last = file.end_lines.get(first).unwrap_or(first);
    (line <= *last).then_some(*first)
}

/// Is this a function of which anything was measured? One without statements,
/// being excluded or blind to sensors, is neither covered nor missed.
#[must_use]
pub fn is_counted(file: &FileCoverage, scope: &Scope) -> bool {
    let (first, last) = (scope.body_line, scope.end_line);
    let blind = |n: &NotMeasured| n.line <= first && last <= n.end_line;
    !file.not_measured.iter().any(blind) && file.statements.range(first..=last).next().is_some()
}

/// A text on one line: white space of any kind is one space, and other
/// characters that control something are gone.
#[must_use]
pub fn one_line(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.chars().filter(|c| !c.is_control()).collect())
        .collect();
    words.join(" ")
}

/// Where each line of a source text starts and where its text ends, as Python
/// counts lines.
#[must_use]
pub fn line_spans(text: &[u8]) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let end = rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
        let length = end.unwrap_or(rest.len());
        spans.push((start, start + length));
        let newline = if rest[length..].starts_with(b"\r\n") { 2 } else { 1 };
        start += length + newline;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_on_comes_first_and_the_exit_last() {
        let exit = |to| Exit { to, taken: true };
        let branch = BranchLine {
            line: Line(10),
            exits: vec![
                exit(ArcEnd::Line(Line(7))),
                exit(ArcEnd::Exit(Line(3))),
                exit(ArcEnd::Line(Line(11))),
            ],
            partial_allowed: false,
        };
        let order: Vec<String> = exits_in_order(&branch).iter().map(|e| e.to.to_string()).collect();
        assert_eq!(order, ["11", "7", "exit"]);
    }

    #[test]
    fn lines_end_as_python_ends_them() {
        let text = "a\r\nbc\rd\n\ne";
        let spans = line_spans(text.as_bytes());
        let lines: Vec<&str> = spans.into_iter().map(|(a, b)| &text[a..b]).collect();
        assert_eq!(lines, ["a", "bc", "d", "", "e"]);
        assert!(line_spans(b"").is_empty());
    }

    #[test]
    fn texts_of_several_lines_become_one() {
        assert_eq!(one_line("a and (\n\tb\u{1b}[0m\r\n)"), "a and ( b[0m )");
    }
}
