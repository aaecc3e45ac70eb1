//! Edits of a source text that nest: insertions, and replacements that may
//! quote parts of what they replace, once or several times.

use crate::model::Span;
use crate::parse::lines;

/// A part of a replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// New text.
    Text(String),
    /// The original text of this span, with the edits inside it applied.
    Source(Span),
}

/// One edit.
#[derive(Clone, Debug)]
struct Edit {
    span: Span,
    /// Insertions at one offset stand in the order of their ranks.
    rank: u32,
    order: usize,
    pieces: Vec<Piece>,
}

/// Edits that are nested or disjoint.
#[derive(Debug, Default)]
pub(super) struct Edits {
    edits: Vec<Edit>,
}

impl Edits {
    /// Inserts text at an offset; lower ranks first, then in order of the calls.
    pub(super) fn insert(&mut self, at: u32, rank: u32, text: String) {
        let order = self.edits.len();
        let pieces = vec![Piece::Text(text)];
        self.edits.push(Edit { span: Span::new(at, at), rank, order, pieces });
    }

    /// Replaces a span. Of two replacements of one span the first is the outer.
    pub(super) fn replace(&mut self, span: Span, pieces: Vec<Piece>) {
        let order = self.edits.len();
        self.edits.push(Edit { span, rank: 1, order, pieces });
    }

    /// Replaces a span around what else is replaced there already, but inside
    /// earlier replacements of this kind.
    pub(super) fn replace_outside(&mut self, span: Span, pieces: Vec<Piece>) {
        let order = self.edits.len();
        self.edits.push(Edit { span, rank: 0, order, pieces });
    }

    /// Applies all edits. A replaced span keeps its number of lines: breaks that its parts do not have are
    /// written between them, as `newline`.
    ///
    /// # Panics
    /// If two edits overlap without nesting: then their maker is wrong, and a
    /// sensor could get lost silently.
    pub(super) fn apply(mut self, source: &[u8], newline: &str) -> Applied {
        self.edits.sort_by_key(|e| {
            let inserts = e.span.start == e.span.end;
            (e.span.start, !inserts, u32::MAX - e.span.end, e.rank, e.order)
        });
        let text = Vec::with_capacity(source.len() * 2);
        let mut out = Applied { text, surplus: Vec::new() };
        let render = Render { source, newline };
        render.range(Span::new(0, source.len() as u32), &self.edits, &mut out, true);
        out
    }
}

/// A text with its edits.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) text: Vec<u8>,
    /// Ends of the spans that now have more lines, since a part with a break is quoted twice, and how many more.
    pub(super) surplus: Vec<(u32, u32)>,
}

struct Render<'a> {
    source: &'a [u8],
    newline: &'a str,
}

impl Render<'_> {
    fn range(&self, range: Span, edits: &[Edit], out: &mut Applied, outermost: bool) {
        let mut at = range.start;
        let mut rest = edits;
        while let Some((edit, tail)) = rest.split_first() {
            assert!(
                edit.span.start >= at && edit.span.end <= range.end,
                "edits overlap at {:?}: they must nest or be disjoint",
                edit.span
            );
            let inner = tail.iter().take_while(|e| e.span.start < edit.span.end).count();
            let quoted = |inner: &Edit| {
                edit.pieces.iter().any(|p| matches!(p, Piece::Source(s) if s.contains(inner.span)))
            };
            assert!(
                tail[..inner].iter().all(quoted),
                "edits overlap at {:?}: what is inside must be quoted",
                edit.span
            );
            out.text.extend_from_slice(&self.source[at as usize..edit.span.start as usize]);
            match self.breaks(edit.span) {
                0 => self.pieces(&edit.pieces, &tail[..inner], out),
                wanted => {
                    let start = out.text.len();
                    self.lines(edit, wanted, &tail[..inner], out);
                    let surplus = breaks(&out.text[start..]).saturating_sub(wanted);
                    if outermost && surplus > 0 {
                        out.surplus.push((edit.span.end, surplus));
                    }
                }
            }
            at = edit.span.end;
            rest = &tail[inner..];
        }
        out.text.extend_from_slice(&self.source[at as usize..range.end as usize]);
    }

    fn pieces(&self, pieces: &[Piece], inner: &[Edit], out: &mut Applied) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.text.extend_from_slice(text.as_bytes()),
                Piece::Source(span) => self.part(*span, inner, out),
            }
        }
    }

    /// Renders a replacement of several lines. Each part goes as near to its own line as the order of the parts
    /// allows, but not below those of the parts behind it. All breaks are within the brackets of the replacement.
    fn lines(&self, edit: &Edit, wanted: u32, inner: &[Edit], out: &mut Applied) {
        let line = |piece: &Piece| match piece {
            Piece::Source(part) => Some(self.breaks(Span::new(edit.span.start, part.start))),
            Piece::Text(_) => None,
        };
        let own = |piece: &Piece| match piece {
            Piece::Source(part) => self.breaks(*part),
            Piece::Text(_) => 0,
        };
        let mut spare = wanted.saturating_sub(edit.pieces.iter().map(own).sum());
        let mut reached = 0;
        for (index, piece) in edit.pieces.iter().enumerate() {
            let pad = if index + 1 == edit.pieces.len() {
                spare
            } else if index > 0 && line(piece).is_some() {
                let nearest = edit.pieces[index..].iter().filter_map(line).min();
                nearest.map_or(0, |line| line.saturating_sub(reached)).min(spare)
            } else {
                0
            };
            for _ in 0..pad {
                out.text.extend_from_slice(self.newline.as_bytes());
            }
            spare -= pad;
            reached += pad + own(piece);
            self.pieces(std::slice::from_ref(piece), inner, out);
        }
    }

    fn breaks(&self, span: Span) -> u32 {
        breaks(&self.source[span.start as usize..span.end as usize])
    }

    /// Renders a quoted part with those of the edits that lie in it.
    fn part(&self, span: Span, edits: &[Edit], out: &mut Applied) {
        let first = edits.iter().position(|e| e.span.start >= span.start).unwrap_or(edits.len());
        let inside = edits[first..].iter().take_while(|e| e.span.end <= span.end).count();
        self.range(span, &edits[first..first + inside], out, false);
    }
}

/// How many lines end in this text.
fn breaks(text: &[u8]) -> u32 {
    lines::breaks(text).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pieces: &[&str], span: Span) -> Vec<Piece> {
        let [before, after] = pieces else { panic!("two texts") };
        vec![
            Piece::Text((*before).to_owned()),
            Piece::Source(span),
            Piece::Text((*after).to_owned()),
        ]
    }

    #[test]
    fn replacements_nest_and_insertions_stand_outside() {
        let source = b"if a or b: c";
        let mut edits = Edits::default();
        edits.replace(Span::new(3, 9), text(&["<", ">"], Span::new(3, 9)));
        edits.replace(Span::new(3, 4), text(&["(", ")"], Span::new(3, 4)));
        edits.insert(3, 1, "2;".to_owned());
        edits.insert(3, 0, "1;".to_owned());
        assert_eq!(edits.apply(source, "\n").text, b"if 1;2;<(a) or b>: c");
    }

    #[test]
    fn a_part_may_be_quoted_twice_with_its_edits() {
        let source = b"a + b";
        let mut edits = Edits::default();
        let b = Span::new(4, 5);
        edits.replace(
            Span::new(0, 5),
            vec![Piece::Source(b), Piece::Text("!".to_owned()), Piece::Source(b)],
        );
        edits.replace(b, text(&["[", "]"], b));
        assert_eq!(edits.apply(source, "\n").text, b"[b]![b]");
    }

    #[test]
    fn lines_stay_and_what_is_too_much_is_told() {
        let source = b"x(a\n and b\n or c\n.d)y";
        let part = |text: &str| {
            let start =
                source.windows(text.len()).position(|w| w == text.as_bytes()).expect("is there");
            Piece::Source(Span::new(start as u32, (start + text.len()) as u32))
        };
        let gap = || Piece::Text("|".to_owned());
        let woven = |parts: &[&str]| {
            let mut edits = Edits::default();
            let inner = parts.iter().flat_map(|text| [gap(), part(text)]).chain([gap()]);
            edits.replace(Span::new(2, 19), inner.collect());
            let out = edits.apply(source, "\n");
            (String::from_utf8(out.text).expect("text"), out.surplus)
        };
        assert_eq!(woven(&["a", "b", "c\n.d"]), ("x(|a|\nb|\nc\n.d|)y".to_owned(), vec![]));
        assert_eq!(woven(&["b", "a"]), ("x(|b|a\n\n\n|)y".to_owned(), vec![]));
        assert_eq!(woven(&["b", "a", "c\n.d"]), ("x(|b|a|\n\nc\n.d|)y".to_owned(), vec![]));
        let twice = woven(&["c\n.d", "a", "c\n.d"]);
        assert_eq!(twice, ("x(|c\n.d|a|\nc\n.d|)y".to_owned(), vec![]));
        let often = woven(&["c\n.d", "c\n.d", "c\n.d", "c\n.d"]);
        assert_eq!(often.1, vec![(19, 1)]);
    }

    #[test]
    #[should_panic(expected = "edits overlap")]
    fn overlapping_edits_are_refused() {
        let mut edits = Edits::default();
        edits.replace(Span::new(0, 3), text(&["", ""], Span::new(0, 3)));
        edits.replace(Span::new(2, 5), text(&["", ""], Span::new(2, 5)));
        edits.apply(b"abcdef", "\n");
    }
}
