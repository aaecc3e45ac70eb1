//! Length and checksum of a file, made alike on the board and here.
//!
//! In: bytes here, or a path there. Out: the same short text for the same bytes. SHA-256 where a board has it,
//! else CRC-32, else a sum that the smallest board can make without large numbers. It refuses to know why two
//! digests are compared.

use sha2::{Digest as _, Sha256};

use super::ask::Helper;
use super::board::Board;

/// How digests are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256 from this module; the first 128 bits.
    Sha256(&'static str),
    /// CRC-32 from this module.
    Crc32(&'static str),
    /// A polynomial in 251 modulo 2^22: every step stays below 2^30, where small integers end. Text that
    /// differs in two neighbouring characters cannot collide, since 251 is more than their difference.
    Polynomial,
}

impl Digest {
    /// The best kind that `board` has.
    #[must_use]
    pub fn of_board(board: &Board) -> Self {
        match (board.sha256, board.crc32) {
            (Some(module), _) => Self::Sha256(module),
            (None, Some(module)) => Self::Crc32(module),
            (None, None) => Self::Polynomial,
        }
    }

    /// Length and checksum of `bytes`: what `_h(path)` gives on the board for a file with these bytes.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> String {
        let length = bytes.len();
        match self {
            Self::Sha256(_) => {
                let hash = Sha256::digest(bytes);
                let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
                format!("{length}:{hex}")
            }
            Self::Crc32(_) => format!("{length}:{:x}", crc32fast::hash(bytes)),
            Self::Polynomial => {
                let sum = bytes
                    .iter()
                    .fold(0u32, |sum, byte| (sum * 251 + u32::from(*byte)) & 0x003f_ffff);
                format!("{length}:{sum:x}")
            }
        }
    }

    /// Defines `_h(path)` on the board.
    pub(crate) fn helper(self) -> Helper {
        let (start, step, end) = match self {
            Self::Sha256(module) => (
                format!("import {module} as _H\n"),
                " s.update(b)",
                "''.join(['%02x'%c for c in s.digest()[:16]])",
            ),
            Self::Crc32(module) => {
                (format!("import {module} as _H\n"), " s=_H.crc32(b,s)", "'%x'%(s&0xffffffff)")
            }
            Self::Polynomial => (String::new(), " for c in b:s=(s*251+c)&4194303", "'%x'%s"),
        };
        let first = if matches!(self, Self::Sha256(_)) { "_H.sha256()" } else { "0" };
        let block = if self == Self::Polynomial { 32 } else { 512 };
        Helper {
            name: "_h",
            code: format!(
                "{start}def _h(p):\n f=open(p,'rb');n=0;s={first}\n while 1:\n  b=f.read({block})\n  if not b:break\n  n+=len(b)\n {step}\n f.close()\n return str(n)+':'+{end}\n"
            ),
        }
    }
}

/// The length in a digest.
pub(crate) fn length_in(digest: &str) -> Option<u64> {
    digest.split_once(':')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(Digest::Sha256("hashlib").of(b"abc"), "3:ba7816bf8f01cfea414140de5dae2223");
        assert_eq!(Digest::Crc32("binascii").of(b"123456789"), "9:cbf43926");
        assert_eq!(Digest::Polynomial.of(b"ab"), format!("2:{:x}", 97 * 251 + 98));
        assert_eq!(length_in("12:ab"), Some(12));
    }

    #[test]
    fn neighbours_that_change_places_or_values_are_noticed() {
        let kind = Digest::Polynomial;
        for (a, b) in [("x = 12", "x = 21"), ("bA", "c "), ("aa", "b@")] {
            assert_ne!(kind.of(a.as_bytes()), kind.of(b.as_bytes()), "{a} {b}");
        }
    }

    #[test]
    fn helpers_are_small() {
        for kind in [Digest::Sha256("hashlib"), Digest::Crc32("binascii"), Digest::Polynomial] {
            assert!(kind.helper().code.len() < 260, "{}", kind.helper().code);
        }
    }
}
