//! Runs programs, many in a process: plain and at each level on the unix port, and on CPython
//! under coverage.py.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use mpycov::evaluate::{ContextHits, evaluate};
use mpycov::instrument::{Instrumented, instrument};
use mpycov::model::{FileCoverage, Level, Line};
use serde_json::Value;

use crate::common::{self, constructs, process, targets};
use crate::grammar::Program;

const HARNESS: &str = include_str!("harness.py");
const DRIVE: &str = include_str!("drive.py");

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Did {
    /// How it ended.
    pub(crate) end: String,
    /// What it wrote down.
    pub(crate) log: String,
    /// The lines of the traceback.
    places: Vec<String>,
}

impl Did {
    /// The lines that it wrote down.
    fn lines(&self) -> BTreeSet<u32> {
        self.log.split(',').filter_map(|word| word.parse().ok()).collect()
    }
}

/// The calls that run so many programs.
pub(crate) fn calls(count: usize, number: u64, common: bool) -> String {
    (0..count).fold(String::new(), |mut calls, index| {
        let seed = (number + index as u64) % 1_000_000;
        let objects = if common { "False" } else { "True" };
        writeln!(calls, "one(\"p{index}\", {seed}, {objects})").expect("a string takes text");
        calls
    })
}

/// What is wrong with each program, if anything is; `number` stands for their draws.
pub(crate) fn complaints(programs: &[Program], number: u64, common: bool) -> Vec<Option<String>> {
    let calls = calls(programs.len(), number, common);
    let texts: Vec<Vec<u8>> = programs.iter().map(|p| p.text.clone().into_bytes()).collect();
    let (plain, _) = on_unix(&texts, &calls);
    let mut wrong: Vec<Option<String>> = plain
        .iter()
        .map(|did| {
            let sound = !["SyntaxError", "NameError", "TypeError", "MemoryError"]
                .iter()
                .any(|name| did.end.starts_with(name));
            (!sound).then(|| format!("the plain program ends with {}", did.end))
        })
        .collect();
    let mut found: Vec<Vec<FileCoverage>> = vec![Vec::new(); programs.len()];
    for level in Level::ALL {
        let woven: Vec<Result<Instrumented, String>> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| instrumented(text, &format!("p{index}.py"), level))
            .collect();
        // What cannot be instrumented runs plain here; it is a complaint anyway.
        let bytes: Vec<Vec<u8>> = woven
            .iter()
            .zip(&texts)
            .map(|(w, text)| w.as_ref().map_or_else(|_| text.clone(), |w| w.woven.text.clone()))
            .collect();
        let (did, hits) = on_unix(&bytes, &(calls.clone() + "import _mpycov\n_mpycov.dump()\n"));
        for (index, woven) in woven.iter().enumerate() {
            let woven = match woven {
                Ok(woven) => woven,
                Err(text) => {
                    wrong[index].get_or_insert(format!("level {level}: {text}"));
                    continue;
                }
            };
            let sound = same(&plain[index], &did[index], woven).and_then(|()| {
                sensors_are_there(woven)?;
                let digest = &woven.map.digest;
                let hits = hits.get(digest).ok_or("there are no hits")?.clone();
                let coverage = evaluate(&woven.map, &[ContextHits { context: 0, hits }]);
                as_told(&programs[index], &plain[index], &coverage, level)?;
                found[index].push(coverage);
                Ok(())
            });
            if let Err(text) = sound {
                let woven = String::from_utf8_lossy(&woven.woven.text).into_owned();
                wrong[index].get_or_insert(format!("level {level}: {text}\n{woven}"));
            }
        }
    }
    for (wrong, found) in wrong.iter_mut().zip(&found) {
        if wrong.is_none() {
            *wrong = levels_agree(found).err();
        }
    }
    if common {
        with_coverage_py(&texts, &calls, &plain, &found, &mut wrong);
    }
    wrong
}

/// What is wrong with a program at any level, before it runs.
pub(crate) fn cannot_be_instrumented(program: &Program) -> Option<String> {
    let wrong = |level: &Level| {
        let sound = instrumented(program.text.as_bytes(), "p0.py", *level)
            .and_then(|instrumented| sensors_are_there(&instrumented));
        sound.err().map(|text| format!("level {level}: {text}"))
    };
    Level::ALL.iter().find_map(wrong)
}

/// Instruments a text, or says why it cannot be.
fn instrumented(text: &[u8], name: &str, level: Level) -> Result<Instrumented, String> {
    let attempt = || instrument(text.to_vec(), name, &constructs::options(level));
    // A panic is a bug; it must not hide which program has it.
    match std::panic::catch_unwind(attempt) {
        Ok(Ok(instrumented)) => Ok(instrumented),
        Ok(Err(error)) => Err(format!("{error}: {:?}", error.faults)),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map_or("", String::as_str);
            Err(format!("instrumenting it panics: {said}"))
        }
    }
}

type Hits = BTreeMap<mpycov::model::Digest, mpycov::model::HitSet>;

/// Runs texts in one process: what each did, and the hits that were dumped at the end.
fn on_unix(texts: &[Vec<u8>], calls: &str) -> (Vec<Did>, Hits) {
    let dir = common::temp_dir();
    write(dir.path(), texts, calls);
    fs::write(dir.path().join("_mpycov.py"), mpycov::embedded::RUNTIME).expect("a file");
    let mut command = Command::new(targets::unix().path);
    command.current_dir(dir.path()).args(["-X", "heapsize=64m", "main.py"]);
    let outcome = process::run(command, b"", process::LIMIT);
    assert_eq!(outcome.status, Some(0), "{}", outcome.text());
    let frames = mpycov::wire::frame::read(&outcome.stdout);
    assert_eq!(frames.faults, Vec::<String>::new());
    (read(&String::from_utf8_lossy(&frames.output), texts.len()), frames.hits)
}

pub(crate) fn write(dir: &std::path::Path, texts: &[Vec<u8>], calls: &str) {
    fs::write(dir.join("harness.py"), HARNESS).expect("a file");
    fs::write(dir.join("drive.py"), DRIVE).expect("a file");
    fs::write(dir.join("main.py"), format!("from drive import one\n{calls}")).expect("a file");
    for (index, text) in texts.iter().enumerate() {
        fs::write(dir.join(format!("p{index}.py")), text).expect("a file");
    }
}

pub(crate) fn read(output: &str, count: usize) -> Vec<Did> {
    let all: Vec<Did> = output
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let fields: Vec<&str> = line.split('|').collect();
            let [_, end, log, places] = fields[..] else { panic!("{line} has not four fields") };
            let places = places.split_whitespace().map(str::to_owned).collect();
            Did { end: end.to_owned(), log: log.to_owned(), places }
        })
        .collect();
    assert_eq!(all.len(), count, "{output}");
    all
}

/// Did the instrumented program do what the plain one did?
fn same(plain: &Did, woven: &Did, instrumented: &Instrumented) -> Result<(), String> {
    let own = |place: &String| -> String {
        let (name, line) = place.split_once(':').expect("a name and a line");
        let line = line.parse().expect("a line");
        format!("{name}:{}", instrumented.woven.source_line(Line(line)))
    };
    let seen = Did { places: woven.places.iter().map(own).collect(), ..woven.clone() };
    if *plain == seen {
        return Ok(());
    }
    Err(format!("it did\n{seen:?}\ninstead of\n{plain:?}"))
}

/// Is each sensor of the map in the text, as an index, an argument or the value of a note? Sensors are in
/// tables of the sizes that the header names; an index may count from the end.
fn sensors_are_there(instrumented: &Instrumented) -> Result<(), String> {
    let text = String::from_utf8_lossy(&instrumented.woven.text);
    let mut numbers = BTreeSet::new();
    for part in text.split(['[', '(', '=']) {
        let digits = part.strip_prefix('-').unwrap_or(part);
        let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
        let sign = if part.starts_with('-') { -1 } else { 1 };
        numbers.extend(digits.parse::<i64>().ok().map(|number| sign * number));
    }
    let header = text.split(&instrumented.map.digest.to_string()).nth(1).unwrap_or_default();
    let sizes: Vec<i64> = header
        .split(')')
        .next()
        .into_iter()
        .flat_map(|sizes| sizes.split(',').filter_map(|size| size.parse().ok()))
        .collect();
    if sizes.iter().sum::<i64>() != i64::from(instrumented.map.sensor_count) {
        return Err(format!("the header has tables of {sizes:?}"));
    }
    let absent =
        |(size, index): &(i64, i64)| !numbers.contains(index) && !numbers.contains(&(index - size));
    let all = sizes.iter().flat_map(|size| (0..*size).map(move |index| (*size, index)));
    let missing: Vec<(i64, i64)> = all.filter(absent).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("sensors {missing:?} are not in the text"))
    }
}

/// Do the verdicts on lines agree with what the program wrote down?
fn as_told(
    program: &Program,
    did: &Did,
    coverage: &FileCoverage,
    level: Level,
) -> Result<(), String> {
    let told = did.lines();
    for line in &program.told {
        let was_told = told.contains(line);
        // With one sensor a block, one that was entered counts as a whole, and a handler counts
        // with the block it opens.
        if level == Level::Block && program.handlers.contains(line) {
            continue;
        }
        let fits = match coverage.statements.get(&Line(*line)) {
            Some(hit) if level == Level::Block => *hit || !was_told,
            Some(hit) => *hit == was_told,
            // It cannot be reached.
            None => !was_told,
        };
        if !fits {
            return Err(format!("line {line}: told: {was_told}; verdict is another"));
        }
    }
    Ok(())
}

/// A finer level says of lines and arcs what a coarser one does.
fn levels_agree(found: &[FileCoverage]) -> Result<(), String> {
    let [_, line, branch, condition] = found else { return Err("a level is missing".to_owned()) };
    if line.statements != branch.statements || branch.statements != condition.statements {
        return Err("the levels disagree on lines".to_owned());
    }
    if branch.branches != condition.branches {
        return Err(format!(
            "the levels disagree on arcs: {:?} and {:?}",
            branch.branches, condition.branches
        ));
    }
    Ok(())
}

/// Compares with CPython's output and coverage.py's report.
fn with_coverage_py(
    texts: &[Vec<u8>],
    calls: &str,
    plain: &[Did],
    found: &[Vec<FileCoverage>],
    wrong: &mut [Option<String>],
) {
    let dir = common::temp_dir();
    let saved = format!("{calls}\nsys.stdout.close()\n");
    let to_file = format!("import sys\nsys.stdout = open('out.txt', 'w')\n{saved}");
    write(dir.path(), texts, &to_file);
    let report = common::coverage_py(dir.path(), "main.py", true);
    let output = fs::read_to_string(dir.path().join("out.txt")).expect("what CPython printed");
    let did = read(&output, texts.len());
    for (index, did) in did.iter().enumerate() {
        let compared = || {
            if (&did.end, &did.log) != (&plain[index].end, &plain[index].log) {
                return Err(format!("CPython did {did:?}, MicroPython {:?}", plain[index]));
            }
            let last = found[index].last().ok_or("there is no verdict")?;
            let has_docstring = texts[index].starts_with(b"\"");
            as_coverage_py(&report["files"][format!("p{index}.py")], last, has_docstring)
        };
        if wrong[index].is_none() {
            wrong[index] = compared().err();
        }
    }
}

fn as_coverage_py(
    report: &Value,
    coverage: &FileCoverage,
    has_docstring: bool,
) -> Result<(), String> {
    // Its lists of what was executed have docstrings too, which it does not count.
    let numbers = |key: &str| -> BTreeSet<u64> {
        let all = report[key].as_array().into_iter().flatten().filter_map(Value::as_u64);
        all.filter(|line| *line != 1 || !has_docstring).collect()
    };
    let lines = |wanted: bool| -> BTreeSet<u64> {
        let lines = coverage.statements.iter().filter(|(_, hit)| **hit == wanted);
        lines.map(|(line, _)| u64::from(line.0)).collect()
    };
    let arcs = |key: &str| -> Vec<String> {
        let pair = |arc: &Value| {
            let end = arc[1].as_i64().unwrap_or_default();
            let to = if end < 0 { "exit".to_owned() } else { end.to_string() };
            format!("{}->{to}", arc[0])
        };
        let mut arcs: Vec<String> =
            report[key].as_array().into_iter().flatten().map(pair).collect();
        arcs.sort();
        arcs
    };
    let ways = |wanted: bool| -> Vec<String> {
        let exits = coverage.branches.iter().flat_map(|b| b.exits.iter().map(move |e| (b, e)));
        let mut arcs: Vec<String> = exits
            .filter(|(_, exit)| exit.taken == wanted)
            .map(|(branch, exit)| format!("{}->{}", branch.line, exit.to))
            .collect();
        arcs.sort();
        arcs
    };
    let mut wrong = String::new();
    let mut compare = |what: &str, ours: String, theirs: String| {
        if ours != theirs {
            let _ = writeln!(wrong, "{what}: {ours}, coverage.py: {theirs}");
        }
    };
    for (what, hit) in [("executed", true), ("missing", false)] {
        let lines_key = format!("{what}_lines");
        compare(what, format!("{:?}", lines(hit)), format!("{:?}", numbers(&lines_key)));
        let arcs_key = format!("{what}_branches");
        compare(&arcs_key, format!("{:?}", ways(hit)), format!("{:?}", arcs(&arcs_key)));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}
