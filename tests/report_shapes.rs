//! How each format looks. What it says is told by `report_formats.rs`.

mod report_support;

use mpycov::model::{Problem, TestCase, TestEnd, TestSuite};
use mpycov::report::{
    CoberturaOptions, Format, LcovFlavor, LcovOptions, Settings, SonarMetric, compare, junit,
};

use report_support::{VALVE, coverage, rendered, rendered_of, settings};

/// A snapshot of a format under default settings.
macro_rules! shape {
    ($test:ident, $format:ident) => {
        #[test]
        fn $test() {
            insta::assert_snapshot!(rendered(Format::$format, &settings()));
        }
    };
}

shape!(text, Text);
shape!(markdown, Markdown);
shape!(total, Total);
shape!(annotated, Annotate);
shape!(lcov, Lcov);
shape!(xml, Xml);
shape!(sonar, Sonar);
shape!(gcovr, Gcovr);
shape!(github, Github);
shape!(github_annotations, GithubAnnotations);
shape!(badge, Badge);

#[test]
fn json() {
    let mut settings = settings();
    settings.json.pretty = true;
    settings.show_contexts = true;
    insta::assert_snapshot!(rendered(Format::Json, &settings));
}

#[test]
fn lcov2() {
    let settings = Settings {
        lcov: LcovOptions { flavor: LcovFlavor::Lcov2, line_checksums: true },
        ..settings()
    };
    insta::assert_snapshot!(rendered(Format::Lcov, &settings));
}

#[test]
fn xml_with_conditions() {
    let settings = Settings {
        cobertura: CoberturaOptions { conditions: true, package_depth: 1 },
        ..settings()
    };
    insta::assert_snapshot!(rendered(Format::Xml, &settings));
}

#[test]
fn sonar_of_conditions() {
    let settings = Settings { sonar: SonarMetric::Condition, ..settings() };
    insta::assert_snapshot!(rendered(Format::Sonar, &settings));
}

#[test]
fn junit_results() {
    let case = |name: &str, end| TestCase {
        class: "test_valve.TestValve".to_owned(),
        name: name.to_owned(),
        millis: None,
        end,
    };
    let problem = |kind: &str, message: &str| Problem {
        kind: kind.to_owned(),
        message: message.to_owned(),
        trace: "Traceback (most recent call last):\n  File \"test_valve.py\", line 3\n".to_owned(),
    };
    let suite = TestSuite {
        name: "test_valve.py".to_owned(),
        target: Some("esp32 <s3> v1.2".to_owned()),
        ended: 0,
        millis: Some(1500),
        cases: vec![
            case("test_open", TestEnd::Passed),
            case("test_shut", TestEnd::Failed(problem("AssertionError", "1 < 2 & \"x\""))),
            case("test_watch", TestEnd::Error(problem("OSError", "[Errno 19] ENODEV"))),
            TestCase {
                millis: Some(250),
                ..case("test_late", TestEnd::Skipped { reason: "no \"clock\"".to_owned() })
            },
        ],
        output: "Ran 4 tests\r\n\u{1b}[31mFAILED\u{4}".to_owned(),
    };
    let plain = TestSuite { name: "test_other.py".to_owned(), ..TestSuite::default() };
    let mut bytes = Vec::new();
    junit::write(&[suite, plain], &mut bytes).expect("a vector takes bytes");
    insta::assert_snapshot!(String::from_utf8(bytes).expect("XML is UTF-8"));
}

#[test]
fn comparison() {
    let mut before = coverage();
    before.files.retain(|f| !f.path.ends_with("never.py"));
    before.files.push(coverage().files[1].clone());
    before.files[3].path = "src/gone.py".to_owned();
    for file in before.files.iter_mut().filter(|f| f.path == VALVE) {
        for hit in file.statements.values_mut().take(3) {
            *hit = false;
        }
    }
    let earlier = rendered_of(&before, Format::Json, &settings());
    let earlier = compare::read(earlier.as_bytes()).expect("our own JSON");
    let mut bytes = Vec::new();
    compare::write(&earlier, &coverage(), 1, &mut bytes).expect("a vector takes bytes");
    insta::assert_snapshot!(String::from_utf8(bytes).expect("text"));
}
