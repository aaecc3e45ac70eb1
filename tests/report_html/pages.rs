//! The page of a file, and the page that has all of them.

use std::fs;

use mpycov::report::html;
use serde_json::{Value, json};

use crate::common::{page, temp_dir};
use crate::report_support::{EMPTY, FAST, NEVER, ODD, VALVE, coverage, sources};
use crate::{Report, clean, script, with_contexts};

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
