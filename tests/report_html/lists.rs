//! The lists of files, functions and classes: sorting, filtering, keys.

use serde_json::json;

use crate::report_support::{EMPTY, FAST, NEVER, ODD, VALVE};
use crate::{Report, script};

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
