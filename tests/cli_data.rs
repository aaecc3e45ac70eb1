//! The data directory: what counts, what is refused by name, and the commands on it.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::cli::{mpycov, output, run, run_with};
use common::process::{self, Outcome};
use common::{targets, temp_dir, write_files};
use serde_json::Value;

const TEXT: &str = "import sys
if len(sys.argv) > 1:
    print('with')
else:
    print('without')
";

fn measured() -> tempfile::TempDir {
    let dir = temp_dir();
    write_files(dir.path(), &[("one.py", TEXT)]);
    output(dir.path(), &["run", "one.py"]);
    dir
}

fn data_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join(".mpycov/data")).expect("the data");
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    all
}

/// What is missing of `one.py`, and what the report warns of.
fn missing(dir: &Path) -> (String, String) {
    let report = run(dir, &["report", "-m"]);
    let out = report.out();
    let row = out.lines().find(|line| line.starts_with("one.py"));
    let row = row.unwrap_or_else(|| panic!("{}", report.text()));
    (row.rsplit_once('%').expect("a percentage").1.trim().to_owned(), report.err())
}

#[test]
fn runs_add_up_under_names_of_their_own() {
    let dir = measured();
    let dir = dir.path();
    assert_eq!(missing(dir), ("3".to_owned(), String::new()));
    output(dir, &["run", "one.py", "x"]);
    output(dir, &["run", "-c", "print(1)"]);
    assert_eq!(missing(dir), (String::new(), String::new()));
    let list = output(dir, &["list"]);
    assert_eq!(list.lines().count(), 3);
    assert!(list.lines().all(|row| row.starts_with(".mpycov/data/2")), "{list}");
    let name = regex::Regex::new(r"^\d{8}_\d{6}_\w+(-\d+)?\.json$").expect("a pattern");
    for file in data_files(dir) {
        let base = file.file_name().expect("a name").to_string_lossy();
        assert!(name.is_match(&base), "{base}");
    }
}

#[test]
fn files_of_no_use_are_named_and_the_others_count() {
    let dir = measured();
    let dir = dir.path();
    let good = fs::read_to_string(&data_files(dir)[0]).expect("the data");
    let data = dir.join(".mpycov/data");
    for (name, text, reason) in [
        ("0_cut.json", &good[..good.len() / 2], "it is cut off"),
        ("1_empty.json", "", "it is cut off"),
        ("2_foreign.json", "{\"files\": {}}", "it is not a data file of mpycov"),
        ("3_list.json", "[1, 2]", "it is not a data file of mpycov"),
        ("4_text.json", "hello", "it is no JSON"),
        (
            "5_future.json",
            &good.replacen("\"mpycov_data\":1", "\"mpycov_data\":9", 1),
            "its version is 9, and 1 to 2 are known here",
        ),
        ("6_miscounted.json", &good.replacen("\"count\":1", "\"count\":2", 1), "it announces 2"),
    ] {
        let path = data.join(name);
        fs::write(&path, text).expect("a file");
        for args in [&["report", "-m"][..], &["list"], &["combine", "--keep"]] {
            let said = run(dir, args);
            assert_eq!(said.status, Some(0), "{name}: {}", said.text());
            let warning = format!("{name} does not count: {reason}");
            assert!(said.err().contains(&warning), "{args:?} {name}: {}", said.text());
        }
        assert_eq!(missing(dir).0, "3");
        assert!(output(dir, &["debug", "data"]).contains(&format!("{name}: refused, {reason}")));
        fs::remove_file(path).expect("it is there");
    }
    // Without any that counts there is nothing to report.
    for file in data_files(dir) {
        fs::write(file, "{").expect("a file");
    }
    let nothing = run(dir, &["report"]);
    assert_eq!(nothing.status, Some(1));
    assert!(
        nothing.err().contains("it is cut off") && nothing.err().contains("No data to report.")
    );
}

#[test]
fn hits_of_a_source_that_has_changed_do_not_count() {
    let dir = measured();
    let dir = dir.path();
    write_files(dir, &[("one.py", &TEXT.replace("> 1", "> 2")), ("two.py", "x = 1\n")]);
    let changed = run(dir, &["report"]);
    assert_eq!(changed.status, Some(1), "{}", changed.text());
    assert!(changed.err().contains("one.py has changed since it was measured"));
    output(dir, &["run", "two.py"]);
    // Now the new text is known as one that did not run.
    let (lines, warned) = missing(dir);
    assert_eq!(lines, "1-5");
    assert!(warned.contains("one.py has changed since it was measured: older hits do not count"));
    write_files(dir, &[("one.py", TEXT)]);
    assert_eq!(missing(dir).0, "3");
    // A source that is gone keeps its figures.
    fs::remove_file(dir.join("one.py")).expect("it is there");
    let (lines, warned) = missing(dir);
    assert_eq!(lines, "3");
    assert!(warned.contains("one.py is not there any more: its lines cannot be shown"));
}

#[test]
fn a_map_that_is_missing_is_named() {
    let dir = measured();
    let dir = dir.path();
    write_files(dir, &[("two.py", "x = 1\n")]);
    output(dir, &["run", "--source", "two.py", "two.py"]);
    let maps = dir.join(".mpycov/maps");
    for entry in fs::read_dir(&maps).expect("the maps") {
        let path = entry.expect("an entry").path();
        if fs::read_to_string(&path).expect("a map").contains("one.py") {
            fs::remove_file(path).expect("it is there");
        }
    }
    let said = run(dir, &["report"]);
    assert_eq!(said.status, Some(0), "{}", said.text());
    assert!(said.err().contains("some hits do not count: there is no sensor map"));
    assert!(said.out().contains("two.py") && !said.out().contains("one.py"));
}

#[test]
fn combined_data_come_home() {
    let dir = temp_dir();
    let dir = dir.path();
    write_files(dir, &[("far/build/one.py", TEXT), ("src/one.py", TEXT)]);
    let far = dir.join("far");
    output(&far, &["run", "build/one.py", "x"]);
    fs::write(dir.join("mpycov.toml"), "[paths]\nsrc = [\"src\", \"build\"]\n").expect("a file");
    output(dir, &["combine", "-q", "far/.mpycov"]);
    // What lies here is brought home as well, when it is folded.
    output(dir, &["combine", "-q"]);
    // From now on the names are those of here, whatever the settings say.
    fs::remove_file(dir.join("mpycov.toml")).expect("the file");
    let table = output(dir, &["report", "-m"]);
    assert!(table.contains("\nsrc/one.py       4      1 "), "{table}");
    assert!(!table.contains("build"), "{table}");
    // The two lots of hits add up, each with its map.
    output(dir, &["run", "src/one.py"]);
    let table = output(dir, &["report", "-m"]);
    let row = "\nsrc/one.py       4      0        2        0    2/2     1/1    100%";
    assert!(table.contains(row), "{table}");
    let mine = output(&far, &["report"]);
    assert!(mine.contains("\nbuild/one.py "), "what others have stays: {mine}");
}

/// Marks differ between firmware that knows `:=` and firmware that does not, so the same source
/// has two maps; what their runs show together, neither shows alone.
#[test]
fn runs_of_different_maps_show_together_what_neither_shows_alone() {
    let text = "import sys\na, b = [word == 't' for word in sys.argv[1:]]\nif a and b:\n    print('both')\n\
        c = a or b\n";
    let dir = temp_dir();
    let dir = dir.path();
    write_files(dir, &[("one.py", text)]);
    let conditions = || {
        let table = output(dir, &["report", "--include", "one.py"]);
        let row = table.lines().find(|line| line.starts_with("one.py")).expect("a row");
        let words: Vec<&str> = row.split_whitespace().collect();
        [words[5].to_owned(), words[6].to_owned()]
    };
    output(dir, &["run", "one.py", "t", "t"]);
    assert_eq!(conditions(), ["3/6", "0/3"]);
    output(dir, &["run", "--target-version", "1.9", "one.py", "f", "t"]);
    assert_eq!(fs::read_dir(dir.join(".mpycov/maps")).expect("the maps").count(), 2);
    // The first run shows `a` true, the second `a` false, each with the other outcome. Of the
    // last line the older firmware tells nothing, so the first run alone speaks of it.
    assert_eq!(conditions(), ["4/6", "1/3"]);
    output(dir, &["run", "--target-version", "1.9", "one.py", "t", "f"]);
    assert_eq!(conditions(), ["5/6", "2/3"]);
    let json = output(dir, &["report", "-q", "--format", "json", "-o", "-"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let decision = &json["mpycov"]["files"]["one.py"]["decisions"][0];
    assert_eq!(decision["mcdc"], serde_json::json!({"covered": 2, "total": 2}));
    assert_eq!(decision["paths"], serde_json::json!({"hit": 3, "total": 3}));
}

#[test]
fn data_is_combined() {
    let dir = measured();
    let dir = dir.path();
    output(dir, &["run", "--data-dir", "other", "one.py", "x"]);
    output(dir, &["run", "--data-dir", "third", "--context", "late", "one.py", "x"]);
    let said = run(dir, &["combine", "other", "third"]);
    assert_eq!((said.status, &*said.err()), (Some(0), "Combined 2 data files.\n"));
    assert_eq!(missing(dir), (String::new(), String::new()));
    assert_eq!(data_files(dir).len(), 3);
    // Folded, there is one a context.
    assert_eq!(run(dir, &["combine", "--keep"]).err(), "Combined 3 data files.\n");
    assert_eq!(data_files(dir).len(), 5);
    assert_eq!(run(dir, &["combine"]).err(), "Combined 5 data files.\n");
    assert_eq!(data_files(dir).len(), 2);
    assert_eq!(missing(dir), (String::new(), String::new()));
    assert!(output(dir, &["list"]).contains("[late]"));
    assert!(dir.join("other/data").exists(), "what others have stays");
    let file = fs::read_dir(dir.join("other/data")).expect("the data").next().expect("one");
    let file = file.expect("an entry").path();
    output(dir, &["clean", "-q"]);
    let file = file.to_str().expect("a path in text");
    assert_eq!(run(dir, &["combine", file]).err(), "Combined 1 data files.\n");
    assert_eq!(missing(dir), ("5".to_owned(), String::new()));
    for (path, says) in [("nowhere", "cannot find nowhere"), ("one.py", "one.py is of no use")] {
        let refused = run(dir, &["combine", path]);
        assert_eq!(refused.status, Some(1), "{}", refused.text());
        assert!(refused.err().contains(says), "{}", refused.text());
    }
}

#[test]
fn data_is_removed() {
    let dir = measured();
    let dir = dir.path();
    write_files(dir, &[(".mpycov/mine.txt", "mine")]);
    assert_eq!(run(dir, &["clean"]).err(), "Removed 1 data files.\n");
    // What mpycov did not put there stays.
    assert_eq!(fs::read_dir(dir.join(".mpycov")).expect("it is there").count(), 1);
    fs::remove_file(dir.join(".mpycov/mine.txt")).expect("it is there");
    assert_eq!(output(dir, &["clean", "-q"]), "");
    assert!(!dir.join(".mpycov").exists());
    assert_eq!(output(dir, &["list"]), "");
    assert_eq!(run(dir, &["report"]).status, Some(1));
}

#[test]
fn the_data_directory_is_as_told() {
    let dir = temp_dir();
    let dir = dir.path();
    write_files(dir, &[("one.py", TEXT)]);
    let mut command = mpycov(dir);
    command.args(["run", "one.py"]).env("MPYCOV_DATA_DIR", "from_env");
    assert_eq!(process::run(command, b"", process::LIMIT).status, Some(0));
    assert!(dir.join("from_env/data").exists() && !dir.join(".mpycov").exists());
    // It is never measured itself, wherever it is.
    output(dir, &["run", "--data-dir", "deep/er", "one.py"]);
    assert!(output(dir, &["report", "--data-dir", "deep/er"]).contains("TOTAL"));
}

#[test]
fn hits_are_collected_from_logs() {
    let dir = temp_dir();
    let dir = dir.path();
    write_files(dir, &[("src/one.py", &TEXT.replace("sys.argv) > 1", "sys.argv) > 1 "))]);
    output(dir, &["instrument", "-q", "src", "-o", "build"]);
    let script = "import sys\nsys.path.insert(0, 'build')\nimport one, _mpycov\n\
                  _mpycov.dump()\nprint('more')";
    let mut command = Command::new(targets::unix().path);
    command.current_dir(dir).args(["-c", script]);
    let log = process::run(command, b"", process::LIMIT).stdout;
    let noisy = [b"boot \xff\xfe\r\n".as_slice(), &log, b"\x00>>> "].concat();
    let collect =
        |args: &[&str], stdin: &[u8]| run_with(dir, &[&["collect"], args].concat(), stdin);
    let said = collect(&["--context", "bench"], &noisy);
    assert_eq!((said.status, &*said.err()), (Some(0), "Collected the hits of 1 files.\n"));
    assert!(output(dir, &["list"]).contains("[bench]"));
    let table = output(dir, &["report", "-m"]);
    assert!(
        table.lines().any(|line| line.starts_with("src/one.py") && line.ends_with(" 3")),
        "{table}"
    );
    let refused = |outcome: Outcome, says: &str| {
        assert_eq!(outcome.status, Some(1), "{}", outcome.text());
        assert!(outcome.err().contains(says), "{says}: {}", outcome.text());
    };
    refused(collect(&[], b"nothing here"), "there were no hits in standard input");
    refused(collect(&["nowhere"], b""), "cannot read nowhere");
    let damaged = String::from_utf8_lossy(&log).replacen(":0:", ":1:", 1);
    refused(collect(&[], damaged.as_bytes()), "is not sound");
    output(dir, &["clean", "-q"]);
    refused(collect(&[], &log), "there is no sensor map");
}

#[test]
fn settings_and_files_are_shown_on_demand() {
    let dir = measured();
    let dir = dir.path();
    let sys = output(dir, &["debug", "sys"]);
    assert!(sys.contains(env!("CARGO_PKG_VERSION")) && sys.contains("MicroPython"), "{sys}");
    let data = output(dir, &["debug", "data"]);
    assert!(data.contains("one.py") && data.contains(" of "), "{data}");
    let woven = output(dir, &["debug", "woven", "one.py"]);
    assert_eq!(woven.lines().count(), TEXT.lines().count());
    let map: Value = serde_json::from_str(&output(dir, &["debug", "map", "one.py"])).expect("JSON");
    assert_eq!(map["path"], "one.py");
    assert_eq!(output(dir, &["debug", "lines", "one.py"]), "1\n2 -> 3, 5\n3\n5\n");
    write_files(dir, &[("two.py", "x = 1\n"), ("bad.py", "x = = 1\n")]);
    let refused = run(dir, &["debug", "woven", "."]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.err().contains(". is not one file"), "{}", refused.text());
    assert!(run(dir, &["debug", "lines", "bad.py"]).err().contains("bad.py:1:5"));
}

#[test]
fn completions_name_the_commands() {
    let dir = temp_dir();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = output(dir.path(), &["completions", shell]);
        for word in ["instrument", "collect", "fail-under-mcdc"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let script = output(dir.path(), &["completions", "bash"]);
    fs::write(dir.path().join("complete"), script).expect("a file");
    let asks = "source ./complete; COMP_WORDS=(mpycov rep); COMP_CWORD=1; \
                _mpycov mpycov rep mpycov; echo \"${COMPREPLY[*]}\"";
    let mut command = Command::new("bash");
    command.current_dir(dir.path()).args(["-c", asks]);
    assert_eq!(process::run(command, b"", process::LIMIT).out(), "report\n");
}

#[test]
fn usage_errors_end_with_one_and_help_with_none() {
    let dir = temp_dir();
    for args in [&["frob"][..], &["run"], &["report", "--nope"], &["instrument", "x"]] {
        let outcome = run(dir.path(), args);
        assert_eq!((outcome.status, &*outcome.out()), (Some(1), ""), "{args:?}");
        assert!(outcome.err().contains("error:"), "{args:?}: {}", outcome.text());
    }
    for args in [&[][..], &["--help"], &["report", "--help"], &["--version"]] {
        let outcome = run(dir.path(), args);
        assert_eq!((outcome.status, &*outcome.err()), (Some(0), ""), "{args:?}");
        assert!(!outcome.out().is_empty(), "{args:?}");
    }
}
