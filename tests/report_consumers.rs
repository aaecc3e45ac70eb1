//! The programs that reports are made for read them and come to the same figures.

mod common;
mod report_support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{lcov, process, python, python_tool, repo_root, temp_dir};
use mpycov::model::{Coverage, Exit, Level, Line};
use mpycov::report::{
    CoberturaOptions, DataFileOptions, Format, LcovFlavor, LcovOptions, Numbers, Settings, diff,
    render, sqlite,
};
use report_support::{FAST, NEVER, VALVE, coverage, settings, sources};
use serde_json::{Value, json};

/// Runs a program that has to succeed, and gives its standard output.
fn succeeds(mut command: Command, dir: &Path) -> String {
    command.current_dir(dir);
    let shown = format!("{command:?}");
    let outcome = process::run(command, b"", process::LIMIT);
    assert_eq!(outcome.status, Some(0), "{shown}\n{}", outcome.text());
    outcome.out()
}

fn command(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// A directory with the sources, at the paths that the reports name.
fn project() -> tempfile::TempDir {
    let dir = temp_dir();
    for (path, text) in sources() {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    dir
}

/// Settings for reports on a directory.
fn settings_in(dir: &Path) -> Settings {
    Settings {
        root: dir.to_str().expect("a path in text").to_owned(),
        show_contexts: true,
        ..settings()
    }
}

fn write(format: Format, coverage: &Coverage, settings: &Settings, path: &Path) {
    let mut bytes = Vec::new();
    render(format, coverage, &sources(), settings, &mut bytes).expect("a report");
    fs::write(path, bytes).expect("a file");
}

/// The measurement without the file that has a part nobody can measure: coverage.py
/// takes that part for missed.
fn measurable() -> Coverage {
    let mut all = coverage();
    all.files.retain(|file| file.path != FAST);
    all
}

/// As `measurable`, but of whole lines only.
fn lines_only() -> Coverage {
    let mut all = measurable();
    for file in &mut all.files {
        file.level = Level::Line;
        file.branches.clear();
        file.decisions.clear();
    }
    all
}

fn own_json(coverage: &Coverage, settings: &Settings) -> Value {
    let mut bytes = Vec::new();
    render(Format::Json, coverage, &sources(), settings, &mut bytes).expect("a report");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn coverage_json(dir: &Path) -> Value {
    let args = ["-m", "coverage", "json", "-q", "--show-contexts", "-o", "theirs.json"];
    succeeds(command(python(), &args), dir);
    let text = fs::read(dir.join("theirs.json")).expect("the report");
    serde_json::from_slice(&text).expect("JSON")
}

/// The files of a JSON report in a form in which both have to be equal: contexts as
/// sets, and only those of whole files, since coverage.py repeats them in each region.
fn comparable(report: &Value) -> Value {
    let mut files = report["files"].clone();
    for file in files.as_object_mut().expect("files").values_mut() {
        for kind in ["functions", "classes"] {
            for region in file[kind].as_object_mut().expect("regions").values_mut() {
                region.as_object_mut().expect("a region").remove("contexts");
            }
        }
        for contexts in file["contexts"].as_object_mut().expect("lines").values_mut() {
            let names: BTreeSet<String> = serde_json::from_value(contexts.clone()).expect("names");
            *contexts = json!(names);
        }
    }
    files
}

#[test]
fn coverage_py_goes_on_from_the_data_file_with_the_same_figures() {
    for coverage in [measurable(), lines_only()] {
        let dir = project();
        let settings = settings_in(dir.path());
        write(Format::Coverage, &coverage, &settings, &dir.path().join(".coverage"));
        let (ours, theirs) = (own_json(&coverage, &settings), coverage_json(dir.path()));
        assert_eq!(comparable(&ours), comparable(&theirs));
        assert_eq!(ours["totals"], theirs["totals"]);
        assert_eq!(ours["meta"]["branch_coverage"], theirs["meta"]["branch_coverage"]);
        let args = ["-m", "coverage", "html", "-q", "--show-contexts"];
        succeeds(command(python(), &args), dir.path());
        assert!(dir.path().join("htmlcov/index.html").exists());
    }
}

#[test]
fn coverage_py_prints_the_same_missing_lines() {
    let dir = project();
    let mut coverage = measurable();
    for file in coverage.files.iter_mut().filter(|f| f.path == VALVE) {
        for line in [44, 48, 63] {
            file.statements.insert(Line(line), true);
        }
    }
    write(Format::Coverage, &coverage, &settings_in(dir.path()), &dir.path().join(".coverage"));
    let theirs = succeeds(command(python(), &["-m", "coverage", "report", "-m"]), dir.path());
    let mut settings = settings();
    settings.table.show_missing = true;
    let ours = {
        let mut bytes = Vec::new();
        render(Format::Text, &coverage, &sources(), &settings, &mut bytes).expect("a report");
        String::from_utf8(bytes).expect("text")
    };
    let missing = |report: &str, path: &str| {
        let row = report.lines().find(|row| row.starts_with(path)).expect("a row").to_owned();
        row.split_once("% ").map(|(_, missing)| missing.trim().to_owned())
    };
    for path in [VALVE, NEVER] {
        assert_eq!(missing(&ours, path), missing(&theirs, path));
    }
    assert_eq!(missing(&ours, VALVE).as_deref(), Some("23, 29, 35, 39->48, 43->44, 51, 62->63"));
}

#[test]
fn coverage_py_combines_the_data_file_with_its_own() {
    let dir = project();
    let settings = settings_in(dir.path());
    write(Format::Coverage, &measurable(), &settings, &dir.path().join(".coverage.board"));
    let script = "with open('src/boiler/never.py') as f: exec(compile(f.read(), f.name, 'exec'))";
    fs::write(dir.path().join("run.py"), script).expect("a file");
    let args =
        ["-m", "coverage", "run", "-p", "--branch", "--source=.", "--context=host", "run.py"];
    succeeds(command(python(), &args), dir.path());
    succeeds(command(python(), &["-m", "coverage", "combine", "-q"]), dir.path());
    let report = coverage_json(dir.path());
    let never = &report["files"][NEVER];
    assert_eq!(never["executed_lines"], json!([1]));
    assert_eq!(never["contexts"], json!({"1": ["host"]}));
    let ours = own_json(&measurable(), &settings);
    assert_eq!(report["files"][VALVE]["summary"], ours["files"][VALVE]["summary"]);
}

#[test]
fn data_files_are_known_by_their_maker() {
    let dir = project();
    let mut settings = settings_in(dir.path());
    settings.data_file = DataFileOptions { relative: true };
    let path = dir.path().join(".coverage");
    write(Format::Coverage, &measurable(), &settings, &path);
    assert!(sqlite::is_ours(&fs::read(&path).expect("the file")));
    fs::write(dir.path().join(".coveragerc"), "[run]\nrelative_files = true\n").expect("a file");
    let theirs = coverage_json(dir.path());
    assert_eq!(theirs["totals"], own_json(&measurable(), &settings)["totals"]);
    fs::remove_file(&path).expect("it is there");
    let args = ["-m", "coverage", "run", "--data-file=.coverage", "src/boiler/never.py"];
    succeeds(command(python(), &args), dir.path());
    assert!(!sqlite::is_ours(&fs::read(&path).expect("the file")));
    assert!(!sqlite::is_ours(b"SQLite format 3\0 and nothing else"));
    assert!(!sqlite::is_ours(b""));
}

/// Settings for a flavour of the tracefile.
fn flavor(flavor: LcovFlavor, dir: &Path) -> Settings {
    Settings {
        lcov: LcovOptions { flavor, line_checksums: flavor == LcovFlavor::Lcov2 },
        ..settings_in(dir)
    }
}

/// The figures after `lines`, `branches` … in what lcov prints.
fn lcov_figures(text: &str) -> BTreeMap<String, (u64, u64)> {
    let figure = |line: &str| {
        let (name, rest) = line.trim().split_once('.')?;
        let (_, counts) = rest.split_once('(')?;
        let (hit, rest) = counts.split_once(" of ")?;
        let all = rest.split(' ').next()?;
        Some((name.to_owned(), (hit.parse().ok()?, all.parse().ok()?)))
    };
    text.lines().filter_map(figure).collect()
}

#[test]
fn lcov_reads_both_flavours_and_finds_nothing_odd() {
    let dir = project();
    for (kind, name) in [(LcovFlavor::Common, "common"), (LcovFlavor::Lcov2, "lcov2")] {
        let file = format!("{name}.info");
        write(Format::Lcov, &coverage(), &flavor(kind, dir.path()), &dir.path().join(&file));
        let args = ["--branch-coverage", "--mcdc-coverage", "--summary", &file];
        let text = succeeds(command(lcov("lcov"), &args), dir.path());
        assert!(text.contains("no messages were reported"), "{text}");
        let figures = lcov_figures(&text);
        assert_eq!(figures["lines"], (39, 51), "{text}");
        assert_eq!(figures["branches"], (11, 20), "{text}");
        assert_eq!(figures["functions"], (6, 9), "{text}");
        if kind == LcovFlavor::Lcov2 {
            // Two senses a condition.
            assert_eq!(figures["conditions"], (6, 40), "{text}");
        }
        let out = format!("{name}-html");
        let args = ["--branch-coverage", "--mcdc-coverage", "-o", &out, &file];
        let text = succeeds(command(lcov("genhtml"), &args), dir.path());
        assert!(text.contains("no messages were reported"), "{text}");
        assert!(dir.path().join(out).join("index.html").exists());
    }
}

/// The measurement with a line that ran but went nowhere: its test raised.
fn with_raised_test() -> Coverage {
    let mut all = coverage();
    for file in all.files.iter_mut().filter(|f| f.path == VALVE) {
        for branch in file.branches.iter_mut().filter(|b| b.line == Line(28)) {
            for exit in &mut branch.exits {
                *exit = Exit { taken: false, ..*exit };
            }
        }
    }
    all
}

#[test]
fn lcov_takes_a_test_that_raised_in_its_own_flavour_only() {
    let dir = project();
    let summary = |kind, more: &[&str]| {
        let path = dir.path().join("raised.info");
        write(Format::Lcov, &with_raised_test(), &flavor(kind, dir.path()), &path);
        let mut args = vec!["--branch-coverage", "--mcdc-coverage", "--summary", "raised.info"];
        args.extend(more);
        let mut command = command(lcov("lcov"), &args);
        command.current_dir(dir.path());
        process::run(command, b"", process::LIMIT)
    };
    let common = summary(LcovFlavor::Common, &[]);
    assert_eq!(common.status, Some(1), "{}", common.text());
    assert!(common.err().contains("inconsistent"), "{}", common.text());
    let ignored = summary(LcovFlavor::Common, &["--ignore-errors", "inconsistent"]);
    assert_eq!(lcov_figures(&ignored.out())["branches"], (10, 20), "{}", ignored.text());
    let own = summary(LcovFlavor::Lcov2, &[]);
    assert_eq!(own.status, Some(0), "{}", own.text());
    assert_eq!(lcov_figures(&own.out())["branches"], (11, 21), "{}", own.text());
}

/// Runs a Python program on files of a directory.
fn python_says(dir: &Path, program: &str, args: &[&str]) -> String {
    let mut all = vec!["-c", program];
    all.extend(args);
    succeeds(command(python(), &all), dir)
}

const VALIDATE_XML: &str = "
import sys
from lxml import etree
tree = etree.parse(sys.argv[2])
for line in tree.iter('line'):
    line.attrib.pop('missing-branches', None)  # coverage.py's own attribute
dtd = etree.DTD(sys.argv[1])
assert dtd.validate(tree), dtd.error_log
root = tree.getroot()
assert [e.tag for e in root] == ['sources', 'packages']
assert len(root.findall('sources/source')) == 1
lines = root.findall('.//line')
print(len(lines), sum(l.get('hits') == '1' for l in lines))
for line in lines:
    assert (line.get('branch') == 'true') == ('(' in line.get('condition-coverage', ''))
print(root.findall('.//class')[2].get('filename'))
";

#[test]
fn xml_is_valid_against_the_cobertura_dtd() {
    let dir = project();
    let dtd = repo_root().join("tests/report_support/cobertura-04.dtd");
    let dtd = dtd.to_str().expect("a path in text");
    for conditions in [false, true] {
        let settings = Settings {
            cobertura: CoberturaOptions { conditions, ..CoberturaOptions::default() },
            ..settings_in(dir.path())
        };
        write(Format::Xml, &coverage(), &settings, &dir.path().join("coverage.xml"));
        let said = python_says(dir.path(), VALIDATE_XML, &[dtd, "coverage.xml"]);
        assert_eq!(said, format!("51 39\n{}\n", report_support::ODD));
    }
}

#[test]
fn json_follows_its_schema() {
    let dir = project();
    let schema = repo_root().join("docs/mpycov.schema.json");
    let program = "
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
validator = jsonschema.Draft202012Validator(schema)
validator.check_schema(schema)
report = json.load(open(sys.argv[2]))
validator.validate(report)
def closed(node):
    if isinstance(node, dict):
        assert 'properties' not in node or 'required' in node, node
        for value in node.values(): closed(value)
closed(schema)
report['mpycov']['format'] = 2
assert not validator.is_valid(report)
";
    let schema = schema.to_str().expect("a path in text");
    for coverage in [coverage(), lines_only()] {
        write(Format::Json, &coverage, &settings_in(dir.path()), &dir.path().join("our.json"));
        python_says(dir.path(), program, &[schema, "our.json"]);
    }
}

#[test]
fn gcovr_reads_its_tracefile() {
    let dir = project();
    write(Format::Gcovr, &coverage(), &settings_in(dir.path()), &dir.path().join("gcovr.json"));
    let args = ["-r", ".", "-a", "gcovr.json", "--json-summary", "summary.json"];
    succeeds(command(python_tool("gcovr"), &args), dir.path());
    let text = fs::read(dir.path().join("summary.json")).expect("the summary");
    let summary: Value = serde_json::from_slice(&text).expect("JSON");
    let pair = |name: &str| {
        let figure = |end: &str| summary[format!("{name}_{end}")].as_u64();
        (figure("covered"), figure("total"))
    };
    assert_eq!(pair("line"), (Some(39), Some(51)));
    assert_eq!(pair("branch"), (Some(11), Some(20)));
    assert_eq!(pair("function"), (Some(6), Some(9)));
    // Outcomes that an evaluation hung on: two fewer than were seen, for the first
    // condition of line 20 was false, and that of line 62 true, where others decided.
    assert_eq!(pair("condition"), (Some(19), Some(40)));
}

#[test]
fn diff_cover_reads_lcov_and_xml_and_finds_what_we_find() {
    let dir = project();
    let git = |args: &[&str]| {
        let mut all =
            vec!["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"];
        all.extend(args);
        succeeds(command("git", &all), dir.path())
    };
    // The base lacks some lines of the file: those have changed since.
    let path = dir.path().join(VALVE);
    let text = fs::read_to_string(&path).expect("the source");
    let changed: Vec<u32> = (20..=31).chain(43..=46).collect();
    let old = |(number, _): &(u32, &str)| !changed.contains(number);
    let base: Vec<&str> = (1..).zip(text.lines()).filter(old).map(|(_, line)| line).collect();
    fs::write(&path, base.join("\n")).expect("a file");
    git(&["init", "-q", "-b", "base"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "base"]);
    git(&["checkout", "-q", "-b", "work"]);
    fs::write(&path, text).expect("a file");
    git(&["commit", "-q", "-a", "-m", "work"]);
    let mut changed = BTreeMap::from([(VALVE.to_owned(), changed.into_iter().map(Line).collect())]);
    changed.insert("src/unknown.py".to_owned(), BTreeSet::from([Line(1)]));
    changed.insert("README.md".to_owned(), BTreeSet::from([Line(1)]));
    assert_eq!(diff::unknown(&coverage(), &changed), ["src/unknown.py"]);
    let narrowed = diff::narrow(&coverage(), &changed);
    assert_eq!(narrowed.files.len(), 1);
    let n = Numbers::of(&narrowed.files[0]);
    assert_eq!((n.statements, n.missing, n.branches), (15, 3, 10));
    for (format, name) in [(Format::Lcov, "lcov.info"), (Format::Xml, "coverage.xml")] {
        write(format, &coverage(), &settings_in(dir.path()), &dir.path().join(name));
        let args = [name, "--compare-branch=base", "--format", "json:diff.json", "-q"];
        succeeds(command(python_tool("diff-cover"), &args), dir.path());
        let report = fs::read(dir.path().join("diff.json")).expect("the report");
        let report: Value = serde_json::from_slice(&report).expect("JSON");
        assert_eq!(report["total_num_lines"], json!(n.statements), "{name}: {report}");
        assert_eq!(report["total_num_violations"], json!(n.missing), "{name}: {report}");
        let lines = &report["src_stats"][VALVE]["violation_lines"];
        assert_eq!(*lines, json!([23, 29, 44]), "{name}");
    }
}
