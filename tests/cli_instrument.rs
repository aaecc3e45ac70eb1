//! `mpycov instrument`: what is written, what is left alone, what is refused.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use common::cli::{output, run};
use common::process::{self, Outcome};
use common::{mpy_cross, targets, temp_dir, write_files};

/// All files below a directory, by their relative names, with what is in them.
fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(next) = open.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(dir).expect("below it").display().to_string();
                found.insert(name, fs::read(path).expect("a file"));
            }
        }
    }
    found
}

fn names(dir: &Path) -> Vec<String> {
    tree(dir).into_keys().collect()
}

fn project() -> tempfile::TempDir {
    let dir = temp_dir();
    write_files(
        dir.path(),
        &[
            (
                "src/main.py",
                "import pack.part\nprint(pack.part.half(4), open('src/data.txt').read())\n",
            ),
            ("src/pack/__init__.py", ""),
            ("src/pack/part.py", "def half(n):\n    return n // 2\n"),
            ("src/data.txt", "text"),
            ("src/.hidden", "secret"),
            ("src/__pycache__/part.pyc", "junk"),
        ],
    );
    dir
}

fn refused(dir: &Path, args: &[&str], says: &[&str]) -> Outcome {
    let before = tree(dir);
    let outcome = run(dir, args);
    assert_eq!(outcome.status, Some(1), "{args:?}: {}", outcome.text());
    for text in says {
        assert!(outcome.err().contains(text), "{text}: {}", outcome.text());
    }
    assert_eq!(outcome.out(), "");
    assert!(tree(dir) == before, "{args:?} has written something");
    outcome
}

#[test]
fn a_tree_is_copied_with_marks_and_the_runtime() {
    let dir = project();
    let said = run(dir.path(), &["instrument", "src", "-o", "build"]);
    assert_eq!((said.status, &*said.out()), (Some(0), ""), "{}", said.text());
    assert!(said.err().starts_with("Instrumented 3 files (3 changed) with "), "{}", said.err());
    let out = dir.path().join("build");
    assert_eq!(
        names(&out),
        [".mpycov-tree", "_mpycov.py", "data.txt", "main.py", "pack/__init__.py", "pack/part.py"]
    );
    let files = tree(&out);
    assert_eq!(files["data.txt"], b"text");
    assert!(String::from_utf8_lossy(&files["pack/part.py"]).contains("]=1;return n // 2"));
    // It runs by itself, and prints nothing of its own.
    let plain = |script: &str| {
        let mut command = Command::new(targets::unix().path);
        command.current_dir(dir.path()).arg(script);
        process::run(command, b"", process::LIMIT)
    };
    let (woven, source) = (plain("build/main.py"), plain("src/main.py"));
    assert_eq!(woven, source);
    assert_eq!(source.out(), "2 text\n");
    // Its hits are saved on demand, and collected.
    let mut command = Command::new(targets::unix().path);
    command.current_dir(dir.path()).arg("build/main.py").env("MPYCOV_HITS", "hits.txt");
    process::run(command, b"", process::LIMIT);
    assert_eq!(run(dir.path(), &["collect", "hits.txt"]).err(), "Collected the hits of 2 files.\n");
    let table = output(dir.path(), &["report", "-m"]);
    assert!(
        table.lines().any(|line| line.starts_with("TOTAL") && line.ends_with("100%")),
        "{table}"
    );
}

#[test]
fn what_has_not_changed_is_not_written() {
    let dir = project();
    let times = || -> BTreeMap<PathBuf, SystemTime> {
        let out = dir.path().join("build");
        let time = |path: PathBuf| {
            let time = fs::metadata(&path).and_then(|m| m.modified()).expect("a time");
            (path, time)
        };
        names(&out).iter().map(|name| time(out.join(name))).collect()
    };
    let instrument = || run(dir.path(), &["instrument", "src", "-o", "build"]).err();
    instrument();
    let (first, files) = (times(), tree(&dir.path().join("build")));
    // A file system may count in steps.
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert!(instrument().contains("(0 changed)"));
    assert_eq!((times(), tree(&dir.path().join("build"))), (first.clone(), files));
    write_files(dir.path(), &[("src/pack/part.py", "def half(n):\n    return n / 2\n")]);
    assert!(instrument().contains("(1 changed)"));
    let second = times();
    let changed: Vec<_> = first.iter().filter(|(path, time)| second[*path] != **time).collect();
    assert_eq!(changed.len(), 1);
    assert!(changed[0].0.ends_with("pack/part.py"));
}

#[test]
fn an_output_that_would_hurt_is_refused() {
    let dir = project();
    let top = dir.path();
    for out in ["src", ".", "src/.", "src/pack/.."] {
        refused(top, &["instrument", "src", "-o", out], &["would overwrite the source", "help:"]);
    }
    refused(top, &["instrument", "src/pack", "-o", "src"], &["would overwrite the source"]);
    refused(top, &["instrument", "src/pack/part.py", "-o", "src/pack"], &["would overwrite"]);
    refused(top, &["instrument", "nowhere", "-o", "build"], &["cannot find nowhere"]);
    let both = ["instrument", "src/pack", "src/pack/__init__.py", "-o", "build"];
    refused(top, &both, &["would both become build/__init__.py"]);
    write_files(top, &[("build/mine.txt", "mine"), ("build/main.py", "mine")]);
    let args = ["instrument", "src", "-o", "build"];
    refused(top, &args, &["holds mine.txt, which mpycov did not put there", "--force"]);
    let forced = run(top, &["instrument", "src", "-o", "build", "--force"]);
    assert_eq!(forced.status, Some(0), "{}", forced.text());
    assert_eq!(fs::read(top.join("build/mine.txt")).expect("it is still there"), b"mine");
}

#[test]
fn an_output_inside_the_source_is_left_out_of_the_walk() {
    let dir = project();
    for _ in 0..2 {
        let ran = run(dir.path(), &["instrument", "src", "-o", "src/build"]);
        assert!(ran.err().starts_with("Instrumented 3 files"), "{}", ran.text());
        assert!(!dir.path().join("src/build/build").exists());
    }
    // So is the data directory.
    let inside = ["instrument", ".", "-o", "out", "--data-dir", "src/data"];
    let ran = run(dir.path(), &inside);
    assert_eq!(ran.status, Some(0), "{}", ran.text());
    assert!(dir.path().join("src/data/maps").exists());
    assert!(!dir.path().join("out/src/data").exists());
}

#[test]
fn all_files_that_do_not_parse_are_shown_and_nothing_is_written() {
    let dir = project();
    write_files(
        dir.path(),
        &[
            ("src/a.py", "x = 1\ny = = 2\n"),
            ("src/b.py", "def f(:\n    pass\n"),
            ("src/c.py", "ok = 1\n"),
        ],
    );
    let args = ["instrument", "src", "-o", "build"];
    let shown = refused(
        dir.path(),
        &args,
        &[
            "src/a.py:2:5",
            "src/b.py:1:7",
            "y = = 2",
            "2 of 6 files do not parse; nothing was written",
        ],
    );
    assert!(
        shown.err().lines().any(|line| line.trim_start().starts_with("│ ") && line.contains('^')),
        "{}",
        shown.err()
    );
    assert!(!dir.path().join("build").exists());
    let rest = run(dir.path(), &["instrument", "src", "-o", "build", "--omit", "src/a.py,b.py"]);
    assert_eq!(rest.status, Some(0), "{}", rest.text());
    // What is left out is copied as it is.
    assert_eq!(fs::read(dir.path().join("build/a.py")).expect("the copy"), b"x = 1\ny = = 2\n");
    // `run` shows the same, and goes on with the others.
    let ran = run(dir.path(), &["run", "src/c.py"]);
    assert_eq!(ran.status, Some(0));
    assert!(ran.err().contains("src/a.py:2:5") && ran.err().contains("src/b.py:1:7"));
    let table = output(dir.path(), &["report"]);
    assert!(table.contains("src/a.py: it does not parse"), "{table}");
    assert!(!table.lines().any(|line| line.starts_with("src/a.py ")), "{table}");
}

#[test]
fn a_pattern_chooses_modules() {
    let dir = temp_dir();
    let dir = dir.path();
    let one = "x = 1\n";
    write_files(
        dir,
        &[
            ("src/test_valve.py", "import valve, test_other, pump\n"),
            ("src/valve.py", one),
            ("src/test_other.py", one),
            ("src/pump.py", one),
        ],
    );
    let woven = |args: &[&str]| -> Vec<String> {
        let _ = fs::remove_dir_all(dir.join("build"));
        let args = [&["instrument", "src", "-o", "build"], args].concat();
        let ran = run(dir, &args);
        assert_eq!(ran.status, Some(0), "{}", ran.text());
        let marked = |text: &[u8]| String::from_utf8_lossy(text).contains("import _mpycov as");
        let files = tree(&dir.join("build"));
        files
            .into_iter()
            .filter(|(name, text)| name != "_mpycov.py" && marked(text))
            .map(|(name, _)| name)
            .collect()
    };
    assert_eq!(woven(&["--pattern", "pu.*"]), ["pump.py"]);
    assert_eq!(woven(&["--pattern=(test_)?valve"]), ["test_valve.py", "valve.py"]);
    assert_eq!(woven(&["--include", "src/p*"]), ["pump.py"]);
    let reported = |args: &[&str]| -> Vec<String> {
        output(dir, &["clean", "-q"]);
        output(dir, &[&["run"], args, &["src/test_valve.py"]].concat());
        let table = output(dir, &["report"]);
        let rows = table.lines().filter(|line| line.starts_with("src/"));
        rows.map(|row| row.split(' ').next().unwrap_or_default().to_owned()).collect()
    };
    // The bare flag: the script's own module, the one it tests, and other tests.
    let bare = ["src/test_other.py", "src/test_valve.py", "src/valve.py"];
    assert_eq!(reported(&["--pattern"]), bare);
    assert_eq!(reported(&["--pattern", "pump"]), ["src/pump.py"]);
    assert_eq!(reported(&[]).len(), 4);
}

#[test]
fn modules_that_cannot_be_covered_are_listed_with_the_reason() {
    let dir = temp_dir();
    let dir = dir.path();
    write_files(dir, &[("main.py", "import asyncio, fast\n"), ("fast.py", "x = 1\n")]);
    fs::write(dir.join("fast.mpy"), mpy_cross(&dir.join("fast.py")).expect("it compiles"))
        .expect("a file");
    fs::remove_file(dir.join("fast.py")).expect("it is there");
    let listed = |args: &[&str]| {
        output(dir, &["clean", "-q"]);
        run(dir, &[&["run"], args, &["main.py"]].concat());
        let table = output(dir, &["report"]);
        let (_, list) = table.split_once("Modules that could not be covered:\n").expect("a list");
        list.lines()
            .take_while(|line| !line.is_empty())
            .map(|line| line.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let compiled = "fast.mpy: only its compiled form (.mpy) is there";
    assert_eq!(listed(&[]), [compiled]);
    assert_eq!(
        listed(&["--pattern", "main|fast|asyncio"]),
        ["asyncio: it is frozen into the firmware", compiled]
    );
    let warned = run(dir, &["instrument", ".", "-o", "build", "--include", "main.py"]);
    assert!(
        warned.err().contains("fast.mpy is not measured: only its compiled form"),
        "{}",
        warned.text()
    );
    assert!(dir.join("build/fast.mpy").exists());
}
