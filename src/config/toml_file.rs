//! TOML files: their tables flattened to entries with lines.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::entries::{Entry, Raw, TABLE};

/// A text that is no TOML: line and reason.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TomlError {
    pub(super) line: u32,
    pub(super) reason: String,
}

/// The entries of a TOML file, and the names of its tables. The section of an
/// entry is the dotted name of its table, "" at the top.
pub(super) fn entries(text: &str) -> Result<(Vec<Entry>, Vec<String>), TomlError> {
    let table = DeTable::parse(text).map_err(|error| TomlError {
        line: line(text, error.span().map_or(0, |span| span.start)),
        reason: error.message().lines().collect::<Vec<_>>().join("; "),
    })?;
    let (mut out, mut tables) = (Vec::new(), Vec::new());
    flatten(text, table.get_ref(), "", &mut out, &mut tables);
    Ok((out, tables))
}

fn flatten(
    text: &str,
    table: &DeTable<'_>,
    section: &str,
    out: &mut Vec<Entry>,
    tables: &mut Vec<String>,
) {
    for (key, value) in table {
        let name = key.get_ref().to_string();
        if let DeValue::Table(inner) = value.get_ref() {
            let dot = if section.is_empty() { "" } else { "." };
            let inner_name = format!("{section}{dot}{name}");
            tables.push(inner_name.clone());
            flatten(text, inner, &inner_name, out, tables);
        }
        out.push(Entry {
            section: section.to_owned(),
            key: name,
            line: line(text, key.span().start),
            raw: raw(value),
        });
    }
}

fn raw(value: &Spanned<DeValue<'_>>) -> Raw {
    match value.get_ref() {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Boolean(flag) => Raw::Flag(*flag),
        DeValue::Integer(number) if number.radix() == 10 => Raw::Number(number.as_str().to_owned()),
        DeValue::Float(number) => Raw::Number(number.as_str().to_owned()),
        DeValue::Integer(_) => Raw::Other("a number that is not decimal"),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Table(_) => Raw::Other(TABLE),
        DeValue::Array(list) => {
            let texts: Option<Vec<String>> =
                list.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
            texts.map_or(Raw::Other("a list of other things"), Raw::List)
        }
    }
}

/// The line of an offset, from 1.
fn line(text: &str, offset: usize) -> u32 {
    let before = &text.as_bytes()[..offset.min(text.len())];
    before.iter().filter(|byte| **byte == b'\n').count() as u32 + 1
}
