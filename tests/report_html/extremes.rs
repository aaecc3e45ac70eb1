//! Texts that want to get out, and reports that are very large.

use std::collections::BTreeMap;
use std::fs;

use mpycov::model::{Coverage, Line};
use mpycov::report::{Sources, html};
use serde_json::{Value, json};

use crate::common::page;
use crate::report_support::{VALVE, coverage, many, settings, sources};
use crate::{Report, clean, script, with_contexts};

/// A measurement in which every text tries to get out of where it stands.
fn hostile() -> (Coverage, Sources) {
    let evil = "</code></script><script>window.evil=1</script><img src=x onerror=window.evil=1>\
                \" onmouseover=\"window.evil=1\" ' {{body}} ]]>";
    let mut coverage = coverage();
    coverage.files.retain(|file| file.path == VALVE);
    let file = &mut coverage.files[0];
    file.path = format!("src/{evil}.py");
    for (scope, _) in &mut file.scopes {
        scope.name = format!("{}{evil}", scope.name);
    }
    for decision in &mut file.decisions {
        decision.text = evil.to_owned();
        for condition in &mut decision.conditions {
            condition.text = evil.to_owned();
        }
    }
    file.decisions[1].not_measured = Some(evil.to_owned());
    file.not_measured = vec![mpycov::model::NotMeasured {
        line: Line(4),
        end_line: Line(4),
        reason: evil.to_owned(),
    }];
    coverage.contexts = coverage.contexts.iter().map(|name| format!("{name}{evil}")).collect();
    let text = String::from_utf8(sources()[VALVE].clone()).expect("text");
    let text = text.replace("Valve of the boiler.", evil).replace("ticks", "tick\u{7}\u{202e}s");
    let sources = Sources::from([(coverage.files[0].path.clone(), text.into_bytes())]);
    (coverage, sources)
}

#[test]
fn no_text_gets_out_of_where_it_stands() {
    let (coverage, sources) = hostile();
    let mut settings = with_contexts();
    settings.html.title = Some("<b>\"Title\"</b> & {{style}}".to_owned());
    settings.uncovered = BTreeMap::from([("<mod>".to_owned(), "<b>reason</b>".to_owned())]);
    let report = Report::new(&coverage, &sources, &settings);
    let mut single = Vec::new();
    html::single(&coverage, &sources, &settings, &mut single).expect("a report");
    let single_path = report.dir.path().join("single.html");
    fs::write(&single_path, single).expect("a file");
    let look = script(
        "all('.ctx').forEach((button) => button.click());
         all('.l, .conds tr').forEach((element) =>
             element.dispatchEvent(new MouseEvent('mouseover', { bubbles: true })));
         await settle();
         return { evil: window.evil ?? null, images: all('img').length, bold: all('h1 b').length,
                  title: document.title, requests: requests() };",
    );
    let paths = report.names.iter().filter(|name| name.ends_with(".html"));
    let paths = paths.map(|name| report.dir.path().join(name)).chain([single_path]);
    for path in paths {
        let value = clean(&page(&path, &look));
        assert_eq!(value["evil"], Value::Null, "{}", path.display());
        assert_eq!(value["images"], 0, "{}", path.display());
        assert_eq!(value["bold"], 0, "{}", path.display());
        assert_eq!(value["requests"], json!([]), "{}", path.display());
        assert!(
            value["title"].as_str().is_some_and(|t| t.contains("<b>\"Title\"</b> & {{style}}"))
        );
    }
}

#[test]
fn a_file_of_ten_thousand_lines_opens_and_can_be_walked() {
    let text: String = (0..10_000)
        .map(|n| format!("    if value[{n}] > {n} and (flag or other):  # line {n}\n"))
        .collect();
    let mut coverage = coverage();
    coverage.files.retain(|file| file.path == VALVE);
    let file = &mut coverage.files[0];
    let decision = file.decisions[0].clone();
    file.statements = (1..=10_000).map(|line| (Line(line), line % 7 != 0)).collect();
    file.decisions = (1..=2_000)
        .map(|number| {
            let mut decision = decision.clone();
            decision.line = Line(number * 5);
            decision.end_line = Line(number * 5);
            for condition in &mut decision.conditions {
                condition.line = Line(number * 5);
            }
            decision
        })
        .collect();
    let sources = Sources::from([(VALVE.to_owned(), text.into_bytes())]);
    let report = Report::new(&coverage, &sources, &settings());
    let value = report.says(
        "valve_py_",
        &script(
            "press('j'); press('j'); press('r'); press('k');
             one('#t9800').scrollIntoView(); await settle();
             return { lines: all('.l').length,
                      top: one('#t9800').getBoundingClientRect().top };",
        ),
    );
    assert_eq!(value["lines"], 10_000);
    assert!(value["top"].as_f64().is_some_and(|top| top < 900.0), "{value}");
}

#[test]
fn a_thousand_files_make_a_report_that_works() {
    let (coverage, sources) = many(1_000);
    let mut bytes = 0;
    html::pages(&coverage, &sources, &with_contexts(), &mut |_, page| {
        bytes += page.len();
        Ok(())
    })
    .expect("a report");
    assert!(bytes > 10_000_000, "{bytes}");
    let report = Report::new(&coverage, &sources, &settings());
    let value = report.says(
        "function_index.html",
        &script(
            "press('c'); one('#filter').value = 'module_0500';
             one('#filter').dispatchEvent(new Event('input'));
             return { rows: all('tbody tr').length, left: names().length };",
        ),
    );
    assert_eq!((&value["rows"], &value["left"]), (&json!(9_000), &json!(9)));
}
