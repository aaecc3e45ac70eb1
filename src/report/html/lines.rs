//! What is to be seen at each line of a file: its mark, its coloured text and
//! where in it conditions stand.

use super::super::numbers::is_asked;
use super::super::places::{line_spans, statement_at};
use super::highlight::{Part, parts};
use crate::model::{ConditionVerdict, DecisionVerdict, FileCoverage, Line};

/// The verdict on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// No code that counts.
    None,
    /// It ran.
    Run,
    /// It ran, but not all ways out of it were taken.
    Partial,
    /// It did not run.
    Missed,
    /// It counts for nothing.
    Excluded,
    /// Nothing is known of it.
    NotMeasured,
}

impl Mark {
    /// Class of the line.
    pub(super) fn class(self) -> &'static str {
        match self {
            Mark::None => "",
            Mark::Run => "run",
            Mark::Partial => "par",
            Mark::Missed => "mis",
            Mark::Excluded => "exc",
            Mark::NotMeasured => "unm",
        }
    }
}

/// What was seen of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It was true and it was false.
    Both,
    /// It was never false.
    TrueOnly,
    /// It was never true.
    FalseOnly,
    /// No evaluation of it went to the end.
    Neither,
}

impl Seen {
    /// An outcome that nobody asks for counts as seen.
    pub(super) fn of(decision: &DecisionVerdict, number: usize) -> Self {
        let Some(condition) = decision.conditions.get(number) else { return Seen::Neither };
        let fine = |value, seen| seen || !is_asked(decision, number, value);
        match (fine(true, condition.seen_true), fine(false, condition.seen_false)) {
            (true, true) => Seen::Both,
            (true, false) => Seen::TrueOnly,
            (false, true) => Seen::FalseOnly,
            (false, false) => Seen::Neither,
        }
    }

    /// Class of its text.
    pub(super) fn class(self) -> &'static str {
        match self {
            Seen::Both => "cb",
            Seen::TrueOnly => "ct",
            Seen::FalseOnly => "cf",
            Seen::Neither => "cn",
        }
    }

    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Seen::Both => "was true and was false",
            Seen::TrueOnly => "was never false",
            Seen::FalseOnly => "was never true",
            Seen::Neither => "was never evaluated to the end",
        }
    }
}

/// A stretch of a line in which nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// Class of its colour; empty for none.
    pub(super) color: &'static str,
    /// The innermost condition that it is a part of.
    pub(super) condition: Option<Seen>,
}

/// A line of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) mark: Mark,
    /// It belongs to a statement that starts on a line before.
    pub(super) goes_on: bool,
}

/// The marks of all lines.
pub(super) fn rows(file: &FileCoverage, count: usize) -> Vec<Row> {
    let none = Row { mark: Mark::None, goes_on: false };
    let mut rows = vec![none; count];
    let mut set = |first: Line, last: Line, mark: Mark| {
        for number in first.0..=last.0 {
            if let Some(row) = rows.get_mut(number as usize - 1) {
                let goes_on = number != first.0;
                *row = Row { mark, goes_on };
            }
        }
    };
    for stretch in &file.not_measured {
        set(stretch.line, stretch.end_line, Mark::NotMeasured);
    }
    for line in &file.excluded {
        set(*line, *line, Mark::Excluded);
    }
    let partial: std::collections::BTreeSet<Line> =
        file.branches.iter().filter(|b| b.missing().next().is_some()).map(|b| b.line).collect();
    for (line, hit) in &file.statements {
        let mark = match hit {
            false => Mark::Missed,
            true if partial.contains(line) => Mark::Partial,
            true => Mark::Run,
        };
        set(*line, *file.end_lines.get(line).unwrap_or(line), mark);
    }
    rows
}

/// A source text cut into lines and their pieces.
pub(super) struct Text<'a> {
    text: &'a str,
    /// Offset of the first byte of each line, and where its text ends.
    lines: Vec<(usize, usize)>,
    parts: Vec<Part>,
    conditions: Vec<(usize, usize, Seen)>,
}

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a str, file: &FileCoverage) -> Self {
        let lines = line_spans(text.as_bytes());
        let mut whole = Self { text, lines, parts: parts(text), conditions: Vec::new() };
        let ran = |line: Line| {
            let at = statement_at(file, line);
            at.and_then(|line| file.statements.get(&line)) == Some(&true)
        };
        let decisions = file.decisions.iter();
        let decisions = decisions.filter(|d| d.not_measured.is_none() || d.outcomes_only);
        for decision in decisions.filter(|d| ran(d.line)) {
            for (number, condition) in decision.conditions.iter().enumerate() {
                if let Some((start, end)) = whole.span(condition) {
                    whole.conditions.push((start, end, Seen::of(decision, number)));
                }
            }
        }
        // Outer conditions before inner ones, which then have the last word.
        whole.conditions.sort_by_key(|(start, end, _)| (*start, std::cmp::Reverse(*end)));
        whole
    }

    pub(super) fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// The bytes of a condition, if the text has them.
    fn span(&self, condition: &ConditionVerdict) -> Option<(usize, usize)> {
        let (start, end) = *self.lines.get(condition.line.0.checked_sub(1)? as usize)?;
        let line = self.text.get(start..end)?;
        let (column, _) = line.char_indices().nth(condition.column as usize)?;
        let end = start + column + condition.length as usize;
        self.text.get(start + column..end).map(|_| (start + column, end))
    }

    /// The pieces of a line, from 0.
    pub(super) fn pieces(&self, index: usize) -> Vec<Piece<'a>> {
        let (start, end) = self.lines[index];
        let touches = |from: usize, to: usize| from < end && to > start;
        let first = self.parts.partition_point(|part| part.1 <= start);
        let parts = self.parts[first..].iter().take_while(|part| part.0 < end);
        let parts: Vec<Part> = parts.copied().collect();
        // Conditions are few, but a file may have thousands of lines.
        let last = self.conditions.partition_point(|c| c.0 < end);
        let conditions: Vec<(usize, usize, Seen)> =
            self.conditions[..last].iter().filter(|c| touches(c.0, c.1)).copied().collect();
        let mut cuts: Vec<usize> = vec![start, end];
        cuts.extend(parts.iter().flat_map(|part| [part.0, part.1]));
        cuts.extend(conditions.iter().flat_map(|c| [c.0, c.1]));
        cuts.retain(|cut| (start..=end).contains(cut));
        cuts.sort_unstable();
        cuts.dedup();
        let inside = |from: usize, to: usize, at: usize| from <= at && at < to;
        cuts.windows(2)
            .map(|cut| Piece {
                text: &self.text[cut[0]..cut[1]],
                color: parts
                    .iter()
                    .find(|part| inside(part.0, part.1, cut[0]))
                    .map_or("", |part| part.2.class()),
                condition: conditions.iter().rfind(|c| inside(c.0, c.1, cut[0])).map(|c| c.2),
            })
            .collect()
    }
}
