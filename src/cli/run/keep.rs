//! What is kept of a run on a board.

use std::collections::BTreeMap;

use super::super::board_files::Files;
use super::super::style;
use super::board::Runner;
use super::{joined, now};
use crate::board::Ended;
use crate::discover::Selection;
use crate::model::TestSuite;
use crate::store::Store;
use crate::wire::data_file::RunData;

/// Adds the modules without sources that the program imported, as far as they are asked for.
pub(super) fn list_unsourced(files: &mut Files, ended: &Ended, selection: &Selection) {
    for one in &ended.unsourced {
        let source = one.file.strip_suffix(".mpy").map(|stem| format!("{stem}.py"));
        let placed = files.blobs.iter().any(|blob| one.file.ends_with(&format!("/{}", blob.name)));
        if !placed && selection.wants(source.as_ref().unwrap_or(&one.file)) {
            let reason = match one.frozen {
                true => "it is frozen into the firmware",
                false => "only its compiled form (.mpy) is on the board",
            };
            files.uncovered.insert(one.module.clone(), reason.to_owned());
        }
    }
}

impl Runner<'_> {
    /// Keeps the hits of a run, those of its tests apart, and the results of these.
    pub(super) fn keep_hits(
        &self,
        files: &Files,
        ended: &Ended,
        label: &str,
        name: &str,
        tests: Vec<TestSuite>,
    ) -> anyhow::Result<()> {
        for fault in &ended.frames.faults {
            self.warn(label, &format!("some hits are lost: {fault}"));
        }
        let maps = files.maps.iter().map(|(digest, map)| (digest.clone(), map)).collect();
        let context = match &*self.args.context {
            "" | "test" => label.to_owned(),
            context => format!("{label}|{context}"),
        };
        let data = RunData {
            created: now(),
            name: name.to_owned(),
            context,
            board: label.to_owned(),
            files: if files.traced.is_none() {
                joined(&maps, &ended.frames.hits)
            } else {
                BTreeMap::new()
            },
            traced: files.traced.as_ref().map_or_else(BTreeMap::new, |traced| {
                traced.judge(files.maps.iter(), &ended.frames)
            }),
            uncovered: files.uncovered.clone(),
            tests,
        };
        let store = Store::at(&self.common.data_dir);
        let path = store.put_run(&data)?;
        for (test, frames) in &ended.by_test {
            let hits = frames.hits.iter().filter(|(digest, _)| files.maps.contains_key(digest));
            let data = RunData {
                context: format!("{label}|{test}"),
                files: hits.map(|(digest, set)| (digest.clone(), Some(set.clone()))).collect(),
                uncovered: BTreeMap::new(),
                tests: Vec::new(),
                ..data.clone()
            };
            store.put_run(&data)?;
        }
        if self.common.verbose {
            let count = ended.frames.files();
            style::note(&format!("mpycov: hits of {count} files kept in {}", path.display()));
        }
        Ok(())
    }
}
