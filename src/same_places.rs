//! Names of files brought home: what was measured on another machine, under
//! another path, is the file here.
//!
//! The patterns are coverage.py's: `*` stands for anything but a slash, `**/`
//! and a leading `*/` for any directories.

use std::path::Path;

use regex::Regex;

/// Places that hold the same sources.
#[derive(Clone, Debug, Default)]
pub struct SamePlaces {
    /// What the start of a name looks like elsewhere, and what it is here.
    aliases: Vec<(Regex, String)>,
}

/// A pattern that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the place `{0}` must not end with a wildcard")]
pub struct PlaceError(String);

impl SamePlaces {
    /// Takes groups of places: the one here first, then patterns of others.
    ///
    /// # Errors
    /// When a pattern ends with a wildcard.
    pub fn new<'g>(groups: impl Iterator<Item = &'g [String]>) -> Result<Self, PlaceError> {
        let mut aliases = Vec::new();
        for group in groups {
            let [here, others @ ..] = group else { continue };
            let here = clean(here);
            for other in others {
                let pattern = clean(other);
                if pattern.ends_with('*') {
                    return Err(PlaceError(other.clone()));
                }
                let expression = format!("^{}/", expression(&pattern));
                let Ok(regex) = Regex::new(&expression) else { continue };
                aliases.push((regex, here.clone()));
            }
        }
        Ok(Self { aliases })
    }

    /// The name here of a file that was measured under this name. A name that
    /// leads to no file here is not taken, as `is_there` tells.
    #[must_use]
    pub fn here(&self, name: &str, is_there: &dyn Fn(&Path) -> bool) -> Option<String> {
        let slashed = clean(name);
        self.aliases.iter().find_map(|(pattern, here)| {
            let found = pattern.find(&slashed)?;
            let rest = &slashed[found.end()..];
            let new = if here == "." { rest.to_owned() } else { format!("{here}/{rest}") };
            is_there(Path::new(&new)).then_some(new)
        })
    }
}

/// With slashes only, without one at the end and without `./` in front.
fn clean(path: &str) -> String {
    let slashed = path.replace('\\', "/");
    let short = if slashed.len() > 1 { slashed.trim_end_matches('/') } else { &slashed };
    short.strip_prefix("./").unwrap_or(short).to_owned()
}

/// A pattern of paths as a regular expression.
fn expression(pattern: &str) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    if let Some(behind) = pattern.trim_start_matches('*').strip_prefix('/')
        && pattern.starts_with('*')
    {
        out += "(?:.*/)?";
        rest = behind;
    }
    while let Some(c) = rest.chars().next() {
        if let Some(behind) = rest.strip_prefix("**/") {
            out += "(?:.*/)?";
            rest = behind;
            continue;
        }
        match c {
            '*' => out += "[^/]*",
            '?' => out += "[^/]",
            other => out += &regex::escape(&other.to_string()),
        }
        rest = &rest[c.len_utf8()..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(groups: &[&[&str]], name: &str) -> Option<String> {
        let groups: Vec<Vec<String>> =
            groups.iter().map(|g| g.iter().map(|p| (*p).to_owned()).collect()).collect();
        let places = SamePlaces::new(groups.iter().map(Vec::as_slice)).expect("places");
        places.here(name, &|path| !path.ends_with("gone.py"))
    }

    #[test]
    fn names_are_brought_home() {
        let groups: &[&[&str]] =
            &[&["src/", "/ci/build/*/src", r"C:\work\src", "*/site/pkg"], &[".", "/remote"]];
        let cases = [
            ("/ci/build/12/src/a/b.py", Some("src/a/b.py")),
            ("/ci/build/1/2/src/a.py", None),
            (r"C:\work\src\a\b.py", Some("src/a/b.py")),
            ("/usr/lib/site/pkg/x.py", Some("src/x.py")),
            ("site/pkg/x.py", Some("src/x.py")),
            ("/remote/lib/y.py", Some("lib/y.py")),
            ("/remote/gone.py", None),
            ("/remotely/y.py", None),
            ("src/a.py", None),
        ];
        for (name, expected) in cases {
            assert_eq!(here(groups, name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn a_wildcard_at_the_end_is_refused() {
        let group = ["src".to_owned(), "/ci/*".to_owned()];
        let error = SamePlaces::new([&group[..]].into_iter()).expect_err("it is refused");
        assert_eq!(error.to_string(), "the place `/ci/*` must not end with a wildcard");
    }
}
