//! Which file counts, and how it is read.

use std::path::Path;

use super::entries::{PATHS, Source};
use super::value::Variables;
use super::{ConfigError, Settings, ini, toml_file};
use crate::fs;

/// Our own file.
const OWN: &str = "mpycov.toml";
/// The table of ours in the file that all tools share.
const TABLE: &str = "tool.mpycov";
/// The file that all tools share.
const SHARED: &str = "pyproject.toml";
/// coverage.py's own file; the other places it looks come after it.
const COVERAGE: &str = ".coveragerc";
/// Names another file in its place.
const COVERAGE_VARIABLE: &str = "COVERAGE_RCFILE";
/// Files of other tools in which coverage.py may have sections.
const COVERAGE_ALSO: [&str; 2] = ["setup.cfg", "tox.ini"];
/// The sections of coverage.py; any one of them makes a shared file its own.
const COVERAGE_SECTIONS: [&str; 7] = ["run", "report", "html", "xml", "json", "lcov", "paths"];

/// Finds and reads the settings for a directory: of `named`, or else of the
/// first file that has any. Without one, nothing is set.
///
/// # Errors
/// When a file cannot be read, or says something that cannot be understood.
pub fn load(
    dir: &Path,
    named: Option<&Path>,
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<Settings, ConfigError> {
    if let Some(path) = named {
        return by_name(&path.display().to_string(), &read(path)?, variables);
    }
    let there = |name: &str| {
        let path = dir.join(name);
        // A directory of another tool's may have such a name, but not ours.
        let is_there = path.is_file() || name == OWN && path.exists();
        if is_there { read(&path).map(Some) } else { Ok(None) }
    };
    if let Some(text) = there(OWN)? {
        return own(OWN, &text, variables);
    }
    let shared = there(SHARED)?;
    if let Some(text) = &shared
        && let Some(settings) = table(SHARED, text, variables)?
    {
        return Ok(settings);
    }
    if let Some(name) = variables(COVERAGE_VARIABLE).filter(|name| !name.is_empty()) {
        return coverage(&name, &read(&dir.join(&name))?, variables);
    }
    if let Some(text) = there(COVERAGE)? {
        return coverage(COVERAGE, &text, variables);
    }
    for name in COVERAGE_ALSO {
        if let Some(text) = there(name)?
            && let Some(settings) = coverage_ini(name, &text, false, variables)?
        {
            return Ok(settings);
        }
    }
    let last = shared.map(|text| coverage_toml(SHARED, &text, variables)).transpose()?;
    Ok(last.flatten().unwrap_or_default())
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// A file that the user named: its kind follows from what it is called and
/// what is in it.
fn by_name(file: &str, text: &str, variables: Variables<'_>) -> Result<Settings, ConfigError> {
    if !file.ends_with(".toml") {
        return coverage(file, text, variables);
    }
    if let Some(settings) = table(file, text, variables)? {
        return Ok(settings);
    }
    match coverage_toml(file, text, variables)? {
        Some(settings) => Ok(settings),
        None => own(file, text, variables),
    }
}

fn own(file: &str, text: &str, variables: Variables<'_>) -> Result<Settings, ConfigError> {
    let (entries, _) = toml_file::entries(text).map_err(|error| bad_toml(file, error))?;
    settings(&Source { file, entries: &entries, ini: false }, "", variables)
}

/// What our own section says.
fn settings(
    source: &Source<'_>,
    section: &str,
    variables: Variables<'_>,
) -> Result<Settings, ConfigError> {
    let dot = if section.is_empty() { "" } else { "." };
    let paths = source.paths(&[format!("{section}{dot}{PATHS}")], variables)?;
    let values = source.own(section, variables)?;
    Ok(Settings { file: Some(source.file.to_owned()), values, paths })
}

/// What coverage.py's sections say.
fn coverage_settings(
    source: &Source<'_>,
    prefixes: &[&str],
    variables: Variables<'_>,
) -> Result<Settings, ConfigError> {
    let sections: Vec<String> = prefixes.iter().map(|prefix| format!("{prefix}{PATHS}")).collect();
    let paths = source.paths(&sections, variables)?;
    let values = source.coverage(prefixes, variables)?;
    Ok(Settings { file: Some(source.file.to_owned()), values, paths })
}

/// `[tool.mpycov]`, if it is there.
fn table(
    file: &str,
    text: &str,
    variables: Variables<'_>,
) -> Result<Option<Settings>, ConfigError> {
    let (entries, tables) = toml_file::entries(text).map_err(|error| bad_toml(file, error))?;
    if !tables.iter().any(|name| name == TABLE) {
        return Ok(None);
    }
    settings(&Source { file, entries: &entries, ini: false }, TABLE, variables).map(Some)
}

/// A file that is coverage.py's own.
fn coverage(file: &str, text: &str, variables: Variables<'_>) -> Result<Settings, ConfigError> {
    let read = if file.ends_with(".toml") {
        coverage_toml(file, text, variables)
    } else {
        coverage_ini(file, text, true, variables)
    };
    Ok(read?.unwrap_or_default())
}

fn coverage_toml(
    file: &str,
    text: &str,
    variables: Variables<'_>,
) -> Result<Option<Settings>, ConfigError> {
    let (entries, tables) = toml_file::entries(text).map_err(|error| bad_toml(file, error))?;
    let prefix = "tool.coverage.";
    let has = |section: &&str| tables.iter().any(|name| *name == format!("{prefix}{section}"));
    if !COVERAGE_SECTIONS.iter().any(has) {
        return Ok(None);
    }
    let source = Source { file, entries: &entries, ini: false };
    coverage_settings(&source, &[prefix], variables).map(Some)
}

/// coverage.py's sections of an INI file. In its own file their names may go
/// without a prefix; in another's the file counts only if it has one of them.
fn coverage_ini(
    file: &str,
    text: &str,
    its_own: bool,
    variables: Variables<'_>,
) -> Result<Option<Settings>, ConfigError> {
    let (entries, sections) = match ini::entries(text) {
        Ok(read) => read,
        // Another tool's file may be written as only that tool reads it.
        Err(_) if !its_own => return Ok(None),
        Err(error) => {
            return Err(ConfigError::Syntax {
                file: file.to_owned(),
                line: error.line,
                reason: error.reason.to_owned(),
            });
        }
    };
    let prefixes: &[&str] = if its_own { &["coverage:", ""] } else { &["coverage:"] };
    let ours =
        |name: &String| COVERAGE_SECTIONS.iter().any(|known| *name == format!("coverage:{known}"));
    if !its_own && !sections.iter().any(ours) {
        return Ok(None);
    }
    let source = Source { file, entries: &entries, ini: true };
    coverage_settings(&source, prefixes, variables).map(Some)
}

fn bad_toml(file: &str, error: toml_file::TomlError) -> ConfigError {
    ConfigError::Syntax { file: file.to_owned(), line: error.line, reason: error.reason }
}
