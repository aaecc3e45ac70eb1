//! The same programs traced with `sys.settrace`: lines say of each statement and branch what sensors
//! say, or that they cannot tell.

use std::fs;
use std::path::Path;

use mpycov::embedded::{RUNTIME, TRACER};
use mpycov::evaluate::{ContextHits, ContextObserved, evaluate, evaluate_all};
use mpycov::instrument::instrument;
use mpycov::model::{FileMap, Level, Line};
use mpycov::trace::{Row, Traced};
use mpycov::wire::frame::{self, Frames};

use crate::batch::{calls, read, write};
use crate::common::lines::{Blind, compare};
use crate::common::targets::{self, Target, WASM_NEWEST};
use crate::common::{self, constructs};
use crate::grammar::Program;

const WITH_SENSORS: &str = "import _mpycov\n_mpycov.dump()\n";
const WITH_TRACER: &str = "\
import sys, _mpycov, _mpycov_trace, _mpycov_trace_end
_mpycov.frames = _mpycov_trace_end.frames
_mpycov_trace.board(sys.path[0] + '/', True)
";

/// What differs of each program, if anything does, by texts with fences or by plain ones; `number` stands for
/// their draws.
pub(crate) fn differences(programs: &[Program], number: u64, fences: bool) -> Vec<Option<String>> {
    let calls = calls(programs.len(), number, false);
    let made: Vec<_> = programs
        .iter()
        .enumerate()
        .map(|(index, program)| {
            let text = program.text.clone().into_bytes();
            let name = format!("p{index}.py");
            let options = constructs::options(Level::Branch);
            let woven = instrument(text.clone(), &name, &options).expect("a program");
            let traced = Traced::of(text, fences).expect("a program");
            (name, woven, traced)
        })
        .collect();
    let woven: Vec<Vec<u8>> = made.iter().map(|(_, woven, _)| woven.woven.text.clone()).collect();
    let sensors = run(&woven, &format!("{calls}{WITH_SENSORS}"), "");
    let texts: Vec<Vec<u8>> = made.iter().map(|(.., traced)| traced.text().to_vec()).collect();
    let table: String =
        made.iter().map(|(name, woven, traced)| row(name, &woven.map, traced)).collect();
    let lines = run(&texts, &format!("{WITH_TRACER}{calls}{WITH_SENSORS}"), &table);
    let did = [&sensors, &lines]
        .map(|frames| read(&String::from_utf8_lossy(&frames.output), programs.len()));
    let mut blind = Blind::default();
    let wrong = made.iter().enumerate().map(|(index, (name, woven, traced))| {
        let map = &woven.map;
        let hits = sensors.hits.get(&map.digest).expect("hits").clone();
        let by_sensors = evaluate(map, &[ContextHits { context: 0, hits }]);
        let [mine, theirs] = [&did[0][index], &did[1][index]];
        if (&mine.end, &mine.log) != (&theirs.end, &theirs.log) {
            return Some(format!("with sensors it did {mine:?}, traced {theirs:?}"));
        }
        let events = lines.traces.get(&map.digest).expect("lines");
        let observed = traced.judge(events, lines.gap, map);
        let by_lines = evaluate_all(map, &[], &[ContextObserved { context: 0, observed }]);
        let wrong = compare(name, &[by_sensors], &[by_lines], &mut blind);
        (!wrong.is_empty()).then(|| wrong.join("\n"))
    });
    wrong.collect()
}

fn row(name: &str, map: &FileMap, traced: &Traced) -> String {
    let row = Row {
        name: name.to_owned(),
        digest: map.digest.to_string(),
        lines: traced.lines(),
        watched: Some(traced.watched(map).into_iter().map(|Line(line)| line).collect()),
        shared: traced.shared_starts().into_iter().map(|Line(line)| line).collect(),
    };
    row.text()
}

/// Runs texts in one process, and reads the frames at its end.
fn run(texts: &[Vec<u8>], calls: &str, table: &str) -> Frames {
    let dir = common::temp_dir();
    let place = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("a file");
    write(dir.path(), texts, calls);
    place("_mpycov.py", RUNTIME);
    for (name, text) in TRACER {
        place(name, text);
    }
    place("_mpycov_trace.txt", table);
    let outcome = targets::wasm(WASM_NEWEST, true).run(Path::new(dir.path()), "main.py", &[], b"");
    assert_eq!(outcome.status, Some(0), "{}", outcome.text());
    let frames = frame::read(&outcome.stdout);
    assert_eq!(frames.faults, Vec::<String>::new());
    frames
}
