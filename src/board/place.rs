//! Under which name a source is placed on a board, so that `import` finds it there as it did beside its script.
//!
//! In: paths. Out: names relative to the directory of imports. It touches no file.

use std::path::{Path, PathBuf};

use regex::Regex;

use crate::fs;

/// Where sources are, and where names are counted from.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    /// The directory of the script, if a script runs.
    pub script: Option<PathBuf>,
    /// Directories that modules are imported from.
    pub imports: Vec<PathBuf>,
    /// Whether the board can import from directories.
    pub directories: bool,
}

impl Roots {
    /// The name of a file.
    #[must_use]
    pub fn name_of(&self, path: &Path) -> String {
        let below =
            |root: &Path| path.strip_prefix(root).ok().filter(|p| p.components().next().is_some());
        let by_script = || self.script.as_deref().and_then(below);
        let by_import = || self.imports.iter().find_map(|root| below(root));
        // Without directories what stands beside the script has to be beside everything.
        let found = if self.directories {
            by_import().or_else(by_script)
        } else {
            by_script().or_else(by_import)
        };
        let name = found.or_else(|| path.file_name().map(Path::new)).unwrap_or(path);
        fs::slashed(name)
    }

    /// The directories to search for modules, below the one where the files are; the first comes first. The
    /// script's own is the first, as everywhere.
    #[must_use]
    pub fn search(&self) -> Vec<String> {
        let mut paths = vec![String::new()];
        if let Some(script) = self.script.as_deref().filter(|_| self.directories)
            && let Some(inner) = self.imports.iter().find_map(|root| script.strip_prefix(root).ok())
        {
            let inner = fs::slashed(inner);
            if !inner.is_empty() {
                paths.insert(0, inner);
            }
        }
        paths
    }
}

/// The module that `-m` runs when it names this one, going by the names of the files there are: of a package its
/// `__main__`. None if there is no such file.
#[must_use]
pub fn main_module<'a>(
    module: &str,
    mut names: impl Iterator<Item = &'a str> + Clone,
) -> Option<String> {
    let path = module.replace('.', "/");
    let inside = [format!("{path}/__init__.py"), format!("{path}/__main__.py")];
    if names.clone().any(|name| inside.iter().any(|one| one == name)) {
        return Some(format!("{module}.__main__"));
    }
    names.any(|name| name == format!("{path}.py")).then(|| module.to_owned())
}

/// Which of `helpers`, given by their module names, the texts speak of, and then what those speak of: the ones
/// that may be imported. A name in a string counts, since `__import__` takes strings.
#[must_use]
pub fn needed(start: &[&[u8]], helpers: &[(&str, &[u8])]) -> Vec<usize> {
    let words = Regex::new(r"[A-Za-z_]\w*").expect("a pattern");
    let mut open: Vec<&[u8]> = start.to_vec();
    let mut taken = vec![false; helpers.len()];
    while let Some(text) = open.pop() {
        let text = String::from_utf8_lossy(text);
        let spoken: std::collections::BTreeSet<&str> =
            words.find_iter(&text).map(|w| w.as_str()).collect();
        for (index, (name, helper)) in helpers.iter().enumerate() {
            if !taken[index] && spoken.contains(module_of(name)) {
                taken[index] = true;
                open.push(helper);
            }
        }
    }
    (0..helpers.len()).filter(|index| taken[*index]).collect()
}

/// The last part of the name by which a file is imported.
fn module_of(name: &str) -> &str {
    let stem = name.strip_suffix(".py").unwrap_or(name);
    let package = stem.strip_suffix("/__init__").unwrap_or(stem);
    package.rsplit('/').next().unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots(script: &str, imports: &[&str], directories: bool) -> Roots {
        Roots {
            script: Some(script.into()),
            imports: imports.iter().map(PathBuf::from).collect(),
            directories,
        }
    }

    #[test]
    fn names_are_those_of_import() {
        let tree = roots("/p/tests", &["/p"], true);
        assert_eq!(tree.name_of(Path::new("/p/hub/a.py")), "hub/a.py");
        assert_eq!(tree.name_of(Path::new("/p/tests/test_a.py")), "tests/test_a.py");
        assert_eq!(tree.search(), ["tests", ""]);
        let flat = roots("/p/tests", &["/p"], false);
        assert_eq!(flat.name_of(Path::new("/p/tests/test_a.py")), "test_a.py");
        assert_eq!(flat.name_of(Path::new("/p/a.py")), "a.py");
        assert_eq!(flat.search(), [""]);
        let apart = roots("/q", &["/p"], true);
        assert_eq!(apart.name_of(Path::new("/q/test_a.py")), "test_a.py");
        assert_eq!(apart.search(), [""]);
    }

    #[test]
    fn a_package_is_run_by_its_main_module() {
        let names = ["tool.py", "pkg/__init__.py", "pkg/inner/__main__.py"];
        let main = |module: &str| main_module(module, names.iter().copied());
        assert_eq!(main("tool").as_deref(), Some("tool"));
        assert_eq!(main("pkg").as_deref(), Some("pkg.__main__"));
        assert_eq!(main("pkg.inner").as_deref(), Some("pkg.inner.__main__"));
        assert_eq!(main("inner"), None);
    }

    #[test]
    fn helpers_are_taken_when_they_are_spoken_of() {
        let helpers: [(&str, &[u8]); 4] = [
            ("a.py", b"from pkg import x"),
            ("pkg/__init__.py", b""),
            ("never.py", b""),
            ("by_name.py", b""),
        ];
        assert_eq!(needed(&[b"import a\n__import__('by_name')"], &helpers), [0, 1, 3]);
    }
}
