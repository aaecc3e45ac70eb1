//! Sending one file to a board, whole.
//!
//! In: a path there and bytes. Out: a file whose length and checksum the board has confirmed. The bytes go in
//! pieces; each in the shortest spelling that the board can read (deflated, base64, hex, a literal), each
//! written only if it arrived whole, and none twice. It refuses to know whether the file may be written.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::ask::Helper;
use super::board::{Board, Inflate};
use super::digest::Digest;
use super::error::{DeployError, ReplError};
use super::python::{byte_sum, bytes_literal, str_literal};
use super::raw_repl::RawRepl;

const DOING: &str = "sending a file";

/// How often a file is sent again from its start.
const ATTEMPTS: u32 = 4;

/// Pieces are not made smaller than this, spelled out.
const SMALLEST_PIECE: usize = 128;

/// No space left on device.
const ENOSPC: i32 = 28;

/// How a board takes bytes.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    /// The longest piece, spelled out.
    budget: usize,
    /// The longest piece of plain bytes that is deflated, a power of two; `None` if none is.
    deflate: Option<(usize, Inflate)>,
    base64: Option<&'static str>,
    unhexlify: Option<&'static str>,
}

impl Encoder {
    pub(crate) fn for_board(board: &Board) -> Self {
        let free = usize::try_from(board.free_ram).unwrap_or(usize::MAX);
        // The board holds the spelled-out piece up to three times: as a line, as a literal and decoded.
        let budget = (free / 14).clamp(256, 8192);
        let block = match free {
            160_000.. => Some(8192),
            64_000.. => Some(4096),
            32_000.. => Some(2048),
            // Decompressing takes memory of its own.
            _ => None,
        };
        let inflate =
            board.inflate.filter(|how| *how != Inflate::Deflate || board.bytes_io.is_some());
        let deflate = block.zip(inflate).filter(|_| board.base64.is_some());
        Self { budget, deflate, base64: board.base64, unhexlify: board.unhexlify }
    }

    /// Defines on the board what the spellings use.
    fn helpers(&self, board: &Board) -> Vec<Helper> {
        let mut code = String::new();
        if let Some(module) = self.base64 {
            code.push_str(&format!("from {module} import a2b_base64 as _b\n"));
        } else if let Some(module) = self.unhexlify {
            code.push_str(&format!("from {module} import unhexlify as _y\n"));
        }
        match (self.deflate, board.bytes_io) {
            (Some((_, Inflate::Deflate)), Some(io)) => code.push_str(&format!(
                "from deflate import DeflateIO as _D,RAW as _R\nfrom {io} import BytesIO as _B\ndef _u(s,w):return _D(_B(_b(s)),_R,w).read()\n"
            )),
            (Some((_, Inflate::Decompress(module))), _) => code
                .push_str(&format!("from {module} import decompress as _D\ndef _u(s,w):return _D(_b(s),-w)\n")),
            _ => {}
        }
        if code.is_empty() { Vec::new() } else { vec![Helper { name: "decode", code }] }
    }

    /// The next piece of `bytes`: how many bytes it takes, and the expression that gives them on the board.
    fn next_piece(&self, bytes: &[u8]) -> (usize, String) {
        let literal_length = longest_literal(bytes, self.budget);
        let mut best = (literal_length, bytes_literal(&bytes[..literal_length]));
        let mut offer = |count: usize, text: String| {
            // Cost per byte, without division.
            if text.len() * best.0 < best.1.len() * count || best.0 == 0 {
                best = (count, text);
            }
        };
        if self.base64.is_some() {
            let count = (self.budget / 4 * 3).min(bytes.len());
            offer(count, format!("_b(b'{}')", STANDARD.encode(&bytes[..count])));
        } else if self.unhexlify.is_some() {
            let count = (self.budget / 2).min(bytes.len());
            let hex: String = bytes[..count].iter().map(|byte| format!("{byte:02x}")).collect();
            offer(count, format!("_y(b'{hex}')"));
        }
        if let Some((block, _)) = self.deflate {
            // The window that the board keeps need not be larger than the piece.
            let count = block.min(bytes.len());
            let window = count.next_power_of_two().max(512).trailing_zeros();
            let text = format!("_u(b'{}',{window})", STANDARD.encode(deflated(&bytes[..count])));
            if text.len() <= self.budget {
                offer(count, text);
            }
        }
        best
    }
}

/// How many bytes fit a literal of `budget` characters.
fn longest_literal(bytes: &[u8], budget: usize) -> usize {
    let mut count = bytes.len().min(budget);
    loop {
        let length = bytes_literal(&bytes[..count]).len();
        if length <= budget || count <= 1 {
            return count;
        }
        count = (count * budget / length).min(count - 1).max(1);
    }
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// What is needed to send files to one board.
pub(crate) struct Sender<'a> {
    pub(crate) repl: &'a mut RawRepl,
    pub(crate) board: &'a Board,
    pub(crate) encoder: Encoder,
    pub(crate) digest: Digest,
    /// Whether a board that makes no sense of what it gets may be reset: once, and not where files are in memory.
    pub(crate) may_reset: bool,
}

impl<'a> Sender<'a> {
    pub(crate) fn new(repl: &'a mut RawRepl, board: &'a Board) -> Self {
        let (encoder, digest) = (Encoder::for_board(board), Digest::of_board(board));
        Self { repl, board, encoder, digest, may_reset: true }
    }

    /// Writes `bytes` to `path` on the board. `progress` gets the number of bytes that have arrived.
    pub(crate) fn send(
        &mut self,
        path: &str,
        bytes: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<(), DeployError> {
        let sent = self.digest.of(bytes);
        let mut found = String::new();
        for _ in 0..ATTEMPTS {
            match self.send_once(path, bytes, progress) {
                Ok(digest) if digest == sent => return Ok(()),
                Ok(digest) => found = digest,
                Err(ReplError::OutOfMemory { .. }) if self.encoder.budget > SMALLEST_PIECE => {
                    // Memory may be there and in pieces.
                    self.encoder.budget /= 2;
                }
                Err(ReplError::Raised { exception, .. }) if exception.starts_with("NameError") => {
                    // The board was reset behind our back and has forgotten the file that was open.
                    self.repl.forget_helpers();
                    found = exception;
                }
                Err(ReplError::Damaged { .. } | ReplError::OutOfMemory { .. })
                    if self.may_reset =>
                {
                    // It answers, and neither a slower pace nor smaller pieces helped: something is in its memory.
                    self.may_reset = false;
                    self.repl.soft_reset()?;
                    "it was reset".clone_into(&mut found);
                }
                Err(error) => return Err(self.refused(error, path, bytes.len())),
            }
        }
        Err(DeployError::Mismatch { name: path.to_owned(), found, sent, attempts: ATTEMPTS })
    }

    fn refused(&self, error: ReplError, path: &str, size: usize) -> DeployError {
        let name = path.to_owned();
        match error {
            error if error.os_error() == Some(ENOSPC) => {
                DeployError::NoSpace { name, size, free: self.board.free_storage }
            }
            ReplError::Raised { exception, .. } => {
                DeployError::Refused { doing: "write", name, exception }
            }
            other => other.into(),
        }
    }

    /// Sends the file once; what the board says its length and checksum are.
    fn send_once(
        &mut self,
        path: &str,
        bytes: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<String, ReplError> {
        let mut helpers = self.encoder.helpers(self.board);
        helpers.push(self.digest.helper());
        helpers.push(Helper { name: "_w", code: WRITE_PIECE.to_owned() });
        let mut done = 0;
        let mut index = 0;
        loop {
            let (count, expression) = self.encoder.next_piece(&bytes[done..]);
            let piece = &bytes[done..done + count];
            let last = done + count == bytes.len();
            let mut call = format!("{index},lambda:{expression},{count},{}", byte_sum(piece));
            if last || index == 0 {
                call.push_str(if last { ",1" } else { ",0" });
            }
            if index == 0 {
                let (length, sum) = (path.len(), byte_sum(path.as_bytes()));
                call.push_str(&format!(",{},{length},{sum}", str_literal(path)));
            }
            let answer = self.repl.ask_unquoted(
                &helpers,
                &|token| format!("_w('{token}',{call})\n"),
                DOING,
            )?;
            done += count;
            index += 1;
            progress(done);
            match answer.split_once(' ') {
                Some((piece, digest)) if last && piece == (index - 1).to_string() => {
                    return Ok(digest.to_owned());
                }
                Some((piece, so_far))
                    if !last && piece == (index - 1).to_string() && so_far == index.to_string() => {
                }
                // The number was damaged on the way: another piece was meant, perhaps of another file.
                _ => return Ok(format!("piece {answer} instead of {index}")),
            }
        }
    }
}

/// Writes piece `i` on the board and answers for it: with `i` and the number of pieces so far, after the last one
/// with `i` and the digest of the file. A piece is written if it and the path arrived whole, and if it is the one whose turn
/// it is, so a call may be repeated. What goes wrong before that is known is damage, not news.
const WRITE_PIECE: &str = "\
def _w(t,i,d,n,s,l=0,p='',m=0,q=0):
 global _f,_n,_p
 k='?';x='';g=0
 try:
  d=d()
  if len(d)==n and sum(d)==s and(i or m and len(bytes(p,'utf8'))==m and sum(bytes(p,'utf8'))==q):
   g=1
   if i==0:_f=open(p,'wb');_n=0;_p=p
   if _n==i:
    _f.write(d)
    if l:_f.close()
    _n=i+1
   x=str(i)+' '+(_h(_p)if l else str(_n))
   k='='
 except Exception as e:
  if g or isinstance(e,(MemoryError,NameError)):k='!';x=repr(e)
 for _ in'ab':print(t,k,x)
";

#[cfg(test)]
mod tests {
    use super::*;

    fn board(free_ram: u64) -> Board {
        Board {
            free_ram,
            inflate: Some(Inflate::Deflate),
            base64: Some("binascii"),
            bytes_io: Some("io"),
            ..Board::default()
        }
    }

    #[test]
    fn pieces_cover_everything_and_keep_to_the_budget() {
        let bytes: Vec<u8> = (0..20_000_u32).map(|n| (n * n / 7) as u8).collect();
        for encoder in [
            Encoder::for_board(&board(9_000)),
            Encoder::for_board(&board(200_000)),
            Encoder::for_board(&Board::default()),
        ] {
            let mut done = 0;
            while done < bytes.len() {
                let (count, text) = encoder.next_piece(&bytes[done..]);
                assert!(count > 0 && text.len() <= encoder.budget + 16, "{count} {}", text.len());
                done += count;
            }
            assert_eq!(encoder.next_piece(b"").0, 0);
        }
    }

    #[test]
    fn the_shortest_spelling_is_taken() {
        let text = b"def f(x):\n    return x\n".repeat(100);
        assert!(Encoder::for_board(&board(200_000)).next_piece(&text).1.starts_with("_u("));
        assert!(Encoder::for_board(&board(9_000)).next_piece(&text).1.starts_with("b'"));
        let noise: Vec<u8> = (0..=255).map(|n: u8| n.wrapping_mul(167) ^ 0x80).collect();
        assert!(Encoder::for_board(&board(9_000)).next_piece(&noise).1.starts_with("_b("));
        let hex = Board { unhexlify: Some("binascii"), ..Board::default() };
        assert!(Encoder::for_board(&hex).next_piece(&noise).1.starts_with("_y("));
        assert!(Encoder::for_board(&Board::default()).next_piece(&noise).1.starts_with('b'));
    }
}
