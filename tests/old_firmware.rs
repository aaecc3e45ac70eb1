//! What is woven for a firmware without `:=` has none.

mod common;

use std::fs;
use std::process::Command;

use common::{fixture, process};

#[test]
fn before_version_1_13_no_mark_binds_a_name_in_an_expression() {
    let mut seen = 0;
    for entry in fs::read_dir(fixture("constructs")).expect("the fixtures") {
        let source = entry.expect("a fixture").path().join("source.py");
        let Ok(text) = fs::read(&source) else { continue };
        let binds = |text: &[u8]| text.windows(2).filter(|pair| pair == b":=").count();
        for level in ["block", "line", "branch", "condition"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_mpycov"));
            command.args(["debug", "woven", "--target-version", "1.9", "--level", level]);
            let woven = process::run(
                {
                    command.arg(&source);
                    command
                },
                b"",
                process::LIMIT,
            );
            assert_eq!(woven.status, Some(0), "{}: {}", source.display(), woven.text());
            assert_eq!(binds(&woven.stdout), binds(&text), "{}, {level}", source.display());
        }
        seen += 1;
    }
    assert!(seen > 100, "{seen} fixtures");
}
