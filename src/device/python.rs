//! Python text as a board reads it: literals out, `repr` of bytes in.
//!
//! In: bytes and strings. Out: the shortest literal that every firmware since 1.9 takes, in plain ASCII without
//! control characters, because a raw prompt gives those a meaning. It refuses to know any statement.

/// `bytes` as a literal: `b'…'`.
#[must_use]
pub fn bytes_literal(bytes: &[u8]) -> String {
    let singles = bytes.iter().filter(|byte| **byte == b'\'').count();
    let doubles = bytes.iter().filter(|byte| **byte == b'"').count();
    let quote = if singles > doubles { b'"' } else { b'\'' };
    let mut out = String::with_capacity(bytes.len() + bytes.len() / 8 + 3);
    out.push('b');
    out.push(char::from(quote));
    for (at, byte) in bytes.iter().enumerate() {
        push_escaped(&mut out, *byte, quote, bytes.get(at + 1).copied());
    }
    out.push(char::from(quote));
    out
}

/// `text` as an expression: a literal, or a conversion where the text is not ASCII, since old firmware takes
/// no `\u`.
#[must_use]
pub fn str_literal(text: &str) -> String {
    if text.is_ascii() {
        bytes_literal(text.as_bytes()).split_off(1)
    } else {
        format!("str({},'utf8')", bytes_literal(text.as_bytes()))
    }
}

fn push_escaped(out: &mut String, byte: u8, quote: u8, next: Option<u8>) {
    match byte {
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        b'\t' => out.push_str("\\t"),
        b'\\' => out.push_str("\\\\"),
        _ if byte == quote => {
            out.push('\\');
            out.push(char::from(byte));
        }
        b' '..=b'~' => out.push(char::from(byte)),
        // An octal escape takes up to three digits, so a digit must not follow a short one.
        0..=7 if !next.is_some_and(|next| next.is_ascii_digit()) => {
            out.push_str(&format!("\\{byte:o}"))
        }
        _ => out.push_str(&format!("\\x{byte:02x}")),
    }
}

/// The bytes of a `repr` as boards print it, or of a literal of ours, or `None` if the text is no such thing.
#[must_use]
pub fn parse_bytes(text: &str) -> Option<Vec<u8>> {
    let mut rest = text.strip_prefix('b')?.bytes().peekable();
    let quote = rest.next().filter(|quote| matches!(quote, b'\'' | b'"'))?;
    let mut out = Vec::with_capacity(text.len());
    loop {
        let byte = rest.next()?;
        if byte == quote {
            return rest.next().is_none().then_some(out);
        }
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match rest.next()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'x' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            digit @ b'0'..=b'7' => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    if let Some(next) = rest.next_if(|next| matches!(next, b'0'..=b'7')) {
                        value = value * 8 + u32::from(next - b'0');
                    }
                }
                u8::try_from(value).ok()?
            }
            other @ (b'\\' | b'\'' | b'"') => other,
            _ => return None,
        });
    }
}

/// The sum that a board makes with `sum(data)`.
#[must_use]
pub(crate) fn byte_sum(bytes: &[u8]) -> u32 {
    bytes.iter().map(|byte| u32::from(*byte)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_have_no_control_characters() {
        let all: Vec<u8> = (0..=255).collect();
        assert!(bytes_literal(&all).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }

    #[test]
    fn literals_are_read_back() {
        let all: Vec<u8> = (0..=255).chain(*b"'1\x001\x008").collect();
        assert_eq!(parse_bytes(&bytes_literal(&all)), Some(all));
    }

    #[test]
    fn literals_are_short() {
        assert_eq!(bytes_literal(b"\x00\x01a\x031\x7f"), r"b'\0\1a\x031\x7f'");
        assert_eq!(bytes_literal(b"it's"), "b\"it's\"");
        assert_eq!(str_literal("a'b\"c\""), r#"'a\'b"c"'"#);
        assert_eq!(str_literal("é"), r"str(b'\xc3\xa9','utf8')");
    }

    #[test]
    fn what_boards_print_is_understood() {
        assert_eq!(parse_bytes(r"b'\x00\xff\n\'\t\\a'"), Some(b"\x00\xff\n'\t\\a".to_vec()));
        assert_eq!(parse_bytes(r#"b"it's""#), Some(b"it's".to_vec()));
        assert_eq!(parse_bytes("b''"), Some(Vec::new()));
        for damaged in ["", "b'", "b'a", "'a'", r"b'\x0'", r"b'\q'", "b'a'b"] {
            assert_eq!(parse_bytes(damaged), None, "{damaged}");
        }
    }
}
