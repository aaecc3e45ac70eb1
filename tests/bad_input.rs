//! Inputs that nobody means to give: each is named, and none ends in a panic,
//! an endless wait or a half-written file.

mod common;

use std::fs;
use std::path::Path;

use common::cli::{output, run};
use common::{temp_dir, write_files};

const DEEP: &str = "the source is too deeply nested: split this expression or block into smaller";

/// The messages of a command that must fail.
fn refused(dir: &Path, args: &[&str]) -> String {
    let outcome = run(dir, args);
    assert_eq!((outcome.status, outcome.out()), (Some(1), String::new()), "{args:?}");
    outcome.err()
}

/// Operators nest to the left without a bracket, and the parser sets no limit to that.
#[test]
fn nesting_without_brackets_has_a_limit() {
    let dir = temp_dir();
    let dir = dir.path();
    for (name, text) in [
        ("plus", format!("x = {}", ["a"; 300_000].join(" + "))),
        ("calls", format!("x = a{}", "()".repeat(200_000))),
        ("dots", format!("x = a{}", ".b".repeat(200_000))),
        ("items", format!("f(a{})", "[0]".repeat(200_000))),
    ] {
        write_files(dir, &[("one.py", &text)]);
        let err = refused(dir, &["instrument", "one.py", "-o", "out"]);
        assert!(err.starts_with(&format!("error: {DEEP}")), "{name}: {err:.300}");
        assert!(err.contains("one.py:1:") && err.len() < 500, "{name}: {err:.300}");
        assert!(!dir.join("out").exists());
    }
    for (name, text) in [
        ("a long sum", format!("x = {}", ["a"; 9_000].join(" + "))),
        ("a table", format!("x = [{}]", ["a.b(1) + c[2]"; 20_000].join(", "))),
        ("a chain of elif", format!("if a: pass\n{}", "elif b + c: pass\n".repeat(12_000))),
        ("many lines", "x = a.b(c)\n".repeat(20_000)),
    ] {
        write_files(dir, &[("one.py", &text)]);
        let done = run(dir, &["instrument", "one.py", "-o", "out", "--level", "line"]);
        assert_eq!(done.status, Some(0), "{name}: {:.300}", done.err());
    }
}

#[test]
fn what_is_no_text_is_refused_in_a_few_lines() {
    let dir = temp_dir();
    let dir = dir.path();
    let noise: Vec<u8> =
        (0..60_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(dir.join("noise.py"), noise).expect("a file");
    write_files(dir, &[("commands.py", "x = 1 \x1b[2J\x07\0\n"), ("fine.py", "x = 1\n")]);
    let err = refused(dir, &["instrument", ".", "-o", "out"]);
    assert!(err.contains("noise.py: ") && err.contains(" more faults are not shown"), "{err}");
    assert!(err.len() < 20_000, "{}", err.len());
    // What a terminal would obey does not reach it.
    assert!(!err.contains(|c: char| c.is_ascii_control() && !"\n\r\t".contains(c)), "{err:?}");
    assert!(err.contains("1 │ x = 1 ?[2J??"), "{err}");
    assert!(!dir.join("out").exists());
}

#[cfg(unix)]
#[test]
fn links_to_nowhere_and_in_circles_are_passed_over() {
    use std::os::unix::fs::symlink;
    let dir = temp_dir();
    let dir = dir.path();
    write_files(dir, &[("one.py", "print(1)\n"), ("lib/two.py", "x = 2\n")]);
    symlink("nowhere", dir.join("dangling.py")).expect("a link");
    symlink("itself.py", dir.join("itself.py")).expect("a link");
    symlink("..", dir.join("lib/above")).expect("a link");
    symlink("one.py", dir.join("other.py")).expect("a link");
    assert_eq!(output(dir, &["run", "one.py"]), "1\n");
    let table = output(dir, &["report"]);
    let names: Vec<&str> = table.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names[2..5], ["lib/two.py", "one.py", "other.py"], "{table}");
    output(dir, &["instrument", "-q", ".", "-o", "out"]);
    assert!(dir.join("out/lib/two.py").exists() && dir.join("out/other.py").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_told() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = temp_dir();
    let dir = dir.path();
    write_files(dir, &[("one.py", "print(1)\n")]);
    fs::write(dir.join(OsStr::from_bytes(b"bad\xff.py")), "x = 2\n").expect("a file");
    assert_eq!(output(dir, &["run", "one.py"]), "1\n");
    let table = output(dir, &["report"]);
    let (rows, uncovered) = table.split_once("Modules that could not be covered:\n").expect("both");
    assert!(!rows.contains("bad"), "{table}");
    assert!(uncovered.contains("bad\u{fffd}.py"), "{table}");
    assert!(uncovered.contains("its name is not UTF-8"), "{table}");
}

#[test]
fn a_directory_is_no_script() {
    let dir = temp_dir();
    write_files(dir.path(), &[("lib/one.py", "print(1)\n")]);
    let err = refused(dir.path(), &["run", "lib"]);
    assert!(err.starts_with("mpycov: error: lib is a directory, and no script\n"), "{err}");
}

#[test]
fn files_in_place_of_directories_are_named() {
    let dir = temp_dir();
    let dir = dir.path();
    write_files(dir, &[("one.py", "print(1)\n"), (".mpycov/data", "")]);
    let outcome = run(dir, &["run", "one.py"]);
    assert_eq!((outcome.status, &*outcome.out()), (Some(1), "1\n"));
    assert!(outcome.err().contains("cannot make the directory .mpycov/data: "));
    assert!(refused(dir, &["report"]).contains("cannot read .mpycov/data: "));
    fs::create_dir(dir.join("mpycov.toml")).expect("a directory");
    assert!(refused(dir, &["report"]).contains("mpycov.toml: "));
}

#[test]
fn the_next_run_mends_a_damaged_map() {
    let dir = temp_dir();
    let dir = dir.path();
    write_files(dir, &[("one.py", "print(1)\n")]);
    output(dir, &["run", "one.py"]);
    let map = fs::read_dir(dir.join(".mpycov/maps")).expect("the maps").next().expect("one");
    let map = map.expect("an entry").path();
    let whole = fs::read(&map).expect("a map");
    fs::write(&map, &whole[..whole.len() / 2]).expect("a file");
    assert!(refused(dir, &["report"]).contains(" is of no use: "));
    output(dir, &["run", "one.py"]);
    assert_eq!(fs::read(&map).expect("a map"), whole);
    assert_eq!(output(dir, &["report", "--format", "total"]), "100\n");
}

#[test]
fn a_map_that_names_what_is_not_there_is_refused() {
    let dir = temp_dir();
    let dir = dir.path();
    write_files(dir, &[("one.py", "if print:\n    pass\n")]);
    output(dir, &["run", "one.py"]);
    let map = fs::read_dir(dir.join(".mpycov/maps")).expect("the maps").next().expect("one");
    let map = map.expect("an entry").path();
    let whole = fs::read_to_string(&map).expect("a map");
    for (old, new, says) in [
        ("[1,1,[0]]", "[1,1,[9]]", "it names a sensor that the file does not have"),
        ("{\"leaf\":0}", "{\"leaf\":9}", "a decision does not fit its conditions"),
        ("{\"leaf\":0}", "{\"not\":{\"leaf\":1}}", "a decision does not fit its conditions"),
    ] {
        let damaged = whole.replacen(old, new, 1);
        assert_ne!(damaged, whole, "{old} in {whole}");
        fs::write(&map, damaged).expect("a file");
        assert!(refused(dir, &["report"]).contains(says), "{new}");
    }
}

#[test]
fn what_is_combined_must_be_there() {
    let dir = temp_dir();
    let dir = dir.path();
    write_files(dir, &[("one.py", "print(1)\n"), ("empty/x", "")]);
    output(dir, &["run", "--data-dir", "other", "one.py"]);
    assert!(refused(dir, &["combine", "other", "nowhere"]).contains("cannot find nowhere: "));
    assert!(!dir.join(".mpycov/data").exists(), "all or nothing");
    let outcome = run(dir, &["combine", "other", "empty"]);
    let said = "mpycov: warning: empty holds no data\nCombined 1 data files.\n";
    assert_eq!((outcome.status, &*outcome.err()), (Some(0), said));
}
