//! The data file of one run: which files it knew of, and their hits.
//!
//! Version history: 1, the first. 2, runs that traced lines, or ran on a board; a run
//! with sensors on the computer is still written as 1.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::results::{SuiteDto, suite_from_dto, suite_to_dto};
use crate::model::{ArcEnd, Digest, HitSet, Line, Observed, TestSuite};

/// Version of the format.
pub const VERSION: u32 = 2;

/// The oldest version that is read, and written where it is enough.
const OLDEST: u32 = 1;

/// What one run saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunData {
    /// When it ended: seconds since 1970, UTC.
    pub created: u64,
    /// What ran.
    pub name: String,
    /// The context that the user gave it, or empty; on a board that has its name in front.
    pub context: String,
    /// The board that it ran on, if it was one.
    pub board: String,
    /// The hits of each file that could have run; `None` for one that was
    /// never imported.
    pub files: BTreeMap<Digest, Option<HitSet>>,
    /// What was seen of each file whose lines were traced; `None` for one that
    /// was never imported.
    pub traced: BTreeMap<Digest, Option<Observed>>,
    /// Modules that could not be covered, and why.
    pub uncovered: BTreeMap<String, String>,
    /// Results of unit tests, one suite a program.
    pub tests: Vec<TestSuite>,
}

impl RunData {
    /// The files that the run knew of.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        let more = self.traced.keys().filter(|digest| !self.files.contains_key(*digest));
        self.files.keys().chain(more)
    }
}

/// An [`Observed`]; ends of arcs below 0 are exits.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ObservedDto {
    lines: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    executable: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    doubtful: Vec<u32>,
    started: Vec<u32>,
    unsure: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    untraced: Vec<u32>,
    taken: Vec<(u32, i64)>,
    unsure_arcs: Vec<(u32, i64)>,
}

fn observed_dto(seen: &Observed) -> ObservedDto {
    let numbers = |lines: &BTreeSet<Line>| lines.iter().map(|line| line.0).collect();
    let pairs = |arcs: &BTreeSet<(Line, ArcEnd)>| {
        let end = |end: &ArcEnd| match end {
            ArcEnd::Line(line) => i64::from(line.0),
            ArcEnd::Exit(line) => -i64::from(line.0),
        };
        arcs.iter().map(|(from, to)| (from.0, end(to))).collect()
    };
    ObservedDto {
        lines: numbers(&seen.lines),
        executable: numbers(&seen.executable),
        doubtful: numbers(&seen.doubtful),
        started: numbers(&seen.started),
        unsure: numbers(&seen.unsure),
        untraced: numbers(&seen.untraced),
        taken: pairs(&seen.taken),
        unsure_arcs: pairs(&seen.unsure_arcs),
    }
}

fn observed(dto: ObservedDto) -> Observed {
    let lines = |numbers: Vec<u32>| numbers.into_iter().map(Line).collect();
    let arcs = |pairs: Vec<(u32, i64)>| {
        let end = |to: i64| {
            let line = Line(u32::try_from(to.unsigned_abs()).unwrap_or(u32::MAX));
            if to < 0 { ArcEnd::Exit(line) } else { ArcEnd::Line(line) }
        };
        pairs.into_iter().map(|(from, to)| (Line(from), end(to))).collect()
    };
    Observed {
        lines: lines(dto.lines),
        executable: lines(dto.executable),
        doubtful: lines(dto.doubtful),
        started: lines(dto.started),
        unsure: lines(dto.unsure),
        untraced: lines(dto.untraced),
        taken: arcs(dto.taken),
        unsure_arcs: arcs(dto.unsure_arcs),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DataDto {
    mpycov_data: u32,
    created: u64,
    name: String,
    context: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    board: String,
    /// digest: [sensors, bits in hexadecimal], or null
    files: BTreeMap<String, Option<(u32, String)>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    traced: BTreeMap<String, Option<ObservedDto>>,
    #[serde(default)]
    uncovered: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tests: Vec<SuiteDto>,
    /// Number of entries in `files` and `traced`, last, so that a cut file is seen as such.
    count: usize,
}

/// Writes the data of a run.
#[must_use]
pub fn to_json(data: &RunData) -> String {
    let hex = |set: &HitSet| {
        let digits: String = set.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        (set.count(), digits)
    };
    let dto = DataDto {
        mpycov_data: match data.traced.is_empty() && data.board.is_empty() {
            true => OLDEST,
            false => VERSION,
        },
        created: data.created,
        name: data.name.clone(),
        context: data.context.clone(),
        board: data.board.clone(),
        files: data.files.iter().map(|(d, set)| (d.to_string(), set.as_ref().map(hex))).collect(),
        traced: data
            .traced
            .iter()
            .map(|(digest, seen)| (digest.to_string(), seen.as_ref().map(observed_dto)))
            .collect(),
        uncovered: data.uncovered.clone(),
        tests: data.tests.iter().map(suite_to_dto).collect(),
        count: data.files.len() + data.traced.len(),
    };
    serde_json::to_string(&dto).expect("data has only strings for keys")
}

/// The entries of `files` in the order of the text: there may be ten thousand
/// files of hundreds of them.
struct Entries<'t>(Vec<(&'t str, Option<(u32, &'t str)>)>);

impl<'de: 't, 't> Deserialize<'de> for Entries<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("hits by digest")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Entries(all))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The same as [`DataDto`], reading only, without copies of the many strings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataRef<'t> {
    mpycov_data: u32,
    created: u64,
    name: String,
    context: String,
    #[serde(default)]
    board: String,
    #[serde(borrow)]
    files: Entries<'t>,
    #[serde(borrow, default)]
    traced: BTreeMap<&'t str, Option<ObservedDto>>,
    #[serde(default)]
    uncovered: BTreeMap<String, String>,
    #[serde(default)]
    tests: Vec<SuiteDto>,
    count: usize,
}

/// Reads the data of a run.
///
/// # Errors
/// A sentence about what is wrong: cut off, another version, not ours.
pub fn from_json(text: &[u8]) -> Result<RunData, String> {
    let dto: DataRef<'_> = match serde_json::from_slice(text) {
        Ok(dto) => dto,
        Err(error) => return Err(diagnosis(text, &error)),
    };
    if !(OLDEST..=VERSION).contains(&dto.mpycov_data) {
        return Err(wrong_version(u64::from(dto.mpycov_data)));
    }
    let count = dto.files.0.len() + dto.traced.len();
    if dto.count != count {
        return Err(format!("it announces {} files and has {count}", dto.count));
    }
    let mut files = BTreeMap::new();
    for (digest, hits) in dto.files.0 {
        let key = Digest::parse(digest).ok_or_else(|| format!("`{digest}` is no digest"))?;
        let set = match hits {
            None => None,
            Some((count, digits)) => {
                let set = unhex(digits).and_then(|bits| HitSet::from_bytes(count, &bits));
                Some(set.ok_or_else(|| format!("the hits of {digest} are damaged"))?)
            }
        };
        files.insert(key, set);
    }
    let mut traced = BTreeMap::new();
    for (digest, seen) in dto.traced {
        let key = Digest::parse(digest).ok_or_else(|| format!("`{digest}` is no digest"))?;
        traced.insert(key, seen.map(observed));
    }
    Ok(RunData {
        created: dto.created,
        name: dto.name,
        context: dto.context,
        board: dto.board,
        files,
        traced,
        uncovered: dto.uncovered,
        tests: dto.tests.into_iter().map(suite_from_dto).collect(),
    })
}

fn wrong_version(version: u64) -> String {
    format!("its version is {version}, and {OLDEST} to {VERSION} are known here")
}

/// Why a text is no data file.
fn diagnosis(text: &[u8], error: &serde_json::Error) -> String {
    let value: serde_json::Value = match serde_json::from_slice(text) {
        Ok(value) => value,
        Err(e) if e.is_eof() => return "it is cut off".to_owned(),
        Err(e) => return format!("it is no JSON: {e}"),
    };
    match value.get("mpycov_data").and_then(serde_json::Value::as_u64) {
        None => "it is not a data file of mpycov".to_owned(),
        Some(version) if !(u64::from(OLDEST)..=u64::from(VERSION)).contains(&version) => {
            wrong_version(version)
        }
        Some(_) => error.to_string(),
    }
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let mut wrong = 0;
    let bytes = pairs.map(|pair| {
        let (high, low) = (NIBBLES[usize::from(pair[0])], NIBBLES[usize::from(pair[1])]);
        wrong |= high | low;
        high << 4 | low & 15
    });
    let bytes = bytes.collect();
    (wrong < 16).then_some(bytes)
}

/// The value of each hexadecimal digit; above 15 for all other bytes.
const NIBBLES: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// Adds what another run of the same context saw.
pub fn fold(all: &mut RunData, run: RunData) {
    all.created = all.created.max(run.created);
    all.uncovered.extend(run.uncovered);
    all.tests.extend(run.tests);
    for (digest, seen) in run.traced {
        match (all.traced.entry(digest).or_default(), seen) {
            (Some(mine), Some(theirs)) => mine.merge(&theirs),
            (mine @ None, theirs) => *mine = theirs,
            (Some(_), None) => {}
        }
    }
    for (digest, hits) in run.files {
        match all.files.entry(digest) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(hits);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                match (entry.get_mut(), hits) {
                    (Some(mine), Some(theirs)) if mine.count() == theirs.count() => {
                        mine.merge(&theirs);
                    }
                    (mine @ None, theirs) => *mine = theirs,
                    _ => {}
                }
            }
        }
    }
}
