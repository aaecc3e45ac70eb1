//! Single files of a board: read one, take one away, see what is there.
//!
//! In: paths. Out: bytes that are certain to be the file's, whatever bytes they are; digests; or nothing. It
//! refuses to know whose files they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ask::Helper;
use super::board::Board;
use super::digest::Digest;
use super::error::{ReadFileError, ReplError};
use super::python::{parse_bytes, str_literal};
use super::raw_repl::RawRepl;

const READING: &str = "reading a file";
const REMOVING: &str = "removing files";

/// How often a file is read again from its start.
const ATTEMPTS: u32 = 3;

/// How long the list of paths in one question may be: the smallest board takes about 1200 bytes in all.
const PATHS: usize = 500;

/// Reads a file from a board.
///
/// # Errors
/// [`ReadFileError::Missing`] when there is none; the others when it does not come through.
pub fn read_file(repl: &mut RawRepl, board: &Board, path: &str) -> Result<Vec<u8>, ReadFileError> {
    let digest = Digest::of_board(board);
    // Base64 makes binary data shorter; `repr` needs no module and no memory.
    let (import, encoded) = match board.base64 {
        Some(module) => (format!("from {module} import b2a_base64 as _z\n"), "_z(_d)"),
        None => (String::new(), "_d"),
    };
    let block = if board.free_ram > 32_000 { 768 } else { 96 };
    for _ in 0..ATTEMPTS {
        let mark = repl.next_token();
        let code = format!(
            "{import}_f=open({name},'rb')\nwhile 1:\n _d=_f.read({block})\n if not _d:break\n print('{mark}',{encoded})\n\
             _f.close()\n_x=_h({name})\n",
            name = str_literal(path)
        );
        match repl.ask_and_listen(&[digest.helper()], &code, &mark, READING) {
            Ok((answer, lines)) => {
                if let Some(bytes) = decode(&lines, board.base64.is_some())
                    && digest.of(&bytes) == answer
                {
                    return Ok(bytes);
                }
            }
            // Which number means "no such file" depends on the port.
            Err(ReplError::Raised { .. }) if digests(repl, board, &[path])? == [None] => {
                return Err(ReadFileError::Missing { path: path.to_owned() });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(ReadFileError::Mismatch { path: path.to_owned(), attempts: ATTEMPTS })
}

fn decode(lines: &[String], base64: bool) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for line in lines {
        let bytes = parse_bytes(line)?;
        if base64 {
            out.extend(STANDARD.decode(bytes.trim_ascii()).ok()?);
        } else {
            out.extend(bytes);
        }
    }
    Some(out)
}

/// Takes a file away; one that is not there is fine.
///
/// # Errors
/// [`ReplError::Raised`] when the board will not; the others when the board or the line fails.
pub fn remove_file(repl: &mut RawRepl, board: &Board, path: &str) -> Result<(), ReplError> {
    remove_files(repl, board, &[path])
}

/// Takes files away, several in one question, and looks whether they are gone: MicroPython 1.9.2 on the micro:bit was
/// seen to pass over a removal without a word, always in the same state of its memory, where the same statement worked
/// when it came once more.
pub(crate) fn remove_files(
    repl: &mut RawRepl,
    board: &Board,
    paths: &[&str],
) -> Result<(), ReplError> {
    let helpers = [size_helper(board)];
    for group in groups(paths) {
        let code = format!(
            "_l=[{}]\nfor _p in _l:\n if _s(_p)>=0:_o.remove(_p)\n_x=''.join(['01'[_s(p)>=0]for p in _l])\n_l=0\n",
            listed(&group)
        );
        let mut left = String::new();
        for _ in 0..ATTEMPTS {
            left = repl.ask_with(&helpers, &code, REMOVING)?;
            if !left.contains('1') {
                break;
            }
        }
        if let Some(at) = left.find('1') {
            let name = group.get(at).copied().unwrap_or_default();
            let exception = format!("nothing, and {name} is still there,");
            return Err(ReplError::Raised { doing: REMOVING, exception });
        }
    }
    Ok(())
}

/// The digests of files, `None` for those that are not there.
pub(crate) fn digests(
    repl: &mut RawRepl,
    board: &Board,
    paths: &[&str],
) -> Result<Vec<Option<String>>, ReplError> {
    let helpers = [size_helper(board), Digest::of_board(board).helper()];
    let mut all = Vec::with_capacity(paths.len());
    for group in groups(paths) {
        let code = format!("_x=' '.join([_h(p)if _s(p)>=0 else'-'for p in[{}]])\n", listed(&group));
        let answer = repl.ask_with(&helpers, &code, "comparing files")?;
        let found: Vec<Option<String>> =
            answer.split(' ').map(|digest| (digest != "-").then(|| digest.to_owned())).collect();
        if found.len() != group.len() {
            return Err(ReplError::Damaged {
                doing: "comparing files",
                attempts: 1,
                seen: answer.into_bytes(),
            });
        }
        all.extend(found);
    }
    Ok(all)
}

/// Defines `_s(path)`, the size of a file or -1 if there is none, and `_o`, the module `os`.
pub(crate) fn size_helper(board: &Board) -> Helper {
    let size = if board.stat { "_o.stat(p)[6]" } else { "_o.size(p)" };
    Helper {
        name: "_s",
        code: format!(
            "import {} as _o\ndef _s(p):\n try:return {size}\n except OSError:return -1\n",
            board.os
        ),
    }
}

/// Splits paths so that each group fits one question.
pub(crate) fn groups<'a>(paths: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut groups: Vec<Vec<&str>> = Vec::new();
    let mut length = usize::MAX;
    for path in paths {
        length = length.saturating_add(path.len() + 3);
        if length > PATHS {
            groups.push(Vec::new());
            length = path.len() + 3;
        }
        if let Some(group) = groups.last_mut() {
            group.push(path);
        }
    }
    groups
}

pub(crate) fn listed(paths: &[&str]) -> String {
    paths.iter().map(|path| str_literal(path)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_keep_the_order_and_fit() {
        let names: Vec<String> = (0..100).map(|n| format!("/_mpycov/module_{n}.py")).collect();
        let paths: Vec<&str> = names.iter().map(String::as_str).collect();
        let groups = groups(&paths);
        assert!(groups.len() > 3 && groups.iter().all(|group| listed(group).len() <= PATHS));
        assert_eq!(groups.concat(), paths);
        let long = "x".repeat(PATHS * 2);
        assert_eq!(super::groups(&["a", &long, "b"]).len(), 3);
        assert!(super::groups(&[]).is_empty());
    }

    #[test]
    fn lines_are_decoded_or_refused() {
        assert_eq!(decode(&["b'a\\x00'".into(), "b'b'".into()], false), Some(b"a\0b".to_vec()));
        assert_eq!(decode(&["b'AP8=\\n'".into()], true), Some(b"\x00\xff".to_vec()));
        assert_eq!(decode(&["b'A".into()], true), None);
        assert_eq!(decode(&[], true), Some(Vec::new()));
    }
}
