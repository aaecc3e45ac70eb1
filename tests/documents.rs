//! The documents show what the program prints, name every option, and link to
//! what is there. `MPYCOV_BLESS=1` brings them up to date.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::texts::{bless, files};
use common::{process, repo_root, targets, temp_dir};

fn help(words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mpycov"));
    command.args(words).arg("--help").env("NO_COLOR", "1");
    for name in ["MPYCOV_DATA_DIR", "COLUMNS", "LINES"] {
        command.env_remove(name);
    }
    let outcome = process::run(command, b"", process::LIMIT);
    assert_eq!(outcome.status, Some(0), "{}", outcome.text());
    outcome.out()
}

/// The names of the commands in a help text.
fn commands(help: &str) -> Vec<String> {
    let rows = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    rows.take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split(' ').next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_document_of_commands_is_the_help() {
    let mut out =
        "# Commands\n\nWhat `mpycov --help` and `mpycov COMMAND --help` print.\n".to_owned();
    let mut open = vec![Vec::new()];
    while let Some(words) = open.pop() {
        let names: Vec<&str> = words.iter().map(String::as_str).collect();
        let text = help(&names);
        let title = [&["mpycov"], &names[..]].concat().join(" ");
        out += &format!("\n## {title}\n\n```text\n{}\n```\n", text.trim_end());
        for name in commands(&text).into_iter().rev() {
            open.push([words.clone(), vec![name]].concat());
        }
    }
    bless("docs/commands.md", &out);
}

#[test]
fn links_lead_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)#\s]+)(#[^)\s]*)?\)").expect("a pattern");
    let mut dead = Vec::new();
    for file in files(&["docs", "README.md", "CHANGELOG.md", "fixtures/README.md"], &[".md"]) {
        let here = repo_root().join(&file.path);
        let dir = here.parent().unwrap_or(Path::new("."));
        for found in link.captures_iter(&file.text) {
            let target = &found[1];
            if !target.contains("://") && !dir.join(target).exists() {
                dead.push(format!("{}: {target}", file.path));
            }
        }
    }
    assert!(dead.is_empty(), "dead links: {dead:#?}");
}

/// Blocks of documents that begin with `$ ` are run, in a copy of fixtures/,
/// and must print what they show.
#[test]
fn documents_show_what_is_printed() {
    let mut wrong = Vec::new();
    for name in
        ["README.md", "docs/getting-started.md", "docs/coverage-terms.md", "docs/how-it-works.md"]
    {
        let path = repo_root().join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        let new = transcripts(&text);
        if text == new {
            continue;
        }
        if std::env::var_os("MPYCOV_BLESS").is_some() {
            fs::write(&path, new).expect("the document");
        } else {
            let pairs = text.lines().zip(new.lines());
            let at = pairs.enumerate().find(|(_, (is, should))| is != should);
            wrong.push(format!("{name}: {at:?}"));
        }
    }
    assert!(wrong.is_empty(), "run this test with MPYCOV_BLESS=1: not up to date are {wrong:#?}");
}

/// A document with the output of the commands in its `console` blocks.
fn transcripts(text: &str) -> String {
    let dir = temp_dir();
    let top = dir.path();
    copy(&repo_root().join("fixtures"), &top.join("fixtures"));
    let mut cwd = top.to_owned();
    let mut out = String::new();
    let mut in_block = false;
    for line in text.lines() {
        match (in_block, line) {
            (false, "```console") => in_block = true,
            (true, "```") => in_block = false,
            (true, line) => {
                let Some(typed) = line.strip_prefix("$ ") else { continue };
                out += &format!("{line}\n");
                if let Some(place) = typed.strip_prefix("cd ") {
                    cwd = top.join(place);
                } else {
                    out += &shell(typed, &cwd);
                }
                continue;
            }
            _ => {}
        }
        out += &format!("{line}\n");
    }
    out
}

fn shell(typed: &str, cwd: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_mpycov"));
    let micropython = targets::unix().path.parent().expect("its directory").to_owned();
    let dirs = [program.parent().expect("its directory").to_owned(), micropython];
    let old = std::env::var_os("PATH").unwrap_or_default();
    let all = dirs.into_iter().chain(std::env::split_paths(&old));
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{{ {typed}\n}} 2>&1")]).current_dir(cwd);
    command
        .env("PATH", std::env::join_paths(all).expect("directories"))
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C");
    for name in ["MPYCOV_DATA_DIR", "MICROPY_MICROPYTHON", "COVERAGE_RCFILE", "COLUMNS"] {
        command.env_remove(name);
    }
    process::run(command, b"", process::LIMIT).out()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
