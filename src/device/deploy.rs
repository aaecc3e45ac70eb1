//! Placing files on a board, and taking them away so that the board is as it was.
//!
//! In: named blobs and a layout: a directory of our own, the very places where the board looks for its program,
//! or memory. Out: a [`Deployment`] that knows where everything is and how to undo it. What is on the board
//! already, byte for byte, is not sent; nothing of the user's is overwritten. It refuses to know what the blobs
//! are, and draws no progress: events go to the caller.

use super::backup::{backup_name, is_somebody_elses, put_aside, put_back, remove_directories};
use super::board::Board;
use super::error::DeployError;
use super::files::{digests, remove_files};
use super::manifest::{self, Entry, Origin};
use super::places::{
    Places, check_name, make_directories, make_own_directory, missing_directories,
};
use super::ram;
use super::raw_repl::RawRepl;
use super::transfer::Sender;

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
            check_name(&blob.name, layout, places.directories)?;
        }
        let mut sender = Sender::new(repl, board);
        sender.may_reset = layout != Layout::Ram;
        let wanted: Vec<(String, &Blob)> =
            blobs.iter().map(|blob| (places.path_of(&blob.name), blob)).collect();
        if layout == Layout::Ram {
            ram::mount(sender.repl, board, places.own.as_deref().unwrap_or("/"))?;
            let nothing = vec![None; wanted.len()];
            send_missing(&mut sender, &wanted, &nothing, progress)?;
            ram::seal(sender.repl)?;
            return Ok(Self { layout, places, entries: Vec::new() });
        }

        let paths: Vec<&str> = wanted.iter().map(|(path, _)| path.as_str()).collect();
        let mut lists = digests(sender.repl, board, &[&places.lists(), &paths[..]].concat())?;
        let mut found = lists.split_off(places.lists().len());
        let old = manifest::load(sender.repl, board, &places, &lists)?;
        // What was put aside in an earlier session goes back first. What replaced nothing, and is wanted again, may
        // stay.
        let (kept, stale): (Vec<Entry>, Vec<Entry>) =
            old.iter().flat_map(|old| old.entries.clone()).partition(|entry| match entry.origin {
                Origin::New => wanted.iter().any(|(path, _)| *path == entry.path),
                Origin::Directory => layout == Layout::Own && entry.path.starts_with(&places.root),
                _ => false,
            });
        if !stale.is_empty() {
            put_back(sender.repl, board, &stale, places.own_root(), progress)?;
            found = digests(sender.repl, board, &paths)?;
        }
        let mut entries = plan(&mut sender, layout, &places, &wanted, &kept, &found)?;
        make_own_directory(sender.repl, board, &places)?;
        let list = manifest::save(&mut sender, &places, &entries, old.as_ref())?;
        make_directories(sender.repl, board, &entries)?;
        put_aside(sender.repl, board, &entries)?;
        if entries.iter().any(|entry| matches!(entry.origin, Origin::Copying(_))) {
            // The copies are whole now: from here on they are what is put back.
            for entry in &mut entries {
                if let Origin::Copying(backup) = &entry.origin {
                    entry.origin = Origin::Copied(backup.clone());
                }
            }
            manifest::save(&mut sender, &places, &entries, Some(&list))?;
        }
        // What was renamed away is no longer there.
        for ((path, _), found) in wanted.iter().zip(&mut found) {
            let moved = |entry: &Entry| matches!(entry.origin, Origin::Renamed(_));
            if entries.iter().any(|entry| entry.path == *path && moved(entry)) {
                *found = None;
            }
        }
        send_missing(&mut sender, &wanted, &found, progress)?;
        Ok(Self { layout, places, entries })
    }

    /// The deployment of `blobs` that is on a board already; nothing is sent.
    ///
    /// # Errors
    /// [`DeployError::NotThere`] when a file is missing or another one.
    pub fn there(
        repl: &mut RawRepl,
        board: &Board,
        layout: Layout,
        blobs: &[Blob],
    ) -> Result<Self, DeployError> {
        let left = match Self::left_behind(repl, board, layout)? {
            Some(left) => left,
            None => Self { layout, places: Places::new(board, layout), entries: Vec::new() },
        };
        let paths: Vec<String> = blobs.iter().map(|blob| left.path_of(&blob.name)).collect();
        let named: Vec<&str> = paths.iter().map(String::as_str).collect();
        let found = digests(repl, board, &named)?;
        let sender = Sender::new(repl, board);
        let same = |blob: &Blob, found: &Option<String>| {
            found.as_deref() == Some(sender.digest.of(&blob.bytes).as_str())
        };
        let other = blobs.iter().zip(&found).position(|(blob, found)| !same(blob, found));
        match other {
            Some(index) => Err(DeployError::NotThere { name: paths[index].clone() }),
            None => Ok(left),
        }
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
        let found = digests(repl, board, &places.lists())?;
        let listed = manifest::load(repl, board, &places, &found)?;
        Ok(listed.map(|listed| Self { layout, places, entries: listed.entries }))
    }

    /// Where a blob is on the board.
    #[must_use]
    pub fn path_of(&self, name: &str) -> String {
        self.places.path_of(name)
    }

    /// Where a file of ours that is no part of the deployment may be: beside the list of what was placed. None in
    /// memory, where nothing can be written afterwards.
    #[must_use]
    pub fn beside(&self, name: &str) -> Option<String> {
        if self.layout == Layout::Ram {
            return None;
        }
        Some(format!(
            "{}{name}",
            self.places.own_root().unwrap_or_else(|| self.places.root.clone())
        ))
    }

    /// The directory that the placed modules are imported from, with a `/` at its end; none where it is the
    /// board's own.
    #[must_use]
    pub fn import_root(&self) -> Option<String> {
        match self.layout {
            Layout::Own | Layout::Ram => self.places.own_root(),
            Layout::InPlace => None,
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
            ram::unmount(repl, board, self.places.own.as_deref().unwrap_or("/"))?;
            return Ok(());
        }
        put_back(repl, board, &self.entries, self.places.own_root(), progress)?;
        remove_files(repl, board, &[&self.places.new_list, &self.places.list])?;
        let own: Vec<&str> = self.places.own.iter().map(String::as_str).collect();
        remove_directories(repl, board, &own)
    }
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
    let mut entries: Vec<Entry> =
        kept.iter().filter(|entry| entry.origin == Origin::Directory).cloned().collect();
    let mut blocked = Vec::new();
    let mut backups = Vec::new();
    for ((path, blob), found) in wanted.iter().zip(found) {
        let known = kept.iter().find(|entry| entry.path == *path);
        let theirs = match (found, known) {
            (None, _) => false,
            (Some(_), None) => true,
            // What we placed may have been changed since: by our program in a directory of our own.
            (Some(found), Some(entry)) => {
                places.own.is_none() && is_somebody_elses(found, &entry.digest)
            }
        };
        let origin = match layout {
            Layout::InPlace if theirs => {
                let backup = backup_name(path);
                backups.push(backup.clone());
                if sender.board.rename { Origin::Renamed(backup) } else { Origin::Copying(backup) }
            }
            _ if theirs => {
                blocked.push(path.clone());
                Origin::New
            }
            _ => Origin::New,
        };
        entries.push(Entry { path: path.clone(), digest: sender.digest.of(&blob.bytes), origin });
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
    let paths: Vec<&str> = wanted.iter().map(|(path, _)| path.as_str()).collect();
    let missing = missing_directories(sender.repl, sender.board, places, &paths)?;
    let added = missing.into_iter().filter(|path| entries.iter().all(|entry| entry.path != *path));
    let added: Vec<Entry> = added
        .map(|path| Entry { path, digest: String::new(), origin: Origin::Directory })
        .collect();
    entries.extend(added);
    Ok(entries)
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
        sender
            .send(path, &blob.bytes, &mut |done| progress(Event::Sending { path, done, total }))?;
        progress(Event::Placed { path, bytes: total });
    }
    Ok(())
}
