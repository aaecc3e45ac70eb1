//! Golden texts and maps of all constructs, in `fixtures/goldens`.
//!
//! `MPYCOV_BLESS=1 cargo test --test goldens` writes them anew.

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::constructs::{self, Construct};
use common::{pool, process};
use mpycov::instrument::Instrumented;
use mpycov::model::{Evidence, FileMap, Level, Line};
use mpycov::parse::lines::Lines;

#[test]
fn texts_and_maps_are_as_before() {
    let all = constructs::all();
    let mut known = BTreeSet::new();
    let mut wrong = Vec::new();
    for construct in &all {
        for name in construct.sources() {
            let home = golden(construct, &name);
            let branch = constructs::instrument(&construct.dir, &name, Level::Branch);
            let condition = constructs::instrument(&construct.dir, &name, Level::Condition);
            for (file, text) in [
                ("woven_branch.py", branch.woven.text),
                ("woven_condition.py", condition.woven.text.clone()),
                ("map.txt", listing(&condition).into_bytes()),
            ] {
                let path = home.join(file);
                wrong.extend(compare_golden(&path, &text));
                known.insert(path);
            }
        }
    }
    for path in files_below(&root()) {
        if !known.contains(&path) && path.file_name().is_some_and(|name| name != ".gitattributes") {
            wrong.push(format!("{} is the golden file of nothing", path.display()));
        }
    }
    pool::none(wrong);
}

fn root() -> PathBuf {
    common::repo_root().join("fixtures/goldens")
}

/// Where the golden files of a source are: those of a helper have a directory of its name.
fn golden(construct: &Construct, name: &Path) -> PathBuf {
    let home = root().join(&construct.name);
    if name == Path::new("source.py") { home } else { home.join(name.with_extension("")) }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn compare_golden(path: &Path, text: &[u8]) -> Option<String> {
    if std::env::var_os("MPYCOV_BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a golden file");
        return None;
    }
    let old = fs::read(path).unwrap_or_default();
    (old != text).then(|| {
        let shown = path.strip_prefix(common::repo_root()).unwrap_or(path).display();
        format!("{shown} (MPYCOV_BLESS=1 takes it over):\n{}", difference(&old, text))
    })
}

/// The lines between what is the same at the beginning and at the end.
fn difference(old: &[u8], new: &[u8]) -> String {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[same..], &new[same..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let mut text = format!("from line {} on\n", same + 1);
    for (sign, lines) in [('-', old), ('+', new)] {
        for line in &lines[..lines.len() - tail] {
            let _ = writeln!(text, "{sign} {}", line.escape_debug());
        }
    }
    text
}

/// A map for reading, with the sensors that show each thing.
fn listing(instrumented: &Instrumented) -> String {
    let map = &instrumented.map;
    let mut out = format!("sensors: {}\n", map.sensor_count);
    let lines = |lines: &[Line]| lines.iter().map(Line::to_string).collect::<Vec<_>>().join(", ");
    for (what, list) in [
        ("excluded", &map.excluded),
        ("no branch", &map.no_branch),
        ("added", &instrumented.woven.added_lines),
    ] {
        if !list.is_empty() {
            let _ = writeln!(out, "{what}: {}", lines(list));
        }
    }
    for part in &map.not_measured {
        let _ = writeln!(out, "not measured: {} {}", span(part.line, part.end_line), part.reason);
    }
    let mut section = |title: &str, rows: Vec<(String, &Evidence)>| {
        if !rows.is_empty() {
            let _ = writeln!(out, "\n{title}:");
        }
        for (what, evidence) in rows {
            let ids: Vec<String> = evidence.sensors().iter().map(|s| s.0.to_string()).collect();
            let ids = if ids.is_empty() { "never".to_owned() } else { ids.join(" or ") };
            let _ = writeln!(out, "  {what:<24} {ids}");
        }
    };
    let statements = map.statements.iter().map(|s| (span(s.line, s.end_line), &s.evidence));
    section("statements", statements.collect());
    let arcs = map.arcs.iter().map(|arc| (format!("{} -> {}", arc.from, arc.to), &arc.evidence));
    section("branches", arcs.collect());
    section("suites", map.suites.iter().map(|s| (s.line.to_string(), &s.evidence)).collect());
    let scopes = map.scopes.iter().map(|scope| {
        (format!("{} {}", span(scope.line, scope.end_line), scope.name), &scope.entered)
    });
    section("scopes", scopes.collect());
    decisions(map, &mut out);
    out
}

fn decisions(map: &FileMap, out: &mut String) {
    if !map.decisions.is_empty() {
        let _ = writeln!(out, "\ndecisions:");
    }
    for decision in &map.decisions {
        let text = decision.text.replace('\n', " ⏎ ");
        let kind = decision.kind.name();
        let _ = writeln!(out, "  {}:{} {kind} {text}", decision.line, decision.column);
        if let Some(reason) = &decision.not_measured {
            let _ = writeln!(out, "    not measured: {reason}");
        }
        for path in &decision.paths {
            let letter = |value: &Option<bool>| match value {
                Some(true) => 'T',
                Some(false) => 'F',
                None => '-',
            };
            let values: String = path.values.iter().map(letter).collect();
            let outcome = letter(&path.outcome);
            let ids: Vec<String> =
                path.evidence.sensors().iter().map(|s| s.0.to_string()).collect();
            let _ = writeln!(out, "    {values} is {outcome}: {}", ids.join(" or "));
        }
    }
}

fn span(first: Line, last: Line) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

#[test]
fn lines_stay_where_they_are() {
    let all = constructs::all();
    let mut wrong = Vec::new();
    for construct in &all {
        for name in construct.sources() {
            let source = fs::read(construct.dir.join(&name)).expect("a source");
            for level in Level::ALL {
                let woven = constructs::instrument(&construct.dir, &name, level).woven;
                let moved = moved_lines(&source, &woven.text, &woven.added_lines, level);
                wrong.extend(moved.map(|text| format!("{} ({level}): {text}", construct.name)));
            }
        }
    }
    pool::none(wrong);
}

/// The first line of the source that is not where it should be in the woven text. Up to level
/// branch something is only ever put between the bytes of a line.
fn moved_lines(source: &[u8], woven: &[u8], added: &[Line], level: Level) -> Option<String> {
    let (from, to) = (Lines::of(source), Lines::of(woven));
    let kept: Vec<Line> = (1..=to.count()).map(Line).filter(|line| !added.contains(line)).collect();
    if kept.len() != from.count() as usize {
        let (old, new, more) = (from.count(), to.count(), added.len());
        return Some(format!("{old} lines became {new}, and {more} are said to be added"));
    }
    let exact = level < Level::Condition;
    (1..=from.count()).map(Line).zip(kept).find_map(|(line, place)| {
        let old = from.text(line, source).trim_ascii();
        let new = to.text(place, woven);
        let mut rest = new.iter();
        let is_in = old.iter().all(|byte| rest.any(|other| other == byte));
        (exact && !is_in && !old.starts_with(b"#"))
            .then(|| format!("line {line} is not in line {place}"))
    })
}

#[test]
fn woven_texts_are_python() {
    let all = constructs::all();
    let dir = common::temp_dir();
    let mut paths = String::new();
    for construct in all.iter().filter(|construct| construct.cpython()) {
        for (name, level) in
            construct.sources().iter().flat_map(|name| Level::ALL.map(|level| (name, level)))
        {
            let path = dir.path().join(level.name()).join(&construct.name).join(name);
            let text = constructs::instrument(&construct.dir, name, level).woven.text;
            fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            fs::write(&path, text).expect("a file");
            let _ = writeln!(paths, "{}", path.display());
        }
    }
    let program = "import ast, sys\n\
        for path in sys.stdin.read().splitlines():\n\
        \x20   try:\n\
        \x20       ast.parse(open(path, 'rb').read(), path)\n\
        \x20   except (SyntaxError, ValueError) as error:\n\
        \x20       print(path, error)\n";
    let mut command = Command::new(common::python());
    command.args(["-W", "ignore", "-c", program]);
    let outcome = process::run(command, paths.as_bytes(), process::LIMIT);
    assert_eq!((outcome.status, &*outcome.text()), (Some(0), "status: 0\nstdout:\n\nstderr:\n"));
}
