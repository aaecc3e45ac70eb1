//! Fences in a text.

use std::collections::BTreeMap;

use crate::model::Line;
use crate::parse::Parsed;
use crate::plan::outline::{Outline, Tail};

/// A text to trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fenced {
    /// The text.
    pub(super) text: Vec<u8>,
    /// Lines of this text that the source does not have, ascending.
    pub(super) added_lines: Vec<Line>,
    /// The lines of this text that fences are on, and what each stands for.
    pub(super) fences: BTreeMap<Line, Tail>,
    /// Number of lines.
    pub(super) lines: u32,
    /// Are the fences in it, so that lines are nobody else's?
    pub(super) is_fenced: bool,
}

impl Fenced {
    /// The source line that a line of this text stands for.
    pub(super) fn source_line(&self, line: Line) -> Line {
        let before = self.added_lines.iter().filter(|added| **added <= line).count() as u32;
        Line((line.0 - before).max(1))
    }
}

/// A source as it is.
pub(super) fn plain(parsed: &Parsed) -> Fenced {
    let lines = parsed.lines().count();
    Fenced { text: parsed.text().to_vec(), lines, ..Fenced::default() }
}

/// A source with its fences.
pub(super) fn fenced(parsed: &Parsed, outline: &Outline) -> Fenced {
    let source = parsed.text();
    let newline: &[u8] = if source.windows(2).any(|w| w == b"\r\n") { b"\r\n" } else { b"\n" };
    // The innermost first where several end on one line: a suite has a greater number
    // than the one that it is in.
    let mut wanted: Vec<_> = outline.suites.iter().rev().flat_map(|s| &s.fences).collect();
    wanted.sort_by_key(|fence| fence.below);
    // What stands on each free line, and what is added below each line.
    let mut on: BTreeMap<Line, (Vec<u8>, Tail)> = BTreeMap::new();
    let mut below: BTreeMap<Line, Vec<(Vec<u8>, Tail)>> = BTreeMap::new();
    let mut next = Line(0);
    for (index, fence) in wanted.iter().enumerate() {
        let mut indent = source[fence.indent.start as usize..fence.indent.end as usize].to_vec();
        if indent.starts_with(b"\xEF\xBB\xBF") {
            indent.drain(..3);
        }
        let text = [&indent[..], fence.text.as_bytes()].concat();
        next = next.max(Line(fence.below.0 + 1));
        let others = wanted[index + 1..].iter().filter(|other| other.below == fence.below).count();
        // Only if all that end here find room, for the lines have to ascend.
        let room = (next.0..).map(Line).take_while(|line| is_usable(parsed, *line)).count();
        if room > others && !below.contains_key(&fence.below) {
            on.insert(next, (text, fence.tail));
            next = Line(next.0 + 1);
        } else {
            below.entry(fence.below).or_default().push((text, fence.tail));
        }
    }
    let stand_ins = outline.suites.iter().filter_map(|s| Some((s.stand_in?, ";()")));
    let tests = outline.tests.iter().flat_map(|t| [(t.start, "''<''or("), (t.end, ")")]);
    let mut insertions: Vec<(u32, &str)> = stand_ins.chain(tests).collect();
    insertions.sort_unstable();
    let mut out = Fenced { is_fenced: true, ..Fenced::default() };
    let count = parsed.lines().count();
    for number in 1..=count {
        let line = Line(number);
        let start = parsed.lines().start(line);
        let end = if number == count {
            source.len() as u32
        } else {
            parsed.lines().start(Line(number + 1))
        };
        out.lines += 1;
        if let Some((text, tail)) = on.get(&line) {
            out.fences.insert(Line(out.lines), *tail);
            out.text.extend_from_slice(text);
            let rest = parsed.lines().text(line, source).trim_ascii_start();
            if !rest.is_empty() {
                out.text.extend_from_slice(b" ");
                out.text.extend_from_slice(rest);
            }
            let length = parsed.lines().text(line, source).len() as u32;
            out.text.extend_from_slice(&source[(start + length) as usize..end as usize]);
        } else {
            let mut at = start;
            let mine = insertions.iter().filter(|(place, _)| (start + 1..=end).contains(place));
            for (place, text) in mine {
                out.text.extend_from_slice(&source[at as usize..*place as usize]);
                out.text.extend_from_slice(text.as_bytes());
                at = *place;
            }
            out.text.extend_from_slice(&source[at as usize..end as usize]);
        }
        for (text, tail) in below.get(&line).into_iter().flatten() {
            if !out.text.ends_with(b"\n") && !out.text.ends_with(b"\r") {
                out.text.extend_from_slice(newline);
            }
            out.lines += 1;
            out.added_lines.push(Line(out.lines));
            out.fences.insert(Line(out.lines), *tail);
            out.text.extend_from_slice(text);
            out.text.extend_from_slice(newline);
        }
    }
    out
}

/// May a statement stand on this line: is it blank or a comment, and neither
/// among the first two, where cookies are, nor the last?
fn is_usable(parsed: &Parsed, line: Line) -> bool {
    let text = parsed.lines().text(line, parsed.text());
    let body = text.trim_ascii_start();
    line.0 > 2
        && line.0 < parsed.lines().count()
        && parsed.logical().is_free(line)
        && (body.is_empty() || body[0] == b'#')
        && text[..text.len() - body.len()].iter().all(|b| matches!(b, b' ' | b'\t'))
}
