//! What each format says of one measurement made by hand.

mod report_support;

use mpycov::model::Line;
use mpycov::report::numbers::missing_text;
use mpycov::report::{Format, JsonOptions, Settings};
use serde_json::{Value, json};

use report_support::{EMPTY, FAST, NEVER, ODD, VALVE, coverage, rendered, settings};

fn json_report(settings: &Settings) -> Value {
    serde_json::from_str(&rendered(Format::Json, settings)).expect("JSON")
}

#[test]
fn json_has_coverage_pys_keys_and_figures() {
    let report = json_report(&settings());
    assert_eq!(
        report["meta"],
        json!({"format": 3, "version": env!("CARGO_PKG_VERSION"),
               "timestamp": "2025-11-15T15:21:44+00:00",
               "branch_coverage": true, "show_contexts": false})
    );
    let valve = &report["files"][VALVE];
    assert_eq!(valve["missing_lines"], json!([23, 29, 35, 44, 48, 51, 63]));
    assert_eq!(valve["excluded_lines"], json!([56, 57, 58]));
    assert_eq!(
        valve["executed_branches"],
        json!([
            [20, 21],
            [27, 28],
            [27, 31],
            [28, 30],
            [39, 43],
            [43, 45],
            [45, 39],
            [45, 46],
            [62, -61],
            [66, 67]
        ])
    );
    assert_eq!(
        valve["missing_branches"],
        json!([[20, 23], [28, 29], [39, 48], [43, 44], [62, 63]])
    );
    assert_eq!(
        valve["summary"],
        json!({"covered_lines": 31, "num_statements": 38,
               "percent_covered": 100.0 * 42.0 / 54.0, "percent_covered_display": "78",
               "missing_lines": 7, "excluded_lines": 3, "num_branches": 16,
               "num_partial_branches": 5, "covered_branches": 11, "missing_branches": 5})
    );
    let never = &report["files"][NEVER];
    assert_eq!(never["missing_branches"], json!([[2, 3], [2, 4], [4, -1], [4, 5]]));
    assert_eq!(never["summary"]["percent_covered_display"], "0");
    let empty = &report["files"][EMPTY];
    assert_eq!(empty["summary"]["percent_covered"], json!(100.0));
    assert_eq!(empty["functions"][""]["summary"]["num_statements"], 0);
    assert_eq!(report["totals"]["num_statements"], 51);
    assert_eq!(report["totals"]["covered_lines"], 39);
    assert_eq!(report["totals"]["num_branches"], 20);
    assert_eq!(report["totals"]["covered_branches"], 11);
}

#[test]
fn json_cuts_files_into_functions_and_classes() {
    let report = json_report(&settings());
    let valve = &report["files"][VALVE];
    let names = |key: &str| -> Vec<String> {
        let regions = valve[key].as_object().expect("an object");
        regions.keys().cloned().collect()
    };
    assert_eq!(
        names("functions"),
        [
            "",
            "Valve.__init__",
            "Valve.may_open",
            "Valve.settle",
            "Valve.state",
            "alarm",
            "log",
            "watch",
            "watch.inner"
        ]
    );
    assert_eq!(names("classes"), ["", "Valve"]);
    let lines = |region: &Value| region["executed_lines"].clone();
    let functions = &valve["functions"];
    assert_eq!(lines(&functions["watch"]), json!([39, 43, 45, 46, 50, 53]));
    assert_eq!(functions["watch"]["missing_lines"], json!([44, 48]));
    assert_eq!(functions["watch.inner"]["missing_lines"], json!([51]));
    assert_eq!(lines(&functions[""]), json!([2, 3, 5, 8, 11, 19, 25, 33, 34, 38, 61, 66, 67]));
    assert_eq!(functions["alarm"]["executed_branches"], json!([[62, -61]]));
    let class = &valve["classes"]["Valve"];
    assert_eq!(lines(class), json!([12, 16, 17, 20, 21, 22, 26, 27, 28, 30, 31]));
    assert_eq!(class["missing_lines"], json!([23, 29, 35]));
    assert_eq!(class["summary"]["num_branches"], 6);
}

#[test]
fn json_tells_contexts_when_asked() {
    let mut settings = settings();
    settings.show_contexts = true;
    settings.json = JsonOptions { pretty: true };
    assert!(
        rendered(Format::Json, &settings).starts_with("{\n    \"meta\": {\n        \"format\": 3")
    );
    let report = json_report(&settings);
    let contexts = &report["files"][VALVE]["contexts"];
    assert_eq!(contexts["20"], json!(["pico|TestValve.test_open"]));
    assert_eq!(contexts["38"], json!(["esp32|Größe & \"<test>\"", "pico|TestValve.test_open"]));
    assert_eq!(contexts["23"], Value::Null);
    let settle = &report["files"][VALVE]["functions"]["Valve.settle"]["contexts"];
    assert_eq!(settle.as_object().map(serde_json::Map::len), Some(5));
}

#[test]
fn json_tells_what_was_seen_of_decisions() {
    let own = &json_report(&settings())["mpycov"];
    assert_eq!((&own["format"], &own["level"]), (&json!(1), &json!("condition")));
    let valve = &own["files"][VALVE];
    assert_eq!(
        valve["decisions"][0],
        json!({"line": 20, "column": 11, "end_line": 20, "kind": "if",
               "text": "hot and pressure < self.limit or override",
               "conditions": [
                   {"text": "hot", "line": 20, "column": 11,
                    "true": true, "false": true, "mcdc": false},
                   {"text": "pressure < self.limit", "line": 20, "column": 19,
                    "true": true, "false": false, "mcdc": false},
                   {"text": "override", "line": 20, "column": 44,
                    "true": true, "false": false, "mcdc": false}],
               "paths": {"hit": 2, "total": 5},
               "vectors": [
                   {"values": "TT-", "outcome": true, "hit": true},
                   {"values": "TFT", "outcome": true, "hit": false},
                   {"values": "TFF", "outcome": false, "hit": false},
                   {"values": "F-T", "outcome": true, "hit": true},
                   {"values": "F-F", "outcome": false, "hit": false}],
               "mcdc": {"covered": 0, "total": 3},
               "pairs": [null, null, null],
               "wanted": [[4, 0], [2, 0], [2, 3]]})
    );
    assert_eq!(own["files"][ODD]["decisions"][0]["pairs"], json!([[0, 2], [0, 1]]));
    assert_eq!(
        own["files"][FAST],
        json!({"level": "condition", "measured": true,
               "not_measured": [{"line": 5, "end_line": 9,
                                 "reason": "asm_thumb: written in assembler"}],
               "decisions": [{"line": 13, "column": 11, "end_line": 13, "kind": "bool_op",
                   "text": "x and add(x, 1)", "not_measured": "too deep to be rewritten",
                   "conditions": [{"text": "x", "line": 13, "column": 11,
                                   "true": false, "false": true, "mcdc": false}],
                   "paths": {"hit": 1, "total": 2},
                   "vectors": [{"values": "T", "outcome": null, "hit": false},
                               {"values": "F", "outcome": false, "hit": true}],
                   "mcdc": {"covered": 0, "total": 0},
                   "pairs": [null], "wanted": [null]}],
               "totals": {"conditions": {"covered": 0, "total": 0},
                          "mcdc": {"covered": 0, "total": 0},
                          "paths": {"covered": 0, "total": 0}}})
    );
    assert_eq!(own["files"][NEVER]["measured"], false);
    assert_eq!(
        own["totals"],
        json!({"conditions": {"covered": 21, "total": 40},
               "mcdc": {"covered": 3, "total": 20}, "paths": {"covered": 13, "total": 33}})
    );
}

#[test]
fn missing_lines_and_ways_read_as_coverage_pys() {
    let coverage = coverage();
    let missing = |path: &str| {
        let file = coverage.files.iter().find(|f| f.path == path);
        missing_text(file.expect("a file of the measurement"))
    };
    assert_eq!(missing(VALVE), "23, 29, 35, 44, 48, 51, 63");
    assert_eq!(missing(NEVER), "1-5");
    let mut part = coverage.files.iter().find(|f| f.path == VALVE).expect("it").clone();
    for line in [44, 48, 63] {
        part.statements.insert(Line(line), true);
    }
    assert_eq!(missing_text(&part), "23, 29, 35, 39->48, 43->44, 51, 62->63");
}
