//! Which source files are asked for. The only place that walks source trees.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use regex::Regex;

use crate::embedded::{NAME, TRACER};
use crate::fs::FileError;

/// A file of a source tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Its path relative to the root it was found under.
    pub relative: PathBuf,
    /// The name under which reports list it: relative to the working
    /// directory if it is below it, with `/`.
    pub name: String,
}

/// Which files are wanted.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    include: Option<GlobSet>,
    omit: Option<GlobSet>,
    pattern: Option<Regex>,
    containing: Vec<String>,
    not_containing: Vec<String>,
}

/// A selection that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// A glob is wrong.
    #[error("the pattern `{0}` is no glob: {1}")]
    Glob(String, String),
    /// A regular expression is wrong.
    #[error("the pattern `{0}` is no regular expression: {1}")]
    Regex(String, String),
}

impl Selection {
    /// Wants files that match an `include` glob (all, if there is none) and no
    /// `omit` glob, and whose module name matches `pattern`.
    ///
    /// # Errors
    /// When a glob or the expression is wrong.
    pub fn new(
        include: &[String],
        omit: &[String],
        pattern: Option<&str>,
    ) -> Result<Self, SelectionError> {
        let pattern = pattern
            .map(|p| {
                Regex::new(&format!("^(?:{p})$"))
                    .map_err(|e| SelectionError::Regex(p.to_owned(), e.to_string()))
            })
            .transpose()?;
        Ok(Self { include: globs(include)?, omit: globs(omit)?, pattern, ..Self::default() })
    }

    /// The same, but only files whose name contains one of the first texts (any, if
    /// there is none) and none of the second.
    #[must_use]
    pub fn with_texts(mut self, containing: &[String], not_containing: &[String]) -> Self {
        self.containing = containing.to_vec();
        self.not_containing = not_containing.to_vec();
        self
    }

    /// Is this file wanted? `name` is as in [`Found::name`].
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        // With a slash in front, for globs such as `*/tests/*`.
        let rooted = format!("/{name}");
        let matches = |set: &Option<GlobSet>, none: bool| {
            let hit = |set: &GlobSet| [name, base(name), &rooted].iter().any(|n| set.is_match(n));
            set.as_ref().map_or(none, hit)
        };
        let stem = base(name).trim_end_matches(".py");
        let module = match stem {
            "__init__" => name.rsplit('/').nth(1).unwrap_or(stem),
            other => other,
        };
        let contains = |text: &String| name.contains(text.as_str());
        if is_runtime(name) {
            return false;
        }
        (self.containing.is_empty() || self.containing.iter().any(contains))
            && !self.not_containing.iter().any(contains)
            && matches(&self.include, true)
            && !matches(&self.omit, false)
            && self.pattern.as_ref().is_none_or(|p| p.is_match(module))
    }
}

/// Is this the name of a file of the runtime, which measures and is not measured?
#[must_use]
pub fn is_runtime(name: &str) -> bool {
    let file = base(name);
    file == NAME || TRACER.iter().any(|(name, _)| *name == file)
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn globs(patterns: &[String]) -> Result<Option<GlobSet>, SelectionError> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let mut builder = GlobSetBuilder::new();
    let wrong = |p: &str, e: &globset::Error| SelectionError::Glob(p.to_owned(), e.to_string());
    for pattern in patterns {
        // Names are with `/` on every system; on Windows nobody escapes with a backslash.
        let slashed = if cfg!(windows) { pattern.replace('\\', "/") } else { pattern.clone() };
        let trimmed = slashed.trim_end_matches('/');
        for form in [trimmed.to_owned(), format!("{trimmed}/**")] {
            let glob = GlobBuilder::new(&form).case_insensitive(cfg!(windows)).build();
            builder.add(glob.map_err(|e| wrong(pattern, &e))?);
        }
    }
    builder.build().map(Some).map_err(|e| wrong("", &e))
}

/// The module name pattern for a script: `test_x` covers `test_x` and `x`.
#[must_use]
pub fn default_pattern(script: &Path) -> String {
    let stem = script.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    match stem.strip_prefix("test_") {
        Some(module) if !module.is_empty() => {
            format!(r"{}|{}|test_\w+", regex::escape(&stem), regex::escape(module))
        }
        _ => regex::escape(&stem),
    }
}

/// All files below a root (or the root itself, if it is a file), sorted.
/// Hidden entries, `__pycache__` and what is in `skip` are passed over, and so are
/// links that lead to nothing, or back to where they stand.
///
/// # Errors
/// When a directory cannot be read.
pub fn files(root: &Path, skip: &[PathBuf], cwd: &Path) -> Result<Vec<Found>, FileError> {
    let root = crate::fs::canonical(root)?;
    if root.is_file() {
        let relative = root.file_name().map(PathBuf::from).unwrap_or_default();
        return Ok(vec![Found { name: display_name(&root, cwd), relative, path: root }]);
    }
    let skip = skip.to_vec();
    let walk = ignore::WalkBuilder::new(&root)
        .standard_filters(false)
        .hidden(true)
        .follow_links(true)
        .filter_entry(move |entry| {
            entry.file_name() != "__pycache__" && !skip.iter().any(|s| s == entry.path())
        })
        .build();
    let mut found = BTreeMap::new();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if leads_nowhere(&error) => continue,
            Err(error) => {
                let path = place(&error).unwrap_or(&root).to_owned();
                let source = error.into_io_error();
                let source = source.unwrap_or_else(|| std::io::Error::other("it cannot be read"));
                return Err(FileError { action: "read", path, source });
            }
        };
        if entry.file_type().is_some_and(|t| t.is_file()) {
            let path = entry.into_path();
            let relative = path.strip_prefix(&root).unwrap_or(&path).to_owned();
            found.insert(path.clone(), Found { name: display_name(&path, cwd), relative, path });
        }
    }
    Ok(found.into_values().collect())
}

/// Is this a link to nothing or to a directory above, or a file that went away
/// meanwhile? What is there is found without it.
fn leads_nowhere(error: &ignore::Error) -> bool {
    let is_loop = match error {
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithPath { err, .. } => {
            leads_nowhere(err)
        }
        ignore::Error::Loop { .. } => true,
        _ => false,
    };
    let is_gone = error.io_error().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound);
    is_loop || is_gone || place(error).is_some_and(|path| path.is_symlink() && !path.exists())
}

/// The path that an error is about.
fn place(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } => place(err),
        _ => None,
    }
}

/// The directory that modules below `dir` are imported from: `dir` itself, or
/// above it if it is a package or part of one.
#[must_use]
pub fn import_root(dir: &Path) -> PathBuf {
    let mut root = dir;
    while root.join("__init__.py").is_file()
        && let Some(above) = root.parent()
    {
        root = above;
    }
    root.to_owned()
}

/// The name of a path in reports: relative to `cwd` when it is below it.
#[must_use]
pub fn display_name(path: &Path, cwd: &Path) -> String {
    let short = path.strip_prefix(cwd).unwrap_or(path);
    crate::fs::slashed(short)
}
