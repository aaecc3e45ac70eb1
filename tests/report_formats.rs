//! What each format says of one measurement made by hand.

mod report_support;

use mpycov::model::{Coverage, Line};
use mpycov::report::numbers::missing_text;
use mpycov::report::{
    CoberturaOptions, Format, JsonOptions, LcovFlavor, LcovOptions, Settings, SonarMetric, render,
};
use serde_json::{Value, json};

use report_support::{EMPTY, FAST, NEVER, ODD, VALVE, coverage, rendered, rendered_of, settings};

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

/// The measurement with one file only, changed.
fn only(path: &str, change: impl Fn(&mut mpycov::model::FileCoverage)) -> Coverage {
    let mut all = coverage();
    all.files.retain(|file| file.path == path);
    all.files.iter_mut().for_each(change);
    all
}

/// The lines of a report that start with one of some words.
fn lines_with<'a>(report: &'a str, starts: &[&str]) -> Vec<&'a str> {
    let wanted = |line: &&str| starts.iter().any(|start| line.trim_start().starts_with(start));
    report.lines().filter(wanted).map(str::trim_start).collect()
}

#[test]
fn nothing_to_report_is_an_error_in_every_format() {
    for format in Format::ALL {
        let nothing = Coverage::default();
        let mut out = Vec::new();
        let result = render(format, &nothing, &report_support::sources(), &settings(), &mut out);
        let error = result.expect_err(format.name());
        let says = match format {
            Format::Junit => "there are no results of unit tests: no run has used unittest",
            _ => "No data to report.",
        };
        assert_eq!((error.to_string().as_str(), out.len()), (says, 0));
        assert_eq!(Format::from_name(format.name()), Some(format));
    }
    assert_eq!(Format::from_name("pdf"), None);
}

#[test]
fn the_last_row_of_the_table_is_what_gitlab_looks_for() {
    let total = regex::Regex::new(r"(?m)TOTAL.*? (100(?:\.0+)?%|[1-9]?\d(?:\.\d+)?%)$");
    let total = total.expect("GitLab's own expression");
    for (precision, percent) in [(0, "70%"), (2, "70.42%")] {
        let mut settings = settings();
        settings.precision = precision;
        settings.table.show_missing = true;
        let text = rendered(Format::Text, &settings);
        let found = total.captures(&text).and_then(|c| c.get(1)).map(|m| m.as_str().to_owned());
        assert_eq!(found.as_deref(), Some(percent), "{text}");
        assert_eq!(rendered(Format::Total, &settings).trim(), percent.trim_end_matches('%'));
    }
}

#[test]
fn functions_of_one_name_are_kept_apart() {
    let twice = only(VALVE, |file| {
        for (scope, _) in file.scopes.iter_mut().filter(|(s, _)| s.name == "Valve.settle") {
            scope.name = "Valve.may_open".to_owned();
        }
    });
    let report: Value =
        serde_json::from_str(&rendered_of(&twice, Format::Json, &settings())).expect("JSON");
    let functions = &report["files"][VALVE]["functions"];
    assert_eq!(functions["Valve.may_open@19"]["missing_lines"], json!([23]));
    assert_eq!(functions["Valve.may_open"]["missing_lines"], json!([29]));
    let lcov = rendered_of(&twice, Format::Lcov, &settings());
    assert!(lcov.contains("FN:19,Valve.may_open@19\nFNDA:1,Valve.may_open@19\n"), "{lcov}");
}

#[test]
fn lcov_groups_of_one_size_on_a_line_are_one_group() {
    let settings = Settings {
        lcov: LcovOptions { flavor: LcovFlavor::Lcov2, line_checksums: false },
        ..settings()
    };
    let second = |kind: usize| {
        only(ODD, |file| {
            let mut more = coverage().files[1].decisions[kind].clone();
            more.line = Line(2);
            file.decisions.push(more);
        })
    };
    // `sample is None` has a group of its own; `self.opened and …` has two conditions too.
    let apart = rendered_of(&second(1), Format::Lcov, &settings);
    assert_eq!(
        lines_with(&apart, &["MCDC", "MC"]),
        [
            "MCDC:2,2,t,1,0,naïve == \"ü\"",
            "MCDC:2,2,f,1,0,naïve == \"ü\"",
            "MCDC:2,2,t,1,1,len(naïve) > 2",
            "MCDC:2,2,f,1,1,len(naïve) > 2",
            "MCDC:2,1,t,0,0,sample is None",
            "MCDC:2,1,f,0,0,sample is None",
            "MCF:6",
            "MCH:4",
        ]
    );
    let together = rendered_of(&second(2), Format::Lcov, &settings);
    assert_eq!(
        lines_with(&together, &["MCDC:2,4,t"]),
        [
            "MCDC:2,4,t,1,0,naïve == \"ü\"",
            "MCDC:2,4,t,1,1,len(naïve) > 2",
            "MCDC:2,4,t,0,2,self.opened",
            "MCDC:2,4,t,0,3,self.pin.value()",
        ]
    );
}

#[test]
fn lcov_says_of_a_test_that_raised_that_no_way_was_tried() {
    let raised = only(VALVE, |file| {
        for branch in file.branches.iter_mut().filter(|b| b.line == Line(28)) {
            branch.exits.iter_mut().for_each(|exit| exit.taken = false);
        }
    });
    let common = rendered_of(&raised, Format::Lcov, &settings());
    assert_eq!(lines_with(&common, &["BRDA:28"]), ["BRDA:28,0,0,-", "BRDA:28,0,1,-"]);
    let settings = Settings {
        lcov: LcovOptions { flavor: LcovFlavor::Lcov2, line_checksums: false },
        ..settings()
    };
    let own = rendered_of(&raised, Format::Lcov, &settings);
    assert_eq!(
        lines_with(&own, &["BRDA:28"]),
        ["BRDA:28,0,to line 29,0", "BRDA:28,0,to line 30,0", "BRDA:28,e0,raised an exception,1"]
    );
}

#[test]
fn lcov_has_no_record_that_common_readers_refuse() {
    let report = rendered(Format::Lcov, &settings());
    let known = ["TN", "SF", "FN", "FNDA", "FNF", "FNH", "BRDA", "BRF", "BRH", "DA", "LF", "LH"];
    for line in report.lines().filter(|line| *line != "end_of_record") {
        let (name, rest) = line.split_once(':').expect("a record");
        assert!(known.contains(&name), "{line}");
        if name == "BRDA" {
            let fields: Vec<&str> = rest.split(',').collect();
            assert_eq!(fields.len(), 4, "{line}");
            assert!(fields[..3].iter().all(|f| f.parse::<u32>().is_ok()), "{line}");
        }
        if name == "FN" {
            assert_eq!(rest.split(',').count(), 2, "{line}");
        }
    }
    assert!(!report.contains("FN:5,add"), "what is not measured is no function that was missed");
}

#[test]
fn xml_is_rounded_down_and_has_one_form_of_conditions() {
    let three = only(VALVE, |file| {
        let more = file.branches[0].exits[0];
        file.branches[0].exits.push(more);
    });
    let xml = rendered_of(&three, Format::Xml, &settings());
    assert!(xml.contains("condition-coverage=\"66% (2/3)\" missing-branches=\"23\""), "{xml}");
    let settings = Settings {
        cobertura: CoberturaOptions { conditions: true, package_depth: 1 },
        ..settings()
    };
    let xml = rendered(Format::Xml, &settings);
    assert!(!xml.contains("missing-branches"), "{xml}");
    assert_eq!(
        lines_with(&xml, &["<line number=\"20\"", "<package "]),
        [
            "<package name=\"src\" line-rate=\"0.7647\" branch-rate=\"0.55\" complexity=\"0\">",
            "<line number=\"20\" hits=\"1\" branch=\"true\" condition-coverage=\"50% (1/2)\">",
        ]
    );
    let after = xml.split("<line number=\"20\"").nth(1).expect("the line");
    let list = after.split("</line>").next().expect("its end");
    assert_eq!(
        lines_with(list, &["<condition "]),
        [
            "<condition number=\"0\" type=\"jump\" coverage=\"100%\"/>",
            "<condition number=\"1\" type=\"jump\" coverage=\"50%\"/>",
            "<condition number=\"2\" type=\"jump\" coverage=\"50%\"/>",
        ]
    );
}

#[test]
fn a_rate_is_one_or_nothing_only_if_it_is() {
    let nearly = only(FAST, |file| {
        file.statements = (1..=100_000).map(|line| (Line(line), line > 1)).collect();
    });
    let xml = rendered_of(&nearly, Format::Xml, &settings());
    assert!(xml.contains("lines-covered=\"99999\" line-rate=\"0.9999\""), "{xml:.600}");
    let hardly = only(FAST, |file| {
        file.statements = (1..=100_000).map(|line| (Line(line), line == 1)).collect();
    });
    let xml = rendered_of(&hardly, Format::Xml, &settings());
    assert!(xml.contains("lines-covered=\"1\" line-rate=\"0.0001\""), "{xml:.600}");
}

#[test]
fn sonar_counts_what_it_is_told_to_count() {
    let line = |metric| {
        let settings = Settings { sonar: metric, ..settings() };
        let report = rendered(Format::Sonar, &settings);
        let valve = report.split(VALVE).nth(1).expect("the file").to_owned();
        lines_with(&valve, &["<lineToCover lineNumber=\"20\""])[0].to_owned()
    };
    let start = "<lineToCover lineNumber=\"20\" covered=\"true\"";
    assert_eq!(line(SonarMetric::Line), format!("{start}/>"));
    let counts = |metric, covered, all| {
        let expected = format!("{start} branchesToCover=\"{all}\" coveredBranches=\"{covered}\"/>");
        assert_eq!(line(metric), expected);
    };
    counts(SonarMetric::Branch, 1, 2);
    counts(SonarMetric::Condition, 4, 6);
    counts(SonarMetric::Decision, 1, 2);
}

#[test]
fn a_summary_stays_under_the_limit() {
    let (coverage, _) = report_support::many(12_000);
    let text = rendered_of(&coverage, Format::Github, &settings());
    assert!(text.len() < 1024 * 1024, "{}", text.len());
    assert!(text.contains("the rest is left out"));
    assert!(text.ends_with("</details>\n"));
}
