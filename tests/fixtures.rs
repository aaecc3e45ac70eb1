//! Every construct of the language: the instrumented program does what the plain one does, and the
//! verdicts are those that `expect.toml` gives.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::constructs::{self, Construct};
use common::process::{self, Outcome};
use common::targets::{self, Target, WASM_NEWEST, WASM_VERSIONS, Wasm};
use common::{cli, pool};
use mpycov::model::{Level, Line};

#[test]
fn on_the_unix_port() {
    let all = constructs::all();
    let mine: Vec<&Construct> = all.iter().filter(|c| c.runs_on("unix", "1.25")).collect();
    assert!(mine.len() > 200);
    let complaints = pool::in_parallel(&mine, |construct| {
        let dir = common::temp_dir();
        let place = dir.path().join("place");
        construct.copy_to(&place);
        let plain = targets::unix().run(&place, "source.py", &[], b"");
        let mut wrong = as_expected(construct, &plain);
        for level in Level::ALL {
            fs::remove_dir_all(&place).expect("the place can be cleared");
            construct.copy_to(&place);
            let data = dir.path().join(level.name());
            let kept = data.display().to_string();
            let level_name = level.name();
            let covered = cli::run(
                &place,
                &["run", "-q", "--data-dir", &kept, "--level", level_name, "source.py"],
            );
            wrong.extend(compare(construct, level, &plain, &covered));
            wrong.extend(verdicts(construct, level, &data, &place, true));
        }
        wrong
    });
    pool::none(complaints.into_iter().flatten());
}

#[test]
fn on_the_newest_webassembly_port() {
    on_wasm(&targets::wasm(WASM_NEWEST, false), true);
}

#[test]
fn on_the_oldest_webassembly_port() {
    on_wasm(&targets::wasm(WASM_VERSIONS[0], false), false);
}

/// Runs an instrumented copy of each fixture, whose hits come back on the console or in a file.
fn on_wasm(wasm: &Wasm, on_console: bool) {
    let level = Level::Condition;
    let all = constructs::all();
    let mine: Vec<&Construct> = all.iter().filter(|c| c.runs_on("wasm", &wasm.version)).collect();
    assert!(mine.len() > 190);
    let complaints = pool::in_parallel(&mine, |construct| {
        let dir = common::temp_dir();
        let (place, copy) = (dir.path().join("place"), dir.path().join("copy"));
        construct.copy_to(&place);
        let plain = wasm.run(&place, "source.py", &[], b"");
        let mut wrong = as_expected(construct, &plain);
        fs::remove_dir_all(&place).expect("the place can be cleared");
        construct.copy_to(&place);
        cli::output(&place, &["instrument", "-q", "--data-dir", "../data", ".", "-o", "../copy"]);
        // The copy takes the place of the sources, so that paths are the same.
        let sources = dir.path().join("sources");
        fs::rename(&place, &sources).expect("the sources can be moved");
        fs::rename(&copy, &place).expect("the copy can be moved");
        let end = if on_console { "dump()" } else { "save('../hits')" };
        fs::write(place.join("drive.py"), DRIVE.replace("END", end)).expect("the driver");
        let mut covered = wasm.run(&place, "drive.py", &[], b"");
        let collected = if on_console {
            let log = covered.stdout.clone();
            covered.stdout = without_frames(&log);
            cli::run_with(&sources, &["collect", "-q", "--data-dir", "../data"], &log)
        } else {
            cli::run(&sources, &["collect", "-q", "--data-dir", "../data", "../hits"])
        };
        covered.stderr = without_driver(&covered.err()).into_bytes();
        wrong.extend(compare(construct, level, &plain, &covered));
        let has_hits = construct.has_statements();
        if has_hits && (collected.status, &*collected.err()) != (Some(0), "") {
            wrong.push(format!("{}: collect: {}", construct.name, collected.text()));
        }
        wrong.extend(verdicts(construct, level, &dir.path().join("data"), &sources, false));
        wrong
    });
    pool::none(complaints.into_iter().flatten());
}

/// Runs `source.py` as the script and hands over the hits when it has ended, however it did.
const DRIVE: &str = "\
def _drive():
    import _mpycov
    names = globals()
    del names['_drive']
    names['__file__'] = 'source.py'
    try:
        with open('source.py', 'rb') as f:
            text = f.read()
        exec(compile(text, 'source.py', 'exec'), names)
    finally:
        _mpycov.END
_drive()
";

fn without_frames(log: &[u8]) -> Vec<u8> {
    let mut output = mpycov::wire::frame::read(log).output;
    assert_eq!(output.pop(), Some(b'\n'), "a dump starts on a line of its own");
    output
}

fn without_driver(traceback: &str) -> String {
    traceback.split_inclusive('\n').filter(|line| !line.contains("\"drive.py\"")).collect()
}

/// What is wrong with the end of the plain program, which the fixture knows.
fn as_expected(construct: &Construct, plain: &Outcome) -> Vec<String> {
    let raises = construct.expect["raises"].as_str().expect("a text");
    let told = raises.is_empty() || plain.err().contains(raises) || plain.out().contains(raises);
    if construct.may_end_with(plain.status) && told {
        return Vec::new();
    }
    vec![format!("{}: the plain program ends otherwise:\n{}", construct.name, plain.text())]
}

fn compare(construct: &Construct, level: Level, plain: &Outcome, covered: &Outcome) -> Vec<String> {
    let mut seen = covered.clone();
    if construct.expect.get("prints_lines").is_some_and(|value| value.as_bool() == Some(true)) {
        seen.stdout = in_source_lines(construct, level, &covered.out()).into_bytes();
    }
    if *plain == seen {
        return Vec::new();
    }
    let name = &construct.name;
    vec![format!("{name} ({level}): plain\n{}\ninstrumented\n{}", plain.text(), seen.text())]
}

/// Numbers in quotes are lines of the woven text: those of the source in their place.
fn in_source_lines(construct: &Construct, level: Level, output: &str) -> String {
    let woven = constructs::instrument(&construct.dir, Path::new("source.py"), level).woven;
    let words = output.split('\'').map(|word| match word.parse() {
        Ok(number) => woven.source_line(Line(number)).to_string(),
        Err(_) => word.to_owned(),
    });
    words.collect::<Vec<String>>().join("'")
}

/// What is wrong with the verdicts in a data directory on the sources in `place`.
fn verdicts(
    construct: &Construct,
    level: Level,
    data: &Path,
    place: &Path,
    is_run: bool,
) -> Vec<String> {
    let found = cli::verdicts(data, place);
    let mut wrong = construct.differences(&found.coverage.files, level, is_run);
    let said = found.notices.iter().chain(found.uncovered.values());
    wrong.extend(said.map(|text| format!("{} ({level}): {text}", construct.name)));
    wrong
}

#[test]
fn coverage_py_agrees_with_the_expectations() {
    let all = constructs::all();
    let parts: Vec<&[Construct]> = all.chunks(20).collect();
    pool::in_parallel(&parts, |part| {
        let mut command = Command::new(common::python());
        command.arg(common::repo_root().join("fixtures/check_expectations.py"));
        command.args(part.iter().map(|construct| &construct.name));
        let outcome = process::run(command, b"", process::LIMIT);
        let expected = format!("{} fixtures, 0 with differences\n", part.len());
        assert_eq!((outcome.status, &*outcome.err()), (Some(0), ""), "{}", outcome.text());
        assert_eq!(outcome.out(), expected);
    });
}
