//! Files, with the path in every error. Nobody else touches `std::fs`.

use std::io::Write;
use std::path::{Path, PathBuf};

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    /// What was tried.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: std::io::Error,
}

/// The result of a file operation.
pub type Result<T> = std::result::Result<T, FileError>;

fn named<T>(action: &'static str, path: &Path, result: std::io::Result<T>) -> Result<T> {
    result.map_err(|source| FileError { action, path: path.to_owned(), source })
}

/// Reads a whole file.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    named("read", path, std::fs::read(path))
}

/// Writes a file so that it is there whole or not at all, and makes the
/// directories it needs.
///
/// # Errors
/// When it cannot be written; the old file is still there then.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    create_dir(dir)?;
    let mut file = named("write", path, tempfile::NamedTempFile::new_in(dir))?;
    named("write", path, file.write_all(bytes))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_or(0o644, |m| m.permissions().mode());
        let permissions = std::fs::Permissions::from_mode(mode);
        named("write", path, file.as_file().set_permissions(permissions))?;
    }
    let persisted = file.persist(path).map(|_| ()).map_err(|e| e.error);
    named("write", path, persisted)
}

/// Writes a file unless it holds these very bytes already. Says whether it wrote.
///
/// # Errors
/// As [`write`].
pub fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<bool> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    write(path, bytes).map(|()| true)
}

/// Writes a new file and fails if there is one of this name already.
///
/// # Errors
/// As [`write`]; [`std::io::ErrorKind::AlreadyExists`] inside if it is there.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    create_dir(dir)?;
    let mut file = named("write", path, tempfile::NamedTempFile::new_in(dir))?;
    named("write", path, file.write_all(bytes))?;
    named("write", path, file.persist_noclobber(path).map(|_| ()).map_err(|e| e.error))
}

/// Makes a directory and those above it.
///
/// # Errors
/// When it cannot be made.
pub fn create_dir(path: &Path) -> Result<()> {
    named("make the directory", path, std::fs::create_dir_all(path))
}

/// Copies a file with its permissions.
///
/// # Errors
/// When it cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(dir) = to.parent() {
        create_dir(dir)?;
    }
    named("copy", from, std::fs::copy(from, to).map(|_| ()))
}

/// Removes a file.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    named("remove", path, std::fs::remove_file(path))
}

/// Removes a directory if it is empty; a full one stays, which is no error.
pub fn remove_empty_dir(path: &Path) {
    let _ = std::fs::remove_dir(path);
}

/// The entries of a directory, sorted; none if it is not there.
///
/// # Errors
/// When it is there and cannot be read.
pub fn list(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let entries = named("read", path, std::fs::read_dir(path))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(named("read", path, entry)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// The absolute path without links.
///
/// # Errors
/// When it does not exist.
pub fn canonical(path: &Path) -> Result<PathBuf> {
    named("find", path, std::fs::canonicalize(path)).map(plain)
}

/// The working directory, spelled as [`canonical`] spells it, so that paths below it start with it.
///
/// # Errors
/// When it is gone.
pub fn working_dir() -> Result<PathBuf> {
    let here = Path::new(".");
    // Only Windows gives it as it was typed: in other letters, or through a link.
    if cfg!(windows) { canonical(here) } else { named("find", here, std::env::current_dir()) }
}

/// A path as reports, data and MicroPython spell it: with `/` on every system.
#[must_use]
pub fn slashed(path: &Path) -> String {
    let text = path.to_string_lossy();
    if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() }
}

/// Windows spells full paths `\\?\C:\…`, which other programs do not take and nobody types. Without these
/// four characters such a path means the same, unless it is long or one of its names is special.
#[cfg(windows)]
fn plain(path: PathBuf) -> PathBuf {
    const LONGEST: usize = 259;
    let Some(short) = path.to_str().and_then(|text| text.strip_prefix(r"\\?\")) else {
        return path;
    };
    let is_drive = short.as_bytes().get(1) == Some(&b':');
    let means_the_same = std::path::absolute(short).is_ok_and(|full| full.as_os_str() == short);
    if is_drive && short.len() <= LONGEST && means_the_same { PathBuf::from(short) } else { path }
}

/// Paths are plain here.
#[cfg(not(windows))]
fn plain(path: PathBuf) -> PathBuf {
    path
}
