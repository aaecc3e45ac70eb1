//! `mpycov report` from the command line: what counts, where it goes, what it refuses.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::cli::{mpycov, output, run};
use common::process::{self, Outcome};
use common::{python, temp_dir, write_files};
use serde_json::Value;

const TEXT: &str = "import sys


def sign(n):
    if n < 0:
        return -1
    if n > 0:
        return 1
    return 0


for word in sys.argv[1:]:
    print(sign(int(word)))
";

/// A directory with a program of two runs, in the contexts `low` and `high`.
fn measured() -> tempfile::TempDir {
    let dir = temp_dir();
    write_files(dir.path(), &[("sign.py", TEXT)]);
    output(dir.path(), &["run", "--context", "low", "sign.py", "-1"]);
    output(dir.path(), &["run", "--context", "high", "sign.py", "1"]);
    dir
}

/// The row of a file in the table, its words.
fn row(table: &str, name: &str) -> Vec<String> {
    let row = table.lines().find(|line| line.starts_with(name));
    let row = row.unwrap_or_else(|| panic!("no row of {name}:\n{table}"));
    row.split_whitespace().map(str::to_owned).collect()
}

fn refused(dir: &Path, args: &[&str], says: &str) {
    let outcome = run(dir, args);
    assert_eq!(outcome.status, Some(1), "{args:?}: {}", outcome.text());
    assert!(outcome.err().contains(says), "{args:?}: {}", outcome.text());
    assert_eq!(outcome.out(), "", "{args:?}");
}

/// Runs a program of coverage.py's kind in `dir`.
fn coverage(dir: &Path, args: &[&str]) -> Outcome {
    let mut command = Command::new(python());
    command.current_dir(dir).args(["-m", "coverage"]).args(args);
    process::run(command, b"", process::LIMIT)
}

#[test]
fn contexts_can_be_chosen() {
    let dir = measured();
    let missing = |args: &[&str]| {
        let table = output(dir.path(), &[&["report", "-m"], args].concat());
        table.rsplit_once('%').map(|(above, _)| above.to_owned()).map_or_else(String::new, |_| {
            row(&table, "sign.py")
                .into_iter()
                .skip_while(|word| !word.ends_with('%'))
                .skip(1)
                .collect::<Vec<_>>()
                .join(" ")
        })
    };
    assert_eq!(missing(&[]), "9");
    assert_eq!(missing(&["--contexts", "low"]), "7-9");
    assert_eq!(missing(&["--contexts", "^h"]), "6, 9");
    assert_eq!(missing(&["--contexts", "low,high"]), "9");
    refused(dir.path(), &["report", "--contexts", "nope"], "there are `high`, `low`");
    refused(dir.path(), &["report", "--contexts", "("], "is no regular expression");
    fs::write(dir.path().join("mpycov.toml"), "contexts = ['low']\n").expect("a file");
    assert_eq!(missing(&[]), "7-9");
}

#[test]
fn coverage_pys_commands_are_known() {
    let dir = measured();
    for (command, file) in [
        ("html", "htmlcov/index.html"),
        ("xml", "coverage.xml"),
        ("json", "coverage.json"),
        ("lcov", "lcov.info"),
    ] {
        let ran = run(dir.path(), &["--color", "never", command]);
        assert_eq!(ran.status, Some(0), "{}", ran.text());
        assert!(ran.err().contains(&format!(" to {file}")), "{}", ran.err());
        assert!(dir.path().join(file).exists(), "{file}");
        assert_eq!(output(dir.path(), &["-q", command]), "");
    }
    let listing = output(dir.path(), &["annotate"]);
    assert_eq!(listing, output(dir.path(), &["report", "--format", "annotate"]));
    let moved = output(dir.path(), &["-q", "html", "-d", "pages", "--title", "Signs"]);
    assert_eq!(moved, "");
    let page = fs::read_to_string(dir.path().join("pages/index.html")).expect("the page");
    assert!(page.contains("Signs"));
    assert_eq!(run(dir.path(), &["erase"]).err(), "Removed 2 data files.\n");
    refused(dir.path(), &["report"], "No data to report.");
}

#[test]
fn several_formats_go_to_their_own_places() {
    let dir = measured();
    let settings = "html_dir = 'out/pages'\nxml_output = 'out/c.xml'\njson_output = 'out/c.json'
lcov_output = 'out/c.info'\ncoverage_output = 'out/c.sqlite'\nextra_css = 'own.css'
format = ['html', 'xml', 'json', 'lcov', 'coverage', 'total']\n";
    write_files(dir.path(), &[("mpycov.toml", settings), ("own.css", "body { color: teal }\n")]);
    let all = run(dir.path(), &["report"]);
    assert_eq!((all.status, &*all.out()), (Some(0), "87\n"), "{}", all.text());
    for file in ["out/pages/index.html", "out/c.xml", "out/c.json", "out/c.info", "out/c.sqlite"] {
        assert!(dir.path().join(file).exists(), "{file}");
        assert!(all.err().contains(&format!(" to {file}\n")), "{file}: {}", all.err());
    }
    let style = fs::read_dir(dir.path().join("out/pages")).expect("the pages");
    let styled = style.filter_map(Result::ok).any(|entry| {
        fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("color: teal"))
    });
    assert!(styled, "extra_css is nowhere");
    let two = ["report", "--format", "xml,json", "-o", "x"];
    refused(dir.path(), &two, "-o names one file, and 2 formats are asked for");
    let stream = output(dir.path(), &["report", "--format", "json", "-o", "-"]);
    let json: Value = serde_json::from_str(&stream).expect("JSON");
    assert_eq!(json["totals"]["missing_lines"], 1);
    // A place that cannot be written leaves nothing behind.
    fs::write(dir.path().join("blocked"), "").expect("a file");
    refused(dir.path(), &["xml", "-o", "blocked/c.xml"], "blocked");
}

#[test]
fn a_data_file_of_coverage_pys_own_is_never_replaced() {
    let dir = measured();
    let dir = dir.path();
    let settings = ["--format", "coverage"];
    let report = |more: &[&str]| run(dir, &[&["report"], &settings[..], more].concat());
    // coverage.py runs the program for the one case that is left.
    let ran = coverage(dir, &["run", "--branch", "--context=host", "sign.py", "0"]);
    assert_eq!(ran.status, Some(0), "{}", ran.text());
    let theirs = fs::read(dir.join(".coverage")).expect("its data");
    let refusal = report(&[]);
    assert_eq!(refusal.status, Some(1));
    assert!(refusal.err().contains(".coverage is not ours to replace"), "{}", refusal.text());
    assert_eq!(fs::read(dir.join(".coverage")).expect("its data"), theirs);
    let added = report(&["--append"]);
    assert_eq!(added.status, Some(0), "{}", added.text());
    let json = coverage(dir, &["json", "-q", "--show-contexts", "-o", "-"]);
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let file = &json["files"]["sign.py"];
    assert_eq!(file["missing_lines"], serde_json::json!([]), "{file}");
    assert_eq!(file["missing_branches"], serde_json::json!([]), "{file}");
    assert_eq!(file["contexts"]["9"], serde_json::json!(["host"]));
    assert_eq!(file["contexts"]["6"], serde_json::json!(["low"]));
    // One that we wrote is replaced; what is none at all is named.
    fs::remove_file(dir.join(".coverage")).expect("it is there");
    for _ in 0..2 {
        assert_eq!(report(&[]).status, Some(0));
    }
    fs::write(dir.join(".coverage"), "text").expect("a file");
    let foreign = report(&["-a"]);
    assert_eq!(foreign.status, Some(1));
    assert!(foreign.err().contains("cannot add to .coverage: it is no data file"));
    // Lines only and branches do not go into one file.
    fs::remove_file(dir.join(".coverage")).expect("it is there");
    assert_eq!(coverage(dir, &["run", "sign.py", "0"]).status, Some(0));
    assert!(report(&["-a"]).err().contains("one of both has branches"));
    output(dir, &["clean", "-q"]);
    output(dir, &["run", "--level", "line", "--context", "low", "sign.py", "-1"]);
    let lines = report(&["-a"]);
    assert_eq!(lines.status, Some(0), "{}", lines.text());
    let table = coverage(dir, &["report", "-m"]).out();
    assert_eq!(row(&table, "sign.py").last().map(String::as_str), Some("8"), "{table}");
}

#[test]
fn relative_names_are_written_on_demand() {
    let dir = measured();
    fs::write(dir.path().join(".coveragerc"), "[run]\nrelative_files = True\n").expect("a file");
    assert_eq!(run(dir.path(), &["report", "--format", "coverage"]).status, Some(0));
    let moved = temp_dir();
    for name in [".coverage", ".coveragerc", "sign.py"] {
        fs::copy(dir.path().join(name), moved.path().join(name)).expect("a copy");
    }
    let table = coverage(moved.path(), &["report"]).out();
    assert_eq!(row(&table, "TOTAL").last().map(String::as_str), Some("87%"), "{table}");
}

#[test]
fn names_from_other_machines_are_brought_home() {
    let here = temp_dir();
    write_files(here.path(), &[("src/sign.py", TEXT)]);
    let ci = temp_dir();
    write_files(ci.path(), &[("build/7/src/sign.py", TEXT)]);
    let names = here.path().join(".mpycov");
    let names = names.to_str().expect("a path in text");
    output(here.path(), &["run", "src/sign.py", "-1"]);
    // There the file has its full name, for it is not below the working directory.
    let script = ci.path().join("build/7/src/sign.py");
    let script = script.to_str().expect("a path in text");
    let elsewhere = temp_dir();
    output(elsewhere.path(), &["--data-dir", names, "run", script, "1", "0"]);
    let apart = run(here.path(), &["report"]);
    assert!(row(&apart.out(), "src/sign.py").contains(&"6".to_owned()) || !apart.err().is_empty());
    let settings = format!("[paths]\nsrc = ['src/', '{}/build/*/src']\n", ci.path().display());
    for (file, text) in [
        ("mpycov.toml", settings.clone()),
        ("pyproject.toml", settings.replace("[paths]", "[tool.mpycov.paths]")),
        (".coveragerc", settings.replace("['src/', '", "\n  src/\n  ").replace("']", "")),
        ("pyproject.toml", settings.replace("[paths]", "[tool.coverage.paths]")),
    ] {
        fs::write(here.path().join(file), text).expect("a file");
        let table = output(here.path(), &["report", "-m"]);
        assert_eq!(table.lines().count(), 5, "{file}: {table}");
        assert_eq!(row(&table, "src/sign.py").last().map(String::as_str), Some("100%"));
        let shown = output(here.path(), &["debug", "config"]);
        assert!(shown.lines().any(|line| line.starts_with("paths.src ")), "{shown}");
        fs::remove_file(here.path().join(file)).expect("it is there");
    }
    fs::write(here.path().join("mpycov.toml"), "[paths]\na = ['src', '/x/*']\n").expect("a file");
    refused(here.path(), &["report"], "the place `/x/*` must not end with a wildcard");
}

#[test]
fn sonar_counts_what_it_is_told_to() {
    let dir = measured();
    let branches = |metric: &[&str]| {
        let args = [&["report", "--format", "sonar", "-o", "-"], metric].concat();
        let text = output(dir.path(), &args);
        let line = text.lines().find(|line| line.contains("lineNumber=\"5\"")).expect("line 5");
        line.split_once("covered=\"true\"").expect("it ran").1.trim_end_matches("/>").to_owned()
    };
    let two = " branchesToCover=\"2\" coveredBranches=\"2\"";
    assert_eq!(branches(&[]), two);
    assert_eq!(branches(&["--sonar-metric", "condition"]), two);
    assert_eq!(branches(&["--sonar-metric", "decision"]), two);
    assert_eq!(branches(&["--sonar-metric", "line"]), "");
}

#[test]
fn a_summary_is_added_to_that_of_the_step() {
    let dir = measured();
    let summary = dir.path().join("summary.md");
    fs::write(&summary, "before\n").expect("a file");
    let mut command = mpycov(dir.path());
    command.args(["report", "--format", "github"]).env("GITHUB_STEP_SUMMARY", &summary);
    let ran = process::run(command, b"", process::LIMIT);
    assert_eq!((ran.status, &*ran.out()), (Some(0), ""), "{}", ran.text());
    let text = fs::read_to_string(&summary).expect("the summary");
    assert!(text.starts_with("before\n### Coverage: 87%"), "{text}");
    let mut command = mpycov(dir.path());
    command.args(["report", "--format", "github", "-o", "-"]).env("GITHUB_STEP_SUMMARY", &summary);
    let ran = process::run(command, b"", process::LIMIT);
    assert!(ran.out().starts_with("### Coverage: 87%"), "{}", ran.text());
}

#[cfg(unix)]
#[test]
fn the_browser_is_started_on_demand() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = measured();
    let browser = dir.path().join("browser");
    fs::write(&browser, "#!/bin/sh\nprintf '%s' \"$1\" > \"${0%/*}/shown~\"\nmv \"${0%/*}/shown~\" \"${0%/*}/shown\"\n")
        .expect("a file");
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).expect("a program");
    let mut command = mpycov(dir.path());
    command.args(["html", "--open"]).env("BROWSER", &browser);
    let ran = process::run(command, b"", process::LIMIT);
    assert_eq!(ran.status, Some(0), "{}", ran.text());
    let shown = dir.path().join("shown");
    let end = std::time::Instant::now() + process::LIMIT;
    while !shown.exists() {
        assert!(std::time::Instant::now() < end, "the browser was not started");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let page = fs::read_to_string(shown).expect("the page");
    assert_eq!(Path::new(&page), dir.path().join("htmlcov/index.html"));
    let mut command = mpycov(dir.path());
    command.args(["html", "--open"]).env("BROWSER", dir.path().join("none"));
    let ran = process::run(command, b"", process::LIMIT);
    assert!(ran.err().contains("to show the report"), "{}", ran.text());
    refused(dir.path(), &["report", "--open"], "--open shows the HTML report");
}

#[test]
fn figures_out_of_range_are_refused() {
    let dir = measured();
    refused(dir.path(), &["report", "--precision", "11"], "from 0 to 10");
    refused(dir.path(), &["report", "--precision", "70000"], "from 0 to 10");
    refused(dir.path(), &["report", "--fail-under", "101"], "from 0 to 100");
    refused(dir.path(), &["report", "--fail-under-mcdc=-1"], "from 0 to 100");
    for (text, says) in [
        ("precision = 70000\n", "mpycov.toml:1: `precision`: decimals are a number from 0 to 10"),
        ("fail_under = 101\n", "mpycov.toml:1: `fail_under` takes a percentage from 0 to 100"),
        ("format = ['txet']\n", "mpycov.toml:1: `format`: there are text"),
    ] {
        fs::write(dir.path().join("mpycov.toml"), text).expect("a file");
        refused(dir.path(), &["report"], says);
    }
}

#[test]
fn the_table_keeps_coverage_pys_rules() {
    let dir = temp_dir();
    let dir = dir.path();
    let many = (0..300).map(|n| format!("x{n} = {n}\n")).collect::<String>();
    write_files(
        dir,
        &[
            ("main.py", "import a, b, full\nimport nothing\n"),
            ("a.py", "import sys\nif len(sys.argv) > 9:\n    print(1)\n"),
            ("b.py", &format!("{many}if x1:\n    y = 1\n")),
            ("full.py", "x = 1\n"),
            ("nothing.py", "# only a comment\n"),
        ],
    );
    output(dir, &["run", "main.py"]);
    let names = |args: &[&str]| -> Vec<String> {
        let table = output(dir, &[&["report"], args].concat());
        let rows = table.lines().skip(2).take_while(|line| !line.starts_with('-'));
        rows.map(|row| row.split(' ').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names(&[]), ["a.py", "b.py", "full.py", "main.py", "nothing.py"]);
    assert_eq!(names(&["--sort=-stmts"])[0], "b.py");
    assert_eq!(names(&["--sort", "-Miss"])[0], "a.py");
    assert_eq!(names(&["--sort", "cover"])[0], "a.py");
    assert_eq!(names(&["--skip-covered"]), ["a.py", "b.py"]);
    assert_eq!(names(&["--skip-empty"]), ["a.py", "b.py", "full.py", "main.py"]);
    assert_eq!(names(&["--include", "a.py,b.py", "--omit", "b*"]), ["a.py"]);
    let covers = |precision: &str| {
        let table = output(dir, &["report", "--precision", precision]);
        let cover = |name| row(&table, name).last().cloned().unwrap_or_default();
        [cover("a.py"), cover("b.py"), cover("full.py"), cover("nothing.py")]
    };
    // 303 of 304: shown as 100 only if it is.
    assert_eq!(covers("0"), ["60%", "99%", "100%", "100%"]);
    assert_eq!(covers("1"), ["60.0%", "99.7%", "100.0%", "100.0%"]);
    let gate = |least: &str, precision: &str| {
        let args = ["report", "--include", "b.py", "--precision", precision, "--fail-under", least];
        run(dir, &args).status
    };
    // As coverage.py has it: the rounded figure is compared, but 100 is exact.
    assert_eq!((gate("99", "0"), gate("99.9", "0"), gate("100", "0")), (Some(0), Some(0), Some(2)));
    assert_eq!(
        (gate("99.6", "1"), gate("99.7", "1"), gate("99.8", "1")),
        (Some(0), Some(0), Some(2))
    );
    let notes = output(dir, &["report", "--skip-covered", "--skip-empty"]);
    assert!(notes.contains("2 files skipped due to complete coverage."), "{notes}");
    assert!(notes.contains("1 empty file skipped."), "{notes}");
}

#[test]
fn of_an_assert_only_what_it_lets_pass_is_asked_for() {
    let dir = temp_dir();
    let dir = dir.path();
    let text =
        "import sys\na = len(sys.argv) > 1\nassert a or sys.argv\nassert not sys.argv[1:2:-1]\n";
    write_files(dir, &[("holds.py", text)]);
    output(dir, &["run", "holds.py"]);
    let said = || {
        let listing = output(dir, &["annotate"]);
        let notes = listing.lines().filter_map(|line| line.trim().strip_prefix("| condition "));
        let notes: Vec<String> = notes.map(str::to_owned).collect();
        let table = output(dir, &["report"]);
        let sonar = ["report", "--format", "sonar", "--sonar-metric", "condition", "-o", "-"];
        let sonar = output(dir, &sonar);
        let counts = sonar.lines().filter_map(|line| line.split_once("branchesToCover="));
        let counts: Vec<String> = counts.map(|(_, counts)| counts.to_owned()).collect();
        output(dir, &["html", "-q"]);
        let page = fs::read_dir(dir.join("htmlcov")).expect("pages").filter_map(Result::ok);
        let page = page
            .map(|entry| entry.path())
            .find(|path| path.display().to_string().contains("holds_py"));
        let page = fs::read_to_string(page.expect("a page")).expect("a page");
        let gaps = page.split_once("</b> decisions with gaps").expect("a count").0;
        let gaps = gaps.rsplit_once('>').expect("a count").1.to_owned();
        (row(&table, "holds.py")[5].clone(), notes, counts, gaps)
    };
    let (cond, notes, counts, gaps) = said();
    assert_eq!(notes, ["`a` was never true"]);
    assert_eq!((&*cond, &*gaps), ("3/4", "1"));
    assert_eq!(counts, ["\"3\" coveredBranches=\"2\"/>", "\"1\" coveredBranches=\"1\"/>"]);
    output(dir, &["run", "holds.py", "x"]);
    let (cond, notes, counts, gaps) = said();
    assert!(notes.is_empty(), "{notes:?}");
    assert_eq!((&*cond, &*gaps), ("4/4", "0"));
    assert_eq!(counts[0], "\"3\" coveredBranches=\"3\"/>");
}
