//! INI files as Python's `configparser` reads them.
//!
//! A value goes on over the lines that are indented further than its key.
//! `#` and `;` start a comment at the start of a line only.

use super::entries::{Entry, Raw};

/// A line that is neither a section, a comment nor `key = value`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IniError {
    pub(super) line: u32,
    pub(super) reason: &'static str,
}

/// The entries of an INI file, and the names of its sections.
pub(super) fn entries(text: &str) -> Result<(Vec<Entry>, Vec<String>), IniError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut sections: Vec<String> = Vec::new();
    // Indent of the key whose value may go on, and its text so far.
    let mut open: Option<(usize, String)> = None;
    for (index, full) in text.lines().enumerate() {
        let line = index as u32 + 1;
        let body = full.trim();
        if body.starts_with(['#', ';']) {
            continue;
        }
        let indent = full.len() - full.trim_start().len();
        if let Some((key_indent, value)) = &mut open
            && (body.is_empty() || indent > *key_indent)
        {
            value.push('\n');
            value.push_str(body);
            continue;
        }
        if body.is_empty() {
            continue;
        }
        close(&mut open, &mut entries);
        if let Some(name) = body.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            sections.push(name.0.to_owned());
            continue;
        }
        let Some(section) = sections.last() else {
            return Err(IniError { line, reason: "there is no [section] above this line" });
        };
        let (key, value) = match body.find(['=', ':']) {
            Some(at) if at > 0 => (body[..at].trim(), body[at + 1..].trim()),
            _ => return Err(IniError { line, reason: "this is no `key = value`" }),
        };
        let (section, key) = (section.clone(), key.to_lowercase());
        entries.push(Entry { section, key, line, raw: Raw::Text(String::new()) });
        open = Some((indent, value.to_owned()));
    }
    close(&mut open, &mut entries);
    Ok((entries, sections))
}

fn close(open: &mut Option<(usize, String)>, entries: &mut [Entry]) {
    if let (Some((_, value)), Some(entry)) = (open.take(), entries.last_mut()) {
        entry.raw = Raw::Text(value.trim_end().to_owned());
    }
}
