//! Newlines as programs print them, from newlines as boards send them.
//!
//! In: bytes in any pieces. Out: the same with each `\r\n` as `\n`, wherever the pieces were cut. It is exact, since
//! a board puts a `\r` before every `\n`.

/// Undoes what a board does to newlines.
#[derive(Debug, Default)]
pub(crate) struct Newlines {
    /// A `\r` that came and may belong to a `\n` to come.
    carriage: bool,
}

impl Newlines {
    /// The next piece; a `\r` at its end is kept until it is clear what it is.
    pub(crate) fn plain(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 1);
        for byte in bytes {
            if std::mem::take(&mut self.carriage) && *byte != b'\n' {
                out.push(b'\r');
            }
            if *byte == b'\r' {
                self.carriage = true;
            } else {
                out.push(*byte);
            }
        }
        out
    }

    /// What was kept, when nothing more will come.
    pub(crate) fn rest(&mut self) -> &'static [u8] {
        if std::mem::take(&mut self.carriage) { b"\r" } else { b"" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newlines_are_plain_wherever_they_are_cut() {
        let sent = b"a\r\nb\r\r\n\r\nc\rd\n\r";
        for size in 1..=sent.len() {
            let mut newlines = Newlines::default();
            let mut out = Vec::new();
            for piece in sent.chunks(size) {
                out.extend(newlines.plain(piece));
            }
            out.extend_from_slice(newlines.rest());
            assert_eq!(out, b"a\nb\r\n\nc\rd\n\r", "pieces of {size}");
        }
    }
}
