//! The user's own files: put aside before ours take their names, put back afterwards.
//!
//! In: entries of the list (see `manifest`). Out: files moved, copied back, removed, each step safe to repeat
//! and safe to be cut short, as long as the list was written first. A file that somebody else has changed
//! meanwhile is left alone. It refuses to decide which files are placed.

use super::board::Board;
use super::deploy::Event;
use super::digest::{Digest, length_in};
use super::error::{DeployError, ReplError};
use super::files::{digests, listed, remove_files, size_helper};
use super::manifest::{Entry, Origin};
use super::python::str_literal;
use super::raw_repl::RawRepl;

/// Where the user's `path` is kept while ours is there.
pub(crate) fn backup_name(path: &str) -> String {
    format!("{path}.mpycov")
}

/// Puts the files of the user's aside that `entries` will replace.
pub(crate) fn put_aside(
    repl: &mut RawRepl,
    board: &Board,
    entries: &[Entry],
) -> Result<(), DeployError> {
    for Entry { path, origin, .. } in entries {
        match origin {
            Origin::Renamed(backup) => {
                // Only once: a file under the backup's name is the user's already.
                let (from, to) = (str_literal(path), str_literal(backup));
                let code = format!("if _s({to})<0 and _s({from})>=0:_o.rename({from},{to})\n");
                ask(repl, board, &code, "rename", path)?;
            }
            Origin::Copying(backup) => copy(repl, board, path, backup)?,
            Origin::New | Origin::Copied(_) | Origin::Directory => {}
        }
    }
    Ok(())
}

/// Takes what was placed away and puts the user's files back.
pub(crate) fn put_back(
    repl: &mut RawRepl,
    board: &Board,
    entries: &[Entry],
    own_root: Option<String>,
    progress: &mut dyn FnMut(Event<'_>),
) -> Result<(), DeployError> {
    let files: Vec<&Entry> =
        entries.iter().filter(|entry| entry.origin != Origin::Directory).collect();
    let paths: Vec<&str> = files.iter().map(|entry| entry.path.as_str()).collect();
    // In a directory of our own nobody else changes files.
    let is_own = |path: &str| own_root.as_deref().is_some_and(|root| path.starts_with(root));
    let found = if paths.iter().all(|path| is_own(path)) {
        vec![None; paths.len()]
    } else {
        digests(repl, board, &paths)?
    };
    let mut gone: Vec<&str> = Vec::new();
    for (entry, found) in files.iter().zip(found) {
        match &entry.origin {
            // The user's file is in its place still, and what there is of the copy is ours.
            Origin::Copying(backup) => {
                gone.push(backup);
                continue;
            }
            // It is in its place again, and only the copy was left.
            Origin::Copied(backup)
                if found.is_some() && digests(repl, board, &[backup])? == [found.clone()] =>
            {
                gone.push(backup);
                continue;
            }
            _ => {}
        }
        if !is_own(&entry.path)
            && found.is_some_and(|found| is_somebody_elses(&found, &entry.digest))
        {
            progress(Event::LeftAlone { path: &entry.path });
            continue;
        }
        let path = entry.path.as_str();
        match &entry.origin {
            Origin::New => gone.push(path),
            Origin::Renamed(backup) => {
                let (to, from) = (str_literal(path), str_literal(backup));
                let code = format!(
                    "if _s({from})>=0:\n if _s({to})>=0:_o.remove({to})\n _o.rename({from},{to})\n"
                );
                ask(repl, board, &code, "put back", path)?;
                progress(Event::Restored { path });
            }
            Origin::Copied(backup) => {
                if digests(repl, board, &[backup])?.first().is_some_and(Option::is_some) {
                    copy(repl, board, backup, path)?;
                    gone.push(backup);
                    progress(Event::Restored { path });
                }
            }
            Origin::Copying(_) | Origin::Directory => {}
        }
    }
    remove_files(repl, board, &gone).map_err(|error| refused(error, "remove", "files"))?;
    // Inner directories first. One that is not empty holds something that is not ours.
    let directories: Vec<&str> = entries
        .iter()
        .rev()
        .filter(|entry| entry.origin == Origin::Directory)
        .map(|entry| entry.path.as_str())
        .collect();
    remove_directories(repl, board, &directories)
}

/// Removes directories that are empty.
pub(crate) fn remove_directories(
    repl: &mut RawRepl,
    board: &Board,
    paths: &[&str],
) -> Result<(), DeployError> {
    for group in super::files::groups(paths) {
        let code =
            format!("for _p in[{}]:\n try:_o.rmdir(_p)\n except OSError:pass\n", listed(&group));
        ask(repl, board, &code, "remove", "directories")?;
    }
    Ok(())
}

/// Whether a file is neither what was placed nor the beginning of it: a transfer that was cut short is shorter.
pub(crate) fn is_somebody_elses(found: &str, placed: &str) -> bool {
    found != placed && length_in(found) >= length_in(placed)
}

fn copy(repl: &mut RawRepl, board: &Board, from: &str, to: &str) -> Result<(), DeployError> {
    let helpers = [Digest::of_board(board).helper()];
    let code = format!(
        "_a=open({from},'rb');_c=open({to},'wb')\nwhile 1:\n _d=_a.read(64)\n if not _d:break\n _c.write(_d)\n\
         _a.close();_c.close()\n_x=_h({from})+' '+_h({to})\n",
        from = str_literal(from),
        to = str_literal(to),
    );
    let answer = repl
        .ask_with(&helpers, &code, "copying a file")
        .map_err(|error| refused(error, "copy", from))?;
    match answer.split_once(' ') {
        Some((original, copied)) if original == copied => Ok(()),
        _ => Err(DeployError::Refused { doing: "copy", name: from.to_owned(), exception: answer }),
    }
}

fn ask(
    repl: &mut RawRepl,
    board: &Board,
    code: &str,
    doing: &'static str,
    path: &str,
) -> Result<(), DeployError> {
    repl.ask_with(&[size_helper(board)], code, "keeping the files of the board")
        .map_err(|error| refused(error, doing, path))?;
    Ok(())
}

fn refused(error: ReplError, doing: &'static str, path: &str) -> DeployError {
    match error {
        ReplError::Raised { exception, .. } => {
            DeployError::Refused { doing, name: path.to_owned(), exception }
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_transfer_is_ours_and_a_longer_file_is_not() {
        assert!(!is_somebody_elses("10:ab", "10:ab"));
        assert!(!is_somebody_elses("7:cd", "10:ab"));
        assert!(is_somebody_elses("10:cd", "10:ab"));
        assert!(is_somebody_elses("11:cd", "10:ab"));
    }
}
