//! From sources to the files that a board gets, made to fit the board.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::bail;

use super::args::{Common, SelectArgs};
use super::board_args::PlaceArgs;
use super::instrument::{attempt, options, show_faults, warn_of_paths};
use super::settrace::{self, Prepared, Texts};
use crate::board::back::hits_in_place;
use crate::board::cross::Cross;
use crate::board::place::{Roots, main_module, needed};
use crate::board::{runtime, start};
use crate::device::{Blob, Board, Layout};
use crate::discover::{self, Found};
use crate::fs;
use crate::model::{Digest, FileMap, Line};
use crate::store::Store;

/// What is to be placed, before it is known on which board.
pub(super) struct Sources<'a> {
    /// The files to cover.
    pub(super) covered: Vec<Found>,
    /// The directories (or files) that they were looked for in.
    pub(super) roots: Vec<PathBuf>,
    /// The script, by its full path.
    pub(super) script: Option<PathBuf>,
    /// The module to start instead.
    pub(super) module: Option<String>,
    /// The code to start instead.
    pub(super) code: Option<String>,
    pub(super) cwd: PathBuf,
    pub(super) select: &'a SelectArgs,
    pub(super) place: &'a PlaceArgs,
    /// Hits of a program that the board starts by itself are saved every so many seconds.
    pub(super) autosave: Option<f64>,
    /// How they are traced, if they are not instrumented.
    pub(super) trace: Option<Texts>,
}

/// Files for one board.
#[derive(Default)]
pub(super) struct Files {
    pub(super) blobs: Vec<Blob>,
    /// For each: its name, the name of its source, the lines that it has more.
    pub(super) origins: Vec<(String, String, Vec<u32>)>,
    pub(super) maps: BTreeMap<Digest, FileMap>,
    /// Modules that could not be covered, and why.
    pub(super) uncovered: BTreeMap<String, String>,
    /// The module to import, if something is to be started.
    pub(super) module: String,
    /// Whether only the board knows if that is a package.
    pub(super) perhaps_package: bool,
    /// The digest of the script, if it is covered.
    pub(super) script: Option<Digest>,
    /// Sources that are not sent to a small board, because nothing speaks of them.
    pub(super) left_out: BTreeSet<String>,
    /// Directories to search for modules.
    pub(super) search: Vec<String>,
    /// Whether the board starts the program by itself.
    pub(super) boots: bool,
    /// What is traced.
    pub(super) traced: Option<Prepared>,
    /// What the tracer is told.
    table: String,
}

/// A file on its way.
struct Part {
    /// The digest under which it is traced.
    traced: Option<Digest>,
    path: PathBuf,
    host: String,
    text: Vec<u8>,
    added: Vec<u32>,
    /// Lines that were put in front of it.
    in_front: u32,
}

impl Part {
    fn plain(path: PathBuf, host: String, text: Vec<u8>) -> Self {
        Self { traced: None, path, host, text, added: Vec::new(), in_front: 0 }
    }

    /// Takes another text, which may have a line more in front.
    fn replace(&mut self, text: Vec<u8>, added: bool) {
        self.text = text;
        if added {
            let moved = self.added.iter().map(|line| line + 1);
            self.added = std::iter::once(1).chain(moved).collect();
            self.in_front += 1;
        }
    }
}

impl Sources<'_> {
    /// Which layout is asked for.
    pub(super) fn layout(&self) -> Layout {
        match (self.place.in_place, self.place.ram) {
            (true, _) => Layout::InPlace,
            (_, true) => Layout::Ram,
            _ => Layout::Own,
        }
    }

    /// The covered files in `count` shares of about the same size.
    pub(super) fn shares(&self, count: usize) -> anyhow::Result<Vec<BTreeSet<PathBuf>>> {
        let mut sized = Vec::new();
        for found in &self.covered {
            sized.push((fs::read(&found.path)?.len(), found.path.clone()));
        }
        sized.sort_by_key(|(size, path)| (std::cmp::Reverse(*size), path.clone()));
        let mut shares = vec![(0, BTreeSet::new()); count.clamp(1, sized.len().max(1))];
        for (size, path) in sized {
            if let Some(least) = shares.iter_mut().min_by_key(|(total, _)| *total) {
                least.0 += size;
                least.1.insert(path);
            }
        }
        Ok(shares.into_iter().map(|(_, share)| share).collect())
    }

    fn import_roots(&self) -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = Vec::new();
        for root in &self.roots {
            let Ok(full) = fs::canonical(root) else { continue };
            let dir = if full.is_file() { full.parent().unwrap_or(&full).to_owned() } else { full };
            let root = discover::import_root(&dir);
            if !all.contains(&root) {
                all.push(root);
            }
        }
        all
    }

    /// Makes the files for a board, and keeps their sensor maps. With `only`, other files are placed plain.
    pub(super) fn for_board(
        &self,
        board: &Board,
        common: &Common,
        only: Option<&BTreeSet<PathBuf>>,
    ) -> anyhow::Result<Files> {
        let mut options = options(self.select)?;
        options.walrus &= board.walrus;
        let script = self.script.as_deref();
        let main = script.or(if self.module.is_none() && self.code.is_none() {
            None
        } else {
            Some(&*self.cwd)
        });
        let wanted = |found: &&Found| only.is_none_or(|only| only.contains(&found.path));
        let covered = self.covered.iter().filter(wanted).cloned().collect();
        let attempts = attempt(covered, &options, main)?;
        let bad: Vec<_> = attempts.iter().filter(|a| a.result.is_err()).collect();
        static ONCE: Once = Once::new();
        let mut shown = Ok(());
        // Several boards have the same faults.
        ONCE.call_once(|| {
            if !bad.is_empty() {
                shown = show_faults(&bad, common.color);
            }
            warn_of_paths(&attempts, common.color);
        });
        shown?;
        let traced =
            self.trace.map(|texts| settrace::prepare(&attempts, script, texts, self.select));
        let mut files = Files { traced, ..Files::default() };
        let store = Store::at(&common.data_dir);
        let mut parts = Vec::new();
        for attempt in attempts {
            let (path, host) = (attempt.found.path, attempt.found.name);
            let part = match attempt.result {
                Ok(made) => {
                    store.put_map(&made.map)?;
                    if script == Some(&*path) && made.map.sensor_count > 0 {
                        files.script = Some(made.map.digest.clone());
                    }
                    let digest = made.map.digest.clone();
                    files.maps.insert(digest.clone(), made.map);
                    let numbers = |lines: &[Line]| lines.iter().map(|line| line.0).collect();
                    match files.traced.as_ref().and_then(|traced| traced.text(&digest)) {
                        Some(traced) => Part {
                            added: numbers(traced.added_lines()),
                            traced: Some(digest),
                            ..Part::plain(path, host, traced.text().to_vec())
                        },
                        None => Part {
                            added: numbers(&made.woven.added_lines),
                            ..Part::plain(path, host, made.woven.text)
                        },
                    }
                }
                Err(_) => {
                    files.uncovered.insert(host.clone(), "it does not parse".to_owned());
                    Part::plain(path, host, attempt.text)
                }
            };
            parts.push(part);
        }
        for found in self.covered.iter().filter(|found| !wanted(found)) {
            let (path, host) = (found.path.clone(), found.name.clone());
            let text = fs::read(&path)?;
            parts.push(Part::plain(path, host, text));
        }
        self.add_plain(&mut parts)?;
        if runtime::is_small(board) {
            files.left_out = self.leave_out(&mut parts);
        }
        let directories = board.directories && (board.sys_path || self.place.in_place);
        let roots = Roots {
            script: script.and_then(Path::parent).map(Path::to_owned),
            imports: self.import_roots(),
            directories,
        };
        files.search = if board.sys_path { roots.search() } else { Vec::new() };
        let cross = match self.place.mpy {
            true => Some(Cross::for_board(&self.place.mpy_cross, board.mpy)?),
            false => None,
        };
        if let Some(module) = &self.module {
            let names: Vec<String> = parts.iter().map(|part| roots.name_of(&part.path)).collect();
            let main = main_module(module, names.iter().map(String::as_str));
            files.perhaps_package = main.is_none();
            files.module = main.unwrap_or_else(|| module.clone());
        }
        for part in parts {
            self.add(part, &roots, board, cross.as_ref(), &mut files)?;
        }
        if let Some(code) = &self.code {
            let (text, added) = start::as_main(code.as_bytes(), "_mpycov_code", board.sys_modules);
            let added = if added { vec![1] } else { Vec::new() };
            let part = Part::plain("_mpycov_code.py".into(), "<stdin>".to_owned(), text);
            let part = Part { added, ..part };
            files.module = "_mpycov_code".to_owned();
            place(part, "_mpycov_code.py".to_owned(), cross.as_ref(), &mut files)?;
        }
        self.add_extra(&mut files)?;
        if files.traced.is_some() {
            let table = std::mem::take(&mut files.table).into_bytes();
            files.blobs.extend(runtime::tracer(table));
        }
        Ok(files)
    }

    /// Takes away what nothing speaks of that is started; its names. What is placed without a start is placed whole.
    fn leave_out(&self, parts: &mut Vec<Part>) -> BTreeSet<String> {
        let is_script = |part: &Part| self.script.as_deref() == Some(&*part.path);
        let module = self.module.as_ref().map(|module| format!("{module}.__main__"));
        let mut start: Vec<&[u8]> = Vec::new();
        start.extend(self.code.as_deref().or(module.as_deref()).map(str::as_bytes));
        start.extend(parts.iter().filter(|part| is_script(part)).map(|part| &part.text[..]));
        if start.is_empty() {
            return BTreeSet::new();
        }
        let names: Vec<String> = parts.iter().map(|part| fs::slashed(&part.path)).collect();
        let all: Vec<(&str, &[u8])> =
            names.iter().map(String::as_str).zip(parts.iter().map(|p| &p.text[..])).collect();
        let wanted: BTreeSet<usize> = needed(&start, &all).into_iter().collect();
        let (stay, away): (Vec<_>, Vec<_>) = std::mem::take(parts)
            .into_iter()
            .enumerate()
            .partition(|(index, part)| is_script(part) || wanted.contains(index));
        *parts = stay.into_iter().map(|(_, part)| part).collect();
        away.into_iter().map(|(_, part)| part.host).collect()
    }

    /// Adds the script, if it is not covered, and plain modules that may be imported.
    fn add_plain(&self, parts: &mut Vec<Part>) -> anyhow::Result<()> {
        let taken: BTreeSet<PathBuf> = parts.iter().map(|part| part.path.clone()).collect();
        if let Some(script) = self.script.as_deref().filter(|script| !taken.contains(*script)) {
            let host = discover::display_name(script, &self.cwd);
            parts.push(Part::plain(script.to_owned(), host, fs::read(script)?));
        }
        let mut dirs: Vec<PathBuf> =
            self.script.iter().filter_map(|s| s.parent()).map(Path::to_owned).collect();
        dirs.extend(self.roots.iter().cloned());
        let mut helpers: BTreeMap<PathBuf, Part> = BTreeMap::new();
        for dir in dirs {
            for found in discover::files(&dir, &[], &self.cwd)? {
                let python = found.path.extension().is_some_and(|e| e == "py");
                let known =
                    taken.contains(&found.path) || self.script.as_deref() == Some(&*found.path);
                if python && !known && !discover::is_runtime(&found.name) {
                    let text = fs::read(&found.path)?;
                    let part = Part::plain(found.path.clone(), found.name, text);
                    helpers.insert(found.path, part);
                }
            }
        }
        let names: Vec<String> = helpers.keys().map(|path| fs::slashed(path)).collect();
        let all: Vec<(&str, &[u8])> =
            names.iter().map(String::as_str).zip(helpers.values().map(|p| &p.text[..])).collect();
        let module = self.module.as_ref().map(|module| format!("{module}.__main__"));
        let code = self.code.as_deref().or(module.as_deref()).unwrap_or_default();
        let mut start: Vec<&[u8]> = parts.iter().map(|part| &part.text[..]).collect();
        start.push(code.as_bytes());
        let wanted: BTreeSet<usize> = needed(&start, &all).into_iter().collect();
        parts.extend(
            helpers
                .into_values()
                .enumerate()
                .filter(|(i, _)| wanted.contains(i))
                .map(|(_, part)| part),
        );
        Ok(())
    }

    fn add(
        &self,
        mut part: Part,
        roots: &Roots,
        board: &Board,
        cross: Option<&Cross>,
        files: &mut Files,
    ) -> anyhow::Result<()> {
        let mut name = roots.name_of(&part.path);
        let is_script = self.script.as_deref() == Some(&*part.path);
        let module = match &self.module {
            Some(_) => files.module.clone(),
            None => start::module_name(&stem(&part.path)),
        };
        if is_script && self.place.in_place && ["main.py", "boot.py"].contains(&&*name) {
            files.boots = true;
        }
        let boots = self.place.in_place && (name == "main.py" || files.boots && is_script);
        if boots && runtime::can_guard(board) {
            let (text, added) = start::as_guarded(&part.text, &hits_in_place(board), self.autosave);
            part.replace(text, added);
        }
        if boots {
            // It is the main program as it is.
        } else if is_script || self.module.is_some() && is_module(&name, &module) {
            if is_script {
                // A name that cannot be imported becomes one that can.
                let dir =
                    name.rsplit_once('/').map(|(dir, _)| format!("{dir}/")).unwrap_or_default();
                name = format!("{dir}{module}.py");
                files.module = module.clone();
            }
            let (text, added) = start::as_main(&part.text, &module, board.sys_modules);
            part.replace(text, added);
        }
        place(part, name, cross.filter(|_| !boots), files)
    }

    /// Adds what is placed as it is.
    fn add_extra(&self, files: &mut Files) -> anyhow::Result<()> {
        for path in &self.place.extra {
            let is_dir = path.is_dir();
            for found in discover::files(path, &[], &self.cwd)? {
                let name = if is_dir {
                    found.relative.clone()
                } else {
                    PathBuf::from(found.path.file_name().unwrap_or_default())
                };
                let name = fs::slashed(&name);
                check_free(&name, &found.name, files)?;
                files.blobs.push(Blob { name, bytes: fs::read(&found.path)? });
            }
        }
        Ok(())
    }
}

/// Adds a file under a name, compiled if there is a compiler.
fn place(
    part: Part,
    mut name: String,
    cross: Option<&Cross>,
    files: &mut Files,
) -> anyhow::Result<()> {
    let mut bytes = part.text;
    if let (Some(cross), Some(stem)) = (cross, name.strip_suffix(".py")) {
        bytes = cross.compile(&bytes, &part.host)?;
        name = format!("{stem}.mpy");
    }
    check_free(&name, &part.host, files)?;
    if let (Some(traced), Some(digest)) = (&mut files.traced, &part.traced) {
        files.table += &traced.placed(digest, &name, part.in_front);
    }
    files.origins.push((name.clone(), part.host, part.added));
    files.blobs.push(Blob { name, bytes });
    Ok(())
}

fn check_free(name: &str, host: &str, files: &Files) -> anyhow::Result<()> {
    if files.blobs.iter().any(|blob| blob.name == name) {
        let other = files
            .origins
            .iter()
            .find(|(other, ..)| other == name)
            .map_or(name, |(_, host, _)| host);
        bail!("{other} and {host} would both become {name}");
    }
    Ok(())
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether a file of this name is what `import module` runs.
fn is_module(name: &str, module: &str) -> bool {
    name == format!("{}.py", module.replace('.', "/"))
}
