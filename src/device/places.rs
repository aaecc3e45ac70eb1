//! Where things go on one board: paths, names, directories.
//!
//! In: a board, a layout, names. Out: paths on the board, directories that are there. It refuses to know what
//! the files are, and whose.

use std::collections::BTreeSet;

use super::board::Board;
use super::deploy::Layout;
use super::error::{DeployError, ReplError};
use super::files::{groups, listed, size_helper};
use super::manifest::{Entry, LIST, NEW_LIST, Origin};
use super::python::str_literal;
use super::raw_repl::RawRepl;

/// The directory of our own.
const DIRECTORY: &str = "_mpycov";

/// Where things go on one board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// What a relative name is appended to.
    pub(crate) root: String,
    /// The directory of our own, if there are directories.
    pub(crate) own: Option<String>,
    /// The list of what was placed.
    pub(crate) list: String,
    /// A new list, while the old one counts.
    pub(crate) new_list: String,
    /// Whether names may have directories.
    pub(crate) directories: bool,
}

impl Places {
    pub(crate) fn new(board: &Board, layout: Layout) -> Self {
        let home = if board.home.is_empty() || board.home.ends_with('/') {
            board.home.clone()
        } else {
            format!("{}/", board.home)
        };
        if layout == Layout::Ram {
            let (list, new_list) = (String::new(), String::new());
            return Self {
                root: format!("/{DIRECTORY}/"),
                own: Some(format!("/{DIRECTORY}")),
                list,
                new_list,
                directories: true,
            };
        }
        // Without `sys.path` nothing could be imported from a directory. In place there is none of ours: where
        // modules are searched, a directory would stand for the module of its name.
        let own = (board.directories && board.sys_path && layout == Layout::Own)
            .then(|| format!("{home}{DIRECTORY}"));
        let directories = own.is_some() || board.directories && layout == Layout::InPlace;
        let root = own.as_ref().map_or(home, |own| format!("{own}/"));
        Self {
            own,
            list: format!("{root}{LIST}"),
            new_list: format!("{root}{NEW_LIST}"),
            root,
            directories,
        }
    }

    /// The lists, the one that counts first.
    pub(crate) fn lists(&self) -> [&str; 2] {
        [&self.list, &self.new_list]
    }

    /// The start of the paths in the directory of our own, if there is one.
    pub(crate) fn own_root(&self) -> Option<String> {
        self.own.as_ref().map(|own| format!("{own}/"))
    }

    pub(crate) fn path_of(&self, name: &str) -> String {
        if name.starts_with('/') { name.to_owned() } else { format!("{}{name}", self.root) }
    }
}

/// Whether a file of this name can be placed.
pub(crate) fn check_name(name: &str, layout: Layout, directories: bool) -> Result<(), DeployError> {
    let refuse = |reason| Err(DeployError::BadName { name: name.to_owned(), reason });
    if name.is_empty() || name.chars().any(char::is_control) {
        return refuse("it is empty or has control characters");
    }
    if name.split('/').any(|part| part == ".." || part == ".") {
        return refuse("it leaves its directory");
    }
    if name.starts_with('/') && layout != Layout::InPlace {
        return refuse("only files that are placed with --in-place have absolute names");
    }
    if name.contains('/') && !directories {
        return refuse(
            "the board's file system has no directories, or cannot import from them: use flat names",
        );
    }
    Ok(())
}

/// The directories that `wanted` needs and that are not there, outer ones first.
pub(crate) fn missing_directories(
    repl: &mut RawRepl,
    board: &Board,
    places: &Places,
    paths: &[&str],
) -> Result<Vec<String>, ReplError> {
    let mut needed = BTreeSet::new();
    for path in paths {
        let start = if path.starts_with(&places.root) { places.root.len() } else { 1 };
        needed
            .extend(path[start..].match_indices('/').map(|(at, _)| path[..start + at].to_owned()));
    }
    let needed: Vec<&str> = needed.iter().map(String::as_str).collect();
    let mut missing = Vec::new();
    for group in groups(&needed) {
        let code = format!("_x=''.join(['01'[_s(p)<0]for p in[{}]])\n", listed(&group));
        let answer = repl.ask_with(&[size_helper(board)], &code, "looking for directories")?;
        missing.extend(
            group
                .iter()
                .zip(answer.bytes())
                .filter(|(_, mark)| *mark == b'1')
                .map(|(path, _)| (*path).to_owned()),
        );
    }
    Ok(missing)
}

/// Makes the directories among `entries`.
pub(crate) fn make_directories(
    repl: &mut RawRepl,
    board: &Board,
    entries: &[Entry],
) -> Result<(), ReplError> {
    let paths: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.origin == Origin::Directory)
        .map(|entry| entry.path.as_str())
        .collect();
    for group in groups(&paths) {
        let code = format!("for _p in[{}]:\n if _s(_p)<0:_o.mkdir(_p)\n", listed(&group));
        repl.ask_with(&[size_helper(board)], &code, "making directories")?;
    }
    Ok(())
}

/// Makes the directory of our own, if there are directories.
pub(crate) fn make_own_directory(
    repl: &mut RawRepl,
    board: &Board,
    places: &Places,
) -> Result<(), DeployError> {
    let Some(own) = &places.own else {
        return Ok(());
    };
    let path = str_literal(own);
    let code = format!("if _s({path})<0:_o.mkdir({path})\n");
    match repl.ask_with(&[size_helper(board)], &code, "making a directory") {
        Err(ReplError::Raised { exception, .. }) => {
            Err(DeployError::Refused { doing: "make the directory", name: own.clone(), exception })
        }
        result => Ok(result.map(|_| ())?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(home: &str, directories: bool, sys_path: bool) -> Board {
        Board { home: home.to_owned(), directories, sys_path, ..Board::default() }
    }

    #[test]
    fn paths_follow_the_layout_and_the_board() {
        let path = |board: &Board, layout| Places::new(board, layout).path_of("a/b.py");
        let large = board("/", true, true);
        assert_eq!(path(&large, Layout::Own), "/_mpycov/a/b.py");
        assert_eq!(path(&large, Layout::InPlace), "/a/b.py");
        assert_eq!(path(&large, Layout::Ram), "/_mpycov/a/b.py");
        let flash = board("/flash", true, true);
        assert_eq!(path(&flash, Layout::Own), "/flash/_mpycov/a/b.py");
        assert_eq!(Places::new(&flash, Layout::InPlace).list, "/flash/_mpycov.lst");
        let small = board("", false, false);
        assert_eq!(Places::new(&small, Layout::Own).path_of("b.py"), "b.py");
        assert_eq!(Places::new(&small, Layout::Own).list, "_mpycov.lst");
    }

    #[test]
    fn names_that_cannot_be_placed_are_refused() {
        for name in ["", "../a.py", "a/./b.py", "a\tb", "/a.py"] {
            assert!(check_name(name, Layout::Own, true).is_err(), "{name:?}");
        }
        assert!(check_name("a/b.py", Layout::Own, false).is_err());
        assert_eq!(check_name("/lib/a.py", Layout::InPlace, true), Ok(()));
        assert_eq!(check_name("a/b.py", Layout::Own, true), Ok(()));
    }
}
