//! Thresholds, the comparison with an earlier report, and changed lines.

mod report_support;

use std::collections::{BTreeMap, BTreeSet};

use mpycov::model::{Coverage, Level, Line};
use mpycov::report::{Format, Gates, compare, diff, gates};
use report_support::{FAST, NEVER, VALVE, coverage, rendered, rendered_of, settings};

/// The measurement has 39 of 51 statements, 11 of 20 branches, so 70.42 % in all;
/// 21 of 40 condition outcomes, 3 of 20 conditions by MC/DC.
fn failures(gates: Gates) -> Vec<String> {
    gates::failures(&coverage(), &gates)
}

#[test]
fn nothing_is_asked_for_by_default() {
    assert!(failures(Gates::default()).is_empty());
}

#[test]
fn a_total_is_compared_as_it_is_shown() {
    let total =
        |least, precision| failures(Gates { total: Some(least), precision, ..Gates::default() });
    assert!(total(70.0, 0).is_empty());
    assert!(total(70.4, 1).is_empty());
    assert_eq!(total(71.0, 0), ["Coverage failure: total of 70 is less than fail-under=71"]);
    assert_eq!(total(70.5, 0), ["Coverage failure: total of 70 is less than fail-under=70.5"]);
    assert_eq!(total(80.0, 2), ["Coverage failure: total of 70.42 is less than fail-under=80.00"]);
    assert_eq!(total(100.0, 0), ["Coverage failure: total of 70 is less than fail-under=100"]);
}

#[test]
fn rounding_up_passes_but_never_to_a_hundred() {
    let mut all = coverage();
    all.files.retain(|f| f.path == FAST);
    all.files[0].statements = (1..=1000).map(|line| (Line(line), line > 4)).collect();
    let total = |least| gates::failures(&all, &Gates { total: Some(least), ..Gates::default() });
    // 99.6 rounds to 100 and is shown as 99.
    assert!(total(99.7).is_empty());
    assert_eq!(total(100.0), ["Coverage failure: total of 99 is less than fail-under=100"]);
}

#[test]
fn each_metric_has_its_gate_and_each_failure_its_line() {
    let gates = Gates {
        line: Some(76.0),
        branch: Some(60.0),
        condition: Some(50.0),
        mcdc: Some(20.0),
        uncovered_lines: Some(12),
        uncovered_branches: Some(8),
        uncovered_conditions: Some(0),
        uncovered_mcdc: Some(16),
        ..Gates::default()
    };
    assert_eq!(
        failures(gates),
        [
            "Coverage failure: branch coverage of 55 is less than fail-under-branch=60",
            "Coverage failure: MC/DC of 15 is less than fail-under-mcdc=20",
            "Coverage failure: 9 uncovered branches are more than fail-uncovered-branches=8",
            "Coverage failure: 19 uncovered condition outcomes are more than \
             fail-uncovered-conditions=0",
            "Coverage failure: 17 conditions not shown by MC/DC are more than \
             fail-uncovered-mcdc=16",
        ]
    );
}

#[test]
fn every_file_can_be_held_to_the_percentages() {
    let gates = Gates { total: Some(78.0), line: Some(50.0), per_file: true, ..Gates::default() };
    assert_eq!(
        failures(gates),
        [
            format!("Coverage failure: {NEVER}: total of 0 is less than fail-under=78"),
            format!(
                "Coverage failure: {NEVER}: line coverage of 0 is less than fail-under-line=50"
            ),
        ]
    );
}

#[test]
fn a_gate_on_what_was_not_measured_is_closed() {
    let mut lines = coverage();
    for file in &mut lines.files {
        file.level = Level::Line;
        file.branches.clear();
        file.decisions.clear();
    }
    let gates = Gates { branch: Some(10.0), uncovered_mcdc: Some(5), ..Gates::default() };
    assert_eq!(
        gates::failures(&lines, &gates),
        [
            "Coverage failure: fail-under-branch is set, but branch coverage was not measured: \
             level line, not branch",
            "Coverage failure: fail-uncovered-mcdc is set, but MC/DC was not measured: \
             level line, not condition",
        ]
    );
}

fn compared(before: &Coverage, now: &Coverage) -> Vec<String> {
    let earlier = rendered_of(before, Format::Json, &settings());
    let earlier = compare::read(earlier.as_bytes()).expect("our own JSON");
    let mut bytes = Vec::new();
    compare::write(&earlier, now, 0, &mut bytes).expect("a vector takes bytes");
    let text = String::from_utf8(bytes).expect("text");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(words).filter(|line| !line.is_empty()).collect()
}

#[test]
fn a_comparison_names_what_has_changed() {
    let same = compared(&coverage(), &coverage());
    assert_eq!(same.last().map(String::as_str), Some("No file has changed in coverage."));
    assert!(same.contains(&"TOTAL 70% 70% =".to_owned()), "{same:?}");
    let mut now = coverage();
    now.files.retain(|f| f.path != FAST);
    for file in now.files.iter_mut().filter(|f| f.path == NEVER) {
        file.statements.insert(Line(1), true);
    }
    let lines = compared(&coverage(), &now);
    assert!(lines.contains(&format!("{NEVER} 0% 11% +11")), "{lines:?}");
    assert!(lines.contains(&format!("{FAST} 100% - gone")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with(VALVE)), "{lines:?}");
    assert!(lines.contains(&"MC/DC 15% 15% =".to_owned()), "{lines:?}");
}

#[test]
fn coverage_pys_own_report_can_be_compared_with() {
    let theirs = br#"{"meta": {"format": 3, "version": "7.11.3"},
        "files": {"a.py": {"summary": {"covered_lines": 1, "num_statements": 2}}},
        "totals": {"covered_lines": 1, "num_statements": 2}}"#;
    let earlier = compare::read(theirs).expect("a report");
    let mut bytes = Vec::new();
    compare::write(&earlier, &coverage(), 0, &mut bytes).expect("a vector takes bytes");
    let text = String::from_utf8(bytes).expect("text");
    assert!(text.starts_with("Compared with an earlier report:"), "{text}");
    let has =
        |words: &[&str]| text.lines().any(|line| line.split_whitespace().eq(words.iter().copied()));
    assert!(has(&["Lines", "50%", "76%", "+26"]), "{text}");
    assert!(has(&["MC/DC", "-", "15%", "new"]), "{text}");
    assert!(compare::read(b"{\"files\": {}}").is_err());
}

#[test]
fn a_changed_line_counts_with_its_whole_statement() {
    let lines = |lines: &[u32]| -> BTreeSet<Line> { lines.iter().map(|l| Line(*l)).collect() };
    let changed = BTreeMap::from([
        // Inside a call of four lines; a comment's place; inside a test of four lines.
        (VALVE.to_owned(), lines(&[14, 36, 41])),
        (FAST.to_owned(), lines(&[7])),
        (NEVER.to_owned(), lines(&[])),
    ]);
    let narrowed = diff::narrow(&coverage(), &changed);
    assert_eq!(narrowed.files.len(), 2);
    let fast = &narrowed.files[1];
    assert!(fast.statements.is_empty());
    assert_eq!(fast.not_measured.len(), 1);
    let valve = &narrowed.files[0];
    let statements: Vec<(u32, bool)> = valve.statements.iter().map(|(l, h)| (l.0, *h)).collect();
    assert_eq!(statements, [(12, true), (39, true)]);
    assert_eq!(valve.branches.len(), 1);
    assert_eq!(valve.decisions.len(), 1);
}

#[test]
fn annotations_speak_of_changed_lines_first_and_of_ten_things_at_most() {
    let mut settings = settings();
    let all = rendered(Format::GithubAnnotations, &settings);
    assert_eq!(all.lines().count(), 10);
    assert!(all.starts_with(&format!("::warning file={NEVER},line=1,endLine=5,")), "{all}");
    let lines = BTreeSet::from([Line(41), Line(63)]);
    settings.changed = Some(BTreeMap::from([(VALVE.to_owned(), lines)]));
    let changed = rendered(Format::GithubAnnotations, &settings);
    let first: Vec<&str> = changed.lines().take(2).collect();
    assert_eq!(
        first,
        [
            format!(
                "::warning file={VALVE},line=63,endLine=63,title=Not covered::Line 63 was never run."
            ),
            format!(
                "::warning file={VALVE},line=41,endLine=41,title=Condition::\
                 Condition `clock.now() < ticks` was never false."
            ),
        ]
    );
}

#[test]
fn annotations_escape_what_would_end_them() {
    let mut all = coverage();
    all.files.retain(|f| f.path == NEVER);
    all.files[0].path = "a,b:c%\nd.py".to_owned();
    let text = rendered_of(&all, Format::GithubAnnotations, &settings());
    assert_eq!(
        text.lines().next(),
        Some(
            "::warning file=a%2Cb%3Ac%25%0Ad.py,line=1,endLine=5,title=Not covered::\
             Lines 1 to 5 were never run."
        )
    );
}
