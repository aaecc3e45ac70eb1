//! Edits of a source text that nest: insertions, and replacements that may
//! quote parts of what they replace, once or several times.

use crate::model::Span;

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

    /// Applies all edits.
    ///
    /// # Panics
    /// If two edits overlap without nesting: then their maker is wrong, and a
    /// sensor could get lost silently.
    pub(super) fn apply(mut self, source: &[u8]) -> Vec<u8> {
        self.edits.sort_by_key(|e| {
            let inserts = e.span.start == e.span.end;
            (e.span.start, !inserts, u32::MAX - e.span.end, e.rank, e.order)
        });
        let mut out = Vec::with_capacity(source.len() * 2);
        render(source, Span::new(0, source.len() as u32), &self.edits, &mut out);
        out
    }
}

fn render(source: &[u8], range: Span, edits: &[Edit], out: &mut Vec<u8>) {
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
        out.extend_from_slice(&source[at as usize..edit.span.start as usize]);
        for piece in &edit.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Source(span) => render_part(source, *span, &tail[..inner], out),
            }
        }
        at = edit.span.end;
        rest = &tail[inner..];
    }
    out.extend_from_slice(&source[at as usize..range.end as usize]);
}

/// Renders a quoted part with those of the edits that lie in it.
fn render_part(source: &[u8], span: Span, edits: &[Edit], out: &mut Vec<u8>) {
    let first = edits.iter().position(|e| e.span.start >= span.start).unwrap_or(edits.len());
    let inside = edits[first..].iter().take_while(|e| e.span.end <= span.end).count();
    render(source, span, &edits[first..first + inside], out);
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
        assert_eq!(edits.apply(source), b"if 1;2;<(a) or b>: c");
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
        assert_eq!(edits.apply(source), b"[b]![b]");
    }

    #[test]
    #[should_panic(expected = "edits overlap")]
    fn overlapping_edits_are_refused() {
        let mut edits = Edits::default();
        edits.replace(Span::new(0, 3), text(&["", ""], Span::new(0, 3)));
        edits.replace(Span::new(2, 5), text(&["", ""], Span::new(2, 5)));
        edits.apply(b"abcdef");
    }
}
