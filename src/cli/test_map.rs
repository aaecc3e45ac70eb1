//! `mpycov test-map`: which tests ran which files.

use std::collections::BTreeSet;

use anyhow::bail;

use super::args::Common;
use super::foreign_args::{TableArg, TestMapArgs};
use super::{Exit, foreign, print};
use crate::gather::gather;

pub(super) fn test_map(args: &TestMapArgs, common: &Common) -> anyhow::Result<Exit> {
    let cwd = super::working_dir()?;
    let (mut loaded, maps) = foreign::load(&args.foreign, common, false)?;
    // A run without a context of its own is known by what ran, and where.
    for (_, run) in &mut loaded.runs {
        let name = run.name.trim_end_matches(".py");
        if run.context.is_empty() {
            run.context = name.to_owned();
        } else if run.context == run.board && run.name != run.board {
            run.context = format!("{}|{name}", run.board);
        }
    }
    let gathered = gather(&loaded, &maps, &cwd, &|_| true);
    let names = &gathered.coverage.contexts;
    let mut rows: BTreeSet<(&str, u32, &str)> = BTreeSet::new();
    for file in &gathered.coverage.files {
        for (line, tests) in &file.line_contexts {
            let line = if args.line_detail { line.0 } else { 0 };
            rows.extend(tests.iter().map(|test| (file.path.as_str(), line, names[*test].as_str())));
        }
    }
    if rows.is_empty() {
        bail!("No data to report.\n  help: {}", foreign::remedy(common));
    }
    let heads: &[&str] =
        if args.line_detail { &["file", "line", "test"] } else { &["file", "test"] };
    let cells = |row: &(&str, u32, &str)| -> Vec<String> {
        let line = args.line_detail.then(|| row.1.to_string());
        [Some(row.0.to_owned()), line, Some(row.2.to_owned())].into_iter().flatten().collect()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let text = match args.format {
        TableArg::Json => {
            let object = |row: &Vec<String>| {
                let pairs = heads.iter().zip(row).map(|(head, cell)| {
                    let number = cell.parse::<u32>().ok().filter(|_| *head == "line");
                    let value = number.map_or_else(|| cell.clone().into(), serde_json::Value::from);
                    ((*head).to_owned(), value)
                });
                serde_json::Value::Object(pairs.collect())
            };
            let all: Vec<_> = rows.iter().map(object).collect();
            format!("{}\n", serde_json::Value::Array(all))
        }
        TableArg::Csv => {
            let quote = |cell: &str| match cell.contains([',', '"', '\n']) {
                true => format!("\"{}\"", cell.replace('"', "\"\"")),
                false => cell.to_owned(),
            };
            let line = |row: &Vec<String>| {
                row.iter().map(|cell| quote(cell)).collect::<Vec<_>>().join(",") + "\n"
            };
            heads.join(",") + "\n" + &rows.iter().map(line).collect::<String>()
        }
        TableArg::Text => aligned(heads, &rows),
    };
    print(text.as_bytes())?;
    Ok(Exit::Fine)
}

fn aligned(heads: &[&str], rows: &[Vec<String>]) -> String {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let width = |column: usize| {
        rows.iter().chain([&heads]).map(|row| row[column].chars().count()).max().unwrap_or(0)
    };
    let mut out = String::new();
    for row in std::iter::once(&heads).chain(rows) {
        let cells: Vec<String> =
            row.iter().enumerate().map(|(i, cell)| format!("{cell:<0$}", width(i))).collect();
        out += cells.join("  ").trim_end();
        out.push('\n');
    }
    out
}
