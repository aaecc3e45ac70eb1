//! From a data directory to verdicts: joins runs and maps, file by file.
//!
//! Hits of a source that has changed since are never counted for the new
//! text: the file is left out, and a notice names it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::evaluate::{ContextHits, ContextObserved, evaluate_all, merge, only_lines};
use crate::model::{Coverage, Digest, FileCoverage, FileMap, TestSuite};
use crate::plan::source_hash;
use crate::report::Sources;
use crate::store::Loaded;

/// Verdicts with what the renderers need besides.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The verdicts.
    pub coverage: Coverage,
    /// The source texts.
    pub sources: Sources,
    /// What the user should know, one sentence each.
    pub notices: Vec<String>,
    /// Modules that could not be covered, and why.
    pub uncovered: BTreeMap<String, String>,
    /// Results of unit tests. Of a program that ran several times on one
    /// target they are those of its last run.
    pub tests: Vec<TestSuite>,
}

/// What all runs saw of the text of one map.
#[derive(Debug, Default)]
struct Seen {
    hits: Vec<ContextHits>,
    traced: Vec<ContextObserved>,
    /// Was there a run with sensors, whether the file was imported or not?
    had_sensors: bool,
}

impl Seen {
    fn is_empty(&self) -> bool {
        self.hits.is_empty() && self.traced.is_empty()
    }
}

/// Joins what was loaded. `maps` are the sensor maps by digest; names of files
/// are relative to `cwd`; `wanted` says which files to report.
#[must_use]
pub fn gather(
    loaded: &Loaded,
    maps: &BTreeMap<Digest, Result<FileMap, String>>,
    cwd: &Path,
    wanted: &dyn Fn(&str) -> bool,
) -> Gathered {
    let mut out = Gathered::default();
    for (path, reason) in &loaded.refused {
        out.notices.push(format!("{} does not count: {reason}", path.display()));
    }
    let contexts: BTreeSet<&str> = loaded.runs.iter().map(|(_, run)| &run.context[..]).collect();
    out.coverage.contexts = contexts.iter().map(|c| (*c).to_owned()).collect();
    let index = |context: &str| contexts.iter().position(|c| *c == context).unwrap_or_default();
    let mut hits: BTreeMap<&Digest, Seen> = BTreeMap::new();
    out.tests = last_tests(loaded.runs.iter().flat_map(|(_, run)| &run.tests));
    for (path, run) in &loaded.runs {
        out.uncovered.extend(run.uncovered.clone());
        for (digest, seen) in &run.traced {
            let entry = hits.entry(digest).or_default();
            let context = index(&run.context);
            let seen = seen.clone().map(|observed| ContextObserved { context, observed });
            entry.traced.extend(seen);
        }
        for (digest, set) in &run.files {
            let entry = hits.entry(digest).or_default();
            entry.had_sensors = true;
            let (Some(set), Some(Ok(map))) = (set, maps.get(digest)) else { continue };
            if set.count() == map.sensor_count {
                entry.hits.push(ContextHits { context: index(&run.context), hits: set.clone() });
            } else {
                out.notices.push(format!(
                    "{} does not count for {}: it has {} sensors, the map has {}",
                    path.display(),
                    map.path,
                    set.count(),
                    map.sensor_count
                ));
            }
        }
    }
    let mut by_path: BTreeMap<&str, Vec<(&FileMap, &Seen)>> = BTreeMap::new();
    for (digest, runs) in &hits {
        match maps.get(digest) {
            Some(Ok(map)) => by_path.entry(&map.path).or_default().push((map, runs)),
            Some(Err(reason)) => out.notices.push(format!("some hits do not count: {reason}")),
            None => {}
        }
    }
    for (path, versions) in by_path {
        if wanted(path) {
            file(path, versions, cwd, &mut out);
        }
    }
    out
}

fn last_tests<'t>(suites: impl Iterator<Item = &'t TestSuite>) -> Vec<TestSuite> {
    let mut last: BTreeMap<(&Option<String>, &str), &TestSuite> = BTreeMap::new();
    for suite in suites {
        let key = (&suite.target, suite.name.as_str());
        let newer = last.get(&key).is_none_or(|known| known.ended <= suite.ended);
        if newer {
            last.insert(key, suite);
        }
    }
    last.into_values().cloned().collect()
}

fn file(path: &str, mut versions: Vec<(&FileMap, &Seen)>, cwd: &Path, out: &mut Gathered) {
    let full: PathBuf = cwd.join(path);
    if let Ok(text) = crate::fs::read(&full) {
        let hash = source_hash(&text);
        let (current, stale): (Vec<_>, Vec<_>) =
            versions.into_iter().partition(|(map, _)| map.source_hash == hash);
        if stale.iter().any(|(_, runs)| !runs.is_empty()) {
            out.notices.push(format!(
                "{path} has changed since it was measured: older hits do not count for it"
            ));
        }
        if current.is_empty() {
            return;
        }
        versions = current;
        out.sources.insert(path.to_owned(), text);
    } else {
        out.notices.push(format!("{path} is not there any more: its lines cannot be shown"));
        let newest = versions.iter().map(|(map, _)| map.source_hash.clone()).max();
        versions.retain(|(map, _)| Some(&map.source_hash) == newest.as_ref());
    }
    // What is asked for is what the highest level asks for; sensors tell the most.
    versions.sort_by_key(|(map, runs)| {
        (std::cmp::Reverse(map.level), !runs.had_sensors, runs.is_empty())
    });
    let mut verdicts: Option<FileCoverage> = None;
    for (map, runs) in versions {
        let mut this = evaluate_all(map, &runs.hits, &runs.traced);
        if !runs.had_sensors {
            only_lines(&mut this);
        }
        match &mut verdicts {
            None => verdicts = Some(this),
            Some(first) => merge(first, &this, map),
        }
    }
    out.coverage.files.extend(verdicts);
}
