//! Placing files on a board, and taking them away so that the board is as it was.
//!
//! In: named blobs and a layout: a directory of our own, the very places where the board looks for its program,
//! or memory. Out: a [`Deployment`] that knows where everything is and how to undo it. What is on the board
//! already, byte for byte, is not sent; nothing of the user's is overwritten. It refuses to know what the blobs
//! are, and draws no progress: events go to the caller.

use super::backup::{backup_name, put_aside, put_back, remove_directories};
use super::board::Board;
use super::error::{DeployError, ReadFileError, ReplError};
use super::files::{digests, listed, read_file, remove_files, size_helper};
use super::manifest::{Entry, LIST, NEW_LIST, Origin, parse, render};
use super::python::str_literal;
use super::ram;
use super::raw_repl::RawRepl;
use super::transfer::Sender;

/// The directory of our own.
const DIRECTORY: &str = "_mpycov";

/// A file to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its path, relative to where the layout puts files, with `/` between directories; in place, it may be
    /// absolute.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Where files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Into a directory of our own; by their flat names where a board has no directories.
    Own,
    /// To the places that their names say, for programs that start from `boot.py` or `main.py`. Files of the
    /// user's that are there are put aside and come back.
    InPlace,
    /// Into memory: nothing is written to flash, and a reset takes them away.
    Ram,
}

/// What happens while files are placed or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// So many files with so many bytes have to be sent; the others are there already.
    Planned {
        /// Files that will be sent.
        files: usize,
        /// Their bytes.
        bytes: usize,
        /// Files that are there already.
        unchanged: usize,
    },
    /// Part of a file has arrived.
    Sending {
        /// The file's path on the board.
        path: &'a str,
        /// Bytes of it that have arrived. Falls back to a small number when a file is sent again.
        done: usize,
        /// Bytes of it in all.
        total: usize,
    },
    /// A file has arrived and was checked.
    Placed {
        /// The file's path on the board.
        path: &'a str,
        /// Its size.
        bytes: usize,
    },
    /// A file of the user's is back in its place.
    Restored {
        /// Its path on the board.
        path: &'a str,
    },
    /// A file that was placed has been changed by somebody else since and stays; so does a backup of what was
    /// there before.
    LeftAlone {
        /// Its path on the board.
        path: &'a str,
    },
}

/// Who gets the events.
pub type Progress<'a> = dyn FnMut(Event<'_>) + 'a;

/// Files that are on a board.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "files that were placed have to be removed, or kept on purpose"]
pub struct Deployment {
    layout: Layout,
    places: Places,
    entries: Vec<Entry>,
}

/// Where things go on one board.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Places {
    /// What a relative name is appended to.
    root: String,
    /// The directory of our own, if there are directories.
    own: Option<String>,
    list: String,
    new_list: String,
}

impl Places {
    fn new(board: &Board, layout: Layout) -> Self {
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
            };
        }
        // Without `sys.path` nothing could be imported from a directory.
        let own = (board.directories && (board.sys_path || layout == Layout::InPlace))
            .then(|| format!("{home}{DIRECTORY}"));
        let beside = own
            .as_ref()
            .map(|own| format!("{own}/"))
            .unwrap_or_default();
        let root = if layout == Layout::Own {
            beside.clone()
        } else {
            home
        };
        Self {
            root,
            own,
            list: format!("{beside}{LIST}"),
            new_list: format!("{beside}{NEW_LIST}"),
        }
    }

    fn path_of(&self, name: &str) -> String {
        if name.starts_with('/') {
            name.to_owned()
        } else {
            format!("{}{name}", self.root)
        }
    }
}

impl Deployment {
    /// Places `blobs` on a board. What an earlier deployment left there and is not among them is taken away.
    ///
    /// # Errors
    /// [`DeployError`]; nothing of the user's is lost then, and the next [`Self::place`] or [`Self::left_behind`]
    /// tidies up.
    pub fn place(
        repl: &mut RawRepl,
        board: &Board,
        layout: Layout,
        blobs: &[Blob],
        progress: &mut Progress<'_>,
    ) -> Result<Self, DeployError> {
        let places = Places::new(board, layout);
        for blob in blobs {
            check_name(&blob.name, layout, places.own.is_some())?;
        }
        let mut sender = Sender::new(repl, board);
        let wanted: Vec<(String, &Blob)> = blobs
            .iter()
            .map(|blob| (places.path_of(&blob.name), blob))
            .collect();
        if layout == Layout::Ram {
            ram::mount(sender.repl, board, &format!("/{DIRECTORY}"))?;
            let nothing = vec![None; wanted.len()];
            send_missing(&mut sender, &wanted, &nothing, progress)?;
            ram::seal(sender.repl)?;
            return Ok(Self {
                layout,
                places,
                entries: Vec::new(),
            });
        }

        let old = load_list(sender.repl, board, &places)?;
        let (kept, stale): (Vec<Entry>, Vec<Entry>) = old
            .clone()
            .unwrap_or_default()
            .into_iter()
            .partition(|entry| {
                entry.origin == Origin::Directory
                    || wanted.iter().any(|(path, _)| *path == entry.path)
            });
        put_back(
            sender.repl,
            board,
            &stale,
            layout == Layout::Own && places.own.is_some(),
            progress,
        )?;

        let paths: Vec<&str> = wanted.iter().map(|(path, _)| path.as_str()).collect();
        let mut found = digests(sender.repl, board, &paths)?;
        let mut entries = plan(&mut sender, layout, &places, &wanted, &kept, &found)?;
        make_own_directory(sender.repl, board, &places)?;
        save_list(&mut sender, &places, &entries, old.is_some())?;
        make_directories(sender.repl, board, &entries)?;
        put_aside(sender.repl, board, &entries)?;
        if entries
            .iter()
            .any(|entry| matches!(entry.origin, Origin::Copying(_)))
        {
            // The copies are whole now: from here on they are what is put back.
            for entry in &mut entries {
                if let Origin::Copying(backup) = &entry.origin {
                    entry.origin = Origin::Copied(backup.clone());
                }
            }
            save_list(&mut sender, &places, &entries, true)?;
        }
        // What was renamed away is no longer there.
        for (index, (path, _)) in wanted.iter().enumerate() {
            let known = kept.iter().any(|entry| entry.path == *path);
            if !known
                && entries
                    .iter()
                    .any(|entry| entry.path == *path && matches!(entry.origin, Origin::Renamed(_)))
            {
                found[index] = None;
            }
        }
        send_missing(&mut sender, &wanted, &found, progress)?;
        Ok(Self {
            layout,
            places,
            entries,
        })
    }

    /// What an earlier session placed with this layout and did not take away, if anything.
    ///
    /// # Errors
    /// [`DeployError`] when the board or the line fails, or a directory with our name is not ours.
    pub fn left_behind(
        repl: &mut RawRepl,
        board: &Board,
        layout: Layout,
    ) -> Result<Option<Self>, DeployError> {
        if layout == Layout::Ram {
            return Ok(None);
        }
        let places = Places::new(board, layout);
        let entries = load_list(repl, board, &places)?;
        Ok(entries.map(|entries| Self {
            layout,
            places,
            entries,
        }))
    }

    /// Where a blob is on the board.
    #[must_use]
    pub fn path_of(&self, name: &str) -> String {
        self.places.path_of(name)
    }

    /// The statements that make the placed modules the first that `import` finds; none where they are anyway.
    #[must_use]
    pub fn search_path(&self) -> String {
        match (&self.places.own, self.layout) {
            (Some(own), Layout::Own | Layout::Ram) => {
                format!("import sys\nsys.path.insert(0,{})\n", str_literal(own))
            }
            _ => String::new(),
        }
    }

    /// Whether a reset of the board takes the files away.
    #[must_use]
    pub fn is_volatile(&self) -> bool {
        self.layout == Layout::Ram
    }

    /// Takes everything away and puts the user's files back.
    ///
    /// # Errors
    /// [`DeployError`]; the list of what was placed stays on the board then, so it can be tried again.
    pub fn remove(
        self,
        repl: &mut RawRepl,
        board: &Board,
        progress: &mut Progress<'_>,
    ) -> Result<(), DeployError> {
        if self.layout == Layout::Ram {
            ram::unmount(repl, board, &format!("/{DIRECTORY}"))?;
            return Ok(());
        }
        let ours_alone = self.layout == Layout::Own && self.places.own.is_some();
        put_back(repl, board, &self.entries, ours_alone, progress)?;
        remove_files(repl, board, &[&self.places.new_list, &self.places.list])?;
        let own: Vec<&str> = self.places.own.iter().map(String::as_str).collect();
        remove_directories(repl, board, &own)
    }
}

fn check_name(name: &str, layout: Layout, directories: bool) -> Result<(), DeployError> {
    let refuse = |reason| {
        Err(DeployError::BadName {
            name: name.to_owned(),
            reason,
        })
    };
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

/// What will be where, and what becomes of what is there.
fn plan(
    sender: &mut Sender<'_>,
    layout: Layout,
    places: &Places,
    wanted: &[(String, &Blob)],
    kept: &[Entry],
    found: &[Option<String>],
) -> Result<Vec<Entry>, DeployError> {
    let mut entries: Vec<Entry> = kept
        .iter()
        .filter(|entry| entry.origin == Origin::Directory)
        .cloned()
        .collect();
    let mut blocked = Vec::new();
    let mut backups = Vec::new();
    for ((path, blob), found) in wanted.iter().zip(found) {
        let known = kept.iter().find(|entry| entry.path == *path);
        let theirs = found.is_some() && known.is_none();
        let origin = match (known, layout) {
            (Some(entry), _) => entry.origin.clone(),
            (None, Layout::InPlace) if theirs => {
                let backup = backup_name(path);
                backups.push(backup.clone());
                if sender.board.rename {
                    Origin::Renamed(backup)
                } else {
                    Origin::Copying(backup)
                }
            }
            (None, Layout::Own) if theirs && places.own.is_none() => {
                blocked.push(path.clone());
                Origin::New
            }
            _ => Origin::New,
        };
        entries.push(Entry {
            path: path.clone(),
            digest: sender.digest.of(&blob.bytes),
            origin,
        });
    }
    let names: Vec<&str> = backups.iter().map(String::as_str).collect();
    let taken = digests(sender.repl, sender.board, &names)?;
    blocked.extend(
        backups
            .iter()
            .zip(taken)
            .filter(|(_, taken)| taken.is_some())
            .map(|(name, _)| name.clone()),
    );
    if !blocked.is_empty() {
        return Err(DeployError::WouldOverwrite { names: blocked });
    }
    let missing = missing_directories(sender.repl, sender.board, places, wanted)?;
    let added = missing
        .into_iter()
        .filter(|path| entries.iter().all(|entry| entry.path != *path));
    let added: Vec<Entry> = added
        .map(|path| Entry {
            path,
            digest: String::new(),
            origin: Origin::Directory,
        })
        .collect();
    entries.extend(added);
    Ok(entries)
}

/// The directories that `wanted` needs and that are not there, outer ones first.
fn missing_directories(
    repl: &mut RawRepl,
    board: &Board,
    places: &Places,
    wanted: &[(String, &Blob)],
) -> Result<Vec<String>, ReplError> {
    let mut needed = std::collections::BTreeSet::new();
    for (path, _) in wanted {
        let start = if path.starts_with(&places.root) {
            places.root.len()
        } else {
            1
        };
        needed.extend(
            path[start..]
                .match_indices('/')
                .map(|(at, _)| path[..start + at].to_owned()),
        );
    }
    let needed: Vec<&str> = needed.iter().map(String::as_str).collect();
    let mut missing = Vec::new();
    for group in super::files::groups(&needed) {
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

fn make_directories(repl: &mut RawRepl, board: &Board, entries: &[Entry]) -> Result<(), ReplError> {
    let paths: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.origin == Origin::Directory)
        .map(|entry| entry.path.as_str())
        .collect();
    for group in super::files::groups(&paths) {
        let code = format!(
            "for _p in[{}]:\n if _s(_p)<0:_o.mkdir(_p)\n",
            listed(&group)
        );
        repl.ask_with(&[size_helper(board)], &code, "making directories")?;
    }
    Ok(())
}

fn make_own_directory(
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
        Err(ReplError::Raised { exception, .. }) => Err(DeployError::Refused {
            doing: "make the directory",
            name: own.clone(),
            exception,
        }),
        result => Ok(result.map(|_| ())?),
    }
}

/// The list on the board: `None` when nothing was placed.
fn load_list(
    repl: &mut RawRepl,
    board: &Board,
    places: &Places,
) -> Result<Option<Vec<Entry>>, DeployError> {
    let own = str_literal(places.own.as_deref().unwrap_or_default());
    let code = format!(
        "_x='%d %d %d'%(_s({}),_s({}),len(_o.listdir({own}))if {own} and _s({own})>=0 else 0)\n",
        str_literal(&places.list),
        str_literal(&places.new_list),
    );
    let answer = repl.ask_with(
        &[size_helper(board)],
        &code,
        "looking for what was placed before",
    )?;
    let numbers: Vec<i64> = answer
        .split(' ')
        .filter_map(|number| number.parse().ok())
        .collect();
    let [list, new_list, others] = numbers.as_slice() else {
        return Err(ReplError::Damaged {
            doing: "looking for what was placed before",
            attempts: 1,
            seen: answer.into_bytes(),
        }
        .into());
    };
    // A new list that is whole while the old one is not: the session ended while it replaced the old one.
    for (size, path) in [(list, &places.list), (new_list, &places.new_list)] {
        if *size < 0 {
            continue;
        }
        let bytes = match read_file(repl, board, path) {
            Ok(bytes) => bytes,
            Err(ReadFileError::Repl(error)) => return Err(error.into()),
            Err(ReadFileError::Missing { .. } | ReadFileError::Mismatch { .. }) => continue,
        };
        if let Some(entries) = parse(&String::from_utf8_lossy(&bytes)) {
            return Ok(Some(entries));
        }
    }
    match &places.own {
        Some(own) if *others > 0 && *list < 0 && *new_list < 0 => Err(DeployError::NotOurs {
            path: own.clone(),
            list: LIST,
        }),
        // A list that was cut short was written before anything else: nothing was placed.
        _ => Ok(None),
    }
}

/// Writes the list. While an old one counts, the new one is written beside it first.
fn save_list(
    sender: &mut Sender<'_>,
    places: &Places,
    entries: &[Entry],
    replace: bool,
) -> Result<(), DeployError> {
    let text = render(entries);
    if replace {
        sender.send(&places.new_list, text.as_bytes(), &mut |_| ())?;
    }
    sender.send(&places.list, text.as_bytes(), &mut |_| ())?;
    if replace {
        remove_files(sender.repl, sender.board, &[&places.new_list])?;
    }
    Ok(())
}

/// Sends the blobs that are not on the board as they should be.
fn send_missing(
    sender: &mut Sender<'_>,
    wanted: &[(String, &Blob)],
    found: &[Option<String>],
    progress: &mut Progress<'_>,
) -> Result<(), DeployError> {
    let digest = sender.digest;
    let missing: Vec<&(String, &Blob)> = wanted
        .iter()
        .zip(found)
        .filter(|((_, blob), found)| found.as_deref() != Some(digest.of(&blob.bytes).as_str()))
        .map(|(wanted, _)| wanted)
        .collect();
    let bytes = missing.iter().map(|(_, blob)| blob.bytes.len()).sum();
    progress(Event::Planned {
        files: missing.len(),
        bytes,
        unchanged: wanted.len() - missing.len(),
    });
    for (path, blob) in missing {
        let total = blob.bytes.len();
        sender.send(path, &blob.bytes, &mut |done| {
            progress(Event::Sending { path, done, total })
        })?;
        progress(Event::Placed { path, bytes: total });
    }
    Ok(())
}
