//! What docs/architecture.md states, checked: who may use whom, who prints,
//! who touches files, how long a file may be; and that every message is
//! explained.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use common::repo_root;
use common::texts::{File, files};
use regex::Regex;

/// Lines of code that a file may have.
const LONGEST: usize = 400;

/// Who touches files besides src/fs.rs, and why.
const FILES: &[(&str, &str)] = &[("src/device/", "a port is a file that is opened and watched")];

/// Who starts processes, and why.
const PROCESSES: &[(&str, &str)] = &[
    ("src/unix/", "it runs MicroPython"),
    ("src/cli/report.rs", "`report --diff` asks git"),
    ("src/cli/report_out.rs", "`report --open` starts a browser"),
    ("src/device/", "`exec:` and `execpty:` devices are programs"),
    ("src/board/cross.rs", "`--mpy` runs mpy-cross"),
    ("src/cli/methods.rs", "`report --method mpy` asks mpy-cross"),
    ("src/cli/debug.rs", "`debug sys` asks MicroPython for its version"),
    ("src/main.rs", "it ends this process"),
    ("src/cli/mod.rs", "it says how this process ends"),
];

fn sources() -> Vec<File> {
    files(&["src"], &[".rs"])
}

fn document(name: &str) -> String {
    let path = repo_root().join("docs").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("docs/{name}: {e}"))
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

/// The module of src/ that a file belongs to.
fn module(path: &str) -> &str {
    let inner = path.strip_prefix("src/").expect("a source");
    inner.split('/').next().unwrap_or(inner).trim_end_matches(".rs")
}

/// A source without comments and without its unit tests.
fn code(file: &File) -> String {
    let own = file.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    own.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// The table in docs/architecture.md: for each module, which others it may use.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let row = pattern(r"(?m)^\| `(\w+)` \|[^|]*\|([^|]*)\|");
    let name = pattern(r"`(\w+)`");
    let text = document("architecture.md");
    row.captures_iter(&text)
        .map(|row| {
            let users = name.captures_iter(&row[2]).map(|user| user[1].to_owned()).collect();
            (row[1].to_owned(), users)
        })
        .collect()
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let allowed = allowed();
    let uses = pattern(r"crate::(\w+)");
    let mut wrong = Vec::new();
    for file in sources() {
        let own = module(&file.path);
        if own == "main" || own == "lib" {
            continue;
        }
        let Some(may) = allowed.get(own) else {
            wrong.push(format!("{own} has no row in docs/architecture.md"));
            continue;
        };
        for used in uses.captures_iter(&code(&file)) {
            let used = &used[1];
            let is_module = allowed.contains_key(used);
            if is_module && used != own && own != "cli" && !may.contains(used) {
                wrong.push(format!("{} uses {used}", file.path));
            }
        }
    }
    none("against the table of docs/architecture.md", &wrong);
}

#[test]
fn the_table_has_no_cycles() {
    let allowed = allowed();
    assert!(allowed.len() > 10, "the table of docs/architecture.md is not found");
    let mut left: BTreeSet<&String> = allowed.keys().collect();
    while let Some(free) =
        left.iter().find(|module| !allowed[**module].iter().any(|used| left.contains(used)))
    {
        let free = *free;
        left.remove(free);
    }
    assert!(left.is_empty(), "these use each other: {left:?}");
}

/// Sources in which a pattern occurs though they are not among those allowed to.
fn intruders(what: &str, may: impl Fn(&File) -> bool) -> Vec<String> {
    let forbidden = pattern(what);
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| !may(file)) {
        for line in code(file).lines().filter(|line| forbidden.is_match(line)) {
            found.push(format!("{}: {}", file.path, line.trim()));
        }
    }
    found
}

fn listed(list: &[(&str, &str)], file: &File) -> bool {
    list.iter().any(|(path, _)| file.path.starts_with(path))
}

#[test]
fn only_some_modules_know_the_outside() {
    let of = |names: &'static [&str]| move |file: &File| names.contains(&module(&file.path));
    none("the parser's types", &intruders(r"\bruff_", of(&["parse", "plan"])));
    let prints = r"\be?print(ln)?!|\bio::(stdout|stderr)|\bdbg!";
    none("printing", &intruders(prints, of(&["cli"])));
    none("untyped errors", &intruders(r"\banyhow\b", of(&["cli"])));
    none("the command line", &intruders(r"\bclap\b|clap_complete", of(&["cli"])));
    let touches = r"\bstd::fs\b|use std::\{[^}]*\bfs\b|\bFile::(open|create)|OpenOptions";
    none("files", &intruders(touches, |f| f.path == "src/fs.rs" || listed(FILES, f)));
    let starts = r"\bstd::process\b|\bCommand::new";
    none("processes", &intruders(starts, |file| listed(PROCESSES, file)));
    let foreign = pattern("(?m)^use ([a-z_]+)");
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|file| module(&file.path) == "model")
        .flat_map(|file| {
            let text = code(file);
            let names = foreign.captures_iter(&text).map(|found| found[1].to_owned());
            names.collect::<Vec<_>>()
        })
        .filter(|name| !["std", "smallvec", "super", "crate", "self"].contains(&name.as_str()))
        .collect();
    none("the model uses the standard library and short lists only", &wrong);
}

#[test]
fn exceptions_are_still_needed() {
    for (path, why) in FILES.iter().chain(PROCESSES) {
        assert!(repo_root().join(path).exists(), "{path} ({why}) is not there any more");
    }
}

#[test]
fn files_that_ask_for_the_system_are_listed() {
    let row = pattern(r"(?m)^\| `(src/[\w/]+\.rs)` \|");
    let asks = pattern(r"cfg!?\((?:not\()?(?:unix|windows|target_os)");
    let text = document("architecture.md");
    let listed: BTreeSet<String> = row.captures_iter(&text).map(|row| row[1].to_owned()).collect();
    let asking: BTreeSet<String> =
        sources().iter().filter(|f| asks.is_match(&code(f))).map(|f| f.path.clone()).collect();
    assert_eq!(listed, asking);
}

#[test]
fn no_file_is_too_long() {
    let mut all = files(&["src", "tests"], &[".rs"]);
    all.extend(files(&["runtime"], &[".py"]));
    let mut wrong = Vec::new();
    for file in &all {
        let comment = if file.path.ends_with(".py") { "#" } else { "//" };
        let counts = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with(comment);
        let length = file.text.lines().filter(counts).count();
        if length > LONGEST {
            wrong.push(format!(
                "{} has {length} lines of code: split it by noun (at most {LONGEST})",
                file.path
            ));
        }
    }
    none("lengths", &wrong);
}

/// The texts of messages in the sources, with `…` where something is put in.
fn messages(file: &File) -> BTreeSet<String> {
    let call = r"(?s)(?:#\[error\(|bail!\(|anyhow!\(|style::(?:warning|error)\(|\.(?:with_)?context\(|notices\.push\(|faults\s*\.push\(|Err\(|ok_or(?:_else)?\(|map_err\(|unwrap_or_else\(|reason\s*=\s*(?:Some\()?|reason:\s*|unmeasured\(\s*expr,\s*ctx,)";
    let literal = r#"(?:\s|\|[^|]*\||&|format!\()*"((?:[^"\\]|\\.)*)""#;
    let text = code(file);
    pattern(&format!("{call}{literal}"))
        .captures_iter(&text)
        .map(|found| {
            let joined = pattern(r"\\\n\s*").replace_all(&found[1], "").into_owned();
            let first = joined.split("\\n").next().unwrap_or_default().replace("\\\"", "\"");
            pattern(r"\{[^}]*\}").replace_all(&first, "…").replace('`', "")
        })
        .filter(|text| pattern("[A-Za-z]{2,}").find_iter(text).count() >= 2)
        .collect()
}

#[test]
fn every_message_is_explained() {
    let explained = document("messages.md").replace('`', "");
    let mut missing = BTreeSet::new();
    for file in sources() {
        for message in messages(&file) {
            if !explained.contains(&message) {
                missing.insert(format!("{}: {message}", file.path));
            }
        }
    }
    let missing: Vec<String> = missing.into_iter().collect();
    none("messages without an explanation in docs/messages.md", &missing);
}

#[test]
fn the_runtime_speaks_the_version_that_is_read() {
    let runtime = &files(&["runtime/_mpycov.py"], &[".py"])[0].text;
    let version = mpycov::wire::frame::VERSION;
    assert!(runtime.contains(&format!("\"mpycov:{version}:\"")), "version {version}");
    // What instrumented files import, and what users call.
    for name in ["m(digest, n)", "b(digest, *sizes)", "dump()", "save(path)", "reset()"] {
        assert!(runtime.contains(&format!("\ndef {name}:")), "there is no {name} in the runtime");
    }
}

#[test]
fn nothing_is_left_undone() {
    // In two parts, or this file would have them.
    let words: Vec<String> = [
        ("TO", "DO"),
        ("FIX", "ME"),
        ("XX", "X"),
        ("todo", "!("),
        ("unimplemented", "!("),
        ("#[ign", "ore"),
        ("/wo", "rk/"),
        ("/ro", "ot/"),
    ]
    .iter()
    .map(|(a, b)| format!("{a}{b}"))
    .collect();
    let places =
        ["src", "tests", "runtime", "docs", "README.md", "CHANGELOG.md", "Makefile", ".ci"];
    let endings = [".rs", ".py", ".md", ".sh", ".mjs", "Makefile", "run"];
    let mut found = Vec::new();
    for file in files(&places, &endings) {
        for (number, line) in file.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word.as_str())) {
                found.push(format!("{}:{}: {line}", file.path, number + 1));
            }
        }
    }
    none("left undone, or of one machine only", &found);
}
