//! What stands in a file, before anyone knows what it means; and from there
//! to settings.

use std::collections::BTreeMap;

use super::value::{self, Variables};
use super::{ConfigError, KEYS, Key, Kind, SamePlaces, Setting, Value};

/// A value as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    /// A text. In an INI file everything is one.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// A boolean.
    Flag(bool),
    /// A number, as written.
    Number(String),
    /// Something that no setting takes: what it is.
    Other(&'static str),
}

/// What a table is called in messages.
pub(super) const TABLE: &str = "a table";

/// The table of places that are the same.
pub(super) const PATHS: &str = "paths";

/// One `key = value`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// The section or table it stands in.
    pub(super) section: String,
    pub(super) key: String,
    pub(super) line: u32,
    pub(super) raw: Raw,
}

/// The entries of a file that are ours to read.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// The file, as users know it.
    pub(super) file: &'a str,
    pub(super) entries: &'a [Entry],
    /// Is it an INI file, where lists are texts?
    pub(super) ini: bool,
}

impl Source<'_> {
    /// The settings of our own section, in which every key must be known.
    pub(super) fn own(
        &self,
        section: &str,
        variables: Variables<'_>,
    ) -> Result<BTreeMap<&'static str, Setting>, ConfigError> {
        let mut values = BTreeMap::new();
        for entry in self.entries.iter().filter(|e| e.section == section) {
            if entry.key == PATHS && entry.raw == Raw::Other(TABLE) {
                continue;
            }
            let Some(key) = KEYS.iter().find(|k| k.name == entry.key) else {
                let help = match entry.raw {
                    Raw::Other(TABLE) => {
                        "settings stand side by side; the only table is `paths`".to_owned()
                    }
                    _ => format!("did you mean `{}`?", nearest(&entry.key)),
                };
                let (file, name) = (self.file.to_owned(), entry.key.clone());
                return Err(ConfigError::Unknown { file, line: entry.line, name, help });
            };
            let value = self.value(key, &entry.key, entry, variables)?;
            values.insert(key.name, Setting { value, line: entry.line });
        }
        Ok(values)
    }

    /// The settings of coverage.py's sections that we have as well. `prefixes`
    /// are what may stand before the name of a section; the first that is
    /// there counts.
    pub(super) fn coverage(
        &self,
        prefixes: &[&str],
        variables: Variables<'_>,
    ) -> Result<BTreeMap<&'static str, Setting>, ConfigError> {
        let mut values: BTreeMap<&'static str, Setting> = BTreeMap::new();
        for key in KEYS {
            for place in key.coverage {
                let Some((section, option)) = place.split_once(':') else { continue };
                let Some(entry) = self.coverage_entry(prefixes, section, option) else { continue };
                let name = format!("[{}] {option}", entry.section);
                let value = self.value(key, &name, entry, variables)?;
                match values.get_mut(key.name) {
                    Some(Setting { value: Value::List(all), .. }) => {
                        all.extend(value.as_list().unwrap_or_default().iter().cloned());
                    }
                    _ => {
                        values.insert(key.name, Setting { value, line: entry.line });
                    }
                }
            }
        }
        Ok(values)
    }

    /// The table of places that are the same.
    pub(super) fn paths(
        &self,
        sections: &[String],
        variables: Variables<'_>,
    ) -> Result<Vec<SamePlaces>, ConfigError> {
        let key = Key { name: PATHS, kind: Kind::List, coverage: &[] };
        let mut all = Vec::new();
        for entry in self.entries.iter().filter(|e| sections.contains(&e.section)) {
            let value = self.value(&key, &format!("{PATHS}.{}", entry.key), entry, variables)?;
            let places = value.as_list().unwrap_or_default().to_vec();
            all.push(SamePlaces { name: entry.key.clone(), line: entry.line, places });
        }
        Ok(all)
    }

    fn coverage_entry(&self, prefixes: &[&str], section: &str, option: &str) -> Option<&Entry> {
        prefixes.iter().find_map(|prefix| {
            let section = format!("{prefix}{section}");
            self.entries.iter().find(|e| e.section == section && e.key == option)
        })
    }

    fn value(
        &self,
        key: &Key,
        name: &str,
        entry: &Entry,
        variables: Variables<'_>,
    ) -> Result<Value, ConfigError> {
        let wrong = |reason| ConfigError::Value {
            file: self.file.to_owned(),
            line: entry.line,
            name: name.to_owned(),
            reason,
        };
        let raw = match &entry.raw {
            Raw::Text(text) => Raw::Text(value::substitute(text, variables).map_err(wrong)?),
            Raw::List(all) => {
                let all = all.iter().map(|text| value::substitute(text, variables));
                Raw::List(all.collect::<Result<_, _>>().map_err(wrong)?)
            }
            other => other.clone(),
        };
        key.kind.value(&raw, self.ini).map_err(wrong)
    }
}

/// The setting whose name takes the fewest changes to get to; leaving out the
/// end of a name is one.
fn nearest(name: &str) -> &'static str {
    let name = name.replace('-', "_").to_lowercase();
    let distance = |key: &&Key| match key.name.strip_prefix(&*name) {
        Some(rest) if rest.starts_with('_') => 1,
        _ => changes(&name, key.name),
    };
    KEYS.iter().min_by_key(distance).map_or("level", |key| key.name)
}

/// How many letters must be put in, taken out or replaced.
fn changes(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
