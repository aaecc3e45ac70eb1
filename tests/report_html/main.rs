//! The HTML report, as files and in a real browser.

#[path = "../common/mod.rs"]
mod common;
#[path = "../report_support/mod.rs"]
mod report_support;

mod extremes;
mod lists;
mod pages;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use common::{page, temp_dir};
use mpycov::model::Coverage;
use mpycov::report::{Format, HtmlOptions, Settings, Sources, html, render};
use report_support::{coverage, settings, sources};
use serde_json::{Value, json};

fn with_contexts() -> Settings {
    Settings { show_contexts: true, ..settings() }
}

/// The pages of a report, by name.
fn pages(coverage: &Coverage, sources: &Sources, settings: &Settings) -> BTreeMap<String, String> {
    let files = RefCell::new(BTreeMap::new());
    html::pages(coverage, sources, settings, &mut |name, bytes| {
        let text = String::from_utf8(bytes.to_vec()).expect("pages are UTF-8");
        assert!(files.borrow_mut().insert(name.to_owned(), text).is_none(), "{name} twice");
        Ok(())
    })
    .expect("a report");
    files.into_inner()
}

/// A report in a directory, and the page of a file in it.
struct Report {
    dir: tempfile::TempDir,
    names: Vec<String>,
}

impl Report {
    fn new(coverage: &Coverage, sources: &Sources, settings: &Settings) -> Self {
        let dir = temp_dir();
        let files = pages(coverage, sources, settings);
        for (name, text) in &files {
            fs::write(dir.path().join(name), text).expect("a file");
        }
        Self { dir, names: files.into_keys().collect() }
    }

    fn example() -> Self {
        Self::new(&coverage(), &sources(), &with_contexts())
    }

    fn at(&self, start: &str) -> PathBuf {
        let found = self.names.iter().find(|name| name.starts_with(start));
        self.dir.path().join(found.expect("a page of this name"))
    }

    /// What a script says of a page that loads and logs nothing wrong.
    fn says(&self, start: &str, script: &str) -> Value {
        clean(&page(&self.at(start), script))
    }
}

/// The value of an answer in which nothing went wrong.
fn clean(answer: &Value) -> Value {
    assert_eq!(answer["errors"], json!([]), "{answer}");
    assert_eq!(answer["log"], json!([]), "{answer}");
    answer["value"].clone()
}

/// Functions for scripts: a key pressed, the names in a list, the visible ones of some elements.
const TOOLS: &str = "
const all = (selector) => [...document.querySelectorAll(selector)];
const one = (selector) => document.querySelector(selector);
const press = (key, on = document.body) =>
    on.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
const settle = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)));
const names = () => all('table.index tbody tr')
    .filter((row) => row.offsetParent !== null)
    .map((row) => [...row.querySelectorAll('td.name a')].map((a) => a.textContent).join(' '));
const requests = () => performance.getEntriesByType('resource').map((r) => r.name)
    .filter((name) => !name.startsWith('file:') && !name.startsWith('data:'));
";

fn script(text: &str) -> String {
    format!("{TOOLS}{text}")
}

#[test]
fn a_report_is_lists_pages_a_style_and_a_script() {
    let files = pages(&coverage(), &sources(), &settings());
    let ends = |end: &str| files.keys().filter(|name| name.ends_with(end)).count();
    assert_eq!((ends(".html"), ends(".css"), ends(".js"), files.len()), (8, 1, 1, 10));
    for name in ["index.html", "function_index.html", "class_index.html"] {
        assert!(files.contains_key(name), "{name}");
    }
    for (name, text) in &files {
        // The one address in them is the name space of pictures.
        for (at, _) in text.match_indices("://") {
            let around = &text[at.saturating_sub(8)..text.len().min(at + 20)];
            assert!(around.contains("http://www.w3.org"), "{name}: {around}");
        }
        assert!(!text.contains("{{"), "{name} has a field that nothing fills");
    }
    assert_eq!(files, pages(&coverage(), &sources(), &settings()), "the same report twice");
}

#[test]
fn one_page_has_it_all() {
    let mut bytes = Vec::new();
    render(Format::Html, &coverage(), &sources(), &settings(), &mut bytes).expect("a report");
    let text = String::from_utf8(bytes).expect("text");
    assert!(text.starts_with("<!doctype html>"));
    for word in ["<link rel=\"stylesheet", "src=", "@import", "url("] {
        assert!(!text.contains(word), "{word}");
    }
    assert_eq!(text.matches("<section class=\"view\"").count(), 6);
}

#[test]
fn files_that_are_covered_or_empty_can_be_left_out() {
    let mut settings = settings();
    settings.html = HtmlOptions { skip_covered: true, skip_empty: true, ..HtmlOptions::default() };
    let files = pages(&coverage(), &sources(), &settings);
    assert!(files.keys().any(|name| name.starts_with("valve_py_")));
    assert!(!files.keys().any(|name| name.starts_with("empty_py_")));
    assert!(!files.keys().any(|name| name.starts_with("odd_")));
    let index = &files["index.html"];
    assert!(index.contains("3 files that are covered or empty are left out."), "{index}");
    // The sums are still those of all.
    assert!(index.contains("50 of 71"), "{index}");
}

#[test]
fn without_a_source_a_page_still_tells_of_decisions() {
    let files = pages(&coverage(), &Sources::new(), &settings());
    let name = files.keys().find(|name| name.starts_with("valve_py_")).expect("a page");
    let text = &files[name];
    assert!(text.contains("The source is not there or has changed"), "{text}");
    assert!(text.contains("pressure &lt; self.limit"), "{text}");
}
