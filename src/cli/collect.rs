//! `mpycov collect`: hits from saved files, console logs and standard input.

use std::collections::BTreeMap;
use std::io::Read;

use anyhow::{Context, bail};

use super::args::{CollectArgs, Common};
use super::{Exit, foreign, style};
use crate::fs;
use crate::model::HitSet;
use crate::store::Store;
use crate::wire::data_file::RunData;
use crate::wire::frame;

pub(super) fn collect(args: &CollectArgs, common: &Common) -> anyhow::Result<Exit> {
    let mut inputs: Vec<(String, Vec<u8>)> = Vec::new();
    for path in &args.files {
        inputs.push((path.display().to_string(), fs::read(path)?));
    }
    if args.files.is_empty() {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
        inputs.push(("standard input".to_owned(), bytes));
    }
    let store = Store::at(&common.data_dir);
    let mut kept = 0;
    for (name, bytes) in &inputs {
        if let Some(found) = foreign::import(bytes, name, &args.foreign, common)? {
            for map in &found.maps {
                store.put_map(map)?;
            }
            for mut run in found.runs {
                run.context.clone_from(&args.context);
                kept += run.traced.len();
                if !run.traced.is_empty() {
                    store.put_run(&run)?;
                }
            }
        }
        let frames = frame::read(bytes);
        for fault in &frames.faults {
            style::warning(&format!("{name}: {fault}"), common.color);
        }
        let mut files: BTreeMap<_, Option<HitSet>> = BTreeMap::new();
        for (digest, hits) in frames.hits {
            match store.map(&digest) {
                Ok(map) if map.sensor_count == hits.count() => {
                    files.insert(digest, Some(hits));
                }
                Ok(map) => style::warning(
                    &format!("{name}: the hits of {} do not fit its map", map.path),
                    common.color,
                ),
                Err(reason) => style::warning(
                    &format!(
                        "{name}: some hits do not count: {reason}\n  help: collect with the --data-dir that was used to instrument"
                    ),
                    common.color,
                ),
            }
        }
        if files.is_empty() {
            continue;
        }
        kept += files.len();
        let data = RunData {
            created: super::run::now(),
            name: name.clone(),
            context: args.context.clone(),
            files,
            traced: BTreeMap::new(),
            uncovered: BTreeMap::new(),
        };
        store.put_run(&data)?;
    }
    if kept == 0 {
        bail!("there were no hits in {}", names(&inputs));
    }
    if !common.quiet {
        style::note(&format!("Collected the hits of {kept} files."));
    }
    Ok(Exit::Fine)
}

fn names(inputs: &[(String, Vec<u8>)]) -> String {
    inputs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}
