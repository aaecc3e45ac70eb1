//! The list of what was placed on a board, kept on the board itself.
//!
//! In: entries. Out: a small text, and entries again from such a text. It is written before the first file is
//! touched, so that a session that is cut short leaves enough behind for the next one to put things right. A
//! text that was cut short is recognised: it does not end as it should. This file refuses to touch any other
//! file of the board.

use super::board::Board;
use super::error::{DeployError, ReadFileError, ReplError};
use super::files::{read_file, remove_files};
use super::places::Places;
use super::raw_repl::RawRepl;
use super::transfer::Sender;

/// Name of the list on the board.
pub(crate) const LIST: &str = "_mpycov.lst";
/// Name of a new list while an old one is still needed.
pub(crate) const NEW_LIST: &str = "_mpycov.new";

const HEADER: &str = "mpycov 1";
const FOOTER: &str = "end";

/// How a file came to be where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nothing was there before.
    New,
    /// A file of the user's was there and now has this name.
    Renamed(String),
    /// A file of the user's is there and is being copied to this name; it is still in its place.
    Copying(String),
    /// A file of the user's was there and was copied to this name.
    Copied(String),
    /// A directory, which was not there before.
    Directory,
}

impl Origin {
    /// Where the user's file is kept.
    pub(crate) fn backup(&self) -> Option<&str> {
        match self {
            Self::Renamed(backup) | Self::Copying(backup) | Self::Copied(backup) => Some(backup),
            Self::New | Self::Directory => None,
        }
    }
}

/// One placed file, or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The path on the board.
    pub(crate) path: String,
    /// Length and checksum of what was placed; empty for a directory.
    pub(crate) digest: String,
    pub(crate) origin: Origin,
}

/// The list as text.
fn render(entries: &[Entry]) -> String {
    let mut text = format!("{HEADER}\n");
    for Entry { path, digest, origin } in entries {
        let kind = match origin {
            Origin::New => "P",
            Origin::Renamed(_) => "R",
            Origin::Copying(_) => "c",
            Origin::Copied(_) => "C",
            Origin::Directory => "D",
        };
        let backup = origin.backup().unwrap_or_default();
        text.push_str(&format!("{kind}\t{path}\t{digest}\t{backup}\n"));
    }
    text.push_str(&format!("{FOOTER} {}\n", entries.len()));
    text
}

/// Whether a text can be the beginning of a list: the smallest board reads a file that was not closed as empty.
fn is_cut(text: &str) -> bool {
    let header = format!("{HEADER}\n");
    text.starts_with(&header) || header.starts_with(text)
}

/// The entries of a whole list; `None` for anything else.
fn parse(text: &str) -> Option<Vec<Entry>> {
    let body = text.strip_prefix(HEADER)?.strip_prefix('\n')?;
    let (body, footer) =
        body.trim_end_matches('\n').rsplit_once('\n').unwrap_or(("", body.trim_end()));
    let entries: Vec<Entry> = body.lines().map(parse_entry).collect::<Option<_>>()?;
    (footer == format!("{FOOTER} {}", entries.len()) && text.ends_with('\n')).then_some(entries)
}

fn parse_entry(line: &str) -> Option<Entry> {
    let mut fields = line.split('\t');
    let (kind, path, digest, backup) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let origin = match kind {
        "P" => Origin::New,
        "R" => Origin::Renamed(backup.to_owned()),
        "c" => Origin::Copying(backup.to_owned()),
        "C" => Origin::Copied(backup.to_owned()),
        "D" => Origin::Directory,
        _ => return None,
    };
    let plain = !path.is_empty() && fields.next().is_none();
    plain.then(|| Entry { path: path.to_owned(), digest: digest.to_owned(), origin })
}

/// A list that was found on the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) entries: Vec<Entry>,
    digest: String,
    /// Whether the list in its place does not count: the new one is the whole one, or none is.
    aside: bool,
}

/// The list on the board: `None` when there is none of ours. A list that was cut short was written before anything
/// else, so nothing is on it; it is there all the same, and has to be taken away.
///
/// `found` are the digests of the files that [`Places::lists`] names.
pub(crate) fn load(
    repl: &mut RawRepl,
    board: &Board,
    places: &Places,
    found: &[Option<String>],
) -> Result<Option<Listed>, ReplError> {
    const DOING: &str = "looking for what was placed before";
    // A new list that is whole while the old one is not: the session ended while it replaced the old one.
    let mut cut = None;
    for (index, (path, found)) in places.lists().iter().zip(found).enumerate() {
        let Some(digest) = found.clone() else {
            continue;
        };
        let bytes = read_file(repl, board, path).map_err(|error| match error {
            ReadFileError::Repl(error) => error.while_doing(DOING),
            ReadFileError::Missing { path } | ReadFileError::Mismatch { path, .. } => {
                ReplError::Damaged { doing: DOING, attempts: 1, seen: path.into_bytes() }
            }
        })?;
        let text = String::from_utf8_lossy(&bytes);
        if let Some(entries) = parse(&text) {
            let aside = index > 0;
            return Ok(Some(Listed { entries, digest, aside }));
        }
        if is_cut(&text) {
            cut = Some(Listed { entries: Vec::new(), digest, aside: true });
        }
    }
    Ok(cut)
}

/// Writes the list. A list that counts so far is written over only while another one is whole.
pub(crate) fn save(
    sender: &mut Sender<'_>,
    places: &Places,
    entries: &[Entry],
    old: Option<&Listed>,
) -> Result<Listed, DeployError> {
    let text = render(entries);
    let new = Listed {
        entries: entries.to_vec(),
        digest: sender.digest.of(text.as_bytes()),
        aside: false,
    };
    if old == Some(&new) {
        return Ok(new);
    }
    if old.is_some_and(|old| !old.aside) {
        sender.send(&places.new_list, text.as_bytes(), &mut |_| ())?;
    }
    sender.send(&places.list, text.as_bytes(), &mut |_| ())?;
    if old.is_some() {
        remove_files(sender.repl, sender.board, &[&places.new_list])?;
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_survives_and_a_cut_one_is_noticed() {
        let entry =
            |path: &str, origin| Entry { path: path.to_owned(), digest: "3:ab".to_owned(), origin };
        let entries = vec![
            entry("/_mpycov/a b.py", Origin::New),
            entry("/main.py", Origin::Renamed("/main.py.mpycov".to_owned())),
            entry("main.py", Origin::Copied("main.mpycov".to_owned())),
            entry("x.py", Origin::Copying("x.mpycov".to_owned())),
            entry("/lib", Origin::Directory),
        ];
        let text = render(&entries);
        assert_eq!(parse(&text), Some(entries));
        for cut in 0..text.len() {
            assert_eq!(parse(&text[..cut]), None, "{cut}");
            assert!(is_cut(&text[..cut]), "{cut}");
        }
        assert!(!is_cut("somebody's own"));
        assert_eq!(parse(&render(&[])), Some(Vec::new()));
    }
}
