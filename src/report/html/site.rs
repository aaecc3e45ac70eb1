//! What pages have to know of the whole: names of other pages and of contexts.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use sha2::{Digest, Sha256};

use super::super::escape::Escaped;
use super::super::in_short;
use crate::model::{FileCoverage, Line};

/// The pages of a report and how they refer to each other.
pub(super) struct Site {
    pub(super) title: String,
    pub(super) precision: usize,
    /// All in one page, in which files are sections.
    pub(super) single: bool,
    /// Names of the pages of files; empty in a single page.
    pub(super) names: Vec<String>,
    pub(super) count: usize,
}

impl Site {
    pub(super) fn file_url(&self, number: usize) -> String {
        match self.names.get(number) {
            Some(name) => name.clone(),
            None if number < self.count => format!("#f{number}"),
            None => self.index_url("file"),
        }
    }

    /// A line's own link, from another page.
    pub(super) fn line_url(&self, number: usize, line: Line) -> String {
        let id = self.line_id(number, line);
        match self.names.get(number) {
            Some(name) => format!("{name}#{id}"),
            None => format!("#{id}"),
        }
    }

    pub(super) fn line_id(&self, number: usize, line: Line) -> String {
        if self.single { format!("f{number}-t{line}") } else { format!("t{line}") }
    }

    /// The index of files, functions or classes.
    pub(super) fn index_url(&self, noun: &str) -> String {
        match (self.single, noun) {
            (true, "class") => "#classes".to_owned(),
            (true, noun) => format!("#{noun}s"),
            (false, "file") => "index.html".to_owned(),
            (false, noun) => format!("{noun}_index.html"),
        }
    }

    /// The pages before and after that of a file; the index is at both ends.
    pub(super) fn neighbours(&self, number: usize) -> (String, String) {
        let index = || self.index_url("file");
        let before = number.checked_sub(1).map_or_else(index, |n| self.file_url(n));
        let after = number + 1;
        let after = if after < self.count { self.file_url(after) } else { index() };
        (before, after)
    }
}

/// A name for the page of a file that no other file has, whatever its path.
pub(super) fn page_name(path: &str) -> String {
    let base = path.rsplit('/').next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let base: String = base.chars().take(60).map(plain).collect();
    format!("{base}_{}.html", short_hash(path.as_bytes()))
}

/// A few digits that tell texts apart.
pub(super) fn short_hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().take(5).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// The contexts that a page speaks of.
pub(super) struct Contexts<'a> {
    /// All names of the report; none if contexts are not to be shown.
    names: &'a [String],
    /// The ones that the page lists, as indices into the names.
    listed: Vec<usize>,
}

impl<'a> Contexts<'a> {
    /// None at all.
    pub(super) fn none() -> Self {
        Self { names: &[], listed: Vec::new() }
    }

    /// Those that ran anything of a file.
    pub(super) fn of_file(file: &FileCoverage, names: &'a [String]) -> Self {
        let mut listed: BTreeSet<usize> = BTreeSet::new();
        file.line_contexts.values().for_each(|contexts| listed.extend(contexts));
        listed.retain(|index| *index < names.len());
        Self { names, listed: listed.into_iter().collect() }
    }

    /// The choice of one of them, with their names.
    pub(super) fn choice(&self, out: &mut String) -> fmt::Result {
        if self.listed.is_empty() {
            return Ok(());
        }
        out.push_str(
            "<label class=\"pick\">run by <select class=\"context\">\
             <option value=\"\">any context</option>",
        );
        for (number, index) in self.listed.iter().enumerate() {
            let name = Escaped(named(&self.names[*index]));
            write!(out, "<option value=\"{number}\">{name}</option>")?;
        }
        out.push_str("</select></label>");
        Ok(())
    }

    /// The button at a line that lists those that ran it.
    pub(super) fn button(&self, contexts: &BTreeSet<usize>, out: &mut String) -> fmt::Result {
        let numbers: Vec<usize> =
            contexts.iter().filter_map(|index| self.listed.binary_search(index).ok()).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        write!(
            out,
            "<button type=\"button\" class=\"ctx\" data-contexts=\"{}\" aria-expanded=\"false\">\
             {}<span> ctx</span></button>",
            in_short(&numbers, " "),
            numbers.len()
        )
    }
}

/// A context without a name has one to be shown by.
fn named(name: &str) -> &str {
    if name.is_empty() { "(empty)" } else { name }
}

#[cfg(test)]
mod tests {
    use super::{in_short, page_name};

    #[test]
    fn numbers_are_written_in_short() {
        assert_eq!(in_short(&[0, 1, 2, 5, 7, 8], " "), "0-2 5 7-8");
        assert_eq!(in_short(&[], " "), "");
    }

    #[test]
    fn pages_of_files_have_plain_names_of_their_own() {
        let plain =
            |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        let names = ["a/x.py", "b/x.py", "a_x.py", "a/\u{e9}<>.py", "..", ""].map(page_name);
        assert!(names.iter().all(|name| plain(name) && name.ends_with(".html")));
        let all: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(all.len(), names.len());
    }
}
