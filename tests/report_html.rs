//! The HTML report, as files and in a real browser.

mod common;
mod report_support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use common::{page, temp_dir};
use mpycov::model::{Coverage, Line};
use mpycov::report::{Format, HtmlOptions, Settings, Sources, html, render};
use report_support::{EMPTY, FAST, NEVER, ODD, VALVE, coverage, many, settings, sources};
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

#[test]
fn lists_sort_by_click_and_by_key() {
    let value = Report::example().says(
        "index.html",
        &script(
            "const first = names();
             press('m'); const byMissing = names();
             press('m'); const reversed = names();
             one('th[data-column=coverage] button').click(); const byCoverage = names();
             press('d'); const byMcdc = names();
             return { first, byMissing, reversed, byCoverage, byMcdc,
                      order: one('th[data-column=mcdc]').ariaSort, requests: requests() };",
        ),
    );
    let sorted = |list: &[&str]| json!(list);
    assert_eq!(value["first"], sorted(&[NEVER, VALVE, EMPTY, FAST, ODD]));
    assert_eq!(value["byMissing"], sorted(&[VALVE, NEVER, EMPTY, FAST, ODD]));
    assert_eq!(value["reversed"], sorted(&[EMPTY, FAST, ODD, NEVER, VALVE]));
    assert_eq!(value["byCoverage"][0], NEVER);
    assert_eq!(value["byCoverage"][1], VALVE);
    assert_eq!(value["byMcdc"][3], VALVE);
    assert_eq!(value["byMcdc"][4], NEVER);
    assert_eq!(value["order"], "descending");
    assert_eq!(value["requests"], json!([]));
}

#[test]
fn lists_filter_and_add_up_what_is_left() {
    let value = Report::example().says(
        "index.html",
        &script(
            "press('/');
             const focused = document.activeElement.id;
             const type = (text) => { one('#filter').value = text;
                 one('#filter').dispatchEvent(new Event('input')); };
             const footer = () => [...one('table.index tfoot tr').cells]
                 .map((cell) => cell.innerText.trim());
             const all1 = footer();
             type('boiler'); const boiler = [names(), footer()];
             type('Boiler'); const none = [names(), one('p.none').innerText, one('p.none').hidden];
             type(''); const back = footer();
             press('m', one('#filter')); const unsorted = names();
             one('#hide100').click(); const hidden = names();
             return { focused, all1, boiler, none, back, unsorted, hidden };",
        ),
    );
    assert_eq!(value["focused"], "filter");
    let all = json!(["Total", "51", "12", "3", "20", "5", "21/40", "3/20", "70%"]);
    assert_eq!(value["all1"], all);
    assert_eq!(value["back"], all);
    assert_eq!(value["boiler"][0], json!([NEVER, VALVE]));
    let boiler = json!(["Total", "43", "12", "3", "20", "5", "17/36", "1/18", "67%"]);
    assert_eq!(value["boiler"][1], boiler);
    assert_eq!(value["none"], json!([[], "Nothing of this name.", false]));
    assert_eq!(value["unsorted"][0], NEVER, "a letter in the filter is no key");
    assert_eq!(value["hidden"], json!([NEVER, VALVE]));
}

#[test]
fn lists_remember_and_lead_on() {
    let value = Report::example().says(
        "function_index.html",
        &script(
            "press('n'); press('n');
             const kept = [localStorage.getItem('mpycov.sort'), names()[0]];
             const to = [];
             document.addEventListener('click', (event) => {
                 const link = event.target.closest('a');
                 if (link) { to.push(link.getAttribute('href')); event.preventDefault(); }
             }, true);
             press(']'); press('['); 
             const tabs = all('.tabs a').map((a) => a.getAttribute('href'));
             const link = all('td.name a').find((a) => a.textContent === 'Valve.settle');
             return { kept, to, tabs, current: one('.tabs [aria-current]').innerText,
                      link: link.hash };",
        ),
    );
    assert_eq!(value["kept"][0], r#"{"column":"region","order":"descending"}"#);
    assert_eq!(value["kept"][1], format!("{VALVE} watch.inner"));
    let to = |index: usize| value["to"][index].as_str().unwrap_or_default().to_owned();
    assert!(to(0).starts_with("never_py_") && to(1).starts_with("odd_"), "{value}");
    assert_eq!(value["tabs"], json!(["index.html", "function_index.html", "class_index.html"]));
    assert_eq!(value["current"], "Functions");
    assert_eq!(value["link"], "#t25");
}

#[test]
fn dark_and_light_are_a_key_apart() {
    let value = Report::example().says(
        "index.html",
        &script(
            "const back = () => getComputedStyle(document.body).backgroundColor;
             const first = back();
             press('t'); const second = back(); const kept = localStorage.getItem('mpycov.theme');
             one('button.theme').click(); const third = back();
             return { first, second, third, kept };",
        ),
    );
    assert_eq!(value["first"], value["third"]);
    assert_ne!(value["first"], value["second"]);
    assert_eq!(value["kept"], "dark");
}

#[test]
fn a_page_marks_each_line_for_what_it_is() {
    let report = Report::example();
    let classes = "return Object.fromEntries(all('.l').map((l) => [l.id, l.className]));";
    let valve = report.says("valve_py_", &script(classes));
    for (line, class) in [
        ("t1", "l "),
        ("t2", "l run"),
        ("t13", "l run cont"),
        ("t20", "l par con"),
        ("t23", "l mis"),
        ("t40", "l par cont con"),
        ("t45", "l run"),
        ("t56", "l exc"),
        ("t66", "l run con"),
    ] {
        assert_eq!(valve[line], class, "{line}");
    }
    let fast = report.says("fast_py_", &script(classes));
    assert_eq!(fast["t5"], "l run");
    assert_eq!(fast["t6"], "l unm cont");
    let pictures = "
        const look = (id) => { const s = getComputedStyle(one(id)); 
                               return [s.backgroundImage !== 'none', s.borderLeftColor]; };
        return [look('#t6'), look('#t5'), one('#t5 .r').textContent];";
    let looks = report.says("fast_py_", &script(pictures));
    assert_eq!(looks[0][0], true, "what is not measured has stripes");
    assert_eq!(looks[1][0], false);
    assert!(looks[2].as_str().is_some_and(|t| t.contains("not measured: asm_thumb")), "{looks}");
    let never = report.says("never_py_", "return document.querySelector('header').innerText");
    assert!(never.as_str().is_some_and(|t| t.contains("never ran")), "{never}");
}

#[test]
fn a_page_tells_what_was_seen_of_conditions() {
    let value = Report::example().says(
        "valve_py_",
        &script(
            "const marked = (id) => [...one(id).querySelectorAll('code [title]')]
                 .map((s) => [s.textContent, s.title]);
             const card = one('#t20').nextElementSibling;
             const rows = (selector) => [...card.querySelectorAll(selector)]
                 .map((row) => row.innerText.replace(/\\s+/g, ' ').trim());
             const hover = (element, type) =>
                 element.dispatchEvent(new MouseEvent(type, { bubbles: true }));
             const lit = () => [...card.querySelectorAll('.lit')].map((r) => r.dataset.row);
             hover(card.querySelector('.conds tbody tr'), 'mouseover'); const on = lit();
             hover(card.querySelector('.conds tbody tr'), 'mouseout'); const off = lit();
             return { marked: marked('#t20'), over: [marked('#t39'), marked('#t40')],
                      missed: marked('#t35'), open: card.open, conds: rows('.conds tbody tr'),
                      paths: rows('.paths tbody tr'), on, off,
                      full: all('details.dec').map((d) => d.className) };",
        ),
    );
    let hot = json!(["hot", "was true and was false"]);
    assert_eq!(value["marked"][0], hot);
    let marked = value["marked"].as_array().expect("a list");
    assert!(marked.contains(&json!(["override", "was never false"])), "{value}");
    let first = |at: usize| value["over"][at][0][1].clone();
    assert_eq!(first(0), "was never true");
    assert_eq!(first(1), "was never false");
    assert_eq!(value["missed"], json!([]), "nothing was seen on a line that never ran");
    assert_eq!(value["open"], true);
    assert_eq!(
        value["conds"],
        json!([
            "A hot TF not shown; needs path 5 A=F C=F beside path 1",
            "B pressure < self.limit TF not shown; needs path 3 A=T B=F C=F beside path 1",
            "C override TF not shown; needs path 3 A=T B=F C=F beside path 4",
        ])
    );
    assert_eq!(
        value["paths"],
        json!([
            "1 T T – true seen",
            "2 T F T true never",
            "3 T F F false never: would show B, C",
            "4 F – T true seen",
            "5 F – F false never: would show A",
        ])
    );
    assert_eq!(value["on"], json!(["0", "4"]));
    assert_eq!(value["off"], json!([]));
    assert_eq!(value["full"], json!(["dec gaps", "dec idle", "dec gaps", "dec gaps"]));
    let odd = Report::example().says(
        "odd_",
        "const card = document.querySelector('details.dec');
         return [card.className, card.open, card.textContent.includes('shown by paths 1 and 3'),
                 document.querySelector('#t2 code').textContent];",
    );
    let line = "if naïve == \"ü\" and len(naïve) > 2: print(\"日本語 ]]>\")";
    assert_eq!(odd, json!(["dec full", false, true, line]));
}

#[test]
fn keys_walk_through_the_marked_lines() {
    let value = Report::example().says(
        "valve_py_",
        &script(
            "const at = () => one('.l.here')?.id ?? null;
             const walk = [];
             for (const key of ['j', 'j', 'j', 'k', '0', 'k', '1']) { press(key); walk.push(at()); }
             const shown = (kind) => [one('.source').classList.contains('show-' + kind),
                 one(`[data-toggle=${kind}]`).ariaPressed];
             const before = ['run', 'mis'].map(shown);
             press('r'); press('m');
             const after = ['run', 'mis'].map(shown);
             press('0'); press('j'); const ran = at();
             const marks = all('.marks i').length;
             press('?'); const help = one('#help').open;
             press('?'); const closed = one('#help').open;
             return { walk, before, after, ran, marks: marks > 0, help, closed,
                      up: one('[data-key=u]').getAttribute('href') };",
        ),
    );
    assert_eq!(value["walk"], json!(["t20", "t23", "t28", "t23", null, null, "t20"]));
    assert_eq!(value["before"], json!([[false, "false"], [true, "true"]]));
    assert_eq!(value["after"], json!([[true, "true"], [false, "false"]]));
    assert_eq!(value["ran"], "t2");
    assert_eq!(value["marks"], true);
    assert_eq!((&value["help"], &value["closed"]), (&json!(true), &json!(false)));
    assert_eq!(value["up"], "index.html");
}

#[test]
fn a_page_tells_ways_and_contexts() {
    let value = Report::example().says(
        "valve_py_",
        &script(
            "const exits = (id) => [...one(id).querySelectorAll('.ex')]
                 .map((e) => [e.className, e.innerText, e.getAttribute('href')]);
             one('#t38 .ctx').click();
             const ran = [...one('#t38 .ran').children].map((c) => c.innerText);
             one('#t38 .ctx').click();
             const closed = one('#t38 .ran');
             const select = one('select.context');
             select.value = [...select.options].find((o) => o.text.startsWith('pico')).value;
             select.dispatchEvent(new Event('change', { bubbles: true }));
             const bright = all('.l:not(.dim)').map((l) => l.id);
             one('#t45').dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
             return { some: exits('#t45'), missing: exits('#t62'), allowed: exits('#t66'), ran,
                      closed, bright, arcs: all('.arcs path').length };",
        ),
    );
    assert_eq!(value["some"], json!([["ex yes", "→ 46", "#t46"], ["ex yes", "→ 39", "#t39"]]));
    assert_eq!(value["missing"], json!([["ex no", "↛ 63", "#t63"], ["ex yes", "→ exit", null]]));
    assert_eq!(value["allowed"], json!([["ex yes", "→ 67", "#t67"], ["ex may", "↛ exit", null]]));
    assert_eq!(value["ran"], json!(["esp32 Größe & \"<test>\"", "pico TestValve.test_open"]));
    assert_eq!(value["closed"], Value::Null);
    let bright: Vec<String> = [2, 3, 5, 8, 11, 12, 16, 17, 19, 20, 21, 22, 25, 33, 34, 38]
        .iter()
        .map(|line| format!("t{line}"))
        .collect();
    assert_eq!(value["bright"], json!(bright));
    assert_eq!(value["arcs"], 2);
}

#[test]
fn views_of_the_single_page_take_turns() {
    let dir = temp_dir();
    let path = dir.path().join("coverage.html");
    let mut bytes = Vec::new();
    html::single(&coverage(), &sources(), &with_contexts(), &mut bytes).expect("a report");
    fs::write(&path, bytes).expect("a file");
    let value = clean(&page(
        &path,
        &script(
            "const shown = () => all('.view').filter((v) => !v.hidden).map((v) => v.dataset.view);
             const go = async (hash) => { location.hash = hash; await settle(); };
             const start = [shown(), names()];
             await go('#classes'); const classes = [shown(), names()];
             await go('#f1-t62'); const file = [shown(), one('#f1-t62').getBoundingClientRect().top];
             press('j'); press(']'); await settle(); const next = shown();
             press('u'); await settle(); const up = shown();
             press('m'); const sorted = names();
             return { start, classes, file, next, up, sorted, height: innerHeight,
                      requests: requests() };",
        ),
    ));
    assert_eq!(value["start"], json!([["index"], [NEVER, VALVE, EMPTY, FAST, ODD]]));
    assert_eq!(value["classes"][0], json!(["index"]));
    assert!(
        value["classes"][1]
            .as_array()
            .is_some_and(|rows| { rows.contains(&json!(format!("{VALVE} Valve"))) })
    );
    assert_eq!(value["file"][0], json!(["f1"]));
    let top = value["file"][1].as_f64().expect("a place");
    assert!(top > 0.0 && top < value["height"].as_f64().expect("a height"), "{value}");
    assert_eq!((&value["next"], &value["up"]), (&json!(["f2"]), &json!(["index"])));
    assert_eq!(value["sorted"][0], VALVE);
    assert_eq!(value["requests"], json!([]));
}

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
