//! The JSON of mpy-coverage, which `runtime/_mpycov_trace.py` exports too.
//!
//! `executed` gives the lines of each file; `executable`, where it was asked
//! for, those that have code; `arcs` pairs of lines, with ends of functions below
//! zero. Our own tracer adds `kinds` and `lost`. A console log may hold it between two lines of
//! its own.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::model::{Events, Line};

/// The line before the JSON in a console log.
pub const START: &str = "---MPY_COV_START---";
/// The line behind it.
pub const END: &str = "---MPY_COV_END---";

/// One file of data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreign {
    /// The test that made it, if it says so.
    pub test: Option<String>,
    /// What was seen, by the device's names of files.
    pub files: BTreeMap<String, Events>,
    /// Transitions with the exits and entries of functions below zero.
    pub arcs: BTreeMap<String, BTreeSet<(i64, i64)>>,
    /// What files were on the device, `py` or `mpy`, where it said so.
    pub kinds: BTreeMap<String, String>,
    /// What the tracer could not note.
    pub lost: Vec<String>,
}

#[derive(Deserialize)]
struct Dto {
    executed: BTreeMap<String, Vec<u32>>,
    #[serde(rename = "_metadata", default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    executable: Option<BTreeMap<String, Vec<u32>>>,
    #[serde(default)]
    arcs: Option<BTreeMap<String, Vec<(i64, i64)>>>,
    #[serde(default)]
    kinds: BTreeMap<String, String>,
    #[serde(default)]
    lost: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    test_script: Option<String>,
}

/// Finds all data in a text: the text itself, or what stands between delimiters
/// in a console log. `None` where there is neither.
///
/// # Errors
/// A sentence about what is wrong with data that is there.
pub fn read(text: &[u8]) -> Option<Result<Vec<Foreign>, String>> {
    let text = String::from_utf8_lossy(text);
    if text.contains(START) {
        let mut all = Vec::new();
        for part in text.split(START).skip(1) {
            let Some((json, _)) = part.split_once(END) else {
                return Some(Err(format!("{START} has no {END}: the log is cut off")));
            };
            match parse(json.trim()) {
                Ok(data) => all.push(data),
                Err(reason) => return Some(Err(reason)),
            }
        }
        return Some(Ok(all));
    }
    let is_ours = match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(value) => value.get("executed").is_some(),
        // Cut off or damaged, by what it begins with.
        Err(_) => text.trim_start().starts_with('{') && text.contains("\"executed\""),
    };
    is_ours.then(|| parse(&text).map(|data| vec![data]))
}

fn parse(json: &str) -> Result<Foreign, String> {
    let dto: Dto = serde_json::from_str(json)
        .map_err(|error| format!("its data of mpy-coverage is no JSON of that kind: {error}"))?;
    let set = |lines: &[u32]| lines.iter().copied().map(Line).collect::<BTreeSet<_>>();
    let mut out = Foreign {
        test: dto.metadata.and_then(|metadata| metadata.test_script),
        kinds: dto.kinds,
        lost: dto.lost,
        ..Foreign::default()
    };
    for (name, lines) in &dto.executed {
        out.files.entry(name.clone()).or_default().lines = set(lines);
    }
    for (name, lines) in dto.executable.iter().flatten() {
        out.files.entry(name.clone()).or_default().executable = set(lines);
    }
    for (name, arcs) in dto.arcs.into_iter().flatten() {
        out.arcs.insert(name, arcs.into_iter().collect());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_between_delimiters_is_found_in_a_log() {
        let log = format!("boot\n{START}\n{{\"executed\": {{\"a.py\": [1, 3]}}}}\n{END}\nbye\n");
        let found = read(log.as_bytes()).unwrap().unwrap();
        assert_eq!(found[0].files["a.py"].lines, BTreeSet::from([Line(1), Line(3)]));
        let cut = format!("{START}\n{{\"executed\"");
        assert!(read(cut.as_bytes()).unwrap().unwrap_err().contains("cut off"));
        assert!(read(b"<mpycov:1:begin").is_none());
    }
}
