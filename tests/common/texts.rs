//! The texts of the repository, for tests that read them.

use std::fs;
use std::path::PathBuf;

use super::repo_root;

/// A file of the repository.
pub struct File {
    /// Its path from the top, with `/`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// All files below some directories (or such files) with one of the endings.
pub fn files(places: &[&str], endings: &[&str]) -> Vec<File> {
    let mut open: Vec<PathBuf> = places.iter().map(|place| repo_root().join(place)).collect();
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a directory");
            open.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
            let name = path.strip_prefix(repo_root()).expect("a file of the repository");
            let text = fs::read_to_string(&path).expect("a text");
            found.push(File { path: name.to_string_lossy().replace('\\', "/"), text });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no files in {places:?}");
    found
}

/// Compares a file with what it should be, or writes it if `MPYCOV_BLESS` is set.
pub fn bless(path: &str, text: &str) {
    let full = repo_root().join(path);
    let is = fs::read_to_string(&full).unwrap_or_default();
    if is != text && std::env::var_os("MPYCOV_BLESS").is_some() {
        fs::write(&full, text).expect("the file");
    } else {
        assert!(is == text, "{path} is not up to date: run this test with MPYCOV_BLESS=1");
    }
}
