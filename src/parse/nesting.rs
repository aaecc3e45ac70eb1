//! How deep a tree gets without brackets: `a + a + …` and `a.b().c` nest to the
//! left, once for each operator, and the parser sets no limit to that.

use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_text_size::{Ranged, TextRange};

/// Operators that one expression may have in a row. Far more than anyone
/// writes, and far less than what overruns a stack.
const LIMIT: usize = 10_000;

/// The place at which a text nests too deeply, if there is one.
pub(super) fn too_deep(tokens: &Tokens) -> Option<TextRange> {
    use TokenKind as T;
    // For each open bracket, and outside of all, the operators in a row so far.
    let mut rows = vec![0];
    for token in tokens.iter() {
        let kind = token.kind();
        match kind {
            T::Dot | T::Lpar | T::Lsqb => *rows.last_mut()? += 1,
            T::Comma | T::Colon | T::Semi | T::Newline | T::Equal | T::And | T::Or => {
                *rows.last_mut()? = 0;
            }
            _ if kind.as_binary_operator().is_some() => *rows.last_mut()? += 1,
            _ => {}
        }
        if rows.last() > Some(&LIMIT) {
            return Some(token.range());
        }
        match kind {
            T::Lpar | T::Lsqb | T::Lbrace => rows.push(0),
            T::Rpar | T::Rsqb | T::Rbrace if rows.len() > 1 => {
                rows.pop();
            }
            _ => {}
        }
    }
    None
}
